"""Gradients that are clipped, scaled or divided between backward() and step()."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import lrswift as lr

A = lr.adapt
GENERATOR = torch.Generator().manual_seed(0)
X = 3 * torch.randn(64, 12, generator=GENERATOR, dtype=torch.float64)
Y = torch.randint(0, 5, (64,), generator=GENERATOR)
BASES: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p),
    "momentum": lambda p: torch.optim.SGD(p, momentum=0.9),
    "ema": lambda p: lr.torch.Direction(p, "ema"),
    "adam": lambda p: torch.optim.Adam(p),
}
Clip = Callable[[list[torch.Tensor]], Any]


def network() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.Tanh(), torch.nn.Linear(16, 5)).double()


def by_norm(limit: float) -> Clip:
    return lambda held: torch.nn.utils.clip_grad_norm_(held, limit)


def by_value(limit: float) -> Clip:
    return lambda held: torch.nn.utils.clip_grad_value_(held, limit)


def unseen_by_autograd(limit: float) -> Clip:
    def clip(held: list[torch.Tensor]) -> None:
        for p in held:
            assert p.grad is not None
            p.grad.data.clamp_(-limit, limit)

    return clip


class Run:
    def __init__(self, base: str, rate: Any, clip: Clip | None = None) -> None:
        self.model = network()
        self.held = list(self.model.parameters())
        self.optimizer = lr.torch.Adapted(BASES[base](self.held), rate)
        self.clip = clip

    def loss(self) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.model(X), Y)

    def values(self) -> torch.Tensor:
        return torch.nn.utils.parameters_to_vector(self.held).detach().clone()

    def step(self) -> float:
        """The length of a step with a closure."""
        before = self.values()

        def closure() -> torch.Tensor:
            self.optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            if self.clip is not None:
                self.clip(self.held)
            return loss

        self.optimizer.step(closure)
        return float((self.values() - before).norm())


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("rate", ["l4", "sps", "qlabgrad", "lqa", "sls"])
def test_no_first_step_is_longer_for_clipping_by_norm(base: str, rate: str) -> None:
    free = Run(base, rate).step()
    for limit in (0.3, 0.03):
        assert Run(base, rate, by_norm(limit)).step() <= free * (1 + (1e-8 if base != "adam" else 1e-4))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("clip", [by_value(0.01), unseen_by_autograd(0.01)])
def test_no_first_step_of_l4_is_longer_for_clipping_by_value(base: str, clip: Clip) -> None:
    assert Run(base, "l4", clip).step() <= Run(base, "l4").step() * (1 + 1e-8)


@pytest.mark.parametrize(("base", "name", "options"), [
    ("sgd", "sgd", {}), ("momentum", "sgd", {"momentum": 0.9}), ("ema", "ema", {}), ("adam", "adam", {}),
])  # fmt: skip
@pytest.mark.parametrize("rate", [A.L4(), A.SPS(), A.QLABGrad(), A.BarzilaiBorwein(max_lr=0.1)])
@pytest.mark.parametrize(("norm", "value"), [(0.1, np.inf), (np.inf, 0.02)])
def test_the_native_optimizer_clips_and_steps_the_same(
    base: str, name: str, options: dict[str, float], rate: Any, norm: float, value: float
) -> None:
    ours = Run(base, rate, by_norm(norm) if np.isfinite(norm) else by_value(value))
    values = [p.detach().numpy().copy() for p in ours.held]
    w1, b1, w2, b2 = (lr.tensor(v, dtype=lr.float64, requires_grad=True) for v in values)
    x, y = lr.tensor(X.numpy(), dtype=lr.float64), lr.tensor(Y.numpy())

    def loss() -> lr.Tensor:
        hidden = lr.tanh(x @ w1.T + b1)
        return lr.nn.functional.cross_entropy(hidden @ w2.T + b2, y)

    native = lr.optim.Optimizer([w1, b1, w2, b2], name, rate, options, value, norm)
    for _ in range(10):
        ours.step()
        native.minimize(loss)
        flat = np.concatenate([p.numpy().ravel() for p in (w1, b1, w2, b2)])
        np.testing.assert_allclose(ours.values().numpy(), flat, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("direction", ["sgd", "adam"])
def test_momo_clips_and_steps_as_the_native_one(direction: str) -> None:
    ours = Run(direction, A.MoMo(lr=1e3), by_norm(0.1))
    free = Run(direction, A.MoMo(lr=1e3))
    length = ours.step()
    assert 0 < length <= free.step() * (1 + (1e-8 if direction == "sgd" else 1e-4))


def test_a_scaler_is_told_from_clipping() -> None:
    plain, scaled = (Run("momentum", "l4", by_norm(0.1)) for _ in range(2))
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for _ in range(5):
        plain.step()
        scaled.optimizer.zero_grad()
        loss = scaled.loss()
        scaler.scale(loss).backward()
        scaler.unscale_(scaled.optimizer)
        torch.nn.utils.clip_grad_norm_(scaled.held, 0.1)
        scaler.step(scaled.optimizer, loss=loss)
        scaler.update()
        torch.testing.assert_close(scaled.values(), plain.values(), rtol=1e-9, atol=1e-11)


def test_gradients_divided_by_their_number_are_not_clipped_for_long() -> None:
    whole, parts = Run("sgd", "l4"), Run("sgd", "l4")
    for step in range(6):
        parts.model.load_state_dict(whole.model.state_dict())
        before = parts.values()
        parts.optimizer.zero_grad()
        losses = [torch.nn.functional.cross_entropy(parts.model(X[i::4]), Y[i::4]) for i in range(4)]
        for loss in losses:
            loss.backward()
        for p in parts.held:
            assert p.grad is not None
            p.grad /= 4
        parts.optimizer.step(loss=sum(losses).detach() / 4)  # type: ignore[union-attr]
        length, wanted = float((parts.values() - before).norm()), whole.step()
        # at first it may be clipping
        assert length <= wanted * (1 + 1e-6)
        if step >= 2:
            assert length == pytest.approx(wanted, rel=1e-6)


def test_clipping_that_begins_late_costs_one_step_and_a_warning() -> None:
    run = Run("momentum", "l4")
    for _ in range(10):
        run.step()
    run.clip = by_norm(1e-3)
    with pytest.warns(UserWarning, match=r"changed after backward\(\) for the first time after 10 steps"):
        assert run.step() == 0
    fresh = Run("momentum", "l4")
    for _ in range(10):
        last = fresh.step()
    assert 0 < run.step() < 2 * last


def test_a_copy_and_a_loaded_state_go_on_alike() -> None:
    run = Run("momentum", "l4", by_value(0.01))
    for _ in range(5):
        run.step()
    twin = copy.deepcopy(run)
    loaded = Run("momentum", "l4", by_value(0.01))
    loaded.model.load_state_dict(run.model.state_dict())
    loaded.optimizer.load_state_dict(copy.deepcopy(run.optimizer.state_dict()))
    for _ in range(5):
        run.step()
        twin.step()
        loaded.step()
    assert torch.equal(run.values(), twin.values())
    assert torch.equal(run.values(), loaded.values())


def test_gradients_left_alone_change_nothing() -> None:
    """The step is the one without looking, to the bit."""
    run, blind = Run("adam", "l4"), Run("adam", "l4")
    blind.optimizer._watch = None
    for _ in range(6):
        run.step()
        blind.step()
    assert torch.equal(run.values(), blind.values())


def test_gradients_shortened_to_almost_nothing_are_a_step() -> None:
    def vanish(held: list[torch.Tensor]) -> None:
        for p in held:
            assert p.grad is not None
            p.grad *= 1e-160

    run = Run("sgd", "l4", vanish)
    for _ in range(4):
        assert np.isfinite(run.step())
