"""learn_schedule interrupted, resumed, and spread over processes: the numbers stay the same."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from quadratic_learning import Bowl, Killing, learn, same, without_format

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


def pool(workers=2):
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def test_processes_give_the_same_numbers():
    with pool() as executor:
        spread = learn(executor=executor)
        blocks = learn(executor=executor, blocks=3)
    here = learn()
    same(spread, here)
    np.testing.assert_allclose(blocks.hypergradients, here.hypergradients, rtol=1e-12)
    np.testing.assert_allclose(blocks.values, here.values, rtol=1e-12)


def test_a_worker_that_dies_is_replaced(tmp_path):
    found = learn(make_model=Killing(str(tmp_path / "killed"), 0), executor=pool, outer_steps=2)
    assert (tmp_path / "killed").exists()
    same(found, learn(outer_steps=2))


def test_a_pool_that_broke_is_done_without(tmp_path):
    with pool(1) as executor, pytest.warns(UserWarning, match="running them in this process"):
        found = learn(make_model=Killing(str(tmp_path / "killed"), 0), executor=executor, outer_steps=2)
    same(found, learn(outer_steps=2))


def test_what_the_network_says_is_not_a_dead_worker():
    def broken(seed):
        raise RuntimeError("no network today")

    with ThreadPoolExecutor(1) as executor, pytest.raises(RuntimeError, match="no network today"):
        learn(make_model=broken, executor=executor)


def test_an_executor_that_cannot_pickle_says_so():
    with pool(1) as executor, pytest.raises(lr.ArgumentError, match="make_model: the executor cannot pickle"):
        learn(make_model=lambda seed: Bowl(seed), executor=executor)
