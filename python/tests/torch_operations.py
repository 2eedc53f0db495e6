"""Every operation of the table in the ways that torch writes it: functions of the same inputs, by family.

CASES: name -> (inputs, functions). Floating inputs are differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

Functions = list[Callable[..., Any]]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def positive(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64) + 0.3


def whole(limit: int, *shape: int) -> torch.Tensor:
    return torch.randint(limit, shape)


def ones(*shape: int) -> torch.Tensor:
    return torch.ones(*shape, dtype=torch.float64)


def written(x: torch.Tensor) -> torch.Tensor:
    y = x * 2.0
    y += x
    y.mul_(x)
    y.clamp_(min=-1.0)
    z = torch.zeros_like(y)
    z.copy_(y)
    return z.relu_() + y


def assigned(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(x.shape[0], 4, 8, dtype=x.dtype)
    y[:, :, 1:7] = x
    y[:, 0] = 2.0
    y[:, 1, ::2] += x[:, 1, :4]
    y[:, -1].mul_(3.0)
    z = x[:, 2]
    return y * 1.0 + z.sum()


def assigned_to_a_constant(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros(2, 6, dtype=x.dtype)
    y[1] = x.sum((0, 1))
    return y


ACTIVATIONS: Functions = [
    F.relu, F.relu6, F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.silu, torch.sigmoid, torch.tanh,
    F.hardtanh, lambda x: F.hardtanh(x, -0.5, 0.7), F.leaky_relu, lambda x: F.leaky_relu(x, 0.3), F.elu,
    lambda x: F.elu(x, 0.4), F.celu, lambda x: F.celu(x, 0.4), F.selu, F.softplus,
    lambda x: F.softplus(x * 9, beta=3, threshold=5), F.mish, F.logsigmoid, F.hardshrink,
    lambda x: F.softshrink(x, 0.2), lambda x: F.threshold(x, 0.1, 0.3), F.softsign, F.tanhshrink,
    lambda x: F.glu(x, -1), lambda x: F.glu(x, 1), lambda x: F.hardsigmoid(x), lambda x: F.hardswish(x),
    lambda x: F.dropout(x, 0.0), lambda x: F.dropout1d(x, 0.0),
    lambda x: F.alpha_dropout(x, 0.0, True), lambda x: F.dropout(x, 0.4, training=False),
]  # fmt: skip

UNARY: Functions = [
    torch.sin, torch.cos, torch.tan, torch.sinh, torch.cosh, torch.erf, torch.erfc,
    lambda x: torch.sin(-9 * x),
    torch.neg, torch.abs, torch.exp, torch.expm1, torch.log, torch.log2, torch.log10, torch.log1p,
    torch.sqrt,
    torch.rsqrt, torch.square, torch.reciprocal, lambda x: torch.sign(x) * x,
    lambda x: torch.floor(x) * x, lambda x: torch.ceil(x) * x, lambda x: torch.trunc(x) * x,
    lambda x: torch.round(x) * x, lambda x: x**3, lambda x: x**1.5, lambda x: x**2,
    lambda x: x**0.5, lambda x: 2.0**x,
    lambda x: x**4 + x**0 + x**1, lambda x: x + 1, lambda x: 3 - x, lambda x: 1 / x,
    lambda x: x * 2.5 / 3, lambda x: x.detach() // 0.3, lambda x: x % 0.4,
    lambda x: torch.rsub(x, 2, alpha=3),
    lambda x: torch.add(x, 2, alpha=3), lambda x: torch.sub(x, 2, alpha=3),
    lambda x: torch.div(x, 0.2, rounding_mode="trunc") * x, lambda x: torch.clamp(x, 0.4, 0.8),
    lambda x: x.clamp_min(0.5) - x.clamp_max(0.6), lambda x: torch.clamp(x, max=0.7),
    lambda x: torch.add(x, x, alpha=2) - torch.sub(x, x, alpha=0.5), lambda x: x.detach() * x,
    lambda x: x.clone().contiguous() * x, lambda x: x.to(torch.float32).to(torch.float64) * 0 + x,
    lambda x: x.type_as(x) + x.to(torch.device("cpu")),
    lambda x: torch.ops.aten.to.device(x, torch.device("cpu"),
    torch.float64) + torch.ops.aten.alias(x), lambda x: x.float().double() * 0 + x.long(), written,
]  # fmt: skip

BINARY: Functions = [
    torch.add, torch.sub, torch.mul, torch.div, torch.true_divide, torch.maximum, torch.minimum, torch.max,
    torch.min, torch.pow, lambda x, y: torch.div(x, y, rounding_mode="floor") * x,
    lambda x, y: torch.floor_divide(x.detach(), y.detach()),
    torch.remainder, lambda x, y: torch.addcmul(x, x, y, value=0.5),
    lambda x, y: torch.addcdiv(x, x, y, value=0.5), lambda x, y: torch.lerp(x, x * y, 0.3),
    lambda x, y: torch.lerp(x, x * y, y), lambda x, y: torch.clamp(x, min=y - 0.2, max=y + 0.2),
    lambda x, y: torch.rsub(x, y), lambda x, y: torch.where(x > y, x, y * 2),
    lambda x, y: torch.where(x < 0.6, x, 0.0) + torch.where(y >= 0.6, 1.0, x),
    lambda x, y: torch.where((x <= y) & (x > 0.4), x, -y), lambda x, y: x * (x >= y) + x * (x < y).double(),
    lambda x, y: torch.where(torch.logical_or(x == y, x != y), x, y),
    lambda x, y: torch.where(torch.logical_and(x < y, ~(x < 0.5)), x, y),
    lambda x, y: torch.where((x < y) | (x < 0.7) ^ (y < 0.7), x, y),
    lambda x, y: torch.where(torch.logical_xor(x < y, torch.logical_not(x < 0.5)), x, y),
    lambda x, y: x.masked_fill(x < y, -2.0), lambda x, y: x.masked_fill(x > 0.7, torch.tensor(3.0)),
    lambda x, y: torch.where(x > 0.5, 1.0, 0.0) * y, lambda x, y: (x == 0.3) * y + (x != 0.3) * y,
    lambda x, y: (x.eq(y) | x.ne(y)) * x, lambda x, y: (x > y) * y, lambda x, y: x.le(0.5) * x,
    lambda x, y: torch.bitwise_or(x < y, x < 0.5) * x + torch.bitwise_and(x < y, x < 0.5) * x,
    lambda x, y: torch.bitwise_xor(x < y, x < 0.5) * x, lambda x, y: torch.bitwise_not(x < y) * x,
]  # fmt: skip

SHAPES: Functions = [
    assigned, assigned_to_a_constant, lambda x: torch.slice_scatter(x, x[:, :2] * 3, 1, 0, 4, 2),
    lambda x: torch.select_scatter(x, x[:, 0] * 3, 1, 2),
    lambda x: torch.meshgrid(x[0, 0], x[0, :, 1], indexing="ij"),
    lambda x: torch.meshgrid(x[0, 0], x[0, :, 1], indexing="xy"),
    lambda x: x.view(x.shape[0], -1), lambda x: x.reshape(-1, 6), lambda x: x.view_as(x),
    lambda x: x.reshape_as(x),
    lambda x: x.flatten(1), lambda x: x.flatten(0, 1), lambda x: x.unflatten(2, (2, 3)),
    lambda x: x.permute(2, 0, 1), lambda x: x.transpose(1, 2), lambda x: x.swapaxes(0, 2),
    lambda x: x[0].t(), lambda x: x[0].T, lambda x: x.mT, lambda x: x.movedim(0, 2),
    lambda x: x.movedim((0, 1), (1, 2)), lambda x: x.unsqueeze(1), lambda x: x.unsqueeze(-1).squeeze(),
    lambda x: x.unsqueeze(1).squeeze(1), lambda x: x[:, None, :, None].squeeze((1, 3)),
    lambda x: x.unsqueeze(1).expand(-1, 2, -1, -1), lambda x: x[:1].expand_as(x),
    lambda x: torch.broadcast_to(x[:1], (2, *x.shape[1:])), lambda x: x.repeat(2, 1, 3),
    lambda x: x.tile(2),
    lambda x: x.repeat_interleave(2, 1), lambda x: x[:, 1:3, ::2], lambda x: x.narrow(1, 1, 2),
    lambda x: x[:, -1], lambda x: x.select(2, 1), lambda x: x.split(4, 2), lambda x: x.split([1, 5], 2),
    lambda x: x.chunk(4, 2), lambda x: x.unbind(1), lambda x: torch.cat([x, x * 2], 1),
    lambda x: torch.concat([x, x], -1), lambda x: torch.stack([x, x * 3], 1), lambda x: x.flip((0, 2)),
    lambda x: x.roll(2, 1), lambda x: x.roll((1, -2), (1, 2)), lambda x: x.roll(3),
    lambda x: F.pad(x, (1, 2, 0, 1)), lambda x: F.pad(x, (1, 2), value=3.0), lambda x: F.pad(x, (-1, 2)),
    lambda x: F.pad(x, (2, 1), mode="reflect"), lambda x: F.pad(x, (2, 1), mode="replicate"),
    lambda x: F.pad(x, (2, 1), mode="circular"), lambda x: torch.constant_pad_nd(x, (1, 1), 2.0),
    lambda x: x.tril(), lambda x: x.triu(1), lambda x: x.diagonal(1, 1, 2),
    lambda x: x.diagonal(-1, 1, 2), lambda x: x.unfold(2, 3, 2),
    lambda x: torch.index_select(x, 2, torch.tensor([3, 0, 3])), lambda x: x[:, :, torch.tensor([1, -1])],
    lambda x: x[:, torch.tensor([0, 2]), torch.tensor([5, 1])], lambda x: torch.broadcast_tensors(x, x[:1]),
    lambda x: x.squeeze(1), lambda x: x.movedim(1, -1).contiguous().view(-1, 4),
]  # fmt: skip

IMAGES: Functions = [
    lambda x: F.pixel_shuffle(x, 2), lambda x: F.pixel_unshuffle(x, 2), lambda x: F.channel_shuffle(x, 2),
    lambda x: F.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 3, 2, 1),
    lambda x: F.max_pool2d(x, (3, 2), (2, 3)),
    lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), lambda x: F.avg_pool2d(x, 3, 2, 1),
    lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True), lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    lambda x: F.adaptive_avg_pool2d(x, (4, None)), lambda x: F.adaptive_max_pool2d(x, (3, 4)),
    lambda x: F.interpolate(x, scale_factor=2), lambda x: F.interpolate(x, size=(5, 9)),
    lambda x: F.interpolate(x, scale_factor=1.5),
    lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    lambda x: F.interpolate(x, size=(5, 9), mode="bilinear"),
    lambda x: F.interpolate(x, size=(5, 9), mode="bilinear", align_corners=True),
    lambda x: F.interpolate(x, size=(9, 5), mode="bicubic", align_corners=True),
    lambda x: F.interpolate(x, scale_factor=1.7, mode="bicubic"),
    lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear"), lambda x: F.dropout2d(x, 0.0),
    lambda x: F.pad(x, (1, 1, 2, 0), mode="reflect"), lambda x: F.normalize(x, dim=1),
    lambda x: F.max_pool2d(x[0], 2), lambda x: F.adaptive_avg_pool2d(x[0], 2),
    lambda x: x.flatten(2).transpose(1, 2),
]  # fmt: skip

SIGNALS: Functions = [
    lambda x: F.max_pool1d(x, 2), lambda x: F.avg_pool1d(x, 3, 2, 1), lambda x: F.adaptive_avg_pool1d(x, 3),
    lambda x: F.adaptive_max_pool1d(x, 3), lambda x: F.interpolate(x, scale_factor=3),
    lambda x: F.interpolate(x, size=11, mode="linear"),
    lambda x: F.interpolate(x, size=11, mode="linear", align_corners=True),
]  # fmt: skip

REDUCTIONS: Functions = [
    torch.sum, torch.mean, lambda x: x.sum(1), lambda x: x.sum((0, 2), keepdim=True), lambda x: x.mean(-1),
    lambda x: x.mean((0, 1)), torch.var, lambda x: x.var(1), lambda x: x.var(1, unbiased=False),
    lambda x: torch.var(x, dim=1, correction=0),
    lambda x: torch.std(x, dim=(0, 1), correction=1), torch.std,
    lambda x: x.std(2, keepdim=True), lambda x: x.amax(1), lambda x: x.amin((0, 2)), torch.max, torch.min,
    lambda x: x.max(1), lambda x: x.min(2, keepdim=True), torch.argmax, lambda x: x.argmax(1),
    lambda x: x.argmin(1, keepdim=True), lambda x: x.logsumexp(1),
    lambda x: x.logsumexp((0, 1), keepdim=True),
    torch.prod, lambda x: x.prod(1), lambda x: x.norm(dim=1), lambda x: x.norm(),
    lambda x: x.norm(p=1, dim=2),
    lambda x: torch.linalg.vector_norm(x, 3, dim=1), lambda x: torch.linalg.vector_norm(x, math.inf, dim=1),
    lambda x: torch.norm(x, 2), lambda x: x.cumsum(1), lambda x: x.diff(dim=1), lambda x: x.diff(n=2),
    lambda x: (x > 0.5).any(), lambda x: (x > 0.5).any(1), lambda x: (x > -9).all(),
    lambda x: (x > -1).all(2, keepdim=True), lambda x: x.softmax(1), lambda x: x.log_softmax(-1),
    lambda x: F.softmin(x, 1), lambda x: torch.softmax(x, 0, dtype=torch.float64),
]  # fmt: skip

PRODUCTS: Functions = [
    lambda a, b: torch._weight_norm(a, a[:, :1, :1] + 3, 0), lambda a, b: F.pairwise_distance(a, a[:1] * 2),
    lambda a, b: F.pairwise_distance(a[:, 0], b[:, :, 0], p=1, keepdim=True),
    lambda a, b: a @ b, lambda a, b: a[0] @ b[0], lambda a, b: torch.bmm(a, b),
    lambda a, b: a @ a.transpose(1, 2),
    lambda a, b: torch.mm(a[0], b[0]), lambda a, b: torch.mv(a[0], b[0, :, 0]),
    lambda a, b: torch.dot(a[0, 0], b[0, :, 0]), lambda a, b: torch.outer(a[0, 0], b[0, 0]),
    lambda a, b: torch.addmm(a[0] @ b[0], a[0], b[0], beta=0.5, alpha=2),
    lambda a, b: torch.baddbmm(a @ b, a, b, beta=0), lambda a, b: F.linear(a, b[0].T),
    lambda a, b: F.linear(a, b[0].T, b[0, 0]), lambda a, b: torch.einsum("nij,njk->ik", a, b),
    lambda a, b: torch.einsum("nij,njk", a, b), lambda a, b: torch.einsum("...ij,...jk->...ik", a, b),
    lambda a, b: torch.einsum("nij,mjk->nmik", a, b), lambda a, b: torch.einsum("nij->nji", a),
    lambda a, b: torch.einsum("nij,nij->n", a, a), lambda a, b: F.cosine_similarity(a, a * 2 + 1, dim=2),
    lambda a, b: F.bilinear(a[:, 0], b[:, :, 0], torch.ones(2, 4, 4).double() * a[0, 0, 0]),
    lambda a, b: torch.matmul(a[0, 0], b[0]),
]  # fmt: skip

CONVOLUTIONS: Functions = [
    lambda x, w, v: F.conv2d(x, w), lambda x, w, v: F.conv2d(x, w, v, 2, 1, 1),
    lambda x, w, v: F.conv2d(x, w, padding="same"), lambda x, w, v: F.conv2d(x, w, padding="valid"),
    lambda x, w, v: F.conv2d(x, w[:, :2], groups=2, dilation=(1, 2)), lambda x, w, v: F.conv2d(x[0], w),
    lambda x, w, v: F.conv2d(x, w[:, :, :2], padding="same", dilation=3),
    lambda x, w, v: F.conv_transpose2d(x, w[:4], stride=2),
    lambda x, w, v: F.conv_transpose2d(x, w[:4], stride=3),
    lambda x, w, v: F.conv_transpose2d(x, w[:4], v[:4], stride=3, padding=1, output_padding=2),
    lambda x, w, v: F.conv_transpose2d(x, w[:4], v[:4], 1, 2, 0, 1, 2),
    lambda x, w, v: F.conv_transpose2d(
        x, w[:4, :3], stride=(2, 1), padding=(3, 0), output_padding=(1, 0), groups=2
    ),
    lambda x, w, v: F.conv1d(x[:, :, 0], w[:, :, 0], v, 2, 1),
    lambda x, w, v: F.conv1d(x[0, :, 0], w[:, :, 0]),
    lambda x, w, v: F.conv1d(x[:, :, 0], w[:, :, 0], padding="same"),
    lambda x, w, v: F.conv_transpose1d(x[:, :, 0], w[:4, :, 0], stride=2, padding=1),
]  # fmt: skip

NORMS: Functions = [
    lambda x, w, b: F.layer_norm(x, (4,), w, b), lambda x, w, b: F.layer_norm(x, (4,)),
    lambda x, w, b: F.layer_norm(x, (6, 4), eps=0.1), lambda x, w, b: F.rms_norm(x, (4,), w, 1e-3),
    lambda x, w, b: F.rms_norm(x, (6, 4)), lambda x, w, b: F.group_norm(x.mT, 2, w, b),
    lambda x, w, b: F.group_norm(x.mT, 4), lambda x, w, b: F.instance_norm(x.mT, weight=w, bias=b),
    lambda x, w, b: F.batch_norm(x.mT, None, None, w, b, training=True),
    lambda x, w, b: F.batch_norm(x.mT, None, None, training=True),
    lambda x, w, b: F.batch_norm(x.mT, torch.zeros(4).double(), torch.ones(4).double(), w, b),
]  # fmt: skip

ATTENTION: Functions = [
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=q @ k.mT, scale=0.3),
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=torch.ones(5, 5).tril(-1).bool()),
    lambda q, k, v: F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True),
]  # fmt: skip

RECURRENCE: Functions = [
    lambda x, h, w, u, b: torch.lstm_cell(x[0], (h[0], h[0]), w, u, b, b),
    lambda x, h, w, u, b: torch.gru_cell(x[0], h[0], w[:6], u[:6], b[:6], b[2:]),
    lambda x, h, w, u, b: torch.rnn_tanh_cell(x[0], h[0], w[:2], u[:2]),
    lambda x, h, w, u, b: torch.rnn_relu_cell(x[0], h[0], w[:2], u[:2], b[:2], b[2:4]),
    lambda x, h, w, u, b: torch.lstm(x, (h, h * 2), [w, u, b, b], True, 1, 0.0, False, False, True),
    lambda x, h, w, u, b: torch.lstm(x, (h, h), [w, u], False, 1, 0.0, False, False, False),
    lambda x, h, w, u, b: torch.gru(x, h, [w[:6], u[:6], b[:6], b[2:]], True, 1, 0.0, False, False, True),
    lambda x, h, w, u, b: torch.rnn_tanh(
        x, h, [w[:2], u[:2], b[:2], b[2:4]], True, 1, 0.0, False, False, True
    ),
    lambda x, h, w, u, b: torch.rnn_relu(
        x, torch.cat([h, h]), [w[:2], u[:2], w[2:4], u[2:4]], False, 1, 0.0, False, True, True
    ),
]  # fmt: skip

INDICES: Functions = [
    lambda t, i, x: F.embedding(i, t), lambda t, i, x: F.embedding(i, t, padding_idx=1),
    lambda t, i, x: torch.gather(x, 1, i), lambda t, i, x: torch.gather(x, 0, i % 2) * i,
    lambda t, i, x: t[i], lambda t, i, x: x[torch.arange(i.shape[0])[:, None], i],
    lambda t, i, x: F.one_hot(i, 7).double() @ t, lambda t, i, x: torch.where(i == 2, x[:, :4], 0.0),
    lambda t, i, x: (i + 1) * 2 - i // 2, lambda t, i, x: i.cumsum(1) + i.max(),
    lambda t, i, x: i.float().mean(),
    lambda t, i, x: t.index_select(0, i[0]), lambda t, i, x: x[:, torch.tensor([0, 3, 3])],
    lambda t, i, x: (i > 2) & (i < 5), lambda t, i, x: i.clamp(1, 3) * x[:, :4],
]  # fmt: skip

CONSTANTS: Functions = [
    lambda x: x + torch.zeros(x.shape[0], 3), lambda x: x * torch.ones(x.shape[0], 1),
    lambda x: x + torch.full((x.shape[0], 3), 2.0), lambda x: torch.zeros_like(x) + x,
    lambda x: torch.ones_like(x) * x, lambda x: torch.full_like(x, 3.0) * x,
    lambda x: x + x.new_zeros(x.shape),
    lambda x: x * x.new_ones(x.shape[0], 3), lambda x: x * x.new_full((x.shape[0], 3), 4.0),
    lambda x: x * torch.arange(x.shape[0])[:, None], lambda x: x * torch.arange(1, x.shape[0] + 1)[:, None],
    lambda x: x * torch.arange(0, 2 * x.shape[0], 2)[:, None], lambda x: torch.eye(x.shape[0]).double() @ x,
    lambda x: torch.eye(2, x.shape[0]).double() @ x, lambda x: x * torch.scalar_tensor(x.shape[0]).double(),
    lambda x: x * x.shape[0] + x.shape[0] // 2 - x.numel(), lambda x: torch.sin(torch.arange(3.0)) * x,
    lambda x: x + torch.tensor([1.0, 2.0, 3.0]).cumsum(0),
    lambda x: x.reshape(3, -1)[:, : x.shape[0] // 2 + 1],
    lambda x: x + torch.randn_like(x) * 0 + torch.rand_like(x) * 0,
    lambda x: x + torch.empty_like(x).normal_(1, 2) * 0 + x.new_empty(x.shape).uniform_(2, 3) * 0,
    lambda x: x + torch.empty(x.shape[0], 3).bernoulli_(0.4) * 0 + torch.bernoulli(x.sigmoid()) * 0,
    lambda x: x + torch.empty_like(x).exponential_(2.0) * 0,
    lambda x: x + torch.randn(x.shape[0], 3) * 0 + torch.rand(x.shape[0], 3) * 0,
]  # fmt: skip

ELEMENT_LOSSES: Functions = [
    F.mse_loss, lambda x, y: F.mse_loss(x, y, reduction="sum"),
    lambda x, y: F.mse_loss(x, y, reduction="none"),
    F.l1_loss, F.smooth_l1_loss, lambda x, y: F.smooth_l1_loss(x, y, beta=0.4), F.huber_loss,
    lambda x, y: F.huber_loss(x, y, delta=0.4), lambda x, y: F.smooth_l1_loss(x, y, beta=0),
    lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
    lambda x, y: F.kl_div(x.log_softmax(1), y.log_softmax(1), reduction="sum", log_target=True),
    lambda x, y: F.soft_margin_loss(x, y.detach().sign()),
    lambda x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid()),
    lambda x, y: F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), weight=y.detach().exp()),
    lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()),
    lambda x, y: F.binary_cross_entropy_with_logits(
        x, y.sigmoid(), weight=y.detach().exp(), pos_weight=ones(4) * 2, reduction="sum"
    ),
    lambda x, y: F.cross_entropy(x, y.softmax(1)),
    lambda x, y: F.cross_entropy(x, y.softmax(1), ones(4) * 3, label_smoothing=0.2, reduction="none"),
    lambda x, y: F.cross_entropy(x, y.softmax(1), reduction="sum"),
]  # fmt: skip

LABEL_LOSSES: Functions = [
    # torch's losses have no derivative with respect to their weights
    lambda x, y, w: w * 2.0,
    lambda x, y, w: F.cross_entropy(x, y), lambda x, y, w: F.cross_entropy(x, y, w.detach()),
    lambda x, y, w: F.cross_entropy(x, y, label_smoothing=0.1),
    lambda x, y, w: F.cross_entropy(x, y, w.detach(), label_smoothing=0.1),
    lambda x, y, w: F.cross_entropy(x, y, ignore_index=2),
    lambda x, y, w: F.cross_entropy(x, y, w.detach(), ignore_index=1),
    lambda x, y, w: F.cross_entropy(x, y, ignore_index=1, label_smoothing=0.3),
    lambda x, y, w: F.cross_entropy(x, y, reduction="sum"),
    lambda x, y, w: F.cross_entropy(x, y, reduction="none"),
    lambda x, y, w: F.nll_loss(x.log_softmax(1), y),
    lambda x, y, w: F.nll_loss(x.log_softmax(1), y, w.detach(), ignore_index=0),
    lambda x, y, w: F.cross_entropy(
        x[:, :, None, None].expand(-1, -1, 2, 3), y[:, None, None].expand(-1, 2, 3)
    ),
    lambda x, y, w: F.cross_entropy(x[0], y[0]), lambda x, y, w: F.nll_loss(x, y, reduction="none"),
]  # fmt: skip


def cases() -> dict[str, tuple[tuple[torch.Tensor, ...], Functions]]:
    """Drawn anew from a seed."""
    torch.manual_seed(3)
    labels = torch.tensor([0, 2, 1, 3, 2])
    return {
        "activations": ((normal(3, 4, 6),), ACTIVATIONS),
        "prelu": ((normal(3, 4, 6), positive(4), positive(1)), [
            lambda x, w, v: F.prelu(x, w), lambda x, w, v: F.prelu(x, v)
        ]),
        "unary": ((positive(3, 4),), UNARY),
        "binary": ((positive(3, 1, 4), positive(2, 4)), BINARY),
        "shapes": ((normal(3, 4, 6),), SHAPES),
        "images": ((normal(3, 4, 6, 8),), IMAGES),
        "signals": ((normal(3, 4, 8),), SIGNALS),
        "reductions": ((positive(3, 4, 5),), REDUCTIONS),
        "products": ((normal(3, 2, 4), normal(3, 4, 5)), PRODUCTS),
        "convolutions": ((normal(3, 4, 7, 6), normal(6, 4, 3, 3), normal(6)), CONVOLUTIONS),
        "norms": ((normal(3, 6, 4), normal(4), normal(4)), NORMS),
        "attention": (tuple(normal(3, 2, 5, 4) for _ in range(3)), ATTENTION),
        "recurrence": ((normal(3, 3, 4), normal(1, 3, 2), normal(8, 4), normal(8, 2), normal(8)), RECURRENCE),
        "indices": ((normal(7, 3), whole(7, 3, 4), normal(3, 7)), INDICES),
        "constants": ((normal(4, 3),), CONSTANTS),
        "element losses": ((normal(3, 4), normal(3, 4)), ELEMENT_LOSSES),
        "label losses": ((normal(5, 4), labels, positive(4)), LABEL_LOSSES),
    }  # fmt: skip
