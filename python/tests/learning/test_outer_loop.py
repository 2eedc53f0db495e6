"""learn_schedule killed, resumed and continued: the numbers stay the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from quadratic_learning import learn, same, without_format

import lrswift as lr

TESTS = Path(__file__).parents[1]
CHILD = """
import sys
sys.path.insert(0, {tests!r})
from quadratic_learning import Killing, learn
learn(make_model=Killing({marker!r}, 5), checkpoint={checkpoint!r}, update={update!r})
"""


@pytest.mark.parametrize("update", ["gated", "sign"])
def test_killed_and_resumed_it_is_bitwise_the_same(tmp_path, update):
    checkpoint = tmp_path / "run.safetensors"
    code = CHILD.format(
        tests=str(TESTS), marker=str(tmp_path / "killed"), checkpoint=str(checkpoint), update=update
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert child.returncode == -9, child.stderr.decode()
    # two seeds a step: the sixth network is the second one of the third outer step
    resumed = learn(checkpoint=checkpoint, resume=True, update=update)
    same(resumed, learn(update=update))
    assert len(resumed.values) == 4


def test_more_outer_steps_go_on_from_a_checkpoint(tmp_path):
    checkpoint = tmp_path / "run.safetensors"
    learn(checkpoint=checkpoint, outer_steps=2)
    same(learn(checkpoint=checkpoint, resume=True), learn())


def test_a_checkpoint_of_other_arguments_is_refused(tmp_path):
    checkpoint = tmp_path / "run.safetensors"
    learn(checkpoint=checkpoint, outer_steps=1)
    with pytest.raises(lr.ArgumentError, match="was made with steps=6, got 12"):
        learn(checkpoint=checkpoint, resume=True, steps=12)
    lr.save(checkpoint, {"a": np.zeros(3)})
    with pytest.raises(lr.ArgumentError, match="no checkpoint of learn_schedule"):
        learn(checkpoint=checkpoint, resume=True)


def test_a_checkpoint_of_other_outer_steps_is_refused(tmp_path):
    checkpoint = tmp_path / "run.safetensors"
    learn(checkpoint=checkpoint, outer_steps=1)
    without_format(checkpoint)
    with pytest.raises(lr.ArgumentError, match="another version.*format 2, got 1"):
        learn(checkpoint=checkpoint, resume=True)
