"""Reverse mode in torch: what is replayed is compared, runs go on from files, losses read hyperparameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch_hypergradient_cases import Problem, check_equal, problem, values_for

import lrswift as lr
from lrswift.hypergradients import course

N = lr.nn.functional


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The tensors are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def size(case: Problem) -> int:
    """Bytes of a snapshot of Adam's, in float64."""
    return 3 * 8 * sum(p.numel() for p in case.module.parameters())


class Shaken:
    """Batches of which one is another each time."""

    def __init__(self, batches: list[Any], step: int) -> None:
        self.batches, self.step, self.asked = batches, step, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, t: int) -> Any:
        x, y = self.batches[t]
        self.asked += t == self.step
        return (x + 1e-9 * self.asked, y) if t == self.step else (x, y)


@pytest.mark.parametrize("step", [0, 7, 19])
@pytest.mark.parametrize("snapshots", [3, 20])
def test_batches_that_change_are_told_by_step(step: int, snapshots: int) -> None:
    case = problem("batch_norm")
    with pytest.raises(lr.ArgumentError, match=rf"the loss of step {step} was .* the same each time"):
        lr.torch.hypergradient(
            case.module, F.cross_entropy, Shaken(case.train, step), case.valid, [0.01], optimizer="adam",
            mode="reverse", memory=snapshots * size(case),
        )  # fmt: skip


@pytest.mark.parametrize("network", ["batch_norm", "convolutional", "attending", "tied"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_losses_are_the_same_when_steps_are_taken_again(network: str, dtype: torch.dtype) -> None:
    case = problem(network)
    for memory in (3, 7):
        found = case.run("adam", mode="reverse", memory=memory * size(case), dtype=dtype)
        assert np.isfinite(found.learning_rates).all()


# ---- what the loss reads ----------------------------------------------------------------------------------
def loss(logits: Any, target: Any, smoothing: Any = 0.0, weight: Any = 1.0) -> Any:
    uniform = -F.log_softmax(logits, -1).mean()
    smoothed = F.cross_entropy(logits, target) * (1 - smoothing) + uniform * smoothing
    return smoothed + (weight - 1) * 0.1 * (logits * logits).mean()


def native_loss(logits: Any, target: Any, smoothing: Any = 0.0, weight: Any = 1.0) -> Any:
    uniform = -N.log_softmax(logits, -1).mean()
    smoothed = N.cross_entropy(logits, target) * (1 - smoothing) + uniform * smoothing
    return smoothed + (weight - 1) * 0.1 * (logits * logits).mean()


READ: dict[str, Any] = {"smoothing": [0.1, 0.3, 0.05], "weight": 1.5}


def read(case: Problem, optimizer: str, **changes: Any) -> Any:
    told = {**values_for(optimizer), "hyperparameters": READ, **changes}
    return lr.torch.hypergradient(case.module, loss, case.train, case.valid, optimizer=optimizer, **told)


def close(found: Any, expected: Any, tolerance: float) -> None:
    check_equal(found, expected, tolerance)
    assert list(found.hyperparameters) == list(expected.hyperparameters)
    for name, value in expected.hyperparameters.items():
        assert found.hyperparameters[name].shape == value.shape
        np.testing.assert_allclose(
            found.hyperparameters[name], value, rtol=0, atol=tolerance * np.abs(value).max()
        )


@pytest.mark.parametrize("network", ["batch_norm", "attending"])
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam"])
def test_hyperparameters_in_both_modes_native_and_differences(optimizer: str, network: str) -> None:
    case = problem(network)
    forward = read(case, optimizer, mode="forward", tile=3)
    close(read(case, optimizer, mode="forward", tile=1), forward, 1e-11)
    close(read(case, optimizer, mode="reverse", memory=4 * size(case)), forward, 1e-10)
    close(
        read(case, optimizer, mode="reverse", horizon=7),
        read(case, optimizer, horizon=7, mode="forward"),
        1e-10,
    )
    model = lr.from_torch(case.module, torch.from_numpy(case.train[0][0]))
    native = lr.hypergradient(
        model, native_loss, case.train, case.valid, optimizer=optimizer, hyperparameters=READ,
        **values_for(optimizer),
    )  # fmt: skip
    close(forward, native, 1e-9)
    assert forward.hyperparameters["weight"].shape == ()
    for name, given in READ.items():
        values = np.asarray(given)
        direction = np.random.default_rng(1).normal(size=values.shape)
        exact = (forward.hyperparameters[name] * direction).sum()
        slopes = []
        for h in (1e-3, 1e-4, 1e-5, 1e-6):
            told = [{**READ, name: values + s * h * direction} for s in (1, -1)]
            up, down = (read(case, optimizer, hyperparameters=t, columns=()).valid_loss for t in told)
            slopes.append((up - down) / (2 * h))
        assert min(abs(s - exact) for s in slopes) < 1e-6 * abs(exact), name


def test_columns_of_hyperparameters() -> None:
    case = problem("batch_norm")
    whole, count = read(case, "sgd", mode="forward"), sum(map(len, values_for("sgd").values()))
    for mode in ("forward", "reverse"):
        some = read(case, "sgd", mode=mode, columns=[0, count + 1])
        assert np.count_nonzero(some.hyperparameters["smoothing"]) == 1
        assert not some.hyperparameters["weight"].any()
        assert some.hyperparameters["smoothing"][1] == pytest.approx(
            whole.hyperparameters["smoothing"][1], rel=1e-10
        )


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_bad_hyperparameters(mode: str) -> None:
    case = problem("convolutional")
    for given, error, message in [
        (3, lr.ArgumentTypeError, "hyperparameters: got int"),
        ({"smooth": 0.1}, lr.ArgumentError, "no argument 'smooth' with a default"),
        ({"smoothing": [[0.1]]}, lr.ShapeError, r"'smoothing': got an array of shape \(1, 1\)"),
        ({"smoothing": [0.1] * 21}, lr.ArgumentError, r"got \[21\] for 21 values; allowed: .* 1 to 20 each"),
    ]:
        with pytest.raises(error, match=message):
            read(case, "sgd", hyperparameters=given, mode=mode)
    with pytest.raises(lr.ArgumentError, match="'unread': the training loss never reads it"):
        lr.torch.hypergradient(
            case.module, lambda o, y, unread=0.0: F.cross_entropy(o, y), case.train, case.valid, [0.1],
            mode=mode, hyperparameters={"unread": 0.1},
        )  # fmt: skip


# ---- the start ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("network", ["batch_norm", "tied"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_initial_scales(optimizer: str, network: str) -> None:
    """Against differences in the start of one parameter, and the native ones."""
    case = Problem(network, 20)
    found = case.run(optimizer, mode="reverse").initial_scales
    names = [name for name, p in case.module.named_parameters() if p.requires_grad]
    assert list(found) == names
    assert case.run(optimizer, mode="reverse", memory=3 * size(case)).initial_scales == found
    assert case.run(optimizer, mode="forward").initial_scales == {}
    native = case.native(optimizer, mode="reverse").initial_scales
    np.testing.assert_allclose(
        list(found.values()), list(native.values()), rtol=0, atol=1e-9 * max(map(abs, native.values()))
    )
    parameters = dict(case.module.named_parameters())
    largest = max(map(abs, found.values()))
    for name, exact in found.items():
        start, slopes = parameters[name].detach().clone(), []
        for h in (1e-3, 1e-4, 1e-5, 1e-6):
            ends = []
            for s in (1, -1):
                with torch.no_grad():
                    parameters[name].copy_(start * (1 + s * h))
                ends.append(case.run(optimizer, columns=()).valid_loss)
            slopes.append((ends[0] - ends[1]) / (2 * h))
        with torch.no_grad():
            parameters[name].copy_(start)
        assert min(abs(s - exact) for s in slopes) < max(1e-6 * abs(exact), 1e-8 * largest), name


# ---- the mode ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, "reverse"),
        ({"learning_rates": [0.1], "momentums": [], "weight_decays": []}, "forward"),
        ({"columns": [3]}, "forward"),
        ({"clip_hvp": 1.0}, "forward"),
        ({"memory": 1}, "forward"),
    ],
)
def test_auto_takes_what_native_takes_at_the_same_cost(changes: dict[str, Any], mode: str) -> None:
    case = problem("batch_norm")
    found, native = (run("sgd", mode="auto", **changes) for run in (case.run, case.native))
    assert found.mode == native.mode == mode
    assert found.cost == pytest.approx(native.cost)


@functools.cache
def least(points: int, snapshots: int) -> int:
    """The fewest steps with which all points of a run can be visited backwards, by trying all plans."""
    if points == 1:
        return 0
    if snapshots == 1:
        return points * (points - 1) // 2
    return min(k + least(points - k, snapshots - 1) + least(k, snapshots) for k in range(1, points))


def test_the_bar_says_mode_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    case = problem("batch_norm")
    case.run("adam", memory=5 * size(case), progress=True)
    replays = least(21, 5) - 20
    cost = 3.9 + replays / 20
    assert f"reverse: about {cost:.1f} plain steps each, {replays} replayed" in capsys.readouterr().err


# ---- files -------------------------------------------------------------------------------------------------
class Interrupted(Exception):
    pass


def interrupted(run: Callable[[], Any], after: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Runs until the file has been written so many times; whether it came to that."""
    written, write = 0, course.RunFile.write

    def counted(self: Any, of: Any) -> None:
        nonlocal written
        write(self, of)
        written += 1
        if written == after:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(course.RunFile, "write", counted)
        try:
            run()
        except Interrupted:
            return True
    return False


@pytest.mark.parametrize("after", [2, 5, 7, 9])
@pytest.mark.parametrize("horizon", [None, 8])
@pytest.mark.parametrize(("mode", "snapshots"), [("forward", 3), ("reverse", 3), ("reverse", 20)])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_goes_on_to_the_same_bits(
    optimizer: str, mode: str, snapshots: int, horizon: int | None, after: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(course, "SECONDS", 0.0)
    monkeypatch.setattr(course, "PARTS", 0)
    monkeypatch.setattr(lr.torch._run, "READ_EVERY", 3)
    case, path = problem("batch_norm"), tmp_path / "run"
    told = {"mode": mode, "horizon": horizon, "memory": snapshots * size(case)}
    expected = read(case, optimizer, **told)
    came = interrupted(lambda: read(case, optimizer, checkpoint=path, **told), after, monkeypatch)
    assert came or mode == "forward"
    assert path.exists() == came
    found = read(case, optimizer, checkpoint=path, **{**told, "memory": 7 * size(case)})
    close(found, expected, 0)
    assert (found.valid_loss, found.initial_scales) == (expected.valid_loss, expected.initial_scales)
    np.testing.assert_array_equal(found.losses, expected.losses)
    for name, value in expected.parameters.items():
        assert torch.equal(found.parameters[name], value)
    assert not path.exists()


def test_other_runs_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "SECONDS", 0.0)
    monkeypatch.setattr(course, "PARTS", 0)
    monkeypatch.setattr(lr.torch._run, "READ_EVERY", 3)
    case, path = problem("batch_norm"), tmp_path / "run"
    assert interrupted(lambda: read(case, "sgd", checkpoint=path, mode="reverse"), 9, monkeypatch)
    for changes, message in [
        ({"mode": "forward"}, "mode='reverse', got 'forward'"),
        ({"momentums": [0.9]}, r"momentums=\[0.9, 0.5\], got \[0.9\]"),
        ({"dtype": torch.float32}, "dtype='torch.float64', got 'torch.float32'"),
    ]:
        with pytest.raises(lr.ArgumentError, match=f"was made with .*{message}"):
            read(case, "sgd", checkpoint=path, **{"mode": "reverse", **changes})
    train = [*case.train[:5], (case.train[5][0] + 1e-9, case.train[5][1]), *case.train[6:]]
    with pytest.raises(lr.ArgumentError, match="the loss of step 5 was"):
        lr.torch.hypergradient(
            case.module, loss, train, case.valid, mode="reverse", checkpoint=path, hyperparameters=READ,
            **values_for("sgd"),
        )  # fmt: skip
    arrays, metadata = lr.store.read(path)
    for changes in (
        {"back": np.array([30, 0])}, {"theta": np.zeros(3)}, {"collected": np.array(3)},
        {"hypergradients": np.zeros(2)},
    ):  # fmt: skip
        lr.store.write(path, {**arrays, **changes}, {course.KEY: metadata[course.KEY]})
        with pytest.raises(lr.FormatError, match="allowed: a file as it was written"):
            read(case, "sgd", checkpoint=path, mode="reverse")
