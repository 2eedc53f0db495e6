"""Optimizers of PyTorch's on a twin: the same network, batches and losses."""

import numpy as np
import pytest
from tiny_workload import TINY

import lrswift as lr
from lrswift.experiments.leaderboard.method import Method, optimizer
from lrswift.experiments.leaderboard.methods import METHODS
from lrswift.experiments.leaderboard.run import Run, trained
from lrswift.experiments.leaderboard.runs import run_all
from lrswift.experiments.leaderboard.torch_method import has_twin, torch_optimizer, twin
from lrswift.experiments.leaderboard.workload import prepared
from lrswift.experiments.leaderboard.workloads import WORKLOADS

torch = pytest.importorskip("torch")


def test_at_least_four_of_each_half_have_a_twin():
    for half in ("choosing", "reporting"):
        assert sum(has_twin(w) for w in WORKLOADS.values() if w.half == half) >= 4
    assert not has_twin(WORKLOADS["fashion_lenet"]) and not has_twin(WORKLOADS["critic"])


@pytest.mark.parametrize("name", ["deep_tanh", "wine_raw", "bag_of_words", "tiny"])
def test_a_twin_computes_what_the_network_does(name):
    work = TINY if name == "tiny" else WORKLOADS[name]
    model = work.network(1)
    x = np.random.default_rng(0).normal(size=(5, prepared(work).train.tensors[0].shape[1])).astype("f")
    ours, theirs = model(lr.tensor(x)).numpy(), twin(model)(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("work", [TINY, WORKLOADS["cancer"]], ids=lambda w: w.name)
def test_one_optimizer_does_the_same_in_both(work):
    native = optimizer("native", lambda p, n: lr.optim.SGD(p, lr=0.05, momentum=0.9))
    theirs = torch_optimizer("theirs", lambda p, n: torch.optim.SGD(p, lr=0.05, momentum=0.9))
    one, other = (trained(prepared(work), m.name, m.train, 2) for m in (native, theirs))
    assert [p[0] for p in other.curve] == [p[0] for p in one.curve]
    np.testing.assert_allclose([p[1] for p in other.curve], [p[1] for p in one.curve], rtol=2e-3, atol=1e-5)


def test_an_adapter_of_ours_around_theirs_does_the_same():
    native = optimizer("native", lambda p, n: lr.optim.SGD(p, lr=lr.adapt.MoMo()))
    theirs = torch_optimizer(
        "theirs", lambda p, n: lr.torch.Adapted(torch.optim.SGD(list(p), lr=1.0), lr=lr.adapt.MoMo())
    )
    one, other = (trained(prepared(TINY), m.name, m.train, 2) for m in (native, theirs))
    assert other.status == "ok" and other.final < 0.1 * other.start
    np.testing.assert_allclose([p[1] for p in other.curve], [p[1] for p in one.curve], rtol=2e-3, atol=1e-5)


def test_every_gradient_that_is_asked_for_is_paid():
    asked = []

    class Twice(torch.optim.SGD):
        def step(self, closure):
            asked.append(closure())
            return super().step(closure)

    result = trained(prepared(TINY), "m", torch_optimizer("m", lambda p, n: Twice(p, lr=0.05)).train, 1)
    assert len(asked) == 20 and result.curve[-1][0] == 40


def test_it_is_judged_where_its_optimizer_evaluates():
    class TwoPoints(torch.optim.SGD):
        """As Schedule-Free: trains at one point and evaluates at another, here at zeros."""

        def train(self):
            self._move(False)

        def eval(self):
            self._move(True)

        def _move(self, away):
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        kept = self.state[p]
                        if away:
                            kept["here"] = p.clone()
                            p.zero_()
                        elif "here" in kept:
                            p.copy_(kept.pop("here"))

    result = trained(prepared(TINY), "m", torch_optimizer("m", lambda p, n: TwoPoints(p, lr=0.05)).train, 1)
    valid = TINY.data(None)[1][1]
    # the first is of the network as it was drawn
    assert [p[1] for p in result.curve[1:]] == pytest.approx(
        [float((valid**2).mean())] * (len(result.curve) - 1)
    )


def test_threads_are_as_they_were():
    before = torch.get_num_threads()
    trained(prepared(TINY), "m", METHODS["torch_adamw_1e-3"].train, 1)
    assert torch.get_num_threads() == before


def test_what_has_no_twin_is_refused_before_any_run(tmp_path):
    seen = []
    with pytest.raises(lr.ArgumentError, match="torch_adamw_1e-3 does not take block_graph"):
        run_all([TINY, WORKLOADS["block_graph"]], [Method("m", seen.append), "torch_adamw_1e-3"], [1])
    assert seen == []
    with pytest.raises(lr.ArgumentError, match="block_graph has no twin"):
        METHODS["torch_adamw_1e-3"].train(Run(prepared(WORKLOADS["block_graph"]), 0))


def test_a_package_that_is_not_there_is_named():
    absent = torch_optimizer("theirs", lambda p, n: None, needs="no_such_package")
    with pytest.raises(
        ImportError, match=r"theirs: no_such_package is not installed: pip install 'lrswift\[b"
    ):
        run_all([TINY], [absent], [1])


@pytest.mark.parametrize("name", ["prodigyopt", "schedulefree", "dadaptation"])
def test_packages_of_others_are_called_as_they_want_to_be(name, monkeypatch):
    """Without the package: a stand-in in its place that records how it is called."""
    import sys
    import types

    called = {"prodigyopt": "Prodigy", "schedulefree": "AdamWScheduleFree", "dadaptation": "DAdaptAdam"}[name]
    asked = []

    class StandIn(torch.optim.SGD):
        def __init__(self, params, **options):
            asked.append(options)
            super().__init__(params, lr=0.05)

    module = types.ModuleType(name)
    setattr(module, called, StandIn)
    monkeypatch.setitem(sys.modules, name, module)
    result = trained(prepared(TINY), name, METHODS[name].train, 1)
    assert result.status == "ok" and result.final < result.start
    # as shipped: nothing is chosen
    assert asked == [{}]
