"""The float32 matrix product against NumPy in float64, over random shapes, by every set of kernels.

Each set runs in a process of its own, since LRSWIFT_GEMM is read when the library is first used. Members of a
batch begin wherever the one before ends, so most of them are aligned to nothing but 4 bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrswift as lr

KERNELS = lr.config()["gemm_kernels"]
THREADS = (1, 2, 3, 7)
SIZES = st.one_of(st.integers(0, 40), st.integers(0, 300), st.sampled_from([14, 15, 16, 31, 32, 33, 257]))


def run(name: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LRSWIFT_GEMM": name}
    return subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", KERNELS)
def test_products_and_their_gradients_equal_numpy(name: str) -> None:
    done = run(name)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == name


def test_an_unknown_name_is_reported() -> None:
    done = run("mkl")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "LRSWIFT_GEMM=mkl is none of swift, openblas" in done.stdout


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(SIZES, SIZES, SIZES, st.integers(1, 3), st.booleans(), st.integers(0, 2**31))
def check(m: int, n: int, k: int, batch: int, shared: bool, seed: int) -> None:
    """a b and both its gradients: all transposes, one matrix for the whole batch or one for each member."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((batch, m, k)).astype(np.float32)
    b = rng.standard_normal((k, n) if shared else (batch, k, n)).astype(np.float32)
    g = rng.standard_normal((batch, m, n)).astype(np.float32)
    results = []
    for threads in THREADS:
        lr.set_threads(threads)
        x, w = lr.tensor(a, requires_grad=True), lr.tensor(b, requires_grad=True)
        y = x @ w
        y.backward(lr.tensor(g))
        assert x.grad is not None and w.grad is not None
        results.append([t.numpy() for t in (y, x.grad, w.grad)])
    for other in results[1:]:
        assert all(p.tobytes() == q.tobytes() for p, q in zip(results[0], other, strict=True))
    a, b, g = (np.asarray(t, np.float64) for t in (a, b, g))
    right = np.swapaxes(b, -1, -2)
    left = np.swapaxes(a, 1, 2)
    near(results[0][0], a @ b, np.abs(a) @ np.abs(b), k)
    near(results[0][1], g @ right, np.abs(g) @ np.abs(right), n)
    if shared:
        near(results[0][2], (left @ g).sum(0), (np.abs(left) @ np.abs(g)).sum(0), batch * m)
    else:
        near(results[0][2], left @ g, np.abs(left) @ np.abs(g), m)


def near(got: np.ndarray, wanted: np.ndarray, absolute: np.ndarray, terms: int) -> None:
    """Within the bound for any order of summation: Higham, Accuracy and Stability, (3.5)."""
    unit = np.finfo(np.float32).eps / 2
    gamma = (terms + 1) * unit / (1 - (terms + 1) * unit)
    assert got.shape == wanted.shape
    assert (np.abs(got - wanted) <= gamma * absolute + unit * np.abs(wanted)).all()


if __name__ == "__main__":
    check()
    print(lr.config()["gemm"])
