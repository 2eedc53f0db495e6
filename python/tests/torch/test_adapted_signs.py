"""Directions that are long whatever the gradient: Muon's, and the sign updates of Lion."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

import lrswift as lr

A = lr.adapt


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, arXiv 2302.06675, as packages of torch have it: one that lrswift does not know."""

    def __init__(self, params: Iterable[Any], lr: float = 1e-4, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "betas": (0.9, 0.99), "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                average = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                update = torch.sign(average * first + p.grad * (1 - first))
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
                average.lerp_(p.grad, 1 - second)


BASES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "muon": lambda p, lr=1e-3: torch.optim.Muon(p, lr=lr, weight_decay=0.05),
    "muon, plain": lambda p, lr=1e-3: torch.optim.Muon(p, lr=lr, weight_decay=0.0, nesterov=False),
    "lion": lambda p, lr=1e-3: Lion(p, lr=lr, weight_decay=0.05),
}
RATES: dict[str, Callable[[], Any]] = {
    "l4": A.L4, "tlr": lambda: A.TLR(1e-3, window=4), "tensor": lambda: A.TLR(1e-3, window=4, per="tensor"),
    "hd": lambda: A.HD(1e-3, 1e-8), "sps": lambda: A.SPS(max_lr=0.01), "dog": A.DoG, "dowg": A.DoWG,
    "qlabgrad": lambda: A.QLABGrad(max_lr=0.02), "lqa": lambda: A.LQA(max_lr=0.02),
    "sls": lambda: A.SLS(max_lr=0.02), "bb": lambda: A.BarzilaiBorwein(max_lr=0.01),
    "schedule": lambda: lr.schedule.Constant(1e-3),
}  # fmt: skip


def problem() -> tuple[torch.nn.Module, Callable[[torch.nn.Module], torch.Tensor]]:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(6, 8, bias=False), torch.nn.Tanh(), torch.nn.Linear(8, 3, bias=False)]
    x, y = torch.randn(32, 6).double(), torch.randn(32, 3).double()
    return torch.nn.Sequential(*layers).double(), lambda model: torch.mean((model(x) - y) ** 2)


def train(optimizer: Any, model: torch.nn.Module, loss_of: Callable, steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        if isinstance(optimizer, lr.torch.Adapted):
            optimizer.step(loss=loss, loss_closure=lambda: loss_of(model))
        else:
            optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("base", BASES)
def test_at_a_constant_rate_it_is_the_bare_optimizer(base: str) -> None:
    (model, loss_of), (other, _) = problem(), problem()
    adapted = lr.torch.Adapted(BASES[base](model.parameters()), lr=lr.schedule.Constant(3e-3))
    found = train(adapted, model, loss_of, 15)
    expected = train(BASES[base](other.parameters(), lr=3e-3), other, loss_of, 15)
    assert found == pytest.approx(expected, rel=1e-9)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("base", BASES)
def test_the_rate_sees_the_slope_of_the_step(base: str) -> None:
    """L4's first rate, 0.15 (L - 0.9 0.75 L) / <g, d>, with d the bare optimizer's move at a rate of 1."""
    model, loss_of = problem()
    loss = loss_of(model)
    loss.backward()
    twin = copy.deepcopy(model)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        q.grad = p.grad.clone()
    before = [q.detach().clone() for q in twin.parameters()]
    BASES[base](twin.parameters(), lr=1.0).step()
    moved = [a - b.detach() for a, b in zip(before, twin.parameters(), strict=True)]
    slope = sum(float(torch.sum(p.grad * d)) for p, d in zip(model.parameters(), moved, strict=True))
    adapted = lr.torch.Adapted(BASES[base](model.parameters()), lr=A.L4())
    adapted.step(loss=loss)
    assert adapted.lr == pytest.approx(0.15 * loss.item() * (1 - 0.9 * 0.75) / slope, rel=1e-9)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("base", BASES)
def test_goes_with_every_rate(base: str, rate: str) -> None:
    model, loss_of = problem()
    losses = train(lr.torch.Adapted(BASES[base](model.parameters()), lr=RATES[rate]()), model, loss_of, 60)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert min(losses) < 0.97 * losses[0]


@pytest.mark.parametrize("base", BASES)
def test_whole_methods_have_directions_of_their_own(base: str) -> None:
    model, _ = problem()
    with pytest.raises(lr.Error, match="base"):
        lr.torch.Adapted(BASES[base](model.parameters()), lr=A.Prodigy())
