"""Bad input: which exception, with a message that names the argument, what was given and what is allowed, and
a model and an optimizer that are bit for bit as they were."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from reference.problems import START
from twins import leaf, quadratic

import lrswift as lr

A = lr.adapt

# A message says what is allowed in one of these ways.
ALLOWED = tuple(
    "allowed|needs|use |>|<|least|most|must|between|one of|positive|negative|finite|expected".split("|")
)


def one_step_old(make: Callable, theta, loss: Callable | None = None):
    """An optimizer with some state: one good step behind it."""
    optimizer = make([theta])
    optimizer.minimize(loss or (lambda: quadratic(theta)))
    return optimizer


def snapshot(theta, optimizer) -> dict[str, bytes]:
    """Bytes of the parameter and the state; the count of skipped steps is meant to change."""
    state = {k: np.array(v).tobytes() for k, v in optimizer.state_dict().items() if "skipped" not in k}
    return state | {"the parameter": np.array(theta.numpy()).tobytes()}


@contextmanager
def unchanged(theta, optimizer) -> Iterator[None]:
    before = snapshot(theta, optimizer)
    yield
    after = snapshot(theta, optimizer)
    assert before.keys() == after.keys()
    changed = [key for key in before if before[key] != after[key]]
    assert not changed, f"changed by a rejected step: {changed}"


@contextmanager
def rejected(kind: type[Exception], *words: str, family: bool = True) -> Iterator[None]:
    """Raises `kind`, below lr.Error, with every word in its message and some sign of what is allowed."""
    with pytest.raises(kind) as caught:
        yield
    message = str(caught.value)
    assert not family or isinstance(caught.value, lr.Error), (
        f"{type(caught.value).__mro__} is not below lr.Error"
    )
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} missing from {kind.__name__}: {message!r}"
    assert any(word in message for word in ALLOWED), f"does not say what is allowed: {message!r}"


def shown(value: object) -> str:
    """How a message must show a number at least: without its trailing zeros."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


EVERY_STATE = {
    "momentum": lambda p: lr.optim.SGD(p, lr=0.01, momentum=0.9),
    "adam": lambda p: lr.optim.Adam(p, lr=0.01),
    "l4-mom": lambda p: lr.optim.L4Mom(p),
    "l4-adam": lambda p: lr.optim.L4Adam(p),
    "tlr": lambda p: lr.optim.SGD(p, lr=A.TLR(window=1)),
    "tlr-window": lambda p: lr.optim.SGD(p, lr=A.TLR(window=3), momentum=0.8),
    "naive-tlr": lambda p: lr.optim.SGD(p, lr=A.NaiveTLR(meta_lr=1e-4)),
    "qlabgrad": lambda p: lr.optim.SGD(p, lr=A.QLABGrad()),
}
STATES = pytest.mark.parametrize("make", EVERY_STATE.values(), ids=EVERY_STATE)

# Rates and hyperparameters out of bounds: (what is built, argument, value).

OUT_OF_BOUNDS: list[tuple[Callable, str, object]] = [
    *((A.L4, k, v) for k, v in [("alpha", 0.0), ("alpha", -0.1), ("alpha", math.nan), ("gamma", -0.1)]),
    *(
        (A.L4, k, v)
        for k, v in [("gamma", 1.5), ("tau", 1.0), ("tau", 0.0), ("gamma0", -0.5), ("eps", -1e-3)]
    ),
    *((A.L4, k, v) for k, v in [("lower_bound", math.nan), ("min_lr", math.nan), ("max_lr", -1.0)]),
    *((A.TLR, k, v) for k, v in [("initial", 0.0), ("initial", -0.5), ("bound", 0.0), ("bound", -0.25)]),
    *((A.TLR, k, v) for k, v in [("window", 0), ("window", -3), ("window", 0.0), ("window", -0.5)]),
    *((A.TLR, k, v) for k, v in [("per", "layer"), ("variant", "paperr"), ("steps_per_epoch", 0)]),
    *(
        (A.QLABGrad, k, v)
        for k, v in [("trial", 0.0), ("trial", -0.5), ("trial", math.inf), ("max_ratio", 0.0)]
    ),
    *((A.QLABGrad, k, v) for k, v in [("refind_every", 0), ("refind_every", -5)]),
    *(
        (A.SBFSearch, k, v)
        for k, v in [("start", 0.0), ("start", -1.0), ("rho", 1.0), ("rho", -0.5), ("gate", -0.5)]
    ),
    *((A.SBFSearch, k, v) for k, v in [("max_signals", -1), ("final_signals", -1)]),
]


@pytest.mark.parametrize(("adapter", "argument", "value"), OUT_OF_BOUNDS)
def test_adapter_argument_out_of_bounds(adapter: Callable, argument: str, value: object) -> None:
    """Raised by the adapter or at the latest by the optimizer it is given to."""
    theta = leaf()
    with rejected(ValueError, argument, shown(value)):
        made = adapter(**{argument: value})
        lr.optim.SGD([theta], lr=made)
    assert np.array_equal(theta.numpy(), START)


def test_naive_tlr_needs_a_meta_rate() -> None:
    with pytest.raises(TypeError, match="meta_lr"):
        A.NaiveTLR()
    for argument, value in (("meta_lr", -0.5), ("initial", -0.5)):
        with rejected(ValueError, argument, shown(value)):
            lr.optim.SGD([leaf()], lr=A.NaiveTLR(**{"meta_lr": 1e-3, argument: value}))


@pytest.mark.parametrize("adapter", [A.L4, A.TLR, A.QLABGrad])
def test_least_rate_above_the_greatest(adapter: Callable) -> None:
    with rejected(ValueError, "min_lr", "max_lr", "0.5", "0.25"):
        lr.optim.SGD([leaf()], lr=adapter(min_lr=0.5, max_lr=0.25))


@pytest.mark.parametrize("adapter", [A.L4, A.TLR, A.QLABGrad])
def test_adapter_argument_of_the_wrong_kind(adapter: Callable) -> None:
    with pytest.raises(TypeError, match=r"(?s)no_such|unexpected"):
        adapter(no_such=1)
    with pytest.raises(TypeError, match="max_lr"):
        lr.optim.SGD([leaf()], lr=adapter(max_lr="fast"))


DIRECTION_ARGUMENTS = [
    (lr.optim.SGD, {"lr": -0.5}, "lr"),
    (lr.optim.SGD, {"lr": math.nan}, "lr"),
    (lr.optim.SGD, {"lr": math.inf}, "lr"),
    (lr.optim.SGD, {"momentum": -0.5}, "momentum"),
    (lr.optim.SGD, {"weight_decay": -0.5}, "weight_decay"),
    (lr.optim.Adam, {"lr": -0.5}, "lr"),
    (lr.optim.Adam, {"eps": -0.5}, "eps"),
    (lr.optim.Adam, {"betas": (1.5, 0.999)}, "beta"),
    (lr.optim.Adam, {"betas": (0.9, -0.5)}, "beta"),
    (lr.optim.Adam, {"weight_decay": -0.5}, "weight_decay"),
]


@pytest.mark.parametrize(("make", "options", "argument"), DIRECTION_ARGUMENTS)
def test_direction_argument_out_of_bounds(make: Callable, options: dict, argument: str) -> None:
    (value,) = options.values()
    given = next(v for v in value if not 0 <= v < 1) if isinstance(value, tuple) else value
    with rejected(ValueError, argument, shown(given)):
        make([leaf()], **options)


def test_nesterov_needs_momentum() -> None:
    with rejected(ValueError, "nesterov", "momentum", family=False):
        lr.optim.SGD([leaf()], lr=0.1, nesterov=True)


def test_rate_that_is_no_rate() -> None:
    with rejected(ValueError, "lr", "fast", "l4", "qlabgrad"):
        lr.optim.SGD([leaf()], lr="fast")
    with pytest.raises(TypeError, match="lr"):
        lr.optim.SGD([leaf()], lr=[0.1])


# Parameters.


@STATES
def test_parameter_without_gradient(make: Callable) -> None:
    fixed = lr.tensor(START, dtype=lr.float64)
    with rejected(ValueError, "requires_grad", "param", family=False):
        make([leaf(), fixed])


def test_no_parameters() -> None:
    with pytest.raises(ValueError, match="param"):
        lr.optim.SGD([], lr=0.1)


def test_parameters_that_are_no_tensors() -> None:
    with pytest.raises(TypeError, match=r"(?i)tensor"):
        lr.optim.SGD([START], lr=0.1)
    with pytest.raises(TypeError, match="param"):
        lr.optim.SGD(leaf(), lr=0.1)


def test_only_floating_tensors_have_gradients() -> None:
    with pytest.raises(TypeError, match="int64"):
        lr.tensor([1, 2], requires_grad=True)


def test_fraction_of_an_unknown_epoch() -> None:
    """A window in epochs needs the length of one: from fit or from steps_per_epoch."""
    theta = leaf()
    with pytest.raises(ValueError, match="steps_per_epoch"):
        optimizer = lr.optim.SGD([theta], lr=A.TLR())
        optimizer.minimize(lambda: quadratic(theta))
    assert np.array_equal(theta.numpy(), START)


# Data: the model raises inside the closure, or the loss is not finite.


def classifier(theta) -> Callable:
    """Logits of three classes out of one feature."""
    return lambda x, y: lr.nn.functional.cross_entropy(x @ lr.reshape(theta, (1, 3)), y)


X, Y = np.ones((4, 1)), np.array([0, 1, 2, 0])

BAD_BATCHES = {
    "width": (np.ones((4, 2)), Y, lr.ShapeError, ("matmul", "(4, 2)", "(1, 3)")),
    "label-count": (X, Y[:3], lr.ShapeError, ("cross_entropy", "4", "3")),
    "label-rank": (X, Y[:, None], lr.ShapeError, ("cross_entropy", "(4, 1)")),
    "label-high": (X, np.array([0, 1, 3, 0]), ValueError, ("cross_entropy", "3")),
    "label-negative": (X, np.array([0, 1, -7, 0]), ValueError, ("cross_entropy", "-7")),
    "label-dtype": (X, Y.astype(np.float64), TypeError, ("cross_entropy", "float64", "int64")),
    "empty": (X[:0], Y[:0], ValueError, ("cross_entropy", "0")),
}


@pytest.mark.parametrize("batch", BAD_BATCHES)
@STATES
def test_bad_batch(make: Callable, batch: str) -> None:
    x, y, kind, words = BAD_BATCHES[batch]
    theta = leaf()
    loss = classifier(theta)
    good = (lr.tensor(X, dtype=lr.float64), lr.tensor(Y))
    optimizer = one_step_old(make, theta, lambda: loss(*good))
    bad = lr.tensor(x, dtype=lr.float64), lr.tensor(y, dtype=lr.float64 if y.dtype.kind == "f" else None)
    with unchanged(theta, optimizer), pytest.raises(kind) as caught:
        optimizer.minimize(lambda: loss(*bad))
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} missing from {type(caught.value).__name__}: {caught.value}"
    assert optimizer.skipped_steps == 0
    optimizer.minimize(lambda: loss(*good))  # and goes on


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("loop", ["minimize", "step"])
@STATES
def test_non_finite_data_skips_the_step(make: Callable, loop: str, value: float) -> None:
    theta = leaf()
    optimizer = one_step_old(make, theta)
    x = lr.tensor(np.array([1.0, value, 1.0]), dtype=lr.float64)
    closure = lambda: lr.sum(x * theta * theta)  # noqa: E731
    with unchanged(theta, optimizer):
        if loop == "minimize":
            assert not math.isfinite(optimizer.minimize(closure))
        else:
            optimizer.zero_grad()
            loss = closure()
            loss.backward()
            try:
                optimizer.step(loss)
            except TypeError as error:  # an adapter that probes
                assert "minimize" in str(error)
                return
    assert optimizer.skipped_steps == 1


@STATES
def test_non_finite_gradient_of_a_finite_loss_skips_the_step(make: Callable) -> None:
    theta = leaf(np.zeros(3))
    optimizer = make([theta])
    with unchanged(theta, optimizer):
        loss = optimizer.minimize(lambda: lr.sum(theta * 1e200 * 1e200) + 1.0)
    assert loss == 1.0 and optimizer.skipped_steps == 1


@STATES
def test_diverged_after_twenty_in_a_row(make: Callable) -> None:
    theta = leaf()
    optimizer, good = one_step_old(make, theta), lambda: quadratic(theta)
    nan = lr.tensor(np.full(3, math.nan), dtype=lr.float64)
    bad = lambda: lr.sum(nan * theta)  # noqa: E731
    for _ in range(19):
        optimizer.minimize(bad)
    optimizer.minimize(good)  # a good step starts the count again
    for _ in range(19):
        optimizer.minimize(bad)
    last_good = np.array(theta.numpy())
    with pytest.raises(lr.Diverged, match="20") as caught:
        optimizer.minimize(bad)
    assert isinstance(caught.value, FloatingPointError)
    assert theta.numpy().tobytes() == last_good.tobytes()


# Losses that L4 cannot use.


@pytest.mark.parametrize("make", [lr.optim.L4Mom, lr.optim.L4Adam])
@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_l4_rejects_a_negative_loss(make: Callable, loop: str) -> None:
    theta = leaf()
    optimizer = one_step_old(make, theta)
    with unchanged(theta, optimizer), rejected(ValueError, "loss", "-100", "lower_bound"):
        if loop == "minimize":
            optimizer.minimize(lambda: lr.sum(theta * 0.0) - 100.0)
        else:
            optimizer.zero_grad()
            loss = lr.sum(theta * 0.0) - 100.0
            loss.backward()
            optimizer.step(loss)


def test_l4_rejects_a_loss_below_its_bound() -> None:
    theta = leaf()
    optimizer = one_step_old(lambda p: lr.optim.SGD(p, lr=A.L4(lower_bound=-10.0)), theta)
    optimizer.minimize(lambda: lr.sum(theta * theta) - 9.0)
    with unchanged(theta, optimizer), rejected(ValueError, "loss", "-100", "lower_bound", "-10"):
        optimizer.minimize(lambda: lr.sum(theta * 0.0) - 100.0)


# Adapters that probe, and closures that misbehave.

PROBING = pytest.mark.parametrize("make", [EVERY_STATE["naive-tlr"], EVERY_STATE["qlabgrad"]])


@PROBING
def test_probing_adapter_with_step(make: Callable) -> None:
    theta = leaf()
    optimizer = one_step_old(make, theta)
    loss = quadratic(theta)
    loss.backward()
    with unchanged(theta, optimizer), rejected(TypeError, "minimize", "step", family=False):
        optimizer.step(loss)
    optimizer.minimize(lambda: quadratic(theta))


@PROBING
def test_closure_that_raises_in_a_probe(make: Callable) -> None:
    """Parameters and state are put back, and the run goes on as if nothing had happened."""

    class Boom(Exception):
        pass

    theta, twin = leaf(), leaf()
    optimizer, other = one_step_old(make, theta), one_step_old(make, twin)
    before, calls = np.array(theta.numpy()), []

    def closure():
        calls.append(np.array(theta.numpy()))
        if len(calls) == 2:
            raise Boom
        return quadratic(theta)

    with unchanged(theta, optimizer), pytest.raises(Boom):
        optimizer.minimize(closure)
    assert calls[0].tobytes() == before.tobytes() and calls[1].tobytes() != before.tobytes(), (
        "no probe was made"
    )
    for _ in range(3):
        optimizer.minimize(lambda: quadratic(theta))
        other.minimize(lambda: quadratic(twin))
    assert theta.numpy().tobytes() == twin.numpy().tobytes()


@STATES
def test_closure_that_returns_no_scalar(make: Callable) -> None:
    theta = leaf()
    optimizer = one_step_old(make, theta)
    with unchanged(theta, optimizer), pytest.raises(lr.ShapeError, match=r"(?s)scalar.*3|3.*scalar"):
        optimizer.minimize(lambda: theta * theta)
    with unchanged(theta, optimizer), pytest.raises(TypeError, match=r"(?i)tensor"):
        optimizer.minimize(lambda: 1.0)


@STATES
def test_state_of_another_shape(make: Callable) -> None:
    theta = leaf()
    optimizer = one_step_old(make, theta)
    state = optimizer.state_dict()
    vectors = [key for key, value in state.items() if np.array(value).shape == (3,)]
    for broken in [state | {"no.such.entry": np.zeros(1)}, *(state | {key: np.zeros(7)} for key in vectors)]:
        with unchanged(theta, optimizer), pytest.raises((ValueError, KeyError)):
            optimizer.load_state_dict(broken)
