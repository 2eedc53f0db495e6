"""Labels of classes that the model does not have: said before anything is trained."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import lrswift as lr

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((300, 3)).astype(np.float32), rng.integers(0, 4, 300)


def network() -> lr.nn.Module:
    lr.seed(0)
    return lr.nn.Sequential(lr.nn.Linear(3, 8), lr.nn.BatchNorm1d(8), lr.nn.Dropout(0.3), lr.nn.Linear(8, 4))


def fitted(model: lr.nn.Module, y: np.ndarray, **options) -> lr.nn.Module:
    optimizer = lr.optim.SGD(model.parameters(), lr=0.1)
    lr.fit(model, optimizer, (X, y), **{"epochs": 1, "batch_size": 8, "progress": False, **options})
    return model


@pytest.mark.parametrize("label", [7, 4, -1])
@pytest.mark.parametrize("part", ["train", "valid"])
def test_the_row_is_named_and_the_model_is_as_it_was(label: int, part: str) -> None:
    model, wrong = network(), Y.copy()
    wrong[170] = label
    before = model.state_dict()
    given = {"y": wrong} if part == "train" else {"y": Y, "valid": (X, wrong)}
    told = rf"{part}: y: got label {label} in row 170; allowed: 0 to 3, as the model has 4 classes"
    with pytest.raises(lr.ArgumentError, match=told):
        fitted(model, **given)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert model.training


def test_a_loss_with_arguments_is_looked_at_too() -> None:
    smooth = functools.partial(lr.nn.functional.cross_entropy, label_smoothing=0.1)
    with pytest.raises(lr.ArgumentError, match="train: y: got label 4 in row"):
        fitted(network(), Y + 1, loss=smooth)


def test_the_look_changes_no_number() -> None:
    """A loss of the same value that is not looked at: the same weights to the bit."""
    one = fitted(network(), Y)
    other = fitted(network(), Y, loss=lambda p, y: lr.nn.functional.cross_entropy(p, y))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_models_that_take_no_single_row_are_trained() -> None:
    class Pairs(lr.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = lr.nn.Linear(3, 4)

        def forward(self, x: lr.Tensor) -> lr.Tensor:
            if x.shape[0] % 2:
                raise ValueError("an odd number of rows")
            return self.linear(x)

    fitted(Pairs(), Y)
