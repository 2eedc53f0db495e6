"""The exceptions of lrswift, and how it warns.

All exceptions derive from `Error`; each also derives from the built-in it refines.

`ShapeError(ValueError)`, `ArgumentError(ValueError)`, `DTypeError(TypeError)`,
`RecordingError(RuntimeError)` and `Diverged(FloatingPointError)` come from the native core,
`ArgumentTypeError(DTypeError)` from Python, `MissingFiles(FileNotFoundError)` and
`FormatError(ArgumentError)` from reading files. Messages name the operation, the argument, what was
given and what is allowed.

`Diverged` has `step`, the one that could not be taken, counted from 0; `history`, of `fit`; and `schedule`,
of `learn_schedule`: what was done until then, None where there is nothing.
"""

import sys
import warnings

from ._core import ArgumentError, Diverged, DTypeError, Error, RecordingError, ShapeError

__all__ = [
    "ArgumentError", "ArgumentTypeError", "DTypeError", "Diverged", "Error", "FormatError",
    "MissingFiles", "RecordingError", "ShapeError",
]  # fmt: skip


class ArgumentTypeError(DTypeError):
    """An argument of a type that is not allowed, or one that is needed and was not given.

    A `DTypeError`, as that was the name of all of these before; where a dtype is meant it still is.
    """


class MissingFiles(Error, FileNotFoundError):
    """Files of a data set are not where they were looked for."""


class FormatError(ArgumentError):
    """A file is not what it should be: magic number, size, checksum or content are wrong.

    An `ArgumentError`, as that was what `load` and `resume` raised before.
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning at the line of the caller's own code that led here, however deep it lies."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lrswift."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level + 1)
