"""Functions that take records of options whole or field by field, and the records of hypergradients."""

import dataclasses
import inspect
import pickle
import typing
from pathlib import Path

import numpy as np
import pytest

import lrswift as lr
from lrswift.hypergradients.options import HypergradientFields
from lrswift.learning.options import LearningFields
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
    learning = lr.LearningOptions(initial=(0.1, 0, 0), budgets=[3, 4])
    assert repr(learning) == "LearningOptions(initial=(0.1, 0.0, 0.0), budgets=(3, 4))"
    assert eval(repr(learning), vars(lr)) == learning
    options = lr.HypergradientOptions(mode="reverse")
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.mode = "forward"
    assert pickle.loads(pickle.dumps(options)) == options
    # hashable, whatever they were made of
    assert len({options, lr.LearningOptions(initial=(np.ones((2, 2)), 0, [0.1]))}) == 2


@pytest.mark.parametrize(
    ("fields", "records"),
    [
        (HypergradientFields, [lr.HypergradientOptions]),
        (LearningFields, [lr.HypergradientOptions, lr.LearningOptions]),
    ],
)
def test_type_checkers_are_told_the_fields_of_the_records(fields, records):
    wanted = [typing.get_type_hints(record) for record in records]
    assert typing.get_type_hints(fields) == {name: kind for hints in wanted for name, kind in hints.items()}


BAD_OPTIONS = [
    ({"optimizer": "rprop"}, "optimizer: got 'rprop'; allowed: sgd, nesterov, adam"),
    ({"mode": "plain"}, "mode: got 'plain'; allowed: forward, reverse"),
    ({"per": "tensor"}, "per: got 'tensor'; allowed: all, layer"),
    ({"curvature": "fisher"}, "curvature: got 'fisher'; allowed: hessian, gauss_newton"),
    ({"horizon": 0}, "horizon: got 0; allowed: an integer of at least 1"),
    ({"clip_gradient": 0}, "clip_gradient: got 0; allowed: None, or a number above 0"),
    ({"clip_hvp": float("nan")}, "clip_hvp: got nan; allowed: a finite number"),
    ({"clip_hvp": "1"}, "clip_hvp: got '1' .*; allowed: a number"),
]
BAD_LEARNING = [
    ({"outer_steps": 0}, "outer_steps: got 0"), ({"seeds": 1.5}, "seeds: got 1.5"),
    ({"seed": -1}, "seed: got -1"), ({"blocks": 0}, "blocks: got 0"), ({"finalists": 0}, "finalists: got 0"),
    ({"trials": 0}, "trials: got 0"), ({"update": "signs"}, "update: got 'signs'; allowed: gated, sign"),
    ({"step_decay": 0}, "step_decay: got 0"), ({"step_decay": 1.5}, "step_decay: got 1.5"),
    ({"step_size": 0.1}, "step_size: got 0.1; allowed: three"),
    ({"initial": (0, 0, [0.1, "b"])}, "initial: weight_decays: got 'b'"),
    ({"initial": (0, [[0.1]], 0)}, "initial: momentums: got .*0.1"),
    ({"initial": (float("inf"), 0, 0)}, "initial: learning_rates: got inf"),
    ({"budgets": 3}, "budgets: got 3"), ({"budgets": [3, 0]}, r"budgets\[1\]: got 0"),
    ({"start": "tpe"}, "start: got 'tpe'; allowed: None, optuna"),
    ({"ranges": ((1, 0), (0, 1), (0, 1))}, "ranges: learning_rates: got .*low < high"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("record", "given", "message"),
    [(lr.HypergradientOptions, *bad) for bad in BAD_OPTIONS]
    + [(lr.LearningOptions, *bad) for bad in BAD_LEARNING],
)
def test_records_are_checked_when_they_are_made(record, given, message):
    with pytest.raises(lr.Error, match=f"^{message}"):
        record(**given)


def quadratic(seed=0):
    lr.seed(seed)
    return lr.nn.Linear(3, 1)


def squares(model, x, y):
    return ((model(x) - y) ** 2).mean()


DATA = np.random.default_rng(0).normal(size=(24, 3)), np.random.default_rng(1).normal(size=(24, 1))


def differentiated(*arguments, **options):
    batches = [tuple(a[i : i + 6] for a in DATA) for i in range(0, 24, 6)]
    return lr.hypergradient(quadratic().to(lr.float64), squares, batches, batches, *arguments, **options)


def test_hypergradient_takes_the_record_or_its_fields():
    fields = {"optimizer": "nesterov", "mode": "reverse", "clip_gradient": 0.5, "per": "layer"}
    forward = lr.HypergradientOptions(**fields | {"mode": "forward"})
    reference = differentiated([0.1, 0.2], [0.5], **fields)
    others = [
        differentiated([0.1, 0.2], [0.5], (0.0,), "nesterov", "reverse", clip_gradient=0.5, per="layer"),
        differentiated([0.1, 0.2], [0.5], options=lr.HypergradientOptions(**fields)),
        differentiated([0.1, 0.2], [0.5], mode="reverse", options=forward),
    ]
    assert reference.learning_rates.shape == (1, 2)
    for found in others:
        assert (found.learning_rates == reference.learning_rates).all()
        assert found.valid_loss == reference.valid_loss
    # the fields count: without clipping it is another run
    assert differentiated([0.1, 0.2], [0.5], optimizer="nesterov").valid_loss != reference.valid_loss


def test_check_hypergradient_takes_the_record_and_what_hypergradient_takes():
    batches = [tuple(a[i : i + 6] for a in DATA) for i in range(0, 24, 6)]
    told = (quadratic(), squares, batches, batches, [0.01])
    options = lr.HypergradientOptions(optimizer="adam")
    found = lr.check_hypergradient(*told, beta2s=[0.99], epsilons=[1e-3], tile=2, options=options)
    assert found and [row.family for row in found.rows][-2:] == ["beta2s", "epsilons"]
    layered = lr.HypergradientOptions(per="layer")
    for changes in ({"mode": "reverse"}, {"options": layered}, {"dtype": "float32"}):
        with pytest.raises(lr.ArgumentError, match="cannot be chosen"):
            lr.check_hypergradient(*told, verbose=False, **changes)


def learned(*arguments, **options):
    return lr.learn_schedule(quadratic, squares, DATA, 0.25, 8, 6, *arguments, progress=False, **options)


@pytest.mark.filterwarnings("ignore:learn_schedule")
def test_learn_schedule_takes_the_records_or_their_fields():
    reference = learned(2, outer_steps=2, update="sign", initial=([0.1, 0.2], 0, 0), clip_gradient=0.5)
    learning = lr.LearningOptions(outer_steps=2, update="sign", initial=(np.array([0.1, 0.2]), 0, 0))
    others = [
        learned(2, 1, 1, 2, (0.1, 0.15, 4e-4), 0.5, ([0.1, 0.2], 0, 0), "sign", 2, 0, 0.5),
        learned(2, learning=learning, options=lr.HypergradientOptions(clip_gradient=0.5)),
        learned(2, learning=dataclasses.replace(learning, outer_steps=9), outer_steps=2, clip_gradient=0.5),
    ]
    for found in others:
        assert (found.values == reference.values).all() and found.values.shape == (2, 4)
        assert (found.final_losses == reference.final_losses).all()
    assert (learned(2, learning=learning).values != reference.values).any()


def test_warnings_point_at_the_callers_line():
    with pytest.warns(UserWarning, match="learn_schedule: outer step 0: 1 of 1 runs diverged") as caught:
        learned(1, outer_steps=1, seeds=1, initial=(1e200, 0, 0))
    assert {Path(warning.filename) for warning in caught} == {Path(__file__)}
