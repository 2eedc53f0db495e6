"""The list of methods: each trains what it is given, within the budget."""

import pytest
from tiny_workload import TINY

import lrswift as lr
from lrswift.experiments.leaderboard.methods import METHODS, warm_cosine, warm_linear
from lrswift.experiments.leaderboard.run import Run, trained
from lrswift.experiments.leaderboard.workload import prepared


@pytest.mark.filterwarnings("ignore:find_lr")
# those of other packages: test_torch_method.py
@pytest.mark.parametrize("name", [name for name, m in METHODS.items() if m.needs in ("", "torch")])
def test_every_method_stays_within_its_budget(name):
    result = trained(prepared(TINY), name, METHODS[name].train, 1)
    assert result.status in ("ok", "diverged") and not result.note.startswith("TypeError")
    assert result.curve[-1][0] <= 40
    if result.status == "ok":
        assert result.curve[-1][0] == 40
    assert METHODS[name].about


def test_those_that_need_no_luck_learn():
    for name in ("momentum_1e-2", "l4mom", "qlabgrad", "sls"):
        result = trained(prepared(TINY), name, METHODS[name].train, 1)
        assert result.final < 0.7 * result.start, name


def test_warm_up_rises_then_the_rate_falls_to_nothing():
    for shape in (warm_cosine, warm_linear):
        run = Run(prepared(TINY), 0)
        optimizer = lr.optim.SGD(run.model.parameters(), lr=shape(0.1, 40))
        rates = []
        for _ in range(40):
            run.step(optimizer, 1)
            rates.append(optimizer.lr)
        top = rates.index(max(rates))
        assert 0.09 < max(rates) <= 0.1 and 1 <= top <= 3
        assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)
        assert rates[0] < 0.06 and rates[-1] < 0.004
