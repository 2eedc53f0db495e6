"""In CI nothing may be left out: a test that skips itself for want of data or a tool fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator

import pytest

import lrswift as lr


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, also where this process was started with the signal ignored (in the background)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def float64_in_jax() -> Iterator[None]:
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """`lr.set_threads`, for as long as the test lasts."""
    before = lr.get_threads()
    yield lr.set_threads
    lr.set_threads(before)
