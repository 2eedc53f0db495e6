"""D-Adaptation over Adam beside its authors' package, loss by loss, on a deep ReLU network.

    pip install '.[bench]'; python benchmarks/d_adaptation.py [--steps 300]

Both train the same eight-layer network of torch on the same batches. Prints the largest relative difference
of their losses, and the estimate of the distance that both end with.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from dadaptation import DAdaptAdam

import lrswift as lr


def losses(theirs: bool, dtype: torch.dtype, steps: int) -> tuple[np.ndarray, float]:
    """Of every step, and the last estimate."""
    torch.manual_seed(0)
    layers = [layer for _ in range(8) for layer in (torch.nn.Linear(16, 16), torch.nn.ReLU())]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(16, 3)).to(dtype)
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(512, 16, generator=draws).to(dtype)
    y = (x[:, 0] * 3).long().clamp(0, 2)
    if theirs:
        optimizer = DAdaptAdam(model.parameters(), lr=1.0)
    else:
        optimizer = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=lr.adapt.DAdaptation())
    found = []
    for _ in range(steps):
        rows = torch.randint(0, 512, (32,), generator=draws)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        if theirs:
            optimizer.step()
        else:
            optimizer.step(loss=loss)
        found.append(loss.item())
    return np.array(found), float(optimizer.param_groups[0]["d"] if theirs else optimizer.lr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    for dtype in (torch.float64, torch.float32):
        (a, d), (b, own) = (losses(theirs, dtype, given.steps) for theirs in (True, False))
        print(f"{dtype}: losses differ by at most {np.max(np.abs(a - b) / a):.1e}; d {d:.6g}, ours {own:.6g}")


if __name__ == "__main__":
    main()
