"""`fit` with nothing to choose."""

from __future__ import annotations

import numpy as np
import pytest

import lrswift as lr


def network(seed: int = 0, norm: bool = False) -> lr.nn.Module:
    lr.seed(seed)
    middle = [lr.nn.BatchNorm1d(24)] if norm else []
    return lr.nn.Sequential(lr.nn.Linear(12, 24), *middle, lr.nn.ReLU(), lr.nn.Linear(24, 3))


def data(rows: int = 640) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((rows, 12)).astype(np.float32)
    return x, (x @ rng.standard_normal((12, 3)) + rng.standard_normal((rows, 3))).argmax(1)


DATA = data()


@pytest.mark.parametrize("given", [{}, {"optimizer": "auto"}, {"optimizer": "AUTO"}])
def test_without_an_optimizer_it_is_auto(given):
    history = lr.fit(network(), train=DATA, epochs=20, progress=False, **given)
    assert isinstance(history.optimizer, lr.optim.Auto)
    assert history.rows[-1]["train_loss"] < 0.75 * history.losses[0]
    # 200 steps, and the last rate is the smallest of the fall
    assert len(history.losses) == 200
    assert history.rates[-1, 0] == pytest.approx(history.optimizer.frozen().rate.rate / 111, rel=0.2)


def test_it_is_the_same_as_auto_made_by_hand():
    model, twin = network(), network()
    lr.fit(model, train=DATA, epochs=20, progress=False)
    lr.fit(twin, lr.optim.Auto(twin.named_parameters(), steps=200), DATA, epochs=20, progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, twin.state_dict()[name])


def test_a_method_by_name():
    history = lr.fit(network(), "l4+adam", DATA, progress=False)
    assert type(history.optimizer) is lr.optim.Adam
    history = lr.fit(network(), "l4adam", DATA, progress=False)
    assert type(history.optimizer) is lr.optim.L4Adam
    with pytest.raises(lr.ArgumentError, match=r"fit: optimizer: .*got nonsense; allowed: auto, "):
        lr.fit(network(), "nonsense", DATA, progress=False)
    with pytest.raises(lr.ArgumentError, match=r"'alrs', which finds a rate .* find_lr"):
        lr.fit(network(), "alrs", DATA, progress=False)


def test_what_cannot_be_is_said():
    with pytest.raises(lr.ArgumentTypeError, match="train: not given"):
        lr.fit(network())
    with pytest.raises(lr.ArgumentTypeError, match="parameters are not known"):
        lr.fit(lambda x: x, train=DATA)


def test_a_loader_of_unknown_length_asks_for_steps():
    def batches():
        yield DATA

    class Loader:
        def __iter__(self):
            return batches()

    model = network()
    before = {name: value.copy() for name, value in model.state_dict().items()}
    with pytest.raises(lr.ArgumentError, match="steps="):
        lr.fit(model, train=Loader(), progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_second_fit_is_a_run_of_its_own_at_the_rate_found():
    model = network()
    first = lr.fit(model, train=DATA, epochs=20, progress=False)
    found = first.optimizer.frozen().rate.rate
    second = lr.fit(model, first.optimizer, DATA, epochs=5, progress=False)
    assert second.rates[:, 0].max() == found
    assert "found in a run before" in first.optimizer.explain()
    assert second.rates[-1, 0] < 0.1 * found


def test_after_an_interruption_a_fit_is_a_whole_run():
    class Stop(Exception):
        pass

    def stop(history):
        if len(history.rows) == 5:
            raise Stop

    model = network()
    optimizer = lr.optim.Auto(model.named_parameters())
    with pytest.raises(Stop):
        lr.fit(model, optimizer, DATA, epochs=20, callbacks=[stop], progress=False)
    history = lr.fit(model, optimizer, DATA, epochs=3, progress=False)
    assert len(history.losses) == 30
    assert history.rates[:, 0].max() == optimizer.frozen().rate.rate
    assert history.rates[-1, 0] < 0.1 * history.rates[:, 0].max()


def test_resumes_in_the_middle_of_the_search_to_the_bit(tmp_path):
    """Epochs of five steps, so that the search of 16 ends in the fourth."""
    rows = DATA[0][:320], DATA[1][:320]

    def run(epochs, resume=False, path=tmp_path / "run.safetensors"):
        model = network(norm=True)
        # a run whose length is known from its first part on
        optimizer = lr.optim.Auto(model.named_parameters(), steps=200)
        lr.fit(model, optimizer, rows, epochs=epochs, progress=False, checkpoint=path, resume=resume)
        return model

    whole = run(40, path=tmp_path / "whole.safetensors")
    run(2)
    resumed = run(40, resume=True)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(value, resumed.state_dict()[name], err_msg=name)


def test_it_says_in_a_line_what_it_found(capsys):
    lr.fit(network(), train=DATA, epochs=20, progress=True)
    told = [line for line in "".join(capsys.readouterr()).splitlines() if "auto: rate" in line]
    assert len(told) == 1 and "found in" in told[0]


def test_running_statistics_keep_still_in_a_recorded_search():
    one = network(norm=True)
    before = {name: b.numpy().copy() for name, b in one.named_buffers()}
    optimizer = lr.optim.Auto(one.named_parameters(), steps=10_000)
    lr.fit(one, optimizer, (DATA[0][:320], DATA[1][:320]), progress=False)
    assert optimizer._core.get("searching") == 1
    for name, b in one.named_buffers():
        np.testing.assert_array_equal(b.numpy(), before[name])
