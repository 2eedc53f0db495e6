"""Products: linear layers, matrices, batches of them, Einstein's sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._core import apply as core_apply
from ..nn import functional as F
from ..tensors.functions import broadcast_to, maximum
from ..tensors.tensor import Tensor
from ._rules import Call, Rule, plain
from ._shapes import whole
from ._values import Value


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def matmul(call: Call, a: Value, b: Value) -> Value:
    """A second matrix that lies transposed stays so."""
    left = call.given(a)
    flipped = (*range(b.ndim - 2), b.ndim - 1, b.ndim - 2)
    if b.ndim >= 2 and b.order == flipped:
        right = b.laid(flipped).astype(call.held())
        return call.made(core_apply("matmul", (left, right), {"transpose_b": True}))  # type: ignore[arg-type]
    return call.made(left @ call.given(b))


def addmm(call: Call, c: Value, a: Value, b: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    made = matmul(call, a, b).tensor
    made = made if alpha == 1 else made * alpha
    return call.made(made if beta == 0 else made + (call.given(c) if beta == 1 else call.given(c) * beta))


def outer(a: Tensor, b: Tensor) -> Tensor:
    return a.reshape(-1, 1) * b.reshape(1, -1)


def bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x' W y for each of the matrices W."""
    outputs, left, right = weight.shape
    lead = x.shape[:-1]
    rows = x.reshape(-1, left) @ weight.transpose(1, 0, 2).reshape(left, outputs * right)
    made = (rows.reshape(-1, outputs, right) * y.reshape(-1, 1, right)).sum(-1).reshape(*lead, outputs)
    return made if bias is None else made + bias


def cosine(a: Tensor, b: Tensor, axis: int = 1, eps: float = 1e-8) -> Tensor:
    def length(t: Tensor) -> Tensor:
        return maximum(t.square().sum(axis, keepdims=True), eps**2).sqrt()

    return (a / length(a) * (b / length(b))).sum(axis)


def embedding(call: Call, weight: Value, index: Value, padding_idx: int = -1, *_: Any) -> Value:
    """Rows of a table. The row that pads is used, but learns nothing from it."""
    made = F.embedding(whole(index, weight.shape[0]), weight.plain().astype(call.held()))
    if padding_idx >= 0:
        learns = (index.plain() != float(padding_idx)).astype(made.dtype)
        learns = learns.reshape(*learns.shape, 1)
        made = made * learns + made.detach() * (1.0 - learns)
    return call.made(made)


def einsum(call: Call, equation: str, operands: Sequence[Value], **_: Any) -> Value:
    terms, _arrow, output = equation.replace(" ", "").partition("->")
    inputs = terms.split(",")
    tensors = [call.given(v) for v in operands]
    if "..." in equation:
        inputs, output = lettered(inputs, output if _arrow else None, tensors)
    elif not _arrow:
        every = "".join(inputs)
        output = "".join(sorted(c for c in set(every) if every.count(c) == 1))
    letters, t = inputs[0], tensors[0]
    for i, (more, other) in enumerate(zip(inputs[1:], tensors[1:], strict=True)):
        later = set(output).union(*inputs[i + 2 :])
        letters, t = contracted(letters, t, more, other, later)
    gone = [i for i, c in enumerate(letters) if c not in output]
    if gone:
        t = t.sum(gone)
        letters = "".join(c for c in letters if c in output)
    order = [letters.index(c) for c in output]
    return call.made(t if order == sorted(order) else t.transpose(order))


def lettered(inputs: list[str], output: str | None, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    """`...` replaced by letters that nobody uses."""
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if not any(c in term for term in inputs)]
    counts = [t.ndim - len(term.replace("...", "")) for term, t in zip(inputs, tensors, strict=True)]
    most = max(n for n, term in zip(counts, inputs, strict=True) if "..." in term)
    dots = "".join(free[:most])
    named = [term.replace("...", dots[most - n :]) for term, n in zip(inputs, counts, strict=True)]
    if output is None:
        every = "".join(named)
        rest = sorted(c for c in set(every) if every.count(c) == 1 and c not in dots)
        return named, dots + "".join(rest)
    return named, output.replace("...", dots)


def contracted(a: str, x: Tensor, b: str, y: Tensor, later: set[str]) -> tuple[str, Tensor]:
    """Two factors as one product of matrices. later: letters that are still needed."""
    a, x = summed(a, x, later | set(b))
    b, y = summed(b, y, later | set(a))
    sizes = {c: n for letters, t in ((a, x), (b, y)) for c, n in zip(letters, t.shape, strict=True) if n != 1}
    sizes = {c: sizes.get(c, 1) for c in a + b}
    both = [c for c in a if c in b]
    batch = [c for c in both if c in later]
    inner = [c for c in both if c not in later]
    left, right = [c for c in a if c not in both], [c for c in b if c not in both]
    x = widened(x, a, both, sizes).transpose([a.index(c) for c in (*batch, *left, *inner)])
    y = widened(y, b, both, sizes).transpose([b.index(c) for c in (*batch, *inner, *right)])

    def size(letters: list[str]) -> int:
        return math.prod(sizes[c] for c in letters)

    lead = [sizes[c] for c in batch]
    if not left and not right and not inner:
        return "".join(batch), x * y
    x = x.reshape(*lead, size(left), size(inner))
    y = y.reshape(*lead, size(inner), size(right))
    made = (x @ y).reshape(*(sizes[c] for c in (*batch, *left, *right)))
    return "".join((*batch, *left, *right)), made


def summed(letters: str, t: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    gone = [i for i, c in enumerate(letters) if c not in needed]
    return ("".join(c for c in letters if c in needed), t.sum(gone)) if gone else (letters, t)


def widened(t: Tensor, letters: str, shared: list[str], sizes: dict[str, int]) -> Tensor:
    shape = [sizes[c] if c in shared else n for c, n in zip(letters, t.shape, strict=True)]
    return t if shape == list(t.shape) else broadcast_to(t, shape)


RULES: dict[str, Rule] = {
    "aten.linear.default": plain(linear),
    "aten.matmul.default": matmul,
    "aten.mm.default": matmul,
    "aten.bmm.default": matmul,
    "aten.mv.default": matmul,
    "aten.dot.default": matmul,
    "aten.addmm.default": addmm,
    "aten.baddbmm.default": addmm,
    "aten.outer.default": plain(outer),
    "aten.bilinear.default": plain(bilinear),
    "aten.einsum.default": einsum,
    "aten.cosine_similarity.default": plain(cosine),
    "aten.embedding.default": embedding,
}
