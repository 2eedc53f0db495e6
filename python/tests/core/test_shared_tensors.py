"""Tensors shared by threads: what adds up adds up right, the rest waits or is an error; nothing crashes.

Every scenario runs in a process of its own, so that a crash is a failed test and not the end of all.
"""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys

import numpy as np
import pytest

import lrswift as lr

PREAMBLE = """
import threading, time, warnings
import numpy as np
import lrswift as lr
warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((256, 64)).astype("f4"), rng.integers(0, 10, 256)
model = lr.models.mlp(inputs=64, hidden=[64], outputs=10)
loss_of = lr.nn.functional.cross_entropy
unexpected = []

def repeat(work, seconds=2.0):
    end = time.time() + seconds
    while time.time() < end:
        try:
            work()
        except lr.Error as error:
            if "another thread" not in str(error):
                unexpected.append(repr(error))
        except Exception as error:
            unexpected.append(repr(error))

def together(*works, seconds=2.0):
    threads = [threading.Thread(target=repeat, args=(work, seconds)) for work in works]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert not unexpected, unexpected[:3]
"""

SCENARIOS = {
    "backward of one loss": """
loss = loss_of(model(lr.tensor(X)), lr.tensor(Y))
together(*[loss.backward] * 3)
""",
    "hvp, jvp and grad of one loss": """
x, y, ps = lr.tensor(X), lr.tensor(Y), list(model.parameters())
ones = [np.ones((2, *p.shape), "f4") for p in ps]
together(lambda: lr.hvp(lambda: loss_of(model(x), y), ps, ones),
         lambda: lr.hvp(lambda: loss_of(model(x), y), ps, ones),
         lambda: loss_of(model(x), y).backward())
""",
    "gradients read and cleared while fit runs": """
optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
def touch():
    for p in model.parameters():
        g = p.grad
        p.grad = None
        p.grad = g
together(touch, model.zero_grad, optimizer.zero_grad,
         lambda: lr.fit(model, optimizer, (X, Y), epochs=2, progress=False))
""",
    "a state loaded while fit runs": """
optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
state, kept = model.state_dict(), optimizer.state_dict()
together(lambda: model.load_state_dict(state), lambda: optimizer.load_state_dict(kept),
         lambda: lr.fit(model, optimizer, (X, Y), epochs=2, progress=False))
""",
    "two optimizers on one model": """
a, b = (lr.optim.Adam(model.parameters(), lr=1e-3) for _ in range(2))
together(lambda: lr.fit(model, a, (X, Y), epochs=1, progress=False),
         lambda: lr.fit(model, b, (X, Y), epochs=1, progress=False))
""",
    "steps beside backward": """
x, y = lr.tensor(X), lr.tensor(Y)
optimizer = lr.optim.SGD(model.parameters(), lr=1e-4)
def step():
    loss_of(model(x), y).backward()
    try:
        optimizer.step()
    except lr.Error as error:
        # another thread may have cleared what this one left, or moved the parameters since
        if "no parameter has a gradient" not in str(error): raise
    optimizer.zero_grad()
def both():
    try: step()
    except lr.Error as error:
        if "has changed since" not in str(error): raise
together(both, both, both)
""",
    "probing steps beside fit": """
x, y = lr.tensor(X), lr.tensor(Y)
a, b = lr.optim.SGD(model.parameters(), lr=lr.adapt.SLS()), lr.optim.SGD(model.parameters(), lr=1e-3)
def probe():
    try: a.minimize(lambda: loss_of(model(x), y))
    except lr.Error as error:
        if "has changed since" not in str(error): raise
together(probe, lambda: lr.fit(model, b, (X, Y), epochs=1, progress=False))
""",
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_crashes(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + SCENARIOS[name]], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-1500:]}"


def test_gradients_of_two_losses_add_up() -> None:
    code = """
w = lr.tensor(rng.standard_normal((64, 64)), dtype=lr.float64, requires_grad=True)
inputs = [lr.tensor(rng.standard_normal((200, 64)), dtype=lr.float64) for _ in range(2)]
def loss(x): return ((x @ w) * (x @ w)).sum()
# d/dw of |x w|^2 is 2 x' x w
wanted = sum(2 * x.numpy().T @ x.numpy() @ w.numpy() for x in inputs)
for round in range(60):
    w.grad = None
    barrier = threading.Barrier(2)
    def work(x):
        made = loss(x)
        barrier.wait()
        made.backward()
    threads = [threading.Thread(target=work, args=(x,)) for x in inputs]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    np.testing.assert_allclose(w.grad.numpy(), wanted, rtol=1e-10)
"""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_products_of_threads_are_those_of_one() -> None:
    code = """
w = lr.tensor(rng.standard_normal(50), dtype=lr.float64, requires_grad=True)
a = rng.standard_normal((50, 50)); a = a + a.T
loss = lambda: (w * (lr.tensor(a, dtype=lr.float64) @ w.reshape(50, 1)).reshape(50)).sum() * 0.5
vectors = rng.standard_normal((3, 50))
wrong = []
def work():
    for _ in range(100):
        if not np.allclose(lr.hvp(loss, [w], [vectors])[0].numpy(), vectors @ a, rtol=1e-10): wrong.append(1)
        gradient = lr.grad(lambda w: (w * w).sum())(w).numpy()
        if not np.allclose(gradient, 2 * w.numpy(), rtol=1e-12): wrong.append(2)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not wrong, wrong
"""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_error_says_who_is_in_the_way() -> None:
    code = """
optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
said = []
def touch():
    end = time.time() + 5
    while time.time() < end and not said:
        for p in model.parameters():
            try: p.grad = None
            except lr.Error as error: said.append(str(error))
thread = threading.Thread(target=touch); thread.start()
while thread.is_alive(): lr.fit(model, optimizer, (X, Y), epochs=1, progress=False)
assert said and "grad" in said[0] and "another thread" in said[0] and "training" in said[0], said
"""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_the_thread_that_trains_uses_its_parameters_as_it_likes() -> None:
    model = lr.models.mlp(inputs=4, hidden=[3], outputs=2)
    x, y = np.ones((6, 4), "f4"), np.zeros(6, int)
    optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)

    def callback(history: lr.History) -> None:
        for p in model.parameters():
            assert p.grad is not None
            p.grad = None
        lr.nn.functional.cross_entropy(model(lr.tensor(x)), lr.tensor(y)).backward()
        model.load_state_dict(model.state_dict())
        lr.fit(model, lr.optim.SGD(model.parameters(), lr=1e-3), (x, y), progress=False)

    lr.fit(model, optimizer, (x, y), epochs=3, progress=False, callbacks=[callback])

    def failing(history: lr.History) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        lr.fit(model, optimizer, (x, y), progress=False, callbacks=[failing])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(lr.fit, model, optimizer, (x, y), progress=False).result()


def test_one_optimizer_trains_in_one_thread_at_a_time() -> None:
    """The other thread's run is refused before it begins, and afterwards all is free, whoever ends first."""
    model = lr.models.mlp(inputs=4, hidden=[3], outputs=2)
    x, y = np.ones((6, 4), "f4"), np.zeros(6, int)
    optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def callback(history: lr.History) -> None:
            other = pool.submit(lr.fit, model, optimizer, (x, y), progress=False)
            with pytest.raises(lr.Error, match="training: another thread is in the middle of training"):
                other.result()

        lr.fit(model, optimizer, (x, y), epochs=2, progress=False, callbacks=[callback])
        pool.submit(lr.fit, model, optimizer, (x, y), progress=False).result()
    optimizer.zero_grad()


def test_the_end_of_training_is_not_refused_by_another_threads_step() -> None:
    """It once was, so that the parameters were held for ever."""
    code = """
model = lr.models.mlp(inputs=256, hidden=[512], outputs=5)
x, y = np.ones((256, 256), "f4"), np.zeros(256, int)
optimizer = lr.optim.L4Adam(model.parameters())
end = time.time() + 2
def train():
    while time.time() < end:
        try: lr.fit(model, optimizer, (x, y), epochs=2, batch_size=64, progress=False)
        except lr.Error: pass
threads = [threading.Thread(target=train) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
optimizer.minimize(lambda: loss_of(model(lr.tensor(x)), lr.tensor(y)))
lr.fit(model, optimizer, (x, y), progress=False)
"""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_state_is_not_loaded_within_a_step() -> None:
    model = lr.models.mlp(inputs=4, hidden=[3], outputs=2)
    x, y = lr.tensor(np.ones((5, 4), "f4")), lr.tensor(np.zeros(5, int))
    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.SLS())

    def loss() -> lr.Tensor:
        return lr.nn.functional.cross_entropy(model(x), y)

    optimizer.minimize(loss)
    kept = optimizer.state_dict()
    calls = []

    def loading() -> lr.Tensor:
        calls.append(1)
        if len(calls) == 2:
            optimizer.load_state_dict(kept)
        return loss()

    before = [p.numpy().copy() for p in model.parameters()]
    with pytest.raises(lr.Error, match="load_state_dict: a step is in progress"):
        optimizer.minimize(loading)
    for parameter, value in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value)
    optimizer.load_state_dict(kept)
    optimizer.minimize(loss)
