"""The command line, run in this process; `python -m lrswift` once in its own."""

import json
import subprocess
import sys

import pytest

import lrswift as lr
from lrswift import _core, cli
from lrswift.cli import main


def test_help(capsys):
    for command in (
        [],
        ["info"],
        ["train"],
        ["find-lr"],
        ["learn-schedule"],
        ["compare"],
        ["leaderboard"],
        ["reproduce"],
    ):
        with pytest.raises(SystemExit) as caught:
            main([*command, "--help"])
        assert caught.value.code == 0
        shown = capsys.readouterr().out
        assert shown.startswith("usage: lrswift")
        if command:
            assert "--seed" in shown
            assert "--out" in shown


def test_info(capsys, tmp_path):
    assert main(["info", "--out", str(tmp_path)]) == 0
    assert "threads" in capsys.readouterr().out
    assert "version" in json.loads((tmp_path / "info.json").read_text())


def test_train(capsys, tmp_path):
    arguments = ["train", "--method", "l4mom", "--epochs", "2", "--quiet", "--out", str(tmp_path)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 3
    assert (tmp_path / "history.csv").read_text().count("\n") == 3
    assert (tmp_path / "model.safetensors").stat().st_size > 1000
    main(arguments)
    # the same seed, the same losses; only the seconds differ
    assert [line.split()[1:4] for line in capsys.readouterr().out.splitlines()] == [
        line.split()[1:4] for line in shown.splitlines()
    ]


def test_find_lr(capsys, tmp_path):
    assert main(["find-lr", "--optimizer", "momentum", "--seed", "1", "--quiet", "--out", str(tmp_path)]) == 0
    assert "model untouched" in capsys.readouterr().out
    facts = json.loads((tmp_path / "found.json").read_text())
    assert facts["receipt"]["untouched"] is True
    assert facts["lr"] > 0


def test_learn_schedule(capsys, tmp_path):
    given = ["learn-schedule", "--steps", "4", "--rates", "2", "--quiet", "--out", str(tmp_path)]
    assert main([*given, "--outer-steps", "2"]) == 0
    first = capsys.readouterr().out.splitlines()
    assert first[0].split() == ["outer", "loss", "rate", "0", "rate", "1", "momentum", "decay"]
    assert len(first) == 3 and first[1].split()[2:6] == ["0.0000"] * 4
    assert main([*given, "--outer-steps", "3", "--resume"]) == 0
    again = capsys.readouterr().out.splitlines()
    assert len(again) == 4 and [line.split()[1] for line in again[:3]] == [line.split()[1] for line in first]
    assert len(lr.LearnedSchedule.load(tmp_path / "schedule.safetensors").values) == 3
    assert (tmp_path / "schedule.png").stat().st_size > 10_000


def test_learn_schedule_from_starting_points(capsys, tmp_path):
    pytest.importorskip("optuna")
    given = ["learn-schedule", "--steps", "4", "--rates", "2", "--seeds", "1", "--quiet", "--trials", "2"]
    assert main([*given, "--outer-steps", "1", "--out", str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert len(lr.LearnedSchedule.load(tmp_path / "schedule.safetensors").trials) == 3


def test_compare(capsys, tmp_path):
    arguments = ["compare", "--methods", "adam,l4adam", "--seeds", "2", "--epochs", "2", "--quiet"]
    assert main([*arguments, "--out", str(tmp_path / "r")]) == 0
    shown = capsys.readouterr().out
    assert "L4 with Adam" in shown
    assert {p.name for p in (tmp_path / "r").iterdir()} == {"results.csv", "results.json", "report.html"}
    assert "lrswift compare --methods adam,l4adam" in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.parametrize("method", ["l4+momentum:alpha=0.1", "prodigy", "rmsprop:lr=1e-3"])
def test_train_with_a_composed_method(capsys, method):
    assert main(["train", "--method", method, "--epochs", "1", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_help_lists_every_rate_and_direction(capsys):
    for command in ("train", "compare"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        shown = capsys.readouterr().out.split()
        for kind in ("rates", "directions"):
            names = [card["name"] for card in json.loads(_core.catalogue(kind))]
            assert all(n in shown or f"{n}," in shown for n in names if n != "constant")


def test_unknown_methods_are_told_what_there_is(capsys):
    for command in (
        ["train", "--method", "l5"],
        ["train", "--method", "l4+adm"],
        ["find-lr", "--optimizer", "l4"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(command)
        assert caught.value.code == 2
        told = capsys.readouterr().err
        assert command[2] in told and "rmsprop" in told
    assert main(["compare", "--methods", "adam,l5+adam"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("lrswift: methods: got l5+adam; allowed: auto, sgd, momentum, ")
    assert "yellowfin" in told


def test_find_lr_for_any_direction(capsys):
    given = ["find-lr", "--optimizer", "rmsprop:alpha=0.9", "--quiet"]
    assert main(given) == 0
    assert "model untouched" in capsys.readouterr().out


def test_mistakes_are_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("LRSWIFT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--methods", "foo"]) == 1
    assert capsys.readouterr().err.startswith("lrswift: methods: got foo; allowed:")
    assert main(["train", "--data", "mnist", "--root", str(tmp_path)]) == 1
    assert "missing train-images" in capsys.readouterr().err
    for wrong in (["train", "--epochs", "0"], ["train", "--method", "foo"], []):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert caught.value.code == 2


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "lrswift", "info"], capture_output=True, text=True, check=True
    )
    assert "version" in done.stdout


def test_info_describes_every_method(capsys):
    main(["info", "--methods"])
    printed = capsys.readouterr().out
    for kind in ("rates", "schedules", "directions"):
        for card in json.loads(_core.catalogue(kind)):
            assert f"{card['name']}: {card['title']}" in printed
            names = [argument["name"].replace("epsilon", "eps") for argument in card["arguments"]]
            assert all(f"\n    {name}: " in printed for name in names)
    assert "default inf" in printed
    with pytest.raises(SystemExit):
        main(["compare", "--initial", "1e-4,abc"])
    assert "argument --initial: got 1e-4,abc; allowed: positive numbers" in capsys.readouterr().err


COMMANDS = [
    ["info"], ["train", "--epochs", "1"], ["find-lr"], ["learn-schedule", "--steps", "4"],
    ["compare", "--methods", "sgd", "--seeds", "1", "--epochs", "1"], ["compare-hpo", "--steps", "4"],
    ["reproduce", "fds-figure2", "--quick"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(capsys, tmp_path, command):
    (tmp_path / "file").write_bytes(b"mine")
    for out, told in (("file", "a file stands in the folder's place"), ("/proc/x", "choose another folder")):
        assert main([*command, "--quiet", "--out", str(tmp_path / out)]) == 2
        shown = capsys.readouterr()
        assert shown.out == "" and "--out: " in shown.err and told in shown.err
        assert shown.err.count("\n") == 1
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_what_stands_in_the_place_of_a_result_is_refused_before_the_work(capsys, tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    assert main(["train", "--epochs", "1", "--quiet", "--out", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "model.safetensors is a folder" in shown.err


def test_a_mistake_leaves_no_empty_folder(tmp_path):
    assert main(["compare", "--methods", "foo", "--out", str(tmp_path / "new")]) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("given", "said"), [("x", "got x; allowed: a whole number"), ("0", "got 0; allowed:")]
)
def test_a_wrong_count_is_told_in_words(given, said, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--epochs", given])
    assert caught.value.code == 2 and f"--epochs: {said}" in capsys.readouterr().err


def test_version_and_records(capsys, tmp_path):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"lrswift {lr.__version__}\n"
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == lr.__version__
    assert main(["find-lr", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["lr"] > 0 and record["receipt"]["untouched"]
    few = ["--methods", "sgd", "--seeds", "1", "--epochs", "1"]
    assert main(["compare", *few, "--json", "--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["summary"][0]["method"] == "sgd"
    assert json.loads((tmp_path / "results.json").read_text())["settings"]["model"] == "mlp"


def test_bars_are_for_terminals(capsys):
    assert main(["train", "--epochs", "1"]) == 0
    assert capsys.readouterr().err == ""


def test_ctrl_c_in_train_keeps_what_is_done(tmp_path, capsys, monkeypatch):
    def interrupted(*given, **options):
        def stop(history):
            if len(history.rows) == 2:
                raise KeyboardInterrupt

        return lr.fit(*given, callbacks=[stop], **options)

    monkeypatch.setattr(cli, "fit", interrupted)
    assert main(["train", "--epochs", "5", "--out", str(tmp_path)]) == 130
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert "2 epochs that are done" in shown.err
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3
    assert lr.load(tmp_path / "model.safetensors")


def test_data_are_listed_and_got(capsys, tmp_path, monkeypatch):
    assert main(["data", "list"]) == 0
    shown = capsys.readouterr().out
    assert "mnist" in shown and "60000 + 10000 examples" in shown
    assert main(["data", "list", "--root", str(tmp_path)]) == 0
    assert "not here; lrswift data get mnist" in capsys.readouterr().out
    monkeypatch.setitem(cli.REMOTES, "text", ("tinyshakespeare", []))
    assert main(["data", "get", "text", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'tinyshakespeare'}\n"
    assert main(["data", "get"]) == 1
    assert "name: not given; allowed: mnist" in capsys.readouterr().err
