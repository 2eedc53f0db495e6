"""Type checkers on what users copy: the code of the README, of docs' pages and of the notebooks.

    python scripts/tutorial_types.py             # mypy, and pyright where it is installed

mypy runs with --strict but for what it says of functions without annotations, which tutorials write as
everybody does; their bodies are checked. Ends with 1 where anything is found.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "tutorials"
FENCE = re.compile(r"^( *)```python\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
PAGES = ("README.md", "docs/auto.md", "docs/which-method.md", "docs/from-torch.md", "docs/leaderboard.md")
# --strict is for what users write, not for the package that they import
MYPY = [
    "--strict", "--allow-untyped-defs", "--allow-untyped-calls", "--allow-incomplete-defs",
    "--follow-imports=silent",
]  # fmt: skip


def programs() -> dict[str, str]:
    """Name -> code: a notebook is one program, a block of a page another."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        found[f"notebook_{path.stem}"] = "\n\n\n".join(code)
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for k, match in enumerate(FENCE.finditer(text)):
            found[f"{Path(name).stem.replace('-', '_')}_{k}"] = textwrap.dedent(match[2])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for name, code in programs().items():
        (OUT / f"{name}.py").write_text(code + "\n", encoding="utf-8")
    print(f"{len(list(OUT.iterdir()))} programs in {OUT.relative_to(ROOT)}")
    files = sorted(map(str, OUT.glob("*.py")))
    # a loop that may have no round, as each of a training loop has some
    settings = {
        "pythonPath": sys.executable,
        "extraPaths": [str(ROOT / "python")],
        "reportPossiblyUnboundVariable": False,
    }
    (OUT / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    cache = str(ROOT / ".mypy_cache" / "tutorials")
    commands = [[sys.executable, "-m", "mypy", *MYPY, "--cache-dir", cache, "--scripts-are-modules", *files]]
    if shutil.which("pyright"):
        commands.append(["pyright", "--pythonpath", sys.executable, "--project", str(OUT)])
    else:
        print("pyright is not installed: mypy alone")
    return max([subprocess.run(command, cwd=ROOT).returncode != 0 for command in commands])


if __name__ == "__main__":
    sys.exit(main())
