"""Sequences to repeat and pictures of shapes: what their rows hold, and that a seed decides them."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr


def test_sequences_are_said_again_and_end() -> None:
    inputs, targets, mask = lr.data.repeat_copy(200, 3, (1, 4), (2, 3), seed=5)
    assert inputs.shape == (200, 4 * 4 + 3, 5) and targets.shape == (200, 19, 4) and mask.shape == (200, 19)
    seen = set()
    for x, y, counts in zip(inputs, targets, mask, strict=True):
        assert x[0].tolist() == [0, 0, 0, 1, 0]
        (at,) = np.flatnonzero(x[:, 4])
        length, times = at - 1, round(10 * x[at, 4])
        seen.add((length, times))
        said = y[at + 1 : at + 1 + length * times, :3].reshape(times, length, 3)
        assert (said == x[1:at, :3]).all() and not x[at + 1 :].any()
        end = at + 1 + length * times
        assert y[end].tolist() == [0, 0, 0, 1] and y[:, 3].sum() == 1
        assert np.flatnonzero(counts).tolist() == list(range(at + 1, end + 1))
    assert seen == {(n, t) for n in range(1, 5) for t in (2, 3)}


def test_a_seed_decides() -> None:
    for make in (lambda s: lr.data.repeat_copy(9, seed=s)[0], lambda s: lr.data.shapes(4, 32, seed=s).x):
        assert np.array_equal(make(1), make(1)) and not np.array_equal(make(1), make(2))


def test_boxes_are_around_what_was_drawn() -> None:
    data = lr.data.shapes(60, 128, (1, 1), seed=3)
    assert (
        len(data) == 60
        and data.x.shape == (60, 128, 128, 3)
        and data.classes == ["square", "disc", "triangle"]
    )
    areas: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for picture, (box,), (label,) in zip(data.x, data.boxes, data.labels, strict=True):
        bright = picture.min(-1) >= 100
        down, right = np.nonzero(bright)
        found = np.array([right.min(), down.min(), right.max() + 1, down.max() + 1])
        np.testing.assert_allclose(found, 128 * box, atol=1.01)
        areas[label].append(bright.sum() / (128 * 128 * np.prod(box[2:] - box[:2])))
    # of a square, a disc, and a triangle
    for label, part in ((0, 1.0), (1, np.pi / 4), (2, 0.5)):
        np.testing.assert_allclose(areas[label], part, atol=0.03)


def test_bounds_are_named() -> None:
    for options, told in (
        ({"count": 0}, "count: got 0"),
        ({"lengths": (3, 2)}, "lengths: most: got 2"),
        ({"repeats": 2}, r"repeats: got 2; allowed: \(least, most\)"),
    ):
        with pytest.raises(lr.ArgumentError, match=told):
            lr.data.repeat_copy(**{"count": 3, **options})
    with pytest.raises(lr.ArgumentError, match="size: got 8"):
        lr.data.shapes(3, 8)
