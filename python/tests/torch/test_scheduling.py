"""Schedulers of torch over `lrswift.torch.Adapted`, and schedules of ours over torch's optimizers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import lrswift as lr

A = lr.adapt


SCHEDULERS: dict[str, Callable] = {
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 0.5 / (1 + t)),
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 2, 0.5),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.8),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20),
    "linear": lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.25, 1.0, 4),
    "restarts": lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_of_torch_multiply(name: str) -> None:
    """A scheduled adapter takes the adapter's rates times the scheduler's factors."""
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    plain = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    factors_of = SCHEDULERS[name](plain)
    adapted = lr.torch.Adapted(torch.optim.SGD([weight], lr=7.0), lr=A.HD(initial=0.1, meta_lr=0.01))
    scheduler = SCHEDULERS[name](adapted)
    rate = 0.1
    for t in range(8):
        factor = plain.param_groups[0]["lr"]
        rate += 0.01 * 4 if t else 0.0  # the gradient is 2 throughout
        weight.grad = torch.full_like(weight, 2.0)
        adapted.step(loss=1.0)
        assert adapted.param_groups[0]["lr"] == pytest.approx(rate * factor, rel=1e-12)
        assert adapted.lr == pytest.approx(rate * factor, rel=1e-12)
        plain.step()
        scheduler.step()
        factors_of.step()
        if factor:
            later = rate * plain.param_groups[0]["lr"]
            assert scheduler.get_last_lr()[0] == pytest.approx(later, rel=1e-12)


def test_a_number_that_is_written_is_a_rate() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    adapted = lr.torch.Adapted(torch.optim.SGD([weight]), lr=A.HD(initial=0.1, meta_lr=0.0))
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adapted, factor=0.5, patience=0)
    for expected in (0.1, 0.1, 0.05, 0.025):
        weight.grad = torch.ones_like(weight)
        adapted.step(loss=1.0)
        assert float(adapted.param_groups[0]["lr"]) == pytest.approx(expected, rel=1e-12)
        plateau.step(1.0)
    for group in adapted.param_groups:
        group["lr"] = 0.4
    weight.grad = torch.ones_like(weight)
    adapted.step(loss=1.0)
    assert adapted.lr == pytest.approx(0.4, rel=1e-12)


def test_our_schedules_drive_torch() -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=5.0)
    scheduler = lr.torch.schedule(optimizer, lr.schedule.Step(0.8, 2, 0.5))
    seen = []
    for _ in range(5):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2])


def test_learned_rates_drive_torch() -> None:
    """Entry floor(n t / T) at step t of T, the last one after the end."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=5.0)
    scheduler = lr.torch.schedule(optimizer, [0.1, -0.2, 0.3], steps=7)
    seen = []
    for _ in range(9):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx([0.1, 0.1, 0.1, -0.2, -0.2, 0.3, 0.3, 0.3, 0.3])
    with pytest.raises(lr.ArgumentError, match="steps"):
        lr.torch.schedule(optimizer, [0.1])
    with pytest.raises(lr.DTypeError, match="rates"):
        lr.torch.schedule(optimizer, [[0.1]], steps=3)
