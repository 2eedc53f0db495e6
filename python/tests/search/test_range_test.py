"""`lr_range_test`: against a plain NumPy loop, and that nothing is touched."""

import functools
import random

import numpy as np
import pytest

import lrswift as lr

F = lr.nn.functional
rng = np.random.default_rng(0)
X = rng.normal(size=(320, 8)).astype(np.float32)
Y = (X @ rng.normal(size=(8, 4))).argmax(1)
H = np.array([1.0, 3.0, 0.2])
FEED = (np.ones((4, 1)),)


class Bowl(lr.nn.Module):
    """loss = 1/2 sum of h w^2, in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.w = lr.nn.Parameter(lr.tensor([1.0, -2.0, 3.0], lr.float64))
        self.h = lr.tensor(H, lr.float64)


def bowl_loss(model: Bowl, x: lr.Tensor) -> lr.Tensor:
    return (model.h * model.w.square()).sum() * 0.5 + x.sum() * 0.0


def peeking_loss(model: Bowl, x: lr.Tensor) -> lr.Tensor:
    """The same, but it cannot be recorded."""
    value = bowl_loss(model, x)
    value.item()
    return value


def plain(rates: np.ndarray, smoothing: float, diverge: float, momentum: float = 0.0):
    """Losses, smoothed losses and the suggestion, by the text of the method."""
    w, velocity = np.array([1.0, -2.0, 3.0]), np.zeros(3)
    losses, smoothed = [], []
    for rate in rates:
        loss = 0.5 * (H * w * w).sum()
        losses.append(loss)
        smoothed.append(smoothing * loss + (1 - smoothing) * smoothed[-1] if smoothed else loss)
        velocity = momentum * velocity + H * w
        w = w - rate * velocity
        if smoothed[-1] > diverge * min(smoothed):
            break
    if len(losses) < 17:
        return losses, smoothed, None
    return losses, smoothed, rates[np.gradient(smoothed)[10:-5].argmin() + 10]


@pytest.mark.parametrize("loss", [bowl_loss, peeking_loss])
@pytest.mark.parametrize("mode", ["exponential", "linear"])
@pytest.mark.parametrize(("momentum", "smoothing", "diverge"), [(0.0, 0.05, 5.0), (0.9, 0.3, 2.0)])
@pytest.mark.filterwarnings("ignore:the loss cannot be recorded")
def test_is_the_plain_loop(loss, mode, momentum, smoothing, diverge):
    optimizer = functools.partial(lr.optim.SGD, momentum=momentum)
    start, end = (1e-4, 10.0) if mode == "exponential" else (0.01, 2.0)
    found = lr.lr_range_test(
        Bowl(), loss, FEED, optimizer, start, end, 80, mode, smoothing, diverge, progress=False
    )
    rates = np.geomspace(start, end, 80) if mode == "exponential" else np.linspace(start, end, 80)
    losses, smoothed, suggestion = plain(rates, smoothing, diverge, momentum)
    assert 17 < len(losses) < 80
    np.testing.assert_allclose(found.rates, rates[: len(losses)], rtol=1e-12)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(found.smoothed, smoothed, rtol=1e-9)
    assert found.suggestion == pytest.approx(suggestion, rel=1e-12)


def test_all_steps_and_the_default_start():
    found = lr.lr_range_test(Bowl(), bowl_loss, FEED, end=0.3, steps=60, progress=False)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) == 60
    assert found.rates[0] == 1e-7
    assert found.rates[-1] == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("steps", [16, 17])
def test_a_suggestion_takes_17_points(steps):
    arguments = dict(start=1e-3, end=0.1, steps=steps, progress=False)
    if steps < 17:
        with pytest.warns(UserWarning, match="no suggestion from 16 steps"):
            assert lr.lr_range_test(Bowl(), bowl_loss, FEED, **arguments).suggestion is None
    else:
        found = lr.lr_range_test(Bowl(), bowl_loss, FEED, **arguments)
        assert found.suggestion in found.rates[10:12]


def test_nothing_is_suggested_where_the_loss_rises():
    def rising(model, x):
        return (model.w * 0.0).sum() + x.sum()

    data = [(np.full((1, 1), float(i)),) for i in range(1, 31)]
    with pytest.warns(UserWarning, match="fell nowhere"):
        found = lr.lr_range_test(Bowl(), rising, data, steps=30, diverge=1e9, progress=False)
    assert found.suggestion is None
    np.testing.assert_array_equal(found.losses, np.arange(1.0, 31.0))


@pytest.mark.parametrize("spoiled", ["loss", "gradient"])
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.filterwarnings("ignore:the loss cannot be recorded")
def test_what_is_not_finite_ends_it(spoiled, recorded):
    def loss(model, x):
        # log(0) times 0 is nan; the gradient of the root is infinite at 0 while the root is not
        mean = x.mean()
        bad = mean.log() * 0.0 if spoiled == "loss" else (model.w * mean).sum().square().sqrt() * (1 - mean)
        return (bowl_loss if recorded else peeking_loss)(model, x) + bad

    data = [(np.full((2, 1), 0.0 if i == 20 else 1.0),) for i in range(40)]
    model = Bowl()
    found = lr.lr_range_test(model, loss, data, start=1e-3, end=1e-1, steps=40, progress=False)
    assert len(found.losses) == len(found.smoothed) == len(found.rates) == 21
    assert np.isfinite(found.losses[:20]).all()
    assert np.isnan(found.losses[20]) == (spoiled == "loss")
    np.testing.assert_allclose(found.rates, np.geomspace(1e-3, 1e-1, 40)[:21], rtol=1e-12)
    assert found.suggestion is not None and found.receipt["untouched"]
    np.testing.assert_array_equal(model.w.numpy(), [1.0, -2.0, 3.0])


def test_a_loss_below_zero_has_no_limit():
    def shifted(model, x):
        return bowl_loss(model, x) - 100.0

    found = lr.lr_range_test(Bowl(), shifted, FEED, start=1e-3, end=0.1, steps=30, progress=False)
    assert len(found.losses) == 30 and found.suggestion is not None


def network() -> lr.nn.Sequential:
    lr.seed(0)
    hidden = [lr.nn.Linear(8, 16), lr.nn.BatchNorm1d(16), lr.nn.ReLU(), lr.nn.Dropout(0.1)]
    return lr.nn.Sequential(*hidden, lr.nn.Linear(16, 4))


@pytest.mark.parametrize("data", ["arrays", "batches", "list"])
@pytest.mark.parametrize("optimizer", [lr.optim.SGD, lr.optim.Adam])
def test_leaves_everything_as_it_was(data, optimizer):
    model = network()
    F.cross_entropy(model(X[:32]), Y[:32]).backward()
    model[3].eval()
    loader = lr.data.Batches(X, Y, batch_size=32)
    next(iter(loader))
    source = {"arrays": (X, Y), "batches": loader, "list": [(X[:64], Y[:64]), (X[64:128], Y[64:128])]}[data]
    before = model.state_dict(), loader.state_dict(), [p.grad.numpy().copy() for p in model.parameters()]
    states = lr.random.get_state(), np.random.get_state(), random.getstate()
    found = lr.lr_range_test(model, F.cross_entropy, source, optimizer, batch_size=48, progress=False)
    assert len(found.losses) > 17
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[0][name])
    assert loader.state_dict() == before[1]
    for parameter, grad in zip(model.parameters(), before[2], strict=True):
        np.testing.assert_array_equal(parameter.grad.numpy(), grad)
    assert [m.training for m in model.modules()] == [True, True, True, True, False, True]
    assert found.receipt["untouched"] is True
    assert repr((lr.random.get_state(), np.random.get_state(), random.getstate())) == repr(states)


def test_an_error_in_the_loss_leaves_everything_as_it_was():
    calls = []

    def failing(model, x):
        value = peeking_loss(model, x)
        calls.append(value)
        if len(calls) == 5:
            raise KeyError("stop")
        return value

    model, state = Bowl(), lr.random.get_state()
    with pytest.warns(UserWarning, match="cannot be recorded"), pytest.raises(KeyError):
        lr.lr_range_test(model, failing, FEED, start=1e-2, progress=False)
    np.testing.assert_array_equal(model.w.numpy(), [1.0, -2.0, 3.0])
    assert lr.random.get_state() == state


def test_same_seed_same_result():
    runs = [lr.lr_range_test(network(), F.cross_entropy, (X, Y), seed=s, progress=False) for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)
    assert not np.array_equal(runs[0].losses[:20], runs[2].losses[:20])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start": 0.0}, ValueError, "start: got 0.0; allowed: above 0"),
        ({"start": "1"}, TypeError, "start"),
        ({"start": 1.0, "end": 1.0}, ValueError, "end: got 1.0; allowed: above start"),
        ({"end": float("inf")}, ValueError, "end"),
        ({"steps": 1}, ValueError, "steps: got 1; allowed"),
        ({"steps": 2.0}, ValueError, "steps"),
        ({"steps": True}, ValueError, "steps"),
        ({"mode": "cosine"}, ValueError, "mode: got 'cosine'; allowed"),
        ({"smoothing": 0.0}, ValueError, "smoothing: got 0.0; allowed"),
        ({"smoothing": 1.1}, ValueError, "smoothing"),
        ({"diverge": 1.0}, ValueError, "diverge: got 1.0; allowed"),
        ({"diverge": float("nan")}, ValueError, "diverge"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"data": iter([np.ones((1, 1))])}, ValueError, "data: got an iterator"),
        ({"data": (np.full((1, 1), np.nan),)}, ValueError, "data: array 0"),
        ({"model": 3}, TypeError, "model: got int"),
        ({"model": lr.nn.ReLU()}, ValueError, "model: has no parameters"),
        ({"optimizer": lr.optim.SGD(Bowl().parameters())}, TypeError, "optimizer: got SGD"),
    ],
)
def test_bad_arguments(arguments, error, message):
    given = {"model": Bowl(), "loss": bowl_loss, "data": FEED, "progress": False} | arguments
    with pytest.raises(error, match=message) as caught:
        lr.lr_range_test(**given)
    assert isinstance(caught.value, lr.Error)


def test_plot():
    pytest.importorskip("matplotlib").use("agg")
    found = lr.lr_range_test(Bowl(), bowl_loss, FEED, start=1e-3, steps=40, progress=False)
    figure = found.plot()
    assert len(figure.axes[0].lines) == 3
    figure.canvas.draw()
