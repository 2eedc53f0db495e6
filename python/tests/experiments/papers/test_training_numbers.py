"""What studies count: words, things found, bits answered right, and runs that went astray."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import lrswift as lr
from lrswift.experiments.papers import l4_dnc, reproduce, tlr_detection
from lrswift.experiments.papers.tlr_translation import tokens
from lrswift.experiments.papers.training import course
from lrswift.loop.history import History
from lrswift.models.detection import overlaps


def test_words_are_numbered_by_how_common_they_are() -> None:
    made = tokens(["A dog, a cat.", "The dog!", "Dog a"], 7, 8)
    # a and dog come three times, the comma and others once, of which one has a number
    assert made[2].tolist() == [1, made[0, 2], made[0, 1], 2, 0, 0, 0, 0]
    assert set(made[0, 1:3]) == {4, 5} and made[0, 1] == made[0, 4]
    assert made[0, 0] == 1 and made[0, 7] == 2 and made[0].tolist().count(3) == 2
    # no longer than there is room for
    assert tokens(["one two three four"], 9, 4)[0].tolist() == [1, 4, 5, 2]


class Fake:
    """A network that finds what it is told."""

    def __init__(self, found: list) -> None:
        self.found = found

    def detect(self, x: np.ndarray) -> list:
        return self.found


def test_things_are_found_by_boxes_of_their_class() -> None:
    data = lr.data.shapes(3, 32, (2, 2), seed=1)
    made = lr.models.detection.Detection
    right = [made(b, k, np.ones(2)) for b, k in zip(data.boxes, data.labels, strict=True)]
    assert tlr_detection.found(Fake(right), data) == 100
    none = made(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    other = made(data.boxes[1], (data.labels[1] + 1) % 3, np.ones(2))
    kept = made(data.boxes[2][:1], data.labels[2][:1], np.ones(1))
    # the second thing of the last picture lies elsewhere
    assert not overlaps(*(box[None] for box in data.boxes[2])).max() >= 0.5
    assert tlr_detection.found(Fake([none, other, kept]), data) == pytest.approx(100 / 6)


def test_bits_that_count_are_counted() -> None:
    x, target, mask = lr.data.repeat_copy(20, 3, seed=2)
    said = np.where(target > 0.5, 2.0, -2.0)
    assert l4_dnc.right(lambda x: lr.tensor(said), (x, target, mask)) == 100
    # a wrong bit where nothing counts, and one that counts
    said[0, 0, 0] *= -1
    assert l4_dnc.right(lambda x: lr.tensor(said), (x, target, mask)) == 100
    step = int(np.flatnonzero(mask[0])[0])
    said[0, step, 1] *= -1
    wrong = 100 / (mask.sum() * 4)
    assert l4_dnc.right(lambda x: lr.tensor(said), (x, target, mask)) == pytest.approx(100 - wrong)


def test_runs_that_went_astray_are_infinite() -> None:
    def history(losses: list[float]) -> History:
        made = History()
        made.add(np.array(losses), np.ones((len(losses), 3)))
        made.summarize(len(losses) - 2, 1, 0.5, {})
        return made

    assert course(history([2.0] * 10 + [1.0, 1.0]), False)["train_loss"] == 1.0
    assert course(history([2.0] * 10 + [30.0, 30.0]), False)["train_loss"] == math.inf
    assert course(history([2.0] * 12), True) == {
        **course(history([2.0] * 12), False), "train_loss": math.inf, "diverged": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["tlr-detection", "l4-dnc"])
def test_studies_of_made_data_run(name: str, tmp_path) -> None:
    reproduce(name, "quick", out=tmp_path, progress=False)
    facts = json.loads((tmp_path / f"{name}.json").read_text())
    assert facts["scale"] == "quick" and len(facts["rows"]) >= 4
    assert all(math.isfinite(row["ours"]) for row in facts["rows"])
    assert (tmp_path / f"{name}.html").stat().st_size > 10_000
