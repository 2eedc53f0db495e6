"""Workloads and methods by name."""

import pytest
from tiny_workload import TINY

import lrswift as lr
from lrswift.experiments.leaderboard import named
from lrswift.experiments.leaderboard.method import Method
from lrswift.experiments.leaderboard.methods import METHODS
from lrswift.experiments.leaderboard.run import trained
from lrswift.experiments.leaderboard.workload import prepared


def test_what_is_in_the_lists():
    assert named.workload("cancer").name == "cancer"
    assert named.workload(TINY) is TINY
    assert named.method("prodigy") is METHODS["prodigy"]
    choosing, reporting = (named.workloads(None, half) for half in ("choosing", "reporting"))
    assert {w.half for w in choosing} == {"choosing"} and {w.half for w in reporting} == {"reporting"}
    assert len(named.workloads(None, None)) == len(choosing) + len(reporting)
    assert [w.name for w in named.workloads(["cancer", "wine_raw"], "reporting")] == ["wine_raw"]


def test_ten_times_the_budget():
    long = named.workload("cancer@10")
    assert (long.name, long.steps, long.batch, long.half) == ("cancer@10", 3000, 32, "choosing")
    assert prepared(long).order(1).shape == (3000, 32)
    for name in ("cancer@", "cancer@1", "cancer@-3", "cancer@2.5", "cancer@ten"):
        with pytest.raises(
            lr.ArgumentError, match="workloads: cancer@times: got [01]; allowed: an integer of at"
        ):
            named.workload(name)
    with pytest.raises(lr.ArgumentError, match="workloads: got 'minst'"):
        named.workload("minst@10")


def test_a_users_own(tmp_path, monkeypatch):
    (tmp_path / "my_way.py").write_text(
        "import lrswift as lr\n"
        "from tiny_workload import TINY as WORK\n"
        "from lrswift.experiments.leaderboard.method import Method\n"
        "def make(params, steps): return lr.optim.SGD(params, lr=lr.schedule.Cosine(0.1, steps=steps))\n"
        "def train(run): run.go(lr.optim.SGD(run.model.parameters(), lr=0.1))\n"
        "WHOLE = Method('whole', train)\n"
        "NUMBER = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert named.workload("my_way:WORK") is TINY
    assert named.method("my_way:WHOLE").name == "whole"
    for name in ("make", "train"):
        made = named.method(f"my_way:{name}")
        assert made.name == name
        result = trained(prepared(TINY), name, made.train, 0)
        assert result.status == "ok" and result.final < 0.1 * result.start
    with pytest.raises(lr.ArgumentTypeError, match="my_way:NUMBER is int; allowed: a Method"):
        named.method("my_way:NUMBER")
    with pytest.raises(lr.ArgumentTypeError, match="my_way:make is function; allowed: a Workload"):
        named.workload("my_way:make")
    with pytest.raises(lr.ArgumentError, match="my_way has no 'absent'"):
        named.method("my_way:absent")


def test_what_is_not_there_is_told():
    with pytest.raises(lr.ArgumentError, match="methods: got 'adma'; allowed: auto, adam_1e-3, "):
        named.method("adma")
    with pytest.raises(lr.ArgumentError, match="workloads: got 'minst'; allowed: mnist_mlp, "):
        named.workload("minst")
    with pytest.raises(lr.ArgumentError, match="no_such_module.*importable"):
        named.method("no_such_module:make")
    with pytest.raises(lr.ArgumentError, match="half: got 'third'"):
        named.workloads(None, "third")
    with pytest.raises(lr.ArgumentError, match="methods: got prodigy twice"):
        named.methods(["prodigy", "adam_1e-3", METHODS["prodigy"]])
    with pytest.raises(lr.ArgumentError, match="methods: got none"):
        named.methods([])
    with pytest.raises(lr.ArgumentError, match="workloads: got none"):
        named.workloads(["cancer"], "reporting")


def test_own_methods_may_not_take_a_known_name_beside_it():
    own = Method("prodigy", lambda run: None)
    assert named.method(own) is own
    with pytest.raises(lr.ArgumentError, match="twice"):
        named.methods([own, "prodigy"])
