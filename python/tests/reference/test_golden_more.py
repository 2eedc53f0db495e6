"""The later NumPy references alone, held to published and independently computed numbers. No native code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reference import bb, directions, dog, hd, lqa, more_directions, newton, ntlr, problems, sls, sps
from reference.test_golden import near, run

LINE_MINIMA = [0.1775147929, 0.1222547214, 0.1966081363, 0.1452744525, 0.2329785946]


def bowl(parameters: list) -> tuple[float, list]:
    """f = sum x^2, whose checks start at (1, 2, 3)."""
    return float(np.sum(parameters[0] ** 2)), [2 * parameters[0]]


def concave(parameters: list) -> tuple[float, list]:
    return float(-0.5 * np.sum(parameters[0] ** 2)), [-parameters[0]]


def test_hd_golden() -> None:
    rates, losses = run(hd.HD(initial=0.01, meta_lr=1e-4), 5)
    near(rates, [0.01, 0.018493, 0.0257016496, 0.0313310864, 0.0354890091])
    near(losses, [8.87535, 7.4671173296, 5.9086917604, 4.4891472117, 3.3306393261])


@pytest.mark.parametrize(
    "make",
    [directions.SGD, lambda: directions.SGD(momentum=0.9), directions.Adam],
    ids=["sgd", "momentum", "adam"],
)
def test_hd_is_the_derivative_of_the_loss_by_the_last_rate(make) -> None:
    start, other = [problems.START.copy()], [problems.START.copy()]
    optimizer = hd.HD(make(), initial=0.01, meta_lr=1e-4)
    optimizer.step(start, problems.quadratic)
    direction = make()(problems.quadratic(other)[1])[0]
    h = 1e-6
    ahead, behind = (problems.quadratic([other[0] - (0.01 + s) * direction])[0] for s in (h, -h))
    _, rate = optimizer.step(start, problems.quadratic)
    assert rate - 0.01 == pytest.approx(-1e-4 * (ahead - behind) / (2 * h), rel=1e-7)


def test_hd_multiplicative_moves_by_the_cosine() -> None:
    line = lambda p: (float(p[0].sum()), [np.ones_like(p[0])])  # noqa: E731
    rates, _ = run(hd.HD(multiplicative=True, meta_lr=0.1), 4, line)
    np.testing.assert_allclose(rates, 0.01 * 1.1 ** np.arange(4), rtol=1e-14)
    still = lambda p: (0.0, [np.zeros_like(p[0])])  # noqa: E731
    assert run(hd.HD(multiplicative=True), 3, still)[0] == [0.01] * 3


def test_hd_may_turn_negative() -> None:
    rates, _ = run(hd.HD(initial=0.25, meta_lr=1e-2), 2)
    assert min(rates) < 0


@pytest.mark.parametrize("trial", [1e-3, 0.05, 0.1, 0.19])
def test_lqa_and_newton_on_a_quadratic_find_the_line_minimum(trial: float) -> None:
    for optimizer in (lqa.LQA(trial=trial), newton.Newton()):
        near(run(optimizer, 5)[0], LINE_MINIMA)


def test_lqa_is_a_product_not_the_printed_sum() -> None:
    loss, (g,) = problems.quadratic([problems.START])
    plus, minus = (problems.quadratic([problems.START + s * g])[0] for s in (0.05, -0.05))
    ratio = (plus - minus) / (plus + minus - 2 * loss)
    assert round(0.025 * ratio, 4) == 0.1775
    assert round(0.025 + ratio, 2) == 7.13


def test_negative_curvature_keeps_the_rate() -> None:
    assert run(lqa.LQA(trial=0.07), 3, concave)[0] == [0.07] * 3
    assert run(newton.Newton(initial=0.03), 3, concave)[0] == [0.03] * 3
    assert run(bb.BarzilaiBorwein(initial=0.02), 3, concave)[0] == [0.02] * 3


@pytest.mark.parametrize("batch", range(4))
def test_curvature_along_a_line(batch: int) -> None:
    problem, random = problems.TanhNetwork(), np.random.default_rng(batch)
    parameters, evaluate = problem.initial(), problem.at(batch)
    d = [random.standard_normal(p.shape) for p in parameters]
    h = 1e-5
    ahead, behind = (evaluate([p + s * x for p, x in zip(parameters, d, strict=True)])[1] for s in (h, -h))
    bend = directions.dot([(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)], d)
    assert newton.curvature(parameters, d, evaluate) == pytest.approx(bend, rel=1e-7)


def test_sps_by_hand() -> None:
    """f / (c |g|^2 + 1e-8) = 9.75 / 45 at first, below the bound 2^(1 / 500); later that bound holds."""
    rates, losses = run(sps.SPS(), 6)
    assert rates[0] == pytest.approx(9.75 / (0.5 * 90 + 1e-8), rel=1e-14)
    np.testing.assert_allclose(np.divide(rates[2:], rates[1:-1]), 2 ** (1 / 500), rtol=1e-13)
    assert losses[-1] < 0.1


def test_sps_max_bounds() -> None:
    assert run(sps.SPS(mode="max", max_lr=0.1), 3)[0] == [0.1] * 3
    assert run(sps.SPS(mode="max", f_star=10.0), 3)[0] == [0.0] * 3
    rate = run(sps.SPS(mode="max", f_star=4.0, c=0.2), 1)[0][0]
    assert rate == pytest.approx(5.75 / (18 + 1e-8), rel=1e-14)


def test_sps_zero_gradient_leaves_the_stored_rate() -> None:
    optimizer = sps.SPS()
    run(optimizer, 2)
    before = optimizer.rate
    assert optimizer.step([np.zeros(3)], problems.quadratic)[1] == 0
    assert optimizer.rate == before > 0


def test_sls_golden() -> None:
    optimizer, parameters = sls.SLS(), [problems.START.copy()]
    trials, rates, losses = [], [], []
    for _ in range(4):
        rates.append(optimizer.step(parameters, problems.quadratic)[1])
        trials.append(optimizer.trials)
        losses.append(problems.quadratic(parameters)[0])
    near(rates, [0.3142459316, 0.1672348483, 0.1674668458, 0.1676991651])
    near(losses, [6.5011193093, 2.8146923506, 1.2999364682, 0.6200680787])
    assert trials == [12, 7, 1, 1]


@pytest.mark.parametrize(("reset", "first"), [("grow", 2 ** (1 / 500)), ("keep", 1.0), ("initial", 1.0)])
def test_sls_reset(reset: str, first: float) -> None:
    optimizer, parameters = sls.SLS(reset=reset), [problems.START.copy()]
    _, rate = optimizer.step(parameters, problems.quadratic)
    assert rate == pytest.approx(first * 0.9**11, rel=1e-13)
    _, again = optimizer.step(parameters, problems.quadratic)
    base = {"grow": rate * first, "keep": rate, "initial": 1.0}[reset]
    assert again == pytest.approx(base * 0.9 ** (optimizer.trials - 1), rel=1e-13)


def test_sls_failure_steps_a_little_and_remembers_the_shrunken_eta() -> None:
    rising = lambda p: (1.0 if p[0][0] == 1 else 2.0, [np.ones(1)])  # noqa: E731
    optimizer, parameters = sls.SLS(), [np.ones(1)]
    _, rate = optimizer.step(parameters, rising)
    assert rate == 1e-6 and parameters[0][0] == 1 - 1e-6 and optimizer.trials == 100
    assert optimizer.size == pytest.approx(2.7e-5, rel=0.02)


def test_sls_nan_is_a_failure() -> None:
    walled = lambda p: (math.nan if abs(p[0]).max() > 3 else problems.quadratic(p)[0], [p[0]])  # noqa: E731
    optimizer, parameters = sls.SLS(initial=10.0, reset="keep"), [problems.START.copy()]
    _, rate = optimizer.step(parameters, walled)
    assert 0 < rate < 10 and np.abs(parameters[0]).max() <= 3


def test_goldstein_doubles_short_steps() -> None:
    _, (g,) = problems.quadratic([problems.START])
    for initial in (1e-3, 1.0):
        optimizer, parameters = sls.Goldstein(initial=initial, reset="keep"), [problems.START.copy()]
        loss, rate = optimizer.step(parameters, problems.quadratic)
        after = problems.quadratic(parameters)[0]
        assert loss - 0.9 * rate * (g @ g) <= after <= loss - 0.1 * rate * (g @ g)


def test_barzilai_borwein_by_hand() -> None:
    """After a gradient step s = -a H theta and y = H s, so both forms are ratios of sums of h^k theta^2."""
    h, theta = problems.CURVATURE, problems.START
    moments = [np.sum(h**k * theta**2) for k in (2, 3, 4)]
    for form, expected in ((1, moments[0] / moments[1]), (2, moments[1] / moments[2])):
        rates, _ = run(bb.BarzilaiBorwein(form=form), 2)
        assert rates[0] == 0.01 and rates[1] == pytest.approx(expected, rel=1e-13)
    still = lambda p: (0.0, [np.zeros_like(p[0])])  # noqa: E731
    assert run(bb.BarzilaiBorwein(), 3, still)[0] == [0.01] * 3


def test_dowg_and_momo_golden() -> None:
    """The printed numbers were computed in float32: the sixth decimal is off by one or two."""
    start = [np.array([1.0, 2.0, 3.0])]
    _, losses = run(dog.DoG(0.01, weighted=True), 5, bowl, start)
    near(losses, [13.925367, 13.872763, 13.775433, 13.596172, 13.268837], 2e-6)
    start = [np.array([1.0, 2.0, 3.0])]
    near([bowl(start)[0], *run(dog.MoMo(), 3, bowl, start)[1]], [14, 3.5, 3.318, 3.142], 5e-4)


def test_dog_first_step_and_growth() -> None:
    start = [np.array([1.0, 2.0, 3.0])]
    rates, losses = run(dog.DoG(), 200, bowl, start)
    assert rates[0] == pytest.approx(1e-6 * (1 + math.sqrt(14)) / math.sqrt(56), rel=1e-9)
    assert losses[-1] < 1e-2


def test_ntlr_factor_that_is_not_positive_keeps_the_rate() -> None:
    """r = rate * curvature = 0.1: y = 1 (the old), x = 0.9; a gradient growing by 10 % makes it negative."""
    saddle = lambda p: (float(-0.5 * np.sum(p[0] ** 2)), [-p[0]])  # noqa: E731
    rates, _ = run(ntlr.NTLR(directions.SGD(), initial=0.1), 4, saddle)
    assert rates == [0.1] * 4
    flat = lambda p: (float(0.5 * np.sum(p[0] ** 2)), [p[0]])  # noqa: E731
    rates, _ = run(ntlr.NTLR(directions.SGD(), initial=0.3), 2, flat)
    assert rates[1] / rates[0] == pytest.approx(1.467, abs=6e-4)


def test_ntlr_window_first_changes_before_step_2m_plus_1() -> None:
    rates, _ = run(ntlr.NTLR(directions.SGD(momentum=0.8), window=3), 10)
    assert rates[:6] == [0.01] * 6 and rates[6] != 0.01
    assert rates[6] == rates[7] == rates[8] != rates[9]


def test_first_steps_of_the_directions() -> None:
    g = np.array([2.0, -0.5])
    np.testing.assert_allclose(more_directions.RMSprop()([g])[0], 10 * np.sign(g), rtol=1e-6)
    np.testing.assert_allclose(more_directions.Adagrad()([g])[0], np.sign(g), rtol=1e-9)
    expected = g * math.sqrt(1e-6) / np.sqrt(0.1 * g * g + 1e-6)
    np.testing.assert_allclose(more_directions.Adadelta()([g])[0], expected, rtol=1e-13)


def test_decay_of_adamw_is_beside_the_step() -> None:
    still = lambda p: (0.0, [np.zeros_like(p[0])])  # noqa: E731
    parameters = [np.array([4.0])]
    optimizer = more_directions.AdamW(rate=0.1, weight_decay=0.5)
    for _ in range(3):
        optimizer.step(parameters, still)
    assert parameters[0][0] == pytest.approx(4 * 0.95**3)


def test_clipping() -> None:
    g = [np.array([3.0, -0.1]), np.array([[4.0]])]
    assert [x.tolist() for x in more_directions.clip_value(g, 0.5)] == [[0.5, -0.1], [[0.5]]]
    clipped = more_directions.clip_norm(g, 1.0)
    norm = math.sqrt(25.01)
    assert clipped[1][0, 0] == pytest.approx(4 / (norm + 1e-6), rel=1e-14)
    assert more_directions.clip_norm(g, 6.0)[0].tolist() == g[0].tolist()
