"""`fully_shard` over two processes on gloo: one rate for all, that of a single process on all data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch_ranks

import lrswift as lr

A, STEPS = lr.adapt, 24
RATES: dict[str, Any] = {
    "l4": A.L4(), "tlr": A.TLR(0.02, window=3), "tensor": A.TLR(0.02, window=3, per="tensor"),
    "hd": A.HD(0.02, 1e-3), "dog": A.DoG(), "qlabgrad": A.QLABGrad(max_lr=0.1),
    "bb": A.BarzilaiBorwein(max_lr=0.1), "auto": A.Auto(steps=STEPS), "prodigy": A.Prodigy(),
}  # fmt: skip


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, eps=1e-3, weight_decay=0.01)


def momentum(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=0.01)


BASES = {"adam": adam, "momentum": momentum}
CASES = [(base, rate) for base in BASES for rate in RATES if (base, rate) != ("momentum", "prodigy")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for base, rates in (("adam", RATES), ("momentum", {k: v for k, v in RATES.items() if k != "prodigy"})):
        place = folder / base
        place.mkdir()
        given = (str(place), rates, {base: BASES[base]}, STEPS)
        torch.multiprocessing.spawn(torch_ranks.shard, given, nprocs=2)
    return folder


@pytest.mark.parametrize(("base", "rate"), CASES)
def test_all_ranks_take_the_rate_of_one_process(base: str, rate: str, trained: Path) -> None:
    one, two = (torch.load(trained / base / f"{base}-{rate}.{rank}.pt") for rank in range(2))
    assert one[0] == two[0]
    assert one[2] and two[2], "a resumed run takes other rates"
    assert one[3] <= {"DTensor", "Tensor"} and "DTensor" in one[3] | (
        {"DTensor"} if rate == "prodigy" else set()
    )
    taken, parameters = torch_ranks.whole_run(RATES[rate], BASES[base], STEPS)
    for t, (found, expected) in enumerate(zip(one[0], taken, strict=True)):
        assert found == pytest.approx(expected, rel=1e-6), t
    for p, q, whole in zip(one[1], two[1], parameters, strict=True):
        assert torch.equal(p, q)
        torch.testing.assert_close(p, whole, rtol=1e-6, atol=1e-9)


def test_what_cannot_be_sharded_is_said(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(torch_ranks.refused, (str(tmp_path),), nprocs=2)
    one, two = (torch.load(tmp_path / f"refused.{rank}.pt") for rank in range(2))
    assert one == two
    expected = {
        "mixed": "ArgumentError: base: parameter 3 is whole and others are sharded; allowed: all",
        "muon": "DTypeError: base: Muon takes whole matrices, and these parameters are sharded",
        "alone": "ArgumentError: process_group: False, but the parameters are sharded",
        "late": "ArgumentError: param_group: the parameters are sharded; allowed: all groups from the start",
        "hypergradient": "DTypeError: module: 0.weight, 0.bias, 2.weight, 2.bias",
    }
    for name, message in expected.items():
        assert one.get(name, "").startswith(message), (name, one.get(name))
