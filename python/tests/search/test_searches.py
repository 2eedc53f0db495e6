"""Searches driven by hand and by `find_lr`, and the readings of the printed loop, beside the reference."""

from __future__ import annotations

import math

import pytest
from reference import alrs, directions, problems, sbf

import lrswift as lr

from .test_find_alrs import Network, half_mean_square

A = lr.adapt
COUNT = 40


class Sbf(sbf.SBF):
    """The reference's search with the face that `find_lr` asks for."""

    def increase(self) -> None:
        self.signal(+1)

    def decrease(self) -> None:
        self.signal(-1)


class Signalled:
    """Any search, driven by the reference as it drives its own."""

    def __init__(self, search) -> None:
        self.search = search

    def signal(self, s: int) -> None:
        (self.search.increase if s > 0 else self.search.decrease)()

    @property
    def value(self) -> float:
        return self.search.value

    @property
    def done(self) -> bool:
        return self.search.done


def find(search, **options):
    problem = problems.TanhNetwork(COUNT)
    data = [tuple(lr.tensor(a, dtype=lr.float64) for a in (problem.x[t], problem.y[t])) for t in range(COUNT)]
    model = Network(problem.start)
    make = lambda params, lr: sgd(params, lr)  # noqa: E731
    return lr.find_lr(
        model, half_mean_square, data, make, search=search, rule="signs", progress=False, **options
    )


def sgd(params, rate):
    return lr.optim.SGD(params, lr=rate, momentum=0.9)


def expected(search, **options):
    problem = problems.TanhNetwork(COUNT)
    batches = [problem.at(t) for t in range(COUNT)]
    make = lambda: directions.SGD(momentum=0.9)  # noqa: E731
    return alrs.find_lr(problem.initial(), batches, make, search=search, **options)


@pytest.mark.parametrize(
    "make",
    [
        Sbf,
        lambda: A.BracketSearch(factor=3.0, tolerance=0.01),
    ],
    ids=["reference", "bracket"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_of_the_users_own(make) -> None:
    own, other = make(), make()
    found = find(own, window=3, max_epochs=4)
    _, search, signals, _ = expected(Signalled(other), window=3, max_epochs=4)
    assert found.signals == signals and len(signals) > 3
    assert own.value == found.value == pytest.approx(search.value, rel=1e-9)
    assert own.done == search.done == found.done


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_reference_from_outside_is_the_search_inside() -> None:
    assert find(Sbf(), window=3).value == pytest.approx(find(A.SBFSearch(), window=3).value, rel=1e-12)


def test_halves_alone() -> None:
    coarse, fine = A.SBSearch(start=8.0), A.FineSearch(start=8.0)
    whole = sbf.SBF(start=8.0)
    while not coarse.done:
        s = 1 if coarse.value < 3 else -1
        (coarse.increase if s > 0 else coarse.decrease)()
        whole.signal(s)
        assert coarse.value == pytest.approx(whole.value, rel=1e-12)
    assert whole.fine and not whole.done
    assert 2.7 < coarse.value < 3.3
    moves = 0
    while not fine.done:
        before = fine.value
        fine.decrease()
        assert 0.95 <= fine.value / before <= 0.99
        moves += 1
    assert moves == 20


def test_bracket_search_ends_at_the_threshold() -> None:
    for threshold in (1e-3, 0.7, 30.0):
        search = A.BracketSearch(start=1.0)
        while not search.done:
            (search.increase if search.value < threshold else search.decrease)()
        assert search.value == pytest.approx(threshold, rel=0.05)
    assert isinstance(search, A.ParameterSearch)


class Broken:
    value, done = math.nan, False

    def increase(self) -> None: ...
    def decrease(self) -> None: ...


def test_wrong_options_are_named() -> None:
    with pytest.raises(lr.ArgumentTypeError, match="search: object has no increase, decrease, done, value"):
        find(object())
    with pytest.raises(lr.ArgumentError, match="search: value: got nan"):
        find(Broken())


def test_values_of_a_search_stay_its_own() -> None:
    search = A.SBFSearch()
    with pytest.raises(lr.ArgumentError, match="values of its own"):
        search._core.go_on(1.0, False)
