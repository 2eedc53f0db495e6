"""What networks of images take."""

import numpy as np
import pytest

import lrswift as lr


def test_gray_images_need_no_channel():
    model = lr.models.lenet()
    x = np.random.default_rng(0).random((2, 28, 28))
    np.testing.assert_array_equal(model(x).numpy(), model(x[..., None]).numpy())


@pytest.mark.parametrize("shape", [(2, 28), (2, 28, 28, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(lr.ShapeError, match=r"x: got shape .*; allowed: \[N, H, W, 1\]"):
        lr.models.lenet()(np.zeros(shape))
