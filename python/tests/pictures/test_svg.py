"""Charts: where points, ticks and names lie."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from lrswift.pictures.svg import Panel


def parsed(panel):
    root = ElementTree.fromstring(panel.svg())
    return root, {e.text: (float(e.get("x")), float(e.get("y"))) for e in root.iter("text")}


def test_both_axes_may_be_logarithmic():
    panel = Panel(
        (1e-3, 1e3), (0.01, 100), log=True, log_x=True, width=700, height=500, margins=(50, 50, 40, 60),
        x_ticks=(1e-3, 1, 1e3),
    )  # fmt: skip
    assert panel.at(1.0, 1.0) == pytest.approx((350, 240))
    assert panel.at(1e-3, 0.01) == pytest.approx((50, 440)) and panel.at(1e3, 100) == pytest.approx((650, 40))
    _, texts = parsed(panel)
    assert [texts[t][0] for t in ("0.001", "1000")] == pytest.approx([50, 650])


def test_a_picture_may_be_asked_for_twice():
    panel = Panel((0, 1), (0, 1), title="a < b")
    with panel.colored("#123456", 0.5):
        panel.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "curve")
        panel.dot(1.0, 1.0)
        panel.cross(0.5, 0.5, aside=3)
    assert panel.svg() == panel.svg()
    root, _ = parsed(panel)
    (group,) = root.iter("g")
    assert (group.get("style"), group.get("opacity")) == ("color:#123456", "0.5")
    assert [e.tag for e in group] == ["path", "circle", "path"]


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 0.5], [0.0, 0.01, 0.02], [1.0, 0.99, 0.0], [0.9] * 7])
def test_names_do_not_lie_upon_each_other(values):
    panel = Panel((0, 1), (0, 1), height=200)
    panel.names([(value, f"line {i}", "#000") for i, value in enumerate(values)])
    _, texts = parsed(panel)
    places = sorted((y, text) for text, (_, y) in texts.items() if text.startswith("line"))
    assert len(places) == len(values)
    assert all(b - a >= 17 - 0.11 for (a, _), (b, _) in zip(places, places[1:], strict=False))
    # the higher the line, the higher its name
    ends = [values[int(text.split()[1])] for _, text in places]
    assert ends == sorted(values, reverse=True)
