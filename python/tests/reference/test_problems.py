"""The problems alone: their starts and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from reference import directions, problems


def test_quadratic_start() -> None:
    loss, (g,) = problems.quadratic([problems.START])
    assert loss == 9.75 and g @ g == 90


@pytest.mark.parametrize("step", range(4))
def test_tanh_network_gradient(step: int) -> None:
    problem = problems.TanhNetwork()
    parameters, evaluate = problem.initial(), problem.at(step)
    random = np.random.default_rng(step)
    tangent = [random.standard_normal(p.shape) for p in parameters]
    h = 1e-5
    ahead, behind = (
        evaluate([p + s * t for p, t in zip(parameters, tangent, strict=True)])[0] for s in (h, -h)
    )
    assert directions.dot(evaluate(parameters)[1], tangent) == pytest.approx(
        (ahead - behind) / (2 * h), rel=1e-7
    )
