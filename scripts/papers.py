"""The ledger of the papers' claims, docs/papers.toml, and the book that is made of it, docs/papers/*.md.

    python scripts/papers.py                   says whether the ledger is whole, and the book what it gives
    python scripts/papers.py --write           makes the book
    python scripts/papers.py --update DIR      takes what `lrswift reproduce --out DIR` measured, and makes it

A row has a command that tests its claim, or a reason why nothing does. Status and numbers of a row whose name
is that of a study's claim come from the study's JSON alone.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
LEDGER, BOOK = DOCS / "papers.toml", DOCS / "papers"
STATUS = {
    "holds": "holds here",
    "does not hold": "does not hold here",
    "cannot say": "measured, no verdict",
    "not run": "not tested",
    "out of reach": "not tested",
}
KEYS = ("name", "paper", "item", "claim", "status", "command", "scale", "seeds", "ours", "theirs", "reason")
PAPERS = {
    "ALRS": "Leveraging learning rate gradients for automatic learning rate selection",
    "TLR": "Trainable learning rate",
    "QLABGrad": "QLABGrad: a hyperparameter-free and convergence-guaranteed scheme for deep learning",
    "L4": "L4: practical loss-based stepsize adaptation for deep learning",
    "FDS": "Gradient-based hyperparameter optimization over long horizons",
}
HEAD = """# Claims of the five papers: figures, tables, theorems, and sentences with a number. A row has a
# command that tests it, or a reason why nothing does. scripts/papers.py makes docs/papers/*.md of it.
"""


def read(path: Path = LEDGER) -> list[dict[str, Any]]:
    """The rows."""
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["row"])


def faults(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with rows, a line each."""
    found, seen = [], set()
    for row in rows:
        name = row.get("name", "a row without a name")
        if name in seen:
            found.append(f"{name}: twice")
        seen.add(name)
        for key in ("name", "paper", "item", "claim", "status"):
            if not row.get(key):
                found.append(f"{name}: no {key}")
        if row.get("paper") not in PAPERS:
            found.append(f"{name}: paper {row.get('paper')!r}")
        if row.get("status") not in STATUS:
            found.append(f"{name}: status {row.get('status')!r}")
        if not row.get("command") and not row.get("reason"):
            found.append(f"{name}: neither a command nor a reason")
        measured = row.get("status") in ("holds", "does not hold", "cannot say")
        if measured and not (row.get("ours") and row.get("command")):
            found.append(f"{name}: {row.get('status')}, without a number and the command that gives it")
        if set(row) - set(KEYS):
            found.append(f"{name}: unknown {', '.join(sorted(set(row) - set(KEYS)))}")
    return found


def updated(rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Rows with what the studies whose JSON lies in the folder say of them."""
    verdicts = {True: "holds", False: "does not hold", None: "cannot say"}
    measured: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or "claims" not in facts:
            continue
        scale = facts["scale"]
        for name, verdict in facts["claims"].items():
            measured[name] = {
                "status": verdicts[verdict["holds"]],
                "ours": verdict["ours"],
                "command": f"lrswift reproduce {facts['study']} --scale {scale}",
                "scale": scale,
                "seeds": max(row["seeds"] for row in facts["rows"]),
            }
    unknown = measured.keys() - {row["name"] for row in rows}
    if unknown:
        raise SystemExit(f"docs/papers.toml has no rows {', '.join(sorted(unknown))}")
    return [{**row, **measured.get(row["name"], {})} for row in rows]


def written(rows: Iterable[Mapping[str, Any]]) -> str:
    """The ledger's text."""
    parts = [HEAD]
    for row in rows:
        lines = ["[[row]]"]
        lines += [f"{key} = {json.dumps(row[key])}" for key in KEYS if row.get(key) not in (None, "")]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def book(rows: list[dict[str, Any]]) -> dict[str, str]:
    """File -> text: a page per paper, and the table of them."""
    pages = {f"{paper.lower()}.md": _page(paper, rows) for paper in PAPERS}
    counts = []
    for paper in PAPERS:
        own = [row for row in rows if row["paper"] == paper]
        cells = [sum(STATUS[row["status"]] == word for row in own) for word in dict.fromkeys(STATUS.values())]
        counts.append(f"| [{paper}]({paper.lower()}.md) | {len(own)} | {' | '.join(map(str, cells))} |")
    heads = " | ".join(dict.fromkeys(STATUS.values()))
    rule = "|--:" * (1 + len(set(STATUS.values())))
    about = (
        "Made by `scripts/papers.py` of [papers.toml](../papers.toml). `lrswift reproduce --list` names the\n"
        "experiments; at small scale they have fewer images, epochs and seeds than the papers'."
    )
    table = f"| paper | claims | {heads} |\n|---{rule}|\n" + "\n".join(counts)
    pages["README.md"] = f"# The papers' claims, again\n\n{about}\n\n{table}\n"
    return pages


def _page(paper: str, rows: Iterable[Mapping[str, Any]]) -> str:
    parts = [f"# {paper}\n\n{PAPERS[paper]}. Made by `scripts/papers.py` of [papers.toml](../papers.toml).\n"]
    for row in rows:
        if row["paper"] != paper:
            continue
        lines = [f"**{row['claim']}** ({row['item']}) *{STATUS[row['status']]}*."]
        if row.get("theirs"):
            lines.append(f"The paper: {row['theirs']}.")
        if row.get("ours"):
            seeds = row.get("seeds")
            told = f" ({seeds} seed{'s' if seeds > 1 else ''})" if seeds else ""
            lines.append(f"Here{told}: {row['ours']}.")
        if row.get("reason"):
            lines.append(f"{row['reason']}.")
        if row.get("command"):
            lines.append(f"`{row['command']}`")
        parts.append("\n".join(re.sub(r"\.\.$", ".", line) for line in lines) + "\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    rows = read()
    if arguments[:1] == ["--update"]:
        rows = updated(rows, Path(arguments[1]))
        LEDGER.write_text(written(rows), encoding="utf-8")
    wrong = faults(rows)
    if wrong:
        print("\n".join(wrong))
        return 1
    pages = book(rows)
    if arguments:
        BOOK.mkdir(exist_ok=True)
        for name, text in pages.items():
            (BOOK / name).write_text(text, encoding="utf-8")
        return 0
    stale = [
        name
        for name, text in pages.items()
        if not (BOOK / name).exists() or (BOOK / name).read_text(encoding="utf-8") != text
    ]
    if written(rows) != LEDGER.read_text(encoding="utf-8"):
        stale.append(LEDGER.name)
    if stale:
        print(f"{', '.join(stale)}: not what scripts/papers.py --write makes of docs/papers.toml")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
