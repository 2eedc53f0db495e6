"""`lrswift.minimize`: minima, SciPy's way of calling it, and what it counts and refuses."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from reference import problems

import lrswift as lr


def quadratic(x: np.ndarray) -> tuple[float, np.ndarray]:
    loss, (gradient,) = problems.quadratic([x])
    return loss, gradient


METHODS = ["l4", "hd", "sls", "lqa", "barzilai_borwein", "qlabgrad", lr.adapt.TLR(window=1), 0.05]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_minimize_reaches_the_minimum(method) -> None:
    found = lr.minimize(quadratic, [1.0, -2.0, 0.5], method=method, maxiter=3000, gtol=1e-3)
    assert found.success and found.fun < 1e-6 and isinstance(found, scipy.optimize.OptimizeResult)
    assert np.abs(found.jac).max() <= 1e-3 and found.nit == len(found.history["lr"])
    assert found.history["fun"][0] == pytest.approx(9.75)


def test_minimize_as_a_method_of_scipy() -> None:
    start, rosen, derivative = [-1.2, 1.0], scipy.optimize.rosen, scipy.optimize.rosen_der
    seen: list[np.ndarray] = []
    options = {"rate": "l4", "direction": "ema", "maxiter": 4000, "gtol": 1e-4}
    found = scipy.optimize.minimize(
        rosen, start, jac=derivative, method=lr.minimize, options=options, callback=lambda x: seen.append(x)
    )
    best = scipy.optimize.minimize(rosen, start, jac=derivative, method="BFGS")
    np.testing.assert_allclose(found.x, best.x, atol=1e-3)
    assert found.success and len(seen) == found.nit


def test_minimize_counts_stops_and_refuses() -> None:
    calls = []

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        calls.append(x)
        return quadratic(x)

    found = lr.minimize(counted, [1.0, -2.0, 0.5], method="qlabgrad", maxiter=5)
    assert not found.success and found.nit == 5 and found.nfev == len(calls)

    def stop(x: np.ndarray) -> None:
        raise StopIteration

    assert lr.minimize(quadratic, [1.0, -2.0, 0.5], callback=stop).nit == 1
    assert lr.minimize(quadratic, [1.0, 1, 1], method=lr.adapt.NaiveTLR(meta_lr=1e-3), maxiter=3).nit == 3
    blown = lr.minimize(quadratic, [1.0, 1.0, 1.0], method=1e200, maxiter=50)
    assert blown.status == 2 and blown.fun == quadratic(np.ones(3))[0]
    for arguments, what in [
        ({"jac": None}, "jac"), ({"maxiter": -1}, "maxiter"), ({"colour": 1}, "colour"), ({"x0": []}, "x0"),
    ]:  # fmt: skip
        with pytest.raises(lr.Error, match=what):
            lr.minimize(quadratic, **{"x0": [1.0, 2.0, 3.0], **arguments})
    with pytest.raises(lr.Error, match="fun"):
        lr.minimize(lambda x: 1.0, [1.0])
