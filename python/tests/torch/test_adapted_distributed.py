"""Two processes over gloo: one rate for all ranks, whatever each of them sees."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import lrswift as lr


def worker(rank: int, folder: str, rate: lr.adapt.Adapter) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1).double()
    parallel = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=rate)
    torch.manual_seed(rank)  # every rank has data of its own
    rates = []
    for t in range(8):
        x = torch.randn(10, 3).double()
        if t == 4 and rank == 1:
            x[0, 0] = math.nan
        optimizer.zero_grad()
        loss = torch.mean((parallel(x) - 1) ** 2)
        loss.backward()
        optimizer.step(loss=loss, loss_closure=lambda x=x: torch.mean((model(x) - 1) ** 2))
        rates.append(optimizer.lr)
    found = rates, optimizer.skipped_steps, [p.detach() for p in model.parameters()]
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("rate", [lr.adapt.L4(), lr.adapt.QLABGrad()], ids=lambda r: r.rate)
def test_all_ranks_take_the_same_rate(rate: lr.adapt.Adapter, tmp_path: Path) -> None:
    torch.multiprocessing.spawn(worker, (str(tmp_path), rate), nprocs=2)
    one, two = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert one[0] == two[0]
    assert one[1] == two[1] == 1
    assert len(set(one[0])) > 5
    for p, q in zip(one[2], two[2], strict=True):
        assert torch.equal(p, q) and torch.isfinite(p).all()
