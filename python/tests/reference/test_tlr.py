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


def test_eq_7_is_the_derivative_with_respect_to_the_rate() -> None:
    """d/da L(w - a g) at the next point is minus the product of both gradients, by differences."""
    start, rate, h = problems.START, 0.07, 1e-6
    _, (g,) = problems.quadratic([start])
    _, (ahead,) = problems.quadratic([start - rate * g])
    low, high = (problems.quadratic([start - a * g])[0] for a in (rate - h, rate + h))
    assert (high - low) / (2 * h) == pytest.approx(-(ahead @ g), rel=1e-7)


def test_algorithm_2_is_eq_9() -> None:
    """1 + min(I / max(4 (n - I), 0), c), as it is printed, gives the same factor."""
    random = np.random.default_rng(1)
    for _ in range(20_000):
        g, old = random.standard_normal((2, random.integers(1, 5)))
        inner, norm2 = g @ old, g @ g
        below = max(4 * (norm2 - inner), 0.0)
        printed = 1 + min(inner / below if below else np.inf * np.sign(inner), 0.25)
        assert tlr.factor(inner, norm2) == pytest.approx(printed, rel=1e-12)
