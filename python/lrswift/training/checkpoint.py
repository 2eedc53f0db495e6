"""A training run on disk: model, optimizer, random state, loaders, history, and which run it is."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import random, store
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, Error, FormatError, warn
from ..loop.digests import described
from ..loop.feed import ArrayFeed, Feed
from ..loop.generators import other_states, put_other_states
from ..loop.history import COLUMNS, History
from ..loop.loaders import decoded, encoded, loader_state, put_loader_state
from ..optim import Optimizer
from ..search.periodic import periodic

# of the facts; the first one had no identity and no loaders
FORMAT = 2
KEY = "lrswift"
_REQUIRED = {"epoch", "rows", "random"}


class Run(Protocol):
    """What a checkpoint is of."""

    model: Any
    optimizer: Optimizer
    history: History
    train: Feed
    valid: Feed | None
    rate_valid: Feed | None
    loss: Callable[..., Any]
    batch_size: int
    seed: int


class Checkpoint:
    """The file of one run: tried when it is made, written after each epoch, read before the first.

    The path and all that a file must hold are tried before anything is trained. Raises ArgumentError,
    ArgumentTypeError, DTypeError and OSError naming what cannot be.
    """

    def __init__(self, path: str | os.PathLike[str], run: Run) -> None:
        store.check_writable(path, "checkpoint")
        self.path, self.run = path, run
        self.where = f"resume: {os.fspath(path)}"
        for name in ("state_dict", "load_state_dict"):
            if not hasattr(run.model, name):
                raise ArgumentTypeError(
                    f"checkpoint: the model, a {type(run.model).__name__}, has no {name}; "
                    "allowed: an nn.Module, or whatever has both"
                )
        for name, value in run.model.state_dict().items():
            dtype = np.asarray(value).dtype.name
            if dtype not in ("float32", "float64", "int64", "uint8", "bool"):
                raise DTypeError(f"checkpoint: {name}: got dtype {dtype}; allowed: what lrswift.save writes")
        for name, data in self._sources():
            if hasattr(data, "state_dict") and not hasattr(data, "load_state_dict"):
                raise ArgumentTypeError(
                    f"checkpoint: {name}: a {type(data).__name__} has state_dict but no load_state_dict; "
                    "allowed: both, or neither"
                )
        self._loaders([])
        self.identity = _identity(run)

    @property
    def exists(self) -> bool:
        """Whether there is a file to go on from."""
        return Path(self.path).exists()

    def write(self, epoch: int) -> None:
        """Writes atomically the state after `epoch` whole epochs."""
        run = self.run
        held: list[np.ndarray] = []
        facts = {
            "epoch": epoch, "rows": run.history.rows, "random": random.get_state(), "format": FORMAT,
            "rates_by_name": {name: [*map(float, v)] for name, v in run.history.rates_by_name.items()},
            "identity": self.identity, "loaders": self._loaders(held),
            "others": encoded(other_states(), held, "random"),
        }  # fmt: skip
        arrays = {f"model.{name}": np.asarray(value) for name, value in run.model.state_dict().items()}
        arrays |= {f"optimizer.{name}": value for name, value in run.optimizer.state_dict().items()}
        arrays |= {"history.losses": run.history.losses, "history.rates": run.history.rates}
        arrays |= {f"loader.{i}": value for i, value in enumerate(held)}
        store.write(self.path, arrays, {KEY: json.dumps(facts, default=_told)})

    def read(self) -> int:
        """Puts everything back; returns how many epochs were done.

        All is checked before anything is changed. Raises FormatError for a file that is damaged or altered,
        ArgumentError for one of another run or of no run, and what the optimizer and the model refuse.
        """
        arrays, metadata = store.read(self.path)
        if KEY not in metadata:
            raise ArgumentError(
                f"{self.where}: no checkpoint of lrswift.fit; allowed: a file that `checkpoint` wrote"
            )
        facts = store.facts_of(self.where, metadata[KEY], _REQUIRED)
        self._check_identity(facts)
        try:
            epoch, rows, state = _progress(facts, arrays)
            named = _named(facts, epoch)
            held = {
                int(name.removeprefix("loader.")): array
                for name, array in arrays.items()
                if name.startswith("loader.")
            }
            loaders = {name: decoded(value, held) for name, value in facts.get("loaders", {}).items()}
            others = decoded(facts["others"], held) if "others" in facts else None
        except store.FACTS_ERRORS as error:
            raise store.altered(self.where, error) from None
        self._put(arrays, loaders, others)
        random.set_state(state)
        self.run.history.rows[:] = rows
        self.run.history.add(arrays["history.losses"], arrays["history.rates"])
        self.run.history.put_named(named)
        return epoch

    def _check_identity(self, facts: dict[str, Any]) -> None:
        made = facts.get("format", 1)
        if made not in (1, FORMAT):
            raise FormatError(f"{self.where} has format {made!r}; allowed: 1 to {FORMAT}, or a newer lrswift")
        if made == 1 and "identity" not in facts:
            return
        stored = facts.get("identity")
        mine = json.loads(json.dumps(self.identity))
        if not isinstance(stored, dict):
            raise store.altered(self.where, "nothing that says of which run")
        found = list(_differences(stored, mine))
        # what another direction or another form of data lacks says nothing more
        found = [entry for entry in found if "None" not in entry[1:]] or found
        if found:
            raise ArgumentError(
                f"{self.where} was made with {_listed(found)}; allowed: the same run, or "
                "resume=False for a new one (epochs, callbacks, log, metrics and progress may differ)"
            )

    def _sources(self) -> Iterator[tuple[str, Any]]:
        for name in ("train", "valid"):
            feed = getattr(self.run, name)
            if feed is not None and not isinstance(feed, ArrayFeed):
                yield name, feed.data

    def _loaders(self, held: list[np.ndarray]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, data in self._sources():
            state = loader_state(data)
            if state is not None:
                found[name] = encoded(state, held, f"checkpoint: {name}: state_dict()")
        return found

    def _put(self, arrays: dict[str, np.ndarray], loaders: dict[str, Any], others: Any) -> None:
        """Random states of others, loaders, model and optimizer; all as before where one of them refuses.

        The optimizer comes last, as its `load_state_dict` changes all or nothing.
        """
        model, optimizer = self.run.model, self.run.optimizer
        with ExitStack() as undo:
            if others is not None:
                undo.callback(put_other_states, other_states())
                self._take("random: ", put_other_states, others)
            for name, data in self._sources():
                before = copy.deepcopy(loader_state(data))
                if name in loaders and loaders[name] is not None:
                    undo.callback(put_loader_state, data, before)
                    self._take(f"{name}: ", put_loader_state, data, loaders[name])
                elif before is not None or not isinstance(data, (list, tuple)):
                    warn(
                        f"resume: {name}: the checkpoint holds no state of a {type(data).__name__}, which "
                        "starts anew; batches are those of an uninterrupted run only if all epochs are alike"
                    )
            undo.callback(model.load_state_dict, copy.deepcopy(dict(model.state_dict())))
            self._take("", model.load_state_dict, _below("model.", arrays))
            self._take("", optimizer.load_state_dict, _below("optimizer.", arrays))
            undo.pop_all()

    def _take(self, where: str, put: Callable[..., Any], *given: Any) -> None:
        try:
            put(*given)
        except Error as error:
            raise type(error)(f"{self.where}: {where}{error}") from None
        except Exception as error:
            raise FormatError(
                f"{self.where}: {where}the state is refused ({type(error).__name__}: {error}); "
                "allowed: a file as it was written"
            ) from error


def _identity(run: Run) -> dict[str, Any]:
    """What must be the same in a run that goes on; by the names that it has as arguments, where it has."""
    own = described(run.train)
    facts = {"train": own, **run.optimizer._identity()}
    facts["dtype"] = str(run.optimizer.param_groups[0]["params"][0].dtype)
    facts["loss"] = getattr(run.loss, "__name__", type(run.loss).__name__)
    if isinstance(run.train, ArrayFeed):
        # arguments of fit
        facts |= {name: own.pop(name) for name in ("batch_size", "shuffle", "seed")}
    if periodic(run.optimizer.rate) is not None:
        facts |= {"batch_size": run.batch_size, "seed": run.seed}
    if run.rate_valid is not None:
        facts["valid"] = described(run.rate_valid)
    return facts


def _listed(found: list[tuple[str, str, str]]) -> str:
    return ", and with ".join(f"{name}={before}, got {given}" for name, before, given in found)


def _differences(
    stored: Mapping[str, Any], given: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    """(name, stored, given) of all that differs."""
    for name in [*stored, *(name for name in given if name not in stored)]:
        before, now = stored.get(name), given.get(name)
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _differences(before, now, f"{prefix}{name}: ")
        else:
            yield prefix + name, _short(before), _short(now)


def _short(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _progress(
    facts: dict[str, Any], arrays: dict[str, np.ndarray]
) -> tuple[int, list[dict[str, Any]], tuple[int, int]]:
    """Epoch, rows and random state, checked. One of FACTS_ERRORS for others."""
    epoch, rows, state = facts["epoch"], facts["rows"], facts["random"]
    if not isinstance(facts.get("loaders", {}), dict):
        raise ValueError("loaders that are none")
    if type(epoch) is not int or not isinstance(rows, list) or len(rows) != epoch:
        raise ValueError(f"epoch {epoch!r} with other rows")
    losses, rates = arrays["history.losses"], arrays["history.rates"]
    if losses.dtype != np.float64 or losses.ndim != 1:
        raise ValueError("losses that are no vector")
    if rates.dtype != np.float64 or rates.shape != (len(losses), 3):
        raise ValueError(f"rates of shape {rates.shape} for {len(losses)} losses")
    last = 0
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not set(COLUMNS) <= set(row) or row["epoch"] != number:
            raise ValueError(f"row {number} that is none")
        if not all(type(row[key]) in (int, float) or row[key] is None for key in COLUMNS):
            raise ValueError(f"row {number} that is not of numbers")
        if any(row[key] is None for key in ("step", "train_loss", "lr", "lr_low", "lr_high", "seconds")):
            raise ValueError(f"row {number} without a number")
        if type(row["step"]) is not int or row["step"] < last:
            raise ValueError(f"row {number} that ends at step {row['step']!r}")
        last = row["step"]
    if last != len(losses):
        raise ValueError(f"{len(losses)} losses of {last} steps")
    if not isinstance(state, list) or len(state) != 2 or not all(type(n) is int for n in state):
        raise ValueError("a random state that is none")
    if not all(0 <= n < 2**64 for n in state):
        raise ValueError("a random state out of range")
    return epoch, rows, (state[0], state[1])


def _named(facts: dict[str, Any], epoch: int) -> list[dict[str, float]]:
    """Rates by name of each epoch, checked; none by any name where the file was written without."""
    held = facts.get("rates_by_name", {})
    if not isinstance(held, dict) or not all(isinstance(v, list) and len(v) == epoch for v in held.values()):
        raise ValueError("rates by name of other epochs")
    if not all(type(number) in (int, float) for values in held.values() for number in values):
        raise ValueError("rates by name that are no numbers")
    return [{name: float(values[k]) for name, values in held.items()} for k in range(epoch)]


def _told(value: Any) -> Any:
    """What callbacks add to rows, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise ArgumentTypeError(
        f"checkpoint: a row of the history holds {type(value).__name__}; allowed: numbers and texts"
    )


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)}
