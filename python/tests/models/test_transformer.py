"""Encoder and decoder beside torch.nn.Transformer, with padding."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from model_checks import has_right_derivatives_of

import lrswift as lr

SOURCE = np.array([[4, 5, 6, 0, 0], [3, 3, 7, 8, 2], [9, 4, 0, 0, 0]])
TARGET = np.array([[1, 5, 6, 2, 0, 0], [1, 4, 4, 4, 4, 2], [1, 3, 2, 0, 0, 0]])


class Twin(torch.nn.Module):
    """The model of PyTorch's tutorial of translation, around torch.nn.Transformer."""

    def __init__(self, made: lr.nn.Module, heads: int, layers: int, feedforward: int) -> None:
        super().__init__()
        self.source = torch.nn.Embedding(*made.source.weight.shape)
        self.target = torch.nn.Embedding(*made.target.weight.shape)
        width = made.source.weight.shape[1]
        self.body = torch.nn.Transformer(width, heads, layers, layers, feedforward, 0.0, batch_first=True)
        self.output = torch.nn.Linear(width, made.output.weight.shape[0])
        self.double()
        state = {}
        for name, value in made.state_dict().items():
            inside = name.startswith(("encoder", "decoder"))
            state[f"body.{name}" if inside else name] = torch.from_numpy(np.array(value))
        self.load_state_dict(state)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        def embedded(tokens, table):
            width = table.weight.shape[1]
            rates = torch.exp(-torch.arange(0, width, 2, dtype=torch.float64) * math.log(10000) / width)
            angles = torch.arange(tokens.shape[1])[:, None] * rates
            places = torch.zeros(tokens.shape[1], width, dtype=torch.float64)
            places[:, 0::2], places[:, 1::2] = angles.sin(), angles.cos()
            return table(tokens) * math.sqrt(width) + places

        later = torch.nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=torch.float64)
        empty = [torch.where(t == 0, -math.inf, 0.0).double() for t in (source, target)]
        hidden = self.body(
            embedded(source, self.source), embedded(target, self.target), tgt_mask=later,
            src_key_padding_mask=empty[0], tgt_key_padding_mask=empty[1], memory_key_padding_mask=empty[0],
        )  # fmt: skip
        return self.output(hidden)


def small(**options) -> lr.nn.Module:
    return lr.models.transformer(
        12, 9, **{"width": 8, "heads": 2, "layers": 2, "feedforward": 12, "dropout": 0.0, **options}
    )


def test_scores_loss_and_gradients_are_pytorchs() -> None:
    lr.seed(0)
    made = small().to(lr.float64)
    twin = Twin(made, 2, 2, 12)
    source, target = torch.from_numpy(SOURCE), torch.from_numpy(TARGET)
    expected = twin(source, target)
    np.testing.assert_allclose(
        made(SOURCE, TARGET).numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12
    )
    loss = lr.models.translation_loss(made, SOURCE, TARGET)
    scores = twin(source, target[:, :-1])
    theirs = torch.nn.functional.cross_entropy(
        scores.reshape(-1, 9), target[:, 1:].reshape(-1), ignore_index=0, label_smoothing=0.1
    )
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-12)
    loss.backward()
    theirs.backward()
    wanted = {name.removeprefix("body."): p.grad for name, p in twin.named_parameters()}
    for name, p in made.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), wanted[name].numpy(), rtol=1e-8, atol=1e-12, err_msg=name)


def test_torchs_transformer_through_from_torch() -> None:
    """The layers alone, in the engine, on the same input as ours."""
    torch.manual_seed(0)
    theirs = torch.nn.Transformer(8, 2, 2, 2, 12, 0.0, batch_first=True)
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.3)
    x, y = torch.randn(3, 5, 8), torch.randn(3, 4, 8)
    imported = lr.from_torch(theirs, (x, y))
    ours = small()
    ours.load_state_dict(
        {**ours.state_dict(), **{n: p.detach().numpy() for n, p in theirs.state_dict().items()}}
    )
    expected = theirs(x, y).detach().numpy()
    np.testing.assert_allclose(imported(x.numpy(), y.numpy()).numpy(), expected, rtol=2e-4, atol=2e-5)
    memory = ours.encoder(lr.tensor(x.numpy()))
    np.testing.assert_allclose(ours.decoder(y.numpy(), memory).numpy(), expected, rtol=2e-4, atol=2e-5)


def test_padding_changes_nothing() -> None:
    lr.seed(1)
    made = small().to(lr.float64)
    short = made(SOURCE[:1, :3], TARGET[:1, :4]).numpy()
    np.testing.assert_allclose(made(SOURCE[:1], TARGET[:1]).numpy()[:, :4], short, rtol=1e-12)
    one = lr.models.translation_loss(made, SOURCE[:1, :3], TARGET[:1, :4]).item()
    assert lr.models.translation_loss(made, SOURCE[:1], TARGET[:1]).item() == pytest.approx(one, rel=1e-12)


def test_derivatives() -> None:
    def loss(model: lr.nn.Module) -> lr.Tensor:
        return lr.models.translation_loss(model, SOURCE, TARGET)

    has_right_derivatives_of(lambda: small(layers=1), loss)


def test_it_learns_to_turn_sentences_round_and_is_recorded() -> None:
    lr.seed(0)
    values = np.random.default_rng(0)
    lengths = values.integers(2, 6, 512)
    source, target = np.zeros((512, 5), np.int64), np.zeros((512, 7), np.int64)
    for row, length in enumerate(lengths):
        words = values.integers(3, 9, length)
        source[row, :length] = words
        target[row, : length + 2] = [1, *words[::-1], 2]
    model = small(width=32, heads=4, layers=1, feedforward=64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = lr.fit(
            model, lr.optim.Adam(model.parameters(), lr=3e-3), (source, target), epochs=25, progress=False,
            batch_size=64, loss=lr.models.translation_loss,
        )  # fmt: skip
    assert history.losses[-1] < 0.5 * history.losses[0]
    written = model.eval().translate(source[:64], 1, 2, 6)
    right = [list(w[: n + 2]) == list(t[: n + 2]) for w, t, n in zip(written, target, lengths, strict=False)]
    assert np.mean(right) > 0.8


def test_what_there_is_not() -> None:
    for options, told in (
        ({"width": 9, "heads": 3}, "width: got 9; allowed: even"),
        ({"width": 8, "heads": 3}, "a multiple of heads, 3"),
        ({"padding": 9}, "padding: got 9"),
        ({"layers": 0}, "layers"),
        ({"dropout": 1.0}, "dropout"),
    ):
        with pytest.raises(lr.ArgumentError, match=told):
            small(**options)
    made = small()
    with pytest.raises(lr.ShapeError, match=r"allowed: \[N, S\] and \[N, T\]"):
        made(SOURCE, TARGET[:2])
    with pytest.raises(lr.ShapeError, match="allowed: 512"):
        made(np.ones((1, 513), np.int64), TARGET[:1])
    with pytest.raises(lr.ShapeError, match="2 or more"):
        lr.models.translation_loss(made, SOURCE, TARGET[:, :1])
    with pytest.raises(lr.ArgumentError, match="end"):
        made.translate(SOURCE, 1, 99)
