"""Densely connected networks."""

import numpy as np
import pytest
import torch
from model_checks import has_right_derivatives, learns

import lrswift as lr

rng = np.random.default_rng(0)


class Layer(torch.nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        nn = torch.nn
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 4 * growth, 1, bias=False)),
            *(nn.BatchNorm2d(4 * growth), nn.ReLU()),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


def twin_of(blocks, growth, classes):
    """DenseNet-BC in PyTorch, with the stem of small images."""
    nn = torch.nn
    channels = 2 * growth
    layers = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for place, count in enumerate(blocks):
        if place:
            half = channels // 2
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, half, 1, bias=False)]
            layers.append(nn.AvgPool2d(2))
            channels = half
        for _ in range(count):
            layers.append(Layer(channels, growth))
            channels += growth
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, classes))


def test_121_layers_are_as_many_numbers_as_pytorchs():
    count = sum(p.numel() for p in twin_of((6, 12, 24, 16), 12, 10).parameters())
    assert lr.models.densenet(121, 12).num_parameters() == count


def test_outputs_are_pytorchs():
    made = lr.models.densenet(growth=3, classes=4, blocks=(2, 3)).to(lr.float64)
    twin = twin_of((2, 3), 3, 4).double()
    with torch.no_grad():
        for target, p in zip(twin.parameters(), made.parameters(), strict=True):
            array = torch.from_numpy(np.array(p.numpy()))
            target.copy_(array.permute(3, 2, 0, 1) if array.ndim == 4 else array)
    x = rng.random((3, 8, 8, 3))
    expected = twin(torch.from_numpy(x).permute(0, 3, 1, 2)).detach().numpy()
    np.testing.assert_allclose(made(lr.tensor(x, dtype=lr.float64)).numpy(), expected, rtol=1e-7, atol=1e-9)


def test_derivatives_and_learning():
    make = lambda: lr.models.densenet(growth=2, classes=3, blocks=(2, 2))  # noqa: E731
    has_right_derivatives(make, (3, 4, 4, 3), 3)
    learns(lambda: lr.models.densenet(growth=4, classes=3, blocks=(2, 2)), (8, 8, 8, 3), 3)


def test_what_there_is_not():
    with pytest.raises(lr.ArgumentError, match="densenet: depth: got 100; allowed: 121, 169, 201"):
        lr.models.densenet(100)
    with pytest.raises(lr.ArgumentError, match="growth"):
        lr.models.densenet(growth=0)
    with pytest.raises(lr.ArgumentError, match="blocks"):
        lr.models.densenet(blocks=(2, 0))
