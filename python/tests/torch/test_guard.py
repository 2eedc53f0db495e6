"""The guard of `lr.torch.Adapted`: beside the native one, and alone: what it undoes is undone to the bit."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

import lrswift as lr

# losses of a valley whose walls are steep: steps beyond its edge explode
_START = np.array([1.0, -2.0, 0.5])
_SCALE = np.array([1.0, 3.0, 30.0])


def adapted(rate, base=torch.optim.SGD, **options):
    p = torch.nn.Parameter(torch.tensor(_START))
    return p, lr.torch.Adapted(base([p], lr=1.0, **options), lr=rate)


def loss_of(p, step, spikes=()):
    scale = 200.0 if step in spikes else 1.0
    return scale * 0.5 * (torch.tensor(_SCALE) * p * p).sum() + 0.1 * torch.tanh(p).sum()


def step_of(p, optimizer, step, spikes=()):
    optimizer.zero_grad()
    loss = loss_of(p, step, spikes)
    loss.backward()
    optimizer.step(loss=loss)
    return loss.item()


def run(p, optimizer, first, last, spikes=()):
    return [step_of(p, optimizer, step, spikes) for step in range(first, last)]


def native_run(optimizer, p, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = 0.5 * (lr.tensor(_SCALE, dtype=lr.float64) * p * p).sum() + 0.1 * lr.tanh(p).sum()
        loss.backward()
        losses.append(loss.item())
        optimizer.step(loss)
    return losses


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(("ours", "theirs", "rate", "options"), [
    (lr.optim.SGD, torch.optim.SGD, 0.08, {}),
    (lr.optim.SGD, torch.optim.SGD, 0.15, {"momentum": 0.5}),
    (lr.optim.Adam, torch.optim.Adam, 6.0, {}),
])  # fmt: skip
def test_as_the_native_guard(ours, theirs, rate, options, every):
    q = lr.tensor(_START, dtype=lr.float64, requires_grad=True)
    native = ours([q], lr=rate, **options)
    native.guard(explode=3.0, every=every)
    expected = native_run(native, q, 60)
    p, optimizer = adapted(rate, theirs, **options)
    optimizer.guard(explode=3.0, every=every)
    losses = run(p, optimizer, 0, 60)
    assert native.rollbacks > 0
    assert optimizer.rollbacks == native.rollbacks
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(p.detach().numpy(), q.numpy(), rtol=1e-9)
    assert optimizer.lr == pytest.approx(native.lr, rel=1e-12)


@pytest.mark.parametrize(("base", "rate"), [
    (torch.optim.SGD, 0.01), (torch.optim.Adam, 0.01), (torch.optim.NAdam, 0.01),
    (torch.optim.SGD, lr.adapt.HD(initial=0.01)), (torch.optim.Adam, lr.adapt.NTLR(initial=0.01, window=3)),
    (torch.optim.Adam, lr.adapt.Prodigy()), (torch.optim.SGD, lr.adapt.DoG()),
])  # fmt: skip
def test_what_is_undone_is_undone_to_the_bit(base, rate):
    p, optimizer = adapted(rate, base)
    optimizer.guard()
    run(p, optimizer, 0, 9)
    before = p.detach().clone()
    state = {key: copy.deepcopy(value) for key, value in optimizer.base.state.get(p, {}).items()}
    step_of(p, optimizer, 9)
    assert not torch.equal(p, before)
    # the loss that is judged belongs to the step before it
    step_of(p, optimizer, 10, spikes=(10,))
    assert optimizer.rollbacks == 1
    assert torch.equal(p, before)
    after = optimizer.base.state.get(p, {})
    assert after.keys() == state.keys()
    for key, value in state.items():
        torch.testing.assert_close(after[key], value, rtol=0, atol=0)
    assert optimizer.step_count == 9
    old = optimizer.lr
    step_of(p, optimizer, 11)
    assert optimizer.lr == pytest.approx(old if old == 0 else 0.5 * _rate_without(base, rate), rel=1e-6)


def _rate_without(base, rate):
    """Of the tenth step, where nothing is guarded."""
    p, optimizer = adapted(rate, base)
    run(p, optimizer, 0, 9)
    step_of(p, optimizer, 11)
    return optimizer.lr


def test_two_losses_that_are_not_finite_are_the_steps_fault():
    p, optimizer = adapted(0.01)
    optimizer.guard()
    run(p, optimizer, 0, 5)
    before = p.detach().clone()
    step_of(p, optimizer, 5)
    for _ in range(2):
        optimizer.zero_grad()
        loss_of(p, 0).backward()
        optimizer.step(loss=math.nan)
    assert (optimizer.skipped_steps, optimizer.rollbacks) == (2, 1)
    assert torch.equal(p, before)


def test_one_that_only_detects_changes_nothing():
    p, optimizer = adapted(0.01)
    optimizer.guard(rollback=False)
    run(p, optimizer, 0, 5)
    before = p.detach().clone()
    with pytest.raises(lr.Diverged, match="Nothing was changed") as raised:
        step_of(p, optimizer, 5, spikes=(5,))
    assert raised.value.step == 5
    assert torch.equal(p, before)
    optimizer.guard(on=False)
    step_of(p, optimizer, 5, spikes=(5,))
    assert optimizer.rollbacks == 0


def test_too_many_in_a_row_end_the_run_at_the_last_good_point():
    p = torch.nn.Parameter(torch.tensor(_START))
    optimizer = lr.torch.Adapted(torch.optim.SGD([p], lr=1.0), lr=1e6, max_skipped=4)
    optimizer.guard()
    before = p.detach().clone()
    with pytest.raises(lr.Diverged, match="4 steps in a row were undone"):
        run(p, optimizer, 0, 20)
    assert torch.equal(p, before)


def test_buffers_go_back_too():
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1)
    model = torch.nn.Sequential(*layers).double()
    optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=0.01)
    optimizer.guard(buffers=model.buffers())
    x = torch.randn(16, 4, dtype=torch.float64)

    def step(scale):
        optimizer.zero_grad()
        loss = scale * model(x).square().mean() + 1.0
        loss.backward()
        optimizer.step(loss=loss)

    for _ in range(4):
        step(1.0)
    # buffers as they are when the step's loss has been evaluated: that is when the copy is made
    before = {name: b.clone() for name, b in model.named_buffers()}
    step(1.0)
    kept = {name: b.clone() for name, b in model.named_buffers()}
    step(1e6)
    assert optimizer.rollbacks == 1
    after = dict(model.named_buffers())
    assert all(torch.equal(after[name], kept[name]) for name in kept)
    assert any(not torch.equal(before[name], kept[name]) for name in kept)


def test_a_guard_is_on_beside_auto_and_its_numbers_travel():
    p, optimizer = adapted(lr.adapt.Auto(steps=400), torch.optim.Adam)
    assert run(p, optimizer, 0, 100)[-1] < loss_of(torch.tensor(_START), 0)
    step_of(p, optimizer, 100, spikes=(100,))
    assert optimizer.rollbacks == 1
    assert "the guard has undone 1" in optimizer.explain()
    state = optimizer.state_dict()
    other_p, other = adapted(lr.adapt.Auto(steps=400), torch.optim.Adam)
    other_p.data.copy_(p.data)
    other.load_state_dict(copy.deepcopy(state))
    assert other.rollbacks == 1
    twin = copy.deepcopy((p, optimizer))
    assert run(p, optimizer, 101, 150) == run(other_p, other, 101, 150) == run(*twin, 101, 150)
    state["lrswift"]["machines"][0]["guard.2"] = 9.0
    with pytest.raises(lr.ArgumentError, match="guard"):
        other.load_state_dict(state)


def test_schedulers_of_torch_keep_their_place():
    p, optimizer = adapted(lr.adapt.HD(initial=0.01))
    optimizer.guard()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for step in range(8):
        step_of(p, optimizer, step, spikes=(6,))
        scheduler.step()
    assert optimizer.rollbacks == 1
    assert optimizer.param_groups[0]["lr"].multiplier == pytest.approx(0.9**8, rel=1e-9)


def test_what_it_refuses():
    p, optimizer = adapted(0.01)
    with pytest.raises(lr.ArgumentError, match="explode"):
        optimizer.guard(explode=1.0)
    with pytest.raises(lr.ArgumentError, match="every"):
        optimizer.guard(every=0)
    with pytest.raises(lr.DTypeError, match="rollback"):
        optimizer.guard(rollback=1)
    with pytest.raises(lr.DTypeError, match=r"buffers\[0\]"):
        optimizer.guard(buffers=[1.0])
    optimizer.guard()
    optimizer.zero_grad()
    loss_of(p, 0).backward()
    with pytest.raises(lr.DTypeError, match="the guard needs it"):
        optimizer.step()
