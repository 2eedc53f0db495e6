"""What a guard is told, native and in torch."""

from __future__ import annotations

import math

import pytest

import lrswift as lr
from lrswift.optim.guarding import checked
from lrswift.rates.codes import Guard


def test_switches_make_the_mode():
    assert checked(True, 10.0, True, 1) == (Guard.ROLL_BACK, 10.0)
    assert checked(False, 3, True, 5) == (Guard.DETECT, 3.0)
    assert checked(False, math.inf, False, 5) == (Guard.OFF, math.inf)


@pytest.mark.parametrize(("given", "match"), [
    ((1, 10.0, True, 1), "rollback"), ((True, 10.0, None, 1), "on"), ((True, "ten", True, 1), "explode"),
    ((True, math.nan, True, 1), "explode"), ((True, 10.0, True, 0), "every"),
    ((True, 10.0, True, 1.5), "every"),
])  # fmt: skip
def test_what_it_refuses(given, match):
    with pytest.raises(lr.Error, match=f"guard: {match}"):
        checked(*given)
