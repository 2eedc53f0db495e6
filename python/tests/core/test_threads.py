"""Threads: how many by default, who may limit them, and that results depend on none of it."""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

import lrswift as lr


def threads_of_a_new_process(setup="", **variables):
    code = f"{setup}\nimport lrswift; print(lrswift.get_threads())"
    return int(in_a_new_process(code, **variables).stdout)


def in_a_new_process(code, **variables):
    named = ("LRSWIFT_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {k: v for k, v in os.environ.items() if k not in named}
    return subprocess.run(
        [sys.executable, "-c", code],
        text=True,
        env={**environment, **variables},
        check=True,
        capture_output=True,
    )


def test_default_threads():
    assert threads_of_a_new_process(LRSWIFT_NUM_THREADS="3") == 3
    assert threads_of_a_new_process(LRSWIFT_NUM_THREADS=" 3\n", OMP_NUM_THREADS="2") == 3
    assert threads_of_a_new_process(OMP_NUM_THREADS="5") == 5
    assert threads_of_a_new_process(OMP_NUM_THREADS="4,2") == 4
    assert 1 <= threads_of_a_new_process() <= os.cpu_count()
    assert (
        threads_of_a_new_process("import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])") == 1
    )


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "1000000000", "4,2"])
def test_a_number_of_threads_that_cannot_be_is_an_error(value):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        in_a_new_process("import lrswift", LRSWIFT_NUM_THREADS=value, OMP_NUM_THREADS="2")
    said = caught.value.stderr.splitlines()[-1]
    assert said.endswith(f"LRSWIFT_NUM_THREADS: got '{value}'; allowed: a whole number from 1 to 1024")


@pytest.mark.parametrize("value", ["0", "-1", "two", "4,", "1000000000"])
def test_a_variable_of_others_that_cannot_be_followed_is_told(value):
    code = "import lrswift as lr; print(lr.show_config()['threads_from'])"
    done = in_a_new_process(code, OMP_NUM_THREADS=value)
    assert done.stdout.splitlines()[-1] == "processors"
    for part in ("RuntimeWarning", f"OMP_NUM_THREADS: got '{value}'", "a whole number from 1 to 1024"):
        assert part in done.stderr
    assert "threads_from" in done.stdout


def test_who_decides_is_told_and_all_is_well():
    facts = "c['threads_from'], c['threads_at_first'], c['threads_complaint']"
    code = f"import lrswift as lr; c = lr.config(); print({facts})"
    for variables, wanted in (
        ({"LRSWIFT_NUM_THREADS": "3"}, "LRSWIFT_NUM_THREADS 3 None"),
        ({"OMP_NUM_THREADS": "1"}, "OMP_NUM_THREADS 1 None"),
        ({}, f"processors {threads_of_a_new_process()} None"),
    ):
        done = in_a_new_process(code, **variables)
        assert done.stdout.strip() == wanted and not done.stderr


def test_threadpoolctl_sees_and_limits():
    before = lr.get_threads()
    lr.set_threads(2)
    try:
        found = [pool for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "lrswift"]
        assert [(pool["num_threads"], pool["version"]) for pool in found] == [(2, lr.config()["version"])]
        with threadpoolctl.threadpool_limits(limits=1, user_api="lrswift"):
            assert lr.get_threads() == 1
        assert lr.get_threads() == 2
    finally:
        lr.set_threads(before)


def train(threads, steps=3):
    """Weights of a small convolutional network after a few steps, as bytes."""
    lr.set_threads(threads)
    lr.seed(3)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32 * steps, 28, 28), dtype=np.float32), rng.integers(0, 10, 32 * steps)
    model = lr.models.mnist_cnn()
    lr.fit(model, lr.optim.L4Mom(model.parameters()), (x, y), batch_size=32, progress=False)
    return b"".join(p.numpy().tobytes() for p in model.parameters())


@pytest.fixture(scope="module")
def alone():
    before = lr.get_threads()
    yield train(1)
    lr.set_threads(before)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_same_bits_for_any_number_of_threads(alone, threads):
    assert train(threads) == alone


def test_several_python_threads_at_once(alone):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(weights == alone for weights in pool.map(train, [1, 2, 2, 3]))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_computes_on(alone):
    assert train(2) == alone
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert all(weights == alone for weights in pool.map(train, [2, 2, 1]))
