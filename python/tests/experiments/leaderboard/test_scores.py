"""Scores of results made by hand: every number here was worked out on paper."""

import math

import pytest

from lrswift.experiments.leaderboard.result import RunResult
from lrswift.experiments.leaderboard.scores import TUNED, Reference, lost, scores, steps_to

# gain 8, target 10 - 0.95 * 8 = 2.4
EASY = Reference(
    "easy", 100, 8, "adam", 10.0, 2.0, 0.0,
    (((0, 10.0), (50, 2.4), (100, 2.0)), ((0, 10.0), (50, 4.0), (100, 0.8))),
)  # fmt: skip
# losses below 0: gain 4, target 1 - 3.8 = -2.8
NEGATIVE = Reference("negative", 100, 8, "sgd", 1.0, -3.0, 0.0, (((0, 1.0), (80, -2.8), (100, -3.0)),))


def run(workload, method, curve, seed=1, status="ok"):
    final = curve[-1][1] if status == "ok" else None
    points = tuple((at, loss, 0.0) for at, loss in curve)
    return RunResult(workload, method, seed, 100, 8, status, curve[0][1], final, points)


def test_lost_is_the_share_of_the_gain_that_is_missing():
    for final, share in ((2.0, 0.0), (3.0, 0.125), (10.0, 1.0), (1e9, 1.0), (1.0, -0.125)):
        assert lost(run("easy", "m", [(0, 10.0), (100, final)]), EASY) == pytest.approx(share)
    assert lost(run("negative", "m", [(0, 1.0), (100, -2.0)]), NEGATIVE) == pytest.approx(0.25)
    assert lost(run("easy", "m", [(0, 10.0), (50, 2.0)], status="diverged"), EASY) == 1.0
    assert lost(run("easy", "m", [(0, 10.0), (100, math.inf)]), EASY) == 1.0


def test_steps_lie_on_the_line_between_two_validations():
    curve = [(0, 10.0, 0.0), (20, 6.0, 0.0), (40, 2.0, 0.0), (100, 5.0, 0.0)]
    assert steps_to(curve, 6.0) == 20
    assert steps_to(curve, 4.0) == 30
    assert steps_to(curve, 9.0) == 5
    assert steps_to(curve, 1.9) == math.inf
    # a network that is there from the start, and one that comes from beyond all numbers
    assert steps_to(curve, 11.0) == 1
    assert steps_to([(0, 10.0), (20, None), (40, 2.0)], 2.5) == 40
    assert EASY.target == pytest.approx(2.4)
    # 50, and 50 + 50 * (4 - 2.4) / (4 - 0.8) = 75
    assert EASY.to_target == pytest.approx(math.sqrt(50 * 75))


def test_a_table_by_hand():
    results = [
        # loses (0.25 + 0) / 2 on easy and misses its target once; gains on negative in half of the steps
        run("easy", "bold", [(0, 10.0), (100, 4.0)], 1),
        run("easy", "bold", [(0, 10.0), (40, 2.4), (100, 2.0)], 2),
        run("negative", "bold", [(0, 1.0), (40, -2.8), (100, -3.4)]),
        # loses 3.75 % on both, in twice the steps; one of them diverges beside
        run("easy", "slow", [(0, 10.0), (100, 2.3)], 1),
        run("negative", "slow", [(0, 1.0), (100, -2.85)], 1),
        run("negative", "slow", [(0, 1.0), (100, -2.85)], 2, "diverged"),
        # not in the references
        run("other", "slow", [(0, 1.0), (100, 0.0)]),
    ]
    found = {score.method: score for score in scores(results, {"easy": EASY, "negative": NEGATIVE})}
    assert list(found) == [TUNED, "bold", "slow"]
    bold, slow, tuned = found["bold"], found["slow"], found[TUNED]
    assert bold.losses == pytest.approx({"easy": 0.125, "negative": -0.1})
    assert bold.lost == pytest.approx(0.0125)
    assert (bold.near, bold.worst, bold.worst_workload) == (1, pytest.approx(0.125), "easy")
    assert (bold.reached, bold.diverged, bold.workloads) == (1, 0, 2)
    assert bold.ratios == pytest.approx({"easy": math.inf, "negative": 0.5}) and bold.ratio == math.inf
    assert slow.losses == pytest.approx({"easy": 0.0375, "negative": (0.0375 + 1) / 2})
    assert (slow.near, slow.diverged) == (1, 1)
    # 100 * (10 - 2.4) / (10 - 2.3); what diverged at its end had reached the target before: it counts
    reached = 100 * 7.6 / 7.7
    assert slow.ratios["easy"] == pytest.approx(reached / math.sqrt(50 * 75))
    assert slow.ratios["negative"] == pytest.approx(100 * 3.8 / 3.85 / 80)
    assert (tuned.lost, tuned.ratio, tuned.near, tuned.reached) == (0.0, 1.0, 2, 2)
    # the fastest: the reference on easy, bold on negative; so the reference is at 1 on the one, from tau 2 on
    # on both
    assert tuned.profile[0] == 0.5 and tuned.profile[-1] == 1.0
    assert tuned.height == pytest.approx((0.5 * 1 + 1.0 * 2) / 3, abs=0.002)
    assert list(bold.profile) == [0.5] * 301 and bold.height == pytest.approx(0.5)
    assert slow.profile[0] == 0.0


def test_only_what_all_were_run_on_counts():
    results = [
        run("easy", "a", [(0, 10.0), (100, 2.0)]),
        run("negative", "a", [(0, 1.0), (100, 1.0)]),
        run("easy", "b", [(0, 10.0), (100, 6.0)]),
    ]
    found = scores(results, {"easy": EASY, "negative": NEGATIVE})
    assert {score.method: score.lost for score in found} == {TUNED: 0.0, "a": 0.0, "b": 0.5}
    assert {score.workloads for score in found} == {1}
    assert scores(results, {"negative": NEGATIVE}) == []
    assert scores([], {"easy": EASY}) == []
