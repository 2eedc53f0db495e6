"""`fit`: a whole training run. The loss is recorded once and replayed by the core without Python."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from .. import store
from ..callbacks import Callback
from ..checks import check_whole, refuse_torch, shown, type_of
from ..data import Dataset
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..loop.feed import ArrayFeed, Batch, Feed, feed
from ..loop.history import History
from ..loop.loaders import loader_state, put_loader_state
from ..loop.recorder import Modes, Recorder, rows, takes_model, watched
from ..loop.steps import TrainingSteps
from ..nn.functional import cross_entropy
from ..optim import Auto, Optimizer
from ..progress import Progress
from ..rates.base import Adapter
from ..records import takes
from ..search.periodic import periodic
from ..tensors.autograd import no_grad
from ..tensors.tensor import Tensor
from .checkpoint import Checkpoint
from .labels import check_labels
from .methods import METHODS, Method
from .options import FitFields, FitOptions, Metric

VALIDATION_BATCH = 1000


@takes(
    "model optimizer train valid loss epochs batch_size shuffle seed metrics progress log checkpoint resume "
    "callbacks rate_valid",
    options=FitOptions,
)
def fit(
    model: Any,
    optimizer: Optimizer | str = "auto",
    train: Any = None,
    valid: Any = None,
    loss: Callable[..., Tensor] = cross_entropy,
    epochs: int = 1,
    batch_size: int = 64,
    shuffle: bool = True,
    seed: int = 0,
    *,
    rate_valid: Any = None,
    options: FitOptions = FitOptions(),
    **_: Unpack[FitFields],
) -> History:
    """Trains a model in place.

    The loss is recorded once per shape of batch and replayed; random numbers of lrswift are drawn anew in
    every step. The record is checked: the second batch, and a batch of each epoch while that is cheap, are
    also computed by Python. A loss that reads values, or whose record gives another loss, is run anew for
    every batch.

    Ctrl-C stops within a second: the model then stands after the last whole step, and the exception's
    `history` holds what was done. Modules come back in the modes they had.

    Args:
        model: an `nn.Module`, or whatever `loss` takes; the optimizer holds its parameters.
        optimizer: one of `optim`; "auto" for `optim.Auto` over the model's parameters, with nothing to
            choose; or a method by name as the command line has it, "l4+adam". The history's `optimizer` is
            the one made. Default "auto".
        train: (x, y) arrays of equal length, a `data.Dataset`, or an iterable of such batches. Floating data
            are cast to the parameters' dtype; inputs are never scaled. Arrays that need no cast are not
            copied.
        valid: data of the same form. A rate that descends on a validation loss (MARTHE) gets a batch of them
            at every step, of `batch_size` rows, in turn and in their own order; such a run is not recorded,
            so Python runs every step, and batches from an iterable are all kept. None: no validation. Default
            None.
        loss: called as loss(model, *batch) if it has 1 + len(batch) required positional parameters, else as
            loss(model(x), y); returns a scalar Tensor. Default `nn.functional.cross_entropy`.
        epochs: passes over `train`. Default 1.
        batch_size: rows of a batch, where data are arrays; the last one may be smaller. Default 64.
        shuffle: whether arrays come in a new order in every epoch, from (seed, epoch) alone. Default True.
        seed: of that order, at least 0. Default 0.
        rate_valid: data for a rate that descends on a validation loss, in place of `valid`. None: `valid`.
            Default None.
        options: a `FitOptions`, whose fields may be given one by one instead. None: its defaults.

    Returns:
        The `History`. With `adapt.PeriodicALRS`, its rows have "found_lr": the rate that a search before the
        epoch found, or None.

    Raises:
        ArgumentError: a value is out of bounds, a label of whole arrays is none of the model's classes (told
            before anything is trained), or `checkpoint` is no checkpoint of `fit` or one of another run; it
            says what differs.
        ArgumentTypeError: an argument is of a wrong type, validation data are needed and not given, or the
            state of a loader holds what no file does.
        BufferError: data lie in another device's memory.
        DTypeError: the dtype of data is not allowed.
        ShapeError: arrays are of different lengths, or the loss is no scalar.
        FileNotFoundError: the folder of `checkpoint` or `log` does not exist.
        FormatError: the file of `checkpoint` is damaged or altered.
        OSError: nothing can be written where `checkpoint` or `log` should be.
        Diverged: loss or gradient were not finite in 20 steps in a row.
        Error: another thread trains or differentiates the same parameters; while `fit` runs, others are told.

    Warns:
        RecordingWarning: the loss is run anew for every batch.
        UserWarning: the checkpoint holds no state of an iterable that may have one.
    """
    if train is None:
        raise ArgumentTypeError("fit: train: not given; allowed: (x, y) arrays, a Dataset, or batches")
    optimizer = made(optimizer, model)
    log, checkpoint, callbacks = options.log, options.checkpoint, called(options.callbacks)
    run = _Run(
        model, optimizer, loss, train, valid, rate_valid, epochs, batch_size, shuffle, seed, options.metrics
    )
    if log is not None and not callable(log):
        store.check_writable(log, "log")
    kept = None if checkpoint is None else Checkpoint(checkpoint, run)
    if kept is not None and options.resume and kept.exists:
        try:
            run.first = kept.read()
        except BaseException:
            run.rewind()
            raise
    try:
        with optimizer._training(), Progress(run.total_steps(), "fit", options.progress) as bar:
            run.watchful = bool(callbacks) or callable(log)
            for epoch in range(run.first, epochs):
                row = run.epoch(epoch, bar)
                _report(log, row, run.history)
                if kept is not None:
                    kept.write(epoch + 1)
                # all are called, whatever the first one says
                answers = [callback(run.history) for callback in callbacks]
                if any(answer is not None and bool(answer) for answer in answers):
                    break
            for callback in callbacks:
                if isinstance(callback, Callback):
                    callback.end(run.history)
    except BaseException as error:
        error.history = run.history  # type: ignore[attr-defined]
        raise
    finally:
        run.modes.restore()
    return run.history


class _Run:
    """One call of `fit`."""

    def __init__(
        self,
        model: Any,
        optimizer: Optimizer,
        loss: Callable[..., Tensor],
        train: Any,
        valid: Any,
        rate_valid: Any,
        epochs: int,
        batch_size: int,
        shuffle: bool,
        seed: int,
        metrics: Sequence[Metric],
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(
                f"fit: optimizer: got {type_of(optimizer)}; allowed: {_usable(optimizer)}"
            )
        check_whole(epochs, "epochs", 0)
        for metric in metrics:
            if not callable(metric) and metric != "accuracy":
                raise ArgumentError(
                    f"metrics: got {shown(metric)}; allowed: 'accuracy' or functions of (outputs, labels)"
                )
        self.model, self.modes, self.loss = model, Modes(model), loss
        self.optimizer = optimizer
        self.recorder = Recorder(model, loss)
        self.data, self.batch_size, self.seed = train, batch_size, seed
        self.metrics = metrics
        self.steps = TrainingSteps(self.recorder, optimizer)
        # whether Python code of the caller runs between epochs, which may change what the loss computes
        self.watchful = False
        self.history = self.steps.history
        self.history.optimizer, self.history.model = optimizer, model
        self.epochs = epochs
        self.first = 0
        floating = optimizer.param_groups[0]["params"][0].dtype
        self.train: Feed = feed(train, "train", floating, batch_size, shuffle, seed)
        self.valid: Feed | None = None if valid is None else feed(valid, "valid", floating, VALIDATION_BATCH)
        check_labels(model, loss, self.train, "train")
        check_labels(model, loss, self.valid, "valid")
        self._begun = [(d, copy.deepcopy(loader_state(d))) for d in (train, valid, rate_valid)]
        # what a rate descends on
        self.rate_valid: Feed | None = None
        if optimizer._core.get("validates"):
            given = valid if rate_valid is None else rate_valid
            if given is None:
                raise ArgumentTypeError(
                    f"fit: valid: not given; {type(optimizer.rate).__name__} needs data to validate on"
                )
            self.rate_valid = feed(given, "valid", floating, batch_size)
            batches = self.rate_valid.epoch(0)
            self.steps.valid = [(b, numbers) for b, indices in batches for numbers in indices]
        if isinstance(self.train, ArrayFeed):
            takes_model(loss, len(self.train.tensors))
        steps = self.train.steps()
        if steps:
            optimizer._know_epoch(steps)
            # what a checkpoint is resumed with knows its own
            optimizer._know_run(max(1, steps * epochs))
        optimizer._know_buffers(model)

    def rewind(self) -> None:
        """Puts loaders back to where they were, as validation data of a rate have been read."""
        for data, state in self._begun:
            if state is not None:
                put_loader_state(data, state)

    def total_steps(self) -> int | None:
        steps = self.train.steps()
        return None if steps is None else steps * (self.epochs - self.first)

    def epoch(self, epoch: int, bar: Progress) -> dict[str, Any]:
        """One pass over the training data and the validation after it."""
        start, since = time.perf_counter(), len(self.history.losses)
        found = self.search(epoch, bar)
        self.modes.train()
        self.steps.begin_epoch(self.watchful)
        for tensors, indices in self.train.epoch(epoch):
            # a program knows no validation loss
            program = None if self.steps.valid else self.recorder.program(tensors, indices.shape[1])
            self.steps.take(program, tensors, indices, bar)
        seconds = time.perf_counter() - start
        validation = {}
        if self.valid is not None:
            with self.optimizer._point(evaluating=True):
                validation = evaluate(self.recorder, self.valid, self.metrics)
        bar.note(validation)
        if (told := self.optimizer._told_once()) is not None:
            bar.say(told)
        row = self.history.summarize(since, epoch + 1, seconds, validation)
        self.history.name_rates(self.optimizer.lr)
        return row if periodic(self.optimizer.rate) is None else self.history.annotate(found_lr=found)

    def search(self, epoch: int, bar: Progress) -> float | None:
        """The rate found before this epoch, where the rate is a repeated search and one is due."""
        rate = periodic(self.optimizer.rate)
        if rate is None or epoch % rate.every:
            return None
        found = rate.search(
            self.optimizer, self.model, self.recorder.loss, self.data, self.batch_size, self.seed + epoch
        )
        # a search that failed has set nothing
        if self.optimizer._core.get("found") != found.value:
            return None
        bar.note({"found_lr": found.lr})
        return found.lr


def called(callbacks: Any) -> list[Callable[[History], object]]:
    """What is called after each epoch, from one callback or several."""
    held = [callbacks] if callable(callbacks) else list(callbacks)
    for i, callback in enumerate(held):
        if isinstance(callback, type) or not callable(callback):
            raise ArgumentTypeError(
                f"fit: callbacks[{i}]: got {type_of(callback)}; allowed: functions of the history, such as "
                "instances of lrswift.callbacks"
            )
    return held


def _usable(given: Any) -> str:
    """What could stand in the place of something that is no optimizer."""
    if isinstance(given, Adapter):
        return f"an optimizer with that rate, lrswift.optim.SGD(params, lr={type(given).__name__}())"
    if isinstance(given, type) and issubclass(given, Optimizer):
        return f"an instance, {given.__name__}(model.parameters())"
    return "one of lrswift.optim, or the name of a method; data are train=(x, y)"


def made(optimizer: Any, model: Any) -> Optimizer:
    """The optimizer itself, or the one that a name means over the model's parameters."""
    refuse_torch(model, "fit: model", "an nn.Module; lrswift.torch.fit takes modules of torch")
    if isinstance(model, type):
        raise ArgumentTypeError(f"fit: model: got {type_of(model)}; allowed: an instance of it")
    if not isinstance(optimizer, str):
        return optimizer  # type: ignore[no-any-return]  # what is none is told so later
    if not hasattr(model, "named_parameters"):
        raise ArgumentTypeError(
            f"fit: optimizer: got {shown(optimizer)} for a {type(model).__name__}, whose parameters are not "
            "known; allowed: an nn.Module, or an optimizer made of the parameters"
        )
    if optimizer.lower() == "auto":
        return Auto(model.named_parameters())
    method = named_method(optimizer)
    if method.kind == "found":
        raise ArgumentError(
            f"fit: optimizer: got {shown(optimizer)}, which finds a rate before training; allowed: find_lr, "
            "and an optimizer made with its rate"
        )
    return method.optimizer(model.named_parameters())


def named_method(name: str) -> Method:
    """The method of a name that `fit` was given as its optimizer. ArgumentError where there is none."""
    try:
        return METHODS[name]
    except (ArgumentError, DTypeError) as error:
        raise ArgumentError(f"fit: optimizer: {str(error).removeprefix('methods: ')}") from None


def held_out(optimizer: Optimizer, train: Dataset, fraction: float = 0.1) -> tuple[Dataset, Dataset | None]:
    """Data to train on and, for a rate that descends on a validation loss, a part of them as `rate_valid`."""
    return train.split(fraction) if optimizer._core.get("validates") else (train, None)


def evaluate(recorder: Recorder, data: Feed, metrics: Sequence[Metric]) -> dict[str, float]:
    """valid_loss and metrics, weighted by examples; evaluation mode, without derivatives."""
    modes = Modes(recorder.model)
    if hasattr(recorder.model, "eval"):
        recorder.model.eval()
    totals: dict[str, float] = {}
    count = 0
    try:
        with no_grad():
            for tensors, indices in data.epoch(0):
                for numbers in indices:
                    batch = rows(tensors, numbers)
                    for name, value in _measured(recorder, batch, metrics).items():
                        totals[name] = totals.get(name, 0.0) + value * len(numbers)
                    count += len(numbers)
    finally:
        modes.restore()
    return {name: total / count for name, total in totals.items()}


def _measured(recorder: Recorder, batch: Batch, metrics: Sequence[Metric]) -> dict[str, float]:
    # metrics see what the loss saw: a loss that is given the model may prepare its inputs
    if not hasattr(recorder.model, "modules"):
        outputs = recorder.model(batch[0]) if len(batch) == 2 and not takes_model(recorder.loss, 2) else None
        found = {"valid_loss": float(recorder(*batch))}
    else:
        with watched(recorder.model) as returned:
            found = {"valid_loss": float(recorder(*batch))}
        outputs = returned[0] if len(returned) == 1 else None
    if len(batch) != 2 or not isinstance(outputs, Tensor):
        return found
    labels = batch[1].numpy()
    for metric in metrics:
        if callable(metric):
            found[getattr(metric, "__name__", "metric")] = float(metric(outputs.numpy(), labels))
        elif outputs.ndim == 2 and labels.shape == outputs.shape[:1] and labels.dtype.kind in "iu":
            found["accuracy"] = float((outputs.numpy().argmax(1) == labels).mean())
    return found


def _report(log: Any, row: dict[str, Any], history: History) -> None:
    if callable(log):
        log(row)
    elif log is not None:
        history.to_csv(log)
