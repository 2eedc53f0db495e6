"""The choice among finalists: on fresh networks, and against what came back by luck."""

from __future__ import annotations

import numpy as np
import pytest
from quadratic_learning import CURVATURES, Bowl, bowls, learn

from lrswift.learning import inner_run
from lrswift.learning.finalists import Finals
from lrswift.learning.inner_run import Outcome


@pytest.mark.parametrize("finalists", [1, 3])
def test_it_returns_its_best(finalists):
    found = learn(outer_steps=8, step_size=(0.5, 0.5, 0.01), update="sign", finalists=finalists)
    returned = np.concatenate([found.learning_rates, found.momentums, found.weight_decays])
    if finalists == 1:
        assert found.best == int(np.argmin(found.valid_losses)) and not len(found.finalists)
        np.testing.assert_array_equal(returned, found.values[found.best])
        return
    np.testing.assert_array_equal(found.finalists, np.argsort(found.valid_losses)[:3])
    scores = [
        np.mean(row) + np.std(row, ddof=1) / 20**0.5 for row in found.final_losses + found.final_penalties
    ]
    chosen = int(np.argmin(scores))
    assert found.best == found.finalists[chosen]
    np.testing.assert_array_equal(returned, found.values[found.best])
    # no worse than the best validated outer step, on the same fresh networks
    assert scores[chosen] <= scores[0]


def test_finalists_meet_on_the_same_fresh_networks():
    """Their losses, as NumPy trains them."""
    found = learn(outer_steps=4, train=bowls(), valid=bowls(), learning_rates=1, momentums=0, weight_decays=0)
    assert found.final_losses.shape == (4, 20)
    seeds = [int(np.random.SeedSequence((0, i)).generate_state(1, np.uint32)[0]) for i in range(20)]
    starts = np.stack([Bowl(seed).theta.numpy() for seed in seeds])
    for (rate,), losses in zip(found.values[found.finalists], found.final_losses, strict=True):
        ends = starts * (1 - rate * CURVATURES) ** found.steps
        np.testing.assert_allclose(losses, 0.5 * (CURVATURES * ends**2).sum(1), rtol=1e-9)


def test_finalists_are_trained_without_going_back(monkeypatch):
    """Reverse mode would keep every step and go back over it for nothing."""
    calls = []

    def noted(*arguments, options, columns, **others):
        calls.append((options.mode, columns))
        return hypergradient(*arguments, options=options, columns=columns, **others)

    hypergradient = inner_run.hypergradient
    monkeypatch.setattr(inner_run, "hypergradient", noted)
    found = learn(outer_steps=3, mode="reverse")
    assert calls[:6] == [("reverse", None)] * 6
    assert calls[6:] == [("forward", ())] * found.final_losses.size


def test_one_ruined_network_is_not_averaged_away():
    """Mean plus standard error prefers what is a little worse everywhere; what diverged is never taken."""
    losses = np.array([[0.40, 0.40, 0.40, 0.40, 0.40, 0.70], [0.46] * 6, [0.1] * 5 + [np.inf]])
    assert losses[0].mean() < losses[1].mean()
    assert Finals(np.array([7, 4, 9]), losses, np.zeros((3, 6))).best == 4
    assert Finals(np.array([9]), losses[2:], np.zeros((1, 6))).best is None


def outcome(valid, train):
    return Outcome(valid, np.zeros(1), {}, train_losses=np.array(train, float))


def test_a_network_that_came_back_by_luck_counts_as_worse():
    """A fifth of the way from 0.4 back to 2.3, for two networks of four."""
    calm, peak = [2.3, 2.6, 1.2, 0.5, 1.4, 0.4], [2.3, 1.2, 0.5, 2.9, 0.5, 0.4]
    finals = Finals.of(
        np.array([3, 8]),
        [outcome(0.4, t) for t in (calm, peak, calm, peak)]
        + [outcome(v, calm) for v in (0.5, 0.5, 0.6, 0.6)],
    )
    np.testing.assert_allclose(finals.penalties, [[0, 0.38, 0, 0.38], [0] * 4], rtol=1e-12)
    spread = np.array([0.4, 0.78, 0.4, 0.78])
    np.testing.assert_allclose(finals.scores()[0], 0.59 + spread.std(ddof=1) / 2, rtol=1e-12)
    assert finals.best == 8


def test_a_peak_is_late_and_as_high_as_all_that_was_won():
    """In any units of the loss."""
    for unit in (1e-6, 1.0, 1e6):
        # a bad start, a rise by half, no decline at all, and one who lost everything
        for losses, expected in (
            ([2, 9, 1, 0.5], False), ([2, 1, 0, 1, 0], False), ([2, 3, 4], False), ([2, 2, 2], False),
            ([2, 1, 0, 2.1, 0], True), ([2, 0.9, 3.1, 0], True), ([2, 1.1, 9, 0], False),
        ):  # fmt: skip
            # whatever it ends with here is below all that it had
            judged = Finals.of(np.array([0]), [outcome(-unit, unit * np.array(losses))])
            assert (judged.penalties[0, 0] > 0) is np.bool_(expected), losses
    assert Finals.of(np.array([0]), [outcome(-1.0, [])]).penalties == 0
