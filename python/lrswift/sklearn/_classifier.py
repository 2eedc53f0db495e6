"""`MLPClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from ..errors import ArgumentError
from . import _network
from ._base import MultilayerPerceptron, documented


@documented
class MLPClassifier(ClassifierMixin, MultilayerPerceptron):
    """A network for classes, or for several labels at once, with no learning rate to set.

    Minimizes the log-loss: softmax for three classes or more, one logistic output for two, one each for
    labels in an indicator matrix [N, labels].

    Attributes:
        classes_: the classes, sorted, [classes].
    """

    def _targets(self, X: Any, y: Any, fresh: bool, incremental: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse="csr", multi_output=True, dtype=(np.float64, np.float32), reset=fresh
        )
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if fresh and not incremental:
            self._know_classes(y)
        unknown = np.setdiff1d(unique_labels(y), self.classes_)
        if len(unknown):
            raise ArgumentError(
                f"y: classes {unknown.tolist()} given; allowed: those of the first call, "
                f"{self.classes_.tolist()}"
            )
        return X, self._binarizer.transform(y).astype(X.dtype)

    def _know_classes(self, y: Any) -> None:
        self._binarizer = LabelBinarizer().fit(y)
        # the binarizer's own may be of another dtype, text for objects
        self.classes_ = self._binarizer.classes_ if self._multilabel() else np.unique(y)

    def _multilabel(self) -> bool:
        return self._binarizer.y_type_.startswith("multilabel")

    def _output_activation(self) -> str:
        return "softmax" if self._binarizer.y_type_ == "multiclass" else "logistic"

    @property
    def _row_loss(self) -> Any:  # type: ignore[override]
        return _network.softmax_loss if self.out_activation_ == "softmax" else _network.logistic_loss

    def _labels(self, targets: np.ndarray, weighted: bool) -> np.ndarray:
        return targets.argmax(1) if self.out_activation_ == "softmax" and not weighted else targets

    def _stratified(self, targets: np.ndarray) -> np.ndarray | None:
        return None if self._multilabel() else self._binarizer.inverse_transform(targets)

    def _held_score(self, outputs: np.ndarray, targets: np.ndarray, weight: Any) -> float:
        truth = self._binarizer.inverse_transform(targets)
        return float(accuracy_score(truth, self._decided(outputs), sample_weight=weight))

    def _decided(self, outputs: np.ndarray) -> np.ndarray:
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(outputs))
        if self.out_activation_ == "softmax":
            return self.classes_[outputs.argmax(1)]
        labels = (outputs > 0).astype(int)
        return (
            self._binarizer.inverse_transform(labels) if self._multilabel() else self.classes_[labels[:, 0]]
        )

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Trains for one epoch, going on where the last call ended.

        Args:
            X: [N, features], dense or sparse, of numbers.
            y: [N] of classes, or an indicator matrix [N, labels].
            sample_weight: [N], at least 0. None: 1 for each row. Default None.
            classes: all classes of all calls; needed by the first one, but for an indicator matrix. Default
                None.

        Returns:
            The estimator itself.

        Raises:
            ArgumentError: classes are missing or others than in the first call, or what `fit` says.
            Diverged: the loss is not finite any more; `history` has what was done.
            ValueError: scikit-learn refuses X or y.
        """
        if not hasattr(self, "_binarizer"):
            multilabel = type_of_target(y).startswith("multilabel")
            if classes is None and not multilabel:
                raise ArgumentError("classes: not given; allowed: all classes, in the first call")
            self._know_classes(y if multilabel else classes)
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise ArgumentError(
                f"classes: got {classes!r}; allowed: those of the first call, {self.classes_.tolist()}"
            )
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Decides on the class of each row.

        Args:
            X: [N, features], dense or sparse, of numbers.

        Returns:
            [N] of classes, or, for indicator matrices, 0 or 1, [N, labels].

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: scikit-learn refuses X.
        """
        return self._decided(self._network_outputs(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Computes the logarithm of `predict_proba`, without underflow.

        Args:
            X: [N, features], dense or sparse, of numbers.

        Returns:
            [N, classes] in the order of `classes_`, or [N, labels]; at most 0.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: scikit-learn refuses X.
        """
        z = self._network_outputs(X)
        if len(self.classes_) == 1:
            return np.zeros((len(z), 1), z.dtype)
        if self.out_activation_ == "softmax":
            z = z - z.max(1, keepdims=True)
            return z - np.log(np.exp(z).sum(1, keepdims=True))
        if not self._multilabel():
            return np.hstack([-np.logaddexp(0, z), -np.logaddexp(0, -z)])
        return -np.logaddexp(0, -z)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Computes the probability of each class, or of each label.

        Args:
            X: [N, features], dense or sparse, of numbers.

        Returns:
            [N, classes] in the order of `classes_`, rows summing to 1; or [N, labels], each from 0 to 1.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: scikit-learn refuses X.
        """
        return np.exp(self.predict_log_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
