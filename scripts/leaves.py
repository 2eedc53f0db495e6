"""Reports functions that the AVX-512 target shares with others.

The linker keeps one copy of each, and if that is the AVX-512 one, the library stops on older processors.
"""

import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = "MicroKernelsV4"


def shared(folder: Path) -> list[str]:
    objects = sorted(folder.glob(f"**/{TARGET}.build/*.o"))
    if not objects:
        sys.exit(f"leaves: no objects of {TARGET} under {folder}; build first")
    told = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True).stdout
    weak = {line.split(" W ")[1] for line in told.splitlines() if " W " in line}
    return sorted(name for name in weak if TARGET not in name)


def main() -> int:
    if platform.machine() != "x86_64":
        print(f"leaves: {TARGET} is built for x86-64 only")
        return 0
    found = shared(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".build" / "release")
    print("\n".join([*found, f"leaves: {len(found)} shared functions in {TARGET}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
