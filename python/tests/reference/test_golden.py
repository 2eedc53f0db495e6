"""The NumPy references alone, held to published and independently computed numbers. No native code here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reference import alrs, directions, l4, problems, qlabgrad, sbf, tlr


def run(optimizer, steps: int, evaluate=problems.quadratic, start: list | None = None) -> tuple[list, list]:
    """Rates of the steps, and losses after them."""
    parameters = [problems.START.copy()] if start is None else start
    rates, losses = [], []
    for _ in range(steps):
        rates.append(optimizer.step(parameters, evaluate)[1])
        losses.append(evaluate(parameters)[0])
    return rates, losses


def near(actual, printed, digits: float = 6e-11) -> None:
    """Equal to a number printed with ten decimals."""
    np.testing.assert_allclose(actual, printed, rtol=0, atol=digits)


def test_quadratic_start() -> None:
    loss, (g,) = problems.quadratic([problems.START])
    assert loss == 9.75 and g @ g == 90


def test_l4_mom_golden() -> None:
    optimizer = l4.l4_mom()
    rates, losses = run(optimizer, 5)
    near(rates, [0.00528125, 0.0046335852, 0.0040655582, 0.0035656522, 0.0031245699])
    near(losses, [9.2817580210, 8.8886670832, 8.5572360991, 8.2768274039, 8.0389524296])


def test_l4_minimum_after_forgetting() -> None:
    optimizer, parameters = l4.l4_mom(), [problems.START.copy()]
    for expected in (7.3198125, 7.3271323125):
        optimizer.step(parameters, problems.quadratic)
        near(optimizer.minimum, expected, 1e-13)


@pytest.mark.parametrize("make", [l4.l4_mom, l4.l4_gd])
def test_l4_first_step_and_new_minimum(make) -> None:
    rates, _ = run(make(), 1)
    assert rates[0] == pytest.approx(0.04875 * 9.75 / 90, rel=1e-12)
    optimizer, parameters = make(), [problems.START.copy()]
    optimizer.minimum = 1e9  # any loss is then a new minimum, and the step is the least one
    _, rate = optimizer.step(parameters, problems.quadratic)
    assert rate == pytest.approx(0.015 * 9.75 / 90, rel=1e-12)


def test_l4_minimum_of_zero_is_never_lifted() -> None:
    optimizer = l4.l4_gd()
    optimizer.minimum = 0.0
    rates, _ = run(optimizer, 3)
    assert optimizer.minimum == 0.0
    assert rates[0] == pytest.approx(0.15 * 9.75 / 90, rel=1e-12)


def test_l4_over_a_momentum_sum_makes_the_same_steps() -> None:
    _, losses = run(l4.l4_mom(), 50)
    _, summed = run(l4.L4(directions.SGD(momentum=0.9)), 50)
    np.testing.assert_allclose(summed, losses, rtol=1e-10)


def steps_until(optimizer, levels: tuple[float, ...], scale: float = 1.0, limit: int = 14000) -> list[int]:
    """Number (from 1) of the first step that observes a loss below level times the first loss."""
    parameters, evaluate = problems.regression(seed=0, scale=scale)
    counts, first = [], None
    for step in range(1, limit):
        loss, _ = optimizer.step(parameters, evaluate)
        first = loss if first is None else first
        while len(counts) < len(levels) and loss < levels[len(counts)] * first:
            counts.append(step)
        if len(counts) == len(levels):
            return counts
    raise AssertionError(f"only {counts} of the levels {levels} reached in {limit} steps")


# Counts far down depend on the order of summation (a rounding in the last digit moves them by 1-2 %); the
# first levels do not and are exact.
@pytest.mark.parametrize(
    ("make", "first_loss", "first_rate", "levels", "counts"),
    [
        (lambda: l4.l4_mom(), 246081, 4.79123e-7, (1e-3, 1e-6, 1e-10, 1e-14), (513, 1631, 3316, 4969)),
        (
            lambda: l4.l4_mom(alpha=0.25),
            246081,
            7.98538e-7,
            (1e-3, 1e-6, 1e-10, 1e-14),
            (332, 717, 1125, 1533),
        ),
        (lambda: l4.l4_adam(), 246081, 1.01440e-2, (1e-3, 1e-6, 1e-10), (503, 4259, 12273)),
    ],
    ids=["mom-0.15", "mom-0.25", "adam-0.15"],
)
def test_l4_on_the_badly_conditioned_regression(make, first_loss, first_rate, levels, counts) -> None:
    parameters, evaluate = problems.regression(seed=0)
    loss, rate = make().step(parameters, evaluate)
    assert round(loss) == first_loss
    assert rate == pytest.approx(first_rate, rel=1e-5)
    measured = steps_until(make(), levels)
    assert measured[0] == counts[0]
    np.testing.assert_allclose(measured, counts, rtol=0.03)


def test_l4_epsilon_matters_under_the_mean_loss() -> None:
    counts = steps_until(l4.l4_mom(alpha=0.25), (1e-3, 1e-14), scale=1e-3)
    np.testing.assert_allclose(counts, (332, 2185), rtol=0.03)


def test_gradient_descent_on_the_badly_conditioned_regression() -> None:
    for rate, expected in ((1e-6, 359.19), (1e-5, 73.08)):
        parameters, evaluate = problems.regression(seed=0)
        optimizer = directions.Constant(directions.SGD(), rate)
        losses = [optimizer.step(parameters, evaluate)[0] for _ in range(3000)]
        assert losses[-1] == pytest.approx(expected, abs=0.005)
    parameters, evaluate = problems.regression(seed=0)
    optimizer = directions.Constant(directions.SGD(), 1e-4)
    with np.errstate(all="ignore"):
        losses = [optimizer.step(parameters, evaluate)[0] for _ in range(9)]
    assert not math.isfinite(losses[-1])


def test_tlr_golden() -> None:
    rates, losses = run(tlr.TLR(directions.SGD()), 12)
    near([rates[k] for k in (0, 1, 2, 5, 11)], [0.01, 0.0125, 0.015625, 0.0305175781, 0.1164153218])
    near(
        [losses[k] for k in (0, 1, 2, 5, 11)],
        [8.87535, 7.9070226328, 6.8631308295, 3.6158809555, 0.2096277334],
    )


def test_tlr_factor_range() -> None:
    random = np.random.default_rng(0)
    factors = []
    for _ in range(200_000):
        g, old = random.standard_normal((2, random.integers(1, 4)))
        factors.append(tlr.factor(g @ old, g @ g))
    assert 0.75 <= min(factors) < 0.7502 and max(factors) == 1.25


def test_tlr_factor_edges() -> None:
    assert tlr.factor(0.0, 0.0) == 1  # a zero gradient keeps the rate
    assert tlr.factor(0.0, 3.0) == 1  # the first step
    for bound in (0.1, 0.25, 1.0):
        edge = 1 + 1 / (4 * bound)  # the cap applies until n = (1 + 1 / 4c) I
        assert tlr.factor(1.0, 0.99 * edge, bound) == pytest.approx(1 + bound)
        assert tlr.factor(1.0, 1.01 * edge, bound) < 1 + bound


@pytest.mark.parametrize(
    ("r", "expected"), [(0.5, 1.25), (0.99, 1.25), (1.2, 0.79167), (1.9, 0.86842), (3, 0.91667)]
)
def test_tlr_in_one_dimension(r: float, expected: float) -> None:
    old, new = 1.0, 1.0 - r
    assert tlr.factor(old * new, new * new) == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(
    ("r", "expected"), [(0.3, 1.467), (0.9, 1.022), (1.2, 0.967), (1.9, 0.905), (3, 0.867)]
)
def test_ntlr_in_one_dimension(r: float, expected: float) -> None:
    old, new = 1.0, 1.0 - r
    assert tlr.ntlr_factor(old * new, old * old) == pytest.approx(expected, abs=6e-4)
    assert r * tlr.ntlr_factor(old * new, old * old, gamma=1) == pytest.approx(1)  # the exact Newton step


def test_tlr_secant_sign() -> None:
    """On a quadratic the published denominator is -4 <g, H g previous> times the rate: sign inverted."""
    old = problems.CURVATURE * problems.START
    new = old - 0.01 * problems.CURVATURE * old
    assert new @ (new - old) == pytest.approx(-0.01 * new @ (problems.CURVATURE * old))
    assert new @ (new - old) < 0


def test_tlr_window_first_changes_before_step_2m_plus_1() -> None:
    rates, _ = run(tlr.TLR(directions.SGD(momentum=0.8, weight_decay=5e-4), window=3), 10)
    assert rates[:6] == [0.01] * 6 and rates[6] != 0.01
    assert rates[6] == rates[7] == rates[8] != rates[9]
    assert [tlr.steps_of(1 / 3, n) for n in (938, 30, 2)] == [312, 10, 1]


def test_tlr_per_tensor_is_independent_rates() -> None:
    """Two unrelated quadratics under one optimizer move as each would alone."""

    def both(parameters):
        halves = [problems.quadratic([p]) for p in parameters]
        return sum(loss for loss, _ in halves), [g for _, (g,) in halves]

    start = [problems.START.copy(), 3 * problems.START[::-1].copy()]
    alone = [run(tlr.TLR(directions.SGD()), 8, start=[p.copy()])[0] for p in start]
    together, _ = run(tlr.TLR(directions.SGD(), blocks=[[0], [1]]), 8, both, start)
    np.testing.assert_allclose(np.array(together).T, alone, rtol=1e-13)


def test_naive_tlr_first_step() -> None:
    """One step on the quadratic by hand: <H (theta - a H theta), H theta> = sum h^2 theta^2 (1 - a h)."""
    h, theta = problems.CURVATURE, problems.START
    rates, _ = run(tlr.NaiveTLR(initial=0.01, meta_lr=1e-4), 1)
    assert rates[0] == pytest.approx(0.01 + 1e-4 * np.sum(h**2 * theta**2 * (1 - 0.01 * h)), rel=1e-13)


def test_qlabgrad_golden() -> None:
    rates, losses = run(qlabgrad.QLABGrad(trial=0.1, find_trial=False), 5)
    near(rates, [0.1775147929, 0.1222547214, 0.1966081363, 0.1452744525, 0.2329785946])
    near(losses, [1.7618343195, 0.4733891525, 0.2109238156, 0.1313990300, 0.0848819365])


@pytest.mark.parametrize("trial", [1e-3, 0.05, 0.19])
def test_qlabgrad_on_a_quadratic_is_the_line_minimum(trial: float) -> None:
    rates, _ = run(qlabgrad.QLABGrad(trial=trial, find_trial=False), 1)
    near(rates, [0.1775147929], 1e-10)


@pytest.mark.parametrize(("trial", "found", "moves"), [(1e-5, 1e-5, 0), (0.1, 0.1, 0), (10, 0.3125, 5)])
def test_find_plr_golden(trial: float, found: float, moves: int) -> None:
    loss, (g,) = problems.quadratic([problems.START])
    probe = lambda rate: problems.quadratic([problems.START - rate * g])[0]  # noqa: E731
    assert qlabgrad.find_plr(trial, loss, g @ g, probe) == (found, moves)


def test_find_plr_doubles_where_the_loss_is_concave() -> None:
    """f = 1 - a - a^2 until a = 0.001, convex after: seven doublings from 1e-5, as in the paper's figure."""
    probe = lambda a: 1 - a - a * a if a < 0.001 else 1 - a + a * a  # noqa: E731
    assert qlabgrad.find_plr(1e-5, 1.0, 1.0, probe) == (pytest.approx(0.00128), 7)


def test_find_plr_gives_up_on_an_unbounded_concave_loss() -> None:
    _, moves = qlabgrad.find_plr(1e-5, 1.0, 1.0, lambda a: 1 - a - a * a)
    assert moves == 64


def test_qlabgrad_negative_bracket_takes_the_trial_rate() -> None:
    concave = lambda p: (float(-0.5 * np.sum(p[0] ** 2)), [-p[0]])  # noqa: E731
    rates, _ = run(qlabgrad.QLABGrad(trial=0.1, find_trial=False), 3, concave)
    assert rates == [0.1] * 3


def test_qlabgrad_non_finite_probe_halves_for_good() -> None:
    def walled(parameters):
        loss, gradients = problems.quadratic(parameters)
        return (loss if np.abs(parameters[0]).max() < 3 else math.nan), gradients

    optimizer = qlabgrad.QLABGrad(trial=1.0, find_trial=False)  # theta - g = (0, 6, -4.5), then (.5, 2, -2)
    rates, _ = run(optimizer, 1, walled)
    near(rates, [0.1775147929])
    assert optimizer.trial == 0.5


def test_bisection_finds_an_oracle_threshold() -> None:
    for threshold in np.geomspace(1e-3, 37, 60):
        search = sbf.SBF(1.0)
        while not search.done:
            search.signal(+1 if search.value < threshold else -1)
        assert abs(search.value / threshold - 1) < 0.02
        assert 5 <= search.bisections <= 60


@pytest.mark.parametrize(
    ("flips", "median", "high"), [(0.05, 0.008, 0.03), (0.10, 0.010, 0.04), (0.20, 0.018, None)]
)
def test_bisection_with_flipped_signals(flips: float, median: float, high: float | None) -> None:
    random, errors = np.random.default_rng(0), []
    for _ in range(2000):
        threshold, search = np.exp(random.uniform(np.log(1e-3), np.log(37))), sbf.SBF(1.0)
        while not search.done:
            truth = +1 if search.value < threshold else -1
            search.signal(-truth if random.random() < flips else truth)
        errors.append(abs(search.value / threshold - 1))
    assert np.median(errors) == pytest.approx(median, rel=0.15)
    assert high is None or np.percentile(errors, 95) == pytest.approx(high, rel=0.25)


@pytest.mark.parametrize("curvature", [0.1, 1.0, 7.0])
@pytest.mark.parametrize(("reading", "factor"), [("B", 1.6), ("reset", 1.05)])
def test_alrs_settles_near_the_inverse_curvature(curvature: float, reading: str, factor: float) -> None:
    """Under plain descent A <- -rate (g + H A) turns at rate * curvature = 1."""
    evaluate = lambda p: (float(0.5 * curvature * np.sum(p[0] ** 2)), [curvature * p[0]])  # noqa: E731
    start = [np.array([1.3, -0.4])]
    rate, *_ = alrs.find_lr(start, [evaluate] * 500, directions.SGD, reading=reading)
    assert 1 / factor < 10 * rate * curvature < factor
    assert start[0].tolist() == [1.3, -0.4]


def test_alrs_non_finite_batches_count_as_decrease() -> None:
    bad = lambda p: (math.nan, [np.full_like(p[0], math.nan)])  # noqa: E731
    _, search, signals, seen = alrs.find_lr([np.ones(2)], [bad] * 100, directions.SGD)
    assert set(signals) == {-1} and set(seen) == {math.inf} and search.value < 1e-3


@pytest.mark.parametrize("step", range(4))
def test_tanh_network_gradient(step: int) -> None:
    problem = problems.TanhNetwork()
    parameters, evaluate = problem.initial(), problem.at(step)
    random = np.random.default_rng(step)
    tangent = [random.standard_normal(p.shape) for p in parameters]
    h = 1e-5
    ahead, behind = (
        evaluate([p + s * t for p, t in zip(parameters, tangent, strict=True)])[0] for s in (h, -h)
    )
    assert directions.dot(evaluate(parameters)[1], tangent) == pytest.approx(
        (ahead - behind) / (2 * h), rel=1e-7
    )
