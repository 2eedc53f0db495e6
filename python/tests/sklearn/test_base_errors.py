"""What the estimators say where training cannot go on."""

from __future__ import annotations

import numpy as np
import pytest
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
