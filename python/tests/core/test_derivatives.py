"""Derivatives of every operation in the catalogue against central differences, in float64, from Python.

The shapes include sizes 0 and 1. What is tested for each: J v against differences of the values,
<y, J v> = <J' y, v>, H Z against differences of the gradient, z' H w = w' H z, and K columns at once against
one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import lrswift as lr
from lrswift import _core

STEP = 1e-5
Arrays = list[np.ndarray]


@dataclass
class Case:
    name: str
    run: Callable[..., lr.Tensor]
    values: Arrays

    @property
    def points(self) -> list[lr.Tensor]:
        return doubles(self.values)

    def __call__(self, *inputs: lr.Tensor) -> lr.Tensor:
        lr.seed(3)  # random operations draw the same numbers at every evaluation
        return self.run(*inputs)

    def curved(self, *inputs: lr.Tensor) -> lr.Tensor:
        """A scalar with curvature of its own, so that linear operations have a Hessian too."""
        y = self(*inputs)
        weights = np.random.default_rng(5).normal(size=y.shape)
        return lr.sum(y * y * lr.tensor(weights, dtype="float64"))

    def hessian_products(self, vectors: Arrays) -> Arrays:
        leaves = [lr.tensor(v, dtype="float64", requires_grad=True) for v in self.values]
        return [np.array(p) for p in lr.hvp(lambda: self.curved(*leaves), leaves, vectors)]

    def gradient(self, values: Arrays) -> Arrays:
        found = lr.grad(self.curved)(*doubles(values))
        return [np.array(g) for g in (found if isinstance(found, tuple) else (found,))]

    def moved(self, direction: Arrays, step: float) -> Arrays:
        return [v + step * d for v, d in zip(self.values, direction, strict=True)]


def doubles(values: Arrays) -> list[lr.Tensor]:
    return [lr.tensor(v, dtype="float64") for v in values]


def draw(rng: np.random.Generator, shapes: list[tuple[int, ...]], domain: str) -> Arrays:
    counts = [int(np.prod(shape)) for shape in shapes]
    total = sum(counts)
    if domain == "separated":  # away from kinks and ties, across inputs too
        flat = rng.permutation(np.where(np.arange(total) % 2, -1, 1) * (0.3 + 0.07 * np.arange(total)))
    elif domain == "positive":
        flat = rng.uniform(0.5, 2.0, total)
    else:
        flat = rng.normal(size=total)
    parts = np.split(flat, np.cumsum(counts)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def operation(name: str, attributes: dict[str, Any]) -> Callable[..., lr.Tensor]:
    return lambda *inputs: _core.apply(name, inputs, attributes)


def cases() -> list[Case]:
    rng = np.random.default_rng(1)
    found = []
    for card in json.loads(_core.catalogue("operations")):
        for example in card["examples"]:
            shapes = [tuple(shape) for shape in example["shapes"]]
            label = f"{card['name']}-{'-'.join(map(str, shapes))}-{len(found)}"
            values = draw(rng, shapes, example["domain"])
            found.append(Case(label, operation(card["name"], example["attributes"]), values))
    labels = lr.tensor(np.array([2, 0, 1, 2]))
    rows = lr.tensor(np.array([[3, 0], [3, 1]]))
    mask = lr.tensor(np.array([[True, False, True], [False, False, True]]))
    found += [
        Case("cross_entropy", lambda x: _core.apply("cross_entropy", (x, labels)), [rng.normal(size=(4, 3))]),
        Case("gather", lambda x: _core.apply("gather", (x, rows)), [rng.normal(size=(4, 3))]),
        Case(
            "where",
            lambda a, b: _core.apply("where", (mask, a, b)),
            [rng.normal(size=(2, 3)), rng.normal(size=(3,))],
        ),
    ]
    return found


CASES = cases()
everything = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def close(got: Arrays, wanted: Arrays, tolerance: float) -> None:
    """Equal relative to the largest entry of both."""
    for a, b in zip(got, wanted, strict=True):
        scale = max([1e-3, *np.abs(a).ravel(), *np.abs(b).ravel()])
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def test_every_differentiable_operation_is_a_case() -> None:
    tested = {case.name.split("-")[0] for case in CASES}
    cards = json.loads(_core.catalogue("operations"))
    assert {card["name"] for card in cards if card["family"] != "plain"} <= tested


@everything
def test_jvp_against_central_differences(case: Case) -> None:
    rng = np.random.default_rng(2)
    direction = [rng.normal(size=v.shape) for v in case.values]
    _, exact = lr.jvp(case, case.points, direction)
    up, down = (np.array(case(*doubles(case.moved(direction, sign * STEP)))) for sign in (1, -1))
    close([np.array(exact)], [(up - down) / (2 * STEP)], 1e-7)


@everything
def test_pullback_is_the_adjoint_of_the_tangent_map(case: Case) -> None:
    rng = np.random.default_rng(3)
    direction = [rng.normal(size=v.shape) for v in case.values]
    y, tangent = lr.jvp(case, case.points, direction)
    seed = rng.normal(size=y.shape)
    weighted = lr.grad(lambda *x: lr.sum(case(*x) * lr.tensor(seed, dtype="float64")))(*case.points)
    weighted = weighted if isinstance(weighted, tuple) else (weighted,)
    right = sum(float(np.sum(np.array(g) * d)) for g, d in zip(weighted, direction, strict=True))
    left = float(np.sum(seed * np.array(tangent)))
    assert left == pytest.approx(right, rel=1e-12, abs=1e-12)


@everything
def test_hessian_products_against_differences_of_gradients(case: Case) -> None:
    rng = np.random.default_rng(4)
    vectors = [rng.normal(size=(2, *v.shape)) for v in case.values]
    exact = case.hessian_products(vectors)
    for k in range(2):
        direction = [v[k] for v in vectors]
        up, down = case.gradient(case.moved(direction, STEP)), case.gradient(case.moved(direction, -STEP))
        difference = [(a - b) / (2 * STEP) for a, b in zip(up, down, strict=True)]
        close([p[k] for p in exact], difference, 1e-7)


@everything
def test_hessian_is_symmetric_and_stacking_changes_nothing(case: Case) -> None:
    rng = np.random.default_rng(5)
    count = 18  # more than one tile
    vectors = [rng.normal(size=(count, *v.shape)) for v in case.values]
    together = case.hessian_products(vectors)
    for k in (0, 9, 17):
        close(
            [p[k] for p in together],
            [p[0] for p in case.hessian_products([v[k : k + 1] for v in vectors])],
            1e-13,
        )
    left, right = (
        sum(float(np.sum(v[i] * p[j])) for v, p in zip(vectors, together, strict=True))
        for i, j in ((0, 1), (1, 0))
    )
    assert left == pytest.approx(right, rel=1e-12, abs=1e-12)


def test_cross_entropy_equals_its_composed_definition() -> None:
    rng = np.random.default_rng(6)
    logits, labels = rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    chosen = np.eye(4)[labels]

    def composed(x: lr.Tensor) -> lr.Tensor:
        shifted = x - lr.max(x, axis=1, keepdims=True).detach()
        total = lr.log(lr.sum(lr.exp(shifted), axis=1))
        return lr.mean(total - lr.sum(shifted * lr.tensor(chosen, dtype="float64"), axis=1))

    def fused(x: lr.Tensor) -> lr.Tensor:
        return lr.nn.functional.cross_entropy(x, lr.tensor(labels))

    vectors = [rng.normal(size=(3, 5, 4))]
    outcomes = []
    for loss in (composed, fused):
        case = Case("cross_entropy", loss, [logits])
        leaf = lr.tensor(logits, dtype="float64", requires_grad=True)
        value = loss(leaf)
        products = lr.hvp(lambda loss=loss, leaf=leaf: loss(leaf), [leaf], vectors)
        _, tangents = lr.jvp(loss, case.points, vectors)
        gradient = lr.grad(loss)(*case.points)
        outcomes.append([np.array(a) for a in (value, gradient, tangents, products[0])])
    close(outcomes[0], outcomes[1], 1e-13)
