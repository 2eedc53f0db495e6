"""The stub of the adapters' classes, made of them; says whether it is true, `--write` makes it so.

Editors and type checkers read it, as the classes themselves are made of the native cards when imported.
"""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from pathlib import Path
from typing import Any

from lrswift.rates import adapters
from lrswift.rates.base import Adapter

STUB = Path(__file__).resolve().parents[1] / "python" / "lrswift" / "rates" / "adapters.pyi"
HEAD = '''"""All adapters. Made of the native cards by scripts/stubs.py; `make check` holds it to them."""

from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import ClassVar, Literal

from .base import Adapter

__all__ = [
{names}]
'''


def stub() -> str:
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


def main() -> int:
    if "--write" in sys.argv[1:]:
        STUB.write_text(stub(), encoding="utf-8")
    elif not STUB.exists() or STUB.read_text(encoding="utf-8") != stub():
        print(f"{STUB.name} is not what the cards say: python scripts/stubs.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
