"""Ctrl-C at random moments.

    python attack/signals.py [--seed S] [--cases N | --seconds T]

Survived: KeyboardInterrupt reaches the caller within PATIENCE seconds of the process's own time, the
optimizer is free, what may not change is as before, and the same call goes through afterwards.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import warnings
from collections.abc import Callable

import numpy as np
from support.campaign import SURVIVED, Attack, Lost, main

import lrswift as lr

# a second of the process, or of the clock while other processes have the processor
PATIENCE, CLOCK = 1.0, 20.0
F = lr.nn.functional


class Work:
    def __init__(self, rng: random.Random) -> None:
        draws = np.random.default_rng(rng.randrange(2**31))
        rows, width = rng.choice([512, 3000]), rng.choice([64, 256])
        self.x = draws.standard_normal((rows, 64)).astype("f4")
        self.y = draws.integers(0, 10, rows)
        self.model = lr.models.mlp(inputs=64, hidden=[width], outputs=10)
        self.optimizer = rng.choice([lr.optim.L4Mom, lr.optim.L4Adam])(self.model.parameters())

    def loss(self) -> lr.Tensor:
        return F.cross_entropy(self.model(lr.tensor(self.x)), lr.tensor(self.y))

    def weights(self) -> bytes:
        return b"".join(p.numpy().tobytes() for p in self.model.parameters())


def fit(of: Work, size: int) -> None:
    lr.fit(of.model, of.optimizer, (of.x, of.y), epochs=size, progress=False)


def minimize(of: Work, size: int) -> None:
    for _ in range(size):
        of.optimizer.minimize(of.loss)


def backward(of: Work, size: int) -> None:
    for _ in range(size):
        of.loss().backward()


def hvp(of: Work, size: int) -> None:
    parameters = list(of.model.parameters())
    lr.hvp(of.loss, parameters, [np.ones((8 * size, *p.shape), "f4") for p in parameters])


def find(of: Work, size: int) -> None:
    for _ in range(size):
        lr.find_lr(of.model, F.cross_entropy, (of.x, of.y), optimizer=lr.optim.SGD, max_epochs=1)


def hypergradient(of: Work, size: int) -> None:
    batches = [(of.x[i : i + 64], of.y[i : i + 64]) for i in range(0, 512, 64)] * size
    lr.hypergradient(of.model, F.cross_entropy, batches, batches[:2], learning_rates=[0.01] * 4)


WORKS: list[Callable[[Work, int], None]] = [fit, minimize, backward, hvp, find, hypergradient]
PURE = {backward, hvp, find, hypergradient}
LARGEST = {fit: 2000, minimize: 4000, backward: 4000, hvp: 64, find: 200, hypergradient: 40}


def case(rng: random.Random) -> str:
    warnings.simplefilter("ignore")
    lr.set_threads(rng.choice([1, 2]))
    work = rng.choice(WORKS)
    of = Work(rng)
    work(of, 1)
    before = of.weights()
    delay = rng.uniform(0, 1.5)
    sent: list[tuple[float, float]] = []

    def send() -> None:
        time.sleep(delay)
        sent.append((time.process_time(), time.monotonic()))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()
    interrupted = False
    try:
        work(of, LARGEST[work])
        # done before the signal came: it comes now
        time.sleep(delay + 1)
    except KeyboardInterrupt:
        interrupted = True
    processor, clock = time.process_time() - sent[0][0], time.monotonic() - sent[0][1]
    # two threads compute
    if processor > 2 * PATIENCE and clock > PATIENCE or clock > CLOCK:
        raise Lost(f"{work.__name__}: Ctrl-C is answered after {clock:.1f} s")
    if not interrupted:
        raise Lost(f"{work.__name__}: Ctrl-C is swallowed")
    if work in PURE and of.weights() != before:
        raise Lost(f"{work.__name__}: interrupted, it leaves other weights")
    work(of, 1)
    of.optimizer.minimize(of.loss)
    return SURVIVED


if __name__ == "__main__":
    # a shell that runs it in the background has it ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(Attack("signals", case, timeout=60, batch=10, count=40))
