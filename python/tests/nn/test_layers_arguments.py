"""Arguments of layers that would spoil what they compute."""

from __future__ import annotations

import pytest

import lrswift as lr

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
