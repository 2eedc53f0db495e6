"""compare_hpo: each search against what it should have drawn, trained and spent; files, resuming, errors."""

from __future__ import annotations

import csv
import json
import math
import sys
from statistics import fmean, median

import numpy as np
import pytest

import lrswift as lr
from lrswift.cli import main
from lrswift.data import Dataset, Splits
from lrswift.experiments.hpo import SEARCHES
from lrswift.experiments.hpo import comparison as hpo_comparison

optuna = pytest.importorskip("optuna")
datasets = pytest.importorskip("sklearn.datasets")

STEPS, BATCH = 27, 32
RANGES = ((-0.1, 0.4), (-0.5, 0.9), (-4e-3, 4e-3))
# a differentiated step of five values, and a validation, in plain steps
COSTS = (11.0, 2.0)
PLAIN = STEPS + 2


def diabetes():
    x, y = datasets.load_diabetes(return_X_y=True)
    x, y = x / x.std(0), ((y - y.mean()) / y.std())[:, None]
    return Splits("diabetes", Dataset(x[:330], y[:330], 1.0), Dataset(x[330:], y[330:], 1.0), [])


def linear(train, classes):
    return lr.nn.Linear(10, 1).to(lr.float64)


def squares(model, x, y):
    return lr.square(model(x) - y).mean()


def search(*names, **changes):
    arguments = {
        "data": diabetes(), "model": linear, "searches": names, "steps": STEPS, "budget": 12, "seeds": 2,
        "batch_size": BATCH, "loss": squares, "learning_rates": 3, "ranges": RANGES, "fresh": 2,
        "costs": COSTS, "progress": False,
    } | changes  # fmt: skip
    return lr.compare_hpo(**arguments)


def split():
    """(train, validation) rows, as a fraction of a tenth is drawn from seed 0."""
    from lrswift.data.batches import permutation

    data = diabetes().train
    order = permutation(330, 0, 0)
    x = np.asarray(data.x, np.float32).astype(float)
    return [(x[rows], data.y[rows]) for rows in (np.sort(order[33:]), np.sort(order[:33]))]


def trained(values, seed, until, held):
    """Validation loss of a linear network after `until` steps of momentum SGD, in NumPy."""
    from lrswift.learning.inner_run import row_numbers

    (x, y), _ = split()
    lr.seed(seed)
    layer = linear(None, 0)
    w, b = layer.weight.numpy().copy(), layer.bias.numpy().copy()
    rates, momentum, decay = values[:3], values[3], values[4]
    orders = row_numbers(len(x), STEPS, BATCH, seed)
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    for t in range(until):
        rows = orders[t]
        off = 2 * (x[rows] @ w.T + b - y[rows]) / BATCH
        vw = momentum * vw + off.T @ x[rows] + decay * w
        vb = momentum * vb + off.sum(0) + decay * b
        rate = rates[3 * t // STEPS]
        w, b = w - rate * vw, b - rate * vb
    return float(np.mean((held[0] @ w.T + b - held[1]) ** 2))


def network_seed(*numbers):
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])


def drawn(sampler, count):
    """What Optuna's sampler proposes when nothing is told that it would learn from."""
    study = optuna.create_study(sampler=sampler)
    names = [(f"r{k}", RANGES[0]) for k in range(3)] + [("m", RANGES[1]), ("d", RANGES[2])]
    within = {name: optuna.distributions.FloatDistribution(*pair) for name, pair in names}
    return [tuple(study.ask(within).params.values()) for _ in range(count)]


def test_random_search_is_the_obvious_loop():
    result = search("random", networks=2)
    _, held = split()
    for run in result.runs:
        # 12 runs, in each of which two networks are trained
        assert len(run.tried) == 12 * STEPS // (2 * PLAIN)
        assert [t.values for t in run.tried] == drawn(optuna.samplers.RandomSampler(run.seed), len(run.tried))
        for number, tried in enumerate(run.tried):
            losses = [trained(tried.values, network_seed(run.seed, number, i), STEPS, held) for i in range(2)]
            assert tried.loss == pytest.approx(np.mean(losses), rel=1e-9)
            assert tried.cost == 2 * PLAIN * (number + 1) and tried.whole
        assert run.best == min(t.loss for t in run.tried)
    assert result.runs[0].tried[0].values != result.runs[1].tried[0].values


def test_lrswifts_own_plain_training_agrees_to_the_bit():
    from lrswift.experiments.hpo.training import Problem, Training, whole_loss
    from lrswift.learning.inner_run import run as replica
    from lrswift.learning.settings import check

    train, held = split()
    clipped = lr.HypergradientOptions(clip_gradient=0.5)
    settings = check(STEPS, BATCH, (3, 1, 1), clipped, lr.LearningOptions())
    job = Problem(lambda _: linear(None, 0), squares, train, held, settings).job(
        ((0.1, 0.2, 0.05), (0.5,), (1e-3,)), 4
    )
    reference = replica(job).valid_loss
    assert whole_loss(job) == reference
    stretched = Training(job)
    for stop in (1, 3, 9, STEPS):
        assert stretched.advance(stop) and stretched.step == stop
        loss = stretched.validate()
    assert loss == reference


def test_hyperband_stops_runs_early_and_spends_what_they_cost():
    result = search("hyperband", seeds=1)
    (run,) = result.runs
    _, held = split()
    assert [t.values for t in run.tried] == drawn(optuna.samplers.RandomSampler(0), len(run.tried))
    # a 27th is a step here; a validation at 1, 3, 9 and 27
    spent = {1 + 2: 1, 3 + 4: 3, 9 + 6: 9, 27 + 8: 27}
    before, stopped = 0.0, []
    for number, tried in enumerate(run.tried):
        stopped.append(spent[tried.cost - before])
        before = tried.cost
        assert tried.whole == (stopped[-1] == 27)
        loss = trained(tried.values, network_seed(0, number, 0), stopped[-1], held)
        assert tried.loss == pytest.approx(loss, rel=1e-9)
    assert {1, 27} <= set(stopped)
    # of runs stopped after one step, each was worse than another that had come as far
    first = [trained(t.values, network_seed(0, n, 0), 1, held) for n, t in enumerate(run.tried)]
    assert all(first[n] > min(first[:n]) for n, stop in enumerate(stopped) if stop == 1)
    assert len(run.tried) > 12 * STEPS // PLAIN


@pytest.mark.filterwarnings("ignore:learn_schedule. outer step")
@pytest.mark.parametrize("start", [None, "optuna"])
def test_searches_with_derivatives_are_learn_schedule(start):
    (run,) = search("hypergradients" if start is None else "hybrid", seeds=1, budget=120).runs
    outer, start_cost = 2 * (11 * STEPS + 2), 2 * PLAIN
    trials, outer_steps = int(60 * STEPS / start_cost), int(120 * STEPS / outer)
    learned = lr.learn_schedule(
        lambda _: linear(None, 0), squares, *split(), STEPS, BATCH, 3, finalists=1, ranges=RANGES,
        outer_steps=5 if start is None else outer_steps, start=start, trials=trials, progress=False,
    )  # fmt: skip
    # what did not fit was left out, nothing else
    count = len(run.tried)
    assert count == int(120 * STEPS / outer) or start == "optuna"
    np.testing.assert_array_equal([t.values for t in run.tried], learned.values[:count])
    np.testing.assert_array_equal([t.loss for t in run.tried], learned.valid_losses[:count])
    differentiated = ~np.isnan(learned.hypergradients[:count]).all((1, 2))
    assert [t.differentiated for t in run.tried] == differentiated.tolist()
    assert differentiated.any() and differentiated.all() == (start is None)
    costs = np.cumsum(np.where(differentiated, outer, start_cost))
    assert [t.cost for t in run.tried] == costs.tolist()


def test_nobody_spends_more_than_the_budget():
    result = search(*SEARCHES, budget=60)
    assert result.names() == list(SEARCHES)
    least = {"hypergradients": 2 * (11 * STEPS + 2), "hybrid": 2 * (11 * STEPS + 2)}
    for run in result.runs:
        assert 60 * STEPS - least.get(run.search, STEPS + 8) < run.cost() <= 60 * STEPS, run.search
        costs = [t.cost for t in run.tried]
        assert costs == sorted(costs)


def test_runs_that_diverge_cost_what_they_made(tmp_path):
    result = search("random", ranges=((-1e200, 1e200), *RANGES[1:]), seeds=1, budget=3)
    (run,) = result.runs
    assert all(t.loss == math.inf for t in run.tried) and run.tested == {}
    assert 3 * STEPS >= run.cost() > 3 * STEPS - PLAIN
    assert len(run.tried) > 6
    (row,) = result.summary()
    assert row["test_loss"] == row["regret"] == math.inf and row["diverged"] == len(run.tried)
    assert "inf" in result.table()
    assert page_of(result, tmp_path).count('class="bad">none') >= 2


def test_what_is_no_better_than_no_training_is_not_drawn(tmp_path):
    # uphill, but not far enough to diverge
    result = search("random", ranges=((-0.01, 0.0), *RANGES[1:]), seeds=1)
    assert math.isfinite(result.floor()) and result.regret_untrained() < 0
    for axis in ("cost", "seconds"):
        assert not np.isfinite(result.shown(result.runs, axis)[1]).any()
    assert page_of(result, tmp_path).count('class="curve" d=""') == 2


def page_of(result, folder):
    """The report without style sheet, scales that are no numbers, and settings."""
    text = result.write(folder).read_text().split("<main>")[1].split("How this was made")[0]
    json.loads((folder / "results.json").read_text(), parse_constant=pytest.fail)
    assert "nan" not in text and ">inf" not in text
    return text


def test_what_was_best_is_tested_on_fresh_networks():
    result = search("random", "tpe")
    test = diabetes().test
    held = np.asarray(test.x, np.float32).astype(float), test.y
    seeds = [network_seed(0, 2**31, i) for i in range(2)]
    everything = []
    for run in result.runs:
        bests = [
            i for i, t in enumerate(run.tried) if t.loss < min([u.loss for u in run.tried[:i]] + [math.inf])
        ]
        assert list(run.tested) == bests
        for i, losses in run.tested.items():
            expected = [trained(run.tried[i].values, seed, STEPS, held) for seed in seeds]
            np.testing.assert_allclose(losses, expected, rtol=1e-9)
            everything.append(fmean(expected))
        x, y = run.curve("cost")
        np.testing.assert_array_equal(x, [run.tried[i].cost for i in bests])
        np.testing.assert_allclose(y, [fmean(run.tested[i]) for i in bests])
    assert result.settings["untrained"] == pytest.approx(
        np.mean([trained((0,) * 5, seed, 0, held) for seed in seeds]), rel=1e-9
    )
    for axis, ends in (("cost", 12 * STEPS), ("seconds", max(r.tried[-1].seconds for r in result.runs))):
        x, regret = result.stairs(result.of("tpe"), axis)
        at = np.random.default_rng(0).uniform(0, ends, 50)
        for point in at[at > x[0]]:
            found = [
                [loss for t, loss in zip(*r.curve(axis), strict=True) if t <= point] for r in result.of("tpe")
            ]
            expected = median(losses[-1] if losses else math.inf for losses in found) - result.floor()
            assert regret[np.searchsorted(x, point) - 1] == pytest.approx(expected, rel=1e-12)
    assert result.floor() == pytest.approx(min(everything), rel=1e-9)
    for row in result.summary():
        ends = [fmean(run.tested[max(run.tested)]) for run in result.of(row["search"])]
        assert row["test_loss"] == median(ends) and row["regret"] == median(ends) - result.floor()
        assert (row["test_loss_low"], row["test_loss_high"]) == (min(ends), max(ends))


def numbers(result):
    """All but the times."""
    return [
        (run.search, run.seed, run.tested, [(t.values, t.loss, t.cost, t.whole) for t in run.tried])
        for run in result.runs
    ]


def test_interrupted_it_keeps_what_is_done_and_goes_on(tmp_path, monkeypatch):
    true, calls = hpo_comparison._search, []

    def failing(name, *rest):
        calls.append(name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return true(name, *rest)

    monkeypatch.setattr(hpo_comparison, "_search", failing)
    with pytest.raises(KeyboardInterrupt) as caught:
        search("random", "hyperband", out=tmp_path)
    assert [(r.search, r.seed) for r in caught.value.comparison.runs] == [("random", 0), ("hyperband", 0)]
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 2
    assert (tmp_path / "report.html").exists()
    resumed = search("random", "hyperband", out=tmp_path, resume=True)
    assert len(calls) == 5
    assert numbers(resumed) == numbers(search("random", "hyperband"))
    with pytest.raises(lr.ArgumentError, match=r"results.json was made with budget=12.0, got 13.0; allowed"):
        search("random", out=tmp_path, resume=True, budget=13)
    good = (tmp_path / "results.json").read_bytes()
    damaged = bytearray(good)
    damaged[good.index(b'"loss"') + 10] ^= 1
    (tmp_path / "results.json").write_bytes(damaged)
    with pytest.raises(lr.FormatError, match="^resume: .*no results of compare_hpo; allowed.*checksum"):
        search("random", out=tmp_path, resume=True)
    facts = json.loads(good)
    del facts["sha256"]
    for change in (
        {"runs": None},
        {"runs": [1]},
        {"settings": []},
        {"more": 1},
        {"settings": facts["settings"] | {"costs": {}}},
        {"runs": [facts["runs"][0] | {"seed": "x"}]},
        {"runs": [facts["runs"][0] | {"tested": {"99": [1.0]}}]},
        {"runs": [facts["runs"][0] | {"tried": [{}]}]},
    ):
        (tmp_path / "results.json").write_text(json.dumps(facts | change))
        with pytest.raises(lr.FormatError, match="^resume: "):
            search("random", out=tmp_path, resume=True)
    (tmp_path / "results.json").write_bytes(good)
    other = diabetes()
    object.__setattr__(other.test, "y", other.test.y + 1e-6)
    with pytest.raises(lr.ArgumentError, match="was made with digests="):
        search("random", data=other, out=tmp_path, resume=True)
    # as they were written before there were a checksum and digests
    del facts["settings"]["digests"]
    (tmp_path / "results.json").write_text(json.dumps(facts))
    assert numbers(search("random", "hyperband", out=tmp_path, resume=True)) == numbers(resumed)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(lr.ArgumentError, match="^resume: .*no results of compare_hpo; allowed"):
        search("random", out=tmp_path, resume=True)


def test_costs_are_measured():
    costs = search("random", seeds=1, costs=None).settings["costs"]
    assert costs["differentiated"] >= 1 and costs["validation"] > 0


def test_the_command(tmp_path, capsys):
    given = ["compare-hpo", "--steps", "6", "--rates", "1", "--budget", "30", "--seeds", "1", "--quiet"]
    assert main([*given, "--searches", "random,hyperband,hypergradients", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert all(SEARCHES[name].label in printed for name in ("random", "hyperband", "hypergradients"))
    with open(tmp_path / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    facts = json.loads((tmp_path / "results.json").read_text())
    assert len(rows) == sum(len(run["tried"]) for run in facts["runs"])
    assert {row["search"] for row in rows} == {"random", "hyperband", "hypergradients"}
    report = (tmp_path / "report.html").read_text()
    assert report.count("<svg") == 2 and "lrswift compare-hpo --steps 6" in report
    assert "nan" not in report.replace("nanm", "").split("<main>")[1].split("How this was made")[0]


def test_without_optuna_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["compare-hpo", "--quiet"]) == 1
    assert "compare_hpo needs Optuna: pip install optuna" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"searches": ["grid"]}, "searches: got grid"), ({"searches": []}, "searches: got none"),
        ({"model": "x"}, "model"), ({"steps": 0}, "steps"), ({"steps": 2}, "learning_rates"),
        ({"budget": 0.5}, "budget: got 0.5 runs"), ({"budget": math.nan}, "budget"),
        ({"budget": math.inf}, "budget"), ({"budget": "x"}, "budget"), ({"seeds": 0}, "seeds"),
        ({"networks": 0}, "networks"), ({"fresh": 1.5}, "fresh"), ({"valid": 1.0}, "valid"),
        ({"batch_size": 10**6}, "batch_size"), ({"ranges": ((1, 0), *RANGES[1:])}, "ranges: learning_rates"),
        ({"ranges": ((0.1, 1), *RANGES[1:])}, "ranges: learning_rates"), ({"ranges": 3}, "ranges"),
        ({"costs": 3}, "costs"), ({"costs": (0.5, 1)}, "costs"), ({"costs": (1, 2, 3)}, "costs"),
        ({"clip_gradient": -1}, "clip_gradient"), ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(changes, named):
    with pytest.raises(lr.Error, match=f"^{named}.*allowed"):
        search(**({"searches": ["random"]} | changes))
