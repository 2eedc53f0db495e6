"""`fit` against a plain NumPy training loop, and its promises: modes, order, interruption, checkpoints."""

import signal
import threading
import time

import numpy as np
import pytest

import lrswift as lr

F = lr.nn.functional
rng = np.random.default_rng(0)
X = rng.normal(size=(150, 6)).astype(np.float32)
Y = (X[:, :3].argmax(1)).astype(np.int64)


def network(seed: int = 0) -> lr.nn.Sequential:
    lr.seed(seed)
    return lr.models.mlp(6, [16], 3, activation="tanh")


def numpy_training(model: lr.nn.Sequential, rate: float, momentum: float, epochs: int, batch: int, seed: int):
    """The same network and SGD, by hand, in double precision."""
    w1, b1, w2, b2 = (p.numpy().astype(float) for p in model.parameters())
    params = [w1, b1, w2, b2]
    velocity = [np.zeros_like(p) for p in params]
    losses = []
    for epoch in range(epochs):
        order = lr.data.permutation(len(X), seed, epoch)
        for start in range(0, len(X), batch):
            x, y = X[order[start : start + batch]].astype(float), Y[order[start : start + batch]]
            h = np.tanh(x @ w1.T + b1)
            z = h @ w2.T + b2
            p = np.exp(z - z.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            losses.append(-np.log(p[np.arange(len(y)), y]).mean())
            dz = (p - np.eye(3)[y]) / len(y)
            dh = dz @ w2 * (1 - h * h)
            grads = [dh.T @ x, dh.sum(0), dz.T @ h, dz.sum(0)]
            for i, g in enumerate(grads):
                velocity[i] = momentum * velocity[i] + g
                params[i] -= rate * velocity[i]
    return np.array(losses), params


def test_equals_a_numpy_loop():
    model = network()
    losses, params = numpy_training(model, 0.1, 0.9, 3, 32, seed=4)
    optimizer = lr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = lr.fit(model, optimizer, (X, Y), epochs=3, batch_size=32, seed=4, progress=False)
    np.testing.assert_allclose(history.losses, losses, rtol=2e-4)
    for parameter, expected in zip(model.parameters(), params, strict=True):
        np.testing.assert_allclose(parameter.numpy(), expected, rtol=1e-3, atol=1e-4)
    assert [row["step"] for row in history.rows] == [5, 10, 15]
    np.testing.assert_allclose(history.rows[1]["train_loss"], losses[5:10].mean(), rtol=1e-3)
    assert history.rows[0]["lr"] == history.rows[0]["lr_low"] == pytest.approx(0.1)


def recorded_and_eager(make, epochs=2, model=network, **options):
    """Losses with the loss recorded, and run anew for every batch because it reads a value."""

    def reads(outputs, labels):
        loss = F.cross_entropy(outputs, labels)
        float(loss)
        return loss

    one = model()
    first = lr.fit(one, make(one), (X, Y), epochs=epochs, progress=False, **options)
    other = model()
    with pytest.warns(UserWarning, match="cannot be recorded"):
        second = lr.fit(other, make(other), (X, Y), loss=reads, epochs=epochs, progress=False, **options)
    return first, second, one, other


OPTIMIZERS = {
    "adam": lambda m: lr.optim.Adam(m.parameters()),
    "l4mom": lambda m: lr.optim.L4Mom(m.parameters()),
    "l4adam": lambda m: lr.optim.L4Adam(m.parameters()),
    "tlr": lambda m: lr.optim.SGD(m.parameters(), lr=lr.adapt.TLR(), momentum=0.8),
    "tlr per tensor": lambda m: lr.optim.SGD(m.parameters(), lr=lr.adapt.TLR(per="tensor", window=1)),
    "naive tlr": lambda m: lr.optim.SGD(m.parameters(), lr=lr.adapt.NaiveTLR(meta_lr=1e-3)),
    "qlabgrad": lambda m: lr.optim.SGD(m.parameters(), lr=lr.adapt.QLABGrad()),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_recorded_equals_eager(name):
    first, second, one, other = recorded_and_eager(OPTIMIZERS[name])
    np.testing.assert_allclose(first.losses, second.losses, rtol=1e-5)
    np.testing.assert_allclose(first.rates, second.rates, rtol=1e-4)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def normalized(seed: int = 0) -> lr.nn.Sequential:
    lr.seed(seed)
    hidden = [lr.nn.Linear(6, 16), lr.nn.BatchNorm1d(16), lr.nn.ReLU(), lr.nn.Dropout(0.3)]
    return lr.nn.Sequential(*hidden, lr.nn.Linear(16, 3))


@pytest.mark.parametrize("name", ["adam", "qlabgrad"])
def test_dropout_and_statistics_recorded_as_eager(name):
    first, second, one, other = recorded_and_eager(OPTIMIZERS[name], model=normalized)
    np.testing.assert_allclose(first.losses, second.losses, rtol=1e-4)
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_validation_modes_and_metrics():
    model = normalized().eval()

    def share(outputs, labels):
        return float((labels == 0).mean())

    history = lr.fit(
        model, lr.optim.Adam(model.parameters(), lr=0.01), (X, Y), (X, Y), epochs=3,
        metrics=("accuracy", share),
        progress=False,
    )  # fmt: skip
    assert not model.training
    row = history.rows[-1]
    outputs = model(X).numpy()
    assert row["accuracy"] == pytest.approx((outputs.argmax(1) == Y).mean())
    assert row["share"] == pytest.approx((Y == 0).mean())
    assert row["valid_loss"] == pytest.approx(F.cross_entropy(model(X), Y).item(), rel=1e-5)
    assert history.rows[-1]["valid_loss"] < history.rows[0]["valid_loss"]


def test_ways_to_pass_data_and_loss():
    def run(train, loss=F.cross_entropy, **options):
        model = network()
        optimizer = lr.optim.SGD(model.parameters(), lr=0.1)
        return lr.fit(
            model, optimizer, train, loss=loss, epochs=2, batch_size=50, progress=False, **options
        ).losses

    plain = run((X, Y), shuffle=False)
    batches = [(X[i : i + 50], Y[i : i + 50]) for i in (0, 50, 100)]
    np.testing.assert_allclose(run(batches), plain, rtol=1e-6)
    np.testing.assert_allclose(run(lr.data.Dataset(X, Y), shuffle=False), plain, rtol=1e-6)
    np.testing.assert_allclose(run((X.astype(float), Y.astype(np.int32)), shuffle=False), plain, rtol=1e-6)
    np.testing.assert_allclose(run((lr.tensor(X), lr.tensor(Y)), shuffle=False), plain, rtol=1e-6)
    np.testing.assert_allclose(
        run((X, Y), lambda model, x, y: F.cross_entropy(model(x), y), shuffle=False), plain
    )
    np.testing.assert_allclose(
        run((X, Y), lambda out, y, scale=2.0: F.cross_entropy(out, y), shuffle=False), plain
    )
    squared = run((X,), lambda model, x: (model(x)).square().mean(), shuffle=False)
    assert squared[-1] < squared[0]
    with pytest.raises(ValueError, match="2 arguments for batches of 3"):
        run((X, X, Y))
    with pytest.raises(ValueError, match="no batch in epoch 2"):
        run(iter(batches))


def test_pixels_are_cast_but_not_scaled():
    pixels = rng.integers(0, 256, (64, 6)).astype(np.uint8)
    losses = []
    for x in (pixels, pixels.astype(np.float32)):
        model = network()
        data = lr.data.Dataset(x, Y[:64])
        losses.append(lr.fit(model, lr.optim.SGD(model.parameters(), lr=1e-4), data, progress=False).losses)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


def test_float64_models_train_in_float64():
    model = network().to("float64")
    losses, params = numpy_training(model, 0.1, 0.9, 2, 32, seed=0)
    optimizer = lr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = lr.fit(model, optimizer, (X, Y), epochs=2, batch_size=32, progress=False)
    np.testing.assert_allclose(history.losses, losses, rtol=1e-11)
    for parameter, expected in zip(model.parameters(), params, strict=True):
        np.testing.assert_allclose(parameter.numpy(), expected, rtol=1e-9)


def test_bad_arguments_leave_the_model_alone():
    model = network()
    before = model.state_dict()
    holes = X.copy()
    holes[7, 1] = np.nan
    cases = [
        ({"train": (X, Y[:5])}, r"\[150, 5\]"),
        ({"train": (holes, Y)}, "train: x: 1 values are not finite, first in row 7"),
        ({"train": (X[:0], Y[:0])}, "0 rows"), ({"train": "data"}, "got str"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": -1}, "epochs"), ({"metrics": ("f1",)}, "metrics"), ({"optimizer": None}, "optimizer"),
        ({"valid": (X, Y[:5])}, "valid"), ({"loss": lambda out, y: out}, "scalar"),
        ({"loss": lambda out, y: 3.0}, "float"),
        ({"train": (X, Y + 1)}, "label"),
    ]  # fmt: skip
    for options, message in cases:
        arguments = {
            "optimizer": lr.optim.SGD(model.parameters(), lr=1.0),
            "train": (X, Y),
            "progress": False,
        }
        with pytest.raises((ValueError, TypeError), match=message):
            lr.fit(model, **{**arguments, **options})
    # the labels of a late batch may be found wrong only after earlier ones were learned
    for name, value in network().state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_diverging_stops_with_the_history():
    model = lr.models.mlp(6, [16], 3)
    optimizer = lr.optim.SGD(model.parameters(), lr=1e30)
    with pytest.raises(lr.Diverged) as caught:
        lr.fit(model, optimizer, (X, Y), epochs=60, progress=False)
    assert isinstance(caught.value, FloatingPointError)
    assert optimizer.skipped_steps >= 20
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())
    assert hasattr(caught.value, "history")


def test_interrupt_within_a_second(interruptible):
    model = lr.models.mlp(6, [256, 256], 3)
    optimizer = lr.optim.SGD(model.parameters(), lr=1e-3)
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.6, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        lr.fit(model, optimizer, (X, Y), epochs=100_000, progress=False)
    assert time.perf_counter() - sent[0] < 1.0
    assert len(caught.value.history.losses) > 0
    assert model.training
    history = lr.fit(model, optimizer, (X, Y), epochs=1, progress=False)
    assert np.isfinite(history.losses).all()


def test_checkpoint_resumes_bit_for_bit(tmp_path):
    def run(epochs, **options):
        model = normalized()
        optimizer = lr.optim.L4Adam(model.parameters())
        history = lr.fit(model, optimizer, (X, Y), (X, Y), epochs=epochs, progress=False, **options)
        return model, history

    whole, expected = run(5)
    run(2, checkpoint=tmp_path / "c")
    model, history = run(5, checkpoint=tmp_path / "c", resume=True)
    np.testing.assert_array_equal(history.losses, expected.losses)
    assert len(history.rows) == 5
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, whole.state_dict()[name])


def test_history_and_callbacks(tmp_path):
    model = network()
    seen = []

    def stop(history):
        seen.append(history.rows[-1]["epoch"])
        return seen[-1] == 2

    optimizer = lr.optim.Adam(model.parameters())
    history = lr.fit(
        model, optimizer, (X, Y), epochs=9, progress=False, log=tmp_path / "log.csv", callbacks=[stop]
    )
    assert seen == [1, 2]
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,step,train_loss,lr,lr_low,lr_high,valid_loss,accuracy,seconds"
    assert len(lines) == 3
    assert "2 epochs" in repr(history)
    pytest.importorskip("matplotlib").use("agg")
    assert len(history.plot().axes) == 2


def test_same_result_for_any_number_of_threads(set_threads):
    losses = []
    for threads in (1, 2, 4):
        set_threads(threads)
        model = normalized()
        losses.append(lr.fit(model, lr.optim.Adam(model.parameters()), (X, Y), progress=False).losses)
    np.testing.assert_array_equal(losses[0], losses[1])
    np.testing.assert_array_equal(losses[0], losses[2])


@pytest.mark.parametrize("kind", ["momentum", "adam", "given"])
def test_windows_of_short_epochs_are_not_shorter_than_the_directions_memory(kind):
    """Of 6 steps, a third of an epoch is 2; over momentum 0.9 consecutive windows would always agree."""
    model, rate = network(), lr.adapt.TLR()
    if kind == "adam":
        optimizer = lr.optim.Adam(model.parameters(), lr=rate)
    else:
        rate = lr.adapt.TLR(steps_per_epoch=6) if kind == "given" else rate
        optimizer = lr.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    history = lr.fit(model, optimizer, (X, Y), epochs=30, batch_size=25, progress=False)
    changes = np.flatnonzero(np.diff(history.rates[:, 0])) + 1
    window = 2 if kind == "given" else 30
    assert len(changes) and (changes % window == 0).all() and (np.diff(changes) == window).any()
