"""learn_schedule on modules of torch: equal to the native one, which is tested by itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lrswift as lr


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The tensors are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(seed: int) -> nn.Module:
    """Of the seed that `learn_schedule` gives torch."""
    return nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.2), nn.Linear(6, 3)
    ).double()


def native(seed: int) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make(seed)
    return lr.from_torch(module, torch.zeros(2, 4).double())


def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(96, 4))
    return x, (x @ random.normal(size=(4, 3))).argmax(1)


def learn(
    make_module: Any = make, loss: Any = F.cross_entropy, library: Any = lr.torch, **changes: Any
) -> Any:
    given: dict[str, Any] = {
        "train": data(), "valid": 0.25, "steps": 6, "batch_size": 8, "learning_rates": 3, "outer_steps": 3,
        "step_size": (0.05, 0.1, 1e-3), "initial": (0.1, 0.3, 0), "progress": False, "finalists": 2,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "learn_schedule: outer step .* standard error")
        return library.learn_schedule(make_module, loss, **{**given, **changes})


def check_equal(a: Any, b: Any, tolerance: float = 1e-10) -> None:
    for name in ("values", "seed_losses", "hypergradients", "signals", "learning_rates", "final_losses"):
        x, y = getattr(a, name), getattr(b, name)
        assert x.shape == y.shape, name
        scale = np.nanmax(np.abs(y), initial=0.0)
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance * scale, err_msg=name)
    assert (a.best, a.converged, a.cost, a.layers) == (b.best, b.converged, b.cost, b.layers)


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"mode": "reverse"}, {"mode": "reverse", "memory": 4032}, {"per": "layer"}, {"blocks": 2},
        {"optimizer": "nesterov", "momentums": 2, "horizon": 3}, {"budgets": [3]}, {"update": "sign"},
    ],
    ids=str,
)  # fmt: skip
def test_is_the_native_one(changes: dict[str, Any]) -> None:
    found = learn(**changes)
    own = {name: value for name, value in changes.items() if name != "memory"}
    expected = learn(native, lr.nn.functional.cross_entropy, lr, **own)
    check_equal(found, expected)
    assert len(found.values) == 3 and found.values[2].tolist() != found.values[0].tolist()


def test_a_search_is_the_native_one() -> None:
    pytest.importorskip("optuna")
    changes = {"start": "optuna", "trials": 3, "momentums": 0, "weight_decays": 0}
    expected = learn(native, lr.nn.functional.cross_entropy, lr, **changes)
    check_equal(learn(**changes), expected, 1e-9)


def test_data_in_every_form_and_random_states_as_they_were() -> None:
    x, y = data()
    expected = learn(train=(x[:72], y[:72]), valid=(x[72:], y[72:]))
    tensors = [torch.from_numpy(part) for part in (x, y)]
    train, valid = ([part[rows] for part in tensors] for rows in (slice(72), slice(72, None)))
    state, own = torch.get_rng_state(), lr.random.get_state()
    for given in (
        tuple(train),
        torch.utils.data.TensorDataset(*train),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*train), batch_size=10),
    ):
        check_equal(learn(train=given, valid=tuple(valid)), expected, 0)
        if not isinstance(given, torch.utils.data.DataLoader):  # which draws a seed itself
            assert torch.equal(torch.get_rng_state(), state)
            assert repr(lr.random.get_state()) == repr(own)


def test_an_executor_and_a_checkpoint_change_nothing(tmp_path: Path) -> None:
    expected, path = learn(), tmp_path / "c"
    with ThreadPoolExecutor(1) as pool:
        check_equal(learn(executor=pool), expected, 0)
    learn(outer_steps=1, checkpoint=path)
    check_equal(learn(checkpoint=path, resume=True), expected, 0)
    with pytest.raises(lr.ArgumentError, match="engine='torch', got 'lrswift'"):
        learn(native, lr.nn.functional.cross_entropy, lr, checkpoint=path, resume=True)
    learn(native, lr.nn.functional.cross_entropy, lr, checkpoint=path)
    with pytest.raises(lr.ArgumentError, match="engine=None, got 'torch'"):
        learn(checkpoint=path, resume=True)


def test_the_schedule_trains_torch(tmp_path: Path) -> None:
    learned = learn(mode="reverse")
    learned.save_json(tmp_path / "s.json")
    torch.manual_seed(3)
    module = make(3)
    optimizer = torch.optim.SGD(module.parameters())
    schedule = lr.LearnedSchedule.load_json(tmp_path / "s.json")
    scheduler = lr.torch.schedule(optimizer, schedule, 60, whole=True)
    x, y = (torch.from_numpy(part) for part in data())
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"make_module": 3}, lr.ArgumentTypeError, "make_module: got int; allowed: a function of a seed"),
    ({"make_module": nn.Linear(4, 3)}, lr.ArgumentTypeError, "make_module: got Linear"),
    ({"make_module": lambda seed: seed}, lr.ArgumentTypeError, "make_module: returned int"),
    ({"make_module": lambda seed: nn.ReLU()}, lr.ArgumentError, "make_module: returned a module without"),
    (
        {"make_module": lambda seed: nn.Linear(4, 3 + seed % 2).double()},
        lr.ShapeError,
        "make_model: parameters",
    ),
    ({"curvature": "gauss_newton"}, lr.ArgumentError, "curvature"),
    ({"memory": 0}, lr.ArgumentError, "memory: got 0"),
    ({"memory": 8, "mode": "reverse"}, lr.ArgumentError, "memory: got 8 bytes"),
    ({"optimizer": "adam"}, lr.ArgumentError, "optimizer: got 'adam'"),
    ({"steps": 0}, lr.ArgumentError, "steps"),
    ({"learning_rates": 7}, lr.ArgumentError, "learning_rates: got 7 for 6 steps"),
    ({"batch_size": 1000}, lr.ArgumentError, "batch_size"),
    ({"train": 3}, lr.ArgumentTypeError, "train: got int"),
    ({"train": torch.zeros(40, 4), "valid": 0.2}, lr.ArgumentTypeError, "loss of torch needs a target"),
    ({"train": (np.zeros((4, 4)), np.zeros(3, np.int64))}, lr.ShapeError, "train"),
    ({"valid": 2.0}, lr.ArgumentError, "valid"),
    ({"loss": lr.nn.functional.cross_entropy}, lr.ArgumentTypeError, "loss: got one of lrswift"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_arguments_are_named(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        learn(**changes)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_runs_that_diverge(mode: str) -> None:
    with pytest.warns(UserWarning, match="2 of 2 runs diverged at step"):
        found = learn(initial=(1.7e308, 0, 0), outer_steps=1, mode=mode)
    assert np.isinf(found.seed_losses).all()
    with pytest.raises(lr.Diverged, match="diverged at step") as caught:
        learn(initial=(1.7e308, 0, 0), update="sign", mode=mode)
    assert len(caught.value.schedule.values) == 1
