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
    """Keeps nothing for derivatives of this thread's operations: a context, or decorator.

    Returns:
        The context.
    """
    return _grad_mode(False)


def enable_grad() -> Any:
    """Keeps operations of this thread for derivatives: a context, or decorator, the opposite of `no_grad`.

    Returns:
        The context.
    """
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
    """Makes the function that returns the gradients of a scalar function at its arguments.

    Args:
        f: takes floating tensors and returns a scalar Tensor.

    Returns:
        A function of the same arguments. It returns one Tensor for one argument, else a tuple, each of the
        shape and dtype of its argument: zeros where f does not depend on it. The errors below are raised when
        it is called.

    Raises:
        ArgumentError: a value of an argument is masked.
        ArgumentTypeError: f returns no Tensor.
        DTypeError: an argument is not floating.
        ShapeError: f returns more than one element.
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
    """Computes a function and its derivative along a direction, by one forward sweep.

    Args:
        f: takes the primals and returns a Tensor.
        primals: the point: a list of floating tensors, or one.
        tangents: the direction: for each primal an array of its shape, or, for all, K of them stacked on a
            leading axis.

    Returns:
        (f(primals), the derivative), the latter of f's shape, with the leading axis K where tangents are
        stacked.

    Raises:
        ArgumentError: there are not as many tangents as primals, or a value is masked.
        ArgumentTypeError: f returns no Tensor.
        DTypeError: a primal is not floating.
        ShapeError: a tangent has not the shape of its primal.
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
    """Multiplies the Hessian of a loss with K stacked vectors, exactly and in one sweep.

    Args:
        closure: returns the loss, a scalar Tensor that depends on `params`.
        params: the tensors with respect to which it is differentiated; each requires a gradient.
        vectors: for each parameter an array [K, *param.shape], or, for all, one of param.shape, which means K
            = 1.

    Returns:
        A list of Tensors of the vectors' shapes.

    Raises:
        ArgumentError: there are not as many vectors as parameters, or a value is masked.
        ArgumentTypeError: a parameter requires no gradient, or the closure returns no Tensor.
        DTypeError: a vector does not hold numbers.
        ShapeError: a vector has not the shape of its parameter, or the loss is no scalar.

    Source:
        Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
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
