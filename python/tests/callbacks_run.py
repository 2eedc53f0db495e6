"""A short run with callbacks."""

from __future__ import annotations

import numpy as np

import lrswift as lr


def run(*given, epochs=6):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 4)).astype(np.float32)
    y = (x[:, 0] + rng.standard_normal(96) > 0).astype(np.int64)
    lr.seed(0)
    model = lr.models.mlp(inputs=4, hidden=[16], outputs=2)
    history = lr.fit(
        model, lr.optim.Adam(model.parameters(), lr=0.05), (x[:64], y[:64]), (x[64:], y[64:]), epochs=epochs,
        batch_size=16, progress=False, callbacks=given,
    )  # fmt: skip
    return model, history
