"""The references of TLR alone: golden numbers, the range of its factor, windows and blocks."""

from __future__ import annotations

import goldens
import numpy as np
import pytest

from reference import directions, problems, tlr


def test_tlr_golden() -> None:
    rates, losses = problems.run(tlr.TLR(directions.SGD()), 12)
    goldens.TLR.check(rates, losses)


def test_tlr_factor_range() -> None:
    random = np.random.default_rng(0)
    factors = []
    for _ in range(200_000):
        g, old = random.standard_normal((2, random.integers(1, 4)))
        factors.append(tlr.factor(g @ old, g @ g))
    assert 0.75 <= min(factors) < 0.7502 and max(factors) == 1.25


def test_tlr_factor_edges() -> None:
    assert tlr.factor(0.0, 0.0) == 1  # a zero gradient keeps the rate
    assert tlr.factor(0.0, 3.0) == 1  # the first step
    for bound in (0.1, 0.25, 1.0):
        edge = 1 + 1 / (4 * bound)  # the cap applies until n = (1 + 1 / 4c) I
        assert tlr.factor(1.0, 0.99 * edge, bound) == pytest.approx(1 + bound)
        assert tlr.factor(1.0, 1.01 * edge, bound) < 1 + bound


@pytest.mark.parametrize(("r", "expected"), goldens.TLR_FACTORS)
def test_tlr_in_one_dimension(r: float, expected: float) -> None:
    old, new = 1.0, 1.0 - r
    assert tlr.factor(old * new, new * new) == pytest.approx(expected, abs=5e-6)


def test_tlr_secant_sign() -> None:
    """On a quadratic the published denominator is -4 <g, H g previous> times the rate: sign inverted."""
    old = problems.CURVATURE * problems.START
    new = old - 0.01 * problems.CURVATURE * old
    assert new @ (new - old) == pytest.approx(-0.01 * new @ (problems.CURVATURE * old))
    assert new @ (new - old) < 0


def test_tlr_window_first_changes_before_step_2m_plus_1() -> None:
    rates, _ = problems.run(tlr.TLR(directions.SGD(momentum=0.8, weight_decay=5e-4), window=3), 10)
    assert rates[:6] == [0.01] * 6 and rates[6] != 0.01
    assert rates[6] == rates[7] == rates[8] != rates[9]
    assert [tlr.steps_of(1 / 3, n) for n in (938, 30, 2)] == [312, 10, 1]


def test_tlr_per_tensor_is_independent_rates() -> None:
    """Two unrelated quadratics under one optimizer move as each would alone."""

    def both(parameters):
        halves = [problems.quadratic([p]) for p in parameters]
        return sum(loss for loss, _ in halves), [g for _, (g,) in halves]

    start = [problems.START.copy(), 3 * problems.START[::-1].copy()]
    alone = [problems.run(tlr.TLR(directions.SGD()), 8, start=[p.copy()])[0] for p in start]
    together, _ = problems.run(tlr.TLR(directions.SGD(), blocks=[[0], [1]]), 8, both, start)
    np.testing.assert_allclose(np.array(together).T, alone, rtol=1e-13)


def test_naive_tlr_first_step() -> None:
    """One step on the quadratic by hand: <H (theta - a H theta), H theta> = sum h^2 theta^2 (1 - a h)."""
    h, theta = problems.CURVATURE, problems.START
    rates, _ = problems.run(tlr.NaiveTLR(initial=0.01, meta_lr=1e-4), 1)
    assert rates[0] == pytest.approx(0.01 + 1e-4 * np.sum(h**2 * theta**2 * (1 - 0.01 * h)), rel=1e-13)
