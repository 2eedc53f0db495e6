"""A parameter or module may have any name, also one that means something in the state of an optimizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lrswift as lr

NAMES = [
    "rate",
    "step",
    "lr",
    "guard",
    "evaluating",
    "skipped_steps",
    "state",
    "weight",
    "model",
    "optimizer",
]
X, Y = np.ones((8, 3), "f4"), np.zeros(8, int)


def network(name: str) -> lr.nn.Module:
    class Network(lr.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            lr.seed(1)
            # a module of modules, so that "rate.0" is a name, too
            setattr(self, name, lr.nn.Sequential(lr.nn.Linear(3, 4), lr.nn.Linear(4, 2)))

        def forward(self, x: lr.Tensor) -> lr.Tensor:
            return getattr(self, name)(x)  # type: ignore[no-any-return]

    return Network()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_resumed_whatever_parts_are_called(name: str, tmp_path: Path) -> None:
    def train(epochs: int, path: Path | None, resume: bool = False) -> lr.nn.Module:
        model = network(name)
        optimizer = lr.optim.Adam(model.parameters(), lr=lr.adapt.TLR(window=1, per="tensor"))
        lr.fit(model, optimizer, (X, Y), epochs=epochs, progress=False, checkpoint=path, resume=resume)
        return model

    train(1, tmp_path / "run")
    resumed = train(2, tmp_path / "run", resume=True)
    at_once = train(2, None)
    for ours, wanted in zip(resumed.parameters(), at_once.parameters(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), wanted.numpy())


@pytest.mark.parametrize(
    "rate", [0.01, lr.adapt.TLR(window=1, per="tensor"), lr.adapt.TLR(window=2, per="pooled")]
)
def test_parameters_by_any_name(rate: object) -> None:
    names = [
        "rate",
        "rate.0",
        "rate.0.rate",
        "rate.hypergradient",
        "step",
        ":",
        ":rate",
        "a",
        "a.step",
        "\N{SNOWMAN}",
        "x y",
    ]

    def make() -> lr.optim.Optimizer:
        tensors = [lr.tensor(np.full(2, i + 1.0), requires_grad=True) for i in range(len(names))]
        return lr.optim.Adam(list(zip(names, tensors, strict=True)), lr=rate)

    def step(optimizer: lr.optim.Optimizer) -> None:
        tensors = optimizer.param_groups[0]["params"]
        optimizer.minimize(lambda: sum((t * t).sum() for t in tensors))  # type: ignore[arg-type]

    ours = make()
    ours.guard()
    for _ in range(3):
        step(ours)
    state = ours.state_dict()
    other = make()
    for a, b in zip(other.param_groups[0]["params"], ours.param_groups[0]["params"], strict=True):
        a.assign(b)
    other.load_state_dict(state)
    step(ours)
    step(other)
    for a, b in zip(other.param_groups[0]["params"], ours.param_groups[0]["params"], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert set(other.state_dict()) == set(ours.state_dict())


def test_a_name_is_made_up_only_where_it_is_free() -> None:
    def tensor() -> lr.Tensor:
        return lr.tensor(np.ones(2), requires_grad=True)

    optimizer = lr.optim.SGD([("param.1", tensor()), tensor(), ("param.1", tensor()), tensor()], lr=0.1)
    names = [key[: -len(".lr")] for key in optimizer.state_dict() if key.endswith(".lr")]
    assert len(set(names)) == 4 and "param.1" in names
