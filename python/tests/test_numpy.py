"""`lrswift.numpy.Adapted`."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from reference import directions, l4, problems, tlr

import lrswift as lr


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda: lr.numpy.Adapted("l4", "adam", eps=1e-4), l4.l4_adam),
        (lambda: lr.numpy.Adapted("l4", "ema"), l4.l4_mom),
        (lambda: lr.numpy.Adapted(lr.adapt.TLR(window=1), "sgd"), lambda: tlr.TLR(directions.SGD())),
    ],
    ids=["l4adam", "l4mom", "tlr"],
)
@pytest.mark.parametrize("kind", ["list", "dict"])
def test_equal_to_the_reference_in_place(make, reference, kind: str) -> None:
    problem = problems.TanhNetwork()
    ours, theirs = problem.initial(), problem.initial()
    held = list(ours)
    optimizer, expected = make(), reference()
    for t in range(60):
        evaluate = problem.at(t)
        _, rate = expected.step(theirs, evaluate)
        loss, gradients = evaluate(ours)
        if kind == "dict":
            names = dict(zip(problem.names, ours, strict=True))
            found = optimizer.update(names, dict(zip(problem.names, gradients, strict=True)), loss)
        else:
            found = optimizer.update(ours, gradients, loss)
        assert found == pytest.approx(rate, rel=1e-10)
    assert all(a is b for a, b in zip(ours, held, strict=True))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_layouts_and_views_are_written_through() -> None:
    whole = np.asfortranarray(np.ones((4, 6), np.float32))
    view = whole[::2, 1:]
    lr.numpy.Adapted(0.5, "sgd").update([view], [np.ones((2, 5))])
    np.testing.assert_array_equal(view, np.full((2, 5), 0.5))
    assert whole[1].sum() == 6 and whole[0, 0] == 1


def test_steps_are_taken_where_the_arrays_are() -> None:
    """Row-major arrays are not copied; strided, unaligned and read-only ones are, with the same result."""
    bytes_of = np.zeros(3 * 8 + 1, np.uint8)
    unaligned = bytes_of[1:].view(np.float64)
    unaligned[...] = 1.0
    arrays = [np.ones(3), np.ones((4, 3))[:, 0][:3], unaligned]
    frozen = np.full(3, 2.0)
    frozen.flags.writeable = False
    optimizer = lr.numpy.Adapted(0.25, "sgd", momentum=0.5)
    optimizer.update(arrays, [frozen, np.full(6, 2.0)[::2], np.full(3, 2, np.float32)])
    for array in arrays:
        np.testing.assert_array_equal(array, [0.5] * 3)
    for tensor, array, shares in zip(optimizer._tensors, arrays, (True, False, False), strict=True):
        assert np.shares_memory(tensor.numpy(), array) == shares
    np.testing.assert_array_equal(frozen, [2.0] * 3)


def test_other_arrays_leave_the_first_ones_alone() -> None:
    """Arrays may be others from call to call: what was given before is not written any more."""
    first, twin = np.ones(3), np.ones(3)
    optimizer, whole = (lr.numpy.Adapted("l4", "adam") for _ in range(2))
    for t in range(4):
        if t == 2:
            first, old = first.copy(), first
            kept = old.copy()
        for array, adapted in ((first, optimizer), (twin, whole)):
            loss, (gradient,) = problems.quadratic([array])
            adapted.update([array], [gradient], loss)
        assert optimizer.lr == whole.lr
    np.testing.assert_array_equal(first, twin)
    np.testing.assert_array_equal(old, kept)


def test_a_checkpoint_resumes_to_the_bit() -> None:
    problem = problems.TanhNetwork()
    one, two = problem.initial(), problem.initial()
    first = lr.numpy.Adapted("l4", "adam")
    for t in range(5):
        loss, gradients = problem.at(t)(one)
        first.update(one, gradients, loss)
    for a, b in zip(two, one, strict=True):
        a[...] = b
    second = lr.numpy.Adapted("l4", "adam")
    second.load_state_dict(first.state_dict(), two)
    for t in range(5, 9):
        for optimizer, p in ((first, one), (second, two)):
            loss, gradients = problem.at(t)(p)
            optimizer.update(p, gradients, loss)
        assert first.lr == second.lr


def test_a_probe_that_fails_puts_the_arrays_back() -> None:
    x = np.array([1.0, 2.0, 3.0])
    loss, gradients = problems.quadratic([x])
    optimizer = lr.numpy.Adapted("qlabgrad", "sgd")

    def fails(params: list) -> float:
        assert not np.array_equal(params[0], [1.0, 2.0, 3.0])
        raise KeyError

    with pytest.raises(KeyError):
        optimizer.update([x], gradients, loss, loss_fn=fails)
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])
    assert optimizer.update([x], gradients, loss, lambda: problems.quadratic([x])[0]) > 0


def test_bad_input_is_refused_before_anything_changes() -> None:
    x, g = np.ones(3), np.ones(3)
    optimizer = lr.numpy.Adapted("l4", "sgd")
    frozen = np.ones(3)
    frozen.flags.writeable = False
    for params, grads, kind, what in [
        ([x], {"a": g}, lr.DTypeError, "params, grads"),
        ([], [], lr.ArgumentError, "empty"),
        ([x], [g, g], lr.ArgumentError, "grads"),
        ([x], [np.ones(2)], lr.ShapeError, r"grads\[0\]"),
        ([x], [g * 1j], lr.DTypeError, r"grads\[0\]"),
        ([np.ones(3, int)], [g], lr.DTypeError, r"params\[0\]"),
        ([frozen], [g], lr.ArgumentError, "read-only"),
        ({"a": x}, {"b": g}, lr.ArgumentError, "grads"),
    ]:
        with pytest.raises(kind, match=what):
            optimizer.update(params, grads, 1.0)
    with pytest.raises(lr.DTypeError, match="L4 needs it"):
        optimizer.update([x], [g])
    with pytest.raises(lr.DTypeError, match="QLABGrad.*loss_fn"):
        lr.numpy.Adapted("qlabgrad").update([x], [g], 1.0)
    with pytest.raises(lr.ArgumentError, match="direction"):
        lr.numpy.Adapted("l4", "down")
    np.testing.assert_array_equal(x, np.ones(3))
    optimizer.update([x], [g], 1.0)
    with pytest.raises(lr.ShapeError):
        optimizer.update([np.ones(2)], [np.ones(2)], 1.0)
    with pytest.raises(lr.ArgumentError, match="as at the first step"):
        optimizer.update([x, x], [g, g], 1.0)
    optimizer.update([x], [g * np.nan], 1.0)
    assert optimizer.skipped_steps == 1


@pytest.mark.parametrize("way", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", ["l4", 0.1, "dog", lr.adapt.SPS()])
def test_a_copy_goes_on_to_the_bit_and_apart(rate, dtype, way):
    def steps(optimizer, w, count):
        taken = []
        for _ in range(count):
            gradients = [2 * w[0], 2 * (w[1] - 1)]
            loss = float((w[0] ** 2).sum() + ((w[1] - 1) ** 2).sum())
            taken.append(optimizer.update(w, gradients, loss=loss))
        return taken

    w = [np.ones(3, dtype), np.arange(4.0, dtype=dtype)]
    optimizer = lr.numpy.Adapted(rate, "adam")
    steps(optimizer, w, 4)
    other, copied = way((w, optimizer))
    kept = [value.copy() for value in other]
    whole = steps(optimizer, w, 5)
    for value, before in zip(other, kept, strict=True):
        np.testing.assert_array_equal(value, before)
    assert steps(copied, other, 5) == whole
    for a, b in zip(w, other, strict=True):
        np.testing.assert_array_equal(a, b)
