"""Reports as a reader without eyes, mouse or network meets them, from their HTML and their style alone.

`make accessibility` asks a browser the same, and more.
"""

from __future__ import annotations

import html.parser
import json
import math
import re
from importlib import resources

import numpy as np
import pytest
from tiny_images import tiny_splits

import lrswift as lr
from lrswift.experiments.leaderboard.report import color
from lrswift.experiments.sensitivity import sensitivity
from lrswift.pictures.svg import COLORS, Panel

STYLE = resources.files("lrswift.pictures").joinpath("report.css").read_text(encoding="utf-8")
# WCAG 2: text, and parts of pictures that mean something
TEXT, PARTS = 4.5, 3.0


def network(train, classes):
    return lr.models.mlp(16, [12], classes)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    data, few = tiny_splits(120, 40), {"seeds": 2, "epochs": 2, "batch_size": 32, "progress": False}
    return {
        "compare": lr.compare(data, network, ["auto", "adam", "l4adam"], **few).page(),
        "sensitivity": sensitivity(data, network, ["adam", "l4adam"], [1e-3, 0.1], **few).page(),
    }


class Page(html.parser.HTMLParser):
    """Elements in their order, with attributes and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[int, str] = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text[len(self.found) - 1] = self.text.get(len(self.found) - 1, "") + data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(params=["compare", "sensitivity"])
def text(request, pages) -> str:
    return pages[request.param]


def test_every_picture_has_words_or_is_hidden(text: str) -> None:
    pictures = Page(text).all("svg")
    assert len(pictures) > 0
    for picture in pictures:
        if picture.get("aria-hidden") != "true":
            assert picture["role"] == "img" and len(picture["aria-label"]) > 20
    assert [p for p in pictures if "data-curves" in p]


def test_what_a_picture_says_is_what_it_draws(text: str) -> None:
    """Every point that can be read lies in the picture, and its words have a number or say that it failed."""
    for picture in Page(text).all("svg"):
        if "data-curves" not in picture:
            continue
        width, height = map(float, picture["viewbox"].split()[2:])
        for name, points in json.loads(picture["data-curves"]):
            assert name in picture["aria-label"] and 1 <= len(points) <= 60
            assert points[0][2] in picture["aria-label"] and points[-1][2] in picture["aria-label"]
            for x, y, words in points:
                assert 0 <= x <= width and 0 <= y <= height
                assert re.search(r"\d", words) or "failed" in words


def test_headings_tables_and_page_have_their_names(text: str) -> None:
    page = Page(text)
    levels = [int(tag[1]) for tag, _ in page.found if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))
    (whole,) = page.all("html")
    assert whole["lang"] == "en" and re.search(r"<title>[^<]{10,}</title>", text)
    assert len(page.all("main")) == len(page.all("header")) == 1
    heads = page.all("th")
    assert heads and all(head.get("scope") in ("col", "row") for head in heads)


def test_keys_reach_everything_in_its_order(text: str) -> None:
    """Nothing jumps the queue, and what can be reached says what it is."""
    for _, attributes in Page(text).found:
        if "tabindex" in attributes:
            assert attributes["tabindex"] == "0" and attributes.get("aria-label") and attributes.get("role")
    # what scrolls can be scrolled by keys
    for tag, attributes in Page(text).found:
        if tag == "pre" or attributes.get("class") == "wide":
            assert attributes.get("tabindex") == "0"


def test_a_page_is_one_small_file(text: str) -> None:
    assert len(text.encode()) < 2_000_000
    loads = [v for _, a in Page(text).found for k, v in a.items() if k in ("src", "href", "action", "srcset")]
    assert all(value and value.startswith("#") for value in loads)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|https?://(?!www\.w3\.org)", text)


# ---- colors ------------------------------------------------------------------------------------------------
def variables(dark: bool) -> dict[str, str]:
    """Colors of the style by name."""
    light, _, rest = STYLE.partition("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([\w-]+): (#\w+)", light.split("}")[0]))
    return found | (dict(re.findall(r"--([\w-]+): (#\w+)", rest.split("}")[0])) if dark else {})


def luminance(color: str) -> float:
    """WCAG's relative luminance of #rgb, #rrggbb or oklch(L% C H)."""
    if polar := re.fullmatch(r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)", color):
        lightness, chroma, hue = float(polar[1]) / 100, float(polar[2]), math.radians(float(polar[3]))
        a, b = chroma * math.cos(hue), chroma * math.sin(hue)
        # Ottosson's matrices, of the definition of oklab
        lms = [
            (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3,
            (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3,
            (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3,
        ]
        matrix = [
            [4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]  # fmt: skip
        linear = np.clip(np.array(matrix) @ lms, 0, 1)
        return float(linear @ [0.2126, 0.7152, 0.0722])
    digits = color.removeprefix("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_known_pairs() -> None:
    """Numbers of WCAG's own examples, and of a color that oklch and hex say alike."""
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    # CSS Color 4: red is oklch(62.8% 0.25768 29.234)
    assert luminance("oklch(62.8% 0.25768 29.234)") == pytest.approx(luminance("#ff0000"), rel=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_and_lines_can_be_told_from_paper(dark: bool) -> None:
    known = variables(dark)
    words = ["ink", "soft", "bad", "hand", "adapts", "found", *(f"line-{k}" for k in range(len(COLORS)))]
    for name in words:
        assert contrast(known[name], known["paper"]) >= TEXT, name
    assert contrast(known["ink"], known["code"]) >= TEXT
    # each has its own color in the dark
    assert not dark or all(known[name] != variables(False)[name] for name in (*words, "paper"))


@pytest.mark.parametrize("count", [9, 20, 40])
def test_colors_around_the_wheel_can_be_told_from_paper(count: int) -> None:
    methods = [f"method {i}" for i in range(count)]
    for method in methods:
        light, dark = re.findall(r"oklch\([^)]*\)", color(method, methods))
        assert contrast(light, variables(False)["paper"]) >= TEXT
        assert contrast(dark, variables(True)["paper"]) >= TEXT


def test_style_has_no_color_beside_the_variables() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE))
    assert used <= set(variables(False)) and set(variables(True)) == set(variables(False))
    assert all(name[4:-1].removeprefix("--") in variables(False) for name in COLORS)


# ---- readings ----------------------------------------------------------------------------------------------
def test_a_curve_says_its_values_where_they_lie() -> None:
    panel = Panel((0, 10), (0, 1), width=200, height=100, margins=(0, 0, 0, 0), title="A & b")
    x = np.arange(11.0)
    panel.read("one", x, np.where(x == 3, np.nan, x / 10), lambda at, value: f"{at:g}: {value:g}")
    panel.read("none", x, np.full(11, np.nan), lambda at, value: "never")
    ((name, points),) = panel.readings
    assert name == "one" and len(points) == 10
    assert points[0] == (0.0, 100.0, "0: 0") and points[-1] == (200.0, 0.0, "10: 1")
    assert panel.spoken() == "A & b. one: 0: 0, to 10: 1"
    (attributes,) = Page(panel.svg()).all("svg")
    assert json.loads(attributes["data-curves"]) == [["one", [list(point) for point in points]]]
