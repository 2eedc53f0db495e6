"""Copies of a model with its optimizer train on like the original, to the bit: every rate and direction."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from pairs import PAIRS, label, make
from pairs_resume import problem, step

import lrswift as lr

WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda pair: pickle.loads(pickle.dumps(pair))}


def trained(model, optimizer, x, y, steps):
    losses = [step(optimizer, model, x, y) for _ in range(steps)]
    return losses, [value.tobytes() for value in model.state_dict().values()], states(optimizer)


def states(optimizer):
    return {name: value.tobytes() for name, value in optimizer.state_dict().items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pair", PAIRS, ids=label)
def test_a_copy_trains_on_to_the_bit_and_apart(pair, way):
    model, x, y = problem()
    optimizer = make(pair, model.named_parameters())
    trained(model, optimizer, x, y, 5)
    other, copied = WAYS[way]((model, optimizer))
    assert type(copied) is type(optimizer) and copied.lr == optimizer.lr
    assert [id(t) for g in copied.param_groups for t in g["params"]] == [id(t) for t in other.parameters()]
    before = [value.tobytes() for value in other.state_dict().values()], states(copied)
    whole = trained(model, optimizer, x, y, 5)
    # the original has moved alone
    assert ([value.tobytes() for value in other.state_dict().values()], states(copied)) == before
    assert trained(other, copied, x, y, 5) == whole


def small(seed=0):
    lr.seed(seed)
    return lr.nn.Sequential(lr.nn.Linear(3, 4), lr.nn.BatchNorm1d(4), lr.nn.Linear(4, 1))


X = np.random.default_rng(0).standard_normal((8, 3)).astype("f4")


def loss_of(model):
    return lambda: lr.mean(model(lr.tensor(X)) ** 2)


@pytest.mark.parametrize("way", WAYS)
def test_groups_schedules_clips_and_settings_go_along(way):
    model = small()
    first, second = model.named_parameters(), list(model[2].named_parameters("2"))
    first = [(n, p) for n, p in first if not n.startswith("2")]
    optimizer = lr.optim.SGD(
        [{"params": first, "momentum": 0.5}, {"params": second, "lr": lr.schedule.Step(0.3, step_size=2)}],
        lr=0.1, momentum=0.9, weight_decay=1e-3, clip_norm=0.5,
    )  # fmt: skip
    optimizer.max_skipped = 3
    optimizer.guard(buffers=model.buffers(), explode=5.0)
    for _ in range(3):
        optimizer.minimize(loss_of(model))
    model[0].bias.requires_grad = False
    other, copied = WAYS[way]((model, optimizer))
    assert copied.max_skipped == 3 and repr(copied) == repr(optimizer) and copied.lr == optimizer.lr
    assert not other[0].bias.requires_grad
    assert [g.get("momentum") for g in copied.param_groups] == [0.5, 0.9]
    for _ in range(5):
        assert copied.minimize(loss_of(other)) == optimizer.minimize(loss_of(model))
    assert states(copied) == states(optimizer)
    # the copy's guard puts back the copy's own buffers
    before = [buffer.numpy().copy() for buffer in model.buffers()]
    for _ in range(2):
        optimizer_loss = copied.minimize(lambda: loss_of(other)() * 1e4)
    assert optimizer_loss > 0 and copied.rollbacks > optimizer.rollbacks
    for kept, buffer in zip(before, model.buffers(), strict=True):
        np.testing.assert_array_equal(buffer.numpy(), kept)


@pytest.mark.parametrize("way", WAYS)
def test_gradients_and_the_averaged_point_go_along(way):
    model = small()
    optimizer = lr.optim.ScheduleFree(model.named_parameters(), lr=0.1)
    optimizer.minimize(loss_of(model))
    loss = loss_of(model)()
    optimizer.zero_grad()
    loss.backward()
    other, copied = WAYS[way]((model, optimizer))
    for one, two in ((model, optimizer), (other, copied)):
        two.step(loss.item())
        two.eval()
        one.eval()
    other, again = WAYS[way]((other, copied))
    with pytest.raises(lr.ArgumentError):
        again.step(1.0)
    for one in (optimizer, copied, again):
        one.train()
    assert states(again) == states(optimizer) == states(copied)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_an_optimizer_copied_alone_has_parameters_of_its_own():
    model = small()
    optimizer = lr.optim.Adam(model.named_parameters(), lr=0.1)
    optimizer.minimize(loss_of(model))
    copied = copy.deepcopy(optimizer)
    held = [t for group in copied.param_groups for t in group["params"]]
    assert not {id(t) for t in held} & {id(t) for t in model.parameters()}
    before = [p.numpy().copy() for p in model.parameters()]
    copied.minimize(lambda: sum((lr.sum(t**2) for t in held), lr.tensor(0.0)))
    for value, parameter in zip(before, model.parameters(), strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value)
    copied.add_param_group({"params": [lr.zeros(2, requires_grad=True)]})
    assert len(copied.param_groups) == 2 and len(optimizer.param_groups) == 1


def test_fit_goes_on_with_a_copy():
    y = (X[:, 0] > 0).astype(np.int64)

    def classes():
        lr.seed(0)
        return lr.nn.Sequential(lr.nn.Linear(3, 4), lr.nn.BatchNorm1d(4), lr.nn.Linear(4, 2))

    model = classes()
    optimizer = lr.optim.Adam(model.named_parameters(), lr=lr.adapt.L4())
    lr.fit(model, optimizer, (X, y), batch_size=4, progress=False)
    other, copied = copy.deepcopy((model, optimizer))
    histories = [
        lr.fit(m, o, (X, y), epochs=2, batch_size=4, progress=False)
        for m, o in ((model, optimizer), (other, copied))
    ]
    np.testing.assert_array_equal(histories[0].losses, histories[1].losses)
    assert states(copied) == states(optimizer)


@pytest.mark.parametrize("way", WAYS)
def test_decisions_are_kept_anew(way):
    model = small()
    optimizer = lr.optim.SGD(model.named_parameters(), lr=lr.adapt.L4())
    optimizer.record(capacity=4)
    for _ in range(3):
        optimizer.minimize(loss_of(model))
    other, copied = WAYS[way]((model, optimizer))
    assert len(copied.history["step"]) == 0
    for _ in range(5):
        copied.minimize(loss_of(other))
        optimizer.minimize(loss_of(model))
    assert copied.history["rate"].tolist() == optimizer.history["rate"].tolist()
    assert len(copied.history["step"]) == 4
