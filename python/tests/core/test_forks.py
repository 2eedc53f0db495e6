"""A process forked while another thread trains: the child has a free optimizer and usable tensors."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import os, threading, time, warnings
import numpy as np, lrswift as lr
warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((2000, 64)).astype("f4"), rng.integers(0, 10, 2000)
model = lr.models.mlp(inputs=64, hidden=[256], outputs=10)
loss_of = lr.nn.functional.cross_entropy
stop = []
{parent}
def work():
    while not stop: run()
thread = threading.Thread(target=work)
thread.start()
time.sleep(0.3)
failed = 0
for _ in range(12):
    time.sleep(0.017)
    child = os.fork()
    if child == 0:
        try:
            {child}
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(7)
    end = time.time() + 20
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done: break
        if time.time() > end:
            os.kill(child, 9); os.waitpid(child, 0); status = 1
            break
        time.sleep(0.01)
    failed += status != 0
stop.append(1)
thread.join()
assert failed == 0, failed
"""


def forked(parent: str, child: str) -> None:
    code = CODE.format(parent=parent, child=child.replace("\n", "\n            "))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]


def test_while_fit_runs() -> None:
    forked(
        """
optimizer = lr.optim.Adam(model.parameters(), lr=1e-3)
def run(): lr.fit(model, optimizer, (X, Y), epochs=1, progress=False)
""",
        """lr.fit(model, optimizer, (X[:200], Y[:200]), epochs=1, progress=False)
assert all(np.isfinite(p.numpy()).all() for p in model.parameters())""",
    )


def test_while_a_rate_that_probes_runs() -> None:
    forked(
        """
optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.SLS())
def run(): lr.fit(model, optimizer, (X, Y), epochs=1, progress=False)
""",
        "lr.fit(model, optimizer, (X[:200], Y[:200]), epochs=1, progress=False)",
    )


def test_while_backward_and_hvp_run() -> None:
    """The gradient in the child is that of its own sweep, whatever the parent's had left on the graph."""
    forked(
        """
x, y = lr.tensor(X), lr.tensor(Y)
loss = loss_of(model(x), y)
parameters = list(model.parameters())
loss.backward()
wanted = [p.grad.numpy().copy() for p in parameters]
ones = [np.ones((4, *p.shape), "f4") for p in parameters]
def run():
    lr.hvp(lambda: loss, parameters, ones)
    loss.backward()
""",
        """for p in parameters: p.grad = None
loss.backward()
for p, value in zip(parameters, wanted): np.testing.assert_array_equal(p.grad.numpy(), value)""",
    )
