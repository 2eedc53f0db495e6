"""Classes of directions against the cards: what is written once more must not drift."""

from __future__ import annotations

import inspect
import math
import pickle

import numpy as np
import pytest
from reference import directions as reference

import lrswift as lr
from lrswift.optim.directions import directions
from lrswift.optim.rules import rules


def parameter() -> lr.Tensor:
    return lr.tensor(np.ones(3), requires_grad=True)


@pytest.mark.parametrize("name", rules())
def test_signatures_say_what_the_cards_do(name: str) -> None:
    cls, rule = directions()[name], rules()[name]
    signature = inspect.signature(cls).parameters
    defaults = {key: p.default for key, p in signature.items() if p.default is not p.empty}
    limits = {"clip_value": math.inf, "clip_norm": math.inf}
    assert defaults == {"lr": rule.rate, **rule.options, **limits}
    assert list(signature)[:2] == ["params", "lr"] and list(signature)[-2:] == list(limits)


@pytest.mark.parametrize("name", rules())
def test_every_direction_is_in_optim(name: str) -> None:
    cls = directions()[name]
    assert getattr(lr.optim, cls.__name__) is cls
    assert cls.__name__ in dir(lr.optim)
    assert pickle.loads(pickle.dumps(cls)) is cls
    made = cls([parameter()])
    assert made._direction == name
    assert made._defaults == rules()[name].options
    assert made.lr == rules()[name].rate
    assert rules()[name].paper.split(",")[0].split(";")[0].split(" ")[0] in (cls.__doc__ or "")


def test_a_class_that_is_made_of_its_card() -> None:
    """EMA, the average of the gradient, against NumPy; its documentation and errors."""
    x = lr.tensor(np.ones(3), dtype="float64", requires_grad=True)
    optimizer = lr.optim.EMA([("x", x)], 0.1, beta=0.5, weight_decay=0.25)
    average, point = reference.Ema(0.5), np.ones(3)
    curvature = np.array([1.0, 2.0, 3.0])
    for _ in range(5):
        optimizer.minimize(lambda: 0.5 * (lr.tensor(curvature) * x * x).sum())
        (d,) = average([curvature * point + 0.25 * point])
        point = point - 0.1 * d
        np.testing.assert_allclose(x.numpy(), point, rtol=1e-13)
    assert repr(optimizer).startswith("EMA(1 tensors, lr=0.1, beta=0.5")
    assert inspect.signature(lr.optim.EMA).parameters["beta"].default == 0.9
    assert "beta: memory of the average (at least 0 and below 1). Default 0.9." in lr.optim.EMA.__doc__
    with pytest.raises(lr.ArgumentError, match="EMA: beta must be at least 0 and below 1, got 1"):
        lr.optim.EMA([x], beta=1.0)
    with pytest.raises(TypeError, match="gamma"):
        lr.optim.EMA([x], gamma=1.0)


def test_what_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Lion'"):
        lr.optim.Lion  # noqa: B018
