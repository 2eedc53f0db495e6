"""The workloads of the leaderboard: a list, a line each. None ever changes its half, data or budget."""

from __future__ import annotations

from ..workload import Workload
from . import (
    captions,
    characters,
    clicks,
    comparisons,
    densities,
    embeddings,
    graphs,
    image_convolutions,
    image_networks,
    physics,
    policies,
    reconstructions,
    signals,
    tables,
)

# in pairs: one to choose by, one alike to report on
_ALL = (
    image_networks.MNIST, image_networks.DIGITS,
    image_networks.MNIST_8, image_networks.FASHION_8,
    image_networks.FASHION_2048, image_networks.MNIST_2048,
    image_networks.DEEP_TANH, image_networks.DEEP_RELU,
    image_networks.WIDE_FASHION, image_networks.WIDE_MNIST,
    image_networks.NOISE_40, image_networks.NOISE_20,
    image_convolutions.CIFAR, image_convolutions.FASHION,
    tables.CANCER, tables.DIABETES,
    tables.DIABETES_RAW, tables.WINE_RAW,
    reconstructions.AUTOENCODER, reconstructions.DIFFUSION,
    characters.GRU, characters.TRANSFORMER,
    captions.NEXT_WORD, captions.TRANSLATION,
    clicks.CLICKS, captions.BAG_OF_WORDS,
    embeddings.RATINGS, embeddings.LIKES,
    graphs.BLOCKS, graphs.KARATE,
    policies.BANDIT, policies.MAZE,
    densities.GAUSSIAN, densities.MIXTURE,
    physics.OSCILLATOR, physics.POISSON,
    signals.FORECAST, signals.SHAPES,
    comparisons.CONTRASTIVE, comparisons.CRITIC,
)  # fmt: skip

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _ALL}
