"""Figures of papers at the smallest scale, on images made up here; the numbers again by plain NumPy."""

import csv
import gzip
import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file

from lrswift.cli import main
from lrswift.experiments.papers import fds_figure4


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a Fashion-MNIST of 600 and 200 images: a bright row that says the class, and noise."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "fashion-mnist").mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 600), ("t10k", 200)):
        labels = rng.integers(0, 10, count).astype("u1")
        images = rng.integers(0, 100, (count, 28, 28)).astype("u1")
        images[np.arange(count), 2 * labels + 4] += 120
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
            (folder / "fashion-mnist" / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
    return folder


def run(figure, root, out, *more):
    return main(["reproduce", figure, "--quick", "--data", str(root), "--out", str(out), "--quiet", *more])


def read(out, figure):
    with open(out / f"{figure}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, json.loads((out / f"{figure}.json").read_text())


def test_figure_1(root, tmp_path, capsys):
    pytest.importorskip("optuna")
    assert run("fds-figure1", root, tmp_path) == 0
    assert "hypergradients" in capsys.readouterr().out
    rows, facts = read(tmp_path, "fds-figure1")
    assert {row["search"] for row in rows} == {
        "random", "tpe", "hyperband", "bohb", "hd", "hypergradients", "hybrid",
    }  # fmt: skip
    kept = json.loads((tmp_path / "fds-figure1" / "results.json").read_text())
    assert kept["settings"]["ranges"] == [[-1, 1], [-1.5, 1.5], [-4e-3, 4e-3]]
    assert kept["settings"]["clip_gradient"] == 3
    losses = {}
    for found in kept["runs"]:
        whole = [(t["loss"], i) for i, t in enumerate(found["tried"]) if t["whole"] and t["loss"] is not None]
        losses[found["search"]] = np.mean(found["tested"][str(min(whole)[1])])
        assert found["tried"][-1]["cost"] <= 8 * facts["settings"]["budget"]
    every = [np.mean(tested) for found in kept["runs"] for tested in found["tested"].values()]
    assert facts["regret_is_above"] == pytest.approx(min(every))
    for row in rows:
        assert float(row["test_loss"]) == pytest.approx(losses[row["search"]])
        assert float(row["regret"]) == pytest.approx(losses[row["search"]] - min(every), abs=1e-12)
    assert [float(row["test_loss"]) for row in rows] == sorted(losses.values())
    assert (tmp_path / "fds-figure1.png").stat().st_size > 10_000
    before = (tmp_path / "fds-figure1.csv").read_text()
    assert run("fds-figure1", root, tmp_path) == 0
    assert (tmp_path / "fds-figure1.csv").read_text() == before
    assert run("fds-figure1", root, tmp_path, "--seed", "1") == 1
    assert "first_seed" in capsys.readouterr().err


def test_figure_2(root, tmp_path, capsys):
    assert run("fds-figure2", root, tmp_path) == 0
    assert "best window" in capsys.readouterr().out
    rows, facts = read(tmp_path, "fds-figure2")
    g = load_file(tmp_path / "fds-figure2.safetensors")["hypergradients"]
    assert g.shape == (4, 12) and np.isfinite(g).all() and len(np.unique(g[:, 0])) == 4
    assert [int(row["window"]) for row in rows] == [1, 2, 3, 4, 6, 12]
    noise = facts["noise"]
    for row in rows:
        window = int(row["window"])
        variances, biases = [], []
        for t in range(12):
            low = t // window * window
            average = [sum(seed[low : low + window]) / window for seed in g]
            off = [a - seed[t] for a, seed in zip(average, g, strict=True)]
            variances.append(np.var(average, ddof=1))
            biases.append(np.mean(off) ** 2 - np.var(off, ddof=1) / 4)
        assert float(row["variance"]) == pytest.approx(np.mean(variances), rel=1e-9)
        assert float(row["bias2"]) == pytest.approx(np.mean(biases), rel=1e-9, abs=1e-15)
        assert float(row["mse"]) == pytest.approx(np.mean(variances) + np.mean(biases), rel=1e-9)
        shared = (1 + noise["correlation"] * (window - 1)) / window * noise["mse1"]
        bound = shared + noise["epsilon"] ** 2 * (window**2 - 1) / 12
        assert float(row["bound"]) == pytest.approx(bound, rel=1e-12)
    greedy = load_file(tmp_path / "fds-figure2-greedy.safetensors")["hypergradients"]
    assert greedy.shape == (3, 12) and not np.allclose(greedy, g[:3], rtol=0.1)
    # the last step's is the exact one's, but for the images that validate it: here the same
    np.testing.assert_allclose(greedy[:, -1], g[:3, -1], rtol=1e-4)
    assert facts["greedy"]["exact"] == pytest.approx(np.var(g, axis=0, ddof=1).mean(), rel=1e-9)
    assert facts["best_window"] == int(min(rows, key=lambda row: float(row["mse"]))["window"])
    assert (tmp_path / "fds-figure2.png").stat().st_size > 10_000


def test_the_error_of_a_window_is_unbiased():
    """Against the error that is known when the true mean is."""
    from lrswift.experiments.papers.fds_figure2 import errors_of

    rng = np.random.default_rng(1)
    mean = np.linspace(0, 3, 12)
    draws = [errors_of(mean + 0.3 * rng.standard_normal((5, 12)), 4) for _ in range(4000)]
    found = np.mean(draws, axis=0)
    # four steps in a line, 3/11 apart, are off by 1.5, 0.5, 0.5 and 1.5 of these
    assert found == pytest.approx([0.09 / 4, 1.25 * (3 / 11) ** 2], rel=0.03)


def test_the_error_of_greedy_hypergradients_is_unbiased():
    """Against errors that are known when the true means are."""
    from lrswift.experiments.papers.fds_figure2 import bias_of

    rng = np.random.default_rng(2)
    mean, off = np.linspace(-1, 2, 12), 0.5
    found = [
        bias_of(mean + off + 0.2 * rng.standard_normal((4, 12)), mean + 0.3 * rng.standard_normal((6, 12)))
        for _ in range(3000)
    ]
    average = {key: np.mean([f[key] for f in found]) for key in found[0]}
    assert average["mse"] == pytest.approx(0.25 + 0.04, rel=0.02)
    assert average["bias2"] == pytest.approx(0.25, rel=0.02)
    assert average["exact"] == pytest.approx(0.09, rel=0.02)
    # the mean is -1 and -0.73, which 0.5 does not turn round, and -0.45 and -0.18, which it does
    assert average["sign"] == pytest.approx(10 / 12, abs=0.05)


def test_figure_2_goes_on_where_it_stopped(root, tmp_path, monkeypatch):
    from lrswift.experiments.papers import fds_figure2

    assert run("fds-figure2", root, tmp_path / "whole") == 0
    whole = load_file(tmp_path / "whole" / "fds-figure2.safetensors")["hypergradients"]
    true, calls = fds_figure2.one_seed, []

    def failing(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return true(*given)

    monkeypatch.setattr(fds_figure2, "one_seed", failing)
    assert run("fds-figure2", root, tmp_path / "cut") == 130
    kept = load_file(tmp_path / "cut" / "fds-figure2.safetensors")["hypergradients"]
    assert kept.shape == (2, 12)
    assert run("fds-figure2", root, tmp_path / "cut") == 0
    assert len(calls) == 5
    again = load_file(tmp_path / "cut" / "fds-figure2.safetensors")["hypergradients"]
    assert (again == whole).all()


def test_figure_2_of_other_settings_is_refused(root, tmp_path, capsys):
    assert run("fds-figure2", root, tmp_path) == 0
    assert run("fds-figure2", root, tmp_path, "--seed", "1") == 1
    assert "out: " in capsys.readouterr().err


def test_figure_3(root, tmp_path):
    assert run("fds-figure3", root, tmp_path) == 0
    rows, facts = read(tmp_path, "fds-figure3")
    arrays = load_file(tmp_path / "fds-figure3.safetensors")
    forms = ["greedy", "unshared", "shared"]
    names = [*forms, *(f"{form}, sign" for form in forms), "shared, gradient", "cosine"]
    assert [row["schedule"] for row in rows] == names
    for row in rows:
        rates, tested = arrays[f"rates.{row['schedule']}"], arrays[f"outcomes.{row['schedule']}"]
        assert rates.shape == (8,) and tested.shape == (2, 2)
        assert float(row["mean_rate"]) == pytest.approx(rates.sum() / 8)
        assert float(row["test_loss"]) == pytest.approx(tested[:, 0].sum() / 2)
        assert float(row["accuracy"]) == pytest.approx(tested[:, 1].sum() / 2)
        assert (row["signal"] == "") == (row["schedule"] == "cosine")
    initial = facts["cosine_initial_rate"]
    assert initial in facts["settings"]["initial_rates"]
    assert arrays["rates.cosine"] == pytest.approx(initial * np.cos(np.pi * np.arange(8) / 16) ** 2)
    # four steps share a rate
    assert len(np.unique(arrays["rates.shared"][:4])) == len(np.unique(arrays["rates.shared"][4:])) == 1
    assert (tmp_path / "fds-figure3.png").stat().st_size > 10_000


def test_figure_3_tests_what_was_learned_before_all_runs_diverged(root, tmp_path, monkeypatch):
    from lrswift.experiments.papers import fds_figure3

    monkeypatch.setattr(fds_figure3, "STEP_SIZE", (1e30, 0.15, 4e-4))
    assert run("fds-figure3", root, tmp_path) == 0
    rows = {row["schedule"]: row for row in read(tmp_path, "fds-figure3")[0]}
    # at the first outer step rates are zero; at the second all runs diverge
    assert rows["shared, sign"]["outer_steps"] == "2" and rows["cosine"]["outer_steps"] == ""
    assert float(rows["shared, sign"]["largest_rate"]) == 0


def test_unknown_names(tmp_path):
    import lrswift as lr
    from lrswift.experiments.papers import reproduce

    with pytest.raises(lr.Error, match="^figure: got 'x'; allowed: fds-figure1, fds-figure2"):
        reproduce("x", out=tmp_path)
    with pytest.raises(lr.Error, match="^scale: got 'x'; allowed: quick"):
        reproduce("fds-figure2", "x", out=tmp_path)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder with a CIFAR-10 of 240 and 60 images: a bright channel or row says the class, and noise."""
    folder = tmp_path_factory.mktemp("cifar")
    (folder / "cifar-10").mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("data_batch_1", 240), ("test_batch", 60)):
        labels = rng.integers(0, 10, (count, 1)).astype("u1")
        images = rng.integers(0, 100, (count, 3, 32, 32)).astype("u1")
        images[np.arange(count), 0, 3 * labels[:, 0]] += 120
        records = np.concatenate([labels, images.reshape(count, -1)], 1)
        (folder / "cifar-10" / f"{name}.bin.gz").write_bytes(gzip.compress(records.tobytes()))
    return folder


def test_figure_4(photographs, tmp_path, capsys):
    assert run("fds-figure4", photographs, tmp_path) == 0
    assert "4 schedules by hand, the best 3 tested" in capsys.readouterr().out
    rows, facts = read(tmp_path, "fds-figure4")
    assert sorted(row["schedule"] for row in rows) == ["constant", "cosine", "learned", "one-cycle", "step"]
    kept = [json.loads(line) for line in (tmp_path / "fds-figure4.jsonl").read_text().splitlines()]
    runs = {entry["key"]: entry["numbers"] for entry in kept}
    assert len(runs) == 5 + 4
    ranked = sorted(
        runs[f"{s} 0.1, 0.9, 0.0005|validation"]["loss"] for s in ("constant", "cosine", "one-cycle", "step")
    )
    assert [float(row["valid_loss"]) for row in rows[1:]] == pytest.approx(ranked)
    for row in rows[:4]:
        name = row["schedule"] if row["schedule"] == "learned" else f"{row['schedule']} 0.1, 0.9, 0.0005"
        assert float(row["accuracy"]) == pytest.approx(runs[f"{name}|test 0"]["accuracy"])
    assert rows[4]["accuracy"] == ""
    assert len(facts["learned_rates"]) == 7 and len(facts["valid_losses"]) == 2
    assert (tmp_path / "fds-figure4.png").stat().st_size > 10_000
    # what is there is not run again; what is not, is
    path = tmp_path / "fds-figure4.jsonl"
    whole = path.read_text()
    assert run("fds-figure4", photographs, tmp_path) == 0
    assert path.read_text() == whole
    path.write_text("".join(whole.splitlines(True)[:-1]))
    assert run("fds-figure4", photographs, tmp_path) == 0
    assert path.read_text() == whole
    assert run("fds-figure4", photographs, tmp_path, "--seed", "1") == 1


def test_figure_4_schedules_by_hand():
    steps = np.arange(40)
    np.testing.assert_allclose(fds_figure4.step(0.3, 40), [0.3] * 20 + [0.03] * 10 + [0.003] * 10)
    cycle = fds_figure4.one_cycle(0.3, 40)
    assert (
        cycle[0] == pytest.approx(0.03) and cycle.argmax() in (11, 12) and cycle.max() == pytest.approx(0.3)
    )
    np.testing.assert_allclose(cycle[12:], 0.15 * (1 + np.cos(np.pi * (steps[12:] - 12) / 28)))
    assert len(fds_figure4.RATES) * len(fds_figure4.PAIRS) * len(fds_figure4.SHAPES) >= 24
