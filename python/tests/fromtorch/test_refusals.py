"""Modules that cannot be read: the message says what, and what to do; the module stays as it was."""

import copy

import pytest
import torch
from torch import nn

import lrswift as lr

X = torch.randn(4, 3)


def refused(module, error=lr.ArgumentError, inputs=X):
    """The message. The module's values, modes and attributes are those of before."""
    before = copy.deepcopy(module.state_dict()) if isinstance(module, nn.Module) else {}
    modes = [m.training for m in module.modules()] if isinstance(module, nn.Module) else []
    with pytest.raises(error) as caught:
        lr.from_torch(module, inputs)
    if isinstance(module, nn.Module):
        assert modes == [m.training for m in module.modules()]
        for name, value in module.state_dict().items():
            if not nn.parameter.is_lazy(value) and value.device.type == "cpu":
                assert torch.equal(value, before[name])
    return str(caught.value)


def test_no_module():
    assert "got function; allowed: a torch.nn.Module" in refused(lambda x: x, lr.ArgumentTypeError)


def test_hooks():
    for register, what in (
        ("register_forward_hook", "a forward hook seen of 0"),
        ("register_forward_pre_hook", "a forward pre-hook seen of 0"),
        ("register_full_backward_hook", "a backward hook seen of 0"),
        ("register_full_backward_pre_hook", "a backward pre-hook seen of 0"),
    ):
        module = nn.Sequential(nn.Linear(3, 2))

        def seen(*_):
            raise AssertionError("a hook was called")

        handle = getattr(module[0], register)(seen)
        message = refused(module)
        assert what in message and "lrswift.torch.Adapted" in message
        handle.remove()
        lr.from_torch(module, X)


def test_hooks_of_parameters():
    module = nn.Linear(3, 2)
    handle = module.weight.register_hook(lambda grad: grad * 0)
    assert "a gradient hook of weight" in refused(module)
    handle.remove()
    module.bias.register_post_accumulate_grad_hook(lambda p: None)
    assert "a gradient hook of bias" in refused(module)


def test_another_device():
    message = refused(nn.Linear(3, 2, device="meta"))
    assert "weight on meta, bias on meta" in message and "module.cpu()" in message
    assert "lrswift.torch.Adapted" in message


def test_an_example_on_another_device():
    assert "a tensor is on meta" in refused(nn.Linear(3, 2), inputs=X.to("meta"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.complex64])
def test_parameters_of_other_dtypes(dtype):
    message = refused(nn.Linear(3, 2).to(dtype), lr.DTypeError)
    assert f"weight of {str(dtype)[6:]}" in message and "module.float()" in message


def test_parameters_of_whole_numbers():
    module = nn.Linear(3, 2)
    module.table = nn.Parameter(torch.arange(3), requires_grad=False)
    assert "table of int64" in refused(module, lr.DTypeError)


def test_parameters_without_a_shape():
    assert "called once" in refused(nn.LazyLinear(2))


def test_no_example():
    assert "holds no tensor" in refused(nn.Linear(3, 2), lr.ArgumentTypeError, ())
    assert "got list" not in refused(nn.Linear(3, 2), lr.ArgumentTypeError, 3)


class Chooses(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 2)

    def forward(self, x):
        if x.sum() > 0:
            return self.net(x)
        return self.net(-x)


def test_control_flow_that_depends_on_values():
    message = refused(Chooses())
    assert "depends on values" in message and "test_refusals.py" in message
    assert "torch.where" in message and "lrswift.torch.Adapted" in message


class Reads(nn.Module):
    def forward(self, x):
        return x * x.max().item()


def test_values_that_are_read():
    assert "depends on values" in refused(Reads())


class Selects(nn.Module):
    def forward(self, x):
        return x[x > 0].sum()


def test_shapes_that_depend_on_values():
    assert "mask" in refused(Selects()) or "depends on values" in refused(Selects())


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), Bessel())

    def forward(self, x):
        return torch.fft.fft(self.inner(x)).real + torch.special.i0(x)


class Bessel(nn.Module):
    def forward(self, x):
        return torch.special.i1(x)


def test_operations_without_a_rule_are_told_at_once():
    message = refused(Unknown())
    lines = message.splitlines()
    assert any(
        "special_i1" in line and "'inner.1'" in line and "return torch.special.i1(x)" in line
        for line in lines
    )
    assert any("fft_fft" in line and "the module itself" in line for line in lines)
    assert any("special_i0" in line and "test_refusals.py:" in line for line in lines)
    assert "docs/from-torch.md" in message and "lrswift.torch.Adapted" in message


class Mixed(nn.Module):
    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return x @ x.T


def test_mixed_precision():
    assert "autocast" in refused(Mixed()) or "bfloat16" in refused(Mixed())


class WritesAParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, x):
        self.seen.add_(x.detach().mean(0))
        return x + self.seen


def test_writing_into_a_buffer():
    assert "writes into a parameter or buffer" in refused(WritesAParameter())


class WritesAPart(nn.Module):
    def forward(self, x):
        y = x * 2
        y.view(-1)[::2] = 1.0
        return y


def test_writing_into_a_part():
    assert "writes into a tensor that has other views" in refused(WritesAPart())


class WritesUnderAView(nn.Module):
    def forward(self, x):
        y = x * 2
        z = y.view(-1)
        y.relu_()
        return z * 1.0


def test_writing_what_a_view_sees():
    assert "has other views" in refused(WritesUnderAView())


@pytest.mark.parametrize(
    ("module", "inputs", "why"),
    [
        (nn.MaxPool2d(2, dilation=2), torch.randn(2, 1, 8, 8), "with a dilation"),
        (nn.LSTM(3, 4, proj_size=2), torch.randn(2, 2, 3), "proj_size"),
        (nn.InstanceNorm1d(3, track_running_stats=True), torch.randn(2, 3, 4), "running statistics"),
        (nn.Conv3d(1, 1, 2), torch.randn(2, 1, 3, 3, 3), "aten.conv3d.default"),
        (nn.Embedding(5, 2, scale_grad_by_freq=True), torch.tensor([[1, 2], [0, 3]]), "scale_grad_by_freq"),
    ],
)
def test_arguments_without_a_rule(module, inputs, why):
    assert why in refused(module, inputs=inputs)


class Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


class Rounds(nn.Module):
    def forward(self, x):
        return Through.apply(x) * 2


def test_functions_with_a_backward_of_their_own():
    message = refused(Rounds())
    assert "calls Through" in message and "lrswift.torch.Adapted" in message
    x = torch.randn(3, requires_grad=True)
    Through.apply(x).sum().backward()
    assert (x.grad == 1).all()


class Forgets(nn.Module):
    """Gives another output every time."""

    calls = 0

    def forward(self, x):
        Forgets.calls += 1
        return x * Forgets.calls


def test_outputs_that_change_from_call_to_call():
    assert "computes another output" in refused(Forgets())
