"""lrswift: training that finds its own learning rate, computed in Swift.

`import lrswift as lr`. Tensors and networks follow PyTorch's names, arrays NumPy's rules, images are
(N, H, W, C). Heavy modules (data, plots, the comparison) load when first used.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from . import adapt, models, nn, optim, random, schedule
from ._core import version as core_version
from .config import (
    check_variables,
    config,
    get_threads,
    max_memory_allocated,
    memory_allocated,
    register_threadpool,
    reset_peak_memory_stats,
    set_threads,
    show_config,
)
from .errors import (
    ArgumentError,
    ArgumentTypeError,
    Diverged,
    DTypeError,
    Error,
    FormatError,
    MissingFiles,
    RecordingError,
    ShapeError,
)
from .files import safetensors as _safetensors  # noqa: F401 - its name of before
from .files.torch_rates import register as register_rates
from .random import seed
from .store import load, save
from .tensors.activations import *  # noqa: F403
from .tensors.activations import __all__ as _activations
from .tensors.autograd import enable_grad, grad, hvp, jvp, no_grad
from .tensors.creation import (
    arange,
    bool_,
    eye,
    float32,
    float64,
    full,
    int64,
    ones,
    rand,
    randn,
    tensor,
    uint8,
    zeros,
)
from .tensors.dlpack import from_dlpack
from .tensors.functions import *  # noqa: F403
from .tensors.functions import __all__ as _functions
from .tensors.tensor import Tensor

if TYPE_CHECKING:
    from . import callbacks, data, functions
    from . import numpy as numpy
    from . import optax as optax
    from . import sklearn as sklearn
    from . import torch as torch
    from .experiments.comparison import compare
    from .experiments.hpo import compare_hpo
    from .experiments.hpo.options import HpoOptions
    from .experiments.leaderboard import leaderboard
    from .fromtorch.convert import from_torch
    from .hypergradients.check import check_hypergradient
    from .hypergradients.hypergradient import Hypergradient, hypergradient
    from .hypergradients.options import HypergradientOptions
    from .hypergradients.sharing import best_window, sharing_bound, sharing_errors, sharing_noise
    from .learning.learn import learn_schedule
    from .learning.learned_schedule import LearnedSchedule
    from .learning.options import ExecutionOptions, LearningOptions
    from .loop.history import History
    from .scipy import minimize
    from .search.find import FoundRate, find_lr
    from .search.range_test import RangeTest, lr_range_test
    from .search.signs import SignOptions
    from .training.fit import fit
    from .training.options import FitOptions

__version__: str = core_version()

register_threadpool()
register_rates()
check_variables()

# name -> its module, None for a module itself; loaded on first use, so that `import lrswift` costs little
# more than `import numpy`
_LAZY = {
    "ExecutionOptions": "learning.options",
    "FitOptions": "training.options",
    "FoundRate": "search.find",
    "History": "loop.history",
    "HpoOptions": "experiments.hpo.options",
    "Hypergradient": "hypergradients.hypergradient",
    "HypergradientOptions": "hypergradients.options",
    "LearnedSchedule": "learning.learned_schedule",
    "LearningOptions": "learning.options",
    "RangeTest": "search.range_test",
    "callbacks": None,
    "best_window": "hypergradients.sharing",
    "check_hypergradient": "hypergradients.check",
    "compare": "experiments.comparison",
    "compare_hpo": "experiments.hpo",
    "data": None,
    "SignOptions": "search.signs",
    "find_lr": "search.find",
    "fit": "training.fit",
    "from_torch": "fromtorch.convert",
    "functions": None,
    "hypergradient": "hypergradients.hypergradient",
    "leaderboard": "experiments.leaderboard",
    "learn_schedule": "learning.learn",
    "lr_range_test": "search.range_test",
    "minimize": "scipy",
    "numpy": None,
    "optax": None,
    "sharing_bound": "hypergradients.sharing",
    "sharing_errors": "hypergradients.sharing",
    "sharing_noise": "hypergradients.sharing",
    "sklearn": None,
    "torch": None,
}
# of those, what needs a package that may be missing; `dir` leaves out what cannot be had, so that `help`
# and `inspect.getmembers`, which ask for every name, work
_NEEDS = {"optax": ("jax", "optax"), "sklearn": ("sklearn",), "torch": ("torch",)}

__all__ = [
    *_activations, *_functions,
    "ArgumentError", "ArgumentTypeError", "DTypeError", "Diverged", "Error", "ExecutionOptions",
    "FitOptions", "FormatError", "FoundRate", "History", "HpoOptions", "Hypergradient",
    "HypergradientOptions", "LearnedSchedule", "LearningOptions", "MissingFiles", "RangeTest",
    "RecordingError", "ShapeError", "SignOptions", "Tensor", "adapt", "arange", "best_window", "bool_",
    "callbacks",
    "check_hypergradient", "compare", "compare_hpo", "config", "data", "enable_grad", "eye", "find_lr",
    "fit", "float32", "float64", "from_dlpack", "from_torch", "full", "functions", "get_threads", "grad",
    "hvp",
    "hypergradient", "int64", "jvp", "leaderboard", "learn_schedule", "load", "lr_range_test",
    "max_memory_allocated", "memory_allocated",
    "minimize", "models", "nn", "no_grad", "ones", "optim", "rand", "randn", "random",
    "reset_peak_memory_stats", "save", "schedule", "seed", "set_threads", "sharing_bound", "sharing_errors",
    "sharing_noise", "show_config", "tensor", "uint8", "zeros",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'lrswift' has no attribute {name!r}")
    module = _LAZY[name]
    found = importlib.import_module(f".{module or name}", __name__)
    value = found if module is None else getattr(found, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    missing = {name for name, needs in _NEEDS.items() if not all(map(importlib.util.find_spec, needs))}
    return sorted({*globals(), *_LAZY} - missing)
