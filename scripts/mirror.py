"""Reports Swift sources without their mirror: Sources/X/Y.swift <-> Tests/XTests/YTests.swift."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# One table-driven suite covers what is declared in one form: source or folder -> suite.
COVERED = {
    "Sources/Autodiff/Ops": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Kernels/Pointwise": "Tests/KernelsTests/PointwiseTests.swift",
}


def suite_of(source: Path) -> Path:
    for folder, suite in COVERED.items():
        if source.is_relative_to(ROOT / folder):
            return ROOT / suite
    module, *inner = source.relative_to(ROOT / "Sources").parts
    return ROOT.joinpath("Tests", f"{module}Tests", *inner[:-1], f"{source.stem}Tests.swift")


def main() -> int:
    sources = sorted((ROOT / "Sources").rglob("*.swift"))
    gaps = [(s, suite_of(s)) for s in sources if not suite_of(s).exists()]
    for source, suite in gaps:
        print(f"{source.relative_to(ROOT)}: no {suite.relative_to(ROOT)}")
    print(f"mirror: {len(sources) - len(gaps)} of {len(sources)} sources have their tests")
    return 1 if gaps or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
