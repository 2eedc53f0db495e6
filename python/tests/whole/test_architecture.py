"""The numbers of scripts/architecture.py, of a package small enough to count by eye."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "architecture.py"

FILES = {
    "__init__.py": '"""Two lines\nof docstring."""\n\n__all__ = ["long", "Made"]\n',
    # a ring of three, one import of which hides in a function
    "_a.py": "from . import _b\n\n\ndef long(a, b=1, *c, d, **e):\n    '''Says nothing.'''\n    return a\n",
    "_b.py": "from lrswift import _c  # a comment\n",
    "_c.py": '# a comment\nt = """no\ndocstring"""\n\ndef f():\n    from ._a import long\n    return long\n',
    # against the rule: tensors lies below nn
    "tensors/__init__.py": "",
    "tensors/tensor.py": "from ..nn.layers import Made\n",
    "nn/__init__.py": "",
    "nn/layers.py": "class Made:\n    def __init__(self, x, y): pass\n",
    # one that the rule allows, and one of a room that it does not know
    "cli.py": "from .nn import layers\nfrom ._a import long\n",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the script prints: label -> value."""
    source = tmp_path_factory.mktemp("checkout")
    for name, text in FILES.items():
        path = source / "python" / "lrswift" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, SCRIPT, "--source", source]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line[:36].strip(): line[36:].strip() for line in done.stdout.splitlines()}


def test_modules_and_rooms(told):
    assert (told["modules"], told["modules at the root"], told["rooms"]) == ("9", "5", "2")


def test_circles(told):
    assert (told["circles"], told["modules in circles"], told["largest circle"]) == ("1", "3", "3")


def test_the_rule(told):
    # _a -> _b -> _c -> _a and cli -> _a; tensors -> nn; cli -> nn
    assert told["imports between rooms"] == "6"
    assert told["imports against the rule"] == "1"
    assert told["imports the rule knows no room for"] == "4"


def test_the_longest_function(told):
    assert told["longest public function"] == "long, 5 parameters"


def test_lines(told):
    # 1 of the list, 3 + 1 + 5 of the ring, 2 of the command line
    assert (told["(root)"], told["nn/"], told["tensors/"], told["in all"]) == ("12", "2", "1", "15")
