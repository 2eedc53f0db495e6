"""The native optimizers equal to the NumPy references: every parameter and every rate after every step.

All in float64 over 200 different mini-batches of a small tanh network, to a relative 1e-10. The cases were
chosen well conditioned: rounding errors in every gradient grow to 2e-12 at most over the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from reference import directions, l4, pooled, problems, qlabgrad, tlr

import lrswift as lr

STEPS = 200
TOLERANCE = 1e-10
EPOCH = 25  # steps an epoch where a window is a fraction of one: a third is 8 steps


@dataclass
class Case:
    native: Callable  # parameters -> optimizer
    reference: Callable[[], object]
    probes: bool = False


def sgd(lr_, **options) -> Callable:
    return lambda parameters: lr.optim.SGD(parameters, lr=lr_(), **options)


def adam(lr_, **options) -> Callable:
    return lambda parameters: lr.optim.Adam(parameters, lr=lr_(), **options)


def halves(parameters: list) -> list[dict]:
    return [{"params": parameters[:2]}, {"params": parameters[2:]}]


EACH = [[0], [1], [2], [3]]
HEAVY = {"momentum": 0.8, "weight_decay": 5e-4}
NESTEROV = {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}
DAMPED = {"momentum": 0.9, "dampening": 0.3}
A, D = lr.adapt, directions

CASES = {
    "sgd": Case(sgd(lambda: 0.1, weight_decay=1e-2), lambda: D.Constant(D.SGD(weight_decay=1e-2), 0.1)),
    "momentum": Case(sgd(lambda: 0.05, **HEAVY), lambda: D.Constant(D.SGD(**HEAVY), 0.05)),
    "dampening": Case(sgd(lambda: 0.05, **DAMPED), lambda: D.Constant(D.SGD(**DAMPED), 0.05)),
    "nesterov": Case(sgd(lambda: 0.05, **NESTEROV), lambda: D.Constant(D.SGD(**NESTEROV), 0.05)),
    "adam": Case(adam(lambda: 1e-2), lambda: D.Constant(D.Adam(), 1e-2)),
    "adam-options": Case(
        adam(lambda: 5e-3, betas=(0.8, 0.99), eps=1e-3, weight_decay=1e-2),
        lambda: D.Constant(D.Adam((0.8, 0.99), 1e-3, 1e-2), 5e-3),
    ),
    "l4-mom": Case(lambda p: lr.optim.L4Mom(p), l4.l4_mom),
    "l4-adam": Case(lambda p: lr.optim.L4Adam(p), l4.l4_adam),
    "l4-over-adam": Case(adam(lambda: A.L4(), eps=1e-4), l4.l4_adam),
    "l4-over-momentum": Case(sgd(lambda: A.L4(), momentum=0.9), lambda: l4.L4(D.SGD(momentum=0.9))),
    "l4-decay": Case(
        sgd(lambda: A.L4(), momentum=0.9, weight_decay=1e-3),
        lambda: l4.L4(D.SGD(momentum=0.9, weight_decay=1e-3)),
    ),
    "l4-gd": Case(sgd(lambda: A.L4()), l4.l4_gd),
    "l4-options": Case(
        sgd(lambda: A.L4(alpha=0.1, gamma=0.8, tau=50, gamma0=0.5, eps=1e-4, lower_bound=-0.2)),
        lambda: l4.l4_gd(alpha=0.1, gamma=0.8, tau=50, gamma0=0.5, eps=1e-4, lower_bound=-0.2),
    ),
    "tlr": Case(sgd(lambda: A.TLR(window=1)), lambda: tlr.TLR(D.SGD())),
    "tlr-bound": Case(
        sgd(lambda: A.TLR(initial=0.02, bound=0.1, window=1)),
        lambda: tlr.TLR(D.SGD(), initial=0.02, bound=0.1),
    ),
    "tlr-window": Case(sgd(lambda: A.TLR(window=7), **HEAVY), lambda: tlr.TLR(D.SGD(**HEAVY), window=7)),
    "tlr-fraction": Case(
        sgd(lambda: A.TLR(steps_per_epoch=EPOCH), **HEAVY),
        lambda: tlr.TLR(D.SGD(**HEAVY), window=tlr.steps_of(1 / 3, EPOCH)),
    ),
    "tlr-pooled": Case(
        sgd(lambda: A.TLR(window=1, per="pooled")), lambda: pooled.PooledTLR(D.SGD(), window=1)
    ),
    "tlr-pooled-window": Case(
        sgd(lambda: A.TLR(window=4, per="pooled"), **HEAVY),
        lambda: pooled.PooledTLR(D.SGD(**HEAVY), window=4),
    ),
    "tlr-tensor": Case(sgd(lambda: A.TLR(window=1, per="tensor")), lambda: tlr.TLR(D.SGD(), blocks=EACH)),
    "tlr-tensor-window": Case(
        sgd(lambda: A.TLR(window=7, per="tensor"), **HEAVY),
        lambda: tlr.TLR(D.SGD(**HEAVY), window=7, blocks=EACH),
    ),
    "tlr-group": Case(
        lambda p: lr.optim.SGD(halves(p), lr=A.TLR(window=1, per="group")),
        lambda: tlr.TLR(D.SGD(), blocks=[[0, 1], [2, 3]]),
    ),
    "naive-tlr": Case(sgd(lambda: A.NaiveTLR(meta_lr=1e-2)), lambda: tlr.NaiveTLR(meta_lr=1e-2), True),
    "qlabgrad": Case(sgd(lambda: A.QLABGrad()), qlabgrad.QLABGrad, True),
    "qlabgrad-found": Case(sgd(lambda: A.QLABGrad(trial=10.0)), lambda: qlabgrad.QLABGrad(trial=10.0), True),
    # FindPLR halves the trial rate before the step with 110 steps behind it, and at no other time.
    "qlabgrad-refind": Case(
        sgd(lambda: A.QLABGrad(trial=2.0, refind_every=10)),
        lambda: qlabgrad.QLABGrad(trial=2.0, refind_every=10),
        True,
    ),
    "qlabgrad-fixed": Case(
        sgd(lambda: A.QLABGrad(trial=0.5, find_trial=False, max_ratio=1.5)),
        lambda: qlabgrad.QLABGrad(trial=0.5, find_trial=False, max_ratio=1.5),
        True,
    ),
}
RUNS = [(name, "minimize") for name in CASES] + [
    (name, "step") for name, case in CASES.items() if not case.probes
]


class Twin:
    """The tanh network on native tensors, with the batches of the reference problem."""

    def __init__(self, case: Case) -> None:
        self.problem = problems.TanhNetwork()
        self.parameters = [native(p) for p in self.problem.start]
        for p in self.parameters:
            p.requires_grad = True
        self.optimizer = case.native(self.parameters)

    def closure(self, batch: int) -> Callable:
        x, y = native(self.problem.x[batch]), native(self.problem.y[batch])

        def loss():
            w1, b1, w2, b2 = self.parameters
            residual = lr.tanh(x @ w1 + b1) @ w2 + b2 - y
            return 0.5 * lr.mean(residual * residual)

        return loss

    def step(self, batch: int, loop: str = "minimize") -> float:
        return advance(self.optimizer, self.closure(batch), loop)

    def arrays(self) -> list[np.ndarray]:
        return [np.array(p.numpy()) for p in self.parameters]


def native(array: np.ndarray):
    return lr.tensor(array, dtype=lr.float64)


def advance(optimizer, closure: Callable, loop: str) -> float:
    if loop == "minimize":
        return optimizer.minimize(closure)
    optimizer.zero_grad()
    loss = closure()
    loss.backward()
    optimizer.step(loss)
    return loss.item()


def rates_of(optimizer, count: int) -> list[float]:
    rate = optimizer.lr
    if isinstance(rate, dict):
        return [rate[f"param.{i}"] for i in range(count)]
    return [float(rate)] * count


def check(actual, expected, where: str, tolerance: float = TOLERANCE) -> None:
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"{where}: shape {actual.shape}, reference {expected.shape}"
    off, size = np.abs(actual - expected), np.abs(expected).max()
    if not off.max() <= tolerance * size:
        at = np.unravel_index(np.nanargmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        pytest.fail(
            f"{where}: {actual[at]!r} where the reference has {expected[at]!r} (entry {list(map(int, at))}, "
            f"off by {off.max() / size:.2e} of the largest entry, {tolerance:.0e} allowed)"
        )


@pytest.mark.parametrize(("name", "loop"), RUNS)
def test_equal_to_the_reference_step_by_step(name: str, loop: str) -> None:
    case, twin = CASES[name], Twin(CASES[name])
    reference, parameters = case.reference(), twin.problem.initial()
    for t in range(STEPS):
        expected_loss, expected_rate = reference.step(parameters, twin.problem.at(t))
        where = f"{name} ({loop}), step {t} (from 0)"
        check(twin.step(t, loop), expected_loss, f"{where}: loss")
        expected_rates = np.broadcast_to(expected_rate, len(parameters))
        check(rates_of(twin.optimizer, len(parameters)), expected_rates, f"{where}: opt.lr")
        for label, actual, expected in zip(twin.problem.names, twin.arrays(), parameters, strict=True):
            check(actual, expected, f"{where}: {label}")
    assert twin.optimizer.skipped_steps == 0


@pytest.mark.parametrize("name", CASES)
def test_state_dict_resumes_bitwise(name: str) -> None:
    """Stopped after 23 steps and continued in a new optimizer, a run is the run that was never stopped."""
    whole, part = Twin(CASES[name]), Twin(CASES[name])
    for t in range(23):
        whole.step(t)
        part.step(t)
    state = part.optimizer.state_dict()
    part.optimizer = CASES[name].native(part.parameters)
    part.optimizer.load_state_dict(state)
    for t in range(23, 46):
        whole.step(t)
        part.step(t)
        for label, a, b in zip(whole.problem.names, whole.arrays(), part.arrays(), strict=True):
            assert a.tobytes() == b.tobytes(), (
                f"{name}: {label} differs at step {t} after resuming at step 23"
            )


def test_plain_rates_are_one_number_and_tensor_rates_are_named() -> None:
    one, many = Twin(CASES["tlr"]), Twin(CASES["tlr-tensor"])
    one.step(0)
    many.step(0)
    assert isinstance(one.optimizer.lr, float)
    assert list(many.optimizer.lr) == [f"param.{i}" for i in range(4)]


# Golden values to ten decimals: f = theta' diag(1, 4, 10) theta / 2 from (1, -2, .5).


class Quadratic:
    def __init__(self, make: Callable, shift: float = 0.0, curvature=problems.CURVATURE) -> None:
        self.h, self.theta = native(curvature), native(problems.START)
        self.theta.requires_grad = True
        self.optimizer, self.shift, self.evaluations = make([self.theta]), shift, 0

    def closure(self):
        self.evaluations += 1
        return 0.5 * lr.sum(self.h * self.theta * self.theta) + self.shift

    def run(self, steps: int, loop: str = "minimize") -> tuple[list[float], list[float]]:
        rates, losses = [], []
        for _ in range(steps):
            advance(self.optimizer, self.closure, loop)
            rates.append(self.optimizer.lr)
            losses.append(self.closure().item())
        return rates, losses


def printed(actual: list[float], expected: list[float], what: str) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=6e-11, err_msg=what)


@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_l4_mom_golden(loop: str) -> None:
    rates, losses = Quadratic(lambda p: lr.optim.L4Mom(p)).run(5, loop)
    printed(rates, [0.00528125, 0.0046335852, 0.0040655582, 0.0035656522, 0.0031245699], "rates")
    printed(losses, [9.2817580210, 8.8886670832, 8.5572360991, 8.2768274039, 8.0389524296], "losses")


@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_tlr_golden(loop: str) -> None:
    rates, losses = Quadratic(sgd(lambda: A.TLR(initial=0.01, window=1))).run(12, loop)
    shown = (0, 1, 2, 5, 11)
    printed([rates[k] for k in shown], [0.01, 0.0125, 0.015625, 0.0305175781, 0.1164153218], "rates")
    expected = [8.87535, 7.9070226328, 6.8631308295, 3.6158809555, 0.2096277334]
    printed([losses[k] for k in shown], expected, "losses")


@pytest.mark.parametrize("find", [False, True])
def test_qlabgrad_golden(find: bool) -> None:
    rates, losses = Quadratic(sgd(lambda: A.QLABGrad(trial=0.1, find_trial=find))).run(5)
    printed(rates, [0.1775147929, 0.1222547214, 0.1966081363, 0.1452744525, 0.2329785946], "rates")
    printed(losses, [1.7618343195, 0.4733891525, 0.2109238156, 0.1313990300, 0.0848819365], "losses")


def test_qlabgrad_costs_one_more_evaluation() -> None:
    quadratic = Quadratic(sgd(lambda: A.QLABGrad(find_trial=False)))
    for _ in range(5):
        quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.evaluations == 10


def test_qlabgrad_negative_bracket_takes_the_trial_rate() -> None:
    rates, _ = Quadratic(sgd(lambda: A.QLABGrad(trial=0.1, find_trial=False)), curvature=-np.ones(3)).run(3)
    assert rates == [0.1] * 3


def test_qlabgrad_non_finite_probe_halves_the_trial_rate_for_good() -> None:
    """The trial 1e160 overflows the loss; it is halved until the probe is finite, once for all steps."""
    quadratic = Quadratic(sgd(lambda: A.QLABGrad(trial=1e160, find_trial=False)))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == pytest.approx(0.1775147929, rel=1e-8)
    first, quadratic.evaluations = quadratic.evaluations, 0
    assert first > 20
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.evaluations == 2


@pytest.mark.parametrize("make", [lambda: D.Adam(), lambda: D.SGD(momentum=0.9)], ids=["adam", "momentum"])
def test_qlabgrad_over_another_direction(make: Callable) -> None:
    """Probes theta - rate d and uses <g, d>; a short run, since this pair is not well conditioned."""
    direction = adam if isinstance(make(), D.Adam) else lambda rate: sgd(rate, momentum=0.9)
    twin = Twin(Case(direction(lambda: A.QLABGrad()), make, True))
    reference, parameters = qlabgrad.QLABGrad(make()), twin.problem.initial()
    for t in range(10):
        reference.step(parameters, twin.problem.at(t))
        twin.step(t)
        for label, actual, expected in zip(twin.problem.names, twin.arrays(), parameters, strict=True):
            check(actual, expected, f"QLABGrad over {type(make()).__name__}, step {t}: {label}", 1e-8)


def test_l4_lower_bound_is_a_shift_of_the_loss() -> None:
    plain, _ = Quadratic(sgd(lambda: A.L4())).run(30)
    shifted, _ = Quadratic(sgd(lambda: A.L4(lower_bound=-20.0)), shift=-20.0).run(30)
    np.testing.assert_allclose(shifted, plain, rtol=1e-11)


def test_limits_clamp_the_rate() -> None:
    for limits, expected in (({"max_lr": 1e-3}, 1e-3), ({"min_lr": 0.02}, 0.02), ({}, 0.04875 * 9.75 / 90)):
        rates, _ = Quadratic(sgd(lambda limits=limits: A.L4(**limits))).run(1)
        assert rates[0] == pytest.approx(expected, rel=1e-12), f"L4 with {limits}"


@pytest.mark.parametrize("trial_and_found", [(1e-5, 1e-5), (0.1, 0.1), (10.0, 0.3125)])
def test_find_plr_through_the_optimizer(trial_and_found: tuple[float, float]) -> None:
    """On a concave second step the rate is the trial rate that FindPLR left."""
    trial, found = trial_and_found
    quadratic = Quadratic(sgd(lambda: A.QLABGrad(trial=trial)))
    quadratic.optimizer.minimize(quadratic.closure)
    quadratic.h = native(-np.ones(3))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == found, f"from {trial}"
