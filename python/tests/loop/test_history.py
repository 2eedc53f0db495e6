"""What a history keeps of rates by name."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr
from lrswift.loop.history import History


def run(rate, epochs: int = 3, **options):
    lr.random.seed(0)
    model = lr.nn.Sequential(lr.nn.Linear(4, 8), lr.nn.Tanh(), lr.nn.Linear(8, 3))
    values = np.random.default_rng(0)
    x, y = values.normal(size=(96, 4)), values.integers(0, 3, 96)
    optimizer = lr.optim.SGD(model.named_parameters(), lr=rate)
    return lr.fit(model, optimizer, (x, y), epochs=epochs, progress=False, batch_size=8, **options)


def test_rates_of_tensors_by_name_are_those_at_the_end_of_each_epoch() -> None:
    seen: list[dict[str, float]] = []
    history = run(
        lr.adapt.TLR(initial=0.1, per="tensor", window=0.5), callbacks=[lambda h: seen.append(h.optimizer.lr)]
    )
    assert list(history.rates_by_name) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for name, rates in history.rates_by_name.items():
        np.testing.assert_array_equal(rates, [lr_[name] for lr_ in seen])
    ends = np.array(list(history.rates_by_name.values())).T
    last = history.rates[[row["step"] - 1 for row in history.rows]]
    np.testing.assert_allclose(ends.min(1), last[:, 1], rtol=1e-12)
    np.testing.assert_allclose(ends.max(1), last[:, 2], rtol=1e-12)
    assert len(np.unique(ends)) > 4


def test_one_rate_for_all_has_one_name() -> None:
    history = run(lr.schedule.Linear(0.1, 0.01, 36))
    assert list(history.rates_by_name) == ["all"]
    ends = [history.rates[row["step"] - 1, 0] for row in history.rows]
    np.testing.assert_array_equal(history.rates_by_name["all"], ends)


def test_a_run_that_goes_on_has_those_from_before(tmp_path) -> None:
    rate, file = lr.adapt.TLR(initial=0.1, per="tensor", window=0.5), tmp_path / "run.safetensors"
    whole = run(rate)
    run(rate, epochs=2, checkpoint=file)
    again = run(rate, checkpoint=file, resume=True)
    assert again.rates_by_name.keys() == whole.rates_by_name.keys()
    for name, rates in whole.rates_by_name.items():
        np.testing.assert_array_equal(again.rates_by_name[name], rates)


def test_names_that_come_and_go() -> None:
    history = History()
    history.name_rates(0.5)
    history.name_rates({"a": 1.0, "b": 2.0})
    np.testing.assert_array_equal(history.rates_by_name["all"], [0.5, np.nan])
    np.testing.assert_array_equal(history.rates_by_name["b"], [np.nan, 2.0])
    figure = history.plot_rates()
    (drawn,) = figure.axes[0].get_images()
    values = np.ma.filled(drawn.get_array(), np.nan)
    np.testing.assert_allclose(values[0, 0], np.log10(0.5))
    assert np.isnan(values[0, 1]) and values.shape == (3, 2)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["all", "a", "b"]


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(lr.ArgumentError, match="plot_rates: the history has no rates by name"):
        History().plot_rates()
