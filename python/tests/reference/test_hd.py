"""The reference of hypergradient descent alone: golden numbers, and the derivative that it is."""

from __future__ import annotations

import goldens
import numpy as np
import pytest

from reference import directions, hd, problems


def test_hd_golden() -> None:
    rates, losses = problems.run(hd.HD(initial=0.01, meta_lr=1e-4), 5)
    goldens.HD.check(rates, losses)


@pytest.mark.parametrize(
    "make",
    [directions.SGD, lambda: directions.SGD(momentum=0.9), directions.Adam],
    ids=["sgd", "momentum", "adam"],
)
def test_hd_is_the_derivative_of_the_loss_by_the_last_rate(make) -> None:
    start, other = [problems.START.copy()], [problems.START.copy()]
    optimizer = hd.HD(make(), initial=0.01, meta_lr=1e-4)
    optimizer.step(start, problems.quadratic)
    direction = make()(problems.quadratic(other)[1])[0]
    h = 1e-6
    ahead, behind = (problems.quadratic([other[0] - (0.01 + s) * direction])[0] for s in (h, -h))
    _, rate = optimizer.step(start, problems.quadratic)
    assert rate - 0.01 == pytest.approx(-1e-4 * (ahead - behind) / (2 * h), rel=1e-7)


def test_hd_multiplicative_moves_by_the_cosine() -> None:
    line = lambda p: (float(p[0].sum()), [np.ones_like(p[0])])  # noqa: E731
    rates, _ = problems.run(hd.HD(multiplicative=True, meta_lr=0.1), 4, line)
    np.testing.assert_allclose(rates, 0.01 * 1.1 ** np.arange(4), rtol=1e-14)
    still = lambda p: (0.0, [np.zeros_like(p[0])])  # noqa: E731
    assert problems.run(hd.HD(multiplicative=True), 3, still)[0] == [0.01] * 3


def test_hd_may_turn_negative() -> None:
    rates, _ = problems.run(hd.HD(initial=0.25, meta_lr=1e-2), 2)
    assert min(rates) < 0
