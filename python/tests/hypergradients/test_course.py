"""Runs that are interrupted and go on from their file, to the same bits; files that are of no use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypergradient_cases import VALUES, Problem, problem

import lrswift as lr
from lrswift.hypergradients import course
from lrswift.hypergradients.episode import Episode
from lrswift.optim.rules import FAMILIES

F = lr.nn.functional


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file is written after every stretch."""
    monkeypatch.setattr(course, "SECONDS", 0.0)
    monkeypatch.setattr(course, "PARTS", 0)
    yield


class Interrupted(Exception):
    pass


def interrupted(run: Callable[[], Any], after: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Runs until the file has been written so many times; whether it came to that."""
    written = 0
    write = course.RunFile.write

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


def same(found: Any, expected: Any) -> None:
    for family in FAMILIES:
        np.testing.assert_array_equal(getattr(found, family), getattr(expected, family), err_msg=family)
    assert found.valid_loss == expected.valid_loss
    np.testing.assert_array_equal(found.losses, expected.losses)
    assert found.initial_scales == expected.initial_scales
    for name, value in expected.hyperparameters.items():
        np.testing.assert_array_equal(found.hyperparameters[name], value)
    for name, value in expected.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value)


def smoothed(logits: Any, target: Any, smoothing: Any = 0.0) -> Any:
    return F.cross_entropy(logits, target) * (1 - smoothing) - F.log_softmax(logits, -1).mean() * smoothing


def call(case: Problem, optimizer: str, **changes: Any) -> Any:
    told = {**VALUES[optimizer], "hyperparameters": {"smoothing": [0.1, 0.2]}, **changes}
    return lr.hypergradient(case.model, smoothed, case.train, case.valid, optimizer=optimizer, **told)


@pytest.mark.parametrize("after", [1, 9, 20, 21, 30, 47, 60])
@pytest.mark.parametrize("horizon", [None, 8])
@pytest.mark.parametrize(
    ("mode", "snapshots"), [("forward", 3), ("reverse", 3), ("reverse", 6), ("reverse", 20)]
)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_goes_on_to_the_same_bits(
    optimizer: str, mode: str, snapshots: int, horizon: int | None, after: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    case, path = problem("batch_norm", 20), tmp_path / "run"
    size = 8 * 3 * sum(p.size for p in case.model.parameters())
    told = {"mode": mode, "horizon": horizon, "memory": snapshots * size}
    expected = call(case, optimizer, **told)
    came = interrupted(lambda: call(case, optimizer, checkpoint=path, **told), after, monkeypatch)
    assert came or after > (20 if mode == "forward" else 40)
    assert path.exists() == came
    # more memory than before: that changes nothing
    same(call(case, optimizer, checkpoint=path, **{**told, "memory": 7 * size}), expected)
    assert not path.exists()


def test_interrupted_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, path = problem("mlp", 20), tmp_path / "run"
    told = {"mode": "reverse", "memory": 4 * 8 * 3 * sum(p.size for p in case.model.parameters())}
    expected = call(case, "adam", **told)
    # each time the first steps of the way back are taken again
    times = [
        interrupted(lambda: call(case, "adam", checkpoint=path, **told), after, monkeypatch)
        for after in (13, 13, 25, 25, 25)
    ]
    assert sum(times) >= 4
    same(call(case, "adam", checkpoint=path, **told), expected)


def test_layers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, path = problem("batch_norm", 20), tmp_path / "run"
    rates = np.random.default_rng(3).uniform(0.05, 0.2, (5, 4))
    for mode in ("forward", "reverse"):
        told = {"mode": mode, "per": "layer", "learning_rates": rates, "clip_gradient": 0.03}
        expected = call(case, "sgd", **told)
        for after in (7, 23):
            interrupted(lambda: call(case, "sgd", checkpoint=path, **told), after, monkeypatch)  # noqa: B023
            same(call(case, "sgd", checkpoint=path, **told), expected)


PROGRAM = """
    import sys
    import numpy as np
    import lrswift as lr
    from lrswift.hypergradients import course
    from lrswift.hypergradients.episode import Episode, IndexedBatches

    course.SECONDS, course.PARTS = 0.0, 0
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(256, 6)), rng.integers(0, 3, 256)
    lr.seed(0)
    model = lr.models.mlp(6, [16], 3, "tanh").to(lr.float64)
    rows = rng.integers(0, 256, (STEPS, 16))
    collect = Episode.collect

    def told(self):
        collect(self)
        print("back", flush=True)

    Episode.collect = told
    h = lr.hypergradient(
        model, lr.nn.functional.cross_entropy, IndexedBatches((x, y), rows), [(x, y)], np.full(50, 0.1),
        [0.9], [1e-3], mode="reverse", memory=60000, checkpoint=sys.argv[1] or None,
    )
    h.learning_rates.tofile(sys.argv[2])
    print(h.valid_loss.hex(), float(h.losses.sum()).hex(), h.momentums[0].hex(), flush=True)
"""


@pytest.mark.parametrize("kind", ["SIGKILL", "SIGINT"])
def test_a_killed_process_goes_on_half_way_back(kind: str, tmp_path: Path) -> None:
    program = textwrap.dedent(PROGRAM).replace("STEPS", "5000")

    def process(checkpoint: str, out: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, checkpoint, str(tmp_path / out)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    path = tmp_path / "run"
    whole = process("", "whole")
    first = process(str(path), "first")
    assert first.stdout is not None
    assert first.stdout.readline() == "back\n"
    begun = path.stat().st_mtime_ns
    until = time.monotonic() + 60
    # written on the way back
    while path.stat().st_mtime_ns == begun and time.monotonic() < until:
        time.sleep(0.01)
    first.send_signal(getattr(signal, kind))
    _, told = first.communicate(timeout=60)
    assert first.returncode != 0
    assert "KeyboardInterrupt" in told or kind == "SIGKILL"
    assert path.exists()
    again = process(str(path), "again")
    found, expected = (p.communicate(timeout=300)[0].split("\n") for p in (again, whole))
    # it does not come to the end of the horizon a second time
    assert found == expected[1:]
    assert (tmp_path / "again").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not path.exists()


def kept(case: Problem, path: Path, monkeypatch: pytest.MonkeyPatch, after: int = 30, **told: Any) -> None:
    assert interrupted(lambda: call(case, "sgd", checkpoint=path, **told), after, monkeypatch)


OTHER: list[tuple[dict[str, Any], str]] = [
    ({"mode": "forward"}, "mode='reverse', got 'forward'"),
    ({"learning_rates": [0.1, 0.2]}, r"learning_rates=\[0.1, .*, got \[0.1, 0.2\]"),
    ({"hyperparameters": {"smoothing": [0.1, 0.3]}}, r"smoothing=\[0.1, 0.2\], got \[0.1, 0.3\]"),
    ({"clip_gradient": 0.5}, "clip_gradient=None, got 0.5"),
    ({"columns": [1]}, r"columns=None, got \[1\]"),
]


@pytest.mark.parametrize(("changes", "message"), OTHER)
def test_another_runs_file(
    changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, path = problem("mlp", 20), tmp_path / "run"
    kept(case, path, monkeypatch, mode="reverse")
    before = path.read_bytes()
    with pytest.raises(lr.ArgumentError, match=f"checkpoint: .*was made with {message}; allowed: the same"):
        call(case, "sgd", checkpoint=path, **{"mode": "reverse", **changes})
    assert path.read_bytes() == before


def test_other_data_and_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, path = problem("mlp", 20), tmp_path / "run"
    kept(case, path, monkeypatch, mode="reverse")
    other = Problem("mlp", 20, None)
    first = next(iter(other.model.parameters()))
    first.assign(lr.tensor(2 * first.numpy(), dtype=first.dtype))
    with pytest.raises(lr.ArgumentError, match="made with parameters="):
        call(other, "sgd", checkpoint=path, mode="reverse")
    other = Problem("mlp", 20, None)
    other.train[0] = (other.train[0][0] + 1e-9, other.train[0][1])
    with pytest.raises(lr.ArgumentError, match="made with train="):
        call(other, "sgd", checkpoint=path, mode="reverse")
    # what the file does not say, the replayed losses do
    other = Problem("mlp", 20, None)
    other.train[5] = (other.train[5][0] + 1e-9, other.train[5][1])
    with pytest.raises(lr.ArgumentError, match="the loss of step 5 was"):
        call(other, "sgd", checkpoint=path, mode="reverse")
    assert path.exists()


def test_damaged_and_foreign_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, path = problem("mlp", 20), tmp_path / "run"
    lr.save(path, case.model)
    with pytest.raises(lr.ArgumentError, match="no checkpoint of hypergradient"):
        call(case, "sgd", checkpoint=path)
    path.unlink()
    kept(case, path, monkeypatch, mode="reverse")
    whole = path.read_bytes()
    for place in (len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(lr.FormatError):
            call(case, "sgd", checkpoint=path, mode="reverse")
    path.write_bytes(whole)
    arrays, metadata = lr.store.read(path)
    for changes in (
        {"collected": np.array(99)}, {"losses": arrays["losses"][:-1]}, {"losses": np.zeros(3, np.float32)},
        {"state": arrays["state"][:-1]}, {"state": arrays["losses"]}, {"valid_loss": np.zeros(2)},
    ):  # fmt: skip
        lr.store.write(path, {**arrays, **changes}, {course.KEY: metadata[course.KEY]})
        with pytest.raises(lr.Error):
            call(case, "sgd", checkpoint=path, mode="reverse")
    with pytest.raises(FileNotFoundError):
        call(case, "sgd", checkpoint=tmp_path / "none" / "run")


def test_the_core_refuses_bytes_of_others() -> None:
    case = problem("mlp", 20)
    run = Episode(case.model, F.cross_entropy, 20, VALUES["sgd"])
    state = run._core.save().numpy()
    for bad, message in [
        (state[:-1], "they end at"),
        (np.append(state, np.uint8(0)), "belong to this one"),
        (np.zeros(9, np.uint8), "version 0; allowed: 1 to 1"),
        (np.zeros(0, np.uint8), "they end at 0"),
    ]:
        with pytest.raises(lr.ArgumentError, match=message):
            run._core.load(lr.tensor(bad))
    with pytest.raises(lr.DTypeError, match="uint8"):
        run._core.load(lr.tensor([1.0]))


def test_no_file_without_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run leaves none, not even for a moment."""
    monkeypatch.setattr(course, "SECONDS", 10.0)
    wrote = []
    monkeypatch.setattr(lr.store, "write", lambda *given: wrote.append(given))
    call(problem("mlp", 20), "sgd", checkpoint=tmp_path / "run")
    assert not wrote and not os.listdir(tmp_path)
