"""Schedulers of torch over `lrswift.torch.Adapted`, and schedules of ours over torch's optimizers."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
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


S = torch.optim.lr_scheduler
Make = Callable[[torch.optim.Optimizer], Any]
# every scheduler of torch; those that name absolute rates are at the end
EVERY: dict[str, Make] = {
    "lambda": lambda o: S.LambdaLR(o, lambda t: 0.95**t),
    "multiplicative": lambda o: S.MultiplicativeLR(o, lambda t: 0.97),
    "step": lambda o: S.StepLR(o, 7, 0.5),
    "multi-step": lambda o: S.MultiStepLR(o, [5, 20, 21], 0.3),
    "constant": lambda o: S.ConstantLR(o, 0.3, 10),
    "linear": lambda o: S.LinearLR(o, 0.1, 0.8, 20),
    "exponential": lambda o: S.ExponentialLR(o, 0.9),
    "polynomial": lambda o: S.PolynomialLR(o, 30, 2.0),
    "chained": lambda o: S.ChainedScheduler([S.LinearLR(o, 0.1, 1.0, 5), S.ExponentialLR(o, 0.95)]),
    "sequential": lambda o: S.SequentialLR(
        o,
        [S.LinearLR(o, 0.1, 1.0, 5), S.CosineAnnealingLR(o, 20, 0.002), S.ExponentialLR(o, 0.9)],
        [5, 30],
    ),
    "cosine": lambda o: S.CosineAnnealingLR(o, 20, eta_min=0.01),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 8, 2, eta_min=0.01),
    "cyclic": lambda o: S.CyclicLR(o, 0.01, 0.1, 7, cycle_momentum=False),
    "cyclic-momentum": lambda o: S.CyclicLR(o, 0.01, 0.1, 7, mode="exp_range", gamma=0.97),
    "one-cycle": lambda o: S.OneCycleLR(o, 0.2, total_steps=60),
    "one-cycle-three": lambda o: S.OneCycleLR(
        o, 0.2, total_steps=60, three_phase=True, anneal_strategy="linear", cycle_momentum=False
    ),
    "swa": lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.01, anneal_epochs=10),
    "swa-linear": lambda o: torch.optim.swa_utils.SWALR(o, 0.2, 10, "linear"),
}


class Plateau(S.ReduceLROnPlateau):
    """On a loss that never falls."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, factor=0.5, patience=2, min_lr=0.004)

    def step(self) -> None:  # type: ignore[override]
        super().step(1.0)


def scheduled(make: Make, optimizer: torch.optim.Optimizer, steps: int) -> list[tuple]:
    """On w^2 / 2 + v^4: the parameters, group["lr"] of every step, and what the scheduler says is next."""
    w, v = (p for group in optimizer.param_groups for p in group["params"])
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        optimizer.zero_grad()
        (torch.sum(w**2) / 2 + torch.sum(v**4)).backward()
        optimizer.step()
        rate = float(optimizer.param_groups[0]["lr"])
        scheduler.step()
        found.append((w.tolist(), v.tolist(), rate, float(scheduler.get_last_lr()[0])))
    return found


def two_parameters() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.ones(n, dtype=torch.float64)) for n in (3, 2)]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", [*EVERY, "plateau"])
def test_over_a_constant_rate_schedulers_give_the_bare_optimizer(name: str, momentum: float) -> None:
    make = EVERY.get(name, Plateau)
    bare = torch.optim.SGD(two_parameters(), lr=0.05, momentum=momentum)
    base = torch.optim.SGD(two_parameters(), momentum=momentum)
    adapted = lr.torch.Adapted(base, lr=lr.schedule.Constant(0.05))
    expected, found = scheduled(make, bare, 50), scheduled(make, adapted, 50)
    for t, (a, b) in enumerate(zip(expected, found, strict=True)):
        for x, y in zip(a, b, strict=True):
            assert y == pytest.approx(x, rel=1e-11, abs=1e-14), f"step {t}"


@pytest.mark.parametrize("late", [0, 5])
@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("cyclic-momentum", "one-cycle")])
def test_over_an_adapting_rate_a_rate_that_is_named_is_a_factor(name: str, late: int) -> None:
    """HD grows from 0.1 by 0.04 a step on a gradient of 2; the factor is what torch makes of 0.1, over 0.1.

    Also for a scheduler made after `late` steps; no step jumps: effective = own rate times that factor.
    """
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    adapted = lr.torch.Adapted(torch.optim.SGD([weight]), lr=A.HD(initial=0.1, meta_lr=0.01))
    bare = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    own, schedulers = 0.1, []
    for t in range(40):
        if t == late:
            schedulers = [EVERY[name](adapted), EVERY[name](bare)]
        own += 0.04 if t else 0.0
        weight.grad = torch.full_like(weight, 2.0)
        adapted.step(loss=1.0)
        bare.step()
        factor = bare.param_groups[0]["lr"] / 0.1
        assert adapted.lr == pytest.approx(own * factor, rel=1e-9, abs=1e-13), t
        assert float(adapted.param_groups[0]["lr"]) == pytest.approx(own * factor, rel=1e-9, abs=1e-13), t
        for scheduler in schedulers:
            scheduler.step()


def test_rates_are_named_in_units_of_what_the_adapter_starts_from() -> None:
    """A schedule's own warm-up is no part of that, and a method that names no rate starts from 1."""
    for rate, start in [
        (lr.schedule.WarmUp(9) * lr.schedule.Constant(0.05), 0.05), (lr.schedule.WarmUp(9) * A.HD(0.2), 0.2),
        (lr.schedule.Step(0.8, 2, 0.5), 0.8), (A.L4(), 1.0), (A.DoG(), 1.0), (0.07, 0.07),
        (A.TLR(0.3, window=1), 0.3),
    ]:  # fmt: skip
        weight = torch.nn.Parameter(torch.ones(2))
        adapted = lr.torch.Adapted(torch.optim.SGD([weight]), lr=rate)
        weight.grad = torch.ones(2)
        adapted.step(loss=1.0)
        alone = adapted.lr
        again = lr.torch.Adapted(torch.optim.SGD([weight]), lr=rate)
        S.CyclicLR(again, start / 4, start, 10, cycle_momentum=False)
        again.step(loss=1.0)
        assert again.lr == pytest.approx(alone / 4, rel=1e-12), rate


def test_a_number_before_the_first_step_is_the_rate_of_it() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    adapted = lr.torch.Adapted(torch.optim.SGD([weight]), lr=lr.schedule.Constant(0.05))
    assert adapted.param_groups[0]["lr"] == 0.05
    adapted.param_groups[0]["lr"] = torch.tensor(0.25)
    weight.grad = torch.ones(2)
    adapted.step()
    assert weight.tolist() == [0.75, 0.75] and adapted.lr == 0.25
    adapted.param_groups[0]["lr"] = "high"
    with pytest.raises(lr.DTypeError, match=r"param_groups\[0\]: lr: got 'high'"):
        adapted.step()


def test_a_number_of_the_users_beside_a_scheduler_is_a_rate() -> None:
    """HD at 0.1, 0.14, 0.18, ...; 0.9 written after the second step, and halved after every one."""
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    adapted = lr.torch.Adapted(torch.optim.SGD([weight]), lr=A.HD(initial=0.1, meta_lr=0.01))
    scheduler = S.ExponentialLR(adapted, 0.5)
    seen = []
    for t in range(4):
        weight.grad = torch.full_like(weight, 2.0)
        adapted.step(loss=1.0)
        seen.append(adapted.lr)
        if t == 1:
            adapted.param_groups[0]["lr"] = 0.9
        scheduler.step()
    factor = 0.9 / 0.14
    assert seen == pytest.approx([0.1, 0.14 / 2, 0.18 * factor / 2, 0.22 * factor / 4], rel=1e-12)


def test_a_plateau_multiplies_an_adapting_rate() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    adapted = lr.torch.Adapted(torch.optim.SGD([weight]), lr=A.HD(initial=0.1, meta_lr=0.01))
    scheduler = S.ReduceLROnPlateau(adapted, factor=0.5, patience=0, min_lr=0.06)
    seen = []
    for _ in range(5):
        weight.grad = torch.full_like(weight, 2.0)
        adapted.step(loss=1.0)
        seen.append(adapted.lr)
        scheduler.step(1.0)
    # 0.18 / 4 would be below min_lr
    low = 0.06 / 0.09 / 2
    assert seen == pytest.approx(
        [0.1, 0.14, 0.18 / 2, 0.22 * low, 0.26 * low * 0.06 / (0.22 * low)], rel=1e-12
    )


def test_what_readers_make_of_a_rate_is_that_of_floats() -> None:
    adapted = lr.torch.Adapted(torch.optim.SGD([torch.nn.Parameter(torch.ones(2))]), lr=A.HD(initial=0.1))
    S.LambdaLR(adapted, lambda t: 0.5)
    rate = adapted.param_groups[0]["lr"]
    assert (rate, rate + 1, 1 - rate, rate - 1, rate * 2, rate / 2, -rate, rate**2) == (
        0.05, 0.05 + 1, 1 - 0.05, 0.05 - 1, 0.1, 0.025, -0.05, 0.05**2
    )  # fmt: skip
    assert rate + np.float64(1) == 1.05 and type(rate / rate) is float and rate / rate == 1
    assert torch.equal(torch.ones(2) * rate, torch.full((2,), 0.05))


@pytest.mark.parametrize("name", ["cosine", "one-cycle", "swa", "cyclic"])
def test_a_scheduled_run_resumes(name: str) -> None:
    """Optimizer and scheduler from a file, amid the schedule: the rates of the run that went on."""

    def run(resume: bool) -> list[tuple]:
        found: list[tuple] = []
        weights = two_parameters()
        adapted = lr.torch.Adapted(
            torch.optim.SGD(weights, momentum=0.9), lr=A.HD(initial=0.01, meta_lr=1e-5)
        )
        scheduler = EVERY[name](adapted)
        for t in range(30):
            if resume and t == 12:
                file = io.BytesIO()
                torch.save((adapted.state_dict(), scheduler.state_dict(), [w.data for w in weights]), file)
                file.seek(0)
                own, schedule, values = torch.load(file, weights_only=True)
                weights = [torch.nn.Parameter(value) for value in values]
                base = torch.optim.SGD(weights, momentum=0.9)
                adapted = lr.torch.Adapted(base, lr=A.HD(initial=0.01, meta_lr=1e-5))
                scheduler = EVERY[name](adapted)
                adapted.load_state_dict(own)
                scheduler.load_state_dict(schedule)
            adapted.zero_grad()
            (torch.sum(weights[0] ** 2) / 2 + torch.sum(weights[1] ** 4)).backward()
            adapted.step()
            found.append((adapted.lr, *(w.tolist() for w in weights)))
            scheduler.step()
        return found

    assert run(resume=True) == run(resume=False)


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
    for steps in (0, -1, 2.5, "3", True):
        with pytest.raises(lr.ArgumentError, match="steps: got .*; allowed: .* at least 1"):
            lr.torch.schedule(optimizer, [0.1], steps=steps)
    for rates in ([[0.1]], "schedule.json", [None], [0.1, float("nan")]):
        with pytest.raises(lr.DTypeError, match="rates: got .*; allowed: a schedule"):
            lr.torch.schedule(optimizer, rates, steps=3)


def learned(**changes: Any) -> lr.LearnedSchedule:
    found = lr.learn_schedule(
        lambda seed: lr.models.mlp(4, [3], 2, "tanh"), lr.nn.functional.cross_entropy,
        (np.random.default_rng(0).normal(size=(64, 4)), np.arange(64) % 2), steps=12, batch_size=8,
        learning_rates=3, momentums=2, outer_steps=1, progress=False, finalists=1,
    )  # fmt: skip
    values = {"learning_rates": [0.1, 0.2, 0.05], "momentums": [0.5, 0.9], "weight_decays": [0.01]}
    return dataclasses.replace(found, **{k: np.array(v) for k, v in values.items()}, **changes)


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_whole_learned_schedule_is_the_run_that_was_learned(nesterov: bool) -> None:
    """torch.optim.SGD under it ends where `hypergradient` ends with these values."""
    schedule = learned(nesterov=nesterov)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)).double()
    batches = [(torch.randn(8, 4).double(), torch.arange(8) % 2) for _ in range(12)]
    loss, rule = torch.nn.functional.cross_entropy, "nesterov" if nesterov else "sgd"
    values = schedule.learning_rates, schedule.momentums, schedule.weight_decays
    expected = lr.torch.hypergradient(module, loss, batches, batches, *values, optimizer=rule, columns=())
    optimizer = torch.optim.SGD(module.parameters())
    scheduler = lr.torch.schedule(optimizer, schedule, 12, whole=True)
    for x, y in batches:
        optimizer.zero_grad()
        loss(module(x), y).backward()
        optimizer.step()
        scheduler.step()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, expected.parameters[name], rtol=1e-12, atol=1e-14)
    torch.save(scheduler.state_dict(), io.BytesIO())


def test_what_a_whole_schedule_needs() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    sgd = torch.optim.SGD([weight], lr=0.7)
    with pytest.raises(lr.ArgumentError, match="whole: got list as rates; allowed: a LearnedSchedule"):
        lr.torch.schedule(sgd, [0.1], 3, whole=True)
    with pytest.raises(lr.ArgumentError, match="without layers"):
        lr.torch.schedule(sgd, learned(layers=("a",)), 3, whole=True)
    with pytest.raises(lr.ArgumentError, match=r"whole: got a Adam; allowed: a torch.optim.SGD"):
        lr.torch.schedule(torch.optim.Adam([weight]), learned(), 3, whole=True)
    with pytest.raises(lr.ArgumentError, match="steps: got None"):
        lr.torch.schedule(sgd, learned(), whole=True)
    assert sgd.param_groups[0]["lr"] == 0.7
