"""Tables of a user's own: what is read of them, and what is said of those that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr
from lrswift.data import from_file

ROWS = [(i % 7 + 0.5, -3.0 * i, 2.0) for i in range(40)]
NAMES = ["no", "yes", "maybe"]


def written(path, head="a,b,c,answer", rows=None, separator=","):
    rows = [(*row, NAMES[i % 3]) for i, row in enumerate(ROWS)] if rows is None else rows
    lines = [head.replace(",", separator), *(separator.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_file(tmp_path, separator):
    splits = from_file(written(tmp_path / "t.csv", separator=separator))
    assert splits.classes == ["maybe", "no", "yes"]
    assert (len(splits.train), len(splits.test)) == (32, 8)
    assert splits.train.x.dtype == np.float32
    # by the training part alone
    np.testing.assert_allclose(splits.train.x.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(splits.train.x.std(0)[:2], 1.0, atol=1e-6)
    # a column that never changes
    assert not splits.train.x[:, 2].any()
    assert not splits.test.x[:, 2].any()
    # each row with its own class: b is -3 times the row's number
    b = np.concatenate([splits.train.x[:, 1], splits.test.x[:, 1]])
    y = np.concatenate([splits.train.y, splits.test.y])
    order = np.argsort(-b)
    assert [splits.classes[k] for k in y[order]] == [NAMES[i % 3] for i in range(40)]
    assert splits.scaled().train.x is not None
    np.testing.assert_array_equal(splits.scaled().train.x, splits.train.x)


def test_another_target_and_numbers_as_classes(tmp_path):
    rows = [(i % 2, i, 10 + i % 4) for i in range(30)]
    path = written(tmp_path / "t.csv", "k,x,n", rows)
    assert from_file(path, "k").classes == ["0", "1"]
    assert from_file(path).classes == ["10", "11", "12", "13"]
    assert from_file(path, "k").train.x.shape == (24, 2)


def test_npz_and_parquet_hold_the_same(tmp_path):
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).standard_normal((50, 3))
    y = np.arange(50) % 2
    np.savez(tmp_path / "t.npz", x=x, y=y)
    from_npz = from_file(tmp_path / "t.npz")
    frame = pandas.DataFrame(x, columns=list("abc"))
    frame["y"] = y
    frame.to_csv(tmp_path / "t.csv", index=False)
    from_csv = from_file(tmp_path / "t.csv")
    np.testing.assert_allclose(from_npz.train.x, from_csv.train.x, rtol=1e-6)
    np.testing.assert_array_equal(from_npz.test.y, from_csv.test.y)
    assert from_npz.classes == from_csv.classes == ["0", "1"]
    images = np.arange(2 * 20 * 4 * 4, dtype=float).reshape(40, 4, 4)
    np.savez(tmp_path / "i.npz", images=images, label=np.arange(40) % 4)
    assert from_file(tmp_path / "i.npz", "label").train.x.shape == (32, 4, 4)


def test_the_draw_follows_from_the_seed(tmp_path):
    path = written(tmp_path / "t.csv")
    one, two = from_file(path, seed=1), from_file(path, seed=1)
    np.testing.assert_array_equal(one.test.x, two.test.x)
    assert not np.array_equal(one.test.x, from_file(path, seed=2).test.x)


@pytest.mark.parametrize(("head", "rows", "target", "said"), [
    ("a,b", [(1, 2)] * 9, "c", "target: no column 'c'; allowed: a, b"),
    ("a,b", [("red", 0), (1, 1)] * 9, None, "column 'a' has 'red' in row 1; allowed: numbers"),
    ("a,b", [(1, 0), ("", 1)] * 9, None, "column 'a' has '' in row 2"),
    ("a,b", [(1, 0), ("inf", 1)] * 9, None, "column 'a' .* row 2"),
    ("a,b", [(1, "x"), (2, "")] * 9, None, "target 'b' is empty in row 2"),
    ("a,b", [(1, 0.5), (2, 1)] * 9, None, "has 0.5 in row 1, which is no class.*MLPRegressor"),
    ("a,b", [(1, 3)] * 9, None, "has 1 different values; allowed: 2 to 1000 classes"),
    ("b", [(1,), (2,)], None, "'b' is the only column"),
    ("a,a", [(1, 2)], None, "two columns are named 'a'"),
    ("1,2", [(1, 2)], None, "the first line has numbers"),
    ("a,b", [(1, 0), (1,)], None, "row 2 has 1 fields, the line of names 2"),
])  # fmt: skip
def test_what_is_no_table_is_told_with_its_place(tmp_path, head, rows, target, said):
    with pytest.raises(lr.ArgumentError, match=said) as raised:
        from_file(written(tmp_path / "t.csv", head, rows), target)
    assert "t.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_are_missing_damaged_or_of_another_kind(tmp_path):
    with pytest.raises(lr.MissingFiles, match="no such file"):
        from_file(tmp_path / "none.csv")
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(lr.ArgumentError, match=r"\.csv, \.npz, \.parquet"):
        from_file(tmp_path / "t.xlsx")
    for name in ("t.npz", "t.parquet"):
        (tmp_path / name).write_bytes(b"no such thing")
        with pytest.raises((lr.FormatError, ImportError), match=name):
            from_file(tmp_path / name)
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(lr.FormatError, match="not UTF-8"):
        from_file(tmp_path / "t.csv")
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(lr.FormatError, match="empty"):
        from_file(tmp_path / "e.csv")
    np.savez(tmp_path / "o.npz", x=np.array([{"a": 1}], dtype=object), y=np.arange(1))
    with pytest.raises(lr.FormatError, match="o.npz"):
        from_file(tmp_path / "o.npz")
    np.savez(tmp_path / "s.npz", x=np.ones((5, 2)), y=np.arange(4) % 2)
    with pytest.raises(lr.ArgumentError, match="4 rows as the target"):
        from_file(tmp_path / "s.npz")
