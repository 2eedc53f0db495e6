"""docs/adding-an-adapter.md, followed: its Swift is compiled and tested, its places are there, and what it
promises of Python is there by itself; that it is so in torch, test_catalogue.py asks of every rate.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from lrswift import _core

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "adding-an-adapter.md"
COMPILED = ROOT / "Tests" / "AdaptationTests" / "AddedRateTests.swift"
PLACES = [
    "Sources/Adaptation/BoldDriver.swift",
    "Sources/Adaptation/RateCatalogue.swift",
    "Tests/AdaptationTests/BoldDriverTests.swift",
    "python/tests/reference/bold_driver.py",
    "python/tests/rate_cases.py",
]
pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="needs the repository, not only the installed package"
)


def steps() -> list[str]:
    """What is under each number of the list."""
    return re.split(r"^\d+\. ", PAGE.read_text(encoding="utf-8").split("\nThen ")[0], flags=re.MULTILINE)[1:]


def code(step: str, language: str) -> str:
    """The one block of a step, without its indent."""
    (block,) = re.findall(rf"^   ```{language}\n(.*?)^   ```", step, re.DOTALL | re.MULTILINE)
    return "".join(line[3:] or "\n" for line in block.splitlines(keepends=True))


def test_the_page_names_five_places() -> None:
    """Each step makes or edits one file, the first that it names."""
    named = [re.search(r"`((?:Sources|Tests|python)/[\w./+-]+)`", step) for step in steps()]
    assert [place and place[1] for place in named] == PLACES
    for place in PLACES:
        new = "a new file" in steps()[PLACES.index(place)]
        assert (ROOT / place).exists() != new, place
    catalogue = (ROOT / PLACES[1]).read_text(encoding="utf-8")
    assert re.search(r"let machines: \[any RateMachine\.Type\] = \[\n(    \w+\.self,\n)+", catalogue)


def test_the_swift_of_the_page_is_what_is_compiled_and_tested() -> None:
    """AddedRateTests has the page's adapter and the page's test, word for word."""
    compiled = COMPILED.read_text(encoding="utf-8")
    imports, adapter = code(steps()[0], "swift").split("\n\n", 1)
    assert imports == "import Vocabulary" and f"\n\n{adapter}" in compiled
    test = code(steps()[2], "swift")
    body = re.search(r"final class BoldDriverTests: XCTestCase {\n(.*)^}", test, re.DOTALL | re.MULTILINE)
    assert body and body[1] in compiled


def card_of(text: str) -> dict[str, Any]:
    """The card of the page's Swift as the catalogue would write it; of bounds it knows those of the page."""
    name, title = re.search(r'Card\(\s*"(\w+)", title: "(\w+)"', text).groups()
    about = textwrap.dedent(re.search(r'about: """\n(.*?)\n\s+"""', text, re.DOTALL)[1])
    paper, cost = re.search(r'paper: "(.*?)",\s+cost: "(.*?)"', text).groups()
    arguments = []
    for key, value, bounds, meaning in re.findall(r'\.init\("(\w+)", ([\d.]+), \.(.+), "(.*?)"\)', text):
        low, high, open_low = "0", "inf", True
        if found := re.fullmatch(r"(from|between)\(([^,]+), (?:below: )?(.+)\)", bounds):
            low, high, open_low = found[2], found[3].replace(".infinity", "inf"), found[1] == "between"
        else:
            assert bounds == "positive"
        allowed = f"{'above' if open_low else 'at least'} {low}" + f" and below {high}" * (high != "inf")
        arguments.append({
            "name": key, "default": float(value), "bounds": allowed, "meaning": meaning, "low": float(low),
            "high": high, "open_low": open_low, "open_high": True, "whole": False, "choices": [],
            "optional": False, "usual": {}, "family": None,
        })  # fmt: skip
    constant = next(card for card in json.loads(_core.catalogue("rates")) if card["name"] == "constant")
    return {
        **constant, "name": name, "title": title, "about": about, "paper": paper, "cost": cost,
        "needs_loss": "static let needsLoss = true" in text, "first_rate": "initial", "arguments": arguments,
    }  # fmt: skip


def test_cards_are_written_here_as_the_core_writes_them() -> None:
    """What `card_of` makes of a card of the catalogue is what the core says of it."""
    text = (ROOT / "Sources/Adaptation/NaiveTLR.swift").read_text(encoding="utf-8")
    (core,) = (card for card in json.loads(_core.catalogue("rates")) if card["name"] == "naive_tlr")
    made = card_of(text)
    for key in ("name", "title", "about", "paper", "cost", "first_rate", "common"):
        assert made[key] == core[key], key
    assert made["arguments"] == core["arguments"][:1]


# the package of a reader who has built the library: its catalogue has one card more
WITH_CARD = """
import importlib.machinery, json, sys

CARD = json.loads(sys.stdin.read())

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "lrswift._core":
            return None
        spec = super().find_spec(name, path, target)
        execute = spec.loader.exec_module

        def patched(module):
            execute(module)
            written = module.catalogue
            module.catalogue = lambda kind: (
                json.dumps(json.loads(written(kind)) + [CARD]) if kind == "rates" else written(kind)
            )

        spec.loader.exec_module = patched
        return spec

sys.meta_path.insert(0, Finder)
"""

FOLLOWED = """
import inspect, pickle
import numpy as np
import lrswift as lr
from lrswift import cli
from lrswift.training.methods import METHODS

BoldDriver = lr.adapt.BoldDriver
assert "BoldDriver" in lr.adapt.__all__ and issubclass(BoldDriver, lr.adapt.Adapter)
assert str(inspect.signature(BoldDriver)).startswith(
    "(initial: float = 0.01, grow: float = 1.1, shrink: float = 0.9, memory: float = 0.9, *, min_lr: float"
)
doc = BoldDriver.__doc__
assert doc.startswith("Grows the rate while the loss falls and shrinks it when the loss rises.")
for text in ("grow: factor after a loss that fell (at least 1; default 1.1)", "Source:", "Battiti 1989"):
    assert text in doc, doc
assert lr.adapt.named("bold_driver") == BoldDriver() == pickle.loads(pickle.dumps(BoldDriver()))
assert BoldDriver(grow=1.2).attributes()["grow"] == 1.2 and BoldDriver().core_name == "bold_driver"
for key, value in {"grow": 0.5, "shrink": 1, "memory": -0.1, "initial": 0}.items():
    try:
        BoldDriver(**{key: value})
    except lr.ArgumentError as error:
        assert str(error).startswith(f"BoldDriver: {key}: got {value}; allowed: "), error
    else:
        raise AssertionError(key)

def unbuilt(make):
    # the description is there; only the machine is not, as this library was built without it
    try:
        make()
    except lr.ArgumentError as error:
        assert "there is no learning-rate method 'bold_driver'" in str(error), error
    else:
        raise AssertionError("made of nothing")

parameters = [lr.tensor([1.0], requires_grad=True)]
unbuilt(lambda: lr.optim.Adam(parameters, lr="bold_driver"))
unbuilt(lambda: lr.numpy.Adapted(lr=BoldDriver()))
unbuilt(lambda: METHODS["bold_driver+momentum:grow=1.05"])

from lrswift.optim.decisions import explain, replay
nothing = {name: np.full(1, 0.0) for name in HISTORY.split(",")}
assert "slope <g, d>" in explain(nothing, 0, "bold_driver")
unbuilt(lambda: replay(nothing, BoldDriver()))

from rate_cases import CASES
case = CASES["bold-driver"]
reference, rates = case.reference(), []
for loss in (3.0, 2.0, 4.0):
    rates.append(reference.step([np.ones(2)], lambda p: (loss, [np.zeros(2)]))[1])
assert rates == [0.01, 0.01 * 1.1, 0.01 * 1.1 * 0.9], rates
unbuilt(lambda: case.native(parameters))
cli.main(["info", "--methods"])
"""


def test_an_adapter_that_follows_the_page_is_everywhere(tmp_path: Path) -> None:
    """With the page's card in the catalogue, and its reference and case in the tests, but no other line of
    Python: the class, its name, errors and description, explain, replay, NumPy, the command line.
    """
    tests = tmp_path / "tests"
    keep = shutil.ignore_patterns("__pycache__", "whole", "test_*")
    shutil.copytree(ROOT / "python/tests", tests, ignore=keep)
    (tests / "reference/bold_driver.py").write_text(code(steps()[3], "python"), encoding="utf-8")
    table = (tests / "rate_cases.py").read_text(encoding="utf-8")
    assert "import `bold_driver` at its top" in " ".join(steps()[4].split())
    table = table.replace("from reference import bb, ", "from reference import bb, bold_driver, ", 1)
    line = code(steps()[4], "python")
    assert table.count("CASES = {\n") == 1
    (tests / "rate_cases.py").write_text(
        table.replace("CASES = {\n", f"CASES = {{\n{line}"), encoding="utf-8"
    )
    names, _ = _core.Optimizer("sgd", {}, "l4", {}).history()
    script = WITH_CARD + f"HISTORY = {names!r}\n" + FOLLOWED
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(card_of(code(steps()[0], "swift"))), timeout=300,
        capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), *sys.path[1:]])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "bold_driver: BoldDriver" in done.stdout and "memory: of the average loss" in done.stdout
