"""What data a run is on: their length and a digest of their values, cheap however large they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..data.batches import Batches
from .feed import ArrayFeed, Feed

# up to so many bytes are hashed whole; of more, this many evenly spaced blocks and the sum of all words
WHOLE, BLOCKS, BLOCK = 1 << 24, 1024, 1 << 14


def described(source: Feed) -> dict[str, Any]:
    """What a resumed run must be given again, by name: for arrays rows, values and their order.

    Of an iterable only what can be seen without using it up: of a list or tuple of batches and of
    `data.Batches` the values, of others the number of batches.
    """
    if isinstance(source, ArrayFeed):
        facts = {name: getattr(source, name) for name in ("batch_size", "shuffle", "seed")}
        return {
            "kind": "arrays",
            "rows": source.rows,
            "values": digest([t.numpy() for t in source.tensors]),
            **facts,
        }
    data = source.data
    if isinstance(data, Batches):
        facts = {name: getattr(data, name) for name in ("batch_size", "shuffle", "seed", "drop_last")}
        return {"kind": "Batches", "rows": len(data.arrays[0]), "values": digest(data.arrays), **facts}
    found: dict[str, Any] = {"kind": "batches", "batches": source.steps()}
    if isinstance(data, (list, tuple)):
        found["values"] = digest(t.numpy() for tensors, _ in source.epoch(0) for t in tensors)
    return found


def digest(arrays: Iterable[np.ndarray]) -> str:
    """sha256 of dtypes, shapes and values.

    Arrays above 16 MiB are read once at the speed of memory, for the sum of their 64-bit words modulo 2**64,
    which a change of any single value alters; hashed are 1024 blocks of 16 KiB, which other data, another
    order or scale alter.
    """
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{list(array.shape)}".encode())
        content: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        if content.size <= WHOLE:
            found.update(content)
            continue
        words = content.size // 8
        total = int(np.add.reduce(content[: 8 * words].view(np.uint64), dtype=np.uint64))
        found.update(total.to_bytes(8, "little"))
        for first in np.linspace(0, content.size - BLOCK, BLOCKS).astype(np.int64):
            found.update(content[first : first + BLOCK])
        found.update(content[8 * words :])
    return found.hexdigest()
