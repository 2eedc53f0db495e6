"""lr="auto" around a torch optimizer: the native search, and nothing left of it but the rate."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch

import lrswift as lr
import lrswift.torch

STEPS = 240
rng = np.random.default_rng(3)
X = rng.standard_normal((512, 12)).astype(np.float32)
Y = (X @ rng.standard_normal((12, 3)) + rng.standard_normal((512, 3))).argmax(1)


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(12, 24), torch.nn.ReLU(), torch.nn.Linear(24, 3))


BASES = {
    "adamw": lambda p: torch.optim.AdamW(p, betas=(0.9, 0.99), weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    # by torch's own code
    "nadam": lambda p: torch.optim.NAdam(p),
}


def adapted(model: torch.nn.Module, base: str = "adamw", steps: int | None = STEPS) -> lr.torch.Adapted:
    return lr.torch.Adapted(BASES[base](model.parameters()), lr=lr.adapt.Auto(steps=steps))


def rows(step: int) -> np.ndarray:
    return np.random.default_rng(step).integers(0, len(X), 32)


def train(model: torch.nn.Module, optimizer: lr.torch.Adapted, first: int, last: int) -> list[float]:
    losses = []
    for step in range(first, last):
        at = rows(step)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(X[at])), torch.tensor(Y[at]))
        loss.backward()
        optimizer.step(loss=loss)
        losses.append(loss.item())
    return losses


def searching(optimizer: lr.torch.Adapted) -> bool:
    return bool(optimizer._machines[0].get("searching"))


@pytest.mark.parametrize("base", BASES)
def test_after_the_search_everything_is_as_before_it(base):
    model = network()
    optimizer = adapted(model, base)
    before = copy.deepcopy(model.state_dict())
    count = 0
    while searching(optimizer):
        train(model, optimizer, count, count + 1)
        count += 1
    assert 2 <= count <= 32
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not optimizer.base.state_dict()["state"]
    losses = train(model, optimizer, count, STEPS)
    assert np.mean(losses[-20:]) < 0.8 * losses[0]


def test_it_is_the_native_search():
    model = network()
    native = lr.models.mlp(12, [24], 3)
    native.load_state_dict(
        {k: v.numpy() for k, v in zip(native.state_dict(), model.state_dict().values(), strict=True)}
    )
    optimizer, other = adapted(model), lr.optim.Auto(native.named_parameters(), steps=STEPS)
    mine = train(model, optimizer, 0, 60)
    theirs = []
    for step in range(60):
        x, y = lr.tensor(X[rows(step)]), lr.tensor(Y[rows(step)])
        theirs.append(other.minimize(lambda x=x, y=y: lr.nn.functional.cross_entropy(native(x), y)))
    np.testing.assert_allclose(mine, theirs, rtol=1e-4)
    assert optimizer._machines[0].get("found") == pytest.approx(other._core.get("found"), rel=1e-6)


@pytest.mark.parametrize("stop", [1, 6, 60])
def test_state_goes_on_to_the_bit_also_in_the_middle_of_the_search(stop):
    model, twin = network(), network(1)
    optimizer, other = adapted(model), adapted(twin)
    train(model, optimizer, 0, stop)
    twin.load_state_dict(copy.deepcopy(model.state_dict()))
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert train(model, optimizer, stop, STEPS) == train(twin, other, stop, STEPS)


def test_what_is_not_finite_ends_the_search_and_leaves_the_model():
    model = network()
    optimizer = adapted(model)
    before = copy.deepcopy(model.state_dict())
    train(model, optimizer, 0, 6)
    optimizer.zero_grad()
    (sum(p.sum() for p in model.parameters()) * float("nan")).backward()
    optimizer.step(loss=float("nan"))
    assert not searching(optimizer)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    train(model, optimizer, 7, STEPS)


def test_the_number_of_steps_must_be_known():
    model = network()
    for optimizer in (
        adapted(model, steps=None),
        lr.torch.Adapted(BASES["adamw"](model.parameters()), lr="auto"),
    ):
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(lr.ArgumentError, match="steps="):
            train(model, optimizer, 0, 1)
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name]), name


def test_a_base_that_has_stepped_before_goes_back_to_there():
    model = network()
    base = BASES["adamw"](model.parameters())
    for step in range(3):
        at = rows(step)
        base.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.tensor(X[at])), torch.tensor(Y[at])).backward()
        base.step()
    before = copy.deepcopy(base.state_dict()["state"])
    optimizer = lr.torch.Adapted(base, lr=lr.adapt.Auto(steps=STEPS))
    count = 0
    while searching(optimizer):
        train(model, optimizer, count, count + 1)
        count += 1
    after = base.state_dict()["state"]
    for place, kept in before.items():
        for name, value in kept.items():
            assert torch.equal(torch.as_tensor(after[place][name]), torch.as_tensor(value)), name


def test_explain_says_what_the_search_has_come_to() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    x = torch.randn(64, 4)
    optimizer = lr.torch.Adapted(torch.optim.AdamW(model.parameters()), lr=lr.adapt.Auto(steps=400))
    said = [optimizer.explain()]
    for _ in range(70):

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = ((model(x).squeeze(1) - x.sum(1)) ** 2).mean()
            loss.backward()
            return loss

        optimizer.step(closure)
        said.append(optimizer.explain())
    assert said[0] == "auto: no step taken yet, in a run of 400 steps"
    assert said[1] == "auto: step 1 of the search, in a run of 400 steps"
    assert re.match(r"auto: rate [0-9.e-]+, found in \d+ steps\n", said[-1]) and "falls to 0" in said[-1]
    plain = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr=lr.adapt.L4())
    with pytest.raises(lr.ArgumentError, match=r"the record holds none; call record\(True\) first"):
        plain.explain()
