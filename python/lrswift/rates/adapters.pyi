"""All adapters. Made of the native cards by scripts/stubs.py; `make check` holds it to them."""

from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import ClassVar, Literal

from .base import Adapter

__all__ = [
    "Auto",
    "BarzilaiBorwein",
    "DAdaptation",
    "DoG",
    "DoWG",
    "HD",
    "L4",
    "LQA",
    "MARTHE",
    "MoMo",
    "NTLR",
    "NaiveTLR",
    "Newton",
    "PeriodicALRS",
    "Prodigy",
    "QLABGrad",
    "SLS",
    "SPS",
    "ScheduleFree",
    "StochasticBarzilaiBorwein",
    "TLR",
    "YellowFin",
]

@dataclass(frozen=True)
class Auto(Adapter):
    """Finds its rate in the first steps of the run, which it undoes, and plans the rest: warm-up, level,
    down to 0.

    In the search the rate grows by the same factor at every step, until <g, d'> says that steps are too
    long: g is the gradient after a step along d'. Then parameters and the direction's state are those
    of the first step again, and the rate at step t of the n that are left is

        rate min(1, (t + 1) / (warmup n), (n - t) / (decay n))

    `fit` tells it the number of steps; other loops give `steps`. A run of infinity steps has the search
    and the rise of one of 600 or more, and stays level until `finish(steps)` lets it fall; where that
    is never called, it never ends. A run too short for a search of 16 steps takes the rate `prior`, as
    does one whose gradients are too noisy to agree with any step. Constants were chosen with AdamW.

    Extra per step: an inner product and a vector.

    Args:
        steps: steps of the run, search included; infinity: until `finish`; none: what `fit` knows (a
            whole number at least 1, or infinity, or None; default None).
        search: share of the run that a search takes at most; 0: no search (at least 0 and below 1;
            default 0.06).
        prior: the rate of a run of 600 steps or more where there is no search (above 0; default 0.01).
        warmup: share of the steps over which the rate rises (at least 0 and at most 1; default 0.05).
        decay: share of the steps over which it falls to 0 (at least 0 and at most 1; default 0.6).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).
        decay_in_loss: coupled weight decay is a part of the loss that the rate sees, as it is of the
            gradient that is followed (True or False; default False).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        docs/auto.md; the derivative's sign: the ALRS paper.
    """

    rate: ClassVar[str] = "auto"
    steps: float | None = None
    search: float = 0.06
    prior: float = 0.01
    warmup: float = 0.05
    decay: float = 0.6
    _: KW_ONLY
    decay_in_loss: bool = False

@dataclass(frozen=True)
class BarzilaiBorwein(Adapter):
    """The step from the last displacement s and change of the gradient y: form 1 s's / s'y, form 2 s'y /
    y'y.

    Where s'y is not positive the rate before is kept.

    Extra per step: four inner products, two vectors.

    Args:
        initial: the first rate (above 0; default 0.01).
        form: 1: s's / s'y, 2: s'y / y'y (a whole number at least 1 and at most 2; default 1).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Barzilai and Borwein 1988, Two-point step size gradient methods.
    """

    rate: ClassVar[str] = "barzilai_borwein"
    initial: float = 0.01
    form: int = 1

@dataclass(frozen=True)
class DAdaptation(Adapter):
    """The rate is d lr, with d a growing lower bound of the distance to the solution, from sums of <g, s>.

    s is the weighted sum of gradients. Over SGD dual averaging, theta <- momentum theta + (1 -
    momentum) (theta_0 - s); over Adam and AdamW a recursion of its own without bias correction, whose
    eps must be above 0.

    Extra per step: one pass; over SGD two vectors, over Adam one more.
    Goes with SGD, Adam and AdamW; another direction raises TypeError.

    Args:
        d0: the first estimate of the distance (above 0; default 1e-06).
        lr: factor of the rate, for a schedule (above 0; default 1).
        growth: largest growth of the estimate in a step (at least 1; default inf).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Defazio and Mishchenko 2023, Learning-rate-free learning by D-adaptation, arXiv 2301.07733.
    """

    rate: ClassVar[str] = "d_adaptation"
    d0: float = 1e-06
    lr: float = 1.0
    growth: float = inf

@dataclass(frozen=True)
class DoG(Adapter):
    """Distance over gradients.

        rate = r / sqrt(sum |g|^2 + 1e-8)

    r is the largest distance from the first parameters theta_0 so far, at first `initial` (1 +
    |theta_0|).

    Extra per step: one vector and one norm.

    Args:
        initial: first distance, relative to 1 + |theta_0|; 1e-4 with batch-norm (above 0; default
            1e-06).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Ivgi, Hinder and Carmon 2023, DoG is SGD's best friend, arXiv 2302.12022.
    """

    rate: ClassVar[str] = "dog"
    initial: float = 1e-06

@dataclass(frozen=True)
class DoWG(Adapter):
    """Distance over weighted gradients: DoG with every gradient weighed by the distance.

        rate = r^2 / (sqrt(sum r^2 |g|^2) + 1e-4)

    r is the largest distance from the first parameters so far, at first `initial`.

    Extra per step: one vector and one norm.

    Args:
        initial: first distance (above 0; default 0.0001).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Khaled, Mishchenko and Jin 2023, DoWG unleashed, arXiv 2305.16284.
    """

    rate: ClassVar[str] = "dowg"
    initial: float = 0.0001

@dataclass(frozen=True)
class HD(Adapter):
    """Hypergradient descent: the rate follows the derivative of the loss with respect to the rate of the
    step before.

        additive        rate += meta_lr <g, d'>
        multiplicative  rate *= 1 + meta_lr <g, d'> / (|g| |d'|)

    d' is the direction of the step before; the coupled weight decay is part of g. Rates may become
    negative, as in the authors' logs, unless min_lr is set.

    Extra per step: one inner product, one vector.

    Args:
        initial: the first rate (finite; default 0.01).
        meta_lr: the learning rate of the learning rate (at least 0; default 0.0001).
        multiplicative: change the rate in proportion to itself (True or False; default False).
        min_lr: no rate is below it (a number; default -inf).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Baydin et al. 2018, Online learning rate adaptation with hypergradient descent, arXiv
            1703.04782, eq. 5-8.
    """

    rate: ClassVar[str] = "hd"
    initial: float = 0.01
    meta_lr: float = 0.0001
    multiplicative: bool = False
    _: KW_ONLY
    min_lr: float = -inf

@dataclass(frozen=True)
class L4(Adapter):
    """Steps to a fixed fraction of the linear model's way down to the best loss seen.

        rate = alpha (L - gamma L_min) / (<g^, d> + eps)

    g^ is the direction's own bias-corrected average of the gradient (direction), the gradient itself
    (gradient), or a bias-corrected average of its own with memory beta (ema). L_min starts at gamma0
    times the first loss, follows every lower loss, and is inflated by 1 + 1/tau each step, after it was
    used. Where <g^, d> is not positive the parameters stay where they are. A loss below lower_bound
    raises ArgumentError.

    Extra per step: one inner product.

    Args:
        alpha: fraction of the step to the target; useful between 0.10 and 0.30 (above 0; default 0.15).
        gamma: how far towards the lowest loss the target lies (at least 0 and below 1; default 0.9).
        tau: time scale in steps for forgetting the lowest loss (above 1; default 1000).
        gamma0: first lowest loss, as a fraction of the first loss (above 0 and at most 1; default
            0.75).
        eps: added to the slope (at least 0; default 1e-12).
        lower_bound: a value the loss never falls below (finite; default 0).
        estimator: what stands for the gradient of the loss (one of "direction", "gradient", "ema";
            default "direction").
        beta: memory of the estimator ema (at least 0 and below 1; default 0.9).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).
        decay_in_loss: coupled weight decay is a part of the loss that the rate sees, as it is of the
            gradient that is followed (True or False; default False).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Rolinek and Martius 2018, L4: Practical loss-based stepsize adaptation for deep learning, arXiv
            1802.05074, eq. 2-6.
    """

    rate: ClassVar[str] = "l4"
    alpha: float = 0.15
    gamma: float = 0.9
    tau: float = 1000.0
    gamma0: float = 0.75
    eps: float = 1e-12
    lower_bound: float = 0.0
    estimator: Literal["direction", "gradient", "ema"] = "direction"
    beta: float = 0.9
    _: KW_ONLY
    decay_in_loss: bool = False

@dataclass(frozen=True)
class LQA(Adapter):
    """The minimum of the parabola through the losses at -a, 0 and a along the direction, a the trial rate.

        rate = a/2 (L(-a) - L(a)) / (L(-a) + L(a) - 2 L(0)),  L(a) = L(theta - a d)

    Where the denominator is not positive the rate before is kept, at first the trial rate.

    Extra per step: two more forward passes.
    Evaluates the loss at points of its own: drive it by `minimize` or `fit`.

    Args:
        trial: the trial rate (above 0; default 0.1).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).
        decay_in_loss: coupled weight decay is a part of the loss that the rate sees, as it is of the
            gradient that is followed (True or False; default False).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Zhu et al. 2021, Automatic, dynamic, and nearly optimal learning rate specification via local
            quadratic approximation; QLABGrad, Table 1.
    """

    rate: ClassVar[str] = "lqa"
    trial: float = 0.1
    _: KW_ONLY
    decay_in_loss: bool = False

@dataclass(frozen=True)
class MARTHE(Adapter):
    """Descent on the rate along the derivative of a validation loss with respect to it, in forward mode.

        rate <- max(rate - meta_lr Delta, 0),  Delta = <validation gradient after the step, z>

    z, the derivative of the parameters with respect to the rate of all steps so far, is discounted by
    mu per step: mu 1 is RTHO, mu 0 hypergradient descent on validation data. meta_lr += meta_meta_lr
    Delta Delta', with Delta' the one before. Drive it by `minimize(closure, valid=...)` or
    `fit(valid=...)`. One rate for all parameters. A Delta that is not finite leaves the rate and is
    counted ("rate.0.failures" of the state). Without clipping.

    Extra per step: one Hessian-vector product, one validation forward and backward pass, a vector and
    one more for each of the direction's.

    Args:
        initial: the first rate (at least 0; default 0.01).
        meta_lr: the learning rate of the learning rate (at least 0; default 1e-08).
        mu: discount of the derivatives per step; 1: RTHO (at least 0 and at most 1; default 0.99999).
        meta_meta_lr: the learning rate of meta_lr; 0: it stays (at least 0; default 0).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Donini et al. 2020, MARTHE: Scheduling the learning rate via online hypergradients, arXiv
            1910.08525; Franceschi et al. 2017, Forward and reverse gradient-based hyperparameter
            optimization.
    """

    rate: ClassVar[str] = "marthe"
    initial: float = 0.01
    meta_lr: float = 1e-08
    mu: float = 0.99999
    meta_meta_lr: float = 0.0

@dataclass(frozen=True)
class MoMo(Adapter):
    """Polyak's step for the averaged linear model of past batches, capped by `lr`.

        rate = min(lr, max(f - lower_bound - c + <d, theta>, 0) / |d|^2),  theta -= rate d

    f, d and c are the averages of the losses, of the gradients and of <g, theta>; over Adam they have
    Adam's memory and the norm is Adam's metric. weight_decay is the paper's proximal decay over every
    direction.

    Extra per step: two passes; over SGD one vector, over Adam none.
    Goes with SGD, Adam and AdamW; another direction raises TypeError.

    Args:
        lr: largest rate (above 0, or None; default None: 1, 0.01 over adam, 0.01 over adamw).
        beta: memory of the averages over SGD; Adam has its own (at least 0 and below 1; default 0.9).
        lower_bound: below every loss (finite; default 0).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Schaipp et al. 2023, MoMo: Momentum models for adaptive learning rates, arXiv 2305.07583.
    """

    rate: ClassVar[str] = "momo"
    lr: float | None = None
    beta: float = 0.9
    lower_bound: float = 0.0

@dataclass(frozen=True)
class NTLR(Adapter):
    """Trainable learning rate by the rule of its authors' released code, kept positive.

        rate *= 1 + gamma x / (y - x + 1e-10)

    x is the inner product of the gradients accumulated over two windows, y the squared norm of the
    older one. A factor that is not positive leaves the rate as it is.

    `TLR(variant="ntlr")` is the same with the usual damping.

    Extra per step: two inner products and two vectors per window.

    Args:
        initial: the first rate (above 0; default 0.01).
        gamma: damping of the Newton step (above 0 and at most 1; default 0.2).
        window: an int is a number of steps; a float is a fraction of an epoch, whose length `fit`
            knows: elsewhere pass steps_per_epoch (an int of at least 1, or a float above 0 and at most
            1; default 0.333333).
        per: who shares a rate: all parameters, those of a group, or those of a tensor; pooled: a rate
            per tensor, shrunk towards that of all by its measured noise (one of "all", "group",
            "tensor", "pooled"; default "all").
        steps_per_epoch: steps of an epoch; none: what `fit` knows (a whole number at least 1, or None;
            default None).
        restart: fraction of the first rate below which it starts anew; none: never (at least 0 and
            below 1, or None; default None).
        restart_from: the rate it starts anew from: the first, or the largest since then (one of
            "initial", "largest"; default "initial").
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        NTLR, the TLR authors' released code.
    """

    rate: ClassVar[str] = "ntlr"
    initial: float = 0.01
    gamma: float = 0.2
    window: float = 0.3333333333333333
    per: Literal["all", "group", "tensor", "pooled"] = "all"
    steps_per_epoch: int | None = None
    restart: float | None = None
    restart_from: Literal["initial", "largest"] = "initial"

@dataclass(frozen=True)
class NaiveTLR(Adapter):
    """Trainable learning rate by a second evaluation per step: gradient descent on the rate itself.

        rate += meta_lr <g(theta - rate d), d>, then the step with the new rate

    Extra per step: one more forward and backward pass.
    Evaluates the loss at points of its own: drive it by `minimize` or `fit`.

    Args:
        initial: the first rate (above 0; default 0.01).
        meta_lr: the learning rate of the learning rate (above 0; required).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type, or meta_lr is not given.

    Source:
        the TLR paper (Trainable Learning Rate), eq. 5-7 and Algorithm 1.
    """

    rate: ClassVar[str] = "naive_tlr"
    initial: float = 0.01
    meta_lr: float | None = None

@dataclass(frozen=True)
class Newton(Adapter):
    """Exact line curvature: the step to the minimum of the loss's second-order expansion along the
    direction.

        rate = <g, d> / d'Hd

    What QLABGrad's probe estimates, exactly. Where the curvature is not positive the rate before is
    kept. Needs the loss's graph.

    Extra per step: one Hessian-vector product.
    Evaluates the loss at points of its own: drive it by `minimize` or `fit`.

    Args:
        initial: the rate until a curvature is positive (above 0; default 0.01).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Newton's method along a line.
    """

    rate: ClassVar[str] = "newton"
    initial: float = 0.01

@dataclass(frozen=True)
class PeriodicALRS(Adapter):
    """`find_lr` before epoch 0 of `fit` and after every `every` epochs; a constant rate in between.

    A search is made at the model's present state with the optimizer's own direction, whose vectors
    start anew for it, without clipping, guard and schedule; the training goes on with its own. Model,
    batch statistics, optimizer state and random state are left as they were, and the batches are those
    of `fit` in an order of their own, from (seed + epoch).

    Extra per step: nothing; a search: a forward and a backward pass per batch, at most 200 of them by
    trials, about 40 signals of a window (a 50th of an epoch) each by signs, and two copies of the
    parameters beside the direction's own vectors.

    Args:
        every: epochs from one search to the next (a whole number at least 1; default 1).
        fraction: of the value found: the rate (above 0; default 0.1).
        start: first value of each search; none: the one found before, at first 1 (above 0, or None;
            default None).
        initial: rate before the first search; none: a loop of one's own must call `search` before the
            first step (above 0, or None; default None).
        max_epochs: passes over the data that a search by signs may take (a whole number at least 1;
            default 5).
        rule: how a search finds: by trials, short training runs, or by signs, as the paper's (one of
            "trials", "signs"; default "trials").
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        the ALRS paper, which searches once and names the repetition as future work.
    """

    rate: ClassVar[str] = "periodic_alrs"
    every: int = 1
    fraction: float = 0.1
    start: float | None = None
    initial: float | None = None
    max_epochs: int = 5
    rule: Literal["trials", "signs"] = "trials"

@dataclass(frozen=True)
class Prodigy(Adapter):
    """D-Adaptation over Adam that finds the distance d sooner, by weighing gradients with d itself; the
    rate is d lr.

    Adam's recursion is without bias correction, and its eps must be above 0.

    Extra per step: two passes; two vectors beside Adam's.
    Goes with Adam and AdamW; another direction raises TypeError.

    Args:
        d0: the first estimate of the distance (above 0; default 1e-06).
        d_coef: factor of the estimate (above 0; default 1).
        lr: factor of the rate, for a schedule (above 0; default 1).
        growth: largest growth of the estimate in a step (at least 1; default inf).
        safeguard_warmup: keep a warm-up's small rates out of the estimate's denominator (True or False;
            default False).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Mishchenko and Defazio 2023, Prodigy: An expeditiously adaptive parameter-free learner, arXiv
            2306.06101.
    """

    rate: ClassVar[str] = "prodigy"
    d0: float = 1e-06
    d_coef: float = 1.0
    lr: float = 1.0
    growth: float = inf
    safeguard_warmup: bool = False

@dataclass(frozen=True)
class QLABGrad(Adapter):
    """The minimum of a parabola through the loss, its slope, and the loss after a trial step.

        rate = s a^2 / (2 (L(theta - a d) - L(theta) + a s)),  s = <g, d>

    a is the trial rate, which is taken where the bracket is not positive. FindPLR finds it at the start
    and again every refind_every steps: doubling while the bracket is negative, then halving while the
    loss rises. A rate beyond check a is halved until the loss there has fallen by four fifths of what
    the parabola promises. That check is not in the paper, whose rule without it can raise the loss of a
    smooth convex function at every step. halving is Box and Kanemasu's: a trial point whose loss is
    higher is tried at half the rate, in this step alone; their bound on the rate is max_ratio=1.1.
    follow lets the trial rate come after the rates: it is the last rate, but at most twice the last
    trial rate, and half of it where the loss at the trial point was higher.

    Extra per step: one more forward pass.
    Evaluates the loss at points of its own: drive it by `minimize` or `fit`.

    Args:
        trial: the trial rate, or where its search starts (above 0; default 0.1).
        find_trial: search for the trial rate (FindPLR) (True or False; default True).
        refind_every: steps between searches (a whole number at least 1; default 100).
        max_ratio: largest rate, as a multiple of the trial rate (above 0; default inf).
        check: trial rates beyond which a rate is checked; none: never (above 0, or None; default 2.5).
        halving: halve a step's trial rate while its loss is higher (Box and Kanemasu) (True or False;
            default False).
        follow: let the trial rate follow the rates (True or False; default False).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).
        decay_in_loss: coupled weight decay is a part of the loss that the rate sees, as it is of the
            gradient that is followed (True or False; default False).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        the QLABGrad paper, eq. 10 and FindPLR.
    """

    rate: ClassVar[str] = "qlabgrad"
    trial: float = 0.1
    find_trial: bool = True
    refind_every: int = 100
    max_ratio: float = inf
    check: float | None = 2.5
    halving: bool = False
    follow: bool = False
    _: KW_ONLY
    decay_in_loss: bool = False

@dataclass(frozen=True)
class SLS(Adapter):
    """Stochastic line search: a length a is shrunk by beta until Armijo's condition holds on the same
    batch.

        L(theta - a d) <= L - c a <g, d>

    A search starts from the length before times gamma^(1/N) with N steps per epoch (grow), from the
    length before (keep), or from `initial`. After max_trials failures the step is 1e-6. The condition
    goldstein also doubles a length, up to 10, where the loss falls by more than (1 - c) a <g, d>.

    Extra per step: one more forward pass per trial.
    Evaluates the loss at points of its own: drive it by `minimize` or `fit`.

    Args:
        initial: the first length (above 0; default 1).
        c: fraction of the linear decrease that is asked for (above 0 and below 1; default 0.1).
        beta: what a failed trial shrinks the length by (above 0 and below 1; default 0.9).
        gamma: growth of the starting length per epoch (at least 1; default 2).
        reset: where a search starts (one of "grow", "keep", "initial"; default "grow").
        max_trials: trials before the search gives up (a whole number at least 1; default 100).
        steps_per_epoch: steps of an epoch; none: what `fit` knows, else 500 (a whole number at least 1,
            or None; default None).
        condition: what a length must meet (one of "armijo", "goldstein"; default "armijo").
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).
        decay_in_loss: coupled weight decay is a part of the loss that the rate sees, as it is of the
            gradient that is followed (True or False; default False).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Vaswani et al. 2019, Painless stochastic gradient, arXiv 1905.09997.
    """

    rate: ClassVar[str] = "sls"
    initial: float = 1.0
    c: float = 0.1
    beta: float = 0.9
    gamma: float = 2.0
    reset: Literal["grow", "keep", "initial"] = "grow"
    max_trials: int = 100
    steps_per_epoch: int | None = None
    condition: Literal["armijo", "goldstein"] = "armijo"
    _: KW_ONLY
    decay_in_loss: bool = False

@dataclass(frozen=True)
class SPS(Adapter):
    """The stochastic Polyak step, with <g, d> in place of |g|^2 along any direction d.

        max     min(max_lr, (L - f_star) / (c <g, d>))
        smooth  min(gamma^(1/N) times the rate before, L / (c <g, d>)),  N steps per epoch

    The smooth mode starts from a rate of 1 and knows neither f_star nor max_lr, as in the authors'
    code. A step without slope is skipped. A loss below its bound, f_star in the mode max and 0 in the
    smooth one, raises ArgumentError.

    The mode max is the paper's SPS_max.

    Extra per step: nothing.

    Args:
        c: the fraction of the gap that a step aims at is 1/c (above 0; default 0.5).
        f_star: the lowest value of a batch's loss (finite; default 0).
        mode: what is bounded: the growth from step to step, or the rate (one of "smooth", "max";
            default "smooth").
        gamma: largest growth per epoch in the smooth mode (at least 1; default 2).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it in the mode max (a number; default 10).
        steps_per_epoch: steps of an epoch; none: what `fit` knows, else 500 (a whole number at least 1,
            or None; default None).
        decay_in_loss: coupled weight decay is a part of the loss that the rate sees, as it is of the
            gradient that is followed (True or False; default False).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Loizou et al. 2021, Stochastic Polyak step-size for SGD, arXiv 2002.10542.
    """

    rate: ClassVar[str] = "sps"
    c: float = 0.5
    f_star: float = 0.0
    mode: Literal["smooth", "max"] = "smooth"
    gamma: float = 2.0
    _: KW_ONLY
    max_lr: float = 10.0
    steps_per_epoch: int | None = None
    decay_in_loss: bool = False

@dataclass(frozen=True)
class ScheduleFree(Adapter):
    """Descent on z, gradients at y = (1 - beta) z + beta x, evaluation at x, the average of all z.

    Parameters hold y: call `optimizer.eval()` before evaluating or saving the model and
    `optimizer.train()` before going on; `fit` does. The rate is constant after a linear warm-up. Goes
    with SGD of momentum 0 and with AdamW, whose first beta is not used. `lrswift.optim.ScheduleFree` is
    the same with the usual constants.

    Extra per step: one pass; over SGD one vector, over AdamW none, as it has no first moment.
    Goes with SGD and AdamW; another direction raises TypeError.

    Args:
        lr: the rate (above 0, or None; default None: 1, 0.0025 over adamw).
        beta: weight of the average in the point of the gradient (above 0 and below 1; default 0.9).
        warmup_steps: steps over which the rate grows linearly (a whole number at least 0; default 0).
        r: power of the step in the average's weights (at least 0; default 0).
        weight_lr_power: power of the largest rate in the average's weights (at least 0; default 2).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Defazio et al. 2024, The road less scheduled, arXiv 2405.15682.
    """

    rate: ClassVar[str] = "schedule_free"
    lr: float | None = None
    beta: float = 0.9
    warmup_steps: int = 0
    r: float = 0.0
    weight_lr_power: float = 2.0

@dataclass(frozen=True)
class StochasticBarzilaiBorwein(Adapter):
    """SGD-BB: Barzilai and Borwein's step once per epoch of m steps.

        rate = |s|^2 / |s'y| / m

    s is the way of the last epoch, y the change of its gradient, averaged with weight 10 / m. The first
    two epochs, which have no y, take `initial`.

    Extra per step: one pass for the average; three vectors.

    Args:
        initial: the rate of the first two epochs (above 0; default 0.01).
        smoothing: geometric mean of the rates, falling as 1 / epoch (True or False; default False).
        steps_per_epoch: steps of an epoch; none: what `fit` knows, else 500 (a whole number at least 1,
            or None; default None).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Tan, Ma, Dai and Qian 2016, Barzilai-Borwein step size for stochastic gradient descent, arXiv
            1605.04131, algorithm 3.
    """

    rate: ClassVar[str] = "sgd_bb"
    initial: float = 0.01
    smoothing: bool = False
    steps_per_epoch: int | None = None

@dataclass(frozen=True)
class TLR(Adapter):
    """Trainable learning rate, the efficient variant: one multiplication of the rate per window.

        rate *= 1 + I / max(4 (n - I), I / bound),  I = <u, u'>,  n = |u|^2

    u is the displacement of the window that has just ended divided by its rate, u' that of the window
    before. The factor is 3/4 at least and 1 + bound at most.

    The variant ntlr is the rule of `NTLR`, which has no bound.

    Extra per step: two inner products and two vectors per window.

    Args:
        initial: the first rate (above 0; default 0.01).
        bound: largest relative growth per window (above 0; default 0.25).
        window: an int is a number of steps; a float is a fraction of an epoch, whose length `fit`
            knows: elsewhere pass steps_per_epoch (an int of at least 1, or a float above 0 and at most
            1; default 0.333333).
        per: who shares a rate: all parameters, those of a group, or those of a tensor; pooled: a rate
            per tensor, shrunk towards that of all by its measured noise (one of "all", "group",
            "tensor", "pooled"; default "all").
        variant: the paper's rule, or the one that its authors released later, as `NTLR`, without bound
            (one of "paper", "ntlr"; default "paper").
        steps_per_epoch: steps of an epoch; none: what `fit` knows (a whole number at least 1, or None;
            default None).
        restart: fraction of the first rate below which it starts anew; none: never (at least 0 and
            below 1, or None; default None).
        restart_from: the rate it starts anew from: the first, or the largest since then (one of
            "initial", "largest"; default "initial").
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        the TLR paper (Trainable Learning Rate), eq. 7-9 and Algorithm 2.
    """

    rate: ClassVar[str] = "tlr"
    initial: float = 0.01
    bound: float = 0.25
    window: float = 0.3333333333333333
    per: Literal["all", "group", "tensor", "pooled"] = "all"
    variant: Literal["paper", "ntlr"] = "paper"
    steps_per_epoch: int | None = None
    restart: float | None = None
    restart_from: Literal["initial", "largest"] = "initial"

@dataclass(frozen=True)
class YellowFin(Adapter):
    """Heavy ball whose rate and momentum follow the curvatures seen in the gradients' norms.

    SGD's own momentum must be 0, as the method sets it. `clip_norm` is the plain alternative to
    `protect`.

    Extra per step: two passes; two vectors, one of them the momentum.
    Goes with SGD; another direction raises TypeError.

    Args:
        initial: the rate of the first step (above 0; default 0.0001).
        beta: memory of the averages (at least 0 and below 1; default 0.999).
        window: gradients in the range of curvatures (a whole number at least 1 and at most 10000;
            default 20).
        slow_start: steps over which the rate grows to its own (a whole number at least 1; default 200).
        protect: limit gradients and moves as the authors' code does (True or False; default False).
        min_lr: no rate is below it (a number; default 0).
        max_lr: no rate is above it (a number; default inf).

    Raises:
        ArgumentError: an argument is out of its bounds, or min_lr above max_lr.
        ArgumentTypeError: an argument is of another type.

    Source:
        Zhang and Mitliagkas 2017, YellowFin and the art of momentum tuning, arXiv 1706.03471.
    """

    rate: ClassVar[str] = "yellowfin"
    initial: float = 0.0001
    beta: float = 0.999
    window: int = 20
    slow_start: int = 200
    protect: bool = False
