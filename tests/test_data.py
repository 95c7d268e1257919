"""`funcgrad.data`: every example once an epoch, orders by key, resuming anywhere, files, threads, augmentation."""

from __future__ import annotations

import gc
import io
import itertools
import os
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import data, random

KEY = random.key(3)
Pair = namedtuple("Pair", "x y")


def tree_of(n: int) -> Any:
    return {"x": np.arange(n), "more": Pair(np.arange(2 * n).reshape(n, 2), np.arange(float(n)))}


def numbers(run: Any) -> list[int]:
    return [int(v) for batch in run for v in (batch["x"] if isinstance(batch, dict) else batch)]


@pytest.mark.parametrize("n", [1, 7, 12])
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("block", [None, 1, 3])
def test_every_example_comes_once(n: int, key: Any, block: Any) -> None:
    seen = list(data.batches(tree_of(n), 4, key=key, block=block))
    assert sorted(numbers(seen)) == list(range(n))
    assert [len(b["x"]) for b in seen] == [4] * (n // 4) + [n % 4] * (n % 4 > 0)
    for batch in seen:  # leaves stay together
        assert isinstance(batch["more"], Pair)
        np.testing.assert_array_equal(batch["more"].x[:, 0], 2 * batch["x"])
        np.testing.assert_array_equal(batch["more"].y, batch["x"])
    if n >= 4:
        full = list(data.batches(tree_of(n), 4, key=key, block=block, drop_last=True))
        assert numbers(full) == numbers(seen)[: n // 4 * 4]


def test_orders_are_functions_of_the_key() -> None:
    x = np.arange(100)
    order = numbers(data.batches(x, 7, key=KEY))
    assert order == numbers(data.batches(x, 9, key=KEY)) != list(range(100))
    assert order != numbers(data.batches(x, 7, key=random.key(4)))
    run = numbers(data.epochs(x, 7, 3, key=KEY))
    assert run[:100] == order and run[100:200] not in (order, run[200:])
    blocks = numbers(data.batches(x, 7, key=KEY, block=2))
    # 16 examples at a time are shuffled together, from 8 blocks of 2 neighbours.
    first = sorted(blocks[:16])
    assert all(a + 1 == b and a % 2 == 0 for a, b in zip(first[::2], first[1::2])) and blocks[:16] != first


@pytest.mark.parametrize("block", [None, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_resuming_anywhere(block: Any, drop_last: bool) -> None:
    x, options = np.arange(23), dict(key=KEY, block=block, drop_last=drop_last)
    whole = list(data.epochs(x, 4, 3, **options))
    for stop in range(len(whole) + 1):
        run = data.epochs(x, 4, 3, **options)
        head = list(itertools.islice(run, stop))
        # The state is a pytree of arrays, so that it survives a file.
        state = fg.tree.map(lambda v: np.array(v), run.state)
        rest = list(data.epochs(x, 4, 3, start=state, **options))
        assert [b.tolist() for b in head + rest] == [b.tolist() for b in whole]


def test_one_epoch_at_a_time_with_the_state_between() -> None:
    state, seen = None, []
    for _ in range(3):
        run = data.batches(np.arange(10), 3, key=KEY, start=state)
        seen += numbers(run)
        state = run.state
    assert seen == numbers(data.epochs(np.arange(10), 3, 3, key=KEY)) and int(state.epoch) == 3


def test_batches_are_fresh_arrays() -> None:
    x = np.arange(8.0)
    for key in (None, KEY):
        for batch in data.batches(x, 4, key=key):
            assert not np.shares_memory(batch, x)
            batch[:] = 0
    assert x.tolist() == list(range(8))


def test_reuse_check_allows_running_an_epoch_again() -> None:
    with random.check_reuse():
        assert numbers(data.batches(np.arange(9), 2, key=KEY)) == numbers(data.batches(np.arange(9), 2, key=KEY))


# --- files ------------------------------------------------------------------------------------------------------------


def test_memory_maps(tmp_path: Path) -> None:
    x, y = np.arange(3000, dtype=np.int32).reshape(1000, 3), np.arange(1000.0)
    np.save(tmp_path / "x.npy", x)
    y.tofile(tmp_path / "y.bin")
    maps = {"x": np.load(tmp_path / "x.npy", mmap_mode="r"), "y": np.memmap(tmp_path / "y.bin", np.float64, "r")}
    for key in (None, KEY):
        got = list(data.batches(maps, 64, key=key, block=10))
        rows = np.concatenate([b["y"] for b in got])
        np.testing.assert_array_equal(np.sort(rows), y)
        np.testing.assert_array_equal(np.concatenate([b["x"] for b in got]), x[rows.astype(int)])
        assert type(got[0]["x"]) is np.ndarray and got[0]["x"].flags.writeable
    np.testing.assert_array_equal(np.concatenate(list(data.batches(maps["y"][100:], 64))), y[100:])  # a view of a map
    fortran = np.asfortranarray(x)
    np.save(tmp_path / "f.npy", fortran)
    columns = np.load(tmp_path / "f.npy", mmap_mode="r")
    np.testing.assert_array_equal(np.concatenate(list(data.batches(columns, 64))), x)


def test_a_replaced_file_is_not_read_for_the_mapped_one(tmp_path: Path) -> None:
    np.zeros(100).tofile(tmp_path / "a.bin")
    old = np.memmap(tmp_path / "a.bin", np.float64, "r")
    np.ones(100).tofile(tmp_path / "b.bin")
    os.replace(tmp_path / "b.bin", tmp_path / "a.bin")
    assert not np.concatenate(list(data.batches(old, 10))).any()
    os.remove(tmp_path / "a.bin")
    assert not np.concatenate(list(data.batches(old, 10))).any()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="counts the pages of the process by /proc")
def test_large_files_leave_memory_flat(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with open(tmp_path / "x.bin", "wb") as file:
        for i in range(96):
            file.write(np.full(1 << 17, i, np.float64).tobytes())
    x = np.memmap(tmp_path / "x.bin", np.float64, "r", shape=(96 * 1024, 128))
    before, total, most = resident(), 0.0, 0
    for batch in data.batches(x, 512, key=KEY, block=512):  # groups of 4 MiB of the 96 MiB
        total += batch[:, 0].sum()
        most = max(most, resident() - before)
    assert total == 1024 * sum(range(96)) and most < 40 << 20


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors_name_the_fix() -> None:
    with pytest.raises(ValueError, match=r"common first axis, the examples; got \['a'\]: 3, \['b'\]\[0\]: 4"):
        data.batches({"a": np.ones(3), "b": [np.ones(4)]}, 2)
    with pytest.raises(ValueError, match="got data: a number"):
        data.batches(3.0, 2)
    with pytest.raises(ValueError, match="got no arrays"):
        data.epochs({}, 2)
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        data.batches(np.ones(3), 0)
    with pytest.raises(ValueError, match="3 examples are less than one batch of 4"):
        data.batches(np.ones(3), 4, drop_last=True)
    state = data.batches(np.ones(30), 4, key=KEY).state
    with pytest.raises(ValueError, match=r"the order would be another one.\nFix: pass the key that the first call got"):
        data.batches(np.ones(30), 4, key=random.key(9), start=state)
    with pytest.raises(ValueError, match="start is at example 20 of epoch 0; there are 10"):
        data.batches(np.ones(10), 4, start=data.Position(0, 20))
    with pytest.raises(TypeError, match="keys are arrays uint32"):
        data.batches(np.ones(10), 4, key=7)


# --- threads ----------------------------------------------------------------------------------------------------------


def working() -> int:
    return sum(t.name == "funcgrad-prefetch" for t in threading.enumerate())


def wait_for_no_thread() -> None:
    deadline = time.monotonic() + 10
    while working() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert working() == 0


def test_prefetch_gives_the_same_items_and_their_states() -> None:
    plain, ahead = data.batches(np.arange(20), 3, key=KEY), data.prefetch(data.batches(np.arange(20), 3, key=KEY), 4)
    assert int(ahead.state.position) == 0
    for a, b in zip(plain, ahead):
        np.testing.assert_array_equal(a, b)
        assert int(ahead.state.position) == int(plain.state.position) and int(ahead.state.epoch) == int(
            plain.state.epoch
        )
    with pytest.raises(StopIteration):
        next(ahead)
    wait_for_no_thread()


def test_prefetch_is_bounded_and_closes() -> None:
    made = []

    def source() -> Iterator[int]:
        for i in itertools.count():
            made.append(i)
            yield i

    with data.prefetch(source(), 2) as run:
        assert next(run) == 0
        time.sleep(0.2)
        assert len(made) <= 4  # one handed out, two waiting, one in the making
    assert working() == 0
    with pytest.raises(StopIteration):
        next(run)
    forgotten = data.prefetch(source(), 1)
    next(forgotten)
    del forgotten
    gc.collect()
    wait_for_no_thread()


def test_prefetch_passes_exceptions_on() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("broken file")

    run = data.prefetch(source())
    assert next(run) == 1
    with pytest.raises(KeyError, match="broken file"):
        next(run)
    with pytest.raises(StopIteration):
        next(run)
    with pytest.raises(ValueError, match="size must be at least 1"):
        data.prefetch([1], 0)
    wait_for_no_thread()


def test_progress_writes_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    from funcgrad.data import progress as module  # the function of the package hides the module

    text = io.StringIO()
    lines = data.progress.__globals__["lines"]
    monkeypatch.setitem(data.progress.__globals__, "SECONDS", 0.0)
    assert list(lines(range(3), 3, "epoch", text)) == [0, 1, 2]
    assert [line.rsplit(",", 1)[0] for line in text.getvalue().splitlines()] == [
        "epoch: 1/3 (33%)", "epoch: 2/3 (66%)", "epoch: 3/3 (100%)",
    ]  # fmt: skip
    text = io.StringIO()
    assert list(data.progress(iter("ab"), file=text)) == ["a", "b"] and "2" in text.getvalue()
    assert module is data.progress


# --- preparation ------------------------------------------------------------------------------------------------------


def test_splits() -> None:
    x, y = np.arange(50), np.arange(50) % 5 == 0
    train, test = data.train_test_split({"x": x, "y": y}, 0.2, key=KEY, stratify=y)
    assert sorted([*train["x"], *test["x"]]) == list(range(50)) and test["y"].sum() == 2 and len(test["x"]) == 10
    assert [a.tolist() for a in data.train_test_split(np.arange(5), 2)] == [[0, 1, 2], [3, 4]]
    assert [len(a) for a in data.train_test_split(x, np.float32(0.2))] == [40, 10]
    folds = list(data.k_fold(x, 4, key=KEY))
    assert sorted(np.concatenate([v for _, v in folds])) == list(range(50))
    assert all(sorted([*t, *v]) == list(range(50)) for t, v in folds) and {len(v) for _, v in folds} == {12, 13}
    for test, message in ((0.001, "leaves a part empty"), (50, "leaves a part empty")):
        with pytest.raises(ValueError, match=message):
            data.train_test_split(x, test)
    with pytest.raises(ValueError, match="k must be between 2 and the 50 examples, got 1"):
        data.k_fold(x, 1)
    with pytest.raises(ValueError, match="one label for each of 50 examples"):
        data.train_test_split(x, 0.2, stratify=y[:3])


def test_standardize(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal([1e6, 3, 0.1], [1, 5, 0], (1000, 3))
    monkeypatch.setattr("funcgrad.data.scaling.CHUNK_BYTES", 7 * 24)  # pieces of 7 rows
    scaling = data.standardize(x)
    np.testing.assert_allclose(scaling.mean, x.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(scaling.scale[:2], x.std(axis=0)[:2], rtol=1e-9)
    assert scaling.scale[2] == 1 and not scaling.apply(x)[:, 2].round(12).any()
    np.testing.assert_allclose(scaling.invert(scaling.apply(x)), x, rtol=1e-12)
    images = rng.random((6, 4, 4, 2), np.float32)
    channels = data.standardize(images, (0, 1, 2))
    assert channels.mean.shape == (1, 1, 1, 2) and channels.scale.dtype == np.float32
    np.testing.assert_allclose(channels.apply(images).std(axis=(0, 1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(fg.jit(scaling.apply)(x), scaling.apply(x), rtol=1e-12)
    with pytest.raises(ValueError, match="at least one example on the first axis"):
        data.standardize(np.ones((0, 2)))


def brute_shift(image: np.ndarray, dy: int, dx: int) -> np.ndarray:
    out = np.zeros_like(image)
    for i, j in np.ndindex(image.shape[:2]):
        if 0 <= i + dy < image.shape[0] and 0 <= j + dx < image.shape[1]:
            out[i, j] = image[i + dy, j + dx]
    return out


def test_augmentation_against_loops() -> None:
    images = 1.0 + np.arange(2 * 5 * 4 * 3).reshape(2, 5, 4, 3)
    for seed in range(6):
        key = random.key(seed)
        for image, shifted in zip(images, data.random_shift(key, images, 2)):
            found = [s for s in itertools.product(range(-2, 3), repeat=2) if (brute_shift(image, *s) == shifted).all()]
            assert len(found) == 1
        for image, cut in zip(images, data.random_crop(key, images, (3, 3), padding=1)):
            padded = np.pad(image, [(1, 1), (1, 1), (0, 0)])
            places = itertools.product(range(5), range(4))
            assert sum(np.array_equal(padded[i : i + 3, j : j + 3], cut) for i, j in places) == 1
        for axis in (1, 2):
            for image, mirrored in zip(images, data.random_flip(key, images, axis)):
                assert np.array_equal(mirrored, image) or np.array_equal(mirrored, np.flip(image, axis - 1))
    shifts = data.random_shift(random.key(1), np.ones((200, 3, 3)), 1, fill=9.0)
    assert set(np.unique(shifts)) == {1.0, 9.0}
    assert 0.3 < (data.random_flip(random.key(1), np.arange(400.0).reshape(200, 1, 2))[:, 0, 0] % 2).mean() < 0.7


def test_augmentation_compiles() -> None:
    images = np.arange(2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4)

    def vary(key: Any, x: Any) -> Any:
        keys = random.split(key, 4)
        x = data.random_shift(keys[0], data.random_flip(keys[1], x), 1)
        return data.add_noise(keys[3], data.random_crop(keys[2], x, (3, 3), 1), 0.1)

    eager, compiled = vary(KEY, images), fg.jit(vary)(KEY, images)
    assert eager.dtype == compiled.dtype == np.float32
    np.testing.assert_allclose(compiled, eager, rtol=1e-5)
    with pytest.raises(ValueError, match=r"images must be \[n, height, width\]"):
        data.random_flip(KEY, np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"windows of \(9, 9\) do not fit"):
        data.random_crop(KEY, images, (9, 9))
