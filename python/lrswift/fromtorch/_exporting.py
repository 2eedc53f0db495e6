"""Torch's graph of a module, by `torch.export`."""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import ArgumentError
from ._nodes import size_of
from ._refusals import INSTEAD, listed

# what they say of a graph that cannot be read, the error says
_LOGGERS = ("torch._subclasses.fake_tensor", "torch._export.non_strict_utils")


def exported(module: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """The graph of a call, the first axis of every tensor left open."""
    import torch

    axes = {
        name: open_axes(value)
        for name, value in inspect.signature(module.forward).bind(*arguments, **options).arguments.items()
    }
    with quiet(), fast_paths_off(), own_gradients() as found:
        try:
            return torch.export.export(module, arguments, dict(options), strict=False, dynamic_shapes=axes)
        except Exception as error:
            if found:
                raise ArgumentError(
                    f"from_torch: module: its forward calls {listed(found)}, whose own backward would be "
                    "lost; allowed: operations of torch (x + (y - x).detach() has the value of y and the "
                    f"gradient of x), or {INSTEAD}"
                ) from error
            failure = _failure(module, arguments, options)
            if failure is not None:
                raise ArgumentError(
                    f"from_torch: module: its forward fails with the example, in torch as well: {failure}; "
                    "allowed: inputs that it takes"
                ) from error
            raise untraceable(error) from error


def _failure(module: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> str | None:
    """What the forward itself raises with these inputs; None where it works. The caller puts buffers back."""
    import torch

    try:
        with torch.no_grad():
            module(*arguments, **options)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
    return None


def untraceable(error: Exception) -> ArgumentError:
    """torch's reasons, in one sentence."""
    name, text = type(error).__name__, str(error).strip()
    first = next((line.strip() for line in text.splitlines() if line.strip()), name)
    frames = re.findall(r'File "([^"]+)", line (\d+), in (\w+)', text)
    frames = [f for f in frames if "/torch/" not in f[0]]
    source = f" ({frames[-1][0]}:{frames[-1][1]}, in {frames[-1][2]})" if frames else ""
    depends = "DataDependent" in name or "data-dependent" in text or "unbacked" in text.lower()
    what = "depends on values of its inputs" if depends else "cannot be read by torch.export"
    return ArgumentError(
        f"from_torch: module: its forward {what}: {first[:300]}{source}; allowed: a forward that does the "
        f"same for all values (torch.where in place of if), or {INSTEAD}"
    )


@contextmanager
def own_gradients() -> Iterator[list[str]]:
    """Within: a list of the subclasses of torch.autograd.Function that are called, each of which raises."""
    import torch

    found: list[str] = []

    def refused(cls: Any, *_: Any, **__: Any) -> Any:
        found.append(cls.__name__)
        raise ArgumentError(f"from_torch: module: {cls.__name__}.backward would be lost")

    kept = vars(torch.autograd.Function)["apply"]
    torch.autograd.Function.apply = classmethod(refused)  # type: ignore[assignment]
    try:
        yield found
    finally:
        torch.autograd.Function.apply = kept  # type: ignore[method-assign]


@contextmanager
def quiet() -> Iterator[None]:
    """Within: torch.export says nothing of what it puts back itself."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled


@contextmanager
def fast_paths_off() -> Iterator[None]:
    """Within: attention in eval mode is written out, too."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def open_axes(given: Any) -> Any:
    """For torch.export: the first axis of each tensor may be any."""
    import torch

    if isinstance(given, torch.Tensor):
        return {0: torch.export.Dim.AUTO} if given.ndim else None
    if isinstance(given, (list, tuple)):
        return type(given)(open_axes(entry) for entry in given)
    if isinstance(given, Mapping):
        return {key: open_axes(entry) for key, entry in given.items()}
    return None


def first_axes_open(program: Any) -> bool:
    """Whether the first axis of every input may be any."""
    inputs = set(program.graph_signature.user_inputs)
    values = [n.meta.get("val") for n in program.graph.nodes if n.op == "placeholder" and n.name in inputs]
    return all(size_of(v.shape[0]) is None for v in values if hasattr(v, "shape") and len(v.shape))
