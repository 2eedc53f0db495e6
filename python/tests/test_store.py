"""Files of states, beside the library that reads them."""

import numpy as np
import pytest

import lrswift as lr


def test_safetensors_agree_with_their_library(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    state = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(True), "c": np.zeros((0, 4), np.float32)}
    lr.save(tmp_path / "x", state)
    for name, value in library.load_file(tmp_path / "x").items():
        np.testing.assert_array_equal(value, state[name])
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-5])
    with pytest.raises(ValueError, match="safetensors"):
        lr.load(tmp_path / "x")
