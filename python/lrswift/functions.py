"""Functions of two numbers on which rates are tried, with their gradients, in NumPy.

x = [np.array([-1.2, 1.0])]
optimizer = lr.numpy.Adapted(lr=lr.adapt.QLABGrad(), direction="sgd")
f = lr.functions.rosenbrock
optimizer.update(x, [f.gradient(x[0])], lambda: f(x[0]))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .errors import ShapeError

Both = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class TestFunction:
    """A function of two numbers, and its gradient.

    Attributes:
        name: what it is called.
        domain: (low, high) of both numbers where it is usually looked at.
        minima: its global minima, pairs of numbers.
        least: its value there.
        formula: (x, y) -> value and both derivatives, of arrays of one shape.
    """

    # pytest looks for classes whose names begin so
    __test__ = False

    name: str
    domain: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    least: float
    formula: Both = field(repr=False)

    def __call__(self, x: object) -> np.ndarray:
        """The value.

        Args:
            x: numbers [..., 2].

        Returns:
            float64 [...].

        Raises:
            ShapeError: the last axis is not 2.
        """
        return self.formula(*_pair(x, self.name))[0]

    def gradient(self, x: object) -> np.ndarray:
        """The gradient.

        Args:
            x: numbers [..., 2].

        Returns:
            float64 [..., 2].

        Raises:
            ShapeError: the last axis is not 2.
        """
        return np.stack(self.formula(*_pair(x, self.name))[1:], axis=-1)


def _pair(x: object, name: str) -> tuple[np.ndarray, np.ndarray]:
    array = np.asarray(x, np.float64)
    if array.ndim < 1 or array.shape[-1] != 2:
        raise ShapeError(f"{name}: x: got shape {array.shape}; allowed: [..., 2]")
    return array[..., 0], array[..., 1]


def _booth(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = x + 2 * y - 7, 2 * x + y - 5
    return a * a + b * b, 2 * a + 4 * b, 4 * a + 2 * b


def _himmelblau(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = x * x + y - 11, x + y * y - 7
    return a * a + b * b, 4 * x * a + 2 * b, 2 * a + 4 * y * b


def _rosenbrock(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = 1 - x, y - x * x
    return a * a + 100 * b * b, -2 * a - 400 * x * b, 200 * b


def _eggholder(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z = y + 47
    p, q = x / 2 + z, x - z
    root_p, root_q = np.sqrt(np.abs(p)), np.sqrt(np.abs(q))
    with np.errstate(divide="ignore", invalid="ignore"):
        # derivative of sqrt |p|, which has none at 0
        slope_p = np.where(p == 0, 0.0, np.sign(p) / (2 * root_p))
        slope_q = np.where(q == 0, 0.0, np.sign(q) / (2 * root_q))
    value = -z * np.sin(root_p) - x * np.sin(root_q)
    inner_p, inner_q = -z * np.cos(root_p) * slope_p, -x * np.cos(root_q) * slope_q
    return value, inner_p / 2 - np.sin(root_q) + inner_q, -np.sin(root_p) + inner_p - inner_q


booth = TestFunction("booth", (-10, 10), ((1.0, 3.0),), 0.0, _booth)
eggholder = TestFunction("eggholder", (-512, 512), ((512.0, 404.231805),), -959.640663, _eggholder)
himmelblau = TestFunction(
    "himmelblau",
    (-5, 5),
    ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)),
    0.0,
    _himmelblau,
)
rosenbrock = TestFunction("rosenbrock", (-2, 2), ((1.0, 1.0),), 0.0, _rosenbrock)

__all__ = ["TestFunction", "booth", "eggholder", "himmelblau", "rosenbrock"]
