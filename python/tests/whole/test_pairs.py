"""Every permitted pair of a direction and a rate: trains, is deterministic, is saved and resumed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pairs_resume
import pytest
from pairs import DIRECTIONS, PAIRS, RATES, label, make
from pairs_resume import problem, step

import lrswift as lr

pytestmark = pytest.mark.usefixtures("set_threads")


def train(pair: tuple[str, str], steps: int, threads: int = 1, width: int = 16) -> tuple[list[float], bytes]:
    """Losses, and parameters and state to the last bit."""
    lr.set_threads(threads)
    model, x, y = problem(width=width)
    optimizer = make(pair, model.named_parameters())
    losses = [step(optimizer, model, x, y) for _ in range(steps)]
    arrays = [*model.state_dict().items(), *optimizer.state_dict().items()]
    return losses, b"".join(name.encode() + np.asarray(array).tobytes() for name, array in arrays)


def test_every_method_is_in_a_pair() -> None:
    assert {direction for direction, _ in PAIRS} == set(DIRECTIONS)
    assert {rate for _, rate in PAIRS} == set(RATES)


@pytest.mark.parametrize("pair", PAIRS, ids=label)
def test_trains_to_a_lower_loss(pair: tuple[str, str]) -> None:
    losses, _ = train(pair, 60)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-10:]) < 0.999 * losses[0]


# wide enough for loops and products to be spread over threads
WIDE = 12_000


@pytest.mark.parametrize("pair", PAIRS, ids=label)
def test_the_same_bits_again_and_on_two_threads(pair: tuple[str, str]) -> None:
    first = train(pair, 3, threads=1, width=WIDE)
    assert train(pair, 3, threads=1, width=WIDE) == first
    assert train(pair, 3, threads=2, width=WIDE) == first


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 steps of every pair, saved, and 50 more by another process."""
    folder = tmp_path_factory.mktemp("pairs")
    for pair in PAIRS:
        model, x, y = problem()
        optimizer = make(pair, model.named_parameters())
        for _ in range(50):
            step(optimizer, model, x, y)
        lr.save(folder / f"{label(pair)}.model", model)
        lr.save(folder / f"{label(pair)}.optimizer", optimizer)
    script = Path(pairs_resume.__file__)
    subprocess.run([sys.executable, str(script), str(folder), "50"], check=True, timeout=300)
    return folder


@pytest.mark.parametrize("pair", PAIRS, ids=label)
def test_resumes_in_another_process(pair: tuple[str, str], resumed: Path) -> None:
    model, x, y = problem()
    optimizer = make(pair, model.named_parameters())
    losses = [step(optimizer, model, x, y) for _ in range(100)]
    np.testing.assert_array_equal(np.load(resumed / f"{label(pair)}.npy"), losses[50:])
    for saved, straight in (("model", model), ("optimizer", optimizer)):
        loaded = lr.load(resumed / f"{label(pair)}.{saved}")
        state = straight.state_dict()
        assert loaded.keys() == state.keys()
        for name, value in state.items():
            assert np.asarray(loaded[name]).tobytes() == np.asarray(value).tobytes(), name
