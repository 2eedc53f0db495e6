"""The reference of NTLR alone: its factor by hand, and its windows."""

from __future__ import annotations

import goldens
import numpy as np
import pytest

from reference import directions, ntlr, problems, tlr


@pytest.mark.parametrize(("r", "expected"), goldens.NTLR_FACTORS)
def test_ntlr_in_one_dimension(r: float, expected: float) -> None:
    old, new = 1.0, 1.0 - r
    assert tlr.ntlr_factor(old * new, old * old) == pytest.approx(expected, abs=6e-4)
    assert r * tlr.ntlr_factor(old * new, old * old, gamma=1) == pytest.approx(1)  # the exact Newton step


def test_ntlr_factor_that_is_not_positive_keeps_the_rate() -> None:
    """r = rate * curvature = 0.1: y = 1 (the old), x = 0.9; a gradient growing by 10 % makes it negative."""
    rates, _ = problems.run(ntlr.NTLR(directions.SGD(), initial=0.1), 4, problems.concave)
    assert rates == [0.1] * 4
    flat = lambda p: (float(0.5 * np.sum(p[0] ** 2)), [p[0]])  # noqa: E731
    rates, _ = problems.run(ntlr.NTLR(directions.SGD(), initial=0.3), 2, flat)
    assert rates[1] / rates[0] == pytest.approx(dict(goldens.NTLR_FACTORS)[0.3], abs=6e-4)


def test_ntlr_window_first_changes_before_step_2m_plus_1() -> None:
    rates, _ = problems.run(ntlr.NTLR(directions.SGD(momentum=0.8), window=3), 10)
    assert rates[:6] == [0.01] * 6 and rates[6] != 0.01
    assert rates[6] == rates[7] == rates[8] != rates[9]
