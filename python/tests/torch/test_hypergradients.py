"""Hypergradients in torch: against the native ones, each other, differences and torch's own optimizers."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch_hypergradient_cases import OPTIMIZERS, Problem, check_equal, convolutional, problem, values_for

import lrswift as lr


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The tensors are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def differences(case: Problem, optimizer: str, family: str) -> float:
    """The relative error along one random direction, at the best of several difference steps."""
    values = np.array(values_for(optimizer)[family])
    direction = np.random.default_rng(1).normal(size=len(values)) * values
    exact = getattr(case.exact(optimizer), family) @ direction

    def slope(h: float) -> float:
        changed = (values + s * h * direction for s in (1, -1))
        up, down = (case.run(optimizer, **{family: v}, columns=()).valid_loss for v in changed)
        return (up - down) / (2 * h)

    return min(abs(slope(h) - exact) for h in (1e-3, 1e-4, 1e-5, 1e-6)) / abs(exact)


# ---- what it is -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("network", "extra"),
    [
        *(("batch_norm", extra) for extra in ({}, {"clip_gradient": 0.03}, {"horizon": 7}, {"per": "layer"})),
        ("tied", {"per": "layer"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_forward_is_reverse_is_native(optimizer: str, network: str, extra: dict[str, Any]) -> None:
    case = problem(network)
    forward, reverse = (case.run(optimizer, mode=mode, tile=3, **extra) for mode in ("forward", "reverse"))
    native = case.native(optimizer, **extra)
    check_equal(forward, reverse, 1e-10)
    check_equal(forward, native, 1e-9)
    assert forward.valid_loss == pytest.approx(native.valid_loss, rel=1e-12)
    np.testing.assert_allclose(forward.losses, native.losses, rtol=1e-12)
    assert forward.layers == native.layers


@pytest.mark.parametrize("network", ["convolutional", "attending"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_other_layers(optimizer: str, network: str) -> None:
    case = problem(network)
    check_equal(case.run(optimizer), case.exact(optimizer), 1e-10)
    check_equal(case.exact(optimizer), case.native(optimizer), 1e-9)


@pytest.mark.parametrize("network", ["batch_norm", "attending"])
@pytest.mark.parametrize(
    ("optimizer", "family"),
    [(name, family) for name in ("sgd", "nesterov", "adam", "adamw") for family in values_for(name)],
)
def test_finite_differences(optimizer: str, family: str, network: str) -> None:
    assert differences(problem(network), optimizer, family) < 1e-6


def with_torch(case: Problem, made: Callable[..., torch.optim.Optimizer]) -> tuple[nn.Module, list[float]]:
    """The same run by an optimizer of torch: constant values, statistics of batches, no dropout."""
    module, losses = copy.deepcopy(case.module).train(), []
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    rule = made(module.parameters())
    for x, y in case.train:
        loss = F.cross_entropy(module(torch.from_numpy(x)), torch.from_numpy(y))
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    return module, losses


MOMENTUM = functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.01)
TORCH: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "sgd": (MOMENTUM, {}),
    "nesterov": (functools.partial(MOMENTUM, nesterov=True), {}),
    "adam": (
        functools.partial(torch.optim.Adam, lr=0.1, betas=(0.9, 0.99), weight_decay=0.01, eps=1e-3),
        {"beta2s": [0.99], "epsilons": [1e-3]},
    ),
    "adamw": (
        functools.partial(torch.optim.AdamW, lr=0.1, betas=(0.9, 0.99), weight_decay=0.01, eps=1e-3),
        {"beta2s": [0.99], "epsilons": [1e-3]},
    ),
    "rmsprop": (
        functools.partial(torch.optim.RMSprop, lr=0.1, momentum=0.9, weight_decay=0.01, alpha=0.9, eps=1e-3),
        {"beta2s": [0.9], "epsilons": [1e-3]},
    ),
    "adagrad": (
        functools.partial(torch.optim.Adagrad, lr=0.1, weight_decay=0.01, eps=1e-3),
        {"momentums": None, "epsilons": [1e-3]},
    ),
    "adadelta": (
        functools.partial(torch.optim.Adadelta, lr=0.1, rho=0.8, weight_decay=0.01, eps=1e-3),
        {"momentums": None, "beta2s": [0.8], "epsilons": [1e-3]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("optimizer", TORCH)
def test_trains_as_torch_does(optimizer: str) -> None:
    case, (made, more) = problem("convolutional"), TORCH[optimizer]
    module, losses = with_torch(case, made)
    values = {"learning_rates": [0.1], "momentums": [0.9], "weight_decays": [0.01], **more}
    h = case.run(optimizer, **values, columns=())
    np.testing.assert_allclose(h.losses, losses, rtol=1e-10)
    for name, value in module.state_dict().items():
        torch.testing.assert_close(h.parameters[name], value, rtol=1e-9, atol=1e-12)


# ---- how it is done -------------------------------------------------------------------------------------
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_tiles_and_blocks_of_columns_change_nothing(optimizer: str) -> None:
    case = problem("batch_norm")
    expected = case.run(optimizer)
    for tile in (1, 2, 16):
        check_equal(case.run(optimizer, tile=tile), expected, 1e-12)
    count = sum(map(len, values_for(optimizer).values()))
    for mode in ("forward", "reverse"):
        blocks = [case.run(optimizer, columns=range(k, count, 2), mode=mode) for k in (0, 1)]
        for family in values_for(optimizer):
            even, odd = (getattr(block, family) for block in blocks)
            assert not (even * odd).any()
            np.testing.assert_allclose(even + odd, getattr(expected, family), rtol=1e-9)


@pytest.mark.parametrize("horizon", [None, 7])
def test_what_is_replayed_changes_no_bit(horizon: int | None) -> None:
    case = problem("batch_norm")
    expected = case.run("adam", mode="reverse", horizon=horizon)
    state = 3 * 8 * sum(p.numel() for p in case.module.parameters())
    for states in (3, 4, 8, 12, 19, 25):
        found = case.run("adam", mode="reverse", horizon=horizon, memory=states * state)
        check_equal(found, expected, 0)
    with pytest.raises(lr.ArgumentError, match=rf"memory: got .* at least {3 * state}, for 3 snapshots"):
        case.run("adam", mode="reverse", memory=3 * state - 1)


def test_what_is_kept_stays_within_memory() -> None:
    """By counting the snapshots that are held at once."""
    from lrswift.torch import _run

    case, most = problem("batch_norm"), 0
    state = 2 * 8 * sum(p.numel() for p in case.module.parameters())

    class Counted(_run.Trajectory):
        def _keep(self, *given: Any) -> None:
            nonlocal most
            super()._keep(*given)
            most = max(most, len(self.kept))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_run, "Trajectory", Counted)
        case.run("sgd", mode="reverse", memory=9 * state)
    assert 5 < most <= 9


def test_float32_is_near() -> None:
    for network in ("batch_norm", "attending"):
        case = problem(network)
        for mode in ("forward", "reverse"):
            found = case.run("adam", dtype=torch.float32, mode=mode)
            check_equal(found, case.exact("adam"), 2e-3)
            assert all(v.dtype in (torch.float32, torch.int64) for v in found.parameters.values())


def test_clipped_products() -> None:
    case = problem("convolutional")
    found, native = (run("sgd", clip_hvp=0.05, tile=3) for run in (case.run, case.native))
    check_equal(found, native, 1e-9)
    assert abs(found.learning_rates - case.exact("sgd").learning_rates).max() > 1e-3


def test_the_module_stays_as_it_is_and_statistics_do_not_matter() -> None:
    case = problem("batch_norm")
    module = copy.deepcopy(case.module).eval()
    case = copy.copy(case)
    case.module = module
    module[0].weight.grad = torch.ones_like(module[0].weight)
    before, state = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    flags = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark, torch.backends.cudnn.enabled
    first = case.run("sgd")
    check_equal(case.run("sgd", mode="reverse"), first, 1e-10)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
        # what batch norm keeps does not move in the run either
        assert "running" not in name or torch.equal(first.parameters[name], value)
    assert not any(part.training for part in module.modules())
    assert torch.equal(module[0].weight.grad, torch.ones_like(module[0].weight))
    assert torch.equal(torch.get_rng_state(), state)
    assert flags == (
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark, torch.backends.cudnn.enabled,
    )  # fmt: skip
    module[1].running_mean.fill_(7.0)
    check_equal(case.run("sgd"), first, 0)
    assert case.run("sgd").losses.tolist() == first.losses.tolist()


def test_where_the_run_ended_is_a_state_dict() -> None:
    case = problem("tied")
    h = case.run("sgd")
    module = copy.deepcopy(case.module)
    module.load_state_dict(h.parameters)
    assert list(h.parameters) == list(module.state_dict())
    assert torch.equal(h.parameters["first.weight"], h.parameters["second.weight"])
    assert torch.equal(module.first.bias, case.module.first.bias)
    x, y = (torch.from_numpy(np.concatenate(part)) for part in zip(*case.valid, strict=True))
    assert h.valid_loss == pytest.approx(F.cross_entropy(module(x), y).item(), rel=1e-12)


LOSSES: dict[str, tuple[Any, Any]] = {
    "module": (nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0])), None),
    "smoothed": (functools.partial(F.cross_entropy, weight=torch.tensor([1.0, 2.0, 3.0]).double()), None),
    "of the model": (
        lambda model, x, y: F.cross_entropy(model(x), y, torch.tensor([1.0, 2.0, 3.0]).double()), None,
    ),
}  # fmt: skip


def test_forms_of_the_loss_and_of_data() -> None:
    case = problem("convolutional")
    found = []
    for loss, _ in LOSSES.values():
        found.append(lr.torch.hypergradient(case.module, loss, case.train, case.valid, [0.1, 0.2]))
    tensors = [tuple(map(torch.from_numpy, batch)) for batch in case.train]
    loader = torch.utils.data.TensorDataset(*(torch.cat(parts[:-1]) for parts in zip(*tensors, strict=True)))
    check_equal(found[1], found[0], 0)
    check_equal(found[2], found[0], 0)
    weighted = lr.torch.hypergradient(case.module, LOSSES["module"][0], tensors, case.valid, [0.1, 0.2])
    check_equal(weighted, found[0], 0)
    batches = list(torch.utils.data.DataLoader(loader, batch_size=8))
    head = lr.torch.hypergradient(case.module, LOSSES["module"][0], batches, case.valid, [0.1])
    np.testing.assert_array_equal(head.losses[:5], [v for v in head.losses[:5]])
    assert len(head.losses) == len(batches)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.linear(a * b)


def test_a_module_of_two_inputs() -> None:
    torch.manual_seed(1)
    batches = [(torch.randn(6, 4), torch.randn(6, 4), torch.randn(6, 1)) for _ in range(5)]
    module = Two()
    a = lr.torch.hypergradient(module, nn.MSELoss(), batches, batches, [0.1])
    b = lr.torch.hypergradient(module, lambda m, a, b, y: F.mse_loss(m(a, b), y), batches, batches, [0.1])
    check_equal(a, b, 0)
    # torch has no forward derivatives of the gradient of mse_loss
    check_equal(
        lr.torch.hypergradient(module, nn.MSELoss(), batches, batches, [0.1], mode="reverse"), a, 1e-10
    )
    check_equal(lr.torch.hypergradient(module, nn.MSELoss(), batches, batches, [0.1], tile=1), a, 1e-10)
    assert a.learning_rates[0] != 0


# ---- what is refused ------------------------------------------------------------------------------------
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"learning_rates": []}, lr.ArgumentError, "learning_rates"),
    ({"learning_rates": [0.1] * 21}, lr.ArgumentError, "21 values do not fit into 20 steps"),
    ({"learning_rates": [float("nan")]}, lr.ArgumentError, "learning_rates: got nan"),
    ({"learning_rates": "fast"}, lr.DTypeError, "learning_rates"),
    ({"learning_rates": [[0.1, 0.2]], "per": "layer"}, lr.ShapeError, "learning_rates.*layers"),
    ({"momentums": [[0.9]]}, lr.ShapeError, "momentums"),
    ({"beta2s": [0.9]}, lr.ArgumentError, "sgd has no beta2s"),
    ({"optimizer": "rprop"}, lr.ArgumentError, "optimizer: got 'rprop'"),
    ({"mode": "sideways"}, lr.ArgumentError, "mode: got 'sideways'"),
    ({"mode": "reverse", "clip_hvp": 1.0}, lr.ArgumentError, "clip_hvp"),
    ({"curvature": "gauss_newton"}, lr.ArgumentError, "curvature: got 'gauss_newton'.*natively"),
    ({"horizon": 0}, lr.ArgumentError, "horizon: got 0"),
    ({"horizon": 21}, lr.ArgumentError, "1 to 20"),
    ({"tile": 0}, lr.ArgumentError, "tile"),
    ({"dtype": torch.bfloat16}, lr.DTypeError, "dtype: got torch.bfloat16; allowed: float64, float32"),
    ({"dtype": "words"}, lr.DTypeError, "dtype"),
    ({"clip_gradient": 0.0}, lr.ArgumentError, "clip_gradient: got 0.0"),
    ({"columns": [0, 0]}, lr.ArgumentError, "columns"),
    ({"columns": [99]}, lr.ArgumentError, "columns"),
    ({"mode": "reverse", "memory": 0}, lr.ArgumentError, "memory: got 0"),
    ({"mode": "reverse", "memory": 10}, lr.ArgumentError, "memory: got 10 bytes"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_values(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    case = problem("batch_norm")
    with pytest.raises(error, match=message):
        lr.torch.hypergradient(
            case.module, F.cross_entropy, case.train, case.valid, **{"learning_rates": [0.1], **changes}
        )


def call(module: Any, loss: Any = F.cross_entropy, train: Any = None, valid: Any = None, **more: Any) -> Any:
    case = problem("convolutional")
    train, valid = case.train if train is None else train, case.valid if valid is None else valid
    return lr.torch.hypergradient(module, loss, train, valid, [0.1], **more)


def test_bad_modules() -> None:
    case = problem("convolutional")
    with pytest.raises(lr.ArgumentTypeError, match=r"module: got int; allowed: a torch.nn.Module"):
        call(3)
    native = lr.from_torch(case.module, torch.from_numpy(case.train[0][0]))
    with pytest.raises(lr.ArgumentTypeError, match=r"module: got .*; allowed: a torch.nn.Module"):
        call(native)
    frozen = convolutional().requires_grad_(False)
    with pytest.raises(lr.ArgumentError, match="module: has no parameter to train"):
        call(frozen)
    with pytest.raises(lr.ArgumentError, match=r"without a shape: 1\.weight.*called once"):
        call(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))
    hooked = convolutional()
    hooked[0].weight.register_hook(lambda g: g * 2)
    with pytest.raises(lr.ArgumentError, match=r"hooks that would be lost: a gradient hook of 0\.weight"):
        call(hooked)
    hooked = convolutional()
    hooked[4].register_full_backward_hook(lambda *_: None)
    with pytest.raises(lr.ArgumentError, match="a backward hook of 4"):
        call(hooked)
    with pytest.raises(lr.DTypeError, match=r"0\.weight of torch.complex64"):
        call(nn.Sequential(nn.Linear(2, 2, dtype=torch.complex64)))
    with pytest.raises(lr.ArgumentError, match="parameters on meta"):
        call(nn.Linear(2, 2, device="meta"))
    scripted = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(lr.ArgumentTypeError, match="got a ScriptModule"):
        call(scripted)


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(F.dropout(x.flatten(1), 0.5, self.training))


class Counting(Dropping):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.linear(x.flatten(1))


class Deciding(Dropping):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x.flatten(1))
        return y if y.sum() > 0 else -y


class Cubing(Dropping):
    """Of an operation with first derivatives alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Cubed.apply(self.linear(x.flatten(1)))


class Cubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


def test_modules_that_would_not_do_the_same_again() -> None:
    dropping, state = Dropping(), torch.get_rng_state()
    with pytest.raises(lr.ArgumentError, match="draws random numbers.*dropout as modules"):
        call(dropping)
    assert torch.equal(torch.get_rng_state(), state)
    counting = Counting()
    with pytest.raises(lr.ArgumentError, match=r"writes to the buffers .*calls"):
        call(counting)
    assert counting.calls.item() == 0


def test_decisions_by_value() -> None:
    torch.manual_seed(0)
    module = Deciding()
    forward = call(module)
    check_equal(call(module, mode="reverse"), forward, 1e-10)
    check_equal(call(module, tile=1), forward, 1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_operations_without_second_derivatives(mode: str) -> None:
    with pytest.raises(lr.RecordingError, match=r"torch.func cannot differentiate it twice.*from_torch"):
        call(Cubing(), mode=mode)


def test_bad_losses_and_batches() -> None:
    module = problem("convolutional").module
    x, y = problem("convolutional").train[0]
    with pytest.raises(lr.ArgumentTypeError, match="loss: got one of lrswift"):
        call(module, lr.nn.functional.cross_entropy)
    with pytest.raises(lr.ArgumentTypeError, match="loss: got int"):
        call(module, 3)
    with pytest.raises(lr.ShapeError, match=r"loss: returned a tensor of shape \(8,\)"):
        call(module, nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(lr.ArgumentTypeError, match="loss: returned float"):
        call(module, lambda out, y: F.cross_entropy(out, y).item())
    with pytest.raises(lr.ArgumentTypeError, match="a loss of torch needs a target, and batches have one"):
        call(module, F.cross_entropy, train=(torch.from_numpy(x), torch.from_numpy(y)))
    with torch.no_grad(), pytest.raises(lr.DTypeError, match="loss: returned a tensor without a gradient"):
        call(module, lambda out, y: F.cross_entropy(out, y).detach())
    with torch.no_grad():
        call(module)
    with pytest.raises(lr.ArgumentTypeError, match="train_batches: got str"):
        call(module, train="data")
    with pytest.raises(lr.ArgumentTypeError, match="valid_batches: got generator"):
        call(module, valid=(b for b in ()))
    with pytest.raises(lr.ArgumentError, match="train_batches: no batch given"):
        call(module, train=[])
    with pytest.raises(lr.ShapeError, match=r"train_batches: step 0: arrays of \[8, 7\] rows"):
        call(module, train=[(x, y[:7])])
    with pytest.raises(lr.ArgumentError, match="train_batches: step 0: x: 1 values are not finite"):
        call(module, train=[(np.where(np.arange(x.size).reshape(x.shape) == 40, np.nan, x), y)])
    with pytest.raises(lr.ArgumentError, match=r"step 0: x: \d+ values are not finite"):
        call(module, train=[(torch.from_numpy(x) / 0, y)])
    with pytest.raises(lr.DTypeError, match="complex"):
        call(module, train=[(torch.from_numpy(x).to(torch.complex64), y)])
    with pytest.raises(lr.ShapeError, match="single number"):
        call(module, train=[(torch.tensor(1.0), y)])


def test_a_loss_that_is_not_finite_names_the_step() -> None:
    case = problem("convolutional")
    for mode in ("forward", "reverse"):
        with pytest.raises(lr.Diverged, match=r"training loss is (nan|inf) at step (\d+) of 20") as caught:
            case.run("sgd", learning_rates=[1e200], mode=mode)
        assert f"step {caught.value.step} " in str(caught.value)
    broken = [*case.train[:7], (np.full((8, 2, 4, 4), 1e308), case.train[7][1]), *case.train[8:]]
    squared = functools.partial(F.mse_loss)
    targets = [(x, np.zeros((len(x), 3))) for x, _ in broken]
    plain = nn.Sequential(nn.Flatten(), nn.Linear(32, 3))
    with pytest.raises(lr.Diverged, match="at step 7 of 20") as caught:
        lr.torch.hypergradient(plain, squared, targets, targets[:7], [1e-3])
    assert caught.value.step == 7
    with pytest.raises(lr.Diverged, match="validation loss is inf after step 7 of 7"):
        lr.torch.hypergradient(plain, squared, targets[:7], targets, [1e-3])
