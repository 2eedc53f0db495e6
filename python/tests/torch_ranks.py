"""One of several processes that train one network over gloo; importable by them."""

from __future__ import annotations

import math

import torch

import lrswift as lr


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
    torch.distributed.destroy_process_group()
