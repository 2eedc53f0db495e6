"""The network of the estimators, its losses, and rows of dense or sparse matrices as batches for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import nn
from ..loop.feed import Batch
from ..nn import functional as F
from ..tensors.autograd import no_grad
from ..tensors.operations import from_array
from ..tensors.tensor import Tensor

# beyond it a sparse matrix is made dense in parts
DENSE_BYTES = 64 << 20
PREDICTED_ROWS = 4096

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


def build(units: Sequence[int], activation: str, dtype: np.dtype, random: np.random.RandomState) -> Any:
    """Linear layers of `units` sizes with the activation between, all entries U(-b, b).

    b = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010), of 2 instead of 6 for "logistic"; drawn
    in the order of scikit-learn's networks, so that the same random state starts the same network.
    """
    factor = 2.0 if activation == "logistic" else 6.0
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(units[:-1], units[1:], strict=True):
        bound = math.sqrt(factor / (fan_in + fan_out))
        linear = nn.Linear(fan_in, fan_out).to(dtype)
        weight = random.uniform(-bound, bound, (fan_in, fan_out)).T.astype(dtype)
        linear.weight.assign(from_array(weight))
        linear.bias.assign(from_array(random.uniform(-bound, bound, fan_out).astype(dtype)))  # type: ignore[union-attr]
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def squared_error(outputs: Tensor, y: Tensor) -> Tensor:
    """Half the squared error of each row, the mean over its outputs; [N]."""
    return (outputs - y).square().mean(1) * 0.5


def logistic_loss(outputs: Tensor, y: Tensor) -> Tensor:
    """-log of the probability of each row's 0/1 entries, summed; [N]."""
    return (F.softplus(outputs) - outputs * y).sum(1)


def softmax_loss(outputs: Tensor, y: Tensor) -> Tensor:
    """-log of the probability of each row's class, y one-hot; [N]."""
    return -(F.log_softmax(outputs, 1) * y).sum(1)


class Objective:
    """The training loss of a batch of N rows: mean(w loss) / mean weight + alpha |W|^2 / (2 N mean weight).

    `mean_weight` is that of all training rows. Dividing by it rather than by the batch's own weights keeps
    the mean over batches the weighted loss of the data, and a batch without weight harmless.
    """

    def __init__(
        self, row_loss: Callable[[Tensor, Tensor], Tensor], alpha: float, mean_weight: float
    ) -> None:
        self.row_loss = row_loss
        self.alpha = alpha
        self.mean_weight = mean_weight

    def plain(self, model: Any, x: Tensor, y: Tensor) -> Tensor:
        """Without weights."""
        outputs = model(x)
        if self.row_loss is softmax_loss:
            # the core has this pair in one pass; y are class numbers here
            return self._penalized(F.cross_entropy(outputs, y), model, len(x))
        return self._penalized(self.row_loss(outputs, y).mean(), model, len(x))

    def weighted(self, model: Any, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """The loss with a weight for each row [N]."""
        loss = (self.row_loss(model(x), y) * weights).mean() / self.mean_weight
        return self._penalized(loss, model, len(x))

    def _penalized(self, loss: Tensor, model: Any, rows: int) -> Tensor:
        if self.alpha == 0:
            return loss
        factor = 0.5 * self.alpha / (rows * self.mean_weight)
        for layer in model:
            if isinstance(layer, nn.Linear):
                loss = loss + layer.weight.square().sum() * factor
        return loss


class Rows:
    """Rows of X (dense, or sparse in CSR form) with what belongs to them, in batches."""

    def __init__(self, X: Any, beside: Sequence[np.ndarray], batch: int) -> None:
        self.X = X
        self.beside = beside
        self.batch = batch
        self.count = X.shape[0]
        self.whole = None if hasattr(X, "toarray") else self._tensors(slice(None))

    def __len__(self) -> int:
        """Batches per epoch, the last and smaller one included."""
        return -(-self.count // self.batch)

    def sample(self) -> Batch:
        """All rows, or for a sparse X as many, evenly spaced, as are no burden when dense."""
        if self.whole is not None:
            return self.whole
        most = max(self.batch, DENSE_BYTES // max(1, self.X.shape[1] * self.X.dtype.itemsize))
        return self._tensors(np.linspace(0, self.count - 1, min(self.count, most), dtype=np.int64))

    def epoch(self, order: np.ndarray) -> Iterator[tuple[Batch, np.ndarray]]:
        """(tensors, indices [steps, rows of a batch]) for all full batches in `order`, then the rest."""
        full = self.count // self.batch * self.batch
        for start, stop, width in ((0, full, self.batch), (full, self.count, self.count - full)):
            for rows in self._parts(order[start:stop], width):
                if self.whole is not None:
                    yield self.whole, np.ascontiguousarray(rows.reshape(-1, width))
                else:
                    yield self._tensors(rows), np.arange(len(rows)).reshape(-1, width)

    def _parts(self, rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
        if len(rows) == 0:
            return
        if self.whole is not None:
            yield rows
            return
        batch_bytes = max(1, width * self.X.shape[1] * self.X.dtype.itemsize)
        step = width * max(1, DENSE_BYTES // batch_bytes)
        for start in range(0, len(rows), step):
            yield rows[start : start + step]

    def _tensors(self, rows: Any) -> Batch:
        return (from_array(dense(self.X[rows])), *(from_array(a[rows]) for a in self.beside))


def dense(X: Any) -> np.ndarray:
    """X as an ndarray."""
    return X.toarray() if hasattr(X, "toarray") else X


def outputs(model: Any, X: Any) -> np.ndarray:
    """What the network says of each row of X, dense or sparse; [N, outputs]."""
    with no_grad():
        parts = [
            model(from_array(dense(X[start : start + PREDICTED_ROWS]))).numpy()
            for start in range(0, X.shape[0], PREDICTED_ROWS)
        ]
    return np.concatenate(parts)
