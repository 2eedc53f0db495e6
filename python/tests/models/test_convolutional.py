"""Networks of convolutions and pooling."""

import numpy as np
import pytest
import torch
from model_checks import has_right_derivatives, learns

import lrswift as lr

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("model", "shape", "count"),
    [
        (lambda: lr.models.lenet(), (2, 28, 28), 61706),
        (lambda: lr.models.lenet(10, 3, 32), (2, 32, 32, 3), 62006),
        (lambda: lr.models.mnist_cnn(), (2, 28, 28), 431080),
        (lambda: lr.models.mnist_cnn(pooling="average"), (2, 28, 28), 431080),
        (lambda: lr.models.alrs_cnn(), (2, 28, 28, 1), 320 + 18496 + 9216 * 128 + 128 + 1290),
        (lambda: lr.models.fashion_convnet(), (2, 28, 28), 832 + 51264 + 3136 * 1024 + 1024 + 10250),
    ],
    ids=["lenet", "lenet-color", "mnist_cnn", "average", "alrs_cnn", "fashion_convnet"],
)
def test_sizes(model, shape, count):
    made = model().eval()
    assert made.num_parameters() == count
    assert made(rng.random(shape)).shape == (2, 10)
    pixels = rng.integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_allclose(made(pixels).numpy(), made(pixels.astype(np.float32)).numpy(), rtol=1e-6)


def torch_of(made, pool):
    """The MNIST network in PyTorch, with the same weights."""
    nn = torch.nn
    twin = nn.Sequential(
        *(nn.Conv2d(1, 20, 5), nn.ReLU(), pool(2), nn.Conv2d(20, 50, 5), nn.ReLU(), pool(2)),
        *(nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)),
    ).double()
    with torch.no_grad():
        for target, value in zip(twin.parameters(), made.state_dict().values(), strict=True):
            array = torch.from_numpy(np.array(value, np.float64))
            if array.ndim == 4:  # [kh, kw, in, out]
                array = array.permute(3, 2, 0, 1)
            elif array.shape == (500, 800):  # rows of pixels with channels last
                array = array.reshape(500, 4, 4, 50).permute(0, 3, 1, 2).reshape(500, 800)
            target.copy_(array)
    return twin


@pytest.mark.parametrize(("pooling", "pool"), [("max", torch.nn.MaxPool2d), ("average", torch.nn.AvgPool2d)])
def test_the_mnist_network_is_pytorchs(pooling, pool):
    made = lr.models.mnist_cnn(pooling=pooling).to(lr.float64)
    x = rng.random((3, 28, 28))
    expected = torch_of(made, pool)(torch.from_numpy(x[:, None])).detach().numpy()
    np.testing.assert_allclose(made(lr.tensor(x, dtype=lr.float64)).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_derivatives():
    has_right_derivatives(lambda: lr.models.mnist_cnn(3, "average"), (2, 28, 28), 3)
    has_right_derivatives(lambda: lr.models.lenet(3, 1, 16), (2, 16, 16), 3)
    has_right_derivatives(lambda: lr.models.fashion_convnet(3), (2, 28, 28), 3)


def test_learning():
    learns(lambda: lr.models.fashion_convnet(3, (0.0, 0.0)), (4, 28, 28), 3)


def test_what_there_is_not():
    with pytest.raises(lr.ArgumentError, match="mnist_cnn: pooling: got 'min'; allowed: max, average"):
        lr.models.mnist_cnn(pooling="min")
    with pytest.raises(lr.ArgumentError, match="lenet: size"):
        lr.models.lenet(size=12)
