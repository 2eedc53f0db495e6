"""Small tables, scaled and as they are: measurements of patients, tumours and wines."""

from __future__ import annotations

import functools

from .... import models
from ....nn.functional import cross_entropy, mse_loss
from ..workload import Arrays, Make, Root, Workload
from .arrays import table


def _table(name: str, scaled: bool, regression: bool, _: Root) -> tuple[Arrays, Arrays]:
    return table(name, scaled, regression)


def _mlp(inputs: int, outputs: int) -> Make:
    return functools.partial(models.mlp, inputs, (32,), outputs)


# fmt: off
CANCER = Workload(
    "cancer", "choosing", "table", "30-32-2 on breast cancer, standardized",
    functools.partial(_table, "breast_cancer", True, False), _mlp(30, 2), cross_entropy, 32, 300,
)
DIABETES = Workload(
    "diabetes", "reporting", "table", "10-32-1 on diabetes, standardized",
    functools.partial(_table, "diabetes", True, True), _mlp(10, 1), mse_loss, 32, 400,
)
DIABETES_RAW = Workload(
    "diabetes_raw", "choosing", "table", "10-32-1 on diabetes as it is",
    functools.partial(_table, "diabetes", False, True), _mlp(10, 1), mse_loss, 32, 800,
)
WINE_RAW = Workload(
    "wine_raw", "reporting", "table", "13-32-3 on wine as it is",
    functools.partial(_table, "wine", False, False), _mlp(13, 3), cross_entropy, 32, 800,
)
# fmt: on
