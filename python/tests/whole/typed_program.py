"""What type checkers are told of a user's first lines: `make check` reads it, nothing runs it.

`assert_type` fails on Any, so that a name that loses its type shows.
"""

from __future__ import annotations

from typing import assert_type

import numpy as np
import torch

import lrswift as lr

x = np.zeros((2, 8), np.float32)
model = lr.models.mlp(inputs=8, hidden=[4], outputs=2)
assert_type(model(lr.tensor(x)), lr.Tensor)
assert_type(lr.nn.Linear(8, 2)(lr.tensor(x)), lr.Tensor)
assert_type(lr.fit(model, train=(x, np.zeros(2, np.int64)), epochs=1, progress=False), lr.History)
assert_type(lr.find_lr(model, lr.nn.functional.mse_loss, (x, x)), lr.FoundRate)
assert_type(lr.find_lr(model, lr.nn.functional.mse_loss, (x, x)).lr, float)
assert_type(lr.optim.SGD(model.parameters(), lr=lr.adapt.QLABGrad()), lr.optim.SGD)

module = torch.nn.Linear(8, 2)
base = torch.optim.SGD(module.parameters())
assert_type(lr.torch.Adapted(base, lr=lr.adapt.L4()), lr.torch.Adapted)
assert_type(lr.torch.fit(module, (torch.zeros(2, 8), torch.zeros(2, 2))), lr.History)
assert_type(lr.sklearn.MLPClassifier(), lr.sklearn.MLPClassifier)
