"""The exceptions of lrswift. All derive from `Error`; each also derives from the built-in it refines.

`ShapeError(ValueError)`, `ArgumentError(ValueError)`, `DTypeError(TypeError)`,
`RecordingError(RuntimeError)` and `Diverged(FloatingPointError)` come from the native core,
`MissingFiles(FileNotFoundError)` and `FormatError(ValueError)` from reading data sets. Messages name
the operation, the argument, what was given and what is allowed.
"""

from ._core import ArgumentError, Diverged, DTypeError, Error, RecordingError, ShapeError

__all__ = [
    "ArgumentError", "DTypeError", "Diverged", "Error", "FormatError", "MissingFiles",
    "RecordingError", "ShapeError",
]  # fmt: skip


class MissingFiles(Error, FileNotFoundError):
    """Files of a data set are not where they were looked for."""


class FormatError(Error, ValueError):
    """A file is not what its name says: magic number, size or content are wrong."""
