"""What a contestant is asked to do, and how long it takes: the same for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import networks, sequence_networks, turns

IMAGES, SECONDS_A_TURN = 1024, 0.15


@dataclass(frozen=True)
class Training:
    """Training steps of one network; each batch is gathered by index inside the step, as training does."""

    network: str
    optimizer: str
    batch: int
    threads: int
    dtype: str = "float32"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Random images and labels, or sequences of numbers and as many to come after each."""
        rng = np.random.default_rng(0)
        if self.network in sequence_networks.LENGTHS:
            length = sequence_networks.LENGTHS[self.network]
            many = self.network == "words"
            first = sequence_networks.VOCABULARY if many else sequence_networks.WORDS
            each = (IMAGES, length)
            return rng.integers(0, first, each), rng.integers(0, sequence_networks.WORDS, each)
        shape = (IMAGES, *networks.shape(self.network))
        return rng.random(shape, dtype=np.dtype(self.dtype)), rng.integers(0, 10, IMAGES)

    def turn(self, run: Callable[[np.ndarray], object], steps: int = 0) -> turns.Turn:
        """Seconds a step of run(rows [steps, batch]); steps: 0 for as many as fill a turn."""
        rng = np.random.default_rng(1)
        count = steps or 1

        def timed() -> float:
            nonlocal count
            rows = rng.integers(0, IMAGES, (count, self.batch), dtype=np.int64)
            start = turns.Clock.now()
            run(rows)
            taken = (turns.Clock.now() - start) / count
            if not steps:
                count = int(min(500, max(1, round(SECONDS_A_TURN / max(taken, 1e-6)))))
            return taken

        for _ in range(2):
            timed()
        return timed


@dataclass(frozen=True)
class Columns(Training):
    """Steps of SGD that carry eight learning rates, a momentum and a weight decay as columns.

    steps: of a run's last eighth, in which all ten are active; so many turns can be taken, two of them early.
    """

    steps: int = 20

    RATE, MOMENTUM, DECAY = 0.01, 0.9, 1e-4


@dataclass(frozen=True)
class Updates:
    """Steps of an optimizer alone, on equal tensors with fixed gradients."""

    rule: str
    elements: int
    tensors: int
    threads: int

    def arrays(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Parameters and gradients."""
        rng = np.random.default_rng(0)
        size = self.elements // self.tensors
        both = [[rng.standard_normal(size, dtype=np.float32) for _ in range(self.tensors)] for _ in range(2)]
        return both[0], both[1]

    def turn(self, step: Callable[[], object], finish: Callable[[], object] = lambda: None) -> turns.Turn:
        """Seconds of a step."""
        count = 1

        def timed() -> float:
            nonlocal count
            start = turns.Clock.now()
            for _ in range(count):
                step()
            finish()
            taken = (turns.Clock.now() - start) / count
            count = int(min(1000, max(1, round(SECONDS_A_TURN / max(taken, 1e-7)))))
            return taken

        for _ in range(2):
            timed()
        return timed
