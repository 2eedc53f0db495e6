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
from .module import Layer
from .parameter import Parameter


class Linear(Layer):
    """Multiplies by a learned matrix and adds a learned bias: x W^T + b.

    Parameters: weight [out_features, in_features], bias [out_features]. Both start as U(-1/sqrt(in_features),
    1/sqrt(in_features)), as PyTorch's.

    Args:
        in_features: size of the last axis of x, at least 1.
        out_features: size of the last axis of the result, at least 1.
        bias: whether there is one. Default True.

    Raises:
        ArgumentError: a size is out of bounds.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features = check_whole(in_features, "Linear: in_features", 1)
        self.out_features = check_whole(out_features, "Linear: out_features", 1)
        self.weight = init.drawn((self.out_features, self.in_features), self.in_features)
        self.bias = init.drawn((self.out_features,), self.in_features) if bias else None

    def forward(self, x: Operand) -> Tensor:
        """Computes x W^T + b.

        Args:
            x: [..., in_features], of the weight's dtype or uint8, which is cast to it.

        Returns:
            Tensor [..., out_features].

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: a parameter was replaced by what is no Tensor.
            DTypeError: x is of another dtype.
            ShapeError: the last axis of x is not in_features.
        """
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Conv2d(Layer):
    """Cross-correlates images with learned kernels.

    Parameters: weight [kh, kw, in_channels / groups, out_channels], bias [out_channels]. Both start as
    U(-1/sqrt(fan_in), 1/sqrt(fan_in)), fan_in = kh kw in_channels / groups, as PyTorch's.

    Args:
        in_channels: of x, at least 1.
        out_channels: of the result, at least 1.
        kernel_size: (kh, kw) in pixels, at least 1; one int for both.
        stride: pixels from one window to the next, at least 1; one int, or (vertical, horizontal). Default 1.
        padding: zeros added on every side, at least 0; one int or two. Default 0.
        dilation: pixels from one element of the kernel to the next, at least 1; one int or two. Default 1.
        groups: parts into which the channels are split; each part sees its own. A divisor of both numbers of
            channels. Default 1.
        bias: whether there is one. Default True.

    Raises:
        ArgumentError: a number is out of bounds, or groups do not divide the channels.
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
        """Cross-correlates x with the kernels.

        Args:
            x: [N, H, W, in_channels], of the weight's dtype or uint8, which is cast to it.

        Returns:
            Tensor [N, H', W', out_channels], H' = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1.

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: a parameter was replaced by what is no Tensor.
            DTypeError: x is of another dtype.
            ShapeError: x has other axes or channels, or is smaller than the kernel.
        """
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        sizes = f"{self.in_channels}, {self.out_channels}, kernel_size={tuple(self.kernel_size)}"
        text = f"{sizes}, stride={tuple(self.stride)}, padding={tuple(self.padding)}"
        text += "" if self.dilation == [1, 1] else f", dilation={tuple(self.dilation)}"
        return text + ("" if self.groups == 1 else f", groups={self.groups}")


class _BatchNorm(Layer):
    """Normalizes each channel (last axis) over all other axes."""

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
        """Normalizes x.

        Args:
            x: as the class says, of the weight's dtype or uint8, which is cast to it.
            residual: of x's shape and dtype, added to the result. None: nothing. Default None.
            relu: whether max(result, 0) is taken, after the residual. Default False.

        Returns:
            Tensor of x's shape; residual and relu take no pass of their own.

        Raises:
            ArgumentError: a value of x is masked.
            DTypeError: x or residual is of another dtype.
            ShapeError: x has other axes or channels, or, in train mode, one value per channel.
        """
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
        """The channels and the two numbers."""
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Batch normalization of rows [N, C].

    In train mode each channel is normalized by the batch's own mean and variance, which also advance
    running_mean and running_var (unbiased). In evaluation mode it is normalized by these, as constants.
    Called with `residual`, an array of x's shape, it adds it to the result; with `relu=True` it then takes
    max(result, 0).

    Parameters: weight (ones at first) and bias (zeros), [C]. Buffers: running_mean (zeros), running_var
    (ones), [C].

    Args:
        num_features: C, at least 1.
        eps: added to the variance, above 0. Default 1e-5.
        momentum: the weight of the batch in the running statistics, 0 to 1. Default 0.1.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: eps or momentum is no number.

    Source:
        Ioffe and Szegedy, "Batch normalization" (2015).
    """

    axes = (0,)
    allowed = "[N, C]"


class BatchNorm2d(_BatchNorm):
    """Batch normalization of images [N, H, W, C], over batch, height and width.

    In train mode each channel is normalized by the batch's own mean and variance, which also advance
    running_mean and running_var (unbiased). In evaluation mode it is normalized by these, as constants.
    Called with `residual`, an array of x's shape, it adds it to the result; with `relu=True` it then takes
    max(result, 0).

    Parameters: weight (ones at first) and bias (zeros), [C]. Buffers: running_mean (zeros), running_var
    (ones), [C].

    Args:
        num_features: C, at least 1.
        eps: added to the variance, above 0. Default 1e-5.
        momentum: the weight of the batch in the running statistics, 0 to 1. Default 0.1.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: eps or momentum is no number.

    Source:
        Ioffe and Szegedy, "Batch normalization" (2015).
    """

    axes = (0, 1, 2)
    allowed = "[N, H, W, C]"


class LayerNorm(Layer):
    """Normalizes each row over its trailing axes to mean 0 and variance 1, then scales and shifts.

    Parameters: weight (ones at first) and bias (zeros), [*shape].

    Args:
        shape: sizes of the trailing axes; one int for the last axis.
        eps: added to the variance, above 0. Default 1e-5.

    Raises:
        ArgumentError: eps is out of bounds, or a size is negative.
        ArgumentTypeError: eps is no number.

    Source:
        Ba, Kiros and Hinton, "Layer normalization" (2016).
    """

    def __init__(self, shape: int | Sequence[int], eps: float = 1e-5) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.eps = check_positive(eps, "LayerNorm: eps")
        self.weight = Parameter(ones(self.shape))
        self.bias = Parameter(zeros(self.shape))

    def forward(self, x: Operand) -> Tensor:
        """Normalizes x.

        Args:
            x: [..., *shape], of the weight's dtype or uint8, which is cast to it.

        Returns:
            Tensor of x's shape.

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: a parameter was replaced by what is no Tensor.
            DTypeError: x is of another dtype.
            ShapeError: the last axes of x are not `shape`.
        """
        return F.layer_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and eps."""
        return f"{self.shape}, eps={self.eps}"


class RMSNorm(Layer):
    """Divides each row by the root of its mean square over its trailing axes, then scales.

        y = weight x / sqrt(mean(x^2) + eps)

    Parameters: weight (ones at first), [*shape].

    Args:
        shape: sizes of the trailing axes; one int for the last axis.
        eps: added to the mean square, above 0. Default None, as in PyTorch: the distance of 1 to the next
            larger number of the weight's dtype.

    Raises:
        ArgumentError: eps is out of bounds, or a size is negative.
        ArgumentTypeError: eps is no number.

    Source:
        Zhang and Sennrich, "Root mean square layer normalization" (2019).
    """

    def __init__(self, shape: int | Sequence[int], eps: float | None = None) -> None:
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.eps = None if eps is None else check_positive(eps, "RMSNorm: eps")
        self.weight = Parameter(ones(self.shape))

    def forward(self, x: Operand) -> Tensor:
        """Normalizes x.

        Args:
            x: [..., *shape], of the weight's dtype or uint8, which is cast to it.

        Returns:
            Tensor of x's shape.

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: the weight was replaced by what is no Tensor.
            DTypeError: x is of another dtype.
            ShapeError: the last axes of x are not `shape`.
        """
        return F.rms_norm(x, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape, and eps where it was given."""
        return f"{self.shape}" if self.eps is None else f"{self.shape}, eps={self.eps}"


class GroupNorm(Layer):
    """Normalizes each group of channels over its channels and all positions, then scales and shifts.

    Parameters: weight (ones at first) and bias (zeros), [num_channels].

    Args:
        num_groups: into how many runs the channels (last axis) are split; a divisor of num_channels.
        num_channels: at least 1.
        eps: added to the variance, above 0. Default 1e-5.

    Raises:
        ArgumentError: a number is out of bounds, or num_groups does not divide num_channels.
        ArgumentTypeError: eps is no number.

    Source:
        Wu and He, "Group normalization" (2018).
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
        """Normalizes x.

        Args:
            x: [N, ..., num_channels], of the weight's dtype or uint8, which is cast to it.

        Returns:
            Tensor of x's shape.

        Raises:
            ArgumentError: a value of x is masked.
            DTypeError: x is of another dtype.
            ShapeError: x has fewer than two axes or other channels.
        """
        t = F.as_float(x, "GroupNorm", self.weight)
        if t.ndim < 2 or t.shape[-1] != self.num_channels:
            raise ShapeError(f"GroupNorm: x: got shape {t.shape}; allowed: [N, ..., {self.num_channels}]")
        groups = t.reshape(t.shape[0], -1, self.num_groups, self.num_channels // self.num_groups)
        centered = groups - groups.mean((1, 3), keepdims=True)
        scale = (centered.square().mean((1, 3), keepdims=True) + self.eps).sqrt()
        return (centered / scale).reshape(t.shape) * self.weight + self.bias

    def extra_repr(self) -> str:
        """The sizes and eps."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


class Embedding(Layer):
    """A learned table whose rows are named by integers.

    Parameter: weight [num_embeddings, embedding_dim], N(0, 1) at first.

    Args:
        num_embeddings: rows, at least 1.
        embedding_dim: length of a row, at least 1.

    Raises:
        ArgumentError: a size is out of bounds.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings = check_whole(num_embeddings, "Embedding: num_embeddings", 1)
        self.embedding_dim = check_whole(embedding_dim, "Embedding: embedding_dim", 1)
        self.weight = Parameter(zeros(self.num_embeddings, self.embedding_dim))
        init.normal(self.weight)

    def forward(self, index: Operand) -> Tensor:
        """Looks rows up.

        Args:
            index: integers of any shape [...], 0 <= index < num_embeddings.

        Returns:
            Tensor [..., embedding_dim].

        Raises:
            ArgumentError: an index is out of range, or masked.
            ArgumentTypeError: a parameter was replaced by what is no Tensor.
            DTypeError: the index is floating or bool.
            ShapeError: the index is a nested list with rows of unequal length.
        """
        return F.embedding(index, self.weight)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Dropout(Layer):
    """Zeroes each element with probability p in train mode, and scales the rest by 1 / (1 - p).

    Args:
        p: the probability, 0 <= p < 1. Default 0.5.

    Raises:
        ArgumentError: p is out of bounds.
        ArgumentTypeError: p is no number.

    Source:
        Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = check_fraction(p, "Dropout: p", one=False)

    def forward(self, x: Operand) -> Tensor:
        """Drops elements in train mode; in evaluation mode returns x.

        Args:
            x: floating or uint8; uint8 becomes float32.

        Returns:
            Tensor of x's shape.

        Raises:
            ArgumentError: a value of x is masked.
            ArgumentTypeError: p was set to no number.
            DTypeError: x is neither floating nor uint8.
            ShapeError: x is a nested list with rows of unequal length.
        """
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Flatten(Layer):
    """Merges the last axes into one.

    Args:
        start: the first axis that is merged, counted from 0. Default 1: all but that of the batch.
    """

    def __init__(self, start: int = 1) -> None:
        super().__init__()
        self.start = start

    def forward(self, x: Operand) -> Tensor:
        """Merges the axes of x.

        Args:
            x: of any dtype.

        Returns:
            Tensor [*x.shape[:start], rest], of x's dtype.

        Raises:
            ArgumentError: a value of x is masked, or a whole number does not fit int64.
            DTypeError: x does not hold numbers.
            ShapeError: x is a nested list with rows of unequal length.
        """
        return F.flatten(x, self.start)


class _Pool(Layer):
    function: Callable[..., Tensor]

    def __init__(self, size: F.Pair, stride: F.Pair | None = None, padding: F.Pair = 0) -> None:
        super().__init__()
        self.size = F.pair(size, f"{type(self).__name__}: size", 1)
        self.stride = self.size if stride is None else F.pair(stride, f"{type(self).__name__}: stride", 1)
        self.padding = F.pair(padding, f"{type(self).__name__}: padding", 0)

    def forward(self, x: Operand) -> Tensor:
        """Pools x.

        Args:
            x: floating or uint8 [N, H, W, C]; uint8 becomes float32.

        Returns:
            Tensor [N, H', W', C].
        """
        return type(self).function(x, self.size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """The window, the stride and the padding."""
        return f"{tuple(self.size)}, stride={tuple(self.stride)}, padding={tuple(self.padding)}"


class MaxPool2d(_Pool):
    """Takes the largest element of every window of an image [N, H, W, C].

    Args:
        size: height and width of a window, at least 1; one int, or (vertical, horizontal).
        stride: pixels from one window to the next, at least 1; one int or two. None: that of `size`. Default
            None.
        padding: pixels added on every side that are never the largest, 0 to half of `size`; one int or two.
            Default 0.

    Raises:
        ArgumentError: a number is out of bounds.
    """

    function = staticmethod(F.max_pool2d)


class AvgPool2d(_Pool):
    """Takes the mean of every window of an image [N, H, W, C].

    Args:
        size: height and width of a window, at least 1; one int, or (vertical, horizontal).
        stride: pixels from one window to the next, at least 1; one int or two. None: that of `size`. Default
            None.
        padding: zeros added on every side, which count in the mean, 0 to half of `size`; one int or two.
            Default 0.

    Raises:
        ArgumentError: a number is out of bounds.
    """

    function = staticmethod(F.avg_pool2d)


class GlobalAvgPool2d(Layer):
    """Takes the mean over height and width of an image: [N, H, W, C] to [N, C]."""

    def forward(self, x: Operand) -> Tensor:
        """Takes the mean of x.

        Args:
            x: floating or uint8 [N, H, W, C]; uint8 becomes float32.

        Returns:
            Tensor [N, C].

        Raises:
            ArgumentError: a value of x is masked.
            DTypeError: x is neither floating nor uint8.
            ShapeError: x has not four axes.
        """
        return F.global_avg_pool2d(x)


class _Activation(Layer):
    """A function applied to every element."""

    function: Callable[[Operand], Tensor]

    def forward(self, x: Operand) -> Tensor:
        """Applies the function to x.

        Args:
            x: of any shape, floating.

        Returns:
            A Tensor of x's shape and dtype.

        Raises:
            DTypeError: x is not of floating numbers.
        """
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


class Identity(Layer):
    """Returns its input."""

    def forward(self, x: Operand) -> Operand:
        """Returns x.

        Args:
            x: anything.

        Returns:
            x itself.
        """
        return x
