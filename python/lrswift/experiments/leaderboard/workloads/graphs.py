"""Graph networks that tell the group of a node: Zachary's karate club, and a synthetic block model."""

from __future__ import annotations

import functools

import numpy as np

from .... import nn
from ....nn.functional import cross_entropy, embedding
from ....tensors.activations import relu
from ....tensors.creation import tensor
from ....tensors.tensor import Tensor
from ..workload import Arrays, Root, Workload
from .arrays import cut

# W. W. Zachary, "An information flow model for conflict and fission in small groups" (1977): members, from 1,
# that met outside of the club; member -> those of higher number
_FRIENDS = {
    1: (2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 20, 22, 32), 2: (3, 4, 8, 14, 18, 20, 22, 31),
    3: (4, 8, 9, 10, 14, 28, 29, 33), 4: (8, 13, 14), 5: (7, 11), 6: (7, 11, 17), 7: (17,), 9: (31, 33, 34),
    10: (34,), 14: (34,), 15: (33, 34), 16: (33, 34), 19: (33, 34), 20: (34,), 21: (33, 34), 23: (33, 34),
    24: (26, 28, 30, 33, 34), 25: (26, 28, 32), 26: (32,), 27: (30, 34), 28: (34,), 29: (32, 34),
    30: (33, 34), 31: (33, 34), 32: (33, 34), 33: (34,),
}  # fmt: skip
# those that stayed with the instructor when the club split
_INSTRUCTOR = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22)

_NODES, _BLOCKS = 400, 5


def _normalized(edges: np.ndarray) -> np.ndarray:
    """D^-1/2 (A + 1) D^-1/2 (Kipf and Welling, 2017)."""
    joined = edges + np.eye(len(edges))
    scale = 1 / np.sqrt(joined.sum(1))
    return (scale[:, None] * joined * scale).astype(np.float32)


def _split(groups: np.ndarray, train: int, seed: int) -> tuple[Arrays, Arrays]:
    order = np.random.RandomState(seed).permutation(len(groups)).astype(np.int64)
    return cut((order, groups[order].astype(np.int64)), train)


class _GraphNetwork(nn.Module):
    """Two rounds of messages over all nodes; the answer for those asked. features: [nodes, inputs]."""

    def __init__(self, edges: np.ndarray, features: np.ndarray, width: int, groups: int) -> None:
        super().__init__()
        self.register_buffer("edges", tensor(_normalized(edges)))
        self.register_buffer("features", tensor(features.astype(np.float32)))
        self.first, self.second = nn.Linear(features.shape[1], width), nn.Linear(width, groups)

    def forward(self, nodes: Tensor) -> Tensor:
        hidden = relu(self.edges @ self.first(self.features))
        return embedding(nodes, self.edges @ self.second(hidden))


# ---- karate club -----------------------------------------------------------------------------------------
def _club() -> tuple[np.ndarray, np.ndarray]:
    edges = np.zeros((34, 34))
    for member, friends in _FRIENDS.items():
        for friend in friends:
            edges[member - 1, friend - 1] = edges[friend - 1, member - 1] = 1
    return edges, np.array([member not in _INSTRUCTOR for member in range(1, 35)])


def _members(_: Root) -> tuple[Arrays, Arrays]:
    return _split(_club()[1], 16, 4)


def _club_network() -> nn.Module:
    return _GraphNetwork(_club()[0], np.eye(34), 16, 2)


# ---- block model -----------------------------------------------------------------------------------------
@functools.cache
def _blocks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(edges, features, groups): friends are likelier within a group, features tell it in much noise."""
    rng = np.random.RandomState(11)
    groups = rng.randint(0, _BLOCKS, _NODES)
    likely = np.where(groups[:, None] == groups, 0.08, 0.015)
    upper = np.triu(rng.rand(_NODES, _NODES) < likely, 1)
    features = rng.randn(_BLOCKS, 16)[groups] + 2.0 * rng.randn(_NODES, 16)
    return (upper | upper.T).astype(float), features, groups


def _nodes(_: Root) -> tuple[Arrays, Arrays]:
    return _split(_blocks()[2], 200, 12)


def _block_network() -> nn.Module:
    edges, features, _ = _blocks()
    return _GraphNetwork(edges, features, 32, _BLOCKS)


# fmt: off
BLOCKS = Workload(
    "block_graph", "choosing", "graph", "two rounds of messages of 32 on 400 nodes in 5 groups",
    _nodes, _block_network, cross_entropy, 32, 200,
)
KARATE = Workload(
    "karate_club", "reporting", "graph", "two rounds of messages of 16 on Zachary's karate club",
    _members, _club_network, cross_entropy, 8, 200,
)
# fmt: on
