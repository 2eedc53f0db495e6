"""Single-shot detection beside PyTorch: the network, the loss, and what boxes stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from model_checks import has_right_derivatives_of

import lrswift as lr
from lrswift.loop.recorder import RecordingWarning
from lrswift.models.detection import overlaps

nn = torch.nn
rng = np.random.default_rng(0)
SIZE = 64


class Twin(nn.Module):
    """VGG-16 with the maps of single-shot detection, in PyTorch's layers."""

    def __init__(self, classes: int, w: int) -> None:
        super().__init__()

        def stage(inputs: int, outputs: int, count: int) -> list[nn.Module]:
            made = []
            for k in range(count):
                made += [nn.Conv2d(inputs if k == 0 else outputs, outputs, 3, padding=1), nn.ReLU()]
            return made

        pool = lambda: nn.MaxPool2d(2)  # noqa: E731
        base = [*stage(3, w, 2), pool(), *stage(w, 2 * w, 2), pool()]
        self.base = nn.Sequential(*base, *stage(2 * w, 4 * w, 3), pool(), *stage(4 * w, 8 * w, 3))
        self.scale = nn.Parameter(torch.full((8 * w,), 20.0))
        self.top = nn.Sequential(
            *(pool(), *stage(8 * w, 8 * w, 3), nn.MaxPool2d(3, 1, 1)),
            *(nn.Conv2d(8 * w, 16 * w, 3, padding=6, dilation=6), nn.ReLU()),
            *(nn.Conv2d(16 * w, 16 * w, 1), nn.ReLU()),
        )
        further = []
        for inputs, between, outputs in ((16, 4, 8), (8, 2, 4)):
            further.append(
                nn.Sequential(
                    *(nn.Conv2d(inputs * w, between * w, 1), nn.ReLU()),
                    *(nn.Conv2d(between * w, outputs * w, 3, 2, 1), nn.ReLU()),
                )
            )
        self.further = nn.ModuleList(further)
        sizes = ((8, 4), (16, 6), (8, 4), (4, 4))
        self.heads = nn.ModuleList([nn.Conv2d(m * w, k * (5 + classes), 3, padding=1) for m, k in sizes])
        self.classes = classes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.base(x)
        maps = [nn.functional.normalize(hidden, dim=1) * self.scale[:, None, None]]
        maps.append(hidden := self.top(hidden))
        for layer in self.further:
            maps.append(hidden := layer(hidden))
        found = [head(m).permute(0, 2, 3, 1) for head, m in zip(self.heads, maps, strict=True)]
        return torch.cat([f.reshape(len(x), -1, 5 + self.classes) for f in found], 1)


def twin_of(made: lr.models.SSD, classes: int, width: int) -> Twin:
    twin = Twin(classes, width).double()
    with torch.no_grad():
        own, theirs = list(made.parameters()), list(twin.parameters())
        # PyTorch lists a module's own parameters before those of its parts
        theirs.insert(20, theirs.pop(0))
        for p, target in zip(own, theirs, strict=True):
            array = torch.from_numpy(np.array(p.numpy()))
            target.copy_(array.permute(3, 2, 0, 1) if array.ndim == 4 else array)
    return twin


def problem(classes: int = 3, count: int = 2) -> tuple[lr.models.SSD, np.ndarray, tuple]:
    lr.seed(0)
    made = lr.models.ssd(classes, 2, SIZE)
    data = lr.data.shapes(count, SIZE, seed=4)
    return made, data.x / 255.0, made.targets(data.boxes, data.labels)


def test_answers_loss_and_gradients_are_pytorchs() -> None:
    made, x, (corrections, labels) = problem()
    made = made.to(lr.float64)
    twin = twin_of(made, 3, 2)
    answers = twin(torch.from_numpy(x).permute(0, 3, 1, 2))
    assert answers.shape == (2, len(made.priors), 8)
    np.testing.assert_allclose(made(x).numpy(), answers.detach().numpy(), rtol=1e-8, atol=1e-10)

    loss = lr.models.multibox_loss(made, x, corrections, labels)
    kinds = torch.from_numpy(labels)
    each = nn.functional.cross_entropy(answers[..., 4:].transpose(1, 2), kinds, reduction="none")
    total = (each * (kinds > 0)).sum()
    for row, kind in zip(each, kinds, strict=True):
        hardest = row[kind == 0].sort(descending=True).values[: 3 * int((kind > 0).sum())]
        total = total + hardest.sum()
    stands = kinds > 0
    moved = nn.functional.smooth_l1_loss(
        answers[..., :4][stands], torch.from_numpy(corrections).double()[stands], reduction="sum"
    )
    wanted = (total + moved) / stands.sum()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-9)
    loss.backward()
    wanted.backward()
    for name, theirs in (("heads.0.weight", twin.heads[0].weight), ("base.0.weight", twin.base[0].weight)):
        own = dict(made.named_parameters())[name].grad.numpy()
        np.testing.assert_allclose(own, theirs.grad.permute(2, 3, 1, 0).numpy(), rtol=1e-6, atol=1e-9)


def test_derivatives() -> None:
    made, x, (corrections, labels) = problem(count=1)
    del made

    def loss(model: lr.models.SSD) -> lr.Tensor:
        return lr.models.multibox_loss(model, x, corrections, labels, 1e6)

    has_right_derivatives_of(lambda: lr.models.ssd(3, 2, SIZE), loss)


def test_what_boxes_stand_for_and_back() -> None:
    """Answers that say the targets are found as the boxes that the targets were made of."""
    made, _, _ = problem()
    data = lr.data.shapes(6, SIZE, seed=9)
    corrections, labels = made.targets(data.boxes, data.labels)
    answers = np.concatenate([corrections, 50.0 * np.eye(4)[labels]], -1)
    made.forward = lambda x: lr.tensor(answers, dtype=lr.float64)
    for found, boxes, kinds in zip(made.detect(None), data.boxes, data.labels, strict=True):
        assert len(found.boxes) == len(boxes)
        shared = overlaps(boxes, found.boxes)
        assert (shared.max(1) > 0.999).all()
        assert (found.labels[shared.argmax(1)] == kinds).all()


def test_overlaps_by_hand() -> None:
    a = np.array([[0.0, 0.0, 2.0, 2.0]])
    b = np.array([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0]])
    np.testing.assert_allclose(overlaps(a, b), [[1 / 7, 0.5, 0.0]])
    empty = np.array([[1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(overlaps(empty, np.concatenate([empty, a])), [[0.0, 0.0]])


def test_300_pixels_have_the_papers_maps_and_vgg_its_parameters() -> None:
    made = lr.models.ssd(20)
    # 38 * 38 * 4 + 19 * 19 * 6 + 10 * 10 * 6 + 5 * 5 * 6 + 3 * 3 * 4 + 4 in the paper, 37 and 18 rounded down
    assert len(made.priors) == 37 * 37 * 4 + 18 * 18 * 6 + 9 * 9 * 6 + 5 * 5 * 6 + 3 * 3 * 4 + 4
    convolutions = [p for n, p in made.named_parameters() if n.startswith(("base", "top"))][:26]
    # the convolutions of VGG-16
    assert sum(p.size for p in convolutions) == 14_714_688


def test_it_learns() -> None:
    lr.seed(0)
    made = lr.models.ssd(3, 4, SIZE)
    data = lr.data.shapes(16, SIZE, seed=0)
    train = (data.x.astype(np.float32) / 255, *made.targets(data.boxes, data.labels))
    with pytest.warns(RecordingWarning):
        history = lr.fit(
            made, lr.optim.Adam(made.parameters(), lr=1e-3), train, loss=lr.models.multibox_loss,
            epochs=15, batch_size=8, progress=False,
        )  # fmt: skip
    assert history.losses[-2:].mean() < 0.8 * history.losses[:2].mean()


def test_what_there_is_not() -> None:
    made, x, (corrections, labels) = problem()
    with pytest.raises(lr.ArgumentError, match="labels 7 to 7; allowed: 0 to 2, as the model has 3 classes"):
        made.targets([np.array([[0, 0, 1, 1.0]])], [np.array([7])])
    with pytest.raises(lr.ArgumentError, match="picture 0: a box without area"):
        made.targets([np.array([[0.5, 0, 0.5, 1.0]])], [np.array([1])])
    with pytest.raises(lr.ShapeError, match="picture 0: 1 boxes and 2 labels"):
        made.targets([np.array([[0.5, 0, 0.6, 1.0]])], [np.array([1, 1])])
    with pytest.raises(lr.ShapeError, match=r"allowed: \[N, 64, 64, 3\]"):
        made(x[:, :32])
    with pytest.raises(lr.ShapeError, match="multibox_loss: got corrections"):
        lr.models.multibox_loss(made, x, corrections[:, :5], labels)
    with pytest.raises(lr.ArgumentError, match="size: got 16"):
        lr.models.ssd(3, size=16)
