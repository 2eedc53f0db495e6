"""A run: its budget, its batches, what becomes of methods that fail."""

import numpy as np
import pytest
from tiny_workload import HOPELESS, TINY

import lrswift as lr
from lrswift.experiments.leaderboard.run import Run, trained
from lrswift.experiments.leaderboard.workload import prepared


def test_the_whole_budget_is_spent_and_validated_on_the_way():
    run = Run(prepared(TINY), 1)
    run.go(lr.optim.SGD(run.model.parameters(), lr=0.1))
    assert (run.used, run.left, run.searched) == (40, 0, 0)
    at = [point[0] for point in run.curve]
    assert at[0] == 0 and at[-1] == 40 and at == sorted(set(at)) and len(at) > 20
    # what fits the points: by NumPy
    (x, y), (v, w) = TINY.data(None)
    best = np.linalg.lstsq(np.c_[x, np.ones(60)], y, rcond=None)[0]
    floor = float(np.mean((np.c_[v, np.ones(30)] @ best - w) ** 2))
    assert run.curve[-1][1] == pytest.approx(floor, abs=0.01)
    with pytest.raises(lr.ArgumentError, match="count: got 1; allowed: at most 0"):
        run.step(lr.optim.SGD(run.model.parameters()), 1)


def test_it_trains_as_a_loop_of_numpy_does():
    run = Run(prepared(TINY), 3)
    weight, bias = (p.numpy().astype(np.float64) for p in run.model.parameters())
    x, y = (a.astype(np.float64) for a in run.data)
    order = prepared(TINY).order(3)
    losses = run.step(lr.optim.SGD(run.model.parameters(), lr=0.05), 12)
    for rows, loss in zip(order[:12], losses, strict=True):
        away = x[rows] @ weight.T + bias - y[rows]
        assert loss == pytest.approx(np.mean(away**2), rel=1e-5)
        weight -= 0.05 * 2 * (away.T @ x[rows]) / 8
        bias -= 0.05 * 2 * away.mean(0)
    np.testing.assert_allclose(run.model.weight.numpy(), weight, rtol=1e-4)
    # the next batches follow
    np.testing.assert_array_equal(run.batches(2), order[12:14])


@pytest.mark.filterwarnings("ignore:find_lr")
def test_a_search_is_paid_from_the_budget():
    def search(run):
        run.find(lr.optim.Adam, rule="signs", max_epochs=1)
        spent.append(run.used)
        run.go(lr.optim.Adam(run.model.parameters(), lr=run.facts["found"]))

    spent = []
    result = trained(prepared(TINY), "m", search, 1)
    assert result.status == "ok" and result.searched == spent[0] > 0
    assert result.curve[1][0] > spent[0] and result.curve[-1][0] == 40
    assert result.facts["found"] > 0


def test_more_than_is_left_takes_what_is_left():
    run = Run(prepared(TINY), 1)
    run.spend(1000, 0.5, searching=True)
    assert (run.left, run.searched) == (0, 1000)
    # an untrained network is what such a search leaves
    assert trained(prepared(TINY), "m", lambda run: run.spend(1000), 1).final == run.curve[0][1]


def test_what_diverges_and_what_fails_is_told():
    result = trained(
        prepared(HOPELESS), "m", lambda run: run.go(lr.optim.SGD(run.model.parameters(), lr=0.1)), 1
    )
    assert (result.status, result.final) == ("diverged", None)
    assert "not finite" in result.note

    def fails(run):
        raise ZeroDivisionError("of all things")

    result = trained(prepared(TINY), "m", fails, 1)
    assert (result.status, result.final, result.note) == ("error", None, "ZeroDivisionError: of all things")
    with pytest.raises(KeyboardInterrupt):
        trained(prepared(TINY), "m", lambda run: (_ for _ in ()).throw(KeyboardInterrupt()), 1)


def test_an_impatient_run_ends_where_there_is_no_hope():
    def far(run):
        run.go(lr.optim.SGD(run.model.parameters(), lr=1.0))

    patient, impatient = (trained(prepared(TINY), "m", far, 1, each) for each in (False, True))
    assert patient.curve[-1][0] == 40
    assert impatient.status == "diverged" and impatient.curve[-1][0] < 20


def test_training_that_spends_nothing_is_an_error():
    result = trained(prepared(TINY), "m", lambda run: run.to_the_end(lambda n: None, lambda: 0.0), 1)
    assert result.status == "error" and "spent nothing" in result.note


def test_random_numbers_are_the_seeds_whatever_came_before():
    def noisy(run):
        run.go(lr.optim.SGD(run.model.parameters(), lr=0.01 * (1 + lr.rand(1).numpy()[0])))

    lr.seed(1)
    first = trained(prepared(TINY), "m", noisy, 4)
    lr.seed(2)
    assert trained(prepared(TINY), "m", noisy, 4).final == first.final
