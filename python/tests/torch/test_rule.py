"""The native core's directions as torch optimizers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import lrswift as lr
from lrswift.optim.directions import directions
from lrswift.optim.rules import rules

OPTIONS = {
    "sgd": [
        {},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"momentum": 0.9, "nesterov": True},
    ],
    "rmsprop": [{"eps": 1e-3}, {"momentum": 0.5, "alpha": 0.9, "eps": 1e-3}],
    "adagrad": [{"initial_accumulator_value": 0.2, "lr_decay": 0.1}],
}
CASES = [(name, options) for name in rules() for options in OPTIONS.get(name, [{"weight_decay": 0.1}])]
TORCH = {
    "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad, "adadelta": torch.optim.Adadelta,
}  # fmt: skip


def problem() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    layers = [torch.nn.Linear(5, 13), torch.nn.Tanh(), torch.nn.Linear(13, 3)]
    return torch.nn.Sequential(*layers).double(), torch.randn(16, 5).double(), torch.randn(16, 3).double()


def train(optimizer: torch.optim.Optimizer, model: torch.nn.Module, x, y, steps: int = 9) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.mean((model(x) - y) ** 2)
        loss.backward()
        optimizer.step(loss=loss) if isinstance(optimizer, lr.torch.Adapted) else optimizer.step()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps_are_those_of_lr_optim(name: str, options: dict) -> None:
    model, x, y = problem()
    held = [lr.tensor(p.detach().numpy(), dtype="float64", requires_grad=True) for p in model.parameters()]
    base = lr.torch.Direction(model.parameters(), name, 0.02, **options)
    twin = directions()[name](held, 0.02, **options)
    for _ in range(9):
        base.zero_grad()
        torch.mean((model(x) - y) ** 2).backward()
        for tensor, p in zip(held, model.parameters(), strict=True):
            tensor.grad = lr.tensor(p.grad.numpy(), dtype="float64")
        twin.step()
        base.step()
        for tensor, p in zip(held, model.parameters(), strict=True):
            np.testing.assert_allclose(p.detach().numpy(), tensor.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] in TORCH])
def test_steps_are_those_of_torch(name: str, options: dict) -> None:
    """With what is not equal by default made so: the rules are PyTorch's."""
    given = {"eps": 1e-3, **options} if "eps" in rules()[name].options else options
    results = []
    for make in (
        lambda p: lr.torch.Direction(p, name, 0.02, **given),
        lambda p: TORCH[name](p, 0.02, **given),
    ):
        model, x, y = problem()
        train(make(model.parameters()), model, x, y)
        results.append([p.detach() for p in model.parameters()])
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rate", [lr.adapt.L4(), lr.adapt.HD(0.01), lr.schedule.Constant(0.02)], ids=str)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_adapted_takes_them_natively_and_not(name: str, options: dict, rate: object) -> None:
    results = []
    for native in (True, False):
        model, x, y = problem()
        adapted = lr.torch.Adapted(lr.torch.Direction(model.parameters(), name, **options), lr=rate)
        adapted._finder.native = native
        train(adapted, model, x, y)
        assert (adapted._finder.find().local is not None) == native
        results.append([p.detach() for p in model.parameters()])
    torch.testing.assert_close(*results, rtol=1e-8, atol=1e-11)


def test_state_is_saved_and_resumed() -> None:
    model, x, y = problem()
    base = lr.torch.Direction(model.parameters(), "adadelta")
    train(base, model, x, y, 3)
    twin = copy.deepcopy(model)
    resumed = lr.torch.Direction(twin.parameters(), "adadelta")
    resumed.load_state_dict(copy.deepcopy(base.state_dict()))
    train(base, model, x, y, 3)
    train(resumed, twin, x, y, 3)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    assert set(next(iter(base.state.values()))) == {"square_average", "square_step_average", "step"}


def test_copies_go_on_by_themselves() -> None:
    model, x, y = problem()
    base = lr.torch.Direction(model.parameters(), "rmsprop", momentum=0.5)
    train(base, model, x, y, 2)
    twin, other = copy.deepcopy((model, base))
    train(base, model, x, y, 2)
    train(other, twin, x, y, 2)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("per", ["all", "tensor"])
def test_a_hook_is_called_and_changes_nothing_else(per: str) -> None:
    """With hooks the base steps by itself; slopes are those of the way without."""
    rates, seen = [], []
    for hooked in (False, True):
        model, x, y = problem()
        base = lr.torch.Direction(model.parameters(), "adagrad", weight_decay=0.1)
        if hooked:
            base.register_step_post_hook(lambda *_: seen.append(1))
        rate = lr.adapt.L4() if per == "all" else lr.adapt.TLR(window=3, per=per)
        adapted = lr.torch.Adapted(base, lr=rate)
        train(adapted, model, x, y)
        rates.append(adapted.lr)
    assert len(seen) == 9
    assert rates[0] == pytest.approx(rates[1], rel=1e-10)


def test_groups_and_the_usual_rate() -> None:
    a, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    base = lr.torch.Direction([{"params": [a]}, {"params": [b], "lr": 0.5, "weight_decay": 1.0}], "sgd")
    assert [group["lr"] for group in base.param_groups] == [0.01, 0.5]
    a.grad, b.grad = torch.ones(3), torch.ones(3)
    assert base.step(lambda: "loss") == "loss"
    torch.testing.assert_close(a.detach(), torch.full((3,), 0.99))
    torch.testing.assert_close(b.detach(), torch.zeros(3))
    a.grad = None
    base.step()
    torch.testing.assert_close(a.detach(), torch.full((3,), 0.99))


def test_bad_input() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    with pytest.raises(lr.ArgumentError, match="direction: got 'lion'; allowed: sgd, ema, "):
        lr.torch.Direction([p], "lion")
    with pytest.raises(lr.ArgumentError, match="adam has no option 'momentum'; allowed: betas, eps"):
        lr.torch.Direction([p], "adam", momentum=0.9)
    with pytest.raises(lr.ArgumentError, match="momentum must be at least 0, got -1"):
        lr.torch.Direction([p], "sgd", momentum=-1.0)
    with pytest.raises(lr.ArgumentError, match="momentum must be at least 0, got -1"):
        lr.torch.Direction([{"params": [p], "momentum": -1.0}], "sgd")
    with pytest.raises(lr.ArgumentError, match="lr: got -1"):
        lr.torch.Direction([p], "sgd", -1.0)
    half = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    half.grad = torch.ones_like(half)
    with pytest.raises(lr.DTypeError, match="dtype torch.bfloat16 on cpu; allowed: float32 and float64"):
        lr.torch.Direction([half], "sgd").step()
