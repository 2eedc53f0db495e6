"""PyTorch as a contestant."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, replace_all_batch_norm_modules_, vmap

from . import networks, sequence_networks
from .turns import Turn
from .work import Columns, Training, Updates


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; `first` normalizes before them, as WRN does."""

    def __init__(self, inputs: int, outputs: int, stride: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.norm1 = nn.BatchNorm2d(inputs if first else outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = conv if first else nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        relu = nn.functional.relu
        if self.first:
            hidden = relu(self.norm1(x))
            residual = x if self.shortcut is None else self.shortcut(hidden)
            return self.conv2(relu(self.norm2(self.conv1(hidden)))) + residual
        residual = x if self.shortcut is None else self.shortcut(x)
        return relu(self.norm2(self.conv2(relu(self.norm1(self.conv1(x))))) + residual)


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


LAYERS = {
    "linear": nn.Linear,
    "relu": nn.ReLU,
    "pool": lambda: nn.MaxPool2d(2),
    "flatten": nn.Flatten,
    "mean": Mean,
    "norm": nn.BatchNorm2d,
    "conv": lambda k, i, o, stride, padding, bias: nn.Conv2d(i, o, k, stride, padding, bias=bias),
    "preactivated": lambda i, o, stride: Block(i, o, stride, True),
    "residual": lambda i, o, stride: Block(i, o, stride, False),
}


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def network(name: str) -> nn.Module:
    if name.startswith("gpt"):
        return sequence_networks.gpt(nn, attention, torch.arange(sequence_networks.LENGTHS[name]))
    if name in ("lstm", "words"):
        return getattr(sequence_networks, name)(nn)  # type: ignore[no-any-return]
    return nn.Sequential(*(LAYERS[kind](*numbers) for kind, *numbers in networks.NETWORKS[name]))


def optimizer(name: str, parameters: list, fused: bool | None) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam(parameters, lr=1e-3, fused=fused)
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9 * (name == "momentum"), fused=fused)


def training(work: Training, kind: str) -> Turn:
    """kind: "plain" as PyTorch comes, "fused" optimizer, that with "channels-last" images, or "compile"."""
    torch.set_num_threads(work.threads)
    torch.manual_seed(0)
    x, y = map(torch.from_numpy, work.data())
    model = network(work.network).to(getattr(torch, work.dtype))
    if x.is_floating_point() and x.ndim > 2:
        x = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)
        # a permuted view of channels-last data is what PyTorch calls channels-last
        x = x.contiguous(
            memory_format=torch.channels_last if kind == "channels-last" else torch.contiguous_format
        )
    if kind == "channels-last":
        model = model.to(memory_format=torch.channels_last)
    rule = optimizer(work.optimizer, list(model.parameters()), None if kind == "plain" else True)

    def loss(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        outputs = model(inputs)
        return nn.functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), labels.reshape(-1))

    if kind == "compile":
        loss = torch.compile(loss)

    def run(rows: np.ndarray) -> None:
        for batch in torch.from_numpy(rows):
            value = loss(x[batch], y[batch])
            rule.zero_grad(set_to_none=False)
            value.backward()
            rule.step()

    return work.turn(run)


def updates(work: Updates, kind: str = "fused") -> Turn:
    """kind: "fused"; "checked", which refuses gradients that are not finite; else the package of the rule."""
    torch.set_num_threads(work.threads)
    values, gradients = work.arrays()
    parameters = [torch.from_numpy(value).requires_grad_() for value in values]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient)
    if kind in ("fused", "checked"):
        rule: torch.optim.Optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    elif work.rule == "prodigy":
        import prodigyopt

        rule = prodigyopt.Prodigy(parameters)
    elif work.rule == "d-adaptation":
        import dadaptation

        rule = dadaptation.DAdaptAdam(parameters)
    else:
        import schedulefree

        rule = schedulefree.AdamWScheduleFree(parameters)
        rule.train()

    def checked() -> None:
        if torch.isfinite(nn.utils.get_total_norm([p.grad for p in parameters])):
            rule.step()

    return work.turn(checked if kind == "checked" else rule.step)


def hypergradients(work: Columns, kind: str, dtype: torch.dtype = torch.float32) -> Turn:
    """The recursion of FDS; kind: "loop", a double backward a column; "vmap", of forward over reverse."""
    torch.set_num_threads(work.threads)
    torch.manual_seed(0)
    # running statistics cannot be written to under vmap
    model = replace_all_batch_norm_modules_(network(work.network)).to(dtype)
    names = [name for name, _ in model.named_parameters()]
    theta = [p.detach().clone().requires_grad_() for p in model.parameters()]
    x, y = map(torch.from_numpy, work.data())
    x = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x
    x = x.to(dtype)
    v = [torch.zeros_like(p) for p in theta]
    z, c = ([torch.full((10, *p.shape), 1e-3, dtype=dtype) for p in theta] for _ in range(2))

    def products(loss: Any) -> tuple[Any, Any]:
        if kind == "loop":
            g = torch.autograd.grad(loss(theta), theta, create_graph=True)
            found = [torch.autograd.grad(g, theta, [t[j] for t in z], retain_graph=True) for j in range(10)]
            return g, [torch.stack(parts) for parts in zip(*found, strict=True)]
        fixed = tuple(p.detach() for p in theta)
        return vmap(lambda t: jvp(grad(loss), (fixed,), (t,)), out_dims=(None, 0))(tuple(z))

    def step(batch: torch.Tensor) -> None:
        inputs, labels = x[batch], y[batch]

        def loss(p: Any) -> torch.Tensor:
            logits = functional_call(model, dict(zip(names, p, strict=True)), inputs)
            return nn.functional.cross_entropy(logits, labels)

        g, hz = products(loss)
        with torch.no_grad():
            for p, gp, vp, zp, cp, hp in zip(theta, g, v, z, c, hz, strict=True):
                cp.mul_(work.MOMENTUM).add_(hp).add_(zp, alpha=work.DECAY)
                cp[8] += vp
                cp[9] += p
                vp.mul_(work.MOMENTUM).add_(gp).add_(p, alpha=work.DECAY)
                zp.sub_(cp, alpha=work.RATE)
                zp[7] -= vp
                p.sub_(vp, alpha=work.RATE)

    def run(rows: np.ndarray) -> None:
        for batch in torch.from_numpy(rows):
            step(batch)

    return work.turn(run, 1)
