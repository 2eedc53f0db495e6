"""Rates that are whole methods beside their references, and the directions that each goes with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from reference import bb, d_adaptation, momo, more_directions, prodigy, schedule_free, sls, yellowfin
from reference import directions as D
from twins import Case, adam, adamw, clipped, free, probing, sgd

import lrswift as lr

A = lr.adapt


ADAM = {"betas": (0.8, 0.99), "eps": 1e-6}
HALF = lr.schedule.Constant(0.5)


def ramp(t: int) -> float:
    return min(1.0, (t + 1) / 20)


# d starts large enough for its growth to be seen within the run; the defaults are in the golden values.
CASES = {
    "d-sgd": Case(sgd(lambda: A.DAdaptation(d0=1e-2)), lambda: d_adaptation.SGD(d0=1e-2)),
    "d-sgd-defaults": Case(sgd(lambda: A.DAdaptation()), d_adaptation.SGD),
    "d-sgd-options": Case(
        sgd(lambda: A.DAdaptation(d0=1e-3, lr=0.5, growth=1.1), momentum=0.9, weight_decay=1e-2),
        lambda: d_adaptation.SGD(1e-3, 0.5, 1.1, 0.9, 1e-2),
    ),
    "d-sgd-schedule": Case(
        sgd(lambda: lr.schedule.WarmUp(19, 1 / 20) * A.DAdaptation(d0=1e-2)),
        lambda: d_adaptation.SGD(1e-2, schedule=ramp),
    ),
    "d-sgd-clip-norm": Case(
        sgd(lambda: A.DAdaptation(d0=1e-2), clip_norm=0.1),
        clipped(lambda: d_adaptation.SGD(1e-2), more_directions.clip_norm, 0.1),
    ),
    # With eps 1e-8 entries whose gradient has just begun move far: rounding grows to 1e-10 within 75 to 130
    # steps, as NumPy rounds. The case below takes 200 with a larger eps.
    "d-adam": Case(adam(lambda: A.DAdaptation(d0=1e-3)), lambda: d_adaptation.Adam(d0=1e-3), steps=50),
    "d-adam-options": Case(
        adam(lambda: A.DAdaptation(d0=1e-4, lr=0.5, growth=1.05), weight_decay=1e-2, **ADAM),
        lambda: d_adaptation.Adam((0.8, 0.99), 1e-6, 1e-2, False, 1e-4, 0.5, 1.05),
    ),
    "d-adamw": Case(
        adamw(lambda: A.DAdaptation(d0=1e-3), weight_decay=0.1, **ADAM),
        lambda: d_adaptation.Adam((0.8, 0.99), 1e-6, 0.1, True, 1e-3),
    ),
    "prodigy": Case(adam(lambda: A.Prodigy()), prodigy.Prodigy),
    "prodigy-options": Case(
        adam(lambda: A.Prodigy(d0=1e-4, d_coef=0.5, lr=0.8, growth=1.1), weight_decay=1e-2, **ADAM),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 1e-2, False, 1e-4, 0.5, 0.8, 1.1),
    ),
    "prodigy-adamw": Case(
        adamw(lambda: A.Prodigy(d0=1e-3, lr=0.7, safeguard_warmup=True), weight_decay=0.1, **ADAM),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 0.1, True, 1e-3, lr=0.7, safeguard_warmup=True),
    ),
    "free": Case(free(lr=0.5), lambda: schedule_free.ScheduleFree(0.5)),
    "free-options": Case(
        free(lr=0.3, betas=(0.8, 0.9), weight_decay=1e-2, warmup_steps=10, r=1.0, weight_lr_power=1.0),
        lambda: schedule_free.ScheduleFree(0.3, 0.8, 1e-2, 10, 1.0, 1.0),
    ),
    "free-schedule": Case(
        free(lr=lr.schedule.WarmUp(19, 1 / 20)), lambda: schedule_free.ScheduleFree(schedule=ramp)
    ),
    "free-adamw": Case(
        free(lr=0.01, direction="adamw", eps=1e-4),
        lambda: schedule_free.ScheduleFree(0.01, adam=(0.999, 1e-4)),
    ),
    "free-adamw-options": Case(
        adamw(lambda: A.ScheduleFree(lr=0.02, beta=0.95, warmup_steps=20, r=0.5), weight_decay=0.1, **ADAM),
        lambda: schedule_free.ScheduleFree(0.02, 0.95, 0.1, 20, 0.5, adam=(0.99, 1e-6)),
    ),
    "yellowfin": Case(sgd(lambda: A.YellowFin()), yellowfin.YellowFin),
    "yellowfin-options": Case(
        sgd(lambda: A.YellowFin(initial=1e-2, beta=0.9, window=5, slow_start=20), weight_decay=1e-2),
        lambda: yellowfin.YellowFin(1e-2, 0.9, 5, 20, 1e-2),
    ),
    "yellowfin-protect": Case(
        sgd(lambda: A.YellowFin(beta=0.9, window=3, slow_start=50, protect=True)),
        lambda: yellowfin.YellowFin(beta=0.9, window=3, slow_start=50, protect=True),
    ),
    "momo": Case(sgd(lambda: A.MoMo()), momo.MoMo),
    "momo-options": Case(
        sgd(lambda: A.MoMo(lr=0.4, beta=0.7, lower_bound=0.02), weight_decay=1e-2),
        lambda: momo.MoMo(0.4, 0.7, 0.02, 1e-2),
    ),
    "momo-schedule": Case(sgd(lambda: HALF * A.MoMo(lr=0.4)), lambda: momo.MoMo(0.2)),
    "momo-adam": Case(
        adam(lambda: A.MoMo(lr=0.01, lower_bound=0.02), **ADAM),
        lambda: momo.MoMo(0.01, lower_bound=0.02, adam=(0.8, 0.99, 1e-6)),
    ),
    "momo-adamw": Case(
        adamw(lambda: A.MoMo(lr=0.02), weight_decay=0.1, **ADAM),
        lambda: momo.MoMo(0.02, weight_decay=0.1, adam=(0.8, 0.99, 1e-6)),
    ),
    "sgd-bb": Case(
        sgd(lambda: A.StochasticBarzilaiBorwein(initial=0.1, steps_per_epoch=25)),
        lambda: bb.StochasticBarzilaiBorwein(initial=0.1, steps_per_epoch=25),
    ),
    "sgd-bb-smoothing": Case(
        sgd(lambda: A.StochasticBarzilaiBorwein(smoothing=True, steps_per_epoch=7), weight_decay=1e-2),
        lambda: bb.StochasticBarzilaiBorwein(D.SGD(weight_decay=1e-2), 0.01, True, 7),
    ),
    "goldstein": probing(sgd(lambda: A.SLS(condition="goldstein")), lambda: sls.Goldstein()),
    "goldstein-grows": probing(
        sgd(lambda: A.SLS(initial=1e-3, condition="goldstein", c=0.3, beta=0.7, reset="keep")),
        lambda: sls.Goldstein(initial=1e-3, c=0.3, beta=0.7, reset="keep"),
    ),
}

PAIRS = {
    "DAdaptation": ["SGD", "Adam", "AdamW"],
    "Prodigy": ["Adam", "AdamW"],
    "ScheduleFree": ["SGD", "AdamW"],
    "YellowFin": ["SGD"],
    "MoMo": ["SGD", "Adam", "AdamW"],
}
EACH_PAIR = [(rate, direction) for rate, directions in PAIRS.items() for direction in directions]


def native_parameter(shape: int = 3):
    return lr.tensor(np.ones(shape), requires_grad=True)


def pair(rate: str, direction: str, **options) -> Callable:
    return lambda parameters: getattr(lr.optim, direction)(parameters, lr=getattr(A, rate)(**options))
