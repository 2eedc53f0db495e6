"""TLR and NTLR: golden numbers, factors that keep the rate, and restarts of one that collapsed."""

from __future__ import annotations

import goldens
import numpy as np
import pytest
from twins import Quadratic, sgd

import lrswift as lr

A = lr.adapt


@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_tlr_golden(loop: str) -> None:
    rates, losses = Quadratic(sgd(lambda: A.TLR(initial=0.01, window=1))).run(12, loop)
    goldens.TLR.check(rates, losses)


def test_ntlr_factor_that_is_not_positive_keeps_the_rate() -> None:
    """On a concave loss <old, new> is above |old|^2, which the released code turns into a negative rate."""
    make = sgd(lambda: A.TLR(initial=0.1, variant="ntlr", window=1))
    assert Quadratic(make, curvature=-np.ones(3)).run(4)[0] == [0.1] * 4


@pytest.mark.parametrize(
    ("variant", "factor"),
    # I = -n: 1 - n / max(8 n, -4 n), and 1 - 0.2 n / (n + n)
    [("paper", 7 / 8), ("ntlr", 0.9)],
)
@pytest.mark.parametrize("per", ["all", "tensor", "pooled"])
@pytest.mark.parametrize("restart", [None, 0.5, 0.1])
def test_a_collapsed_rate_starts_anew(variant: str, factor: float, per: str, restart: float | None) -> None:
    theta = lr.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    rate = lr.adapt.TLR(initial=0.02, window=1, variant=variant, per=per, restart=restart)
    optimizer = lr.optim.SGD([theta], lr=rate)
    wanted = 0.02
    for t in range(40):
        theta.grad = lr.tensor([(-1.0) ** t, 2 * (-1.0) ** t], dtype="float64")
        optimizer.step(1.0)
        if t > 0:
            wanted *= factor
            if restart is not None and wanted < restart * 0.02:
                wanted = 0.02
        assert optimizer._core.rates()[0] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("restart", [-0.1, 1.0, 2.0, np.nan])
def test_fractions_that_make_no_sense(restart: float) -> None:
    with pytest.raises(lr.ArgumentError, match="restart"):
        lr.optim.SGD([lr.tensor([1.0], requires_grad=True)], lr=lr.adapt.TLR(window=1, restart=restart))
