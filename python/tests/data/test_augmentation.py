"""Changes of images, each beside NumPy image by image, and batches that a seed decides."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import lrswift as lr

rng = np.random.default_rng(0)
X = rng.integers(1, 256, (70, 9, 7, 3)).astype(np.uint8)
Y = np.arange(70)


def drawn(seed: int = 3) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_crop_is_a_window_of_the_padded_image() -> None:
    found = lr.data.crop(2)(X, drawn())
    places = drawn().integers(0, 5, (70, 2))
    for image, cut, (down, right) in zip(X, found, places, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
        np.testing.assert_array_equal(cut, padded[down : down + 9, right : right + 7])
    assert (np.unique(places[:, 0]) == np.arange(5)).all() and found.dtype == np.uint8


def test_flip_mirrors_some() -> None:
    found = lr.data.flip()(X, drawn())
    mirrored = [np.array_equal(a, np.fliplr(b)) for a, b in zip(found, X, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(found, X, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True)) and 20 < sum(mirrored) < 50
    np.testing.assert_array_equal(lr.data.flip(1.0)(X, drawn()), X[:, :, ::-1])


@pytest.mark.parametrize("size", [3, 4, 20])
def test_cutout_is_a_square_that_may_stick_out(size: int) -> None:
    found = lr.data.cutout(size)(X, drawn())
    generator = drawn()
    centers = zip(generator.integers(0, 9, 70), generator.integers(0, 7, 70), strict=True)
    for image, cut, (down, right) in zip(X, found, centers, strict=True):
        expected = image.copy()
        top, left = down - size // 2, right - size // 2
        expected[max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)] = 0
        np.testing.assert_array_equal(cut, expected)


def test_normalize_is_of_channels() -> None:
    mean, deviation = X.mean((0, 1, 2)), X.std((0, 1, 2))
    found = lr.data.normalize(mean, deviation)(X, drawn())
    np.testing.assert_allclose(found, (X - mean) / deviation, rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(lr.data.normalize(10.0, 2.0)(X, drawn()), (X - 10.0) / 2)


def loader(**options) -> lr.data.Augmented:
    changes = [lr.data.crop(1), lr.data.flip(), lr.data.cutout(2), lr.data.normalize(128.0, 64.0)]
    return lr.data.Augmented((X, Y), changes, **{"batch_size": 16, "seed": 5, **options})


def epochs(batches: lr.data.Augmented, count: int = 2) -> list[tuple[np.ndarray, np.ndarray]]:
    return [batch for _ in range(count) for batch in batches]


def same(a: list, b: list) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(p, q) for x, y in zip(a, b, strict=True) for p, q in zip(x, y, strict=True)
    )


def test_a_seed_decides_with_a_thread_and_without() -> None:
    made = epochs(loader())
    assert len(made) == 10 and sorted(np.concatenate([y for _, y in made[:5]])) == list(range(70))
    assert same(made, epochs(loader(thread=False))) and same(made, epochs(loader()))
    assert not same(made, epochs(loader(seed=6)))
    # another order and other changes in each epoch
    assert not same(made[:5], made[5:])
    assert len(epochs(loader(drop_last=True), 1)) == 4


def test_labels_stay_with_their_images() -> None:
    only = lr.data.Augmented((X, Y), [lr.data.flip(0.0)], batch_size=32, seed=1)
    for x, y in only:
        np.testing.assert_array_equal(x, X[y])


def test_gray_images_have_no_channels() -> None:
    gray = lr.data.Augmented((X[..., 0], Y), [lr.data.crop(2)], batch_size=70)
    ((x, y),) = list(gray)
    assert x.shape == (70, 9, 7) and y.shape == (70,)


def test_it_goes_on_where_it_was() -> None:
    whole = epochs(loader())
    begun = loader()
    for k, _ in enumerate(begun):
        if k == 2:
            break
    state = begun.state_dict()
    assert state == {"seed": 5, "epoch": 0, "position": 3}
    other = loader(seed=99)
    other.load_state_dict(state)
    assert same(whole[3:], epochs(other))
    assert same(whole[3:], epochs(begun))
    with pytest.raises(lr.ArgumentError, match="position: got 9"):
        other.load_state_dict({**state, "position": 9})


def test_threads_end_with_the_loop_and_errors_come_through() -> None:
    before = threading.active_count()
    for _ in loader():
        break
    assert threading.active_count() <= before + 1

    def fails(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        raise RuntimeError("no picture")

    with pytest.raises(RuntimeError, match="no picture"):
        epochs(lr.data.Augmented((X, Y), [fails]))
    with pytest.raises(lr.ShapeError, match="one returned shape"):
        epochs(lr.data.Augmented((X, Y), [lambda images, generator: images[:3]]))


def test_fit_takes_them_and_resumes(tmp_path) -> None:
    def run(epochs: int, **options) -> lr.nn.Module:
        lr.seed(0)
        model = lr.nn.Sequential(lr.nn.Flatten(), lr.nn.Linear(9 * 7 * 3, 4))
        batches = lr.data.Augmented((X, Y % 4), [lr.data.crop(1), lr.data.normalize(128.0, 64.0)], 16)
        optimizer = lr.optim.SGD(model.parameters(), lr=0.01)
        lr.fit(model, optimizer, batches, epochs=epochs, progress=False, **options)
        return model

    whole = run(4)
    run(2, checkpoint=tmp_path / "run")
    again = run(4, checkpoint=tmp_path / "run", resume=True)
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_bounds_are_named() -> None:
    for make, told in (
        (lambda: lr.data.crop(0), "crop: padding: got 0"),
        (lambda: lr.data.flip(1.5), "flip: probability: got 1.5; allowed: 0 to 1"),
        (lambda: lr.data.cutout(0), "cutout: size: got 0"),
        (lambda: lr.data.normalize(0.0, [1.0, 0.0]), "normalize: deviation: got 0.0"),
        (lambda: loader(batch_size=0), "batch_size: got 0"),
    ):
        with pytest.raises(lr.ArgumentError, match=told):
            make()
    with pytest.raises(lr.ArgumentTypeError, match="changes: got str"):
        lr.data.Augmented((X, Y), ["flip"])
    with pytest.raises(lr.ShapeError, match="x has 70 rows and y 3"):
        lr.data.Augmented((X, Y[:3]))
    with pytest.raises(lr.ShapeError, match=r"allowed: \[N, H, W\] or \[N, H, W, C\]"):
        lr.data.Augmented((Y, Y))
