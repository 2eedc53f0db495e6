"""`find_lr` by short runs: against the reference in plain loops, and where nothing can be told."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
from reference import directions, problems, trials

import lrswift as lr
from lrswift import adapt

F = lr.nn.functional
rng = np.random.default_rng(0)
X = rng.normal(size=(2048, 8)).astype(np.float32)
Y = (X @ rng.normal(size=(8, 4)) + rng.normal(size=(2048, 4))).argmax(1)
MOMENTUM = partial(lr.optim.SGD, momentum=0.9)


def network(seed: int = 0) -> lr.nn.Sequential:
    lr.seed(seed)
    return lr.nn.Sequential(lr.nn.Linear(8, 32), lr.nn.ReLU(), lr.nn.Dropout(0.1), lr.nn.Linear(32, 4))


class TanhNetwork(lr.nn.Module):
    def __init__(self, arrays: list[np.ndarray]) -> None:
        super().__init__()
        self.w1, self.b1, self.w2, self.b2 = (lr.nn.Parameter(lr.tensor(a, dtype=lr.float64)) for a in arrays)

    def forward(self, x):
        return lr.tanh(x @ self.w1 + self.b1) @ self.w2 + self.b2


def half_mean_square(prediction, y):
    residual = prediction - y
    return 0.5 * lr.mean(residual * residual)


PAIRS = {
    "momentum": (MOMENTUM, lambda: directions.SGD(momentum=0.9)),
    "nesterov": (partial(MOMENTUM, nesterov=True), lambda: directions.SGD(momentum=0.9, nesterov=True)),
    "adam": (lr.optim.Adam, directions.Adam),
}


@pytest.mark.parametrize("start", [1e-6, 1.0])
@pytest.mark.parametrize("batches", [20, 50], ids=["batches-come-again", "more-batches-than-a-trial"])
@pytest.mark.parametrize("pair", PAIRS)
def test_as_the_reference(pair: str, batches: int, start: float) -> None:
    make, direction = PAIRS[pair]
    problem = problems.TanhNetwork(batches)
    steps = [problem.at(t) for t in range(batches)]
    expected = trials.Trials(problem.initial(), steps, direction, len(problem.x[0])).find(start)
    model = TanhNetwork(problem.start)
    data = [
        tuple(lr.tensor(a, dtype=lr.float64) for a in (problem.x[t], problem.y[t])) for t in range(batches)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = lr.find_lr(model, half_mean_square, data, make, start=start, progress=False)
    assert found.steps == len(expected.rates) <= 200
    np.testing.assert_allclose(found.values, expected.rates, rtol=1e-12)
    assert found.lr == pytest.approx(expected.rate, rel=1e-6)
    assert found.value == pytest.approx(10 * found.lr)
    assert found.reliable == expected.reliable
    assert found.receipt["untouched"] and found.rule == "trials" and found.signals == []


@pytest.mark.parametrize("data", ["arrays", "batches"])
def test_the_model_is_untouched(data: str) -> None:
    model = network()
    source = (X, Y) if data == "arrays" else lr.data.Batches(X, Y, batch_size=64)
    before = model.state_dict()
    found = lr.find_lr(model, F.cross_entropy, source, MOMENTUM, batch_size=64, progress=False)
    assert found.receipt["untouched"] and found.reliable and found.steps <= 200
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert (found.values[:8] == 0).all() and np.isnan(found.gradients[:8]).all()
    assert found.values[8] == 1.0


@pytest.mark.parametrize("make", [MOMENTUM, lr.optim.Adam], ids=["momentum", "adam"])
def test_the_start_hardly_matters(make) -> None:
    founds = [
        lr.find_lr(network(), F.cross_entropy, (X, Y), make, start=start, progress=False)
        for start in (1e-6, 1e-4, 1e-2, 1.0)
    ]
    rates = [found.lr for found in founds]
    assert max(rates) / min(rates) < 2.5
    assert all(found.steps <= 200 and found.reliable for found in founds)


def test_same_seed_same_result() -> None:
    one, two, other = (
        lr.find_lr(network(), F.cross_entropy, (X, Y), seed=seed, progress=False) for seed in (1, 1, 2)
    )
    assert one.lr == two.lr != other.lr
    np.testing.assert_array_equal(one.gradients, two.gradients)


def test_an_eager_loss_finds_the_same() -> None:
    def reads(outputs, labels):
        loss = F.cross_entropy(outputs, labels)
        float(loss)
        return loss

    lr.seed(0)
    model = lr.models.mlp(8, [16], 4)
    recorded = lr.find_lr(model, F.cross_entropy, (X, Y), progress=False)
    with pytest.warns(UserWarning, match="run anew for every batch"):
        eager = lr.find_lr(model, reads, (X, Y), progress=False)
    assert eager.lr == pytest.approx(recorded.lr, rel=1e-3)


def test_labels_that_are_noise_are_not_reliable_where_training_has_ended() -> None:
    """At the mean of pure noise there is nothing to gain."""
    lr.seed(0)
    noise = rng.normal(size=(4096, 1)).astype(np.float32)
    model = lr.nn.Linear(8, 1)
    model.weight.assign(lr.zeros(model.weight.shape))
    model.bias.assign(lr.tensor(np.array([noise.mean()], np.float32)))
    x = rng.normal(size=(4096, 8)).astype(np.float32)
    with pytest.warns(UserWarning, match=r"found\.reliable is False"):
        found = lr.find_lr(model, F.mse_loss, (x, noise), MOMENTUM, batch_size=16, progress=False)
    assert not found.reliable


def test_a_loss_without_a_rate_is_not_reliable() -> None:
    def constant(model, x, y):
        return (model.weight * 0.0).sum() + 1.0

    with pytest.warns(UserWarning, match=r"found\.reliable is False"):
        found = lr.find_lr(lr.nn.Linear(8, 1), constant, (X, Y), MOMENTUM, progress=False)
    assert not found.reliable and found.steps == 8 + 64 and found.lr == 1.0


def test_a_loss_that_is_not_finite_is_not_reliable() -> None:
    def broken(outputs, labels):
        return F.cross_entropy(outputs, labels) * float("inf")

    with pytest.warns(UserWarning, match=r"found\.reliable is False"):
        found = lr.find_lr(network(), broken, (X, Y), progress=False)
    assert not found.reliable and found.steps == 8


def test_rules_are_named() -> None:
    with pytest.raises(ValueError, match="rule: got 'sines'; allowed: 'trials', 'signs'"):
        lr.find_lr(network(), F.cross_entropy, (X, Y), rule="sines")
    with pytest.raises(ValueError, match="search: got SBFSearch with rule='trials'"):
        lr.find_lr(network(), F.cross_entropy, (X, Y), rule="trials", search=adapt.SBFSearch())


def test_signs_that_only_fall_are_not_reliable() -> None:
    def broken(outputs, labels):
        return F.cross_entropy(outputs, labels) * float("inf")

    with pytest.warns(UserWarning, match="every signal said decrease"):
        found = lr.find_lr(network(), broken, (X, Y), progress=False, rule="signs", max_epochs=20)
    assert not found.reliable and found.rule == "signs"
