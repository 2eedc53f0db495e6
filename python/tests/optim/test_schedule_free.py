"""Schedule-Free's two points: the parameters train at y and are evaluated at x, the average of all z."""

from __future__ import annotations

import goldens
import numpy as np
import pytest
from digits import X, Y
from twins import Quadratic, Twin, check, free, native, sgd
from whole_method_cases import CASES

import lrswift as lr


@pytest.mark.parametrize("name", ["free", "free-adamw-options"])
def test_eval_is_the_average_and_train_goes_back(name: str) -> None:
    case, twin = CASES[name], Twin(CASES[name])
    reference, parameters = case.reference(), twin.problem.initial()
    for t in range(30):
        reference.step(parameters, twin.problem.at(t))
        twin.step(t)
    y = twin.arrays()
    twin.optimizer.eval()
    for actual, expected in zip(twin.arrays(), reference.x, strict=True):
        check(actual, expected, f"{name}: x")
    twin.optimizer.eval()
    with pytest.raises(ValueError, match=r"call train\(\) before a step"):
        twin.step(30)
    twin.optimizer.train()
    for actual, expected in zip(twin.arrays(), y, strict=True):
        assert actual.tobytes() == expected.tobytes()
    twin.step(30)


def test_saved_at_the_average_and_resumed() -> None:
    """State and parameters saved in eval mode: train() of the loaded one finds the same y, to the bit."""
    whole, part = Twin(CASES["free"]), Twin(CASES["free"])
    for t in range(20):
        whole.step(t)
        part.step(t)
    part.optimizer.eval()
    state = part.optimizer.state_dict()
    part.optimizer = CASES["free"].native(part.parameters)
    part.optimizer.load_state_dict(state)
    part.optimizer.train()
    for t in range(20, 40):
        whole.step(t)
        part.step(t)
    for a, b in zip(whole.arrays(), part.arrays(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_parameters_changed_at_the_average_are_kept() -> None:
    """train() does not bring back a y that belongs to an x the user has replaced."""
    quadratic = Quadratic(free(lr=0.05))
    quadratic.run(5)
    base = quadratic.optimizer.state_dict()["param.0.base_point"]
    quadratic.optimizer.eval()
    mine = np.array([3.0, 1.0, -1.0])
    quadratic.theta.assign(native(mine))
    quadratic.optimizer.train()
    np.testing.assert_allclose(quadratic.theta.numpy(), 0.9 * mine + 0.1 * base, rtol=1e-14)


def test_fit_validates_at_the_average_and_goes_on_as_without() -> None:
    def run(valid):
        lr.seed(0)
        model = lr.models.mlp(64, [16], 10)
        optimizer = lr.optim.ScheduleFree(model.parameters(), lr=0.5)
        return model, optimizer, lr.fit(model, optimizer, (X, Y), valid, epochs=3, progress=False)

    model, optimizer, history = run((X, Y))
    other, _, _ = run(None)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()

    def loss() -> float:
        with lr.no_grad():
            return lr.nn.functional.cross_entropy(model(X), Y).item()

    at_y = loss()
    optimizer.eval()
    assert history.rows[-1]["valid_loss"] == pytest.approx(loss(), rel=1e-6)
    assert abs(at_y - loss()) > 1e-4


def test_fit_leaves_the_mode_that_it_found() -> None:
    model = lr.models.mlp(64, [4], 10)
    optimizer = lr.optim.ScheduleFree(model.parameters())
    lr.fit(model, optimizer, (X, Y), epochs=1, progress=False)
    optimizer.eval()
    lr.fit(model, optimizer, (X, Y), epochs=1, progress=False)
    with pytest.raises(ValueError, match="train"):
        optimizer.minimize(lambda: lr.nn.functional.cross_entropy(model(X), Y))


def test_other_methods_have_one_point() -> None:
    quadratic = Quadratic(sgd(lambda: 0.01))
    quadratic.optimizer.eval()
    quadratic.run(1)
    quadratic.optimizer.train()
    # the first step of each golden run from 0.01
    goldens.near(quadratic.closure().item(), goldens.HD.losses[0])
