"""Results as lines of a file: whole or not at all, by many writers."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import lrswift as lr
from lrswift.experiments.leaderboard.result import RunResult, append, read

RUN = RunResult(
    "digits_mlp", "adam", 1, 40, 8, "ok", 2.25, 0.125, ((0, 2.25, 0.0), (40, 0.125, 0.5)), 3, 0.5, 0.75,
    "by itself", {"found": 0.01},
)  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "runs.jsonl"
    assert read(path) == []
    lost = replace(RUN, seed=2, status="diverged", final=None, curve=((0, 2.25, 0.0), (40, math.nan, 0.1)))
    append(path, RUN)
    append(path, lost)
    # JSON has no nan
    assert read(path) == [RUN, replace(lost, curve=((0, 2.25, 0.0), (40, None, 0.1)))]
    append(path, replace(RUN, final=0.5))
    assert [result.final for result in read(path)] == [0.5, None]


def test_a_line_that_a_process_died_in_is_left_out_and_written_over(tmp_path):
    path = tmp_path / "runs.jsonl"
    append(path, RUN)
    whole = path.read_bytes()
    for torn in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole + whole[:torn])
        assert read(path) == [RUN]
        append(path, replace(RUN, seed=7))
        assert [result.seed for result in read(path)] == [1, 7]
    path.write_bytes(whole[:5])
    append(path, RUN)
    assert path.read_bytes() == whole


def test_many_write_at_once(tmp_path):
    path = tmp_path / "runs.jsonl"
    long = replace(RUN, note="x" * 100_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: append(path, replace(long, seed=seed)), range(40)))
    assert sorted(result.seed for result in read(path)) == list(range(40))


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "3", "null", '{"workload": "a"}', RUN.line().strip().replace('"seed"', '"sede"'),
     RUN.line().strip().replace("[0, 2.25, 0.0]", "[0, 2.25]"),
     RUN.line().strip().replace('"start": 2.25', '"start": "high"')],
)  # fmt: skip
def test_what_is_no_run_is_told_with_its_line(tmp_path, line):
    path = tmp_path / "runs.jsonl"
    append(path, RUN)
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(lr.FormatError, match=r"runs\.jsonl: line 2: has"):
        read(path)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(lr.FormatError, match="no text"):
        read(path)
