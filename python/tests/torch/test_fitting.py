"""`lr.torch.fit`: the module's own weights after training by the engine, against training in torch."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_zoo import ZOO

import lrswift as lr

pytestmark = pytest.mark.filterwarnings("error::lrswift.loop.recorder.RecordingWarning")
ROWS, BATCH, EPOCHS, RATE = 20, 4, 3, 0.02


def network():
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 4, 4)
    ).double()


def data():
    generator = torch.Generator().manual_seed(8)
    x = torch.randn(ROWS, 1, 4, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(4, (ROWS,), generator=generator)


def momentum(parameters):
    return lr.optim.SGD(parameters, lr=RATE, momentum=0.9)


def by_torch(module, batches, loss, epochs=EPOCHS):
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=RATE, momentum=0.9)
    losses = []
    for _ in range(epochs):
        for *inputs, y in batches:
            optimizer.zero_grad()
            value = loss(module(*inputs), y)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    return losses


def in_batches(*arrays):
    return list(zip(*(a.split(BATCH) for a in arrays), strict=True))


def check(module, expected, near=1e-8):
    for name, value in expected.state_dict().items():
        assert (module.state_dict()[name] - value).abs().max() < near, name


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (nn.CrossEntropyLoss(), "labels"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "labels"),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2, 3, 4]).double(), ignore_index=2), "labels"),
        (nn.CrossEntropyLoss(reduction="sum"), "labels"),
        (nn.CrossEntropyLoss(), "shares"),
        (nn.NLLLoss(), "labels"),
        (nn.BCEWithLogitsLoss(pos_weight=torch.full((4,), 2.0).double()), "shares"),
        (nn.MSELoss(), "values"),
        (nn.L1Loss(), "values"),
        (nn.HuberLoss(delta=0.3), "values"),
        (nn.SmoothL1Loss(beta=0.3), "values"),
        (nn.KLDivLoss(reduction="batchmean"), "shares"),
        (F.mse_loss, "values"),
        (F.cross_entropy, "labels"),
    ],
)
def test_losses_of_torch(loss, target):
    x, labels = data()
    values = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    y = {"labels": labels, "values": values, "shares": values.softmax(1)}[target]
    module, twin = network(), network()
    expected = by_torch(twin, in_batches(x, y), loss)
    history = lr.torch.fit(
        module, (x, y), loss, momentum, epochs=EPOCHS, batch_size=BATCH, shuffle=False, progress=False
    )
    assert np.allclose(history.losses, expected, rtol=0, atol=1e-9)
    check(module, twin)
    assert module[1].num_batches_tracked == EPOCHS * ROWS // BATCH


def test_labels_that_are_left_out():
    x, y = data()
    y[[1, 5, 6]] = -100
    module, twin = network(), network()
    expected = by_torch(twin, in_batches(x, y), nn.CrossEntropyLoss())
    for given in ((x, y), in_batches(x, y)):
        module = network()
        history = lr.torch.fit(
            module, given, nn.CrossEntropyLoss(), momentum, epochs=EPOCHS, batch_size=BATCH, shuffle=False,
            progress=False,
        )  # fmt: skip
        assert np.allclose(history.losses, expected, rtol=0, atol=1e-9)
        check(module, twin)


def test_labels_of_every_pixel():
    torch.manual_seed(1)
    module = nn.Conv2d(1, 3, 3, padding=1).double()
    twin = copy.deepcopy(module)
    x, y = data()[0], torch.randint(3, (ROWS, 4, 4))
    by_torch(twin, in_batches(x, y), nn.CrossEntropyLoss())
    lr.torch.fit(
        module, (x, y), nn.CrossEntropyLoss(), momentum, epochs=EPOCHS, batch_size=BATCH, shuffle=False,
        progress=False,
    )  # fmt: skip
    check(module, twin)


@pytest.mark.parametrize("kind", ["arrays", "dataset", "loader", "list", "lrswift"])
def test_data(kind):
    x, y = data()
    given = {
        "arrays": (x.numpy(), y.numpy()),
        "dataset": TensorDataset(x, y),
        "loader": DataLoader(TensorDataset(x, y), batch_size=BATCH),
        "list": in_batches(x, y),
        "lrswift": lr.data.Dataset(x.numpy(), y.numpy()),
    }[kind]
    module, twin = network(), network()
    by_torch(twin, in_batches(x, y), F.cross_entropy)
    lr.torch.fit(
        module, given, nn.CrossEntropyLoss(), momentum, epochs=EPOCHS, batch_size=BATCH, shuffle=False,
        valid=given, progress=False,
    )  # fmt: skip
    check(module, twin)


def test_a_shuffled_loader_gives_the_batches_that_it_gives_in_torch():
    x, y = data()
    module, twin = network(), network()
    torch.manual_seed(3)
    by_torch(twin, DataLoader(TensorDataset(x, y), BATCH, shuffle=True), F.cross_entropy)
    torch.manual_seed(3)
    loader = DataLoader(TensorDataset(x, y), BATCH, shuffle=True)
    lr.torch.fit(module, loader, nn.CrossEntropyLoss(), momentum, epochs=EPOCHS, progress=False)
    check(module, twin)


def test_a_loss_of_lrswift_and_several_inputs():
    torch.manual_seed(2)
    member = ZOO["vae"]
    module = member.make().double()
    twin = copy.deepcopy(module)
    x, noise = member.inputs(ROWS)

    def ours(model, x, noise):
        decoded, kl = model(x, noise)
        return (decoded - x).square().mean() + kl.mean() * 0.1

    def theirs(made, x):
        return ((made[0] - x) ** 2).mean() + made[1].mean() * 0.1

    by_torch(twin, [(a, b, a) for a, b in in_batches(x, noise)], theirs)
    lr.torch.fit(
        module, (x, noise, np.zeros(ROWS)), lambda model, x, noise, _: ours(model, x, noise), momentum,
        epochs=EPOCHS, batch_size=BATCH, shuffle=False, progress=False,
    )  # fmt: skip
    check(module, twin)


def test_a_loss_of_torch_and_several_inputs():
    member = ZOO["pairs"]
    module = member.make().double()
    twin = copy.deepcopy(module)
    a, b = member.inputs(ROWS)
    y = torch.randn(ROWS, 3, dtype=torch.float64)
    by_torch(twin, in_batches(a, b, y), F.mse_loss)
    lr.torch.fit(
        module,
        (a, b, y),
        nn.MSELoss(),
        momentum,
        epochs=EPOCHS,
        batch_size=BATCH,
        shuffle=False,
        progress=False,
    )
    check(module, twin)


def test_modes_gradients_and_random_numbers_stay():
    module = network().train()
    module[1].eval()
    module[0].bias.requires_grad_(False)
    module[4].weight.grad = torch.ones_like(module[4].weight)
    frozen = copy.deepcopy(module[1].state_dict()), module[0].bias.detach().clone()
    modes, state = [m.training for m in module.modules()], torch.get_rng_state()
    twin = copy.deepcopy(module)
    x, y = data()
    lr.torch.fit(module, (x, y), nn.CrossEntropyLoss(), momentum, epochs=1, batch_size=BATCH, shuffle=False,
                 progress=False)  # fmt: skip
    assert [m.training for m in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert (module[4].weight.grad == 1).all()
    assert torch.equal(module[0].bias, frozen[1])
    assert torch.equal(module[1].running_mean, frozen[0]["running_mean"])
    by_torch(twin, in_batches(x, y), F.cross_entropy, 1)
    check(module, twin)


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
def test_after_an_interruption_the_module_has_the_last_whole_step(error):
    x, y = data()

    class Batches:
        def __init__(self):
            self.epochs = 0

        def __iter__(self):
            self.epochs += 1
            for i, batch in enumerate(in_batches(x, y)):
                if self.epochs > 1 and i == 2:
                    raise error
                yield batch

    module, twin = network(), network()
    with pytest.raises(error) as caught:
        lr.torch.fit(module, Batches(), nn.CrossEntropyLoss(), momentum, epochs=EPOCHS, progress=False)
    steps = in_batches(x, y) + in_batches(x, y)[:2]
    by_torch(twin, steps, F.cross_entropy, 1)
    assert len(caught.value.history.losses) == len(steps)
    check(module, twin)


@pytest.mark.parametrize("optimizer", ["auto", "momentum", "l4adam", "l4+adam", "alrs", lr.optim.Adam])
def test_optimizers(optimizer):
    x, y = data()
    module = network().float()
    history = lr.torch.fit(
        module,
        (x, y),
        nn.CrossEntropyLoss(),
        optimizer,
        valid=(x, y),
        epochs=20,
        batch_size=BATCH,
        progress=False,
    )
    assert history.rows[-1]["valid_loss"] < math.log(4)
    with torch.no_grad():
        mine = F.cross_entropy(module.eval()(x.float()), y).item()
    assert mine == pytest.approx(history.rows[-1]["valid_loss"], rel=1e-5)


def test_checkpoint_and_resume(tmp_path):
    x, y = data()
    whole, parts = network(), network()
    options = {"batch_size": BATCH, "progress": False}
    lr.torch.fit(whole, (x, y), nn.CrossEntropyLoss(), momentum, epochs=4, **options)
    for epochs in (2, 4):
        lr.torch.fit(
            parts, (x, y), nn.CrossEntropyLoss(), momentum, epochs=epochs, checkpoint=tmp_path / "run",
            resume=True, **options,
        )  # fmt: skip
    for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"optimizer": torch.optim.SGD}, lr.ArgumentTypeError, "lrswift.torch.Adapted"),
        (
            {"optimizer": lr.optim.SGD([lr.tensor(1.0, requires_grad=True)], lr=1)},
            lr.ArgumentTypeError,
            "callable",
        ),
        ({"optimizer": "nonsense"}, lr.ArgumentError, "fit: optimizer: got nonsense; allowed: auto, sgd"),
        (
            {"optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters())},
            lr.ArgumentTypeError,
            "optimizer: got SGD of torch",
        ),
        ({"module": "net"}, lr.ArgumentTypeError, "fit: module: got str; allowed: a torch.nn.Module"),
        ({"loss": "cross_entropy"}, lr.ArgumentTypeError, "loss: got str; allowed: a function"),
        (
            {"train": (data()[0], data()[1].double())},
            lr.ArgumentError,
            "fit: loss: its forward fails with the example, in torch as well: RuntimeError",
        ),
        ({"train": (data()[0][:, :, 1:], data()[1])}, lr.ArgumentError, "module: its forward fails with"),
        ({"train": 3}, lr.ArgumentTypeError, "TensorDataset"),
        ({"train": []}, lr.ArgumentError, "no batch"),
        ({"train": torch.randn(4, 1, 4, 4)}, lr.ArgumentTypeError, "needs a target"),
        ({"train": torch.utils.data.Dataset()}, lr.ArgumentTypeError, "a DataLoader of it"),
        ({"loss": nn.CTCLoss()}, lr.ArgumentError, "fit: loss: its forward fails with the example"),
        ({"loss": nn.MultiMarginLoss()}, lr.ArgumentError, "aten.multi_margin_loss.default"),
        ({"module": nn.Linear(4, 4, device="meta")}, lr.ArgumentError, "weight on meta"),
        ({"module": nn.Flatten()}, lr.ArgumentError, "no parameter to learn"),
        ({"epochs": -1}, lr.ArgumentError, "epochs"),
    ],
)
def test_bad_input(change, error, text):
    module = network()
    before = copy.deepcopy(module.state_dict())
    given = {"module": module, "train": data(), "loss": nn.CrossEntropyLoss(), "optimizer": momentum} | change
    with pytest.raises(error) as caught:
        lr.torch.fit(**given, progress=False)
    assert text in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_outputs_that_no_loss_of_torch_takes():
    member = ZOO["vae"]
    with pytest.raises(lr.ArgumentTypeError, match="returns a tuple"):
        lr.torch.fit(member.make(), (*member.inputs(ROWS), torch.zeros(ROWS)), nn.MSELoss(), progress=False)
