"""Whole methods over torch's tensors, natively and by torch, beside `lr.numpy` and NumPy references."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from reference import d_adaptation, momo, problems, prodigy, schedule_free, yellowfin
from whole_method_cases import EACH_PAIR

import lrswift as lr

A = lr.adapt
Maker = Callable[[list], torch.optim.Optimizer]
OWN = {"betas": (0.8, 0.99), "eps": 1e-6}


def torchs(name: str, **options: Any) -> Maker:
    return lambda p: getattr(torch.optim, name)(p, **options)


def native(name: str, **options: Any) -> Maker:
    return lambda p: lr.torch.Direction(p, name, **options)


def ramp(t: int) -> float:
    return min(1.0, (t + 1) / 20)


# base, rate, and the reference written from the paper
CASES: dict[str, tuple[Maker, Any, Callable[[], Any]]] = {
    "d-sgd": (torchs("SGD"), A.DAdaptation(d0=1e-2), lambda: d_adaptation.SGD(d0=1e-2)),
    "d-sgd-momentum": (
        torchs("SGD", momentum=0.9, weight_decay=1e-2), A.DAdaptation(d0=1e-3, lr=0.5, growth=1.1),
        lambda: d_adaptation.SGD(1e-3, 0.5, 1.1, 0.9, 1e-2),
    ),
    "d-sgd-schedule": (
        torchs("SGD"), lr.schedule.WarmUp(19, 1 / 20) * A.DAdaptation(d0=1e-2),
        lambda: d_adaptation.SGD(1e-2, schedule=ramp),
    ),
    "d-adam": (
        torchs("Adam", weight_decay=1e-2, **OWN), A.DAdaptation(d0=1e-4, lr=0.5, growth=1.05),
        lambda: d_adaptation.Adam((0.8, 0.99), 1e-6, 1e-2, False, 1e-4, 0.5, 1.05),
    ),
    "d-adamw": (
        torchs("AdamW", weight_decay=0.1, **OWN), A.DAdaptation(d0=1e-3),
        lambda: d_adaptation.Adam((0.8, 0.99), 1e-6, 0.1, True, 1e-3),
    ),
    "prodigy": (torchs("Adam"), A.Prodigy(), prodigy.Prodigy),
    "prodigy-options": (
        torchs("Adam", weight_decay=1e-2, **OWN), A.Prodigy(d0=1e-4, d_coef=0.5, lr=0.8, growth=1.1),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 1e-2, False, 1e-4, 0.5, 0.8, 1.1),
    ),
    "prodigy-adamw": (
        torchs("AdamW", weight_decay=0.1, **OWN), A.Prodigy(d0=1e-3, lr=0.7, safeguard_warmup=True),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 0.1, True, 1e-3, lr=0.7, safeguard_warmup=True),
    ),
    "prodigy-direction": (
        native("adamw", weight_decay=0.1, **OWN), A.Prodigy(d0=1e-3),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 0.1, True, 1e-3),
    ),
    "free": (torchs("SGD"), A.ScheduleFree(lr=0.5), lambda: schedule_free.ScheduleFree(0.5)),
    "free-options": (
        torchs("SGD", weight_decay=1e-2),
        A.ScheduleFree(lr=0.3, beta=0.8, warmup_steps=10, r=1.0, weight_lr_power=1.0),
        lambda: schedule_free.ScheduleFree(0.3, 0.8, 1e-2, 10, 1.0, 1.0),
    ),
    "free-adamw": (
        torchs("AdamW", weight_decay=0.1, **OWN), A.ScheduleFree(lr=0.02, beta=0.95, warmup_steps=20, r=0.5),
        lambda: schedule_free.ScheduleFree(0.02, 0.95, 0.1, 20, 0.5, adam=(0.99, 1e-6)),
    ),
    "yellowfin": (torchs("SGD"), A.YellowFin(), yellowfin.YellowFin),
    "yellowfin-options": (
        torchs("SGD", weight_decay=1e-2), A.YellowFin(initial=1e-2, beta=0.9, window=5, slow_start=20),
        lambda: yellowfin.YellowFin(1e-2, 0.9, 5, 20, 1e-2),
    ),
    "yellowfin-protect": (
        torchs("SGD"), A.YellowFin(beta=0.9, window=3, slow_start=50, protect=True),
        lambda: yellowfin.YellowFin(beta=0.9, window=3, slow_start=50, protect=True),
    ),
    "momo": (torchs("SGD"), A.MoMo(), momo.MoMo),
    "momo-options": (
        torchs("SGD", weight_decay=1e-2), A.MoMo(lr=0.4, beta=0.7, lower_bound=0.02),
        lambda: momo.MoMo(0.4, 0.7, 0.02, 1e-2),
    ),
    "momo-adam": (
        torchs("Adam", **OWN), A.MoMo(lr=0.01, lower_bound=0.02),
        lambda: momo.MoMo(0.01, lower_bound=0.02, adam=(0.8, 0.99, 1e-6)),
    ),
    "momo-adamw": (
        torchs("AdamW", weight_decay=0.1, **OWN), A.MoMo(lr=0.02),
        lambda: momo.MoMo(0.02, weight_decay=0.1, adam=(0.8, 0.99, 1e-6)),
    ),
}  # fmt: skip


class Run:
    """The references' tanh network on torch's parameters, its gradients those that are written by hand."""

    def __init__(
        self, base: Maker, rate: Any, by: str = "native", dtype: torch.dtype = torch.float64
    ) -> None:
        self.problem = problems.TanhNetwork()
        self.parameters = [torch.nn.Parameter(torch.tensor(p, dtype=dtype)) for p in self.problem.start]
        self.base, self.rate, self.by, self.t = base, rate, by, 0
        self.make()

    def make(self) -> None:
        self.optimizer = lr.torch.Adapted(self.base(self.parameters), lr=self.rate)
        self.optimizer._finder.native = self.by == "native"

    def arrays(self) -> list[np.ndarray]:
        return [p.detach().double().numpy().copy() for p in self.parameters]

    def step(self) -> float:
        loss, gradients = self.problem.at(self.t)(self.arrays())
        for p, g in zip(self.parameters, gradients, strict=True):
            p.grad = torch.tensor(g, dtype=p.dtype)
        self.optimizer.step(loss=loss)
        self.t += 1
        return loss


@pytest.mark.parametrize("by", ["native", "torch"])
@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_reference(name: str, by: str) -> None:
    base, rate, reference = CASES[name]
    run, expected = Run(base, rate, by), reference()
    parameters = run.problem.initial()
    # D-Adaptation over Adam is chaotic with entries whose gradient has just begun
    for t in range(100):
        loss, taken = expected.step(parameters, run.problem.at(t))
        assert run.step() == pytest.approx(loss, rel=1e-10)
        assert run.optimizer.lr == pytest.approx(taken, rel=1e-10), t
        assert float(run.optimizer.param_groups[0]["lr"]) == pytest.approx(taken, rel=1e-10)
    for p, x in zip(parameters, run.arrays(), strict=True):
        np.testing.assert_allclose(x, p, rtol=0, atol=1e-10 * np.abs(p).max())
    assert run.optimizer.base.state == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CASES)
def test_the_native_optimizer_to_the_bit(name: str, dtype: torch.dtype) -> None:
    """The same gradients through `lr.numpy`, whose steps are the native optimizer's."""
    base, rate, _ = CASES[name]
    run = Run(base, rate, dtype=dtype)
    direction, options = run.optimizer._whole._native.rule(run.optimizer.param_groups[0])
    given = dict(options)
    if "beta1" in given:
        given["betas"] = (given.pop("beta1"), given.pop("beta2"))
        given["eps"] = given.pop("epsilon")
    if "nesterov" in given:
        given["nesterov"] = bool(given["nesterov"])
    other = lr.numpy.Adapted(lr=rate, direction=direction, **given)
    arrays = [p.detach().numpy().copy() for p in run.parameters]
    for _ in range(100):
        loss, gradients = run.problem.at(run.t)(run.arrays())
        other.update(arrays, [g.astype(arrays[0].dtype) for g in gradients], loss)
        run.step()
        for p, x in zip(run.parameters, arrays, strict=True):
            assert p.detach().numpy().tobytes() == x.tobytes(), run.t


@pytest.mark.parametrize("by", ["native", "torch"])
@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
def test_a_file_resumes_to_the_bit(rate: str, direction: str, by: str) -> None:
    run = Run(torchs(direction), getattr(A, rate)(), by)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(run.optimizer, 40)
    for _ in range(7):
        run.step()
        scheduler.step()
    file = io.BytesIO()
    values = [p.detach().clone() for p in run.parameters]
    torch.save((run.optimizer.state_dict(), scheduler.state_dict(), values), file)
    for _ in range(5):
        run.step()
        scheduler.step()
    expected, rate_then = run.arrays(), run.optimizer.lr
    file.seek(0)
    own, schedule, values = torch.load(file, weights_only=True)
    again = Run(torchs(direction), getattr(A, rate)(), by)
    for p, value in zip(again.parameters, values, strict=True):
        p.data.copy_(value)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(again.optimizer, 40)
    again.optimizer.load_state_dict(own)
    scheduler.load_state_dict(schedule)
    again.t = 7
    twin = copy.deepcopy(again)
    for _ in range(5):
        again.step()
        scheduler.step()
    assert again.optimizer.lr == rate_then
    assert [x.tobytes() for x in again.arrays()] == [x.tobytes() for x in expected]
    # a copy has vectors of its own
    assert [x.tobytes() for x in twin.arrays()] == [v.numpy().tobytes() for v in values]
    twin.step()
    assert twin.optimizer.step_count == 8 and again.optimizer.step_count == 12


@pytest.mark.parametrize("by", ["native", "torch"])
@pytest.mark.parametrize("direction", ["SGD", "AdamW"])
def test_the_two_points_of_schedule_free(direction: str, by: str) -> None:
    """eval() shows the reference's average x, train() gives back y to the bit; a file keeps both."""
    rate, options = A.ScheduleFree(lr=0.1), {} if direction == "SGD" else OWN | {"weight_decay": 0.0}
    run = Run(torchs(direction, **options), rate, by)
    reference = schedule_free.ScheduleFree(0.1, adam=None if direction == "SGD" else (0.99, 1e-6))
    parameters = run.problem.initial()
    run.optimizer.eval()  # before any step there is one point
    run.optimizer.train()
    for t in range(20):
        reference.step(parameters, run.problem.at(t))
        run.step()
    y = [x.tobytes() for x in run.arrays()]
    run.optimizer.eval()
    run.optimizer.eval()
    for x, expected in zip(run.arrays(), reference.x, strict=True):
        np.testing.assert_allclose(x, expected, rtol=1e-9, atol=1e-12)
    with pytest.raises(lr.ArgumentError, match=r"ScheduleFree.*train\(\)"):
        run.step()
    state, shown = copy.deepcopy(run.optimizer.state_dict()), run.arrays()
    run.optimizer.train()
    assert [x.tobytes() for x in run.arrays()] == y
    again = Run(torchs(direction, **options), rate, by)
    for p, value in zip(again.parameters, shown, strict=True):
        p.data.copy_(torch.tensor(value))
    again.optimizer.load_state_dict(state)
    again.optimizer.train()
    assert [x.tobytes() for x in again.arrays()] == y
    # from a point that the user has put there: y = x + (1 - beta) (z - x)
    run.optimizer.eval()
    with torch.no_grad():
        run.parameters[0].fill_(0.5)
    run.optimizer.train()
    z = reference.z[0]
    np.testing.assert_allclose(run.arrays()[0], 0.5 + 0.1 * (z - 0.5), rtol=1e-9)
    # methods with one point
    other = Run(torchs("Adam"), A.Prodigy())
    other.step()
    before = [x.tobytes() for x in other.arrays()]
    other.optimizer.eval()
    assert [x.tobytes() for x in other.arrays()] == before
    other.step()


def parameter(*shape: int, dtype: torch.dtype = torch.float64) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(*shape, dtype=dtype))


def test_what_is_refused_is_what_the_native_optimizer_refuses() -> None:
    p, q = parameter(3), parameter(2)
    for base, rate, error, what in [
        (torch.optim.RMSprop([p]), A.Prodigy(), lr.DTypeError, "RMSprop; allowed: adam, adamw"),
        (torch.optim.SGD([p]), A.Prodigy(), lr.DTypeError, "Prodigy goes with Adam, AdamW"),
        (lr.torch.EMA([p]), A.MoMo(), lr.DTypeError, "MoMo goes with SGD"),
        (torch.optim.SGD([p], momentum=0.9), A.MoMo(), lr.DTypeError, "momentum must be 0"),
        (torch.optim.SGD([p], momentum=0.9, nesterov=True), A.DAdaptation(), lr.DTypeError, "nesterov"),
        (torch.optim.Adam([p], amsgrad=True), A.Prodigy(), lr.ArgumentError, "amsgrad"),
        (torch.optim.Adam([p], eps=0.0), A.Prodigy(), lr.ArgumentError, "eps must be above 0"),
        (torch.optim.Adam([{"params": [p]}, {"params": [q], "betas": (0.5, 0.9)}]), A.Prodigy(),
         lr.ArgumentError, "only weight_decay may differ"),
        (torch.optim.Adam([{"params": [p], "lr": 0.1}, {"params": [q]}]), A.Prodigy(), lr.ArgumentError,
         "one method for all parameters"),
    ]:  # fmt: skip
        with pytest.raises(error, match=what):
            lr.torch.Adapted(base, lr=rate)
    adapted = lr.torch.Adapted(torch.optim.Adam([p]), lr=A.Prodigy())
    for group in ({"lr": 0.1}, {"betas": (0.1, 0.2)}):
        with pytest.raises(lr.ArgumentError, match="Prodigy"):
            adapted.add_param_group({"params": [q], **group})
    assert len(adapted.param_groups) == 1
    adapted.add_param_group({"params": [q], "weight_decay": 0.5})
    scheduler = torch.optim.lr_scheduler.LambdaLR(adapted, [lambda t: 1.0, lambda t: 0.5])
    p.grad, q.grad = torch.ones_like(p), torch.ones_like(q)
    with pytest.raises(lr.ArgumentError, match="the same scheduler for all groups"):
        adapted.step()
    assert p.tolist() == [1.0] * 3 and adapted.step_count == 0 and scheduler.get_last_lr()
    for rate in (A.MARTHE(), A.StochasticBarzilaiBorwein(), A.TLR(per="pooled"), A.PeriodicALRS()):
        with pytest.raises(lr.DTypeError, match="native optimizer"):
            lr.torch.Adapted(torch.optim.SGD([p]), lr=rate)


@pytest.mark.parametrize("by", ["native", "torch"])
def test_groups_decay_as_they_say(by: str) -> None:
    """Two groups with decays of their own, as each would step alone; a third joins later."""
    a, b = parameter(3), parameter(2)
    adapted = lr.torch.Adapted(
        torch.optim.SGD([{"params": [a], "weight_decay": 0.1}, {"params": [b]}]), lr=A.ScheduleFree(lr=0.2)
    )
    adapted._finder.native = by == "native"
    ends = [parameter(3), parameter(2)]
    alone = [
        lr.torch.Adapted(torch.optim.SGD([p], weight_decay=d), lr=A.ScheduleFree(lr=0.2))
        for p, d in zip(ends, (0.1, 0.0), strict=True)
    ]
    for _ in range(6):
        for p in (a, b, *ends):
            p.grad = 2 * p.detach()
        for optimizer in (adapted, *alone):
            optimizer.step()
    # over SGD the method has no sums, so groups do not see each other
    torch.testing.assert_close([a, b], ends, rtol=1e-12, atol=1e-14)
    late = parameter(4)
    late.grad = torch.ones_like(late)
    adapted.add_param_group({"params": [late]})
    adapted.step()
    assert torch.all(late < 1) and adapted.step_count == 7


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
@pytest.mark.parametrize("by", ["native", "torch"])
def test_a_step_that_is_not_finite_changes_nothing(rate: str, direction: str, by: str) -> None:
    run = Run(torchs(direction), getattr(A, rate)(), by)
    for _ in range(3):
        run.step()
    before, state = run.arrays(), copy.deepcopy(run.optimizer.state_dict())
    run.optimizer.step(loss=math.nan)
    run.parameters[1].grad[0] = math.inf
    run.optimizer.step(loss=1.0)
    after = run.optimizer.state_dict()
    assert after["lrswift"].pop("skipped_steps") == state["lrswift"].pop("skipped_steps") + 2
    for found in (after, state):
        del found["lrswift"]["adapter"], found["lrswift"]["arguments"]
    torch.testing.assert_close(after, state, rtol=0, atol=0, equal_nan=True)
    assert [x.tobytes() for x in run.arrays()] == [x.tobytes() for x in before]
    # zeros move nothing and lose nothing
    still = Run(torchs(direction, weight_decay=0.0), getattr(A, rate)(), by)
    for p in still.parameters:
        p.grad = torch.zeros_like(p)
    still.optimizer.step(loss=0.0)
    assert all(np.array_equal(x, y) for x, y in zip(still.arrays(), still.problem.start, strict=True))
    still.step()
    assert all(np.all(np.isfinite(x)) for x in still.arrays())


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
def test_other_dtypes_and_layouts_go_by_torch(rate: str, direction: str) -> None:
    """bfloat16 beside float32, and a transposed parameter: the loss falls."""
    torch.manual_seed(0)
    x = torch.randn(32, 6)
    w = torch.nn.Parameter(torch.randn(3, 6).T)
    v = torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    assert not w.is_contiguous()
    options = (
        {"d0": 1e-2} if rate in ("Prodigy", "DAdaptation") else {"lr": 0.05} if rate != "YellowFin" else {}
    )
    adapted = lr.torch.Adapted(getattr(torch.optim, direction)([w, v]), lr=getattr(A, rate)(**options))
    losses = []
    for _ in range(40):
        adapted.zero_grad()
        loss = torch.mean((x @ w + v.float() - x[:, :3]) ** 2)
        loss.backward()
        adapted.step(loss=loss)
        losses.append(loss.item())
    assert adapted._finder.find().local is None
    assert all(map(math.isfinite, losses)) and min(losses[20:]) < losses[0]


def test_a_scheduler_of_torch_is_a_schedule() -> None:
    """LambdaLR over Prodigy is the native schedule times Prodigy, and named rates are factors of its lr."""
    found = []
    for rate, make in [
        (lr.schedule.WarmUp(9, 0.1) * A.Prodigy(d0=1e-3), None),
        (A.Prodigy(d0=1e-3), lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 9)),
    ]:
        run = Run(torchs("Adam"), rate)
        scheduler = None if make is None else make(run.optimizer)
        rates = []
        for _ in range(15):
            run.step()
            rates.append(run.optimizer.lr)
            if scheduler is not None:
                scheduler.step()
        found.append((rates, run.parameters))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


def test_vectors_that_no_longer_fit_are_an_error() -> None:
    run = Run(torchs("SGD"), A.ScheduleFree(lr=0.1))
    run.step()
    run.parameters[0].data = torch.ones(2, 2, dtype=torch.float64)
    run.parameters[0].grad = torch.ones(2, 2, dtype=torch.float64)
    before = [p.detach().clone() for p in run.parameters]
    with pytest.raises(lr.ShapeError, match="base_point of param.0"):
        run.optimizer.step(loss=1.0)
    torch.testing.assert_close([p.detach() for p in run.parameters], before, rtol=0, atol=0)


@pytest.mark.parametrize("direction", ["SGD", "Adam"])
def test_momo_sees_the_loss_of_a_clipped_gradient_as_natively(direction: str) -> None:
    """clip_grad_norm_ between backward() and step(), beside the native optimizer's clip_norm."""
    options = {} if direction == "SGD" else {"eps": 1e-6}
    rate = A.MoMo(lr=1.0 if direction == "SGD" else 0.01)
    problem = problems.TanhNetwork()
    parameters = [torch.nn.Parameter(torch.tensor(p)) for p in problem.start]
    adapted = lr.torch.Adapted(getattr(torch.optim, direction)(parameters, **options), lr=rate)
    other = lr.numpy.Adapted(lr=rate, direction=direction.lower(), clip_norm=0.1, **options)
    arrays = problem.initial()
    for t in range(30):
        loss, gradients = problem.at(t)(arrays)
        other.update(arrays, gradients, loss)
        adapted.zero_grad()
        w1, b1, w2, b2 = parameters
        x, y = torch.tensor(problem.x[t]), torch.tensor(problem.y[t])
        loss = torch.mean((torch.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 0.1)
        adapted.step(loss=loss)
        for p, a in zip(parameters, arrays, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), a, rtol=1e-8, atol=1e-11)


def test_a_method_that_tunes_momentum_takes_a_base_with_one() -> None:
    """The steps are those over a base without; the warning says that its momentum is not used."""
    ends = []
    for momentum in (0.0, 0.9):
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 1)
        base = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
        if momentum:
            with pytest.warns(UserWarning, match="YellowFin tunes the momentum itself, so momentum=0.9"):
                optimizer = lr.torch.Adapted(base, lr=lr.adapt.YellowFin())
        else:
            optimizer = lr.torch.Adapted(base, lr=lr.adapt.YellowFin())
        x = torch.randn(32, 4, generator=torch.Generator().manual_seed(1))
        for _ in range(10):
            optimizer.zero_grad()
            loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
            loss.backward()
            optimizer.step(loss=loss)
        ends.append(model.weight.detach().clone())
    assert torch.equal(*ends)
