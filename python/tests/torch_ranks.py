"""One of several processes that train one network over gloo; importable by them."""

from __future__ import annotations

import copy
import math
import os
import sys
from typing import Any, NoReturn

import torch

import lrswift as lr


def leave() -> NoReturn:
    """End this process, without the interpreter's own end.

    A worker of gloo may hold the tensors of its last collective a moment longer than the main thread; if it
    lets go of them while the interpreter ends, it dies asking for the lock, and the process with it
    (https://github.com/pytorch/pytorch/pull/179291). What the rank found is in its file by now.
    """
    torch.distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def train(rank: int, folder: str, rates: dict[str, lr.adapt.Adapter]) -> None:
    """Each rate in turn; what came of it goes to `folder`."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.set_num_threads(1)
    for name, rate in rates.items():
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1).double()
        parallel = torch.nn.parallel.DistributedDataParallel(model)
        optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=rate)
        torch.manual_seed(rank)  # every rank has data of its own
        taken = []
        for t in range(8):
            x = torch.randn(10, 3).double()
            if t == 4 and rank == 1:
                x[0, 0] = math.nan
            optimizer.zero_grad()
            loss = torch.mean((parallel(x) - 1) ** 2)
            loss.backward()
            optimizer.step(loss=loss, loss_closure=lambda x=x, model=model: torch.mean((model(x) - 1) ** 2))
            taken.append(optimizer.lr)
        found = taken, optimizer.skipped_steps, [p.detach() for p in model.parameters()]
        torch.save(found, f"{folder}/{name}.{rank}.pt")
    leave()


def sharded_network(width: int = 7) -> torch.nn.Module:
    """Of odd widths, for shards of unequal length; one parameter is a single number."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, width),
        torch.nn.Tanh(),
        torch.nn.Linear(width, 5),
        torch.nn.Tanh(),
        torch.nn.Linear(5, 1),
    ).double()


def batch(rank: int, t: int) -> torch.Tensor:
    """Of one rank at a step."""
    torch.manual_seed(100 * t + rank)
    return torch.randn(10, 3).double()


def shard(rank: int, folder: str, rates: dict[str, Any], bases: dict[str, Any], steps: int) -> None:
    """Steps of a network that `fully_shard` spreads over two processes; what came of it goes to `folder`."""
    from torch.distributed.fsdp import fully_shard

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.set_num_threads(1)
    mesh = torch.distributed.init_device_mesh("cpu", (2,))
    for base in bases:
        for name, rate in rates.items():
            torch.save(
                sharded_run(rank, mesh, fully_shard, rate, bases[base], steps),
                f"{folder}/{base}-{name}.{rank}.pt",
            )
    leave()


def sharded_run(rank: int, mesh: Any, fully_shard: Any, rate: Any, base: Any, steps: int) -> Any:
    """(rates, parameters, whether it resumed as it went on, kinds of the state)."""

    def made() -> tuple[torch.nn.Module, Any]:
        model = sharded_network()
        fully_shard(model, mesh=mesh)
        return model, lr.torch.Adapted(base(model.parameters()), lr=rate)

    def run(model: torch.nn.Module, optimizer: Any, low: int, high: int) -> list[Any]:
        taken = []
        for t in range(low, high):
            x = batch(rank, t)
            optimizer.zero_grad()
            loss = torch.mean((model(x) - 1) ** 2)
            loss.backward()
            optimizer.step(loss=loss, loss_closure=lambda x=x: torch.mean((model(x) - 1) ** 2))
            taken.append(optimizer.lr)
        return taken

    model, optimizer = made()
    taken = run(model, optimizer, 0, steps // 2)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    taken += run(model, optimizer, steps // 2, steps)
    kinds = {type(v).__name__ for held in optimizer.state.values() for v in held.values() if v is not None}
    again, resumed = made()
    again.load_state_dict(weights)
    resumed.load_state_dict(state)
    same = run(again, resumed, steps // 2, steps) == taken[steps // 2 :]
    return taken, [p.full_tensor().detach() for p in model.parameters()], same, kinds


def whole_run(rate: Any, base: Any, steps: int) -> Any:
    """The same in one process, on the batches of both ranks."""
    model = sharded_network()
    optimizer = lr.torch.Adapted(base(model.parameters()), lr=rate)
    taken = []
    for t in range(steps):
        x = torch.cat([batch(rank, t) for rank in range(2)])
        optimizer.zero_grad()
        loss = torch.mean((model(x) - 1) ** 2)
        loss.backward()
        optimizer.step(loss=loss, loss_closure=lambda x=x: torch.mean((model(x) - 1) ** 2))
        taken.append(optimizer.lr)
    return taken, [p.detach() for p in model.parameters()]


def refused(rank: int, folder: str) -> None:
    """What is said of parameters that cannot be adapted together, to `folder`."""
    from torch.distributed.fsdp import fully_shard

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    mesh = torch.distributed.init_device_mesh("cpu", (2,))
    model = sharded_network()
    fully_shard(model, mesh=mesh)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    calls = {
        "mixed": lambda: lr.torch.Adapted(torch.optim.SGD([*matrices, torch.nn.Parameter(torch.ones(2))])),
        "muon": lambda: lr.torch.Adapted(torch.optim.Muon(matrices)),
        "alone": lambda: lr.torch.Adapted(sgd, process_group=False),
        "late": lambda: lr.torch.Adapted(sgd).add_param_group(
            {"params": [torch.nn.Parameter(torch.ones(2))]}
        ),
        "hypergradient": lambda: lr.torch.hypergradient(model, torch.nn.MSELoss(), [()], [()], [0.1]),
    }
    found = {}
    for name, call in calls.items():
        try:
            call()
        except lr.Error as error:
            found[name] = f"{type(error).__name__}: {error}"
    torch.save(found, f"{folder}/refused.{rank}.pt")
    leave()
