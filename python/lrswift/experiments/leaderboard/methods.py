"""The methods of the leaderboard: a list, a line each. Nothing in them knows what they train."""

from __future__ import annotations

import functools
from typing import Any

from ... import adapt, optim
from ...schedule import Cosine, Linear, Schedule, WarmUp
from .method import Method, found, optimizer
from .torch_method import torch_optimizer

_momentum = functools.partial(optim.SGD, momentum=0.9)


def cosine(rate: float, steps: int) -> Schedule:
    """From `rate` to 0 along a cosine."""
    return Cosine(rate, steps=max(1, steps))


def warm_cosine(rate: float, steps: int, share: float = 0.05) -> Schedule:
    """`cosine`, after a rise over the first `share` of the steps."""
    return WarmUp(max(1, round(share * steps)), 0.05) * cosine(rate, steps)


def warm_linear(rate: float, steps: int, share: float = 0.05) -> Schedule:
    """From `rate` to 0 in a line, after a rise over the first `share` of the steps."""
    return WarmUp(max(1, round(share * steps)), 0.05) * Linear(rate, 0.0, steps=max(1, steps))


def _torch_adamw(params: Any, steps: int) -> Any:
    from torch.optim import AdamW

    return AdamW(params, lr=1e-3)


def _prodigyopt(params: Any, steps: int) -> Any:
    from prodigyopt import Prodigy

    return Prodigy(params)


def _schedulefree(params: Any, steps: int) -> Any:
    from schedulefree import AdamWScheduleFree

    return AdamWScheduleFree(params)


def _dadaptation(params: Any, steps: int) -> Any:
    from dadaptation import DAdaptAdam

    return DAdaptAdam(params)


# fmt: off
_ALL = (
    optimizer("auto", lambda p, n: optim.Auto(p, n), 'lr="auto": a searched rate, a planned run, a guard'),
    # set by hand, once for all
    optimizer("adam_1e-3", lambda p, n: optim.Adam(p), "Adam at its default 0.001"),
    optimizer("adam_1e-3_cosine", lambda p, n: optim.Adam(p, lr=cosine(1e-3, n)), "Adam 0.001, cosine"),
    optimizer(
        "adam_1e-2_warm_cosine", lambda p, n: optim.Adam(p, lr=warm_cosine(1e-2, n)),
        "Adam 0.01, warm-up and cosine",
    ),
    optimizer("momentum_1e-2", lambda p, n: _momentum(p), "SGD with momentum 0.9 at 0.01"),
    # schedule-free
    optimizer(
        "auto_momentum", lambda p, n: _momentum(p, lr=adapt.Auto(n)), 'lr="auto" over SGD with momentum 0.9'
    ),
    optimizer(
        "schedule_free_adamw", lambda p, n: optim.ScheduleFree(p, direction="adamw"),
        "Schedule-Free AdamW at its default",
    ),
    optimizer("schedule_free_sgd", lambda p, n: optim.ScheduleFree(p), "Schedule-Free SGD at its default"),
    optimizer(
        "schedule_free_1e-2",
        lambda p, n: optim.ScheduleFree(p, lr=0.01, direction="adamw", warmup_steps=max(1, round(0.05 * n))),
        "Schedule-Free AdamW at 0.01, warm-up",
    ),
    # adaptive
    optimizer("prodigy", lambda p, n: optim.Adam(p, lr=adapt.Prodigy()), "Prodigy over Adam"),
    optimizer(
        "prodigy_cosine", lambda p, n: optim.Adam(p, lr=cosine(1.0, n) * adapt.Prodigy()),
        "Prodigy over Adam, cosine",
    ),
    optimizer(
        "d_adaptation", lambda p, n: optim.Adam(p, lr=adapt.DAdaptation()), "D-Adaptation over Adam",
    ),
    found("find_lr_adam", optim.Adam, "find_lr, then Adam"),
    found("find_lr_adam_cosine", optim.Adam, "find_lr, then Adam with a cosine", cosine),
    found("find_lr_momentum", _momentum, "find_lr, then momentum"),
    found("alrs_adam", optim.Adam, "ALRS (find_lr by signs), then Adam", rule="signs"),
    found("alrs_adam_cosine", optim.Adam, "ALRS, then Adam with a cosine", cosine, rule="signs"),
    found("alrs_momentum", _momentum, "ALRS, then momentum", rule="signs"),
    optimizer("l4adam", lambda p, n: optim.L4Adam(p), "L4 over Adam"),
    optimizer("l4mom", lambda p, n: optim.L4Mom(p), "L4 over momentum"),
    optimizer("tlr", lambda p, n: optim.SGD(p, lr=adapt.TLR()), "TLR"),
    optimizer("tlr_momentum", lambda p, n: _momentum(p, lr=adapt.TLR()), "TLR over momentum"),
    optimizer("tlr_adam", lambda p, n: optim.Adam(p, lr=adapt.TLR()), "TLR over Adam"),
    optimizer("dog", lambda p, n: optim.SGD(p, lr=adapt.DoG()), "DoG"),
    optimizer("dowg", lambda p, n: optim.SGD(p, lr=adapt.DoWG()), "DoWG"),
    optimizer("qlabgrad", lambda p, n: optim.SGD(p, lr=adapt.QLABGrad()), "QLABGrad"),
    optimizer("lqa", lambda p, n: optim.SGD(p, lr=adapt.LQA()), "LQA"),
    optimizer("momo", lambda p, n: optim.SGD(p, lr=adapt.MoMo()), "MoMo"),
    optimizer("momo_adam", lambda p, n: optim.Adam(p, lr=adapt.MoMo()), "MoMo over Adam"),
    optimizer("sps", lambda p, n: optim.SGD(p, lr=adapt.SPS()), "SPS"),
    optimizer("sls", lambda p, n: optim.SGD(p, lr=adapt.SLS()), "SLS"),
    optimizer("hd_adam", lambda p, n: optim.Adam(p, lr=adapt.HD()), "hypergradient descent over Adam"),
    optimizer("newton", lambda p, n: optim.SGD(p, lr=adapt.Newton()), "the line's curvature"),
    optimizer("yellowfin", lambda p, n: optim.SGD(p, lr=adapt.YellowFin()), "YellowFin"),
    optimizer("barzilai_borwein", lambda p, n: optim.SGD(p, lr=adapt.BarzilaiBorwein()), "Barzilai-Borwein"),
    optimizer(
        "stochastic_bb", lambda p, n: optim.SGD(p, lr=adapt.StochasticBarzilaiBorwein()),
        "Barzilai-Borwein over epochs",
    ),
    # from their own packages, on a twin of the network in PyTorch
    torch_optimizer("torch_adamw_1e-3", _torch_adamw, "PyTorch's AdamW at 0.001"),
    torch_optimizer("prodigyopt", _prodigyopt, "Prodigy, its own package", "prodigyopt"),
    torch_optimizer("schedulefree", _schedulefree, "Schedule-Free AdamW, its own package", "schedulefree"),
    torch_optimizer("dadaptation", _dadaptation, "D-Adaptation over Adam, its own package", "dadaptation"),
)
# fmt: on

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
