"""`BoldDriver` in a run of Keras."""

from __future__ import annotations

import os

import numpy as np
import pytest

import lrswift as lr

os.environ.setdefault("KERAS_BACKEND", "torch")


def test_the_rate_follows_the_loss():
    import keras

    from lrswift.callbacks.keras import BoldDriver

    seen = []

    class Seen(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((logs["loss"], float(self.model.optimizer.learning_rate)))

    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    driver = BoldDriver(up=1.5, down=0.5, max_lr=0.05)
    model.fit(x, x.sum(1, keepdims=True), batch_size=16, epochs=3, verbose=0, callbacks=[driver, Seen()])
    rate, last = 0.01, float("inf")
    for loss, taken in seen:
        rate = min(rate * (1.5 if loss < last else 0.5), 0.05)
        last = loss
        assert taken == pytest.approx(rate, rel=1e-5)
    assert len(seen) == 12


@pytest.mark.parametrize(
    "options", [{"up": 0.9}, {"down": 1.0}, {"down": 0.0}, {"min_lr": -1.0}, {"max_lr": -1.0}]
)
def test_what_it_refuses(options):
    from lrswift.callbacks.keras import BoldDriver

    with pytest.raises(lr.ArgumentError, match="BoldDriver"):
        BoldDriver(**options)
