"""The native library's way with torch's tensors, beside torch's own: the same rates, steps and state."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable
from typing import Any

import pytest
import torch

import lrswift as lr
from lrswift import _core
from lrswift.torch import _method_rules
from lrswift.torch._native import product

A = lr.adapt
BASES: dict[str, Callable[[list], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p),
    "decay": lambda p: torch.optim.SGD(p, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, momentum=0.9, dampening=0.3, weight_decay=0.1),
    "heavy ball": lambda p: torch.optim.SGD(p, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, eps=1e-3, weight_decay=0.1, foreach=True),
    "adamw": lambda p: torch.optim.AdamW(p, eps=1e-3, weight_decay=0.1),
    "ema": lambda p: lr.torch.EMA(p, weight_decay=0.1),
    "groups": lambda p: torch.optim.SGD(
        [{"params": p[:2], "momentum": 0.9}, {"params": p[2:], "weight_decay": 0.1}]
    ),
}
RATES = {
    "l4": A.L4(),
    "tlr": A.TLR(window=3),
    "tlr-tensor": A.TLR(0.1, window=1, per="tensor"),
    "hd": A.HD(),
    "hd-multiplicative": A.HD(multiplicative=True),
    "bb": A.BarzilaiBorwein(max_lr=0.5),
    "dog": A.DoG(),
    "sps": A.SPS(),
    "qlabgrad": A.QLABGrad(max_lr=0.3),
}


def network() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    # lengths that no vector register divides
    layers = [torch.nn.Linear(5, 13), torch.nn.Tanh(), torch.nn.Linear(13, 3)]
    return torch.nn.Sequential(*layers).double(), torch.randn(16, 5).double(), torch.randn(16, 3).double()


def loop(adapted: lr.torch.Adapted, problem: tuple, steps: int, each: Callable[[int], None]) -> list[Any]:
    model, x, y = problem
    rates = []
    for t in range(steps):
        each(t)
        adapted.zero_grad()
        loss = torch.mean((model(x) - y) ** 2)
        loss.backward()
        adapted.step(loss=loss, loss_closure=lambda: torch.mean((model(x) - y) ** 2))
        rates.append(adapted.lr if isinstance(adapted.lr, float) else list(adapted.lr.values()))
    return rates


def is_native(adapted: lr.torch.Adapted) -> bool:
    return adapted._finder.find().local is not None


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("base", BASES)
def test_torch_alone_takes_the_same_steps(base: str, rate: str) -> None:
    """Nine steps natively, by torch, and in turns: the same rates, parameters and state of the base."""
    found = []
    for way in ("native", "torch", "turns"):
        problem = network()
        parameters = list(problem[0].parameters())
        adapted = lr.torch.Adapted(BASES[base](parameters), lr=RATES[rate])

        def choose(t: int, way: str = way, adapted: lr.torch.Adapted = adapted) -> None:
            adapted._finder.native = way == "native" or (way == "turns" and t % 3 != 1)

        rates = loop(adapted, problem, 9, choose)
        assert is_native(adapted) == (way != "torch")
        held = [adapted.base.state.get(p, {}) for p in parameters]
        # torch says None where it keeps no momentum
        state = [{k: v for k, v in own.items() if v is not None} for own in held]
        found.append((rates, [p.detach() for p in parameters], state))
    # the difference of two losses, which QLABGrad's parabola is made of, loses half of the digits
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-8, atol=1e-11)


def plain() -> tuple[torch.nn.Parameter, lr.torch.Adapted]:
    p = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    adapted = lr.torch.Adapted(torch.optim.SGD([p]), lr=lr.schedule.Constant(0.5))
    p.grad = torch.ones_like(p)
    return p, adapted


def test_only_plain_tensors_are_handed_over() -> None:
    p, adapted = plain()
    assert is_native(adapted)
    p.grad = torch.ones(3, 2).T
    assert not is_native(adapted)
    adapted.step()
    torch.testing.assert_close(p.detach(), torch.arange(6.0).reshape(2, 3) - 0.5)
    p.grad = torch.ones(1).expand(2, 3)
    assert not is_native(adapted)
    p.grad = torch._neg_view(torch.ones(2, 3))
    assert not is_native(adapted)
    adapted.step()
    torch.testing.assert_close(p.detach(), torch.arange(6.0).reshape(2, 3))
    half = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    half.grad = torch.ones_like(half)
    mixed = lr.torch.Adapted(torch.optim.SGD([half, p]), lr=lr.schedule.Constant(0.5))
    assert not is_native(mixed)
    mixed.step()
    assert half.tolist() == [0.5, 0.5]
    p.data = p.data.T
    p.grad = torch.ones_like(p)
    assert not is_native(adapted)


class Odd(torch.optim.Adam):
    """Does not what Adam does."""

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * 2


@pytest.mark.parametrize("why", ["subclass", "amsgrad", "hook"])
def test_a_base_that_does_more_does_it(why: str) -> None:
    p = torch.nn.Parameter(torch.zeros(3))
    base = Odd([p]) if why == "subclass" else torch.optim.Adam([p], amsgrad=why == "amsgrad")
    seen: list[str] = []
    if why == "hook":
        base.register_step_post_hook(lambda *_: seen.append(why))
    adapted = lr.torch.Adapted(base, lr=lr.schedule.Constant(0.5))
    p.grad = torch.ones_like(p)
    adapted.step()
    if why == "subclass":
        assert p.tolist() == [-1.0] * 3
    elif why == "amsgrad":
        assert "max_exp_avg_sq" in base.state[p]
    else:
        assert seen == ["hook"]


def test_autograd_sees_the_step() -> None:
    """What a graph saved before a step cannot be used after it, as with torch's own optimizers."""
    p, adapted = plain()
    loss = (p * p).sum()
    adapted.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_base_goes_on_alone() -> None:
    """Its state is what torch would have made of it: bare steps after adapted ones are those of a twin."""
    problem, twin = network(), network()
    held, others = list(problem[0].parameters()), list(twin[0].parameters())
    adapted = lr.torch.Adapted(torch.optim.Adam(held), lr=lr.schedule.Constant(0.01))
    bare = torch.optim.Adam(others, lr=0.01)
    loop(adapted, problem, 3, lambda t: None)
    for group in adapted.base.param_groups:
        group["lr"] = 0.01
    for t in range(6):
        for (model, x, y), optimizer in ((problem, adapted.base), (twin, bare)):
            if t < 3 and optimizer is adapted.base:
                continue
            optimizer.zero_grad()
            torch.mean((model(x) - y) ** 2).backward()
            optimizer.step()
    state = copy.deepcopy(adapted.base.state_dict()["state"])
    torch.testing.assert_close((held, state), (others, bare.state_dict()["state"]), rtol=1e-11, atol=1e-14)


def test_addresses_are_checked() -> None:
    values = array("d", [1.0, 2.0, 3.0])
    address, _ = values.buffer_info()
    ok = array("q", [address, 24, address, 24, 0, 0, 0, 0, address, 24])
    for bad, kind, what in [
        ([1, 2], lr.DTypeError, "vectors"), (array("q", [1]), lr.DTypeError, "10 a vector"),
        (array("d", [0.0] * 10), lr.DTypeError, "format 'd'"),
        (array("q", [0, 24] * 5), lr.ArgumentError, "NULL"),
        (array("q", [address + 1, *ok[1:]]), lr.ArgumentError, "aligned"),
        (array("q", [*ok[:9], 16]), lr.ShapeError, "direction of vector 0 must have 24 bytes, got 16"),
        (array("q", [address, 20, *ok[2:]]), lr.ShapeError, "whole elements of 8 bytes, got 20"),
        (array("q", [address, -8, *ok[2:]]), lr.ArgumentError, "negative"),
    ]:  # fmt: skip
        with pytest.raises(kind, match=what):
            _core.vectors_move(True, bad, 0.1)
    with pytest.raises(lr.DTypeError, match="wide"):
        _core.vectors_move(1, ok, 0.1)  # type: ignore[arg-type]
    with pytest.raises(lr.ShapeError, match="state0 of vector 0 must have 24 bytes, got 0"):
        _core.vectors_direction("sgd", {"momentum": 0.9}, 1, True, ok)
    with pytest.raises(lr.ShapeError, match="b of vector 0 must have 24 bytes, got 8"):
        _core.vectors_products(True, array("q", [address, 24, address, 8]))
    with pytest.raises(lr.DTypeError, match="attributes"):
        _core.vectors_direction("sgd", [], 1, True, ok)  # type: ignore[arg-type]
    assert _core.vectors_products(True, array("q", [address, 24, address, 24])) == (14.0,)
    assert values.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("layout", ["plain", "strided", "empty"])
def test_a_product_of_many_numbers_is_summed_in_double_precision(layout: str) -> None:
    """On one thread torch's own float32 sum of as many is off by 1e-4, and its sum of lengths by 1e-2."""
    torch.manual_seed(0)
    size = 0 if layout == "empty" else 1 << 24
    a, b = torch.rand(size), torch.rand(size)
    if layout == "strided":
        a, b = a[::1024], b[::1024]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found, length = product(a, b), _method_rules._length1(a)
    finally:
        torch.set_num_threads(threads)
    # strided vectors are torch's to sum
    within = 1e-5 if layout == "strided" else 1e-13
    assert float(found) == pytest.approx(float((a.double() * b.double()).sum()), rel=within)
    assert float(length) == pytest.approx(float(a.double().sum()), rel=1e-13)
