"""Derivatives of functions of tensors: gradients, Jacobian- and Hessian-vector products, and grad modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .._core import gradients as core_gradients
from .._core import hvp as core_hvp
from .._core import jvp as core_jvp
from .._core import set_grad_enabled
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from .tensor import Operand, Tensor, as_tensor


@contextmanager
def _grad_mode(enabled: bool) -> Iterator[None]:
    before = set_grad_enabled(enabled)
    try:
        yield
    finally:
        set_grad_enabled(before)


def no_grad() -> Any:
    """Context (or decorator): operations of this thread keep nothing for derivatives."""
    return _grad_mode(False)


def enable_grad() -> Any:
    """Context (or decorator): the opposite of `no_grad`."""
    return _grad_mode(True)


def _leaves(args: Sequence[Operand], name: str) -> list[Tensor]:
    """Each argument as a leaf of its own, so that the caller's tensors and their grads stay as they are."""
    leaves = []
    for i, arg in enumerate(args):
        leaf = as_tensor(arg, name=f"{name}[{i}]").detach()
        if not leaf.is_floating:
            raise DTypeError(f"{name}[{i}]: got dtype {leaf.dtype}; allowed: floating tensors")
        leaf.requires_grad = True
        leaves.append(leaf)
    return leaves


def _scalar(output: Any, what: str) -> Tensor:
    if not isinstance(output, Tensor):
        raise ArgumentTypeError(f"{what}: returned {type(output).__name__}; allowed: a scalar Tensor")
    if output.size != 1:
        raise ShapeError(f"{what}: returned shape {output.shape}; allowed: a scalar")
    return output


def grad(f: Callable[..., Tensor]) -> Callable[..., Any]:
    """A function that returns the gradients of the scalar function `f` at its arguments.

    `grad(f)(*args)`: one Tensor for one argument, else a tuple, each of the shape and dtype of its
    argument (zeros where f does not depend on it).
    Raises DTypeError for arguments that are not floating, ShapeError when f is not scalar.
    """

    def gradients(*args: Operand) -> Tensor | tuple[Tensor, ...]:
        with enable_grad():
            leaves = _leaves(args, "args")
            output = _scalar(f(*leaves), "f")
            found = core_gradients(output, None, tuple(leaves))
        result = tuple(leaf.detach() * 0.0 if g is None else g for g, leaf in zip(found, leaves, strict=True))
        return result[0] if len(result) == 1 else result  # type: ignore[return-value]

    return gradients


def jvp(
    f: Callable[..., Tensor], primals: Sequence[Operand] | Tensor, tangents: Sequence[Operand] | Tensor
) -> tuple[Tensor, Tensor]:
    """(f(primals), its derivative along `tangents`), by one forward sweep.

    primals, tangents: a list each (or one Tensor each); a tangent has the shape of its primal, or K of
    them stacked on a leading axis, and then so has the result.
    Raises ShapeError when the shapes disagree.
    """
    points = [primals] if isinstance(primals, Tensor) else list(primals)
    along = [tangents] if isinstance(tangents, Tensor) else list(tangents)
    if len(points) != len(along):
        raise ArgumentError(f"tangents: {len(along)} given for {len(points)} primals; allowed: one each")
    with enable_grad():
        leaves = _leaves(points, "primals")
        directions, stacked = _stacked(along, leaves, "tangents")
        output = f(*leaves)
        if not isinstance(output, Tensor):
            raise ArgumentTypeError(f"f: returned {type(output).__name__}; allowed: a Tensor")
        result = core_jvp(output, tuple(leaves), tuple(directions))
    tangent = result if stacked else result.reshape(output.shape)  # type: ignore[attr-defined]
    return output.detach(), tangent  # type: ignore[return-value]


def hvp(closure: Callable[[], Tensor], params: Sequence[Tensor], vectors: Sequence[Operand]) -> list[Tensor]:
    """Exact products of the Hessian of `closure()` with K stacked vectors, in one sweep.

    params: the tensors to differentiate by; closure returns a scalar Tensor that depends on them.
    vectors: one array [K, *param.shape] per parameter; the result has the same shapes. Arrays of
    param.shape (no leading axis) mean K = 1 and give results of param.shape.
    Raises ShapeError when shapes disagree, ArgumentTypeError when a parameter requires none.
    Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
    """
    params = list(params)
    vectors = list(vectors)
    if len(params) != len(vectors):
        raise ArgumentError(f"vectors: {len(vectors)} given for {len(params)} params; allowed: one each")
    for i, param in enumerate(params):
        if not isinstance(param, Tensor) or not param.requires_grad:
            raise ArgumentTypeError(
                f"params[{i}]: requires no gradient; allowed: tensors with requires_grad=True"
            )
    directions, stacked = _stacked(vectors, params, "vectors")
    with enable_grad():
        products = core_hvp(_scalar(closure(), "closure"), tuple(params), tuple(directions))
    if stacked:
        return list(products)  # type: ignore[arg-type]
    return [p.reshape(param.shape) for p, param in zip(products, params, strict=True)]  # type: ignore[attr-defined]


def _stacked(given: Sequence[Operand], like: Sequence[Tensor], name: str) -> tuple[list[Tensor], bool]:
    """Directions as [K, *shape], and whether the caller gave them with that leading axis."""
    directions: list[Tensor] = []
    stacked: bool | None = None
    count = 1
    for i, (value, point) in enumerate(zip(given, like, strict=True)):
        direction = as_tensor(value, point, f"{name}[{i}]").detach().astype(point.dtype)
        leading = direction.ndim == point.ndim + 1
        if direction.shape[int(leading) :] != point.shape or (stacked is not None and leading != stacked):
            raise ShapeError(
                f"{name}[{i}]: got shape {direction.shape}; "
                f"allowed: [K, *{point.shape}] for all, or no K for all"
            )
        if leading and stacked is not None and direction.shape[0] != count:
            raise ShapeError(
                f"{name}[{i}]: got {direction.shape[0]} stacked; allowed: {count}, as in {name}[0]"
            )
        stacked = leading
        count = direction.shape[0] if leading else 1
        directions.append(direction if leading else direction.reshape((1, *direction.shape)))
    return directions, bool(stacked)
