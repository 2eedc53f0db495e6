"""Ready-made networks: the ones the source papers train. Images are (N, H, W, C)."""

from .convolutional import alrs_cnn, fashion_convnet, lenet, mnist_cnn
from .dense import densenet
from .detection import SSD, multibox_loss, ssd
from .fully_connected import mlp
from .memory import DNC, bits_loss, dnc
from .residual import resnet, wide_resnet
from .transformer import transformer, translation_loss

__all__ = [
    "DNC", "SSD", "alrs_cnn", "bits_loss", "densenet", "dnc", "fashion_convnet", "lenet", "mlp", "mnist_cnn",
    "multibox_loss", "resnet", "ssd", "transformer", "translation_loss", "wide_resnet",
]  # fmt: skip
