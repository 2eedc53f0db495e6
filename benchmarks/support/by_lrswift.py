"""lrswift as a contestant, and the floors that it measures."""

from __future__ import annotations

import numpy as np

import lrswift as lr
from lrswift import _core
from lrswift.hypergradients.episode import Episode, IndexedBatches
from lrswift.loop.recorder import Recorder
from lrswift.progress import Progress

from . import sequence_networks as sequences
from .turns import Clock, Turn
from .work import Columns, Training, Updates


def attention(q: lr.Tensor, k: lr.Tensor, v: lr.Tensor) -> lr.Tensor:
    """softmax(q k^T / sqrt(width)) v, each place of those before it."""
    return lr.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def cross_entropy(outputs: lr.Tensor, labels: lr.Tensor) -> lr.Tensor:
    """Over all places of all sequences."""
    return lr.nn.functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), labels.reshape(-1))


MODELS = {
    "mlp": lambda: lr.models.mlp(784),
    "mlp-small": lambda: lr.models.mlp(784, [32]),
    "mnist-cnn": lr.models.mnist_cnn,
    "lenet": lr.models.lenet,
    "wrn-16-1": lambda: lr.models.wide_resnet(16, 1),
    "wrn-16-4": lambda: lr.models.wide_resnet(16, 4),
    "resnet-18": lr.models.resnet,
    "gpt": lambda: sequences.gpt(lr.nn, attention, np.arange(sequences.LENGTHS["gpt"])),
    "gpt-512": lambda: sequences.gpt(lr.nn, attention, np.arange(sequences.LENGTHS["gpt-512"])),
    "lstm": lambda: sequences.lstm(lr.nn),
    "words": lambda: sequences.words(lr.nn),
}
OPTIMIZERS = {
    "adam": lambda p: lr.optim.Adam(p, lr=1e-3),
    "sgd": lambda p: lr.optim.SGD(p, lr=0.01),
    "momentum": lambda p: lr.optim.SGD(p, lr=0.01, momentum=0.9),
    "prodigy": lambda p: lr.optim.Adam(p, lr=lr.adapt.Prodigy()),
    "d-adaptation": lambda p: lr.optim.Adam(p, lr=lr.adapt.DAdaptation()),
    "schedule-free": lambda p: lr.optim.ScheduleFree(p, direction="adamw"),
}


def training(work: Training) -> Turn:
    """Steps of a recorded program."""
    lr.set_threads(work.threads)
    lr.seed(0)
    x, y = work.data()
    model = MODELS[work.network]().to(work.dtype)
    optimizer = OPTIMIZERS[work.optimizer](list(model.parameters()))
    of_images = x.dtype.kind == "f"
    data = (lr.tensor(x, dtype=work.dtype) if of_images else lr.tensor(x), lr.tensor(y))
    loss = lr.nn.functional.cross_entropy if of_images else cross_entropy
    program = Recorder(model, loss).program(data, work.batch)
    return work.turn(lambda rows: program.run(optimizer._core, data, rows, 1e9))


def updates(work: Updates) -> Turn:
    """Steps on gradients that stay as they are."""
    lr.set_threads(work.threads)
    values, gradients = work.arrays()
    parameters = [lr.tensor(value, requires_grad=True) for value in values]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = lr.tensor(gradient)
    optimizer = OPTIMIZERS[work.rule](parameters)
    return work.turn(lambda: optimizer.step(1.0))


def hypergradients(work: Columns) -> Turn:
    """Steps of one run; the eighth rate, and with it the tenth column, begins after seven eighths of it."""
    lr.set_threads(work.threads)
    lr.seed(0)
    count = 8 * work.steps
    arrays = work.data()
    indices = np.random.default_rng(1).integers(0, len(arrays[0]), (count, work.batch))
    values = {
        "learning_rates": [work.RATE] * 8,
        "momentums": [work.MOMENTUM],
        "weight_decays": [work.DECAY],
    }
    dtype = np.dtype(work.dtype)
    run = Episode(MODELS[work.network](), lr.nn.functional.cross_entropy, count, values, dtype=dtype)
    steps, done = IndexedBatches(arrays, indices, dtype), 7 * work.steps
    with Progress(None, "", False) as bar:
        run.train(steps, 0, done, bar)

    def train(rows: np.ndarray) -> None:
        nonlocal done
        with Progress(None, "", False) as bar:
            run.train(steps, done, done + len(rows), bar)
        done += len(rows)

    return work.turn(train, 1)


def peak(threads: int, dtype: str = "float32", least: float = 0.02) -> Turn:
    """Multiply-adds a second from registers, on all threads: `least` seconds, after as long to warm them."""
    lr.set_threads(threads)
    given = {"rounds": 1 << 20, "double": dtype == "float64", "processor": Clock.processor}

    def turn() -> float:
        seconds, operations = _core.measure("multiply_adds", given)
        while seconds < least * (threads if Clock.processor else 1):
            given["rounds"] *= 2
            seconds, operations = _core.measure("multiply_adds", given)
        seconds, operations = _core.measure("multiply_adds", given)
        return operations / seconds

    return turn


def bandwidth(threads: int, kind: str = "update") -> Turn:
    """Bytes a second of a <- a + s b on vectors that no cache holds."""
    lr.set_threads(threads)
    given = {"kind": kind, "count": 10_000_000, "repeats": 8, "processor": Clock.processor}

    def turn() -> float:
        seconds, moved = _core.measure("stream", given)
        return moved / seconds

    return turn
