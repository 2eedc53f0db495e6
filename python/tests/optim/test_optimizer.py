"""Optimizers as objects: groups, names, states, the two loops, and what a failing closure leaves behind."""

import goldens
import numpy as np
import pytest
from reference.problems import CURVATURE
from twins import leaf, quadratic

import lrswift as lr

F = lr.nn.functional


def test_familiar_loop_is_gradient_descent():
    theta, expected = leaf(), np.array([1.0, -2.0, 0.5])
    velocity = np.zeros(3)
    optimizer = lr.optim.SGD([theta], lr=0.02, momentum=0.9, weight_decay=0.1)
    for _ in range(10):
        optimizer.zero_grad()
        quadratic(theta).backward()
        optimizer.step()
        velocity = 0.9 * velocity + CURVATURE * expected + 0.1 * expected
        expected = expected - 0.02 * velocity
    np.testing.assert_allclose(theta.numpy(), expected, rtol=1e-12)
    assert optimizer.lr == 0.02


def test_minimize_equals_the_familiar_loop():
    one, other = leaf(), leaf()
    first, second = lr.optim.L4Adam([one]), lr.optim.L4Adam([other])
    for _ in range(20):
        loss = first.minimize(lambda: quadratic(one))
        second.zero_grad()
        value = quadratic(other)
        value.backward()
        second.step(value)
        assert loss == value.item()
    np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_names():
    model = lr.models.mlp(3, [2], 2)
    assert lr.optim.SGD(model.parameters())._names == ["1.weight", "1.bias", "3.weight", "3.bias"]
    loose = [lr.ones(2, requires_grad=True), lr.ones(3, requires_grad=True)]
    assert lr.optim.SGD(loose)._names == ["param.0", "param.1"]
    assert lr.optim.SGD([("a", loose[0]), ("b", loose[1])])._names == ["a", "b"]
    twice = [*lr.models.mlp(3, [], 2).parameters(), *lr.models.mlp(3, [], 2).parameters()]
    assert lr.optim.SGD(twice)._names == ["1.weight", "1.bias", "param.2", "param.3"]


def test_rates_by_name():
    model = lr.models.mlp(3, [4], 2)
    x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.TLR(initial=0.5, per="tensor", window=1))
    for _ in range(40):
        optimizer.minimize(lambda: F.cross_entropy(model(x), y))
    assert [*optimizer.lr] == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert len(set(optimizer.lr.values())) > 1
    common = lr.optim.SGD(model.parameters(), lr=lr.adapt.TLR(initial=0.25, window=1))
    assert common.lr == 0.25


def test_groups():
    a, b = leaf(), leaf()
    optimizer = lr.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.001, "weight_decay": 1.0}], lr=0.01)
    (quadratic(a) + quadratic(b)).backward()
    optimizer.step()
    theta = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(a.numpy(), theta - 0.01 * CURVATURE * theta, rtol=1e-14)
    np.testing.assert_allclose(b.numpy(), theta - 0.001 * (CURVATURE * theta + theta), rtol=1e-14)
    assert optimizer.param_groups[1]["lr"] == 0.001
    assert optimizer.param_groups[0]["momentum"] == 0.0
    assert optimizer.lr == {"param.0": 0.01, "param.1": 0.001}
    with pytest.raises(ValueError, match="unknown beta; allowed: lr, momentum"):
        optimizer.add_param_group({"params": leaf(), "beta": 1})
    with pytest.raises(ValueError, match="twice"):
        optimizer.add_param_group({"params": a})
    with pytest.raises(TypeError, match="adapter"):
        lr.optim.SGD([{"params": [leaf()], "lr": 0.1}], lr=lr.adapt.L4())


OPTIMIZERS = {
    "momentum": lambda p: lr.optim.SGD(p, lr=0.01, momentum=0.9),
    "adam": lambda p: lr.optim.Adam(p, lr=0.01),
    "l4mom": lambda p: lr.optim.L4Mom(p),
    "tlr": lambda p: lr.optim.SGD(p, lr=lr.adapt.TLR(window=3), momentum=0.5),
    "qlabgrad": lambda p: lr.optim.SGD(p, lr=lr.adapt.QLABGrad(refind_every=3)),
    "naive tlr": lambda p: lr.optim.SGD(p, lr=lr.adapt.NaiveTLR(meta_lr=1e-4)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_goes_on_where_it_stopped(name, tmp_path):
    theta = leaf()
    optimizer = OPTIMIZERS[name]([theta])
    for _ in range(7):
        optimizer.minimize(lambda: quadratic(theta))
    lr.save(tmp_path / "o", optimizer)
    twin = lr.tensor(theta, requires_grad=True)
    resumed = OPTIMIZERS[name]([twin])
    resumed.load_state_dict(lr.load(tmp_path / "o"))
    for _ in range(7):
        assert optimizer.minimize(lambda: quadratic(theta)) == resumed.minimize(lambda: quadratic(twin))
    np.testing.assert_array_equal(theta.numpy(), twin.numpy())
    with pytest.raises(ValueError, match="missing"):
        resumed.load_state_dict({})


@pytest.mark.parametrize("name", ["qlabgrad", "naive tlr"])
def test_closure_that_fails_during_a_probe_changes_nothing(name):
    theta = leaf()
    optimizer = OPTIMIZERS[name]([theta])
    optimizer.minimize(lambda: quadratic(theta))
    before, state = theta.numpy().copy(), optimizer.state_dict()
    calls = []

    def fails():
        calls.append(1)
        if len(calls) == 2:
            raise KeyError("mine")
        return quadratic(theta)

    with pytest.raises(KeyError, match="mine"):
        optimizer.minimize(fails)
    np.testing.assert_array_equal(theta.numpy(), before)
    for key, value in optimizer.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    optimizer.minimize(lambda: quadratic(theta))


def test_probes_share_random_numbers_and_statistics():
    lr.seed(0)
    model = lr.nn.Sequential(lr.nn.Linear(4, 8), lr.nn.BatchNorm1d(8), lr.nn.Dropout(0.5), lr.nn.Linear(8, 2))
    x, y = np.random.default_rng(0).normal(size=(16, 4)), np.arange(16) % 2
    optimizer = lr.optim.SGD(model.parameters(), lr=lr.adapt.QLABGrad())
    seen, statistics = [], []

    def closure():
        seen.append(lr.random.get_state())
        loss = F.cross_entropy(model(x), y)
        statistics.append(model[1].running_mean.numpy().copy())
        return loss

    optimizer.minimize(closure)
    after = lr.random.get_state()
    assert len(seen) >= 2
    assert len(set(seen)) == 1
    assert all((s == statistics[0]).all() for s in statistics)
    assert after == (seen[0][0], seen[0][1] + 1)


def test_step_needs_the_loss_of_an_adapter():
    theta = leaf()
    optimizer = lr.optim.L4Mom([theta])
    quadratic(theta).backward()
    with pytest.raises(TypeError, match="loss: not given"):
        optimizer.step()
    optimizer.step(quadratic(theta).item())


def test_epoch_windows_need_its_length():
    theta = leaf()
    with pytest.raises(ValueError, match="steps_per_epoch"):
        lr.optim.SGD([theta], lr=lr.adapt.TLR()).minimize(lambda: quadratic(theta))
    optimizer = lr.optim.SGD([theta], lr=lr.adapt.TLR(steps_per_epoch=6))
    for _ in range(5):
        optimizer.minimize(lambda: quadratic(theta))
    # windows of 2 steps: the rate first changes before step 5
    assert optimizer.lr == goldens.TLR.rates[1]


def test_skips_are_counted_until_it_diverges():
    theta = leaf()
    optimizer = lr.optim.SGD([theta], lr=0.1)
    before = theta.numpy().copy()
    for _ in range(19):
        assert np.isnan(optimizer.minimize(lambda: quadratic(theta) * float("nan")))
    assert optimizer.skipped_steps == 19
    with pytest.raises(lr.Diverged, match="20 steps in a row"):
        optimizer.minimize(lambda: quadratic(theta) * float("nan"))
    np.testing.assert_array_equal(theta.numpy(), before)
