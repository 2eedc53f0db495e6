"""What docstrings of exported names lack, judged by the code: `python scripts/docstrings.py` lists it.

Google form: `Args:` has the names of the signature, in order; `Returns:` is there where something is
returned; `Raises:` names every error that the function, or what it calls in the package by name, raises.
What methods of other objects and the native core raise cannot be read off the code: authors add it.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from public_names import exported
from raises import errors_of

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Source", "Example", "Note", "Warns")
# readers meet a name alone: its summary may not lean on the one above
LEANING = ("Of ", "The same ", "What ")
# what has a paper, by name; every rate adapter has, too
PUBLISHED = {
    "SBFSearch", "best_window", "find_lr", "find_trial_rate", "hypergradient", "learn_schedule",
    "lr_range_test", "sharing_bound", "sharing_noise",
}  # fmt: skip
# errors that the code names but no argument brings about: layers make their parameters of sizes and dtypes
# that they have checked, cells are handed what their layer computed, and a tensor holds no masked values
OUT_OF_REACH = {
    **{
        f"lrswift.Tensor.{name}": {"ArgumentError", "DTypeError"}
        for name in ("argmax", "max", "mean", "min", "sum", "transpose")
    },
    **{
        f"lrswift.Tensor.{name}": {"ArgumentError", "ShapeError"}
        for name in ("exp", "log", "relu", "sigmoid", "sqrt", "square", "tanh")
    },
    "lrswift.Tensor.astype": {"ShapeError"},
    "lrswift.Tensor.clone": {"ArgumentError", "DTypeError", "ShapeError"},
    "lrswift.Tensor.flatten": {"ShapeError"},
    "lrswift.arange": {"ShapeError"},
    # the schedule that it tells of is made of numbers
    "lrswift.optim.Optimizer.explain": {"ArgumentTypeError"},
    "lrswift.torch.Adapted.explain": {"ArgumentTypeError"},
    # lengths are compared before
    "lrswift.data.from_file": {"ShapeError"},
    "lrswift.ones": {"ShapeError"},
    # scikit-learn has made arrays of numbers of what it got, and the network is whole
    **{
        f"lrswift.sklearn.{name}.fit": {"BufferError", "NotImplementedError", "ShapeError"}
        for name in ("MLPClassifier", "MLPRegressor")
    },
    **{
        f"lrswift.nn.{name}": {"DTypeError", "ShapeError"}
        for name in (
            "BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "MultiheadAttention", "RMSNorm",
            "TransformerDecoderLayer", "TransformerEncoderLayer",
        )
    },
    "lrswift.nn.Embedding": {"DTypeError"},
    "lrswift.nn.GRU.cell": {"ArgumentError", "DTypeError", "ShapeError"},
    "lrswift.nn.LSTM.cell": {"ArgumentError", "DTypeError", "ShapeError"},
}  # fmt: skip


def checked() -> Iterator[tuple[str, Any, str]]:
    """(name, function or class, its file) of all that is exported; methods follow their class."""
    told = exported()
    classes = {value for value in told.values() if inspect.isclass(value)}
    for name, value in told.items():
        path = _file(value)
        if path is None:
            continue
        yield name, value, path
        if inspect.isclass(value):
            for method, member in _members(value, classes):
                yield f"{name}.{method}", member, path


def _file(value: Any) -> str | None:
    """Where Python code lies, relative to the project's python/lrswift; None for the native core's."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if not (inspect.isclass(value) or inspect.isroutine(value)) or file is None or not file.endswith(".py"):
        return None
    parts = Path(file).parts
    return str(Path("python", *parts[len(parts) - 1 - parts[::-1].index("lrswift") :]))


def _members(value: type, classes: set[type]) -> Iterator[tuple[str, Any]]:
    """A class's own, and those of bases that are not exported and so are told of nowhere else."""
    bases = [base for base in value.__mro__ if base is value or base not in classes]
    for name, member in {name: m for base in reversed(bases) for name, m in vars(base).items()}.items():
        # other libraries add methods to classes, which are theirs to describe
        own = isinstance(member, property) or str(getattr(member, "__module__", "")).startswith("lrswift")
        if not name.startswith("_") and own and (inspect.isroutine(member) or isinstance(member, property)):
            yield name, getattr(member, "__func__", member)


def sections(doc: str) -> dict[str, str]:
    """By title, "" for what stands before the first one."""
    parts = re.split(rf"^({'|'.join(SECTIONS)}):\n", inspect.cleandoc(doc), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> list[tuple[str, str]]:
    """(name, text) of `Args:` and its like: a name, perhaps (type), and a colon at the least indent."""
    found: list[tuple[str, str]] = []
    for line in inspect.cleandoc(section).splitlines():
        begun = re.match(r"(\*{0,2}[\w.]+)(?: \([^)]*\))?:\s*(.*)", line)
        if begun:
            found.append((begun[1], begun[2]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}".strip())
    return found


def problems(name: str, value: Any) -> list[str]:
    """What the docstring of one exported name lacks."""
    if isinstance(value, property):
        return _summary(value.__doc__)
    doc = value.__doc__
    found = _summary(doc)
    if found:
        return found
    told = sections(doc)
    found += _arguments(value, told)
    if name.split(".")[-1] in PUBLISHED and "Source" not in told:
        found.append("no Source")
    for title, section in told.items():
        if title in ("Args", "Attributes", "Raises"):
            found += [f"{title}: {n}: no text" for n, text in entries(section) if len(text) < 2]
        elif title and not section.strip():
            found.append(f"{title}: empty")
    raised = {entry for entry, _ in entries(told.get("Raises", ""))}
    needed = errors_of(value) - OUT_OF_REACH.get(name, set())
    found += [f"Raises lacks {error}" for error in sorted(needed) if not _covered(error, raised)]
    if not inspect.isclass(value):
        brief = not _named(value) and "\n" not in doc.strip()
        if _returns(value) and not brief and not {"Returns", "Yields"} & told.keys():
            found.append("no Returns")
    return found


def _covered(error: str, told: set[str]) -> bool:
    """Whether a built-in error is told, or one that it is a kind of."""
    kinds = getattr(getattr(builtins, error, None), "__mro__", ())
    return error in told or bool(told & {kind.__name__ for kind in kinds})


def _summary(doc: str | None) -> list[str]:
    if not doc:
        return ["no docstring"]
    first = inspect.cleandoc(doc).split("\n\n")[0]
    leaning = [word for word in LEANING if first.startswith(word)]
    if leaning:
        return [f"summary begins with {leaning[0].strip()!r}: say the subject"]
    return [] if first.endswith(".") else ["summary is no sentence"]


def _arguments(value: Any, told: dict[str, str]) -> list[str]:
    wanted = _named(value)
    title = "Args"
    if inspect.isclass(value) and "Attributes" in told and "Args" not in told:
        title = "Attributes"
        # a result that nobody makes: its fields first, then whatever else it has
        given = [entry for entry, _ in entries(told[title])]
        return [f"Attributes lacks {name}" for name in wanted if name not in given]
    given = [entry for entry, _ in entries(told.get(title, ""))]
    return [] if given == wanted else [f"Args are {given}, the signature has {wanted}"]


def _named(value: Any) -> list[str]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    return [stars.get(p.kind, "") + n for n, p in parameters.items() if n not in ("self", "cls")]


def _returns(value: Any) -> bool:
    return inspect.signature(value).return_annotation not in ("None", None, "NoReturn")


def main() -> int:
    """Prints what is missing; the exit status says whether anything is."""
    bad = 0
    for name, value, path in checked():
        for problem in problems(name, value):
            bad += 1
            print(f"{path}: {name}: {problem}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
