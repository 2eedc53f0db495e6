"""What docs/theory.md says of the papers' theorems, each by numbers that the page's derivation foretells."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrswift as lr

A = lr.adapt
PAGE = Path(__file__).parents[3] / "docs" / "theory.md"
DELTA, TAU = 0.4, 2.5


class Convex:
    """sum c_k sqrt(1 + (a_k x - b_k)^2): convex, at least 0, its curvature at most M = sum c_k |a_k|^2."""

    def __init__(self, seed: int, terms: int = 4, size: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.a, self.b = rng.standard_normal((terms, size)), rng.standard_normal(terms)
        self.c = rng.exponential(1.0, terms)
        self.start = 3 * rng.standard_normal(size)
        self.smooth = float(self.c @ (self.a**2).sum(1))

    def __call__(self, x: np.ndarray) -> float:
        return float(self.c @ np.sqrt(1 + (self.a @ x - self.b) ** 2))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        z = self.a @ x - self.b
        return self.a.T @ (self.c * z / np.sqrt(1 + z * z))


def descent(f, x: np.ndarray, rate, steps: int) -> tuple[list[float], list[float], list[float]]:
    """Losses and gradients' norms before each step, and rates."""
    x, optimizer = x.copy(), lr.numpy.Adapted(rate, "sgd")
    losses, norms, rates = [], [], []
    for _ in range(steps):
        g = f.gradient(x)
        losses.append(f(x))
        norms.append(float(np.linalg.norm(g)))
        rates.append(optimizer.update([x], [g], losses[-1], lambda: f(x)))
    return [*losses, f(x)], norms, rates


class Root:
    """sqrt(1 + x^2), of curvature at most 1."""

    def __call__(self, x: np.ndarray) -> float:
        return float(np.sqrt(1 + x[0] ** 2))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return np.array([x[0] / np.sqrt(1 + x[0] ** 2)])


def test_theorem_1_of_qlabgrad_is_false_and_the_check_repairs_it():
    """From 2 with a trial rate of 0.5 < 2 / M the paper's rule goes away, to numbers known by hand."""
    x = [np.array([2.0])]
    optimizer = lr.numpy.Adapted(A.QLABGrad(trial=0.5, find_trial=False, check=None), "sgd")
    seen = []
    for _ in range(3):
        root = Root()
        optimizer.update(x, [root.gradient(x[0])], root(x[0]), lambda: Root()(x[0]))
        seen.append(float(x[0][0]))
    by_hand, at = [], 2.0
    for _ in range(3):
        g = at / math.hypot(1, at)
        bracket = math.hypot(1, at - 0.5 * g) - math.hypot(1, at) + 0.5 * g * g
        at -= g * (g * g * 0.25 / (2 * bracket))
        by_hand.append(at)
    assert seen == pytest.approx(by_hand, rel=1e-6)
    assert abs(by_hand[0] + 6.2) < 0.05 and abs(by_hand[2]) > 1e6
    losses, norms, _ = descent(Root(), np.array([2.0]), A.QLABGrad(trial=0.5, find_trial=False), 30)
    assert losses == sorted(losses, reverse=True) and norms[-1] < 1e-3


def breaks_theorem_1(seed: int, steps: int = 20) -> bool:
    """Whether min |g|^2 <= (L_0 - L*) / (C T), C = min(a, (2 - M a) / (2 M)), fails for the paper's rule."""
    f = Convex(seed)
    a = 0.5 / f.smooth
    losses, norms, _ = descent(f, f.start, A.QLABGrad(trial=a, find_trial=False, check=None), steps)
    bound = losses[0] / (min(a, (2 - f.smooth * a) / (2 * f.smooth)) * steps)
    return min(norms) ** 2 > bound


def test_it_is_false_on_many_random_functions():
    broken = sum(map(breaks_theorem_1, range(100)))
    assert 20 <= broken <= 100


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), part=st.floats(0.05, 0.95), steps=st.integers(1, 25))
def test_with_the_check_it_is_true(seed: int, part: float, steps: int):
    """min |g| <= sqrt((L_0 - L*) / (C' T)), and no step raises the loss; a < 2 / (tau M)."""
    f = Convex(seed)
    smooth = f.smooth
    a = part * 2 / (TAU * smooth)
    losses, norms, rates = descent(f, f.start, A.QLABGrad(trial=a, find_trial=False), steps)
    sure = min(a, a * (1 - smooth * a / 2), TAU * a * (1 - TAU * smooth * a / 2))
    # the loss is at least 0
    assert min(norms) <= math.sqrt(losses[0] / (sure * steps)) * (1 + 1e-9)
    for before, after, norm, rate in zip(losses, losses[1:], norms, rates, strict=False):
        assert rate >= a * (1 - 1e-9)
        assert after <= before - sure * norm**2 + 1e-12 * abs(before)


def test_find_plr_lets_a_rate_beyond_the_bound_pass():
    """At (1, 0) of (x^2 + 100 y^2) / 2 the loss at 0.1 is lower, though 2 / M is 0.02."""
    x = lr.tensor([1.0, 0.0], dtype=lr.float64, requires_grad=True)
    curvature = lr.tensor([1.0, 100.0], dtype=lr.float64)
    found = A.find_trial_rate(lambda: 0.5 * lr.sum(curvature * x * x), [x], 0.1)
    assert found == 0.1 > 2 / 100


def test_the_curvature_in_eq_8_of_tlr_has_the_other_sign():
    """Along the gradients of plain descent at a small rate, beside exact Hessian products of a network."""
    rng = np.random.default_rng(0)
    lr.seed(0)
    model = lr.models.mlp(10, (20,), 3, "tanh").to(lr.float64)
    x, y = lr.tensor(rng.standard_normal((64, 10)), dtype=lr.float64), lr.tensor(rng.integers(0, 3, 64))
    parameters, rate = list(model.parameters()), 0.05
    closure = lambda: lr.nn.functional.cross_entropy(model(x), y)  # noqa: E731
    wrong = agree = convex = 0
    previous, exact = None, 0.0
    for _ in range(60):
        for p in parameters:
            p.grad = None
        closure().backward()
        g = [np.array(p.grad.numpy()) for p in parameters]
        if previous is not None:
            printed = sum(np.vdot(a, a - b) for a, b in zip(g, previous, strict=True)) / rate
            convex += exact > 0
            wrong += printed * exact < 0
            secant = -sum(np.vdot(b, a - b) for a, b in zip(g, previous, strict=True)) / rate
            agree += abs(secant - exact) < 0.2 * abs(exact)
        product = lr.hvp(closure, parameters, [a[None] for a in g])
        exact = sum(np.vdot(a, np.array(h)[0]) for a, h in zip(g, product, strict=True))
        previous = g
        for p, a in zip(parameters, g, strict=True):
            p.assign(lr.tensor(p.numpy() - rate * a, dtype=lr.float64))
    assert convex > 50
    assert wrong > 0.9 * convex
    assert agree > 0.9 * convex


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.9])
def test_sharing_with_correlations_by_distance_is_exact(memory: float):
    """Noise that forgets by a factor a step, of known correlations: the variance of window averages."""
    rng = np.random.default_rng(1)
    seeds, steps = 4000, 60
    noise = rng.standard_normal((seeds, steps))
    for t in range(1, steps):
        noise[:, t] = memory * noise[:, t - 1] + math.sqrt(1 - memory**2) * noise[:, t]
    known = memory ** np.arange(1, steps)
    for window in (1, 2, 5, 20, 60):
        means = noise.reshape(seeds, steps // window, window).mean(2)
        assert lr.sharing_bound(1.0, 0.0, known, window) == pytest.approx(means.var(), rel=0.08)
    found = lr.sharing_noise(noise, 1, lags=30)
    np.testing.assert_allclose(found.correlation, known[:30], atol=0.05)
    assert found.mse1 == pytest.approx(1, rel=0.05)
    # Theorem 4.1, with the largest correlation
    if memory > 0:
        assert lr.sharing_bound(1.0, 0.0, memory, 60) > 3 * lr.sharing_bound(1.0, 0.0, known, 60)


def test_sharing_refuses_what_are_no_correlations():
    with pytest.raises(lr.ArgumentError, match="correlation"):
        lr.sharing_bound(1.0, 0.0, [0.5, 1.5], 3)
    with pytest.raises(lr.ArgumentError, match="lags: got 9 with window=1; allowed: 1 to 4"):
        lr.sharing_noise(np.random.default_rng(0).standard_normal((3, 5)), 1, lags=9)


def test_alrs_settles_at_the_inverse_curvature():
    """On h x^2 / 2 the derivative along the last plain step changes its sign at rate h = 1."""
    h, x0 = 3.0, 1.0
    for rate in (0.9 / h, 1.1 / h):
        step = -rate * h * x0
        for _ in range(5):
            derivative = h * (x0 + step) * step
            step = -rate * h * (x0 + step)
        assert (derivative < 0) == (rate * h < 1)


def test_l4_with_a_known_least_loss_is_polyaks_step():
    """alpha 1, gamma 0 and the least loss as lower bound: (L - L*) / |g|^2."""
    f = Convex(3)
    bound = 0.5
    _, _, rates = descent(
        f, f.start, A.L4(alpha=1, gamma=0, eps=0.0, lower_bound=bound, estimator="gradient"), 5
    )
    x = f.start.copy()
    for rate in rates:
        g = f.gradient(x)
        assert rate == pytest.approx((f(x) - bound) / (g @ g), rel=1e-9)
        x -= rate * g


@pytest.mark.parametrize("scale", [1e-3, 7.0])
def test_l4s_steps_do_not_change_with_the_scale_of_the_loss(scale: float):
    class Scaled(Convex):
        def __call__(self, x):
            return scale * super().__call__(x)

        def gradient(self, x):
            return scale * super().gradient(x)

    plain, scaled = Convex(5), Scaled(5)
    rule = A.L4(eps=0.0)
    _, _, rates = descent(plain, plain.start, rule, 8)
    _, _, others = descent(scaled, scaled.start, rule, 8)
    np.testing.assert_allclose(np.array(others) * scale, rates, rtol=1e-8)


def test_lqa_is_a_product_where_the_table_prints_a_sum():
    """On a quadratic the product is the line's minimum, whatever the trial rate; the sum is not."""
    h, x, trial = np.array([1.0, 4.0, 10.0]), np.array([1.0, -2.0, 0.5]), 0.05
    g = h * x
    loss = lambda y: 0.5 * float(h @ (y * y))  # noqa: E731
    ahead, behind = loss(x - trial * g), loss(x + trial * g)
    quotient = (behind - ahead) / (behind + ahead - 2 * loss(x))
    minimum = g @ g / (g @ (h * g))
    assert trial / 2 * quotient == pytest.approx(minimum, rel=1e-9)
    assert trial / 2 + quotient > 30 * minimum
    where = [x.copy()]
    rate = lr.numpy.Adapted(A.LQA(trial=trial), "sgd").update(where, [g], loss(x), lambda: loss(where[0]))
    assert rate == pytest.approx(minimum, rel=1e-9)


def test_every_claim_of_the_page_names_a_test_here():
    text = PAGE.read_text()
    named = {word.strip("`.,;") for word in text.split() if word.strip("`.,;").startswith("test_")}
    assert named and named <= set(globals())
    tests = {name for name in globals() if name.startswith("test_")}
    assert tests - named <= {
        "test_every_claim_of_the_page_names_a_test_here",
        "test_sharing_refuses_what_are_no_correlations",
    }
