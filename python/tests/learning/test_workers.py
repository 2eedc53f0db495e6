"""learn_schedule spread over processes and threads, some of which die: the numbers stay the same."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from quadratic_learning import Bowl, Killing, learn, same

import lrswift as lr


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
