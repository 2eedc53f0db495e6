"""`MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import validate_data

from . import _network
from ._base import MultilayerPerceptron, documented


@documented
class MLPRegressor(RegressorMixin, MultilayerPerceptron):
    """A network for one or several numbers, with no learning rate to set.

    Minimizes half the mean squared error, over rows and outputs.
    """

    _row_loss = staticmethod(_network.squared_error)

    def _targets(self, X: Any, y: Any, fresh: bool, incremental: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=fresh,
        )  # fmt: skip
        return X, y.reshape(len(y), -1).astype(X.dtype, copy=False)

    def _output_activation(self) -> str:
        return "identity"

    def _held_score(self, outputs: np.ndarray, targets: np.ndarray, weight: Any) -> float:
        return float(r2_score(targets, outputs, sample_weight=weight))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Trains for one epoch, going on where the last call ended.

        Args:
            X: [N, features], dense or sparse, of numbers.
            y: [N] or [N, outputs], of numbers.
            sample_weight: [N], at least 0. None: 1 for each row. Default None.

        Returns:
            The estimator itself.

        Raises:
            ArgumentError: what `fit` says.
            Diverged: the loss is not finite any more; `history` has what was done.
            ValueError: scikit-learn refuses X or y.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Computes the value of each row.

        Args:
            X: [N, features], dense or sparse, of numbers.

        Returns:
            [N], or [N, outputs] for several.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: scikit-learn refuses X.
        """
        found = self._network_outputs(X)
        return found[:, 0] if self.n_outputs_ == 1 else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
