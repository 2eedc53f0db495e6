"""What an experiment trains: data and networks by name, and what records and reports say of them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import models
from ..config import config
from ..data import Dataset, Splits, load
from ..errors import ArgumentError, ArgumentTypeError
from ..nn import Module


def _channels(train: Dataset) -> int:
    return train.x.shape[3] if train.x.ndim == 4 else 1


def _mlp(*hidden: int) -> Callable[[Dataset, int], Module]:
    return lambda train, classes: models.mlp(math.prod(train.x.shape[1:]), hidden, classes)


def _resnet(depth: int) -> Callable[[Dataset, int], Module]:
    return lambda _, classes: models.resnet(depth, classes)


def _wide(depth: int, width: int) -> Callable[[Dataset, int], Module]:
    return lambda _, classes: models.wide_resnet(depth, width, classes)


# classifiers of lr.models, by the names of the papers
MODELS: dict[str, Callable[[Dataset, int], Module]] = {
    "mlp": _mlp(1000, 1000),
    "mlp-1000": _mlp(1000),
    "mlp-300-100": _mlp(300, 100),
    "lenet": lambda train, classes: models.lenet(classes, _channels(train), train.x.shape[1]),
    "mnist_cnn": lambda _, classes: models.mnist_cnn(classes),
    "mnist_cnn-average": lambda _, classes: models.mnist_cnn(classes, "average"),
    "alrs_cnn": lambda train, classes: models.alrs_cnn(classes, _channels(train), train.x.shape[1]),
    "fashion_convnet": lambda _, classes: models.fashion_convnet(classes),
    **{f"resnet{depth}": _resnet(depth) for depth in (18, 20, 32, 34, 44, 50, 56)},
    **{f"wrn-{depth}-{width}": _wide(depth, width) for depth, width in ((16, 1), (16, 4), (22, 8))},
    "densenet121": lambda _, classes: models.densenet(121, 12, classes),
}


@dataclass(frozen=True)
class Setup:
    """splits: scaled; make: a function (train, classes) -> Module, known as `model`."""

    splits: Splits
    model: str
    make: Callable[[Dataset, int], Module]

    @classmethod
    def of(
        cls,
        data: str | Splits,
        model: str | Callable[[Dataset, int], Module],
        root: str | os.PathLike[str] | None,
    ) -> Setup:
        """Loads data that are given by name. ArgumentError for unknown names, ArgumentTypeError."""
        if isinstance(model, str) and model not in MODELS:
            raise ArgumentError(f"model: got {model!r}; allowed: {', '.join(MODELS)}")
        if not isinstance(data, (str, Splits)):
            raise ArgumentTypeError(
                f"data: got {type(data).__name__}; allowed: a name for data.load, or its result"
            )
        splits = (load(data, root) if isinstance(data, str) else data).scaled()
        if isinstance(model, str):
            return cls(splits, model, MODELS[model])
        return cls(splits, getattr(model, "__name__", "custom"), model)

    def network(self) -> Module:
        """A new network, drawn from this thread's random numbers."""
        return self.make(self.splits.train, len(self.splits.classes))

    def settings(self, parameters: int, examples: Mapping[str, int], **own: Any) -> dict[str, Any]:
        """How an experiment was made. examples: how many of each kind; own: what only it has."""
        return {
            "data": self.splits.name,
            **{f"{kind}_examples": count for kind, count in examples.items()},
            "model": self.model,
            "parameters": parameters,
            **own,
            "config": config(),
            "date": time.strftime("%Y-%m-%d"),
        }


def told(settings: dict[str, Any], own: Mapping[str, str]) -> dict[str, str]:
    """Settings in words, for a report. own: what only this experiment has."""
    kinds = {"train": "training", "valid": "validation", "test": "test"}
    counts = [
        f"{settings[f'{kind}_examples']:,} {word}"
        for kind, word in kinds.items()
        if f"{kind}_examples" in settings
    ]
    made_with = settings["config"]
    return {
        "Data": f"{settings['data']}: {', '.join(counts[:-1])} and {counts[-1]} examples",
        "Network": f"{settings['model']}, {settings['parameters']:,} parameters",
        **own,
        "Software": f"lrswift {made_with['version']}, {times(made_with['threads'], 'thread')}",
        "Processor": made_with.get("instruction_set", ""),
        "Date": settings["date"],
    }


def times(count: int, word: str) -> str:
    """1 step, 1,000 steps."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")
