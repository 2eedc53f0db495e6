"""Which built-in each error is, and which errors are caught by the names of others."""

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
