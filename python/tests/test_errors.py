"""Which built-in each error is, and which errors are caught by the names of others."""

import pickle

import numpy as np
import pytest

import lrswift as lr


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (lr.ArgumentError, ValueError),
        (lr.ArgumentTypeError, TypeError),
        (lr.DTypeError, TypeError),
        (lr.Diverged, FloatingPointError),
        (lr.FormatError, ValueError),
        (lr.MissingFiles, FileNotFoundError),
        (lr.RecordingError, RuntimeError),
        (lr.ShapeError, ValueError),
    ],
)
def test_every_error_is_an_error_and_the_builtin_it_refines(error, builtin):
    assert issubclass(error, lr.Error)
    assert issubclass(error, builtin)


def test_wrong_types_are_told_from_wrong_dtypes_and_caught_by_the_old_name():
    with pytest.raises(lr.DTypeError) as wrong_type:
        lr.sharing_bound("many", 1.0, 0.0, 2)
    assert wrong_type.type is lr.ArgumentTypeError
    with pytest.raises(lr.DTypeError) as wrong_dtype:
        lr.tensor(np.zeros(2, complex))
    assert wrong_dtype.type is lr.DTypeError


def test_a_run_that_diverged_tells_its_step_and_what_was_done():
    """Through `minimize`, from a recorded program, after pickling; and nothing where there is nothing."""
    assert (lr.Diverged.step, lr.Diverged.history, lr.Diverged.schedule) == (None, None, None)
    assert lr.Diverged("by hand").step is None
    w = lr.tensor([1.0], requires_grad=True)
    optimizer = lr.optim.SGD([w], lr=0.1)
    optimizer.max_skipped = 2
    for _ in range(3):
        optimizer.minimize(lambda: lr.sum(w * w))
    optimizer.minimize(lambda: lr.sum(w * float("nan")))
    with pytest.raises(lr.Diverged) as caught:
        optimizer.minimize(lambda: lr.sum(w * float("nan")))
    assert caught.value.step == 3 and caught.value.history is None
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.step == 3 and str(again) == str(caught.value)
    x = np.ones((400, 1), np.float32)
    model = lr.nn.Linear(1, 1)
    optimizer = lr.optim.SGD(model.parameters(), lr=1e-3)

    def spoil(_: object) -> None:
        for parameter in model.parameters():
            parameter.assign(lr.full(parameter.shape, float("nan")))

    with pytest.raises(lr.Diverged) as caught:
        lr.fit(
            model, optimizer, (x, x), loss=lambda p, y: lr.mean((p - y) ** 2), epochs=3, batch_size=4,
            metrics=(), callbacks=[spoil], progress=False,
        )  # fmt: skip
    assert caught.value.step == 100
    assert len(caught.value.history.losses) == 100 and np.isfinite(caught.value.history.losses).all()
