"""Rates of `lrswift.adapt` for JAX: as optax transformations, and found before a run. Needs jax and optax.

tx = optax.chain(optax.scale_by_adam(eps=1e-4), lr.optax.scale_by_l4())

schedule = lr.optax.auto(loss, params, batches, steps=1000)
tx = optax.adamw(schedule, b2=0.99, weight_decay=0.1)
"""

from .searched import FoundSchedule, auto
from .transformations import scale_by_hd, scale_by_l4, scale_by_qlabgrad, scale_by_sps, scale_by_tlr

__all__ = [
    "FoundSchedule",
    "auto",
    "scale_by_hd",
    "scale_by_l4",
    "scale_by_qlabgrad",
    "scale_by_sps",
    "scale_by_tlr",
]
