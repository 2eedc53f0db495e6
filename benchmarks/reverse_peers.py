"""What hypergradients cost against their number, beside PyTorch, JAX and higher: time and memory of a step.

    python benchmarks/reverse_peers.py [--columns 1 10 100 1000] [--out docs/reverse-peers.svg]

LeNet on MNIST, 100 steps of 32, float32, SGD with momentum, one thread. The hyperparameters are learning
rates: one, or those of each of the ten tensors in windows. Every number is of a process of its own: processor
time over the run, compiled and warmed up before, and the peak of its memory above what it held before.

    lrswift           reverse mode with snapshots; forward mode
    PyTorch           the recursion of forward mode, a double backward a column, or vmap (in tiles of 50)
    PyTorch, graph    backward through all steps, whose graphs are kept
    higher            the same by its optimizers
    JAX               reverse through lax.scan, jax.checkpoint around stretches of ten steps

Forward mode costs as much in every step once all columns are in use: PyTorch's are measured there, in a few
steps, and lrswift's in the whole run, on which columns begin one after the other. What takes longer than
--seconds is left out. higher and JAX are measured where they install.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from support.remote import memory

import lrswift as lr
from lrswift.hypergradients.episode import IndexedBatches

BATCH, RATE, MOMENTUM, TENSORS, TILE = 32, 0.05, 0.9, 10, 50
Measured = tuple[float, float] | str
Run = Callable[[], int]
Data = tuple[np.ndarray, np.ndarray, np.ndarray]


def images(root: str | None, steps: int) -> Data:
    """(x, y, rows [steps, batch])."""
    train = lr.data.load("mnist", root).train
    x, y = np.asarray(train.x[:8192], np.float32) / 255, np.asarray(train.y[:8192], np.int64)
    return x, y, np.random.default_rng(0).integers(0, len(x), (steps, BATCH))


def rates(columns: int) -> np.ndarray:
    """[tensors, windows], or [1, 1]."""
    return np.full((1, 1) if columns == 1 else (TENSORS, columns // TENSORS), RATE)


def by_lrswift(mode: str, columns: int, steps: int, data: Data) -> Run:
    lr.set_threads(1)
    x, y, rows = data
    train = IndexedBatches((x, y), rows, np.float32)
    valid = IndexedBatches((x, y), rows[:1], np.float32)
    lr.seed(0)
    model, values = lr.models.lenet(), rates(columns)

    def run(steps: int = steps) -> int:
        lr.hypergradient(
            model, lr.nn.functional.cross_entropy, train, valid, values if columns > 1 else values[0],
            [MOMENTUM], mode=mode, dtype=np.float32, per="tensor" if columns > 1 else "all",
            columns=range(columns), memory=32 << 20,
        )  # fmt: skip
        return steps

    return run


def torch_model() -> tuple[Any, list[str], list[Any]]:
    import torch
    from support.by_torch import network

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = network("lenet")
    names = [name for name, _ in model.named_parameters()]
    return model, names, [p.detach().clone() for p in model.parameters()]


def by_columns(kind: str, columns: int, steps: int, data: Data) -> Run:
    """The recursion of forward mode with all columns in use."""
    import torch
    from torch import nn
    from torch.func import functional_call, grad, jvp, vmap

    model, names, theta = torch_model()
    x, y, rows = (torch.from_numpy(part) for part in data)
    count = 3 if columns <= 10 else 1
    v = [torch.zeros_like(p) for p in theta]
    z, c = ([torch.full((columns, *p.shape), 1e-3) for p in theta] for _ in range(2))

    def step(t: int) -> None:
        def loss(p: Any) -> Any:
            out = functional_call(model, dict(zip(names, p, strict=True)), x[rows[t]][:, None])
            return nn.functional.cross_entropy(out, y[rows[t]])

        if kind == "loop":
            held = [p.clone().requires_grad_() for p in theta]
            g = torch.autograd.grad(loss(held), held, create_graph=True)
            hz = [torch.empty_like(part) for part in z]
            for j in range(columns):
                found = torch.autograd.grad(g, held, [part[j] for part in z], retain_graph=True)
                for part, new in zip(hz, found, strict=True):
                    part[j] = new
            g = [part.detach() for part in g]
        else:
            mapped = vmap(lambda tangent: jvp(grad(loss), (tuple(theta),), (tangent,)), out_dims=(None, 0))
            tiles = [mapped(tuple(part[i : i + TILE] for part in z)) for i in range(0, columns, TILE)]
            g = tiles[0][0]
            hz = [torch.cat(parts) for parts in zip(*(products for _, products in tiles), strict=True)]
        for p, gp, vp, zp, cp, hp in zip(theta, g, v, z, c, hz, strict=True):
            cp.mul_(MOMENTUM).add_(hp)
            vp.mul_(MOMENTUM).add_(gp)
            zp.sub_(cp, alpha=RATE)
            zp[0] -= vp
            p.sub_(vp, alpha=RATE)

    def run() -> int:
        for t in range(count):
            step(t)
        return count

    return run


def by_graph(library: str, columns: int, steps: int, data: Data) -> Run:
    """Backward through the whole run."""
    import torch
    from torch import nn

    model, names, start = torch_model()
    x, y, rows = (torch.from_numpy(part) for part in data)
    given = rates(columns)
    windows = given.shape[1]

    def run() -> int:
        values = torch.tensor(given, dtype=torch.float32, requires_grad=True)

        def now(t: int) -> list[Any]:
            held = values[:, windows * t // steps]
            return list(held.expand(TENSORS).unbind())

        def batch(t: int) -> tuple[Any, Any]:
            return x[rows[t]][:, None], y[rows[t]]

        if library == "higher":
            import higher

            groups = [{"params": [p]} for p in model.parameters()]
            optimizer = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM)
            with higher.innerloop_ctx(model, optimizer) as (live, inner):
                for t in range(steps):
                    inputs, labels = batch(t)
                    inner.step(nn.functional.cross_entropy(live(inputs), labels), override={"lr": now(t)})
                inputs, labels = batch(0)
                loss = nn.functional.cross_entropy(live(inputs), labels)
                torch.autograd.grad(loss, values)
            return steps
        theta = [p.clone().requires_grad_() for p in start]
        v = [torch.zeros_like(p) for p in theta]

        def loss_of(theta: Any, t: int) -> Any:
            inputs, labels = batch(t)
            out = torch.func.functional_call(model, dict(zip(names, theta, strict=True)), inputs)
            return nn.functional.cross_entropy(out, labels)

        for t in range(steps):
            g = torch.autograd.grad(loss_of(theta, t), theta, create_graph=True)
            v = [MOMENTUM * vp + gp for vp, gp in zip(v, g, strict=True)]
            theta = [p - r * vp for p, vp, r in zip(theta, v, now(t), strict=True)]
        torch.autograd.grad(loss_of(theta, 0), values)
        return steps

    return run


def by_jax(kind: str, columns: int, steps: int, data: Data) -> Run:
    """Reverse through lax.scan, of which stretches of ten steps are computed again."""
    import jax
    import jax.numpy as jnp
    from support.by_jax import cross_entropy, initial

    x, y, rows = data
    x, y = jnp.asarray(x), jnp.asarray(y)
    order = jnp.asarray(rows).reshape(-1, 10, BATCH)
    start = initial("lenet")
    leaves, tree = jax.tree.flatten(start)
    given = rates(columns)
    numbers = jnp.asarray(given.shape[1] * np.arange(steps) // steps).reshape(-1, 10)

    def step(values: Any, carry: Any, at: Any) -> Any:
        p, v = carry
        batch, window = at
        g = jax.tree.leaves(
            jax.grad(lambda p: cross_entropy("lenet", jax.tree.unflatten(tree, p), x[batch], y[batch]))(p)
        )
        v = [MOMENTUM * vp + gp for vp, gp in zip(v, g, strict=True)]
        now = jnp.broadcast_to(values[:, window], (len(p),))
        return ([q - now[i] * vp for i, (q, vp) in enumerate(zip(p, v, strict=True))], v), None

    @jax.jit
    def hypergradient(values: Any) -> Any:
        def loss(values: Any) -> Any:
            @jax.checkpoint
            def stretch(carry: Any, at: Any) -> Any:
                return jax.lax.scan(lambda c, a: step(values, c, a), carry, at)

            carry = (leaves, [jnp.zeros_like(p) for p in leaves])
            (p, _), _ = jax.lax.scan(stretch, carry, (order, numbers))
            batch = order[0, 0]
            return cross_entropy("lenet", jax.tree.unflatten(tree, p), x[batch], y[batch])

        return jax.grad(loss)(values)

    def run() -> int:
        jax.block_until_ready(hypergradient(jnp.asarray(given, jnp.float32)))
        return steps

    return run


CONTESTANTS: dict[str, tuple[Callable[..., Run], str]] = {
    "lrswift, reverse": (by_lrswift, "reverse"),
    "lrswift, forward": (by_lrswift, "forward"),
    "PyTorch, loop": (by_columns, "loop"),
    "PyTorch, vmap": (by_columns, "vmap"),
    "PyTorch, graph": (by_graph, "graph"),
    "higher": (by_graph, "higher"),
    "JAX, jax.checkpoint": (by_jax, "checkpoint"),
}


def measured(name: str, columns: int, steps: int, data: Data, rounds: int) -> Measured:
    """(milliseconds of processor time a step, MB), in this process; or why not."""
    build, kind = CONTESTANTS[name]
    try:
        run = build(kind, columns, steps, data)
        # what was freed goes back, and the peak begins anew
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        run()
        times = []
        for _ in range(rounds):
            begun = time.process_time()
            count = run()
            times.append((time.process_time() - begun) / count)
    except ImportError as error:
        return f"not here: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:60]}"
    return 1e3 * float(np.median(times)), memory("VmHWM") - before


def found(name: str, columns: int, data: Data, given: argparse.Namespace) -> Measured:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        task = pool.apply_async(measured, (name, columns, given.steps, data, given.rounds))
        try:
            return task.get(given.seconds)
        except multiprocessing.TimeoutError:
            return f"more than {given.seconds} s"


def picture(results: dict[str, dict[int, Measured]], path: Path) -> None:
    from lrswift.pictures import figure as plots

    figure, axes = plots.panels(2)
    colors = (plots.BLUE, "#8fb8de", plots.ORANGE, "#7a5195", plots.GREEN, "#b8860b", plots.GRAY)
    for (name, row), color in zip(results.items(), colors, strict=True):
        kept = {k: m for k, m in row.items() if not isinstance(m, str)}
        for axis, part in zip(axes, (0, 1), strict=True):
            label = name if part == 0 else None
            axis.plot(list(kept), [m[part] for m in kept.values()], "o-", ms=4, color=color, label=label)
    axes[0].set(title="Processor time of a step, ms", xlabel="hyperparameters", xscale="log", yscale="log")
    axes[1].set(title="Peak memory, MB", xlabel="hyperparameters", xscale="log", yscale="log")
    figure.legend(frameon=False, loc="outside lower center", ncols=4)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with MNIST; else $LRSWIFT_DATA, ./data")
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--steps", type=int, default=100, help="a multiple of ten")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    data = images(given.data, given.steps)
    results: dict[str, dict[int, Measured]] = {}
    print(f"ms of a step, MB; {given.steps} steps, hyperparameters: {given.columns}")
    for name in given.only:
        results[name] = {}
        for columns in given.columns:
            outcome = found(name, columns, data, given)
            results[name][columns] = outcome
            told = outcome if isinstance(outcome, str) else f"{outcome[0]:.1f} ms, {outcome[1]:.0f} MB"
            print(f"| {name} | {columns} | {told} |", flush=True)
    if given.out and len(given.only) == len(CONTESTANTS):
        picture(results, given.out)


if __name__ == "__main__":
    main()
