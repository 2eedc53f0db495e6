"""What users of other trainers expect of `fit`: who stops it, what accuracy is of, what stays frozen."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr

F = lr.nn.functional
NUMBERS = np.random.default_rng(0)
X = NUMBERS.standard_normal((96, 4)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")


def network():
    lr.seed(0)
    return lr.models.mlp(inputs=4, hidden=[8], outputs=2)


@pytest.mark.parametrize("answer", [True, np.bool_(True), np.True_, 1])
def test_any_true_value_of_a_callback_stops(answer):
    net = network()
    sgd = lr.optim.SGD(net.parameters())
    assert len(lr.fit(net, sgd, (X, Y), epochs=5, progress=False, callbacks=[lambda h: answer]).rows) == 1


@pytest.mark.parametrize("answer", [None, False, np.bool_(False), 0])
def test_others_do_not(answer):
    net = network()
    sgd = lr.optim.SGD(net.parameters())
    assert len(lr.fit(net, sgd, (X, Y), epochs=3, progress=False, callbacks=[lambda h: answer]).rows) == 3


@pytest.mark.parametrize("shaped", [False, True])
def test_accuracy_is_of_the_outputs_that_the_loss_saw(shaped):
    """A loss that prepares its inputs: here they are scaled far away, and may come in another shape."""
    net = network()
    x = (X * 50 + 1000).astype("float32")
    inputs = x.reshape(-1, 2, 2) if shaped else x

    def loss(model, a, b):
        return F.cross_entropy(model((a.reshape(-1, 4) - 1000) / 50), b)

    adam = lr.optim.Adam(net.parameters(), lr=0.02)
    history = lr.fit(net, adam, (inputs, Y), (inputs, Y), loss=loss, epochs=10, progress=False)
    true = float((net(lr.tensor((x - 1000) / 50)).numpy().argmax(1) == Y).mean())
    assert history.rows[-1]["accuracy"] == pytest.approx(true) and true > 0.8


@pytest.mark.parametrize("calls", [0, 2])
def test_no_accuracy_where_the_loss_does_not_call_the_model_once(calls):
    net = network()

    def loss(model, a, b):
        outputs = [model.forward(a)] if calls == 0 else [model(a), model(a * 2)]
        return F.cross_entropy(sum(outputs[1:], outputs[0]), b)

    sgd = lr.optim.SGD(net.parameters())
    history = lr.fit(net, sgd, (X, Y), (X, Y), loss=loss, progress=False)
    assert history.rows[0]["accuracy"] is None and history.rows[0]["valid_loss"] > 0
    assert type(net).__name__ == "Sequential"


def test_metrics_see_the_same_outputs():
    net, seen = network(), []

    def metric(outputs, labels):
        seen.append(outputs)
        return 0.0

    def loss(model, a, b):
        return F.cross_entropy(model(a * 3), b)

    lr.fit(
        net,
        lr.optim.SGD(net.parameters(), lr=0.0),
        (X, Y),
        (X, Y),
        loss=loss,
        metrics=[metric],
        progress=False,
    )
    np.testing.assert_allclose(seen[0], net(lr.tensor(X * 3)).numpy(), rtol=1e-6)


def frozen_network():
    lr.seed(0)
    layers = lr.nn.Linear(4, 8), lr.nn.BatchNorm1d(8), lr.nn.ReLU(), lr.nn.Linear(8, 2)
    net = lr.nn.Sequential(*layers)
    layers[1].eval()
    return net, layers[1]


@pytest.mark.parametrize("run", ["fit", "find_lr", "lr_range_test"])
def test_a_module_put_in_eval_mode_stays_frozen(run):
    net, norm = frozen_network()
    kept = norm.running_mean.numpy().copy()
    if run == "fit":
        lr.fit(net, lr.optim.SGD(net.parameters(), lr=0.1), (X, Y), (X, Y), epochs=2, progress=False)
    elif run == "find_lr":
        lr.find_lr(net, F.cross_entropy, (X, Y), batch_size=16, progress=False)
    else:
        lr.lr_range_test(net, F.cross_entropy, (X, Y), batch_size=16, steps=20, progress=False)
    np.testing.assert_array_equal(norm.running_mean.numpy(), kept)
    assert net.training and not norm.training


def test_a_whole_model_in_eval_mode_is_trained_and_comes_back():
    net, norm = frozen_network()
    net.eval()
    kept = norm.running_mean.numpy().copy()
    lr.fit(net, lr.optim.SGD(net.parameters(), lr=0.1), (X, Y), progress=False)
    assert not np.array_equal(norm.running_mean.numpy(), kept) and not net.training


def test_a_last_batch_of_one_row_says_what_to_do():
    net = lr.nn.Sequential(lr.nn.Linear(4, 8), lr.nn.BatchNorm1d(8), lr.nn.Linear(8, 2))
    with pytest.raises(lr.ShapeError, match="batch_size, or lr.data.Batches.*drop_last=True"):
        lr.fit(net, lr.optim.SGD(net.parameters()), (X[:65], Y[:65]), batch_size=64, progress=False)
    batches = lr.data.Batches(X[:65], Y[:65], batch_size=64, drop_last=True)
    lr.fit(net, lr.optim.SGD(net.parameters()), batches, progress=False)
