"""`find_lr`: what it finds on a problem with a known answer, and that nothing is touched."""

import functools
import random
import signal
import threading

import numpy as np
import pytest

import lrswift as lr

F = lr.nn.functional
rng = np.random.default_rng(0)
X = rng.normal(size=(640, 8)).astype(np.float32)
Y = (X @ rng.normal(size=(8, 4))).argmax(1)


def network() -> lr.nn.Sequential:
    lr.seed(0)
    hidden = [lr.nn.Linear(8, 32), lr.nn.BatchNorm1d(32), lr.nn.ReLU(), lr.nn.Dropout(0.1)]
    return lr.nn.Sequential(*hidden, lr.nn.Linear(32, 4))


class Bowl(lr.nn.Module):
    """loss = h/2 |w|^2: a step of gradient descent is too long exactly from rate 1/h on."""

    def __init__(self, h: float) -> None:
        super().__init__()
        self.h = h
        self.w = lr.nn.Parameter(np.ones(3))


@pytest.mark.parametrize("h", [0.2, 5.0])
@pytest.mark.parametrize("start", [1e-3, 1.0, 10.0])
def test_settles_near_the_inverse_curvature(h, start):
    def loss(model, x):
        return (model.w.square().sum() + x.sum() * 0.0) * (model.h / 2)

    # 1000 batches make windows of 20: after a rate that was too large the displacement needs some to shrink
    data = (np.ones((1000, 1)),)
    found = lr.find_lr(
        Bowl(h),
        loss,
        data,
        lr.optim.SGD,
        batch_size=1,
        start=start,
        max_epochs=9,
        progress=False,
        rule="signs",
    )
    assert found.done
    assert found.value == pytest.approx(1 / h, rel=0.25)
    assert found.lr == pytest.approx(found.value / 10)


@pytest.mark.parametrize("data", ["arrays", "batches", "list"])
def test_leaves_everything_as_it_was(data):
    model = network()
    lr.fit(model, lr.optim.Adam(model.parameters()), (X, Y), progress=False)
    F.cross_entropy(model(X[:32]), Y[:32]).backward()
    model[3].eval()
    loader = lr.data.Batches(X, Y, batch_size=32)
    next(iter(loader))
    source = {"arrays": (X, Y), "batches": loader, "list": [(X[:64], Y[:64]), (X[64:128], Y[64:128])]}[data]
    np.random.seed(3)
    random.seed(3)
    lr.seed(11)
    before = model.state_dict(), loader.state_dict(), [p.grad.numpy().copy() for p in model.parameters()]
    found = lr.find_lr(model, F.cross_entropy, source, batch_size=32, max_epochs=60, progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[0][name])
    assert loader.state_dict() == before[1]
    for parameter, grad in zip(model.parameters(), before[2], strict=True):
        np.testing.assert_array_equal(parameter.grad.numpy(), grad)
    assert [m.training for m in model.modules()] == [True, True, True, True, False, True]
    assert found.receipt["untouched"] is True
    assert found.receipt["before"] == found.receipt["after"]
    assert {"parameters", "buffers", "random", "loader"} <= set(found.receipt["before"])
    expected = lr.rand(3).numpy(), np.random.rand(), random.random()
    lr.seed(11)
    np.random.seed(3)
    random.seed(3)
    np.testing.assert_array_equal(expected[0], lr.rand(3).numpy())
    assert expected[1:] == (np.random.rand(), random.random())


@pytest.mark.filterwarnings("ignore::lrswift.loop.recorder.RecordingWarning")
@pytest.mark.parametrize("search", [lr.find_lr, lr.lr_range_test])
def test_buffers_that_are_assigned_are_back(search):
    """A module that keeps an average by assigning a buffer anew: the object and its values are as before."""

    class Average(lr.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("average", lr.zeros(4))
            self.linear = lr.nn.Linear(4, 1)

        def forward(self, x):
            self.average = self.average * 0.9 + x.mean(0).detach() * 0.1
            return self.linear(x - self.average)

    model, x = Average(), np.random.default_rng(0).standard_normal((64, 4)).astype("float32") + 1
    buffer = model.average
    found = search(model, F.mse_loss, (x, x.sum(1, keepdims=True)), batch_size=16, progress=False)
    assert found.receipt["untouched"] and model.average is buffer
    np.testing.assert_array_equal(buffer.numpy(), np.zeros(4, np.float32))


def test_training_afterwards_is_as_without():
    losses = []
    for search in (False, True):
        model = network()
        if search:
            lr.find_lr(model, F.cross_entropy, (X, Y), max_epochs=20, progress=False)
        losses.append(lr.fit(model, lr.optim.Adam(model.parameters()), (X, Y), progress=False).losses)
    np.testing.assert_array_equal(losses[0], losses[1])


@pytest.mark.parametrize("optimizer", [lr.optim.Adam, functools.partial(lr.optim.SGD, momentum=0.9)])
def test_finds_a_rate_that_trains(optimizer):
    model = network()
    found = lr.find_lr(
        model, F.cross_entropy, (X, Y), optimizer, batch_size=32, max_epochs=20, progress=False, rule="signs"
    )
    assert found.done
    assert len(found.values) == len(found.gradients) == found.steps
    assert set(found.signals) <= {1, -1}
    assert 21 <= len(found.signals) <= 120
    opt = optimizer(model.parameters(), lr=found.lr)
    history = lr.fit(model, opt, (X, Y), epochs=5, batch_size=32, progress=False)
    assert history.rows[-1]["train_loss"] < 0.6 * history.losses[0]


def test_same_seed_same_result():
    found = [
        lr.find_lr(network(), F.cross_entropy, (X, Y), seed=s, max_epochs=20, progress=False)
        for s in (1, 1, 2)
    ]
    assert found[0].value == found[1].value
    np.testing.assert_array_equal(found[0].gradients, found[1].gradients)
    assert (found[0].gradients[:5] != found[2].gradients[:5]).any()


def test_eager_loss_finds_the_same():
    def reads(outputs, labels):
        loss = F.cross_entropy(outputs, labels)
        float(loss)
        return loss

    lr.seed(0)
    model = lr.models.mlp(8, [16], 4)
    recorded = lr.find_lr(model, F.cross_entropy, (X, Y), max_epochs=20, progress=False)
    with pytest.warns(UserWarning, match="cannot be recorded"):
        eager = lr.find_lr(model, reads, (X, Y), max_epochs=20, progress=False)
    assert eager.value == pytest.approx(recorded.value, rel=0.05)
    assert eager.receipt["untouched"]


def test_unfinished_search_warns():
    with pytest.warns(UserWarning, match="max_epochs"):
        found = lr.find_lr(network(), F.cross_entropy, (X, Y), max_epochs=1, progress=False, rule="signs")
    assert not found.done


def test_failure_restores_too():
    model = network()
    before = model.state_dict()

    def fails(outputs, labels):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        lr.find_lr(model, fails, (X, Y), progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_interrupt_restores_too(interruptible):
    model = network()
    before = model.state_dict()
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    search = lr.adapt.SBFSearch(max_signals=10**9, final_signals=10**9)
    with pytest.raises(KeyboardInterrupt):
        lr.find_lr(model, F.cross_entropy, (X, Y), search=search, max_epochs=10**6, progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert model.training


def test_bad_arguments():
    with pytest.raises(ValueError, match="iterator"):
        lr.find_lr(network(), F.cross_entropy, iter([(X, Y)]))
    with pytest.raises(TypeError, match="callable"):
        lr.find_lr(network(), F.cross_entropy, (X, Y), lr.optim.Adam(network().parameters()))
    with pytest.raises(TypeError, match="Module"):
        lr.find_lr(lambda x: x, F.cross_entropy, (X, Y))
    with pytest.raises(ValueError, match="start"):
        lr.find_lr(network(), F.cross_entropy, (X, Y), start=0.0)
    for loss in ("cross_entropy", None):
        with pytest.raises(lr.ArgumentTypeError, match=r"loss: got (str|NoneType); allowed: a function"):
            lr.find_lr(network(), loss, (X, Y), progress=False)
    with pytest.raises(lr.DTypeError, match="data: array 0: got dict; allowed: floating"):
        lr.find_lr(network(), F.cross_entropy, [{"x": X, "y": Y}], progress=False)


def test_plot():
    pytest.importorskip("matplotlib").use("agg")
    found = lr.find_lr(network(), F.cross_entropy, (X, Y), max_epochs=20, progress=False)
    assert len(found.plot().axes) == 2


def test_own_search_is_used():
    search = lr.adapt.SBFSearch(start=0.5, final_signals=5)
    found = lr.find_lr(network(), F.cross_entropy, (X, Y), search=search, max_epochs=20, progress=False)
    assert found.values[0] == 0.5
    assert search.done
