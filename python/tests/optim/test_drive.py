"""The conversation of a step, with a core that is a list of words."""

from __future__ import annotations

import pytest

from lrswift.optim.drive import drive

DONE, LOSS, GRADIENT = range(3)


class Core:
    """Asks for what it was told to, and notes the answers."""

    def __init__(self, *words: tuple[int, float]) -> None:
        self.words = list(words)
        self.told: list[float] = []
        self.aborted = 0

    def answer(self, found: float) -> tuple[int, float]:
        self.told.append(found)
        return self.words.pop(0)

    def abort(self) -> None:
        self.aborted += 1


def test_evaluates_what_is_asked_until_it_is_done() -> None:
    core = Core((GRADIENT, 0.5), (LOSS, 0.25), (DONE, 7.0))
    evaluate = {LOSS: lambda asked: asked[1], GRADIENT: lambda asked: -asked[1]}
    assert drive((LOSS, 1.0), evaluate, core.answer, (DONE,), core.abort) == (DONE, 7.0)
    assert core.told == [1.0, -0.5, 0.25] and core.aborted == 0


def test_a_step_that_is_done_asks_for_nothing() -> None:
    core = Core()
    assert drive((DONE, 3.0), {}, core.answer, (DONE,), core.abort) == (DONE, 3.0)
    assert core.told == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whatever_is_raised_takes_the_step_back(error: type[BaseException]) -> None:
    def fails(_: tuple[int, float]) -> float:
        raise error

    core = Core((GRADIENT, 0.5))
    with pytest.raises(error):
        drive((LOSS, 1.0), {LOSS: lambda _: 2.0, GRADIENT: fails}, core.answer, (DONE,), core.abort)
    assert core.told == [2.0] and core.aborted == 1


def test_what_nobody_can_evaluate_is_no_end() -> None:
    core = Core()
    with pytest.raises(KeyError):
        drive((GRADIENT, 1.0), {LOSS: lambda _: 0.0}, core.answer, (DONE,), core.abort)
    assert core.aborted == 1
