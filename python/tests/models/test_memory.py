"""The differentiable neural computer beside one written in PyTorch from the paper's formulas, with a sort."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from model_checks import has_right_derivatives_of

import lrswift as lr

rng = np.random.default_rng(0)


def theirs(weights: dict[str, torch.Tensor], x: torch.Tensor, slots: int, width: int, heads: int):
    """The method of Graves et al. (2016): allocation by sorted usages and their running product."""
    rows, steps, _ = x.shape
    hidden = weights["interface.weight"].shape[1]
    like = {"dtype": torch.float64}
    h, c = torch.zeros(rows, hidden, **like), torch.zeros(rows, hidden, **like)
    memory = torch.zeros(rows, slots, width, **like)
    usage, written, precedence = (torch.zeros(rows, slots, **like) for _ in range(3))
    links, read = torch.zeros(rows, slots, slots, **like), torch.zeros(rows, heads, slots, **like)
    vectors = torch.zeros(rows, heads, width, **like)
    answers = []

    def linear(name: str, t: torch.Tensor) -> torch.Tensor:
        return t @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def content(keys: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
        norm = lambda t: torch.sqrt((t**2).sum(-1) + 1e-6)  # noqa: E731
        sizes = norm(keys)[:, :, None] * norm(memory)[:, None, :]
        alike = torch.einsum("nkw,nsw->nks", keys, memory) / (sizes + 1e-6)
        return torch.softmax(alike * strengths[:, :, None], -1)

    for t in range(steps):
        gates = linear("gates", torch.cat([x[:, t], vectors.reshape(rows, -1), h], 1))
        i, f, g, o = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        sizes = [heads * width, heads, width, 1, width, width, heads, 1, 1, 3 * heads]
        parts = linear("interface", h).split(sizes, 1)
        keys, strengths = parts[0].reshape(rows, heads, width), 1 + torch.nn.functional.softplus(parts[1])
        write_key, write_strength = parts[2][:, None], 1 + torch.nn.functional.softplus(parts[3])
        erase, write, free = torch.sigmoid(parts[4]), parts[5], torch.sigmoid(parts[6])
        allocates, writes = torch.sigmoid(parts[7]), torch.sigmoid(parts[8])
        modes = torch.softmax(parts[9].reshape(rows, heads, 3), -1)

        retention = torch.prod(1 - free[:, :, None] * read, 1)
        usage = (usage + written - usage * written) * retention
        soft = 1e-6 + (1 - 1e-6) * usage
        ordered, order = torch.sort(soft, dim=1, stable=True)
        before = torch.cumprod(torch.cat([torch.ones(rows, 1, **like), ordered[:, :-1]], 1), 1)
        allocation = torch.zeros_like(soft).scatter(1, order, (1 - ordered) * before)
        written = writes * (
            allocates * allocation + (1 - allocates) * content(write_key, write_strength)[:, 0]
        )
        memory = memory * (1 - torch.einsum("ns,nw->nsw", written, erase))
        memory = memory + torch.einsum("ns,nw->nsw", written, write)
        links = (1 - written[:, :, None] - written[:, None, :]) * links
        links = links + torch.einsum("ni,nj->nij", written, precedence)
        links = links * (1 - torch.eye(slots, **like))
        precedence = (1 - written.sum(1, keepdim=True)) * precedence + written
        ahead = torch.einsum("nij,nrj->nri", links, read)
        back = torch.einsum("nji,nrj->nri", links, read)
        found = content(keys, strengths)
        read = modes[..., 0:1] * back + modes[..., 1:2] * found + modes[..., 2:3] * ahead
        vectors = torch.einsum("nrs,nsw->nrw", read, memory)
        answers.append(torch.clamp(linear("output", torch.cat([h, vectors.reshape(rows, -1)], 1)), -20, 20))
    return torch.stack(answers, 1)


def small() -> lr.nn.Module:
    return lr.models.dnc(5, 4, hidden=7, slots=5, width=3, heads=2)


def data(rows: int = 3, steps: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = rng.standard_normal((rows, steps, 5))
    return (
        x,
        rng.integers(0, 2, (rows, steps, 4)).astype(float),
        (rng.random((rows, steps)) < 0.7).astype(float),
    )


def test_answers_loss_and_gradients_are_those_of_the_formulas() -> None:
    lr.seed(3)
    made = small().to(lr.float64)
    for p in made.parameters():
        p.assign(lr.tensor(3 * p.numpy(), dtype=lr.float64))
    x, target, mask = data()
    weights = {n: torch.from_numpy(np.array(p.numpy())).requires_grad_() for n, p in made.named_parameters()}
    expected = theirs(weights, torch.from_numpy(x), 5, 3, 2)
    np.testing.assert_allclose(made(x).numpy(), expected.detach().numpy(), rtol=1e-8, atol=1e-10)
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        expected, torch.from_numpy(target), reduction="none"
    )
    wanted = (each.sum(-1) * torch.from_numpy(mask)).sum() / 3
    loss = lr.models.bits_loss(made, x, target, mask)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-10)
    loss.backward()
    wanted.backward()
    for name, p in made.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), weights[name].grad.numpy(), rtol=1e-6, atol=1e-9)


def test_derivatives() -> None:
    x, target, mask = data(2, 4)
    has_right_derivatives_of(small, lambda model: lr.models.bits_loss(model, x, target, mask))


def test_it_learns_and_is_recorded() -> None:
    lr.seed(0)
    model = lr.models.dnc(5, 4, hidden=32, slots=8, width=8, heads=1)
    sequences = lr.data.repeat_copy(256, 3, (1, 2), (1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = lr.fit(
            model, lr.optim.Adam(model.parameters(), lr=1e-2), sequences, epochs=30, batch_size=32,
            loss=lr.models.bits_loss, progress=False,
        )  # fmt: skip
    first, last = history.losses[:4].mean(), history.losses[-4:].mean()
    assert last < 0.6 * first


def test_what_there_is_not() -> None:
    for wrong, told in (({"slots": 1}, "slots: got 1"), ({"heads": 0}, "heads"), ({"clip": 0.0}, "clip")):
        with pytest.raises(lr.ArgumentError, match=told):
            lr.models.dnc(3, 2, **wrong)
    with pytest.raises(lr.ShapeError, match=r"allowed: \[N, 1 or more, 5\]"):
        small()(np.zeros((2, 3, 4)))
    with pytest.raises(lr.ShapeError, match="target"):
        lr.models.bits_loss(small(), np.zeros((2, 3, 5)), np.zeros((2, 3, 3)), np.ones((2, 3)))
