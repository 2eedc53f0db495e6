"""What the Python package is made of, in numbers: `python scripts/architecture.py [--source CHECKOUT]`.

Reads sources and runs nothing of them, so that an older checkout can be put beside this one. The rule on
imports is that of this checkout's pyproject.toml; imports inside functions and for type checkers count.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "lrswift"
NO_CODE = {
    tokenize.COMMENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER, tokenize.INDENT,
    tokenize.NEWLINE, tokenize.NL,
}  # fmt: skip


def code_lines(path: Path) -> int:
    """Lines that hold code: neither blank, nor a comment, nor part of a docstring alone."""
    text = path.read_text(encoding="utf-8")
    quoted: set[tuple[int, int]] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                if isinstance(first.value.value, str):
                    quoted.add((first.lineno, first.col_offset))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE and token.start not in quoted:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def lines_by_room(package: Path) -> Counter[str]:
    """Code lines of each folder of the package, and of the modules at its root."""
    found: Counter[str] = Counter()
    for path in sorted(package.rglob("*.py")):
        room, *inner = path.relative_to(package).parts
        found[f"{room}/" if inner else "(root)"] += code_lines(path)
    return found


@dataclass(frozen=True)
class Rule:
    """Which room may import from which. ranks: lower rooms have higher numbers."""

    ranks: dict[str, int]
    together: frozenset[int]

    @classmethod
    def of(cls, pyproject: Path) -> Rule:
        """From import-linter's contract of layers."""
        contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
        (layers,) = (c["layers"] for c in contracts if c["type"] == "layers")
        ranks = {}
        for rank, layer in enumerate(layers):
            for room in layer.replace("|", ":").split(":"):
                ranks[room.strip()] = rank
        return cls(ranks, frozenset(rank for rank, layer in enumerate(layers) if ":" in layer))

    def allows(self, importer: str, imported: str) -> bool:
        """Both must be rooms."""
        above, below = self.ranks[importer], self.ranks[imported]
        return above < below or (above == below and above in self.together)


def imports(source: Path) -> set[tuple[str, str]]:
    """(importer, imported) of all modules of the package but its root, which re-exports them."""
    sys.path.insert(0, str(source / "python"))
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    pairs = ((m, other) for m in graph.modules for other in graph.find_modules_directly_imported_by(m))
    return {pair for pair in pairs if PACKAGE not in pair}


def circles(edges: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Groups of modules that import each other in a ring, the largest first."""
    after: dict[str, set[str]] = {}
    for importer, imported in edges:
        after.setdefault(importer, set()).add(imported)
        after.setdefault(imported, set())
    reached = {module: _reached(module, after) for module in after}
    rings = {
        frozenset(m for m in reached[module] if module in reached[m])
        for module in after
        if module in reached[module]
    }
    return sorted((set(ring) for ring in rings), key=lambda ring: (-len(ring), sorted(ring)))


def _reached(module: str, after: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for other in after[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def longest_function(package: Path) -> tuple[str, int]:
    """(name, parameters) of the exported function or class that takes the most."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    exported = {
        name
        for path, tree in trees.items()
        if not any(part.startswith("_") for part in path.relative_to(package).with_suffix("").parts[:-1])
        for name in _all(tree)
    }
    found = [
        (name, count)
        for tree in trees.values()
        for name, count in _parameters(tree)
        if name in exported and not name.startswith("_")
    ]
    return max(found, key=lambda pair: pair[1])


def _all(tree: ast.Module) -> Iterator[str]:
    """The names in __all__."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            # what is taken over from modules by a star has its parameters there
            yield from (
                ast.literal_eval(e) for e in getattr(node.value, "elts", ()) if not isinstance(e, ast.Starred)
            )


def _parameters(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, _count(node.args)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
                    yield node.name, _count(inner.args) - 1


def _count(args: ast.arguments) -> int:
    return len(args.posonlyargs + args.args + args.kwonlyargs) + bool(args.vararg) + bool(args.kwarg)


def measured(source: Path) -> dict[str, Any]:
    """All numbers of a checkout; lines: of each room."""
    package = source / "python" / PACKAGE
    edges, rule = imports(source), Rule.of(ROOT / "pyproject.toml")
    rooms = [(a.split(".")[1], b.split(".")[1]) for a, b in edges]
    between = [pair for pair in rooms if pair[0] != pair[1]]
    known = [pair for pair in between if set(pair) <= set(rule.ranks)]
    rings = circles(edges)
    name, count = longest_function(package)
    return {
        "modules": len(list(package.rglob("*.py"))),
        "modules at the root": len(list(package.glob("*.py"))),
        "rooms": len({path.parent for path in package.glob("*/__init__.py")}),
        "circles": len(rings),
        "modules in circles": sum(map(len, rings)),
        "largest circle": max(map(len, rings), default=0),
        "imports between rooms": len(between),
        "imports against the rule": sum(not rule.allows(*pair) for pair in known),
        "imports the rule knows no room for": len(between) - len(known),
        "longest public function": f"{name}, {count} parameters",
        "lines": dict(lines_by_room(package)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, default=ROOT, metavar="CHECKOUT", help="default: this one")
    found = measured(parser.parse_args().source.resolve())
    lines = found.pop("lines")
    for what, value in found.items():
        print(f"{what:<36}{value:>8}" if isinstance(value, int) else f"{what:<36}{value}")
    print("\nlines of Python without blank ones, comments and docstrings")
    for room, count in [*sorted(lines.items()), ("in all", sum(lines.values()))]:
        print(f"{room:<36}{count:>8,}")


if __name__ == "__main__":
    main()
