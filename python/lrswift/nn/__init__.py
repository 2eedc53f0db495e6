"""Networks: modules, layers, their functions and initial values. Images are (N, H, W, C)."""

from . import functional, init
from .attention import MultiheadAttention, TransformerDecoderLayer, TransformerEncoderLayer
from .containers import ModuleList, Sequential
from .layers import (
    GELU,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    Identity,
    LayerNorm,
    Linear,
    MaxPool2d,
    ReLU,
    RMSNorm,
    Sigmoid,
    Softplus,
    Tanh,
)
from .module import Module
from .parameter import Parameter
from .recurrent import GRU, LSTM

__all__ = [
    "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv2d", "Dropout", "Embedding", "Flatten", "GELU", "GRU",
    "GlobalAvgPool2d", "GroupNorm", "Identity", "LSTM", "LayerNorm", "Linear", "MaxPool2d", "Module",
    "ModuleList", "MultiheadAttention", "Parameter", "RMSNorm", "ReLU", "Sequential", "Sigmoid", "Softplus",
    "Tanh", "TransformerDecoderLayer", "TransformerEncoderLayer", "functional", "init",
]  # fmt: skip
