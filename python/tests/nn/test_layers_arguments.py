"""Arguments of layers that would spoil what they compute."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr

nn, F = lr.nn, lr.nn.functional
NAN, INF = float("nan"), float("inf")
MAKERS = {
    "BatchNorm1d: eps": lambda v: lr.nn.BatchNorm1d(4, eps=v),
    "BatchNorm2d: momentum": lambda v: lr.nn.BatchNorm2d(4, momentum=v),
    "LayerNorm: eps": lambda v: lr.nn.LayerNorm(4, eps=v),
    "GroupNorm: eps": lambda v: lr.nn.GroupNorm(2, 4, eps=v),
    "Dropout: p": lambda v: lr.nn.Dropout(v),
    "LSTM: dropout": lambda v: lr.nn.LSTM(2, 3, dropout=v),
    "GRU: dropout": lambda v: lr.nn.GRU(2, 3, dropout=v),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("value", [NAN, INF, -1.0, -1e-9, "much", None, True])
def test_what_no_layer_can_compute_with_is_refused(name, value):
    with pytest.raises((lr.ArgumentError, lr.DTypeError), match=f"{name}: got"):
        MAKERS[name](value)


@pytest.mark.parametrize("name", ["BatchNorm2d: momentum", "Dropout: p", "LSTM: dropout"])
def test_a_share_is_at_most_one(name):
    with pytest.raises(lr.ArgumentError, match=f"{name}: got 5.0"):
        MAKERS[name](5.0)


WEIGHTS = {
    "linear": ("weight", lambda w: F.linear(lr.ones(2, 3), w)),
    "linear bias": ("bias", lambda w: F.linear(lr.ones(2, 3), lr.ones(4, 3), w)),
    "conv2d": ("weight", lambda w: F.conv2d(lr.ones(1, 4, 4, 2), w)),
    "conv2d bias": ("bias", lambda w: F.conv2d(lr.ones(1, 4, 4, 2), lr.ones(3, 3, 2, 1), w)),
    "batch_norm": ("var", lambda w: F.batch_norm(lr.ones(2, 3), lr.ones(3), w, lr.ones(3), lr.ones(3))),
    "layer_norm": ("weight", lambda w: F.layer_norm(lr.ones(2, 3), w, lr.ones(3))),
    "layer_norm bias": ("bias", lambda w: F.layer_norm(lr.ones(2, 3), lr.ones(3), w)),
    "embedding": ("weight", lambda w: F.embedding([0, 1], w)),
}


@pytest.mark.parametrize("given", [{}, "w", np.ones((3, 3), np.float32), nn.Linear(2, 2), True])
@pytest.mark.parametrize("case", WEIGHTS)
def test_a_weight_is_a_tensor(case: str, given: object) -> None:
    name, call = WEIGHTS[case]
    kind = type(given).__name__
    with pytest.raises(TypeError, match=f"^{case.split()[0]}: {name}: got {kind}; allowed: a Tensor"):
        call(given)


def test_a_weight_of_one_axis_is_no_matrix() -> None:
    with pytest.raises(lr.ShapeError, match=r"^linear: weight: got shape \(3,\); allowed: \[out, in\]"):
        F.linear(lr.ones(2, 3), lr.ones(3))
