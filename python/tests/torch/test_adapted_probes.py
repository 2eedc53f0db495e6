"""Trial evaluations in a step of `lrswift.torch.Adapted`: afterwards all is as one evaluation leaves it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.func import functional_call

import lrswift as lr

A = lr.adapt
RATES = {"qlabgrad": A.QLABGrad(), "sls": A.SLS(), "naive": A.NaiveTLR(meta_lr=0.01)}
X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0)) + 1


class Average(torch.nn.Module):
    """Keeps an average of its input, by each of the ways that modules have."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(4))
        self.register_buffer("none", None)
        self.linear = torch.nn.Linear(4, 1)
        self.way = way

    def advance(self, x: torch.Tensor) -> None:
        new = 0.9 * self.average + 0.1 * x.detach().mean(0)
        if self.way == "in place":
            self.average.copy_(new)
        elif self.way == "data":
            self.average.data = new
        elif self.way == "assigned":
            self.average = new
        elif self.way == "registered":
            self.register_buffer("average", new)
        elif self.way == "dictionary":
            self._buffers["average"] = new
        elif self.way == "from none":
            self.none = new if self.none is None else 0.9 * self.none + 0.1 * x.detach().mean(0)
            self.average.copy_(new)
        elif self.way == "method":
            self.average = new

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and self.way != "method":
            self.advance(x)
        return self.linear(x - self.average)


class Scripted(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(4))
        self.norm = torch.nn.BatchNorm1d(4)
        self.linear = torch.nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.average = 0.9 * self.average + 0.1 * x.detach().mean(0)
        return self.linear(self.norm(x) - self.average)


def states(model: torch.nn.Module) -> list[tuple[str, Any]]:
    return [(n, b.clone()) for n, b in sorted(dict(model.named_buffers()).items())]


def step(adapted: lr.torch.Adapted, model: torch.nn.Module, how: str, loss_of: Callable) -> list:
    """One step; the buffers that its own evaluation left, by an evaluation that is counted."""
    left: list = []
    if how == "closure":

        def closure() -> torch.Tensor:
            adapted.zero_grad()
            loss = loss_of()
            left.append(states(model))
            loss.backward()
            return loss

        adapted.step(closure)
        assert len(left) > 1
        return left[0]
    adapted.zero_grad()
    loss = loss_of()
    left.append(states(model))
    loss.backward()
    adapted.step(loss=loss, loss_closure=loss_of)
    return left[0]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("how", ["loss_closure", "closure"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    "way", ["in place", "data", "assigned", "registered", "dictionary", "from none", "method", "scripted"]
)
def test_buffers_are_those_of_one_evaluation(way: str, rate: str, how: str) -> None:
    torch.manual_seed(0)
    model = torch.jit.script(Scripted()) if way == "scripted" else Average(way)
    whole = torch.nn.Sequential(model, torch.nn.BatchNorm1d(1)) if way != "scripted" else model
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=RATES[rate])
    objects = dict(model.named_buffers())

    def loss_of() -> torch.Tensor:
        if way == "method":
            model.advance(X)
        return (whole(X) ** 2).mean()

    for _ in range(3):
        left = step(adapted, whole, how, loss_of)
        assert str(states(whole)) == str(left)
        for (_, found), (_, expected) in zip(states(whole), left, strict=True):
            assert torch.equal(found, expected)
    if way in ("in place", "data"):
        assert all(dict(model.named_buffers())[name] is kept for name, kept in objects.items())
    expected = torch.zeros(4)
    for _ in range(3):
        expected = 0.9 * expected + 0.1 * X.mean(0)
    torch.testing.assert_close(model.average, expected)


def test_a_buffer_that_a_probe_adds_is_gone() -> None:
    class Adds(torch.nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls > 1:
                self.register_buffer("late", torch.ones(1))
            return self.linear(x)

    model = Adds()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=A.QLABGrad())
    step(adapted, model, "loss_closure", lambda: (model(X) ** 2).mean())
    assert model.calls > 1 and not dict(model.named_buffers())


def test_functional_calls_keep_the_models_own_buffers() -> None:
    """Buffers that torch.func exchanges for the length of a call do not end up in the model."""
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    own = dict(model.named_buffers())
    kept = {name: buffer.clone() for name, buffer in own.items()}
    given = {name: buffer.clone() for name, buffer in own.items()}
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=A.QLABGrad())

    def loss_of() -> torch.Tensor:
        return (functional_call(model, {**dict(model.named_parameters()), **given}, (X,)) ** 2).mean()

    left = []
    for _ in range(2):
        adapted.zero_grad()
        loss = loss_of()
        left = [value.clone() for value in given.values()]
        loss.backward()
        adapted.step(loss=loss, loss_closure=loss_of)
    assert all(buffer is own[name] for name, buffer in model.named_buffers())
    assert all(torch.equal(buffer, kept[name]) for name, buffer in model.named_buffers())
    assert all(map(torch.equal, given.values(), left))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", ["modules", "leaf", "detached"])
def test_gradients_of_others_are_those_of_one_evaluation(kind: str, rate: str) -> None:
    """Two optimizers on one loss; a leaf that is in no module; a closure that returns a number."""
    torch.manual_seed(0)
    encoder, head = torch.nn.Linear(4, 8), torch.nn.Linear(8, 1)
    prompt = torch.zeros(4, requires_grad=True)

    def loss_of() -> torch.Tensor:
        return (head(torch.tanh(encoder(X + prompt))) ** 2).mean()

    others = [*head.parameters(), *([prompt] if kind == "leaf" else [])]
    adapted = lr.torch.Adapted(torch.optim.SGD(encoder.parameters()), lr=RATES[rate])
    for _ in range(3):
        for p in (*others, prompt):
            p.grad = None
        expected = torch.autograd.grad(loss_of(), others)
        before = [torch.full_like(p, 2.0) for p in others]
        for p, g in zip(others, before, strict=True):
            p.grad = g

        def closure() -> Any:
            adapted.zero_grad()
            loss = loss_of()
            loss.backward()
            return loss.item() if kind == "detached" else loss

        adapted.step(closure)
        for p, g, value in zip(others, before, expected, strict=True):
            assert p.grad is g
            torch.testing.assert_close(p.grad, value + 2.0)


@contextmanager
def one_rank() -> Iterator[None]:
    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT="0")
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("rate", RATES)
def test_gradients_in_buckets_are_kept_by_value(rate: str) -> None:
    """Data parallel training with gradients that are views of its buckets, which a backward pass fills."""
    found = []
    for parallel in (False, True):
        torch.manual_seed(0)
        model: torch.nn.Module = torch.nn.Sequential(
            torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1)
        )
        with one_rank():
            if parallel:
                model = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
            adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=RATES[rate])

            def closure(model: torch.nn.Module = model, adapted: Any = adapted) -> torch.Tensor:
                adapted.zero_grad(set_to_none=False)
                loss = (model(X) ** 2).mean()
                loss.backward()
                return loss

            rates = []
            for _ in range(4):
                before = [p.detach().clone() for p in model.parameters()]
                adapted.step(closure)
                rates.append(adapted.lr)
                own = [(a - p.detach()) / adapted.lr for a, p in zip(before, model.parameters(), strict=True)]
                # the gradients are those of the step, which moved along them
                torch.testing.assert_close([p.grad for p in model.parameters()], own, rtol=1e-3, atol=1e-4)
            found.append((rates, [p.detach().clone() for p in model.parameters()]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-7)


ORDERS = ["before", "after forward", "before backward", "end of step", "model before", "model after forward"]


def loop(order: str, draws: bool, rate: Any, closure_draws: bool = False) -> tuple[bool, list[str]]:
    """Whether all trial points had the step's masks, and the warnings, in a loop with zero_grad elsewhere."""
    torch.manual_seed(0)
    drop = torch.nn.Dropout(0.5)
    net = torch.nn.Sequential(torch.nn.Linear(4, 32), drop, torch.nn.Linear(32, 1))
    optimizer = lr.torch.Adapted(torch.optim.SGD(net.parameters()), lr=rate)
    masks: list[torch.Tensor] = []
    drop.register_forward_hook(lambda module, given, output: masks.append((output == 0).clone()))

    def loss_of() -> torch.Tensor:
        x = X + 0.1 * torch.randn(X.shape) if closure_draws else X
        return (net(x) ** 2).mean()

    same = True
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(4):
            if draws:
                torch.rand(3)
            if order == "before":
                optimizer.zero_grad()
            if order == "model before":
                net.zero_grad()
            masks.clear()
            loss = loss_of()
            if order == "after forward":
                optimizer.zero_grad()
            if order == "model after forward":
                net.zero_grad()
            loss.backward()
            optimizer.step(loss=loss, loss_closure=loss_of)
            same = same and len(masks) > 1
            # the last of a step's evaluations is at its own random state; a rejected start comes before
            mine = masks[0]
            same = same and all(torch.equal(m, mine) for m in masks[1:])
            if order == "end of step":
                optimizer.zero_grad()
            if order == "before backward":
                net.zero_grad()
    return same, [str(w.message) for w in seen]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rate", ["qlabgrad", "sls", "naive"])
def test_masks_are_the_steps_or_one_warning_says_the_order(order: str, rate: str) -> None:
    same, told = loop(order, draws=True, rate=RATES[rate])
    if order == "before":
        assert same and not told
    else:
        assert len(told) == 1
        assert "call optimizer.zero_grad() right before the forward pass" in told[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("closure_draws", [False, True])
def test_masks_are_the_steps_where_nothing_else_draws(order: str, closure_draws: bool) -> None:
    """The random state at the end of the step before is where the forward pass began. The first step with
    zero_grad after the forward pass tries both; from then on one evaluation a trial point is enough."""
    _, told = loop(order, draws=False, rate=A.QLABGrad(), closure_draws=closure_draws)
    assert not told


def test_a_start_is_found_once() -> None:
    """With zero_grad after the forward pass, only the first step evaluates more than the twin does."""
    counts = []
    for order in ("before", "after forward"):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        optimizer = lr.torch.Adapted(torch.optim.SGD(net.parameters()), lr=A.QLABGrad())
        calls, rates = [0], []

        def loss_of(net: torch.nn.Module = net, calls: list[int] = calls) -> torch.Tensor:
            calls[-1] += 1
            return (net(X) ** 2).mean()

        for _ in range(3):
            calls.append(0)
            if order == "before":
                optimizer.zero_grad()
            loss = loss_of()
            if order == "after forward":
                optimizer.zero_grad()
            loss.backward()
            optimizer.step(loss=loss, loss_closure=loss_of)
            rates.append(optimizer.lr)
        counts.append((calls[1:], rates))
    assert counts[0][1] == counts[1][1]
    (few, more) = counts[0][0], counts[1][0]
    assert more[0] == few[0] + 1 and more[1:] == few[1:]


def test_no_warning_without_random_numbers_or_with_a_closure() -> None:
    for how in ("loss_closure", "closure"):
        torch.manual_seed(0)
        net = torch.nn.Linear(4, 1)
        adapted = lr.torch.Adapted(torch.optim.SGD(net.parameters()), lr=A.SLS())

        def loss_of(net: torch.nn.Module = net, how: str = how) -> torch.Tensor:
            noise = torch.randn(X.shape) if how == "closure" else 0.0
            return (net(X + noise) ** 2).mean()

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(3):
                torch.rand(5)
                step(adapted, net, how, loss_of)
