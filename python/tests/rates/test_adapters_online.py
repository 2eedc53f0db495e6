"""MARTHE and RTHO: against matrices in NumPy, finite differences, and through fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference import marthe

import lrswift as lr
from lrswift.optim.directions import directions
from lrswift.optim.rules import rules

rng = np.random.default_rng(5)
_half = rng.normal(size=(4, 4))
TRAIN = (_half @ _half.T / 4 + 0.2 * np.eye(4), rng.normal(size=4))
VALID = (np.diag([0.5, 2.0, 1.0, 0.1]), rng.normal(size=4))
START = rng.normal(size=4)


class Quadratics:
    def __init__(self, start=START, dtype: str = "float64", **options) -> None:
        self.x = lr.tensor(start, dtype=dtype, requires_grad=True)
        rate = {
            key: options.pop(key)
            for key in list(options)
            if key not in ("momentum", "weight_decay", "nesterov")
        }
        self.optimizer = lr.optim.SGD([("x", self.x)], lr=lr.adapt.MARTHE(**rate), **options)

    def loss(self, problem):
        matrix, center = (lr.tensor(part, dtype=self.x.dtype_name) for part in problem)
        away = self.x - center
        return 0.5 * lr.sum(away * (matrix @ away))

    def step(self) -> float:
        return self.optimizer.minimize(lambda: self.loss(TRAIN), valid=lambda: self.loss(VALID))

    @property
    def delta(self) -> float:
        return float(self.optimizer.state_dict()["rate.hypergradient"])


@pytest.mark.parametrize("mu", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize(("decay", "kappa_rate"), [(0.0, 0.0), (0.05, 1e-6)])
def test_equals_the_reference(mu, momentum, decay, kappa_rate) -> None:
    given = {"mu": mu, "momentum": momentum, "weight_decay": decay, "meta_meta_lr": kappa_rate}
    native = Quadratics(initial=0.02, meta_lr=2e-5, **given)
    points, rates, deltas = marthe.run(TRAIN, VALID, START, 100, 0.02, 2e-5, mu, momentum, decay, kappa_rate)
    for point, rate, delta in zip(points, rates, deltas, strict=True):
        native.step()
        assert native.optimizer.lr == pytest.approx(rate, rel=1e-10)
        assert native.delta == pytest.approx(delta, rel=1e-10, abs=1e-12)
        np.testing.assert_allclose(native.x.numpy(), point, rtol=1e-10, atol=1e-12)
    assert rates[-1] != rates[0]


SGD = {"momentum": 0.7, "weight_decay": 1e-2}
DIRECTIONS = [(name, {"eps": 0.1} if "eps" in rule.options else {}) for name, rule in rules().items()] + [
    ("sgd", SGD), ("sgd", SGD | {"nesterov": True}), ("sgd", SGD | {"dampening": 0.2}),
    ("rmsprop", {"momentum": 0.7, "eps": 0.1}),
    ("sgd", {"momentum": lr.schedule.Piecewise([0.9, 0.0, -0.3], 10)}),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "options"), DIRECTIONS)
def test_rtho_is_the_derivative_of_the_run_by_its_rate(direction: str, options: dict) -> None:
    def network(rate: float):
        lr.seed(3)
        model = lr.models.mlp(3, hidden=[5], outputs=1, activation="tanh").to("float64")
        data = np.random.default_rng(0)
        x, y, u, w = (
            lr.tensor(data.normal(size=s), dtype="float64") for s in [(8, 3), (8, 1), (6, 3), (6, 1)]
        )
        rate = lr.adapt.MARTHE(initial=rate, meta_lr=0.0, mu=1.0)
        optimizer = directions()[direction](model.parameters(), lr=rate, **options)
        found = []
        for _ in range(12):
            optimizer.minimize(
                lambda: lr.mean((model(x) - y) ** 2), valid=lambda: lr.mean((model(u) - w) ** 2)
            )
            delta = float(optimizer.state_dict()["rate.hypergradient"])
            found.append((float(lr.mean((model(u) - w) ** 2)), delta))
        return np.array(found)

    # of the fourth order: some of these runs bend strongly
    h = 2e-5
    near, far = (network(0.05 + s)[:, 0] - network(0.05 - s)[:, 0] for s in (h, 2 * h))
    wanted = (8 * near - far) / (12 * h)
    np.testing.assert_allclose(network(0.05)[:, 1], wanted, rtol=1e-6, atol=1e-8)


def test_the_floor_and_the_limits() -> None:
    # a validation minimum where training starts: every step hurts
    native = Quadratics(START, meta_lr=10.0, initial=0.1)
    here = (np.eye(4), START)
    for _ in range(3):
        native.optimizer.minimize(lambda: native.loss(TRAIN), valid=lambda: native.loss(here))
    assert native.optimizer.lr == 0.0
    bounded = Quadratics(START, meta_lr=10.0, initial=0.1, min_lr=0.03)
    for _ in range(3):
        bounded.optimizer.minimize(lambda: bounded.loss(TRAIN), valid=lambda: bounded.loss(here))
    assert bounded.optimizer.lr == 0.03


def test_a_validation_loss_that_is_not_finite_keeps_the_rate() -> None:
    native = Quadratics(meta_lr=1e-3, initial=0.02)
    for _ in range(3):
        native.step()
    before = float(native.optimizer.state_dict()["rate.0.rate"])
    scale = lr.tensor(np.inf, dtype="float64")
    native.optimizer.minimize(lambda: native.loss(TRAIN), valid=lambda: native.loss(VALID) * scale)
    taken = native.optimizer.lr
    native.step()
    assert native.optimizer.lr == taken != before
    assert float(native.optimizer.state_dict()["rate.0.failures"]) == 1


def test_an_exception_in_valid_leaves_everything() -> None:
    native = Quadratics(momentum=0.5)
    native.step()

    def everything() -> list[bytes]:
        return [native.x.numpy().tobytes(), *(v.tobytes() for v in native.optimizer.state_dict().values())]

    before = everything()

    def broken():
        raise RuntimeError("no data")

    with pytest.raises(RuntimeError, match="no data"):
        native.optimizer.minimize(lambda: native.loss(TRAIN), valid=broken)
    assert everything() == before


def test_says_and_replays_delta() -> None:
    native = Quadratics(meta_lr=1e-3)
    native.optimizer.record(True)
    deltas = []
    for _ in range(6):
        native.step()
        deltas.append(native.delta)
    history = native.optimizer.history
    assert np.isnan(history["hypergradient"][0])
    np.testing.assert_array_equal(history["hypergradient"][1:], deltas[:-1])
    assert f"{deltas[3]:.6g}" in native.optimizer.explain(4)
    np.testing.assert_array_equal(lr.adapt.replay(history, lr.adapt.MARTHE(meta_lr=1e-3)), history["rate"])


def digits(epochs: int, **more):
    splits = lr.data.load("digits").scaled()
    train, valid = splits.train, splits.test
    lr.seed(0)
    model = lr.models.mlp(64, hidden=[32], outputs=10)
    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.MARTHE(initial=0.05, meta_lr=1e-4), momentum=0.5)
    history = lr.fit(
        model, optimizer, train, valid=valid, epochs=epochs, batch_size=64, progress=False, **more
    )
    return model, optimizer, history


def test_fit_trains_and_the_rate_moves() -> None:
    _, _, history = digits(epochs=4)
    assert np.mean(history.losses[-5:]) < 0.7 * history.losses[0]
    rates = [row["lr"] for row in history.rows]
    assert len(set(rates)) == len(rates)


def test_fit_resumes_to_the_bit(tmp_path: Path) -> None:
    straight, optimizer, _ = digits(epochs=3)
    path = tmp_path / "run"
    digits(epochs=1, checkpoint=path)
    resumed, other, _ = digits(epochs=3, checkpoint=path, resume=True)
    for a, b in ((straight.state_dict(), resumed.state_dict()), (optimizer.state_dict(), other.state_dict())):
        assert a.keys() == b.keys()
        assert all(np.asarray(a[key]).tobytes() == np.asarray(b[key]).tobytes() for key in a)


def test_validation_leaves_running_statistics() -> None:
    lr.seed(0)
    norm = lr.nn.BatchNorm1d(3)
    x, u = (lr.tensor(np.random.default_rng(i).normal(size=(16, 3))) for i in range(2))
    optimizer = lr.optim.SGD(norm.parameters(), lr="marthe")
    twin = lr.nn.BatchNorm1d(3)
    twin(x)
    optimizer.minimize(lambda: lr.mean(norm(x) ** 4), valid=lambda: lr.mean(norm(u * 5.0) ** 4))
    for ours, wanted in zip(norm.buffers(), twin.buffers(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), wanted.numpy())


def test_bad_input() -> None:
    native = Quadratics()
    before = native.x.numpy().copy()
    with pytest.raises(TypeError, match="valid: not given.*MARTHE"):
        native.optimizer.minimize(lambda: native.loss(TRAIN))
    with pytest.raises(TypeError, match="MARTHE"):
        native.optimizer.step(1.0)
    np.testing.assert_array_equal(native.x.numpy(), before)
    w = lr.tensor([1.0], requires_grad=True)
    for make in (
        lambda: lr.optim.SGD([w], lr="marthe", clip_norm=1.0),
        lambda: lr.optim.Adam([w], lr="marthe", clip_value=1.0),
    ):
        with pytest.raises(TypeError, match="MARTHE"):
            make()
    for bad in ({"mu": 1.5}, {"mu": -0.1}, {"meta_lr": -1.0}, {"initial": -1.0}, {"meta_meta_lr": -1.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            lr.optim.SGD([w], lr=lr.adapt.MARTHE(**bad))
    model = lr.nn.Linear(2, 2)
    with pytest.raises(TypeError, match="valid: not given.*MARTHE"):
        lr.fit(
            model,
            lr.optim.SGD(model.parameters(), lr="marthe"),
            (np.ones((4, 2)), np.zeros(4, int)),
            progress=False,
        )
