"""First steps, decay and clipping, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reference import more_directions


def test_first_steps_of_the_directions() -> None:
    g = np.array([2.0, -0.5])
    np.testing.assert_allclose(more_directions.RMSprop()([g])[0], 10 * np.sign(g), rtol=1e-6)
    np.testing.assert_allclose(more_directions.Adagrad()([g])[0], np.sign(g), rtol=1e-9)
    expected = g * math.sqrt(1e-6) / np.sqrt(0.1 * g * g + 1e-6)
    np.testing.assert_allclose(more_directions.Adadelta()([g])[0], expected, rtol=1e-13)


def test_decay_of_adamw_is_beside_the_step() -> None:
    still = lambda p: (0.0, [np.zeros_like(p[0])])  # noqa: E731
    parameters = [np.array([4.0])]
    optimizer = more_directions.AdamW(rate=0.1, weight_decay=0.5)
    for _ in range(3):
        optimizer.step(parameters, still)
    assert parameters[0][0] == pytest.approx(4 * 0.95**3)


def test_clipping() -> None:
    g = [np.array([3.0, -0.1]), np.array([[4.0]])]
    assert [x.tolist() for x in more_directions.clip_value(g, 0.5)] == [[0.5, -0.1], [[0.5]]]
    clipped = more_directions.clip_norm(g, 1.0)
    norm = math.sqrt(25.01)
    assert clipped[1][0, 0] == pytest.approx(4 / (norm + 1e-6), rel=1e-14)
    assert more_directions.clip_norm(g, 6.0)[0].tolist() == g[0].tolist()
