"""What a rule does not do of its operation, told before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def given(node: Any, place: int, name: str, default: Any = None) -> Any:
    """An argument, by its place or name."""
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def booleans(node: Any) -> str | None:
    import torch

    values = [n.meta["val"] for n in node.all_input_nodes]
    return None if all(v.dtype == torch.bool for v in values) else "of whole numbers, bit by bit"


def dilated(node: Any) -> str | None:
    wide = given(node, 4, "dilation", 1)
    return None if wide in (1, [1], [1, 1]) else "with a dilation"


def pads(node: Any) -> str | None:
    mode = given(node, 2, "mode", "constant")
    return None if mode in ("constant", "reflect", "replicate", "circular") else f"with mode {mode}"


def running(node: Any) -> str | None:
    return "with running statistics" if given(node, 3, "running_mean") is not None else None


def projected(node: Any) -> str | None:
    weights, biases, layers, both = node.args[2], node.args[3], node.args[4], node.args[7]
    wanted = layers * (2 if both else 1) * (4 if biases else 2)
    return None if len(weights) == wanted else "with a projection (proj_size)"


def masks(node: Any) -> str | None:
    import torch

    arrays = [n for n in node.args[1] if n is not None]
    if any(n.meta["val"].dtype == torch.bool for n in arrays):
        return "with a mask, whose size depends on values"
    return None


def counts_given(node: Any) -> str | None:
    return "without num_classes, which depends on values" if given(node, 1, "num_classes", -1) < 0 else None


def scaled(node: Any) -> str | None:
    return "with scale_grad_by_freq" if given(node, 3, "scale_grad_by_freq", False) else None


def diagonals(node: Any) -> str | None:
    for term in str(node.args[0]).split("->")[0].split(","):
        letters = term.strip().replace("...", "")
        if len(set(letters)) != len(letters):
            return "with a letter twice in one term"
    return None


_LIMITS: dict[str, Callable[[Any], str | None]] = {
    "aten.__and__.Tensor": booleans,
    "aten.__or__.Tensor": booleans,
    "aten.__xor__.Tensor": booleans,
    "aten.bitwise_and.Tensor": booleans,
    "aten.bitwise_or.Tensor": booleans,
    "aten.bitwise_xor.Tensor": booleans,
    "aten.bitwise_not.default": booleans,
    "aten.max_pool1d.default": dilated,
    "aten.max_pool2d.default": dilated,
    "aten.pad.default": pads,
    "aten.instance_norm.default": running,
    "aten.lstm.input": projected,
    "aten.index.Tensor": masks,
    "aten.one_hot.default": counts_given,
    "aten.embedding.default": scaled,
    "aten.einsum.default": diagonals,
}


def limit(target: str, node: Any) -> str | None:
    """Why an operation with these arguments has no rule; None where it has one."""
    return _LIMITS[target](node) if target in _LIMITS else None
