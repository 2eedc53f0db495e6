"""What the estimators say where training cannot go on."""

from __future__ import annotations

import re
import warnings

import joblib
import numpy as np
import pytest
import threadpoolctl
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_iris

import lrswift as lr


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("method", ["sgd", "alrs-adam"])
def test_exploding_inputs_name_the_remedy(early_stopping, method):
    numbers = np.random.default_rng(0)
    x = (numbers.standard_normal((300, 4)) * 1e30).astype("float32")
    model = lr.sklearn.MLPRegressor(
        random_state=0, early_stopping=early_stopping, max_iter=3, method=method, n_iter_no_change=np.inf
    )
    try:
        with np.errstate(all="ignore"):
            model.fit(x, x.sum(1))
    except lr.Diverged as error:
        assert "StandardScaler" in str(error)
    else:
        assert np.isfinite(model.predict(x)).all()


@pytest.mark.parametrize("change", [{"hidden_layer_sizes": (7, 5)}, {"activation": "tanh"}])
def test_a_warm_start_of_another_network_is_refused(change):
    x, y = load_iris(return_X_y=True)
    model = lr.sklearn.MLPClassifier(
        warm_start=True, max_iter=2, random_state=0, hidden_layer_sizes=(10,), n_iter_no_change=np.inf
    )
    model.fit(x, y)
    model.set_params(**change)
    name = next(iter(change))
    with pytest.raises(lr.ArgumentError, match=f"{name}: got .*; allowed: .* training goes on from"):
        model.fit(x, y)
    model.set_params(warm_start=False)
    model.fit(x, y)
    assert model.network_ is not None and model.n_iter_ == 2


def test_masked_values_are_refused():
    x = np.random.default_rng(0).standard_normal((60, 3))
    y = np.ma.array(x.sum(1), mask=np.arange(60) < 5)
    for name, data in (("y", (x, y)), ("X", (np.ma.array(x, mask=x > 2), x.sum(1)))):
        with pytest.raises(lr.ArgumentError, match=f"{name}: .* masked"):
            lr.sklearn.MLPRegressor(max_iter=1, method="adam").fit(*data)


@pytest.mark.parametrize("given", [{"batch_size": 1}, {"batch_size": 1000}, {"max_iter": 1}])
@pytest.mark.parametrize("method", ["auto", "alrs-adam", "alrs", "tlr"])
def test_warnings_name_arguments_that_the_estimator_has(method: str, given: dict[str, int]) -> None:
    """What is to be changed can be: nothing of find_lr's own arguments, which no estimator takes."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 5)), random.integers(0, 2, 40)
    estimator = lr.sklearn.MLPClassifier(method=method, random_state=0, **{"max_iter": 2, **given})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y)
    said = [str(warning.message) for warning in caught]
    for text in said:
        assert text.partition(":")[0] in estimator.get_params(), text
        assert not re.search(r"find_lr|rule=|max_epochs|start\b|\.reliable", text)
    if method.startswith("alrs") and given == {"batch_size": 1}:
        assert [text for text in said if "could not tell the learning rate" in text]


def test_threads_follow_the_limits_of_joblib_and_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    """joblib gives each of two workers half of the processors; the threads of both are no more than these."""

    # in here, as workers cannot import this file
    def used(_: int) -> int:
        found = []

        class Asking(lr.sklearn.MLPClassifier):
            def _epoch(self, *given: object) -> None:
                found.append(lr.get_threads())
                super()._epoch(*given)

        X = np.random.default_rng(0).normal(size=(40, 5))
        Asking(max_iter=1).fit(X, np.arange(40) % 2)
        return found[0]

    for name in ("OMP_NUM_THREADS", "LRSWIFT_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    try:
        workers = joblib.Parallel(n_jobs=2)(joblib.delayed(used)(i) for i in range(2))
        assert workers == [max(1, joblib.cpu_count() // 2)] * 2
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            assert joblib.Parallel(n_jobs=2)(joblib.delayed(used)(i) for i in range(2)) == [1, 1]
    finally:
        get_reusable_executor().shutdown(wait=True)
    with threadpoolctl.threadpool_limits(limits=1):
        assert used(0) == 1
