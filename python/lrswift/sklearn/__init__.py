"""scikit-learn estimators with no learning rate to set. Needs scikit-learn 1.6 or newer.

They take the arguments of `sklearn.neural_network`'s where these mean the same, and work wherever
scikit-learn's own do: pipelines, grid search, cross-validation, cloning, pickling.
"""

try:
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401
except ImportError as error:
    raise ImportError(
        "lrswift.sklearn needs scikit-learn 1.6 or newer; allowed: pip install 'scikit-learn>=1.6'"
    ) from error

from ._classifier import MLPClassifier
from ._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
