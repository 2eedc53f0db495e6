"""`learn_schedule` for modules of torch, differentiated in torch; the outer loop is the native one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import torch

from .. import random
from ..checks import shown, type_of
from ..errors import ArgumentError, ArgumentTypeError
from ..hypergradients.options import HypergradientOptions
from ..learning.inner_run import VALIDATION_BATCH, Job, Outcome, outcome, row_numbers
from ..learning.learn import learned
from ..learning.learned_schedule import LearnedSchedule
from ..learning.options import ExecutionOptions, LearningFields, LearningOptions
from ..learning.outer_loop import Engine
from ..learning.settings import check
from ..records import takes
from ._probing import random_state, set_random_state
from ._run_batches import RowBatches, SlicedBatches, as_batch
from .hypergradients import hypergradient


@takes(
    "make_module loss train valid steps batch_size learning_rates momentums weight_decays outer_steps "
    "step_size step_decay initial update seeds seed clip_gradient clip_hvp executor checkpoint resume * "
    "optimizer horizon mode budgets blocks finalists start trials ranges per curvature memory progress "
    "tile",
    options=HypergradientOptions,
    learning=LearningOptions,
    execution=ExecutionOptions,
)
def learn_schedule(
    make_module: Callable[[int], torch.nn.Module],
    loss: Callable[..., Any],
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
    """Learns a schedule of rates, momenta and weight decays for a torch module, as `lrswift.learn_schedule`.

    Training runs are differentiated by `lrswift.torch.hypergradient`, on the device and in the dtype that the
    modules have; outer steps, finalists, batches and checkpoints are those of `lrswift.learn_schedule`, which
    says what they are.

    Args:
        make_module: makes a fresh `torch.nn.Module` from a seed; torch's generators are seeded with it
            around the call, and put back.
        loss: as for `lrswift.torch.hypergradient`.
        train: (x, y) tensors or arrays, a TensorDataset, or an iterable of batches, a DataLoader for one,
            which are joined.
        valid: the same, or the fraction of `train` to hold out, drawn once from `seed`. None: 0.1. Default
            None.
        steps: training steps of a run. Default 1000.
        batch_size: rows of a training batch. Default 128.
        learning_rates: how many learning rates share the steps, at least 1; with per="layer", those of each
            layer. Equal to `steps`, nothing is shared. Default 7.
        momentums: how many momenta share the steps; 0: none are used. Default 1.
        weight_decays: how many weight decays share the steps; 0: none are used. Default 1.
        options: a `HypergradientOptions`, whose fields may be given one by one instead; its `curvature` must
            be "hessian". None: its defaults. Default None.
        learning: a `LearningOptions`, likewise. None: its defaults. Default None.
        execution: an `ExecutionOptions`, likewise. None: its defaults. Default None.

    Returns:
        A `LearnedSchedule`: the schedule, how it was found, and what that cost. `lrswift.torch.schedule`
        takes it, and `save_json` writes it for others.

    Raises:
        ArgumentError: a value is out of bounds, a module cannot be trained like this, `checkpoint` was made
            with other arguments or data, or the executor cannot pickle a function.
        ArgumentTypeError: an argument is of a wrong type, or make_module returns no module.
        DTypeError: the dtype of parameters or data is not allowed.
        ShapeError: arrays are of different lengths, or make_module(seed) makes different networks.
        RecordingError: torch has no second derivatives of an operation of the loss.
        Diverged: all seeds of an outer step diverged under another update than "gated"; the exception's
            `schedule` holds what was done. Under "gated" such a run counts as a loss of inf.
        FileNotFoundError: the folder of `checkpoint` does not exist.
        FormatError: the file of `checkpoint` is damaged or altered.
        OSError: nothing can be written where `checkpoint` should be.
        ImportError: start="optuna" without Optuna.

    Warns:
        UserWarning: as `lrswift.learn_schedule`.

    Source:
        Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons" (arXiv
        2007.07869), Algorithm 1 and section 4.
    """
    if not callable(make_module) or isinstance(make_module, torch.nn.Module):
        raise ArgumentTypeError(
            f"make_module: got {type_of(make_module)}; allowed: a function of a seed that returns a "
            "torch.nn.Module"
        )
    if options.curvature != "hessian":
        raise ArgumentError(
            f"curvature: got {shown(options.curvature)}; allowed: 'hessian', as torch has no other"
        )
    make = _Seeded(make_module)
    windows = learning_rates, momentums, weight_decays
    settings = check(steps, batch_size, windows, options, learning, make)
    engine = Engine("torch", run)
    return learned(make, loss, _columns(train), _columns(valid), settings, execution, engine)


class _Seeded:
    """A function that makes modules, with torch's generators seeded around it; picklable if it is."""

    def __init__(self, make_module: Callable[[int], Any]) -> None:
        self.make_module = make_module

    def __call__(self, seed: int) -> torch.nn.Module:
        state, own = random_state(), random.get_state()
        random.seed(seed)
        torch.manual_seed(seed)
        try:
            module = self.make_module(seed)
        finally:
            set_random_state(state)
            random.set_state(own)
        if not isinstance(module, torch.nn.Module):
            raise ArgumentTypeError(
                f"make_module: returned {type(module).__name__}; allowed: a torch.nn.Module"
            )
        return module


def run(job: Job) -> Outcome:
    """Trains and differentiates one module; a run that diverges is an outcome, too."""
    module = job.make_model(job.seed)
    first = next((p for p in module.parameters() if p.requires_grad), None)
    if first is None:
        raise ArgumentError("make_module: returned a module without a parameter to train; allowed: with one")
    train = as_batch(job.train, "train", first.dtype, first.device)
    valid = as_batch(job.valid, "valid", first.dtype, first.device)
    rows = row_numbers(len(train[0]), job.steps, job.batch_size, job.seed)
    return outcome(
        job,
        module,
        RowBatches(train, rows),
        SlicedBatches(valid, VALIDATION_BATCH),
        hypergradient,
        first.dtype,
    )


def _columns(data: Any) -> Any:
    """Data as `lrswift.learn_schedule` takes them; a tensor by itself is all of every batch."""
    return _on_the_host((data,) if isinstance(data, torch.Tensor) else data)


def _on_the_host(data: Any) -> Any:
    """Data with tensors as NumPy reads them; what is no tensor stays."""
    if isinstance(data, torch.utils.data.TensorDataset):
        data = data.tensors
    if isinstance(data, torch.Tensor):
        return data.detach().cpu()
    if isinstance(data, (tuple, list)):
        return type(data)(map(_on_the_host, data)) if type(data) in (tuple, list) else data
    if isinstance(data, torch.utils.data.DataLoader):
        return [_on_the_host(tuple(batch) if isinstance(batch, list) else batch) for batch in data]
    if isinstance(data, torch.utils.data.Dataset) and not hasattr(data, "__iter__"):
        raise ArgumentTypeError(
            f"train, valid: got {type_of(data)}; allowed: a DataLoader of it, tensors or arrays"
        )
    return data
