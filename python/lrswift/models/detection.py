"""Single-shot detection: VGG-16, boxes on its maps, and the loss that matches them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import nn
from ..checks import check_fraction, check_positive, check_whole
from ..errors import ArgumentError, ShapeError
from ..nn import functional as F
from ..nn import init
from ..tensors.functions import abs as absolute
from ..tensors.functions import cat, minimum
from ..tensors.tensor import Operand, Tensor, as_tensor

# convolutions of each stage, and their channels in units of the first's
_STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))
# of the further maps, in the same units: between, and out
_FURTHER = ((4, 8), (2, 4), (2, 4), (2, 4))
# by which offsets are divided, as in the authors' code
_VARIANCES = np.array([0.1, 0.1, 0.2, 0.2])
_SCALES = (0.2, 0.9)
_FIRST_SCALE = 0.1


class Detection(NamedTuple):
    """Things found in one picture, the likeliest first.

    Attributes:
        boxes: float64 [things, 4]: left, top, right, bottom, in parts of width and height.
        labels: int64 [things].
        scores: float64 [things], of 0 to 1.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


class _Scaled(nn.Module):
    """Each place's channels brought to length 1, times a factor for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(np.full(channels, 20.0, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        return x / ((x * x).sum(-1, keepdims=True) + 1e-10).sqrt() * self.weight


class SSD(nn.Module):
    """Single-shot detector, as `ssd` makes it.

    Args:
        classes: of things, without the background; at least 1.
        width: channels of the first convolutions, at least 1. Default 64.
        size: height and width of the pictures in pixels, at least 32. Default 300.

    Attributes:
        priors: float64 [places, 4], the boxes that are corrected: center, width and height, in parts of the
            picture's.
        classes: of things, without the background.

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: a number is none.
        DTypeError: a number is no integer.
        ShapeError: a size is no shape of an array.
    """

    def __init__(self, classes: int, width: int = 64, size: int = 300) -> None:
        super().__init__()
        self.classes = check_whole(classes, "ssd: classes", 1)
        self.size = check_whole(size, "ssd: size", 32)
        check_whole(width, "ssd: width", 1)
        layers: list[nn.Module] = []
        channels = 3
        for stage, (count, factor) in enumerate(_STAGES):
            for _ in range(count):
                layers += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU()]
                channels = factor * width
            if stage < 3:
                layers.append(nn.MaxPool2d(2))
            if stage == 3:
                self.base = nn.Sequential(*layers)
                layers = [nn.MaxPool2d(2)]
        layers += [nn.MaxPool2d(3, 1, 1), nn.Conv2d(channels, 16 * width, 3, padding=6, dilation=6)]
        layers += [nn.ReLU(), nn.Conv2d(16 * width, 16 * width, 1), nn.ReLU()]
        self.norm, self.top = _Scaled(8 * width), nn.Sequential(*layers)
        sides, further, widths = [size // 8, size // 16], [], [8 * width, 16 * width]
        for place, (between, out) in enumerate(_FURTHER):
            # the last two of 300 pixels shrink by their edge alone
            stride, padding = (2, 1) if place < 2 else (1, 0)
            side = (sides[-1] + 2 * padding - 3) // stride + 1
            if sides[-1] == 1 or side < 1:
                break
            further.append(
                nn.Sequential(
                    *(nn.Conv2d(widths[-1], between * width, 1), nn.ReLU()),
                    *(nn.Conv2d(between * width, out * width, 3, stride, padding), nn.ReLU()),
                )
            )
            sides.append(side)
            widths.append(out * width)
        self.further = nn.ModuleList(further)
        kinds = [6 if 0 < place < len(sides) - 2 or place == 1 else 4 for place in range(len(sides))]
        self.heads = nn.ModuleList(
            [nn.Conv2d(w, k * (5 + classes), 3, padding=1) for w, k in zip(widths, kinds, strict=True)]
        )
        self.priors = priors(sides, kinds)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 4:
                (init.xavier_uniform if name.startswith("heads") else init.kaiming_uniform)(parameter)
            elif name.endswith("bias"):
                init.zeros(parameter)

    def forward(self, x: Operand) -> Tensor:
        """Corrections and scores of each box.

        Args:
            x: pictures, floating [N, size, size, 3].

        Returns:
            Tensor [N, places, 5 + classes]: four corrections, then scores of background and classes.

        Raises:
            ArgumentError: a value of x is masked in the sense of numpy.ma.
            DTypeError: x is of another dtype than the weights.
            ShapeError: x has another shape.
        """
        t = F.as_float(x, "ssd", self.heads[0].weight)
        if t.ndim != 4 or t.shape[1:] != (self.size, self.size, 3):
            raise ShapeError(f"ssd: x: got shape {t.shape}; allowed: [N, {self.size}, {self.size}, 3]")
        hidden = self.base(t)
        maps = [self.norm(hidden)]
        hidden = self.top(hidden)
        maps.append(hidden)
        for layer in self.further:
            hidden = layer(hidden)
            maps.append(hidden)
        found = [
            head(m).reshape((t.shape[0], -1, 5 + self.classes))
            for head, m in zip(self.heads, maps, strict=True)
        ]
        return cat(found, 1)

    def targets(
        self, boxes: Sequence[np.ndarray], labels: Sequence[np.ndarray], overlap: float = 0.5
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives each box what it should say: what it overlaps most with, and each thing its best box.

        Args:
            boxes: of each picture, [things, 4]: left, top, right, bottom, in parts of width and height.
            labels: of each picture, [things], 0 <= label < classes.
            overlap: intersection over union from which a box stands for a thing, 0 to 1. Default 0.5.

        Returns:
            (corrections float32 [N, places, 4], classes int64 [N, places], 0 for background).

        Raises:
            ArgumentError: a label is out of range, a box has no area, or `overlap` is out of bounds.
            ArgumentTypeError: `overlap` is no number.
            ShapeError: not as many boxes as labels.
        """
        check_fraction(overlap, "targets: overlap")
        if len(boxes) != len(labels):
            raise ShapeError(f"targets: boxes of {len(boxes)} and labels of {len(labels)} pictures")
        corrections = np.zeros((len(boxes), len(self.priors), 4), np.float32)
        classes = np.zeros((len(boxes), len(self.priors)), np.int64)
        for k, (own, kinds) in enumerate(zip(boxes, labels, strict=True)):
            own, kinds = np.asarray(own, float).reshape(-1, 4), np.asarray(kinds)
            self._check(k, own, kinds)
            if len(own):
                corrections[k], classes[k] = self._matched(own, kinds, overlap)
        return corrections, classes

    def _check(self, picture: int, boxes: np.ndarray, labels: np.ndarray) -> None:
        if len(boxes) != len(labels):
            raise ShapeError(f"targets: picture {picture}: {len(boxes)} boxes and {len(labels)} labels")
        if len(labels) and not (0 <= labels.min() and labels.max() < self.classes):
            raise ArgumentError(
                f"targets: picture {picture}: labels {labels.min()} to {labels.max()}; "
                f"allowed: 0 to {self.classes - 1}, as the model has {self.classes} classes"
            )
        if not (boxes[:, 2:] > boxes[:, :2]).all():
            raise ArgumentError(
                f"targets: picture {picture}: a box without area; allowed: left < right, top < bottom"
            )

    def _matched(
        self, boxes: np.ndarray, labels: np.ndarray, overlap: float
    ) -> tuple[np.ndarray, np.ndarray]:
        shared = overlaps(boxes, _corners(self.priors))
        best, most = shared.argmax(0), shared.max(0)
        # each thing its own box, the best pair first
        left = shared.copy()
        for _ in range(min(shared.shape)):
            thing, prior = np.unravel_index(left.argmax(), left.shape)
            best[prior], most[prior] = thing, 1.0
            left[thing], left[:, prior] = -1, -1
        centers = (boxes[best, :2] + boxes[best, 2:]) / 2
        sizes = boxes[best, 2:] - boxes[best, :2]
        moved = (centers - self.priors[:, :2]) / self.priors[:, 2:]
        grown = np.log(sizes / self.priors[:, 2:])
        return np.hstack([moved, grown]) / _VARIANCES, np.where(most >= overlap, labels[best] + 1, 0)

    def detect(
        self, x: Operand, least: float = 0.5, overlap: float = 0.45, most: int = 20
    ) -> list[Detection]:
        """Finds things: the likeliest boxes of each class, without those that overlap a likelier one.

        Args:
            x: pictures, floating [N, size, size, 3].
            least: the score from which a box is a thing, 0 to 1. Default 0.5.
            overlap: intersection over union from which the less likely one is left out. Default 0.45.
            most: things in a picture. Default 20.

        Returns:
            A `Detection` for each picture.

        Raises:
            ArgumentError: a number is out of bounds.
            ArgumentTypeError: a number is none.
            DTypeError: x is of another dtype than the weights.
            ShapeError: x has another shape.
        """
        check_fraction(least, "detect: least")
        check_fraction(overlap, "detect: overlap")
        check_whole(most, "detect: most", 1)
        answers = self(x)
        corrections = answers[:, :, :4].numpy() * _VARIANCES
        scores = F.softmax(answers[:, :, 4:]).numpy().astype(float)
        found = []
        for moved, score in zip(corrections, scores, strict=True):
            centers = self.priors[:, :2] + moved[:, :2] * self.priors[:, 2:]
            sizes = self.priors[:, 2:] * np.exp(moved[:, 2:])
            boxes = _corners(np.hstack([centers, sizes])).clip(0, 1)
            found.append(_likeliest(boxes, score[:, 1:], least, overlap, most))
        return found


def _likeliest(boxes: np.ndarray, scores: np.ndarray, least: float, overlap: float, most: int) -> Detection:
    kept: list[tuple[int, int]] = []
    order = np.column_stack(np.unravel_index(np.argsort(-scores, axis=None, kind="stable"), scores.shape))
    for place, label in order:
        if scores[place, label] < least or len(kept) == most:
            break
        rivals = [p for p, k in kept if k == label]
        if not rivals or overlaps(boxes[[place]], boxes[rivals]).max() < overlap:
            kept.append((int(place), int(label)))
    places, labels = [p for p, _ in kept], [k for _, k in kept]
    return Detection(boxes[places], np.array(labels, np.int64), scores[places, labels])


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of centers, widths and heights."""
    return np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes given by their corners, [A, B]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clip(0).prod(-1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None] - shared
    # boxes without area share nothing
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def priors(sides: Sequence[int], kinds: Sequence[int]) -> np.ndarray:
    """The boxes of maps of these sides: center, width and height, float64 [places, 4].

    Scales grow from 0.2 to 0.9 over the maps, after 0.1 for the first; 4 kinds are two squares and the ratios
    2 and 1/2, and 6 have 3 and 1/3, too.
    """
    low, high = _SCALES
    scales = [_FIRST_SCALE, *np.linspace(low, high, len(sides))]
    made = []
    for place, (side, count) in enumerate(zip(sides, kinds, strict=True)):
        scale = scales[place]
        ratios = [2.0, 0.5] if count == 4 else [2.0, 0.5, 3.0, 1 / 3]
        sizes = [(scale, scale), (math.sqrt(scale * scales[place + 1]),) * 2]
        sizes += [(scale * math.sqrt(r), scale / math.sqrt(r)) for r in ratios]
        down, right = np.mgrid[:side, :side]
        centers = np.stack([right.ravel() + 0.5, down.ravel() + 0.5], 1) / side
        made.append(np.hstack([np.repeat(centers, count, 0), np.tile(np.array(sizes), (side * side, 1))]))
    return np.concatenate(made)


def ssd(classes: int, width: int = 64, size: int = 300) -> SSD:
    """Single-shot detector over VGG-16: convolutions alone, and boxes on up to six of its maps.

    Pooling rounds sizes down, where Caffe's rounds up: at 300 pixels the first map has 37 places a side, for
    the paper's 38; of sizes that are multiples of 16 there is no difference. Weights are drawn, as no others
    are at hand; the paper's VGG-16 was trained before.

    Args:
        classes: of things, without the background; at least 1.
        width: channels of the first convolutions, at least 1; VGG-16 has 64. Default 64.
        size: height and width of the pictures in pixels, at least 32. Default 300.

    Returns:
        The network, [N, size, size, 3] to [N, places, 5 + classes].

    Raises:
        ArgumentError: a number is out of bounds.
        ArgumentTypeError: a number is none.
        DTypeError: a number is no integer.
        ShapeError: a size is no shape of an array.

    Source:
        Liu et al., "SSD: single shot multibox detector" (2016); Simonyan and Zisserman, "Very deep
        convolutional networks for large-scale image recognition" (2015).
    """
    return SSD(classes, width, size)


def multibox_loss(
    model: nn.Module, x: Operand, corrections: Operand, labels: Operand, negatives: float = 3.0
) -> Tensor:
    """Corrections of boxes that stand for things, and classes of these and of the hardest others.

    Smooth absolute differences of corrections, and cross-entropy of classes, each summed, over the number of
    boxes that stand for things. Of those that stand for background, only so many as `negatives` times the
    others count, in each picture, whose cross-entropy is highest. Which they are depends on values, so `fit`
    runs the loss anew for every batch. It is a loss for `fit`, which gives it the model.

    Args:
        model: as from `ssd`.
        x: pictures, floating [N, size, size, 3].
        corrections: [N, places, 4], as from `SSD.targets`.
        labels: integers [N, places], 0 for background, as from `SSD.targets`.
        negatives: how many boxes of background count for one of a thing, above 0. Default 3.0.

    Returns:
        A scalar Tensor; 0 where no box stands for a thing.

    Raises:
        ArgumentError: a label is out of range, or `negatives` out of bounds.
        ArgumentTypeError: `negatives` is no number.
        DTypeError: labels are no integers.
        ShapeError: shapes do not fit.

    Source:
        Liu et al. (2016), equations 1 to 3.
    """
    check_positive(negatives, "multibox_loss: negatives")
    answers = model(x)
    rows, places, count = answers.shape
    kinds = as_tensor(labels, name="multibox_loss: labels")
    wanted = as_tensor(corrections, answers, "multibox_loss: corrections")
    if kinds.shape != (rows, places) or wanted.shape != (rows, places, 4):
        raise ShapeError(
            f"multibox_loss: got corrections {wanted.shape} and labels {kinds.shape}; "
            f"allowed: {(rows, places, 4)} and {(rows, places)}"
        )
    things = kinds.numpy() > 0
    chosen = F.embedding(kinds, as_tensor(np.eye(count - 4), answers, "classes"))
    each = -(F.log_softmax(answers[:, :, 4:]) * chosen).sum(-1)
    hard = _hardest(np.where(things, -np.inf, each.detach().numpy()), negatives * things.sum(1))
    counts = as_tensor((things | hard).astype(float), answers, "counts")
    stands = as_tensor(things[:, :, None].astype(float), answers, "stands")
    off = absolute(answers[:, :, :4] - wanted)
    near = minimum(off, 1.0)
    total = (each * counts).sum() + ((0.5 * near * near + (off - near)) * stands).sum()
    return total / max(1, int(things.sum()))


def _hardest(losses: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Where the highest losses of each row are, as many as it may have; none of minus infinity."""
    ranks = np.argsort(np.argsort(-losses, 1, kind="stable"), 1, kind="stable")
    return np.asarray((ranks < counts[:, None]) & np.isfinite(losses))
