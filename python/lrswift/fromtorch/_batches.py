"""Graphs that torch has closed on one size of batch, opened again.

Some operations of torch ask for sizes as plain numbers, which fixes them. Of two graphs of the same module,
read with batches of two sizes, all numbers that differ are multiples of the batch.
"""

from __future__ import annotations

import operator
from typing import Any


def reopened(program: Any, other: Any, rows: int, other_rows: int) -> bool:
    """Puts sizes of the batch in the place of numbers in `program`'s graph; whether that was possible."""
    import torch

    nodes, others = list(program.graph.nodes), list(other.graph.nodes)
    if [str(n.target) for n in nodes if n.op == "call_function"] != [
        str(n.target) for n in others if n.op == "call_function"
    ]:
        return False
    inputs = set(program.graph_signature.user_inputs)
    first = next((n for n in nodes if n.name in inputs and hasattr(n.meta.get("val"), "shape")), None)
    if first is None or len(nodes) != len(others):
        return False
    changes = []
    for node, twin in zip(nodes, others, strict=True):
        if node.op != "call_function":
            continue
        found: list[bool] = []
        arguments = paired((node.args, node.kwargs), (twin.args, twin.kwargs), rows, other_rows, found)
        if not all(found):
            return False
        if found:
            changes.append((node, arguments))
    for node, (args, kwargs) in changes:
        with program.graph.inserting_before(node):
            size = program.graph.call_function(torch.ops.aten.sym_size.int, (first, 0))

            def sized(value: Any, size: Any = size) -> Any:
                if isinstance(value, Batch):
                    if value.times == 1:
                        return size
                    return program.graph.call_function(operator.mul, (size, value.times))
                if isinstance(value, (list, tuple)):
                    return type(value)(sized(v) for v in value)
                return {k: sized(v) for k, v in value.items()} if isinstance(value, dict) else value

            node.args, node.kwargs = sized(tuple(args)), sized(dict(kwargs))
    return True


class Batch:
    """A multiple of the size of the batch."""

    def __init__(self, times: int) -> None:
        self.times = times


def paired(a: Any, b: Any, rows: int, other_rows: int, found: list[bool]) -> Any:
    """`a` with `Batch` where it differs from `b`. found: for each difference, whether it is a multiple."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        if len(a) != len(b):
            found.append(False)
            return a
        each = [paired(x, y, rows, other_rows, found) for x, y in zip(a, b, strict=True)]
        return tuple(each) if isinstance(a, tuple) else each
    if isinstance(a, dict) and isinstance(b, dict):
        return {key: paired(value, b.get(key), rows, other_rows, found) for key, value in a.items()}
    if isinstance(a, int) and isinstance(b, int) and a != b:
        multiple = a % rows == 0 and a * other_rows == b * rows
        found.append(multiple)
        return Batch(a // rows) if multiple else a
    return a
