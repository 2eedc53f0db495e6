"""Messages: what is of torch where lrswift's own is meant, a class for its instance, long values."""

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


def fitted(**given: Any) -> Callable[[], Any]:
    return lambda: lr.fit(lr.models.mlp(4, [3], 2), train=(X, Y), progress=False, **given)


CLASSES: dict[str, tuple[Callable[[], Any], str]] = {
    "model": (lambda: lr.fit(lr.nn.Linear, train=(X, Y)), "fit: model: got the class Linear; .*instance"),
    "optimizer": (fitted(optimizer=lr.optim.Adam), r"got the class Adam; .*Adam\(model.parameters\(\)\)"),
    "adapter": (fitted(optimizer=lr.adapt.L4()), r"got L4; .*SGD\(params, lr=L4\(\)\)"),
    "data": (fitted(optimizer=X), r"got ndarray; .*train=\(x, y\)"),
    "loss": (fitted(loss=lr.nn.Linear), "loss: got the class Linear"),
    "callback": (
        fitted(callbacks=[lr.callbacks.EarlyStopping]),
        r"callbacks\[0\]: got the class EarlyStopping; .*instances",
    ),
    "torch": (
        lambda: lr.torch.fit(torch.nn.Linear(4, 2), (X, Y), torch.nn.CrossEntropyLoss),
        r"fit: loss: got the class CrossEntropyLoss; .*CrossEntropyLoss\(\)",
    ),
    "base": (lambda: lr.torch.Adapted(torch.optim.SGD), "base: got the class SGD"),
    "parameters": (
        lambda: lr.optim.SGD(lr.nn.Linear(4, 2)),
        r"got Linear, a module; .*parameters\(\)",
    ),
    "jac": (lambda: lr.minimize(lambda x: 1.0, X[0]), "fun: returned float; .*beside jac=f"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_what_stands_for_another_thing_is_told_what_it_should_be(name: str) -> None:
    call, message = CLASSES[name]
    with pytest.raises(TypeError, match=message) as caught:
        call()
    assert isinstance(caught.value, lr.Error)


def test_one_callback_needs_no_list() -> None:
    seen: list[int] = []
    fitted(epochs=3, callbacks=lambda history: seen.append(len(history.rows)))()
    assert seen == [1, 2, 3]


LONG = [np.ones(1000), list(range(10_000)), "x" * 10_000, {i: i for i in range(1000)}, lr.ones(1000), X]


@pytest.mark.parametrize("value", LONG, ids=lambda value: type(value).__name__)
def test_a_message_stays_short_whatever_was_given(value: Any) -> None:
    parameters = lr.nn.Linear(4, 2).parameters()
    for call in (
        lambda: lr.adapt.L4(value),
        lambda: lr.optim.SGD(parameters, lr=0.1, momentum=value),
        lambda: lr.optim.SGD(parameters, lr=value),
        lambda: lr.schedule.Constant(value),
        lambda: lr.optim.Adam(parameters, betas=value),
        fitted(epochs=value),
    ):
        with pytest.raises(lr.Error) as caught:
            call()
        told, _, allowed = str(caught.value).partition("; allowed: ")
        assert "got " in told and len(told) < 150 and "\n" not in told and allowed
