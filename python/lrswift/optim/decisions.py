"""The flight recorder: what a rate was decided on, and why it moved, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._core import Optimizer as CoreOptimizer
from .._core import replay as core_replay
from .._core import tensor as core_tensor
from ..checks import type_of
from ..errors import ArgumentError, ArgumentTypeError
from ..pictures.figure import BLUE, ORANGE, panels
from ..rates.base import Adapter
from ..rates.cards import read_cards
from ..rates.codes import Bound, Outcome

History = dict[str, np.ndarray]


def read(core: CoreOptimizer) -> History:
    """The recorded decisions, oldest first: field -> float64 [rows]."""
    names, rows = core.history()
    table = np.array(rows)
    return {name: table[:, i] for i, name in enumerate(names.split(","))}


def explain(history: History, step: int, method: str) -> str:
    """What was decided at `step` (from 0), one line per rate, from the inputs that the record holds.

    Raises ArgumentError when the record does not hold that step.
    """
    steps = history["step"]
    found = np.flatnonzero(steps == step)
    if not len(found):
        held = f"steps {int(steps[0])} to {int(steps[-1])}" if len(steps) else "none; call record(True) first"
        raise ArgumentError(f"explain: step: got {step}; the record holds {held}")
    return "\n".join(_sentence(history, int(row), method) for row in found)


def _sentence(history: History, row: int, method: str) -> str:
    now = {name: float(column[row]) for name, column in history.items()}
    machine = f", rate {int(now['machine'])}" if history["machine"].max() > 0 else ""
    start = f"step {int(now['step'])}{machine}: "
    if now["outcome"] == Outcome.SKIPPED:
        return f"{start}skipped, because the loss ({now['loss']:.6g}) or its gradient was not finite"
    if now["outcome"] == Outcome.UNDONE:
        return f"{start}undone, because {_fault(now)}; rates are {now['scale']:.4g} times theirs from here"
    inputs = f"loss {now['loss']:.6g}, {_reason(method)(now)}"
    if now["outcome"] == Outcome.STAYED and method == "auto":
        return f"{start}the search ended, and everything is as before it; {inputs}"
    if now["outcome"] == Outcome.STAYED:
        return f"{start}the parameters stayed where they were; {inputs}"
    return f"{start}rate {now['rate']:.6g}{_move(history, row, now)}{_limits(now)}; {inputs}"


def _limits(now: dict[str, float]) -> str:
    """What else set the rate than the method's formula."""
    held: dict[float, str] = {Bound.LOWEST: ", held at min_lr", Bound.HIGHEST: ", held at max_lr"}
    bound = held.get(now["bound"], "")
    return bound + (", a fallback, as the formula gave no rate" if now["fallback"] else "")


def _fault(now: dict[str, float]) -> str:
    if not np.isfinite(now["loss"]):
        return "the loss or its gradient was not finite twice in a row after it"
    if now["loss"] > now["limit"]:
        return f"the loss after it, {now['loss']:.6g}, had exploded: the guard's limit was {now['limit']:.6g}"
    return "it made parameters that are not finite"


def _move(history: History, row: int, now: dict[str, float]) -> str:
    """Against the decision before of the same rate."""
    before = np.flatnonzero(
        (history["machine"][:row] == now["machine"]) & (history["outcome"][:row] == Outcome.TAKEN)
    )
    if not len(before):
        return ", the first on record"
    old = float(history["rate"][before[-1]])
    if old == now["rate"]:
        return ", as before"
    factor = f" by a factor of {now['rate'] / old:.4g}" if old else ""
    return f", {'up' if now['rate'] > old else 'down'} from {old:.6g}{factor}"


def _slope(now: dict[str, float]) -> str:
    return f"slope <g, d> {now['slope']:.6g}, |g|^2 {now['gradient_norm2']:.6g}"


def _l4(now: dict[str, float]) -> str:
    if now["smoothed_slope"] <= 0:
        return (
            f"the averaged slope {now['smoothed_slope']:.6g} is not positive, so no step would lower the loss"
        )
    return f"averaged slope {now['smoothed_slope']:.6g}: the step to a fraction of the way to the lowest loss"


def _window(now: dict[str, float]) -> str:
    dot, norm2 = now["window_dot"], now["window_norm2"]
    if np.isnan(dot):
        return "inside a window, where the rate does not change"
    if dot == 0:
        return "the first window, which has nothing to be compared with"
    agree = "agrees with" if dot > 0 else "turns against"
    return f"the window's gradient {agree} the one before: inner product {dot:.6g}, squared norm {norm2:.6g}"


def _searched(now: dict[str, float]) -> str:
    return "set by the last search, or the initial one before any"


def _auto(now: dict[str, float]) -> str:
    if np.isnan(now["previous_dot"]) or now["slope"] == 0:
        return "no step before to judge by"
    cosine = now["previous_dot"] / abs(now["slope"])
    return f"<g, d'> / <g, d> {cosine:.4g}, which the search adds up: below 0 a step was too long"


def _hypergradient(now: dict[str, float]) -> str:
    if np.isnan(now["previous_dot"]):
        return "no step before to judge by"
    longer = "longer" if now["previous_dot"] > 0 else "shorter"
    return f"<g, d'> {now['previous_dot']:.6g}: the step before should have been {longer}"


def _online(now: dict[str, float]) -> str:
    delta = now["hypergradient"]
    if np.isnan(delta):
        return "no validation loss yet to judge by"
    way = "larger" if delta < 0 else "smaller"
    return f"Delta {delta:.6g}: the validation loss asks for a {way} rate"


def _whole(now: dict[str, float]) -> str:
    return f"|g|^2 {now['gradient_norm2']:.6g}: the method's own recursion and state moved it"


def _probe(now: dict[str, float]) -> str:
    if np.isnan(now["probe_loss"]):
        return _slope(now)
    count = int(now["probes"])
    return (
        f"slope {now['slope']:.6g}, and loss {now['probe_loss']:.6g} at a step of {now['probe_length']:.6g} "
        f"({count} evaluation{'s' if count > 1 else ''})"
    )


def _curvature(now: dict[str, float]) -> str:
    bends = "" if now["curvature"] > 0 else ", not positive: the rate before is kept"
    return f"slope {now['slope']:.6g} over curvature {now['curvature']:.6g}{bends}"


# what decided, for the methods of which there is more to say than their cards do
_OWN = {"l4": _l4, "hd": _hypergradient, "newton": _curvature, "periodic_alrs": _searched, "auto": _auto}


def _reason(method: str) -> Callable[[dict[str, float]], str]:
    card = read_cards("rates")[method]
    if method in _OWN:
        return _OWN[method]
    if card.validates:
        return _online
    if card.whole:
        return _whole
    return _window if card.uses_window else _probe if card.probes else _slope


def drawn(history: History, ax: Any = None) -> Any:
    """Loss and rates of the steps on record, side by side.

    Raises:
        ArgumentError: nothing is on record, or `ax` are not two axes.
    """
    if not len(history["step"]):
        raise ArgumentError("plot: nothing is on record; allowed: after record() and some steps")
    figure, (left, right) = panels(2, ax)
    first, kept = history["machine"] == 0, history["outcome"] == Outcome.TAKEN
    left.plot(history["step"][first], history["loss"][first], color=BLUE, linewidth=0.8)
    undone = history["outcome"] == Outcome.UNDONE
    left.plot(history["step"][undone], history["loss"][undone], "x", color=ORANGE)
    left.set(title="Loss", xlabel="step", ylabel="loss")
    for machine in np.unique(history["machine"]):
        own = kept & (history["machine"] == machine)
        right.plot(history["step"][own], history["rate"][own], color=BLUE, linewidth=0.8)
    right.set(title="Learning rate", xlabel="step", ylabel="rate")
    for axes, values in ((left, history["loss"]), (right, history["rate"][kept])):
        finite = values[np.isfinite(values)]
        if len(finite) and finite.min() > 0:
            axes.set_yscale("log")
    return figure


def replay(record: History, adapter: Adapter, machine: int = 0) -> np.ndarray:
    """Computes the rates that an adapter would have taken on recorded steps, without model or data.

    What the record cannot know is where other rates would have led: inputs stay as they were.

    Args:
        record: `optimizer.history`, of an optimizer that `record(True)` was called on.
        adapter: one that does not evaluate the model itself.
        machine: which of several rates, per group or tensor, counted from 0. Default 0.

    Returns:
        float64 [steps of that rate]; nan at steps that were skipped or undone.

    Raises:
        ArgumentError: the adapter evaluates the model itself.
        ArgumentTypeError: the record or the adapter is of another type.
    """
    if not isinstance(record, Mapping):
        raise ArgumentTypeError(f"record: got {type_of(record)}; allowed: what `optimizer.history` is")
    if not isinstance(adapter, Adapter):
        raise ArgumentTypeError(f"adapter: got {type_of(adapter)}; allowed: one of lrswift.adapt")
    table = np.ascontiguousarray(np.stack(list(record.values()), axis=1), dtype=np.float64)
    rows = core_tensor(table, "float64", table.shape)
    values = {key: value for key, value in adapter.attributes().items() if key != "per"}
    rates = np.array(core_replay(adapter.core_name, values, rows, machine))
    return rates[record["machine"] == machine]
