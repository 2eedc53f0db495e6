"""What both estimators share: arguments, the training loop, and what is left of it in a pickle."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..errors import ArgumentError, Diverged, warn
from ..loop.history import History
from ..loop.recorder import Recorder
from ..loop.steps import TrainingSteps
from ..optim import Optimizer
from ..optim.searched import is_searched
from ..progress import Progress
from ..search.find import find_lr
from ..tensors.dtypes import check_unmasked
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor
from ..training.methods import METHODS
from . import _network

Class = TypeVar("Class", bound=type)
Method = str | Callable[..., Optimizer]
SIGNALS = 100  # of a search for a rate, at most


ARGUMENTS = """
Computed in float32 for float32 X, else in float64; inputs are never scaled. Arguments are those of
`sklearn.neural_network` but for `method`, which stands in place of solver and rates, and are checked in
`fit`.

Args:
    hidden_layer_sizes: units of each hidden layer, at least 1; one int for one layer. Default (100,).
    activation: "identity", "logistic", "tanh" or "relu". Default "relu".
    method: "auto" finds a rate for AdamW in the first steps, and plans `max_iter` epochs: warm-up, level,
        fall to 0 (docs/auto.md); training then ends before only by `early_stopping`. "alrs-adam" finds a
        rate for Adam on the data before the first step (`lrswift.find_lr`) and keeps it, and so does "auto"
        in `partial_fit`, which knows of no end. Also "alrs", "l4adam", "l4mom", "tlr", "qlabgrad", "adam",
        "momentum", "sgd", as `lrswift compare` defines them, or a function of named parameters that returns
        an optimizer of `lrswift.optim`. Default "auto".
    alpha: factor of the squared weights in the loss, divided by the rows of a batch; at least 0. Default
        0.0001.
    batch_size: rows of a batch, at least 1; "auto" is min(200, rows of X). Default "auto".
    max_iter: most epochs, at least 1. Default 200.
    shuffle: whether every epoch has a new order of rows. Default True.
    random_state: of weights, order and validation rows: an int, a numpy.random.RandomState, or None for
        numpy.random's. Default None.
    tol: what an improvement is, at least 0. Default 1e-4.
    verbose: whether a line is printed after each epoch. Default False.
    warm_start: whether `fit` goes on from the weights it has. Default False.
    early_stopping: whether the score of rows held out decides when training ends, instead of the loss; the
        best weights are then put back. Default False.
    validation_fraction: which part of the rows these are, between 0 and 1. Default 0.1.
    n_iter_no_change: epochs without an improvement after which training ends, at least 1, or inf; with
        "auto", of the validation score alone. Default 10.

Attributes:
    learning_rate_: the rate of the last step, the mean where tensors differ; the level of a planned run.
    history_: a `lrswift.History` with losses and rates of every step.
    loss_: the mean loss of the last epoch; best_loss_, the lowest of all; loss_curve_, one per epoch.
    n_iter_: epochs of the last call; t_, rows seen in all.
    n_features_in_: features; feature_names_in_, their names, where X had them.
    n_layers_: layers, the input's counted; n_outputs_, outputs; out_activation_, the last activation.
    network_: the `lrswift.nn.Module`.
    validation_scores_: with early_stopping, one per epoch; best_validation_score_, the highest.
"""


def documented(cls: Class) -> Class:
    """Completes the docstring of an estimator with what both share."""
    about, _, own = inspect.cleandoc(cls.__doc__ or "").partition("\n\nAttributes:\n")
    cls.__doc__ = f"{about}\n{ARGUMENTS}{own}"
    return cls


class MultilayerPerceptron(BaseEstimator):
    """Base of MLPClassifier and MLPRegressor; not to be used itself."""

    _row_loss: Callable[[Tensor, Tensor], Tensor]

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        method: Method = "auto",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.method: Any = method
        self.alpha = alpha
        self.batch_size: Any = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change

    # ---- what the two differ in --------------------------------------------------------------------------
    def _targets(self, X: Any, y: Any, fresh: bool, incremental: bool) -> tuple[Any, np.ndarray]:
        """X and y checked; y as the network is to give it, [N, outputs]."""
        raise NotImplementedError

    def _labels(self, targets: np.ndarray, weighted: bool) -> np.ndarray:
        """Targets as the loss wants them."""
        return targets

    def _output_activation(self) -> str:
        raise NotImplementedError

    def _held_score(self, outputs: np.ndarray, targets: np.ndarray, weight: Any) -> float:
        """Accuracy or R2, of what the network says of the validation rows."""
        raise NotImplementedError

    def _stratified(self, targets: np.ndarray) -> np.ndarray | None:
        return None

    # ---- training ----------------------------------------------------------------------------------------
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Trains the network, anew unless `warm_start`.

        Args:
            X: [N, features], dense or sparse, of numbers.
            y: what the network is to say of each row: [N], or [N, outputs].
            sample_weight: [N], at least 0. None: 1 for each row. Default None.

        Returns:
            The estimator itself.

        Raises:
            ArgumentError: an argument of the estimator is out of bounds, a value is masked, or training would
                go on with another network.
            ArgumentTypeError: `method` is a function that gives an optimizer an argument of another type.
            Diverged: the loss is not finite any more; `history` has what was done.
            DTypeError: `method` is a function that gives an optimizer no tensors, or no rate.
            ValueError: scikit-learn refuses X or y.

        Warns:
            ConvergenceWarning: the loss still improved in the last of `max_iter` epochs, and the method plans
                no run as "auto" does.
            UserWarning: Ctrl-C ended training, or `batch_size` is above the rows of X.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        sizes = self._checked_arguments(incremental)
        # scikit-learn would take what is masked for data
        for name, data in (("X", X), ("y", y), ("sample_weight", sample_weight)):
            check_unmasked(data, name)
        fresh = not hasattr(self, "network_") or not (self.warm_start or incremental)
        if not fresh:
            self._check_unchanged(sizes)
        X, targets = self._targets(X, y, fresh, incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        random = check_random_state(self.random_state)
        if fresh:
            self._begin(X, targets, sizes, random)
        elif targets.shape[1] != self.n_outputs_:
            _refuse("y", f"{targets.shape[1]} outputs", f"{self.n_outputs_}, as in the first call")
        X, targets = (a.astype(self._dtype(), copy=False) for a in (X, targets))
        held = None
        if self.early_stopping:
            X, targets, sample_weight, held = self._held_out(X, targets, sample_weight, random)
        self._train(X, targets, sample_weight, held, random, incremental)
        return self

    def _begin(self, X: Any, targets: np.ndarray, sizes: list[int], random: np.random.RandomState) -> None:
        self.n_outputs_ = targets.shape[1]
        units = [X.shape[1], *sizes, self.n_outputs_]
        self._built = sizes, self.activation
        self.n_layers_ = len(units)
        self.out_activation_ = self._output_activation()
        self.network_ = _network.build(units, self.activation, X.dtype, random)
        self.n_iter_ = self.t_ = 0
        self.loss_curve_: list[float] = []
        self.best_loss_ = np.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self._stale = 0

    def _check_unchanged(self, sizes: list[int]) -> None:
        """ArgumentError where training would go on with another network than the arguments now name."""
        before = getattr(self, "_built", (sizes, self.activation))
        for name, now, then in zip(
            ("hidden_layer_sizes", "activation"), (sizes, self.activation), before, strict=True
        ):
            if now != then:
                _refuse(name, now, f"{then!r}, as the weights that training goes on from have it")

    def _held_out(self, X: Any, targets: np.ndarray, weight: Any, random: np.random.RandomState) -> Any:
        """The training part of all, and (X, targets, weight) of the part that decides when to stop."""
        labels = self._stratified(targets)
        count = math.ceil(self.validation_fraction * X.shape[0])
        least = max(2, 0 if labels is None else len(np.unique(labels)))
        if count < least:
            raise ArgumentError(
                f"validation_fraction: {self.validation_fraction} of {X.shape[0]} rows are {count}; "
                f"allowed: enough for {least}"
            )
        rows, held = train_test_split(
            np.arange(X.shape[0]), random_state=random, test_size=self.validation_fraction, stratify=labels
        )
        of = [(a[rows], a[held]) if a is not None else (None, None) for a in (X, targets, weight)]
        return *(kept for kept, _ in of), tuple(part for _, part in of)

    def _train(
        self, X: Any, targets: np.ndarray, weight: Any, held: Any, random: np.random.RandomState, once: bool
    ) -> None:
        weighted = weight is not None
        objective = _network.Objective(
            self._row_loss, float(self.alpha), float(weight.mean()) if weighted else 1.0
        )
        beside = [self._labels(targets, weighted), *([weight] if weighted else [])]
        rows = _network.Rows(X, beside, self._batch(X.shape[0]))
        recorder = Recorder(self.network_, objective.weighted if weighted else objective.plain)
        if not once or not hasattr(self, "_optimizer"):
            self._optimizer = self._begin_or_resume(recorder, rows, random, once)
        elif is_searched(self._optimizer.rate):
            # the run that was planned is over
            self._optimizer = self._make_optimizer(recorder, rows, random, self.learning_rate_, once)
        self._optimizer._know_epoch(len(rows))
        if not once:
            self._optimizer._know_run(self.max_iter * len(rows))
        steps = TrainingSteps(recorder, self._optimizer)
        if once and hasattr(self, "history_"):
            steps.history = self.history_
        self.history_: History = steps.history
        order = np.arange(rows.count)
        best: list[np.ndarray] | None = None
        self._stale = 0 if not once else self._stale
        self.n_iter_ = 0
        try:
            for _ in range(1 if once else self.max_iter):
                if self.shuffle:
                    order = order[random.permutation(rows.count)]
                self._epoch(steps, rows, order)
                if self._improved(held) or best is None:
                    best = [p.numpy().copy() for p in self.network_.parameters()] if held else []
                if self._stale > self.n_iter_no_change and not self._goes_on(held):
                    break
            else:
                # a planned run ends where it was planned to
                if not once and not is_searched(self._optimizer.rate):
                    warn(
                        f"max_iter: the loss still improved after {self.max_iter} epochs; "
                        "allowed: more epochs, or a larger tol",
                        ConvergenceWarning,
                    )
        except KeyboardInterrupt:
            warn(f"training interrupted after {self.n_iter_} epochs")
        if held and best:
            for parameter, value in zip(self.network_.parameters(), best, strict=True):
                parameter.assign(from_array(value))

    def _goes_on(self, held: Any) -> bool:
        """Whether epochs without an improvement are no reason to stop.

        A planned run is to reach the end of its plan, where the rate falls: the training loss is no judge of
        it before, and nothing judges the steps of a search, which are undone.
        """
        assert self._optimizer is not None
        planned = is_searched(self._optimizer.rate)
        return planned and (held is None or bool(self._optimizer._core.get("searching")))

    def _epoch(self, steps: TrainingSteps, rows: _network.Rows, order: np.ndarray) -> None:
        since, start = len(steps.history.losses), time.perf_counter()
        try:
            with Progress(None, "fit", False) as bar:
                for tensors, indices in rows.epoch(order):
                    program = steps.recorder.program(tensors, indices.shape[1])
                    steps.take(program, tensors, indices, bar)
            losses = steps.history.losses[since:]
            finite = np.isfinite(losses)
            if not finite.any():
                raise Diverged("no step of an epoch had a finite loss")
        except Diverged as error:
            exploded = self._exploded(error)
            exploded.step, exploded.history = error.step, steps.history
            raise exploded from error
        steps.history.summarize(since, self.n_iter_ + 1, time.perf_counter() - start, {})
        sizes = np.full(len(losses), rows.batch)
        sizes[-1] = rows.count - rows.batch * (len(losses) - 1)
        self.loss_ = float(np.average(losses[finite], weights=sizes[finite]))
        self.loss_curve_.append(self.loss_)
        self.n_iter_ += 1
        self.t_ += rows.count
        assert self._optimizer is not None
        level = self._optimizer._core.get("found") if is_searched(self._optimizer.rate) else np.nan
        self.learning_rate_ = float(steps.history.rates[-1, 0] if np.isnan(level) else level)
        if self.verbose:
            print(f"epoch {self.n_iter_}: loss {self.loss_:.6g}, learning rate {self.learning_rate_:.3g}")

    def _exploded(self, why: object) -> Diverged:
        return Diverged(
            f"{why}. Inputs are never scaled here: if these are large or very unequal, fit "
            f"make_pipeline(StandardScaler(), {type(self).__name__}(...)) instead"
        )

    def _improved(self, held: Any) -> bool:
        """Takes note of the epoch's loss or validation score; whether it is the best so far."""
        before, self.best_loss_ = self.best_loss_, min(self.best_loss_, self.loss_)
        if held is None:
            self._stale = 0 if self.loss_ <= before - self.tol else self._stale + 1
            return True
        X, targets, weight = held
        outputs = self._outputs(X)
        if not np.isfinite(outputs).all():
            raise self._exploded("the network's outputs for the validation rows are not finite")
        score = self._held_score(outputs, targets, weight)
        assert self.validation_scores_ is not None and self.best_validation_score_ is not None
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"validation score {score:.6g}")
        self._stale = 0 if score >= self.best_validation_score_ + self.tol else self._stale + 1
        better = score > self.best_validation_score_
        self.best_validation_score_ = max(self.best_validation_score_, score)
        return better

    def _begin_or_resume(
        self, recorder: Recorder, rows: _network.Rows, random: np.random.RandomState, resume: bool
    ) -> Optimizer:
        """A new optimizer; with `resume` in the state that a pickle kept."""
        kept = self.__dict__.pop("_kept", None)
        if not resume or kept is None:
            return self._make_optimizer(recorder, rows, random, None, resume)
        rate, state = kept
        optimizer = self._make_optimizer(recorder, rows, random, rate, resume)
        if state is not None:
            optimizer.load_state_dict(state)
        return optimizer

    def _make_optimizer(
        self,
        recorder: Recorder,
        rows: _network.Rows,
        random: np.random.RandomState,
        rate: float | None,
        once: bool,
    ) -> Optimizer:
        """`rate`: what was found before, None to find it."""
        named = list(self.network_.named_parameters())
        if isinstance(self.method, str):
            # where no end is known, no plan can be made
            method = METHODS["alrs-adam" if once and self.method == "auto" else self.method]
            if method.kind != "found":
                return method.optimizer(named)  # type: ignore[arg-type]
            if rate is not None:
                return method.optimizer(named, lr=rate)  # type: ignore[arg-type]
            sample = rows.sample()
            # few rows make few batches: as many epochs as the longest search takes, of full batches
            batches = len(sample[0]) // rows.batch
            epochs = max(5, -(-SIGNALS * max(1, (batches + 1) // 50) // batches))
            with warnings.catch_warnings():
                # they name arguments that an estimator does not have
                warnings.simplefilter("ignore", UserWarning)
                found = find_lr(
                    self.network_, recorder.loss, sample, method.make, rows.batch,
                    max_epochs=epochs, seed=int(random.randint(2**31)), progress=False,
                )  # fmt: skip
            if not found.reliable:
                warn(
                    f"method: got {self.method!r}; its search on batches of {rows.batch} rows could not tell "
                    f"the learning rate, and took {found.lr:.3g}; allowed: another method, as 'auto' in fit, "
                    "a larger batch_size, or more rows"
                )
            return method.optimizer(named, lr=found.lr)  # type: ignore[arg-type]
        made = self.method(named)
        if not isinstance(made, Optimizer):
            raise ArgumentError(
                f"method: returned {type(made).__name__}; allowed: an optimizer of lrswift.optim"
            )
        return made

    # ---- arguments -----------------------------------------------------------------------------------------
    def _checked_arguments(self, incremental: bool) -> list[int]:
        """The hidden sizes. ArgumentError naming the argument, what was given and what is allowed."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if np.iterable(sizes) and not isinstance(sizes, str) else [sizes]
        if not all(_whole(n) and n >= 1 for n in sizes):
            raise ArgumentError(
                f"hidden_layer_sizes: got {self.hidden_layer_sizes!r}; allowed: integers of at least 1"
            )
        if self.activation not in _network.ACTIVATIONS:
            _refuse("activation", self.activation, ", ".join(_network.ACTIVATIONS))
        if not callable(self.method) and self.method not in METHODS:
            _refuse("method", self.method, ", ".join(METHODS) + ", or a function of named parameters")
        if self.batch_size != "auto" and not (_whole(self.batch_size) and self.batch_size >= 1):
            _refuse("batch_size", self.batch_size, "'auto' or an integer of at least 1")
        if not (_whole(self.max_iter) and self.max_iter >= 1):
            _refuse("max_iter", self.max_iter, "an integer of at least 1")
        for name in ("alpha", "tol"):
            value = getattr(self, name)
            if not (_number(value) and 0 <= value < np.inf):
                _refuse(name, value, "a number of at least 0")
        if not (_number(self.n_iter_no_change) and self.n_iter_no_change >= 1):
            _refuse("n_iter_no_change", self.n_iter_no_change, "a number of at least 1, or inf")
        if not (_number(self.validation_fraction) and 0 < self.validation_fraction < 1):
            _refuse("validation_fraction", self.validation_fraction, "a number between 0 and 1")
        if incremental and self.early_stopping:
            _refuse("early_stopping", True, "False for partial_fit")
        return [int(n) for n in sizes]

    def _batch(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warn(f"batch_size: got {self.batch_size}; taken: all {rows} rows")
        return min(int(self.batch_size), rows)

    # ---- what it keeps -----------------------------------------------------------------------------------
    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of each layer, [in, out], copied."""
        return [p.numpy().T.copy() for name, p in self._learned() if name.endswith("weight")]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases of each layer, [out], copied."""
        return [p.numpy().copy() for name, p in self._learned() if name.endswith("bias")]

    def _learned(self) -> Any:
        if not hasattr(self, "network_"):
            raise AttributeError(f"{type(self).__name__} is not fitted yet; call fit first")
        return self.network_.named_parameters()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        optimizer = state.pop("_optimizer", None)
        if optimizer is not None:
            if is_searched(optimizer.rate):
                # of a run that is over there is nothing to go on with but its rate
                state["_kept"] = self.learning_rate_, None
            else:
                rate = optimizer.rate if isinstance(optimizer.rate, float) else None
                state["_kept"] = rate, optimizer.state_dict()
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ---- use ---------------------------------------------------------------------------------------------
    def _network_outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        return self._outputs(X)

    def _outputs(self, X: Any) -> np.ndarray:
        return _network.outputs(self.network_, X.astype(self._dtype(), copy=False))

    def _dtype(self) -> np.dtype:
        """That of the X which the network was made for."""
        return next(self.network_.parameters()).dtype


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _refuse(name: str, value: Any, allowed: str) -> NoReturn:
    raise ArgumentError(f"{name}: got {value!r}; allowed: {allowed}")
