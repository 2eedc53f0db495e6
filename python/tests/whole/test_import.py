"""What `import lrswift` costs, and that its public names are there."""

import subprocess
import sys
from pathlib import Path

import lrswift as lr


def seconds(statement: str) -> float:
    """Processor time of an import in a fresh interpreter, which other processes hardly add to."""
    code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
    return float(subprocess.check_output([sys.executable, "-c", code], text=True))


def test_import_is_light():
    seconds("import lrswift")  # compiles the bytecode
    # in turn, and the least of each
    pairs = [(seconds("import lrswift"), seconds("import numpy")) for _ in range(9)]
    extra = min(ours for ours, _ in pairs) - min(numpys for _, numpys in pairs)
    assert extra < 0.150, f"import lrswift takes {1000 * extra:.0f} ms more than import numpy"


def test_heavy_modules_load_on_use():
    code = (
        "import sys, lrswift; heavy = {'matplotlib', 'sklearn', 'scipy', 'tqdm', 'safetensors', 'torch', "
        "'jax', 'optax'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_installed_size():
    folder = Path(lr.__file__).parent
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    assert size < 30e6, f"{size / 1e6:.1f} MB"


def test_public_names():
    for name in lr.__all__:
        assert getattr(lr, name) is not None
        assert name in dir(lr)
    for name in lr.nn.__all__:
        assert getattr(lr.nn, name) is not None
    code = (
        "import lrswift.training.fit, lrswift.experiments.comparison, lrswift as lr; "
        "print(callable(lr.fit), callable(lr.compare))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "True"]


def test_errors_are_builtin_errors_too():
    assert issubclass(lr.ShapeError, ValueError)
    assert issubclass(lr.ArgumentError, ValueError)
    assert issubclass(lr.DTypeError, TypeError)
    assert issubclass(lr.RecordingError, RuntimeError)
    assert issubclass(lr.Diverged, FloatingPointError)
    assert issubclass(lr.MissingFiles, FileNotFoundError)
    assert all(issubclass(getattr(lr, name), lr.Error) for name in ("ShapeError", "Diverged", "FormatError"))
