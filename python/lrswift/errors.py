"""The exceptions of lrswift. All derive from `Error`; each also derives from the built-in it refines.

`ShapeError(ValueError)`, `ArgumentError(ValueError)`, `DTypeError(TypeError)`,
`RecordingError(RuntimeError)` and `Diverged(FloatingPointError)` come from the native core,
`ArgumentTypeError(DTypeError)` from Python, `MissingFiles(FileNotFoundError)` and
`FormatError(ValueError)` from reading data sets. Messages name the operation, the argument, what was
given and what is allowed.

`Diverged` has `step`, the one that could not be taken, counted from 0; `history`, of `fit`; and `schedule`,
of `learn_schedule`: what was done until then, None where there is nothing.
"""

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


class FormatError(Error, ValueError):
    """A file is not what its name says: magic number, size or content are wrong."""
