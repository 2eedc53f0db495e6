"""The native rates equal to the NumPy references: every parameter and every rate after every step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rate_cases
import whole_method_cases
from twins import Quadratic, Twin, equal_to_the_reference, resumes, runs, sgd, stays_where_gradients_are_zero

import lrswift as lr
from lrswift import store

A = lr.adapt
ALL = rate_cases.CASES | whole_method_cases.CASES
ELSEWHERE = ("d-sgd", "d-adamw", "prodigy", "free-adamw", "yellowfin", "momo-adam", "sgd-bb")


@pytest.mark.parametrize(("name", "loop"), runs(ALL))
def test_equal_to_the_reference_step_by_step(name: str, loop: str) -> None:
    equal_to_the_reference(ALL[name], name, loop)


@pytest.mark.parametrize("name", ALL)
def test_state_dict_resumes_bitwise(name: str) -> None:
    resumes(ALL[name], name)


RESUMED = """
import sys
import numpy as np
import lrswift as lr
from twins import Twin
from whole_method_cases import CASES

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


@pytest.mark.parametrize("name", ELSEWHERE)
def test_state_dict_resumes_bitwise_in_a_new_process(name: str, tmp_path: Path) -> None:
    """50 steps, saved, loaded and 50 more are 100 straight."""
    whole, part = Twin(ALL[name]), Twin(ALL[name])
    for t in range(100):
        whole.step(t)
        if t < 50:
            part.step(t)
    found = resumed(name, part, tmp_path)
    for label, a, b in zip(whole.problem.names, whole.arrays(), found, strict=True):
        assert a.tobytes() == b.tobytes(), f"{name}: {label}"


@pytest.mark.parametrize("name", [name for name, case in ALL.items() if case.probes])
def test_what_probes_needs_minimize(name: str) -> None:
    with pytest.raises(TypeError, match="minimize"):
        Twin(ALL[name]).step(0, "step")


@pytest.mark.parametrize("name", rate_cases.CASES)
def test_zero_gradients_are_no_step(name: str) -> None:
    one_group = sgd(lambda: A.TLR(window=1))
    stays_where_gradients_are_zero(one_group if "group" in name else rate_cases.CASES[name].native, name)


def test_plain_rates_are_one_number_and_tensor_rates_are_named() -> None:
    one, many = Twin(ALL["tlr"]), Twin(ALL["tlr-tensor"])
    one.step(0)
    many.step(0)
    assert isinstance(one.optimizer.lr, float)
    assert list(many.optimizer.lr) == [f"param.{i}" for i in range(4)]


def test_limits_clamp_the_rate() -> None:
    for limits, expected in (({"max_lr": 1e-3}, 1e-3), ({"min_lr": 0.02}, 0.02), ({}, 0.04875 * 9.75 / 90)):
        rates, _ = Quadratic(sgd(lambda limits=limits: A.L4(**limits))).run(1)
        assert rates[0] == pytest.approx(expected, rel=1e-12), f"L4 with {limits}"
