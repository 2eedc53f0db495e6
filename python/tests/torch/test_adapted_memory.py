"""`lrswift.torch.Adapted` over memory that has changed since the last step: the same as torch, or an error.

Whatever is refused has changed nothing: parameters, state of the base and of the adapter.
"""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable

import pytest
import torch

import lrswift as lr

A = lr.adapt
BASES: dict[str, Callable[[list], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p),
    "momentum": lambda p: torch.optim.SGD(p, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p),
    "adamw-foreach": lambda p: torch.optim.AdamW(p, foreach=True),
    "amsgrad": lambda p: torch.optim.Adam(p, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p),
    "nadam": lambda p: torch.optim.NAdam(p),
    "ema": lambda p: lr.torch.EMA(p),
    "direction": lambda p: lr.torch.Direction(p, "adadelta"),
}
RATES = {"l4": A.L4(), "hd": A.HD(), "tlr": A.TLR(window=2), "dog": A.DoG(), "qlabgrad": A.QLABGrad()}


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))


def backward(model: torch.nn.Module, seed: int = 0) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
    p = next(model.parameters())
    x = torch.randn(16, p.shape[1], generator=torch.Generator().manual_seed(seed)).to(p.dtype)

    def loss_of() -> torch.Tensor:
        return (model(x) ** 2).mean()

    model.zero_grad()
    loss = loss_of()
    loss.backward()
    return loss, loss_of


def step(adapted: lr.torch.Adapted, model: torch.nn.Module, seed: int = 0) -> None:
    adapted.zero_grad()
    loss, loss_of = backward(model, seed)
    adapted.step(loss=loss, loss_closure=loss_of)


def trained(base: str, rate: str = "l4", steps: int = 2) -> tuple[torch.nn.Module, lr.torch.Adapted]:
    model = network()
    adapted = lr.torch.Adapted(BASES[base](list(model.parameters())), lr=RATES[rate])
    for seed in range(steps):
        step(adapted, model, seed)
    return model, adapted


def held(model: torch.nn.Module, adapted: lr.torch.Adapted) -> tuple:
    own = [(dict(state), [m.state() for m in adapted._machines]) for state in adapted.base.state.values()]
    return copy.deepcopy(([p.detach() for p in model.parameters()], own, adapted.step_count))


def matrix_of(state: dict) -> str:
    """The name of a vector that is laid out as a matrix of weights."""
    return next(key for key, value in state.items() if isinstance(value, torch.Tensor) and value.dim() == 2)


def refused(
    model: torch.nn.Module, adapted: lr.torch.Adapted, kind: type[Exception], match: str, loss: float = 1.0
) -> None:
    before = held(model, adapted)
    with pytest.raises(kind, match=match):
        adapted.step(loss=loss, loss_closure=lambda: torch.tensor(loss))
    after = held(model, adapted)
    assert str(after[2]) == str(before[2])
    torch.testing.assert_close(after[:2], before[:2], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("base", [name for name in BASES if name != "sgd"])
@pytest.mark.parametrize("size", [(1,), (4, 4), (400, 5), (8,), (8, 5, 1)], ids=str)
def test_state_of_another_shape_is_refused(base: str, size: tuple[int, ...]) -> None:
    model, adapted = trained(base)
    backward(model)
    state = adapted.state[model[0].weight]
    name = matrix_of(state)
    state[name] = torch.zeros(size)
    refused(model, adapted, lr.ShapeError, rf"step: state '{name}' of param.0 has shape")


@pytest.mark.parametrize("base", [name for name in BASES if name != "sgd"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64], ids=str)
def test_a_model_of_another_dtype_asks_for_its_state(base: str, dtype: torch.dtype) -> None:
    """model.double() after a step; what the error recommends then trains on."""
    model, adapted = trained(base)
    if dtype is torch.int64:
        state = adapted.state[model[0].weight]
        name = next(
            key for key, value in state.items() if isinstance(value, torch.Tensor) and value.dim() == 2
        )
        state[name] = torch.zeros(8, 5, dtype=dtype)
        backward(model)
        refused(model, adapted, lr.DTypeError, "int64")
        return
    model.to(dtype)
    backward(model)
    refused(model, adapted, lr.DTypeError, f"step: state .* its parameter {dtype}.*load_state_dict")
    if base == "direction" and dtype is not torch.float64:
        return  # whose steps are the native library's alone
    adapted.load_state_dict(adapted.state_dict())
    before = [p.detach().clone() for p in model.parameters()]
    step(adapted, model)
    assert all(p.dtype is dtype and torch.isfinite(p).all() for p in model.parameters())
    assert not all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize("rate", RATES)
def test_a_model_of_another_dtype_trains_on_without_state(rate: str) -> None:
    """SGD has none, and what adapters remember follows: the steps of a model that was float64 throughout."""
    model, twin = network(), network().double()
    rates = []
    for m in (model, twin):
        adapted = lr.torch.Adapted(torch.optim.SGD(m.parameters()), lr=RATES[rate])
        for seed in range(6):
            if seed == 3:
                m.double()
            step(adapted, m, seed)
        rates.append(adapted.lr)
    # DoG has gone 1e-5 from weights of 0.3 by then, of which float32 knows three digits
    assert rates[0] == pytest.approx(rates[1], rel=1e-2 if rate == "dog" else 1e-3)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("to", [(3, 5), (50, 5)], ids=str)
def test_parameters_of_another_size_are_new(rate: str, to: tuple[int, int]) -> None:
    """`p.data` replaced by a layer of more or fewer rows. SGD goes on: all of it is trained, nothing else."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 8, bias=False)
    adapted = lr.torch.Adapted(torch.optim.SGD(layer.parameters()), lr=RATES[rate])
    for seed in range(3):
        step(adapted, layer, seed)
    stale = layer.weight.grad
    whole = torch.randn(to[0] + 2, to[1])
    layer.weight.data = whole[1:-1]  # beside other values
    edges = whole[0].clone(), whole[-1].clone()
    with pytest.raises(
        lr.ShapeError if stale.shape != to else AssertionError, match="the gradient of param.0"
    ):
        adapted.step(loss=1.0, loss_closure=lambda: torch.tensor(1.0))
    layer.weight.grad = None
    for seed in range(3):
        before = layer.weight.detach().clone()
        step(adapted, layer, seed)
        moved = before - layer.weight.detach()
        gradient = layer.weight.grad
        # every row moves along the gradient, by one rate
        factor = adapted.lr
        torch.testing.assert_close(moved, factor * gradient, rtol=1e-4, atol=1e-6)
    assert torch.equal(edges[0], whole[0]) and torch.equal(edges[1], whole[-1])


@pytest.mark.parametrize("base", ["sgd", "adam", "rmsprop", "direction"])
@pytest.mark.parametrize("which", ["parameter", "gradient", "state"])
@pytest.mark.parametrize("left", [0, 4, 100])
def test_a_storage_that_was_cut_is_refused(base: str, which: str, left: int) -> None:
    model, adapted = trained(base)
    backward(model)
    weight = model[0].weight
    if which == "state" and base == "sgd":
        return
    vectors = [v for v in adapted.state[weight].values() if isinstance(v, torch.Tensor) and v.dim() == 2]
    cut = {"parameter": weight, "gradient": weight.grad, "state": vectors[0] if vectors else None}[which]
    whole = cut.detach().clone()
    cut.untyped_storage().resize_(left)
    with pytest.raises(lr.ArgumentError, match=f"a storage of {left} bytes, too few for the 160"):
        adapted.step(loss=1.0)
    cut.untyped_storage().resize_(160)
    with torch.no_grad():
        cut.copy_(whole)
    assert adapted.step_count == 2
    adapted.step(loss=1.0)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("what", ["wide", "sparse", "shape", "expanded", "transposed"])
def test_gradients_of_another_kind(base: str, what: str) -> None:
    """Refused, or, where only their layout is another, as of a twin whose gradients are contiguous."""
    (model, adapted), (twin, other) = trained(base, "hd"), trained(base, "hd")
    loss, _ = backward(model)
    backward(twin)
    weight = model[0].weight
    g = weight.grad
    if what in ("expanded", "transposed"):
        if what == "expanded":
            weight.grad = torch.full((1, 1), 0.25).expand(8, 5)
            twin[0].weight.grad = torch.full((8, 5), 0.25)
        else:
            weight.grad = g.T.contiguous().T
        if base == "direction":
            refused(model, adapted, lr.DTypeError, "allowed: .* contiguous")
            return
        for _ in range(3):
            adapted.step(loss=loss)
            other.step(loss=loss)
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-7)
        return
    if what == "wide":
        weight.grad_dtype = None
        weight.grad = g.double()
    elif what == "sparse":
        weight.grad = None
        weight.grad = g.to_sparse()
    else:
        weight.data = torch.zeros(9, 5)
        weight.grad = None
        weight.grad = torch.ones(9, 5)
        weight.data = torch.zeros(8, 5)
    kind = lr.ShapeError if what == "shape" else lr.DTypeError
    refused(model, adapted, kind, "step: the gradient of param.0")


def test_another_device_is_seen() -> None:
    """The device without memory stands for an accelerator: nothing of it is read."""
    model, adapted = trained("adam")
    backward(model)
    adapted.state[model[0].weight]["exp_avg"] = torch.zeros(8, 5, device="meta")
    with pytest.raises(lr.DTypeError, match="on meta, its parameter torch.float32 on cpu"):
        adapted.step(loss=1.0)
    model, adapted = trained("sgd")
    backward(model)
    elsewhere = torch.nn.Parameter(torch.zeros(3, device="meta"))
    elsewhere.grad = torch.zeros_like(elsewhere)
    adapted.base.param_groups[0]["params"][3] = elsewhere
    with pytest.raises(lr.ArgumentError, match="allowed: one device"):
        adapted.step(loss=1.0)


def test_state_that_was_cleared_begins_anew() -> None:
    """As with torch: Adam's bias corrections, too."""
    model, twin = network(), network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=lr.schedule.Constant(0.01))
    bare = torch.optim.Adam(twin.parameters(), lr=0.01)
    for seed in range(6):
        if seed == 3:
            adapted.state.clear()
            bare.state.clear()
        for m, optimizer in ((model, adapted), (twin, bare)):
            backward(m, seed)
            optimizer.step()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-7)


def test_memory_is_laid_out_as_its_parameter() -> None:
    """Channels last, then contiguous: what is remembered of the step before is paired element by element."""
    found = []
    for changes in (True, False):
        torch.manual_seed(0)
        layer = torch.nn.Conv2d(3, 4, 3).double()
        if changes:
            layer.to(memory_format=torch.channels_last)
        adapted = lr.torch.Adapted(torch.optim.SGD(layer.parameters()), lr=A.BarzilaiBorwein(max_lr=0.5))
        x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        for seed in range(6):
            if seed == 3:
                layer.to(memory_format=torch.contiguous_format)
            adapted.zero_grad()
            loss = (layer(x) ** 2).mean()
            loss.backward()
            adapted.step(loss=loss)
        found.append((adapted.lr, layer.weight.detach().contiguous()))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


def test_a_loss_that_changes_a_parameter_is_put_back() -> None:
    """A closure that replaces `p.data` by more elements: the old values, and no write past them."""
    model, adapted = trained("sgd", "qlabgrad")
    loss, loss_of = backward(model)
    before = [p.detach().clone() for p in model.parameters()]

    def grows() -> torch.Tensor:
        model[0].weight.data = torch.ones(900, 5)
        return loss.detach() * 0.5

    adapted.step(loss=loss, loss_closure=grows)
    for p, old in zip(model.parameters(), before, strict=True):
        assert p.shape == old.shape
    step(adapted, model)

    def narrows() -> torch.Tensor:
        model[0].weight.data = model[0].weight.data.double()
        return loss.detach() * 0.5

    before = [p.detach().clone() for p in model.parameters()]
    loss, _ = backward(model)
    with pytest.raises(lr.ArgumentError, match="another shape, dtype or device"):
        adapted.step(loss=loss, loss_closure=narrows)
    torch.testing.assert_close([p.detach().float() for p in model.parameters()], before, rtol=0, atol=0)


def test_direction_checks_its_state() -> None:
    """`Direction` alone, whose steps are native: state of another model, and of another dtype."""
    small, big = torch.nn.Linear(4, 4), torch.nn.Linear(300, 300)
    base = lr.torch.Direction(small.parameters(), "adam")
    backward(small)
    base.step()
    other = lr.torch.Direction(big.parameters(), "adam")
    other.load_state_dict(copy.deepcopy(base.state_dict()))
    backward(big)
    before = big.weight.detach().clone()
    with pytest.raises(lr.ShapeError, match="has shape \\(4, 4\\), its parameter \\(300, 300\\)"):
        other.step()
    assert torch.equal(big.weight, before)
    small.double()
    backward(small)
    with pytest.raises(lr.DTypeError, match="is torch.float32 on cpu, its parameter torch.float64"):
        base.step()


def test_a_step_without_any_gradient_does_nothing() -> None:
    """As with torch's optimizers: for one of two networks in turns, with a loss, a closure, and none."""
    model, adapted = trained("adam")
    before = held(model, adapted)
    adapted.zero_grad()
    assert adapted.step(loss=torch.tensor(3.0)) == 3.0
    assert adapted.step() is None
    assert adapted.step(lambda: 5.0) == 5.0
    adapted.observe(7.0)
    adapted.step()
    torch.testing.assert_close(held(model, adapted)[:2], before[:2], rtol=0, atol=0)
    assert adapted.step_count == 2 and adapted.skipped_steps == 0
    loss, _ = backward(model)
    with pytest.raises(lr.DTypeError, match="L4 needs it"):
        adapted.step()  # what was observed without a gradient is not the loss of this step
    adapted.step(loss=loss)


def test_what_users_keep_in_the_state_is_theirs() -> None:
    """Entries that the base does not know, of any shape and dtype: left alone, saved and loaded."""
    model, adapted = trained("adam")
    for p in model.parameters():
        adapted.state[p]["master"] = torch.zeros(2, dtype=torch.float64)
    step(adapted, model)
    adapted.load_state_dict(copy.deepcopy(adapted.state_dict()))
    step(adapted, model)
    assert adapted.state[model[0].weight]["master"].shape == (2,)


@pytest.mark.parametrize("rate", RATES)
def test_a_model_is_freed_without_the_collector(rate: str) -> None:
    """Models are large: none may wait until Python looks for circles."""
    for turn in range(2):  # torch keeps something of its first step
        model = network()
        optimizer = lr.torch.Adapted(BASES["sgd"](list(model.parameters())), lr=RATES[rate])
        gc.collect()
        gc.disable()
        try:

            def closure(model=model, optimizer=optimizer) -> torch.Tensor:
                optimizer.zero_grad()
                loss = (model(torch.ones(4, 5)) ** 2).mean() + 0.1
                loss.backward()
                return loss

            for _ in range(3):
                optimizer.step(closure)
            kept = weakref.ref(model), weakref.ref(optimizer)
            del model, optimizer, closure
            if turn:
                assert [k() for k in kept] == [None, None]
        finally:
            gc.enable()
