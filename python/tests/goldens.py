"""Numbers that others printed or that were computed apart, and how near to them a number must be.

The references in NumPy and the native library are both held to them; nothing here comes from either. Where
the source is "computed", the numbers were computed in float64 from the published formulas by code of neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


def near(actual: Any, printed: Any, digits: float = 6e-11, what: str = "") -> None:
    """Equal to numbers printed with ten decimals, or with as many as `digits` says."""
    np.testing.assert_allclose(actual, printed, rtol=0, atol=digits, err_msg=what)


@dataclass(frozen=True)
class Run:
    """What a method does on theta' diag(1, 4, 10) theta / 2 from (1, -2, .5), `reference.problems.quadratic`.

    Step `steps[i]`, from 0, takes the rate `rates[i]` and leaves the loss `losses[i]`.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steps: tuple[int, ...] = (0, 1, 2, 3, 4)

    def check(self, rates: list[float], losses: list[float], what: str = "") -> None:
        """Rates of all steps up to the last one shown, and losses after them."""
        near([rates[k] for k in self.steps], self.rates, what=f"{what}: rates")
        near([losses[k] for k in self.steps], self.losses, what=f"{what}: losses")


# ---- the quadratic; source: computed ---------------------------------------------------------------------

# Baydin et al., "Online learning rate adaptation with hypergradient descent": initial 0.01, meta_lr 1e-4
HD = Run(
    (0.01, 0.018493, 0.0257016496, 0.0313310864, 0.0354890091),
    (8.87535, 7.4671173296, 5.9086917604, 4.4891472117, 3.3306393261),
)
# Rolinek and Martius, "L4: Practical loss-based stepsize adaptation for deep learning": defaults
L4_MOM = Run(
    (0.00528125, 0.0046335852, 0.0040655582, 0.0035656522, 0.0031245699),
    (9.2817580210, 8.8886670832, 8.5572360991, 8.2768274039, 8.0389524296),
)
# of the same run: the minimum that the loss is compared with, after it has been forgotten a little
L4_MOM_MINIMA = (7.3198125, 7.3271323125)
# the TLR paper, Algorithm 2: initial 0.01, a window of one step
TLR = Run(
    (0.01, 0.0125, 0.015625, 0.0305175781, 0.1164153218),
    (8.87535, 7.9070226328, 6.8631308295, 3.6158809555, 0.2096277334),
    (0, 1, 2, 5, 11),
)
# the QLABGrad paper, eq. 10: the minima along the line, since the parabola through any trial step is the loss
# itself here; LQA and Newton find them, too
LINE_MINIMA = Run(
    (0.1775147929, 0.1222547214, 0.1966081363, 0.1452744525, 0.2329785946),
    (1.7618343195, 0.4733891525, 0.2109238156, 0.1313990300, 0.0848819365),
)
# Vaswani et al., "Painless stochastic gradient": defaults, 500 steps an epoch; trials of each search
SLS = Run(
    (0.3142459316, 0.1672348483, 0.1674668458, 0.1676991651),
    (6.5011193093, 2.8146923506, 1.2999364682, 0.6200680787),
    (0, 1, 2, 3),
)
SLS_TRIALS = [12, 7, 1, 1]
# Defazio and Mishchenko, "Learning-rate-free learning by D-adaptation", over SGD with defaults: the
# estimate of the distance after steps, to eight digits, and the last loss to seven decimals
D_ADAPTATION = {
    0: 1e-6, 1: 1e-6, 2: 1.9999988e-6, 10: 1.6974909e-4, 20: 0.040706117, 40: 2.0055527, 59: 2.0306523
}  # fmt: skip
D_ADAPTATION_LOSS = 0.0011135
# the QLABGrad paper, FindPLR, before the first step: trial rate, what it becomes, halvings or doublings
FIND_PLR = [(1e-5, 1e-5, 0), (0.1, 0.1, 0), (10.0, 0.3125, 5)]

# ---- other problems --------------------------------------------------------------------------------------

# f = sum x^2 from (1, 2, 3). Khaled, Mishchenko and Jin, "DoWG unleashed", initial 0.01: losses after steps.
# Source: computed, in float32, so that the sixth decimal is off by one or two
DOWG_LOSSES = (13.925367, 13.872763, 13.775433, 13.596172, 13.268837)
# Schaipp et al., "MoMo: momentum models for adaptive learning rates", defaults: the loss at the start,
# and after steps. Source: computed
MOMO_LOSSES = (14, 3.5, 3.318, 3.142)


@dataclass(frozen=True)
class Descent:
    """A run on the badly conditioned regression of Recht and Rahimi, `problems.regression(seed=0)`.

    counts[i]: the first step, from 1, whose loss is below `LEVELS[i]` of the first one.
    """

    first_rate: float
    counts: tuple[int, ...]


# defaults but for what is said. Source: computed
REGRESSION_LOSS = 246081
LEVELS = (1e-3, 1e-6, 1e-10, 1e-14)
L4_MOM_REGRESSION = Descent(4.79123e-7, (513, 1631, 3316, 4969))
L4_MOM_QUARTER_REGRESSION = Descent(7.98538e-7, (332, 717, 1125, 1533))  # alpha 0.25
L4_ADAM_REGRESSION = Descent(1.01440e-2, (503, 4259, 12273))
# alpha 0.25 under the mean of the 1000 squares, at the first and last levels: epsilon counts there
L4_MOM_MEAN_COUNTS = (332, 2185)
# plain gradient descent: rate -> loss after 3000 steps
DESCENT_LOSSES = {1e-6: 359.19, 1e-5: 73.08}

# ---- formulas --------------------------------------------------------------------------------------------

# one dimension: rate times curvature -> factor of the next rate, by eq. 9 of the TLR paper and by its later
# code. Source: computed
TLR_FACTORS = [(0.5, 1.25), (0.99, 1.25), (1.2, 0.79167), (1.9, 0.86842), (3, 0.91667)]
NTLR_FACTORS = [(0.3, 1.467), (0.9, 1.022), (1.2, 0.967), (1.9, 0.905), (3, 0.867)]
# figure 8 of the QLABGrad paper: FindPLR from 1e-5 doubles seven times
FIND_PLR_FIGURE = (1e-5, 0.00128, 7)
# Zhang and Mitliagkas, "YellowFin and the art of momentum tuning": p = D^2 h^2 / 2C -> the root of its cubic,
# which is the square root of the momentum. Source: computed
YELLOWFIN_ROOTS = [(0.01, 0.8), (1.0, 0.317673), (100.0, 0.009712)]
# the search of ALRS with a share of its signals flipped: median and 95th percentile of the error. Source:
# computed
SBF_ERRORS = [(0.05, 0.008, 0.03), (0.10, 0.010, 0.04), (0.20, 0.018, None)]
# Micaelli and Storkey, "Gradient-based hyperparameter optimization over long horizons", Theorem 4.1 with
# epsilon 0.08 and no correlation: MSE of one step, window -> bound; MSE of one step -> best window. Source:
# computed
SHARING_BOUNDS = [
    (0.25, 1, 0.25), (0.25, 2, 0.1266), (0.25, 5, 0.0628), (0.25, 10, 0.0778), (0.25, 40, 0.85905),
    (0.0625, 40, 0.8543625),
]  # fmt: skip
BEST_WINDOWS = [(0.25, 6.166), (0.0625, 3.884)]

# ---- data ------------------------------------------------------------------------------------------------

# the training set of MNIST: mean and deviation of pixels scaled to 0..1, as in PyTorch's examples; images of
# each digit
MNIST_MEAN, MNIST_DEVIATION = 0.1307, 0.3081
MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
