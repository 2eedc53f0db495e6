"""Which pairs of a whole method and a direction exist, and that each of them trains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from digits import X, Y
from twins import Quadratic
from whole_method_cases import EACH_PAIR, PAIRS, native_parameter, pair

import lrswift as lr
from lrswift.loop.history import History

A = lr.adapt
ALL = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"]


@pytest.mark.parametrize("rate", PAIRS)
def test_other_directions_raise_type_error(rate: str) -> None:
    for direction in ALL:
        if direction in PAIRS[rate]:
            continue
        with pytest.raises(TypeError, match=rf"{rate} goes with .*{PAIRS[rate][0]}.*; got {direction}"):
            pair(rate, direction)([native_parameter()])


def test_what_a_whole_method_cannot_take() -> None:
    p = [native_parameter()]
    for rate, options, name in (
        (A.YellowFin(), {"momentum": 0.9}, "momentum"),
        (A.MoMo(), {"momentum": 0.9}, "momentum"),
        (A.ScheduleFree(), {"momentum": 0.9}, "momentum"),
        (A.DAdaptation(), {"momentum": 0.9, "nesterov": True}, "nesterov"),
        (A.DAdaptation(), {"momentum": 0.9, "dampening": 0.1}, "dampening"),
    ):
        with pytest.raises(TypeError, match=f"{type(rate).__name__} .*{name} must be 0"):
            lr.optim.SGD(p, lr=rate, **options)
    with pytest.raises(ValueError, match="eps must be above 0"):
        lr.optim.Adam(p, lr="prodigy", eps=0.0)
    groups = [{"params": p}, {"params": [native_parameter()], "betas": (0.5, 0.9)}]
    with pytest.raises(ValueError, match="beta1 of a group: Prodigy takes one"):
        lr.optim.Adam(groups, lr="prodigy")
    with pytest.raises(ValueError, match="beta: got 0.0; allowed: above 0 and below 1"):
        lr.optim.ScheduleFree(p, betas=(0.0, 0.9))
    with pytest.raises(ValueError, match="direction: got 'adam'; allowed: sgd, adamw"):
        lr.optim.ScheduleFree(p, direction="adam")
    make = lr.optim.SGD
    with pytest.raises(TypeError, match="find_lr: optimizer: YellowFin"):
        model = lr.models.mlp(2, [2], 2)
        lr.find_lr(
            model,
            lr.nn.functional.cross_entropy,
            (np.ones((8, 2), np.float32), np.arange(8) % 2),
            optimizer=lambda params, lr: make(params, lr="yellowfin"),
        )


def test_groups_may_differ_in_their_decay() -> None:
    """A group's own decay is that of an optimizer in which everything has it, as far as that group goes."""
    a, b = native_parameter(), native_parameter()
    optimizer = lr.optim.AdamW([{"params": [a]}, {"params": [b], "weight_decay": 0.5}], lr=A.Prodigy(d0=0.1))
    optimizer.minimize(lambda: lr.sum(a) + lr.sum(b))
    assert np.all(b.numpy() < a.numpy())
    assert isinstance(optimizer.lr, float)


@pytest.mark.parametrize(("rate", "direction"), EACH_PAIR)
def test_limits_hold(rate: str, direction: str) -> None:
    quadratic = Quadratic(pair(rate, direction, min_lr=1e-3, max_lr=2e-3))
    rates, _ = quadratic.run(8)
    assert min(rates) >= 1e-3 and max(rates) <= 2e-3


# over plain descent, dual averaging in units of its first gradient's norm overshoots unless held back
NETWORK = {
    ("DAdaptation", "SGD"): {"lr": 0.2},
    ("StochasticBarzilaiBorwein", "SGD"): {"initial": 0.1, "smoothing": True},
    ("ScheduleFree", "AdamW"): {"lr": 0.01},
    ("MoMo", "Adam"): {"lr": 0.01},
    ("MoMo", "AdamW"): {"lr": 0.01},
}


def trained(rate: str, direction: str, epochs: int = 8) -> tuple[History, bytes]:
    lr.seed(0)
    model = lr.models.mlp(64, [16], 10)
    options = NETWORK.get((rate, direction), {})
    optimizer = getattr(lr.optim, direction)(model.parameters(), lr=getattr(A, rate)(**options))
    history = lr.fit(model, optimizer, (X, Y), (X, Y), epochs=epochs, batch_size=8, progress=False)
    return history, b"".join(p.numpy().tobytes() for p in model.parameters())


@pytest.mark.parametrize(("rate", "direction"), [*EACH_PAIR, ("StochasticBarzilaiBorwein", "SGD")])
def test_every_pair_trains_a_network_alike_on_any_number_of_threads(
    rate: str, direction: str, set_threads: Callable
) -> None:
    runs = []
    for count in (1, 2):
        set_threads(count)
        runs.append(trained(rate, direction))
    (history, weights), (_, same) = runs
    assert weights == same
    assert history.rows[-1]["valid_loss"] < 0.7 * 2.3026, history.rows


def test_by_name() -> None:
    for name, direction in (("d_adaptation", "SGD"), ("prodigy", "AdamW"), ("schedule_free", "SGD")):
        assert name in repr(getattr(lr.optim, direction)([native_parameter()], lr=name).rate.core_name)
    for name in ("yellowfin", "momo", "sgd_bb"):
        lr.optim.SGD([native_parameter()], lr=name)


def test_recorder_and_explanation() -> None:
    quadratic = Quadratic(pair("Prodigy", "Adam"))
    quadratic.optimizer.record(True)
    rates, _ = quadratic.run(4)
    history = quadratic.optimizer.history
    assert history["rate"].tolist() == rates
    assert history["loss"][0] == 9.75 and history["gradient_norm2"][0] == 90
    assert "rate 1e-06" in quadratic.optimizer.explain(0)
    with pytest.raises(ValueError, match="replay"):
        A.replay(history, A.Prodigy())
