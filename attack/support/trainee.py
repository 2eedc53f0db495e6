"""Training runs that are the same whenever they are made from the same plan, and what is left of them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import lrswift as lr

RATES = {
    "l4mom": lambda p: lr.optim.L4Mom(p),
    "l4adam": lambda p: lr.optim.L4Adam(p),
    "adam": lambda p: lr.optim.Adam(p, lr=1e-3, weight_decay=1e-4),
    "momentum": lambda p: lr.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "cosine": lambda p: lr.optim.SGD(p, lr=lr.schedule.Cosine(0.05, steps=80), momentum=0.9),
    "sps": lambda p: lr.optim.SGD(p, lr=lr.adapt.SPS()),
    "qlabgrad": lambda p: lr.optim.SGD(p, lr=lr.adapt.QLABGrad()),
    "tlr": lambda p: lr.optim.Adam(p, lr=lr.adapt.TLR(initial=1e-3, bound=0.01)),
    "hd": lambda p: lr.optim.SGD(p, lr=lr.adapt.HD()),
    "prodigy": lambda p: lr.optim.Adam(p, lr=lr.adapt.Prodigy()),
    "schedule-free": lambda p: lr.optim.ScheduleFree(p, lr=0.01),
}


@dataclass(frozen=True)
class Plan:
    """A run: data, network and loader's draws from `seed`."""

    rate: str
    seed: int
    width: int
    dropout: bool
    norm: bool
    batch: int
    epochs: int
    guard: bool

    def told(self) -> dict[str, Any]:
        return asdict(self)


def plan(rng: random.Random, epochs: int) -> Plan:
    return Plan(
        rng.choice(sorted(RATES)), rng.randrange(2**31), rng.choice([8, 32, 96]), rng.random() < 0.5,
        rng.random() < 0.5, rng.choice([16, 32, 50]), epochs, rng.random() < 0.2,
    )  # fmt: skip


class Run:
    """A plan at its beginning."""

    def __init__(self, of: Plan) -> None:
        self.plan = of
        draws = np.random.default_rng(of.seed)
        self.x = draws.standard_normal((200, 12)).astype("f4")
        self.y = draws.integers(0, 4, 200)
        lr.seed(of.seed)
        layers: list[lr.nn.Module] = [lr.nn.Linear(12, of.width)]
        if of.norm:
            layers.append(lr.nn.BatchNorm1d(of.width))
        layers.append(lr.nn.Tanh())
        if of.dropout:
            layers.append(lr.nn.Dropout(0.2))
        self.model = lr.nn.Sequential(*layers, lr.nn.Linear(of.width, 4))
        self.optimizer = RATES[of.rate](self.model.parameters())
        if of.guard:
            self.optimizer.guard(rollback=True)

    def fit(self, epochs: int | None = None, **options: Any) -> lr.History:
        of = self.plan
        return lr.fit(
            self.model, self.optimizer, (self.x, self.y), epochs=epochs or of.epochs, batch_size=of.batch,
            seed=of.seed % 1000, progress=False, **options,
        )  # fmt: skip

    def digest(self) -> str:
        """Of all that a next step depends on."""
        found = hashlib.sha256(repr(lr.random.get_state()).encode())
        for state in (self.model.state_dict(), self.optimizer.state_dict()):
            for name, value in sorted(state.items()):
                array = np.asarray(value)
                found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        return found.hexdigest()
