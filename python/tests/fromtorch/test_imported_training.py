"""What trains and differentiates a network of the engine does so to one that came from torch."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lrswift as lr

RATES, STEPS = [0.1, 0.05], 6


@pytest.fixture
def module():
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.SiLU(), nn.Flatten(), nn.Linear(3 * 4, 4)
    ).double()


def batches(seed, count):
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(5, 1, 4, 4, generator=generator, dtype=torch.float64),
            torch.randint(4, (5,), generator=generator),
        )
        for _ in range(count)
    ]


def arrays(given):
    return [tuple(part.numpy() for part in batch) for batch in given]


def validation_loss(module, train, valid, rates, momentum):
    """After training in torch, each rate for its share of the steps; by the statistics of the batch."""
    module = copy.deepcopy(module).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0, momentum=momentum)
    for step, (x, y) in enumerate(train):
        optimizer.param_groups[0]["lr"] = rates[step * len(rates) // len(train)]
        optimizer.zero_grad()
        F.cross_entropy(module(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        return sum(F.cross_entropy(module(x), y).item() for x, y in valid) / len(valid)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_hypergradients_are_those_of_runs_in_torch(module, mode):
    train, valid = batches(1, STEPS), batches(2, 2)
    native = lr.from_torch(module, train[0][0])
    h = lr.hypergradient(
        native, lr.nn.functional.cross_entropy, arrays(train), arrays(valid), learning_rates=RATES,
        momentums=[0.5], mode=mode, dtype="float64",
    )  # fmt: skip
    eps = 1e-5
    assert h.valid_loss == pytest.approx(validation_loss(module, train, valid, RATES, 0.5), rel=1e-9)
    for i, found in enumerate(h.learning_rates):
        above, below = ([r + s * eps * (i == k) for k, r in enumerate(RATES)] for s in (1, -1))
        expected = (
            validation_loss(module, train, valid, above, 0.5)
            - validation_loss(module, train, valid, below, 0.5)
        ) / (2 * eps)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)
    expected = (
        validation_loss(module, train, valid, RATES, 0.5 + eps)
        - validation_loss(module, train, valid, RATES, 0.5 - eps)
    ) / (2 * eps)
    assert h.momentums[0] == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_find_lr_leaves_it_as_it_was(module):
    x, y = (torch.cat(parts) for parts in zip(*batches(3, 8), strict=True))
    native = lr.from_torch(module, x)
    before = native.state_dict()
    found = lr.find_lr(
        native, lr.nn.functional.cross_entropy, (x.numpy(), y.numpy()), batch_size=5, progress=False
    )
    assert found.lr > 0
    for name, value in native.state_dict().items():
        assert np.array_equal(value, before[name])


def test_its_files_go_round(module, tmp_path):
    native = lr.from_torch(module, torch.randn(2, 1, 4, 4, dtype=torch.float64))
    lr.save(tmp_path / "net", native)
    other = copy.deepcopy(native)
    for parameter in other.parameters():
        parameter.assign(parameter * 2.0)
    other.load_state_dict(lr.load(tmp_path / "net"))
    for name, value in native.state_dict().items():
        assert np.array_equal(value, other.state_dict()[name])
        assert value.dtype == other.state_dict()[name].dtype
