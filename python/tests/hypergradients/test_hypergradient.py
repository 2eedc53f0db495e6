"""Hypergradients against central differences of whole runs, against each other, and against NumPy by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypergradient_cases import FAMILIES, NETWORKS, VALUES, check_equal, problem
from reference import fds

import lrswift as lr
from lrswift import nn
from lrswift.hypergradients.hypergradient import values_of
from lrswift.hypergradients.options import OPTIMIZERS
from lrswift.optim.directions import directions
from lrswift.optim.rules import run_rule

F = nn.functional


@pytest.mark.parametrize("clip", [None, 0.03])
@pytest.mark.parametrize("network", ["mlp", "lenet", "batch_norm"])
@pytest.mark.parametrize(("optimizer", "family"), FAMILIES)
def test_finite_differences(optimizer: str, family: str, network: str, clip: float | None) -> None:
    assert problem(network, 40, clip).error(optimizer, family) < 1e-6


@pytest.mark.parametrize("optimizer", VALUES)
def test_finite_differences_over_500_steps(optimizer: str) -> None:
    assert problem("mlp", 500).error(optimizer, "learning_rates") < 1e-6


@pytest.mark.long
@pytest.mark.parametrize("clip", [None, 0.03])
@pytest.mark.parametrize("network", ["mlp", "lenet28", "batch_norm"])
@pytest.mark.parametrize(("optimizer", "family"), FAMILIES)
def test_all_finite_differences_over_500_steps(
    optimizer: str, family: str, network: str, clip: float | None
) -> None:
    assert problem(network, 500, clip).error(optimizer, family) < 1e-6


@pytest.mark.parametrize(("optimizer", "family"), FAMILIES)
def test_finite_differences_with_kinks(optimizer: str, family: str) -> None:
    assert problem("relu").error(optimizer, family) < 1e-4


@pytest.mark.parametrize("clip", [None, 0.03])
@pytest.mark.parametrize("network", ["mlp", "lenet", "batch_norm", "relu"])
@pytest.mark.parametrize("optimizer", VALUES)
def test_forward_is_reverse(optimizer: str, network: str, clip: float | None) -> None:
    case = problem(network, 40, clip)
    reverse = case.run(optimizer, mode="reverse")
    check_equal(case.exact(optimizer), reverse, 1e-10)
    assert case.exact(optimizer).valid_loss == reverse.valid_loss
    for name, value in reverse.parameters.items():
        np.testing.assert_array_equal(case.exact(optimizer).parameters[name], value)


@pytest.mark.parametrize("network", ["mlp", "batch_norm"])
@pytest.mark.parametrize("optimizer", VALUES)
def test_tiles_threads_and_blocks_of_columns_change_nothing(
    optimizer: str, network: str, set_threads: Callable
) -> None:
    case = problem(network)
    expected = case.exact(optimizer)
    for tile in (1, 3, 16):
        check_equal(case.run(optimizer, tile=tile), expected, 1e-12)
    threads = lr.get_threads()
    set_threads(1)
    check_equal(case.run(optimizer), expected, 0)
    set_threads(threads)
    count = sum(len(values) for values in VALUES[optimizer].values())
    blocks = [case.run(optimizer, columns=range(k, count, 2)) for k in (0, 1)]
    for family in VALUES[optimizer]:
        even, odd = (getattr(block, family) for block in blocks)
        assert not (even * odd).any()
        np.testing.assert_allclose(even + odd, getattr(expected, family), rtol=1e-12)


def test_float32_is_near() -> None:
    case = problem("lenet")
    for optimizer in VALUES:
        check_equal(case.run(optimizer, dtype=lr.float32), case.exact(optimizer), 2e-3)


class Point(nn.Module):
    def __init__(self, start: np.ndarray) -> None:
        super().__init__()
        self.theta = nn.Parameter(lr.tensor(start, dtype=lr.float64))


def quadratic_loss(model: Any, hessian: Any, center: Any) -> Any:
    x = model.theta - center
    return 0.5 * (x * (hessian @ x)).sum()


def quadratic_run(case: fds.Quadratic, values: list[np.ndarray], **options: Any) -> Any:
    batches = list(zip(case.hessians, case.centers, strict=True))
    return lr.hypergradient(
        Point(case.start), quadratic_loss, batches[: case.steps], batches[case.steps :], *values, **options
    )


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("horizon", [None, 1, 7, 16, 30])
@pytest.mark.parametrize("clips", [{}, {"clip": 0.4}, {"clip": 0.4, "clip_hvp": 0.05}])
def test_recursion_by_hand(nesterov: bool, horizon: int | None, clips: dict[str, float]) -> None:
    """Windows that do not divide the run, every horizon, both modes."""
    case = fds.Quadratic(6, 30, 3, seed=3)
    values = [np.array([0.1, 0.05, 0.2, 0.08]), np.array([0.9, 0.3, 0.6]), np.array([0.01, 0.1])]
    totals, valid_loss = fds.hypergradients(case, *values, horizon, nesterov, **clips)
    options: dict[str, Any] = {"optimizer": "nesterov" if nesterov else "sgd", "horizon": horizon}
    options.update({"clip_gradient" if key == "clip" else key: value for key, value in clips.items()})
    for mode in ("forward", "reverse"):
        if mode == "reverse" and "clip_hvp" in clips:
            continue
        h = quadratic_run(case, values, mode=mode, **options)
        assert h.valid_loss == pytest.approx(valid_loss, rel=1e-12)
        for exact, found in zip(totals, (h.learning_rates, h.momentums, h.weight_decays), strict=True):
            np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-12)


def test_index_in_force_is_floor_of_n_t_over_T() -> None:
    """A loss linear in the parameter: the end is minus the sum of rate times slope, step by step."""
    steps, n = 10, 4
    slopes = 2.0 ** np.arange(steps)
    model = Point(np.zeros(1))

    def loss(model: Any, slope: Any) -> Any:
        return (model.theta * slope).sum()

    train = [(np.array([s]),) for s in slopes]
    rates = np.array([1.0, 10.0, 100.0, 1000.0])
    h = lr.hypergradient(model, loss, train, [(np.ones(1),)], rates)
    index = np.array([n * t // steps for t in range(steps)])
    assert h.valid_loss == -np.sum(rates[index] * slopes)
    np.testing.assert_array_equal(h.learning_rates, [-slopes[index == i].sum() for i in range(n)])
    assert h.losses.shape == (steps,)


def test_valid_loss_weighs_examples() -> None:
    case = problem("mlp")
    h = case.run("sgd", learning_rates=[0.0], weight_decays=[0.0])
    x, y = (np.concatenate(part) for part in zip(*case.valid, strict=True))
    model = NETWORKS["mlp"][0]().to(lr.float64)
    model.load_state_dict(h.parameters)
    logits = model(lr.tensor(x, dtype=lr.float64))
    assert h.valid_loss == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-12)


def test_the_model_stays_as_it_is_and_statistics_do_not_matter() -> None:
    case = problem("batch_norm")
    model = case.model.eval()
    before = model.state_dict()
    first = case.run("sgd")
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert not any(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert model[0].weight.dtype == np.float32
    model[1].running_mean.assign(lr.tensor(np.full(3, 7.0, np.float32)))
    check_equal(case.run("sgd"), first, 0)
    model[1].running_mean.assign(lr.tensor(np.zeros(3, np.float32)))
    model.train()


def test_loss_that_is_not_finite_names_the_step() -> None:
    case = problem("mlp")
    with pytest.raises(lr.Diverged, match=r"training loss is (nan|inf) at step \d+ of 40"):
        case.run("sgd", learning_rates=[1e200])
    broken = [*case.train[:17], (np.full((8, 6), 1e308), case.train[17][1]), *case.train[18:]]
    with pytest.raises(lr.Diverged, match="at step 17 of 40"):
        lr.hypergradient(
            case.model, lambda m, x, y: F.cross_entropy(m(x * 100), y), broken, case.valid, [0.1]
        )


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"learning_rates": []}, lr.ArgumentError, "learning_rates"),
    ({"learning_rates": [0.1] * 41}, lr.ArgumentError, "41 values do not fit into 40 steps"),
    ({"learning_rates": [float("nan")]}, lr.ArgumentError, "learning_rates: got nan"),
    ({"learning_rates": "fast"}, lr.DTypeError, "learning_rates"),
    ({"momentums": [[0.9]]}, lr.ShapeError, "momentums"),
    ({"beta2s": [0.9]}, lr.ArgumentError, "sgd has no beta2s"),
    ({"optimizer": "adadelta", "momentums": [0.9]}, lr.ArgumentError, "adadelta has no momentums"),
    ({"optimizer": "rmsprop", "beta2s": [1.0]}, lr.ArgumentError, "beta2s: got 1.0; .*rmsprop: at least 0"),
    ({"optimizer": "rprop"}, lr.ArgumentError, "optimizer: got 'rprop'"),
    ({"optimizer": "adam", "momentums": [1.0]}, lr.ArgumentError, "momentums: got 1.0"),
    ({"optimizer": "adam", "epsilons": [-1.0]}, lr.ArgumentError, "epsilons: got -1.0"),
    ({"mode": "sideways"}, lr.ArgumentError, "mode: got 'sideways'"),
    ({"mode": "reverse", "clip_hvp": 1.0}, lr.ArgumentError, "clip_hvp"),
    ({"horizon": 0}, lr.ArgumentError, "horizon: got 0"),
    ({"horizon": 41}, lr.ArgumentError, "1 to 40"),
    ({"tile": 0}, lr.ArgumentError, "tile"),
    ({"dtype": lr.int64}, lr.Error, "dtype"),
    ({"clip_gradient": 0.0}, lr.ArgumentError, "clip_gradient: got 0.0"),
    ({"columns": [0, 0]}, lr.ArgumentError, "columns"),
    ({"columns": [99]}, lr.ArgumentError, "columns"),
]


DEFAULTS = {
    "sgd": [0.0], "nesterov": [0.0], "ema": [0.9], "adam": [0.9, 0.999, 1e-8],
    "adamw": [0.9, 0.999, 1e-8], "rmsprop": [0.0, 0.99, 1e-8], "adagrad": [1e-10], "adadelta": [0.9, 1e-6],
}  # fmt: skip


@pytest.mark.parametrize("optimizer", DEFAULTS)
def test_defaults_are_those_of_the_optimizer(optimizer: str) -> None:
    """What is left out is what the class in `lr.optim` has, but for weight decay, which is none."""
    values = values_of(optimizer, [0.1], None, (0.0,), None, None)
    found = [float(v) for family in ("momentums", "beta2s", "epsilons") for v in values[family]]
    assert found == DEFAULTS[optimizer]
    assert values["weight_decays"].tolist() == [0.0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trains_as_the_optimizer_does(optimizer: str) -> None:
    """The end of a run with one value of each is that of `lr.optim` by hand."""
    case = problem("mlp")
    held = {family: values[:1] for family, values in VALUES[optimizer].items()}
    found = case.run(optimizer, clip_gradient=None, columns=(), **held)
    rule = run_rule(optimizer)
    cls = directions()[rule.name]
    model = copy.deepcopy(case.model).to(lr.float64)
    named = {"nesterov": True} if optimizer == "nesterov" else {}
    names = {"momentums": ("momentum", "beta"), "beta2s": ("alpha", "rho"), "epsilons": ("eps",)}
    for family, (value,) in held.items():
        named |= {name: value for name in names.get(family, ()) if name in rule.options}
    if "betas" in rule.options:
        named["betas"] = (held["momentums"][0], held["beta2s"][0])
    decay = held["weight_decays"][0]
    made = cls(model.parameters(), held["learning_rates"][0], weight_decay=decay, **named)
    for x, y in case.train:
        made.minimize(lambda x=x, y=y: F.cross_entropy(model(lr.tensor(x, dtype=lr.float64)), y))
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(found.parameters[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("changes", "error", "message"), BAD)
def test_bad_arguments(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        problem("mlp").run(**{"optimizer": "sgd", **changes})


def test_bad_data() -> None:
    model, case = problem("mlp").model, problem("mlp")
    with pytest.raises(lr.ArgumentError, match="train_batches: no batch"):
        lr.hypergradient(model, F.cross_entropy, [], case.valid, [0.1])
    with pytest.raises(lr.DTypeError, match="valid_batches"):
        lr.hypergradient(model, F.cross_entropy, case.train, (b for b in case.valid), [0.1])
    with pytest.raises(lr.ShapeError, match="step 1"):
        lr.hypergradient(model, F.cross_entropy, [case.train[0], (np.ones((2, 6)), [0])], case.valid, [0.1])
    with pytest.raises(lr.RecordingError, match="reads values"), pytest.warns(UserWarning):
        lr.hypergradient(
            model,
            lambda m, x, y: F.cross_entropy(m(x), y) * float(x.numpy()[0, 0]),
            case.train,
            case.valid,
            [0.1],
        )


@pytest.mark.parametrize("optimizer", VALUES)
def test_check_agrees(optimizer: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = problem("mlp")
    found = lr.check_hypergradient(
        case.model, F.cross_entropy, case.train, case.valid, optimizer=optimizer, **VALUES[optimizer]
    )
    assert found
    assert [row.family for row in found.rows] == list(VALUES[optimizer])
    assert found.steps == 20
    assert "over 20 steps agree" in capsys.readouterr().out


def test_check_sees_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    """A loss that is not the same twice has no derivative that differences could show."""
    case = problem("mlp")
    noise = iter(np.random.default_rng(0).normal(size=10_000))

    def loss(model: Any, x: Any, y: Any) -> Any:
        return F.cross_entropy(model(x), y) * (1.0 + 0.01 * next(noise))

    found = lr.check_hypergradient(case.model, loss, case.train, case.valid, [0.1], seed=1)
    assert not found
    assert "DO NOT AGREE" in capsys.readouterr().out
