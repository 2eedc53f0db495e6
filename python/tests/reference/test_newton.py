"""Curvature along a line against differences, and what negative curvature does."""

from __future__ import annotations

import numpy as np
import pytest

from reference import bb, directions, lqa, newton, problems


@pytest.mark.parametrize("batch", range(4))
def test_curvature_along_a_line(batch: int) -> None:
    problem, random = problems.TanhNetwork(), np.random.default_rng(batch)
    parameters, evaluate = problem.initial(), problem.at(batch)
    d = [random.standard_normal(p.shape) for p in parameters]
    h = 1e-5
    ahead, behind = (evaluate([p + s * x for p, x in zip(parameters, d, strict=True)])[1] for s in (h, -h))
    bend = directions.dot([(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)], d)
    assert newton.curvature(parameters, d, evaluate) == pytest.approx(bend, rel=1e-7)


def test_negative_curvature_keeps_the_rate() -> None:
    assert problems.run(lqa.LQA(trial=0.07), 3, problems.concave)[0] == [0.07] * 3
    assert problems.run(newton.Newton(initial=0.03), 3, problems.concave)[0] == [0.03] * 3
    assert problems.run(bb.BarzilaiBorwein(initial=0.02), 3, problems.concave)[0] == [0.02] * 3
