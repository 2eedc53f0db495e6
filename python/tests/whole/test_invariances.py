"""What must not change anything: the scale of the loss, the order of the parameters and how they are cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import problems
from twins import Quadratic, native, sgd

import lrswift as lr

A = lr.adapt
few = settings(max_examples=12, deadline=None, derandomize=True)
scales = st.floats(-2, 2).map(lambda x: 10.0**x)


class Scaled(Quadratic):
    """The quadratic times `scale`, with one path of parameters."""

    scale = 1.0

    def closure(self):
        return self.scale * super().closure()

    def path(self, scale: float, steps: int) -> np.ndarray:
        self.scale, rows = scale, []
        for _ in range(steps):
            self.optimizer.minimize(self.closure)
            rows.append(np.array(self.theta.numpy()))
        return np.array(rows)


# eps is 1e-12 beside <g, d> s^2 in L4 (90 s^2 at first) and 1e-8 beside |g|^2 s^2 / 2 in SPS; `tolerance`
# allows 100 times eps / (<g, d> s^2), since the gradients shrink on the way.
STEPS_WITHOUT_TRIAL = {
    "l4-mom": (lambda p: lr.optim.L4Mom(p), 1e-12, 40),
    "l4-over-momentum": (sgd(lambda: A.L4(), momentum=0.9), 1e-12, 40),
    "l4-gd": (sgd(lambda: A.L4()), 1e-12, 40),
    "d-adaptation": (sgd(lambda: A.DAdaptation(d0=0.1), momentum=0.5), 0.0, 40),
    "sps-without-bound": (sgd(lambda: A.SPS(mode="max", max_lr=np.inf)), 1e-8, 5),
}


@pytest.mark.parametrize("name", STEPS_WITHOUT_TRIAL)
@few
@given(scale=scales)
def test_scaled_loss_same_steps(name: str, scale: float) -> None:
    make, epsilon, steps = STEPS_WITHOUT_TRIAL[name]
    plain, scaled = Scaled(make).path(1.0, steps), Scaled(make).path(scale, steps)
    tolerance = 1e-11 + 100 * epsilon / (90 * min(scale, 1.0) ** 2)
    np.testing.assert_allclose(scaled, plain, rtol=0, atol=tolerance, err_msg=f"{name}, loss times {scale}")


# Every method whose rate is one number: parameters -> optimizer.
GLOBAL: dict[str, Callable] = {
    "sgd": sgd(lambda: 0.1, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "adam": lambda p: lr.optim.Adam(p, lr=0.01, weight_decay=1e-2),
    "adamw": lambda p: lr.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: lr.optim.RMSprop(p, lr=0.01, momentum=0.5),
    "adagrad": lambda p: lr.optim.Adagrad(p, lr=0.05),
    "adadelta": lambda p: lr.optim.Adadelta(p),
    "clip-norm": sgd(lambda: 0.5, momentum=0.9, clip_norm=0.2),
    "clip-value": sgd(lambda: 0.5, momentum=0.9, clip_value=0.05),
    "l4-mom": lambda p: lr.optim.L4Mom(p),
    "l4-adam": lambda p: lr.optim.L4Adam(p),
    "l4-gd": sgd(lambda: A.L4()),
    "tlr": sgd(lambda: A.TLR(window=1)),
    "tlr-window": sgd(lambda: A.TLR(window=3), momentum=0.8),
    "ntlr": sgd(lambda: A.TLR(variant="ntlr", window=3), momentum=0.8),
    "naive-tlr": sgd(lambda: A.NaiveTLR(meta_lr=1e-2)),
    "qlabgrad": sgd(lambda: A.QLABGrad()),
    "lqa": sgd(lambda: A.LQA(trial=0.5)),
    "hd": sgd(lambda: A.HD(meta_lr=1e-2)),
    "hd-multiplicative": sgd(lambda: A.HD(meta_lr=1e-1, multiplicative=True), momentum=0.9),
    "hd-adam": lambda p: lr.optim.Adam(p, lr=A.HD(initial=1e-3, meta_lr=1e-5)),
    "sps": sgd(lambda: A.SPS()),
    "sps-max": sgd(lambda: A.SPS(mode="max", c=2.0)),
    "sls": sgd(lambda: A.SLS()),
    "bb-1": sgd(lambda: A.BarzilaiBorwein()),
    "bb-2": sgd(lambda: A.BarzilaiBorwein(form=2)),
    "newton": sgd(lambda: A.Newton()),
    "dog": sgd(lambda: A.DoG(initial=1e-3)),
    "dowg": sgd(lambda: A.DoWG(initial=1e-2)),
    "d-adaptation": sgd(lambda: A.DAdaptation(d0=1e-2), momentum=0.5),
    "d-adaptation-adam": lambda p: lr.optim.Adam(p, lr=A.DAdaptation(d0=1e-3), eps=1e-4),
    "prodigy": lambda p: lr.optim.AdamW(p, lr=A.Prodigy(d0=1e-3), eps=1e-4),
    "schedule-free": lambda p: lr.optim.ScheduleFree(p, lr=0.5, warmup_steps=5),
    "schedule-free-adamw": lambda p: lr.optim.ScheduleFree(p, direction="adamw", weight_decay=0.1),
    "yellowfin": sgd(lambda: A.YellowFin(beta=0.9)),
    "momo": sgd(lambda: A.MoMo(), weight_decay=1e-2),
    "momo-adam": lambda p: lr.optim.Adam(p, lr=A.MoMo(lr=0.01), eps=1e-4),
    "sgd-bb": sgd(lambda: A.StochasticBarzilaiBorwein(steps_per_epoch=3)),
    "goldstein": sgd(lambda: A.SLS(condition="goldstein")),
}


class Cut:
    """The tanh network with all its weights in tensors cut from one flat vector, given in any order."""

    def __init__(
        self, make: Callable, cuts: list[int], order: list[int] | None = None, scale: float = 1.0
    ) -> None:
        self.scale = scale
        self.problem = problems.TanhNetwork(batches=12)
        flat = np.concatenate([p.ravel() for p in self.problem.start])
        self.pieces = [native(piece) for piece in np.split(flat, cuts)]
        for p in self.pieces:
            p.requires_grad = True
        self.optimizer = make([self.pieces[i] for i in order or range(len(self.pieces))])

    def loss(self, batch: int):
        x, y = native(self.problem.x[batch]), native(self.problem.y[batch])
        flat, at, weights = lr.cat(self.pieces), 0, []
        for p in self.problem.start:
            weights.append(flat[at : at + p.size].reshape(p.shape))
            at += p.size
        w1, b1, w2, b2 = weights
        residual = lr.tanh(x @ w1 + b1) @ w2 + b2 - y
        return 0.5 * self.scale * lr.mean(residual * residual)

    def path(self) -> tuple[np.ndarray, np.ndarray]:
        """The flat parameters and the rate after every step."""
        rows, rates = [], []
        for batch in range(12):
            self.optimizer.minimize(lambda batch=batch: self.loss(batch))
            rows.append(np.concatenate([p.numpy() for p in self.pieces]))
            rates.append(self.optimizer.lr)
        return np.array(rows), np.array(rates)


TRIALS = {
    "qlabgrad": lambda trial: A.QLABGrad(trial=trial, find_trial=False),
    "qlabgrad-found": lambda trial: A.QLABGrad(trial=trial, refind_every=3),
    "lqa": lambda trial: A.LQA(trial=trial),
}


@pytest.mark.parametrize("name", TRIALS)
@few
@given(scale=scales, trial=st.sampled_from([0.05, 0.5, 5.0]))
def test_scaled_loss_and_divided_trial_rate_same_steps(name: str, scale: float, trial: float) -> None:
    """On the network: on a quadratic no trial rate would make a difference."""
    plain, rates = Cut(sgd(lambda: TRIALS[name](trial)), []).path()
    scaled, divided = Cut(sgd(lambda: TRIALS[name](trial / scale)), [], scale=scale).path()
    np.testing.assert_allclose(scaled, plain, rtol=0, atol=1e-9, err_msg=f"{name}, loss times {scale}")
    np.testing.assert_allclose(divided * scale, rates, rtol=1e-8, err_msg=f"{name}, loss times {scale}")


@pytest.mark.parametrize("name", TRIALS)
def test_the_trial_rate_alone_makes_a_difference(name: str) -> None:
    paths = [Cut(sgd(lambda trial=trial: TRIALS[name](trial)), []).path()[0] for trial in (0.5, 1.0)]
    assert np.abs(paths[0] - paths[1]).max() > 1e-3


SIZE = 5 * 8 + 8 + 8 * 2 + 2


@st.composite
def cuts_and_orders(draw) -> tuple[list[int], list[int]]:
    cuts = sorted(draw(st.sets(st.integers(1, SIZE - 1), max_size=9)))
    return cuts, draw(st.permutations(range(len(cuts) + 1)))


@pytest.mark.parametrize("name", GLOBAL)
@few
@given(layout=cuts_and_orders())
def test_permuting_and_splitting_the_parameters(name: str, layout: tuple[list[int], list[int]]) -> None:
    whole, rates = Cut(GLOBAL[name], []).path()
    parts, same = Cut(GLOBAL[name], *layout).path()
    np.testing.assert_allclose(same, rates, rtol=1e-10, err_msg=f"{name}: rates, {layout}")
    off = np.abs(parts - whole).max() / np.abs(whole).max()
    assert off <= 1e-10, f"{name}: parameters off by {off:.1e} of the largest, {layout}"


@pytest.mark.parametrize("variant", ["paper", "ntlr"])
@few
@given(window=st.integers(1, 5), initial=st.floats(1e-3, 0.3), momentum=st.sampled_from([0.0, 0.8]))
def test_per_tensor_on_one_tensor_is_the_global_method(
    variant: str, window: int, initial: float, momentum: float
) -> None:
    paths = []
    for per in ("all", "group", "tensor"):
        rate = A.TLR(initial=initial, window=window, per=per, variant=variant)
        cut = Cut(lambda p, rate=rate: lr.optim.SGD(p, lr=rate, momentum=momentum), [])
        rows = []
        for batch in range(12):
            cut.optimizer.minimize(lambda batch=batch, cut=cut: cut.loss(batch))
            rows.append(cut.pieces[0].numpy().copy())
        paths.append(np.array(rows))
    np.testing.assert_array_equal(paths[1], paths[0])
    np.testing.assert_array_equal(paths[2], paths[0])


def test_per_tensor_on_several_tensors_is_not() -> None:
    """The checks above would see a difference: with several tensors the rates do part."""
    paths = []
    for per in ("all", "tensor"):
        case = sgd(lambda per=per: A.TLR(window=1, per=per))
        twin = Cut(case, [40, 48])
        for batch in range(3):
            twin.optimizer.minimize(lambda batch=batch, twin=twin: twin.loss(batch))
        paths.append(np.concatenate([p.numpy() for p in twin.pieces]))
    assert np.abs(paths[0] - paths[1]).max() > 1e-6
