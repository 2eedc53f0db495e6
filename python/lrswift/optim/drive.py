"""The conversation of a step: what the core asks for is evaluated and answered until it has decided."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar

Asked = TypeVar("Asked", bound=tuple[Any, ...])


def drive(
    asked: Asked,
    evaluate: Mapping[Any, Callable[[Any], Any]],
    answer: Callable[[Any], Asked],
    done: Container[int],
    abort: Callable[[], None],
) -> Asked:
    """The last word of a step that has begun: the first whose kind is one of `done`.

    asked: the core's first word; the first entry of such a word is its kind. evaluate: by kind, the functions
    that find out what is asked for. answer: tells the core, and returns its next word. abort: takes the step
    back, whatever it is that an evaluation raises.
    """
    try:
        while asked[0] not in done:
            asked = answer(evaluate[asked[0]](asked))
    except BaseException:
        abort()
        raise
    return asked
