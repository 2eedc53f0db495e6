"""Reverse mode from few snapshots: the same bits, the same derivatives as other ways, and what it refuses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypergradient_cases import FAMILIES, VALUES, Problem, check_equal, problem

import lrswift as lr
from lrswift._core import memory as core_memory
from lrswift.optim.rules import FAMILIES as ALL_FAMILIES

F = lr.nn.functional

# vectors of a point: the parameters and the rule's state
VECTORS = {
    "sgd": 2,
    "nesterov": 2,
    "ema": 2,
    "adam": 3,
    "adamw": 3,
    "rmsprop": 3,
    "adagrad": 2,
    "adadelta": 3,
}


def point(case: Problem, optimizer: str) -> int:
    """Bytes of a snapshot in float64."""
    return 8 * VECTORS[optimizer] * sum(p.size for p in case.model.parameters())


def same(found: Any, expected: Any) -> None:
    for family in ALL_FAMILIES:
        np.testing.assert_array_equal(getattr(found, family), getattr(expected, family), err_msg=family)
    assert found.valid_loss == expected.valid_loss
    np.testing.assert_array_equal(found.losses, expected.losses)
    for name, value in expected.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value)


@functools.cache
def kept(network: str, optimizer: str, horizon: int | None, clip: float | None = None) -> Any:
    """With a snapshot of every step."""
    case = problem(network, 40, clip)
    return case.run(optimizer, mode="reverse", memory=40 * point(case, optimizer), horizon=horizon)


@pytest.mark.parametrize("snapshots", [3, 4, 7, 10, 39])
@pytest.mark.parametrize("horizon", [None, 13])
@pytest.mark.parametrize("network", ["mlp", "lenet", "batch_norm"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_no_bit_depends_on_memory(optimizer: str, network: str, horizon: int | None, snapshots: int) -> None:
    case = problem(network)
    memory = snapshots * point(case, optimizer)
    found = case.run(optimizer, mode="reverse", memory=memory, horizon=horizon)
    same(found, kept(network, optimizer, horizon))
    assert found.cost > 3.9 or (horizon == 13 and snapshots > 12)


@pytest.mark.parametrize("optimizer", VALUES)
def test_every_rule_replays(optimizer: str) -> None:
    case = problem("mlp", 40, 0.03)
    found = case.run(optimizer, mode="reverse", memory=5 * point(case, optimizer))
    same(found, kept("mlp", optimizer, None, 0.03))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("network", ["lenet", "batch_norm"])
def test_no_bit_depends_on_threads(network: str, threads: int, set_threads: Callable) -> None:
    case, expected = problem(network), kept(network, "adam", None)
    set_threads(threads)
    same(case.run("adam", mode="reverse", memory=6 * point(case, "adam")), expected)


def test_layers_replay() -> None:
    case = problem("batch_norm")
    rates = np.random.default_rng(3).uniform(0.05, 0.2, (5, 20))
    runs = [
        case.run("sgd", learning_rates=rates, per="layer", mode="reverse", memory=n * point(case, "sgd"))
        for n in (3, 40)
    ]
    same(*runs)
    forward = case.run("sgd", learning_rates=rates, per="layer")
    check_equal(forward, runs[0], 1e-10)


@pytest.mark.parametrize("optimizer", VALUES)
def test_replayed_is_forward_over_500_steps(optimizer: str) -> None:
    case = problem("mlp", 500)
    found = case.run(optimizer, mode="reverse", memory=4 * point(case, optimizer))
    check_equal(case.exact(optimizer), found, 1e-10)


class Replayed(Problem):
    """In reverse mode from three snapshots; runs for differences are plain training."""

    def run(self, optimizer: str, **changes: Any) -> Any:
        return super().run(optimizer, **{"mode": "reverse", "memory": 3 * point(self, optimizer), **changes})


@functools.cache
def replayed(network: str, steps: int) -> Replayed:
    return Replayed(network, steps, None)


@pytest.mark.parametrize("network", ["mlp", "lenet", "batch_norm"])
@pytest.mark.parametrize(
    ("optimizer", "family"), [f for f in FAMILIES if f[0] in ("sgd", "nesterov", "adam")]
)
def test_finite_differences(optimizer: str, family: str, network: str) -> None:
    assert replayed(network, 40).error(optimizer, family) < 1e-6


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_finite_differences_over_500_steps(optimizer: str) -> None:
    assert replayed("mlp", 500).error(optimizer, "learning_rates") < 1e-6


def test_a_rate_of_every_step() -> None:
    case = problem("mlp")
    rates = np.linspace(0.2, 0.05, 40)
    found = case.run("sgd", learning_rates=rates, mode="auto", memory=5 * point(case, "sgd"))
    assert found.mode == "reverse"
    assert found.learning_rates.shape == (40,)
    check_equal(case.run("sgd", learning_rates=rates), found, 1e-10)


def test_memory_does_not_grow_with_steps() -> None:
    def most(steps: int) -> int:
        case = problem("lenet", steps)
        core_memory(True)
        before = core_memory(False)[0]
        case.run("sgd", mode="reverse", memory=5 * point(case, "sgd"))
        return core_memory(False)[1] - before

    most(20)
    size = point(problem("lenet"), "sgd")
    assert most(60) - most(20) < size / 2


def test_the_default_keeps_what_fits() -> None:
    """A quarter of what is free, here more than all points of the run."""
    case = problem("mlp")
    same(case.run("sgd", mode="reverse"), kept("mlp", "sgd", None))
    assert case.run("sgd", mode="reverse").cost == pytest.approx(3.9)


class Shaken:
    """Batches that are others each time they are asked for."""

    def __init__(self, batches: list[Any], step: int) -> None:
        self.batches, self.step, self.asked = batches, step, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, t: int) -> Any:
        x, y = self.batches[t]
        self.asked += t == self.step
        return (x + 1e-9 * self.asked, y) if t == self.step else (x, y)


@pytest.mark.parametrize("step", [0, 17, 39])
@pytest.mark.parametrize("snapshots", [3, 40])
def test_batches_that_change_are_told_by_step(step: int, snapshots: int) -> None:
    case = problem("mlp")
    with pytest.raises(lr.ArgumentError, match=rf"the loss of step {step} was .* the same each time"):
        lr.hypergradient(
            case.model, F.cross_entropy, Shaken(case.train, step), case.valid, [0.1], mode="reverse",
            memory=snapshots * point(case, "sgd"),
        )  # fmt: skip


def test_memory_that_is_too_small_says_what_is_needed() -> None:
    case = problem("mlp")
    least = 3 * point(case, "adam")
    with pytest.raises(lr.ArgumentError, match=rf"memory: got {least - 1} bytes; allowed: at least {least},"):
        case.run("adam", mode="reverse", memory=least - 1)
    case.run("adam", mode="reverse", memory=least)
    # two steps need no more than two points
    case.run(
        "adam",
        mode="reverse",
        memory=2 * least // 3,
        horizon=2,
        **{k: [v[0]] for k, v in VALUES["adam"].items()},
    )


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, "reverse"),
        ({"learning_rates": [0.1], "momentums": [0.9], "weight_decays": []}, "reverse"),
        ({"learning_rates": [0.1], "momentums": [], "weight_decays": []}, "forward"),
        ({"columns": [3]}, "forward"),
        ({"clip_hvp": 1.0}, "forward"),
        ({"memory": 1}, "forward"),
    ],
)
def test_auto_takes_the_cheaper_mode(changes: dict[str, Any], mode: str) -> None:
    case = problem("mlp")
    found = case.run("sgd", mode="auto", **changes)
    assert found.mode == mode
    told = {key: value for key, value in changes.items() if key != "memory"}
    same(found, case.run("sgd", **{**told, "mode": mode}))
    if told == changes and "clip_hvp" not in told:
        assert found.cost == min(case.run("sgd", **told, mode=m).cost for m in ("forward", "reverse"))


def test_auto_is_the_default_and_the_bar_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    case = problem("mlp")
    found = lr.hypergradient(
        case.model, F.cross_entropy, case.train, case.valid, [0.1, 0.2], [0.9], progress=True,
        memory=5 * point(case, "sgd"),
    )  # fmt: skip
    assert found.mode == "reverse"
    assert "reverse: about 5.3 plain steps each, 55 replayed" in capsys.readouterr().err
