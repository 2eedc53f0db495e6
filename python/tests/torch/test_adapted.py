"""`lrswift.torch.Adapted` in torch's own surroundings: schedulers, scalers, groups, checkpoints, probes."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

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
    groups = [{"params": p[:2], "lr": 0.1}, {"params": p[2:], "lr": 0.2}]
    with pytest.raises(lr.ArgumentError, match="rates of their own"):
        lr.torch.Adapted(torch.optim.SGD(groups), lr="l4")
    assert [g["lr"] for g in groups] == [0.1, 0.2]
    adapted = lr.torch.Adapted(torch.optim.SGD(p), lr="l4")
    with pytest.raises(lr.ArgumentError, match="lr"):
        adapted.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.1})
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


def test_hooks_run_once_a_step() -> None:
    model, x, y = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr="l4")
    seen: list[str] = []
    adapted.register_step_pre_hook(lambda *_: seen.append("before"))
    adapted.register_step_post_hook(lambda *_: seen.append("after"))
    steps(adapted, (model, x, y), 2)
    assert seen == ["before", "after"] * 2
    assert isinstance(adapted, torch.optim.Optimizer) and "L4" in repr(adapted)
