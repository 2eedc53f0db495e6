"""`learn_schedule`: learning rates, momenta and weight decays from the hypergradients of whole runs (FDS)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from .. import store
from ..hypergradients.options import HypergradientOptions
from ..records import takes
from ..tensors.tensor import Tensor
from .learned_schedule import LearnedSchedule
from .options import ExecutionOptions, LearningFields, LearningOptions
from .outer_loop import Engine, Learning
from .settings import Settings, arrays_of, check, check_search
from .workers import Workers


@takes(
    "make_model loss train valid steps batch_size learning_rates momentums weight_decays outer_steps "
    "step_size step_decay initial update seeds seed clip_gradient clip_hvp executor checkpoint resume * "
    "optimizer horizon mode budgets blocks finalists start trials ranges per curvature memory progress "
    "tile",
    options=HypergradientOptions,
    learning=LearningOptions,
    execution=ExecutionOptions,
)
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
    *,
    options: HypergradientOptions = HypergradientOptions(),
    learning: LearningOptions = LearningOptions(),
    execution: ExecutionOptions = ExecutionOptions(),
    **_: Unpack[LearningFields],
) -> LearnedSchedule:
    """Learns a schedule of rates, momenta and weight decays, by differentiating whole training runs.

    Each outer step trains fresh networks with the present schedule and moves every value x against its
    hypergradient h, the derivative of the validation loss with respect to x. With update="sign" this is

        x <- x - step_size sign(mean of h over the seeds),

    where step_size is multiplied by step_decay when the sign changes.

    The best validated schedules of all outer steps are validated once more, on networks that had no say in
    their choice (training alone), and that whose mean loss plus standard error is lowest is returned: the
    lowest of many noisy losses is often luck. A network whose training loss peaked late, and lost all that it
    had won, counts as a fifth of the way back to its untrained loss, however it ended.

    A search starts with trained, not differentiated, starting points. Refined, for three outer steps at a
    time, is `initial`, then the best validated point, a refined one from where it stood; every refined point
    within `ranges` goes back into the study, and the next proposals follow. It costs trials * seeds * steps
    plain training steps, those of the finalists, and at most outer_steps * seeds * steps differentiated ones,
    each of some four or five plain ones in reverse mode, of 1 + 1.6 K with K values in use in forward mode.

    Args:
        make_model: makes a fresh `nn.Module` from a seed.
        loss: a function as in `fit`, returning a scalar Tensor.
        train: (x, y) arrays, a Dataset, or an iterable of batches, which are joined.
        valid: the same, or the fraction of `train` to hold out, drawn once from `seed`. None: 0.1. Default
            None.
        steps: training steps of a run. Default 1000.
        batch_size: rows of a training batch. Default 128.
        learning_rates: how many learning rates share the steps, at least 1; with per="layer", those of each
            layer. Equal to `steps`, nothing is shared. Default 7.
        momentums: how many momenta share the steps; 0: none are used. Default 1.
        weight_decays: how many weight decays share the steps; 0: none are used. Default 1.
        options: a `HypergradientOptions`, whose fields may be given one by one instead. None: its defaults.
            Default None.
        learning: a `LearningOptions`, likewise. None: its defaults. Default None.
        execution: an `ExecutionOptions`, likewise. None: its defaults. Default None.

    Returns:
        A `LearnedSchedule`: the schedule, how it was found, and what that cost. Its `study` is Optuna's.

    Raises:
        ArgumentError: a value is out of bounds, `checkpoint` was made with other arguments or data, or the
            executor cannot pickle a function.
        ArgumentTypeError: an argument is of a wrong type.
        BufferError: data lie in another device's memory.
        DTypeError: the dtype of data is not allowed.
        ShapeError: arrays are of different lengths, or make_model(seed) makes different networks.
        RecordingError: the loss reads values while it is computed.
        Diverged: all seeds of an outer step diverged under another update than "gated"; the exception's
            `schedule` holds what was done. Under "gated" such a run counts as a loss of inf.
        FileNotFoundError: the folder of `checkpoint` does not exist.
        FormatError: the file of `checkpoint` is damaged or altered.
        OSError: nothing can be written where `checkpoint` should be.
        ImportError: start="optuna" without Optuna.

    Warns:
        UserWarning: a run diverged, with the step; half of the rates' hypergradients are below their standard
            error, with a window that more steps should share; workers died, and their tasks run here.

    Source:
        Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
        2007.07869), Algorithm 1 and section 4.
    """
    windows = learning_rates, momentums, weight_decays
    settings = check(steps, batch_size, windows, options, learning, make_model)
    return learned(make_model, loss, train, valid, settings, execution)


def learned(
    make_model: Callable[[int], Any],
    loss: Callable[..., Any],
    train: Any,
    valid: Any,
    settings: Settings,
    execution: ExecutionOptions,
    engine: Engine = Engine(),
) -> LearnedSchedule:
    """What `learn_schedule` does once its numbers are checked, with networks of any engine."""
    learning = settings.learning
    if learning.start is not None:
        check_search(settings)
    checkpoint = execution.checkpoint
    if checkpoint is not None:
        store.check_writable(checkpoint, "checkpoint")
    data = arrays_of(train, valid, settings)
    run: Any = Learning(make_model, loss, *data, settings, engine)
    if learning.start is not None:
        # Optuna is an extra
        from .hybrid import HybridSearch

        run = HybridSearch(run)
    if checkpoint is not None and execution.resume and Path(checkpoint).exists():
        run.read(checkpoint)
    workers = Workers(execution.executor)
    try:
        schedule: LearnedSchedule = run.run(workers, learning.outer_steps, checkpoint, execution.progress)
        return schedule
    finally:
        workers.close()
