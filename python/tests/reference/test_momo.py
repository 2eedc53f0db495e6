"""The reference of MoMo alone: golden numbers."""

from __future__ import annotations

import goldens
import numpy as np

from reference import momo, problems


def test_momo_golden() -> None:
    start = [np.array([1.0, 2.0, 3.0])]
    first, _ = problems.bowl(start)
    goldens.near([first, *problems.run(momo.MoMo(), 3, problems.bowl, start)[1]], goldens.MOMO_LOSSES, 5e-4)
