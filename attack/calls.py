"""Random calls of tensors, operations, layers, optimizers and `fit`, beside NumPy where NumPy has the answer.

    python attack/calls.py [--seed S] [--cases N | --seconds T]

A case is one stateful search of hypothesis: tensors are made, combined, indexed, reduced and assigned, each
with a NumPy array beside it that must hold the same numbers; any public callable is called with any
arguments. Only lrswift.Error, TypeError, ValueError, IndexError, OverflowError and MemoryError may be raised.
A failure is shrunk to its shortest program before it is told. What is injected is searches; each is EXAMPLES
programs of up to STEPS calls.
"""

from __future__ import annotations

import inspect
import random
import warnings
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule, run_state_machine_as_test
from support.campaign import SURVIVED, Attack, main

import lrswift as lr

EXAMPLES, STEPS = 5, 30
CLEAN = (lr.Error, TypeError, ValueError, IndexError, OverflowError, MemoryError)
F = lr.nn.functional
DTYPES = ["float32", "float64", "int64", "uint8", "bool"]
SHAPES = st.lists(st.sampled_from([0, 1, 1, 2, 3, 5]), max_size=4).map(tuple)
AXES = st.none() | st.integers(-5, 5)
UNARY = {
    "exp": np.exp, "tanh": np.tanh, "sqrt": np.sqrt, "abs": np.abs, "log": np.log, "sin": np.sin,
    "cos": np.cos, "floor": np.floor, "sign": np.sign,
}  # fmt: skip
BINARY = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "<": lambda a, b: a < b, "==": lambda a, b: a == b, ">=": lambda a, b: a >= b, "**": lambda a, b: a**b,
}  # fmt: skip
REDUCTIONS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "argmax": np.argmax}


def clean(work: Any, *given: Any, **options: Any) -> Any:
    """The result, or the clean error."""
    try:
        return work(*given, **options)
    except CLEAN as error:
        return error


def failed(found: Any) -> bool:
    return isinstance(found, BaseException)


def agree(found: lr.Tensor, wanted: Any, what: str) -> np.ndarray:
    """The tensor's numbers; AssertionError unless they are NumPy's, rounding aside."""
    mine, wanted = found.numpy(), np.asarray(wanted)
    assert mine.shape == wanted.shape, f"{what}: shape {mine.shape}, in NumPy {wanted.shape}"
    with np.errstate(all="ignore"):
        a, b = mine.astype("f8"), wanted.astype("f8")
        scale = max([1.0, *np.abs(b[np.isfinite(b)]).reshape(-1)])
        eps = np.finfo(mine.dtype).eps if mine.dtype.kind == "f" else 0.0
        top = np.finfo(mine.dtype).max if mine.dtype.kind == "f" else np.inf
        # beyond the range of the narrower of the two, rounding decides
        edge = (np.abs(b) > top / 4) | ~np.isfinite(b) & ~np.isnan(b)
        near = np.isclose(a, b, rtol=64 * eps, atol=64 * eps * min(scale, 1e6), equal_nan=True)
    assert (near | edge).all(), f"{what}: {mine!r}, in NumPy {wanted!r}"
    return mine.copy()


HOSTILE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-3, 5), st.floats(), st.text(max_size=4),
    st.binary(max_size=3),
    st.sampled_from([2**31, 2**62, -(2**63), 2**64, 1e308, float("nan"), object, lambda *a: a]),
    st.lists(st.integers(-2, 4), max_size=3), st.lists(st.floats(), max_size=3),
    st.just({}), st.just({"a": 1}),
    st.builds(np.ones, SHAPES, st.sampled_from([*DTYPES, "complex64", "float16", "object"])),
    st.builds(lambda s, d: lr.ones(*s, dtype=d), SHAPES, st.sampled_from(DTYPES)),
    st.builds(lambda: lr.nn.Linear(2, 2)), st.builds(lambda: lr.optim.SGD([lr.ones(2, requires_grad=True)])),
)  # fmt: skip
# work on files, plot, print, compare methods for minutes, or change the process for all that follow
LEFT_OUT = {
    "save", "compare", "compare_hpo", "set_threads", "show_config", "load", "learn_schedule", "enable_grad",
    "no_grad", "seed", "check_hypergradient", "leaderboard",
}  # fmt: skip


def public() -> dict[str, Any]:
    found = {}
    rooms = [
        ("lr", lr),
        ("F", F),
        ("nn", lr.nn),
        ("optim", lr.optim),
        ("adapt", lr.adapt),
        ("models", lr.models),
    ]
    for prefix, room in [*rooms, ("schedule", lr.schedule)]:
        for name in getattr(room, "__all__", None) or [n for n in dir(room) if not n.startswith("_")]:
            value = getattr(room, name, None)
            if callable(value) and not inspect.ismodule(value) and name not in LEFT_OUT:
                found[f"{prefix}.{name}"] = value
    return found


PUBLIC = public()


class Calls(RuleBasedStateMachine):
    pairs = Bundle("pairs")

    def __init__(self) -> None:
        super().__init__()
        warnings.simplefilter("ignore")
        np.seterr(all="ignore")
        lr.seed(0)

    @rule(target=pairs, shape=SHAPES, dtype=st.sampled_from(DTYPES), seed=st.integers(0, 9))
    def make(self, shape: Any, dtype: str, seed: int) -> Any:
        values = np.random.default_rng(seed).uniform(-3, 3, shape)
        array = (np.abs(values) if dtype == "uint8" else values).astype(dtype)
        return lr.tensor(array, dtype=dtype), array

    @rule(target=pairs, pair=pairs, name=st.sampled_from(sorted(UNARY)))
    def unary(self, pair: Any, name: str) -> Any:
        tensor, array = pair
        if array.dtype.kind != "f" or not hasattr(lr, name):
            return pair
        found = clean(getattr(lr, name), tensor)
        assert not failed(found), f"{name} of {array.dtype} {array.shape}: {found}"
        return found, agree(found, UNARY[name](array), name)

    @rule(target=pairs, a=pairs, b=pairs, name=st.sampled_from(sorted(BINARY)))
    def binary(self, a: Any, b: Any, name: str) -> Any:
        found = clean(BINARY[name], a[0], b[0])
        try:
            wanted = BINARY[name](a[1], b[1])
        except (TypeError, ValueError):
            # powers of integers are floating here, as quotients are
            assert failed(found) or name in "-**", f"{name} of {a[1]!r} and {b[1]!r} is taken"
            return a
        if failed(found) or a[1].dtype != b[1].dtype:
            # dtypes are promoted by rules of PyTorch, not of NumPy
            return a
        if a[1].dtype.kind != "f" and name in "/**":
            return a
        return found, agree(found, wanted, name)

    @rule(target=pairs, pair=pairs, name=st.sampled_from(sorted(REDUCTIONS)), axis=AXES, keep=st.booleans())
    def reduction(self, pair: Any, name: str, axis: Any, keep: bool) -> Any:
        tensor, array = pair
        options = {} if name == "argmax" else {"keepdims": keep}
        found = clean(getattr(lr, name), tensor, axis, **options)
        try:
            wanted = REDUCTIONS[name](array, axis=axis, **options)
        except ValueError:
            assert failed(found), f"{name} of {array.shape} by {axis} is taken"
            return pair
        if failed(found) or array.dtype.kind != "f":
            return pair
        return found, agree(found, wanted, f"{name} of {array.shape} by {axis}")

    @rule(target=pairs, pair=pairs, key=st.data())
    def index(self, pair: Any, key: Any) -> Any:
        tensor, array = pair
        part = (
            st.integers(-6, 6)
            | st.slices(5)
            | st.just(Ellipsis)
            | st.none()
            | st.lists(st.integers(-4, 4), max_size=3)
        )
        chosen = key.draw(st.lists(part, max_size=4).map(tuple))
        found = clean(lambda: tensor[chosen])
        try:
            wanted = array[chosen]
        except (IndexError, TypeError):
            assert failed(found), f"[{chosen}] of {array.shape} is taken"
            return pair
        if failed(found):
            return pair
        return found, agree(found, wanted, f"[{chosen}] of {array.shape}")

    @rule(target=pairs, pair=pairs, shape=st.lists(st.integers(-2, 6), max_size=4))
    def reshape(self, pair: Any, shape: list[int]) -> Any:
        tensor, array = pair
        found = clean(tensor.reshape, *shape)
        try:
            wanted = array.reshape(shape)
        except ValueError:
            assert failed(found), f"reshape of {array.shape} to {shape} is taken"
            return pair
        return pair if failed(found) else (found, agree(found, wanted, f"reshape to {shape}"))

    @rule(target=pairs, a=pairs, b=pairs)
    def matmul(self, a: Any, b: Any) -> Any:
        found = clean(lr.matmul, a[0], b[0])
        try:
            wanted = a[1] @ b[1]
        except (ValueError, TypeError):
            assert failed(found), f"matmul of {a[1].shape} and {b[1].shape} is taken"
            return a
        if failed(found) or a[1].dtype != b[1].dtype or a[1].dtype.kind != "f":
            return a
        if not np.isfinite(a[1]).all() or not np.isfinite(b[1]).all():
            return a
        return found, agree(found, wanted, "matmul")

    @rule(target=pairs, pair=pairs, dtype=st.sampled_from(DTYPES))
    def cast(self, pair: Any, dtype: str) -> Any:
        tensor, array = pair
        found = clean(tensor.astype, dtype)
        if failed(found):
            return pair
        inside = array.dtype.kind != "f" or dtype in ("float32", "float64", "bool") or (
            np.isfinite(array).all() and (np.abs(array) < 2**62).all())  # fmt: skip
        if not inside or dtype == "uint8" and array.size and (array.min() <= -1 or array.max() >= 256):
            return pair
        return found, agree(found, array.astype(dtype), f"{array.dtype} as {dtype}")

    @rule(pair=pairs)
    def gradient(self, pair: Any) -> None:
        """Of a sum of squares: twice the values."""
        _, array = pair
        if array.dtype.kind != "f" or not np.isfinite(array).all() or np.abs(array).max(initial=0) > 1e6:
            return
        leaf = lr.tensor(array, requires_grad=True)
        lr.sum(leaf * leaf).backward()
        agree(leaf.grad, 2 * array, "gradient")

    @rule(pair=pairs, rate=st.sampled_from([0.0, 0.1, 1.0]), momentum=st.sampled_from([0.0, 0.5]))
    def steps(self, pair: Any, rate: float, momentum: float) -> None:
        """Two steps of SGD on a sum of squares."""
        _, array = pair
        if array.dtype.kind != "f" or not array.size or not np.abs(array).max(initial=np.inf) < 1e6:
            return
        if not np.isfinite(array).all():
            return
        leaf = lr.tensor(array, requires_grad=True)
        optimizer = lr.optim.SGD([leaf], lr=rate, momentum=momentum)
        value, average = array.copy(), np.zeros_like(array)
        for _ in range(2):
            optimizer.minimize(lambda: lr.sum(leaf * leaf))
            average = momentum * average + 2 * value
            value = value - rate * average
        agree(leaf, value, f"two steps of SGD at {rate}")

    @rule(pair=consumes(pairs), other=pairs)
    def written(self, pair: Any, other: Any) -> None:
        # a copy, as backward adds to what it is given
        clean(lambda: setattr(pair[0], "grad", lr.tensor(other[0])))
        clean(pair[0].backward)
        clean(pair[0].item)
        repr(pair[0])

    @rule(
        name=st.sampled_from(sorted(PUBLIC)),
        given=st.lists(HOSTILE, max_size=4),
        pair=pairs,
        options=st.dictionaries(
            st.sampled_from(["axis", "lr", "dtype", "epochs", "bias", "window"]), HOSTILE, max_size=1
        ),
    )
    def anything(self, name: str, given: list[Any], pair: Any, options: dict[str, Any]) -> None:
        clean(PUBLIC[name], *given, **options)
        clean(PUBLIC[name], pair[0], *given)

    @rule(
        rows=st.integers(0, 9),
        target=pairs,
        batch=HOSTILE,
        epochs=st.sampled_from([0, 1, 2, -1, None, 0.5]),
        rate=st.sampled_from(["l4", "adam", 0.1, None, -1, float("nan")]),
    )
    def fit(self, rows: int, batch: Any, epochs: Any, rate: Any) -> Any:
        model = lr.nn.Linear(3, 2)
        optimizer = clean(lr.optim.SGD, model.parameters(), lr=rate)
        if not failed(optimizer):
            data = (np.ones((rows, 3), "f4"), np.zeros(rows, "i8"))
            clean(lr.fit, model, optimizer, data, epochs=epochs, batch_size=batch, progress=False)
        weights = model.weight.numpy().copy()
        return model.weight, weights


def case(rng: random.Random) -> str:
    settings = hypothesis.settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck), print_blob=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(hypothesis.seed(rng.randrange(2**31))(Calls), settings=settings)
    except BaseException as error:
        program = " ; ".join(line.strip() for line in getattr(error, "__notes__", []) if line.strip())
        error.args = (f"{error} in: {program}"[:1500],)
        raise
    return SURVIVED


if __name__ == "__main__":
    main(Attack("calls", case, timeout=600, batch=10, count=40))
