"""The search of ALRS alone, against an oracle."""

from __future__ import annotations

import goldens
import numpy as np
import pytest

from reference import sbf


def test_bisection_finds_an_oracle_threshold() -> None:
    for threshold in np.geomspace(1e-3, 37, 60):
        search = sbf.SBF(1.0)
        while not search.done:
            search.signal(+1 if search.value < threshold else -1)
        assert abs(search.value / threshold - 1) < 0.02
        assert 5 <= search.bisections <= 60


@pytest.mark.parametrize(("flips", "median", "high"), goldens.SBF_ERRORS)
def test_bisection_with_flipped_signals(flips: float, median: float, high: float | None) -> None:
    random, errors = np.random.default_rng(0), []
    for _ in range(2000):
        threshold, search = np.exp(random.uniform(np.log(1e-3), np.log(37))), sbf.SBF(1.0)
        while not search.done:
            truth = +1 if search.value < threshold else -1
            search.signal(-truth if random.random() < flips else truth)
        errors.append(abs(search.value / threshold - 1))
    assert np.median(errors) == pytest.approx(median, rel=0.15)
    assert high is None or np.percentile(errors, 95) == pytest.approx(high, rel=0.25)
