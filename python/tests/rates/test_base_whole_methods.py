"""Rates that are whole methods, equal to the NumPy references; golden values, edges and state."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rates.test_base import Quadratic, Twin, adam, check, native, rates_of, sgd
from rates.test_base_more import Method, clipped, probing
from reference import bb, d_adaptation, momo, problems, prodigy, schedule_free, sls, yellowfin
from reference import directions as D
from reference.more_directions import clip_norm

import lrswift as lr
from lrswift import store

A = lr.adapt
ADAM = {"betas": (0.8, 0.99), "eps": 1e-6}
HALF = lr.schedule.Constant(0.5)


def adamw(rate: Callable, **options) -> Callable:
    return lambda parameters: lr.optim.AdamW(parameters, lr=rate(), **options)


def free(**options) -> Callable:
    return lambda parameters: lr.optim.ScheduleFree(parameters, **options)


def ramp(t: int) -> float:
    return min(1.0, (t + 1) / 20)


# d starts large enough for its growth to be seen within the run; the defaults are in the golden values.
CASES = {
    "d-sgd": Method(sgd(lambda: A.DAdaptation(d0=1e-2)), lambda: d_adaptation.SGD(d0=1e-2)),
    "d-sgd-defaults": Method(sgd(lambda: A.DAdaptation()), d_adaptation.SGD),
    "d-sgd-options": Method(
        sgd(lambda: A.DAdaptation(d0=1e-3, lr=0.5, growth=1.1), momentum=0.9, weight_decay=1e-2),
        lambda: d_adaptation.SGD(1e-3, 0.5, 1.1, 0.9, 1e-2),
    ),
    "d-sgd-schedule": Method(
        sgd(lambda: lr.schedule.WarmUp(19, 1 / 20) * A.DAdaptation(d0=1e-2)),
        lambda: d_adaptation.SGD(1e-2, schedule=ramp),
    ),
    "d-sgd-clip-norm": Method(
        sgd(lambda: A.DAdaptation(d0=1e-2), clip_norm=0.1),
        clipped(lambda: d_adaptation.SGD(1e-2), clip_norm, 0.1),
    ),
    # With eps 1e-8 entries whose gradient has just begun move far: rounding grows to 1e-10 within 75 to 130
    # steps, as NumPy rounds. The case below takes 200 with a larger eps.
    "d-adam": Method(adam(lambda: A.DAdaptation(d0=1e-3)), lambda: d_adaptation.Adam(d0=1e-3), steps=50),
    "d-adam-options": Method(
        adam(lambda: A.DAdaptation(d0=1e-4, lr=0.5, growth=1.05), weight_decay=1e-2, **ADAM),
        lambda: d_adaptation.Adam((0.8, 0.99), 1e-6, 1e-2, False, 1e-4, 0.5, 1.05),
    ),
    "d-adamw": Method(
        adamw(lambda: A.DAdaptation(d0=1e-3), weight_decay=0.1, **ADAM),
        lambda: d_adaptation.Adam((0.8, 0.99), 1e-6, 0.1, True, 1e-3),
    ),
    "prodigy": Method(adam(lambda: A.Prodigy()), prodigy.Prodigy),
    "prodigy-options": Method(
        adam(lambda: A.Prodigy(d0=1e-4, d_coef=0.5, lr=0.8, growth=1.1), weight_decay=1e-2, **ADAM),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 1e-2, False, 1e-4, 0.5, 0.8, 1.1),
    ),
    "prodigy-adamw": Method(
        adamw(lambda: A.Prodigy(d0=1e-3, lr=0.7, safeguard_warmup=True), weight_decay=0.1, **ADAM),
        lambda: prodigy.Prodigy((0.8, 0.99), 1e-6, 0.1, True, 1e-3, lr=0.7, safeguard_warmup=True),
    ),
    "free": Method(free(lr=0.5), lambda: schedule_free.ScheduleFree(0.5)),
    "free-options": Method(
        free(lr=0.3, betas=(0.8, 0.9), weight_decay=1e-2, warmup_steps=10, r=1.0, weight_lr_power=1.0),
        lambda: schedule_free.ScheduleFree(0.3, 0.8, 1e-2, 10, 1.0, 1.0),
    ),
    "free-schedule": Method(
        free(lr=lr.schedule.WarmUp(19, 1 / 20)), lambda: schedule_free.ScheduleFree(schedule=ramp)
    ),
    "free-adamw": Method(
        free(lr=0.01, direction="adamw", eps=1e-4),
        lambda: schedule_free.ScheduleFree(0.01, adam=(0.999, 1e-4)),
    ),
    "free-adamw-options": Method(
        adamw(lambda: A.ScheduleFree(lr=0.02, beta=0.95, warmup_steps=20, r=0.5), weight_decay=0.1, **ADAM),
        lambda: schedule_free.ScheduleFree(0.02, 0.95, 0.1, 20, 0.5, adam=(0.99, 1e-6)),
    ),
    "yellowfin": Method(sgd(lambda: A.YellowFin()), yellowfin.YellowFin),
    "yellowfin-options": Method(
        sgd(lambda: A.YellowFin(initial=1e-2, beta=0.9, window=5, slow_start=20), weight_decay=1e-2),
        lambda: yellowfin.YellowFin(1e-2, 0.9, 5, 20, 1e-2),
    ),
    "yellowfin-protect": Method(
        sgd(lambda: A.YellowFin(beta=0.9, window=3, slow_start=50, protect=True)),
        lambda: yellowfin.YellowFin(beta=0.9, window=3, slow_start=50, protect=True),
    ),
    "momo": Method(sgd(lambda: A.MoMo()), momo.MoMo),
    "momo-options": Method(
        sgd(lambda: A.MoMo(lr=0.4, beta=0.7, lower_bound=0.02), weight_decay=1e-2),
        lambda: momo.MoMo(0.4, 0.7, 0.02, 1e-2),
    ),
    "momo-schedule": Method(sgd(lambda: HALF * A.MoMo(lr=0.4)), lambda: momo.MoMo(0.2)),
    "momo-adam": Method(
        adam(lambda: A.MoMo(lr=0.01, lower_bound=0.02), **ADAM),
        lambda: momo.MoMo(0.01, lower_bound=0.02, adam=(0.8, 0.99, 1e-6)),
    ),
    "momo-adamw": Method(
        adamw(lambda: A.MoMo(lr=0.02), weight_decay=0.1, **ADAM),
        lambda: momo.MoMo(0.02, weight_decay=0.1, adam=(0.8, 0.99, 1e-6)),
    ),
    "sgd-bb": Method(
        sgd(lambda: A.StochasticBarzilaiBorwein(initial=0.1, steps_per_epoch=25)),
        lambda: bb.StochasticBarzilaiBorwein(initial=0.1, steps_per_epoch=25),
    ),
    "sgd-bb-smoothing": Method(
        sgd(lambda: A.StochasticBarzilaiBorwein(smoothing=True, steps_per_epoch=7), weight_decay=1e-2),
        lambda: bb.StochasticBarzilaiBorwein(D.SGD(weight_decay=1e-2), 0.01, True, 7),
    ),
    "goldstein": probing(sgd(lambda: A.SLS(condition="goldstein")), lambda: sls.Goldstein()),
    "goldstein-grows": probing(
        sgd(lambda: A.SLS(initial=1e-3, condition="goldstein", c=0.3, beta=0.7, reset="keep")),
        lambda: sls.Goldstein(initial=1e-3, c=0.3, beta=0.7, reset="keep"),
    ),
}
RUNS = [(name, "minimize") for name in CASES] + [
    (name, "step") for name, case in CASES.items() if not case.probes
]


@pytest.mark.parametrize(("name", "loop"), RUNS)
def test_equal_to_the_reference_step_by_step(name: str, loop: str) -> None:
    case, twin = CASES[name], Twin(CASES[name])
    reference, parameters = case.reference(), twin.problem.initial()
    for t in range(case.steps):
        expected_loss, expected_rate = reference.step(parameters, twin.problem.at(t))
        where = f"{name} ({loop}), step {t} (from 0)"
        check(twin.step(t, loop), expected_loss, f"{where}: loss")
        check(rates_of(twin.optimizer, 1), [expected_rate], f"{where}: opt.lr")
        for label, actual, expected in zip(twin.problem.names, twin.arrays(), parameters, strict=True):
            check(actual, expected, f"{where}: {label}")
    assert twin.optimizer.skipped_steps == 0


RESUMED = """
import sys
import numpy as np
import lrswift as lr
from rates.test_base_whole_methods import CASES
from rates.test_base import Twin

name, path = sys.argv[1:]
twin = Twin(CASES[name])
saved = lr.load(path + ".model")
for i, p in enumerate(twin.parameters):
    p.assign(lr.tensor(saved[f"p{i}"], dtype=lr.float64))
twin.optimizer.load_state_dict(lr.load(path + ".optimizer"))
for t in range(50, 100):
    twin.step(t)
np.savez(path, *twin.arrays())
"""


def resumed(name: str, twin: Twin, folder) -> list[np.ndarray]:
    """The run went to step 50 and goes on to step 100 in a new process."""
    path = str(folder / "run.npz")
    for suffix, state in (
        (".model", {f"p{i}": p for i, p in enumerate(twin.arrays())}),
        (".optimizer", twin.optimizer.state_dict()),
    ):
        store.write(path + suffix, state, {})
    here = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", RESUMED, name, path], capture_output=True, text=True, env=environment, cwd=here
    )
    assert done.returncode == 0, done.stderr
    with np.load(path) as arrays:
        return list(arrays.values())


@pytest.mark.parametrize("name", [name for name in CASES if "-clip" not in name and "-defaults" not in name])
def test_state_dict_resumes_bitwise(name: str, tmp_path) -> None:
    """50 steps, saved, loaded and 50 more are 100 straight; for one of each method in a new process."""
    whole, part = Twin(CASES[name]), Twin(CASES[name])
    for t in range(100):
        whole.step(t)
        if t < 50:
            part.step(t)
    if name in ("d-sgd", "d-adamw", "prodigy", "free-adamw", "yellowfin", "momo-adam", "sgd-bb"):
        found = resumed(name, part, tmp_path)
    else:
        state = part.optimizer.state_dict()
        part.optimizer = CASES[name].native(part.parameters)
        part.optimizer.load_state_dict(state)
        for t in range(50, 100):
            part.step(t)
        found = part.arrays()
    for label, a, b in zip(whole.problem.names, whole.arrays(), found, strict=True):
        assert a.tobytes() == b.tobytes(), f"{name}: {label}"


# ---- golden values ---------------------------------------------------------------------------------------


def test_d_adaptation_golden() -> None:
    """The estimate after steps k = 0, 1, 2, 10, 20, 40, 59; it stays below the distance 2.2912878."""
    quadratic = Quadratic(sgd(lambda: A.DAdaptation()))
    found, losses = [], []
    for _ in range(60):
        quadratic.run(1)
        found.append(float(quadratic.optimizer.state_dict()["rate.0.distance"]))
        losses.append(quadratic.closure().item())
    shown = [found[k] for k in (0, 1, 2, 10, 20, 40, 59)]
    expected = [1e-6, 1e-6, 1.9999988e-6, 1.6974909e-4, 0.040706117, 2.0055527, 2.0306523]
    np.testing.assert_allclose(shown, expected, rtol=5e-8)
    assert losses[-1] == pytest.approx(0.0011135, abs=5e-8)
    assert max(found) < np.linalg.norm(problems.START)


def test_momo_golden() -> None:
    theta = native(np.array([1.0, 2.0, 3.0]))
    theta.requires_grad = True
    optimizer = lr.optim.SGD([theta], lr=A.MoMo())
    losses = [optimizer.minimize(lambda: lr.sum(theta * theta)) for _ in range(4)]
    np.testing.assert_allclose(losses, [14, 3.5, 3.318, 3.142], rtol=0, atol=6e-4)


@pytest.mark.parametrize(("p", "root"), [(0.01, 0.8), (1.0, 0.317673), (100.0, 0.009712)])
def test_yellowfin_root_golden(p: float, root: float) -> None:
    """Of the reference that the method is held to."""
    assert yellowfin.cubic_root(p) == pytest.approx(root, abs=2e-6)


# ---- edges -----------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
def test_zero_gradients_move_nothing_and_lose_nothing(rate: str, direction: str) -> None:
    """|s| = 0, 0 / 0 and an empty window: three steps of zero gradients, then the first real one works."""
    options = {"weight_decay": 0.0} if direction == "AdamW" else {}
    make = getattr(lr.optim, direction)
    quadratic = Quadratic(lambda p: make(p, lr=getattr(A, rate)(), **options))
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(3):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy())
        assert np.isfinite(quadratic.optimizer.lr)
        state = quadratic.optimizer.state_dict()
        assert all(np.all(np.isfinite(v)) or "window" in k for k, v in state.items())
    quadratic.theta.assign(native(problems.START))
    quadratic.run(5)
    moved = quadratic.theta.numpy()
    assert np.all(np.isfinite(moved)) and np.any(moved != problems.START)


@pytest.mark.parametrize("name", ["sgd-bb", "goldstein"])
def test_zero_gradients_are_no_step(name: str) -> None:
    """s = y = 0 and a slope of 0: nothing moves, and the rate is not lost to 0 / 0."""
    make = sgd(lambda: A.StochasticBarzilaiBorwein(steps_per_epoch=2)) if name == "sgd-bb" else None
    quadratic = Quadratic(make or CASES[name].native)
    quadratic.theta.assign(native(np.zeros(3)))
    for _ in range(9):
        quadratic.optimizer.minimize(quadratic.closure)
        assert not np.any(quadratic.theta.numpy())
        assert np.isfinite(quadratic.optimizer.lr)
    quadratic.theta.assign(native(problems.START))
    assert quadratic.run(3)[1][-1] < 9.75


@pytest.mark.parametrize(("rate", "direction"), [("Prodigy", "Adam"), ("ScheduleFree", "SGD")])
def test_a_parameter_begins_where_it_stands_at_its_first_gradient(rate: str, direction: str) -> None:
    """Two steps without a gradient for b, which is set in between: b has not moved, and starts from there."""
    options = {"d0": 0.1} if rate == "Prodigy" else {"lr": 0.1}
    a, b = native_parameter(), native_parameter()
    optimizer = pair(rate, direction, **options)([a, b])
    for _ in range(2):
        optimizer.minimize(lambda: lr.sum(a * a))
        assert b.numpy().tobytes() == np.ones(3).astype(b.numpy().dtype).tobytes()
    b.assign(lr.tensor(np.full(3, 5.0)))
    optimizer.minimize(lambda: lr.sum(a * a) + lr.sum(b * b))
    state = optimizer.state_dict()
    start = state.get("param.1.first_point", b.numpy())
    assert np.all(start > 4) and np.all(b.numpy() > 3) and np.all(b.numpy() < 5)


@pytest.mark.parametrize("rate", ["DAdaptation", "Prodigy"])
def test_no_step_before_a_gradient_even_with_decay(rate: str) -> None:
    """|s| = 0: unchanged, decoupled decay included."""
    theta = native(problems.START)
    theta.requires_grad = True
    optimizer = lr.optim.AdamW([theta], lr=getattr(A, rate)(d0=0.1), weight_decay=0.5)
    optimizer.minimize(lambda: lr.sum(0.0 * theta))
    assert theta.numpy().tobytes() == problems.START.tobytes()
    assert optimizer.lr == 0.0


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_changes_nothing(rate: str, direction: str, bad: float) -> None:
    quadratic = Quadratic(pair(rate, direction))
    quadratic.run(4)
    before, state = quadratic.theta.numpy().copy(), quadratic.optimizer.state_dict()
    quadratic.optimizer.minimize(lambda: quadratic.closure() * bad)
    assert quadratic.theta.numpy().tobytes() == before.tobytes()
    after = quadratic.optimizer.state_dict()
    assert after.pop("skipped_steps") == state.pop("skipped_steps") + 1
    assert {k: v.tobytes() for k, v in after.items()} == {k: v.tobytes() for k, v in state.items()}
    quadratic.run(1)
    assert quadratic.optimizer.skipped_steps == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_goldstein_probe_that_is_not_finite_shortens(bad: float) -> None:
    quadratic = Quadratic(sgd(lambda: A.SLS(condition="goldstein", initial=0.5, reset="keep")))
    calls = []

    def closure():
        calls.append(1)
        return quadratic.closure() * (bad if 1 < len(calls) < 5 else 1.0)

    quadratic.optimizer.minimize(closure)
    assert 0 < quadratic.optimizer.lr < 0.5 * 0.9**3 + 1e-12
    assert quadratic.optimizer.skipped_steps == 0


def test_sgd_bb_keeps_its_rate_where_the_gradient_does_not_change() -> None:
    """On a plane y is 0 and |s|^2 / |s'y| infinite; on a saddle the sign of s'y does not matter."""
    theta = native(problems.START)
    theta.requires_grad = True
    optimizer = lr.optim.SGD([theta], lr=A.StochasticBarzilaiBorwein(initial=0.03, steps_per_epoch=2))
    for _ in range(9):
        optimizer.minimize(lambda: lr.sum(theta))
        assert optimizer.lr == 0.03
    make = sgd(lambda: A.StochasticBarzilaiBorwein(initial=0.01, steps_per_epoch=1))
    saddle = Quadratic(make, curvature=-np.ones(3))
    # y is one step older than s, which grew by 1.01 since
    assert saddle.run(3)[0] == pytest.approx([0.01, 0.01, 1.01])
