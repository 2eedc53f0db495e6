"""scripts/check_cuda.py: its logic on the CPU, and that what is wrong is said."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "check_cuda.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="needs the repository")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_cuda", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_cuda"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_all_checks_pass_on_the_cpu(script: ModuleType, capsys: pytest.CaptureFixture) -> None:
    assert script.main(["--device", "cpu", "--steps", "10"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "torch's own arithmetic" in told[0] and told[-1].startswith("all passed")
    for what in (
        "rates: l4 over sgd",
        "receipt",
        "resume: tlr",
        "hypergradients: adam, reverse",
        "learn_schedule",
    ):
        assert any(line.startswith(what) and " ok " in line for line in told), what
    assert any(line.startswith("transfers: l4") and "20 in 20 steps" in line for line in told)
    assert any(line.startswith("time: l4 over adam") and "bare" in line for line in told)


def failures(checks: Iterator[Any]) -> set[str]:
    return {check.name for check in checks if check.passed is False}


def test_what_is_wrong_fails(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from lrswift.torch import _run, _sums

    own = _sums._transfer
    with monkeypatch.context() as patch:
        # numbers that are off by a millionth
        patch.setattr(_sums, "_transfer", lambda *given: [n * (1 + 1e-6) for n in own(*given)])
        assert "rates: l4 over sgd" in failures(script.check_rates("torch", 3))
    with monkeypatch.context() as patch:
        # a second transfer a step
        patch.setattr(
            _sums.Sums, "read", lambda *given, read=_sums.Sums.read: (read(*given), read(*given))[0]
        )
        assert failures(script.check_transfers("torch"))
    with monkeypatch.context() as patch:
        # reverse mode without the Hessian's part
        patch.setattr(_run, "vjp", _without_second_derivatives)
        assert "hypergradients: sgd, both modes, float64" in failures(script.check_hypergradients("torch"))


def _without_second_derivatives(function: Any, *at: Any, has_aux: bool = False) -> Any:
    """torch.func.vjp, but for the gradient's pullback to the parameters, which is 0."""
    value, pull, *others = torch.func.vjp(function, *at, has_aux=has_aux)
    if not has_aux:
        return value, pull
    return value, lambda v: tuple(torch.zeros_like(part) for part in at), *others


def test_a_failed_check_is_the_exit_status(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(script, "checks", lambda *_: iter([script.near("a", [1.0], [1.1], 1e-4)]))
    assert script.main(["--device", "cpu"]) == 1
    assert "FAILED" in capsys.readouterr().out
    for found, expected in (([float("nan")], [1.0]), ([1.0, 2.0], [1.0])):
        assert script.near("b", found, expected, 1e9).passed is False


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert "check_cuda: no GPU" in done.stderr and "--device cpu" in done.stderr
