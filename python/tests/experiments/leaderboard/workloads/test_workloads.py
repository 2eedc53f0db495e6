"""The workloads: what all of them hold to, and what each loss means, by other means."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import integrate, special, stats

import lrswift as lr
from lrswift.experiments.leaderboard.run import Run
from lrswift.experiments.leaderboard.workload import prepared
from lrswift.experiments.leaderboard.workloads import (
    WORKLOADS,
    comparisons,
    densities,
    graphs,
    physics,
    policies,
)


def test_the_halves_are_alike():
    kinds = {half: Counter(w.kind for w in WORKLOADS.values() if w.half == half)
             for half in ("choosing", "reporting")}  # fmt: skip
    assert kinds["choosing"] == kinds["reporting"]
    assert sum(kinds["choosing"].values()) >= 12
    for half in kinds:
        batches = [w.batch for w in WORKLOADS.values() if w.half == half]
        assert min(batches) == 8 and max(batches) == 2048


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_is_recorded_and_learns(name):
    work = WORKLOADS[name]
    run = Run(prepared(work), 0)
    assert 100 <= work.steps <= 2000
    assert run.model.num_parameters() <= 210_000 or name.startswith("wide_")
    at, start, _ = run.curve[0]
    first = run.step(lr.optim.Adam(run.model.parameters(), lr=3e-3), work.steps // 5)
    # RecordingWarning would say that Python runs every step
    assert np.isfinite(first).all() and at == 0 and np.isfinite(start)
    assert run.validate() < start
    # validation draws nothing
    assert run.validate() == run.curve[-2][1]


# the maze has one rule for all; clicks on frequent categories are alike
@pytest.mark.parametrize("name", sorted({*WORKLOADS} - {"maze", "clicks"}))
def test_training_and_validation_share_hardly_a_row(name):
    data = prepared(WORKLOADS[name])
    train, valid = (
        [b"".join(t.numpy()[row].tobytes() for t in f.tensors) for row in range(f.rows)]
        for f in (data.train, data.valid)
    )
    seen = set(train)
    assert sum(row in seen for row in valid) <= 0.01 * len(valid)


def test_data_that_are_missing_are_named(tmp_path):
    for name, files in (("mnist_mlp", "mnist: missing"), ("cifar_norm", "cifar10"), ("char_gru", "text"),
                        ("translation", "multi30k"), ("deep_tanh", "fashion-mnist")):  # fmt: skip
        with pytest.raises(lr.MissingFiles, match=files):
            prepared(WORKLOADS[name], str(tmp_path))


def test_the_karate_club_has_its_members_and_friends():
    edges, groups = graphs._club()
    # degrees and factions as networkx.karate_club_graph has them
    degrees = [16, 9, 10, 6, 3, 4, 4, 4, 5, 2, 3, 1, 2, 5, 2, 2, 2, 2, 2, 3, 2, 2, 2, 5, 3, 3, 2, 4, 3, 4, 4,
               6, 12, 17]  # fmt: skip
    np.testing.assert_array_equal(edges.sum(0), degrees)
    np.testing.assert_array_equal(edges, edges.T)
    assert edges.sum() == 2 * 78 and groups.sum() == 17
    joined = edges + np.eye(34)
    root = np.diag(joined.sum(0) ** -0.5)
    np.testing.assert_allclose(graphs._normalized(edges), root @ joined @ root, rtol=1e-6)


def test_the_maze_pays_what_its_runs_bring():
    lr.seed(3)
    policy = policies._Policy()
    leads, reward = policies._rules()
    np.testing.assert_allclose(leads.sum(2), 1, rtol=1e-6)
    chances = special.softmax(policy.network(lr.eye(36)).numpy().astype(np.float64), 1)
    rng = np.random.default_rng(0)
    start = 5 * 6 + 4  # beside the goal
    cells, gained = np.full(20_000, start), np.zeros(20_000)
    for _ in range(policies._HORIZON):
        move = (rng.random(len(cells))[:, None] > np.cumsum(chances[cells], 1)[:, :3]).sum(1)
        reach = np.cumsum(leads[move, cells].astype(np.float64), 1)
        cells = (rng.random(len(cells))[:, None] > reach[:, :-1]).sum(1)
        gained += reward[cells]
    told = float(policy(lr.tensor(np.eye(36, dtype=np.float32)[[start]])).numpy()[0])
    assert told == pytest.approx(gained.mean(), abs=4 * gained.std() / math.sqrt(len(gained)))
    # the slip: every fourth way has its share
    here = 2 * 6 + 2
    assert leads[0, here, here - 6] + leads[0, here, here] == pytest.approx(0.9)


def test_the_bandit_is_paid_by_importance():
    lr.seed(1)
    model = policies.BANDIT.model()
    (x, drawn, reward), _ = policies.BANDIT.data(None)
    chances = special.softmax(model(lr.tensor(x[:500])).numpy().astype(np.float64), 1)
    paid = 6 * (chances[drawn[:500] == 1] * reward[:500]).mean()
    told = policies._missed(model, *(lr.tensor(a[:500]) for a in (x, drawn, reward)))
    assert told.item() == pytest.approx(-paid, rel=1e-5)
    np.testing.assert_allclose(drawn.mean(0), 1 / 6, atol=0.02)


def test_densities_are_those_of_scipy():
    for work, density in ((densities.GAUSSIAN, _normal), (densities.MIXTURE, _mixture)):
        lr.seed(2)
        model = work.model()
        (x, y), _ = work.data(None)
        told = model(lr.tensor(x[:200])).numpy().astype(np.float64)
        expected = -density(told, y[:200].astype(np.float64)).mean()
        assert work.loss(model, lr.tensor(x[:200]), lr.tensor(y[:200])).item() == pytest.approx(
            expected, 1e-4
        )


def _normal(told, y):
    return stats.norm.logpdf(y, told[:, 0], np.logaddexp(0, told[:, 1]) + 0.01)


def _mixture(told, y):
    width = np.logaddexp(0, told[:, 10:]) + 0.01
    return special.logsumexp(
        special.log_softmax(told[:, :5], 1) + stats.norm.logpdf(y, told[:, 5:10], width), 1
    )


def test_exact_solutions_leave_nothing_of_the_equations():
    times = np.linspace(0, 2, 401)
    exact = integrate.solve_ivp(
        lambda t, u: [u[1], -0.6 * u[1] - 30 * u[0]], (-0.1, 2.1),
        # from before the start, as the stencil looks back
        _before(), rtol=1e-10, atol=1e-12, dense_output=True,
    )  # fmt: skip

    class Known(lr.nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, x):
            return lr.tensor(self.function(x.numpy()), dtype=lr.float64)

    t = lr.tensor(times[:, None], dtype=lr.float64)
    solved = Known(lambda t: exact.sol(t.ravel())[0][:, None])
    flat = Known(lambda t: np.ones_like(t))
    assert physics._oscillator(solved, t).item() < 1e-3
    assert physics._oscillator(flat, t).item() == pytest.approx(1.0)
    x = np.linspace(0, 1, 401)[:, None]
    force = np.sin(np.pi * x) + 2 * np.sin(3 * np.pi * x)
    membrane = Known(lambda x: np.sin(np.pi * x) + 2 / 9 * np.sin(3 * np.pi * x))
    given = [lr.tensor(a, dtype=lr.float64) for a in (x, force)]
    assert physics._poisson(membrane, *given).item() < 1e-4
    assert physics._poisson(Known(np.zeros_like), *given).item() == pytest.approx((force**2).mean())


def _before():
    back = integrate.solve_ivp(
        lambda t, u: [u[1], -0.6 * u[1] - 30 * u[0]], (0, -0.1), [1.0, 0.0], rtol=1e-10, atol=1e-12
    )
    return back.y[:, -1]


def test_the_other_view_is_found_among_the_batch():
    lr.seed(0)
    model = comparisons.CONTRASTIVE.model()
    (one, other), _ = comparisons.CONTRASTIVE.data(None)
    a, b = (model(lr.tensor(v[:64])).numpy().astype(np.float64) for v in (one, other))
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    expected = -np.diag(special.log_softmax(a @ b.T / 0.1, 1)).mean()
    told = comparisons._contrast(model, lr.tensor(one[:64]), lr.tensor(other[:64]))
    assert told.item() == pytest.approx(expected, rel=1e-4)
