"""The root of YellowFin's cubic alone."""

from __future__ import annotations

import goldens
import pytest

from reference import yellowfin


@pytest.mark.parametrize(("p", "root"), goldens.YELLOWFIN_ROOTS)
def test_yellowfin_root_golden(p: float, root: float) -> None:
    assert yellowfin.cubic_root(p) == pytest.approx(root, abs=2e-6)
