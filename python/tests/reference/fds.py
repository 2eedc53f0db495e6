"""FDS (Micaelli and Storkey, 2021), section 3 and equation 4: forward-mode recursions of SGD, by hand."""

from __future__ import annotations

import numpy as np


class Quadratic:
    """L_t = (theta - c_t)' H_t (theta - c_t) / 2 for t < T, and the same for a few validation losses."""

    def __init__(self, size: int, steps: int, valid: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        roots = rng.normal(size=(steps + valid, size, size)) / np.sqrt(size)
        self.hessians = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(size)
        self.centers = rng.normal(size=(steps + valid, size))
        self.start = rng.normal(size=size)
        self.steps = steps

    def gradient(self, t: int, theta: np.ndarray) -> np.ndarray:
        return self.hessians[t] @ (theta - self.centers[t])

    def valid_loss(self, theta: np.ndarray) -> float:
        """All validation losses weigh the same."""
        x = theta - self.centers[self.steps :]
        return float(np.mean(0.5 * np.einsum("ti,tij,tj->t", x, self.hessians[self.steps :], x)))

    def valid_gradient(self, theta: np.ndarray) -> np.ndarray:
        last = range(self.steps, len(self.hessians))
        return np.mean([self.gradient(t, theta) for t in last], axis=0)


def hypergradients(
    problem: Quadratic,
    alphas: np.ndarray,
    betas: np.ndarray,
    decays: np.ndarray,
    horizon: int | None = None,
    nesterov: bool = False,
    clip: float = np.inf,
    clip_hvp: float = np.inf,
) -> tuple[list[np.ndarray], float]:
    """Sums over windows for each family, and the validation loss at the end.

    v_t = beta v + g + xi theta; theta -= alpha v. S = H Z + xi Z. Columns: C = beta C + S (+ v or theta in
    the active column), Z = Z - alpha C (- v in the active column). Nesterov steps along g + xi theta +
    beta v. Elements of g beyond `clip` become it, and their rows of H Z zero; clip_hvp then bounds H Z.
    """
    theta, v = problem.start.copy(), np.zeros_like(problem.start)
    families = [alphas, betas, decays]
    z = [np.zeros((len(theta), len(f))) for f in families]
    c = [np.zeros((len(theta), len(f))) for f in families]
    totals = [np.zeros(len(f)) for f in families]
    horizon = horizon or problem.steps
    for t in range(problem.steps):
        a, b, x = (len(f) * t // problem.steps for f in families)
        alpha, beta, xi = alphas[a], betas[b], decays[x]
        g = problem.gradient(t, theta)
        kept = np.abs(g) <= clip
        g = np.clip(g, -clip, clip)
        old_v = v
        v = beta * old_v + g + xi * theta
        u = g + xi * theta + beta * v if nesterov else v
        for k in range(3):
            s = np.clip(problem.hessians[t] @ z[k] * kept[:, None], -clip_hvp, clip_hvp) + xi * z[k]
            if k == 2:
                s[:, x] += theta
            c[k] = beta * c[k] + s
            if k == 1:
                c[k][:, b] += old_v
            step = s + beta * c[k] if nesterov else c[k]
            if nesterov and k == 1:
                step[:, b] += v
            z[k] = z[k] - alpha * step
            if k == 0:
                z[k][:, a] -= u
        theta = theta - alpha * u
        if (t + 1) % horizon == 0 or t + 1 == problem.steps:
            gradient = problem.valid_gradient(theta)
            for k in range(3):
                totals[k] += gradient @ z[k]
                z[k][:], c[k][:] = 0, 0
    return totals, problem.valid_loss(theta)
