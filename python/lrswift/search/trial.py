"""A trial rate for QLABGrad before training: FindPLR."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .. import random
from ..errors import ArgumentError
from ..optim import SGD
from ..rates.adapters import QLABGrad
from ..tensors.modes import frozen_statistics
from ..tensors.tensor import Tensor, as_tensor

POINTS = ("present", "random")


def find_trial_rate(
    closure: Callable[[], Tensor],
    params: Iterable[Tensor],
    trial: float = QLABGrad.trial,
    point: str = "present",
) -> float:
    """Finds a trial rate for `QLABGrad` at the present parameters, or at random ones (FindPLR).

    From `trial` on, the rate is doubled while the parabola through the losses L(0) and L(rate), with slope -s
    at 0, opens downwards,

        L(rate) - L(0) + rate s <= 0,

    and then halved while L(rate) > L(0). Parameters, gradients, running statistics and the random state are
    left as they were.

    Args:
        closure: a function without arguments that returns the loss, a scalar Tensor.
        params: the parameters, Tensors that require a gradient.
        trial: the first rate tried, above 0. Default 0.1.
        point: where: "present", or "random", the paper's: the entries of each parameter in an order that
            lrswift's random numbers decide, which for weights that were drawn alike is another draw. Default
            "present".

    Returns:
        The trial rate, a float.

    Raises:
        ArgumentError: `trial` is out of bounds, `point` is unknown, or there are no parameters.
        ArgumentTypeError: an argument is of a wrong type, or `closure` returns no Tensor.
        DTypeError: parameters of a dtype that is not allowed, or of different ones.
        ShapeError: `closure` returns no scalar.

    Source:
        The QLABGrad paper, FindPLR.
    """
    if point not in POINTS:
        raise ArgumentError(f"point: got {point!r}; allowed: {', '.join(map(repr, POINTS))}")
    tensors = list(params)
    optimizer = SGD(tensors, lr=QLABGrad(trial))
    kept = [(t, t.detach().clone(), t.grad) for t in tensors]
    state = random.get_state()
    try:
        if point == "random":
            drawn = random.generator()
            for tensor, value, _ in kept:
                shuffled = drawn.permutation(value.numpy().reshape(-1)).reshape(value.shape)
                tensor.assign(as_tensor(shuffled, value))
        with frozen_statistics():
            optimizer.minimize(closure)
    finally:
        random.set_state(state)
        for tensor, value, grad in kept:
            tensor.assign(value)
            tensor.grad = grad
    return float(optimizer.state_dict()["rate.0.trial"])
