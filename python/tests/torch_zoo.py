"""Small torch modules of many kinds, each with inputs for a batch: what `lrswift.from_torch` is held to.

ZOO: name -> Member. `inputs(batch)` draws float64 arguments of `make()`, integers where it wants them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Member:
    """A module and its arguments.

    output: what of its result a loss is taken of. near: how near torch is to itself in float64, as some
    modules compute in float32 in between. rate: with which a few steps of training stay finite.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[int], tuple[torch.Tensor, ...]]
    output: Callable[[Any], Any] = lambda made: made
    near: float = 1e-9
    rate: float = 1e-3


def images(channels: int, size: int) -> Callable[[int], tuple[torch.Tensor, ...]]:
    return lambda batch: (torch.randn(batch, channels, size, size, dtype=torch.float64),)


def rows(*shape: int) -> Callable[[int], tuple[torch.Tensor, ...]]:
    return lambda batch: (torch.randn(batch, *shape, dtype=torch.float64),)


def tokens(count: int, length: int) -> Callable[[int], tuple[torch.Tensor, ...]]:
    return lambda batch: (torch.randint(count, (batch, length)),)


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(7, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 8), nn.LeakyReLU(0.1),
        nn.Dropout(0.0), nn.Linear(8, 5, bias=False),
    )  # fmt: skip


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 3), nn.Sigmoid(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6 * 2 * 2, 9), nn.GELU(), nn.Linear(9, 4),
    )  # fmt: skip


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs, momentum=0.2)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.layers = nn.Sequential(Block(6, 6, 1), Block(6, 10, 2))
        self.head = nn.Linear(10, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.adaptive_avg_pool2d(self.layers(self.stem(x)), 1).flatten(1))


class SqueezeExcite(nn.Module):
    """Inverted bottleneck: depthwise convolution, squeeze and excite, hard activations."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.SiLU()
        )
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.project = nn.Conv2d(8, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.depthwise(self.expand(x))
        scale = F.hardsigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return self.head(self.project(x * scale).mean([2, 3]))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(4, 8, 3, padding=2, dilation=2), nn.GroupNorm(4, 8), nn.ELU())
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.odd = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.mix = nn.Conv2d(12, 4, 3, padding="same")
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        high = self.down(x)
        low = self.deep(F.max_pool2d(high, 2))
        return self.out(F.mish(self.mix(torch.cat([high, self.up(low), self.odd(low)], dim=1))))


class CausalAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, c = x.shape
        parts = self.qkv(x).split(c, dim=2)
        q, k, v = (p.view(b, t, self.heads, c // self.heads).transpose(1, 2) for p in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(b, t, c))


class GPT(nn.Module):
    """Embedding and head share their weight."""

    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(11, 8)
        self.wpe = nn.Embedding(6, 8)
        self.ln = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])
        self.attn = CausalAttention(8, 2)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(approximate="tanh"), nn.Linear(16, 8))
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1], device=idx.device))
        x = x + self.attn(self.ln[0](x))
        x = x + self.mlp(self.ln[1](x))
        return self.head(self.ln[2](x))


class Sequence(nn.Module):
    """A recurrent network and a head on its last output and state."""

    def __init__(self, net: nn.Module, width: int) -> None:
        super().__init__()
        self.net = net
        self.head = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, state = self.net(x)
        h = state[0] if isinstance(state, tuple) else state
        last = out[:, -1] if self.net.batch_first else out[-1]
        return self.head(last) + h.sum(-1).sum(0)[:, None]


class VAE(nn.Module):
    """The noise is an argument, so that two libraries can draw the same."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(9, 8), nn.Softplus(), nn.Linear(8, 6))
        self.decoder = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 9))

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, logvar = self.encoder(x).chunk(2, dim=-1)
        z = mean + noise * torch.exp(0.5 * logvar)
        kl = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(dim=1)
        return self.decoder(z), kl


class Translator(nn.Module):
    """torch.nn.Transformer with a causal mask and padding."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Transformer(8, 2, 1, 1, 12, dropout=0.0, batch_first=True)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=target.dtype)
        # without is_causal torch would look at the mask's values
        return self.net(source, target, tgt_mask=mask, tgt_is_causal=True)


class Waves(nn.Module):
    """Dilated causal convolutions in one dimension, gated."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 4, 3, padding=1)
        self.filter = nn.Conv1d(4, 4, 2, dilation=2)
        self.gate = nn.Conv1d(4, 4, 2, dilation=2, groups=2)
        self.norm = nn.BatchNorm1d(4)
        self.up = nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        padded = F.pad(x, (2, 0))
        x = x + torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))
        x = F.max_pool1d(self.norm(x), 2)
        return self.up(F.avg_pool1d(x, 2)).transpose(1, 2)


class AutoEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.InstanceNorm2d(4, affine=True), nn.PReLU(4), nn.ReflectionPad2d(1),
            nn.Conv2d(4, 3, 3), nn.CELU(),
        )  # fmt: skip
        self.decoder = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = self.encoder(x)
        near = F.interpolate(code, scale_factor=2, mode="nearest")
        smooth = F.interpolate(code, size=x.shape[2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.decoder(near + smooth))


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 6, 4, 4)
        self.norm1, self.norm2 = nn.LayerNorm(6), nn.LayerNorm(6, bias=False)
        self.space = nn.Sequential(nn.Linear(4, 7), nn.GELU(), nn.Linear(7, 4))
        self.channels = nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = x + self.space(self.norm1(x).permute(0, 2, 1)).permute(0, 2, 1)
        return (x + self.channels(self.norm2(x))).mean(1)


class Pairs(nn.Module):
    """Bilinear forms of two inputs, in the ways that torch writes products."""

    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(4, 5, 3)
        self.left = nn.Parameter(torch.randn(4, 3))
        self.core = nn.Parameter(torch.randn(3, 4, 5) / 3)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        outer = torch.einsum("ni,kij,nj->nk", a, self.core, b)
        scores = torch.bmm(a.unsqueeze(1), (a @ self.left).unsqueeze(-1).expand(-1, 3, 4).transpose(1, 2))
        both = torch.einsum(
            "nij,njk->nik",
            a[:, :, None] * b[:, None, :],
            self.core.permute(0, 2, 1)[:1].expand(a.shape[0], -1, -1),
        )
        cosine = F.cosine_similarity(a, b[:, :4], dim=1)
        mixed = torch.addmm(self.bilinear(a, b), a, self.left, beta=0.5)
        return mixed + outer + scores.squeeze(1) + both.sum((1, 2))[:, None] + cosine.unsqueeze(1)


class Dense(nn.Module):
    """Concatenated features, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1, stride=2)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(4 + 3 * i), nn.ReLU(inplace=True), nn.Conv2d(4 + 3 * i, 3, 3, 1, 1))
            for i in range(2)
        )
        self.head = nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        for layer in self.layers:
            x = torch.cat((x, layer(x)), 1)
        return self.head(torch.flatten(F.avg_pool2d(F.relu6(x), x.shape[-1]), 1))


class Rotary(nn.Module):
    """A block with RMS norm, rotary positions and a gated linear unit."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 8, padding_idx=0)
        self.norm1, self.norm2 = nn.RMSNorm(8), nn.RMSNorm(8, eps=1e-6)
        self.q, self.k, self.v = (nn.Linear(8, 8, bias=False) for _ in range(3))
        self.gate, self.up, self.down = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)
        self.register_buffer("frequencies", 1.0 / 100 ** (torch.arange(0, 4, 2) / 4), persistent=False)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        angles = torch.outer(torch.arange(x.shape[2], dtype=x.dtype), self.frequencies.to(x.dtype))
        cos, sin = (torch.cat([f(angles)] * 2, dim=-1) for f in (torch.cos, torch.sin))
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-second, first), dim=-1) * sin

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        x = self.embed(idx)
        h = self.norm1(x)
        q, k, v = (p(h).unflatten(-1, (2, 4)).transpose(1, 2) for p in (self.q, self.k, self.v))
        scores = self.turned(q) @ self.turned(k).transpose(-2, -1) / math.sqrt(4)
        hidden = torch.ones(5, 5, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        x = x + (weights @ v).transpose(1, 2).flatten(2)
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.position = nn.Parameter(torch.randn(1, 5, 8) * 0.1)
        layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        return self.head(self.encoder(x)[:, 0])


class TimeFirst(nn.Module):
    """A network that takes [time, batch, width], for batches."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.net(x.transpose(0, 1))
        return made if made.ndim == 2 else made.transpose(0, 1)


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0)
    return TimeFirst(nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False))


class Sets(nn.Module):
    """Reductions, comparisons and selections."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Linear(4, 6)
        self.head = nn.Linear(6 * 7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.each(x)
        clipped = torch.where(h > 0.2, h.clamp(max=1.5), -h.abs().sqrt())
        running = torch.cumsum(clipped, dim=1) / torch.arange(1, 6).view(1, 5, 1)
        parts = [
            running.amax(1), h.logsumexp(1), h.var(1), h.std(1, unbiased=False), h.norm(dim=1),
            h.max(dim=1).values, (h * (h > h.mean(1, keepdim=True))).prod(1),
        ]  # fmt: skip
        return self.head(torch.stack(parts, 1).reshape(x.shape[0], -1))


class Picture(nn.Module):
    """Pixel shuffling, grouped and strided convolutions, pooling over uneven cells."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 8, (3, 1), stride=(1, 2), padding=(1, 0), groups=4)
        self.second = nn.Conv2d(2, 5, 3, padding=1, padding_mode="circular")
        self.norm = nn.BatchNorm2d(5, affine=False)
        self.out = nn.Linear(5 * 6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pixel_shuffle(self.first(F.pixel_unshuffle(x, 2)), 2)
        x = self.norm(self.second(x))
        x = F.softsign(F.selu(x)) + F.logsigmoid(x) - F.threshold(x, 0.1, 0.3)
        return self.out(F.adaptive_avg_pool2d(x, (2, 3)).flatten(1))


def bert() -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=13, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=8, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3,
    )  # fmt: skip
    return BertForSequenceClassification(config)


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=13, n_positions=8, n_embd=8, n_layer=1, n_head=2, bos_token_id=0,
        eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, use_cache=False,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def resnet() -> nn.Module:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=3
    )
    return ResNetForImageClassification(config)


def convnext() -> nn.Module:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    config = ConvNextConfig(hidden_sizes=[4, 8], depths=[1, 1], num_stages=2, patch_size=2, num_labels=3)
    return ConvNextForImageClassification(config)


def regnet() -> nn.Module:
    from transformers import RegNetConfig, RegNetForImageClassification

    config = RegNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 2], groups_width=2, layer_type="y", num_labels=3
    )  # fmt: skip
    return RegNetForImageClassification(config)


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=8, use_cache=False,
    )  # fmt: skip
    return LlamaForCausalLM(config)


ZOO: dict[str, Member] = {
    "mlp": Member(mlp, rows(7)),
    "lenet": Member(lenet, images(1, 12)),
    "residual": Member(Residual, images(3, 6)),
    "squeeze-excite": Member(SqueezeExcite, images(3, 6)),
    "unet": Member(UNet, images(2, 8)),
    "gpt": Member(GPT, tokens(11, 6)),
    "lstm": Member(lambda: Sequence(nn.LSTM(3, 4, 2, batch_first=True), 4), rows(5, 3)),
    "gru": Member(lambda: Sequence(nn.GRU(3, 4, batch_first=True, bidirectional=True), 8), rows(5, 3)),
    "rnn": Member(lambda: TimeFirst(Sequence(nn.RNN(3, 4, 2, nonlinearity="relu"), 4)), rows(5, 3)),
    "vae": Member(VAE, lambda n: (
        torch.randn(n, 9, dtype=torch.float64), torch.randn(n, 3, dtype=torch.float64)
    )),
    "encoder": Member(encoder, rows(4, 8)),
    "transformer": Member(Translator, lambda n: (
        torch.randn(n, 5, 8, dtype=torch.float64), torch.randn(n, 4, 8, dtype=torch.float64)
    )),
    "waves": Member(Waves, rows(2, 8)),
    "autoencoder": Member(AutoEncoder, images(1, 8)),
    "mixer": Member(Mixer, images(3, 8)),
    "pairs": Member(Pairs, lambda n: (
        torch.randn(n, 4, dtype=torch.float64), torch.randn(n, 5, dtype=torch.float64)
    )),
    "dense": Member(Dense, images(2, 8)),
    "rotary": Member(Rotary, tokens(9, 5)),
    "vit": Member(ViT, images(1, 8)),
    "sets": Member(Sets, rows(5, 4)),
    "picture": Member(Picture, images(1, 8)),
    "bert": Member(bert, lambda n: (
        torch.randint(13, (n, 5)), (torch.arange(n * 5).view(n, 5) % 7 < 5).long()
    ), lambda made: made["logits"]),
    "gpt2": Member(gpt2, tokens(13, 5), lambda made: made["logits"]),
    "resnet": Member(resnet, images(3, 16), lambda made: made["logits"]),
    "convnext": Member(convnext, images(3, 8), lambda made: made["logits"]),
    "regnet": Member(regnet, images(3, 16), lambda made: made["logits"]),
    "llama": Member(llama, tokens(11, 5), lambda made: made["logits"], near=1e-6),
}  # fmt: skip
