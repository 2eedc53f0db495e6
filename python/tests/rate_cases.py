"""Rates over directions beside their references: a line here holds a rate to its reference."""

from __future__ import annotations

from reference import bb, dog, hd, l4, lqa, newton, ntlr, pooled, qlabgrad, sls, sps, tlr
from reference import directions as D
from reference import more_directions as M
from twins import DAMPED, HEAVY, NESTEROV, Case, adam, halves, of, probing, sgd

import lrswift as lr

A = lr.adapt
EACH = [[0], [1], [2], [3]]
DECAY = {"weight_decay": 1e-2}
POLYAK = {"mode": "max", "c": 2.0, "f_star": -0.05, "max_lr": 1.0}
SEARCH = {"initial": 4.0, "c": 0.3, "beta": 0.7, "reset": "keep"}
RESTART = {"initial": 2.0, "c": 0.4, "beta": 0.8, "reset": "initial"}
EPOCH = 25  # steps an epoch where a window is a fraction of one: a third is 8 steps

CASES = {
    "l4-mom": Case(lambda p: lr.optim.L4Mom(p), l4.l4_mom),
    "l4-adam": Case(lambda p: lr.optim.L4Adam(p), l4.l4_adam),
    "l4-over-adam": Case(adam(lambda: A.L4(), eps=1e-4), l4.l4_adam),
    "l4-over-momentum": Case(sgd(lambda: A.L4(), momentum=0.9), lambda: l4.L4(D.SGD(momentum=0.9))),
    "l4-decay": Case(
        sgd(lambda: A.L4(), momentum=0.9, weight_decay=1e-3),
        lambda: l4.L4(D.SGD(momentum=0.9, weight_decay=1e-3)),
    ),
    "l4-gd": Case(sgd(lambda: A.L4()), l4.l4_gd),
    "l4-options": Case(
        sgd(lambda: A.L4(alpha=0.1, gamma=0.8, tau=50, gamma0=0.5, eps=1e-4, lower_bound=-0.2)),
        lambda: l4.l4_gd(alpha=0.1, gamma=0.8, tau=50, gamma0=0.5, eps=1e-4, lower_bound=-0.2),
    ),
    "l4-gradient": Case(
        sgd(lambda: A.L4(estimator="gradient"), momentum=0.9),
        lambda: l4.L4(D.SGD(momentum=0.9), estimator="gradient"),
        steps=80,
    ),
    "l4-ema": Case(
        adam(lambda: A.L4(estimator="ema", beta=0.7), eps=1e-4),
        lambda: l4.L4(D.Adam(eps=1e-4), estimator="ema", beta=0.7),
    ),
    "l4-ema-decay": Case(
        sgd(lambda: A.L4(estimator="ema", decay_in_loss=True), weight_decay=0.1),
        lambda: l4.L4(D.SGD(weight_decay=0.1), estimator="ema", loss_decay=0.1),
        steps=50,
    ),
    "l4-decay-in-loss": Case(
        sgd(lambda: A.L4(decay_in_loss=True), momentum=0.9, weight_decay=0.1),
        lambda: l4.L4(D.SGD(momentum=0.9, weight_decay=0.1), loss_decay=0.1),
    ),
    "tlr": Case(sgd(lambda: A.TLR(window=1)), lambda: tlr.TLR(D.SGD())),
    "tlr-bound": Case(
        sgd(lambda: A.TLR(initial=0.02, bound=0.1, window=1)),
        lambda: tlr.TLR(D.SGD(), initial=0.02, bound=0.1),
    ),
    "tlr-window": Case(sgd(lambda: A.TLR(window=7), **HEAVY), lambda: tlr.TLR(D.SGD(**HEAVY), window=7)),
    "tlr-fraction": Case(
        sgd(lambda: A.TLR(steps_per_epoch=EPOCH), **HEAVY),
        lambda: tlr.TLR(D.SGD(**HEAVY), window=tlr.steps_of(1 / 3, EPOCH)),
    ),
    "tlr-restart": Case(
        sgd(lambda: A.TLR(initial=0.9, window=1, restart=0.5)),
        lambda: tlr.TLR(D.SGD(), initial=0.9, restart=0.5),
    ),
    "tlr-restart-largest": Case(
        sgd(lambda: A.TLR(initial=0.9, window=1, restart=0.5, restart_from="largest")),
        lambda: tlr.TLR(D.SGD(), initial=0.9, restart=0.5, restart_from="largest"),
    ),
    "tlr-pooled": Case(
        sgd(lambda: A.TLR(window=1, per="pooled")), lambda: pooled.PooledTLR(D.SGD(), window=1)
    ),
    "tlr-pooled-window": Case(
        sgd(lambda: A.TLR(window=4, per="pooled"), **HEAVY),
        lambda: pooled.PooledTLR(D.SGD(**HEAVY), window=4),
    ),
    "tlr-tensor": Case(sgd(lambda: A.TLR(window=1, per="tensor")), lambda: tlr.TLR(D.SGD(), blocks=EACH)),
    "tlr-tensor-window": Case(
        sgd(lambda: A.TLR(window=7, per="tensor"), **HEAVY),
        lambda: tlr.TLR(D.SGD(**HEAVY), window=7, blocks=EACH),
    ),
    "tlr-group": Case(
        lambda p: lr.optim.SGD(halves(p), lr=A.TLR(window=1, per="group")),
        lambda: tlr.TLR(D.SGD(), blocks=[[0, 1], [2, 3]]),
    ),
    "naive-tlr": Case(sgd(lambda: A.NaiveTLR(meta_lr=1e-2)), lambda: tlr.NaiveTLR(meta_lr=1e-2), True),
    "qlabgrad": Case(sgd(lambda: A.QLABGrad()), qlabgrad.QLABGrad, True),
    "qlabgrad-found": Case(sgd(lambda: A.QLABGrad(trial=10.0)), lambda: qlabgrad.QLABGrad(trial=10.0), True),
    # FindPLR halves the trial rate before the step with 110 steps behind it, and at no other time.
    "qlabgrad-refind": Case(
        sgd(lambda: A.QLABGrad(trial=2.0, refind_every=10)),
        lambda: qlabgrad.QLABGrad(trial=2.0, refind_every=10),
        True,
    ),
    "qlabgrad-fixed": Case(
        sgd(lambda: A.QLABGrad(trial=0.5, find_trial=False, max_ratio=1.5)),
        lambda: qlabgrad.QLABGrad(trial=0.5, find_trial=False, max_ratio=1.5),
        True,
    ),
    "qlabgrad-paper": Case(
        sgd(lambda: A.QLABGrad(trial=0.05, find_trial=False, check=None)),
        lambda: qlabgrad.QLABGrad(trial=0.05, find_trial=False, check=None),
        True,
    ),
    "qlabgrad-checked": Case(
        sgd(lambda: A.QLABGrad(trial=0.05, find_trial=False)),
        lambda: qlabgrad.QLABGrad(trial=0.05, find_trial=False),
        True,
    ),
    "qlabgrad-halving": Case(
        sgd(lambda: A.QLABGrad(trial=10.0, find_trial=False, check=None, halving=True, max_ratio=1.1)),
        lambda: qlabgrad.QLABGrad(trial=10.0, find_trial=False, check=None, halving=True, max_ratio=1.1),
        True,
    ),
    "qlabgrad-follow": Case(
        sgd(lambda: A.QLABGrad(trial=0.03, find_trial=False, follow=True)),
        lambda: qlabgrad.QLABGrad(trial=0.03, find_trial=False, follow=True),
        True,
    ),
    "qlabgrad-follow-down": Case(
        sgd(lambda: A.QLABGrad(trial=20.0, find_trial=False, check=None, follow=True)),
        lambda: qlabgrad.QLABGrad(trial=20.0, find_trial=False, check=None, follow=True),
        True,
    ),
    "hd": Case(sgd(lambda: A.HD(meta_lr=1e-2)), lambda: hd.HD(meta_lr=1e-2)),
    "hd-defaults": Case(sgd(lambda: A.HD()), hd.HD),
    "hd-multiplicative": Case(
        sgd(lambda: A.HD(meta_lr=2e-2, multiplicative=True)),
        lambda: hd.HD(meta_lr=2e-2, multiplicative=True),
    ),
    "hd-momentum": Case(
        sgd(lambda: A.HD(initial=0.02, meta_lr=1e-3), **HEAVY),
        lambda: hd.HD(D.SGD(**HEAVY), 0.02, 1e-3),
    ),
    "hd-dampening": Case(
        sgd(lambda: A.HD(meta_lr=1e-2), **DAMPED), lambda: hd.HD(D.SGD(**DAMPED), meta_lr=1e-2)
    ),
    "hd-nesterov": Case(
        sgd(lambda: A.HD(meta_lr=1e-3), **NESTEROV), lambda: hd.HD(D.SGD(**NESTEROV), meta_lr=1e-3)
    ),
    "hd-nesterov-multiplicative": Case(
        sgd(lambda: A.HD(meta_lr=1e-2, multiplicative=True), **NESTEROV),
        lambda: hd.HD(D.SGD(**NESTEROV), meta_lr=1e-2, multiplicative=True),
    ),
    "hd-adam": Case(adam(lambda: A.HD(initial=1e-3, meta_lr=1e-5)), lambda: hd.HD(D.Adam(), 1e-3, 1e-5)),
    "hd-adam-multiplicative": Case(
        adam(lambda: A.HD(initial=1e-3, meta_lr=1e-2, multiplicative=True), weight_decay=1e-2),
        lambda: hd.HD(D.Adam(weight_decay=1e-2), 1e-3, 1e-2, True),
    ),
    "lqa": probing(sgd(lambda: A.LQA()), lqa.LQA),
    "lqa-trial": probing(sgd(lambda: A.LQA(trial=1.0)), lambda: lqa.LQA(trial=1.0)),
    "lqa-decay": probing(sgd(lambda: A.LQA(trial=0.5), **DECAY), lambda: lqa.LQA(D.SGD(**DECAY), 0.5)),
    "lqa-momentum": probing(sgd(lambda: A.LQA(), momentum=0.9), lambda: lqa.LQA(D.SGD(momentum=0.9)), 30),
    "sps": Case(sgd(lambda: A.SPS()), sps.SPS),
    "sps-smooth": Case(
        sgd(lambda: A.SPS(c=2.0, gamma=1.5, steps_per_epoch=20)),
        lambda: sps.SPS(c=2.0, gamma=1.5, steps_per_epoch=20),
    ),
    "sps-max": Case(sgd(lambda: A.SPS(**POLYAK)), lambda: sps.SPS(**POLYAK)),
    "sps-max-decay": Case(sgd(lambda: A.SPS(**POLYAK), **DECAY), lambda: sps.SPS(D.SGD(**DECAY), **POLYAK)),
    "sls": probing(sgd(lambda: A.SLS()), sls.SLS),
    "sls-decay": probing(sgd(lambda: A.SLS(c=0.5), **DECAY), lambda: sls.SLS(D.SGD(**DECAY), c=0.5)),
    "sls-grow": probing(
        sgd(lambda: A.SLS(c=0.5, gamma=3.0, steps_per_epoch=25)),
        lambda: sls.SLS(c=0.5, gamma=3.0, steps_per_epoch=25),
    ),
    "sls-keep": probing(sgd(lambda: A.SLS(**SEARCH)), lambda: sls.SLS(**SEARCH)),
    "sls-initial": probing(sgd(lambda: A.SLS(**RESTART)), lambda: sls.SLS(**RESTART)),
    # The first searches fail: steps of 1e-6, each going on from the eta where the last one gave up.
    "sls-fails": probing(
        sgd(lambda: A.SLS(initial=1e4, reset="keep", max_trials=12)),
        lambda: sls.SLS(initial=1e4, reset="keep", max_trials=12),
    ),
    "bb-1": Case(sgd(lambda: A.BarzilaiBorwein()), bb.BarzilaiBorwein),
    # Form 2 shrinks to nothing on changing batches: by step 15 the step is lost in the digits of theta.
    "bb-2": Case(sgd(lambda: A.BarzilaiBorwein(form=2)), lambda: bb.BarzilaiBorwein(form=2), steps=10),
    "bb-1-one-batch": Case(
        sgd(lambda: A.BarzilaiBorwein(initial=0.1)),
        lambda: bb.BarzilaiBorwein(initial=0.1),
        steps=20,
        fixed=True,
    ),
    "bb-2-one-batch": Case(
        sgd(lambda: A.BarzilaiBorwein(initial=0.1, form=2)),
        lambda: bb.BarzilaiBorwein(initial=0.1, form=2),
        steps=20,
        fixed=True,
    ),
    "dog": Case(sgd(lambda: A.DoG()), dog.DoG),
    "dowg": Case(sgd(lambda: A.DoWG()), lambda: dog.DoG(1e-4, weighted=True)),
    "dowg-initial": Case(sgd(lambda: A.DoWG(initial=0.01)), lambda: dog.DoG(0.01, weighted=True)),
    "newton": probing(sgd(lambda: A.Newton()), newton.Newton),
    "newton-momentum": probing(
        sgd(lambda: A.Newton(initial=0.1), momentum=0.9),
        lambda: newton.Newton(D.SGD(momentum=0.9), 0.1),
        100,
    ),
    "newton-adam": probing(adam(lambda: A.Newton()), lambda: newton.Newton(D.Adam()), 50),
    "ntlr": Case(sgd(lambda: A.TLR(variant="ntlr", window=1)), lambda: ntlr.NTLR(D.SGD())),
    "ntlr-window": Case(
        sgd(lambda: A.TLR(variant="ntlr", window=7), **HEAVY),
        lambda: ntlr.NTLR(D.SGD(**HEAVY), window=7),
    ),
    "ntlr-group": Case(
        lambda p: lr.optim.SGD(halves(p), lr=A.TLR(variant="ntlr", window=4, per="group")),
        lambda: ntlr.NTLR(D.SGD(), window=4, blocks=[[0, 1], [2, 3]]),
    ),
    "ntlr-tensor": Case(
        sgd(lambda: A.TLR(variant="ntlr", window=7, per="tensor"), **HEAVY),
        lambda: ntlr.NTLR(D.SGD(**HEAVY), window=7, blocks=EACH),
    ),
    "tlr-over-adam": Case(
        adam(lambda: A.TLR(initial=1e-3, window=7)), lambda: tlr.TLR(D.Adam(), 1e-3, window=7)
    ),
    "tlr-over-adam-each-step": Case(
        adam(lambda: A.TLR(initial=1e-3, window=1)), lambda: tlr.TLR(D.Adam(), 1e-3), steps=50
    ),
    # A direction that averages no gradients has <g, d> >= 0 with the gradient itself, as plain descent has.
    "l4-over-rmsprop": Case(of("RMSprop", A.L4, eps=1e-3), lambda: l4.L4(M.RMSprop(eps=1e-3))),
    "l4-over-adagrad": Case(of("Adagrad", A.L4, eps=1e-3), lambda: l4.L4(M.Adagrad(eps=1e-3))),
    "l4-over-adadelta": Case(of("Adadelta", A.L4), lambda: l4.L4(M.Adadelta())),
}
