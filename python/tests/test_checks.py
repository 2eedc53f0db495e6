"""`checks.refuse_torch`: what is of torch where lrswift's own is meant; the error says what takes it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import lrswift as lr

X, Y = np.ones((8, 4), np.float32), np.zeros(8, np.int64)
LOSS = lr.nn.functional.cross_entropy
SMALL = {"steps": 2, "batch_size": 2, "learning_rates": 1, "valid": 0.5, "progress": False}


class Net(torch.nn.Linear):
    """A class of one's own."""


CALLS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "fit": (lambda m: lr.fit(m, train=(X, Y), progress=False), "model: got a Net.*lrswift.torch.fit"),
    "find_lr": (lambda m: lr.find_lr(m, LOSS, (X, Y)), "model: got a Net.*lrswift.torch.find_lr"),
    "hypergradient": (
        lambda m: lr.hypergradient(m, LOSS, [(X, Y)], [(X, Y)], [0.1]),
        "model: got a Net.*lrswift.torch.hypergradient",
    ),
    "check_hypergradient": (
        lambda m: lr.check_hypergradient(m, LOSS, [(X, Y)], [(X, Y)], [0.1]),
        "model: got a Net.*lrswift.torch.hypergradient",
    ),
    "learn_schedule": (
        lambda m: lr.learn_schedule(lambda seed: m, LOSS, (X, Y), **SMALL),
        "make_model: got a Net.*lrswift.torch.learn_schedule",
    ),
    "SGD": (lambda m: lr.optim.SGD(m.parameters(), lr=0.1), r"params\[0\]: got a Parameter.*lrswift.torch"),
    "Auto": (lambda m: lr.optim.Auto(m.named_parameters(), steps=9), r"params\[0\]: got a Parameter"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_error_says_what_takes_it(name: str) -> None:
    module, (call, message) = Net(4, 3), CALLS[name]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(lr.ArgumentTypeError, match=message):
        call(module)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert module.training and module.weight.grad is None
