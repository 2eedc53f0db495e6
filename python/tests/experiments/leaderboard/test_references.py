"""Tuned references: the search for them, and their file."""

import functools
import json
import math
from dataclasses import replace
from statistics import fmean

import pytest
from tiny_workload import TINY

import lrswift as lr
from lrswift.experiments.leaderboard import references
from lrswift.experiments.leaderboard.result import RunResult
from lrswift.experiments.leaderboard.run import Run, trained
from lrswift.experiments.leaderboard.workload import prepared


class OnPaper(references.Tuning):
    """Losses by a formula, in place of training: (k - best)^2 about the best half-decade of each pair."""

    def __init__(self, best, dear=False, seeds=None):
        super().__init__(prepared(replace(TINY, dear=dear)))
        self.best, self.seeds, self.asked = best, seeds or {}, []

    def _run(self, pair, k, seed, impatient=False):
        self.asked.append((pair, k, seed))
        at, height = self.best[pair]
        loss = height + 0.01 * (k - at) ** 2 + self.seeds.get((pair, seed), 0.0)
        return RunResult(
            "tiny", " ".join(pair), seed, 40, 8, "ok", 3.0, loss, ((0, 3.0, 0.0), (40, loss, 0.1))
        )


PAIRS = [(d, s) for d in ("adam", "momentum") for s in ("constant", "cosine", "warm cosine")]


def test_the_best_of_the_grid_goes_on_and_the_least_mean_wins():
    best = {pair: (-4, 1.0 + 0.1 * i) for i, pair in enumerate(PAIRS)}
    # lucky on seed 0 only
    tuning = OnPaper(best, seeds={(PAIRS[0], seed): 0.5 for seed in (1, 2, 3)})
    reference, tried = tuning.reference()
    assert sum(seed == 0 for _, _, seed in tuning.asked) == 6 * 9
    assert {pair for pair, _, seed in tuning.asked if seed} == set(PAIRS[:3])
    assert reference.setting == "adam cosine 0.01"
    assert (reference.start, reference.final, reference.spread) == (3.0, pytest.approx(1.1), 0.0)
    assert [len(rates) for rates in tried["rates"].values()] == [9] * 6
    assert tried["finalists"]["adam constant 0.01"] == pytest.approx([1.5] * 3)


def test_the_grid_grows_where_the_best_rate_is_at_its_end():
    best = {pair: (3 if pair[0] == "momentum" else -11, 1.0 + (pair[0] == "adam")) for pair in PAIRS}
    reference, tried = OnPaper(best).reference()
    assert reference.setting == "momentum constant 31.6"
    asked = [float(rate) for rate in tried["rates"]["adam cosine"]]
    # one beyond the best, to know that it is
    assert min(asked) == pytest.approx(10**-6, rel=0.01) and max(asked) == 1.0


def test_dear_workloads_are_tried_on_fewer_rates():
    best = {pair: (-1 if pair[0] == "momentum" else -4, 1.0) for pair in PAIRS}
    tuning = OnPaper(best, dear=True)
    tuning.reference()
    tried = [k for pair, k, seed in tuning.asked if pair == ("adam", "constant") and seed == 0]
    assert tried == [-6, -5, -4, -3, -2]
    assert sum(seed > 0 for _, _, seed in tuning.asked) == 2 * 3
    assert sum(seed == 0 for _, _, seed in tuning.asked) < 6 * 7


def test_runs_that_diverge_are_worse_than_all_others():
    class Diverging(OnPaper):
        def _run(self, pair, k, seed, impatient=False):
            made = super()._run(pair, k, seed)
            return replace(made, status="diverged", final=None) if k > -5 else made

    reference, tried = Diverging({pair: (-4, 1.0) for pair in PAIRS}).reference()
    assert reference.setting == "adam constant 0.00316"
    assert tried["rates"]["adam constant"]["0.01"] == math.inf


def test_a_file_is_written_gone_on_with_and_read(tmp_path, monkeypatch):
    path = tmp_path / "references.json"
    found = references.make([TINY], path, progress=False)["tiny"]
    # a line fitted by half-decades of rates: no worse than any one rate by hand
    by_hand = []
    for seed in references.SEEDS:
        optimizer = functools.partial(lr.optim.SGD, lr=0.03, momentum=0.9)

        def train(run: Run, optimizer=optimizer) -> None:
            run.go(optimizer(run.model.parameters()))

        by_hand.append(trained(prepared(TINY), "m", train, seed).final)
    assert found.final <= fmean(by_hand) * 1.05
    assert 1 <= found.to_target < 40 and len(found.curves) == 3
    entries = json.loads(path.read_text())
    assert set(entries["tiny"]) == {
        "steps", "batch", "setting", "start", "final", "spread", "curves", "rates", "finalists",
    }  # fmt: skip
    monkeypatch.setattr(references, "made", lambda *_: pytest.fail("made again"))
    assert references.make([TINY], path, progress=False)["tiny"].setting == found.setting
    assert references.kept(path)["tiny"].final == pytest.approx(found.final, rel=1e-5)
    # another budget is another reference
    with pytest.raises(pytest.fail.Exception, match="made again"):
        references.make([replace(TINY, steps=41)], path, progress=False)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"tiny": 3}', '{"tiny": {"steps": 1}}', '{"tiny": {"curves": [[1]]}}']
)
def test_a_file_that_is_none_is_told(tmp_path, text):
    path = tmp_path / "references.json"
    path.write_text(text)
    with pytest.raises(lr.FormatError, match=r"references\.json"):
        references.kept(path)
