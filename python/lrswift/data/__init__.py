"""Data sets by name, and iteration over batches. Arrays are as stored in the data sets' own files."""

from .batches import Batches, permutation
from .dataset import Dataset, Splits
from .fetch import fetch
from .loading import DATASETS, load
from .tables import from_file

__all__ = ["DATASETS", "Batches", "Dataset", "Splits", "fetch", "from_file", "load", "permutation"]
