"""learn_schedule over Dask and over processes: the numbers of one process, for seeds and for columns."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context

import numpy as np
import pytest
from quadratic_learning import Killing, learn, same

SMALL = {"outer_steps": 2, "initial": (0.1, 0.3, 0.01), "seeds": 2}


@contextmanager
def dask_client():
    """Two worker processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        closing(distributed.Client(cluster)) as client,
    ):
        yield client


@contextmanager
def process_pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("executors", [process_pool, dask_client])
def test_seeds_and_blocks_of_columns_elsewhere_are_those_of_one_process(executors):
    here = learn(**SMALL)
    assert here.hypergradients.dtype == np.float64
    with executors() as executor:
        seeds = learn(executor=executor, **SMALL)
        blocks = learn(executor=executor, blocks=2, **SMALL)
    for found in (seeds, blocks):
        assert (found.hypergradients != 0).all()
        for name in ("hypergradients", "seed_losses", "values"):
            np.testing.assert_allclose(getattr(found, name), getattr(here, name), rtol=1e-12, err_msg=name)


def test_a_dask_worker_that_dies_loses_nothing(tmp_path):
    marker = tmp_path / "killed"
    with dask_client() as client:
        found = learn(make_model=Killing(str(marker), 0), executor=client, **SMALL)
    assert marker.exists()
    same(found, learn(**SMALL))
