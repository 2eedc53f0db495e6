"""Reports functions that the AVX-512 targets share with others.

The linker keeps one copy of each, and if that is the AVX-512 one, the library stops on older processors.
"""

import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("MicroKernelsV4", "MicroKernels64V4")


def shared(folder: Path, target: str) -> list[str]:
    objects = sorted(folder.glob(f"**/{target}.build/*.o"))
    if not objects:
        sys.exit(f"leaves: no objects of {target} under {folder}; build first")
    told = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True).stdout
    weak = {line.split(" W ")[1] for line in told.splitlines() if " W " in line}
    return sorted(name for name in weak if target not in name)


def main() -> int:
    if platform.machine() != "x86_64":
        print(f"leaves: {' and '.join(TARGETS)} are built for x86-64 only")
        return 0
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".build" / "release"
    found = {target: shared(folder, target) for target in TARGETS}
    for target, names in found.items():
        print("\n".join([*names, f"leaves: {len(names)} shared functions in {target}"]))
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
