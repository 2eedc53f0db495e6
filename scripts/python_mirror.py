"""Python tests and modules without their mirror: lrswift/X/y.py <-> python/tests/X/test_y[_facet].py."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "lrswift"
TESTS = ROOT / "python" / "tests"

# Tests of the native module and of the package as a whole; they mirror no module of Python.
WITHOUT_MIRROR = {"core", "whole"}
# A program for the type checker, which takes folders of tests beside it for the libraries of their names.
PROGRAMS = {TESTS / "whole" / "typed_program.py"}

# One suite covers modules that have no use by themselves: module or folder -> suite.
COVERED = {
    "adapt.py": "rates/test_base.py",
    "data": "data/test_loading.py",
    "experiments/comparison_report.py": "experiments/test_comparison.py",
    "experiments/hpo": "experiments/hpo/test_comparison.py",
    "experiments/leaderboard/report.py": "experiments/leaderboard/test_board.py",
    "experiments/leaderboard/method.py": "experiments/leaderboard/test_methods.py",
    "experiments/leaderboard/workloads": "experiments/leaderboard/workloads/test_workloads.py",
    "experiments/papers": "experiments/papers/test_papers.py",
    "experiments/final_losses.py": "experiments/test_sensitivity.py",
    "experiments/results.py": "experiments/test_comparison.py",
    "experiments/runs.py": "experiments/test_comparison.py",
    "experiments/sensitivity_report.py": "experiments/test_sensitivity.py",
    "fromtorch": "fromtorch/test_convert.py",
    "hypergradients/check.py": "hypergradients/test_hypergradient.py",
    "learning/inner_run.py": "learning/test_learn.py",
    "learning/learned_schedule.py": "learning/test_learn.py",
    "learning/settings.py": "learning/test_learn.py",
    "loop/steps.py": "training/test_fit.py",
    "nn/containers.py": "nn/test_module.py",
    "nn/init.py": "nn/test_layers.py",
    "nn/parameter.py": "nn/test_module.py",
    "optim/adam.py": "optim/test_optimizer_directions.py",
    "optim/attributes.py": "optim/test_optimizer.py",
    "optim/searched.py": "optim/test_auto.py",
    "optim/scaled.py": "optim/test_optimizer_directions.py",
    "optim/sgd.py": "optim/test_optimizer_directions.py",
    "pictures/figure.py": "experiments/test_comparison.py",
    "rates/cards.py": "test_cli.py",
    "rates/docstrings.py": "rates/test_made.py",
    "rates/sps.py": "rates/test_adapters_polyak.py",
    "search/receipt.py": "search/test_find.py",
    "search/untouched.py": "search/test_find.py",
    "sklearn": "sklearn/test_base.py",
    "tensors/modes.py": "optim/test_optimizer.py",
    "tensors/operations.py": "tensors/test_functions.py",
    "torch": "torch/test_adapted.py",
    "loop/digests.py": "training/test_checkpoint.py",
    "loop/generators.py": "training/test_checkpoint.py",
    "loop/loaders.py": "training/test_checkpoint.py",
    "training/method.py": "training/test_composed.py",
    "training/methods.py": "training/test_composed.py",
}


def mirrored(test: Path) -> Path | None:
    """The module under the longest name that the test may mean; a package is tested in its own folder."""
    room = test.parent.relative_to(TESTS)
    if room.name == "reference":
        room = test.parent
    words = test.stem.removeprefix("test_").split("_")
    for count in range(len(words), 0, -1):
        name = "_".join(words[:count])
        for module in (f"{name}.py", f"_{name}.py", *(["__init__.py"] if name == room.name else [])):
            if (PACKAGE / room / module).exists():
                return PACKAGE / room / module
    return None


def faults() -> Iterator[str]:
    tests = sorted(TESTS.rglob("test_*.py"))
    mirrors = {test: mirrored(test) for test in tests if test.parent.name not in WITHOUT_MIRROR}
    for test, module in mirrors.items():
        if module is None:
            yield f"{test.relative_to(ROOT)}: no module of that name in its room"
    for test in tests:
        module = mirrors.get(test)
        facet = test.stem.removeprefix("test_").removeprefix(module.stem.lstrip("_") if module else "")
        if re.search(r"\d", facet):
            yield f"{test.relative_to(ROOT)}: a number for a name"
    for path in sorted(TESTS.rglob("*.py")):
        if path.parent not in (TESTS, TESTS / "reference") and path not in tests and path not in PROGRAMS:
            yield f"{path.relative_to(ROOT)}: what tests share lies in {TESTS.relative_to(ROOT)} itself"
    yield from gaps({module for module in mirrors.values() if module})


def gaps(tested: set[Path]) -> Iterator[str]:
    """Modules without a suite, and lines of the table that say nothing."""
    entries = {PACKAGE / name: TESTS / suite for name, suite in COVERED.items()}
    needed = set()
    for module in sorted(PACKAGE.rglob("*.py")):
        if module.name in ("__init__.py", "__main__.py") or module in tested:
            continue
        entry = next((entry for entry in (module, *module.parents) if entry in entries), None)
        if entry is None:
            yield f"{module.relative_to(ROOT)}: no test mirrors or covers it"
        needed.add(entry)
    for entry, suite in entries.items():
        if entry not in needed or not suite.exists():
            yield f"COVERED: {entry.relative_to(PACKAGE)}: has tests of its own or is gone, or its suite is"
