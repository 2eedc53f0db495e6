"""Files are replaced whole; what others wrote is read value for value, or its dtype is named."""

from __future__ import annotations

import json
import math
import os
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lrswift as lr
from lrswift import store

VALUES = [-2.5, 0.0, 1.0, 3.140625, 65504.0]


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
def test_floating_numbers_of_every_width(tmp_path, kind):
    tensor = torch.tensor(VALUES, dtype=getattr(torch, kind)).reshape(5, 1)
    save_file({"w": tensor, "one": tensor[0, 0].clone()}, tmp_path / "f.safetensors")
    found = lr.load(tmp_path / "f.safetensors")
    assert found["w"].dtype == ("float64" if kind == "float64" else "float32")
    np.testing.assert_array_equal(found["w"], tensor.double().numpy())
    assert found["one"].shape == () and found["one"] == tensor[0, 0].double().item()


@pytest.mark.parametrize("kind", ["int64", "int32", "int16", "int8", "uint8", "bool"])
def test_whole_numbers_of_every_width(tmp_path, kind):
    tensor = torch.tensor([0, 1, 100], dtype=getattr(torch, kind))
    save_file({"w": tensor}, tmp_path / "f.safetensors")
    found = lr.load(tmp_path / "f.safetensors")["w"]
    assert found.dtype == (kind if kind in ("uint8", "bool") else "int64")
    np.testing.assert_array_equal(found, tensor.numpy())
    found[:] = 0  # of its own memory


def test_another_dtype_is_named(tmp_path):
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}).encode()
    (tmp_path / "f").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0")
    with pytest.raises(lr.ArgumentError, match="w: got dtype F8_E4M3; allowed: F64"):
        lr.load(tmp_path / "f")


def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    store.write_text(tmp_path / "f", "old")

    def full(handle):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        store.write_text(tmp_path / "f", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"] and (tmp_path / "f").read_text() == "old"


def test_files_are_as_open_makes_them_and_links_stay_links(tmp_path):
    with open(tmp_path / "plain", "w"):
        pass
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "aim")
    store.write(tmp_path / "link", {"w": np.ones(2)}, {})
    assert (tmp_path / "link").is_symlink() and (lr.load(tmp_path / "folder" / "aim")["w"] == 1).all()
    assert (tmp_path / "link").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_has_null_for_what_it_has_no_word_for(tmp_path):
    value = {"a": [1.23456789, math.nan], "b": (math.inf, {"c": np.float64(-math.inf)}), 3: "nan", "d": True}
    store.write_json(tmp_path / "f", value, digits=3)

    def refuse(name):
        raise AssertionError(name)

    found = json.loads((tmp_path / "f").read_text(), parse_constant=refuse)
    assert found == {"a": [1.23, None], "b": [None, {"c": None}], "3": "nan", "d": True}
    assert store.plain(1.23456789) == 1.23456789


def test_csv_has_a_line_a_row_and_nothing_for_none(tmp_path):
    store.write_csv(tmp_path / "f", ["a", "b", "c"], [{"b": 0.1, "a": "x, y"}, {"a": None, "b": 2, "c": "é"}])
    assert (tmp_path / "f").read_bytes().decode() == 'a,b,c\r\n"x, y",0.1,\r\n,2,é\r\n'
    with pytest.raises(ValueError, match="d"):
        store.write_csv(tmp_path / "f", ["a"], [{"d": 1}])


def test_safetensors_agree_with_their_library(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    state = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(True), "c": np.zeros((0, 4), np.float32)}
    lr.save(tmp_path / "x", state)
    for name, value in library.load_file(tmp_path / "x").items():
        np.testing.assert_array_equal(value, state[name])
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-5])
    with pytest.raises(ValueError, match="safetensors"):
        lr.load(tmp_path / "x")


def test_json_with_a_checksum_is_read_whole_or_refused(tmp_path):
    path = tmp_path / "f.json"
    facts = {"b": [1, 0.1, -2e-5, None], "a": {"é": "x", 10: True, 9: False}}
    wanted = {"b": [1, 0.1, -2e-5, None], "a": {"é": "x", "10": True, "9": False}}
    for indent in (None, 1):
        store.write_checked_json(path, facts, indent=indent)
        whole = path.read_bytes()
        assert store.read_checked_json(path, "here", "ab") == wanted
        for i in range(8 * len(whole)):
            damaged = bytearray(whole)
            damaged[i // 8] ^= 1 << i % 8
            path.write_bytes(damaged)
            try:
                # such as 1e-05 and 1E-05, which are the same
                assert store.read_checked_json(path, "here", "ab") == wanted
            except lr.FormatError as error:
                assert str(error).startswith("here: has ")
            path.write_bytes(whole)
    # another layout is the same content, and older files have no sum
    path.write_text(json.dumps(json.loads(whole), indent=3, sort_keys=True))
    assert store.read_checked_json(path, "here", "ab") == wanted
    path.write_text(json.dumps(wanted))
    assert store.read_checked_json(path, "here", "ab") == wanted
    for text in ("", "{", "[]", "3", "[" * 50_000, '{"c": 1}'):
        path.write_text(text)
        with pytest.raises(lr.FormatError, match="here: has "):
            store.read_checked_json(path, "here", "ab")
