"""Training with everything, round after round, while the process's memory is watched.

    python attack/soak.py [--minutes 120] [--seed S] [--out docs/soak.csv]

A round is one of: `fit` with a checkpoint and a resume, a torch loop over `lr.torch.Adapted`, hypergradients
in both modes, `find_lr`, a run that diverges. Time, round and resident memory are kept every five seconds,
as a note of every round would be what grows. Ends with 1 if the median of the last fifth lies more than 2 %
above that of the second fifth, the first being warm-up.
"""

from __future__ import annotations

import argparse
import random
import resource
import secrets
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from support.trainee import Run, plan

import lrswift as lr
from lrswift import store

F = lr.nn.functional
GROWTH = 1.02
NOTE = 5.0  # seconds


def fitted(rng: random.Random) -> None:
    of = plan(rng, 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        Run(of).fit(checkpoint=path)
        Run(of).fit(4, checkpoint=path, resume=True)
        path.write_bytes(path.read_bytes()[:-1])
        try:
            Run(of).fit(checkpoint=path, resume=True)
        except lr.FormatError:
            return
    raise AssertionError("a checkpoint that is too short was read")


def torched(rng: random.Random) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    base = rng.choice([torch.optim.Adam, torch.optim.SGD])(model.parameters(), lr=1e-3)
    optimizer = lr.torch.Adapted(base, lr=rng.choice([lr.adapt.L4(), lr.adapt.QLABGrad(), 1e-3]))
    x = torch.randn(64, 20)
    for _ in range(20):

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean() + 0.1
            loss.backward()
            return loss

        optimizer.step(closure)
    optimizer.load_state_dict(optimizer.state_dict())


def differentiated(rng: random.Random) -> None:
    run = Run(plan(rng, 1))
    x, y = run.x, run.y
    batches = [(x[i : i + 20], y[i : i + 20]) for i in range(0, 200, 20)]
    for mode in ("forward", "reverse"):
        model = lr.models.mlp(inputs=12, hidden=[16], outputs=4)
        lr.hypergradient(model, F.cross_entropy, batches, batches[:2], learning_rates=[0.05] * 3, mode=mode)


def found(rng: random.Random) -> None:
    run = Run(plan(rng, 1))
    data = run.x, run.y
    lr.find_lr(run.model, F.cross_entropy, data, optimizer=lr.optim.Adam, max_epochs=1, progress=False)


def diverged(rng: random.Random) -> None:
    run = Run(plan(rng, 2))
    run.x = run.x * np.float32(1e30)
    try:
        run.fit()
    except lr.Diverged:
        pass


ROUNDS: list[Callable[[random.Random], None]] = [fitted, torched, differentiated, found, diverged]


def resident() -> float:
    """In MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description="training that watches memory; see the head of this file")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--out", type=Path, help="a CSV of time, round and memory")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = random.Random(given.seed)
    torch.set_num_threads(1)
    begun, rounds, rows = time.monotonic(), 0, []
    while time.monotonic() - begun < 60 * given.minutes:
        # all kinds equally often, whatever they cost
        ROUNDS[rounds % len(ROUNDS)](rng)
        rounds += 1
        seconds = time.monotonic() - begun
        if seconds < NOTE * len(rows):
            continue
        rows.append({"seconds": round(seconds, 1), "round": rounds, "resident_mib": round(resident(), 1)})
        if given.out is not None and len(rows) % 20 == 0:
            store.write_csv(given.out, list(rows[0]), rows)
    if given.out is not None:
        store.write_csv(given.out, list(rows[0]), rows)
    fifth = max(1, len(rows) // 5)
    memory = [row["resident_mib"] for row in rows]
    early, late = statistics.median(memory[fifth : 2 * fifth]), statistics.median(memory[-fifth:])
    print(
        f"soak: {given.minutes:g} minutes, {rounds} rounds, resident {early:.1f} MiB in the second fifth, "
        f"{late:.1f} MiB in the last, at most {max(memory):.1f}; seed {given.seed}"
    )
    return 1 if late > GROWTH * early else 0


if __name__ == "__main__":
    raise SystemExit(main())
