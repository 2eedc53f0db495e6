"""Networks of PyTorch, of the kinds and sizes that people train on a CPU, for `benchmarks/from_torch.py`.

NETWORKS: name -> (module, inputs, target), made anew with every call; the loss is cross-entropy for whole
targets and mean squared error for others.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Made = tuple[nn.Module, Tensor, Tensor]


def labels(classes: int, *shape: int) -> Tensor:
    return torch.randint(classes, shape)


def mlp() -> Made:
    net = nn.Sequential(
        nn.Linear(784, 300),
        nn.BatchNorm1d(300),
        nn.ReLU(),
        nn.Linear(300, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    return net, torch.randn(128, 784), labels(10, 128)


def lenet() -> Made:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip
    return net, torch.randn(128, 1, 28, 28), labels(10, 128)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.skip = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.skip = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.skip(x))


def residual() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1),
        Block(16, 32, 2), Block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
    return net, torch.randn(64, 3, 32, 32), labels(10, 64)


class Inverted(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.SiLU())
        self.depthwise = nn.Sequential(
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.SiLU()
        )
        self.squeeze, self.excite = nn.Conv2d(inner, inner // 8, 1), nn.Conv2d(inner // 8, inner, 1)
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x))
        scale = torch.sigmoid(self.excite(F.silu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        return x + self.project(y * scale)


def mobile() -> Made:
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), Inverted(16, 64), Inverted(16, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 10),
    )  # fmt: skip
    return net, torch.randn(32, 3, 32, 32), labels(10, 32)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = self.pair(1, 16), self.pair(16, 32)
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.last = self.pair(32, 16)
        self.out = nn.Conv2d(16, 1, 1)

    @staticmethod
    def pair(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(4, outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.GroupNorm(4, outputs), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        high = self.first(x)
        low = self.second(F.max_pool2d(high, 2))
        return self.out(self.last(torch.cat([high, self.up(low)], 1)))


def unet() -> Made:
    return UNet(), torch.randn(8, 1, 32, 32), torch.randn(8, 1, 32, 32)


class Causal(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, words: int = 65, width: int = 96) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(64, width)
        self.blocks = nn.Sequential(Causal(width, 4), Causal(width, 4))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, idx: Tensor) -> Tensor:
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        return self.head(self.norm(self.blocks(x))).transpose(1, 2)


def gpt() -> Made:
    return GPT(), labels(65, 16, 64), labels(65, 16, 64)


class Last(nn.Module):
    def __init__(self, net: nn.Module, width: int) -> None:
        super().__init__()
        self.net, self.head = net, nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net(x)[0][:, -1])


def lstm() -> Made:
    return Last(nn.LSTM(28, 64, batch_first=True), 64), torch.randn(64, 28, 28), labels(10, 64)


def gru() -> Made:
    return Last(nn.GRU(28, 64, batch_first=True), 64), torch.randn(64, 28, 28), labels(10, 64)


def autoencoder() -> Made:
    net = nn.Sequential(
        nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 20), nn.Tanh(), nn.Linear(20, 400), nn.ReLU(),
        nn.Linear(400, 784), nn.Sigmoid(),
    )  # fmt: skip
    return net, torch.rand(128, 784), torch.rand(128, 784)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True)
        self.net = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net(x).mean(1))


def encoder() -> Made:
    return Encoder(), torch.randn(32, 32, 64), labels(10, 32)


NETWORKS: dict[str, Callable[[], Made]] = {
    "mlp": mlp, "lenet": lenet, "residual": residual, "mobile": mobile, "unet": unet, "gpt": gpt,
    "lstm": lstm, "gru": gru, "autoencoder": autoencoder, "encoder": encoder,
}  # fmt: skip
