"""The search of ALRS, signal by signal beside its reference and against an oracle."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from reference import sbf

import lrswift as lr

OPTIONS = [
    {},
    {"start": 1e-3},
    {"start": 10.0, "rho": 0.9, "gate": 0.12},
    {"max_signals": 12, "final_signals": 5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("flips", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("threshold", [1e-3, 0.0371, 1.0, 37.0])
def test_search_signal_by_signal(options: dict, flips: float, threshold: float) -> None:
    """An oracle says which way the threshold lies, with a share of its answers flipped."""
    native, reference, random = lr.adapt.SBFSearch(**options), sbf.SBF(**options), np.random.default_rng(3)
    assert native.value == reference.value and not native.done
    for count in range(1, 200):
        up = (reference.value < threshold) != (random.random() < flips)
        (native.increase if up else native.decrease)()
        reference.signal(+1 if up else -1)
        where = f"{options}, after {count} signals"
        assert native.value == pytest.approx(reference.value, rel=1e-13), where
        assert bool(native.done) == reference.done, where
        if reference.done:
            return
    pytest.fail("the search never ended")


def oracle(search: lr.adapt.SBFSearch, threshold: float) -> None:
    while not search.done:
        (search.increase if search.value < threshold else search.decrease)()


@pytest.mark.parametrize("threshold", [1e-3, 0.05, 1.0, 37.0])
def test_sbf_search_finds_a_threshold(threshold):
    search = lr.adapt.SBFSearch()
    oracle(search, threshold)
    assert search.value == pytest.approx(threshold, rel=0.02)
    assert 21 <= search.signals <= 120


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_search_says_that_it_cannot_be_copied(way):
    with pytest.raises(
        lr.ArgumentTypeError, match="SBFSearch: a search cannot be copied .* make another one"
    ):
        way(lr.adapt.SBFSearch())
