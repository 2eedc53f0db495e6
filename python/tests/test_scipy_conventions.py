"""`lrswift.minimize` by SciPy's conventions, directly and as a method of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

import lrswift as lr


def bowl(x):
    return ((x - 1) ** 2).sum(), 2 * (x - 1)


CALLS = {
    "directly": lambda **options: lr.minimize(bowl, np.zeros(5), **options),
    "through SciPy": lambda **options: scipy.optimize.minimize(
        bowl, np.zeros(5), jac=True, method=lr.minimize, options={"rate": "l4"}, **options
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_callback_of_intermediate_result(call):
    seen = []

    def watch(intermediate_result):
        seen.append(intermediate_result)
        if intermediate_result.fun < 1e-3:
            raise StopIteration

    found = CALLS[call](callback=watch)
    assert found.status == 99 and seen[-1].fun < 1e-3 <= min(s.fun for s in seen[:-1])
    assert all(isinstance(s, scipy.optimize.OptimizeResult) for s in seen)
    np.testing.assert_allclose([s.fun for s in seen], [bowl(s.x)[0] for s in seen])


@pytest.mark.parametrize("call", CALLS)
def test_a_callback_of_x(call):
    seen = []
    CALLS[call](callback=lambda x: seen.append(x))
    assert len(seen) > 1 and seen[0].shape == (5,)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "given",
    [{"bounds": [(0, 0.5)] * 5}, {"constraints": {"type": "eq", "fun": lambda x: x.sum()}}],
    ids=["bounds", "constraints"],
)
def test_bounds_and_constraints_are_refused(call, given):
    with pytest.raises(lr.ArgumentError, match=f"{next(iter(given))}: got .*; allowed: none"):
        CALLS[call](**given)


@pytest.mark.filterwarnings("ignore:Method custom does not use")
def test_second_derivatives_are_not_used_and_that_is_said():
    with pytest.warns(UserWarning, match="hess: not used"):
        CALLS["through SciPy"](hess=lambda x: 2 * np.eye(5))
