"""Memory that the system refuses, at levels spread over what a piece of work needs.

    python attack/memory.py [--seed S] [--cases N | --seconds T]

The address space of the process is limited (RLIMIT_AS) to what it has plus a level. Survived: the work is
done, with the result that it has without a limit. Refused: MemoryError, model and
optimizer are to the bit as they were (`fit`: after whole steps), and the work goes through once the limit is
gone.
"""

from __future__ import annotations

import random
import resource
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tqdm  # noqa: F401  a library that cannot be loaded for want of memory is an ImportError
from support.campaign import REFUSED, SURVIVED, Attack, Lost, Silent, main

import lrswift as lr

F = lr.nn.functional
MIB = 2**20


class Work:
    """A model, and something to do with it that gives a number."""

    def __init__(self, rng: random.Random) -> None:
        draws = np.random.default_rng(rng.randrange(2**31))
        self.x = draws.standard_normal((512, 64)).astype("f4")
        self.y = draws.integers(0, 10, 512)
        lr.seed(rng.randrange(2**31))
        width = rng.choice([64, 512, 1024])
        self.model = lr.models.mlp(inputs=64, hidden=[width, width], outputs=10)
        self.optimizer = lr.optim.L4Adam(self.model.parameters())

    def loss(self) -> lr.Tensor:
        return F.cross_entropy(self.model(lr.tensor(self.x)), lr.tensor(self.y))

    def state(self) -> bytes:
        found = [*self.model.state_dict().values(), *self.optimizer.state_dict().values()]
        return b"".join(np.asarray(value).tobytes() for value in found)


def arithmetic(of: Work) -> float:
    held = [lr.full((1_000_000,), float(i)) + 1.0 for i in range(20)]
    return sum(lr.sum(t).item() for t in held)


def backward(of: Work) -> float:
    loss = of.loss()
    loss.backward()
    return loss.item()


def step(of: Work) -> float:
    return of.optimizer.minimize(of.loss)


def fit(of: Work) -> float:
    data = (of.x, of.y)
    return float(lr.fit(of.model, of.optimizer, data, batch_size=256, progress=False).losses.sum())


def hvp(of: Work) -> float:
    parameters = list(of.model.parameters())
    vectors = [np.ones((4, *p.shape), "f4") for p in parameters]
    return float(sum(abs(v.numpy()).sum() for v in lr.hvp(of.loss, parameters, vectors)))


def hypergradient(of: Work) -> float:
    batches = [(of.x[i : i + 128], of.y[i : i + 128]) for i in range(0, 512, 128)]
    found = lr.hypergradient(of.model, F.cross_entropy, batches, batches[:1], learning_rates=[0.1] * 2)
    return float(found.learning_rates.sum())


def find(of: Work) -> float:
    data = (of.x, of.y)
    found = lr.find_lr(of.model, F.cross_entropy, data, optimizer=lr.optim.SGD, max_epochs=1)
    return float(found.lr)


def convolution(of: Work) -> float:
    x = lr.tensor(np.resize(of.x, (16, 32, 32, 8)))
    # what was drawn before a refusal is drawn
    lr.seed(1)
    layer = lr.nn.Conv2d(8, 32, 3)
    loss = lr.mean(layer(x) ** 2)
    loss.backward()
    return loss.item()


def matmul(of: Work) -> float:
    a = lr.tensor(np.resize(of.x, (2000, 2000)))
    return lr.sum(lr.matmul(a, a)).item()


def saved(of: Work) -> float:
    state = of.model.state_dict()
    of.model.load_state_dict(state)
    return float(sum(np.asarray(v).sum() for v in state.values()))


WORKS: list[Callable[[Work], float]] = [
    arithmetic, backward, step, fit, hvp, hypergradient, find, convolution, matmul, saved,
]  # fmt: skip
# leave model and optimizer as they are, whatever happens
PURE = {arithmetic, backward, hvp, hypergradient, find, convolution, matmul, saved}


def used() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def case(rng: random.Random) -> str:
    warnings.simplefilter("ignore")
    work = rng.choice(WORKS)
    seed = rng.random()
    extra = int(MIB * 2 ** rng.uniform(-3, 8))
    lr.set_threads(rng.choice([1, 2]))
    first = rng.random() < 0.5
    if first:
        # libraries that are loaded, pools that are filled
        work(Work(random.Random(seed)))
    of = Work(random.Random(seed))
    before = of.state()
    limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used() + extra, limit[1]))
    refused = False
    found = 0.0
    try:
        found = work(of)
    except MemoryError:
        refused = True
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
    where = f"{work.__name__} with {extra / MIB:.1f} MiB more"
    if (refused and work not in (fit,)) or work in PURE:
        if of.state() != before:
            raise Lost(f"{where}: {'refused, but' if refused else ''} model or optimizer has changed")
    wanted = work(Work(random.Random(seed)))
    if not refused:
        if found != wanted:
            raise Silent(f"{where}: {found}, without a limit {wanted}")
        return SURVIVED
    again = work(of)
    if work is not fit and again != wanted:
        raise Silent(f"{where}: once refused, then {again}, by itself {wanted}")
    return REFUSED


if __name__ == "__main__":
    main(Attack("memory", case, timeout=90, batch=1, count=60))
