"""lr.sklearn against scikit-learn: its own checks, and its own networks with the same steps."""

from __future__ import annotations

import functools
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import joblib
import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from sklearn import datasets
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import lrswift as lr

Estimator = type[lr.sklearn.MLPClassifier] | type[lr.sklearn.MLPRegressor]
BOTH = pytest.mark.parametrize("kind", [lr.sklearn.MLPClassifier, lr.sklearn.MLPRegressor])
momentum = functools.partial(lr.optim.SGD, lr=0.01, momentum=0.9, nesterov=True)


def data(kind: Estimator, rows: int = 90) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    X = random.normal(size=(rows, 4))
    score = X @ [1.0, -2.0, 0.5, 0.0] + 0.3 * random.normal(size=rows)
    return X, (score if kind is lr.sklearn.MLPRegressor else np.digitize(score, [-1.0, 1.0]))


def checks(kind: Estimator) -> list[Any]:
    """scikit-learn's own, each under its name."""
    return [
        pytest.param(estimator, check, id=f"{kind.__name__}-{check.func.__name__}")
        for estimator, check in estimator_checks_generator(kind())
    ]


CLASSIFIER, REGRESSOR = checks(lr.sklearn.MLPClassifier), checks(lr.sklearn.MLPRegressor)


@pytest.mark.parametrize(("estimator", "check"), [*CLASSIFIER, *REGRESSOR])
@pytest.mark.filterwarnings("ignore")
def test_passes_the_checks_of_scikit_learn(estimator: BaseEstimator, check: Callable) -> None:
    try:
        check(estimator)
    except SkipTest as skipped:
        absent = ("SCIPY_ARRAY_API is not set", "does not have a decision_function")
        assert any(text in str(skipped) for text in absent)


def test_scikit_learn_has_many_checks() -> None:
    assert len(CLASSIFIER) > 50 and len(REGRESSOR) > 50


@BOTH
def test_columns_of_a_data_frame_are_remembered(kind: Estimator) -> None:
    X, y = data(kind)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    found = kind(max_iter=3, random_state=0).fit(frame, y)
    assert found.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(found.predict(frame), kind(max_iter=3, random_state=0).fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        found.predict(frame[list("bacd")])


CASES = {
    "classes": (lr.sklearn.MLPClassifier, theirs.MLPClassifier, data(lr.sklearn.MLPClassifier)),
    "two classes": (
        lr.sklearn.MLPClassifier,
        theirs.MLPClassifier,
        (data(lr.sklearn.MLPClassifier)[0], data(lr.sklearn.MLPClassifier)[1] > 0),
    ),
    "labels": (
        lr.sklearn.MLPClassifier,
        theirs.MLPClassifier,
        (data(lr.sklearn.MLPClassifier)[0], (data(lr.sklearn.MLPClassifier)[0] > 0.2)[:, :3].astype(int)),
    ),
    "number": (lr.sklearn.MLPRegressor, theirs.MLPRegressor, data(lr.sklearn.MLPRegressor)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_with_momentum_it_takes_the_steps_of_scikit_learns_network(case: str, activation: str) -> None:
    ours, reference, (X, y) = CASES[case]
    same = {
        "hidden_layer_sizes": (7, 5), "activation": activation, "alpha": 0.3, "batch_size": 40,
        "max_iter": 6, "random_state": 5,
    }  # fmt: skip
    with pytest.warns(ConvergenceWarning):
        mine = ours(method=momentum, **same).fit(X, y)
    with pytest.warns(ConvergenceWarning):
        wanted = reference(solver="sgd", learning_rate_init=0.01, **same).fit(X, y)
    np.testing.assert_allclose(mine.loss_curve_, wanted.loss_curve_, rtol=1e-10)
    for a, b in zip(mine.coefs_ + mine.intercepts_, wanted.coefs_ + wanted.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    if hasattr(wanted, "predict_proba"):
        np.testing.assert_allclose(mine.predict_proba(X), wanted.predict_proba(X), rtol=1e-9)
        np.testing.assert_allclose(mine.predict_log_proba(X), wanted.predict_log_proba(X), rtol=1e-8)
        np.testing.assert_array_equal(mine.predict(X), wanted.predict(X))
    else:
        np.testing.assert_allclose(mine.predict(X), wanted.predict(X), rtol=1e-9)


@BOTH
def test_integer_weights_are_repeated_rows(kind: Estimator) -> None:
    X, y = data(kind)
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    make = functools.partial(kind, max_iter=20, random_state=0, tol=0.0, n_iter_no_change=np.inf)
    weighted = make().fit(X, y, sample_weight=weights)
    repeated = make().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-8)


@BOTH
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_rows_train_as_dense_ones(kind: Estimator, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(kind)
    X[np.abs(X) < 0.5] = 0
    make = functools.partial(kind, max_iter=5, batch_size=20, random_state=0)
    for form, method in ((scipy.sparse.csr_matrix, "alrs-adam"), (scipy.sparse.csc_array, momentum)):
        dense = make(method=method).fit(X, y)
        sparse = make(method=method).fit(form(X), y)
        # two batches made dense at a time
        monkeypatch.setattr("lrswift.sklearn._network.DENSE_BYTES", 2 * 20 * 4 * 8)
        np.testing.assert_array_equal(sparse.loss_curve_, dense.loss_curve_)
        np.testing.assert_array_equal(sparse.predict(form(X)), dense.predict(X))


@BOTH
@pytest.mark.parametrize("carry", [pickle, joblib])
def test_a_pickle_goes_on_where_it_stopped(kind: Estimator, carry: object) -> None:
    X, y = data(kind)
    first = kind(random_state=0).partial_fit(
        X, y, **({} if kind is lr.sklearn.MLPRegressor else {"classes": [0, 1, 2]})
    )
    file = io.BytesIO()
    carry.dump(first, file)  # type: ignore[attr-defined]
    file.seek(0)
    second = carry.load(file)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    for model in (first, second):
        model.partial_fit(X, y).partial_fit(X, y)
    np.testing.assert_array_equal(first.loss_curve_, second.loss_curve_)
    assert len(first.history_.losses) == 3
    assert first.learning_rate_ == second.learning_rate_ == first.history_.rates[-1, 0]


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_data(kind: Estimator, dtype: type) -> None:
    X, y = data(kind)
    model = kind(max_iter=300, random_state=0).fit(X.astype(dtype), y)
    assert all(array.dtype == dtype for array in model.coefs_ + model.intercepts_)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("dtype", ["U3", object, np.int8, bool, np.float64])
def test_labels_of_any_dtype(dtype: object) -> None:
    X, y = data(lr.sklearn.MLPClassifier)
    labels = (y > 0 if dtype is bool else y.astype(str) if dtype is object else y).astype(dtype)  # type: ignore[arg-type]
    model = lr.sklearn.MLPClassifier(max_iter=300, random_state=0).fit(X, labels)
    assert model.predict(X).dtype == labels.dtype
    assert model.score(X, labels) > 0.9
    np.testing.assert_array_equal(model.classes_, np.unique(labels))


def test_one_class_is_always_it() -> None:
    X, _ = data(lr.sklearn.MLPClassifier)
    model = lr.sklearn.MLPClassifier(random_state=0).fit(X, np.full(len(X), "only"))
    assert set(model.predict(X)) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))


@BOTH
def test_early_stopping_keeps_the_best_weights(kind: Estimator) -> None:
    X, y = data(kind, 200)
    model = kind(early_stopping=True, random_state=0, max_iter=500, n_iter_no_change=5).fit(X, y)
    assert model.n_iter_ == len(model.validation_scores_) < 500
    assert model.best_validation_score_ == max(model.validation_scores_)
    held = _held_rows(model, X, y)
    assert model.score(X[held], y[held]) == pytest.approx(model.best_validation_score_, abs=1e-12)


def _held_rows(model: object, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    # the random state drew the weights first
    random = np.random.RandomState(0)
    for fan_in, fan_out in ((4, 100), (100, model.n_outputs_)):  # type: ignore[attr-defined]
        random.uniform(size=(fan_in, fan_out))
        random.uniform(size=fan_out)
    stratify = y if isinstance(model, lr.sklearn.MLPClassifier) else None
    return train_test_split(np.arange(len(X)), random_state=random, test_size=0.1, stratify=stratify)[1]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pipelines_searches_and_clones() -> None:
    X, y = datasets.load_wine(return_X_y=True)
    line = make_pipeline(StandardScaler(), lr.sklearn.MLPClassifier(max_iter=40, random_state=0))
    search = GridSearchCV(line, {"mlpclassifier__hidden_layer_sizes": [(5,), (20, 10)]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert cross_val_score(clone(line), X, y, cv=3).mean() > 0.9


def test_warm_start_goes_on_from_the_weights() -> None:
    X, y = data(lr.sklearn.MLPRegressor)
    model = lr.sklearn.MLPRegressor(max_iter=30, random_state=0, warm_start=True)
    losses = [model.fit(X, y).loss_curve_[0], model.fit(X, y).loss_curve_[30]]
    assert losses[1] < 0.5 * losses[0]


@BOTH
def test_partial_fit_goes_on_at_the_rate_of_a_planned_run(kind: Estimator) -> None:
    """Also after a pickle. The plan has ended at a rate of 0; its level is what it says of further steps."""
    X, y = data(kind)
    model = kind(max_iter=40, random_state=0).fit(X, y)
    level, before = model.learning_rate_, model.loss_
    assert level > 0
    for again in (pickle.loads(pickle.dumps(model)), model):
        for _ in range(20):
            again.partial_fit(X, y)
        assert again.learning_rate_ == pytest.approx(level)
        assert again.loss_ < 1.1 * before


@BOTH
@pytest.mark.parametrize(
    "arguments",
    [
        {"hidden_layer_sizes": (10, 0)}, {"hidden_layer_sizes": 2.5}, {"activation": "swish"},
        {"method": "alchemy"}, {"method": 3}, {"alpha": -1.0}, {"alpha": np.nan}, {"batch_size": 0},
        {"batch_size": "half"}, {"max_iter": 0}, {"tol": -1e-4}, {"n_iter_no_change": 0},
        {"validation_fraction": 1.0}, {"validation_fraction": 0.001, "early_stopping": True},
        {"method": lambda params: params},
    ],
)  # fmt: skip
def test_bad_arguments_are_named(kind: Estimator, arguments: dict[str, object]) -> None:
    X, y = data(kind)
    with pytest.raises(lr.ArgumentError, match=rf"^{next(iter(arguments))}: .*; allowed: "):
        kind(**arguments).fit(X, y)


def test_what_does_not_fit_the_first_call_is_refused() -> None:
    X, y = data(lr.sklearn.MLPClassifier)
    model = lr.sklearn.MLPClassifier(random_state=0)
    with pytest.raises(lr.ArgumentError, match="^classes: not given"):
        model.partial_fit(X, y)
    model.partial_fit(X, y, classes=[0, 1, 2])
    for call, message in (
        (lambda: model.partial_fit(X, y + 7), "^y: classes .* given; allowed: those of the first call"),
        (lambda: model.partial_fit(X, y, classes=[0, 1]), "^classes: "),
        (lambda: model.fit(X, y, sample_weight=np.zeros(len(X))), "at least one non-zero"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    regressor = lr.sklearn.MLPRegressor(random_state=0).partial_fit(X, y)
    with pytest.raises(lr.ArgumentError, match="^y: got '2 outputs'"):
        regressor.partial_fit(X, np.stack([y, y], 1))
    with pytest.raises(lr.ArgumentError, match="^early_stopping: "):
        lr.sklearn.MLPRegressor(early_stopping=True).partial_fit(X, y)


def test_diverging_says_to_scale() -> None:
    X, y = data(lr.sklearn.MLPRegressor)
    diverging: Callable[..., object] = functools.partial(lr.optim.SGD, lr=1e30)
    with pytest.raises(lr.Diverged, match="StandardScaler"):
        lr.sklearn.MLPRegressor(method=diverging, random_state=0).fit(X * 1e30, y)


def test_without_scikit_learn_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import lrswift as lr\n"
        "try: lr.sklearn\n"
        "except ImportError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "scikit-learn>=1.6" in said


@BOTH
def test_auto_plans_max_iter_epochs_and_ends_without_a_warning(kind, recwarn):
    X, y = data(kind, 320)
    made = kind(method="auto", max_iter=60, tol=0.0, batch_size=32, n_iter_no_change=np.inf, random_state=0)
    made.fit(X, y)
    assert not [w for w in recwarn if issubclass(w.category, ConvergenceWarning)]
    plan = made._optimizer.frozen([lr.tensor([1.0], requires_grad=True)]).rate
    searched = int(made._optimizer._core.get("searched"))
    assert searched > 0 and searched + plan.steps == 60 * 10
    assert made.score(X, y) > 0.7
