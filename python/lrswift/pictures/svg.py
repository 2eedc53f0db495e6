"""Line charts as SVG text: just what the reports draw, with nothing to install or download."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import escape

import numpy as np

# after Okabe and Ito, distinct for the color-blind; report.css has them, for light and for dark paper
COLORS = tuple(f"var(--line-{k})" for k in range(8))
# of a curve that can be read
_READINGS = 60


@dataclass
class Scale:
    """Values low..high onto pixels start..stop, linear or logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Where values lie; those beyond an end lie at it."""
        low, high, v = self.low, self.high, np.clip(values, self.low, self.high)
        if self.log:
            low, high, v = math.log(low), math.log(high), np.log(v)
        return self.start + (v - low) / ((high - low) or 1.0) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """At most about five round values within the range."""
        if not self.log:
            return linear_ticks(self.low, self.high)
        decades = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
        step = max(1, math.ceil(len(decades) / 5))
        found = [10.0**d for d in decades if (d - decades[0]) % step == 0]
        if len(found) >= 2:
            return found
        dense = [m * 10.0**d for d in range(decades.start - 1, decades.stop + 1) for m in (1, 2, 5)]
        return [t for t in dense if self.low <= t <= self.high]


def linear_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """About `wanted` multiples of 1, 2 or 5 times a power of ten from low to high."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def label(value: float) -> str:
    """A tick's text: 0.001, 10, 1e-6."""
    if value == 0:
        return "0"
    return (
        f"{value:.4g}"
        if 1e-4 <= abs(value) < 1e5
        else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    )


def path(x: np.ndarray, y: np.ndarray) -> str:
    """An SVG path through the finite points, broken where one is missing."""
    parts = []
    pen = "M"
    for px, py in zip(x, y, strict=True):
        if not math.isfinite(py):
            pen = "M"
            continue
        parts.append(f"{pen}{px:.1f},{py:.1f}")
        pen = "L"
    return "".join(parts)


@dataclass
class Panel:
    """One chart with axes shared among its siblings; draw into it, then `svg()`.

    margins: left, right, top, bottom. x_ticks: round values if not given.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log: bool = False
    width: float = 260.0
    height: float = 150.0
    title: str = ""
    log_x: bool = False
    margins: tuple[float, float, float, float] = (38.0, 46.0, 8.0, 20.0)
    x_ticks: Sequence[float] | None = None
    shapes: list[str] = field(default_factory=list)
    readings: list[tuple[str, list[tuple[float, float, str]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        left, right, top, bottom = self.margins
        self.x = Scale(*self.x_range, left, self.width - right, self.log_x)
        self.y = Scale(*self.y_range, self.height - bottom, top, self.log)

    @contextmanager
    def colored(self, color: str, opacity: float = 1.0) -> Iterator[None]:
        """What is drawn meanwhile has this color, where its kind does not say another."""
        self.shapes.append(f'<g style="color:{color}" opacity="{opacity:g}">')
        yield
        self.shapes.append("</g>")

    def line(self, x: np.ndarray, y: np.ndarray, kind: str) -> None:
        """A curve with the CSS class `kind`."""
        self.shapes.append(f'<path class="{kind}" d="{path(self.x(x), self.y(y))}"/>')

    def read(self, name: str, x: np.ndarray, y: np.ndarray, told: Callable[[float, float], str]) -> None:
        """Lets readers ask a curve or some points for values, by pointer and by keys.

        name: of the curve, "" where there is one. told: what is said of x and y, which lie beyond the picture
        where they have no place in it.
        """
        known = np.flatnonzero(np.isfinite(x) & ~np.isnan(y))
        if not len(known):
            return
        some = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), _READINGS)).astype(int))]
        points = [(*self.at(float(x[i]), float(y[i])), told(float(x[i]), float(y[i]))) for i in some]
        self.readings.append((name, [(round(px, 1), round(py, 1), text) for px, py, text in points]))

    def spoken(self) -> str:
        """What the picture says, in words: its title, and how each curve begins and ends."""
        ends = [
            f"{name + ': ' if name else ''}{points[0][2]}"
            + (f", to {points[-1][2]}" if len(points) > 1 else "")
            for name, points in self.readings
        ]
        return ". ".join([self.title, *ends]) if ends else self.title

    def band(self, x: np.ndarray, low: np.ndarray, high: np.ndarray, kind: str) -> None:
        """The area between two curves."""
        good = np.isfinite(low) & np.isfinite(high)
        if good.sum() > 1:
            forth = path(self.x(x[good]), self.y(high[good]))
            back = path(self.x(x[good])[::-1], self.y(low[good])[::-1]).replace("M", "L", 1)
            self.shapes.append(f'<path class="{kind}" d="{forth}{back}Z"/>')

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, in pixels."""
        return float(self.x(np.array(x))), float(self.y(np.array(y)))

    def dot(self, x: float, y: float, kind: str = "", radius: float = 2.6) -> None:
        """A filled circle."""
        px, py = self.at(x, y)
        self.shapes.append(f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="{radius:g}"/>')

    def cross(self, x: float, y: float, aside: float = 0.0) -> None:
        """A cross, moved `aside` pixels to the right."""
        px, py = self.at(x, y)
        self.shapes.append(f'<path class="cross" d="M{px + aside - 5:.1f},{py - 5:.1f}l10,10m0,-10l-10,10"/>')

    def text(self, px: float, py: float, text: str, kind: str = "tick", anchor: str = "start") -> None:
        """Words at a place given in pixels."""
        self.shapes.append(
            f'<text class="{kind}" x="{px:.1f}" y="{py:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def end(self, x: float, y: float, text: str, kind: str) -> None:
        """A dot at the end of a curve and its value beside it, in the margin."""
        if math.isfinite(y):
            self.dot(x, y, kind)
            px, py = self.at(x, y)
            self.text(px + 6, py + 4, text, f"value {kind}")

    def names(self, ends: Sequence[tuple[float, str, str]]) -> None:
        """(y, name, color) of lines that reach the right edge: names beside it, moved apart."""
        gap, start, lowest = 17.0, self.x.stop, self.y.start + 4
        ends = sorted((float(self.y(np.array(y))), name, color) for y, name, color in ends)
        placed: list[float] = []
        for py, *_ in ends:
            placed.append(max(py, placed[-1] + gap) if placed else py)
        # what was pushed off the bottom pushes back
        for i in reversed(range(len(placed))):
            placed[i] = min(placed[i], lowest)
            lowest = placed[i] - gap
        for at, (py, name, color) in zip(placed, ends, strict=True):
            with self.colored(color):
                self.shapes.append(
                    f'<path class="seed" d="M{start + 8:.1f},{py:.1f}L{start + 24:.1f},{at:.1f}"/>'
                )
                self.text(start + 29, at + 4, name, "value")

    def reference(self, name: str) -> None:
        """What `shared` has drawn under this name, as it lies."""
        self.shapes.append(f'<use href="#{name}"/>')

    def shared(self, name: str) -> str:
        """What was drawn so far as an invisible definition, to be drawn many times and stored once."""
        shapes = "".join(self.shapes)
        return f'<svg class="defs" aria-hidden="true"><defs><g id="{name}">{shapes}</g></defs></svg>'

    def svg(self) -> str:
        """The finished chart."""
        left, right, bottom = self.x.start, self.x.stop, self.y.start
        axes = replace(self, shapes=[], readings=[])
        for tick in self.y.ticks():
            y = float(self.y(np.array(tick)))
            axes.shapes.append(f'<path class="grid" d="M{left:.0f},{y:.1f}H{right:.0f}"/>')
            axes.text(left - 5, y + 3.5, label(tick), anchor="end")
        for tick in self.x.ticks() if self.x_ticks is None else self.x_ticks:
            axes.text(float(self.x(np.array(tick))), bottom + 14, label(tick), anchor="middle")
        axes.shapes.append(f'<path class="axis" d="M{left:.0f},{bottom:.0f}H{right:.0f}"/>')
        size = f'viewBox="0 0 {self.width:.0f} {self.height:.0f}"'
        read = f' data-curves="{escape(json.dumps(self.readings))}"' if self.readings else ""
        return (
            f'<svg {size} role="img" aria-label="{escape(self.spoken())}"{read}>'
            f"<title>{escape(self.title)}</title>"
            f"{''.join(axes.shapes + self.shapes)}</svg>"
        )


def strip(
    values: Sequence[float], low: float, high: float, kind: str, width: float = 150.0, height: float = 22.0
) -> str:
    """One dot per value on a line from low to high, with a bar at the mean; an arrow for those below."""
    scale = Scale(low, high, 5.0, width - 5.0)
    middle = height / 2
    shapes = [f'<path class="grid" d="M5,{middle:.1f}H{width - 5:.0f}"/>']
    finite = [v for v in values if math.isfinite(v)]
    for v in finite:
        x = float(scale(np.array(v)))
        if v < low:
            shapes.append(f'<path class="off {kind}" d="M1,{middle:.1f}l7,-4.5v9Z"/>')
        else:
            shapes.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{middle:.1f}" r="3.4"/>')
    if finite:
        x = float(scale(np.array(sum(finite) / len(finite))))
        shapes.append(f'<path class="mean {kind}" d="M{x:.1f},{middle - 8:.1f}V{middle + 8:.1f}"/>')
    size = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg class="strip" {size} aria-hidden="true">{"".join(shapes)}</svg>'
