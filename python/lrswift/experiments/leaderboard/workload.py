"""A workload: a network, its data and loss, and how many gradients a method may ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from ... import nn, random
from ...checks import check_whole
from ...errors import ArgumentError
from ...loop.feed import ArrayFeed
from ...tensors.tensor import Tensor

# methods are chosen by the one half and reported on the other, for ever
Half = Literal["choosing", "reporting"]
Arrays = tuple[np.ndarray, ...]
# the folder of data sets; None: `$LRSWIFT_DATA`, then `./data`
Root = str | None
Data = Callable[[Root], tuple[Arrays, Arrays]]
Make = Callable[[], nn.Module]


@dataclass(frozen=True)
class Workload:
    """What a method trains, and within how many gradients.

    Args:
        name: as the command line and the records call it.
        half: "choosing": by which a method may be designed; "reporting": by which it is judged. A workload
            never changes its half.
        kind: of task, in a word or two.
        about: network and data in a line.
        data: a function of the folder of data sets (None: `$LRSWIFT_DATA`, then `./data`) that returns the
            arrays (x, y, ...) to train on and those to validate on.
        model: makes the network, drawn from this thread's random numbers.
        loss: as for `fit`; the lower, the better, and finite at the start.
        batch: rows of a batch, at least 1.
        steps: the budget: gradients of batches, at least 1.
        valid_batch: rows of a batch of the validation, whose losses are averaged by rows. Default 1000.
        dear: whether its runs take so long that its reference is chosen from fewer rates. Default False.

    Raises:
        ArgumentError: a number or the half is out of bounds.
    """

    name: str
    half: Half
    kind: str
    about: str
    data: Data
    model: Make
    loss: Callable[..., Tensor]
    batch: int
    steps: int
    valid_batch: int = 1000
    dear: bool = False

    def __post_init__(self) -> None:
        if self.half not in get_args(Half):
            raise ArgumentError(f"half: got {self.half!r}; allowed: {', '.join(get_args(Half))}")
        for name in ("batch", "steps", "valid_batch"):
            check_whole(getattr(self, name), name, 1)

    def longer(self, times: int) -> Workload:
        """The same with so many times the budget, at least 2, as "name@times"."""
        check_whole(times, f"workloads: {self.name}@times", 2)
        return replace(self, name=f"{self.name}@{times}", steps=times * self.steps, dear=True)

    def network(self, seed: int) -> nn.Module:
        """A new network, whose values are drawn from this seed alone."""
        random.seed(random.derived(seed, 0))
        return self.model()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A workload with its data loaded. train, valid: the arrays, in memory once for all runs."""

    workload: Workload
    train: ArrayFeed
    valid: ArrayFeed

    @functools.cached_property
    def arrays(self) -> Arrays:
        """The arrays to train on, (x, y, ...), as batches have them."""
        return tuple(t.numpy() for t in self.train.tensors)

    @property
    def per_epoch(self) -> int:
        """Batches in a pass over the training data; what does not fill a batch waits for the next pass."""
        return self.train.rows // self.train.batch_size

    def order(self, seed: int) -> np.ndarray:
        """Row numbers of the batches of a whole run, int64 [steps, batch], from this seed alone."""
        rng, each, size = np.random.RandomState(seed), self.per_epoch, self.train.batch_size
        passes = -(-self.workload.steps // each)
        rows = [rng.permutation(self.train.rows)[: each * size].reshape(each, size) for _ in range(passes)]
        return np.concatenate(rows)[: self.workload.steps].astype(np.int64)


# all of the list: they share what they are made of
@functools.lru_cache(maxsize=64)
def prepared(workload: Workload, root: Root = None) -> Prepared:
    """Loads the data of a workload.

    Raises:
        FormatError: files are not what they should be.
        MissingFiles: files are not there, or scikit-learn is not installed.
    """
    train, valid = workload.data(root)
    floating = np.dtype(np.float32)
    return Prepared(
        workload,
        ArrayFeed(train, f"{workload.name}: train", floating, workload.batch, True, 0),
        ArrayFeed(valid, f"{workload.name}: valid", floating, workload.valid_batch, False, 0),
    )
