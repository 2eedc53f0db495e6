"""The references of DoG and DoWG alone: golden numbers and growth."""

from __future__ import annotations

import math

import goldens
import numpy as np
import pytest

from reference import dog, problems


def test_dowg_golden() -> None:
    """The printed numbers were computed in float32: the sixth decimal is off by one or two."""
    start = [np.array([1.0, 2.0, 3.0])]
    _, losses = problems.run(dog.DoG(0.01, weighted=True), 5, problems.bowl, start)
    goldens.near(losses, goldens.DOWG_LOSSES, 2e-6)


def test_dog_first_step_and_growth() -> None:
    start = [np.array([1.0, 2.0, 3.0])]
    rates, losses = problems.run(dog.DoG(), 200, problems.bowl, start)
    assert rates[0] == pytest.approx(1e-6 * (1 + math.sqrt(14)) / math.sqrt(56), rel=1e-9)
    assert losses[-1] < 1e-2
