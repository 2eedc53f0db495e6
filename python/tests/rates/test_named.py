"""Rates by their names."""

import pytest

import lrswift as lr


def test_a_name_in_any_case():
    assert lr.adapt.named("L4") == lr.adapt.L4()


@pytest.mark.parametrize("text", [None, 4, ["l4"]])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(lr.ArgumentTypeError, match="text: got .*; allowed: the name of a rate"):
        lr.adapt.named(text)
