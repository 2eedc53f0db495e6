"""L4Mom's direction as a torch optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class EMA(torch.optim.Optimizer):
    """Steps along the bias-corrected average of the gradient: w -= lr m. The direction of L4Mom.

    Args:
        params: tensors, or groups of them, as torch's optimizers take them.
        lr: a number of at least 0. `Adapted` does not use it. Default 0.001.
        betas: (the average's memory,), at least 0 and below 1. Default (0.9,).
        weight_decay: w times it is added to the gradient. Default 0.0.

    Source:
        Rolinek and Martius, "L4" (arXiv 1802.05074), eq. 7.
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float] = (0.9,), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Takes one step on the gradients that the parameters hold.

        Args:
            closure: evaluates the loss and calls backward(). Default None.

        Returns:
            What closure returns, else None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            (beta,) = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(p))
                state["step"] += 1
                gradient = p.grad.add(p, alpha=group["weight_decay"]) if group["weight_decay"] else p.grad
                state["exp_avg"].lerp_(gradient, 1 - beta)
                p.sub_(state["exp_avg"], alpha=group["lr"] / (1 - beta ** state["step"]))
        return loss
