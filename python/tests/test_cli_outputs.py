"""What commands leave behind: nothing of another run replaced, what is written said, Ctrl-C answered."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lrswift as lr
from lrswift import cli
from lrswift.cli import main
from lrswift.experiments import runs
from lrswift.search import find

SHORT: dict[str, list[str]] = {
    "train": ["--epochs", "1"],
    "find-lr": [],
    "learn-schedule": ["--steps", "4", "--rates", "2", "--outer-steps", "2", "--seeds", "1"],
    "compare": ["--methods", "sgd,adam", "--seeds", "1", "--epochs", "1"],
}
OTHER = {
    "train": ["--epochs", "2"],
    "find-lr": ["--start", "0.5"],
    "learn-schedule": [*SHORT["learn-schedule"][:-1], "2"],
    "compare": [*SHORT["compare"][:-1], "2"],
}
FILES = {
    "train": {"history.csv", "model.safetensors", "checkpoint.safetensors"},
    "find-lr": {"found.json", "found.png"},
    "learn-schedule": {"checkpoint.safetensors", "schedule.safetensors", "schedule.png"},
    "compare": {"results.csv", "results.json", "report.html"},
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("command", SHORT)
def test_nothing_that_another_run_wrote_is_replaced(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same line may run again; another is refused, before it works, unless it says --force."""
    out = ["--out", str(tmp_path / "out")]
    assert main([command, *SHORT[command], *out]) == 0
    told = capsys.readouterr().err
    assert set(contents(tmp_path / "out")) == FILES[command]
    # every file is named, and nothing else is
    (named,) = re.findall(rf"^wrote (.*) into {re.escape(str(tmp_path / 'out'))}$", told, re.MULTILINE)
    assert set(named.split(", ")) == FILES[command]
    assert main([command, *SHORT[command], "--threads", "1", "--json", *out]) == 0
    capsys.readouterr()
    before = contents(tmp_path / "out")
    assert main([command, *OTHER[command], *out]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and contents(tmp_path / "out") == before
    assert shown.err.startswith(f"lrswift: --out: {tmp_path / 'out'}/") and shown.err.count("\n") == 1
    assert f"of `lrswift {command} " in shown.err and "--force to replace it" in shown.err
    assert main([command, *OTHER[command], *out, "--force"]) == 0
    assert contents(tmp_path / "out") != before


def test_a_file_that_nobody_knows_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.csv").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine, too")
    assert main(["compare", *SHORT["compare"], "--out", str(tmp_path)]) == 2
    assert "results.csv is there already, what no command line is known of" in capsys.readouterr().err
    (tmp_path / "results.csv").unlink()
    assert main(["compare", *SHORT["compare"], "--out", str(tmp_path)]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine, too"


def test_a_default_folder_gives_way_to_one_with_a_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given, folder in ((SHORT, "report"), (OTHER, "report-2"), (SHORT, "report"), (OTHER, "report-2")):
        assert main(["compare", *given["compare"]]) == 0
        assert f"report.html into {folder}\n" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report", "report-2"]


# ---- Ctrl-C ------------------------------------------------------------------------------------------------
def interrupt_at(count: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, of which the call number `count` is Ctrl-C."""
    calls = 0

    def stopped(*given: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            raise KeyboardInterrupt
        return function(*given, **options)

    return stopped


def advised(told: str) -> list[str]:
    """The arguments of the command line by which it goes on."""
    (line,) = re.findall(r"`lrswift (.*?)` goes on", told)
    return shlex.split(line)


@pytest.mark.parametrize("initial", [[], ["--initial", "1e-3,1e-2"]], ids=["compare", "sensitivity"])
def test_ctrl_c_in_compare_writes_what_is_done_and_it_goes_on(
    initial: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went on is what would have been without a stop."""
    given = ["compare", "--methods", "sgd,l4adam,adam", "--seeds", "1", "--epochs", "2", *initial]
    assert main([*given, "--out", str(tmp_path / "whole")]) == 0
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "train_once", interrupt_at(3, runs.train_once))
        assert main([*given, "--out", str(tmp_path / "out")]) == 130
    shown = capsys.readouterr()
    assert "SGD" in shown.out and "these are the 2 runs that are done" in shown.err
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())["runs"]) == 2
    assert "<html" in (tmp_path / "out" / "report.html").read_text()
    trained = []
    monkeypatch.setattr(
        runs, "train_once", lambda *a, _once=runs.train_once: trained.append(a[0]) or _once(*a)
    )
    assert main(advised(shown.err)) == 0
    rest = {"compare": ["adam"], "sensitivity": ["l4adam", "adam", "adam"]}
    assert trained == rest["sensitivity" if initial else "compare"]
    first, second = (
        json.loads((tmp_path / name / "results.json").read_text())["runs"] for name in ("whole", "out")
    )
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert {k: a[k] for k in ("method", "seed", "initial", "losses", "rates")} == {
            k: b[k] for k in ("method", "seed", "initial", "losses", "rates")
        }
    assert (tmp_path / "out" / "report.html").read_text().count("<svg") == (
        (tmp_path / "whole" / "report.html").read_text().count("<svg")
    )


def test_a_comparison_of_other_settings_does_not_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *SHORT["compare"], "--out", str(tmp_path)]) == 0
    before = contents(tmp_path)
    assert main(["compare", *OTHER["compare"], "--resume", "--out", str(tmp_path)]) == 1
    assert "was made with epochs=1, got 2; allowed: the same settings" in capsys.readouterr().err
    assert contents(tmp_path) == before
    (tmp_path / "results.json").write_text("{}")
    assert main(["compare", *SHORT["compare"], "--resume", "--out", str(tmp_path)]) == 1
    assert "no results of compare; allowed" in capsys.readouterr().err


def test_ctrl_c_in_learn_schedule_writes_what_is_done_and_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["learn-schedule", *SHORT["learn-schedule"][:-4], "--outer-steps", "3", "--seeds", "1"]
    assert main([*given, "--out", str(tmp_path / "whole")]) == 0
    capsys.readouterr()
    from lrswift.learning.outer_loop import Learning

    with monkeypatch.context() as patch:
        patch.setattr(Learning, "learn", interrupt_at(3, Learning.learn))
        assert main([*given, "--out", str(tmp_path / "out")]) == 130
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3 and "interrupted after 2 outer steps" in shown.err
    done = lr.LearnedSchedule.load(tmp_path / "out" / "schedule.safetensors")
    assert len(done.values) == 2
    assert main(advised(shown.err)) == 0
    one, two = (
        lr.LearnedSchedule.load(tmp_path / name / "schedule.safetensors") for name in ("whole", "out")
    )
    assert (one.values == two.values).all() and one.best == two.best


def test_ctrl_c_in_train_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resumed run ends at the bits of the whole one."""
    given = ["train", "--method", "adam", "--epochs", "4"]
    assert main([*given, "--out", str(tmp_path / "whole")]) == 0
    capsys.readouterr()

    def interrupted(*args: Any, **options: Any) -> Any:
        def stop(history: lr.History) -> None:
            if len(history.rows) == 2:
                raise KeyboardInterrupt

        return lr.fit(*args, callbacks=[stop], **options)

    with monkeypatch.context() as patch:
        patch.setattr(cli, "fit", interrupted)
        assert main([*given, "--out", str(tmp_path / "out")]) == 130
    shown = capsys.readouterr()
    assert "2 epochs that are done" in shown.err
    assert main(advised(shown.err)) == 0
    one, two = (lr.load(tmp_path / name / "model.safetensors") for name in ("whole", "out"))
    assert one.keys() == two.keys() and all((one[k] == two[k]).all() for k in one)
    assert len((tmp_path / "out" / "history.csv").read_text().splitlines()) == 5


def test_ctrl_c_in_find_lr_says_what_it_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which rates were tried, though there is no answer."""
    monkeypatch.setattr(find._RateSearch, "_add", interrupt_at(3, find._RateSearch._add))
    assert main(["find-lr", "--out", str(tmp_path)]) == 130
    shown = capsys.readouterr()
    assert shown.out == "" and "before a rate was found; the model is as it was" in shown.err
    facts = json.loads((tmp_path / "found.json").read_text())
    assert facts["lr"] is None and facts["done"] is False and len(facts["values"]) > 0
    assert f"interrupted after {len(facts['values'])} batches" in shown.err
    # what is no answer is no reason to refuse the next try
    monkeypatch.undo()
    assert main(["find-lr", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "found.json").read_text())["lr"] > 0


def test_resume_without_a_folder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--epochs", "1", "--resume"]) == 2
    assert "--resume: --out: not given" in capsys.readouterr().err


# ---- what is said -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", SHORT)
def test_no_bars_where_nobody_looks_and_none_with_quiet(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for terminal, quiet, bars in ((False, [], False), (True, ["--quiet"], False), (True, [], True)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        assert main([command, *SHORT[command], *quiet, "--out", str(tmp_path)]) == 0
        told = capsys.readouterr().err
        assert ("\r" in told) is bars, told
        assert "wrote " in told


@pytest.mark.parametrize("command", SHORT)
def test_a_record_is_all_that_is_on_stdout(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *SHORT[command], "--json", "--out", str(tmp_path)]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


HELP = "info train find-lr learn-schedule compare compare-hpo leaderboard reproduce data".split()
LISTS = [
    *([command, "--help"] for command in HELP),
    ["--help"], ["info"], ["info", "--methods"], ["reproduce", "--list"], ["data", "list"],
]  # fmt: skip


@pytest.mark.parametrize("line", LISTS, ids=" ".join)
def test_lists_and_help_fit_into_80_columns(
    line: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    try:
        assert main(line) == 0
    except SystemExit as stop:
        assert stop.code == 0
    shown = capsys.readouterr().out
    assert shown and not [text for text in shown.splitlines() if len(text) > 80 and " " in text.strip()]


@pytest.mark.parametrize("command", SHORT)
def test_results_fit_into_80_columns(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wide = {
        "learn-schedule": ["--rates", "12", "--steps", "24"],
        "compare": ["--methods", "alrs-periodic,l4+adam:alpha=0.2"],
    }
    given = [command, *SHORT[command], *wide.get(command, [])]
    assert main([*given, "--out", "out"]) == 0
    shown = capsys.readouterr()
    lines = [*shown.out.splitlines(), *shown.err.splitlines()]
    assert lines and max(map(len, lines)) <= 80, max(lines, key=len)
