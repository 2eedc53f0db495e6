"""Goes on with every pair from what `test_pairs` has saved: python pairs_resume.py FOLDER STEPS."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from pairs import PAIRS, label, make

import lrswift as lr


def problem(dtype: str = "float32", width: int = 16) -> tuple[lr.nn.Module, lr.Tensor, lr.Tensor]:
    """A small regression, the same on every call."""
    lr.seed(11)
    model = lr.models.mlp(6, hidden=[width], outputs=1, activation="tanh").to(dtype)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(64, 6))
    y = np.sin(x @ rng.normal(size=(6, 1)))
    return model, lr.tensor(x, dtype=dtype), lr.tensor(y, dtype=dtype)


def step(optimizer: lr.optim.Optimizer, model: lr.nn.Module, x: lr.Tensor, y: lr.Tensor) -> float:
    # a constant keeps the losses away from 0, where some rates have nothing left to say
    def loss() -> lr.Tensor:
        return lr.mean((model(x) - y) ** 2) + 0.1

    return optimizer.minimize(loss, valid=loss)


def main(folder: Path, steps: int) -> None:
    for pair in PAIRS:
        model, x, y = problem()
        optimizer = make(pair, model.named_parameters())
        model.load_state_dict(lr.load(folder / f"{label(pair)}.model"))
        optimizer.load_state_dict(lr.load(folder / f"{label(pair)}.optimizer"))
        losses = [step(optimizer, model, x, y) for _ in range(steps)]
        np.save(folder / f"{label(pair)}.npy", np.array(losses))
        lr.save(folder / f"{label(pair)}.model", model)
        lr.save(folder / f"{label(pair)}.optimizer", optimizer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
