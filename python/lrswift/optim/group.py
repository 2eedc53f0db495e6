"""A group of parameters, as an optimizer shows it."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import ArgumentError


class Group(dict[str, Any]):
    """Options that a group was made with, to be read: what is written here would change nothing."""

    def _refuse(self, *given: Any, **named: Any) -> NoReturn:
        key = given[0] if given and isinstance(given[0], str) else "..."
        raise ArgumentError(
            f"param_groups: {key!r} cannot be set, as groups are what an optimizer was made with; allowed: a "
            "schedule as its lr, such as lrswift.schedule.Step(0.1, 30, 0.1), or another optimizer"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        # a copy is nobody's group
        return dict, (dict(self),)
