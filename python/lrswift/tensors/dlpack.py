"""DLPack: memory shared with NumPy, PyTorch and JAX."""

from __future__ import annotations

from typing import Any

from .._core import Tensor as CoreTensor
from .._core import from_dlpack as core_from_dlpack
from .._core import tensor as core_tensor
from .._core import to_dlpack
from ..checks import type_of
from ..errors import ArgumentTypeError

CPU = (1, 0)  # device type and number


def from_dlpack(x: Any, *, copy: bool | None = None) -> Any:
    """Makes a tensor on the memory of another library's array: each sees what the other writes.

    The dtype stays; history and requires_grad do not cross.

    Args:
        x: any object with `__dlpack__`, in the CPU's memory.
        copy: None copies values only where memory cannot be shared: where it is read-only, not row-major, or
            not aligned to its elements. JAX's arrays count as read-only, as they never change, which JAX does
            not tell. True always copies. False never does; a JAX array is then shared, and must not be
            written. Default None.

    Returns:
        Tensor of x's shape and dtype.

    Raises:
        ArgumentTypeError: x has no `__dlpack__`.
        BufferError: x lies in another device's memory, or `copy` is False where memory cannot be shared.
        DTypeError: x's dtype is none of the five.
    """
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise ArgumentTypeError(f"from_dlpack: x: got {type_of(x)}; allowed: an object with __dlpack__")
    device = x.__dlpack_device__()
    if int(device[0]) != 1:
        raise BufferError(f"from_dlpack: x: is on device {tuple(device)}; allowed: {CPU}, the CPU")
    try:
        capsule = x.__dlpack__(max_version=(1, 0))
    except TypeError:
        # made before DLPack 1, which cannot say that memory is read-only
        capsule = x.__dlpack__()
    if copy is None and type(x).__module__.partition(".")[0] in ("jax", "jaxlib"):
        copy = True
    return core_from_dlpack(capsule, copy)


def capsule(
    tensor: CoreTensor,
    *,
    stream: None = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """A capsule on the memory of `tensor`, or on a copy of it for copy=True.

    Versioned for max_version (1, 0) or above, else of the form before DLPack 1. History and requires_grad
    stay behind. Raises BufferError for a stream or a device but the CPU.
    """
    if stream is not None or tuple(dl_device or CPU) != CPU:
        raise BufferError(
            f"__dlpack__: got stream {stream!r}, dl_device {dl_device!r}; allowed: None, and None or {CPU}"
        )
    given = core_tensor(memoryview(tensor), tensor.dtype_name, tensor.shape) if copy else tensor  # type: ignore[arg-type]
    return to_dlpack(given, max_version is not None and max_version[0] >= 1, bool(copy))
