"""What a guard of steps is told, checked."""

from __future__ import annotations

from ..checks import check_number, check_whole, shown
from ..errors import DTypeError
from ..rates.codes import Guard


def checked(rollback: bool, explode: float, on: bool, every: int) -> tuple[Guard, float]:
    """The mode and the limit.

    Raises:
        ArgumentError: `explode` is not above 1 (said by the core), or `every` no whole number of at least 1.
        ArgumentTypeError: `explode` is no number.
        DTypeError: a switch is no bool.
    """
    for name, flag in (("rollback", rollback), ("on", on)):
        if not isinstance(flag, bool):
            raise DTypeError(f"guard: {name}: got {shown(flag)}; allowed: True, False")
    limit = check_number(explode, "guard: explode", infinite=True)
    check_whole(every, "guard: every", 1)
    return Guard.OFF if not on else Guard.ROLL_BACK if rollback else Guard.DETECT, limit
