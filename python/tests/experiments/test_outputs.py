"""Whose a folder's files are: told by the command line in them, in JSON and in safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import lrswift as lr
from lrswift import store
from lrswift.experiments import outputs

FILES = ("results.csv", "results.json", "model.safetensors")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("lrswift train --epochs 2", "lrswift train --epochs 2 --quiet --threads 4 --out x", True),
        ("lrswift train --epochs 2", "lrswift train --epochs 2 --out=y --json --resume --force", True),
        ("lrswift train --epochs 2", "lrswift train --epochs 3", False),
        ("lrswift train --data 'a b.csv'", "lrswift train --data a b.csv", False),
    ],
)
def test_which_lines_make_the_same_files(one: str, other: str, same: bool) -> None:
    assert outputs.same_run(one, other) is same


def test_a_file_says_who_wrote_it(tmp_path: Path) -> None:
    line = "lrswift train --epochs 2"
    (tmp_path / "a.json").write_text(json.dumps({"command": line}))
    store.write(tmp_path / "b.safetensors", {"x": np.zeros(2)}, {outputs.KEY: line})
    assert outputs.writer(tmp_path / "a.json") == outputs.writer(tmp_path / "b.safetensors") == line
    for name, content in (
        ("c.json", b"[1]"),
        ("d.json", b"{"),
        ("e.safetensors", b"nothing"),
        ("f.json", b"{}"),
    ):
        (tmp_path / name).write_bytes(content)
        assert outputs.writer(tmp_path / name) is None
    assert outputs.writer(tmp_path / "none.json") is None


def test_a_table_belongs_to_whom_the_record_beside_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("a,b")
    assert outputs.foreign(tmp_path, FILES, "lrswift compare")
    (tmp_path / "results.json").write_text(json.dumps({"command": "lrswift compare --seeds 2"}))
    assert outputs.foreign(tmp_path, FILES, "lrswift compare --seeds 2 --json") is None
    assert outputs.foreign(tmp_path, FILES, "lrswift compare") == ("results.csv", "lrswift compare --seeds 2")
    assert outputs.free_folder(str(tmp_path), FILES, "lrswift compare") == Path(f"{tmp_path}-2")
    assert outputs.free_folder(str(tmp_path), FILES, "lrswift compare --seeds 2") == tmp_path
    outputs.check_ours(tmp_path, FILES, "lrswift compare --seeds 2", goes_on=False)
    with pytest.raises(
        lr.ArgumentError, match=r"results.csv is there already, of `lrswift compare --seeds 2`"
    ):
        outputs.check_ours(tmp_path, FILES, "lrswift compare", goes_on=False)
