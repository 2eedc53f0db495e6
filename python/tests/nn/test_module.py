"""Modules: their trees, states, dtypes and copies."""

import copy

import numpy as np
import pytest

import lrswift as lr

rng = np.random.default_rng(0)


def small() -> lr.nn.Sequential:
    return lr.nn.Sequential(lr.nn.Linear(4, 6), lr.nn.BatchNorm1d(6), lr.nn.ReLU(), lr.nn.Linear(6, 2))


def test_module_tree():
    model = small()
    names = [name for name, _ in model.named_parameters()]
    assert names == ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert [name for name, _ in model.named_buffers()] == ["1.running_mean", "1.running_var"]
    assert model.num_parameters() == 24 + 6 + 6 + 6 + 12 + 2
    model.eval()
    assert not any(m.training for m in model.modules())
    assert "Linear(4, 6)" in repr(model)
    shared = lr.nn.ModuleList([model[0], model[0]])
    assert len(list(shared.parameters())) == 2
    with pytest.raises(TypeError, match="Module"):
        lr.nn.Sequential(3)


def test_state_dict_round_trip_and_atomic_check(tmp_path):
    model, other = small(), small()
    lr.save(tmp_path / "m.safetensors", model)
    state = lr.load(tmp_path / "m.safetensors")
    other.load_state_dict({name: value.astype(np.float64) for name, value in state.items()})
    for name, value in other.state_dict().items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, state[name])
    before = other.state_dict()
    bad = dict(model.state_dict())
    bad["0.weight"] = bad["0.weight"] + 1
    bad["3.bias"] = np.zeros(3)
    with pytest.raises(lr.ShapeError, match=r"3\.bias"):
        other.load_state_dict(bad)
    with pytest.raises(ValueError, match="missing"):
        other.load_state_dict({"0.weight": bad["0.weight"]})
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    other.load_state_dict({"0.weight": bad["0.weight"]}, strict=False)
    np.testing.assert_array_equal(other[0].weight.numpy(), bad["0.weight"])


def test_to_float64_and_copy():
    model = small().to("float64")
    assert {p.dtype for p in model.parameters()} == {np.dtype("float64")}
    assert model[1].running_var.dtype == np.float64
    x = lr.tensor(rng.normal(size=(8, 4)), dtype="float64")
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin(x).numpy(), model(x).numpy())
    twin[0].weight.numpy()[:] = 0
    assert np.abs(model[0].weight.numpy()).max() > 0
    assert isinstance(twin[0].weight, lr.nn.Parameter)
    with pytest.raises(TypeError, match="float32, float64"):
        model.to("int64")
    with pytest.raises(TypeError, match="float64"):
        model(lr.ones(8, 4))
