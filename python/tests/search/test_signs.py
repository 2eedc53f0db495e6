"""The readings of ALRS's printed loop, beside the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference import problems, sbf

import lrswift as lr

from .test_find_alrs import Network, half_mean_square
from .test_searches import A, expected, find

READINGS = {
    "window": ({"window": 5}, {"window": 5}),
    "threshold": ({"window": 5, "threshold": 0.55}, {"window": 5, "threshold": 0.55}),
    "first": ({"window": 4, "count_first_zero": True}, {"window": 4, "count_first_zero": True}),
    "accumulated": ({"window": 3, "reading": "accumulated"}, {"window": 3, "reading": "reset"}),
    "printed": (
        {"window": 3, "reading": "printed", "restart": math.inf, "count_first_zero": True},
        {"window": 3, "reading": "printed", "restart": math.inf, "count_first_zero": True},
    ),
    "restart": ({"window": 2, "restart": 1.1}, {"window": 2, "restart": 1.1}),
}


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_readings(name: str) -> None:
    ours, theirs = READINGS[name]
    found = find(A.SBFSearch(), max_epochs=3, **ours)
    _, search, signals, _ = expected(sbf.SBF(), max_epochs=3, **theirs)
    assert found.signals == signals and len(signals) > 3
    assert found.value == pytest.approx(search.value, rel=1e-9)


def test_wrong_options_are_named() -> None:
    for name, value in {"reading": "A", "window": 0, "threshold": 1.5, "restart": 1.0}.items():
        with pytest.raises(lr.ArgumentError, match=f"{name}: got "):
            find(None, **{name: value})
    with pytest.raises(lr.ArgumentTypeError, match="count_first_zero"):
        find(None, count_first_zero=1)
    with pytest.raises(lr.ArgumentError, match="signs: got .*window=3.* with rule='trials'"):
        model = Network(problems.TanhNetwork(4).start)
        lr.find_lr(model, half_mean_square, (np.ones((4, 5)), np.ones((4, 2))), window=3)
