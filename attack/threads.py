"""Python threads that share models, losses and optimizers.

    python attack/threads.py [--seed S] [--cases N | --seconds T]

What is well defined must be exact: gradients of many threads add up, runs on models of their own end as they
do one after the other. What is not may be refused by an error of lrswift that says so, and afterwards the
objects must be free again. Nothing else may happen.
"""

from __future__ import annotations

import random
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from support.campaign import REFUSED, SURVIVED, Attack, Silent, main

import lrswift as lr

SECONDS = 1.5
F = lr.nn.functional


class Crew:
    """Threads that do something until the time is over, or once; what they raise is kept."""

    def __init__(self) -> None:
        self.refused = 0
        self.wrong: list[BaseException] = []
        self.end = time.monotonic() + SECONDS
        self.threads: list[threading.Thread] = []

    def add(self, work: Callable[[], object], again: bool = True) -> None:
        def run() -> None:
            while True:
                try:
                    work()
                except (lr.Error, RuntimeError) as error:
                    # of ours, and it says what to do
                    if not isinstance(error, lr.Error) and "thread" not in str(error):
                        self.wrong.append(error)
                        return
                    self.refused += 1
                except BaseException as error:
                    self.wrong.append(error)
                    return
                if not again or time.monotonic() > self.end or self.wrong:
                    return

        self.threads.append(threading.Thread(target=run))

    def join(self) -> None:
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        if self.wrong:
            raise self.wrong[0]


class Problem:
    """A classification that is the same for the same draw."""

    def __init__(self, rng: random.Random) -> None:
        self.seed = rng.randrange(2**31)
        self.width = rng.choice([16, 64, 256])
        self.rows = rng.choice([64, 256])
        draws = np.random.default_rng(self.seed)
        self.x = draws.standard_normal((self.rows, 20)).astype("f4")
        self.y = draws.integers(0, 5, self.rows)

    def model(self) -> lr.nn.Module:
        lr.seed(self.seed)
        return lr.models.mlp(inputs=20, hidden=[self.width], outputs=5)

    def loss(self, model: Any) -> lr.Tensor:
        return F.cross_entropy(model(lr.tensor(self.x)), lr.tensor(self.y))

    def fit(self, model: Any, optimizer: Any, **options: Any) -> Any:
        data = (self.x, self.y)
        return lr.fit(model, optimizer, data, epochs=2, batch_size=16, progress=False, **options)


def gradients(model: Any) -> list[np.ndarray]:
    return [p.grad.numpy().copy() for p in model.parameters()]


def after(crew: Crew, model: Any, problem: Problem, *optimizers: Any) -> str:
    """Everything is free again: a step and a run go through."""
    for optimizer in optimizers:
        optimizer.minimize(lambda: problem.loss(model))
        problem.fit(model, optimizer)
    return REFUSED if crew.refused else SURVIVED


def backward_of_one_loss(rng: random.Random) -> str:
    of = Problem(rng)
    model = of.model()
    loss = of.loss(model)
    crew = Crew()
    for _ in range(rng.randint(2, 4)):
        crew.add(loss.backward)
    crew.join()
    return after(crew, model, of, lr.optim.L4Mom(model.parameters()))


def shared_gradients(rng: random.Random) -> str:
    of = Problem(rng)
    model = of.model()
    count = rng.randint(2, 4)
    for _ in range(10):
        for p in model.parameters():
            p.grad = None
        of.loss(model).backward()
        alone = gradients(model)
        for p in model.parameters():
            p.grad = None
        crew = Crew()
        for _ in range(count):
            crew.add(lambda: of.loss(model).backward(), again=False)
        crew.join()
        whole = count - crew.refused
        if not whole:
            continue
        for found, one in zip(gradients(model), alone, strict=True):
            if not np.allclose(found, whole * one, rtol=1e-4, atol=1e-6):
                raise Silent(
                    f"{count} threads: the gradient is {abs(found).sum() / abs(one).sum()} times one"
                )
    return after(crew, model, of, lr.optim.L4Mom(model.parameters()))


def one_optimizer(rng: random.Random) -> str:
    of = Problem(rng)
    model = of.model()
    optimizer = rng.choice([lr.optim.L4Mom, lr.optim.L4Adam])(model.parameters())
    crew = Crew()
    works = [
        lambda: optimizer.minimize(lambda: of.loss(model)),
        lambda: of.fit(model, optimizer),
        lambda: optimizer.load_state_dict(optimizer.state_dict()),
        optimizer.zero_grad,
        lambda: optimizer.lr,
    ]
    for _ in range(rng.randint(2, 3)):
        crew.add(rng.choice(works))
    crew.join()
    return after(crew, model, of, optimizer)


def touched_while_training(rng: random.Random) -> str:
    of = Problem(rng)
    model = of.model()
    optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
    state = model.state_dict()

    def clear() -> None:
        for p in model.parameters():
            p.grad = None

    def read() -> None:
        for p in model.parameters():
            (p.grad if p.grad is not None else p).numpy().sum()

    def write() -> None:
        for p in model.parameters():
            p.grad = lr.zeros(*p.shape)

    crew = Crew()
    crew.add(lambda: of.fit(model, optimizer))
    works: list[Callable[[], object]] = [
        clear, read, write, model.zero_grad, lambda: model.load_state_dict(state), model.state_dict,
        lambda: of.loss(model).item(), lambda: of.loss(model).backward(), lambda: model.eval().train(),
        lambda: model.to("float64").to("float32"),
    ]  # fmt: skip
    for _ in range(rng.randint(1, 3)):
        crew.add(rng.choice(works))
    first = next(model.parameters())
    crew.join()
    if next(model.parameters()) is not first:
        # of another dtype for a while, and so other tensors
        optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
    return after(crew, model.train(), of, optimizer)


def runs_of_their_own(rng: random.Random) -> str:
    problems = [Problem(rng) for _ in range(3)]

    def weights(of: Problem) -> bytes:
        model = of.model()
        of.fit(model, lr.optim.L4Mom(model.parameters()))
        return b"".join(p.numpy().tobytes() for p in model.parameters())

    alone = [weights(of) for of in problems]
    found: dict[int, bytes] = {}
    crew = Crew()
    for i, of in enumerate(problems):
        crew.add(lambda i=i, of=of: found.__setitem__(i, weights(of)), again=False)
    crew.join()
    if [found.get(i) for i in range(3)] != alone:
        raise Silent("runs in threads of their own end with other weights than one after the other")
    return SURVIVED


def derivatives(rng: random.Random) -> str:
    """hvp, jvp and gradients of one model at once, each as it is alone."""
    of = Problem(rng)
    model = of.model()
    parameters = list(model.parameters())
    vectors = [np.ones((2, *p.shape), "f4") for p in parameters]

    def hvp() -> list[np.ndarray]:
        return [v.numpy().copy() for v in lr.hvp(lambda: of.loss(model), parameters, vectors)]

    def gradient() -> list[np.ndarray]:
        return [lr.grad(lambda w: lr.sum(lr.tanh(w) ** 2))(parameters[0]).numpy().copy()]

    works = [(hvp, hvp()), (gradient, gradient())]
    crew = Crew()

    def checked(work: Callable[[], list[np.ndarray]], wanted: list[np.ndarray]) -> None:
        for a, b in zip(work(), wanted, strict=True):
            if not np.allclose(a, b, rtol=1e-4, atol=1e-6):
                raise Silent(f"{work.__name__} in a thread: {abs(a - b).max()} from what it is alone")

    for _ in range(rng.randint(2, 4)):
        work, wanted = rng.choice(works)
        crew.add(lambda work=work, wanted=wanted: checked(work, wanted))
    crew.join()
    return after(crew, model, of, lr.optim.L4Mom(parameters))


def values(rng: random.Random) -> str:
    """One tensor, read by operations while it is assigned: each result is of one of the two values."""
    size = rng.choice([10, 10_000, 300_000])
    low, high = np.zeros(size, "f4"), np.ones(size, "f4")
    linear = lr.nn.Linear(1, size)
    states = [{**linear.state_dict(), "bias": value} for value in (low, high)]
    crew = Crew()
    crew.add(lambda: linear.load_state_dict(rng.choice(states)))
    for _ in range(2):
        crew.add(lambda: lr.sum(linear.bias * 2).item())
    crew.join()
    linear.load_state_dict(states[1])
    if lr.sum(linear.bias).item() != size:
        raise Silent("a value assigned after the threads have ended is not there")
    return REFUSED if crew.refused else SURVIVED


SCENARIOS = [
    backward_of_one_loss, shared_gradients, one_optimizer, touched_while_training, runs_of_their_own,
    derivatives, values,
]  # fmt: skip


def case(rng: random.Random) -> str:
    warnings.simplefilter("ignore")
    scenario = rng.choice(SCENARIOS)
    lr.set_threads(rng.choice([1, 2]))
    try:
        return scenario(rng)
    except Exception as error:
        error.args = (f"{scenario.__name__}: {error}",)
        raise


if __name__ == "__main__":
    main(Attack("threads", case, timeout=60, batch=1, count=60))
