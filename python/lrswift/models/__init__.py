"""Ready-made networks: the ones the source papers train. Images are (N, H, W, C)."""

from .convolutional import alrs_cnn, fashion_convnet, lenet, mnist_cnn
from .dense import densenet
from .fully_connected import mlp
from .residual import resnet, wide_resnet

__all__ = ["alrs_cnn", "densenet", "fashion_convnet", "lenet", "mlp", "mnist_cnn", "resnet", "wide_resnet"]
