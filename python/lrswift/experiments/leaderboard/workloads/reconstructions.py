"""Images to be given back: from a few numbers (an autoencoder), or out of noise (a diffusion denoiser)."""

from __future__ import annotations

import functools

import numpy as np

from .... import models
from ....nn.functional import mse_loss
from ..workload import Arrays, Root, Workload
from .arrays import flat, images


def _same(root: Root) -> tuple[Arrays, Arrays]:
    (x, _), (v, _) = flat(images("mnist", 8000, 500, root))
    return (x, x), (v, v)


def _noised(root: Root) -> tuple[Arrays, Arrays]:
    """Digits at random times of a diffusion, and the noise in them; the time beside the pixels as waves.

    The noise is drawn once, so that validation has none of its own.
    """
    rng = np.random.RandomState(3)

    def draw(x: np.ndarray, times: int) -> Arrays:
        x = np.tile(2 * x - 1, (times, 1))
        t = rng.rand(len(x), 1)
        # Nichol and Dhariwal's cosine schedule (2021)
        kept, noise = np.cos(0.5 * np.pi * t), rng.randn(*x.shape)
        waves = np.concatenate([np.sin(2**k * np.pi * t) for k in range(8)], 1)
        mixed = kept * x + np.sqrt(1 - kept**2) * noise
        return np.concatenate([mixed, waves], 1).astype(np.float32), noise.astype(np.float32)

    (x, _), (v, _) = flat(images("digits", 1437, 360, root))
    return draw(x, 8), draw(v, 4)


# fmt: off
AUTOENCODER = Workload(
    "autoencoder", "choosing", "reconstruction", "784-128-24-128-784 on MNIST",
    _same, functools.partial(models.mlp, 784, (128, 24, 128), 784), mse_loss, 64, 600,
)
DIFFUSION = Workload(
    "diffusion", "reporting", "reconstruction", "72-128-128-64 that tells the noise in digits",
    _noised, functools.partial(models.mlp, 72, (128, 128), 64), mse_loss, 64, 1000,
)
# fmt: on
