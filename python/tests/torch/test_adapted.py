"""`lrswift.torch.Adapted` in torch's own surroundings: schedulers, scalers, groups, checkpoints, probes."""

from __future__ import annotations

import copy
import fractions
import io
from collections.abc import Callable

import numpy as np
import pytest
import torch

import lrswift as lr

A = lr.adapt


def network(dropout: bool = False) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    # a bias before a normalization has gradients of rounding errors alone
    layers = [
        torch.nn.Linear(4, 6, bias=False),
        torch.nn.BatchNorm1d(6),
        torch.nn.Tanh(),
        torch.nn.Linear(6, 2),
    ]
    if dropout:
        layers.insert(3, torch.nn.Dropout(0.5))
    return torch.nn.Sequential(*layers).double(), torch.randn(16, 4).double(), torch.randn(16, 2).double()


def gradients(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    loss = torch.mean((model(x) - y) ** 2)
    loss.backward()
    return loss


def steps(optimizer: lr.torch.Adapted, problem: tuple, count: int) -> list[float]:
    model, x, y = problem
    rates = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = gradients(model, x, y)
        optimizer.step(loss=loss, loss_closure=lambda: torch.mean((model(x) - y) ** 2))
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return rates


BASES: dict[str, Callable] = {
    "sgd": lambda p, r: torch.optim.SGD(p, lr=r, weight_decay=0.1),
    "momentum": lambda p, r: torch.optim.SGD(p, lr=r, momentum=0.9, dampening=0.2, weight_decay=0.1),
    "nesterov": lambda p, r: torch.optim.SGD(p, lr=r, momentum=0.9, nesterov=True),
    "foreach": lambda p, r: torch.optim.SGD(p, lr=r, momentum=0.9, weight_decay=0.1, foreach=True),
    "adam": lambda p, r: torch.optim.Adam(p, lr=r, weight_decay=0.1),
    "amsgrad": lambda p, r: torch.optim.Adam(p, lr=r, amsgrad=True),
    "fused": lambda p, r: torch.optim.AdamW(p, lr=r, weight_decay=0.1, fused=True),
    "adamw": lambda p, r: torch.optim.AdamW(p, lr=r, weight_decay=0.1),
    "decoupled": lambda p, r: torch.optim.NAdam(p, lr=r, weight_decay=0.1, decoupled_weight_decay=True),
    "rmsprop": lambda p, r: torch.optim.RMSprop(p, lr=r, weight_decay=0.1, momentum=0.5, centered=True),
    "adagrad": lambda p, r: torch.optim.Adagrad(p, lr=r, weight_decay=0.1, lr_decay=0.1),
    "adadelta": lambda p, r: torch.optim.Adadelta(p, lr=r, weight_decay=0.1),
    "adamax": lambda p, r: torch.optim.Adamax(p, lr=r, weight_decay=0.1),
    "radam": lambda p, r: torch.optim.RAdam(p, lr=r, weight_decay=0.1),
    "foreign": lambda p, r: Foreign(p, r),
}


class Foreign(torch.optim.Optimizer):
    """Not one of torch's: the sign of the gradient, and a decay that only it knows of."""

    def __init__(self, params: object, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * (p.grad.sign() + 0.1 * p)


@pytest.mark.parametrize("name", BASES)
def test_a_constant_rate_is_the_bare_optimizer(name: str) -> None:
    """Directions, weight decay and the base's state are those of the base alone: 20 steps at one rate."""
    (model, x, y), twin = network(), network()[0]
    adapted = lr.torch.Adapted(BASES[name](model.parameters(), 0.5), lr=lr.schedule.Constant(0.02))
    bare = BASES[name](twin.parameters(), 0.02)
    for _ in range(20):
        for m, optimizer in ((model, adapted), (twin, bare)):
            optimizer.zero_grad()
            gradients(m, x, y)
            optimizer.step()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-11, atol=1e-13)


def test_a_probe_leaves_no_trace() -> None:
    """The step's own dropout in every evaluation; buffers, gradients, random state as one pass left them."""
    model, x, y = network(dropout=True)
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=A.QLABGrad(trial=5.0))
    seen: list[torch.Tensor] = []

    def loss_of() -> torch.Tensor:
        assert not torch.is_grad_enabled()
        hook = model[3].register_forward_hook(lambda m, i, o: seen.append(o == 0))
        loss = torch.mean((model(x) - y) ** 2)
        hook.remove()
        return loss

    for _ in range(5):
        adapted.zero_grad()
        mask: list[torch.Tensor] = []
        hook = model[3].register_forward_hook(lambda m, i, o, mask=mask: mask.append(o == 0))
        loss = gradients(model, x, y)
        hook.remove()
        state = torch.get_rng_state()
        buffers = [b.clone() for b in model.buffers()]
        kept = [p.grad.clone() for p in model.parameters()]
        seen.clear()
        adapted.step(loss=loss, loss_closure=loss_of)
        assert seen and all(torch.equal(m, mask[0]) for m in seen)
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))
        assert all(torch.equal(a, p.grad) for a, p in zip(kept, model.parameters(), strict=True))


@pytest.mark.parametrize("rate", [A.QLABGrad(), A.NaiveTLR(meta_lr=0.01), A.SLS()], ids=lambda r: r.rate)
def test_closure_and_loss_closure_take_the_same_steps(rate: A.Adapter) -> None:
    (model, x, y), twin = network(dropout=True), network(dropout=True)[0]
    one = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=rate)
    two = lr.torch.Adapted(torch.optim.SGD(twin.parameters()), lr=rate)
    for seed in range(6):
        torch.manual_seed(seed)
        one.zero_grad()
        one.step(loss=gradients(model, x, y), loss_closure=lambda: torch.mean((model(x) - y) ** 2))
        torch.manual_seed(seed)

        def closure() -> torch.Tensor:
            two.zero_grad()
            return gradients(twin, x, y)

        two.step(closure)
        assert one.lr == two.lr
    for a, b in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_an_exception_in_a_probe_puts_everything_back() -> None:
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=A.QLABGrad())
    steps(adapted, (model, x, y), 2)
    adapted.zero_grad()
    loss = gradients(model, x, y)
    before = copy.deepcopy((model.state_dict(), adapted.state_dict()))

    def fails() -> torch.Tensor:
        assert not torch.equal(model[0].weight, before[0]["0.weight"])
        model(x)
        raise KeyError("no more")

    with pytest.raises(KeyError):
        adapted.step(loss=loss, loss_closure=fails)
    after = model.state_dict(), adapted.state_dict()
    for state in (before, after):
        del state[1]["lrswift"]["adapter"], state[1]["lrswift"]["arguments"]
    torch.testing.assert_close(after, before, rtol=0, atol=0)


@pytest.mark.parametrize("bad", ["loss", "gradient"])
@pytest.mark.parametrize("rate", [A.L4(), A.TLR(window=1), A.QLABGrad()], ids=lambda r: r.rate)
def test_a_step_that_is_not_finite_changes_nothing(rate: A.Adapter, bad: str) -> None:
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=rate, max_skipped=3)
    steps(adapted, (model, x, y), 2)
    loss = gradients(model, x, y)
    state = adapted.state_dict()
    before = copy.deepcopy((model.state_dict(), state["state"], state["lrswift"]["machines"]))
    if bad == "gradient":
        next(model.parameters()).grad[0, 0] = torch.inf
    given = loss * torch.nan if bad == "loss" else loss
    for _ in range(2):
        adapted.step(loss=given, loss_closure=lambda: loss)
    state = adapted.state_dict()
    after = model.state_dict(), state["state"], state["lrswift"]["machines"]
    torch.testing.assert_close(after, before, rtol=0, atol=0, equal_nan=True)
    assert adapted.skipped_steps == 2
    with pytest.raises(lr.Diverged):
        adapted.step(loss=given, loss_closure=lambda: loss)


RATES = {
    "l4": A.L4(),
    "tlr": A.TLR(window=3),
    "tlr-tensor": A.TLR(window=1, per="tensor"),
    "hd": A.HD(),
    "bb": A.BarzilaiBorwein(max_lr=0.5),
    "dog": A.DoG(),
    "qlabgrad": A.QLABGrad(),
    "warm": lr.schedule.WarmUp(6) * A.L4(),
}


@pytest.mark.parametrize("name", RATES)
def test_a_checkpoint_resumes_to_the_bit(name: str) -> None:
    problem = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(problem[0].parameters(), weight_decay=0.01), lr=RATES[name])
    scheduler = torch.optim.lr_scheduler.LambdaLR(adapted, lambda t: 1 / (1 + t / 10))
    steps(adapted, problem, 4)
    scheduler.step()
    file = io.BytesIO()
    torch.save((problem[0].state_dict(), adapted.state_dict(), scheduler.state_dict()), file)
    expected = steps(adapted, problem, 5)
    scheduler.step()
    expected += steps(adapted, problem, 2)

    file.seek(0)
    model, own, schedule = torch.load(file, weights_only=True)
    resumed_problem = network()
    resumed_problem[0].load_state_dict(model)
    base = torch.optim.Adam(resumed_problem[0].parameters(), weight_decay=0.01)
    resumed = lr.torch.Adapted(base, lr=RATES[name])
    again = torch.optim.lr_scheduler.LambdaLR(resumed, lambda t: 1 / (1 + t / 10))
    resumed.load_state_dict(own)
    again.load_state_dict(schedule)
    found = steps(resumed, resumed_problem, 5)
    again.step()
    assert found + steps(resumed, resumed_problem, 2) == expected


def test_a_checkpoint_of_something_else_is_refused_whole() -> None:
    model, x, y = network()
    halves = [{"params": model[0].parameters()}, {"params": model[3].parameters()}]
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=A.L4())
    state = adapted.state_dict()
    others = {
        "groups": lr.torch.Adapted(torch.optim.SGD(halves), lr=A.L4()),
        "adapter": lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=A.HD()),
        "shape": lr.torch.Adapted(torch.optim.SGD([torch.zeros(2, requires_grad=True)] * 1), lr=A.L4()),
    }
    for named, other in others.items():
        before = copy.deepcopy(other.state_dict())
        with pytest.raises(lr.ArgumentError, match="load_state_dict"):
            other.load_state_dict(state)
        assert str(other.state_dict()) == str(before), named
    for wrong in ({}, {**state, "lrswift": {**state["lrswift"], "version": 99}}, adapted.base.state_dict()):
        with pytest.raises(lr.ArgumentError, match="load_state_dict"):
            adapted.load_state_dict(wrong)


def test_a_gradient_scaler_skips_whole_steps() -> None:
    """unscale, clip, step: the order for mixed precision. A step that the scaler skips advances nothing."""
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr="l4")
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    twin = copy.deepcopy(model)
    plain = lr.torch.Adapted(torch.optim.Adam(twin.parameters()), lr="l4")
    for overflow in (False, True, False):
        for m, optimizer in ((model, adapted), (twin, plain)):
            optimizer.zero_grad()
            loss = torch.mean((m(x) - y) ** 2)
            if m is model:
                scaler.scale(loss).backward()
                if overflow:
                    next(m.parameters()).grad.fill_(torch.inf)
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(m.parameters(), 10.0)
                scaler.step(optimizer, loss=loss)
                scaler.update()
            elif not overflow:
                loss.backward()
                optimizer.step(loss=loss)
    assert adapted.step_count == 2 and adapted.skipped_steps == 0
    assert adapted.lr == pytest.approx(plain.lr, rel=1e-9)


def test_accumulated_losses_are_averaged() -> None:
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr="l4")
    expected = lr.torch.Adapted(torch.optim.SGD(copy.deepcopy(model).parameters()), lr="l4")
    gradients(model, x, y)
    for p, q in zip(model.parameters(), expected.param_groups[0]["params"], strict=True):
        q.grad = p.grad.clone()
    for value in (1.0, torch.tensor(3.0)):
        adapted.observe(value)
    adapted.step()
    expected.step(loss=2.0)
    assert adapted.lr == expected.lr


def test_rates_by_parameter_carry_names() -> None:
    model, x, y = network()
    base = torch.optim.SGD(model.named_parameters())
    adapted = lr.torch.Adapted(base, lr=A.TLR(0.5, window=1, per="tensor"))
    for _ in range(12):
        adapted.zero_grad()
        gradients(model, torch.randn_like(x), y)
        adapted.step()
    rates = adapted.lr
    assert list(rates) == [name for name, _ in model.named_parameters()]
    assert len(set(rates.values())) > 2
    assert float(adapted.param_groups[0]["lr"]) == pytest.approx(sum(rates.values()) / len(rates))


def test_what_cannot_be_adapted_is_refused() -> None:
    model, x, y = network()
    p = list(model.parameters())
    for name in ("LBFGS", "Rprop", "Adafactor", "ASGD"):
        with pytest.raises(lr.DTypeError, match=name):
            lr.torch.Adapted(getattr(torch.optim, name)(p), lr="l4")
    with pytest.raises(lr.DTypeError, match="base"):
        lr.torch.Adapted(p, lr="l4")
    with pytest.raises(lr.ArgumentError, match="maximize"):
        lr.torch.Adapted(torch.optim.SGD(p, maximize=True), lr="l4")
    adapted = lr.torch.Adapted(torch.optim.SGD(p), lr="l4")
    gradients(model, x, y)
    with pytest.raises(lr.DTypeError, match="L4 needs it"):
        adapted.step()
    for wrong in (torch.ones(2), "1", None, torch.tensor(1j)):
        with pytest.raises(lr.DTypeError, match="loss"):
            adapted.step(loss=wrong)
    with pytest.raises(lr.ArgumentError, match="lower_bound"):
        adapted.step(loss=-1.0)
    probing = lr.torch.Adapted(torch.optim.SGD(p), lr=A.QLABGrad())
    with pytest.raises(lr.DTypeError, match="QLABGrad.*loss_closure"):
        probing.step(loss=1.0)
    with pytest.raises(lr.DTypeError, match="loss_closure.*Newton"):
        lr.torch.Adapted(torch.optim.SGD(p), lr=A.Newton()).step(lambda: gradients(model, x, y))
    with pytest.raises(lr.DTypeError, match="complex"):
        adapted.add_param_group({"params": [torch.zeros(2, dtype=torch.cfloat, requires_grad=True)]})
    embedding = torch.nn.Embedding(5, 3, sparse=True)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(lr.DTypeError, match="sparse"):
        lr.torch.Adapted(torch.optim.SGD(embedding.parameters()), lr="l4").step(loss=1.0)
    with pytest.raises(lr.DTypeError, match="complex"):
        lr.torch.Adapted(torch.optim.SGD([torch.zeros(2, dtype=torch.cfloat, requires_grad=True)]), lr="l4")
    with pytest.raises(lr.ArgumentError, match="one device"):
        elsewhere = torch.zeros(2, device="meta", requires_grad=True)
        lr.torch.Adapted(torch.optim.SGD([p[0], elsewhere]), lr="l4")
    assert adapted.step_count == 0 and not adapted.state


def test_new_groups_join() -> None:
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model[0].parameters()), lr=A.TLR(0.5, window=1, per="group"))
    adapted.add_param_group({"params": list(model[3].parameters())})
    for _ in range(12):
        adapted.zero_grad()
        gradients(model, torch.randn_like(x), y)
        adapted.step()
    rates = [float(group["lr"]) for group in adapted.param_groups]
    assert len(rates) == 2 and rates[0] != rates[1]


def two_layers() -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    torch.manual_seed(0)
    return list(torch.nn.Linear(4, 8).double().parameters()), list(
        torch.nn.Linear(8, 1).double().parameters()
    )


def two_layer_loss(back: list, head: list, seed: int = 0) -> torch.Tensor:
    x = torch.randn(32, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    hidden = torch.tanh(torch.nn.functional.linear(x, *back))
    return torch.mean((torch.nn.functional.linear(hidden, *head) - x.sum(1, keepdim=True)) ** 2)


def shown(optimizer: torch.optim.Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


@pytest.mark.parametrize("per", ["group", "tensor"])
def test_groups_start_from_their_own_rates(per: str) -> None:
    """As machines of their own would from these: the first two steps of TLR, and what joins later."""
    back, head = two_layers()
    groups = [{"params": back, "lr": 1e-5}, {"params": head, "lr": 1e-2}]
    together = lr.torch.Adapted(torch.optim.SGD(groups, lr=1e-3), lr=A.TLR(per=per, window=1, initial=0.5))
    assert shown(together) == [1e-5, 1e-2]
    twins = two_layers()
    alone = [
        lr.torch.Adapted(torch.optim.SGD(p), lr=A.TLR(per=per, window=1, initial=rate))
        for p, rate in zip(twins, (1e-5, 1e-2), strict=True)
    ]
    for t in range(6):
        together.zero_grad()
        two_layer_loss(back, head, t).backward()
        together.step()
        for optimizer in alone:
            optimizer.zero_grad()
        two_layer_loss(*twins, t).backward()
        for optimizer in alone:
            optimizer.step()
        assert shown(together) == pytest.approx([shown(optimizer)[0] for optimizer in alone], rel=1e-12)
    late = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    together.add_param_group({"params": [late], "lr": 3e-4})
    assert shown(together)[2] == 3e-4
    late.grad = torch.ones_like(late)
    together.step()
    assert late.tolist() == pytest.approx([1 - 3e-4] * 2, rel=1e-14)


ONE_RATE = [A.L4(), A.HD(0.1), A.BarzilaiBorwein(0.1, max_lr=1.0), A.SPS(), A.QLABGrad()]


@pytest.mark.parametrize("base", ["sgd", "momentum", "adam", "direction", "rmsprop"])
@pytest.mark.parametrize("rate", ONE_RATE, ids=lambda r: r.rate)
def test_one_rate_keeps_the_ratios_of_groups(rate: A.Adapter, base: str) -> None:
    """A group at a fifth of the rate is the same problem in a parameter that is scaled: w = w / s with a
    gradient of s g and d of s d, s^2 = 1/5, along SGD's directions; and never a longer step elsewhere."""
    makes: dict[str, Callable] = {
        "sgd": lambda p: torch.optim.SGD(p, lr=1.0),
        "momentum": lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=1.0, eps=1e-3),
        "direction": lambda p: lr.torch.Direction(p, "sgd", lr=1.0, momentum=0.5),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1.0),
    }
    back, head = two_layers()
    groups = [{"params": back, "lr": 0.2}, {"params": head}]
    optimizer = lr.torch.Adapted(makes[base](groups), lr=rate)
    twin_back, twin_head = two_layers()
    scale = 0.2**0.5
    scaled = [torch.nn.Parameter(p.detach() / scale) for p in twin_back]
    twin = lr.torch.Adapted(makes[base]([*scaled, *twin_head]), lr=rate)
    for t in range(8):
        optimizer.zero_grad()
        loss = two_layer_loss(back, head, t)
        loss.backward()
        optimizer.step(loss=loss, loss_closure=lambda t=t: two_layer_loss(back, head, t))
        one, other = shown(optimizer)
        assert one == pytest.approx(0.2 * other, rel=1e-12)
        if base in ("sgd", "momentum", "direction"):
            twin.zero_grad()
            moved = two_layer_loss([scale * p for p in scaled], twin_head, t)
            moved.backward()
            again = lambda t=t: two_layer_loss([scale * p for p in scaled], twin_head, t)  # noqa: E731
            twin.step(loss=moved, loss_closure=again)
            if rate.rate != "barzilai_borwein":
                assert other == pytest.approx(twin.lr, rel=1e-6)


def test_rates_by_torch_alone_keep_the_ratios_as_natively() -> None:
    for make in (torch.optim.SGD, torch.optim.Adam):
        for rate in (A.L4(), A.HD(0.1), A.BarzilaiBorwein(0.1, max_lr=1.0)):
            found = []
            for native in (True, False):
                back, head = two_layers()
                groups = [{"params": back, "lr": 0.1}, {"params": head, "lr": 0.5}]
                optimizer = lr.torch.Adapted(make(groups), lr=rate)
                optimizer._finder.native = native
                for t in range(8):
                    optimizer.zero_grad()
                    loss = two_layer_loss(back, head, t)
                    loss.backward()
                    optimizer.step(loss=loss)
                found.append([shown(optimizer), [p.detach() for p in (*back, *head)]])
            torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


def test_a_group_that_joins_brings_its_rate() -> None:
    """Before the first step as if it had been there; later as the rate to continue from, its ratio kept."""
    back, head = two_layers()
    optimizer = lr.torch.Adapted(torch.optim.SGD(head, lr=1e-2), lr=A.HD(initial=0.1))
    optimizer.add_param_group({"params": back, "lr": 1e-3})
    assert shown(optimizer) == pytest.approx([0.1, 0.01], rel=1e-14)
    loss = two_layer_loss(back, head)
    loss.backward()
    optimizer.step(loss=loss)
    late = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer.add_param_group({"params": [late], "lr": 0.03})
    late.grad = torch.ones_like(late)
    optimizer.step(loss=loss)
    rates = shown(optimizer)
    assert rates[1:] == pytest.approx([0.1 * rates[0], 0.3 * rates[0]], rel=1e-9)
    assert late.tolist() == pytest.approx([1 - rates[2]] * 2, rel=1e-14)
    for wrong in (-1.0, float("nan"), "1"):
        with pytest.raises((lr.ArgumentError, lr.DTypeError), match="param_group: lr: got"):
            optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": wrong})
    assert len(optimizer.param_groups) == 3


def test_every_way_to_hand_over_a_loss() -> None:
    ways: dict[str, Callable] = {
        "name": lambda o, v: o.step(loss=v),
        "position": lambda o, v: o.step(v),
        "number": lambda o, v: o.step(v.item()),
        "numpy": lambda o, v: o.step(np.float64(v.item())),
        "fraction": lambda o, v: o.step(fractions.Fraction(v.item())),
        "observed": lambda o, v: (o.observe(v), o.step()),
        "observed, empty closure": lambda o, v: (o.observe(v), o.step(lambda: None)),
        "name, empty closure": lambda o, v: o.step(lambda: None, loss=v),
        "closure": lambda o, v: o.step(lambda: v),
        "closure of a number": lambda o, v: o.step(lambda: v.item()),
        "closure of a NumPy number": lambda o, v: o.step(lambda: np.float64(v.item())),
    }
    found = {}
    for name, way in ways.items():
        (model, x, y), rates = network(), []
        adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr="l4")
        for _ in range(3):
            adapted.zero_grad()
            way(adapted, gradients(model, x, y))
            rates.append(adapted.lr)
        found[name] = rates
    assert all(rates == found["name"] for rates in found.values()), found
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr="l4")
    loss = gradients(model, x, y)
    assert adapted.step(np.float32(2.0)) == 2.0
    for wrong, what in [
        (lambda: adapted.step(lambda: (loss, loss)), "closure: must return its loss alone, got tuple of 2"),
        (lambda: adapted.step(lambda: {"loss": loss}), "closure: must return its loss alone, got dict of 1"),
        (lambda: adapted.step((loss, loss)), "loss: got tuple of 2"), (lambda: adapted.step("1"), "got str"),
        (lambda: adapted.step(True), "loss: got bool"), (lambda: adapted.step(torch.ones(2)), "shape"),
        (lambda: adapted.step(lambda: loss, loss=loss), "beside"),
        (lambda: adapted.step(loss, loss=loss), "given twice"),
        (lambda: adapted.step(lambda: None), "observe"),
    ]:  # fmt: skip
        with pytest.raises(lr.Error, match=what):
            wrong()
    assert adapted.step_count == 1


def test_trial_points_without_a_closure_that_evaluates() -> None:
    """A trainer's empty closure: the loss and how to evaluate it again come by name."""
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=A.QLABGrad())
    with pytest.raises(lr.DTypeError, match="loss_closure=f"):
        adapted.step(lambda: None, loss=gradients(model, x, y))
    adapted.step(
        lambda: None, loss=gradients(model, x, y), loss_closure=lambda: torch.mean((model(x) - y) ** 2)
    )
    assert adapted.step_count == 1


def test_hooks_run_once_a_step() -> None:
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr="l4")
    seen: list[str] = []
    adapted.register_step_pre_hook(lambda *_: seen.append("before"))
    adapted.register_step_post_hook(lambda *_: seen.append("after"))
    steps(adapted, (model, x, y), 2)
    assert seen == ["before", "after"] * 2
    assert isinstance(adapted, torch.optim.Optimizer) and "L4" in repr(adapted)
