"""Update rules as their cards tell them."""

from __future__ import annotations

import pytest

import lrswift as lr
from lrswift.learning import settings
from lrswift.optim.attributes import spelled, unspelled
from lrswift.optim.rules import FAMILIES, rules, run_rule, run_rules


def test_families_are_those_of_the_core() -> None:
    """In the order in which columns are counted; learned schedules have those of SGD."""
    assert FAMILIES == ("learning_rates", "momentums", "weight_decays", "beta2s", "epsilons")
    assert settings.FAMILIES == FAMILIES[:3]
    assert settings.OPTIMIZERS == ("sgd", "nesterov")


def test_which_argument_belongs_to_which_family() -> None:
    expected = {
        "sgd": {"momentums": 0, "weight_decays": 0},
        "ema": {"momentums": 0.9, "weight_decays": 0},
        "adam": {"momentums": 0.9, "weight_decays": 0, "beta2s": 0.999, "epsilons": 1e-8},
        "adamw": {"momentums": 0.9, "weight_decays": 0.01, "beta2s": 0.999, "epsilons": 1e-8},
        "rmsprop": {"momentums": 0, "weight_decays": 0, "beta2s": 0.99, "epsilons": 1e-8},
        "adagrad": {"weight_decays": 0, "epsilons": 1e-10},
        "adadelta": {"weight_decays": 0, "beta2s": 0.9, "epsilons": 1e-6},
    }
    assert {name: rules()[name].families for name in expected} == expected


def test_options_have_the_names_of_torch() -> None:
    assert rules()["adam"].options == {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}
    assert rules()["sgd"].options["nesterov"] is False
    assert list(rules()["adam"].meanings) == list(rules()["adam"].options)
    for rule in rules().values():
        assert set(unspelled(spelled(rule.options))) == set(rule.options)


def test_runs_know_variants_by_name() -> None:
    assert list(run_rules())[:2] == ["sgd", "nesterov"]
    assert run_rule("nesterov") is run_rule("sgd")
    with pytest.raises(lr.ArgumentError, match="optimizer: got 'lion'; allowed: sgd, nesterov, "):
        run_rule("lion")
