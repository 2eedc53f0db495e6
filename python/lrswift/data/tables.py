"""A user's own table as a data set: CSV, NPZ or Parquet, one column of which is the class."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, FormatError, MissingFiles
from .dataset import Dataset, Splits

Columns = Mapping[str, Sequence[Any] | np.ndarray]
# more of them are told as a mistake: a number that is measured, or a name that is unique
_MOST_CLASSES = 1000


def from_file(
    path: str | os.PathLike[str], target: str | None = None, test: float = 0.2, seed: int = 0
) -> Splits:
    """Reads a table to classify by: a column is the class, all others are numbers.

    Columns are standardized by the mean and standard deviation of the training part.

    Args:
        path: a .csv file with a line of names, separated by commas, semicolons or tabs; an .npz file with an
            array of inputs [N, ...] and one of labels [N]; or a .parquet file.
        target: the column of the classes, words or whole numbers; of an .npz file the array of labels. None:
            the last column, and "y". Default None.
        test: the share of the rows that is kept for the test, drawn at random. Default 0.2.
        seed: of that draw, at least 0. Default 0.

    Returns:
        `Splits`, x float32 [N, columns] (of an .npz file, of the array's shape), y int64 [N], with the
        classes' names.

    Raises:
        ArgumentError: a column is unknown, missing, no numbers, or no classes; or one part has no rows.
        FormatError: the file is damaged or no table.
        ImportError: a .parquet file, and pandas is not installed.
        MissingFiles: it is not there.
    """
    place = Path(path)
    if not place.is_file():
        raise MissingFiles(f"{place}: no such file; allowed: a .csv, .npz or .parquet file")
    readers: dict[str, Callable[[Path], Columns]] = {".csv": _csv, ".npz": _npz, ".parquet": _parquet}
    if place.suffix.lower() not in readers:
        raise ArgumentError(f"{place}: allowed: a name that ends in {', '.join(readers)}")
    columns = readers[place.suffix.lower()](place)
    name = _target(columns, target, place)
    y, classes = _classes(columns[name], name, place)
    x = _inputs({key: value for key, value in columns.items() if key != name}, len(y), place)
    train, rest = Dataset(x, y, 1.0).split(test, seed)
    mean, spread = train.x.mean(0, dtype=np.float64), train.x.std(0, dtype=np.float64)
    spread[spread == 0] = 1.0

    def standardized(part: Dataset) -> Dataset:
        return Dataset(((part.x - mean) / spread).astype(np.float32), part.y, 1.0)

    return Splits(place.stem, standardized(train), standardized(rest), classes)


def _target(columns: Columns, target: str | None, place: Path) -> str:
    names = list(columns)
    if target is None:
        target = "y" if place.suffix.lower() == ".npz" else names[-1]
    if target not in columns:
        raise ArgumentError(f"{place}: target: no column {target!r}; allowed: {_few(names)}")
    if len(names) < 2:
        raise ArgumentError(f"{place}: {target!r} is the only column; allowed: a target and inputs")
    return target


def _classes(values: Sequence[Any] | np.ndarray, name: str, place: Path) -> tuple[np.ndarray, list[str]]:
    """Numbers of the classes from 0, and their names."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise _wrong(place, f"target {name!r} has shape {list(array.shape)}", "one label a row")
    if array.dtype.kind in "OUSb":
        texts = [_text(value) for value in array.tolist()]
        empty = next((i for i, text in enumerate(texts) if text in ("", "nan", "None")), None)
        if empty is not None:
            raise _wrong(place, f"target {name!r} is empty in row {empty + 1}", "a class in each")
        if all(_is_number(text) for text in texts):
            array = np.array([float(text) for text in texts])
        else:
            found, numbers = np.unique(np.array(texts), return_inverse=True)
            return _few_enough(found.tolist(), numbers, name, place)
    whole = array.astype(np.float64)
    wrong = np.flatnonzero(whole != np.round(whole))
    if len(wrong):
        raise _wrong(
            place,
            f"target {name!r} has {array[wrong[0]]} in row {wrong[0] + 1}, which is no class",
            "words or whole numbers (for numbers that are measured, lrswift.sklearn.MLPRegressor)",
        )
    found, numbers = np.unique(whole, return_inverse=True)
    return _few_enough([f"{value:.0f}" for value in found], numbers, name, place)


def _few_enough(
    classes: list[str], numbers: np.ndarray, name: str, place: Path
) -> tuple[np.ndarray, list[str]]:
    if not 2 <= len(classes) <= _MOST_CLASSES:
        what = f"target {name!r} has {len(classes)} different values"
        raise _wrong(place, what, f"2 to {_MOST_CLASSES} classes")
    return numbers.astype(np.int64), classes


def _inputs(columns: Columns, rows: int, place: Path) -> np.ndarray:
    if place.suffix.lower() == ".npz":
        return _array(columns, rows, place)
    table = np.empty((rows, len(columns)))
    for i, (name, values) in enumerate(columns.items()):
        table[:, i] = _numbers(values, name, place)
    return table


def _array(columns: Columns, rows: int, place: Path) -> np.ndarray:
    name = "x" if "x" in columns else "X" if "X" in columns else next(iter(columns))
    if len(columns) > 1 and name not in ("x", "X"):
        raise _wrong(place, f"arrays {_few(list(columns))} beside the target", "one, or one named x")
    array = np.asarray(columns[name])
    if array.ndim < 2 or len(array) != rows:
        what = f"{name!r} has shape {list(array.shape)}"
        raise _wrong(place, what, f"{rows} rows as the target, of one number or more")
    if array.dtype.kind not in "fiub":
        raise _wrong(place, f"{name!r} has dtype {array.dtype}", "numbers")
    if not np.isfinite(array).all():
        raise _wrong(place, f"{name!r} has values that are not finite", "numbers in every place")
    return array.astype(np.float64)


def _numbers(values: Sequence[Any] | np.ndarray, name: str, place: Path) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        row = next(i for i, value in enumerate(values) if not _is_number(_text(value)))
        given = _text(values[row])
        what = f"column {name!r} has {given!r} in row {row + 1}"
        raise _wrong(place, what, "numbers (leave the column out, or write it as numbers)") from None
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise _wrong(place, f"column {name!r} is {numbers[wrong[0]]} in row {wrong[0] + 1}", "finite numbers")
    return numbers


def _csv(place: Path) -> Columns:
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{place}: not UTF-8 ({error}); allowed: a text file") from None
    lines = text.splitlines()
    if not lines:
        raise FormatError(f"{place}: empty; allowed: a line of names and rows below it")
    separator = max(",;\t", key=lines[0].count)
    head, *rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    names = [name.strip() for name in head]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FormatError(f"{place}: two columns are named {twice!r}; allowed: names of their own")
    if all(_is_number(name) for name in names):
        raise FormatError(f"{place}: the first line has numbers; allowed: the names of the columns")
    for i, row in enumerate(rows):
        if len(row) != len(names):
            what = f"row {i + 1} has {len(row)} fields, the line of names {len(names)}"
            raise FormatError(f"{place}: {what}; allowed: equally many")
    return {name: [row[i].strip() for row in rows] for i, name in enumerate(names)}


def _npz(place: Path) -> Columns:
    try:
        with np.load(place, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise FormatError(
            f"{place}: no .npz file that can be read ({error}); allowed: one of numbers"
        ) from None


def _parquet(place: Path) -> Columns:
    try:
        import pandas
    except ImportError:
        raise ImportError(f"{place}: pandas is not installed; allowed: pip install pandas pyarrow") from None
    try:
        frame = pandas.read_parquet(place)
    except ImportError as error:
        raise ImportError(f"{place}: {error}; allowed: pip install pyarrow") from None
    except Exception as error:  # the engine's own classes, which differ by version
        raise FormatError(f"{place}: no .parquet file that can be read ({error})") from None
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def _wrong(place: Path, what: str, allowed: str) -> ArgumentError:
    return ArgumentError(f"{place}: {what}; allowed: {allowed}")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
