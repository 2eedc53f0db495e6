"""The ready-made networks."""

import numpy as np
import pytest

import lrswift as lr

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("model", "shape", "count"),
    [
        (lambda: lr.models.mlp(784), (2, 28, 28), 784 * 1000 + 1000 + 1000 * 1000 + 1000 + 10000 + 10),
        (lambda: lr.models.lenet(), (2, 28, 28), 61706),
        (lambda: lr.models.lenet(10, 3, 32), (2, 32, 32, 3), 62006),
        (lambda: lr.models.mnist_cnn(), (2, 28, 28), 431080),
        (lambda: lr.models.alrs_cnn(), (2, 28, 28, 1), 320 + 18496 + 9216 * 128 + 128 + 1290),
        # the same networks in PyTorch have as many
        (lambda: lr.models.resnet(18), (2, 32, 32, 3), 11173962),
        (lambda: lr.models.wide_resnet(16, 4), (2, 32, 32, 3), 2748890),
        (lambda: lr.models.wide_resnet(16, 1), (2, 32, 32, 3), 175066),
    ],
    ids=["mlp", "lenet", "lenet-color", "mnist_cnn", "alrs_cnn", "resnet", "wide_resnet", "wide_resnet-1"],
)
def test_models(model, shape, count):
    made = model()
    assert made.num_parameters() == count
    assert made(rng.random(shape)).shape == (2, 10)
    pixels = rng.integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_allclose(made(pixels).numpy(), made(pixels.astype(np.float32)).numpy(), rtol=1e-6)


def test_depths_and_widths_that_do_not_exist():
    with pytest.raises(lr.ArgumentError, match="depth"):
        lr.models.resnet(20)
    with pytest.raises(lr.ArgumentError, match="depth"):
        lr.models.wide_resnet(17)
    with pytest.raises(lr.ArgumentError, match="width"):
        lr.models.wide_resnet(16, 0)
