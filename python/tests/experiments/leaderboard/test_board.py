"""`leaderboard`: its table, files and page; resumed; a user's own; the command line."""

import csv
import json
import math
import shutil

import pytest
from html_tags import Tags
from tiny_workload import HOPELESS, TINY

import lrswift as lr
from lrswift.cli import main
from lrswift.experiments.leaderboard import WORKLOADS, Method, leaderboard, named, optimizer, references
from lrswift.experiments.leaderboard.result import read
from lrswift.experiments.leaderboard.scores import TUNED

GOOD = optimizer("good", lambda p, n: lr.optim.SGD(p, lr=0.1), "a rate that suits <it>")
POOR = optimizer("poor", lambda p, n: lr.optim.SGD(p, lr=1e-5))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    path = tmp_path_factory.mktemp("tuned") / "references.json"
    references.make([TINY], path, progress=False)
    return path


def test_scores_and_files(tuned, tmp_path):
    made = leaderboard(
        [GOOD, POOR], [TINY, HOPELESS], seeds=(1, 2), out=tmp_path, tuned=tuned, progress=False,
        command="lrswift leaderboard --mine a&b:good",
    )  # fmt: skip
    good, poor = (next(s for s in made.scores if s.method == name) for name in ("good", "poor"))
    assert good.lost < 0.05 < 0.5 < poor.lost
    assert (good.near, good.reached, poor.reached, good.diverged) == (1, 1, 0, 0)
    assert good.workloads == 1 and math.isfinite(good.ratio) and poor.ratio == math.inf
    text = made.table()
    lines = [line.split()[0] for line in text.splitlines()[2:5]]
    assert lines == [s.method.split()[0] for s in made.scores] and lines[-1] == "poor"
    assert "without a tuned reference, and not judged: hopeless" in text

    assert {p.name for p in tmp_path.iterdir()} == {
        "runs.jsonl",
        "results.csv",
        "results.json",
        "report.html",
    }
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and {row["status"] for row in rows if row["workload"] == "hopeless"} == {"diverged"}
    reference = references.kept(tuned)["tiny"]
    for row in rows[:4]:
        share = (float(row["final"]) - reference.final) / (reference.start - reference.final)
        assert float(row["lost"]) == pytest.approx(min(1, share)) and row["half"] == "choosing"
    facts = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert [s["method"] for s in facts["summary"]] == [s.method for s in made.scores]
    assert facts["settings"]["references"] == {"tiny": reference.setting}
    assert len(facts["runs"]) == 8


def test_the_page_is_whole_and_loads_nothing(tuned, tmp_path):
    made = leaderboard(
        [GOOD, POOR], [TINY, HOPELESS], seeds=(1,), tuned=tuned, progress=False, command="a < b"
    )
    page = made.write(tmp_path).read_text()
    tags = Tags()
    tags.feed(page)
    assert not tags.open and tags.loads == [] and "@import" not in page
    assert "nan" not in page.lower() and "inf" not in tags.text.lower().replace("infi", "")
    # names as they are typed
    assert ">poor</th>" in page and ">Poor" not in page and ">Lost %</th>" in page
    # the profile, and a panel per workload
    assert tags.count["figure"] == 3
    for words in ("good", "poor", TUNED, "tiny (choosing)", "a rate that suits <it>", "a < b", "Schedule"):
        assert words in tags.text or words == "Schedule"
    # without a reference there are runs to look at all the same
    (tmp_path / "none.json").write_text("{}")
    bare = leaderboard([GOOD], [TINY], seeds=(1,), tuned=tmp_path / "none.json", progress=False)
    assert bare.scores == [] and "not judged: tiny" in bare.table()
    Tags().feed(bare.page())
    assert "No workload has a tuned reference" in bare.page()


def test_a_folder_is_gone_on_with_unless_told_otherwise(tuned, tmp_path):
    seen = []

    def train(run):
        seen.append(run.seed)
        run.go(lr.optim.SGD(run.model.parameters(), lr=0.1 if len(seen) < 4 else 0.01))

    mine = Method("mine", train)
    for asked, expected in (((1, 2), [1, 2]), ((1, 2, 3), [1, 2, 3])):
        leaderboard([mine], [TINY], seeds=asked, out=tmp_path, tuned=tuned, progress=False)
        assert seen == expected
    before = {result.seed: result.final for result in read(tmp_path / "runs.jsonl")}
    again = leaderboard([mine], [TINY], seeds=(1,), out=tmp_path, tuned=tuned, fresh=True, progress=False)
    assert seen == [1, 2, 3, 1]
    after = {result.seed: result.final for result in read(tmp_path / "runs.jsonl")}
    assert after[1] == again.runs[0].final != before[1] and after[2] == before[2]


def test_random_numbers_of_the_caller_are_left_alone(tuned):
    lr.seed(17)
    expected = lr.rand(3).numpy()
    lr.seed(17)
    leaderboard([GOOD], [TINY], seeds=(1,), tuned=tuned, progress=False)
    assert lr.rand(3).numpy().tolist() == expected.tolist()


def test_what_fails_is_told_in_the_table(tuned):
    def fails(run):
        raise ZeroDivisionError("of all things")

    made = leaderboard([GOOD, Method("bad", fails)], [TINY], seeds=(1,), tuned=tuned, progress=False)
    assert "bad failed on tiny; the first time: ZeroDivisionError: of all things" in made.table()
    bad = next(s for s in made.scores if s.method == "bad")
    assert (bad.lost, bad.diverged) == (1.0, 1)


def test_functions_are_methods(tuned):
    def cosine(params, steps):
        return lr.optim.SGD(params, lr=lr.schedule.Cosine(0.2, steps=steps))

    made = leaderboard([cosine], [TINY], seeds=(1,), tuned=tuned, progress=False)
    assert made.runs[0].method == "cosine" and made.runs[0].final < 0.1 * made.runs[0].start


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"methods": []}, lr.ArgumentError, "methods: got none"),
        ({"methods": ["adma"]}, lr.ArgumentError, "methods: got 'adma'"),
        ({"methods": [3]}, lr.ArgumentTypeError, "is int; allowed: a Method"),
        ({"workloads": ["tinny"]}, lr.ArgumentError, "workloads: got 'tinny'"),
        ({"half": "best"}, lr.ArgumentError, "half: got 'best'"),
        ({"seeds": ()}, lr.ArgumentError, "seeds: got .*one or more"),
        ({"seeds": (1, 1)}, lr.ArgumentError, "each once"),
        ({"seeds": (-1,)}, lr.ArgumentError, "seeds: got -1"),
        ({"seeds": (0.5,)}, lr.ArgumentError, "seeds: got 0.5"),
        ({"tuned": "/nowhere/at/all"}, OSError, "nowhere"),
        ({"executor": 3}, lr.ArgumentTypeError, "executor: got int"),
    ],
)
def test_what_was_given_wrong_is_named(change, error, words, tmp_path):
    given = {"methods": [GOOD], "workloads": [TINY], "seeds": (1,), "progress": False, **change}
    with pytest.raises(error, match=words):
        leaderboard(**given)


def test_the_packages_references_fit_the_workloads():
    known = references.kept()
    assert set(known) >= set(WORKLOADS)
    for name, reference in known.items():
        work = named.workload(name)
        assert (reference.steps, reference.batch) == (work.steps, work.batch), name
        assert reference.final < reference.start and len(reference.curves) == 3
        assert 1 <= reference.to_target <= work.steps
        for curve in reference.curves:
            assert (curve[0][0], curve[-1][0]) == (0, work.steps)


# ---- command line ----------------------------------------------------------------------------------------
def test_the_command(capsys, tmp_path, monkeypatch):
    (tmp_path / "my_rate.py").write_text(
        "import lrswift as lr\ndef make(params, steps): return lr.optim.Adam(params, lr=0.003)\n"
    )
    monkeypatch.chdir(tmp_path)
    given = ["leaderboard", "--workloads", "cancer,diabetes", "--seeds", "1", "--out", "board", "--quiet"]
    assert main([*given, "--mine", "my_rate:make", "--methods", "adam_1e-3"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[:3] == ["method", "lost", "%"]
    assert {line.split()[0] for line in shown.splitlines()[2:5]} == {"tuned", "adam_1e-3", "make"}
    assert "--mine my_rate:make" in (tmp_path / "board" / "report.html").read_text()
    assert len(read(tmp_path / "board" / "runs.jsonl")) == 4
    # one half of them, and nothing run twice
    assert main([*given, "--mine", "my_rate:make", "--half", "reporting"]) == 0
    assert len((tmp_path / "board" / "runs.jsonl").read_text().splitlines()) == 4
    assert "1 of 1" in capsys.readouterr().out
    assert main([*given, "--methods", "nobody"]) == 1
    assert "methods: got 'nobody'; allowed: auto, adam_1e-3" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["leaderboard", "--seeds", "one"])
    assert "whole numbers with commas" in capsys.readouterr().err


def test_the_command_in_processes(tmp_path, capsys):
    given = ["leaderboard", "--workloads", "cancer", "--methods", "adam_1e-3", "--seeds", "1,2", "--quiet"]
    for folder, processes in (("one", "1"), ("two", "2")):
        assert (
            main([*given, "--out", str(tmp_path / folder), "--processes", processes, "--threads", "1"]) == 0
        )
    one, two = (read(tmp_path / folder / "runs.jsonl") for folder in ("one", "two"))
    assert sorted((r.seed, r.final) for r in two) == [(r.seed, r.final) for r in one]


def test_the_command_makes_references_again(tmp_path, capsys):
    given = ["leaderboard", "--references", "--workloads", "cancer", "--out", str(tmp_path), "--quiet"]
    assert main(given) == 0
    assert "cancer" in capsys.readouterr().out
    made, known = references.kept(tmp_path / references.FILE)["cancer"], references.kept()["cancer"]
    # on another processor sums round otherwise
    assert made.setting == known.setting and made.final == pytest.approx(known.final, rel=0.05)
    shutil.rmtree(tmp_path)
