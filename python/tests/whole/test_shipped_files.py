"""The binary files of the package, as they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import lrswift as lr
from lrswift import _core

PACKAGE = Path(lr.__file__).parent


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf of binutils")
@pytest.mark.parametrize(
    "path", [Path(_core.__file__), PACKAGE / "liblrswift.so"], ids=lambda path: path.name
)
def test_libraries_are_looked_for_beside_the_file_alone(path: Path) -> None:
    """Not in folders of the machine that built it: the same file everywhere, and no way in for others."""
    told = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" in told
    found = re.findall(r"\((R(?:UN)?PATH)\).*\[(.*)\]", told)
    assert found == [("RUNPATH", "$ORIGIN")]
