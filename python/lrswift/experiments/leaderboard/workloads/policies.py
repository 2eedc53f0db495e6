"""Policies improved by gradients: a contextual bandit from its log, and a maze of known rules.

Both losses are minus a reward: below 0 when all is well.
"""

from __future__ import annotations

import functools

import numpy as np

from .... import models, nn
from ....nn.functional import softmax
from ....tensors.creation import eye, tensor
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import cut

_CONTEXT, _ARMS = 12, 6
_SIDE, _HORIZON, _SLIP = 6, 14, 0.1
_WALLS, _PITS, _GOAL = ((1, 1), (1, 2), (3, 3), (3, 4), (4, 1)), ((2, 4), (4, 3)), (5, 5)


# ---- bandit ----------------------------------------------------------------------------------------------
def _log(_: Root) -> tuple[Arrays, Arrays]:
    """(context, which arm was drawn, its reward): a log of a policy that draws every arm equally often."""
    rng = np.random.RandomState(9)
    x = rng.randn(10_000, _CONTEXT)
    taste = rng.randn(_CONTEXT, _ARMS)
    likely = 1 / (1 + np.exp(-1.5 * np.tanh(x @ taste)))
    arm = rng.randint(0, _ARMS, len(x))
    reward = rng.rand(len(x)) < likely[np.arange(len(x)), arm]
    drawn = np.eye(_ARMS, dtype=np.float32)[arm]
    return cut((x.astype(np.float32), drawn, reward.astype(np.float32)), 8000)


def _missed(model: nn.Module, x: Tensor, drawn: Tensor, reward: Tensor) -> Tensor:
    """Minus the reward that the policy would have had, by importance: the log drew each with 1/6."""
    return -(reward * (softmax(model(x)) * drawn).sum(1)).mean() * _ARMS


# ---- maze ------------------------------------------------------------------------------------------------
@functools.cache
def _rules() -> tuple[np.ndarray, np.ndarray]:
    """(where each of 4 moves leads, [4, cells, cells]; reward of arriving, [cells]); the goal keeps."""
    cells = [(row, column) for row in range(_SIDE) for column in range(_SIDE)]
    leads = np.zeros((4, len(cells), len(cells)))
    moves = ((-1, 0), (1, 0), (0, -1), (0, 1))
    for here, (row, column) in enumerate(cells):
        for wanted in range(4):
            for move, (down, right) in enumerate(moves):
                share = 1 - _SLIP if move == wanted else _SLIP / 3
                there = (row + down, column + right)
                blocked = there not in cells or there in _WALLS or (row, column) == _GOAL
                leads[wanted, here, here if blocked else cells.index(there)] += share
    reward = np.array([1.0 if c == _GOAL else -0.5 if c in _PITS else 0.0 for c in cells])
    return leads.astype(np.float32), reward.astype(np.float32)


def _starts(_: Root) -> tuple[Arrays, Arrays]:
    """Beliefs where a run starts: mixtures of two cells to train on, each cell to validate on."""
    rng = np.random.RandomState(2)
    walls = {row * _SIDE + column for row, column in _WALLS}
    free = np.array([cell for cell in range(_SIDE**2) if cell not in walls])
    one = np.eye(_SIDE**2, dtype=np.float32)
    share = rng.rand(2000, 1).astype(np.float32)
    mixed = share * one[rng.choice(free, 2000)] + (1 - share) * one[rng.choice(free, 2000)]
    return (mixed,), (one[free],)


class _Policy(nn.Module):
    """Chances of 4 moves in every cell, from the cell's number as an indicator."""

    def __init__(self) -> None:
        super().__init__()
        self.network = models.mlp(_SIDE**2, (32,), 4, "tanh")
        leads, reward = _rules()
        self.register_buffer("leads", tensor(leads))
        self.register_buffer("reward", tensor(reward))
        self.register_buffer("cells", eye(_SIDE**2))

    def forward(self, belief: Tensor) -> Tensor:
        """The reward to be expected of _HORIZON moves, by all that can happen: [N]."""
        chances = softmax(self.network(self.cells))
        step = chances[:, 0:1] * self.leads[0]
        for move in range(1, 4):
            step = step + chances[:, move : move + 1] * self.leads[move]
        belief = belief @ step
        total = belief @ self.reward
        for _ in range(_HORIZON - 1):
            belief = belief @ step
            total = total + belief @ self.reward
        return total


def _cost(model: nn.Module, belief: Tensor) -> Tensor:
    return -model(belief).mean()


# fmt: off
BANDIT = Workload(
    "bandit", "choosing", "policy", "12-32-6, the policy of a contextual bandit from a log of random draws",
    _log, functools.partial(models.mlp, _CONTEXT, (32,), _ARMS), _missed, 64, 500,
)
MAZE = Workload(
    "maze", "reporting", "policy", "36-32-4, the policy in a slippery maze, by its expected reward",
    _starts, _Policy, _cost, 32, 400,
)
# fmt: on
