"""What a record cannot see is noticed: draws, Python numbers, buffers, and what requires a gradient."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import lrswift as lr
from lrswift.loop.recorder import RecordingWarning

F = lr.nn.functional
X = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")


class Noisy(lr.nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.draw, self.weight = draw, lr.nn.Parameter(lr.ones(1))

    def forward(self, x):
        return x * 0 + self.weight * 0 + self.draw(x.shape)


def losses_of(net, loss=F.mse_loss, epochs=5, **options):
    sgd = lr.optim.SGD(net.parameters(), lr=0.0)
    data = (X, np.zeros_like(X))
    return lr.fit(net, sgd, data, loss=loss, batch_size=32, epochs=epochs, progress=False, **options).losses


@pytest.mark.parametrize("draw", [lambda s: lr.randn(*s), lambda s: lr.rand(*s)], ids=["randn", "rand"])
def test_our_random_numbers_are_recorded_and_drawn_anew(draw):
    lr.seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = losses_of(Noisy(draw))
    assert len(set(recorded)) == 10

    def reading(outputs, y):
        outputs.item() if outputs.size == 1 else float(outputs.sum())
        return F.mse_loss(outputs, y)

    lr.seed(1)
    with pytest.warns(RecordingWarning, match="cannot be recorded"):
        eager = losses_of(Noisy(draw), reading)
    np.testing.assert_array_equal(eager, recorded)


def test_other_random_numbers_are_noticed():
    numbers = np.random.default_rng(3)
    with pytest.warns(RecordingWarning, match="another loss than Python"):
        losses = losses_of(Noisy(lambda s: lr.tensor(numbers.standard_normal(s))))
    assert len(set(losses)) == 10


def test_a_python_number_that_changes_is_noticed_before_the_step():
    state = {"beta": 1.0}
    net = lr.nn.Linear(3, 3)

    def loss(outputs, y):
        return (outputs - y).square().mean() * state["beta"]

    def anneal(history):
        state["beta"] *= 10

    with pytest.warns(RecordingWarning, match="another loss than Python"):
        losses = losses_of(net, loss, epochs=4, callbacks=[anneal], shuffle=False)
    np.testing.assert_allclose(losses[2::2] / losses[:-2:2], 10, rtol=1e-5)


def test_a_warning_turned_into_an_error_leaves_the_model():
    state = {"beta": 1.0}
    net = lr.nn.Linear(3, 3)
    kept = []

    def loss(outputs, y):
        return (outputs - y).square().mean() * state["beta"]

    def anneal(history):
        state["beta"] *= 10
        kept.append(net.state_dict())

    sgd = lr.optim.SGD(net.parameters(), lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        with pytest.raises(RecordingWarning):
            lr.fit(net, sgd, (X, X), loss=loss, epochs=9, progress=False, callbacks=[anneal])
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, kept[-1][name])


def test_a_buffer_that_forward_replaces_is_noticed_and_goes_on():
    class Averaged(lr.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = lr.nn.Linear(3, 3)
            self.register_buffer("average", lr.zeros(3))

        def forward(self, x):
            y = self.layer(x)
            self.average = (self.average * 0.9 + y.mean(0) * 0.1).detach()
            return y

    net = Averaged()
    with pytest.warns(RecordingWarning, match="replaces the buffer average"):
        losses_of(net)
    plain = net.layer(lr.tensor(X)).numpy().mean(0)
    assert np.abs(net.average.numpy()).max() > 0.3 * np.abs(plain).max()


def test_what_is_frozen_in_a_callback_stands_still():
    net = lr.models.mlp(inputs=3, hidden=[4], outputs=3)
    first, last = next(iter(net.parameters())), list(net.parameters())[-1]
    seen = []

    def freeze(history):
        first.requires_grad = False
        seen.append((first.numpy().copy(), last.numpy().copy()))

    sgd = lr.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    lr.fit(net, sgd, (X, X), loss=F.mse_loss, epochs=4, progress=False, callbacks=[freeze])
    for (frozen, _), (_, moving) in zip(seen, seen[1:], strict=False):
        np.testing.assert_array_equal(first.numpy(), frozen)
        assert not np.array_equal(moving, seen[0][1])


def test_a_check_leaves_no_trace():
    """The numbers of a run that is checked in every epoch are those of one that is never checked."""
    from lrswift.loop import recorder

    def run(never):
        lr.seed(5)
        net = lr.nn.Sequential(
            lr.nn.Linear(3, 8), lr.nn.BatchNorm1d(8), lr.nn.Dropout(0.3), lr.nn.Linear(8, 3)
        )
        adam = lr.optim.Adam(net.parameters(), lr=0.01)
        with pytest.MonkeyPatch.context() as patch:
            if never:
                patch.setattr(recorder.Recorder, "agrees", lambda *_: True)
            lr.fit(
                net,
                adam,
                (X, X),
                loss=F.mse_loss,
                epochs=4,
                batch_size=16,
                progress=False,
                log=lambda r: None,
            )
        return net.state_dict()

    checked, unchecked = run(False), run(True)
    for name, value in checked.items():
        np.testing.assert_array_equal(value, unchecked[name])
