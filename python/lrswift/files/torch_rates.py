"""Lets `torch.load(weights_only=True)` read what schedulers over `lrswift.torch.Adapted` have saved.

Such a file names `rate`, which torch must have been told of, wherever lrswift is imported. Importing
`lrswift.torch` for that would import torch: it is told when both are there, whichever comes first.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def rate(*parts: float) -> Any:
    """What `group["lr"]` holds, from the numbers that a file has of it."""
    return importlib.import_module("lrswift.torch._rate").Rate(*parts)


def register() -> None:
    """Tells torch, now if it is imported already, else as soon as it is."""
    if hasattr(sys.modules.get("torch"), "serialization"):
        _tell(sys.modules["torch"])
    else:
        sys.meta_path.insert(0, _Torch())


def _tell(torch: ModuleType) -> None:
    torch.serialization.add_safe_globals([rate])


class _Torch(importlib.abc.MetaPathFinder):
    """Finds torch as the other finders do, and tells it once it has been run."""

    _searching = False

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch" or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_tell(module: ModuleType) -> None:
                run(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    _tell(module)

            spec.loader.exec_module = run_and_tell  # type: ignore[method-assign]
        return spec
