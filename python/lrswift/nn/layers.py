"""Layers with parameters or settings. Images are (N, H, W, C)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._core import apply as core_apply
from ..checks import check_fraction, check_positive, check_whole
from ..errors import ArgumentError, ShapeError
from ..tensors.creation import ones, zeros
from ..tensors.modes import modes
from ..tensors.tensor import Operand, Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Linear(Module):
    """y = x W^T + b. weight [out_features, in_features], bias [out_features]; x [..., in_features].

    Both start as U(-1/sqrt(in_features), 1/sqrt(in_features)), as PyTorch's.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features = check_whole(in_features, "Linear: in_features", 1)
        self.out_features = check_whole(out_features, "Linear: out_features", 1)
        self.weight = init.drawn((self.out_features, self.in_features), self.in_features)
        self.bias = init.drawn((self.out_features,), self.in_features) if bias else None

    def forward(self, x: Operand) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Conv2d(Module):
    """Cross-correlation of x [N, H, W, in_channels].

    weight [kh, kw, in_channels / groups, out_channels], bias [out_channels].
    Both start as U(-1/sqrt(fan_in), 1/sqrt(fan_in)) with fan_in = kh kw in_channels / groups, as PyTorch's.
    ArgumentError when groups do not divide both numbers of channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: F.Pair,
        stride: F.Pair = 1,
        padding: F.Pair = 0,
        dilation: F.Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = check_whole(in_channels, "Conv2d: in_channels", 1)
        self.out_channels = check_whole(out_channels, "Conv2d: out_channels", 1)
        self.kernel_size = F.pair(kernel_size, "Conv2d: kernel_size", 1)
        self.stride = F.pair(stride, "Conv2d: stride", 1)
        self.padding = F.pair(padding, "Conv2d: padding", 0)
        self.dilation = F.pair(dilation, "Conv2d: dilation", 1)
        self.groups = check_whole(groups, "Conv2d: groups", 1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ArgumentError(
                f"Conv2d: groups: got {groups}; allowed: a divisor of {in_channels} and of {out_channels}"
            )
        channels = self.in_channels // self.groups
        fan_in = self.kernel_size[0] * self.kernel_size[1] * channels
        self.weight = init.drawn((*self.kernel_size, channels, self.out_channels), fan_in)
        self.bias = init.drawn((self.out_channels,), fan_in) if bias else None

    def forward(self, x: Operand) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        sizes = f"{self.in_channels}, {self.out_channels}, kernel_size={tuple(self.kernel_size)}"
        text = f"{sizes}, stride={tuple(self.stride)}, padding={tuple(self.padding)}"
        text += "" if self.dilation == [1, 1] else f", dilation={tuple(self.dilation)}"
        return text + ("" if self.groups == 1 else f", groups={self.groups}")


class _BatchNorm(Module):
    """Normalizes each channel (last axis) over all other axes (Ioffe and Szegedy, 2015).

    In train mode by the batch's own mean and variance, advancing running_mean and running_var
    (unbiased) by `momentum`; in evaluation mode by the running ones, which are then constants.
    Called with `residual`, an array of x's shape, adds it to the result, and with `relu=True` takes
    max(result, 0), both in the same pass.
    """

    axes: tuple[int, ...]
    allowed: str

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.num_features = check_whole(num_features, f"{type(self).__name__}: num_features", 1)
        self.eps = check_positive(eps, f"{type(self).__name__}: eps")
        self.momentum = check_fraction(momentum, f"{type(self).__name__}: momentum")
        self.weight = Parameter(ones(self.num_features))
        self.bias = Parameter(zeros(self.num_features))
        self.register_buffer("running_mean", zeros(self.num_features))
        self.register_buffer("running_var", ones(self.num_features))

    def forward(self, x: Operand, residual: Tensor | None = None, relu: bool = False) -> Tensor:
        name = type(self).__name__
        t = F.as_float(x, name, self.weight)
        if t.ndim != len(self.axes) + 1 or t.shape[-1] != self.num_features:
            raise ShapeError(
                f"{name}: x: got shape {t.shape}; allowed: {self.allowed} with C = {self.num_features}"
            )
        if self.training and t.size // self.num_features < 2:
            raise ShapeError(
                f"{name}: x: got shape {t.shape}; allowed in train mode: more than one value per channel. "
                "For a last batch of one row: another batch_size, or lr.data.Batches(..., drop_last=True)"
            )
        inputs = [t, self.weight, self.bias, self.running_mean, self.running_var]
        if residual is not None:
            inputs.append(F.as_float(residual, f"{name}: residual", self.weight))
        attributes = {
            "eps": self.eps,
            "momentum": self.momentum if modes.update_statistics else 0.0,
            "training": self.training,
            "relu": relu,
        }
        return core_apply("batch_norm", inputs, attributes)  # type: ignore[return-value]

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Batch normalization of x [N, C]. weight, bias, running_mean, running_var: [C]."""

    axes = (0,)
    allowed = "[N, C]"


class BatchNorm2d(_BatchNorm):
    """Batch normalization of x [N, H, W, C]. weight, bias, running_mean, running_var: [C]."""

    axes = (0, 1, 2)
    allowed = "[N, H, W, C]"


class LayerNorm(Module):
    """Normalizes over the trailing axes `shape` (Ba, Kiros and Hinton, 2016). weight, bias: [*shape]."""

    def __init__(self, shape: int | Sequence[int], eps: float = 1e-5) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.eps = check_positive(eps, "LayerNorm: eps")
        self.weight = Parameter(ones(self.shape))
        self.bias = Parameter(zeros(self.shape))

    def forward(self, x: Operand) -> Tensor:
        return F.layer_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.shape}, eps={self.eps}"


class GroupNorm(Module):
    """Normalizes each of `num_groups` runs of channels (last axis) over its channels and all positions.

    x [N, ..., num_channels], weight and bias [num_channels] (Wu and He, 2018). Raises ArgumentError when
    num_groups does not divide num_channels.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_groups = check_whole(num_groups, "GroupNorm: num_groups", 1)
        self.num_channels = check_whole(num_channels, "GroupNorm: num_channels", 1)
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                f"GroupNorm: num_groups: got {num_groups}; allowed: a divisor of num_channels, {num_channels}"
            )
        self.eps = check_positive(eps, "GroupNorm: eps")
        self.weight = Parameter(ones(self.num_channels))
        self.bias = Parameter(zeros(self.num_channels))

    def forward(self, x: Operand) -> Tensor:
        t = F.as_float(x, "GroupNorm", self.weight)
        if t.ndim < 2 or t.shape[-1] != self.num_channels:
            raise ShapeError(f"GroupNorm: x: got shape {t.shape}; allowed: [N, ..., {self.num_channels}]")
        groups = t.reshape(t.shape[0], -1, self.num_groups, self.num_channels // self.num_groups)
        centered = groups - groups.mean((1, 3), keepdims=True)
        scale = (centered.square().mean((1, 3), keepdims=True) + self.eps).sqrt()
        return (centered / scale).reshape(t.shape) * self.weight + self.bias

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


class Embedding(Module):
    """Rows of weight [num_embeddings, embedding_dim], N(0, 1) at first, named by integers of any shape."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings = check_whole(num_embeddings, "Embedding: num_embeddings", 1)
        self.embedding_dim = check_whole(embedding_dim, "Embedding: embedding_dim", 1)
        self.weight = Parameter(zeros(self.num_embeddings, self.embedding_dim))
        init.normal(self.weight)

    def forward(self, index: Operand) -> Tensor:
        return F.embedding(index, self.weight)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Dropout(Module):
    """In train mode zeroes each element with probability p and scales the rest by 1/(1-p)."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = check_fraction(p, "Dropout: p", one=False)

    def forward(self, x: Operand) -> Tensor:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Flatten(Module):
    """Axes from `start` on (default 1: all but the batch) merged into one."""

    def __init__(self, start: int = 1) -> None:
        super().__init__()
        self.start = start

    def forward(self, x: Operand) -> Tensor:
        return F.flatten(x, self.start)


class _Pool(Module):
    function: Callable[..., Tensor]

    def __init__(self, size: F.Pair, stride: F.Pair | None = None, padding: F.Pair = 0) -> None:
        super().__init__()
        self.size = F.pair(size, f"{type(self).__name__}: size", 1)
        self.stride = self.size if stride is None else F.pair(stride, f"{type(self).__name__}: stride", 1)
        self.padding = F.pair(padding, f"{type(self).__name__}: padding", 0)

    def forward(self, x: Operand) -> Tensor:
        return type(self).function(x, self.size, self.stride, self.padding)

    def extra_repr(self) -> str:
        return f"{tuple(self.size)}, stride={tuple(self.stride)}, padding={tuple(self.padding)}"


class MaxPool2d(_Pool):
    """Largest element of every window of x [N, H, W, C]; stride None: that of `size`."""

    function = staticmethod(F.max_pool2d)


class AvgPool2d(_Pool):
    """Mean of every window of x [N, H, W, C]; stride None: that of `size`."""

    function = staticmethod(F.avg_pool2d)


class GlobalAvgPool2d(Module):
    """Mean over height and width: [N, H, W, C] to [N, C]."""

    def forward(self, x: Operand) -> Tensor:
        return F.global_avg_pool2d(x)


class _Activation(Module):
    function: Callable[[Operand], Tensor]

    def forward(self, x: Operand) -> Tensor:
        return type(self).function(x)


class ReLU(_Activation):
    """max(x, 0), element-wise."""

    function = staticmethod(F.relu)


class GELU(_Activation):
    """x times the normal distribution function of x, element-wise."""

    function = staticmethod(F.gelu)


class Tanh(_Activation):
    """Hyperbolic tangent, element-wise."""

    function = staticmethod(F.tanh)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)), element-wise."""

    function = staticmethod(F.sigmoid)


class Softplus(_Activation):
    """log(1 + exp(x)), element-wise."""

    function = staticmethod(F.softplus)


class Identity(Module):
    """Returns its input."""

    def forward(self, x: Operand) -> Operand:
        return x
