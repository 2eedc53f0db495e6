"""Copies and files of `lrswift.torch.Adapted`: they train on like the original, and share nothing with it."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

import lrswift as lr

A = lr.adapt
RATES: dict[str, Any] = {
    "l4": A.L4(),
    "tlr": A.TLR(window=2),
    "tlr-tensor": A.TLR(0.1, window=1, per="tensor"),
    "hd": A.HD(),
    "bb": A.BarzilaiBorwein(max_lr=0.5),
    "dog": A.DoG(),
    "dowg": A.DoWG(),
    "sps": A.SPS(),
    "qlabgrad": A.QLABGrad(max_lr=0.3),
    "sls": A.SLS(),
    "warm": lr.schedule.WarmUp(6) * A.L4(),
    "constant": lr.schedule.Constant(0.01),
    "prodigy": A.Prodigy(),
    "schedule-free": A.ScheduleFree(0.05),
}
BASES: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "adam": lambda p: torch.optim.Adam(p, weight_decay=0.01),
    "momentum": lambda p: torch.optim.SGD(p, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, momentum=0.5),
    "direction": lambda p: lr.torch.Direction(p, "adam"),
    "ema": lambda p: lr.torch.EMA(p),
}


def network(dropout: float = 0.0) -> torch.nn.Module:
    torch.manual_seed(3)
    layers = [torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Dropout(dropout), torch.nn.Linear(6, 2)]
    return torch.nn.Sequential(*layers)


X = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))


def train(model: torch.nn.Module, adapted: lr.torch.Adapted, steps: int = 3) -> list[Any]:
    found = []
    for _ in range(steps):
        adapted.zero_grad()
        loss = (model(X) ** 2).mean()
        loss.backward()
        adapted.step(loss=loss, loss_closure=lambda: (model(X) ** 2).mean())
        found.append(adapted.lr)
    return [*found, *(p.detach().clone() for p in model.parameters())]


def copied(way: str, pair: Any) -> Any:
    return copy.deepcopy(pair) if way == "deepcopy" else pickle.loads(pickle.dumps(pair))


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("rate", RATES)
def test_a_copy_with_its_model_trains_on_alike(rate: str, way: str) -> None:
    model = network()
    kind = torch.optim.AdamW if rate == "schedule-free" else torch.optim.Adam
    adapted = lr.torch.Adapted(kind(model.parameters(), weight_decay=0.01), lr=RATES[rate])
    train(model, adapted)
    twin, other = copied(way, (model, adapted))
    assert other.param_groups[0]["params"][0] is twin[0].weight
    before = [p.detach().clone() for p in twin.parameters()]
    expected = train(model, adapted)
    assert all(map(torch.equal, before, twin.parameters()))
    found = train(twin, other)
    assert str(found) == str(expected) and all(map(torch.equal, found[3:], expected[3:]))
    state, same = (o.state_dict()["lrswift"] for o in (adapted, other))
    torch.testing.assert_close(same["vectors"], state["vectors"], rtol=0, atol=0)
    assert str(same["machines"]) == str(state["machines"])


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("base", BASES)
def test_copies_of_every_base(base: str, way: str) -> None:
    model = network()
    adapted = lr.torch.Adapted(BASES[base](model.parameters()), lr="l4")
    fresh, first = copied(way, (model, adapted))  # before the first step, too
    expected = train(model, adapted)
    assert str(train(fresh, first)) == str(expected)
    twin, other = copied(way, (model, adapted))
    assert str(train(twin, other)) == str(train(model, adapted))


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_copy_alone_has_parameters_of_its_own(way: str) -> None:
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr="l4")
    train(model, adapted)
    before = [p.detach().clone() for p in model.parameters()]
    other = copied(way, adapted)
    mine = other.param_groups[0]["params"]
    assert all(map(torch.equal, before, mine))
    for p in mine:
        p.grad = torch.ones_like(p)
    other.step(loss=1.0)
    assert not torch.equal(mine[0], before[0])
    assert all(map(torch.equal, before, model.parameters()))


def test_a_copy_with_its_scheduler() -> None:
    """The scheduler's copy drives the copy; hooks stay behind, as with torch's optimizers."""
    model = network()
    adapted = lr.torch.Adapted(torch.optim.SGD(model.parameters()), lr="l4")
    scheduler = torch.optim.lr_scheduler.StepLR(adapted, 1, 0.5)
    seen: list[int] = []
    adapted.register_step_post_hook(lambda *_: seen.append(1))
    train(model, adapted, 1)
    scheduler.step()
    twin, other, also = copy.deepcopy((model, adapted, scheduler))
    assert also.optimizer is other
    rates = []
    for m, optimizer, drives in ((model, adapted, scheduler), (twin, other, also)):
        train(m, optimizer, 1)
        drives.step()
        train(m, optimizer, 1)
        rates.append((optimizer.lr, drives.get_last_lr()))
    assert rates[0] == rates[1] and len(seen) == 3


def test_processes_are_not_copied() -> None:
    class Group:
        def __deepcopy__(self, memo: dict) -> None:
            raise AssertionError("copied")

    adapted = lr.torch.Adapted(torch.optim.SGD(network().parameters()), lr="l4", process_group=Group())
    assert copy.deepcopy(adapted).process_group is adapted.process_group


def test_loading_shares_nothing() -> None:
    """A state given to two optimizers: neither steps in the other's vectors, nor in the state."""
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=A.HD())
    train(model, adapted)
    state = adapted.state_dict()
    kept = copy.deepcopy(state)
    pairs = []
    for _ in range(2):
        twin = copy.deepcopy(model)
        other = lr.torch.Adapted(torch.optim.Adam(twin.parameters()), lr=A.HD())
        other.load_state_dict(state)
        pairs.append((twin, other))
    one, two = (train(*pair) for pair in pairs)
    assert str(one) == str(two)
    assert str(state) == str(kept)
    torch.testing.assert_close(state["state"], kept["state"], rtol=0, atol=0)
    torch.testing.assert_close(state["lrswift"]["vectors"], kept["lrswift"]["vectors"], rtol=0, atol=0)


def damaged() -> dict[str, Callable[[dict], Any]]:
    """What a file may have become, by name: each changes a state in place."""
    first = lambda s: next(iter(s["state"].values()))  # noqa: E731
    own = lambda s: s["lrswift"]  # noqa: E731
    return {
        "vector of another size": lambda s: first(s).update(exp_avg=torch.zeros(3)),
        "vector of whole numbers": lambda s: first(s).update(exp_avg=torch.zeros(6, 4, dtype=torch.int64)),
        "complex vector": lambda s: first(s).update(exp_avg=torch.zeros(6, 4, dtype=torch.cfloat)),
        "sparse vector": lambda s: first(s).update(exp_avg=torch.zeros(6, 4).to_sparse()),
        "vector that is a list": lambda s: first(s).update(exp_avg=[0.0] * 24),
        "vector missing": lambda s: first(s).pop("exp_avg_sq"),
        "counter missing": lambda s: first(s).pop("step"),
        "counter nan": lambda s: first(s).update(step=torch.tensor(torch.nan)),
        "counter infinite": lambda s: first(s).update(step=torch.tensor(torch.inf)),
        "counter negative": lambda s: first(s).update(step=torch.tensor(-1.0)),
        "counter a vector": lambda s: first(s).update(step=torch.zeros(2)),
        "state of no parameter": lambda s: s["state"].update({9: first(s)}),
        "state a list": lambda s: s["state"].update({0: [1]}),
        "states a list": lambda s: s.update(state=[]),
        "groups missing": lambda s: s.pop("param_groups"),
        "groups too many": lambda s: s["param_groups"].append(s["param_groups"][0]),
        "group without parameters": lambda s: s["param_groups"][0].pop("params"),
        "group with too few": lambda s: s["param_groups"][0]["params"].pop(),
        "parameter twice": lambda s: s["param_groups"][0].update(params=[0, 1, 2, 2]),
        "option missing": lambda s: s["param_groups"][0].pop("betas"),
        "option nan": lambda s: s["param_groups"][0].update(eps=torch.nan),
        "option of another form": lambda s: s["param_groups"][0].update(betas=(0.9,)),
        "option a text": lambda s: s["param_groups"][0].update(weight_decay="a"),
        "own part missing": lambda s: s.pop("lrswift"),
        "version": lambda s: own(s).update(version=7),
        "adapter": lambda s: own(s).update(adapter="hd"),
        "adapter missing": lambda s: own(s).pop("adapter"),
        "machine missing": lambda s: own(s)["machines"].pop(),
        "machine's number missing": lambda s: own(s)["machines"][0].popitem(),
        "machine's number unknown": lambda s: own(s)["machines"][0].update(other=1.0),
        "machine's number nan": lambda s: own(s)["machines"][0].update(
            {key: torch.nan for key in own(s)["machines"][0]}
        ),
        "machine's number a text": lambda s: own(s)["machines"][0].update(
            {key: "a" for key in own(s)["machines"][0]}
        ),
        "rates too few": lambda s: own(s)["rates"].pop(),
        "rate nan": lambda s: own(s)["rates"].__setitem__(0, torch.nan),
        "multiplier nan": lambda s: own(s).update(multipliers=[torch.nan]),
        "multipliers missing": lambda s: own(s).pop("multipliers"),
        "steps nan": lambda s: own(s)["steps"].__setitem__(0, torch.nan),
        "steps negative": lambda s: own(s)["steps"].__setitem__(0, -1),
        "steps too few": lambda s: own(s)["steps"].pop(),
        "step nan": lambda s: own(s).update(step=torch.nan),
        "step missing": lambda s: own(s).pop("step"),
        "shapes too few": lambda s: own(s)["shapes"].pop(),
        "own vector of another size": lambda s: own(s)["vectors"].update(start={0: torch.zeros(2)}),
        "own vector of no parameter": lambda s: own(s)["vectors"].update(start={9: torch.zeros(2)}),
        "own vector unknown": lambda s: own(s)["vectors"].update(other={}),
        "own vectors a list": lambda s: own(s).update(vectors=[]),
    }


@pytest.mark.parametrize("what", damaged())
def test_a_damaged_state_is_refused_whole(what: str) -> None:
    """lr.Error, with base, adapter and parameters as they were: they train on like a twin."""
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=A.DoG())
    train(model, adapted)
    state = copy.deepcopy(adapted.state_dict())
    twin, other = copy.deepcopy((model, adapted))
    damaged()[what](state)
    with pytest.raises(lr.Error, match="load_state_dict|state"):
        adapted.load_state_dict(state)
    assert str(train(model, adapted)) == str(train(twin, other))


def test_files_load_without_trust() -> None:
    """weights_only, as torch.load has it by default; and a file of a model that was narrower is cast."""
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=A.HD())
    scheduler = torch.optim.lr_scheduler.ExponentialLR(adapted, 0.9)
    train(model, adapted)
    scheduler.step()
    file = io.BytesIO()
    torch.save({"optimizer": adapted.state_dict(), "scheduler": scheduler.state_dict()}, file)
    file.seek(0)
    found = torch.load(file, weights_only=True)
    plain = [found["optimizer"]]
    while plain:
        item = plain.pop()
        assert type(item) in (dict, list, tuple, float, int, bool, str, type(None), torch.Tensor), type(item)
        plain += item.values() if isinstance(item, dict) else item if isinstance(item, (list, tuple)) else []
    twin = copy.deepcopy(model)
    other = lr.torch.Adapted(torch.optim.Adam(twin.parameters()), lr=A.HD())
    again = torch.optim.lr_scheduler.ExponentialLR(other, 0.9)
    other.load_state_dict(found["optimizer"])
    again.load_state_dict(found["scheduler"])
    for m, o, s in ((model, adapted, scheduler), (twin, other, again)):
        train(m, o, 2)
        s.step()
    assert str(train(twin, other)) == str(train(model, adapted))
    wide = copy.deepcopy(model).double()
    cast = lr.torch.Adapted(torch.optim.Adam(wide.parameters()), lr=A.HD())
    cast.load_state_dict(adapted.state_dict())
    assert cast.state[wide[0].weight]["exp_avg"].dtype is torch.float64
    assert next(iter(cast._directions.last.values())).dtype is torch.float64


def test_a_state_from_before_the_first_step_loads_later() -> None:
    """L4's lowest loss is nan there, for none."""
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr="l4")
    first, values = copy.deepcopy(adapted.state_dict()), copy.deepcopy(model.state_dict())
    expected = train(model, adapted)
    model.load_state_dict(values)
    adapted.load_state_dict(first)
    assert str(train(model, adapted)) == str(expected)


def test_a_whole_method_is_loaded_with_all_its_vectors() -> None:
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr=A.Prodigy())
    train(model, adapted)
    state = copy.deepcopy(adapted.state_dict())
    name = next(iter(state["lrswift"]["vectors"]))
    del state["lrswift"]["vectors"][name]
    with pytest.raises(lr.ArgumentError, match=f"vectors '{name}' of parameter 0 are missing"):
        adapted.load_state_dict(state)


def test_copies_look_at_their_own_gradients() -> None:
    """L4 sees that gradients are clipped, in the copy and the original, each by its own."""
    model = network()
    adapted = lr.torch.Adapted(torch.optim.Adam(model.parameters()), lr="l4")

    def clipped(m: torch.nn.Module, optimizer: lr.torch.Adapted) -> list[Any]:
        found = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = (m(X) ** 2).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(m.parameters(), 0.01)
            optimizer.step(loss=loss)
            found.append(optimizer.lr)
        return found

    clipped(model, adapted)
    twin, other = copy.deepcopy((model, adapted))
    assert clipped(twin, other) == clipped(model, adapted)
