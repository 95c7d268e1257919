"""The persistent cache: what is found, what is never mistaken for something else, and what damage, limits and other
processes do to it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import config
from funcgrad.compile import cache, program_key, sources

X = np.linspace(-1.0, 2.0, 6)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty cache that finds programs without lowering them, as users have it."""
    before = config.CACHE.value, config.CACHE_DIR.value, config.CACHE_SIZE.value
    config.CACHE.value, config.CACHE_DIR.value = 1, str(tmp_path)
    yield tmp_path
    config.CACHE.value, config.CACHE_DIR.value, config.CACHE_SIZE.value = before


def name_of(f: Callable, *args: Any) -> str | None:
    traced = fg.jit(f).lower(*args).traced
    return program_key.artifact_name(traced.program, len(traced.captures), tuple(traced.donated))


def python(code: str, folder: Path, *args: str, **options: Any) -> subprocess.Popen:
    environment = {**os.environ, "FUNCGRAD_CACHE": "1", "FUNCGRAD_CACHE_DIR": str(folder)}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, "-c", code, *args], env=environment, **pipes, **options)


# --- finding --------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, numpy as np, funcgrad as fg
step = np.linspace(0.0, 1.0, 4)  # closed over
f = fg.jit(fg.value_and_grad(lambda w, x: np.sum(np.tanh(x @ w * 2.5) * step) + np.sort(w[0])[1]))
w, x = np.arange(8.0).reshape(2, 4) / 9, np.ones((3, 2))
value, slope = f(w, x)
print(float(value), slope.sum(), "funcgrad.compile.pipeline" in sys.modules, fg.cache.info()["hits"])
"""


def test_a_second_process_runs_none_of_the_compiler(tmp_path: Path) -> None:
    first, second = (python(SCRIPT, tmp_path).communicate()[0].split() for _ in range(2))
    assert first[:2] == second[:2]
    assert first[2:] == ["True", "0"] and second[2:] == ["False", "1"]


def test_equal_programs_have_equal_names_whatever_they_are_called() -> None:
    def other(a: Any) -> Any:
        b = np.sin(a)
        return b * 2.0

    assert name_of(lambda x: np.sin(x) * 2.0, X) == name_of(other, X + 1) is not None


def test_an_edited_compiler_finds_nothing_of_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = name_of(np.sin, X)
    monkeypatch.setattr(program_key, "source_stamp", lambda: "edited")
    assert before != name_of(np.sin, X)
    monkeypatch.setattr(program_key, "source_stamp", lambda: None)  # no sources to be read
    assert name_of(np.sin, X) is None


@pytest.mark.parametrize("name", ["source_digest", "source_stamp"])
def test_sources_edited_while_the_process_runs_name_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = getattr(sources, name).__wrapped__
    assert found() is not None
    monkeypatch.setattr(config, "IMPORTED", 1e9)
    assert found() is None


def test_any_edit_changes_the_stamp_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in sources._FOLDERS:
        (tmp_path / folder).mkdir()
    source, stamp = tmp_path / "compile" / "sources.py", sources.source_stamp.__wrapped__
    monkeypatch.setattr(sources, "__file__", str(source))
    assert stamp() is None
    source.write_text("a = 1")
    os.utime(source, (1e9, 1e9))
    found = [stamp()]
    for text, when in (("a = 1", 1e9 + 1), ("a = 10", 1e9)):
        source.write_text(text)
        os.utime(source, (when, when))
        found.append(stamp())
    (tmp_path / "ops" / "new.py").write_text("")
    os.utime(tmp_path / "ops" / "new.py", (1e9, 1e9))
    found.append(stamp())
    assert None not in found and len(set(found)) == 4


def test_what_only_this_process_knows_has_no_name() -> None:
    softsign = fg.extend.elementwise("cache_test_softsign", lambda x: x / (1 + abs(x)), partials=lambda out, x: out)
    assert name_of(lambda x: fg.pure_callback(np.sin, x, x), X) is None
    assert name_of(softsign, X) is None
    assert name_of(lambda x: fg.lax.cond(x[0] > 0, softsign, np.sin, x), X) is None
    assert name_of(np.sin, X) is not None


def test_a_rule_of_the_users_matters_where_the_compiler_derives() -> None:
    """The derivative of a loop applies rules of its body while it is compiled; they are not in the text."""

    @fg.custom_jvp
    def f(x: Any) -> Any:
        return np.sin(x)

    f.defjvp(lambda primals, tangents: (f(*primals), 2.0 * tangents[0]))
    loop = lambda x: fg.lax.while_loop(lambda c: c[0] < 9, lambda c: f(c) + 2, x).sum()  # noqa: E731
    assert name_of(f, X) is not None
    assert name_of(fg.grad(loop), X) is None


# --- look-alikes ----------------------------------------------------------------------------------------------------


def closing_over(value: Any) -> Callable:
    return lambda x: x * value


STATIC = [0, 1, True, -1, 2]
CLOSED = [0.0, -0.0, 1.0, 1, True, 1 + 2**-52, np.float32(1), np.float32(0.1), 0.1, np.int8(1), np.int64(1), X, -X]
OPERANDS = [X, X.astype(np.float32), X.astype(np.int64), X.astype(np.int32), X > 0, X[::2], X[::-1], X.reshape(2, 3)]
OPERANDS += [X.reshape(2, 3).T, X[:1], np.float64(0.5), np.float32(0.5), 0.5, 1, True, np.array(0.5)]


def look_alikes() -> list[tuple[Callable, Callable, tuple]]:
    """(function, its meaning in NumPy, arguments), each different from all others in a detail."""
    found: list[tuple[Callable, Callable, tuple]] = []
    for value in CLOSED:
        found.append((fg.jit(closing_over(value)), closing_over(value), (X,)))
    for axis in STATIC:
        power = lambda x, n: x + n if n is True else x * x - n  # noqa: E731
        found.append((fg.jit(power, static_argnums=1), power, (X, axis)))
    for x in OPERANDS:
        found.append((fg.jit(lambda x: x * 2 + 1), lambda x: x * 2 + 1, (x,)))
    for keys in ("ab", "ba", "ac"):
        tree = {k: X + i for i, k in enumerate(keys)}
        minus = lambda t: t["a"] - t.get("b", 0) * 2  # noqa: E731
        found.append((fg.jit(minus), minus, (tree,)))
    for order in ((0, 1), (1, 0)):
        pick = lambda x, y, order=order: (x, y)[order[0]] - (x, y)[order[1]]  # noqa: E731
        found.append((fg.jit(pick), pick, (X, X * 3)))
    return found


def test_look_alikes_do_not_find_each_other(folder: Path) -> None:
    """40 programs, 780 pairs; each compiled, and found again after all others were."""
    programs = look_alikes()
    assert len(programs) >= 39
    for _ in range(2):
        for f, meaning, args in programs:
            f.clear_cache()
            got, expected = f(*args), meaning(*args)
            np.testing.assert_array_equal(got, expected)
            assert np.asarray(got).dtype == np.asarray(expected).dtype
            np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


def test_names_tell_parameters_apart() -> None:
    """Values that are equal, or print alike, in one place of one program."""
    values = [1, 1.0, True, "1", b"1", (1,), (True,), [1], None, np.float32(1), np.float64(1), np.int64(1), 1 + 0j]
    values += [0.0, -0.0, float("nan"), np.dtype("f4"), np.dtype("f8"), float, int, slice(1), slice(0, 1), ...]
    values += [(1, (2, 3)), ((1, 2), 3), (1, 2, 3), ("1,2",), ("1", "2"), np.ones(2), np.ones((2, 1)), np.ones(2, "f4")]
    texts = [program_key._value(v, True) for v in values]
    assert len(set(texts)) == len(values)


# --- damage ---------------------------------------------------------------------------------------------------------


def spoil(path: Path, rng: random.Random) -> None:
    """Flip a bit, cut the end off, or empty an entry."""
    data = bytearray(path.read_bytes())
    kind = rng.randrange(3)
    if kind == 0:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)) :]
    else:
        data += b"more"
    path.write_bytes(data)


def test_damaged_entries_are_ignored_and_replaced(folder: Path) -> None:
    f, rng = fg.jit(lambda x: np.exp(x) * 1.25), random.Random(0)
    expected = f(X)
    entries = [p for p in folder.iterdir() if p.name.endswith(cache._SUFFIXES) and ".launcher" not in p.name]
    assert sorted(p.suffix for p in entries) == [".artifact", ".o"]
    for path in entries * 3:
        good = path.read_bytes()
        spoil(path, rng)
        f.clear_cache()
        with pytest.warns(RuntimeWarning, match="is damaged and was ignored"):
            np.testing.assert_array_equal(f(X), expected)
        assert path.read_bytes() == good


def test_every_kind_of_damage_is_noticed(folder: Path) -> None:
    rng = random.Random(1)
    cache.write("some.o", bytes(range(256)))
    good = (folder / "some.o").read_bytes()
    for _ in range(100):
        spoil(folder / "some.o", rng)
        with pytest.warns(RuntimeWarning, match="some.o is damaged"):
            assert cache.read("some.o") is None
        (folder / "some.o").write_bytes(good)
    assert cache.read("some.o") == bytes(range(256))


def test_a_directory_that_can_only_be_read_still_serves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **kwargs: Any) -> None:
        raise PermissionError

    cache.write("some.o", b"1")
    os.utime(folder / "some.o", (1e9, 1e9))
    monkeypatch.setattr(os, "utime", refused)
    monkeypatch.setattr(tempfile, "mkstemp", refused)
    assert cache.read("some.o") == b"1"
    np.testing.assert_array_equal(fg.jit(lambda x: x * 13.0)(X), X * 13.0)


def test_an_entry_in_the_place_of_another_is_damage(folder: Path) -> None:
    cache.write("one.o", b"1")
    os.rename(folder / "one.o", folder / "two.o")
    with pytest.warns(RuntimeWarning, match="two.o is damaged"):
        assert cache.read("two.o") is None


def test_an_artifact_without_its_code_is_no_hit(folder: Path) -> None:
    f = fg.jit(lambda x: x * 1.5 - 0.25)
    f(X)
    for path in folder.glob("*.o"):
        path.unlink()
    f.clear_cache()
    np.testing.assert_array_equal(f(X), X * 1.5 - 0.25)
    assert len([p for p in folder.glob("*.o") if ".launcher" not in p.name]) == 1


# --- the directory --------------------------------------------------------------------------------------------------


def test_a_directory_others_may_write_to_is_not_used(folder: Path) -> None:
    folder.chmod(0o777)
    np.testing.assert_array_equal(fg.jit(lambda x: x * 3.0)(X), X * 3.0)
    assert fg.cache.info()["directory"] is None and list(folder.iterdir()) == []
    fg.cache.clear()


def test_a_new_directory_is_private(folder: Path) -> None:
    config.CACHE_DIR.value = str(folder / "new" / "one")
    fg.jit(lambda x: x * 3.0)(X)
    assert (folder / "new" / "one").stat().st_mode & 0o777 == 0o700


def test_turned_off_nothing_is_written(folder: Path) -> None:
    config.CACHE.value = 0
    np.testing.assert_array_equal(fg.jit(lambda x: x * 7.0)(X), X * 7.0)
    assert list(folder.iterdir()) == []


def test_info_and_clear(folder: Path) -> None:
    before = fg.cache.info()
    f = fg.jit(lambda x: x * 11.0)
    f(X)
    f.clear_cache()
    f(X)
    after = fg.cache.info()
    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (1, 1)
    assert after["directory"] == str(folder) and after["entries"] >= 2 and 0 < after["bytes"] <= after["limit"]
    fg.cache.clear()
    assert fg.cache.info()["entries"] == fg.cache.info()["bytes"] == 0
    f.clear_cache()
    np.testing.assert_array_equal(f(X), X * 11.0)


# --- size -----------------------------------------------------------------------------------------------------------


def entries(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.name.endswith(cache._SUFFIXES)}


def test_what_was_not_used_for_the_longest_time_goes_first(folder: Path) -> None:
    config.CACHE_SIZE.value = 40 * 1024
    for k in range(9):
        cache.write(f"{k}.o", bytes(4000))
        os.utime(folder / f"{k}.o", (1e9 + k, 1e9 + k))
    assert len(entries(folder)) == 9
    cache.read("0.o")  # long ago, but used today
    cache.write("9.o", bytes(4000))
    cache.write("10.o", bytes(4000))
    kept = entries(folder)
    assert {"0.o", "9.o", "10.o", "8.o"} <= kept and not {"1.o", "2.o"} & kept
    assert sum(p.stat().st_size for p in folder.glob("*.o")) <= 30 * 1024
    assert (folder / "size").stat().st_size == 4 * len(kept)


def test_the_limit_holds_without_looking_at_the_entries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[int] = []
    original = cache._entries
    monkeypatch.setattr(cache, "_entries", lambda folder: walks.append(1) or original(folder))
    config.CACHE_SIZE.value = 100 * 1024
    for k in range(400):
        cache.write(f"{k}.o", bytes(900))
    assert 0 < len(walks) <= 400 / 25 + 1
    assert len(entries(folder)) <= 100


def test_an_entry_larger_than_the_limit_is_not_kept(folder: Path) -> None:
    config.CACHE_SIZE.value = 1000
    cache.write("large.o", bytes(2000))
    assert entries(folder) == set()


def test_one_process_at_a_time_evicts_and_a_dead_one_does_not_matter(folder: Path) -> None:
    config.CACHE_SIZE.value = 3 * 1024
    lock, unfinished = folder / "lock", folder / "abc.part"
    lock.touch()
    unfinished.touch()
    for k in range(6):
        cache.write(f"{k}.o", bytes(900))
    assert len(entries(folder)) == 6 and lock.exists()
    old = time.time() - 2 * cache._STALE
    for path in (lock, unfinished):
        os.utime(path, (old, old))
    for k in range(6, 8):  # the first takes the lock away, the second evicts
        cache.write(f"{k}.o", bytes(900))
    assert len(entries(folder)) <= 2 and not lock.exists() and not unfinished.exists()


# --- processes ------------------------------------------------------------------------------------------------------


def test_processes_compile_the_same_program_at_once_and_one_is_killed(tmp_path: Path) -> None:
    running = [python(SCRIPT, tmp_path) for _ in range(4)]
    time.sleep(random.Random(time.time()).uniform(0.2, 0.9))
    running[0].send_signal(signal.SIGKILL)
    outputs = [process.communicate() for process in running]
    assert {out.split()[0] for out, _ in outputs[1:]} == {outputs[1][0].split()[0]}
    assert [err for _, err in outputs[1:]] == ["", "", ""]
    out, err = python(SCRIPT, tmp_path).communicate()
    assert out.split()[0] == outputs[1][0].split()[0] and err == ""
