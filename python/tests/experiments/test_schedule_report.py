"""The words about a learned schedule, from losses whose means and errors NumPy says."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr
from lrswift.experiments import schedule_report

SEED_LOSSES = np.array([[2.0, 2.0], [0.5, 0.7], [0.3, 0.4], [0.6, 0.6]])


def schedule(best: int, finalists: list[int], final_losses: np.ndarray, rates: int = 2) -> lr.LearnedSchedule:
    """Four outer steps of `rates` rates, a momentum and a decay."""
    values = np.arange(4.0 * (rates + 2)).reshape(4, rates + 2) / 100
    nothing = np.zeros((4, 2, rates + 2))
    return lr.LearnedSchedule(
        values[best, :rates], values[best, rates:-1], values[best, -1:], 10, best,
        values=values, seed_losses=SEED_LOSSES, hypergradients=nothing, signals=nothing[:, 0],
        retreated=np.zeros(4, bool), finalists=np.array(finalists, np.int64), final_losses=final_losses,
        final_penalties=np.zeros_like(final_losses),
    )  # fmt: skip


def test_the_best_is_marked_and_what_had_the_lowest_loss_is_told() -> None:
    finals = np.array([[0.9, 0.5, 0.7, 0.8], [0.6, 0.5, 0.7, 0.6]])
    made = schedule(1, [2, 1], finals)
    (marked,) = [line for line in schedule_report.table(made).splitlines() if line.endswith("best")]
    assert marked.split()[:2] == ["2", "0.6000"]
    told = " ".join(schedule_report.verdict(made).split())
    scores = finals.mean(1) + finals.std(1, ddof=1) / 2
    assert "outer step 2, of the 2 with the lowest losses the best on 4 networks" in told
    assert f"{scores[1]:.4f})" in told
    assert f"Outer step 3 has the lowest loss of 2 networks, 0.3500, but {scores[0]:.4f} on those 4" in told
    facts = schedule_report.facts(made)
    assert facts["best"] == 2 and [row["loss"] for row in facts["outer_steps"]] == [2.0, 0.6, 0.35, 0.6]
    known = [row["score"] for row in facts["outer_steps"]]
    assert known[0] is known[3] is None and known[1:3] == pytest.approx(scores[::-1].tolist())


def test_where_the_lowest_is_the_best_there_is_no_more_to_say() -> None:
    finals = np.array([[0.3, 0.4], [0.6, 0.5]])
    told = schedule_report.verdict(schedule(2, [2, 1], finals))
    assert "outer step 3" in told and "lowest loss of" not in told
    told = schedule_report.verdict(schedule(2, [], np.zeros((0, 2))))
    assert told == "best: outer step 3, the lowest loss in the table, a mean over 2 networks"


def test_a_candidate_that_diverges_is_told() -> None:
    told = " ".join(
        schedule_report.verdict(schedule(1, [2, 1], np.array([[np.inf, 0.5], [0.6, 0.5]]))).split()
    )
    assert "has the lowest loss of 2 networks, 0.3500, but diverges on some of those 2" in told


def test_nothing_is_best_where_all_diverged() -> None:
    assert "none is the best" in schedule_report.verdict(schedule(-1, [], np.zeros((0, 2))))


@pytest.mark.parametrize("rates", [1, 5, 12])
def test_the_table_fits_into_80_columns(rates: int) -> None:
    finals = np.array([[0.3, 0.4], [0.6, 0.5]])
    lines = schedule_report.table(schedule(2, [2, 1], finals, rates)).splitlines()
    assert len(lines) == 5 and max(map(len, lines)) <= 80
    assert (" to " in lines[1]) is (rates == 12)
