"""A training run on disk: model, optimizer, random state and history in one safetensors file."""

from __future__ import annotations

import json
import os
from typing import Any

from .. import random, store
from ..errors import ArgumentError
from ..loop.history import History
from ..optim import Optimizer


def write(
    path: str | os.PathLike[str], model: Any, optimizer: Optimizer, history: History, epoch: int
) -> None:
    """Writes atomically the state after `epoch` whole epochs."""
    arrays = {f"model.{name}": value for name, value in model.state_dict().items()}
    arrays |= {f"optimizer.{name}": value for name, value in optimizer.state_dict().items()}
    arrays |= {"history.losses": history.losses, "history.rates": history.rates}
    facts = {"epoch": epoch, "rows": history.rows, "random": random.get_state()}
    store.write(path, arrays, {"lrswift": json.dumps(facts)})


def read(path: str | os.PathLike[str], model: Any, optimizer: Optimizer, history: History) -> int:
    """Puts everything back; returns how many epochs were done. ArgumentError when the file is another's."""
    arrays, metadata = store.read(path)
    if "lrswift" not in metadata:
        raise ArgumentError(
            f"resume: {path}: no checkpoint of lrswift.fit; allowed: a file that `checkpoint` wrote"
        )
    facts = json.loads(metadata["lrswift"])
    model.load_state_dict(_below("model.", arrays))
    optimizer.load_state_dict(_below("optimizer.", arrays))
    history.rows[:] = facts["rows"]
    history.add(arrays["history.losses"], arrays["history.rates"])
    random.set_state(tuple(facts["random"]))
    return int(facts["epoch"])


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)}
