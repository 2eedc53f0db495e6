"""What a node of torch's graph says of itself."""

from __future__ import annotations

import re
from typing import Any

from ._convolution import KERNELS


def is_node(value: Any) -> bool:
    return type(value).__name__ == "Node" and hasattr(value, "all_input_nodes")


def size_of(n: Any) -> int | None:
    """A size; None where it is open. torch may have closed one after it was written down."""
    if isinstance(n, int):
        return n
    expression = n.node.expr
    return int(expression) if expression.is_number else None


def dtype_of(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def target_of(node: Any) -> str:
    """The key of the table: aten.conv2d.default, _operator.mul."""
    if hasattr(node.target, "overloadpacket"):
        return str(node.target)
    return f"{getattr(node.target, '__module__', '')}.{getattr(node.target, '__name__', node.target)}"


def operation_name(node: Any) -> str:
    parts = target_of(node).split(".")
    return parts[1] if len(parts) > 2 else parts[-1]


def owner_of(node: Any) -> str:
    """Path of the module whose forward calls the operation."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values() if not str(path).startswith("_empty")]
    return re.sub(r"@\d+", "", str(paths[-1])) if paths else ""


def line_of(node: Any) -> str:
    """file:line: code of the operation, in the user's source where that can be told."""
    text = node.meta.get("stack_trace") or ""
    frames = re.findall(r'File "([^"]+)", line (\d+), in \w+\n\s*([^\n]*)', text)
    own = [f for f in frames if "/torch/" not in f[0]] or frames
    return f"{own[-1][0]}:{own[-1][1]}: {own[-1][2].strip()}" if own else ""


def kernels_of(graph: Any) -> dict[Any, tuple[int, ...]]:
    """Parameters that are kernels of convolutions and nothing else: they lie as the engine wants them."""
    found = {}
    for node in graph.nodes:
        if node.op != "placeholder" or not node.users or not hasattr(node.meta.get("val"), "shape"):
            continue
        names = {str(user.target) for user in node.users}
        only = all(n.startswith(("aten.conv1d.", "aten.conv2d.")) for n in names)
        if only and all(user.args[1] is node and user.args[0] is not node for user in node.users):
            found[node] = KERNELS[node.meta["val"].ndim]
    return found
