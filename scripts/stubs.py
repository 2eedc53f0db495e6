"""The stubs of classes made of cards: says whether they are what the classes are, `--write` makes them so.

Editors and type checkers read it, as the classes themselves are made of the native cards when imported.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lrswift.optim import Optimizer, made
from lrswift.rates import adapters
from lrswift.rates.base import Adapter

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "lrswift"
HEAD = '''"""All adapters. Made of the native cards by scripts/stubs.py; `make check` holds it to them."""

from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import ClassVar, Literal

from .base import Adapter

__all__ = [
{names}]
'''
DIRECTIONS = '''"""Directions. Made of the native cards by scripts/stubs.py; `make check` holds it to them."""

from math import inf

from .optimizer import Optimizer, Params, Rate

__all__ = [
{names}]
'''


def adapters_stub() -> str:
    """The text of adapters.pyi."""
    names = "".join(f'    "{name}",\n' for name in adapters.__all__)
    classes = [_class(getattr(adapters, name)) for name in adapters.__all__]
    return "\n".join([HEAD.format(names=names), *classes])


def _class(cls: type[Adapter]) -> str:
    limits = {field.name: field for field in dataclasses.fields(Adapter)}
    own = [f for f in dataclasses.fields(cls) if f.name not in limits or f.default != limits[f.name].default]
    lines = [f'rate: ClassVar[str] = "{cls.rate}"', *(_field(f) for f in own if not f.kw_only)]
    keywords = [_field(f) for f in own if f.kw_only]
    lines += ["_: KW_ONLY", *keywords] if keywords else []
    doc = '"""' + (cls.__doc__ or "") + '"""'
    body = textwrap.indent("\n".join([*doc.split("\n"), "", *lines]), "    ", lambda line: bool(line.strip()))
    return f"@dataclass(frozen=True)\nclass {cls.__name__}(Adapter):\n{body}\n"


def _field(field: dataclasses.Field[Any]) -> str:
    kind = field.type if not isinstance(field.type, type) else field.type.__name__
    shown = str(kind).replace("typing.", "").replace("'", '"')
    value = f'"{field.default}"' if isinstance(field.default, str) else repr(field.default)
    return f"{field.name}: {shown} = {value}"


def directions_stub() -> str:
    """The text of made.pyi."""
    names = "".join(f'    "{name}",\n' for name in made.__all__)
    classes = [_direction(getattr(made, name)) for name in made.__all__]
    return "\n".join([DIRECTIONS.format(names=names), *classes])


def _direction(cls: type[Optimizer]) -> str:
    kinds = {"params": "Params", "lr": "Rate", "betas": "tuple[float, float]"}
    lines = []
    for p in inspect.signature(cls).parameters.values():
        kind = kinds.get(p.name, type(p.default).__name__)
        lines.append(f"{p.name}: {kind}" + ("" if p.default is p.empty else f" = {p.default!r}"))
    arguments = "".join(f"    {line},\n" for line in ["self", *lines])
    made_by = f"def __init__(\n{arguments}) -> None: ..."
    doc = textwrap.indent(f'"""{cls.__doc__}"""\n\n{made_by}', "    ", lambda line: bool(line.strip()))
    return f"class {cls.__name__}(Optimizer):\n{doc}\n"


STUBS: dict[Path, Callable[[], str]] = {
    PACKAGE / "rates" / "adapters.pyi": adapters_stub,
    PACKAGE / "optim" / "made.pyi": directions_stub,
}


def main() -> int:
    """Says which stubs differ, or writes all; the exit status says whether one differs."""
    bad = 0
    for path, text in STUBS.items():
        if "--write" in sys.argv[1:]:
            path.write_text(text(), encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text():
            print(f"{path.name} is not what the cards say: python scripts/stubs.py --write")
            bad += 1
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
