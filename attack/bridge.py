"""Random programs over `lrswift.torch.Adapted`, beside the bare optimizer of torch.

    python attack/bridge.py [--seed S] [--cases N | --seconds T]

After each step the bare optimizer, set to the weights before, the same gradients and the rate that `Adapted`
reports in group["lr"], must arrive at the same weights: whatever base, rate, layout of groups, dtype,
clipping, scheduler, frozen parameter, copy or checkpoint came before. States of another size, dtype or number
of parameters must be refused (by lrswift.Error, TypeError or ValueError, or torch's RuntimeError), everything
as it was.
"""

from __future__ import annotations

import copy
import io
import pickle
import random
import warnings
from collections.abc import Callable
from typing import Any

import torch
from support.campaign import REFUSED, SURVIVED, Attack, Lost, Silent, main

import lrswift as lr

CLEAN = (lr.Error, TypeError, ValueError)
BASES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8, nesterov=True),
    "dampened": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, dampening=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "adam-foreach": lambda p: torch.optim.Adam(p, lr=1e-3, foreach=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.1),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
    "rmsprop-centered": lambda p: torch.optim.RMSprop(p, lr=1e-3, centered=True, momentum=0.5),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "nadam": lambda p: torch.optim.NAdam(p, lr=1e-3),
    "adamax": lambda p: torch.optim.Adamax(p, lr=1e-3),
}
# kept small, so that weights stay where float32 tells rates apart
RATES: dict[str, Callable[[], Any]] = {
    "l4": lambda: lr.adapt.L4(max_lr=0.1), "number": lambda: 0.003, "sps": lambda: lr.adapt.SPS(max_lr=0.05),
    "qlabgrad": lambda: lr.adapt.QLABGrad(max_lr=0.05), "hd": lambda: lr.adapt.HD(initial=1e-3, max_lr=0.05),
    "tlr": lambda: lr.adapt.TLR(initial=1e-3, bound=0.01, window=1),
    "tlr per tensor": lambda: lr.adapt.TLR(initial=1e-3, bound=0.01, window=1, per="tensor"),
    "tlr per group": lambda: lr.adapt.TLR(initial=1e-3, bound=0.01, window=2, per="group"),
    "bb": lambda: lr.adapt.BarzilaiBorwein(initial=1e-3, max_lr=0.05),
    "cosine": lambda: lr.schedule.Cosine(0.01, steps=20), "lqa": lambda: lr.adapt.LQA(max_lr=0.05),
    "dog": lambda: lr.adapt.DoG(max_lr=0.05), "warm": lambda: lr.schedule.WarmUp(5) * lr.adapt.L4(max_lr=0.1),
}  # fmt: skip


class Program:
    """A model, its optimizer, and the words of what has been done so far."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.log = rng, []
        torch.manual_seed(rng.randrange(2**31))
        self.dtype = rng.choice([torch.float32, torch.float32, torch.float64])
        width = rng.choice([1, 3, 16, 40])
        self.model = torch.nn.Sequential(
            torch.nn.Linear(6, width), torch.nn.Tanh(), torch.nn.Linear(width, width), torch.nn.Tanh(),
            torch.nn.Linear(width, 2),
        ).to(self.dtype)  # fmt: skip
        self.base = rng.choice(sorted(BASES))
        self.rate = rng.choice(sorted(RATES))
        self.x = torch.randn(16, 6, dtype=self.dtype)
        self.y = torch.randn(16, 2, dtype=self.dtype)
        self.optimizer = lr.torch.Adapted(BASES[self.base](self.groups()), lr=RATES[self.rate]())
        self.scheduler: Any = None
        self.refused = 0

    def groups(self) -> Any:
        held = list(self.model.parameters())
        layout = self.rng.choice(["one", "two", "each", "named"])
        self.log.append(layout)
        if layout == "two":
            return [{"params": held[:2]}, {"params": held[2:]}]
        if layout == "each":
            return [{"params": [p]} for p in held]
        return list(self.model.named_parameters()) if layout == "named" else held

    def loss(self) -> torch.Tensor:
        return ((self.model(self.x) - self.y) ** 2).mean()

    def fail(self, kind: type[Exception], words: str) -> None:
        raise kind(f"{self.base} with {self.rate}, {self.dtype}, {self.log}: {words}")

    def step(self) -> None:
        """A step, in one of the ways that torch's users have, and the bare optimizer beside it."""
        way = self.rng.choice(["loss", "observe", "closure"])
        clip = self.rng.choice([None, None, 0.1, 10.0])
        self.log.append(f"{way}{'' if clip is None else f' clip {clip}'}")
        params = [p for g in self.optimizer.param_groups for p in g["params"]]
        before = [p.detach().clone() for p in params]
        bare = copy.deepcopy(self.optimizer.base)

        def clipped() -> None:
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(params, clip)

        def closure() -> torch.Tensor:
            self.optimizer.zero_grad()
            loss = self.loss()
            if loss.requires_grad:
                loss.backward()
                clipped()
            return loss

        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            gradients = self.stepped(way, closure, params)
        if any("not taken" in str(warning.message) for warning in told):
            self.refused += 1
            self.unchanged(before, "a step that is said not to be taken")
            return
        taken = [float(g["lr"]) for g in self.optimizer.param_groups]
        if self.scheduler is not None:
            self.scheduler.step()
        self.compare(params, before, gradients, bare, taken)

    def stepped(self, way: str, closure: Callable[[], torch.Tensor], params: list[Any]) -> list[Any]:
        """Takes the step; the gradients that it was to be taken on."""
        if way == "closure":
            closure()
            gradients = [None if p.grad is None else p.grad.detach().clone() for p in params]
            self.optimizer.step(closure)
        else:
            loss = closure()
            gradients = [None if p.grad is None else p.grad.detach().clone() for p in params]
            if way == "observe" and not self.optimizer._probes:
                self.optimizer.observe(loss)
                self.optimizer.step()
            else:
                self.optimizer.step(loss=loss, loss_closure=self.loss)
        return gradients

    def compare(
        self, params: list[Any], before: list[Any], gradients: list[Any], bare: Any, taken: list[float]
    ) -> None:
        if len({id(g) for g in params}) != len(params):
            return
        rates = self.optimizer.lr
        per_tensor = isinstance(rates, dict) and "per tensor" in self.rate
        others = [p for g in bare.param_groups for p in g["params"]]
        for p, value, gradient in zip(others, before, gradients, strict=True):
            p.data.copy_(value)
            p.grad = gradient
        if per_tensor:
            # one mean a group is told there; each tensor's own rate is not compared
            return
        for group, rate in zip(bare.param_groups, taken, strict=True):
            group["lr"] = rate
        bare.step()
        for i, (p, wanted, start) in enumerate(zip(params, others, before, strict=True)):
            moved = (wanted - start).abs().max().item() if p.numel() else 0.0
            size = start.abs().max().item() if p.numel() else 0.0
            eps = torch.finfo(p.dtype).eps
            part, ulps = (1e-4, 8) if p.dtype == torch.float32 else (1e-7, 64)
            allowed = part * moved + ulps * eps * (size + moved)
            far = (p.detach() - wanted).abs().max().item() if p.numel() else 0.0
            if not far <= allowed:
                self.fail(
                    Silent, f"parameter {i} is {far:.3g} from torch's at rate {taken} (moved {moved:.3g})"
                )

    # ---- what may come between two steps ----
    def reload(self) -> None:
        file = io.BytesIO()
        torch.save(self.optimizer.state_dict(), file)
        file.seek(0)
        before = self.optimizer.lr
        self.optimizer.load_state_dict(torch.load(file, weights_only=True))
        if self.optimizer.lr != before:
            self.fail(Silent, f"a state put back has rates {self.optimizer.lr}, before {before}")

    def copied(self) -> None:
        if self.scheduler is not None:
            return
        self.model, self.optimizer = copy.deepcopy((self.model, self.optimizer))

    def pickled(self) -> None:
        if self.scheduler is not None:
            return
        self.model, self.optimizer = pickle.loads(pickle.dumps((self.model, self.optimizer)))

    def freeze(self) -> None:
        p = self.rng.choice(list(self.model.parameters())[:-1])
        p.requires_grad_(not p.requires_grad)

    def no_gradients(self) -> None:
        self.optimizer.zero_grad(set_to_none=self.rng.random() < 0.5)

    def assign(self) -> None:
        """Other memory of the same size: an assignment that is allowed."""
        p = self.rng.choice(list(self.model.parameters()))
        p.data = p.data.clone().t().contiguous().t() if p.ndim == 2 else p.data.clone()

    def schedule(self) -> None:
        if self.scheduler is None and self.rng.random() < 0.5:
            self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.95)

    def not_finite(self) -> None:
        """A step with a gradient that is not finite changes nothing."""
        self.optimizer.zero_grad()
        loss = self.loss()
        if not loss.requires_grad:
            return
        loss.backward()
        given = [p for p in self.model.parameters() if p.grad is not None]
        gradient = self.rng.choice(given).grad
        gradient[(0,) * gradient.ndim] = float(self.rng.choice(["nan", "inf"]))
        before = [p.detach().clone() for p in self.model.parameters()]
        self.optimizer.step(loss=loss, loss_closure=self.loss)
        self.unchanged(before, "a step with a gradient that is not finite")
        for state in self.optimizer.base.state.values():
            for name, value in state.items():
                if torch.is_tensor(value) and not torch.isfinite(value).all():
                    self.fail(Lost, f"{name} is not finite after a gradient that was not")

    def unchanged(self, before: list[torch.Tensor], what: str) -> None:
        for a, b in zip(before, self.model.parameters(), strict=True):
            if not torch.equal(a, b):
                self.fail(Lost, f"{what} has changed a parameter")

    def wrong_state(self) -> None:
        """A state that does not fit: refused now or at the next step, all as before."""
        state = copy.deepcopy(self.optimizer.state_dict())
        tensors = [(k, n) for k, s in state["state"].items() for n, v in s.items()
                   if torch.is_tensor(v) and v.ndim]  # fmt: skip
        if not tensors:
            return
        key, name = self.rng.choice(tensors)
        held = state["state"][key][name]
        how = self.rng.choice(["smaller", "larger", "empty", "gone", "text", "group"])
        state["state"][key][name] = {
            "smaller": held.reshape(-1)[: held.numel() // 2].clone(),
            "larger": torch.cat([held.reshape(-1)] * 3),
            "empty": held.new_zeros(0), "gone": None, "text": "x", "group": held,
        }[how]  # fmt: skip
        if how == "smaller" and held.numel() < 2 or how == "gone" and "momentum" in name:
            return
        if how == "group":
            state["param_groups"] = state["param_groups"][:-1]
        self.refuse(f"state {name} {how}", lambda: self.taken(state))

    def taken(self, state: Any) -> None:
        """Loads a state and steps on it: what a load lets pass, the step may still refuse."""
        self.optimizer.load_state_dict(state)
        self.optimizer.zero_grad()
        loss = self.loss()
        if not loss.requires_grad:
            raise ValueError("nothing to step on")
        loss.backward()
        self.optimizer.step(loss=loss, loss_closure=self.loss)

    def refuse(self, what: str, work: Callable[[], object]) -> None:
        before = [p.detach().clone() for p in self.model.parameters()]
        kept = copy.deepcopy(self.optimizer.state_dict())
        try:
            work()
        except (*CLEAN, RuntimeError):
            self.refused += 1
            self.unchanged(before, f"{what}, refused,")
            if not same(kept, self.optimizer.state_dict()):
                self.fail(Lost, f"{what} is refused, but the state has changed")
            return
        self.fail(Silent, f"{what} is taken")

    def resized(self) -> None:
        """`p.data` of another size, with a gradient of its old one."""
        p = self.rng.choice(list(self.model.parameters()))
        self.optimizer.zero_grad()
        loss = self.loss()
        if not loss.requires_grad or not p.requires_grad:
            return
        loss.backward()
        held = p.data
        smaller = torch.zeros(max(1, held.numel() // 2), dtype=held.dtype)
        if smaller.shape == held.shape:
            return
        p.data = smaller
        try:
            self.optimizer.step(loss=loss.detach(), loss_closure=lambda: loss.detach())
        except (*CLEAN, RuntimeError):
            self.refused += 1
            p.data = held
            return
        self.fail(Silent, "a parameter that has shrunk is stepped with its old gradient")

    def retyped(self) -> None:
        """`model.double()` or back, with a state of the old dtype: converted, or refused."""
        other = torch.float64 if self.dtype == torch.float32 else torch.float32
        self.model.to(other)
        self.x, self.y = self.x.to(other), self.y.to(other)
        self.optimizer.zero_grad()
        loss = self.loss()
        before = [p.detach().clone() for p in self.model.parameters()]
        if loss.requires_grad:
            loss.backward()
            try:
                self.optimizer.step(loss=loss, loss_closure=self.loss)
            except (*CLEAN, RuntimeError):
                self.refused += 1
                self.unchanged(before, "a step in another dtype, refused,")
                self.model.to(self.dtype)
                self.x, self.y = self.x.to(self.dtype), self.y.to(self.dtype)
                return
            if not all(torch.isfinite(p).all() for p in self.model.parameters()):
                self.fail(Silent, "weights that are not finite after a change of dtype")
        self.dtype = other


def same(a: Any, b: Any) -> bool:
    if torch.is_tensor(a):
        return torch.is_tensor(b) and a.shape == b.shape and a.dtype == b.dtype and bool(torch.equal(a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


ACTIONS = [
    "reload", "copied", "pickled", "freeze", "no_gradients", "assign", "schedule", "not_finite",
    "wrong_state", "resized", "retyped",
]  # fmt: skip


def case(rng: random.Random) -> str:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    program = Program(rng)
    for _ in range(rng.randint(3, 25)):
        if rng.random() < 0.55:
            program.step()
            continue
        action = rng.choice(ACTIONS)
        program.log.append(action)
        try:
            getattr(program, action)()
        except (Lost, Silent):
            raise
        except Exception as error:
            error.args = (f"{program.base} with {program.rate}, {program.log}: {error}",)
            raise
    return REFUSED if program.refused else SURVIVED


if __name__ == "__main__":
    main(Attack("bridge", case, timeout=60, batch=50, count=300))
