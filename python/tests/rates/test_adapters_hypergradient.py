"""Hypergradient descent: golden numbers, and rates below zero."""

from __future__ import annotations

import goldens
import pytest
from twins import Quadratic, sgd

import lrswift as lr

A = lr.adapt


@pytest.mark.parametrize("loop", ["minimize", "step"])
def test_hd_golden(loop: str) -> None:
    rates, losses = Quadratic(sgd(lambda: A.HD(initial=0.01, meta_lr=1e-4))).run(5, loop)
    goldens.HD.check(rates, losses)


def test_hd_may_turn_negative_unless_bounded() -> None:
    for limits, expected in (({}, -0.1175), ({"min_lr": 0.0}, 0.0), ({"min_lr": 0.02}, 0.02)):
        rates, _ = Quadratic(sgd(lambda limits=limits: A.HD(initial=0.25, meta_lr=1e-2, **limits))).run(2)
        assert rates == pytest.approx([0.25, expected], abs=1e-12), f"HD with {limits}"
