"""Data sets by name, and their file formats."""

import gzip
import math
import os
import struct
import tracemalloc
import warnings
from pathlib import Path

import goldens
import numpy as np
import pytest

import lrswift as lr


def idx(path: Path, array: np.ndarray, magic: int | None = None, extra: bytes = b"") -> None:
    header = struct.pack(f">{1 + array.ndim}I", magic or 0x0800 + array.ndim, *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(header + array.tobytes() + extra))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with an MNIST of 6 and 3 images."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 6), ("t10k", 3)):
        idx(
            tmp_path / "mnist" / f"{part}-images-idx3-ubyte.gz",
            rng.integers(0, 256, (count, 28, 28)).astype("u1"),
        )
        idx(tmp_path / "mnist" / f"{part}-labels-idx1-ubyte.gz", np.arange(count).astype("u1"))
    return tmp_path


def test_idx(tiny, monkeypatch):
    data = lr.data.load("mnist", tiny)
    assert data.train.x.shape == (6, 28, 28)
    assert data.train.x.dtype == np.uint8
    np.testing.assert_array_equal(data.test.y, [0, 1, 2])
    assert data.classes == [str(i) for i in range(10)]
    monkeypatch.setenv("LRSWIFT_DATA", str(tiny))
    assert len(lr.data.load("mnist").train) == 6
    monkeypatch.delenv("LRSWIFT_DATA")
    (tiny / "data").mkdir()
    (tiny / "mnist").rename(tiny / "data" / "mnist")
    monkeypatch.chdir(tiny)
    assert len(lr.data.load("mnist").train) == 6


def test_missing_files_are_named(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("LRSWIFT_DATA", raising=False)
    (tiny / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing t10k-labels-idx1-ubyte\.gz in"):
        lr.data.load("mnist", tiny)
    with pytest.raises(FileNotFoundError, match="train-images.*looked in"):
        lr.data.load("fashion-mnist", tmp_path)
    with pytest.raises(ValueError, match="digits, mnist"):
        lr.data.load("imagenet")


def test_damaged_files_are_refused(tiny):
    path = tiny / "mnist" / "train-images-idx3-ubyte.gz"
    good = np.zeros((6, 28, 28), np.uint8)
    idx(path, good, magic=2049)
    with pytest.raises(ValueError, match="magic number 2049; allowed: 2051"):
        lr.data.load("mnist", tiny)
    idx(path, good, extra=b"x")
    with pytest.raises(ValueError, match="4721 bytes; allowed: 4720"):
        lr.data.load("mnist", tiny)
    idx(path, good[:5])
    with pytest.raises(ValueError, match="6 labels"):
        lr.data.load("mnist", tiny)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="gzip"):
        lr.data.load("mnist", tiny)


def test_a_root_is_the_only_place(tiny, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("LRSWIFT_DATA", str(tiny))
    monkeypatch.chdir(tiny)
    (tiny / "data").symlink_to(tiny, target_is_directory=True)
    for name in ("mnist", "fashion-mnist", "cifar10", "text"):
        with pytest.raises(FileNotFoundError, match="looked in ") as caught:
            lr.data.load(name, root=tmp_path / "empty")
        assert str(caught.value).count(str(tmp_path)) == 1 and "LRSWIFT_DATA" not in str(caught.value)
    assert len(lr.data.load("mnist").train) == len(lr.data.load("mnist", root=tiny / "mnist").train) == 6


def test_files_are_unpacked_to_what_their_header_says_and_no_further(tiny, tmp_path):
    bomb, gigabyte = gzip.compress(bytes(2**20), 9), 1024
    labels = tiny / "mnist" / "t10k-labels-idx1-ubyte.gz"
    # a member after the other: a gigabyte of zeros in a megabyte
    labels.write_bytes(gzip.compress(struct.pack(">2I", 2049, 3) + b"\0\1\2") + bomb * gigabyte)
    (tmp_path / "cifar-10").mkdir()
    for name in ("data_batch_1.bin.gz", "test_batch.bin.gz"):
        (tmp_path / "cifar-10" / name).write_bytes(bomb * gigabyte)
    tracemalloc.start()
    with pytest.raises(lr.FormatError, match="at least 12 bytes; allowed: 11 for"):
        lr.data.load("mnist", tiny)
    with (
        pytest.raises(lr.FormatError, match="more than 30730000 bytes; allowed: at most 10000 records"),
        pytest.warns(UserWarning, match="1 of 5"),
    ):
        lr.data.load("cifar10", tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(2**32 - 1, 28, 28), (2**32 - 1,) * 3])
def test_a_header_that_promises_more_than_there_can_be_is_refused(tiny, shape):
    path = tiny / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">4I", 2051, *shape) + bytes(1000)))
    with pytest.raises(lr.FormatError, match=f"its header says {16 + math.prod(shape)} bytes"):
        lr.data.load("mnist", tiny)
    for short in (b"", b"\0\0\x08\x03\0"):
        path.write_bytes(gzip.compress(short))
        with pytest.raises(lr.FormatError, match="allowed: at least 16, the header"):
            lr.data.load("mnist", tiny)


def test_cifar10(tmp_path):
    folder = tmp_path / "cifar-10"
    folder.mkdir()
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (4, 3073)).astype(np.uint8)
    records[:, 0] = [3, 9, 0, 1]
    for name in ("data_batch_2.bin.gz", "test_batch.bin.gz"):
        (folder / name).write_bytes(gzip.compress(records.tobytes()))
    with pytest.warns(UserWarning, match=r"data_batch_1\.bin\.gz.*1 of 5"):
        data = lr.data.load("cifar10", tmp_path)
    np.testing.assert_array_equal(data.train.y, [3, 9, 0, 1])
    assert data.train.x.shape == (4, 32, 32, 3)
    # record 2, green plane, row 5, column 7
    assert data.train.x[2, 5, 7, 1] == records[2, 1 + 1024 + 5 * 32 + 7]
    (folder / "data_batch_2.bin.gz").write_bytes(gzip.compress(b"short"))
    with pytest.raises(ValueError, match="multiple of 3073"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lr.data.load("cifar10", tmp_path)


def test_text(tmp_path):
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("abcab" * 20)
    data = lr.data.load("text", tmp_path)
    assert data.classes == ["a", "b", "c"]
    assert bytes(data.train.x[:4]) == b"abca"
    assert bytes(data.train.y[:4]) == b"bcab"
    assert len(data.train) == 89


def test_digits_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets")
    data = lr.data.load("digits")
    assert data.train.x.shape == (1437, 8, 8)
    assert data.test.x.shape == (360, 8, 8)
    ours = np.concatenate([data.train.x, data.test.x]).reshape(-1, 64)
    theirs = datasets.load_digits().data
    np.testing.assert_array_equal(np.sort(ours.sum(1)), np.sort(theirs.sum(1)))
    assert data.scaled().train.x.max() == 1.0
    assert data.scaled().train.x.dtype == np.float32


def test_published_facts_of_mnist():
    root = os.environ.get("LRSWIFT_DATA")
    if not root or not (Path(root) / "mnist").is_dir():
        pytest.skip("LRSWIFT_DATA names no folder with mnist")
    train = lr.data.load("mnist").train
    assert np.bincount(train.y).tolist() == goldens.MNIST_COUNTS
    pixels = train.scaled().x
    assert abs(pixels.mean(dtype=float) - goldens.MNIST_MEAN) < 5e-5
    assert abs(pixels.std(dtype=float) - goldens.MNIST_DEVIATION) < 5e-5


def test_multi30k(tmp_path):
    folder = tmp_path / "multi30k"
    folder.mkdir()
    sides = {"train.de": "Zwei Männer.\nEin Hund\n", "train.en": "Two men.\nA dog\n",
             "test_2016_flickr.de": "Eine Frau\n", "test_2016_flickr.en": "A woman\n"}  # fmt: skip
    for name, text in sides.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    data = lr.data.load("multi30k", tmp_path)
    assert (data.train.x.tolist(), data.train.y.tolist()) == (
        ["Zwei Männer.", "Ein Hund"],
        ["Two men.", "A dog"],
    )
    assert (data.test.x.tolist(), data.test.y.tolist(), data.classes) == (["Eine Frau"], ["A woman"], [])
    (folder / "train.en.gz").write_bytes(gzip.compress(b"Two men.\n"))
    with pytest.raises(lr.FormatError, match=r"train\.en\.gz: 1 lines; allowed: 2, as in the other language"):
        lr.data.load("multi30k", tmp_path)
    (folder / "train.en.gz").write_bytes(gzip.compress(b"\xff\xfe\n\n"))
    with pytest.raises(lr.FormatError, match=r"train\.en\.gz: no UTF-8 text"):
        lr.data.load("multi30k", tmp_path)
    (folder / "test_2016_flickr.de.gz").write_bytes(gzip.compress(b""))
    (folder / "train.en.gz").write_bytes(gzip.compress(b"Two men.\nA dog\n"))
    with pytest.raises(lr.FormatError, match=r"flickr\.de\.gz: 0 lines"):
        lr.data.load("multi30k", tmp_path)
    (folder / "train.de.gz").unlink()
    with pytest.raises(lr.MissingFiles, match=r"multi30k: missing train\.de\.gz in"):
        lr.data.load("multi30k", tmp_path)
