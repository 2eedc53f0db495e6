"""Checksums: any flipped bit is refused, files without one are read, others' programs read ours."""

from __future__ import annotations

import json
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import lrswift as lr
from lrswift import store

STATE = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    "Größe\x1f": np.array([True, False]),
    "count": np.array(3),
    "empty": np.zeros((0, 4)),
}
METADATA = {"lrswift": '{"epoch": 3, "é": "\\u000f"}', "note": "\x0e"}


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "state.safetensors"
    store.write(path, STATE, METADATA)
    return path


def same(found):
    arrays, metadata = found
    assert metadata == METADATA and sorted(arrays) == sorted(STATE)
    for name, value in STATE.items():
        np.testing.assert_array_equal(arrays[name], value)
        assert arrays[name].dtype == value.dtype


def test_what_is_written_is_read(good):
    same(store.read(good))


def test_any_flipped_bit_is_refused_by_name(good):
    whole = good.read_bytes()
    for i in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[i // 8] ^= 1 << i % 8
        good.write_bytes(bytes(damaged))
        with pytest.raises(lr.FormatError, match="state.safetensors: not a whole safetensors file"):
            store.read(good)


def test_missing_and_added_bytes_are_refused(good):
    whole = good.read_bytes()
    for damaged in [whole[:n] for n in range(len(whole))] + [whole + b"\0", b"\0" + whole]:
        good.write_bytes(damaged)
        with pytest.raises(lr.FormatError):
            store.read(good)


def test_other_programs_read_them_and_what_they_copy_is_whole(good):
    found = load_file(good)
    for name, value in STATE.items():
        np.testing.assert_array_equal(found[name], value)
    with safe_open(good, framework="np") as file:
        metadata = dict(file.metadata())
    assert METADATA.items() <= metadata.items()
    # in another order, with the same metadata
    save_file(dict(reversed(found.items())), good, metadata=dict(reversed(metadata.items())))
    same(store.read(good))
    save_file({**found, "count": np.array(4)}, good, metadata=metadata)
    with pytest.raises(lr.FormatError, match="its checksum is not that of its content"):
        lr.load(good)


def test_files_without_a_checksum_are_read(good):
    save_file(STATE, good, metadata=METADATA)
    same(store.read(good))
    save_file(STATE, good)
    assert store.read(good)[1] == {}


def file_of(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **others):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **others}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends within the header"),
        (b"PK\3\4 no such file at all", "ends within the header"),
        (struct.pack("<Q", 2**63) + b"{}", "ends within the header"),
        (file_of(b"{"), "no JSON"),
        (file_of(b"\xff\xff"), "no JSON"),
        (file_of(b"[" * 50_000), "no JSON"),
        (file_of([]), "no JSON object"),
        (file_of({"__metadata__": {"a": 1}}), "no texts by name"),
        (file_of({"__metadata__": []}), "no texts by name"),
        (file_of({"a": 1}), "'a' is no tensor"),
        (file_of({"a": entry(more=1)}, bytes(8)), "'a' is no tensor"),
        (file_of({"a": entry(shape=[2.0])}, bytes(8)), "'a' is no tensor"),
        (file_of({"a": entry(shape=[True, 2])}, bytes(8)), "'a' is no tensor"),
        (file_of({"a": entry(dtype=None)}, bytes(8)), "'a' is no tensor"),
        (file_of({"a": entry(shape=[-2])}, bytes(8)), "'a' is no tensor"),
        (file_of({"a": entry(offsets=[8, 0])}, bytes(8)), "not where they should be"),
        (file_of({"a": entry(offsets=[0, 8, 9])}, bytes(8)), "not where they should be"),
        (file_of({"a": entry(offsets=[4, 12])}, bytes(12)), "not where they should be"),
        (file_of({"a": entry(), "b": entry()}, bytes(8)), "not where they should be"),
        (file_of({"a": entry()}, bytes(4)), "not where they should be"),
        (file_of({"a": entry()}, bytes(9)), "9 bytes of data, 8 in the header"),
        (file_of({"a": entry(shape=[3])}, bytes(8)), "8 bytes for 'a'"),
        (file_of({"a": entry(shape=[2**62, 2**62])}, bytes(8)), "8 bytes for 'a'"),
        (file_of({"a": entry(shape=[0, 2**70], offsets=[0, 0])}), "got shape"),
        (file_of({"a": entry("BOOL", [2], [0, 2])}, b"\1\2"), "got 2 for a bool"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_this_form_is_refused(tmp_path, content, reason):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(lr.FormatError, match=reason):
        lr.load(tmp_path / "f")


def test_random_damage_is_refused_and_nothing_else(good):
    whole, draw = good.read_bytes(), random.Random(0)
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            where = draw.randrange(len(damaged))
            match draw.randrange(4):
                case 0:
                    damaged[where] = draw.randrange(256)
                case 1:
                    del damaged[where : where + draw.randint(1, 40)]
                case 2:
                    damaged[where:where] = draw.randbytes(draw.randint(1, 9))
                case _:
                    damaged[where : where + 4] = damaged[-4:]
            damaged = damaged or bytearray(b"{")
        good.write_bytes(bytes(damaged))
        if damaged != whole:
            with pytest.raises(lr.FormatError):
                store.read(good)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
HEADER = st.dictionaries(
    st.sampled_from(["__metadata__", "a", "b"]),
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "BOOL", "F8_E4M3"]) | JSON,
            "shape": st.lists(st.integers(-1, 4), max_size=3) | JSON,
            "data_offsets": st.lists(st.integers(-1, 16), min_size=2, max_size=2) | JSON,
        }
    )
    | JSON,
)


@settings(max_examples=300, deadline=None)
@given(header=HEADER | JSON, data=st.binary(max_size=16))
def test_any_header_is_read_or_refused(tmp_path_factory, header, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(file_of(header, data))
    try:
        arrays, metadata = store.read(path)
    except lr.Error:
        return
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    assert all(isinstance(text, str) for text in metadata.values())


def test_names_that_are_no_text_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(lr.ArgumentError, match="not a text"):
        lr.save(tmp_path / "f", {"\ud800": np.zeros(1)})
    assert not list(tmp_path.iterdir())
