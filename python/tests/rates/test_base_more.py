"""The later native rates and directions equal to the NumPy references: parameters and rates at every step.

All in float64 over different mini-batches of a small tanh network, to a relative 1e-10: 200 of them, except
where rounding errors in the gradients would grow above 2e-12 (those paths are chaotic; `steps` says how far).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from rates.test_base import (
    DAMPED,
    EACH,
    HEAVY,
    NESTEROV,
    Case,
    Quadratic,
    Twin,
    adam,
    check,
    halves,
    native,
    rates_of,
    sgd,
)
from reference import bb, dog, hd, l4, lqa, newton, ntlr, sls, sps, tlr
from reference import directions as D
from reference import more_directions as M

import lrswift as lr


@dataclass
class Method(Case):
    steps: int = 200
    fixed: bool = False  # one mini-batch for all steps


def of(name: str, rate, **options) -> Callable:
    """parameters -> lr.optim.<name>; looked up late, so that one that is missing fails in its own test."""
    return lambda parameters: getattr(lr.optim, name)(
        parameters, lr=rate() if callable(rate) else rate, **options
    )


def probing(native_: Callable, reference: Callable, steps: int = 200) -> Method:
    return Method(native_, reference, True, steps)


A = lr.adapt
DECAY = {"weight_decay": 1e-2}
ADAMW = {"betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.1}
RMS = {"alpha": 0.9, "eps": 1e-3, "weight_decay": 1e-2, "momentum": 0.8}
GRAD = {"lr_decay": 0.01, "weight_decay": 1e-2, "initial_accumulator_value": 0.1, "eps": 1e-4}
DELTA = {"rho": 0.95, "eps": 1e-4, "weight_decay": 1e-2}
POLYAK = {"mode": "max", "c": 2.0, "f_star": 0.05, "max_lr": 1.0}
SEARCH = {"initial": 4.0, "c": 0.3, "beta": 0.7, "reset": "keep"}
RESTART = {"initial": 2.0, "c": 0.4, "beta": 0.8, "reset": "initial"}

RATES = {
    "hd": Method(sgd(lambda: A.HD(meta_lr=1e-2)), lambda: hd.HD(meta_lr=1e-2)),
    "hd-defaults": Method(sgd(lambda: A.HD()), hd.HD),
    "hd-multiplicative": Method(
        sgd(lambda: A.HD(meta_lr=2e-2, multiplicative=True)),
        lambda: hd.HD(meta_lr=2e-2, multiplicative=True),
    ),
    "hd-momentum": Method(
        sgd(lambda: A.HD(initial=0.02, meta_lr=1e-3), **HEAVY),
        lambda: hd.HD(D.SGD(**HEAVY), 0.02, 1e-3),
    ),
    "hd-dampening": Method(
        sgd(lambda: A.HD(meta_lr=1e-2), **DAMPED), lambda: hd.HD(D.SGD(**DAMPED), meta_lr=1e-2)
    ),
    "hd-nesterov": Method(
        sgd(lambda: A.HD(meta_lr=1e-3), **NESTEROV), lambda: hd.HD(D.SGD(**NESTEROV), meta_lr=1e-3)
    ),
    "hd-nesterov-multiplicative": Method(
        sgd(lambda: A.HD(meta_lr=1e-2, multiplicative=True), **NESTEROV),
        lambda: hd.HD(D.SGD(**NESTEROV), meta_lr=1e-2, multiplicative=True),
    ),
    "hd-adam": Method(adam(lambda: A.HD(initial=1e-3, meta_lr=1e-5)), lambda: hd.HD(D.Adam(), 1e-3, 1e-5)),
    "hd-adam-multiplicative": Method(
        adam(lambda: A.HD(initial=1e-3, meta_lr=1e-2, multiplicative=True), weight_decay=1e-2),
        lambda: hd.HD(D.Adam(weight_decay=1e-2), 1e-3, 1e-2, True),
    ),
    "lqa": probing(sgd(lambda: A.LQA()), lqa.LQA),
    "lqa-trial": probing(sgd(lambda: A.LQA(trial=1.0)), lambda: lqa.LQA(trial=1.0)),
    "lqa-decay": probing(sgd(lambda: A.LQA(trial=0.5), **DECAY), lambda: lqa.LQA(D.SGD(**DECAY), 0.5)),
    "lqa-momentum": probing(sgd(lambda: A.LQA(), momentum=0.9), lambda: lqa.LQA(D.SGD(momentum=0.9)), 30),
    "sps": Method(sgd(lambda: A.SPS()), sps.SPS),
    "sps-smooth": Method(
        sgd(lambda: A.SPS(c=2.0, gamma=1.5, steps_per_epoch=20)),
        lambda: sps.SPS(c=2.0, gamma=1.5, steps_per_epoch=20),
    ),
    "sps-max": Method(sgd(lambda: A.SPS(**POLYAK)), lambda: sps.SPS(**POLYAK)),
    "sps-max-decay": Method(sgd(lambda: A.SPS(**POLYAK), **DECAY), lambda: sps.SPS(D.SGD(**DECAY), **POLYAK)),
    "sls": probing(sgd(lambda: A.SLS()), sls.SLS),
    "sls-decay": probing(sgd(lambda: A.SLS(c=0.5), **DECAY), lambda: sls.SLS(D.SGD(**DECAY), c=0.5)),
    "sls-grow": probing(
        sgd(lambda: A.SLS(c=0.5, gamma=3.0, steps_per_epoch=25)),
        lambda: sls.SLS(c=0.5, gamma=3.0, steps_per_epoch=25),
    ),
    "sls-keep": probing(sgd(lambda: A.SLS(**SEARCH)), lambda: sls.SLS(**SEARCH)),
    "sls-initial": probing(sgd(lambda: A.SLS(**RESTART)), lambda: sls.SLS(**RESTART)),
    # The first searches fail: steps of 1e-6, each going on from the eta where the last one gave up.
    "sls-fails": probing(
        sgd(lambda: A.SLS(initial=1e4, reset="keep", max_trials=12)),
        lambda: sls.SLS(initial=1e4, reset="keep", max_trials=12),
    ),
    "bb-1": Method(sgd(lambda: A.BarzilaiBorwein()), bb.BarzilaiBorwein),
    # Form 2 shrinks to nothing on changing batches: by step 15 the step is lost in the digits of theta.
    "bb-2": Method(sgd(lambda: A.BarzilaiBorwein(form=2)), lambda: bb.BarzilaiBorwein(form=2), steps=10),
    "bb-1-one-batch": Method(
        sgd(lambda: A.BarzilaiBorwein(initial=0.1)),
        lambda: bb.BarzilaiBorwein(initial=0.1),
        steps=20,
        fixed=True,
    ),
    "bb-2-one-batch": Method(
        sgd(lambda: A.BarzilaiBorwein(initial=0.1, form=2)),
        lambda: bb.BarzilaiBorwein(initial=0.1, form=2),
        steps=20,
        fixed=True,
    ),
    "dog": Method(sgd(lambda: A.DoG()), dog.DoG),
    "dowg": Method(sgd(lambda: A.DoWG()), lambda: dog.DoG(1e-4, weighted=True)),
    "dowg-initial": Method(sgd(lambda: A.DoWG(initial=0.01)), lambda: dog.DoG(0.01, weighted=True)),
    "newton": probing(sgd(lambda: A.Newton()), newton.Newton),
    "newton-momentum": probing(
        sgd(lambda: A.Newton(initial=0.1), momentum=0.9),
        lambda: newton.Newton(D.SGD(momentum=0.9), 0.1),
        100,
    ),
    "newton-adam": probing(adam(lambda: A.Newton()), lambda: newton.Newton(D.Adam()), 50),
    "ntlr": Method(sgd(lambda: A.TLR(variant="ntlr", window=1)), lambda: ntlr.NTLR(D.SGD())),
    "ntlr-window": Method(
        sgd(lambda: A.TLR(variant="ntlr", window=7), **HEAVY),
        lambda: ntlr.NTLR(D.SGD(**HEAVY), window=7),
    ),
    "ntlr-group": Method(
        lambda p: lr.optim.SGD(halves(p), lr=A.TLR(variant="ntlr", window=4, per="group")),
        lambda: ntlr.NTLR(D.SGD(), window=4, blocks=[[0, 1], [2, 3]]),
    ),
    "ntlr-tensor": Method(
        sgd(lambda: A.TLR(variant="ntlr", window=7, per="tensor"), **HEAVY),
        lambda: ntlr.NTLR(D.SGD(**HEAVY), window=7, blocks=EACH),
    ),
    "tlr-over-adam": Method(
        adam(lambda: A.TLR(initial=1e-3, window=7)), lambda: tlr.TLR(D.Adam(), 1e-3, window=7)
    ),
    "tlr-over-adam-each-step": Method(
        adam(lambda: A.TLR(initial=1e-3, window=1)), lambda: tlr.TLR(D.Adam(), 1e-3), steps=50
    ),
    # A direction that averages no gradients has <g, d> >= 0 with the gradient itself, as plain descent has.
    "l4-over-rmsprop": Method(of("RMSprop", A.L4, eps=1e-3), lambda: l4.L4(M.RMSprop(eps=1e-3))),
    "l4-over-adagrad": Method(of("Adagrad", A.L4, eps=1e-3), lambda: l4.L4(M.Adagrad(eps=1e-3))),
    "l4-over-adadelta": Method(of("Adadelta", A.L4), lambda: l4.L4(M.Adadelta())),
}


def clipped(make: Callable, clip: Callable, limit: float) -> Callable:
    return lambda: M.Clipped(make(), clip, limit)


def constant(direction: Callable, rate: float) -> Callable:
    return lambda: D.Constant(direction(), rate)


DIRECTIONS = {
    "adamw": Method(of("AdamW", 1e-2, weight_decay=0.01), lambda: M.AdamW(1e-2)),
    "adamw-options": Method(of("AdamW", 5e-3, **ADAMW), lambda: M.AdamW(5e-3, **ADAMW)),
    "rmsprop": Method(lambda p: lr.optim.RMSprop(p), constant(M.RMSprop, 0.01)),
    "rmsprop-options": Method(of("RMSprop", 2e-3, **RMS), constant(lambda: M.RMSprop(**RMS), 2e-3)),
    "adagrad": Method(lambda p: lr.optim.Adagrad(p), constant(M.Adagrad, 0.01)),
    "adagrad-options": Method(of("Adagrad", 0.1, **GRAD), constant(lambda: M.Adagrad(**GRAD), 0.1)),
    "adadelta": Method(lambda p: lr.optim.Adadelta(p), constant(M.Adadelta, 1.0)),
    "adadelta-options": Method(of("Adadelta", 0.5, **DELTA), constant(lambda: M.Adadelta(**DELTA), 0.5)),
    "clip-value-sgd": Method(
        sgd(lambda: 0.1, clip_value=0.02, **HEAVY),
        clipped(constant(lambda: D.SGD(**HEAVY), 0.1), M.clip_value, 0.02),
    ),
    "clip-norm-sgd": Method(
        sgd(lambda: 0.1, clip_norm=0.1, **HEAVY),
        clipped(constant(lambda: D.SGD(**HEAVY), 0.1), M.clip_norm, 0.1),
    ),
    "clip-value-adam": Method(
        adam(lambda: 1e-2, clip_value=0.02, **DECAY),
        clipped(constant(lambda: D.Adam(**DECAY), 1e-2), M.clip_value, 0.02),
    ),
    "clip-norm-adam": Method(
        adam(lambda: 1e-2, clip_norm=0.1, **DECAY),
        clipped(constant(lambda: D.Adam(**DECAY), 1e-2), M.clip_norm, 0.1),
    ),
    "clip-norm-adamw": Method(
        of("AdamW", 1e-2, weight_decay=0.01, clip_norm=0.1),
        clipped(lambda: M.AdamW(1e-2), M.clip_norm, 0.1),
    ),
    "clip-value-rmsprop": Method(
        of("RMSprop", 5e-3, clip_value=0.02), clipped(constant(M.RMSprop, 5e-3), M.clip_value, 0.02)
    ),
    "clip-norm-adagrad": Method(
        of("Adagrad", 0.05, clip_norm=0.1), clipped(constant(M.Adagrad, 0.05), M.clip_norm, 0.1)
    ),
    "clip-value-adadelta": Method(
        of("Adadelta", 1.0, clip_value=0.02), clipped(constant(M.Adadelta, 1.0), M.clip_value, 0.02)
    ),
    "clip-norm-l4": Method(
        lambda p: lr.optim.L4Mom(p, alpha=0.05, clip_norm=0.5),
        clipped(lambda: l4.l4_mom(alpha=0.05), M.clip_norm, 0.5),
    ),
    "clip-norm-tlr": Method(
        sgd(lambda: A.TLR(window=1), clip_norm=0.5), clipped(lambda: tlr.TLR(D.SGD()), M.clip_norm, 0.5)
    ),
    "clip-value-tlr": Method(
        sgd(lambda: A.TLR(window=7), clip_value=0.05, **HEAVY),
        clipped(lambda: tlr.TLR(D.SGD(**HEAVY), window=7), M.clip_value, 0.05),
    ),
    "clip-norm-hd": Method(
        sgd(lambda: A.HD(meta_lr=1e-2), clip_norm=0.1),
        clipped(lambda: hd.HD(meta_lr=1e-2), M.clip_norm, 0.1),
    ),
}
CASES = RATES | DIRECTIONS
RUNS = [(name, "minimize") for name in CASES] + [
    (name, "step") for name, case in CASES.items() if not case.probes
]


@pytest.mark.parametrize(("name", "loop"), RUNS)
def test_equal_to_the_reference_step_by_step(name: str, loop: str) -> None:
    case, twin = CASES[name], Twin(CASES[name])
    reference, parameters = case.reference(), twin.problem.initial()
    for t in range(case.steps):
        batch = 0 if case.fixed else t
        expected_loss, expected_rate = reference.step(parameters, twin.problem.at(batch))
        where = f"{name} ({loop}), step {t} (from 0)"
        check(twin.step(batch, loop), expected_loss, f"{where}: loss")
        expected_rates = np.broadcast_to(expected_rate, len(parameters))
        check(rates_of(twin.optimizer, len(parameters)), expected_rates, f"{where}: opt.lr")
        for label, actual, expected in zip(twin.problem.names, twin.arrays(), parameters, strict=True):
            check(actual, expected, f"{where}: {label}")
    assert twin.optimizer.skipped_steps == 0


@pytest.mark.parametrize("name", CASES)
def test_state_dict_resumes_bitwise(name: str) -> None:
    """Stopped after 11 steps and continued in a new optimizer, a run is the run that was never stopped."""
    whole, part = Twin(CASES[name]), Twin(CASES[name])
    for t in range(11):
        whole.step(t)
        part.step(t)
    state = part.optimizer.state_dict()
    part.optimizer = CASES[name].native(part.parameters)
    part.optimizer.load_state_dict(state)
    for t in range(11, 22):
        whole.step(t)
        part.step(t)
        for label, a, b in zip(whole.problem.names, whole.arrays(), part.arrays(), strict=True):
            assert a.tobytes() == b.tobytes(), f"{name}: {label} differs at step {t}, resumed at step 11"


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.probes and "-" not in name])
def test_what_probes_needs_minimize(name: str) -> None:
    with pytest.raises(TypeError, match="minimize"):
        Twin(CASES[name]).step(0, "step")


@pytest.mark.parametrize("name", CASES)
def test_zero_gradients_are_no_step(name: str) -> None:
    """At the minimum every inner product is 0: nothing moves, now or later, and no rate is lost to 0 / 0."""
    quadratic = Quadratic(CASES[name].native if "group" not in name else sgd(lambda: A.TLR(window=1)))
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(9):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy()), f"{name}: {quadratic.theta.numpy()}"
        assert np.all(np.isfinite(rates_of(quadratic.optimizer, 1))), f"{name}: {quadratic.optimizer.lr}"
