"""LSTM, GRU, attention and transformer layers in plain NumPy, one step and one head at a time.

Written from the papers' equations (Hochreiter and Schmidhuber, 1997; Cho et al., 2014; Vaswani et al., 2017)
with PyTorch's order of gates and parameter names. `p`: name -> array. Sequences are [T, N, ...].
"""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm_step(x: np.ndarray, h: np.ndarray, c: np.ndarray, p: Arrays, at: str) -> tuple[np.ndarray, ...]:
    gates = x @ p["weight_ih" + at].T + p["bias_ih" + at] + h @ p["weight_hh" + at].T + p["bias_hh" + at]
    i, f, g, o = np.split(gates, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x: np.ndarray, h: np.ndarray, p: Arrays, at: str) -> tuple[np.ndarray, ...]:
    xr, xz, xn = np.split(x @ p["weight_ih" + at].T + p["bias_ih" + at], 3, axis=1)
    hr, hz, hn = np.split(h @ p["weight_hh" + at].T + p["bias_hh" + at], 3, axis=1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return ((1 - z) * np.tanh(xn + r * hn) + z * h,)


def recurrent(kind: str, x: np.ndarray, p: Arrays, layers: int, both: bool, starts: list) -> tuple:
    """(outputs [T, N, directions hidden], last states, each [layers directions, N, hidden])."""
    step = lstm_step if kind == "LSTM" else gru_step
    ends = []
    for layer in range(layers):
        parts = []
        for direction in ["", "_reverse"][: 2 if both else 1]:
            state = tuple(s[len(ends)] for s in starts)
            outputs = []
            for xt in x[::-1] if direction else x:
                state = step(xt, *state, p, f"_l{layer}{direction}")
                outputs.append(state[0])
            parts.append(np.stack(outputs[::-1] if direction else outputs))
            ends.append(state)
        x = np.concatenate(parts, axis=-1)
    return x, [np.stack(part) for part in zip(*ends, strict=True)]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, p: Arrays, heads: int, mask: np.ndarray | None, at: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """(output [L, N, E], weights [N, L, S]); mask: added to the scores, [N, L, S]."""
    width = q.shape[2] // heads
    wq, wk, wv = np.split(p[at + "in_proj_weight"], 3)
    bq, bk, bv = np.split(p[at + "in_proj_bias"], 3)
    q, k, v = q @ wq.T + bq, k @ wk.T + bk, v @ wv.T + bv
    out = np.zeros_like(q)
    mean = np.zeros((q.shape[1], q.shape[0], k.shape[0]))
    for n in range(q.shape[1]):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            scores = q[:, n, part] @ k[:, n, part].T / np.sqrt(width)
            weights = softmax(scores if mask is None else scores + mask[n])
            out[:, n, part] = weights @ v[:, n, part]
            mean[n] += weights / heads
    return out @ p[at + "out_proj.weight"].T + p[at + "out_proj.bias"], mean


def norm(x: np.ndarray, p: Arrays, at: str) -> np.ndarray:
    centered = x - x.mean(-1, keepdims=True)
    scale = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return centered / scale * p[at + ".weight"] + p[at + ".bias"]


def transformer_layer(
    x: np.ndarray, memory: np.ndarray | None, p: Arrays, heads: int, first: bool, mask: np.ndarray | None
) -> np.ndarray:
    """An encoder's layer, or with `memory` a decoder's; mask [N, T, T] of the self-attention."""

    def feed_forward(t: np.ndarray) -> np.ndarray:
        hidden = np.maximum(t @ p["linear1.weight"].T + p["linear1.bias"], 0)
        return hidden @ p["linear2.weight"].T + p["linear2.bias"]

    parts = [lambda t: attention(t, t, t, p, heads, mask, "self_attn.")[0]]
    if memory is not None:
        parts.append(lambda t: attention(t, memory, memory, p, heads, None, "multihead_attn.")[0])
    for number, part in enumerate([*parts, feed_forward], 1):
        x = x + part(norm(x, p, f"norm{number}")) if first else norm(x + part(x), p, f"norm{number}")
    return x
