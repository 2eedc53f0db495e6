"""The options that hypergradient, check_hypergradient and learn_schedule share."""

import typing

import numpy as np
import pytest

import lrswift as lr
from lrswift.hypergradients.options import HypergradientFields

BAD = [
    ({"optimizer": "rprop"}, "optimizer: got 'rprop'; allowed: sgd, nesterov, ema, adam, adamw, rmsprop"),
    ({"mode": "plain"}, "mode: got 'plain'; allowed: auto, forward, reverse"),
    ({"per": "row"}, "per: got 'row'; allowed: all, layer, tensor"),
    ({"curvature": "fisher"}, "curvature: got 'fisher'; allowed: hessian, gauss_newton"),
    ({"memory": 0}, "memory: got 0; allowed: an integer of at least 1"),
    ({"mode": "reverse", "clip_hvp": 1.0}, "clip_hvp: got 1.0 in reverse mode; allowed: None"),
    ({"horizon": 0}, "horizon: got 0; allowed: an integer of at least 1"),
    ({"clip_gradient": 0}, "clip_gradient: got 0; allowed: None, or a number above 0"),
    ({"clip_hvp": float("nan")}, "clip_hvp: got nan; allowed: a finite number"),
    ({"clip_hvp": "1"}, "clip_hvp: got '1' .*; allowed: a number"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_the_record_is_checked_when_it_is_made(given, message):
    with pytest.raises(lr.Error, match=f"^{message}"):
        lr.HypergradientOptions(**given)


def test_type_checkers_are_told_the_fields():
    assert typing.get_type_hints(HypergradientFields) == typing.get_type_hints(lr.HypergradientOptions)


def linear(seed=0):
    lr.seed(seed)
    return lr.nn.Linear(3, 1)


def squares(model, x, y):
    return ((model(x) - y) ** 2).mean()


DATA = np.random.default_rng(0).normal(size=(24, 3)), np.random.default_rng(1).normal(size=(24, 1))


def differentiated(*arguments, **options):
    batches = [tuple(a[i : i + 6] for a in DATA) for i in range(0, 24, 6)]
    return lr.hypergradient(linear().to(lr.float64), squares, batches, batches, *arguments, **options)


def test_hypergradient_takes_the_record_or_its_fields():
    fields = {"optimizer": "nesterov", "mode": "reverse", "clip_gradient": 0.5, "per": "layer"}
    forward = lr.HypergradientOptions(**fields | {"mode": "forward"})
    reference = differentiated([0.1, 0.2], [0.5], **fields)
    others = [
        differentiated([0.1, 0.2], [0.5], (0.0,), "nesterov", "reverse", clip_gradient=0.5, per="layer"),
        differentiated([0.1, 0.2], [0.5], options=lr.HypergradientOptions(**fields)),
        differentiated([0.1, 0.2], [0.5], mode="reverse", options=forward),
    ]
    assert reference.learning_rates.shape == (1, 2)
    for found in others:
        assert (found.learning_rates == reference.learning_rates).all()
        assert found.valid_loss == reference.valid_loss
    # the fields count: without clipping it is another run
    assert differentiated([0.1, 0.2], [0.5], optimizer="nesterov").valid_loss != reference.valid_loss


def test_check_hypergradient_takes_the_record_and_what_hypergradient_takes():
    batches = [tuple(a[i : i + 6] for a in DATA) for i in range(0, 24, 6)]
    told = (linear(), squares, batches, batches, [0.01])
    options = lr.HypergradientOptions(optimizer="adam")
    found = lr.check_hypergradient(*told, beta2s=[0.99], epsilons=[1e-3], tile=2, options=options)
    assert found and [row.family for row in found.rows][-2:] == ["beta2s", "epsilons"]
    layered = lr.HypergradientOptions(per="layer")
    for changes in ({"mode": "reverse"}, {"options": layered}, {"dtype": "float32"}):
        with pytest.raises(lr.ArgumentError, match="cannot be chosen"):
            lr.check_hypergradient(*told, verbose=False, **changes)
