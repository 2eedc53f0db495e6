"""States in files: what others wrote is read value for value, or its dtype is named."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lrswift as lr

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
