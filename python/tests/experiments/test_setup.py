"""Networks by name: every classifier of lr.models is one, and takes the data that it is made for."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr
from lrswift.experiments.setup import MODELS, Setup

rng = np.random.default_rng(0)
# what is no classifier of rows or images
OTHERS = {"DNC", "SSD", "bits_loss", "dnc", "multibox_loss", "ssd", "transformer", "translation_loss"}
GRAY = (
    "mlp",
    "mlp-1000",
    "mlp-300-100",
    "lenet",
    "mnist_cnn",
    "mnist_cnn-average",
    "alrs_cnn",
    "fashion_convnet",
)


def splits(gray: bool) -> lr.data.Splits:
    shape = (4, 28, 28) if gray else (4, 32, 32, 3)
    parts = [lr.data.Dataset(rng.integers(0, 256, shape).astype(np.uint8), np.arange(4)) for _ in range(2)]
    return lr.data.Splits("made up", *parts, list("abcd"))


@pytest.mark.parametrize("name", MODELS)
def test_networks_take_their_images(name: str) -> None:
    setup = Setup.of(splits(name in GRAY), name, None)
    network = setup.network().eval()
    assert network(setup.splits.train.x[:1]).shape == (1, 4)


def test_every_classifier_has_a_name() -> None:
    words = {"resnet": "resnet18", "wide_resnet": "wrn-16-4", "densenet": "densenet121"}
    for name in set(lr.models.__all__) - OTHERS:
        assert words.get(name, name) in MODELS, name


def test_names_are_the_papers_networks() -> None:
    made = lr.models
    for name, network in (
        ("mlp-300-100", made.mlp(784, (300, 100), 4)), ("mlp-1000", made.mlp(784, (1000,), 4)),
        ("mlp", made.mlp(784, (1000, 1000), 4)), ("wrn-16-4", made.wide_resnet(16, 4, 4)),
        ("resnet32", made.resnet(32, 4)), ("densenet121", made.densenet(121, 12, 4)),
    ):  # fmt: skip
        own = Setup.of(splits(name in GRAY), name, None).network()
        assert [p.shape for p in own.parameters()] == [p.shape for p in network.parameters()]


def test_a_network_of_other_images_is_refused_before_training() -> None:
    with pytest.raises(lr.ShapeError, match=r"got shape .*; allowed: \[N, H, W, 3\]"):
        lr.compare(splits(True), "resnet18", ["sgd"], seeds=1, epochs=1, progress=False)
    with pytest.raises(lr.ArgumentError, match="model: got 'resnet19'; allowed: mlp, mlp-1000"):
        lr.compare(splits(True), "resnet19", ["sgd"])
