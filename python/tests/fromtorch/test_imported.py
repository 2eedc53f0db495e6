"""The network as a module: names, state, modes, inputs, dtypes, and the way back into torch."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_twins import apart, array

import lrswift as lr


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(4, 4, bias=False)
        self.decode = nn.Linear(4, 4, bias=False)
        self.decode.weight = self.encode.weight
        self.same = self.encode
        self.conv = nn.Conv2d(1, 2, (1, 3))
        self.norm = nn.BatchNorm2d(2)
        self.register_buffer("table", torch.arange(4), persistent=True)
        self.register_buffer("scale", torch.full((4,), 2.0), persistent=False)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        y = self.same(self.decode(self.encode(x))) * self.scale + self.table
        return {"a": self.drop(y), "b": (self.norm(self.conv(y[:, None, None])), None)}


@pytest.fixture
def module():
    torch.manual_seed(5)
    return Tied()


@pytest.fixture
def native(module):
    return lr.from_torch(module, torch.randn(3, 4))


def test_names_shapes_and_dtypes_are_torchs(module, native):
    state, theirs = native.state_dict(), module.state_dict()
    assert list(state) == list(theirs)
    for name, tensor in theirs.items():
        assert state[name].dtype == tensor.numpy().dtype and np.array_equal(state[name], tensor.numpy())
    assert [n for n, _ in native.named_modules()] == [n for n, _ in module.named_modules()]
    assert [n for n, _ in native.named_parameters()] == [n for n, _ in module.named_parameters()]
    assert native.num_parameters() == sum(p.numel() for p in module.parameters())
    assert (
        repr(native).splitlines()[1].strip() == "(encode): Linear(in_features=4, out_features=4, bias=False)"
    )


def test_shared_weights_are_shared(module, native):
    assert native.encode.weight is native.decode.weight and native.same is native.encode
    native.encode.weight.assign(lr.ones(4, 4))
    assert (native.state_dict()["decode.weight"] == 1).all()
    native.to("float64")
    assert native.encode.weight is native.decode.weight


def test_state_goes_round(module, native):
    torch.manual_seed(6)
    other = Tied()
    native.load_state_dict(other.state_dict())
    x = torch.randn(5, 4)
    other.eval(), native.eval()
    assert apart(native(x)["a"].numpy(), array(other(x)["a"])) < 1e-6
    back = native.to_torch(Tied())
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name])
    assert back.encode.weight is back.decode.weight


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda s: s.pop("conv.weight"), lr.ArgumentError, "missing ['conv.weight']"),
        (lambda s: s.update(more=np.zeros(2)), lr.ArgumentError, "unknown ['more']"),
        (lambda s: s.update({"conv.weight": np.zeros((1, 3, 1, 2))}), lr.ShapeError, "allowed: (2, 1, 1, 3)"),
        (lambda s: s.update({"norm.num_batches_tracked": np.zeros(1)}), lr.ShapeError, "allowed: ()"),
        (lambda s: s.update({"conv.bias": np.array(["a", "b"])}), lr.DTypeError, "allowed: numbers"),
        (lambda s: s.update({"decode.weight": np.ones((4, 4))}), lr.ArgumentError, "are one tensor"),
    ],
)
def test_state_that_does_not_fit(native, change, error, text):
    before, state = native.state_dict(), native.state_dict()
    state["encode.weight"] = state["encode.weight"] + 1
    state["decode.weight"] = state["same.weight"] = state["encode.weight"]
    change(state)
    with pytest.raises(error) as caught:
        native.load_state_dict(state)
    assert text in str(caught.value)
    for name, value in native.state_dict().items():
        assert np.array_equal(value, before[name])


def test_a_torch_module_that_does_not_fit(native):
    with pytest.raises(lr.ArgumentTypeError, match="to_torch"):
        native.to_torch(3)
    with pytest.raises(lr.ArgumentError, match="has not"):
        native.to_torch(nn.Linear(4, 4))
    wrong = Tied()
    wrong.conv = nn.Conv2d(1, 2, (3, 1))
    before = copy.deepcopy(wrong.state_dict())
    with pytest.raises(lr.ShapeError, match="conv.weight"):
        native.to_torch(wrong)
    assert all(torch.equal(v, before[k]) for k, v in wrong.state_dict().items())


def test_statistics_and_counters(module, native):
    module.train(), native.train()
    for _ in range(3):
        x = torch.randn(6, 4)
        with torch.no_grad():
            module.drop.eval(), native.drop.eval()
            module(x), native(x)
    state = native.state_dict()
    for name in ("norm.running_mean", "norm.running_var"):
        assert apart(state[name], module.state_dict()[name].numpy()) < 1e-6
    assert state["norm.num_batches_tracked"] == 3
    native.eval()
    native(x)
    assert native.state_dict()["norm.num_batches_tracked"] == 3
    native.train()
    native.norm.eval()
    native(x)
    assert native.state_dict()["norm.num_batches_tracked"] == 3


def test_dropout_follows_modes_of_its_module(native):
    x = torch.randn(50, 4)
    native.eval()
    whole = native(x)["a"].numpy()
    native.train()
    lr.seed(1)
    dropped = native(x)["a"].numpy()
    zeros = (dropped == 0).mean()
    assert 0.35 < zeros < 0.65
    assert np.allclose(dropped[dropped != 0], 2 * whole[dropped != 0])
    native.drop.eval()
    assert np.array_equal(native(x)["a"].numpy(), whole)


def test_frozen_parameters_stay_frozen(module):
    module.conv.requires_grad_(False)
    native = lr.from_torch(module, torch.randn(3, 4))
    assert [p.requires_grad for p in native.conv.parameters()] == [False, False]
    assert native.encode.weight.requires_grad


def test_inputs(native):
    native.eval()
    x = torch.randn(2, 4)
    expected = native(x)["a"].numpy()
    for given in (x.numpy(), lr.tensor(x.numpy())):
        assert np.array_equal(native(given)["a"].numpy(), expected)
    for wrong in (torch.randn(2, 5), torch.randn(4), torch.randn(2, 1, 4)):
        with pytest.raises(lr.ShapeError, match=r"allowed: \[N, 4\]"):
            native(wrong)
    with pytest.raises(lr.ArgumentError, match="got 2 inputs"):
        native(x, x)


class Named(nn.Module):
    def forward(self, ids, weight=None, scale=2.0):
        return F.one_hot(ids, 5).float() * scale if weight is None else F.embedding(ids, weight)


def test_inputs_by_name():
    ids, weight = torch.tensor([[1, 2], [3, 0], [4, 4]]), torch.randn(5, 2)
    native = lr.from_torch(Named(), {"ids": ids, "weight": weight})
    assert apart(native(ids=ids[:2], weight=weight).numpy(), weight[ids[:2]].numpy()) == 0
    with pytest.raises(lr.ArgumentError, match="allowed: ids, weight by name"):
        native(ids=ids)
    with pytest.raises(lr.DTypeError, match="integers or bool"):
        native(ids=ids.float(), weight=weight)


def test_inputs_that_are_no_tensors():
    ids = torch.tensor([[1, 2], [3, 0]])
    native = lr.from_torch(Named(), (ids, None, 3.0))
    assert native(ids, None, 3.0).numpy().max() == 3
    with pytest.raises(lr.ArgumentError, match=r"got 2.0; allowed: 3.0"):
        native(ids, None, 2.0)


class TwoWays(nn.Module):
    """Another function in train mode than in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 3)

    def forward(self, x):
        if self.training:
            return self.net(x) + torch.randn(x.shape[0], 3)
        return self.net(x).softmax(1)


def test_each_mode_has_its_own_graph():
    module = TwoWays()
    native = lr.from_torch(module, torch.randn(4, 3))
    x = torch.randn(1000, 3)
    module.eval(), native.eval()
    assert apart(native(x).numpy(), array(module(x))) < 1e-6
    native.train()
    noise = native(x).numpy() - array(module.net(x))
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.1


class Always(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)


def test_dropout_that_is_always_on():
    native = lr.from_torch(Always(), torch.ones(4, 3)).eval()
    assert set(np.unique(native(torch.ones(50, 3)).numpy())) == {0, 2}


def test_another_precision(module, native):
    native.to("float64").eval()
    module.double().eval()
    x = torch.randn(3, 4, dtype=torch.float64)
    found = native(x)["a"]
    assert found.dtype == np.float64 and apart(found.numpy(), array(module(x)["a"])) < 1e-12
    assert native.state_dict()["norm.num_batches_tracked"].dtype == np.int64


class Distilled(nn.Module):
    """A teacher that learns nothing."""

    def __init__(self):
        super().__init__()
        self.teacher, self.student = nn.Linear(3, 3), nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        with torch.no_grad():
            y = self.norm(self.teacher(x)).relu()
            z = y * 2
        return (self.student(x) - y) * z


def test_what_stands_under_no_grad_learns_nothing():
    module = Distilled().double()
    native = lr.from_torch(module, torch.randn(3, 3, dtype=torch.float64))
    x = torch.randn(5, 3, dtype=torch.float64)
    expected, found = module(x), native(x)
    assert apart(found.numpy(), array(expected)) < 1e-12
    expected.square().sum().backward()
    found.square().sum().backward()
    assert native.teacher.weight.grad is None and native.norm.weight.grad is None
    assert apart(native.student.weight.grad.numpy(), module.student.weight.grad.numpy()) < 1e-12
    assert np.array_equal(native.state_dict()["norm.num_batches_tracked"], 1)


class Draws(nn.Module):
    def forward(self, x):
        return (
            torch.empty_like(x).normal_(1, 2), x.new_empty(x.shape).uniform_(2, 4), torch.rand_like(x),
            torch.empty(x.shape).exponential_(0.5), torch.empty(x.shape).bernoulli_(0.3),
            torch.bernoulli(torch.full_like(x, 0.7) + x * 0),
        )  # fmt: skip


def test_numbers_are_drawn_as_torch_draws_them():
    native = lr.from_torch(Draws(), torch.randn(3, 4))
    lr.seed(3)
    x = torch.randn(5000, 4)
    for found, again, expected in zip(native(x), native(x), Draws()(x), strict=True):
        a, b = found.numpy(), expected.numpy()
        assert abs(a.mean() - b.mean()) < 0.08 and abs(a.std() - b.std()) < 0.08
        assert not np.array_equal(a, again.numpy())


def test_alpha_dropout_keeps_mean_and_variance():
    native = lr.from_torch(nn.AlphaDropout(0.3), torch.randn(3, 4))
    x = torch.randn(20000, 4)
    made = native.train()(x).numpy()
    assert abs(made.mean()) < 0.03 and abs(made.std() - 1) < 0.03
    dropped = np.isclose(made, np.median(np.round(made[made < -1], 5)), atol=1e-4)
    assert 0.27 < dropped.mean() < 0.33
    assert np.array_equal(native.eval()(x).numpy(), x.numpy())


class DropsALayer(nn.Module):
    """Stochastic depth, as torchvision and others write it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        y = self.layer(x)
        if self.training:
            noise = y.new_empty((x.shape[0], 1)).bernoulli_(0.75)
            noise.div_(0.75)
            y = y * noise
        y += x
        return y


def test_layers_that_are_dropped_at_random():
    module = DropsALayer()
    native = lr.from_torch(module, torch.randn(3, 3))
    x = torch.randn(2000, 3)
    whole = array(module.layer(x))
    kept = (native.train()(x).numpy() - x.numpy()) / whole
    assert 0.2 < (np.abs(kept) < 1e-3).mean() < 0.3
    assert apart(kept[np.abs(kept) > 0.1], np.full((np.abs(kept) > 0.1).sum(), 4 / 3)) < 1e-2
    assert apart(native.eval()(x).numpy(), whole + x.numpy()) < 1e-6


class Unlucky(nn.Module):
    """Its parts are called as methods and attributes of ours."""

    def __init__(self):
        super().__init__()
        self.paths, self.inputs, self.tensor_of = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.kind = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.paths(x) + self.inputs(x) * self.kind - self.tensor_of(x)


def test_any_names():
    module = Unlucky()
    native = lr.from_torch(module, torch.randn(3, 3))
    x = torch.randn(4, 3)
    assert apart(native(x).numpy(), array(module(x))) < 1e-6
    assert list(native.state_dict()) == list(module.state_dict())
    assert [n for n, _ in native.named_parameters()] == [n for n, _ in module.named_parameters()]
    copy.deepcopy(native).to_torch(Unlucky())


class Fixed(nn.Module):
    def forward(self, x):
        return x.reshape(2, -1).sum(0) + x.reshape(4, -1).sum(0)[0]


def test_a_batch_that_is_fixed_is_told():
    native = lr.from_torch(Fixed(), torch.randn(4, 3))
    x = torch.randn(4, 3)
    assert apart(native(x).numpy(), Fixed()(x).numpy()) < 1e-6
    with pytest.raises(lr.ShapeError, match="allowed: "):
        native(torch.randn(3, 3))
