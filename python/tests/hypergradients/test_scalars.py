"""Numbers that the training loss reads, against differences, forward against reverse mode; bad ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypergradient_cases import NETWORKS, VALUES, Problem, check_equal

import lrswift as lr

F = lr.nn.functional


def loss(logits: Any, target: Any, smoothing: Any = 0.0, weight: Any = 1.0) -> Any:
    """Label smoothing, and the weight of a penalty: the validation loss has neither."""
    uniform = -F.log_softmax(logits, -1).mean()
    penalty = (logits * logits).mean()
    return (
        F.cross_entropy(logits, target) * (1 - smoothing) + uniform * smoothing + (weight - 1) * 0.1 * penalty
    )


class Told(Problem):
    """Differentiated by what the loss reads, too."""

    def run(self, optimizer: str, **changes: Any) -> Any:
        values = {**VALUES[optimizer], "hyperparameters": READ, **changes}
        return lr.hypergradient(self.model, loss, self.train, self.valid, optimizer=optimizer, **values)


READ: dict[str, Any] = {"smoothing": [0.1, 0.3, 0.05], "weight": 1.5}


@pytest.mark.parametrize("network", ["mlp", "lenet", "batch_norm"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_both_modes_and_differences(optimizer: str, network: str) -> None:
    case = Told(network, 40, None)
    forward = case.run(optimizer, mode="forward")
    size = sum(p.size for p in case.model.parameters())
    for memory in (None, 3 * 8 * 3 * size):
        reverse = case.run(optimizer, mode="reverse", memory=memory)
        check_equal(forward, reverse, 1e-10)
        for name, value in forward.hyperparameters.items():
            np.testing.assert_allclose(
                reverse.hyperparameters[name], value, rtol=0, atol=1e-10 * np.abs(value).max()
            )
    assert forward.hyperparameters["smoothing"].shape == (3,)
    assert forward.hyperparameters["weight"].shape == ()
    for name, given in READ.items():
        values = np.asarray(given)
        direction = np.random.default_rng(1).normal(size=values.shape)
        exact = (forward.hyperparameters[name] * direction).sum()

        def slope(h: float, name: str = name, values: Any = values, direction: Any = direction) -> float:
            told = [{**READ, name: values + s * h * direction} for s in (1, -1)]
            up, down = (case.run(optimizer, hyperparameters=t, columns=()).valid_loss for t in told)
            return float(up - down) / (2 * h)

        slopes = [slope(h) for h in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)]
        slopes.append((100 * slopes[1] - slopes[0]) / 99)
        assert min(abs(s - exact) for s in slopes) < 1e-6 * abs(exact), name


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_window_of_every_step_and_columns(mode: str) -> None:
    case = Told("mlp", 40, None)
    every = np.linspace(0.3, 0.0, 40)
    count = sum(map(len, VALUES["sgd"].values()))
    found = case.run("sgd", mode=mode, hyperparameters={"smoothing": every})
    some = case.run("sgd", mode=mode, hyperparameters={"smoothing": every}, columns=[0, count + 7])
    assert some.hyperparameters["smoothing"][7] == pytest.approx(
        found.hyperparameters["smoothing"][7], rel=1e-12
    )
    assert np.count_nonzero(some.hyperparameters["smoothing"]) == 1
    assert np.count_nonzero(some.learning_rates) == 1


@pytest.mark.parametrize("tile", [1, 3])
def test_tiles_change_nothing(tile: int) -> None:
    case = Told("batch_norm", 20, None)
    one, other = (case.run("adam", mode="forward", tile=t).hyperparameters for t in (8, tile))
    for name in READ:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-11)


def test_a_loss_of_the_model_reads_them_as_well() -> None:
    case = Told("mlp", 20, None)

    def whole(model: Any, x: Any, y: Any, *, smoothing: Any = 0.0) -> Any:
        return loss(model(x), y, smoothing)

    found, expected = (
        lr.hypergradient(case.model, f, case.train, case.valid, [0.1], hyperparameters={"smoothing": 0.1})
        for f in (whole, loss)
    )
    assert found.hyperparameters["smoothing"] == expected.hyperparameters["smoothing"] != 0
    # zero is what the loss has without it
    plain = lr.hypergradient(case.model, loss, case.train, case.valid, [0.1])
    none = lr.hypergradient(
        case.model, loss, case.train, case.valid, [0.1], hyperparameters={"smoothing": 0.0}
    )
    assert none.valid_loss == pytest.approx(plain.valid_loss, rel=1e-14)
    assert plain.hyperparameters == {}


BAD: list[tuple[Any, type[Exception], str]] = [
    (3, lr.ArgumentTypeError, "hyperparameters: got int"),
    ({"smooth": 0.1}, lr.ArgumentError, "no argument 'smooth' with a default, .* allowed: smoothing, weight"),
    ({"target": 0.1}, lr.ArgumentError, "no argument 'target' with a default"),
    ({"smoothing": "much"}, lr.ArgumentTypeError, "'smoothing': got 'much'; allowed: a number"),
    ({"smoothing": []}, lr.ShapeError, r"'smoothing': got an array of shape \(0,\)"),
    ({"smoothing": [[0.1]]}, lr.ShapeError, r"'smoothing': got an array of shape \(1, 1\)"),
    ({"smoothing": float("nan")}, lr.ArgumentError, "'smoothing': got nan; allowed: finite numbers"),
    ({"smoothing": [0.1] * 21}, lr.ArgumentError, r"got \[21\] for 21 values; allowed: .* 1 to 20 each"),
]


@pytest.mark.parametrize(("given", "error", "message"), BAD)
def test_bad_ones(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Told("mlp", 20, None).run("sgd", hyperparameters=given)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_one_that_is_never_read(mode: str) -> None:
    case = Told("mlp", 20, None)
    with pytest.raises(lr.ArgumentError, match="'unread': the training loss never reads it"):
        lr.hypergradient(
            case.model, lambda o, y, unread=0.0: F.cross_entropy(o, y), case.train, case.valid, [0.1],
            mode=mode, hyperparameters={"unread": 0.1},
        )  # fmt: skip


class Scaled:
    """A problem whose network begins with one parameter scaled."""

    def __init__(self, network: str, name: str, factor: float) -> None:
        lr.seed(0)
        self.model = NETWORKS[network][0]().to(lr.float64)
        held = dict(self.model.named_parameters())[name]
        held.assign(lr.tensor(held.numpy() * factor, dtype=lr.float64))


@pytest.mark.parametrize("network", ["mlp", "lenet", "batch_norm"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_initial_scales_are_differences(optimizer: str, network: str) -> None:
    case = Problem(network, 40, None)
    lr.seed(0)
    model = NETWORKS[network][0]().to(lr.float64)
    size = sum(p.size for p in model.parameters())

    def run(model: Any, **options: Any) -> Any:
        return lr.hypergradient(
            model,
            F.cross_entropy,
            case.train,
            case.valid,
            optimizer=optimizer,
            **VALUES[optimizer],
            **options,
        )

    found, kept = (run(model, mode="reverse", memory=n * 8 * 3 * size).initial_scales for n in (3, 40))
    assert found == kept
    assert list(found) == [name for name, _ in model.named_parameters()]
    largest = max(map(abs, found.values()))
    for name, exact in found.items():
        slopes = []
        for h in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
            up, down = (run(Scaled(network, name, 1 + s * h).model, columns=()).valid_loss for s in (1, -1))
            slopes.append((up - down) / (2 * h))
        slopes.append((100 * slopes[1] - slopes[0]) / 99)
        assert min(abs(s - exact) for s in slopes) < max(1e-6 * abs(exact), 1e-9 * largest), name
    assert run(model, mode="forward").initial_scales == {}
