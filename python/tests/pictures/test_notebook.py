"""What a notebook shows of results."""

from __future__ import annotations

import builtins
from html import unescape

import numpy as np
import pytest

import lrswift as lr
from lrswift.pictures.notebook import shown

X = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def network():
    lr.seed(0)
    return lr.models.mlp(inputs=4, hidden=[8], outputs=2)


def history():
    model = network()
    return lr.fit(model, lr.optim.Adam(model.parameters()), (X, Y), (X, Y), epochs=2, progress=False)


def found():
    return lr.find_lr(network(), lr.nn.functional.cross_entropy, (X, Y), batch_size=16, progress=False)


def ranged():
    return lr.lr_range_test(
        network(), lr.nn.functional.cross_entropy, (X, Y), steps=20, batch_size=16, progress=False
    )


def learned():
    return lr.learn_schedule(
        lambda seed: network(), lr.nn.functional.cross_entropy, (X, Y), steps=4, batch_size=16,
        learning_rates=2, outer_steps=2, progress=False,
    )  # fmt: skip


@pytest.mark.parametrize(("make", "said"), [
    (history, "History, 2 epochs"), (found, "batches"), (ranged, "suggestion"), (learned, "learning rates"),
])  # fmt: skip
def test_numbers_and_picture(make, said):
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    text = make()._repr_html_()
    assert said in text and 'src="data:image/png;base64,' in text
    assert plt.get_fignums() == before


def test_pictures_are_drawn_into_axes_that_are_given():
    plt = pytest.importorskip("matplotlib.pyplot")
    for make, count in ((history, 3), (found, 2), (ranged, 1)):
        figure, axes = plt.subplots(1, count)
        result = make()
        assert result.plot(axes) is axes
        assert all(each.lines or each.collections for each in np.ravel(axes))
        with pytest.raises(lr.ArgumentError, match=f"{count} axes of matplotlib"):
            result.plot([axes] * 5 if count == 1 else axes[0])
        plt.close(figure)


def test_a_comparison_is_its_report():
    result = lr.compare("digits", "mlp", ["sgd"], seeds=1, epochs=1, progress=False)
    text = result._repr_html_()
    assert text.startswith("<iframe") and text.count("<") == 2
    page = unescape(text.split('srcdoc="')[1].rsplit('"', 1)[0])
    assert page == result.page()


def test_without_matplotlib_there_are_the_numbers(monkeypatch):
    real = builtins.__import__

    def without(name, *given, **named):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    text = history()._repr_html_()
    assert "train_loss" in text and "<img" not in text


def test_words_are_escaped():
    assert "&lt;b&gt;" in shown("<b>", {"<b>": "<b>"})
    assert "<b>" not in shown("<b>", {"<b>": "<b>"})
