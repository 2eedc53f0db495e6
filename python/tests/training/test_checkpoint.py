"""`fit`'s checkpoints: which run they are of, all or nothing, loaders, and files that someone has altered."""

from __future__ import annotations

import copy
import json
import os
import random as python_random
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import lrswift as lr
from lrswift import store
from lrswift.loop.digests import digest
from lrswift.loop.loaders import decoded, encoded

F = lr.nn.functional
rng = np.random.default_rng(0)
X = rng.standard_normal((48, 5)).astype(np.float32)
Y = rng.integers(0, 3, 48)


def network(seed: int = 0) -> lr.nn.Sequential:
    lr.seed(seed)
    return lr.nn.Sequential(
        lr.nn.Linear(5, 6), lr.nn.BatchNorm1d(6), lr.nn.ReLU(), lr.nn.Dropout(0.2), lr.nn.Linear(6, 3)
    )


def adam(model, rate=0.01, **options):
    return lr.optim.Adam(model.named_parameters(), lr=rate, **options)


def run(checkpoint, epochs=2, data=None, make=adam, **options):
    model = network()
    optimizer = make(model)
    given = (X, Y) if data is None else data() if callable(data) else data
    options = {"batch_size": 16, "resume": True, "progress": False, **options}
    history = lr.fit(model, optimizer, given, epochs=epochs, checkpoint=checkpoint, **options)
    return model, optimizer, history


def bits(model, optimizer, history=None):
    found = {f"model.{name}": value.tobytes() for name, value in model.state_dict().items()}
    found |= {f"optimizer.{name}": value.tobytes() for name, value in optimizer.state_dict().items()}
    if history is not None:
        found |= {"losses": history.losses.tobytes(), "rates": history.rates.tobytes()}
    return found


class Loader:
    """A user's: batches in an order of its own generator, whose state it can tell."""

    def __init__(self, kind="numpy"):
        self.generator = np.random.default_rng(5)
        self.kind = kind

    def __iter__(self):
        for rows in self.generator.permutation(48).reshape(3, 16):
            yield X[rows], Y[rows]

    def state_dict(self):
        state = {"generator": self.generator.bit_generator.state, "kind": self.kind, 3: (1, [None, b"x\0"])}
        state["array"] = np.array([[1.5, np.nan]])
        return state

    def load_state_dict(self, state):
        assert state[3] == (1, [None, b"x\0"]) and state["array"].shape == (1, 2)
        self.generator.bit_generator.state = state["generator"]


class Counting:
    """A user's without `state_dict`: an epoch that it counts, as the receipts of searches know it."""

    def __init__(self):
        self.epoch = 0

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(48).reshape(3, 16)
        self.epoch += 1
        yield from ((X[rows], Y[rows]) for rows in order)


class Global:
    """A user's that draws from NumPy's and Python's global generators."""

    def __iter__(self):
        for _ in range(3):
            rows = np.random.permutation(48)[:16]
            yield X[rows] * python_random.random(), Y[rows]


LOADERS = {
    "arrays": lambda: (X, Y),
    "dataset": lambda: lr.data.Dataset(X, Y),
    "list": lambda: [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 48, 16)],
    "batches": lambda: lr.data.Batches(X, Y, batch_size=16, seed=3),
    "state_dict": Loader,
    "epoch": Counting,
}


@pytest.mark.parametrize("data", LOADERS.values(), ids=LOADERS)
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path, data):
    whole = bits(*run(None, 4, data))
    run(tmp_path / "c", 1, data)
    run(tmp_path / "c", 3, data)
    assert bits(*run(tmp_path / "c", 4, data)) == whole
    # the loader of an interrupted run, used again
    loader = data()
    run(tmp_path / "d", 3, loader)
    assert bits(*run(tmp_path / "d", 4, loader)) == whole


def test_validation_loaders_go_on_too(tmp_path):
    def go(path, epochs):
        valid = lr.data.Batches(X, Y, batch_size=7, seed=1)
        history = run(path, epochs, valid=valid)[2]
        return [row["valid_loss"] for row in history.rows], valid.state_dict()

    whole = go(None, 3)
    go(tmp_path / "c", 2)
    assert go(tmp_path / "c", 3) == whole and whole[1]["epoch"] == 3


@pytest.mark.filterwarnings("ignore:resume. train. the checkpoint holds no state")
def test_the_global_generators_go_on_too(tmp_path):
    def go(path, epochs, seed=1):
        np.random.seed(seed)
        python_random.seed(seed)
        return bits(*run(path, epochs, Global))

    whole = go(None, 3)
    go(tmp_path / "c", 2)
    assert go(tmp_path / "c", 3) == whole
    assert go(tmp_path / "c", 3, seed=2) == whole


def test_a_loader_of_torch_goes_on_too(tmp_path):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))

    def go(path, epochs):
        torch.manual_seed(0)
        return bits(*run(path, epochs, torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)))

    whole = go(None, 3)
    go(tmp_path / "c", 2)
    with pytest.warns(UserWarning, match="no state of a DataLoader"):
        assert go(tmp_path / "c", 3) == whole


def test_a_loader_without_a_state_is_told(tmp_path):
    class Silent:
        def __iter__(self):
            yield X[:16], Y[:16]

    run(tmp_path / "c", 1, Silent)
    with pytest.warns(UserWarning, match="resume: train: the checkpoint holds no state of a Silent"):
        run(tmp_path / "c", 2, Silent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path / "d", 1, LOADERS["list"])
        run(tmp_path / "d", 2, LOADERS["list"])


# what differs -> (what the message says, the arguments of the second run)
OTHERS = {
    "seed": ("seed=0, got 9", {"seed": 9}),
    "batch_size": ("batch_size=16, got 7", {"batch_size": 7}),
    "shuffle": ("shuffle=True, got False", {"shuffle": False}),
    "rate": ("lr=0.01, got 0.02", {"make": lambda m: adam(m, 0.02)}),
    "option": (r"betas=\[0.9, 0.999\], got \[0.8, 0.999\]", {"make": lambda m: adam(m, betas=(0.8, 0.999))}),
    "direction": ("direction='adam', got 'sgd'", {"make": lambda m: lr.optim.SGD(m.parameters(), lr=0.01)}),
    "adapter": ("lr=0.01, got l4", {"make": lambda m: adam(m, lr.adapt.L4())}),
    "schedule": ("lr=0.01, got Cosine", {"make": lambda m: adam(m, lr.schedule.Cosine(0.01, steps=9))}),
    "clipping": ("clip_norm=inf, got 1.0", {"make": lambda m: adam(m, clip_norm=1.0)}),
    "groups": (
        "group 1: lr=None, got|group 1=None, got",
        {"make": lambda m: lr.optim.Adam([{"params": [p]} for p in m.parameters()], lr=0.01)},
    ),
    "loss": ("loss='cross_entropy', got 'other'", {"loss": None}),
    "values": ("train: values='[0-9a-f]{64}', got", {"data": (X + 1, Y)}),
    "labels": ("train: values='[0-9a-f]{64}', got", {"data": (X, (Y + 1) % 3)}),
    "rows": ("train: rows=48, got 47", {"data": (X[:-1], Y[:-1])}),
    "form": ("train: kind='arrays', got 'batches'", {"data": LOADERS["list"]}),
}


def other(model, x, y):
    return F.cross_entropy(model(x), y) * 2.0


@pytest.mark.parametrize("name", OTHERS)
def test_another_run_is_refused_with_what_differs_and_nothing_changes(tmp_path, name):
    told, options = OTHERS[name]
    if name == "loss":
        options = {"loss": other}
    run(tmp_path / "c", 1)
    before = (tmp_path / "c").read_bytes()
    model = network(3)
    optimizer = options.get("make", adam)(model)
    options = {"batch_size": 16, **{k: v for k, v in options.items() if k not in ("make", "data")}}
    data = OTHERS[name][1].get("data", (X, Y))
    data = data() if callable(data) else data
    state, kept = lr.random.get_state(), bits(model, optimizer)
    with pytest.raises(
        lr.ArgumentError, match=f"resume: .*c was made with .*({told}).*; allowed: the same run"
    ):
        lr.fit(
            model,
            optimizer,
            data,
            epochs=2,
            checkpoint=tmp_path / "c",
            resume=True,
            progress=False,
            **options,
        )
    assert bits(model, optimizer) == kept and lr.random.get_state() == state
    assert (tmp_path / "c").read_bytes() == before


def test_arguments_of_rates_schedules_and_groups_are_told_by_name(tmp_path):
    def schedule(steps):
        return lambda m: adam(m, lr.schedule.WarmUp(steps) * lr.adapt.L4())

    def groups(rate):
        return lambda m: lr.optim.SGD(
            [{"params": [p], "lr": rate if p.name == "0.bias" else 0.1} for _, p in m.named_parameters()], 0.1
        )

    for i, (first, second, told) in enumerate(
        [
            (
                lambda m: adam(m, lr.adapt.L4(alpha=0.2)),
                lambda m: adam(m, lr.adapt.L4(alpha=0.1)),
                "lr: alpha=0.2, got 0.1",
            ),
            (schedule(3), schedule(4), "lr: .*=.*3.*, got .*4"),
            (groups(0.1), groups(0.2), "group 1: lr=0.1, got 0.2"),
        ]
    ):
        run(tmp_path / str(i), 1, make=first)
        run(tmp_path / str(i), 2, make=first)
        with pytest.raises(lr.ArgumentError, match=told):
            run(tmp_path / str(i), 3, make=second)


def test_what_may_differ_does(tmp_path, capsys):
    threads = lr.get_threads()
    run(tmp_path / "c", 1)
    lr.set_threads(2)
    try:
        _, _, history = run(
            tmp_path / "c", 3, valid=(X, Y), metrics=[], callbacks=[lambda h: None], log=tmp_path / "log",
            progress=True,
        )  # fmt: skip
    finally:
        lr.set_threads(threads)
    assert len(history.rows) == 3
    whole = run(None, 3)[2]
    np.testing.assert_array_equal(history.losses, whole.losses)


def test_data_of_a_rate_belong_to_the_run_and_its_loader_stays(tmp_path):
    def marthe(model):
        return lr.optim.SGD(model.named_parameters(), lr=lr.adapt.MARTHE(0.01, 1e-4))

    valid = lr.data.Batches(X, Y, batch_size=16)
    run(tmp_path / "c", 1, make=marthe, valid=valid)
    run(tmp_path / "c", 2, make=marthe, valid=lr.data.Batches(X, Y, batch_size=16))
    another = lr.data.Batches(X[::-1], Y, batch_size=16)
    with pytest.raises(lr.ArgumentError, match="valid: values"):
        run(tmp_path / "c", 3, make=marthe, valid=another)
    assert another.state_dict() == {"seed": 0, "epoch": 0, "position": 0}


# ---- all or nothing ------------------------------------------------------------------------------------
def altered(path, change):
    """Rewrites a checkpoint, with a right checksum."""
    arrays, metadata = store.read(path)
    facts = json.loads(metadata["lrswift"])
    text = change(arrays, facts)
    store.write(path, arrays, {"lrswift": json.dumps(facts) if text is None else text})


def refused(path, data=LOADERS["batches"]):
    """The error of a run that goes on from there; nothing may have changed."""
    model, loader = network(3), data()
    optimizer = adam(model)
    np.random.seed(4)
    python_random.seed(4)
    before = bits(model, optimizer), copy.deepcopy(loader.state_dict()), lr.random.get_state()
    others = np.random.get_state()[1].tobytes(), python_random.getstate()
    with pytest.raises(lr.Error) as caught:
        lr.fit(model, optimizer, loader, epochs=9, checkpoint=path, resume=True, progress=False)
    assert (bits(model, optimizer), loader.state_dict(), lr.random.get_state()) == before
    assert (np.random.get_state()[1].tobytes(), python_random.getstate()) == others
    return caught.value


CHANGES = {
    "no json": lambda a, f: "{",
    "null": lambda a, f: "null",
    "deep": lambda a, f: "[" * 50_000,
    "deep loaders": lambda a, f: f["loaders"].update(train=json.loads('{"list":[' * 400 + "0" + "]}" * 400)),
    "no rows": lambda a, f: f.pop("rows") and None,
    "no identity": lambda a, f: f.pop("identity") and None,
    "another format": lambda a, f: f.update(format=3),
    "epoch below 0": lambda a, f: f.update(epoch=-5),
    "epoch too high": lambda a, f: f.update(epoch=10**9),
    "rows of numbers": lambda a, f: f.update(rows=[1, 2]),
    "rows of texts": lambda a, f: f["rows"][0].update(lr="x"),
    "rows out of order": lambda a, f: f["rows"].reverse(),
    "rows without accuracy": lambda a, f: f["rows"][1].pop("accuracy"),
    "random text": lambda a, f: f.update(random=["x", 1]),
    "random too large": lambda a, f: f.update(random=[2**64, 1]),
    "random of one": lambda a, f: f.update(random=[1]),
    "python's random": lambda a, f: f["others"]["dict"][0].__setitem__(1, 5),
    "numpy's random": lambda a, f: f["others"]["dict"][1].__setitem__(1, {"tuple": ["MT19937"]}),
    "loaders list": lambda a, f: f.update(loaders=[]),
    "loader another": lambda a, f: f["loaders"].update(
        train={"dict": [["seed", -1], ["epoch", 0], ["position", 0]]}
    ),
    "loader kind": lambda a, f: f["loaders"].update(train={"what": 3}),
    "loader array": lambda a, f: f["loaders"].update(train={"array": [99, "<f8", [1]]}),
    "no losses": lambda a, f: a.pop("history.losses") is None or None,
    "losses of one less": lambda a, f: a.update({"history.losses": a["history.losses"][1:]}),
    "rates of rank 1": lambda a, f: a.update({"history.rates": a["history.rates"].ravel()}),
    "a weight less": lambda a, f: a.pop("model.0.weight") is None or None,
    "a weight more": lambda a, f: a.update({"model.none": np.zeros(1)}),
    "a weight of another shape": lambda a, f: a.update({"model.4.weight": np.zeros((3, 7))}),
    "no step": lambda a, f: a.pop("optimizer.step") is None or None,
    "step below 0": lambda a, f: a.update({"optimizer.step": np.array(-1.0)}),
    "step nan": lambda a, f: a.update({"optimizer.step": np.array(np.nan)}),
    "a moment of another shape": lambda a, f: a.update({"optimizer.4.bias.average": np.zeros(2, np.float32)}),
    "a state more": lambda a, f: a.update({"optimizer.x": np.zeros(2)}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_altered_checkpoint_is_refused_and_nothing_changes(tmp_path, name):
    run(tmp_path / "c", 2, LOADERS["batches"])
    names = store.read(tmp_path / "c")[0]
    assert "optimizer.4.bias.average" in names or name != "a moment of another shape", [*names]
    altered(tmp_path / "c", CHANGES[name])
    assert "resume: " in str(refused(tmp_path / "c"))


def test_damage_is_refused_and_nothing_changes(tmp_path):
    run(tmp_path / "c", 2, LOADERS["batches"])
    whole = (tmp_path / "c").read_bytes()
    draw = python_random.Random(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        (tmp_path / "c").write_bytes(damaged)
        error = refused(tmp_path / "c")
        assert isinstance(error, lr.FormatError) and str(tmp_path / "c") in str(error)


def test_a_loader_that_refuses_leaves_everything(tmp_path):
    class Picky(Loader):
        def load_state_dict(self, state):
            super().load_state_dict(state)
            if state["kind"] == "wrong":
                raise KeyError("kind")

    run(tmp_path / "c", 2, lambda: Picky("wrong"))
    model, loader = network(3), Picky("right")
    optimizer = adam(model)
    before = bits(model, optimizer), loader.generator.bit_generator.state
    with pytest.raises(lr.FormatError, match="train: the state is refused .KeyError: 'kind'"):
        lr.fit(model, optimizer, loader, epochs=9, checkpoint=tmp_path / "c", resume=True, progress=False)
    assert (bits(model, optimizer), loader.generator.bit_generator.state) == before


def test_files_of_no_run(tmp_path):
    lr.save(tmp_path / "c", network())
    assert "no checkpoint of lrswift.fit" in str(refused(tmp_path / "c"))


def test_a_checkpoint_of_the_first_format_is_read(tmp_path):
    """As it was written before there were checksums, identities and loaders."""
    whole = run(None, 3)
    _, _, history = run(tmp_path / "c", 2)
    arrays, metadata = store.read(tmp_path / "c")
    facts = json.loads(metadata["lrswift"])
    facts = {key: facts[key] for key in ("epoch", "rows", "random")}
    arrays = {name: value for name, value in arrays.items() if not name.startswith("loader.")}
    save_file(arrays, tmp_path / "c", metadata={"lrswift": json.dumps(facts)})
    assert bits(*run(tmp_path / "c", 3)) == bits(*whole)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value, at=()):
    """The paths to everything in JSON."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in items:
        yield from places(entry, (*at, key))


@settings(
    max_examples=120, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_any_change_of_the_facts_is_read_or_refused(tmp_path, data):
    path = tmp_path / "c"
    if not (tmp_path / "good").exists():
        run(tmp_path / "good", 2, LOADERS["batches"])
    arrays, metadata = store.read(tmp_path / "good")
    facts = json.loads(metadata["lrswift"])
    # of a generator's 600 words one is like the others
    found = [at for at in places(facts) if "others" not in at or len(at) < 6 or at[-1] == 0]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(found))
        held, value = facts, data.draw(VALUES)
        try:
            for key in at[:-1]:
                held = held[key]
            if not at:
                facts = value
            elif data.draw(st.booleans()):
                held[at[-1]] = value
            else:
                del held[at[-1]]
        except (LookupError, TypeError):
            continue
    store.write(path, arrays, {"lrswift": json.dumps(facts)})
    model = network(3)
    optimizer, loader = adam(model), LOADERS["batches"]()
    before = bits(model, optimizer), loader.state_dict(), lr.random.get_state()
    try:
        # nothing is trained: the epochs are done
        lr.fit(model, optimizer, loader, epochs=0, checkpoint=path, resume=True, progress=False)
    except lr.Error:
        assert (bits(model, optimizer), loader.state_dict(), lr.random.get_state()) == before


# ---- tried first ---------------------------------------------------------------------------------------
def test_paths_are_tried_before_the_first_step(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    paths = {
        tmp_path / "pipe": (lr.ArgumentError, "is a pipe"),
        "/dev/full": (lr.ArgumentError, "is a device"),
        tmp_path / "folder": (IsADirectoryError, "is a folder"),
        tmp_path / "none" / "c": (FileNotFoundError, "make it first"),
        "/proc/c": (OSError, "choose another folder"),
        3: (lr.ArgumentTypeError, "the path of a file"),
    }
    model = network()
    optimizer = adam(model)
    before = bits(model, optimizer)
    for path, (kind, told) in paths.items():
        for name in ("checkpoint", "log"):
            with pytest.raises(kind, match=f"{name}: .*{told}"):
                lr.fit(model, optimizer, (X, Y), progress=False, **{name: path})
    assert bits(model, optimizer) == before
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "folder"}


def test_what_no_file_holds_is_told_before_the_first_step(tmp_path):
    class Odd(Loader):
        def state_dict(self):
            return {"worker": [object()]}

    model = network()
    optimizer = adam(model)
    before = bits(model, optimizer)
    with pytest.raises(
        lr.ArgumentTypeError, match=r"train: state_dict\(\)\['worker'\]\[0\]: got object; allowed"
    ):
        lr.fit(model, optimizer, Odd(), progress=False, checkpoint=tmp_path / "c")

    class Half:
        """A loader whose state cannot be put back."""

        def __iter__(self):
            yield X, Y

        def state_dict(self):
            return {}

    with pytest.raises(lr.ArgumentTypeError, match="train: a Half has state_dict but no load_state_dict"):
        lr.fit(model, optimizer, Half(), progress=False, checkpoint=tmp_path / "c")

    class Function:
        """A model that is one to `fit`, but not to files."""

        def __call__(self, x):
            return model(x)

    with pytest.raises(lr.ArgumentTypeError, match="the model, a Function, has no state_dict"):
        lr.fit(Function(), optimizer, (X, Y), progress=False, checkpoint=tmp_path / "c")
    assert bits(model, optimizer) == before and not list(tmp_path.iterdir())


def test_rows_hold_what_callbacks_add(tmp_path):
    def note(history):
        history.annotate(norm=np.float32(0.5))

    def spoil(history):
        history.annotate(norm=object())

    # added after the first epoch, and so written with the second
    run(tmp_path / "c", 2, callbacks=[note])
    assert run(tmp_path / "c", 2)[2].rows[0]["norm"] == 0.5
    with pytest.raises(lr.ArgumentTypeError, match="a row of the history holds object"):
        run(tmp_path / "d", 2, callbacks=[spoil])


# ---- states and digests --------------------------------------------------------------------------------
STATES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=10,
)


@given(state=STATES)
def test_states_come_back_as_they_were(state):
    arrays = []
    text = json.dumps(encoded(state, arrays, "state"))
    found = decoded(json.loads(text), dict(enumerate(arrays)))
    assert found == state and repr(found) == repr(state)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8", "bool", ">i4"])
def test_arrays_of_states_come_back_as_they_were(dtype):
    for shape in [(), (0, 2), (2, 3)]:
        array, arrays = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype), []
        found = decoded(json.loads(json.dumps(encoded(array, arrays, "s"))), dict(enumerate(arrays)))
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype and found.shape == array.shape


@pytest.mark.parametrize("size", [1000, 5_000_003])
def test_any_changed_value_another_order_and_another_shape_have_another_digest(size):
    values = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    whole = digest([values])
    assert digest([values.copy()]) == whole
    for place in (0, 1, size // 3, size - 2, size - 1):
        changed = values.copy()
        changed[place] = np.nextafter(changed[place], np.float32(9))
        assert digest([changed]) != whole
    for other_values in (
        values[::-1],
        values * 2,
        values.astype(np.float64),
        values[None],
        np.roll(values, 1),
    ):
        assert digest([other_values]) != whole
    assert digest([values, values]) != whole and digest([np.asfortranarray(values[:, None])]) != whole
