"""`learn_schedule`: learning rates, momenta and weight decays from the hypergradients of whole runs (FDS)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..tensors.tensor import Tensor
from .learned_schedule import LearnedSchedule
from .outer_loop import Learning
from .settings import RANGES, arrays_of, check, check_search
from .workers import Farm


def learn_schedule(
    make_model: Callable[[int], Any],
    loss: Callable[..., Tensor],
    train: Any,
    valid: Any = None,
    steps: int = 1000,
    batch_size: int = 128,
    learning_rates: int = 7,
    momentums: int = 1,
    weight_decays: int = 1,
    outer_steps: int = 10,
    step_size: Sequence[float] = (0.1, 0.15, 4e-4),
    step_decay: float = 0.5,
    initial: Sequence[Any] = (0, 0, 0),
    update: str = "gated",
    seeds: int = 2,
    seed: int = 0,
    clip_gradient: float | None = None,
    clip_hvp: float | None = None,
    executor: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    *,
    optimizer: str = "sgd",
    horizon: int | None = None,
    mode: str = "forward",
    budgets: Sequence[int] | None = None,
    blocks: int = 1,
    finalists: int = 5,
    start: str | None = None,
    trials: int = 16,
    ranges: Sequence[Sequence[float]] = RANGES,
    per: str = "all",
    curvature: str = "hessian",
    progress: bool = True,
) -> LearnedSchedule:
    """Learns a schedule for training runs of `steps` steps, by differentiating whole runs.

    Each outer step trains `seeds` fresh networks, make_model(seed) -> Module, with the present schedule and
    moves every value against its hypergradient. The best validated schedules of all outer steps, `finalists`
    of them, are validated once more, on 10 `seeds` fresh networks each (training alone), and the one whose
    mean loss plus standard error is lowest is returned: the lowest of many noisy losses is often luck. A
    network whose training loss peaked late, and lost all that it had won, counts as a fifth of the way back
    to its untrained loss, however it ended. finalists=1 takes the lowest loss of the outer steps.

    train: (x, y) arrays, a Dataset, or an iterable of batches, which are joined. valid: the same, or the
    fraction of `train` to hold out (None: 0.1), drawn once from `seed`. loss: as in `fit`.
    learning_rates, momentums, weight_decays: how many values share the steps (learning_rates=steps: nothing
    is shared). step_size, initial: for rates, momenta, decays; a number each, or one per value.
    update: "gated" moves a value where the seeds agree and retreats where hypergradients have lost their
    meaning: early rates are raised towards later ones, and all are traded for momentum; "sign" steps by the
    sign of the mean, halved (`step_decay`) when it flips; "gradient" is the paper's printed step, step_size
    times the window's average. Stops early when every step is below 5 % of its value.
    horizon: see `hypergradient` (1: greedy). budgets: inner steps of the first outer steps,
    smaller than `steps`; schedules are compared at full length only. optimizer: "sgd" or "nesterov".
    clip_gradient, clip_hvp, mode, curvature: as in `hypergradient`.

    per: "layer" learns rates for every module that holds parameters, `learning_rates` of them each; step_size
    and initial then are, for rates, a number, one per window, or a row of them per layer.

    executor: None, anything with `submit`, or a function that makes such an executor anew when its workers
    die; a task is a seed, or one of its `blocks` disjoint sets of values to differentiate by (each repeats
    the training); the numbers are the same as here. checkpoint: a file written atomically after
    each outer step; resume: goes on from it, if it is there, bit by bit as if never interrupted; only
    `outer_steps`, `blocks`, `executor` and `finalists` may differ. progress: a bar with the time left.

    start: "optuna" begins from `trials` starting points instead of `initial` alone: `initial` itself, then
    what Optuna's TPE sampler, seeded by `seed`, proposes within `ranges`, (low, high) for rates, momenta and
    decays. Each is trained with `seeds` networks, without derivatives. Refined, for three outer steps at a
    time, is `initial`, then the best validated point, a refined one from where it stood; every refined point
    within `ranges` goes back into the study, and the next proposals follow. Cost: trials * seeds * steps
    plain training steps, those of the finalists, and at most outer_steps * seeds * steps differentiated ones
    (`budgets` apart), each of about 1 + 2 K plain ones with K values in use; `cost` of the result counts
    both. `study` is Optuna's. To resume, outer_steps and trials must be the same as well. ImportError
    without optuna.

    A run that diverges counts as a loss of inf, with a warning that names the step. When half of the rates'
    hypergradients are below their standard error, a warning says so and proposes a sharing window.
    Raises ArgumentError, ShapeError, DTypeError (arguments), and Diverged, whose `schedule` holds what was
    done, when all seeds diverge under another update than "gated".
    Source: FDS (Micaelli and Storkey, arXiv 2007.07869), Algorithm 1 and section 4.
    """
    settings = check(
        steps=steps, batch_size=batch_size, counts=(learning_rates, momentums, weight_decays),
        outer_steps=outer_steps, step_size=step_size, step_decay=step_decay, initial=initial, update=update,
        seeds=seeds, seed=seed, clip_gradient=clip_gradient, clip_hvp=clip_hvp, optimizer=optimizer,
        horizon=horizon, mode=mode, budgets=budgets, blocks=blocks, finalists=finalists, per=per,
        curvature=curvature, make_model=make_model,
    )  # fmt: skip
    search = check_search(start, trials, ranges, settings)
    data = arrays_of(train, valid, settings)
    learning: Any = Learning(make_model, loss, *data, settings)
    if search is not None:
        # Optuna is an extra
        from .hybrid import Starting

        learning = Starting(learning, search, outer_steps)
    if checkpoint is not None and resume and Path(checkpoint).exists():
        learning.read(checkpoint)
    farm = Farm(executor)
    try:
        return learning.run(farm, outer_steps, checkpoint, progress)
    finally:
        farm.close()
