"""Operations on integers beside NumPy's."""

import warnings

import numpy as np
import pytest

import lrswift as lr

nn, F = lr.nn, lr.nn.functional


def test_integers():
    i = lr.arange(5)
    assert (i + 1).dtype == lr.int64
    np.testing.assert_array_equal((i * 3 - 1).numpy(), np.arange(5) * 3 - 1)
    np.testing.assert_allclose((i / 2).numpy(), np.arange(5) / 2)
    assert (i * 2.5).dtype == lr.float32
    np.testing.assert_array_equal((i - lr.tensor([1, 1, 1, 1, 1])).numpy(), np.arange(5) - 1)
    assert i.sum().item() == 10
    assert i[2:].dtype == lr.int64
    assert "abcd"[lr.tensor(2)] == "c"


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_integers_are_moved_as_by_numpy(dtype):
    array = np.random.default_rng(0).integers(0, 200, (3, 4, 5)).astype(dtype)
    x = lr.tensor(array)
    for found, wanted in (
        (x.transpose((2, 0, 1)), array.transpose(2, 0, 1)),
        (x[:, 1], array[:, 1]),
        (x[::2, ..., 1:4], array[::2, ..., 1:4]),
        (x[..., ::-2], array[..., ::-2]),
        (lr.cat([x, x[:1]], axis=0), np.concatenate([array, array[:1]])),
        (lr.cat([x, x[:, :0]], axis=1), array),
    ):
        assert found.dtype == array.dtype and not found.requires_grad
        np.testing.assert_array_equal(found.numpy(), wanted)


def test_a_loss_that_slices_its_integers_is_recorded():
    """Columns of users and items, as in a factorization: the same losses as run anew, without a warning."""
    rng = np.random.default_rng(1)
    x = np.stack([rng.integers(0, 7, 96), rng.integers(0, 5, 96)], 1)
    y = rng.normal(size=96).astype(np.float32)

    class Factors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = nn.Embedding(7, 3), nn.Embedding(5, 3)

        def forward(self, pairs):
            flat = lr.cat([pairs[:, 0], pairs[:, 1]], axis=0)
            users, items = flat[: len(pairs)], pairs.transpose((1, 0))[1]
            return (self.users(users) * self.items(items)).sum(1)

    def trained(loss):
        lr.seed(0)
        model = Factors()
        optimizer = lr.optim.Adam(model.parameters(), lr=0.05)
        return lr.fit(model, optimizer, (x, y), loss=loss, epochs=3, batch_size=16, progress=False).losses

    def reading(outputs, target):
        loss = F.mse_loss(outputs, target)
        float(loss)
        return loss

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = trained(F.mse_loss)
    with pytest.warns(UserWarning, match="run anew for every batch"):
        eager = trained(reading)
    np.testing.assert_array_equal(recorded, eager)
