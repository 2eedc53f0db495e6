"""What a rate that was searched for came to: in words, and as a schedule that needs no search."""

from __future__ import annotations

import math

from .._core import Machine as CoreMachine
from .._core import Optimizer as CoreOptimizer
from ..checks import check_whole
from ..errors import ArgumentError, ArgumentTypeError
from ..rates.base import Adapter
from ..schedule import Trapezoid

SEARCHED = "auto"
# a copy of every step would take a fifth of the time of a small network's, and a third of a wide one's
GUARD_EVERY = 10


def is_searched(rate: object) -> bool:
    """Whether the rate, alone or times a schedule, is one that the first steps of a run find."""
    inner = getattr(rate, "adapter", rate)
    return isinstance(inner, Adapter) and inner.core_name == SEARCHED


def steps_of(rate: object) -> float | None:
    """The steps that such a rate was given; None where a run is to tell."""
    steps: float | None = getattr(getattr(rate, "adapter", rate), "steps", None)
    return steps


def plan(core: CoreOptimizer | CoreMachine) -> Trapezoid:
    """The rate of the steps after the search.

    Raises:
        ArgumentError: the search is not over, or the run has no end.
    """
    found, run, searched = core.get("found"), core.get("run_steps"), int(core.get("searched"))
    if math.isnan(found):
        left = f"{searched} steps of it are taken" if searched else "no step was taken yet"
        raise ArgumentError(f"frozen: the search is not over ({left}); allowed: after it")
    if math.isinf(run):
        raise ArgumentError("frozen: the run has no end; allowed: after finish(steps)")
    return Trapezoid(found, int(run) - searched, int(core.get("run_warmup")), int(core.get("run_decay")))


def finish(core: CoreOptimizer | CoreMachine, rate: object, steps: int) -> None:
    """Lets a rate that was searched for fall to 0 over so many steps.

    Raises:
        ArgumentError: `steps` is no whole number of at least 1, the search is not over, or the run is.
        ArgumentTypeError: the rate was not searched for.
    """
    check_searched(rate, "finish")
    core.set("finish", float(check_whole(steps, "finish: steps", 1)))


def check_searched(rate: object, what: str) -> None:
    """ArgumentTypeError where the rate is another."""
    if not is_searched(rate):
        raise ArgumentTypeError(f"{what}: got an optimizer with lr={rate!r}; allowed: one with lr='auto'")


def chosen(core: CoreOptimizer | CoreMachine) -> list[str]:
    """What was chosen and why, in three sentences, after the search or where there is none."""
    run, searched = core.get("run_steps"), int(core.get("searched"))
    rate, warmup = core.get("found"), int(core.get("run_warmup"))
    length = "a run without an end" if math.isinf(run) else f"a run of {run:.0f} steps"
    if searched and not core.get("reliable"):
        found = (
            f"In {searched} steps of {length} the rate grew, but gradients were too noisy to agree with the "
            "steps before them at any rate, so the search tells nothing; it was undone. The rate follows "
            "from `prior`."
        )
    elif core.get("reliable") and not searched:
        found = f"The rate was found in a run before; this is {length}, which goes on with it."
    elif searched:
        found = (
            f"In {searched} steps of {length} the rate grew by the same factor at every step until steps "
            "were too long (<g, d'> below 0, the loss at its least); they were undone. The rate is a share "
            "of that, more for runs below 600 steps."
        )
    else:
        found = (
            f"No search: {length} is too short for one, or it was switched off. The rate follows from "
            "`prior`."
        )
    origin = f"found in {searched} steps" if searched else "not searched for"
    if core.get("reliable") and not searched:
        origin = "found in a run before"
    if searched and not core.get("reliable"):
        origin = f"a usual one, as {searched} steps of search could not tell"
    if math.isinf(run):
        shape = f"It rises over {warmup} steps, and stays until finish(steps) lets it fall to 0."
    else:
        decay, left = int(core.get("run_decay")), int(run) - searched
        shape = f"It rises over {warmup} steps, and falls to 0 over the last {decay} of {left}."
    return [f"auto: rate {rate:.4g}, {origin}", found, shape]


def begun(core: CoreOptimizer | CoreMachine) -> list[str]:
    """`chosen`, or how far a search has come that is not over."""
    run, searched = core.get("run_steps"), int(core.get("searched"))
    if run == 0:
        return ["auto: no run has begun; fit tells how many steps it has, other loops pass steps="]
    if math.isnan(core.get("found")):
        how = f"step {searched} of the search" if searched else "no step taken yet"
        return [f"auto: {how}, in a run " + ("without an end" if math.isinf(run) else f"of {run:.0f} steps")]
    return chosen(core)


def account(core: CoreOptimizer | CoreMachine) -> str:
    """What was chosen and why, and how far the run has come, in some lines."""
    parts = begun(core)
    if not math.isnan(core.get("found")) and core.get("run_steps") > 0:
        taken = int(core.get("run_taken"))
        undone = f"; the guard has undone {int(core.get('rollbacks'))}" if core.get("guard") else ""
        parts.append(f"{taken} steps are taken{undone}.")
        if not math.isinf(core.get("run_steps")):
            parts.append(f"The same without a search: lr=schedule.{plan(core)!r}")
    return "\n".join(parts)


def headline(core: CoreOptimizer) -> str:
    """The first line of it."""
    return account(core).splitlines()[0]
