"""A rate is usable everywhere with nothing but its card: lr=, explain, replay, NumPy, torch.

Directions refuse what is out of the bounds of their cards when the optimizer is made.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from card_arguments import spelled, wrong

import lrswift as lr
from lrswift import _core
from lrswift.optim.directions import directions

CARDS = {card["name"]: card for card in json.loads(_core.catalogue("rates")) if card["name"] != "constant"}
# what each needs in a loop by hand: a run's length, a first rate, a window in steps, a required argument
GIVEN = {
    "auto": {"steps": 200, "search": 0.0},
    "periodic_alrs": {"initial": 0.02},
    "tlr": {"window": 1},
    "ntlr": {"window": 1},
    "naive_tlr": {"meta_lr": 1e-4},
    "dog": {"initial": 1e-3},
}
CURVATURE = np.array([1.0, 4.0, 10.0])
START = np.array([1.0, -2.0, 0.5])


def make(name: str) -> lr.adapt.Adapter:
    return getattr(lr.adapt, CARDS[name]["title"])(**GIVEN.get(name, {}))


def direction_of(name: str) -> str:
    return next(iter(CARDS[name]["directions"]), "sgd")


def trained(name: str, steps: int = 6) -> lr.optim.Optimizer:
    w = lr.tensor(START, dtype="float64", requires_grad=True)
    h = lr.tensor(CURVATURE, dtype="float64")
    optimizers = {"sgd": lr.optim.SGD, "adam": lr.optim.Adam, "adamw": lr.optim.AdamW}
    optimizer = optimizers[direction_of(name)]([w], lr=make(name))
    optimizer.record()
    for _ in range(steps):
        optimizer.minimize(lambda: 0.5 * lr.sum(h * w * w), valid=lambda: 0.6 * lr.sum(h * w * w))
    return optimizer


@pytest.mark.parametrize("name", [name for name in CARDS if name not in GIVEN])
def test_its_name_is_a_rate(name: str) -> None:
    assert lr.adapt.named(name.upper()) == make(name)


@pytest.mark.parametrize("name", CARDS)
def test_it_is_explained_and_replayed(name: str) -> None:
    optimizer = trained(name)
    for step in range(6):
        told = optimizer.explain(step)
        assert told.startswith(f"step {step}: ") and ("rate " in told or "stayed" in told)
    card = CARDS[name]
    # what others know of the model, or of vectors of their own, the record has not
    if card["validates"] or not (card["probes"] or card["whole"]):
        rates = lr.adapt.replay(optimizer.history, make(name))
        np.testing.assert_array_equal(rates, optimizer.history["rate"])
    else:
        with pytest.raises(lr.Error):
            lr.adapt.replay(optimizer.history, make(name))


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if not card["validates"]])
def test_it_steps_over_numpy_arrays(name: str) -> None:
    optimizer = lr.numpy.Adapted(lr=make(name), direction=direction_of(name))
    w = START.copy()
    for _ in range(6):
        loss = 0.5 * float(CURVATURE @ w**2)

        def probe() -> float | tuple[float, list[np.ndarray]]:
            value = 0.5 * float(CURVATURE @ w**2)
            return (value, [CURVATURE * w]) if name == "naive_tlr" else value

        if name == "newton":
            with pytest.raises(TypeError, match="second derivatives"):
                optimizer.update([w], [CURVATURE * w], loss, loss_fn=probe)
            return
        rate = optimizer.update([w], [CURVATURE * w], loss, loss_fn=probe)
    # the losses are sums in another order
    np.testing.assert_allclose(rate, trained(name).history["rate"][-1], rtol=1e-12)


@pytest.mark.parametrize("name", CARDS)
def test_it_drives_a_torch_optimizer_or_says_why_not(name: str) -> None:
    torch = pytest.importorskip("torch")
    card, given = CARDS[name], make(name)
    w = torch.tensor(START, requires_grad=True)
    bases = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    base = bases[direction_of(name)]([w])
    # these need another loss, the ends of epochs, or a search
    if card["validates"] or name in ("sgd_bb", "periodic_alrs"):
        with pytest.raises(TypeError):
            lr.torch.Adapted(base, lr=given)
        return
    optimizer = lr.torch.Adapted(base, lr=given)
    h = torch.tensor(CURVATURE)

    def loss_of() -> torch.Tensor:
        return 0.5 * (h * w * w).sum()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    for _ in range(6):
        if name == "newton":  # a closure that calls backward has no second derivatives
            optimizer.step(loss=closure(), loss_closure=loss_of)
        else:
            optimizer.step(closure)
    np.testing.assert_allclose(optimizer.param_groups[0]["lr"], trained(name).history["rate"][-1], rtol=1e-10)


DIRECTIONS = {card["name"]: card for card in json.loads(_core.catalogue("directions"))}
ARGUMENTS = [(name, a["name"]) for name, card in DIRECTIONS.items() for a in card["arguments"]]


@pytest.mark.parametrize(("name", "key"), ARGUMENTS)
def test_a_direction_refuses_what_is_out_of_bounds_when_it_is_made(name: str, key: str) -> None:
    argument = next(a for a in DIRECTIONS[name]["arguments"] if a["name"] == key)
    # an optimizer takes 0 and 1 for False and True
    bad = [value for value, _ in wrong(argument) if not (key == "nesterov" and value in (0, 1))]
    assert bad
    for value in bad:
        option = {spelled(argument): value}
        if key in ("beta1", "beta2"):
            option = {"betas": (value, 0.9) if key == "beta1" else (0.9, value)}
        with pytest.raises(lr.Error) as raised:
            directions()[name]([lr.tensor([1.0], requires_grad=True)], **option)
        assert isinstance(raised.value, (ValueError, TypeError))
        told = str(raised.value)
        assert any(word in told for word in (key, spelled(argument), "betas")), told
