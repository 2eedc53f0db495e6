"""All runs: resumed, spread over processes, none begun where data are missing."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest
from tiny_workload import TINY

import lrswift as lr
from lrswift.experiments.leaderboard.method import Method, optimizer
from lrswift.experiments.leaderboard.named import workload
from lrswift.experiments.leaderboard.result import append, read
from lrswift.experiments.leaderboard.runs import run_all

SGD = optimizer("sgd", lambda params, steps: lr.optim.SGD(params, lr=0.1))


def test_what_is_in_the_file_is_not_run_again(tmp_path):
    path = tmp_path / "runs.jsonl"
    seen = []

    def train(run):
        seen.append(run.seed)
        if run.seed == 3 and len(seen) == 3:
            raise KeyboardInterrupt
        run.go(lr.optim.SGD(run.model.parameters(), lr=0.1))

    mine = Method("mine", train)
    with pytest.raises(KeyboardInterrupt):
        run_all([TINY], [mine], [1, 2, 3], path)
    assert [result.seed for result in read(path)] == [1, 2]
    found = run_all([TINY], [mine], [1, 2, 3], path)
    assert seen == [1, 2, 3, 3]
    assert [result.key for result in found] == [("tiny", "mine", seed) for seed in (1, 2, 3)]
    fresh = run_all([TINY], [mine], [1, 2, 3])
    assert [result.final for result in fresh] == [result.final for result in found]
    # an entry is all that it takes, and others are left where they are
    assert [r.seed for r in run_all([TINY], [mine], [2], path)] == [2]
    assert len(seen) == 7


def test_processes_find_the_same():
    cancer = workload("cancer")
    methods, seeds = ["adam_1e-3", "l4mom"], [1, 2]
    here = run_all([cancer], methods, seeds)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        there = run_all([cancer], methods, seeds, executor=pool)
    assert [r.key for r in there] == [r.key for r in here]
    assert [r.final for r in there] == [r.final for r in here]
    assert [[p[:2] for p in r.curve] for r in there] == [[p[:2] for p in r.curve] for r in here]


def test_results_of_another_budget_are_refused(tmp_path):
    path = tmp_path / "runs.jsonl"
    (result,) = run_all([TINY], [SGD], [1], path)
    append(path, replace(result, seed=9, steps=50))
    with pytest.raises(lr.ArgumentError, match="runs of tiny of 50 steps of 8 rows, now 40 of 8"):
        run_all([TINY], [SGD], [1], path)


def test_data_are_looked_for_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.delenv("LRSWIFT_DATA", raising=False)
    seen = []
    with pytest.raises(lr.MissingFiles, match="multi30k: missing train"):
        run_all([TINY, workload("bag_of_words")], [Method("m", seen.append)], [1], root=str(tmp_path))
    assert seen == []
