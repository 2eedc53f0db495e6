"""A trial rate for QLABGrad before training: FindPLR."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .. import random
from ..optim import SGD
from ..rates.quadratic import QLABGrad
from ..tensors.modes import frozen_statistics
from ..tensors.tensor import Tensor


def find_trial_rate(closure: Callable[[], Tensor], params: Iterable[Tensor], trial: float = 0.1) -> float:
    """A trial rate for `QLABGrad` at the present parameters: FindPLR from `trial` on.

    Doubles it while the parabola opens downwards, then halves it while the loss after the trial step is
    larger than before. closure() -> scalar Tensor. Parameters, gradients, running statistics and the
    random state are left as they were.
    Source: the QLABGrad paper, FindPLR.
    """
    tensors = list(params)
    optimizer = SGD(tensors, lr=QLABGrad(trial))
    kept = [(t, t.detach().clone(), t.grad) for t in tensors]
    state = random.get_state()
    try:
        with frozen_statistics():
            optimizer.minimize(closure)
    finally:
        random.set_state(state)
        for tensor, value, grad in kept:
            tensor.assign(value)
            tensor.grad = grad
    return float(optimizer.state_dict()["rate.0.trial"])
