"""Modules that cannot be read: what is wrong, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, DTypeError

INSTEAD = "train it in torch, whose optimizers lrswift.torch.Adapted wraps, with rates that find themselves"

_HOOKS = {
    "_forward_hooks": "forward hook",
    "_forward_pre_hooks": "forward pre-hook",
    "_backward_hooks": "backward hook",
    "_backward_pre_hooks": "backward pre-hook",
}


def check_module(module: Any) -> None:
    """ArgumentTypeError, DTypeError or ArgumentError for a module that cannot be converted."""
    import torch

    if not isinstance(module, torch.nn.Module):
        raise ArgumentTypeError(
            f"from_torch: module: got {type(module).__name__}; allowed: a torch.nn.Module"
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise ArgumentTypeError(
            "from_torch: module: got a ScriptModule; allowed: the torch.nn.Module that it was made of"
        )
    named = [*module.named_parameters(), *module.named_buffers()]
    lazy = [name for name, p in named if torch.nn.parameter.is_lazy(p)]
    if lazy:
        raise ArgumentError(
            f"from_torch: module: has parameters without a shape: {listed(lazy)}; "
            "allowed: a module that was called once, which gives them theirs"
        )
    elsewhere = [f"{name} on {p.device}" for name, p in named if p.device.type != "cpu"]
    if elsewhere:
        raise ArgumentError(
            f"from_torch: module: has {listed(elsewhere)}; allowed: a module on the CPU, as module.cpu() "
            f"makes it, or {INSTEAD} on any device"
        )
    odd = [
        f"{name} of {str(p.dtype)[6:]}"
        for name, p in module.named_parameters()
        if p.dtype not in (torch.float32, torch.float64)
    ]
    if odd:
        raise DTypeError(
            f"from_torch: module: has parameters {listed(odd)}; allowed: float32 or float64, as "
            f"module.float() makes them, or {INSTEAD}"
        )
    dense = [name for name, p in named if p.layout is not torch.strided]
    if dense:
        raise DTypeError(f"from_torch: module: {listed(dense)} are sparse; allowed: dense parameters")
    hooks = list(found_hooks(module))
    if hooks:
        raise ArgumentError(
            f"from_torch: module: has hooks that would be lost: {listed(hooks)}; allowed: a module without "
            f"(handle.remove() takes one off; torch.nn.utils.parametrizations need none), or {INSTEAD}"
        )


def found_hooks(module: Any) -> Iterable[str]:
    """Each hook of a module, its submodules and its parameters."""
    import torch

    for name, part in module.named_modules():
        for attribute, what in _HOOKS.items():
            for hook in getattr(part, attribute, {}).values():
                yield f"a {what} {called(hook)} of {name or 'the module itself'}"
    for name, p in module.named_parameters():
        for attribute in ("_backward_hooks", "_post_accumulate_grad_hooks"):
            if getattr(p, attribute, None):
                yield f"a gradient hook of {name}"
    everywhere = torch.nn.modules.module
    for attribute in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks"):
        for hook in getattr(everywhere, attribute, {}).values():
            yield f"a hook of all modules, {called(hook)}"


def called(hook: Any) -> str:
    return str(getattr(hook, "__name__", type(hook).__name__))


def listed(names: Iterable[str], most: int = 8) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
