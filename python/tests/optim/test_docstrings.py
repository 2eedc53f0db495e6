"""Docstrings of optimizers are completed from cards and from what all share."""

from __future__ import annotations

import inspect

import pytest

import lrswift as lr
from lrswift.optim.docstrings import documented
from lrswift.rates.cards import read_cards


class Own:
    """What it is.

        w -= lr beta

    Source:
        A paper (2020).
    """

    def __init__(self, params: list, lr: float = 0.5, beta: float = 0.9, why: str = "x") -> None: ...


def test_arguments_come_in_order_from_what_is_given_the_card_and_what_all_share() -> None:
    made = documented("ema", why="its own")(type("Own", (Own,), {"__doc__": Own.__doc__}))
    about, told = made.__doc__.split("\n\nArgs:\n")
    assert about == "What it is.\n\n    w -= lr beta"
    arguments, raised, source = told.split("\n\n")
    entries = [line.strip() for line in arguments.splitlines() if not line.startswith("     ")]
    meaning = read_cards("directions")["ema"]["beta"].meaning
    assert entries[1:] == [
        "lr: a number of at least 0, a schedule, an adapter or its name. Default 0.5.",
        f"beta: {meaning} (at least 0 and below 1). Default 0.9.",
        "why: its own. Default 'x'.",
    ]
    assert entries[0].startswith("params: tensors")
    assert raised.startswith("Raises:\n    ArgumentError: ")
    assert source == "Source:\n    A paper (2020).\n"


def test_an_argument_that_nothing_says_is_an_error() -> None:
    with pytest.raises(KeyError, match="why"):
        documented("ema")(type("Own", (Own,), {"__doc__": Own.__doc__})).__doc__  # noqa: B018


@pytest.mark.parametrize("cls", [lr.optim.L4Mom, lr.optim.L4Adam])
def test_the_pairs_of_l4_say_what_its_card_does(cls: type) -> None:
    text = " ".join(inspect.cleandoc(cls.__doc__ or "").split())
    # a pair is a direction with its own average: the estimator is no choice
    for argument in read_cards("rates")["l4"].arguments:
        if argument.name in ("estimator", "beta"):
            continue
        assert f"{argument.name}: {argument.meaning} ({argument.allowed})." in text


def test_a_class_derived_from_one_has_its_own_docstring() -> None:
    assert type("Derived", (lr.optim.SGD,), {}).__doc__ is None
    assert type("Derived", (lr.optim.SGD,), {"__doc__": "Mine."}).__doc__ == "Mine."
    assert inspect.getdoc(lr.optim.SGD) == inspect.cleandoc(lr.optim.SGD.__doc__ or "")
