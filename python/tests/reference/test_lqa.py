"""The references of LQA and of Newton on a quadratic, where both find the minimum along the line."""

from __future__ import annotations

import goldens
import pytest

from reference import lqa, newton, problems


@pytest.mark.parametrize("trial", [1e-3, 0.05, 0.1, 0.19])
def test_lqa_and_newton_on_a_quadratic_find_the_line_minimum(trial: float) -> None:
    for optimizer in (lqa.LQA(trial=trial), newton.Newton()):
        goldens.near(problems.run(optimizer, 5)[0], goldens.LINE_MINIMA.rates)


def test_lqa_is_a_product_not_the_printed_sum() -> None:
    loss, (g,) = problems.quadratic([problems.START])
    plus, minus = (problems.quadratic([problems.START + s * g])[0] for s in (0.05, -0.05))
    ratio = (plus - minus) / (plus + minus - 2 * loss)
    assert round(0.025 * ratio, 4) == 0.1775
    assert round(0.025 + ratio, 2) == 7.13
