"""Few images of digits, which a small network soon learns."""

from __future__ import annotations

import numpy as np

import lrswift as lr

TRAIN = lr.data.load("digits").train
X, Y = TRAIN.x.astype(np.float32)[:512] / 16, TRAIN.y[:512]
