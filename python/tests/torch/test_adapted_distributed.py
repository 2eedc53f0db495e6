"""Two processes over gloo: one rate for all ranks, whatever each of them sees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch_ranks

import lrswift as lr

RATES = {rate.rate: rate for rate in (lr.adapt.L4(), lr.adapt.QLABGrad())}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(torch_ranks.train, (str(folder), RATES), nprocs=2)
    return folder


@pytest.mark.parametrize("rate", RATES)
def test_all_ranks_take_the_same_rate(rate: str, trained: Path) -> None:
    one, two = (torch.load(trained / f"{rate}.{rank}.pt") for rank in range(2))
    assert one[0] == two[0]
    assert one[1] == two[1] == 1
    assert len(set(one[0])) > 5
    for p, q in zip(one[2], two[2], strict=True):
        assert torch.equal(p, q) and torch.isfinite(p).all()
