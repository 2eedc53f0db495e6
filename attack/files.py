"""Files that were damaged or altered: models, optimizers, checkpoints of `fit`, learned schedules, archives.

    python attack/files.py [--seed S] [--cases N | --seconds T]

Damage (bits, bytes, lengths, pieces moved) keeps its checksum and must be refused with `lrswift.Error`, the
target as it was, or change nothing of what is read. Alterations (tensors, names, dtypes, shapes and facts of
the header, the checksum made right again) may be read, as a file of somebody else may say what it likes;
then the target must go on: a training step or an error of ours. Nothing else may be raised.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import math
import random
import struct
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from support.campaign import REFUSED, SURVIVED, Attack, Lost, Silent, main
from support.trainee import RATES, Plan, Run

import lrswift as lr
from lrswift import store

PLAN = Plan("adam", 3, 8, True, True, 50, 2, False)
NUMBERS = [0, 1, -1, 2, 2**31, 2**53, 2**63, 2**64, -(2**63), 0.5, 1e308, math.nan, math.inf, -math.inf]
FACTS: list[Any] = [*NUMBERS, None, True, "", "x", "\ud800", [], {}, [[]], [0], {"a": 1}, "9" * 400]

SHAPES: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda a: a.reshape(-1), lambda a: a[None], lambda a: a.reshape(-1)[:-1], lambda a: a[..., None].T,
    lambda a: np.concatenate([a.reshape(-1)] * 2), lambda a: np.zeros((0, *a.shape), a.dtype),
]  # fmt: skip


class Target:
    """Where a file is read into: `read` it, `digest` what is there, `go_on` with it."""

    def __init__(self, make: Callable[[Path], None], fresh: Callable[[], Reader]) -> None:
        self.fresh = fresh
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            make(path)
            self.whole = path.read_bytes()
            reader = fresh()
            reader.read(path)
            self.good = reader.digest()


class Reader:
    def read(self, path: Path) -> None:
        raise NotImplementedError

    def digest(self) -> str:
        raise NotImplementedError

    def go_on(self) -> None:
        raise NotImplementedError


class OfModel(Reader):
    def __init__(self, rate: str = "adam") -> None:
        self.run = Run(Plan(rate, 3, 8, True, True, 50, 2, False))

    def read(self, path: Path) -> None:
        self.run.model.load_state_dict(lr.load(path))

    def digest(self) -> str:
        return self.run.digest()

    def go_on(self) -> None:
        self.run.fit(1)


class OfOptimizer(OfModel):
    def read(self, path: Path) -> None:
        self.run.optimizer.load_state_dict(lr.load(path))


class OfFit(OfModel):
    def read(self, path: Path) -> None:
        # as many epochs as the checkpoint holds: nothing is trained
        self.run.fit(checkpoint=path, resume=True)


class OfSchedule(Reader):
    def __init__(self) -> None:
        self.held: lr.LearnedSchedule | None = None

    def read(self, path: Path) -> None:
        self.held = lr.LearnedSchedule.load(path)

    def digest(self) -> str:
        if self.held is None:
            return "nothing"
        arrays = [self.held.learning_rates, self.held.momentums, self.held.weight_decays]
        return hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in arrays)).hexdigest()

    def go_on(self) -> None:
        assert self.held is not None
        run = Run(PLAN)
        run.optimizer = self.held.optimizer(run.model.parameters(), 8)
        run.fit(1)


class OfArchive(Reader):
    """Tiny images in the format of MNIST; the file under attack is that of the training images."""

    def __init__(self) -> None:
        self.held: Any = None

    def read(self, path: Path) -> None:
        root = path.parent / "mnist"
        root.mkdir(exist_ok=True)
        for name, count, axes in (("train", 6, 3), ("train", 6, 1), ("t10k", 4, 3), ("t10k", 4, 1)):
            kind = "images" if axes == 3 else "labels"
            (root / f"{name}-{kind}-idx{axes}-ubyte.gz").write_bytes(idx(count, axes))
        (root / "train-images-idx3-ubyte.gz").write_bytes(path.read_bytes())
        self.held = lr.data.load("mnist", root=path.parent)

    def digest(self) -> str:
        return "nothing" if self.held is None else hashlib.sha256(self.held.train.x.tobytes()).hexdigest()

    def go_on(self) -> None:
        pass


def idx(count: int, axes: int) -> bytes:
    shape = [count, 28, 28][:axes]
    values = np.arange(math.prod(shape)) % (256 if axes == 3 else 10)
    content = struct.pack(f">I{axes}I", 0x800 + axes, *shape) + values.astype("u1").tobytes()
    return gzip.compress(content, mtime=0)


@functools.cache
def target(kind: str) -> Target:
    def fit(path: Path) -> None:
        Run(PLAN).fit(checkpoint=path)

    def optimizer(rate: str, path: Path) -> None:
        run = Run(Plan(rate, 3, 8, True, True, 50, 2, False))
        run.fit()
        lr.save(path, run.optimizer)

    def model(path: Path) -> None:
        run = Run(PLAN)
        run.fit()
        lr.save(path, run.model)

    def schedule(path: Path) -> None:
        x = np.random.default_rng(0).standard_normal((64, 12)).astype("f4")
        y = (x[:, 0] > 0).astype("i8")
        lr.learn_schedule(
            lambda seed: (lr.seed(seed), lr.nn.Linear(12, 2))[1], lr.nn.functional.cross_entropy, (x, y),
            steps=8, batch_size=16, learning_rates=2, seeds=1, outer_steps=1, finalists=1, progress=False,
        ).save(path)  # fmt: skip

    if kind.startswith("optimizer:"):
        rate = kind.partition(":")[2]
        return Target(functools.partial(optimizer, rate), functools.partial(OfOptimizer, rate))
    makers: dict[str, tuple[Callable[[Path], Any], Callable[[], Reader]]] = {
        "model": (model, OfModel), "fit": (fit, OfFit), "schedule": (schedule, OfSchedule),
        "archive": (lambda path: path.write_bytes(idx(6, 3)), OfArchive),
    }  # fmt: skip
    return Target(*makers[kind])


def damaged(rng: random.Random, whole: bytes) -> bytes:
    found = bytearray(whole)
    first = rng.randrange(len(found))
    last = min(len(found), first + rng.choice([1, 2, 8, 64, 1000]))
    how = rng.choice(["bit", "bit", "byte", "cut", "drop", "double", "fill", "swap", "longer", "length"])
    if how == "bit":
        found[first] ^= 1 << rng.randrange(8)
    elif how == "byte":
        found[first] = rng.randrange(256)
    elif how == "cut":
        del found[first:]
    elif how == "drop":
        del found[first:last]
    elif how == "double":
        found[first:first] = found[first:last]
    elif how == "fill":
        found[first:last] = bytes([rng.choice([0, 255])]) * (last - first)
    elif how == "swap":
        other = rng.randrange(len(found))
        found[first], found[other] = found[other], found[first]
    elif how == "longer":
        found += rng.randbytes(rng.choice([1, 8, 4096]))
    else:
        found[:8] = struct.pack("<Q", rng.choice([0, 1, 2**31, 2**63, 2**64 - 1, rng.randrange(9999)]))
    return bytes(found)


def changed(rng: random.Random, value: Any) -> Any:
    """A JSON value with another one somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(sorted(value))
        rest = {k: v for k, v in value.items() if k != key}
        return rest if rng.random() < 0.15 else {**rest, key: changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.randrange(len(value))
        how = rng.random()
        if how < 0.2:
            return value[:place] + value[place + 1 :]
        if how < 0.3:
            return value[:place] + value[place : place + 1] * 2 + value[place + 1 :]
        return [*value[:place], changed(rng, value[place]), *value[place + 1 :]]
    return rng.choice(FACTS)


def altered(rng: random.Random, path: Path) -> None:
    """Rewrites a safetensors file with something else in it, and a right checksum."""
    arrays, metadata = store.read(path)
    for _ in range(rng.choice([1, 1, 1, 3])):
        name = rng.choice(sorted(arrays) or [""])
        how = rng.choice(
            ["facts", "facts", "value", "value", "dtype", "shape", "drop", "add", "rename", "text"]
        )
        if how == "facts" and metadata:
            key = rng.choice(sorted(metadata))
            try:
                metadata[key] = json.dumps(changed(rng, json.loads(metadata[key])))
            except (ValueError, RecursionError):  # what an alteration before has made of it
                metadata[key] = ""
        elif how == "text" and metadata:
            key = rng.choice(sorted(metadata))
            metadata[key] = rng.choice(["", "{", "[" * 5000, "null", metadata[key][: rng.randrange(99)]])
        elif how == "add" or not arrays:
            arrays[rng.choice(["", "x", name + ".", "model.", "optimizer.", "a" * 300])] = np.zeros(3, "f4")
        elif how == "drop":
            del arrays[name]
        elif how == "rename":
            arrays[rng.choice([name[:-1], name.upper(), rng.choice(sorted(arrays))])] = arrays.pop(name)
        elif how == "dtype":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                arrays[name] = arrays[name].astype(rng.choice(["f4", "f8", "i8", "u1", "?"]))
        elif how == "shape":
            arrays[name] = rng.choice(SHAPES)(arrays[name])
        elif arrays[name].size:
            flat = arrays[name] = arrays[name].copy()
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = np.asarray(rng.choice(NUMBERS), "f8")
                flat.reshape(-1)[rng.randrange(flat.size)] = value.astype(flat.dtype)
    store.write(path, arrays, metadata)


def case(rng: random.Random) -> str:
    kind = rng.choice(
        ["model", "fit", "fit", "schedule", "archive", *(f"optimizer:{r}" for r in sorted(RATES))]
    )
    of = target(kind)
    foreign = kind != "archive" and rng.random() < 0.4
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "file"
        path.write_bytes(of.whole)
        if foreign:
            try:
                altered(rng, path)
            except (lr.Error, UnicodeError):
                # what no writer of ours writes at all
                return REFUSED
        else:
            path.write_bytes(damaged(rng, of.whole))
        given = path.read_bytes()
        reader = of.fresh()
        before = reader.digest()
        try:
            reader.read(path)
        except lr.Error as error:
            if len(str(error)) < 10:
                raise RuntimeError(f"{kind}: says {error!r}") from None
            if reader.digest() != before:
                raise Lost(f"{kind}: refused ({error}), but the target has changed") from None
            if path.read_bytes() != given:
                raise Lost(f"{kind}: refused ({error}), but the file has changed") from None
            return REFUSED
        except Exception as error:
            raise RuntimeError(f"{kind}: {type(error).__name__}: {error}") from error
        if foreign:
            try:
                reader.go_on()
            except lr.Error:
                return REFUSED
        elif reader.digest() != of.good:
            raise Silent(f"{kind}: damaged, it is read as something else")
    return SURVIVED


if __name__ == "__main__":
    main(Attack("files", case, timeout=120, batch=500, count=2000))
