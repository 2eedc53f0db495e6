"""The recorder of `lr.torch.Adapted`, beside the native one's on the same steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lrswift as lr
from lrswift.torch._record import fields

START, TARGET = np.array([1.0, -2.0, 0.5]), np.array([0.2, 0.3, -0.4])


def native(rate, steps, guard=False):
    q = lr.tensor(START, dtype=lr.float64, requires_grad=True)
    optimizer = lr.optim.SGD([q], lr=rate)
    optimizer.record()
    if guard:
        optimizer.guard(explode=3.0)
    target = lr.tensor(TARGET, dtype=lr.float64)
    for _ in range(steps):
        optimizer.minimize(lambda: ((q - target) ** 2).sum() + 0.5 * (q[0] * q[1]) ** 2)
    return optimizer


def of_torch(rate, steps, guard=False):
    p = torch.nn.Parameter(torch.tensor(START))
    optimizer = lr.torch.Adapted(torch.optim.SGD([p], lr=1.0), lr=rate)
    optimizer.record()
    if guard:
        optimizer.guard(explode=3.0)
    target = torch.tensor(TARGET)

    def loss():
        return ((p - target) ** 2).sum() + 0.5 * (p[0] * p[1]) ** 2

    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step(loss=value, loss_closure=loss)
    return optimizer


@pytest.mark.parametrize("rate", [
    lr.adapt.L4(), lr.adapt.HD(initial=0.01), lr.adapt.QLABGrad(trial=0.05, find_trial=False), lr.adapt.SPS(),
    lr.adapt.BarzilaiBorwein(), lr.adapt.DoG(),
], ids=lambda rate: type(rate).__name__)  # fmt: skip
def test_rows_are_those_of_the_native_recorder(rate):
    ours, theirs = of_torch(rate, 5).history, native(rate, 5).history
    assert list(ours) == list(theirs) == list(fields())
    for name in ("step", "machine", "loss", "gradient_norm2", "slope", "rate", "outcome", "probes"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, err_msg=name)
    for name in ("probe_length", "probe_loss", "previous_dot"):
        both = np.isfinite(ours[name]) & np.isfinite(theirs[name])
        np.testing.assert_allclose(ours[name][both], theirs[name][both], rtol=1e-8, err_msg=name)


def test_it_explains_as_the_native_one():
    rate = lr.adapt.HD(initial=0.01)
    assert of_torch(rate, 6).explain(5) == native(rate, 6).explain(5)
    optimizer = of_torch(rate, 6)
    assert optimizer.explain() == optimizer.explain(5)
    with pytest.raises(lr.ArgumentError, match="the record holds steps 0 to 5"):
        optimizer.explain(6)


def test_what_the_guard_undid_is_on_record():
    rate = lr.adapt.HD(initial=0.6, meta_lr=0.0)
    ours, theirs = of_torch(rate, 40, guard=True), native(rate, 40, guard=True)
    assert theirs.rollbacks > 0
    for name in ("outcome", "scale", "limit"):
        np.testing.assert_allclose(ours.history[name], theirs.history[name], rtol=1e-9, err_msg=name)
    step = int(ours.history["step"][ours.history["outcome"] == 3][0])
    assert "had exploded" in ours.explain(step)


def test_capacity_switching_off_and_pictures():
    p = torch.nn.Parameter(torch.tensor(START))
    optimizer = lr.torch.Adapted(torch.optim.SGD([p], lr=1.0), lr=lr.adapt.HD(initial=0.01))
    assert len(optimizer.history["step"]) == 0
    with pytest.raises(lr.ArgumentError, match="nothing is on record"):
        optimizer.plot()
    optimizer.record(capacity=4)
    for _ in range(9):
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        optimizer.step(loss=loss)
    assert list(optimizer.history["step"]) == [5, 6, 7, 8]
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, axes = plt.subplots(1, 2)
    assert optimizer.plot(ax=axes) is axes
    assert len(axes[1].lines[0].get_xdata()) == 4
    with pytest.raises(lr.ArgumentError, match="2 axes of matplotlib"):
        optimizer.plot(ax=axes[0])
    plt.close(figure)
    plt.close(optimizer.plot())
    optimizer.record(on=False)
    assert len(optimizer.history["step"]) == 0
    with pytest.raises(lr.ArgumentError, match="capacity"):
        optimizer.record(capacity=0)
