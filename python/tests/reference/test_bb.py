"""The reference of Barzilai and Borwein's steps alone, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from reference import bb, problems


def test_barzilai_borwein_by_hand() -> None:
    """After a gradient step s = -a H theta and y = H s, so both forms are ratios of sums of h^k theta^2."""
    h, theta = problems.CURVATURE, problems.START
    moments = [np.sum(h**k * theta**2) for k in (2, 3, 4)]
    for form, expected in ((1, moments[0] / moments[1]), (2, moments[1] / moments[2])):
        rates, _ = problems.run(bb.BarzilaiBorwein(form=form), 2)
        assert rates[0] == 0.01 and rates[1] == pytest.approx(expected, rel=1e-13)
    still = lambda p: (0.0, [np.zeros_like(p[0])])  # noqa: E731
    assert problems.run(bb.BarzilaiBorwein(), 3, still)[0] == [0.01] * 3
