"""Safe steps: what is judged, what is undone, and what goes on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pairs import PAIRS, label, make

import lrswift as lr

H = np.array([1.0, 4.0, 10.0])


class Bowl:
    """h x^2 / 2 + 1, whose parameter a test may throw elsewhere."""

    def __init__(self, direction=lr.optim.SGD, dtype: str = "float64", **options) -> None:
        self.theta = lr.tensor([1.0, -2.0, 0.5], dtype=dtype, requires_grad=True)
        self.h = lr.tensor(H, dtype=dtype)
        self.optimizer = direction([("theta", self.theta)], **options)

    def loss(self) -> lr.Tensor:
        return 0.5 * lr.sum(self.h * self.theta * self.theta) + 1.0

    def step(self) -> float:
        return self.optimizer.minimize(self.loss, valid=self.loss)

    def throw(self, value: float) -> None:
        self.theta.assign(lr.tensor(np.full(3, value), dtype=self.theta.dtype_name))

    def trained(self) -> dict[str, np.ndarray]:
        """Parameters and state, without what only counts faults."""
        state = self.optimizer.state_dict()
        kept = {key: value for key, value in state.items() if key not in ("guard", "skipped_steps")}
        return kept | {"parameter": self.theta.numpy().copy()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(a[key].tobytes() == b[key].tobytes() for key in a)


@pytest.mark.parametrize("pair", PAIRS, ids=label)
def test_undoes_a_step_of_every_pair(pair: tuple[str, str]) -> None:
    bowl = Bowl(lambda params: make(pair, params))
    bowl.optimizer.guard(explode=float("inf"))
    for _ in range(5):
        bowl.step()
    before = bowl.trained()
    bowl.step()
    assert not same(bowl.trained(), before)
    bowl.throw(np.nan)
    for _ in range(2):  # the first is skipped, as it may be the batch's fault
        assert bowl.optimizer.rollbacks == 0
        bowl.step()
    assert bowl.optimizer.rollbacks == 1 and bowl.optimizer.skipped_steps == 2
    assert same(bowl.trained(), before)
    bowl.step()
    assert np.isfinite(bowl.theta.numpy()).all()


@pytest.mark.parametrize("pair", PAIRS, ids=label)
def test_changes_nothing_while_all_is_well(pair: tuple[str, str]) -> None:
    plain, guarded = (Bowl(lambda params: make(pair, params)) for _ in range(2))
    guarded.optimizer.guard(explode=float("inf"))
    for _ in range(12):
        assert plain.step() == guarded.step()
    assert same(plain.trained(), guarded.trained())


def test_an_explosion_is_undone_and_the_rate_halved() -> None:
    bowl = Bowl(lr=0.01, momentum=0.9)
    bowl.optimizer.guard()
    for _ in range(3):
        bowl.step()
    before = bowl.trained()
    bowl.step()
    bowl.throw(100.0)
    exploded = bowl.step()
    assert exploded == pytest.approx(0.5 * H.sum() * 1e4 + 1)
    assert bowl.optimizer.rollbacks == 1 and bowl.optimizer.skipped_steps == 0
    assert same(bowl.trained(), before)
    for good in range(120):
        bowl.step()
        assert bowl.optimizer.lr == pytest.approx(0.01 * 0.5 ** (0.99**good), rel=1e-12)


def median_limit(losses: list[float], explode: float) -> float:
    """docs/decisions.md, in NumPy."""

    def size(values: list[float]) -> float:
        return max(abs(np.median(values)), np.median(np.abs(values - np.median(values))))

    start = size(losses[:25]) if len(losses) >= 25 else 0.0
    recent = losses[-25:]
    return float(np.median(recent) + (explode - 1) * max(size(recent), 0.01 * start))


@pytest.mark.parametrize("explode", [1.5, 10.0, 100.0])
@pytest.mark.parametrize(
    "level",
    [
        lambda t, noise: 2.3 + noise,  # flat and noisy
        lambda t, noise: np.exp(-0.3 * t) * (1.1 + noise),  # converges to 0
        lambda t, noise: noise,  # of either sign
        lambda t, noise: -5.0 + noise,
        lambda t, noise: 0.5 * t - 3.0,  # rises through 0
    ],
)
def test_the_limit(level, explode: float) -> None:
    """Losses that fall short of the limit by a hair pass, and those beyond it do not."""
    rng = np.random.default_rng(3)
    losses: list[float] = []
    for t in range(60):
        for factor, passes in ((1 - 1e-9, True), (1 + 1e-9, False)):
            theta = lr.tensor([0.0], dtype="float64", requires_grad=True)
            optimizer = lr.optim.SGD([theta], lr=0.0)
            optimizer.guard(explode=explode)
            for value in losses[-60:]:
                theta.grad = lr.tensor([1.0], dtype="float64")
                optimizer.step(value)
            if losses:
                assert optimizer.rollbacks == 0
                limit = median_limit(losses, explode)
                theta.grad = lr.tensor([1.0], dtype="float64")
                optimizer.step(limit + (factor - 1) * (abs(limit) + 1e-6))
                assert (optimizer.rollbacks == 0) == passes, (t, losses)
        following = float(level(t, rng.normal(0, 0.3)))
        losses.append(min(following, median_limit(losses, explode)) if losses else following)


def test_losses_of_zero_are_no_measure() -> None:
    theta = lr.tensor([0.0], requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=0.1)
    optimizer.guard()
    for loss in (0.0, 0.0, 0.0, 1e-3):
        theta.grad = lr.tensor([1.0])
        optimizer.step(loss)
    assert optimizer.rollbacks == 0


def test_data_that_have_changed_are_not_an_explosion() -> None:
    """The same parameters, good a step ago, at which another batch is a hundred times worse."""
    bowl = Bowl(lr=1e-4)
    bowl.optimizer.guard()
    for _ in range(30):
        bowl.step()
    bowl.h = lr.tensor(1000 * H, dtype="float64")
    for _ in range(4):
        bowl.step()
    # undone once, judged anew from there
    assert bowl.optimizer.rollbacks == 1


def test_detection_alone_raises_and_changes_nothing() -> None:
    bowl = Bowl(lr=0.01, momentum=0.9)
    bowl.optimizer.guard(rollback=False)
    for _ in range(4):
        bowl.step()
    bowl.throw(100.0)
    before = bowl.trained()
    for _ in range(2):
        with pytest.raises(lr.Diverged, match="exploded.*Nothing was changed"):
            bowl.step()
        assert same(bowl.trained(), before)
    bowl.throw(np.nan)
    bowl.step()
    with pytest.raises(lr.Diverged, match="not finite"):
        bowl.step()
    assert bowl.optimizer.rollbacks == 0


@pytest.mark.parametrize("rollback", [True, False])
@pytest.mark.parametrize("rate", [1e38, lr.schedule.Constant(1e38), lr.adapt.HD(initial=1e38)])
def test_parameters_that_overflow_are_put_back(rate, rollback: bool) -> None:
    theta = lr.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=rate)
    optimizer.guard(rollback=rollback)
    closure = lambda: lr.sum(theta) * 1e5  # noqa: E731
    if rollback:
        optimizer.minimize(closure)
    else:
        with pytest.raises(lr.Diverged, match="not finite"):
            optimizer.minimize(closure)
    np.testing.assert_array_equal(theta.numpy(), [1.0, 2.0])
    assert optimizer.rollbacks == rollback and int(optimizer.state_dict()["step"]) == 0


def test_gives_up_after_too_many_in_a_row() -> None:
    theta = lr.tensor([3.0], dtype="float64", requires_grad=True)
    optimizer = lr.optim.SGD([theta], lr=1.0)
    optimizer.guard()
    optimizer.max_skipped = 5

    def cliff() -> lr.Tensor:
        away = theta - 3.0
        return lr.sum(1e30 * away * away - away) + 1.0

    with pytest.raises(lr.Diverged, match="5 steps in a row were undone"):
        for _ in range(20):
            optimizer.minimize(cliff)
    assert optimizer.rollbacks == 5
    np.testing.assert_array_equal(theta.numpy(), [3.0])


def test_says_what_it_did_and_replays() -> None:
    bowl = Bowl(lr=lr.adapt.L4())
    bowl.optimizer.guard()
    bowl.optimizer.record()
    for _ in range(6):
        bowl.step()
    bowl.throw(1e4)
    for _ in range(6):
        bowl.step()
    said = bowl.optimizer.explain(5)
    assert "undone" in said and "exploded" in said and "0.5 times" in said
    history = bowl.optimizer.history
    undone = history["outcome"] == 3
    assert undone.sum() == 1
    assert history["limit"][undone][0] == pytest.approx(median_limit(list(history["loss"][:6]), 10.0))
    rates = lr.adapt.replay(history, lr.adapt.L4())
    assert np.isnan(rates[undone]).all()
    np.testing.assert_array_equal(rates[~undone], history["rate"][~undone])


def test_is_saved_and_on_again_when_loaded(tmp_path) -> None:
    bowl = Bowl(lr=0.01, momentum=0.9)
    bowl.optimizer.guard(explode=20.0)
    for _ in range(40):
        bowl.step()
    bowl.throw(100.0)
    for _ in range(3):
        bowl.step()
    lr.save(tmp_path / "optimizer.safetensors", bowl.optimizer)
    other = Bowl(lr=0.01, momentum=0.9)
    other.theta.assign(lr.tensor(bowl.theta.numpy(), dtype="float64"))
    other.optimizer.load_state_dict(lr.load(tmp_path / "optimizer.safetensors"))
    assert other.optimizer.rollbacks == 1
    for _ in range(10):
        assert bowl.step() == other.step()
    for one in (bowl, other):
        one.throw(100.0)
        one.step()
    assert same(bowl.trained(), other.trained()) and other.optimizer.rollbacks == 2
    for broken in (np.ones(3), np.array([1, 0.5, 1, 0, 0, 0, np.nan]), np.array([9, 10, 1, 0, 0, 0, np.nan])):
        with pytest.raises(lr.Error, match="guard"):
            other.optimizer.load_state_dict(other.optimizer.state_dict() | {"guard": broken})


def network(*between: lr.nn.Module) -> lr.nn.Module:
    lr.seed(4)
    return lr.nn.Sequential(lr.nn.Linear(8, 16), *between, lr.nn.ReLU(), lr.nn.Linear(16, 1))


def regression() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 8)).astype("float32")
    return x, np.tanh(x @ rng.normal(size=(8, 1))).astype("float32")


def squared(outputs: lr.Tensor, y: lr.Tensor) -> lr.Tensor:
    return lr.mean((outputs - y) ** 2)


# a rate that is sound but for one step
SPIKE = lr.schedule.Piecewise([0.05] * 10 + [1e3] + [0.05] * 29, steps=40)


@pytest.mark.parametrize("eager", [False, True], ids=["recorded", "eager"])
def test_fit_survives_a_spike(eager: bool) -> None:
    def loss(outputs: lr.Tensor, y: lr.Tensor) -> lr.Tensor:
        value = squared(outputs, y)
        if eager:
            value.item()
        return value

    def train(guarded: bool) -> np.ndarray:
        model = network()
        optimizer = lr.optim.SGD(model.named_parameters(), lr=SPIKE, momentum=0.9)
        if guarded:
            optimizer.guard()
        history = lr.fit(model, optimizer, regression(), loss=loss, epochs=100, batch_size=24, progress=False)
        assert optimizer.rollbacks > 0
        return history.losses

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(lr.Diverged):
            train(guarded=False)
        losses = train(guarded=True)
    assert losses[-4:].mean() < 0.5 * losses[:4].mean()


@pytest.mark.parametrize("told", [True, False])
def test_statistics_are_put_back(told: bool) -> None:
    model = network(lr.nn.BatchNorm1d(16))
    optimizer = lr.optim.SGD(model.named_parameters(), lr=0.05)
    optimizer.guard(buffers=model.buffers() if told else ())
    if not told:
        lr.fit(model, optimizer, regression(), loss=squared, progress=False)
    x, y = (lr.tensor(a) for a in regression())
    closure = lambda: squared(model(x), y)  # noqa: E731
    for _ in range(3):
        optimizer.minimize(closure)
    kept = [b.numpy().copy() for b in model.buffers()]
    for parameter in model.parameters():
        parameter.assign(lr.tensor(np.full(parameter.shape, np.nan)))
    optimizer.minimize(closure)
    for buffer, before in zip(model.buffers(), kept, strict=True):
        np.testing.assert_array_equal(buffer.numpy(), before)


@pytest.mark.parametrize("explode", [1.0, 0.5, -3.0, 0.0, float("nan")])
def test_bad_limits(explode: float) -> None:
    optimizer = Bowl(lr=0.1).optimizer
    with pytest.raises(lr.ArgumentError, match="guard: explode"):
        optimizer.guard(explode=explode)
    assert "guard" not in optimizer.state_dict()


def test_bad_arguments() -> None:
    optimizer = Bowl(lr=0.1).optimizer
    with pytest.raises(TypeError, match="guard: rollback: got 1"):
        optimizer.guard(rollback=1)
    with pytest.raises(TypeError, match="guard: explode: got 'much'"):
        optimizer.guard(explode="much")
    with pytest.raises(TypeError, match=r"guard: buffers\[0\]"):
        optimizer.guard(buffers=[3.0])
    with pytest.raises(lr.Error):
        optimizer._core.guard(2**40, 10.0, ())
    optimizer.guard()
    with pytest.raises(TypeError, match="the guard needs it"):
        optimizer.step()
    optimizer.guard(on=False)
    assert "guard" not in optimizer.state_dict()
