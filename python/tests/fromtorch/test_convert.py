"""Networks that `from_torch` made against torch's own: values, derivatives, training and state."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch_twins import Twins, apart, array, differentiable_twice, leaves
from torch_zoo import ZOO

import lrswift as lr

pytestmark = pytest.mark.filterwarnings("error::lrswift.loop.recorder.RecordingWarning")
EXAMPLE, BATCH, STEPS = 3, 4, 20


@pytest.fixture(scope="module", params=list(ZOO))
def made(request):
    """(member, module, network); neither may be changed."""
    torch.manual_seed(11)
    member = ZOO[request.param]
    module = member.make().double()
    return member, module, lr.from_torch(module, member.inputs(EXAMPLE))


@pytest.fixture
def twins(made):
    member, module, native = made
    torch.manual_seed(12)
    return member, Twins(copy.deepcopy(module), copy.deepcopy(native), member.output, BATCH)


def test_values_and_derivatives(twins):
    member, pair = twins
    inputs = member.inputs(BATCH)
    targets = pair.targets(inputs)
    native, parameters = pair.native.train(), list(pair.module.train().parameters())
    vectors = [torch.randn_like(p) for p in parameters]
    with differentiable_twice():
        expected = leaves(member.output(pair.module(*inputs)))
        loss = sum(((a - b) ** 2).sum() for a, b in zip(expected, targets, strict=True)) / BATCH
        gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
        along = sum((g * v).sum() for g, v in zip(gradients, vectors, strict=True) if g is not None)
        products = torch.autograd.grad(along, parameters, allow_unused=True)

    found = leaves(member.output(native(*inputs)))
    for a, b in zip(found, expected, strict=True):
        assert apart(a.numpy(), array(b)) < member.near
    ours = pair.ours(inputs, targets)
    assert ours.item() == pytest.approx(loss.item(), rel=member.near)
    ours.backward()
    curved = lr.hvp(
        lambda: pair.ours(inputs, targets),
        pair.parameters(),
        [pair.laid(n, v.numpy()) for n, v in zip(pair.names, vectors, strict=True)],
    )
    for name, p, product, g, hv in zip(
        pair.names, pair.parameters(), curved, gradients, products, strict=True
    ):
        zero = np.zeros(p.shape)
        grad = zero if p.grad is None else p.grad.numpy()
        assert apart(grad, zero if g is None else pair.laid(name, array(g))) < member.near, name
        assert apart(product.numpy(), zero if hv is None else pair.laid(name, array(hv))) < member.near, name


def test_single_precision(twins):
    member, pair = twins
    native, module = pair.native.to("float32").train(), pair.module.float().train()
    inputs = tuple(x.float() if x.is_floating_point() else x for x in member.inputs(BATCH))
    targets = pair.targets(inputs)
    loss = pair.theirs(inputs, targets)
    gradients = torch.autograd.grad(loss, list(module.parameters()), allow_unused=True)
    ours = pair.ours(inputs, targets)
    assert native.training and ours.dtype == np.float32
    assert ours.item() == pytest.approx(loss.item(), rel=1e-4)
    ours.backward()
    for name, p, g in zip(pair.names, pair.parameters(), gradients, strict=True):
        if g is not None:
            assert apart(p.grad.numpy(), pair.laid(name, array(g))) < 1e-4, name


def test_training_steps_and_state(twins):
    """Momentum from the same weights, then statistics, weights back in torch, and evaluation mode."""
    member, pair = twins
    inputs = member.inputs(BATCH * 5)
    targets = pair.targets(inputs)
    count = len(inputs)
    optimizer = torch.optim.SGD(pair.module.train().parameters(), lr=member.rate, momentum=0.9)
    for step in range(STEPS):
        part = slice(step % 5 * BATCH, (step % 5 + 1) * BATCH)
        optimizer.zero_grad()
        pair.theirs([x[part] for x in inputs], [y[part] for y in targets]).backward()
        optimizer.step()

    def loss(model, *arrays):
        made = leaves(member.output(model(*arrays[:count])))
        each = [(a - b).square().sum() for a, b in zip(made, arrays[count:], strict=True)]
        return sum(each[1:], each[0]) / BATCH

    loss.__signature__ = signature(1 + count + len(targets))
    lr.fit(
        pair.native, lr.optim.SGD(pair.native.parameters(), lr=member.rate, momentum=0.9),
        (*(array(x) for x in inputs), *(array(y) for y in targets)), loss=loss, epochs=STEPS // 5,
        batch_size=BATCH, shuffle=False, progress=False,
    )  # fmt: skip
    state = pair.native.state_dict()
    theirs = pair.module.state_dict()
    assert list(state) == list(theirs)
    for name, tensor in theirs.items():
        assert state[name].dtype == tensor.numpy().dtype, name
        assert apart(state[name], tensor.numpy()) < 10 * member.near, name

    other = member.make().double()
    assert pair.native.to_torch(other) is other
    for name, tensor in other.state_dict().items():
        assert np.array_equal(tensor.numpy(), state[name]), name
    other.eval()
    pair.native.eval()
    inputs = member.inputs(BATCH + 1)
    with torch.no_grad(), lr.no_grad():
        expected, found = leaves(member.output(other(*inputs))), leaves(member.output(pair.native(*inputs)))
    for a, b in zip(found, expected, strict=True):
        assert apart(a.numpy(), array(b)) < member.near


def signature(arguments):
    import inspect

    kind = inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature([inspect.Parameter(f"a{i}", kind) for i in range(arguments)])


@pytest.mark.parametrize("name", ["mlp", "lstm", "rotary"])
def test_the_module_stays_as_it_is(name):
    member = ZOO[name]
    module = member.make().double()
    module.train()
    list(module.modules())[-1].eval()
    inputs = member.inputs(EXAMPLE)
    twin, modes = copy.deepcopy(module), [m.training for m in module.modules()]
    attributes = {path: set(vars(part)) for path, part in module.named_modules()}
    parameters = [id(p) for p in module.parameters()]
    before = torch.get_rng_state()
    native = lr.from_torch(module, inputs)
    assert torch.equal(before, torch.get_rng_state())
    assert [m.training for m in native.modules()] == modes == [m.training for m in module.modules()]
    assert attributes == {path: set(vars(part)) for path, part in module.named_modules()}
    assert parameters == [id(p) for p in module.parameters()]
    for key, value in twin.state_dict().items():
        assert torch.equal(value, module.state_dict()[key])
    inputs = member.inputs(BATCH)
    # also what is no state, such as the lists of weights that recurrent networks keep
    assert torch.equal(leaves(module(*inputs))[0], leaves(twin(*inputs))[0])


def test_copies_and_pickles_compute_the_same():
    member = ZOO["gpt"]
    native = lr.from_torch(member.make(), member.inputs(EXAMPLE))
    inputs = member.inputs(BATCH)
    expected = native(*inputs).numpy()
    for twin in (copy.deepcopy(native), pickle.loads(pickle.dumps(native))):
        assert np.array_equal(twin(*inputs).numpy(), expected)
        assert twin.head.weight is twin.wte.weight
        twin.head.weight.assign(lr.zeros(11, 8))
        assert not np.array_equal(twin(*inputs).numpy(), expected)
    assert np.array_equal(native(*inputs).numpy(), expected)


def test_a_pickle_needs_no_torch(tmp_path):
    member = ZOO["dense"]
    native = lr.from_torch(member.make().double().eval(), member.inputs(EXAMPLE))
    inputs = [x.numpy() for x in member.inputs(BATCH)]
    (tmp_path / "given").write_bytes(pickle.dumps((native, inputs)))
    program = (
        "import pickle, sys; sys.modules['torch'] = None\n"
        "net, inputs = pickle.load(open(sys.argv[1], 'rb'))\n"
        "pickle.dump(net(*inputs).numpy(), open(sys.argv[2], 'wb'))"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "given", tmp_path / "made"], check=True)
    assert np.array_equal(pickle.loads((tmp_path / "made").read_bytes()), native(*inputs).numpy())
