"""Ready-made networks: the ones the source papers train. Images are (N, H, W, C)."""

from .convolutional import alrs_cnn, fashion_convnet, lenet, mnist_cnn
from .dense import densenet
from .fully_connected import mlp
from .residual import resnet, wide_resnet
from .transformer import transformer, translation_loss

__all__ = [
    "alrs_cnn", "densenet", "fashion_convnet", "lenet", "mlp", "mnist_cnn", "resnet", "transformer",
    "translation_loss", "wide_resnet",
]  # fmt: skip
