"""The public API is a contract: names and parameters as in public_names.json."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_public_names_and_parameters_are_those_of_the_list():
    spec = importlib.util.spec_from_file_location("public_names", ROOT / "scripts" / "public_names.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    kept, found = json.loads(tool.LIST.read_text()), tool.public_names()
    assert found.keys() == kept.keys()
    for module, names in kept.items():
        assert found[module] == names, f"{module}: if meant, python scripts/public_names.py --write"
