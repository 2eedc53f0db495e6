"""The options that are learn_schedule's own."""

import dataclasses
import typing
from pathlib import Path

import numpy as np
import pytest

import lrswift as lr
from lrswift.learning.options import LearningFields

BAD = [
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


@pytest.mark.parametrize(("given", "message"), BAD)
def test_the_record_is_checked_when_it_is_made(given, message):
    with pytest.raises(lr.Error, match=f"^{message}"):
        lr.LearningOptions(**given)


def test_values_are_plain_whatever_they_were_made_of():
    options = lr.LearningOptions(initial=(np.full((1, 2), 0.1), 0, [0.5]), budgets=[3, 4])
    assert options.initial == (((0.1, 0.1),), 0.0, (0.5,))
    assert repr(options) == "LearningOptions(initial=(((0.1, 0.1),), 0.0, (0.5,)), budgets=(3, 4))"
    assert eval(repr(options), vars(lr)) == options and len({options, lr.LearningOptions()}) == 2


def test_type_checkers_are_told_the_fields():
    assert typing.get_type_hints(LearningFields) == {
        **typing.get_type_hints(lr.HypergradientOptions),
        **typing.get_type_hints(lr.LearningOptions),
        **typing.get_type_hints(lr.ExecutionOptions),
    }


def linear(seed=0):
    lr.seed(seed)
    return lr.nn.Linear(3, 1)


def squares(model, x, y):
    return ((model(x) - y) ** 2).mean()


DATA = np.random.default_rng(0).normal(size=(24, 3)), np.random.default_rng(1).normal(size=(24, 1))


def learned(*arguments, **options):
    told = {"progress": False} if "execution" not in options else {}
    return lr.learn_schedule(linear, squares, DATA, 0.25, 8, 6, *arguments, **told, **options)


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


@pytest.mark.filterwarnings("ignore:learn_schedule")
def test_how_the_work_is_done_is_a_record_or_fields_and_counts_are_numpys_or_pythons(tmp_path):
    fields = {"initial": (0.1, 0, 0), "seeds": 2}
    reference = learned(2, outer_steps=3, **fields)
    kept = tmp_path / "by_place", tmp_path / "record"
    numpys = {**fields, "seeds": np.int64(2), "blocks": np.int32(1), "finalists": np.uint8(8)}
    sizes = np.int64(8), np.int32(6), np.int64(2), np.uint8(1), np.int16(1)
    place = (np.int64(1), (0.1, 0.15, 4e-4), 0.5, (0.1, 0, 0), "gated", np.int64(2), np.int64(0))
    first = lr.learn_schedule(
        linear, squares, DATA, 0.25, *sizes, *place, None, None, None, kept[0], progress=False
    )
    assert len(first.values) < len(reference.values)
    execution = lr.ExecutionOptions(checkpoint=kept[1], progress=False)
    learned(2, outer_steps=np.int64(1), execution=execution, **numpys)
    assert (lr.load(kept[0])["values"] == lr.load(kept[1])["values"]).all()
    for path in kept:
        # the rest, from a checkpoint that NumPy's counts were written to
        found = learned(
            2, outer_steps=np.int64(3), execution=lr.ExecutionOptions(resume=True, progress=False),
            checkpoint=path, **numpys,
        )  # fmt: skip
        assert (found.values == reference.values).all()
        assert (found.final_losses == reference.final_losses).all()


def test_warnings_point_at_the_callers_line():
    with pytest.warns(UserWarning, match="learn_schedule: outer step 0: 1 of 1 runs diverged") as caught:
        learned(1, outer_steps=1, seeds=1, initial=(1e200, 0, 0))
    assert {Path(warning.filename) for warning in caught} == {Path(__file__)}
