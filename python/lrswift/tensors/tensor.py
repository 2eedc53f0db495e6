"""`Tensor`: the native tensor with Python's operators, NumPy's broadcasting and PyTorch's method names.

Python numbers never become tensors where a scaled shift or a power says the same, so `2 * x + 1`
is two passes over x and holds no constants.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .._core import Tensor as CoreTensor
from .._core import apply as core_apply
from .._core import backward as core_backward
from .._core import pointwise as core_pointwise
from .._core import reshape as core_reshape
from .._core import set_tensor_class
from ..errors import ArgumentError, DTypeError, RecordingError, ShapeError
from . import dlpack
from .dtypes import DTYPES, Axis, as_dtype, check_range, core_array, normalized_axes
from .indexing import index
from .operations import apply, from_array, run, shared_array

Operand = Any  # a Tensor, a Python or NumPy number, or anything numpy.asarray takes

_NUMBERS = (int, float, np.number, np.bool_)


def as_tensor(data: Operand, like: Tensor | None = None, name: str = "data") -> Tensor:
    """`data` itself if it is a Tensor, else a new one, floating data in the dtype of `like` or float32."""
    if isinstance(data, Tensor):
        return data
    floating = like.dtype if like is not None and like.is_floating else DTYPES["float32"]
    return from_array(core_array(data, None, floating, name))


def as_floating(x: Operand) -> Tensor:
    """`x` as a floating tensor: whole numbers and truth values become float32."""
    t = as_tensor(x)
    return t if t.is_floating else t.astype(np.float32)


def pointwise(operation: str, x: Operand) -> Tensor:
    """A function of each element, without parameters, of anything `as_floating` takes."""
    made = core_pointwise(operation, x)
    return apply(operation, as_floating(x)) if made is NotImplemented else made


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS)


def _promoted(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one dtype: the wider of two floating ones; the floating one of a mixed pair."""
    if a.dtype == b.dtype:
        return a, b
    if a.is_floating and b.is_floating:
        wanted = DTYPES["float64"]
    elif a.is_floating or b.is_floating:
        wanted = a.dtype if a.is_floating else b.dtype
    else:
        return a, b
    return a.astype(wanted), b.astype(wanted)


def binary(operation: str, a: Operand, b: Operand) -> Tensor:
    """`a operation b` with NumPy's broadcasting; at least one is a Tensor or convertible to one."""
    if not isinstance(a, Tensor):
        like = b if isinstance(b, Tensor) else None
        if like is not None and _is_number(a) and like.is_floating:
            a = from_array(np.asarray(a, like.dtype))
        a = as_tensor(a, like)
    if not isinstance(b, Tensor):
        b = from_array(np.asarray(b, a.dtype)) if _is_number(b) and a.is_floating else as_tensor(b, a)
    a, b = _promoted(a, b)
    return run(operation, (a, b))


class Tensor(CoreTensor):
    """An n-dimensional array with reverse- and forward-mode derivatives.

    Made by `lrswift.tensor` and the operations on tensors, never by calling this class. Memory is exported
    through the buffer protocol, `__array__` and `__dlpack__` without a copy; it is C-contiguous, but for
    transposes. These, reshapes and parts that lie in one piece (`x[i]`, `x[i:j]`) are views of the tensor
    they were made of: writing to the memory of one writes both. Other parts are copies.
    Equality is element-wise; hashing is by identity.

    Attributes:
        shape: sizes of the axes, a tuple of ints.
        ndim: how many axes there are.
        size: how many elements there are.
        requires_grad: whether `backward` adds up a gradient in `grad`.
    """

    __array_priority__ = 1000.0  # so that ndarray + Tensor reaches Tensor.__radd__

    # ---- facts -------------------------------------------------------------------------------------
    @property
    def dtype(self) -> np.dtype:
        """The numpy.dtype: float32, float64, int64, uint8 or bool."""
        return DTYPES[self.dtype_name]

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up so far; None before the first.

        A tensor that is assigned is kept as it is, as in PyTorch, so that `backward` adds to it; the value
        itself is copied.
        """
        return self._grad  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: Operand) -> None:
        self._grad = None if value is None else as_tensor(value, self, "grad").astype(self.dtype)

    @property
    def T(self) -> Tensor:  # noqa: N802
        """All axes in reverse order: a view, which costs nothing until something needs it row by row."""
        made = core_pointwise("transpose", self)
        return core_apply("transpose", (self,)) if made is NotImplemented else made  # type: ignore[return-value]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __repr__(self) -> str:
        flags = (
            f", dtype={self.dtype_name}" if self.dtype_name not in ("float32", "int64", "bool") else ""
        ) + (", requires_grad=True" if self.requires_grad else "")
        try:
            values = np.array2string(shared_array(self), separator=", ", prefix="tensor(")
        except RecordingError:
            values = f"<being recorded>, shape={self.shape}"
        return f"tensor({values}{flags})"

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        kept = dict(vars(self))
        return _restore, (type(self), np.array(shared_array(self)), self.requires_grad, kept)

    # ---- values ------------------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """The values as an ndarray that shares this tensor's memory: writing to it writes the tensor."""
        return shared_array(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = shared_array(self)
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        """A DLPack capsule on this tensor's memory; options as in the array API standard."""
        return dlpack.capsule(self, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CPU

    def item(self) -> Any:
        """The only element as a Python number.

        Returns:
            A float, an int or a bool.

        Raises:
            ShapeError: there is not exactly one element.
        """
        if self.size != 1:
            raise ShapeError(f"item: a tensor of shape {self.shape} given; allowed: exactly one element")
        return shared_array(self).item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers; a number where there are no axes."""
        return shared_array(self).tolist()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.is_floating or self.size != 1:
            raise TypeError("only an integer tensor of one element can be an index")
        return int(self.item())

    # ---- derivatives -------------------------------------------------------------------------------
    def backward(self, seed: Operand = None) -> None:
        """Adds the derivatives of this tensor to `grad` of every leaf that requires one.

        Args:
            seed: the gradient that arrives at this tensor, of its shape. None: 1, for a scalar. Default None.

        Raises:
            ArgumentError: a value of the seed is masked.
            DTypeError: the seed does not hold numbers.
            ShapeError: the tensor is no scalar and no seed is given, or the seed has another shape.
        """
        if seed is None and self.size != 1:
            raise ShapeError(
                f"backward: a tensor of shape {self.shape} given; allowed: a scalar, or pass seed"
            )
        core_backward(self, None if seed is None else as_tensor(seed, self, "seed").astype(self.dtype))

    def detach(self) -> Tensor:
        """A tensor on the same memory, without history and without requires_grad."""
        return super().detach()  # type: ignore[return-value]

    def clone(self) -> Tensor:
        """Copies the tensor; gradients flow through the copy.

        Returns:
            Tensor of the same shape and dtype.
        """
        return (
            apply("affine", self, scale=1.0, shift=0.0)
            if self.is_floating
            else from_array(shared_array(self))
        )

    def astype(self, dtype: Any) -> Tensor:
        """Casts to another dtype, differentiably between floating ones.

        Args:
            dtype: float32, float64, int64, uint8 or bool, by name or as NumPy's.

        Returns:
            Tensor of that dtype; the tensor itself where it has it already.

        Raises:
            ArgumentError: the dtype is an integer one and a value is NaN, infinite or out of its range.
            DTypeError: the dtype is none of the five.
        """
        wanted = as_dtype(dtype)
        if wanted == self.dtype:
            return self
        if self.is_floating and wanted.kind in "iu":
            # a value that is being recorded is not known yet, and saturates
            with contextlib.suppress(RecordingError):
                check_range(shared_array(self), wanted, "astype")
        return apply("cast", self, dtype=wanted.name)

    # ---- operators ---------------------------------------------------------------------------------
    # The core answers + - * / @ of two floating tensors of one dtype itself, and asks _add and its like below
    # for anything else.
    if TYPE_CHECKING:

        def __add__(self, value: Operand, /) -> Tensor: ...
        def __radd__(self, value: Operand, /) -> Tensor: ...
        def __sub__(self, value: Operand, /) -> Tensor: ...
        def __rsub__(self, value: Operand, /) -> Tensor: ...
        def __mul__(self, value: Operand, /) -> Tensor: ...
        def __rmul__(self, value: Operand, /) -> Tensor: ...
        def __truediv__(self, value: Operand, /) -> Tensor: ...
        def __rtruediv__(self, value: Operand, /) -> Tensor: ...
        def __matmul__(self, value: Operand, /) -> Tensor: ...
        def __rmatmul__(self, value: Operand, /) -> Tensor: ...

    def _integral(self, other: Any) -> bool:
        """Whether both are integers or bools, on which NumPy computes."""
        return not self.is_floating and isinstance(other, (int, np.integer, np.bool_))

    def _affine(self, scale: float, shift: float) -> Tensor:
        """scale * self + shift, in floating point."""
        return apply("affine", self._floating(), scale=scale, shift=shift)

    def _floating(self) -> Tensor:
        return self if self.is_floating else self.astype(np.float32)

    def _add(self, other: Operand) -> Tensor:
        if not _is_number(other):
            return _binary("add", self, other)
        return _whole(operator.add, self, other) if self._integral(other) else self._affine(1.0, float(other))

    def _sub(self, other: Operand) -> Tensor:
        if not _is_number(other):
            return _binary("sub", self, other)
        return (
            _whole(operator.sub, self, other) if self._integral(other) else self._affine(1.0, -float(other))
        )

    def _rsub(self, other: Operand) -> Tensor:
        if not _is_number(other):
            return _binary("sub", other, self)
        return (
            _whole(operator.sub, other, self) if self._integral(other) else self._affine(-1.0, float(other))
        )

    def _mul(self, other: Operand) -> Tensor:
        if not _is_number(other):
            return _binary("mul", self, other)
        return _whole(operator.mul, self, other) if self._integral(other) else self._affine(float(other), 0.0)

    def _truediv(self, other: Operand) -> Tensor:
        x = self._floating()
        if not _is_number(other):
            return _binary("div", x, other)
        with np.errstate(all="ignore"):
            factor, limits = float(np.divide(1.0, other)), np.finfo(x.dtype)
        # one pass, where the reciprocal has all its digits
        if other == 0 or limits.tiny <= abs(factor) <= limits.max:
            return apply("affine", x, scale=factor, shift=0.0)
        return _binary("div", x, other)

    def _rtruediv(self, other: Operand) -> Tensor:
        return _binary("div", other, self._floating())

    def __pow__(self, other: Operand) -> Tensor:
        x = self._floating()
        if not _is_number(other):
            return _binary("pow", x, other)
        if other == 2:
            return apply("square", x)
        if other == 0.5:
            return apply("sqrt", x)
        return apply("power", x, exponent=float(other))

    def __rpow__(self, other: Operand) -> Tensor:
        return _binary("pow", other, self._floating())

    def _matmul(self, other: Operand) -> Tensor:
        return _binary("matmul", self, other)

    def _rmatmul(self, other: Operand) -> Tensor:
        return _binary("matmul", other, self)

    def __neg__(self) -> Tensor:
        return self._affine(-1.0, 0.0) if self.is_floating else _whole(operator.neg, self)

    def __abs__(self) -> Tensor:
        return apply("abs", self)

    _radd = _add
    _rmul = _mul

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return _binary("eq", self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return _binary("ne", self, other)

    def __lt__(self, other: Operand) -> Tensor:
        return _binary("lt", self, other)

    def __le__(self, other: Operand) -> Tensor:
        return _binary("le", self, other)

    def __gt__(self, other: Operand) -> Tensor:
        return _binary("gt", self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return _binary("ge", self, other)

    def _item(self, key: Any) -> Tensor:
        """self[key] for keys that are not whole numbers and forward slices alone, and for wrong ones."""
        return index(self, key)

    # ---- methods of shape and reduction --------------------------------------------------------------
    def reshape(self, *shape: SupportsIndex | Sequence[SupportsIndex]) -> Tensor:
        """Elements in the same order, in another shape.

        Args:
            *shape: sizes with the same product, one by one or as one sequence; one of them may be -1 and is
                then computed.

        Returns:
            Tensor of this shape and the same dtype.

        Raises:
            ShapeError: the number of elements is another one.
        """
        made = core_reshape(self, shape)
        if made is not NotImplemented:
            return made  # type: ignore[return-value]
        one = len(shape) == 1 and type(shape[0]) is not int and isinstance(shape[0], Sequence)
        wanted = [operator.index(n) for n in (shape[0] if one else shape)]  # type: ignore[arg-type,union-attr]
        size, known = self.size, 1
        for n in wanted:
            known *= n if n != -1 else 1
        if wanted.count(-1) == 1 and known > 0 and size % known == 0:
            wanted[wanted.index(-1)] = size // known
            known = size
        if known != size or min(wanted, default=0) < 0:
            raise ShapeError(
                f"reshape: shape {tuple(wanted)} given for shape {self.shape} ({self.size} elements)"
            )
        return core_apply("reshape", (self,), {"shape": wanted})  # type: ignore[return-value]

    def flatten(self, start: int = 0) -> Tensor:
        """Merges the last axes into one.

        Args:
            start: the first axis that is merged. Default 0.

        Returns:
            Tensor [*shape[:start], rest].
        """
        return self.reshape(*self.shape[:start], int(np.prod(self.shape[start:], dtype=np.int64)))

    def squeeze(self, axis: Axis = None) -> Tensor:
        """Leaves out axes of size 1.

        Args:
            axis: which of them: an int, several, or None for all. Named axes of another size stay. Default
                None.

        Returns:
            Tensor of the same elements.

        Raises:
            ShapeError: there is no such axis, or one is named twice.
        """
        named = set(normalized_axes(axis, self.ndim, "squeeze"))
        return self.reshape([n for i, n in enumerate(self.shape) if not (n == 1 and i in named)])

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order.

        Args:
            *axes: each axis once, one by one or as one sequence; none: in reverse order.

        Returns:
            Tensor of the same dtype.

        Raises:
            ShapeError: an axis is missing or named twice.
        """
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], Sequence) else axes
        order = [operator.index(a) for a in order] or list(range(self.ndim))[::-1]
        normalized = [a + self.ndim if a < 0 else a for a in order]
        if sorted(normalized) != list(range(self.ndim)):
            raise ShapeError(
                f"transpose: axes {tuple(order)} given; allowed: each of 0 to {self.ndim - 1} once"
            )
        return apply("transpose", self, axes=normalized)

    def _reduce(self, operation: str, axis: Axis, keepdims: bool) -> Tensor:
        axes = normalized_axes(axis, self.ndim, operation)
        return apply(operation, self, axes=axes, keepdims=keepdims) if axes else self.clone()

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum of elements.

        Args:
            axis: an int, several, or None for all. Default None.
            keepdims: whether summed axes stay, with size 1. Default False.

        Returns:
            Tensor without these axes; int64 for integers and bools.

        Raises:
            ShapeError: there is no such axis, or one is named twice.
        """
        if axis is None and keepdims is False:
            made = core_pointwise("sum", self)
            if made is not NotImplemented:
                return made  # type: ignore[return-value]
        return self._reduce("sum", axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean of elements.

        Args:
            axis: an int, several, or None for all. Default None.
            keepdims: whether averaged axes stay, with size 1. Default False.

        Returns:
            Tensor without these axes; float32 for integers and bools.

        Raises:
            ShapeError: there is no such axis, one is named twice, or there is nothing to average.
        """
        x = self if self.is_floating else self.astype(np.float32)
        return x._reduce("mean", axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Largest element; the gradient goes to the element chosen.

        Args:
            axis: an int, several, or None for all. Default None.
            keepdims: whether these axes stay, with size 1. Default False.

        Returns:
            Tensor without these axes, of the same dtype.

        Raises:
            ShapeError: there is no such axis, one is named twice, or there is nothing to compare.
        """
        return self._reduce("max", axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Smallest element; the gradient goes to the element chosen.

        Args:
            axis: an int, several, or None for all. Default None.
            keepdims: whether these axes stay, with size 1. Default False.

        Returns:
            Tensor without these axes, of the same dtype.

        Raises:
            ShapeError: there is no such axis, one is named twice, or there is nothing to compare.
        """
        return self._reduce("min", axis, keepdims)

    def argmax(self, axis: int | None = None) -> Tensor:
        """Position of the first largest element.

        Args:
            axis: along which is looked. None: in the flattened tensor. Default None.

        Returns:
            Tensor of int64 without this axis.

        Raises:
            ShapeError: there is no such axis, or there is nothing to compare.
        """
        x = self.reshape(-1) if axis is None else self
        return apply("argmax", x, axis=normalized_axes(0 if axis is None else axis, x.ndim, "argmax")[0])

    def exp(self) -> Tensor:
        """Exponential of each element.

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("exp", self)

    def log(self) -> Tensor:
        """Natural logarithm of each element; -inf at 0, nan below.

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("log", self)

    def sqrt(self) -> Tensor:
        """Square root of each element; nan below 0.

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("sqrt", self)

    def square(self) -> Tensor:
        """Each element times itself.

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("square", self)

    def tanh(self) -> Tensor:
        """Hyperbolic tangent of each element.

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("tanh", self)

    def sigmoid(self) -> Tensor:
        """Logistic function of each element: 1 / (1 + exp(-x)).

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("sigmoid", self)

    def relu(self) -> Tensor:
        """Positive part of each element: max(x, 0), with derivative 0 at 0.

        Returns:
            Tensor of the same shape and dtype.

        Raises:
            DTypeError: the tensor is not floating.
        """
        return apply("relu", self)

    def abs(self) -> Tensor:
        """Absolute value of each element; derivative 0 at 0."""
        return abs(self)


def _binary(operation: str, a: Any, b: Any) -> Tensor:
    """`binary` for operators: NotImplemented for what is no array, so that Python can try the other side."""
    for value in (a, b):
        if value is None or isinstance(value, (str, bytes, dict, set)):
            return NotImplemented
    return binary(operation, a, b)


def _whole(operation: Callable[..., Any], *operands: Any) -> Tensor:
    """Of integers or bools, as NumPy has it: whole numbers wrap around in uint8 and int64."""
    try:
        with np.errstate(over="ignore"):
            result = operation(*(shared_array(o) if isinstance(o, Tensor) else o for o in operands))
    except OverflowError:
        (number,) = (o for o in operands if not isinstance(o, Tensor))
        (dtype,) = (o.dtype for o in operands if isinstance(o, Tensor))
        raise ArgumentError(
            f"{operation.__name__}: got {number}, which {dtype} does not hold; "
            f"allowed: {np.iinfo(dtype).min} to {np.iinfo(dtype).max}, or convert with astype first"
        ) from None
    except TypeError:
        raise DTypeError(
            f"{operation.__name__}: got bool tensors; allowed: numbers, convert with astype first"
        ) from None
    return from_array(core_array(result, None, DTYPES["float32"], operation.__name__))


def _restore(kind: type[Tensor], array: np.ndarray, requires_grad: bool, kept: dict[str, Any]) -> Tensor:
    result = from_array(array, requires_grad)
    result.__class__ = kind
    vars(result).update(kept)
    return result


set_tensor_class(Tensor)
