"""`optimizer.param_groups`: read as torch's are; what would change nothing is an error."""

import copy
import pickle

import numpy as np
import pytest

import lrswift as lr


def made(**options):
    return lr.optim.SGD(lr.nn.Linear(3, 2).named_parameters(), **{"lr": 0.1, "momentum": 0.9, **options})


WRITES = {
    "set": lambda group: group.__setitem__("lr", 0.01),
    "scaled": lambda group: group.__setitem__("lr", group["lr"] * 0.1),
    "update": lambda group: group.update(lr=0.01),
    "or": lambda group: group.__ior__({"lr": 0.01}),
    "delete": lambda group: group.__delitem__("lr"),
    "setdefault": lambda group: group.setdefault("initial_lr", 0.1),
    "pop": lambda group: group.pop("lr"),
    "popitem": lambda group: group.popitem(),
    "clear": lambda group: group.clear(),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_would_change_nothing_is_refused(name):
    optimizer = made()
    before = dict(optimizer.param_groups[0])
    with pytest.raises(lr.ArgumentError, match="param_groups: .*cannot be set.*allowed: a schedule"):
        WRITES[name](optimizer.param_groups[0])
    assert dict(optimizer.param_groups[0]) == before


def test_it_is_read_as_a_dict():
    (group,) = made(weight_decay=0.2).param_groups
    assert isinstance(group, dict) and group["lr"] == 0.1 and group.get("weight_decay") == 0.2
    assert {**group}["momentum"] == 0.9 and len(group["params"]) == 2


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda group: pickle.loads(pickle.dumps(group))])
def test_a_copy_is_a_plain_dict(way):
    group = made().param_groups[0]
    copied = way(group)
    copied["lr"] = 1.0
    assert type(copied) is dict and group["lr"] == 0.1


@pytest.mark.parametrize("way", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])
def test_a_copied_optimizer_refuses_too(way):
    (group,) = way(made()).param_groups
    with pytest.raises(lr.ArgumentError, match="'lr'"):
        group["lr"] = 1.0


def test_the_way_that_is_named_changes_the_rate():
    """Ten times less from the third step on, by a schedule."""
    x = lr.nn.Parameter(lr.tensor(np.ones(1)))
    optimizer = lr.optim.SGD([x], lr=lr.schedule.Step(0.1, 2, 0.1))
    taken = []
    for _ in range(4):
        optimizer.zero_grad()
        (x * 1.0).sum().backward()
        optimizer.step()
        taken.append(optimizer.lr)
    np.testing.assert_allclose(taken, [0.1, 0.1, 0.01, 0.01])
