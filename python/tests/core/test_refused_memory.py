"""Memory that is refused is a MemoryError, at whichever allocation it happens, and nothing has changed.

The library refuses the n-th allocation from the moment it is told to, and all later ones, for every n until
what is tried needs fewer. Every scenario runs in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

PREAMBLE = """
import ctypes, pathlib, sys, warnings
import numpy as np
import lrswift as lr
warnings.filterwarnings("ignore")
core = ctypes.CDLL(str(pathlib.Path(lr.__file__).parent / "liblrswift.so"))
core.lrs_refuse_memory.argtypes = [ctypes.c_bool, ctypes.c_int64, ctypes.c_int64]
core.lrs_refuse_memory.restype = ctypes.c_int64
def refuse(first, small=False): return core.lrs_refuse_memory(small, first, 10 ** 9 if first else 0)

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((60, 12)).astype("f4"), rng.integers(0, 4, 60)
def make(): 
    lr.seed(1)
    return lr.models.mlp(inputs=12, hidden=[16], outputs=4)
loss_of = lr.nn.functional.cross_entropy
def bits(source):
    values = source.state_dict().values() if hasattr(source, "state_dict") else source
    return [np.asarray(v).tobytes() for v in values]

def walk(attempt, unchanged, small=False, most=3000):
    '''Refuses from the n-th allocation on until nothing is refused any more.'''
    refusals, n, step = 0, 1, 1
    while n < most:
        refuse(n, small)
        try:
            attempt()
            failed = False
        except MemoryError:
            failed = True
        finally:
            refuse(0, small)
        if not failed: break
        refusals += 1
        unchanged(n)
        # small allocations are many and alike
        if small: step = 1 + n // 20
        n += step
    assert refusals > 0 and n < most, (refusals, n)
    attempt()
    return refusals
"""


def run(code: str, timeout: float = 300) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2500:]}"


@pytest.mark.parametrize("small", [False, True])
def test_eager_forward_and_backward(small: bool) -> None:
    run(f"""
model = make()
x, y = lr.tensor(X), lr.tensor(Y)
loss_of(model(x), y).backward()
before = bits(model), bits(p.grad.numpy() for p in model.parameters())
def attempt():
    loss = loss_of(model(x), y)
    for p in model.parameters(): p.grad = None
    loss.backward()
def unchanged(n):
    assert bits(model) == before[0], n
walk(attempt, unchanged, small={small})
assert bits(p.grad.numpy() for p in model.parameters()) == before[1]
""")


def test_backward_that_adds() -> None:
    run("""
model = make()
loss = loss_of(model(lr.tensor(X)), lr.tensor(Y))
loss.backward()
before = bits(p.grad.numpy() for p in model.parameters())
def attempt():
    loss.backward()
    for p in model.parameters(): p.grad.assign(p.grad * 0.5)
def unchanged(n): assert bits(p.grad.numpy() for p in model.parameters()) == before, n
refuse(3)
try: loss.backward()
except MemoryError: pass
finally: refuse(0)
unchanged(3)
attempt()
assert bits(p.grad.numpy() for p in model.parameters()) == before
""")


RATES = {
    "number": "0.01", "L4": "lr.adapt.L4()", "SLS": "lr.adapt.SLS()", "QLABGrad": "lr.adapt.QLABGrad()",
    "Newton": "lr.adapt.Newton()", "BarzilaiBorwein": "lr.adapt.BarzilaiBorwein()", "DoG": "lr.adapt.DoG()",
    "TLR": "lr.adapt.TLR(window=3)", "HD": "lr.adapt.HD()",
}  # fmt: skip


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("guarded", [False, True])
def test_steps(rate: str, guarded: bool) -> None:
    """Whatever is refused in a step: parameters, vectors and counts are those of before it."""
    run(f"""
x, y = lr.tensor(X), lr.tensor(Y)
def fresh(steps):
    model = make()
    optimizer = lr.optim.Adam(model.parameters(), lr={RATES[rate]})
    if {guarded}: optimizer.guard()
    for _ in range(steps): optimizer.minimize(lambda: loss_of(model(x), y))
    return model, optimizer
def counted(state): return {{k: v for k, v in state.items() if k != "guard"}}
for steps in (0, 1, 3):
    wanted, other = fresh(steps + 1)
    n = 0
    while True:
        n += 1
        model, optimizer = fresh(steps)
        before = bits(model), bits(counted(optimizer.state_dict()).values())
        refuse(n)
        try: optimizer.minimize(lambda: loss_of(model(x), y)); failed = False
        except MemoryError: failed = True
        finally: refuse(0)
        if failed:
            assert (bits(model), bits(counted(optimizer.state_dict()).values())) == before, (steps, n)
            optimizer.minimize(lambda: loss_of(model(x), y))
        assert bits(model) == bits(wanted), (steps, n)
        if not failed: break
    assert n > 1
""")


# small memory with batch statistics: docs/reliability.md, "Open"
@pytest.mark.parametrize(("network", "small"), [("mlp", False), ("mlp", True), ("norm", False)])
def test_fit(small: bool, network: str) -> None:
    """The model is that of a whole number of steps, with its batch statistics, and training goes on."""
    norm = "lr.nn.Sequential(lr.nn.Linear(12, 8), lr.nn.BatchNorm1d(8), lr.nn.ReLU(), lr.nn.Linear(8, 4))"
    run(f"""
def network():
    lr.seed(1)
    return {norm if network == "norm" else "make()"}
def trained(steps):
    model = network()
    optimizer = lr.optim.Adam(model.parameters(), lr=1e-2)
    lr.seed(3)
    if steps:
        data = X[: 20 * steps], Y[: 20 * steps]
        lr.fit(model, optimizer, data, epochs=1, batch_size=20, shuffle=False, progress=False)
    return model, optimizer
states = [bits(trained(k)[0]) for k in range(4)]
assert len({{tuple(s) for s in states}}) == 4
model = optimizer = None
def attempt():
    lr.seed(3)
    lr.fit(model, optimizer, (X, Y), epochs=1, batch_size=20, shuffle=False, progress=False)
def begin():
    global model, optimizer
    model, optimizer = trained(0)
begin()
def unchanged(n):
    assert bits(model) in states, n
    assert optimizer.state_dict()["step"] == states.index(bits(model)), n
    lr.fit(model, optimizer, (X, Y), epochs=1, batch_size=20, progress=False)
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())
    begin()
walk(attempt, unchanged, small={small})
""")


@pytest.mark.parametrize("small", [False, True])
def test_hvp(small: bool) -> None:
    run(f"""
model = make()
x, y, parameters = lr.tensor(X), lr.tensor(Y), list(model.parameters())
vectors = [rng.standard_normal((3, *p.shape)).astype("f4") for p in parameters]
def attempt(): return bits(h.numpy() for h in lr.hvp(lambda: loss_of(model(x), y), parameters, vectors))
wanted, before = attempt(), bits(model)
def unchanged(n):
    assert bits(model) == before and attempt() == wanted, n
walk(attempt, unchanged, small={small})
""")


def test_loading_a_state() -> None:
    run("""
x, y = lr.tensor(X), lr.tensor(Y)
model = make()
optimizer = lr.optim.Adam(model.parameters(), lr=lr.adapt.BarzilaiBorwein())
for _ in range(3): optimizer.minimize(lambda: loss_of(model(x), y))
kept, weights = optimizer.state_dict(), model.state_dict()
for _ in range(2): optimizer.minimize(lambda: loss_of(model(x), y))
before = bits(model), bits(optimizer)
def unchanged(n):
    assert (bits(model), bits(optimizer)) == before, n
def attempt():
    optimizer.load_state_dict(kept)
walk(attempt, unchanged)
assert bits(optimizer) == bits(kept.values())
before = bits(model), bits(optimizer)
def attempt():
    model.load_state_dict(weights)
walk(attempt, unchanged)
assert bits(model) == bits(weights.values())
""")


def test_convolutions_and_double_precision() -> None:
    run("""
images = rng.standard_normal((8, 12, 12, 3))
for dtype in ("f4", "f8"):
    w = lr.tensor(rng.standard_normal((3, 3, 3, 5)).astype(dtype), requires_grad=True)
    m = lr.tensor(rng.standard_normal((5, 40)).astype(dtype), requires_grad=True)
    x = lr.tensor(images.astype(dtype))
    def loss():
        h = lr.nn.functional.max_pool2d(lr.nn.functional.relu(lr.nn.functional.conv2d(x, w)), 2)
        return lr.tanh(h @ m).sum()
    def attempt():
        made = loss()
        w.grad = m.grad = None
        made.backward()
        return bits([w.grad.numpy(), m.grad.numpy()])
    wanted = attempt()
    def unchanged(n): assert attempt() == wanted, n
    walk(attempt, unchanged)
""")


@pytest.mark.parametrize("megabytes", [1, 4, 8, 16, 24, 40, 64, 100, 150])
def test_the_systems_own_limit(megabytes: int) -> None:
    """RLIMIT_AS: MemoryError or the result, never an end of the process."""
    run(
        f"""
import resource
big = np.zeros(20_000_000, "f4")
models = [lr.models.mlp(inputs=12, hidden=[1024, 1024], outputs=4) for _ in range(3)]
double = lr.tensor(np.ones((600, 600)))
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + {megabytes} * 2 ** 20, -1))
def keep():
    kept = []
    for _ in range(40): kept.append(lr.zeros(1_000_000) + 1.0)
def hvp():
    ps = list(models[0].parameters())
    ones = [np.ones((4, *p.shape), "f4") for p in ps]
    lr.hvp(lambda: loss_of(models[0](lr.tensor(X)), lr.tensor(Y)), ps, ones)
def fit():
    optimizer = lr.optim.Adam(models[1].parameters(), lr=1e-3)
    lr.fit(models[1], optimizer, (X, Y), epochs=1, progress=False)
def differentiate():
    lr.hypergradient(models[2], loss_of, [(X, Y)] * 2, [(X, Y)], learning_rates=[0.1] * 2, momentums=[0.9])
works = [keep, lambda: lr.from_dlpack(big[::2]), hvp, lambda: double @ double, fit, differentiate]
for work in works:
    try: work()
    except MemoryError: pass
""",
        timeout=120,
    )
