"""The cases that Python knows are all that the core has, under the same numbers."""

from __future__ import annotations

import json

import pytest

from lrswift._core import catalogue
from lrswift.rates import codes

LISTED = json.loads(catalogue("enumerations"))


@pytest.mark.parametrize("name", ["request", "decision", "scope", "guard", "outcome", "bound"])
def test_every_case_has_its_number(name: str) -> None:
    cases = getattr(codes, name.capitalize())
    assert {case.name.lower(): int(case) for case in cases} == LISTED[name]
