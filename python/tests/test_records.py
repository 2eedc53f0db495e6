"""Functions that take records of options whole or field by field."""

import dataclasses
import inspect
import pickle

import pytest

import lrswift as lr
from lrswift.records import Record, takes


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Paint(Record):
    """How it is painted.

    Args:
        color: what it looks like, from
            afar. Default "red".
        coats: how many, at least 1. Default 2.
    """

    color: str = "red"
    coats: int = 2

    def __post_init__(self) -> None:
        if self.coats < 1:
            raise lr.ArgumentError(f"coats: got {self.coats}; allowed: at least 1")


@takes("wall color side * coats **tools", paint=Paint)
def painted(wall, side="north", *, paint=Paint(), **tools):  # noqa: B008
    """Paints a wall.

    Args:
        wall: which.
        side: of it. Default "north".
        paint: a record. Default None.
        **tools: further ones.

    Returns:
        What was given.
    """
    return wall, side, paint, tools


def test_fields_are_given_by_place_by_name_in_the_record_or_beside_it():
    assert painted("w") == ("w", "north", Paint(), {})
    assert painted("w", "blue", "south") == ("w", "south", Paint(color="blue"), {})
    assert painted("w", coats=3, brush=1) == ("w", "north", Paint(coats=3), {"brush": 1})
    assert painted("w", paint=Paint(color="blue")) == ("w", "north", Paint(color="blue"), {})
    # what is given beside the record replaces its field
    assert painted("w", coats=1, paint=Paint(color="blue", coats=5))[2] == Paint(color="blue", coats=1)
    assert painted("w", paint=None)[2] == Paint()


def test_the_signature_shows_every_name_in_its_order_with_its_default():
    assert str(inspect.signature(painted)) == (
        "(wall, color: str = 'red', side='north', *, coats: int = 2, paint: 'Paint | None' = None, **tools)"
    )


def test_the_docstring_has_every_entry_in_the_signatures_order():
    assert (
        painted.__doc__
        == """Paints a wall.

Args:
    wall: which.
    color: what it looks like, from
        afar. Default "red".
    side: of it. Default "north".
    coats: how many, at least 1. Default 2.
    paint: a record. Default None.
    **tools: further ones.

Returns:
    What was given."""
    )


def test_wrong_calls_are_told_with_the_functions_name():
    with pytest.raises(TypeError, match=r"^painted\(\) missing a required argument: 'wall'"):
        painted()
    with pytest.raises(TypeError, match=r"^painted\(\) multiple values for argument 'color'"):
        painted("w", "blue", color="red")
    with pytest.raises(lr.ArgumentTypeError, match=r"^paint: got 'blue'; allowed: None, or a Paint"):
        painted("w", paint="blue")
    with pytest.raises(lr.ArgumentError, match="coats: got 0"):
        painted("w", coats=0)


def test_a_record_says_what_differs_from_its_defaults_and_cannot_change():
    assert repr(Paint()) == "Paint()" and repr(Paint(coats=1)) == "Paint(coats=1)"
    paint = Paint(color="blue")
    with pytest.raises(dataclasses.FrozenInstanceError):
        paint.color = "red"
    assert pickle.loads(pickle.dumps(paint)) == paint and len({paint, Paint()}) == 2
