"""Golden values and edges of the later native rates, on theta' diag(1, 4, 10) theta / 2 from (1, -2, .5)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rates.test_base import Quadratic, native, printed, sgd
from reference import problems

import lrswift as lr

A = lr.adapt
LINE_MINIMA = [0.1775147929, 0.1222547214, 0.1966081363, 0.1452744525, 0.2329785946]


@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_hd_golden(loop: str) -> None:
    rates, losses = Quadratic(sgd(lambda: A.HD(initial=0.01, meta_lr=1e-4))).run(5, loop)
    printed(rates, [0.01, 0.018493, 0.0257016496, 0.0313310864, 0.0354890091], "rates")
    printed(losses, [8.87535, 7.4671173296, 5.9086917604, 4.4891472117, 3.3306393261], "losses")


def test_hd_may_turn_negative_unless_bounded() -> None:
    for limits, expected in (({}, -0.1175), ({"min_lr": 0.0}, 0.0), ({"min_lr": 0.02}, 0.02)):
        rates, _ = Quadratic(sgd(lambda limits=limits: A.HD(initial=0.25, meta_lr=1e-2, **limits))).run(2)
        assert rates == pytest.approx([0.25, expected], abs=1e-12), f"HD with {limits}"


def test_sls_golden() -> None:
    """Every trial is one evaluation, beside the one of the step itself."""
    quadratic, rates, losses, evaluations = Quadratic(sgd(lambda: A.SLS())), [], [], []
    for _ in range(4):
        quadratic.evaluations = 0
        quadratic.optimizer.minimize(quadratic.closure)
        evaluations.append(quadratic.evaluations)
        rates.append(quadratic.optimizer.lr)
        losses.append(quadratic.closure().item())
    printed(rates, [0.3142459316, 0.1672348483, 0.1674668458, 0.1676991651], "rates")
    printed(losses, [6.5011193093, 2.8146923506, 1.2999364682, 0.6200680787], "losses")
    assert evaluations == [13, 8, 2, 2]


def test_sls_failure_is_a_step_of_1e_6() -> None:
    quadratic = Quadratic(sgd(lambda: A.SLS(initial=1e9, reset="keep", max_trials=3)))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == 1e-6 and quadratic.evaluations == 4
    moved = problems.START * (1 - 1e-6 * problems.CURVATURE)
    np.testing.assert_allclose(quadratic.theta.numpy(), moved, rtol=1e-15)


@pytest.mark.parametrize("name", ["LQA", "Newton"])
def test_line_minima_golden(name: str) -> None:
    found, losses = Quadratic(sgd(lambda: getattr(A, name)())).run(5)
    printed(found, LINE_MINIMA, f"{name}: rates")
    printed(losses, [1.7618343195, 0.4733891525, 0.2109238156, 0.1313990300, 0.0848819365], f"{name}: losses")


def test_lqa_costs_two_more_evaluations() -> None:
    quadratic = Quadratic(sgd(lambda: A.LQA()))
    for _ in range(5):
        quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.evaluations == 15


@pytest.mark.parametrize(
    ("name", "options", "kept"),
    [
        ("LQA", {"trial": 0.07}, 0.07),
        ("Newton", {"initial": 0.03}, 0.03),
        ("BarzilaiBorwein", {"initial": 0.02, "form": 1}, 0.02),
        ("BarzilaiBorwein", {"initial": 0.02, "form": 2}, 0.02),
    ],
)
def test_negative_curvature_keeps_the_rate(name: str, options: dict, kept: float) -> None:
    quadratic = Quadratic(sgd(lambda: getattr(A, name)(**options)), curvature=-np.ones(3))
    assert quadratic.run(3)[0] == [kept] * 3
    if name != "BarzilaiBorwein":  # its secants are of two steps
        quadratic.h = native(problems.CURVATURE)
        quadratic.run(1)
        kept = quadratic.optimizer.lr
        assert 0.1 < kept < 1
        quadratic.h = native(-np.ones(3))
        assert quadratic.run(2)[0] == [kept] * 2


class Walled(Quadratic):
    """Every evaluation but the one of the step itself is not finite, while `wall` lasts."""

    wall, first = 0, True

    def step(self, value: float) -> None:
        self.first, self.value = True, value
        self.optimizer.minimize(self.closure)

    def closure(self):
        first, self.first = self.first, False
        if first or self.wall == 0:
            return super().closure()
        self.wall -= 1
        return super().closure() * self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_probes_that_are_not_finite(value: float) -> None:
    search = Walled(sgd(lambda: A.SLS()))
    search.wall = 15
    search.step(value)
    assert search.optimizer.lr == pytest.approx(2 ** (1 / 500) * 0.9**15, rel=1e-12)
    parabola = Walled(sgd(lambda: A.LQA(trial=0.03)))
    parabola.wall = 4
    parabola.step(value)
    assert parabola.optimizer.lr == 0.03
    parabola.wall = 0
    parabola.step(value)
    kept = parabola.optimizer.lr
    assert kept > 0.1
    parabola.wall = 4
    parabola.step(value)
    assert parabola.optimizer.lr == kept
    assert search.optimizer.skipped_steps == parabola.optimizer.skipped_steps == 0


def test_sps_bounds() -> None:
    assert Quadratic(sgd(lambda: A.SPS(mode="max", max_lr=0.1))).run(3)[0] == [0.1] * 3
    assert Quadratic(sgd(lambda: A.SPS(mode="max", f_star=10.0))).run(3)[0] == [0.0] * 3
    rates, _ = Quadratic(sgd(lambda: A.SPS())).run(6)
    assert rates[0] == pytest.approx(9.75 / (45 + 1e-8), rel=1e-13)
    np.testing.assert_allclose(np.divide(rates[2:], rates[1:-1]), 2 ** (1 / 500), rtol=1e-12)


def test_sps_goes_on_after_a_zero_gradient() -> None:
    quadratic = Quadratic(sgd(lambda: A.SPS()))
    (*_, last), _ = quadratic.run(2)
    quadratic.theta.assign(native(np.zeros(3)))
    quadratic.run(2)
    quadratic.theta.assign(native(problems.START))
    quadratic.optimizer.minimize(quadratic.closure)
    assert quadratic.optimizer.lr == pytest.approx(last * 2 ** (1 / 500), rel=1e-12)


def test_barzilai_borwein_golden() -> None:
    h, theta = problems.CURVATURE, problems.START
    two, three, four = (np.sum(h**k * theta**2) for k in (2, 3, 4))
    for form, expected in ((1, two / three), (2, three / four)):
        rates, _ = Quadratic(sgd(lambda form=form: A.BarzilaiBorwein(form=form))).run(2)
        assert rates == pytest.approx([0.01, expected], rel=1e-12), f"form {form}"


def test_dowg_golden() -> None:
    """f = sum x^2 from (1, 2, 3); the printed numbers were computed in float32."""
    theta = lr.tensor(np.array([1.0, 2.0, 3.0]), dtype=lr.float64, requires_grad=True)
    optimizer, losses = lr.optim.SGD([theta], lr=A.DoWG(initial=0.01)), []
    for _ in range(5):
        optimizer.minimize(lambda: lr.sum(theta * theta))
        losses.append(float(np.sum(theta.numpy() ** 2)))
    expected = [13.925367, 13.872763, 13.775433, 13.596172, 13.268837]
    np.testing.assert_allclose(losses, expected, rtol=0, atol=2e-6)


def test_ntlr_factor_that_is_not_positive_keeps_the_rate() -> None:
    """On a concave loss <old, new> is above |old|^2, which the released code turns into a negative rate."""
    make = sgd(lambda: A.TLR(initial=0.1, variant="ntlr", window=1))
    assert Quadratic(make, curvature=-np.ones(3)).run(4)[0] == [0.1] * 4


def test_clip_norm_is_one_norm_of_all_tensors() -> None:
    a, b = (lr.tensor(np.zeros(1), dtype=lr.float64, requires_grad=True) for _ in range(2))
    optimizer = lr.optim.SGD([{"params": [a]}, {"params": [b]}], lr=1.0, clip_norm=1.0)
    optimizer.minimize(lambda: lr.sum(3.0 * a + 4.0 * b))
    scale = 1 / (5 + 1e-6)
    np.testing.assert_allclose([a.item(), b.item()], [-3 * scale, -4 * scale], rtol=1e-14)
