"""Residual networks."""

import numpy as np
import pytest
import torch
from model_checks import has_right_derivatives, learns

import lrswift as lr

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        # the same networks in PyTorch have as many; He's of 20 layers 269,722, without the two projections
        (lambda: lr.models.resnet(18), 11173962),
        (lambda: lr.models.resnet(50), 23520842),
        (lambda: lr.models.resnet(20), 272474),
        (lambda: lr.models.resnet(32), 466906),
        (lambda: lr.models.resnet(56), 855770),
        (lambda: lr.models.wide_resnet(16, 4), 2748890),
        (lambda: lr.models.wide_resnet(16, 1), 175066),
    ],
    ids=["18", "50", "20", "32", "56", "wide-4", "wide-1"],
)
def test_sizes(model, count):
    made = model()
    assert made.num_parameters() == count
    assert made(rng.random((2, 8, 8, 3))).shape == (2, 10)


class Block(torch.nn.Module):
    """He's bottleneck, as torchvision has it."""

    def __init__(self, inputs, inner, stride):
        super().__init__()
        nn = torch.nn
        self.body = nn.Sequential(
            *(nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()),
            *(nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()),
            *(nn.Conv2d(inner, 4 * inner, 1, bias=False), nn.BatchNorm2d(4 * inner)),
        )
        self.short = nn.Identity()
        if stride != 1 or inputs != 4 * inner:
            norm = nn.BatchNorm2d(4 * inner)
            self.short = nn.Sequential(nn.Conv2d(inputs, 4 * inner, 1, stride, bias=False), norm)

    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))


def test_fifty_layers_are_pytorchs():
    """Training mode, in float64, narrow: a block of each kind and the ends."""
    made = lr.models.resnet(50, classes=5, width=4).to(lr.float64)
    nn = torch.nn
    layers, inputs = [nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()], 4
    for stage, count in enumerate((3, 4, 6, 3)):
        for k in range(count):
            layers.append(Block(inputs, 4 * 2**stage, 2 if stage > 0 and k == 0 else 1))
            inputs = 16 * 2**stage
    twin = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 5)).double()
    values = [np.array(p.numpy()) for p in made.parameters()]
    with torch.no_grad():
        for target, value in zip(twin.parameters(), values, strict=True):
            array = torch.from_numpy(value)
            target.copy_(array.permute(3, 2, 0, 1) if array.ndim == 4 else array)
    x = rng.random((3, 8, 8, 3))
    expected = twin(torch.from_numpy(x).permute(0, 3, 1, 2)).detach().numpy()
    np.testing.assert_allclose(made(lr.tensor(x, dtype=lr.float64)).numpy(), expected, rtol=1e-7, atol=1e-9)


def test_derivatives_and_learning():
    has_right_derivatives(lambda: lr.models.resnet(20, 3, 2), (3, 8, 8, 3), 3)
    has_right_derivatives(lambda: lr.models.resnet(50, 3, 2), (6, 8, 8, 3), 3)
    learns(lambda: lr.models.resnet(20, 3, 4), (8, 8, 8, 3), 3)


def test_depths_and_widths_that_do_not_exist():
    with pytest.raises(lr.ArgumentError, match="resnet: depth: got 21; allowed: 18, 20, 32"):
        lr.models.resnet(21)
    with pytest.raises(lr.ArgumentError, match="resnet: width: got 0"):
        lr.models.resnet(18, width=0)
    with pytest.raises(lr.ArgumentError, match="depth"):
        lr.models.wide_resnet(17)
    with pytest.raises(lr.ArgumentError, match="width"):
        lr.models.wide_resnet(16, 0)
