"""Directions with constant rates, and clipped gradients, equal to the NumPy references."""

from __future__ import annotations

import numpy as np
import pytest
from reference import directions as D
from reference import hd, l4, tlr
from reference import more_directions as M
from twins import (
    DAMPED,
    HEAVY,
    NESTEROV,
    Case,
    adam,
    clipped,
    constant,
    equal_to_the_reference,
    of,
    resumes,
    runs,
    sgd,
    stays_where_gradients_are_zero,
)

import lrswift as lr

A = lr.adapt


ADAMW = {"betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.1}
RMS = {"alpha": 0.9, "eps": 1e-3, "weight_decay": 1e-2, "momentum": 0.8}
GRAD = {"lr_decay": 0.01, "weight_decay": 1e-2, "initial_accumulator_value": 0.1, "eps": 1e-4}
DELTA = {"rho": 0.95, "eps": 1e-4, "weight_decay": 1e-2}
DECAY = {"weight_decay": 1e-2}


CASES = {
    "sgd": Case(sgd(lambda: 0.1, weight_decay=1e-2), lambda: D.Constant(D.SGD(weight_decay=1e-2), 0.1)),
    "momentum": Case(sgd(lambda: 0.05, **HEAVY), lambda: D.Constant(D.SGD(**HEAVY), 0.05)),
    "dampening": Case(sgd(lambda: 0.05, **DAMPED), lambda: D.Constant(D.SGD(**DAMPED), 0.05)),
    "nesterov": Case(sgd(lambda: 0.05, **NESTEROV), lambda: D.Constant(D.SGD(**NESTEROV), 0.05)),
    "adam": Case(adam(lambda: 1e-2), lambda: D.Constant(D.Adam(), 1e-2)),
    "adam-options": Case(
        adam(lambda: 5e-3, betas=(0.8, 0.99), eps=1e-3, weight_decay=1e-2),
        lambda: D.Constant(D.Adam((0.8, 0.99), 1e-3, 1e-2), 5e-3),
    ),
    "adamw": Case(of("AdamW", 1e-2, weight_decay=0.01), lambda: M.AdamW(1e-2)),
    "adamw-options": Case(of("AdamW", 5e-3, **ADAMW), lambda: M.AdamW(5e-3, **ADAMW)),
    "rmsprop": Case(lambda p: lr.optim.RMSprop(p), constant(M.RMSprop, 0.01)),
    "rmsprop-options": Case(of("RMSprop", 2e-3, **RMS), constant(lambda: M.RMSprop(**RMS), 2e-3)),
    "adagrad": Case(lambda p: lr.optim.Adagrad(p), constant(M.Adagrad, 0.01)),
    "adagrad-options": Case(of("Adagrad", 0.1, **GRAD), constant(lambda: M.Adagrad(**GRAD), 0.1)),
    "adadelta": Case(lambda p: lr.optim.Adadelta(p), constant(M.Adadelta, 1.0)),
    "adadelta-options": Case(of("Adadelta", 0.5, **DELTA), constant(lambda: M.Adadelta(**DELTA), 0.5)),
    "clip-value-sgd": Case(
        sgd(lambda: 0.1, clip_value=0.02, **HEAVY),
        clipped(constant(lambda: D.SGD(**HEAVY), 0.1), M.clip_value, 0.02),
    ),
    "clip-norm-sgd": Case(
        sgd(lambda: 0.1, clip_norm=0.1, **HEAVY),
        clipped(constant(lambda: D.SGD(**HEAVY), 0.1), M.clip_norm, 0.1),
    ),
    "clip-value-adam": Case(
        adam(lambda: 1e-2, clip_value=0.02, **DECAY),
        clipped(constant(lambda: D.Adam(**DECAY), 1e-2), M.clip_value, 0.02),
    ),
    "clip-norm-adam": Case(
        adam(lambda: 1e-2, clip_norm=0.1, **DECAY),
        clipped(constant(lambda: D.Adam(**DECAY), 1e-2), M.clip_norm, 0.1),
    ),
    "clip-norm-adamw": Case(
        of("AdamW", 1e-2, weight_decay=0.01, clip_norm=0.1),
        clipped(lambda: M.AdamW(1e-2), M.clip_norm, 0.1),
    ),
    "clip-value-rmsprop": Case(
        of("RMSprop", 5e-3, clip_value=0.02), clipped(constant(M.RMSprop, 5e-3), M.clip_value, 0.02)
    ),
    "clip-norm-adagrad": Case(
        of("Adagrad", 0.05, clip_norm=0.1), clipped(constant(M.Adagrad, 0.05), M.clip_norm, 0.1)
    ),
    "clip-value-adadelta": Case(
        of("Adadelta", 1.0, clip_value=0.02), clipped(constant(M.Adadelta, 1.0), M.clip_value, 0.02)
    ),
    "clip-norm-l4": Case(
        lambda p: lr.optim.L4Mom(p, alpha=0.05, clip_norm=0.5),
        lambda: l4.l4_mom(alpha=0.05, clip=lambda g: M.clip_norm(g, 0.5)),
    ),
    "clip-norm-tlr": Case(
        sgd(lambda: A.TLR(window=1), clip_norm=0.5), clipped(lambda: tlr.TLR(D.SGD()), M.clip_norm, 0.5)
    ),
    "clip-value-tlr": Case(
        sgd(lambda: A.TLR(window=7), clip_value=0.05, **HEAVY),
        clipped(lambda: tlr.TLR(D.SGD(**HEAVY), window=7), M.clip_value, 0.05),
    ),
    "clip-norm-hd": Case(
        sgd(lambda: A.HD(meta_lr=1e-2), clip_norm=0.1),
        clipped(lambda: hd.HD(meta_lr=1e-2), M.clip_norm, 0.1),
    ),
}


@pytest.mark.parametrize(("name", "loop"), runs(CASES))
def test_equal_to_the_reference_step_by_step(name: str, loop: str) -> None:
    equal_to_the_reference(CASES[name], name, loop)


@pytest.mark.parametrize("name", CASES)
def test_state_dict_resumes_bitwise(name: str) -> None:
    resumes(CASES[name], name)


@pytest.mark.parametrize("name", CASES)
def test_zero_gradients_are_no_step(name: str) -> None:
    stays_where_gradients_are_zero(CASES[name].native, name)


def test_clip_norm_is_one_norm_of_all_tensors() -> None:
    a, b = (lr.tensor(np.zeros(1), dtype=lr.float64, requires_grad=True) for _ in range(2))
    optimizer = lr.optim.SGD([{"params": [a]}, {"params": [b]}], lr=1.0, clip_norm=1.0)
    optimizer.minimize(lambda: lr.sum(3.0 * a + 4.0 * b))
    scale = 1 / (5 + 1e-6)
    np.testing.assert_allclose([a.item(), b.item()], [-3 * scale, -4 * scale], rtol=1e-14)
