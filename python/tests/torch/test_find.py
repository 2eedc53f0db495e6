"""`lrswift.torch.find_lr`: the rate of the native search, and nothing touched."""

from __future__ import annotations

import functools
import random
import warnings

import numpy as np
import pytest
import torch

import lrswift as lr


def problem() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1)]
    x = torch.randn(2000, 8)
    return torch.nn.Sequential(*layers), x, x @ torch.randn(8, 1)


def test_everything_is_left_as_it_was() -> None:
    model, x, y = problem()
    model.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = lr.torch.find_lr(model, torch.nn.functional.mse_loss, (x, y), max_epochs=2)
    assert found.receipt["untouched"] and found.receipt["before"] == found.receipt["after"]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and not model.training
    assert all(p.grad is None for p in model.parameters())
    assert found.lr == pytest.approx(0.1 * found.value) and len(found.values) == found.steps


@pytest.mark.parametrize("start", [1.0, 0.01])
def test_searches_as_the_native_finder_does(start: float) -> None:
    """All rows alike, so that the order of batches, which is each library's own, does not matter."""
    curvature = 4.0
    model = torch.nn.Linear(1, 1, bias=False).double()
    twin = lr.nn.Linear(1, 1, bias=False).to("float64")
    with torch.no_grad():
        model.weight.fill_(1.0)
    twin.load_state_dict({name: np.ones(p.shape) for name, p in twin.named_parameters()})
    x, y = np.ones((200, 1)), np.zeros((200, 1))
    settings = {"batch_size": 1, "start": start, "fraction": 1.0, "rule": "signs"}
    found = lr.torch.find_lr(
        model,
        lambda p, y: 0.5 * curvature * torch.mean((p - y) ** 2),
        (torch.tensor(x), torch.tensor(y)),
        optimizer=torch.optim.SGD,
        **settings,
    )
    native = lr.find_lr(
        twin,
        lambda p, y: 0.5 * curvature * lr.mean((p - y) * (p - y)),
        (x, y),
        optimizer=lr.optim.SGD,
        progress=False,
        **settings,
    )
    assert found.done and found.signals == native.signals
    np.testing.assert_allclose(found.values, native.values, rtol=1e-12)
    np.testing.assert_allclose(found.gradients, native.gradients, rtol=1e-9)
    assert found.value == pytest.approx(1 / curvature, rel=0.25)


READINGS = {
    "last": {},
    "window": {"window": 5},
    "threshold": {"window": 5, "threshold": 0.55},
    "first": {"window": 4, "count_first_zero": True},
    "accumulated": {"window": 3, "reading": "accumulated"},
    "printed": {"window": 3, "reading": "printed", "restart": float("inf"), "count_first_zero": True},
    "restart": {"window": 2, "restart": 1.1},
    "search": {"window": 2, "search": lr.adapt.BracketSearch},
}


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_readings_of_the_printed_loop_are_the_native_ones(name: str) -> None:
    """Momentum, so that what the optimizer remembers counts; all rows alike, so that their order does not."""
    model, twin = torch.nn.Linear(2, 1, bias=False).double(), lr.nn.Linear(2, 1, bias=False).to("float64")
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -2.0]]))
    twin.load_state_dict({"weight": np.array([[1.0, -2.0]])})
    # so few that the printed loop's sum of all steps is not yet at the minimum, where rounding gives signs
    x, y = np.tile([1.0, 0.3], (80, 1)), np.zeros((80, 1))

    def options() -> dict:
        given = {"batch_size": 1, "fraction": 1.0, "rule": "signs", "max_epochs": 1, **READINGS[name]}
        return {**given, "search": given["search"]()} if "search" in given else given

    found = lr.torch.find_lr(
        model, lambda p, y: 0.5 * torch.mean((p - y) ** 2), (torch.tensor(x), torch.tensor(y)),
        optimizer=functools.partial(torch.optim.SGD, momentum=0.5), **options(),
    )  # fmt: skip
    native = lr.find_lr(
        twin, lambda p, y: 0.5 * lr.mean((p - y) * (p - y)), (x, y),
        optimizer=functools.partial(lr.optim.SGD, momentum=0.5),
        progress=False, **options(),
    )  # fmt: skip
    assert len(native.signals) > 3 and found.signals == native.signals
    np.testing.assert_allclose(found.values, native.values, rtol=1e-9)
    np.testing.assert_allclose(found.gradients, native.gradients, rtol=1e-7, atol=1e-12)
    assert found.receipt["untouched"]


def test_options_of_signs_are_checked() -> None:
    model, x, y = problem()
    given = (model, torch.nn.functional.mse_loss, (x, y))
    for name, value in {"reading": "A", "window": 0, "threshold": 1.5, "restart": 1.0}.items():
        with pytest.raises(lr.ArgumentError, match=f"{name}: got "):
            lr.torch.find_lr(*given, rule="signs", **{name: value})
    with pytest.raises(lr.ArgumentError, match="signs: got .*window=3.* with rule='trials'"):
        lr.torch.find_lr(*given, window=3)


class Average(torch.nn.Module):
    """Keeps an average of its input in a buffer that it assigns anew; draws from a generator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(8))
        self.linear = torch.nn.Linear(8, 1)
        self.generator = torch.Generator().manual_seed(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.average = 0.9 * self.average + 0.1 * x.detach().mean(0)
        return self.linear(x - self.average) + 0.01 * torch.rand(1, generator=self.generator)


def quietly(*given: object, **options: object) -> lr.FoundRate:
    """find_lr, where it is not the question whether the search settles."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "find_lr: (not settled|every signal)")
        return lr.torch.find_lr(*given, **options)


def test_buffers_that_are_assigned_are_back() -> None:
    torch.manual_seed(0)
    model, x = Average(), torch.randn(640, 8) + 1
    buffer, expected = model.average, model.generator.get_state()
    found = quietly(model, torch.nn.functional.mse_loss, (x, x.sum(1, keepdim=True)), max_epochs=2)
    assert found.receipt["untouched"]
    assert model.average is buffer and torch.equal(buffer, torch.zeros(8))
    assert torch.equal(model.generator.get_state(), expected)


class Shuffled(torch.utils.data.Sampler):
    """A sampler that shuffles a list in place by Python's, NumPy's and torch's generators, and counts."""

    def __init__(self, count: int) -> None:
        self.order, self.epoch, self.seen = list(range(count)), 0, np.zeros(2)
        self.python, self.numpy = random.Random(3), np.random.default_rng(4)
        self.old, self.generator = np.random.RandomState(5), torch.Generator().manual_seed(6)

    def __iter__(self):
        self.epoch += 1
        self.seen += 1
        self.python.shuffle(self.order)
        self.numpy.random(), self.old.rand(), torch.rand(1, generator=self.generator)
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


class Noisy(torch.utils.data.Dataset):
    """Draws noise from the global generators, and from one of its own."""

    def __init__(self) -> None:
        self.x = torch.randn(96, 8, generator=torch.Generator().manual_seed(0))
        self.rng = np.random.default_rng(1)
        self.reads = 0

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        self.reads += 1
        noise = self.rng.random() + np.random.rand() + random.random() + torch.rand(1).item()
        return self.x[i] + 0.01 * noise, self.x[i].sum(0, keepdim=True)


def loaders() -> dict[str, object]:
    data, Loader = Noisy(), torch.utils.data.DataLoader
    own = torch.Generator().manual_seed(2)
    sampler = torch.utils.data.RandomSampler(data, generator=torch.Generator().manual_seed(3))
    weighted = torch.utils.data.WeightedRandomSampler([1.0] * 96, 96, generator=torch.Generator())
    batches = torch.utils.data.BatchSampler(Shuffled(96), 8, drop_last=False)

    class Own:
        """Batches of one's own making."""

        def __init__(self) -> None:
            self.rng, self.data, self.position = np.random.default_rng(0), data, [0]

        def __iter__(self):
            for _ in range(12):
                self.position[0] += 1
                rows = [self.data[i] for i in self.rng.integers(0, 96, 8)]
                yield torch.stack([x for x, _ in rows]), torch.stack([y for _, y in rows])

    return {
        "generator": Loader(data, 8, shuffle=True, generator=own),
        "sampler": Loader(data, 8, sampler=sampler),
        "weighted": Loader(data, 8, sampler=weighted),
        "batch sampler": Loader(data, batch_sampler=batches),
        "subset": Loader(torch.utils.data.Subset(data, range(48)), 8, sampler=Shuffled(48)),
        "global": Loader(data, 8, shuffle=True),
        "own": Own(),
    }


@pytest.mark.parametrize("kind", loaders())
def test_the_loader_goes_on_as_if_nothing_had_been(kind: str) -> None:
    """The batches after a search are those without one, noise and order to the bit."""
    batches = []
    for searches in (False, True):
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        loader = loaders()[kind]
        model = torch.nn.Linear(8, 1)
        next(iter(loader))
        if searches:
            found = quietly(model, torch.nn.functional.mse_loss, loader, max_epochs=2)
            assert found.receipt["untouched"]
            covered = found.receipt["not_covered"]
            assert covered == ["data: what a Own keeps elsewhere than in its attributes"] * (kind == "own")
        batches.append([torch.cat(list(batch), 1) for _ in range(2) for batch in loader])
    assert all(map(torch.equal, *batches))


def test_what_is_not_covered_is_said() -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(torch.ones(8), torch.ones(1))] * 64)

    loss = torch.nn.functional.mse_loss
    loader = torch.utils.data.DataLoader(Stream(), 8)
    assert quietly(torch.nn.Linear(8, 1), loss, loader).receipt["not_covered"] == [
        "data: what a Stream reads from"
    ]
    workers = torch.utils.data.DataLoader(Noisy(), 48, num_workers=1)
    found = quietly(torch.nn.Linear(8, 1), loss, workers, max_epochs=1)
    assert "worker processes" in found.receipt["not_covered"][0]


def test_what_is_left_changed_is_told() -> None:
    """A model that grows while it runs: nothing can put that back, and the receipt and a warning say so."""

    class Grows(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not hasattr(self, "more"):
                self.more = torch.nn.Parameter(torch.ones(1))
            return super().forward(x) * self.more.detach()

    x = torch.randn(640, 8)
    with pytest.warns(UserWarning, match="not as it was before the search: parameters, gradients"):
        found = quietly(Grows(8, 1), torch.nn.functional.mse_loss, (x, x[:, :1]), max_epochs=1)
    assert found.receipt["untouched"] is False


@pytest.mark.parametrize("start", [1.0, 1e-6])
def test_it_says_what_the_native_finder_says(start: float) -> None:
    """Not settled; and, from a start that is too large, nothing but shrinking."""
    torch.manual_seed(0)
    x = torch.randn(90, 5)
    model, loss = torch.nn.Linear(5, 2), torch.nn.functional.cross_entropy
    with pytest.warns(UserWarning, match="find_lr: not settled after 1 epochs; raise max_epochs") as told:
        found = lr.torch.find_lr(
            *(model, loss, (x, (x.sum(1) > 0).long())),
            **{"batch_size": 32, "max_epochs": 1, "start": start, "rule": "signs"},
        )
    shrunk = any("every signal said decrease" in str(warning.message) for warning in told)
    assert shrunk == (max(found.signals) < 0) == (start == 1.0)


def test_batches_of_every_form_are_the_same_search() -> None:
    """Pairs, three parts, dicts, a tensor and an object of one's own: the same batches, the same rates."""
    torch.manual_seed(0)
    x = torch.randn(320, 8)
    y, weight = x @ torch.randn(8, 1), torch.rand(320, 1)
    model = torch.nn.Linear(8, 1)

    def weighted(p: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.mean(w * (p - y) ** 2)

    class Batch:
        def __init__(self, part: slice) -> None:
            self.x, self.y, self.w = x[part], y[part], weight[part]

    parts = [slice(k, k + 32) for k in range(0, 320, 32)]
    whole = torch.cat([x, y, weight], 1)
    forms = {
        "pairs": (
            [(x[k], torch.cat([y[k], weight[k]], 1)) for k in parts],
            lambda p, t: weighted(p, t[:, :1], t[:, 1:]),
        ),
        "three": (
            [(x[k], y[k], weight[k]) for k in parts],
            lambda m, x, y, w: weighted(m(x), y, w),
        ),
        "lists": (
            [[x[k], y[k], weight[k]] for k in parts],
            lambda m, x, y, w: weighted(m(x), y, w),
        ),
        "dicts": (
            [{"x": x[k], "y": y[k], "w": weight[k]} for k in parts],
            lambda m, b: weighted(m(b["x"]), b["y"], b["w"]),
        ),
        "tensor": ([whole[k] for k in parts], lambda m, b: weighted(m(b[:, :8]), b[:, 8:9], b[:, 9:])),
        "alone": ([[whole[k]] for k in parts], lambda m, b: weighted(m(b[:, :8]), b[:, 8:9], b[:, 9:])),
        "object": ([Batch(k) for k in parts], lambda m, b: weighted(m(b.x), b.y, b.w)),
    }
    found = {name: quietly(model, loss, data, max_epochs=2) for name, (data, loss) in forms.items()}
    assert len({tuple(f.values) for f in found.values()}) == 1
    cut = {
        "three": quietly(model, forms["three"][1], (x, y, weight), batch_size=32),
        "dict": quietly(model, forms["dicts"][1], {"x": x, "y": y, "w": weight}, batch_size=32),
    }
    assert list(cut["three"].values) == list(cut["dict"].values)


def test_batches_that_do_not_fit_the_loss_are_named() -> None:
    model, loss, x = torch.nn.Linear(8, 1), torch.nn.functional.mse_loss, torch.randn(64, 8)
    with pytest.raises(lr.ArgumentError, match="a batch is a dict of 'image', 'label', so the loss"):
        lr.torch.find_lr(model, loss, [{"image": x, "label": x[:, :1]}])
    with pytest.raises(lr.ArgumentError, match="takes 2 arguments for batches of 3 arrays"):
        lr.torch.find_lr(model, loss, [(x, x[:, :1], x)])
    with pytest.raises(lr.ShapeError, match=r"tensors of \[64, 63\] rows"):
        lr.torch.find_lr(model, loss, (x, x[1:]))
    with pytest.raises(lr.ArgumentError, match="gave no batch"):
        lr.torch.find_lr(model, loss, [])
    with pytest.raises(lr.DTypeError, match="a Tensor without a gradient"):
        lr.torch.find_lr(model, lambda p, y: torch.ones(()), [(x, x)])
    with pytest.raises(lr.DTypeError, match="loss: returned float"):
        lr.torch.find_lr(model, lambda p, y: 1.0, [(x, x)])
    with pytest.raises(lr.ShapeError, match=r"loss: returned a Tensor of shape \(64, 1\)"):
        lr.torch.find_lr(model, lambda p, y: p, [(x, x)])
    with pytest.raises(lr.ArgumentError, match="without a shape"):
        lr.torch.find_lr(torch.nn.LazyLinear(1), loss, [(x, x)])


def test_bad_input() -> None:
    model, x, y = problem()
    loss = torch.nn.functional.mse_loss
    with pytest.raises(lr.ArgumentError, match="iterator"):
        lr.torch.find_lr(model, loss, iter([(x, y)]))
    with pytest.raises(lr.DTypeError, match="data"):
        lr.torch.find_lr(model, loss, 3)
    with pytest.raises(lr.DTypeError, match="LBFGS"):
        lr.torch.find_lr(model, loss, (x, y), optimizer=torch.optim.LBFGS)
    with pytest.raises(lr.ArgumentError, match="model"):
        lr.torch.find_lr(torch.nn.Tanh(), loss, (x, y))
    with pytest.raises(lr.ArgumentTypeError, match=r"model: got Linear; .*lrswift\.find_lr"):
        lr.torch.find_lr(lr.nn.Linear(8, 1), loss, (x, y))
    with pytest.raises(lr.ArgumentTypeError, match="loss: got one of lrswift"):
        lr.torch.find_lr(model, lr.nn.functional.cross_entropy, (x, y))
    with pytest.raises(lr.ArgumentTypeError, match="loss: got str; allowed"):
        lr.torch.find_lr(model, "mse", (x, y))
    for optimizer in ("adam", torch.optim.Adam(model.parameters())):
        with pytest.raises(lr.ArgumentTypeError, match=r"optimizer: got (str|Adam); allowed: a callable"):
            lr.torch.find_lr(model, loss, (x, y), optimizer=optimizer)
    with pytest.raises(lr.DTypeError, match=r"data: got arrays of NumPy; allowed: tensors"):
        lr.torch.find_lr(model, loss, (x.numpy(), y.numpy()))


def test_a_search_of_the_users_own() -> None:
    """On a quadratic the derivative turns at the inverse curvature, which the bracket closes in on."""
    curvature = 4.0
    model = torch.nn.Linear(1, 1, bias=False).double()
    search = lr.adapt.BracketSearch(start=8.0, tolerance=0.02)
    found = lr.torch.find_lr(
        model,
        lambda p, y: 0.5 * curvature * torch.mean((p - y) ** 2),
        (torch.ones(200, 1).double(), torch.zeros(200, 1).double()),
        optimizer=torch.optim.SGD,
        batch_size=1,
        search=search,
        fraction=1.0,
    )
    assert found.done and found.value == search.value == pytest.approx(1 / curvature, rel=0.03)
    assert set(found.signals) == {1, -1} and found.receipt["untouched"]
