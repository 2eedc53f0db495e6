"""L4 with momentum on the badly conditioned regression of Recht and Rahimi: steps to each loss level."""

import numpy as np
import pytest

import lrswift as lr

LEVELS = (1e-3, 1e-6, 1e-10, 1e-14)


def problem() -> tuple[lr.Tensor, lr.Tensor, lr.Tensor, lr.Tensor]:
    """W1, W2, x, y: two linear layers and targets whose rows differ in scale by 1e5."""
    state = np.random.RandomState(0)
    w1, w2 = state.randn(10, 6), state.randn(6, 6)
    target = np.linspace(1, 1e-5, 10)[:, None] * state.rand(10, 6)
    x = state.randn(6, 1000)
    first, second = (lr.tensor(w, lr.float64, requires_grad=True) for w in (w1, w2))
    return first, second, lr.tensor(x, lr.float64), lr.tensor(target @ x, lr.float64)


@pytest.mark.parametrize(
    ("alpha", "eta", "expected", "slack"),
    [
        (0.25, 7.98538e-7, (332, 717, 1125, 1533), 1),
        # with the smaller alpha rounding grows into other steps long before the end
        (0.15, 4.79123e-7, (513, 1631, 3316, 4969), 0.1),
    ],
)
def test_steps_to_each_level_of_the_loss(alpha, eta, expected, slack):
    first, second, x, y = problem()
    assert first.dtype == np.float64
    optimizer = lr.optim.L4Mom([first, second], alpha=alpha)

    def loss() -> lr.Tensor:
        return (first @ second @ x - y).square().sum()

    losses = [optimizer.minimize(loss)]
    assert losses[0] == pytest.approx(246081, abs=0.5)
    assert optimizer.lr == pytest.approx(eta, rel=1e-5)
    limit = int(expected[-1] * 1.2)
    while losses[-1] >= LEVELS[-1] * losses[0] and len(losses) < limit:
        losses.append(optimizer.minimize(loss))
    for level, steps in zip(LEVELS, expected, strict=True):
        # counted from 1: the first loss of all belongs to step 1
        reached = np.flatnonzero(np.array(losses) < level * losses[0])
        assert reached.size, f"{level} not reached in {len(losses)} steps"
        assert abs(int(reached[0]) + 1 - steps) <= (slack if slack >= 1 else slack * steps)
