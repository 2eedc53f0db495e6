"""Learning rates of one layer each: their hypergradients against differences of whole runs, and schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lrswift as lr
from lrswift import nn
from lrswift.hypergradients.options import OPTIMIZERS
from lrswift.optim.rules import run_rule

F = nn.functional


def network(normalized: bool) -> nn.Module:
    lr.seed(6)
    norm = [nn.BatchNorm1d(5)] if normalized else []
    return nn.Sequential(nn.Linear(4, 5), *norm, nn.Tanh(), nn.Linear(5, 4), nn.Softplus(), nn.Linear(4, 3))


def batches(count: int, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(8, 4)), rng.integers(0, 3, 8)) for _ in range(count)]


def run(model: Any, rates: Any, optimizer: str = "sgd", **options: Any) -> Any:
    values: dict[str, Any] = {"momentums": [0.7], "weight_decays": [0.02], "per": "layer", **options}
    families = run_rule(optimizer).families
    if "epsilons" in families:
        values["epsilons"] = [1e-2]
    if "momentums" not in families:
        del values["momentums"]
    return lr.hypergradient(
        model, F.cross_entropy, batches(40), batches(2, 1), rates, optimizer=optimizer, **values
    )


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_finite_differences_of_every_layer(optimizer: str, normalized: bool) -> None:
    """Along one random direction for each layer, at the best of several difference steps."""
    model, rng = network(normalized), np.random.default_rng(2)
    layers = 4 if normalized else 3
    rates = rng.uniform(0.1, 0.3, (layers, 4)) * (0.1 if "epsilons" in run_rule(optimizer).families else 1)
    found = run(model, rates, optimizer)
    assert found.learning_rates.shape == rates.shape
    assert found.layers == (("0", "1", "3", "5") if normalized else ("0", "2", "4"))
    for layer in range(layers):
        direction = np.zeros_like(rates)
        direction[layer] = rng.normal(size=4) * rates[layer]
        exact = float((found.learning_rates * direction).sum())

        def slope(h: float, direction: np.ndarray = direction) -> float:
            up, down = (
                run(model, rates + s * h * direction, optimizer, columns=()).valid_loss for s in (1, -1)
            )
            return (up - down) / (2 * h)

        errors = [abs(slope(h) - exact) / abs(exact) for h in (1e-3, 1e-4, 1e-5, 1e-6)]
        assert min(errors) < 1e-6


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_equal_rates_are_shared_ones(optimizer: str) -> None:
    """The rate of all layers moves each of them: its hypergradient is the sum of theirs."""
    model, rates = network(True), [0.02, 0.03, 0.01]
    layered, shared = (run(model, rates, optimizer, per=per) for per in ("layer", "all"))
    assert layered.valid_loss == shared.valid_loss
    np.testing.assert_allclose(layered.learning_rates.sum(0), shared.learning_rates, rtol=1e-10)
    np.testing.assert_allclose(layered.momentums, shared.momentums, rtol=1e-12)


@pytest.mark.parametrize("horizon", [None, 10])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_forward_is_reverse_and_columns_are_parts(optimizer: str, horizon: int | None) -> None:
    model = network(True)
    rates = np.random.default_rng(3).uniform(0.01, 0.03, (4, 3))
    forward = run(model, rates, optimizer, horizon=horizon)
    reverse = run(model, rates, optimizer, horizon=horizon, mode="reverse")
    scale = np.abs(forward.learning_rates).max()
    np.testing.assert_allclose(forward.learning_rates, reverse.learning_rates, rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(forward.weight_decays, reverse.weight_decays, rtol=1e-10)
    some = run(model, rates, optimizer, horizon=horizon, columns=[1, 5, 11], tile=2).learning_rates.ravel()
    expected = np.zeros(12)
    expected[[1, 5, 11]] = forward.learning_rates.ravel()[[1, 5, 11]]
    np.testing.assert_allclose(some, expected, rtol=0, atol=1e-12 * scale)


def test_bad_rates_are_named() -> None:
    model = network(False)
    with pytest.raises(lr.ShapeError, match=r"learning_rates: .*\(2, 3\).*3 layers 0, 2, 4"):
        run(model, np.ones((2, 3)))
    with pytest.raises(lr.ShapeError, match="learning_rates"):
        run(model, np.ones((3, 3)), per="all")
    with pytest.raises(lr.ArgumentError, match="per: got 'row'; allowed: all, layer, tensor"):
        run(model, [0.1], per="row")
    with pytest.raises(lr.ArgumentError, match="learning_rates: 41 values do not fit into 40 steps"):
        run(model, np.full((3, 41), 0.1))
    with pytest.raises(lr.ArgumentError, match="learning_rates must hold at least one value"):
        run(model, np.ones((3, 0)))


# ---- schedules ------------------------------------------------------------------------------------------
def learned(**changes: Any) -> lr.LearnedSchedule:
    rng = np.random.default_rng(4)
    data = (rng.normal(size=(96, 4)).astype(np.float32), rng.integers(0, 3, 96))
    arguments: dict[str, Any] = {
        "steps": 12, "batch_size": 16, "learning_rates": 2, "outer_steps": 4, "per": "layer",
        "progress": False,
    }  # fmt: skip
    return lr.learn_schedule(lambda seed: network(True), F.cross_entropy, data, None, **(arguments | changes))


@pytest.mark.filterwarnings("ignore:learn_schedule. outer step")
def test_a_schedule_has_a_row_for_every_layer(tmp_path: Any) -> None:
    found = learned()
    assert found.layers == ("0", "1", "3", "5")
    assert found.learning_rates.shape == (4, 2)
    assert found.values.shape == (4, 4 * 2 + 2) and found.hypergradients.shape == (4, 2, 10)
    assert len(np.unique(found.learning_rates)) > 2
    found.save(tmp_path / "layers.safetensors")
    loaded = lr.LearnedSchedule.load(tmp_path / "layers.safetensors")
    assert loaded.layers == found.layers
    np.testing.assert_array_equal(loaded.learning_rates, found.learning_rates)
    figure = found.plot()
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["0", "1", "3", "5"]


@pytest.mark.filterwarnings("ignore:learn_schedule. outer step")
def test_blocks_and_checkpoints_change_nothing(tmp_path: Any) -> None:
    whole = learned()
    parts = learned(blocks=3)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-6)
    learned(outer_steps=2, checkpoint=tmp_path / "c")
    resumed = learned(checkpoint=tmp_path / "c", resume=True)
    np.testing.assert_array_equal(resumed.values, whole.values)
    with pytest.raises(lr.ArgumentError, match="resume"):
        learned(per="all", checkpoint=tmp_path / "c", resume=True)


@pytest.mark.filterwarnings("ignore:learn_schedule. outer step")
def test_the_optimizer_trains_as_the_learner_did() -> None:
    """Stretched to three times the steps, each layer with its own rates, as NumPy makes the steps."""
    found, steps = learned(initial=([[0.1, 0.2], [0.3, 0.05], [0.02, 0.4], [0.1, 0.1]], 0.5, 0.01)), 36
    model = network(False)
    with pytest.raises(lr.ArgumentError, match="layers 0, 1, 3, 5"):
        found.optimizer(model.named_parameters(), steps)
    model = network(True)
    with pytest.raises(lr.ArgumentError, match=r"params\[0\]: got no name"):
        found.optimizer(model.parameters(), steps)
    optimizer = found.optimizer(model.named_parameters(), steps)
    named = dict(model.named_parameters())
    values = {name: p.numpy().astype(np.float64) for name, p in named.items()}
    velocity = {name: np.zeros_like(v) for name, v in values.items()}
    momentum, decay = found.momentums[0], found.weight_decays[0]
    data = batches(steps, 5)
    for t, (x, y) in enumerate(data):
        loss = F.cross_entropy(model(lr.tensor(x.astype(np.float32))), lr.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        gradients = {name: p.grad.numpy().astype(np.float64) for name, p in named.items()}
        before = {name: p.numpy().astype(np.float64) for name, p in named.items()}
        optimizer.step()
        for name, gradient in gradients.items():
            rate = found.learning_rates[found.layers.index(name.split(".")[0]), 2 * t // steps]
            velocity[name] = momentum * velocity[name] + gradient + decay * before[name]
            expected = before[name] - rate * velocity[name]
            np.testing.assert_allclose(named[name].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_bad_starting_rates_are_named() -> None:
    with pytest.raises(lr.ArgumentError, match="initial: learning_rates: .*2 for each of the 4 layers"):
        learned(initial=([[0.1, 0.2]] * 3, 0, 0))
    with pytest.raises(lr.ArgumentError, match="per: got 'row'"):
        learned(per="row")
    with pytest.raises(lr.ArgumentError, match="curvature: got 'fisher'"):
        learned(curvature="fisher")
    with pytest.raises(lr.ArgumentError, match="learning_rates: got 13 for 12 steps"):
        learned(learning_rates=13)


def test_tensors_have_rates_of_their_own() -> None:
    """Layers are what their tensors share, and the derivative by a shared rate is the sum of theirs."""
    model = network(True)
    names = [name for name, _ in model.named_parameters()]
    found = {mode: run(model, [0.2, 0.1], per="tensor", mode=mode) for mode in ("forward", "reverse")}
    for h in found.values():
        assert h.layers == tuple(names)
        assert h.learning_rates.shape == (len(names), 2)
    forward, reverse = (found[mode].learning_rates for mode in found)
    np.testing.assert_allclose(forward, reverse, rtol=0, atol=1e-10 * np.abs(forward).max())
    by_layer = run(model, [0.2, 0.1], mode="reverse")
    for layer, row in zip(by_layer.layers, by_layer.learning_rates, strict=True):
        own = [i for i, name in enumerate(names) if name.rpartition(".")[0] == layer]
        np.testing.assert_allclose(reverse[own].sum(0), row, rtol=1e-10)


def test_differences_of_a_tensor() -> None:
    model, rng = network(True), np.random.default_rng(5)
    rates = rng.uniform(0.1, 0.3, (8, 4))
    found = run(model, rates, per="tensor")
    assert found.mode == "reverse"
    for row in range(8):
        direction = np.zeros_like(rates)
        direction[row] = rng.normal(size=4) * rates[row]
        exact = float((found.learning_rates * direction).sum())
        slopes = []
        for h in (1e-2, 1e-3, 1e-4, 1e-5):
            up, down = (
                run(model, rates + s * h * direction, per="tensor", columns=()).valid_loss for s in (1, -1)
            )
            slopes.append((up - down) / (2 * h))
        slopes.append((100 * slopes[1] - slopes[0]) / 99)
        largest = np.abs(found.learning_rates * rates).max()
        assert min(abs(s - exact) for s in slopes) < max(1e-6 * abs(exact), 1e-10 * largest)


def test_a_schedule_by_tensor() -> None:
    x, y = zip(*batches(40), strict=True)
    learned = lr.learn_schedule(
        lambda seed: network(False), F.cross_entropy, (np.concatenate(x), np.concatenate(y)), steps=10,
        batch_size=8, learning_rates=2, outer_steps=2, per="tensor", seeds=1, finalists=1, progress=False,
    )  # fmt: skip
    model = network(False)
    assert learned.layers == tuple(name for name, _ in model.named_parameters())
    assert learned.learning_rates.shape == (6, 2)
    optimizer = learned.optimizer(model.named_parameters(), 10)
    assert len(optimizer.param_groups) == 6
