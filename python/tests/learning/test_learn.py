"""learn_schedule: its outer steps against NumPy, known optima, what it returns, and bad input."""

from __future__ import annotations

import dataclasses
import functools
import json
import math

import numpy as np
import pytest
from quadratic_learning import CURVATURES, Bowl, bowl_loss, bowls, learn, same
from reference.schedule_learner import Gated, Gradient, Sign
from scipy.optimize import minimize_scalar

import lrswift as lr
import lrswift._core as core


# ---- the outer steps ------------------------------------------------------------------------------------
def learner(update, values, step_size, counts, windows=None, **more):
    return core.Learner(
        update=update, counts=counts, initial=values, step_size=step_size,
        windows=windows or [1.0] * len(values), **more,
    )  # fmt: skip


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("update", ["sign", "gradient"])
def test_outer_steps_against_numpy(update, seeds):
    random = np.random.default_rng(seeds)
    counts, windows = (4, 2, 1), [5.0, 5.0, 5.0, 5.0, 10.0, 10.0, 20.0]
    start, sizes = random.standard_normal(7), random.uniform(0.01, 0.1, 7)
    made = learner(update, start.tolist(), sizes.tolist(), counts, windows)
    reference = Sign(start, sizes) if update == "sign" else Gradient(start, sizes, windows)
    for _ in range(60):
        hypergradients = random.standard_normal((seeds, 7)) * 10 ** random.uniform(-3, 6)
        hypergradients[random.random((seeds, 7)) < 0.1] = 0
        hypergradients[random.random((seeds, 7)) < 0.1] = np.nan
        made.observe({"losses": random.random(seeds), "hypergradients": hypergradients.ravel()})
        reference.observe(hypergradients)
        np.testing.assert_allclose(made.get("values").numpy(), reference.values, rtol=1e-12)
        if update == "sign":
            np.testing.assert_allclose(made.get("steps").numpy(), reference.steps, rtol=1e-15)
            assert bool(made.get("converged").numpy()[0]) == reference.converged()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_gated_steps_against_numpy(seeds, layers):
    """Through smooth, noisy, chaotic and diverging outer steps; every branch is taken."""
    random = np.random.default_rng(10 + seeds)
    counts, horizon = (4, 2, 1), 4 // layers * 60.0
    start, sizes = random.uniform(0, 0.2, 7), random.uniform(0.01, 0.1, 7)
    made = learner("gated", start.tolist(), sizes.tolist(), counts, [60.0] * 7, layers=layers)
    reference, retreats = Gated(start, sizes, 4, 2, layers=layers, horizon=horizon), []
    for i in range(120):
        losses = 2.3 * np.exp(-i / 20) + 0.1 * random.random(seeds)
        hypergradients = random.standard_normal(7) + random.standard_normal((seeds, 7)) * 0.7
        if i % 5 == 1:
            hypergradients *= 1e3
        if i % 7 == 3:
            losses += random.random()
        if i % 20 == 10:
            losses[0], hypergradients[0] = np.inf, np.nan
        made.observe({"losses": losses, "hypergradients": hypergradients.ravel()})
        reference.observe(losses, hypergradients)
        retreats.append(bool(made.get("retreated").numpy()[0]))
        np.testing.assert_allclose(made.get("values").numpy(), reference.values, rtol=1e-12)
        np.testing.assert_allclose(made.get("steps").numpy(), reference.steps, rtol=1e-12)
    assert 10 < sum(retreats) < 100


def test_with_two_seeds_only_what_they_agree_on_moves():
    made = learner("gated", [0.1, 0.1], [0.01, 0.01], (2, 0, 0))
    made.observe({"losses": [1.0, 1.0], "hypergradients": [1.0, 3.0, 0.5, -1e-9]})
    np.testing.assert_allclose(made.get("values").numpy(), [0.09, 0.1])


def test_a_trade_keeps_the_effective_rate():
    made = learner("gated", [0.2, 0.1, 0.5], [0.1, 0.1, 0.1], (2, 1, 0), [100.0] * 3)
    made.observe({"losses": [1.0, 1.0], "hypergradients": [1e4, 1.0, 0.1, 2e4, 1.0, 0.1]})
    rate0, rate1, momentum = made.get("values").numpy()
    assert momentum > 0.5
    np.testing.assert_allclose([rate0 / (1 - momentum), rate1 / (1 - momentum)], [0.4, 0.2])


def test_trades_leave_a_momentum_that_fits_the_run():
    """An average over 4 % of 250 steps is a momentum of 0.9; from then on rates are cut."""
    made = learner("gated", [0.2, 0.1, 0.5], [0.1, 0.1, 0.1], (2, 1, 0), [125.0, 125.0, 250.0])
    chaos = {"losses": [1.0, 1.0], "hypergradients": [1e6, 1.0, 0.1, 2e6, 1.0, 0.1]}
    for _ in range(6):
        made.observe(chaos)
    np.testing.assert_allclose(made.get("values").numpy(), [0.2 * 0.6**6, 0.1 * 0.6**6, 0.9])


def test_a_trade_raises_what_comes_before_the_chaos():
    """Halfway to the largest rate that follows, in every layer by itself; what comes later stays."""
    rates = [0.1, 0.3, 0.2, 0.5, 0.2, 0.1, 0.4, 0.2]
    made = learner("gated", rates, [0.1] * 8, (8, 0, 0), layers=2)
    made.observe({"losses": [1.0], "hypergradients": [0, 1e4, 0, 0, 0, 0, 0, 0]})
    raised = [0.3, 0.4, 0.2, 0.5, 0.2, 0.1, 0.4, 0.2]
    np.testing.assert_allclose(made.get("values").numpy(), 0.6 * np.array(raised))


def test_a_positive_rate_is_at_most_halved_and_its_step_comes_back():
    made = learner("gated", [0.1, 0.1], [0.08, 0.08], (1, 0, 1))
    values, steps = [], []
    for h in (1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0):
        made.observe({"losses": [1.0], "hypergradients": [h, h]})
        values.append(made.get("values").numpy().copy())
        steps.append(made.get("steps").numpy()[0])
    np.testing.assert_allclose(np.array(values)[:2], [[0.05, 0.02], [0.025, -0.06]])
    np.testing.assert_allclose(steps, [0.08, 0.08, 0.04, 0.048, 0.0576, 0.06912, 0.08, 0.08])


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_gates_know_no_units(unit):
    """A loss in other units, or rates in other units, is the same problem."""
    random = np.random.default_rng(4)
    made = learner("gated", [0.1, 0.2, 0.5], [0.05, 0.05, 0.1], (2, 1, 0))
    scaled = learner("gated", [0.1, 0.2, 0.5], [0.05, 0.05, 0.1], (2, 1, 0))
    rates = learner("gated", [0.1 * unit, 0.2 * unit, 0.5], [0.05 * unit, 0.05 * unit, 0.1], (2, 1, 0))
    for i in range(40):
        losses, h = 2 * np.exp(-i / 10) + random.random(2) / 3, random.standard_normal((2, 3)) * 30
        made.observe({"losses": losses, "hypergradients": h.ravel()})
        scaled.observe({"losses": unit * losses, "hypergradients": unit * h.ravel()})
        rates.observe({"losses": losses, "hypergradients": (h / [unit, unit, 1]).ravel()})
        values = made.get("values").numpy()
        np.testing.assert_allclose(scaled.get("values").numpy(), values, rtol=1e-9)
        np.testing.assert_allclose(rates.get("values").numpy(), values * [unit, unit, 1], rtol=1e-9)


def test_a_zero_hides_a_flip():
    made = learner("sign", [0.0], [0.1], (1, 0, 0))
    for h in (1.0, 0.0, -1.0):
        made.observe({"losses": [1.0], "hypergradients": [h]})
    assert made.get("steps").numpy()[0] == 0.1
    made.observe({"losses": [1.0], "hypergradients": [1.0]})
    assert made.get("steps").numpy()[0] == 0.05


@pytest.mark.parametrize("value", [-3.0, 3.0, 0.0])
def test_convergence_knows_absolute_values(value):
    """gamma / lambda < 0.05 without the absolute value calls every negative rate converged, at once."""
    made = learner("sign", [value], [0.1], (1, 0, 0))
    made.observe({"losses": [1.0], "hypergradients": [0.0]})
    assert bool(made.get("converged").numpy()[0]) == (value != 0)
    made = learner("sign", [value / 3], [0.1], (1, 0, 0))
    made.observe({"losses": [1.0], "hypergradients": [0.0]})
    assert not made.get("converged").numpy()[0]


@pytest.mark.parametrize("update", ["gated", "sign", "gradient"])
def test_the_best_validated_values_are_kept(update):
    made = learner(update, [0.1, 0.5], [0.1, 0.1], (1, 1, 0))
    tried, losses = [], [3.0, 1.0, math.nan, 2.0, 0.5, math.inf, 0.7]
    for loss in losses:
        tried.append(made.get("values").numpy().copy())
        made.observe({"losses": [loss, loss], "hypergradients": [0.1, 0.2, 0.3, 0.1]})
    np.testing.assert_array_equal(made.get("best_values").numpy(), tried[4])
    assert made.get("best_loss").numpy()[0] == 0.5


def test_states_go_on_where_they_were():
    random = np.random.default_rng(5)
    made, other = (learner("gated", [0.1] * 3, [0.1] * 3, (2, 1, 0)) for _ in range(2))
    for i in range(20):
        step = {"losses": random.random(2), "hypergradients": random.standard_normal(6)}
        made.observe(step)
        if i < 10:
            other.load({"state": made.get("state").numpy().tolist()})
        else:
            other.observe(step)
    np.testing.assert_array_equal(made.get("state").numpy(), other.get("state").numpy())


# ---- known optima ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("update", ["gated", "sign"])
def test_finds_the_best_constant_rate(update):
    """Of six steps on a quadratic, where the loss is a polynomial of the rate."""
    found = learn(
        train=bowls(), valid=bowls(), learning_rates=1, momentums=0, weight_decays=0, outer_steps=80,
        update=update, step_size=(0.1, 0.1, 0.1),
    )  # fmt: skip
    # the mean over seeds of theta^2 is nearly the same for both parameters
    best = minimize_scalar(lambda a: (CURVATURES * (1 - a * CURVATURES) ** 12).sum(), bounds=(0, 0.5)).x
    np.testing.assert_allclose(found.learning_rates, best, rtol=0.06)
    assert found.valid_losses[found.best] < 0.05 * found.valid_losses[0]


def test_the_hypergradients_are_those_of_the_schedule_that_was_tried():
    """Against central differences of the whole run, as NumPy trains it."""
    found = learn(outer_steps=2, train=bowls(), valid=bowls(), seeds=1, initial=(0.1, 0.3, 0.01))
    start = Bowl(_seed_of(0, 0, 0)).theta.numpy()

    def run(values):
        theta, v, a = start, np.zeros(2), CURVATURES
        for t in range(6):
            v = values[3] * v + a * theta + values[4] * theta
            theta = theta - values[3 * t // 6] * v
        return 0.5 * (a * theta**2).sum()

    values = found.values[0]
    assert found.valid_losses[0] == pytest.approx(run(values), rel=1e-12)
    for k in range(5):
        e = np.zeros(5)
        e[k] = 1e-5
        slope = (run(values + e) - run(values - e)) / 2e-5
        assert found.hypergradients[0, 0, k] == pytest.approx(slope, rel=1e-6)


def _seed_of(seed, outer, replica):
    return int(np.random.SeedSequence((seed, outer, replica)).generate_state(1, np.uint32)[0])


def test_one_argument_makes_it_greedy_and_another_unshared():
    whole = learn(outer_steps=1, initial=(0.1, 0.3, 0.0))
    greedy = learn(outer_steps=1, initial=(0.1, 0.3, 0.0), horizon=1)
    assert not np.allclose(whole.hypergradients, greedy.hypergradients)
    unshared = learn(outer_steps=1, initial=(0.1, 0.3, 0.0), learning_rates=6)
    np.testing.assert_allclose(
        unshared.hypergradients[:, :, :6].reshape(1, 2, 3, 2).sum(3),
        whole.hypergradients[:, :, :3],
        rtol=1e-12,
    )


def test_smaller_budgets_first_are_compared_with_none():
    found = learn(budgets=[3, 4], outer_steps=4)
    assert np.isnan(found.valid_losses[:2]).all() and np.isfinite(found.valid_losses[2:]).all()
    assert found.best >= 2


# ---- use ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("nesterov", [False, True])
def test_the_optimizer_trains_with_the_schedule_stretched(nesterov):
    """Against NumPy, over 11 steps and with a negative decay, for schedules of all three."""
    rates, momenta, decays = [0.1, 0.05, 0.02], [0.5, 0.9], [-0.01, 0.02]
    empty = np.zeros((0, 7))
    learned = lr.LearnedSchedule(
        np.array(rates), np.array(momenta), np.array(decays), 6, -1, empty, np.zeros((0, 2)),
        np.zeros((0, 2, 7)), empty, np.zeros(0, bool), nesterov=nesterov,
    )  # fmt: skip
    model = Bowl(3)
    theta, v, a, steps = model.theta.numpy().copy(), np.zeros(2), np.array([4.0, 1.0]), 11
    optimizer = learned.optimizer(model.parameters(), steps)
    for t in range(13):
        i = min(t, steps - 1)
        alpha, beta, xi = (values[len(values) * i // steps] for values in (rates, momenta, decays))
        g = a * theta + xi * theta
        v = beta * v + g
        theta = theta - alpha * (g + beta * v if nesterov else v)
        optimizer.minimize(lambda: bowl_loss(model, lr.tensor(np.array([[4.0, 1.0]]))))
        np.testing.assert_allclose(model.theta.numpy(), theta, rtol=1e-12)


def test_saved_and_loaded(tmp_path):
    found = learn()
    found.save(tmp_path / "schedule.safetensors")
    loaded = lr.LearnedSchedule.load(tmp_path / "schedule.safetensors")
    same(found, loaded)
    np.testing.assert_array_equal(found.valid_losses, loaded.valid_losses)
    np.testing.assert_array_equal(found.momentums, loaded.momentums)
    np.testing.assert_array_equal(found.final_penalties, loaded.final_penalties)
    lr.save(tmp_path / "other.safetensors", {"a": np.zeros(3)})
    with pytest.raises(lr.ArgumentError, match="no learned schedule"):
        lr.LearnedSchedule.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "nesterov", "initial": (0, 0.5, 0)}, {"momentums": 0}, {"weight_decays": 3}]
)
def test_as_json_and_back(changes, tmp_path):
    path = tmp_path / "schedule.json"
    learned = learn(**changes)
    learned.save_json(path)
    facts = json.loads(path.read_text())
    assert facts["format"] == "lrswift.schedule" and facts["version"] == 1 and facts["steps"] == 6
    assert facts["rule"] == changes.get("optimizer", "sgd") and facts["layers"] == []
    back = lr.LearnedSchedule.load_json(path)
    for name in ("learning_rates", "momentums", "weight_decays"):
        assert facts[name] == getattr(learned, name).tolist()
        np.testing.assert_array_equal(getattr(back, name), getattr(learned, name))
        assert getattr(back, name).dtype == np.float64
    assert (back.steps, back.nesterov, back.best, len(back.values)) == (6, learned.nesterov, -1, 0)
    assert isinstance(back.optimizer(Bowl(0).parameters(), 9), lr.optim.SGD)
    back.save(tmp_path / "again")
    assert lr.LearnedSchedule.load(tmp_path / "again").steps == 6
    back.save_json(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == path.read_text()


def test_json_by_layer(tmp_path):
    learned = dataclasses.replace(learn(), learning_rates=np.ones((2, 3)), layers=("a", "b"))
    learned.save_json(tmp_path / "s.json")
    back = lr.LearnedSchedule.load_json(tmp_path / "s.json")
    assert back.layers == ("a", "b") and back.learning_rates.shape == (2, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0}, {"steps": 2.5}, {"learning_rates": []}, {"learning_rates": [None]}, {"rule": "adam"},
        {"learning_rates": [[0.1]]}, {"layers": ["a"]}, {"layers": "ab"}, {"more": 1}, {"momentums": "0.9"},
        {"weight_decays": [[0.1]]}, {"learning_rates": [1e999]}, {"learning_rates": {"a": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_json_is_refused(change, tmp_path):
    path = tmp_path / "s.json"
    learn(outer_steps=1).save_json(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(lr.FormatError, match=r"load_json: .*s\.json"):
        lr.LearnedSchedule.load_json(path)


def test_other_json_is_refused(tmp_path):
    path = tmp_path / "s.json"
    for text in ('{"format": "other"}', '{"format": "lrswift.schedule", "version": 2}', "{}"):
        path.write_text(text)
        with pytest.raises(lr.ArgumentError, match="no schedule of version 1"):
            lr.LearnedSchedule.load_json(path)
    for content in (b"[1]", b"{", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(lr.FormatError):
            lr.LearnedSchedule.load_json(path)
    with pytest.raises(FileNotFoundError):
        lr.LearnedSchedule.load_json(tmp_path / "none.json")


def test_the_picture_has_every_outer_step():
    found = learn()
    figure = found.plot()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["Learning rate", "Momentum", "Weight decay", "Validation loss"]
    stairs = [patch.get_data() for patch in figure.axes[0].patches]
    assert len(stairs) == len(found.values) + 1
    np.testing.assert_array_equal(stairs[1].values, found.values[1, :3])
    np.testing.assert_array_equal(stairs[-1].values, found.learning_rates)
    shades = [sum(patch.get_edgecolor()[:3]) for patch in figure.axes[0].patches[:-1]]
    assert shades == sorted(shades, reverse=True)


def test_a_degraded_hypergradient_is_said_with_a_window():
    noisy = {"make_model": Bowl, "train": bowls(noise=5.0), "valid": 0.25, "initial": (0.02, 0, 0)}
    with pytest.warns(
        UserWarning, match=r"standard error over 2 seeds; try windows of about \d+ steps"
    ) as said:
        lr.learn_schedule(
            loss=bowl_loss, steps=6, batch_size=1, learning_rates=3, outer_steps=6, progress=False,
            update="sign", step_size=(1e-3, 1e-3, 1e-4), **noisy,
        )  # fmt: skip
    assert len(said) == 1


# ---- bad input ------------------------------------------------------------------------------------------
def test_networks_of_different_shapes():
    class Wide(lr.nn.Module):
        def __init__(self, width):
            super().__init__()
            self.theta = lr.nn.Parameter(lr.tensor(np.ones(width)))

    widths = iter([2, 2, 1, 1])
    with pytest.raises(lr.ShapeError, match="make_model: parameters .* seed 0 of outer step 1"):
        learn(make_model=lambda seed: Wide(next(widths)))


@pytest.mark.parametrize("update", ["gated", "sign"])
def test_a_loss_that_explodes_names_its_step_and_loses_nothing(update, tmp_path):
    """A rate of 1e200 leaves the range of doubles at the second or third step."""
    explode = functools.partial(
        lr.learn_schedule, Bowl, bowl_loss, bowls(), 0.25, 6, 8, 3, progress=False, update=update,
        checkpoint=tmp_path / "run", initial=(1e200, 0, 0),
    )  # fmt: skip
    if update == "sign":
        with pytest.raises(lr.Diverged, match=r"outer step 0: 2 of 2 runs diverged at step \d") as caught:
            explode(outer_steps=3)
        assert len(caught.value.schedule.values) == 1 and caught.value.schedule.best == -1
        assert caught.value.step is None, "each run has a step of its own"
    else:
        with pytest.warns(UserWarning, match=r"outer step 0: 2 of 2 runs diverged at step \d"):
            found = explode(outer_steps=3)
        assert len(found.values) == 3 and np.isinf(found.valid_losses).all()
        assert (np.abs(found.values[1, :3]) < np.abs(found.values[0, :3])).all()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"steps": 0}, "steps"), ({"steps": 2.5}, "steps"), ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 49}, "batch_size"), ({"learning_rates": 0}, "learning_rates"),
        ({"learning_rates": 7}, "learning_rates"), ({"momentums": -1}, "momentums"),
        ({"weight_decays": True}, "weight_decays"), ({"outer_steps": 0}, "outer_steps"),
        ({"seeds": 0}, "seeds"), ({"seed": -1}, "seed"), ({"step_size": 0.1}, "step_size"),
        ({"step_size": (0.1, 0.1)}, "step_size"), ({"step_size": (0.0, 0.1, 0.1)}, "step_size"),
        ({"step_size": ([0.1, 0.1], 0.1, 0.1)}, "step_size: learning_rates"),
        ({"initial": (math.nan, 0, 0)}, "initial: learning_rates"), ({"initial": ("a", 0, 0)}, "initial"),
        ({"step_decay": 0}, "step_decay"), ({"step_decay": 2}, "step_decay"), ({"update": "signs"}, "update"),
        ({"clip_gradient": 0}, "clip_gradient"), ({"clip_hvp": -1}, "clip_hvp"),
        ({"optimizer": "rprop"}, "optimizer"), ({"mode": "sideways"}, "mode"), ({"horizon": 0}, "horizon"),
        ({"horizon": 7}, "horizon"), ({"budgets": [1]}, r"budgets\[0\]"), ({"budgets": [7]}, "budgets"),
        ({"blocks": 0}, "blocks"), ({"blocks": 6}, "blocks"), ({"valid": 0.0}, "valid"),
        ({"valid": 1.5}, "valid"), ({"train": 3}, "train"), ({"train": ()}, "train"),
        ({"train": (np.ones((8, 2)), np.ones(7))}, "train"), ({"executor": 3}, "executor"),
        ({"valid": (np.ones((8, 2)), np.ones(8))}, "valid"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(changes, named):
    with pytest.raises(lr.Error, match=f"^{named}: .*allowed"):
        learn(**changes)
