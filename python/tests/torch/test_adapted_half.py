"""Parameters and gradients in bfloat16: their inner products are summed in more digits than they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import lrswift as lr

A = lr.adapt


def half(shape: tuple[int, ...], seed: int) -> torch.nn.Parameter:
    torch.manual_seed(seed)
    p = torch.nn.Parameter(torch.randn(shape).bfloat16())
    p.grad = torch.randn(shape).bfloat16()
    return p


@pytest.mark.parametrize("size", [7, 1 << 22])
def test_sums_are_those_of_double_precision(size: int) -> None:
    """L4's first rate over SGD, 0.15 (L - 0.9 0.75 L) / <g, g>; bfloat16's own sum stands still at 256.

    On one thread, float32's of the large one is off by 1e-4.
    """
    p, q = half((size,), 0), half((3, 5), 1)
    slope = sum(float(t.grad.double().square().sum()) for t in (p, q))
    adapted = lr.torch.Adapted(torch.optim.SGD([p, q]), lr=A.L4())
    adapted.step(loss=torch.tensor(2.0, dtype=torch.bfloat16))
    assert adapted.lr == pytest.approx(0.15 * 2.0 * (1 - 0.9 * 0.75) / slope, rel=1e-12)


def test_other_products_too() -> None:
    """HD: the rate moves by meta_lr <g, previous direction>."""
    p = half((1 << 18,), 0)
    first = p.grad.double().clone()
    adapted = lr.torch.Adapted(torch.optim.SGD([p]), lr=A.HD(1e-3, meta_lr=1e-9))
    adapted.step(loss=1.0)
    p.grad = half((1 << 18,), 5).grad + p.grad
    change = 1e-9 * float((p.grad.double() * first).sum())
    adapted.step(loss=1.0)
    assert adapted.lr == pytest.approx(1e-3 + change, rel=1e-6) and change > 1e-5


BASES: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "momentum": lambda p: torch.optim.SGD(p, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, eps=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, eps=1e-3),
}


RATES = [A.L4(), A.TLR(0.01, window=3), A.HD(0.01, 1e-4), A.QLABGrad(max_lr=0.1)]


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("base", BASES)
def test_trains_about_as_in_float32(base: str, rate: Any) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(64, 8), torch.randn(64, 2)

    def train(dtype: torch.dtype) -> tuple[list[float], float]:
        torch.manual_seed(1)
        layers = [torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)]
        model = torch.nn.Sequential(*layers).bfloat16().to(dtype)
        adapted, rates = lr.torch.Adapted(BASES[base](model.parameters()), lr=rate), []

        def loss_of() -> torch.Tensor:
            return torch.mean((model(x.to(dtype)).float() - y) ** 2)

        for _ in range(15):
            adapted.zero_grad()
            loss = loss_of()
            loss.backward()
            adapted.step(loss=loss, loss_closure=loss_of)
            rates.append(adapted.lr)
        assert all(p.dtype is dtype and torch.isfinite(p).all() for p in model.parameters())
        return rates, loss_of().item()

    rates, loss = train(torch.bfloat16)
    expected, other = train(torch.float32)
    # gradients of three digits
    assert rates[0] == pytest.approx(expected[0], rel=0.03)
    assert loss == pytest.approx(other, rel=0.1)
