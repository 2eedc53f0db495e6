"""What `fit` does beside training: a record, or its fields, by name and by place."""

import typing

import numpy as np
import pytest

import lrswift as lr
from lrswift.training.options import FitFields

rng = np.random.default_rng(3)
X = rng.normal(size=(60, 4)).astype(np.float32)
Y = X[:, :2].argmax(1)


def trained(*arguments, **options):
    lr.seed(0)
    model = lr.models.mlp(4, [5], 2)
    optimizer = lr.optim.SGD(model.parameters(), lr=0.1)
    history = lr.fit(model, optimizer, (X, Y), (X, Y), *arguments, **options)
    return history, [p.numpy().copy() for p in model.parameters()]


def half(outputs, labels):
    return 0.5


def test_type_checkers_are_told_the_fields():
    assert typing.get_type_hints(FitFields) == typing.get_type_hints(lr.FitOptions)


def test_the_record_and_its_fields_are_one_way(tmp_path):
    kept = tmp_path / "by_place.csv", tmp_path / "by_name.csv", tmp_path / "record.csv", tmp_path / "both.csv"
    seen = []
    record = lr.FitOptions(metrics=(half,), progress=False, log=kept[2], callbacks=(seen.append,))
    runs = [
        trained(
            lr.nn.functional.cross_entropy, 2, 16, True, 7,
            (half,), False, kept[0], None, False, (seen.append,), None,
        ),
        trained(
            epochs=2, batch_size=16, seed=7,
            metrics=(half,), progress=False, log=kept[1], callbacks=(seen.append,),
        ),
        trained(epochs=2, batch_size=16, seed=7, options=record),
        trained(epochs=2, batch_size=16, seed=7, options=record, log=kept[3]),
    ]  # fmt: skip
    assert len(seen) == 8
    reference, parameters = runs[0]
    assert [row["half"] for row in reference.rows] == [0.5, 0.5] and reference.losses.shape == (8,)
    for path, (history, values) in zip(kept, runs, strict=True):
        assert (history.losses == reference.losses).all()
        assert all((a == b).all() for a, b in zip(values, parameters, strict=True))
        assert len(path.read_text().splitlines()) == 3
    # a field beside the record counts in place of the record's own
    assert kept[2].read_text().splitlines()[0] == kept[3].read_text().splitlines()[0]


def test_what_is_no_record_or_no_field_is_refused():
    with pytest.raises(lr.ArgumentTypeError, match=r"options: got 3; allowed: None, or a FitOptions"):
        trained(options=3)
    with pytest.raises(TypeError, match="fit.*metric"):
        trained(metric=(half,))
