"""lrswift: training that finds its own learning rate, computed in Swift.

`import lrswift as lr`. Tensors and networks follow PyTorch's names, arrays NumPy's rules, images are
(N, H, W, C). Heavy modules (data, plots, the comparison) load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import _core, _threadpools, adapt, models, nn, optim, random, schedule
from ._dlpack import from_dlpack
from ._tensor import Tensor
from .autograd import enable_grad, grad, hvp, jvp, no_grad
from .config import (
    config,
    get_threads,
    max_memory_allocated,
    memory_allocated,
    reset_peak_memory_stats,
    set_threads,
    show_config,
)
from .creation import (
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
from .errors import (
    ArgumentError,
    Diverged,
    DTypeError,
    Error,
    FormatError,
    MissingFiles,
    RecordingError,
    ShapeError,
)
from .functions import (
    abs,
    argmax,
    broadcast_to,
    cat,
    exp,
    gelu,
    log,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    relu,
    reshape,
    sigmoid,
    softplus,
    sqrt,
    square,
    stack,
    sum,
    tanh,
    transpose,
    where,
)
from .random import seed
from .saving import load, save

if TYPE_CHECKING:
    from . import data, sklearn
    from .comparison import compare
    from .finder import find_lr
    from .fitting import fit
    from .hpo import compare_hpo
    from .hypergradient_check import check_hypergradient
    from .hypergradients import hypergradient
    from .learned import LearnedSchedule
    from .learning import learn_schedule
    from .minimization import minimize
    from .range_test import lr_range_test
    from .sharing import best_window, sharing_bound, sharing_noise

__version__: str = _core.version()

_threadpools.register()

# loaded on first use, so that `import lrswift` costs little more than `import numpy`
_LAZY = {
    "data": ("data", None),
    "sklearn": ("sklearn", None),
    "fit": ("fitting", "fit"),
    "find_lr": ("finder", "find_lr"),
    "lr_range_test": ("range_test", "lr_range_test"),
    "compare": ("comparison", "compare"),
    "compare_hpo": ("hpo", "compare_hpo"),
    "check_hypergradient": ("hypergradient_check", "check_hypergradient"),
    "hypergradient": ("hypergradients", "hypergradient"),
    "learn_schedule": ("learning", "learn_schedule"),
    "LearnedSchedule": ("learned", "LearnedSchedule"),
    "sharing_bound": ("sharing", "sharing_bound"),
    "best_window": ("sharing", "best_window"),
    "sharing_noise": ("sharing", "sharing_noise"),
    "torch": ("torch", None),
    "numpy": ("numpy", None),
    "optax": ("optax", None),
    "minimize": ("minimization", "minimize"),
}

__all__ = [
    "ArgumentError", "DTypeError", "Diverged", "Error", "FormatError", "LearnedSchedule",
    "MissingFiles", "RecordingError", "ShapeError", "Tensor",
    "abs", "adapt", "arange", "argmax", "best_window", "bool_", "broadcast_to", "cat",
    "check_hypergradient", "compare", "compare_hpo", "config", "data", "enable_grad", "exp", "eye",
    "find_lr", "fit", "float32", "float64", "from_dlpack", "full", "gelu", "get_threads", "grad", "hvp",
    "hypergradient", "int64", "jvp", "learn_schedule", "load", "log", "lr_range_test", "matmul", "max",
    "max_memory_allocated", "maximum", "mean", "memory_allocated", "min", "minimize", "minimum",
    "models", "nn", "no_grad", "ones", "optim", "rand", "randn", "random", "relu",
    "reset_peak_memory_stats", "reshape", "save", "schedule", "seed", "set_threads", "sharing_bound",
    "sharing_noise", "show_config", "sigmoid", "sklearn", "softplus", "sqrt", "square", "stack", "sum",
    "tanh", "tensor", "transpose", "uint8", "where", "zeros",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'lrswift' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    found = importlib.import_module(f".{module}", __name__)
    value = found if attribute is None else getattr(found, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
