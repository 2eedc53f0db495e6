"""Networks over sequences of characters, from the layers of PyTorch or of lrswift, whichever `nn` is given.

A batch is [sequences, length] of numbers below WORDS, or below VOCABULARY for the network "words"; the
result is [sequences, length, WORDS]. LENGTHS tells the length by the name of the network.
"""

from __future__ import annotations

from typing import Any

WORDS, WIDTH, HEADS, LAYERS = 65, 128, 4, 2
VOCABULARY = 50_000
LENGTHS = {"gpt": 64, "gpt-512": 512, "lstm": 64, "words": 64}


def operations(network: str) -> float:
    """Of the products of a training step, for one sequence: three for each of the forward pass."""
    length = LENGTHS[network]
    if network == "words":
        return 3 * 2.0 * length * WORDS * WIDTH
    if network == "lstm":
        weights = 8 * WIDTH * WIDTH + WORDS * WIDTH
        return 3 * 2.0 * length * weights
    weights = LAYERS * 12 * WIDTH * WIDTH + WORDS * WIDTH
    # of the causal half of the scores
    return 3 * (2.0 * length * weights + LAYERS * 2.0 * length * length * WIDTH)


def words(nn: Any) -> Any:
    """A table of VOCABULARY rows, of which a batch reads few, and a linear layer."""
    return nn.Sequential(nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, WORDS))


def lstm(nn: Any) -> Any:
    """Embedding, an LSTM over all time steps, a linear layer."""

    class Network(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WORDS)
            self.recurrent = nn.LSTM(WIDTH, WIDTH, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.head(self.recurrent(self.embed(x))[0])

    return Network()


def gpt(nn: Any, attention: Any, places: Any) -> Any:
    """GPT: causal self-attention and GELU, norms first, LAYERS blocks.

    attention: of query, key and value [sequences, HEADS, length, width], causal; places: 0 to length - 1.
    """

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
            self.out = nn.Linear(WIDTH, WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x: Any) -> Any:
            hidden = self.norm1(x)
            mixed = attention(*(self.heads(part(hidden)) for part in (self.q, self.k, self.v)))
            order = (0, 2, 1, 3)
            turned = mixed.permute(*order) if hasattr(mixed, "permute") else mixed.transpose(*order)
            x = x + self.out(turned.reshape(*x.shape))
            return x + self.mlp(self.norm2(x))

        def heads(self, x: Any) -> Any:
            split = x.reshape(*x.shape[:2], HEADS, WIDTH // HEADS)
            return split.permute(0, 2, 1, 3) if hasattr(split, "permute") else split.transpose(0, 2, 1, 3)

    class Network(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.place = nn.Embedding(WORDS, WIDTH), nn.Embedding(len(places), WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS)

        def forward(self, x: Any) -> Any:
            return self.head(self.norm(self.blocks(self.embed(x) + self.place(places))))

    return Network()
