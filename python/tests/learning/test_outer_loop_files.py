"""Checkpoints of learn_schedule: damaged, altered, of other data; nothing changes where one is refused."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quadratic_learning import bowls, learn, same
from safetensors.numpy import save_file

import lrswift as lr
from lrswift import store
from lrswift.learning.options import LearningOptions
from lrswift.learning.outer_loop import Learning
from lrswift.learning.settings import check

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SEARCH = {"start": "optuna", "trials": 2, "outer_steps": 2, "finalists": 1}


def rewritten(path, change):
    """An altered file, with a right checksum."""
    arrays, metadata = store.read(path)
    ((key, text),) = metadata.items()
    facts = json.loads(text)
    other = change(arrays, facts)
    store.write(path, arrays, {key: json.dumps(facts) if other is None else other})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Checkpoints of both kinds of search, each of two outer steps."""
    folder = tmp_path_factory.mktemp("checkpoints")
    learn(checkpoint=folder / "plain", outer_steps=2)
    if pytest.importorskip("optuna"):
        learn(checkpoint=folder / "search", **SEARCH)
    return folder


def resumed(path, kind):
    options = {"outer_steps": 3} if kind == "plain" else SEARCH
    return learn(checkpoint=path, resume=True, **options)


@pytest.mark.parametrize("kind", ["plain", "search"])
def test_damage_is_refused(tmp_path, files, kind):
    whole = (files / kind).read_bytes()
    for i in np.random.default_rng(0).integers(0, 8 * len(whole), 40):
        damaged = bytearray(whole)
        damaged[i // 8] ^= 1 << i % 8
        (tmp_path / "c").write_bytes(damaged)
        with pytest.raises(lr.FormatError, match="not a whole safetensors file"):
            resumed(tmp_path / "c", kind)


@pytest.mark.parametrize("kind", ["plain", "search"])
def test_other_data_are_refused(tmp_path, files, kind):
    (tmp_path / "c").write_bytes((files / kind).read_bytes())
    data = (bowls(noise=0.2)[0] + 1e-9,)
    options = {"outer_steps": 3} if kind == "plain" else SEARCH
    with pytest.raises(
        lr.ArgumentError, match="was made with train='[0-9a-f]{64}', got '.*, and with valid="
    ):
        learn(checkpoint=tmp_path / "c", resume=True, train=data, **options)


@pytest.mark.parametrize("kind", ["plain", "search"])
def test_files_without_checksum_and_digests_go_on(tmp_path, files, kind):
    """As they were written before."""
    arrays, metadata = store.read(files / kind)
    ((key, text),) = metadata.items()
    facts = json.loads(text)
    for name in ("train", "valid"):
        del facts["settings"][name]
    save_file(arrays, tmp_path / "c", metadata={key: json.dumps(facts)})
    same(resumed(tmp_path / "c", kind), learn(**({"outer_steps": 3} if kind == "plain" else SEARCH)))


PLAIN = {
    "no json": lambda a, f: "{",
    "list": lambda a, f: "[]",
    "deep": lambda a, f: "[" * 50_000,
    "no settings": lambda a, f: f.pop("settings") and None,
    "settings list": lambda a, f: f.update(settings=[]),
    "no shapes": lambda a, f: f.pop("shapes") and None,
    "shapes of texts": lambda a, f: f.update(shapes={"theta": ["x"]}),
    "warned text": lambda a, f: f.update(warned="yes"),
    "no state": lambda a, f: a.pop("state") is None or None,
    "state short": lambda a, f: a.update(state=a["state"][1:]),
    "state nan": lambda a, f: a.update(state=np.full_like(a["state"], np.nan)),
    "state of rank 2": lambda a, f: a.update(state=a["state"][None]),
    "values of rank 1": lambda a, f: a.update(values=a["values"].ravel()),
    "a row less": lambda a, f: a.update(signals=a["signals"][1:]),
    "retreated numbers": lambda a, f: a.update(retreated=a["retreated"].astype(float)),
    "no values": lambda a, f: a.pop("values") is None or None,
    "values a number": lambda a, f: a.update(values=np.array(3.0)),
}
SEARCHED = {
    **{
        name: PLAIN[name]
        for name in ("no json", "list", "deep", "no settings", "no shapes", "shapes of texts")
    },
    "no failures": lambda a, f: f.pop("failures") and None,
    "failures of numbers": lambda a, f: f["failures"][0].__setitem__(0, 3),
    "failures fewer": lambda a, f: f["failures"].pop() and None,
    "failed at text": lambda a, f: f["failed_at"][0].__setitem__(0, "x"),
    "losses of rank 1": lambda a, f: a.update(valid_losses=a["valid_losses"].ravel()),
    "hypergradients fewer": lambda a, f: a.update(hypergradients=a["hypergradients"][..., 1:]),
    "whole losses": lambda a, f: a.update(valid_losses=a["valid_losses"].astype(int)),
}
CHANGES = [("plain", *item) for item in PLAIN.items()] + [("search", *item) for item in SEARCHED.items()]


@pytest.mark.parametrize(
    ("kind", "change"), [c[::2] for c in CHANGES], ids=["-".join(c[:2]) for c in CHANGES]
)
def test_altered_files_are_refused(tmp_path, files, kind, change):
    (tmp_path / "c").write_bytes((files / kind).read_bytes())
    rewritten(tmp_path / "c", change)
    before = (tmp_path / "c").read_bytes()
    with pytest.raises(lr.ArgumentError, match="^resume: "):
        resumed(tmp_path / "c", kind)
    assert (tmp_path / "c").read_bytes() == before


def test_a_refused_file_leaves_the_learner(tmp_path, files):
    (tmp_path / "c").write_bytes((files / "plain").read_bytes())
    rewritten(tmp_path / "c", lambda a, f: f.update(shapes=3))
    made = check(6, 8, (3, 1, 1), lr.hypergradients.options.HypergradientOptions(), LearningOptions())
    data = bowls(noise=0.2)
    learning = Learning(None, None, data, data, made)
    before = learning.get("state").tobytes()
    with pytest.raises(lr.ArgumentError):
        learning.read(tmp_path / "c")
    assert learning.get("state").tobytes() == before and learning.done == 0


def test_the_path_is_tried_before_the_first_network(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    def never(seed):
        raise AssertionError("trained")

    for path, kind, told in (
        (tmp_path / "pipe", lr.ArgumentError, "is a pipe"),
        (tmp_path, IsADirectoryError, "is a folder"),
        (tmp_path / "none" / "c", FileNotFoundError, "make it first"),
        ("/proc/c", OSError, "choose another folder"),
    ):
        with pytest.raises(kind, match=f"checkpoint: .*{told}"):
            learn(make_model=never, checkpoint=path)


# ---- learned schedules ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def schedule(tmp_path_factory):
    learned = learn(outer_steps=2)
    path = tmp_path_factory.mktemp("schedule") / "good"
    learned.save(path)
    return learned, path


def test_a_schedule_comes_back_as_it_was(schedule):
    learned, path = schedule
    found = lr.LearnedSchedule.load(path)
    same(found, learned)
    assert (found.cost, found.layers, found.steps) == (learned.cost, learned.layers, learned.steps)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[-3] ^= 1
    path.with_name("damaged").write_bytes(damaged)
    with pytest.raises(lr.FormatError, match="damaged: not a whole safetensors file"):
        lr.LearnedSchedule.load(path.with_name("damaged"))


FACTS = {
    "no steps": {"steps": None}, "steps text": {"steps": "x"}, "steps 0": {"steps": 0},
    "steps true": {"steps": True},
    "best too high": {"best": 2}, "best below -1": {"best": -2}, "best 0.5": {"best": 0.5},
    "unknown key": {"x": 1}, "trials": {"trials": 1}, "values": {"values": [1]},
    "layers of numbers": {"layers": [1]}, "layers that are not there": {"layers": ["a", "b"]},
    "cost of one": {"cost": [1]}, "cost below 0": {"cost": [-1, 0]}, "converged number": {"converged": 1},
    "window text": {"suggested_window": "wide"},
}  # fmt: skip
ARRAYS = {
    "rates of rank 3": {"learning_rates": np.zeros((2, 2, 2))},
    "rates nan": {"learning_rates": np.full(3, np.nan)},
    "no rates": {"learning_rates": np.zeros(0)},
    "whole rates": {"learning_rates": np.zeros(3, np.int64)},
    "values a number": {"values": np.array(3)},
    "seed losses of rank 1": {"seed_losses": np.zeros(2)},
    "signals fewer": {"signals": np.zeros((2, 1))},
    "finalists outside": {"finalists": np.array([7])},
    "penalties of another shape": {"final_penalties": np.zeros((9, 9))},
    "trials fewer": {"trials": np.zeros(1, np.int64)},
}


@pytest.mark.parametrize("name", [*FACTS, *ARRAYS])
def test_altered_schedules_are_refused(tmp_path, schedule, name):
    arrays, metadata = store.read(schedule[1])
    facts = json.loads(metadata["lrswift.schedule"]) | FACTS.get(name, {})
    store.write(tmp_path / "f", arrays | ARRAYS.get(name, {}), {"lrswift.schedule": json.dumps(facts)})
    with pytest.raises(lr.FormatError, match="^load: .*f: has "):
        lr.LearnedSchedule.load(tmp_path / "f")


@settings(
    max_examples=150, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(changes=st.dictionaries(st.sampled_from(["steps", "best", "layers", "cost", "x"]), JSON), whole=JSON)
def test_any_facts_are_read_or_refused(tmp_path, schedule, changes, whole):
    arrays, metadata = store.read(schedule[1])
    for facts in (json.loads(metadata["lrswift.schedule"]) | changes, whole):
        store.write(tmp_path / "f", arrays, {"lrswift.schedule": json.dumps(facts)})
        try:
            found = lr.LearnedSchedule.load(tmp_path / "f")
        except lr.Error:
            continue
        assert found.optimizer([lr.zeros(1, requires_grad=True)], 10).param_groups
        repr(found)
