"""docs/adding-a-rule.md, followed: its Swift is compiled and tested, its places are there, Python follows."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lrswift as lr
from lrswift.optim import rules as rules_module
from lrswift.optim.directions import by_title, directions
from lrswift.optim.rules import rules, run_rules
from lrswift.rates.cards import cards

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "adding-a-rule.md"
COMPILED = ROOT / "Tests" / "OptimizationTests" / "AddedRuleTests.swift"
pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="needs the repository, not only the installed package"
)


def swift() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return [textwrap.dedent(block) for block in re.findall(r"^ +```swift\n(.*?)^ +```", text, re.S | re.M)]


def test_the_code_of_the_page_is_what_is_compiled_and_tested() -> None:
    rule, reference = swift()
    compiled = COMPILED.read_text(encoding="utf-8")
    imports, body = rule.split("\n\n", 1)
    assert imports.splitlines() == ["import Kernels", "import Vocabulary"]
    assert compiled.endswith(body)
    assert textwrap.indent(reference.removesuffix(",\n"), "    ") in compiled


def test_the_page_names_three_places() -> None:
    """Each step makes or edits one file, the first that it names."""
    found = re.split(r"^\d+\. ", PAGE.read_text(encoding="utf-8").split("\nThen ")[0], flags=re.MULTILINE)[1:]
    places = [re.search(r"`((?:Sources|Tests|python)/[\w./+-]+)`", step) for step in found]
    assert [place and place[1] for place in places] == [
        "Sources/Optimization/Directions/AdaBelief.swift",
        "Sources/Optimization/Direction.swift",
        "Tests/OptimizationTests/References.swift",
    ]
    catalogue = (ROOT / "Sources/Optimization/Direction.swift").read_text(encoding="utf-8")
    assert re.search(r"let directions: \[any Direction\.Type\] = \[\n(    \w+\.self,\n)+", catalogue)
    references = (ROOT / "Tests/OptimizationTests/References.swift").read_text(encoding="utf-8")
    assert re.search(r"static let all: \[Reference\] = \[\n    Reference\(name: ", references)
    assert not (ROOT / "Sources/Optimization/Directions/AdaBelief.swift").exists()
    assert "adabelief" not in rules()


def test_the_table_has_the_families_of_the_core() -> None:
    listed = re.findall(r"^\| `\.(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    declared = (ROOT / "Sources/Vocabulary/Hyperparameter.swift").read_text(encoding="utf-8")
    assert ["learningRate", *listed] == re.findall(r"^  case (\w+)$", declared, re.MULTILINE)


def added_card() -> dict[str, Any]:
    """The page's card as the catalogue would tell it."""
    text = swift()[0]
    cases = re.findall(r"^  case (\w+)$", declared(), re.MULTILINE)
    keys = dict(zip(cases, rules_module.FAMILIES, strict=True))
    name, title, paper, cost = re.search(
        r'Card\(\s*"(\w+)", title: "(\w+)", paper: "(.*?)", cost: "(.*?)"', text
    ).groups()  # type: ignore[union-attr]
    found = re.findall(r'\.init\(\s*"(\w+)", ([\d.e-]+), \.\S.*?, "(.*?)",\s*family: \.(\w+)', text)
    arguments = [
        {"name": key, "default": float(value), "bounds": "", "meaning": meaning, "family": keys[family]}
        for key, value, meaning, family in found
    ]
    rate = float(re.search(r"usualRate = (\S+)", text)[1])  # type: ignore[index]
    facts = {"name": name, "title": title, "paper": paper, "cost": cost, "rate": rate, "variants": []}
    return {**cards("directions")[0], **facts, "arguments": arguments}


def declared() -> str:
    return (ROOT / "Sources/Vocabulary/Hyperparameter.swift").read_text(encoding="utf-8")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue with one line more."""
    monkeypatch.setattr(rules_module, "cards", lambda kind: [*cards(kind), added_card()])
    caches = (rules, run_rules, directions, by_title)
    for cached in caches:
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def test_python_follows_without_a_line(added: None) -> None:
    cls = lr.optim.AdaBelief
    assert issubclass(cls, lr.optim.Optimizer) and cls is directions()["adabelief"]
    assert str(inspect.signature(cls)) == (
        "(params, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, clip_value=inf, clip_norm=inf)"
    )
    assert "arXiv 2010.07468" in cls.__doc__
    assert run_rules()["adabelief"].families == {
        "momentums": 0.9, "weight_decays": 0.0, "beta2s": 0.999, "epsilons": 1e-8
    }  # fmt: skip
