"""Lines per part of the project, and the files above 400: a hint that a file may hold two concepts."""

import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HINT = 400
KINDS = {".swift", ".c", ".h", ".py", ".pyi", ".md", ".sh", ".toml", ".css", ".modulemap"}


def files() -> list[Path]:
    """What is tracked or could be: build folders and environments are ignored by git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = (ROOT / line for line in sorted(set(told.stdout.splitlines())))
    return [p for p in paths if p.suffix in KINDS and p.is_file()]


def main() -> None:
    parts: Counter[str] = Counter()
    long: list[str] = []
    for path in files():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        name = path.relative_to(ROOT)
        parts["/".join(name.parts[:2]) if len(name.parts) > 2 else str(name.parent)] += lines
        if lines > HINT:
            long.append(f"hint: {name}: {lines} lines; is it one concept?")
    for part, lines in sorted(parts.items()):
        print(f"{lines:7d}  {part}")
    print(f"{sum(parts.values()):7d}  in all")
    print("\n".join(long), end="\n" if long else "")


if __name__ == "__main__":
    main()
