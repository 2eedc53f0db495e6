"""Memory shared with NumPy (always), PyTorch and JAX (where installed), and who lets go of it when."""

from __future__ import annotations

import copy
import gc
import importlib.util
import pickle
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lrswift as lr
from lrswift import _core

DTYPES = ["float32", "float64", "int64", "uint8", "bool"]
SHAPES = [(), (3,), (2, 3), (2, 1, 3), (0, 2)]


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.asarray(np.arange(int(np.prod(shape))) % 5, dtype).reshape(shape)


class Lender:
    """Exports an array as another library would, of either form; counts what is still held."""

    def __init__(self, array: np.ndarray, versioned: bool) -> None:
        self.array = array
        self.versioned = versioned

    def __dlpack__(self, max_version: tuple[int, int] | None = None) -> Any:
        return self.array.__dlpack__(max_version=max_version if self.versioned else None)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


class Owner(np.ndarray):
    """An ndarray that can be watched: capsules hold it, and its views do."""


def owned(array: np.ndarray) -> tuple[Any, Callable[[], bool]]:
    made = array.view(Owner)
    watch = weakref.ref(made)

    def alive() -> bool:
        gc.collect()
        return watch() is not None

    return made, alive


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_cross_both_ways(shape: tuple[int, ...], dtype: str, versioned: bool) -> None:
    array = numbers(shape, dtype)
    t = lr.from_dlpack(Lender(array, versioned))
    assert t.dtype == array.dtype and t.shape == shape
    np.testing.assert_array_equal(t.numpy(), array)
    back = np.from_dlpack(lr.tensor(array, dtype=dtype))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("versioned", [False, True])
def test_memory_is_shared(versioned: bool) -> None:
    array = numbers((2, 3), "float32")
    t = lr.from_dlpack(Lender(array, versioned))
    array[0, 1] = 17
    assert t.numpy()[0, 1] == 17
    t.assign(lr.tensor(np.full((2, 3), 5.0)))
    assert (array == 5).all()
    back = np.from_dlpack(t)
    assert np.shares_memory(back, array)


@pytest.mark.parametrize("versioned", [False, True])
def test_the_lender_lives_as_long_as_the_last_tensor(versioned: bool) -> None:
    array, alive = owned(np.ones(4, np.float32))
    t = lr.from_dlpack(Lender(array, versioned))
    del array
    assert alive()
    same = t.detach()
    leaf = same.detach()
    leaf.requires_grad = True
    loss = (leaf * leaf).sum()
    del t, same, leaf
    assert alive()  # the graph holds it
    assert loss.item() == 4
    loss.backward()
    del loss
    assert not alive()


@pytest.mark.parametrize("versioned", [False, True])
def test_a_capsule_is_taken_once(versioned: bool) -> None:
    array, alive = owned(np.ones(4, np.float32))
    capsule = array.__dlpack__(max_version=(1, 0) if versioned else None)
    del array
    t = _core.from_dlpack(capsule, None)
    with pytest.raises(lr.DTypeError, match="nobody has taken"):
        _core.from_dlpack(capsule, None)
    del capsule
    assert alive()
    del t
    assert not alive()


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_our_capsules_let_go(versioned: bool, copied: bool) -> None:
    t = lr.tensor([1.0, 2.0])
    watch = weakref.ref(t)
    version = (1, 0) if versioned else None
    unused = t.__dlpack__(max_version=version, copy=copied)
    name = "dltensor_versioned" if versioned else "dltensor"
    assert f'"{name}"' in repr(unused)
    other = np.from_dlpack(lr.from_dlpack(t))
    del t
    gc.collect()
    assert watch() is not None
    del unused
    gc.collect()
    assert watch() is not None and other[1] == 2
    del other
    gc.collect()
    assert watch() is None


def test_a_copy_is_ones_own() -> None:
    array = np.ones(3)
    t = lr.from_dlpack(array, copy=True)
    array[:] = 7
    assert t.tolist() == [1, 1, 1]
    mine = lr.tensor([1.0])
    theirs = np.from_dlpack(_Capsule(mine.__dlpack__(copy=True, max_version=(1, 0))))
    theirs[0] = 9
    assert mine.item() == 1


class _Capsule:
    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


STRIDED = {
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "every other": np.arange(8.0)[::2],
    "backwards": np.arange(5.0)[::-1],
    "columns": np.arange(12.0).reshape(3, 4)[:, 1:3],
    "repeated": np.lib.stride_tricks.as_strided(np.arange(3.0), (2, 3), (0, 8), writeable=True),
}


@pytest.mark.parametrize("case", STRIDED)
def test_strides_are_copied(case: str) -> None:
    array = STRIDED[case]
    wanted = array.copy()
    t = lr.from_dlpack(array)
    np.testing.assert_array_equal(t.numpy(), wanted)
    assert not np.shares_memory(t.numpy(), array)
    with pytest.raises(BufferError, match="copy=False"):
        lr.from_dlpack(array, copy=False)


def test_axes_of_one_need_no_copy() -> None:
    array = np.arange(12.0).reshape(3, 4)[:, None, :][:1]
    assert np.shares_memory(lr.from_dlpack(array, copy=False).numpy(), array)


def test_read_only_memory_is_copied() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    t = lr.from_dlpack(array)
    assert not np.shares_memory(t.numpy(), array)
    t.numpy()[0] = 5
    assert array[0] == 0
    with pytest.raises(BufferError, match="read-only"):
        lr.from_dlpack(array, copy=False)


def test_unaligned_memory_is_copied() -> None:
    array = np.frombuffer(bytearray(8 * 3 + 1), np.uint8)[1:].view(np.float64)
    array[:] = [1, 2, 3]
    t = lr.from_dlpack(array)
    assert t.tolist() == [1, 2, 3]
    assert not np.shares_memory(t.numpy(), array)


@pytest.mark.parametrize("dtype", ["float16", "int32", "uint64", "complex64"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    array, alive = owned(np.ones(2, dtype))
    with pytest.raises(lr.DTypeError, match="^from_dlpack: x: got dtype .*; allowed: float32"):
        lr.from_dlpack(array)
    del array
    assert not alive()


def test_other_devices_and_objects_are_refused() -> None:
    class Elsewhere(Lender):
        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 1)

    with pytest.raises(BufferError, match=r"device \(2, 1\); allowed: \(1, 0\)"):
        lr.from_dlpack(Elsewhere(np.ones(1), True))
    with pytest.raises(lr.DTypeError, match="got list"):
        lr.from_dlpack([1.0])
    with pytest.raises(lr.DTypeError, match="capsule"):
        _core.from_dlpack(np.ones(1), None)
    t = lr.tensor([1.0])
    assert t.__dlpack_device__() == (1, 0)
    for options in ({"dl_device": (2, 0)}, {"stream": 1}):
        with pytest.raises(BufferError, match="allowed: None"):
            t.__dlpack__(**options)
    t.__dlpack__(dl_device=(1, 0), stream=None)


def test_arithmetic_and_gradients_on_shared_memory() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(7, 5)), random.normal(size=(5, 3))
    # a row in: aligned to its elements, and to nothing more
    x, w = lr.from_dlpack(a[1:]), lr.from_dlpack(b)
    w.requires_grad = True
    loss = ((x @ w).tanh()).sum()
    loss.backward()
    np.testing.assert_allclose(loss.item(), np.tanh(a[1:] @ b).sum(), rtol=1e-12)
    np.testing.assert_allclose(w.grad.numpy(), a[1:].T @ (1 - np.tanh(a[1:] @ b) ** 2), rtol=1e-12)


def test_memory_is_let_go_of_on_any_thread() -> None:
    watches: list[Any] = []

    def work(_: int) -> float:
        total = 0.0
        for _ in range(200):
            array = np.ones(7).view(Owner)
            watches.append(weakref.ref(array))
            borrowed = lr.from_dlpack(array)
            del array
            lent = np.from_dlpack(borrowed * 2)
            del borrowed
            total += lent.sum()
        return total

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [14.0 * 200] * 4
    gc.collect()
    assert not any(watch() is not None for watch in watches)


def test_nothing_is_read_while_recording() -> None:
    t = lr.tensor([1.0])
    _core.record_begin((t,))
    try:
        with pytest.raises(lr.RecordingError):
            np.from_dlpack(t * 2)
    finally:
        _core.record_abort()


# ---- other libraries, run where they are installed ------------------------------------------------------
def libraries() -> list[Any]:
    return [name for name in ("torch", "jax") if importlib.util.find_spec(name)]


@pytest.mark.parametrize("library", libraries())
def test_other_libraries(library: str) -> None:
    if library == "torch":
        import torch as other

        made = other.arange(6, dtype=other.float32).reshape(2, 3)
        t = lr.from_dlpack(made, copy=False)
        made[0, 0] = 9
        assert t.numpy()[0, 0] == 9
        with pytest.raises(BufferError, match="gradient"):
            lr.from_dlpack(other.ones(2, requires_grad=True))
        mine = lr.tensor([1.0, 2.0])
        theirs = other.from_dlpack(mine)
        theirs += 1
        assert mine.tolist() == [2, 3]
        assert lr.from_dlpack(other.arange(4).reshape(2, 2).T).tolist() == [[0, 2], [1, 3]]
    else:
        import jax.numpy as other

        made = other.arange(6, dtype=other.float32).reshape(2, 3)
        t = lr.from_dlpack(made)
        np.testing.assert_array_equal(t.numpy(), np.asarray(made))
        t.numpy()[0, 0] = 9
        assert made[0, 0] == 0  # JAX's arrays never change
        shared = lr.from_dlpack(made, copy=False)
        assert shared.numpy().ctypes.data == made.unsafe_buffer_pointer()
        np.testing.assert_array_equal(np.asarray(other.from_dlpack(lr.tensor([1.0, 2.0]))), [1, 2])


# ---- copies and pickles -----------------------------------------------------------------------------------
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle, out of band": lambda x: pickle.loads(pickle.dumps(x, protocol=5)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_and_parameters_are_copied(how: str, dtype: str) -> None:
    t = lr.tensor(numbers((2, 3), dtype), dtype=dtype)
    made = COPIES[how](t)
    assert made.dtype == t.dtype and not made.requires_grad
    np.testing.assert_array_equal(made.numpy(), t.numpy())
    assert not np.shares_memory(made.numpy(), t.numpy())
    if dtype.startswith("float"):
        p = lr.nn.Parameter(t)
        p.name = "weight"
        again = COPIES[how](p)
        assert type(again) is lr.nn.Parameter and again.requires_grad and again.name == "weight"


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_modules_and_optimizer_states_are_copied(how: str) -> None:
    lr.seed(0)
    model = lr.nn.Sequential(lr.nn.Linear(3, 4), lr.nn.BatchNorm1d(4), lr.nn.ReLU(), lr.nn.Linear(4, 1))
    x = lr.randn(8, 3)

    def step(net: Any, optimizer: Any) -> float:
        return optimizer.minimize(lambda: net(x).square().mean())

    first = lr.optim.L4Adam(model.named_parameters())
    for _ in range(3):
        step(model, first)
    twin = COPIES[how](model)
    second = lr.optim.L4Adam(twin.named_parameters())
    second.load_state_dict(COPIES[how](first.state_dict()))
    for _ in range(3):
        assert step(model, first) == step(twin, second)
    for (name, a), (other, b) in zip(model.state_dict().items(), twin.state_dict().items(), strict=True):
        assert name == other
        np.testing.assert_array_equal(a, b)


def test_the_buffer_protocol_shares() -> None:
    t = lr.tensor([[1.0, 2.0]])
    view = memoryview(t)
    assert view.format == "f" and view.shape == (1, 2) and view.c_contiguous and not view.readonly
    view[0, 1] = 5.0
    assert t.tolist() == [[1, 5]]
