"""Files of schedulers over `lrswift.torch` load with weights_only wherever lrswift is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import lrswift as lr
from lrswift.files.torch_rates import rate

ORDERS = {
    "torch first": "import torch, lrswift",
    "lrswift first": "import lrswift, torch",
    "looked for": "import lrswift, importlib.util as u; u.find_spec('torch'); import torch",
    "lrswift.torch": "import lrswift as lr, torch; lr.torch.Adapted",
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_fresh_process_loads_a_scheduler(order: str, tmp_path: Path) -> None:
    optimizer = lr.torch.Adapted(torch.optim.SGD([torch.zeros(2, requires_grad=True)]), lr="l4")
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5)
    file = tmp_path / "scheduler.pt"
    torch.save(scheduler.state_dict(), file)
    code = f"""{ORDERS[order]}
import sys
found = torch.load({str(file)!r}, weights_only=True)["_last_lr"][0]
print(type(found).__name__, float(found), found.multiplier)
assert not any(type(finder).__module__.startswith("lrswift") for finder in sys.meta_path)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = scheduler.get_last_lr()[0]
    assert done.stdout.split() == ["Rate", str(float(found)), str(found.multiplier)]


def test_importing_lrswift_imports_no_torch() -> None:
    code = "import sys, lrswift; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_rate_is_made_of_its_numbers() -> None:
    made = rate(0.25, 0.5)
    assert float(made) == 0.25 and made.multiplier == 0.5
