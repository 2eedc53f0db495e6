"""learn_schedule(start="optuna"): what is tried, told and counted; it resumes, and needs Optuna."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from quadratic_learning import CURVATURES, Bowl, bowls, learn, same, without_format

import lrswift as lr

optuna = pytest.importorskip("optuna")

RANGES = ((-0.5, 0.8), (-0.9, 0.9), (-1e-2, 1e-2))


def search(**changes):
    """Two legs of refinement from five points, of which the first is `initial`."""
    arguments = {"start": "optuna", "trials": 5, "ranges": RANGES, "outer_steps": 6, "finalists": 1} | changes
    return learn(**arguments)


def test_a_seed_decides_everything():
    same(search(), search())
    assert not np.array_equal(search().values, search(seed=1).values)


def test_starting_points_and_refined_ones_are_in_the_study():
    found = search()
    starts = np.isnan(found.hypergradients).all((1, 2))
    assert starts.sum() == 5 and len(found.values) == 11
    proposed = [t for t in found.study.trials if "refined_from" not in t.user_attrs]
    refined = [t for t in found.study.trials if "refined_from" in t.user_attrs]
    assert len(proposed) == 5 and refined
    np.testing.assert_array_equal([list(t.params.values()) for t in proposed], found.values[starts])
    np.testing.assert_array_equal([t.value for t in proposed], found.valid_losses[starts])
    np.testing.assert_array_equal(found.values[0], np.zeros(5))
    for trial in refined:
        tried = (found.values == list(trial.params.values())).all(1)
        tried &= found.trials == trial.user_attrs["refined_from"]
        np.testing.assert_array_equal(found.valid_losses[tried], trial.value)
    # what was proposed after the first leg knew of it
    assert min(t.number for t in refined) < max(t.number for t in proposed)


def test_initial_is_refined_first_then_the_best_and_the_result_is_no_worse():
    found = search()
    starts = np.isnan(found.hypergradients).all((1, 2))
    assert starts.tolist() == [True, *[False] * 3, *[True] * 4, *[False] * 3]
    np.testing.assert_array_equal(found.values[1], found.values[0])
    best = int(np.argmin(found.valid_losses[:8]))
    assert (found.trials[8:] == found.trials[best]).all()
    if starts[best]:
        np.testing.assert_array_equal(found.values[8], found.values[best])


def test_one_leg_refines_the_best_start():
    found = search(outer_steps=3)
    starts = np.isnan(found.hypergradients).all((1, 2))
    assert starts.tolist() == [*[True] * 5, *[False] * 3]
    best = int(np.argmin(found.valid_losses[:5]))
    np.testing.assert_array_equal(found.values[5], found.values[best])
    assert (found.trials[5:] == best).all()
    assert found.valid_losses[found.best] == np.min(found.valid_losses)
    assert found.valid_losses[found.best] <= found.valid_losses[starts].min()
    np.testing.assert_array_equal(found.learning_rates, found.values[found.best, :3])


def test_a_start_is_trained_as_numpy_trains_it():
    """Six steps of momentum SGD on the quadratic, from the weights of one seed."""
    found = search(seeds=1, train=bowls(), valid=bowls(), trials=1, initial=(0.1, 0.3, 0.01))
    assert found.values[0].tolist() == found.values[1].tolist() == [0.1, 0.1, 0.1, 0.3, 0.01]
    own = np.random.SeedSequence((0, 0)).generate_state(2, np.uint32)[1]
    for row, outer in ((0, 2**31), (1, 0)):  # the first outer step repeats the start with another network
        seed = np.random.SeedSequence((int(own), outer, 0)).generate_state(1, np.uint32)[0]
        theta, v = Bowl(int(seed)).theta.numpy(), np.zeros(2)
        for _ in range(6):
            v = 0.3 * v + (CURVATURES + 0.01) * theta
            theta = theta - 0.1 * v
        assert found.valid_losses[row] == pytest.approx(0.5 * (CURVATURES * theta**2).sum(), rel=1e-12)


def test_the_cost_is_the_one_that_was_stated():
    assert search().cost == (5 * 2 * 6, 6 * 2 * 6)
    assert search(budgets=[4, 6]).cost[1] <= 6 * 2 * 6
    assert learn(finalists=1).cost == (0, 4 * 2 * 6)
    # finalists on ten times two networks each
    assert search(finalists=3).cost == (5 * 2 * 6 + 3 * 10 * 2 * 6, 6 * 2 * 6)
    assert search(trials=1, outer_steps=1, seeds=3).cost == (18, 18)


def test_at_equal_cost_both_searches_improve():
    """Refinement is not promised to win: a differentiated step of five values costs eleven plain ones."""
    refined = search(trials=8, outer_steps=3)
    factor = 1 + 2 * 5
    total = refined.cost[0] + factor * refined.cost[1]
    alone = search(trials=(total - factor * 12) // 12, outer_steps=1)
    assert alone.cost[0] + factor * alone.cost[1] == total
    for found in (refined, alone):
        assert found.valid_losses[found.best] < found.valid_losses[0]


def test_interrupted_and_resumed_it_is_bitwise_the_same(tmp_path):
    made = []

    class Interrupting:
        def __call__(self, seed):
            made.append(seed)
            if len(made) == 14:
                raise KeyboardInterrupt
            return Bowl(seed)

    checkpoint = tmp_path / "search.safetensors"
    with pytest.raises(KeyboardInterrupt):
        search(make_model=Interrupting(), checkpoint=checkpoint)
    before = len(made)
    resumed = search(make_model=Interrupting(), checkpoint=checkpoint, resume=True)
    whole = search()
    same(resumed, whole)
    assert [t.params for t in resumed.study.trials] == [t.params for t in whole.study.trials]
    assert len(made) - before == 2 * 11 - 12  # nothing was trained twice
    with pytest.raises(lr.ArgumentError, match="was made with trials=5, got 6"):
        search(checkpoint=checkpoint, resume=True, trials=6)
    without_format(checkpoint)
    with pytest.raises(lr.ArgumentError, match="another version.*format 2, got 1"):
        search(checkpoint=checkpoint, resume=True)
    learn(checkpoint=checkpoint)
    with pytest.raises(lr.ArgumentError, match="no checkpoint of learn_schedule"):
        search(checkpoint=checkpoint, resume=True)


def test_what_was_searched_is_saved(tmp_path):
    found = search()
    found.save(tmp_path / "found")
    loaded = lr.LearnedSchedule.load(tmp_path / "found")
    same(found, loaded)
    np.testing.assert_array_equal(found.trials, loaded.trials)
    assert loaded.cost == found.cost
    pytest.importorskip("matplotlib").use("agg")
    assert found.plot().axes


@pytest.mark.filterwarnings("ignore:learn_schedule. outer step")
@pytest.mark.parametrize("update", ["gated", "sign"])
def test_starts_that_explode_lose_nothing(update):
    found = search(update=update, ranges=((-1e200, 1e200), *RANGES[1:]))
    assert np.isinf(found.valid_losses).any() and np.isfinite(found.valid_losses[found.best])


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match="pip install optuna"):
        search()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"start": "tpe"}, "start"), ({"trials": 0}, "trials"), ({"trials": 2.5}, "trials"),
        ({"ranges": (0, 1)}, "ranges"), ({"ranges": ((1, 0), *RANGES[1:])}, "ranges: learning_rates"),
        ({"ranges": ((0, 1, 2), *RANGES[1:])}, "ranges: learning_rates"),
        ({"initial": (2.0, 0, 0)}, "initial: learning_rates"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(changes, named):
    with pytest.raises(lr.Error, match=f"^{named}: .*allowed"):
        search(**changes)
