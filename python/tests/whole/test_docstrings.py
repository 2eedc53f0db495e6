"""Docstrings of exported names are complete, and no file of the package is excused from the linter."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "scripts"))
    yield importlib.import_module("docstrings")
    sys.path.remove(str(ROOT / "scripts"))


def test_exported_names_say_their_arguments_results_errors_and_sources(tool):
    missing = [
        f"{path}: {name}: {p}" for name, value, path in tool.checked() for p in tool.problems(name, value)
    ]
    assert not missing, "\n".join(missing)


def test_no_file_of_the_package_is_excused():
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert {"D", "DOC102", "DOC202", "DOC403"} <= set(lint["select"])
    excused = [pattern for pattern, rules in lint["per-file-ignores"].items() if {"D", "DOC"} & set(rules)]
    assert excused == ["!python/lrswift/**.py"]


def complete(a: int, *rest: int, b: str = "x") -> int:
    """Adds numbers.

    Args:
        a: the first number, of any
            size.
        *rest: further ones.
        b: ignored.

    Returns:
        Their sum.
    """
    return a + sum(rest) + len(b)


def test_a_complete_docstring_has_no_problems(tool):
    assert tool.problems("complete", complete) == []
    assert tool.entries(tool.sections(complete.__doc__)["Args"])[0] == ("a", "the first number, of any size.")


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("Adds numbers.", "Of numbers.", "summary begins with 'Of'"),
        ("Adds numbers.", "Adds numbers", "summary is no sentence"),
        ("        b: ignored.\n", "", "the signature has"),
        ("a: the first number", "c: the first number", "the signature has"),
        ("*rest: further ones.", "*rest:", "Args: *rest: no text"),
        ("Returns:\n        Their sum.", "", "no Returns"),
        ("Their sum.", "", "Returns: empty"),
    ],
)
def test_what_is_missing_is_found(tool, before, after, problem):
    def changed(a: int, *rest: int, b: str = "x") -> "int":
        return complete(a, *rest, b=b)

    assert before in complete.__doc__
    changed.__doc__ = complete.__doc__.replace(before, after)
    found = tool.problems("complete", changed)
    assert any(problem in one for one in found), found


def test_errors_are_those_raised_here_and_in_what_is_called(tool):
    from lrswift import LearnedSchedule
    from lrswift.checks import check_number, check_whole
    from lrswift.data import Dataset
    from lrswift.hypergradients.sharing import sharing_bound, sharing_noise
    from lrswift.training.fit import fit

    assert tool.errors_of(check_number) == {"ArgumentError", "ArgumentTypeError"}
    assert tool.errors_of(check_whole) == {"ArgumentError"}
    assert tool.errors_of(sharing_bound) == {"ArgumentError", "ArgumentTypeError"}
    assert tool.errors_of(sharing_noise) == {"ArgumentError", "ArgumentTypeError", "ShapeError"}
    # of a class, those of making one
    assert tool.errors_of(Dataset) == {"ShapeError"}
    # what a group of exceptions catches is taken away, and a kind of an error is told with it
    assert "ValueError" not in tool.errors_of(LearnedSchedule.load)
    assert tool._covered("IsADirectoryError", {"OSError"}) and not tool._covered("OSError", {"KeyError"})
    # through a private class, and a module imported by another name
    assert {"ArgumentError", "ArgumentTypeError", "FileNotFoundError"} <= tool.errors_of(fit)


def test_errors_out_of_reach_are_named_by_the_code_and_by_no_docstring(tool):
    found = {name: value for name, value, _ in tool.checked()}
    for name, errors in tool.OUT_OF_REACH.items():
        told = {entry for entry, _ in tool.entries(tool.sections(found[name].__doc__).get("Raises", ""))}
        assert errors <= tool.errors_of(found[name]) - told, f"{name}: {errors}"
