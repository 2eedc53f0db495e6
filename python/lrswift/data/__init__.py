"""Data sets by name, and iteration over batches. Arrays are as stored in the data sets' own files."""

from .augmentation import Augmented, crop, cutout, flip, normalize
from .batches import Batches, permutation
from .dataset import Dataset, Splits
from .fetch import fetch
from .loading import DATASETS, load
from .synthetic import Boxes, repeat_copy, shapes
from .tables import from_file
from .voc import voc

__all__ = [
    "DATASETS", "Augmented", "Batches", "Boxes", "Dataset", "Splits", "crop", "cutout", "fetch", "flip",
    "from_file", "load", "normalize", "permutation", "repeat_copy", "shapes", "voc",
]  # fmt: skip
