"""Compiled functions as citizens: caches, threads, memory, aliasing, and inputs of every layout."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import small_programs as p
from launcher_programs import resident_kilobytes

import funcgrad as fg
from funcgrad.compile import pipeline


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Programs compiled during the test."""
    seen: list[Any] = []
    original = pipeline.compile_program
    monkeypatch.setattr(
        pipeline, "compile_program", lambda program, captured=0: seen.append(program) or original(program, captured)
    )
    return seen


def counting(fun: Callable) -> tuple[Callable, list[int]]:
    calls: list[int] = []

    def counted(*args: Any) -> Any:
        calls.append(1)
        return fun(*args)

    return counted, calls


# --- caches ---------------------------------------------------------------------------------------------------------


def test_a_second_call_neither_traces_nor_compiles(compilations: list[Any]) -> None:
    fun, traces = counting(p.softmax)
    f = fg.jit(fun)
    for _ in range(5):
        f(np.random.default_rng(0).standard_normal((4, 3)))
    assert len(traces) == len(compilations) == f.cache_size() == 1


def test_each_signature_is_compiled_once(compilations: list[Any]) -> None:
    fun, traces = counting(lambda x: x + 1)
    f = fg.jit(fun)
    arguments = [np.zeros(3), np.zeros(4), np.zeros(3, np.float32), np.zeros((3, 1)), 1.0, 1, True]
    for x in arguments * 3:
        f(x)
    assert len(traces) == len(compilations) == f.cache_size() == len(arguments)
    f.clear_cache()
    f(1.0)
    assert f.cache_size() == 1 and len(compilations) == len(arguments) + 1


def test_a_gradient_inside_jit_compiles_once(compilations: list[Any]) -> None:
    loss, traces = counting(p.layer_loss)
    f = fg.jit(fg.value_and_grad(loss))
    for k in range(3):
        f(np.full((4, 8), float(k)), np.zeros(8), np.ones((2, 4)), np.ones((2, 8)))
    assert len(traces) == len(compilations) == 1


def test_layouts_and_values_do_not_recompile(compilations: list[Any]) -> None:
    f = fg.jit(np.sin)
    base = np.arange(24.0)
    for x in (base[:4], base[::6], base[3::-1], np.broadcast_to(1.0, (4,)), base[:4].astype(">f8")):
        np.testing.assert_allclose(f(x), np.sin(x.astype(float)))
    assert len(compilations) == 1


# --- inputs and outputs ---------------------------------------------------------------------------------------------


def layouts() -> dict[str, np.ndarray]:
    x = np.random.default_rng(3).standard_normal((4, 6))
    unaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(4, 6)
    unaligned[...] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    return {
        "fortran": np.asfortranarray(x),
        "transposed": x.T,
        "strided": np.repeat(x, 2, 1)[:, ::2],
        "reversed": x[::-1, ::-1],
        "stride 0": np.broadcast_to(x[0], (4, 6)),
        "read-only": read_only,
        "big-endian": x.astype(">f8"),
        "unaligned": unaligned,
        "slice": np.pad(x, 1)[1:-1, 1:-1],
    }


@pytest.mark.parametrize("name", layouts())
def test_inputs_of_any_layout(name: str) -> None:
    x = layouts()[name]
    before = x.tobytes()
    f = fg.jit(lambda x: (p.softmax(x), x @ x.T, np.sum(x, 0)))
    native_x = np.array(x, np.float64)
    for _ in range(2):
        for got, want in zip(f(x), (p.softmax(native_x), native_x @ native_x.T, np.sum(native_x, 0))):
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
            assert got.flags.c_contiguous and got.flags.writeable and got.dtype.isnative
    assert x.tobytes() == before


def test_outputs_alias_neither_inputs_nor_each_other() -> None:
    x, y = np.ones((3, 3)), np.ones((3, 3))
    f = fg.jit(lambda x, y: (x, x, y.T, x[:2], {"sum": x + y}, x.reshape(9)))
    first, second = (fg.tree.tree_leaves(f(x, y)) for _ in range(2))
    arrays = [x, y, *first, *second]
    for i, a in enumerate(arrays):
        for b in arrays[i + 1 :]:
            assert not np.shares_memory(a, b)


def test_one_array_for_two_arguments() -> None:
    x = np.arange(3.0)
    np.testing.assert_array_equal(fg.jit(lambda x, y: x[::-1] - y)(x, x), x[::-1] - x)
    doubled = fg.jit(lambda x, y: (x + y, x - y), donate_argnums=(0, 1))(x, x)
    np.testing.assert_array_equal(doubled, ([0.0, 2.0, 4.0], [0.0, 0.0, 0.0]))


def test_inputs_are_never_written() -> None:
    args = [np.random.default_rng(k).standard_normal(s) for k, s in enumerate([(16, 32), (32,), (8, 16), (8, 32)])]
    for a in args:
        a.flags.writeable = False
    copies = [a.copy() for a in args]
    fg.jit(p.layer_gradient)(*args)
    fg.jit(lambda x: fg.numpy.at(x)[0].set(7.0))(args[0])
    fg.jit(fg.grad(lambda w, xs: np.sum(p.recurrence(w, xs)[1])))(args[1][:3], args[2][:, :3])
    for a, b in zip(args, copies):
        np.testing.assert_array_equal(a, b)


def test_captured_arrays_are_frozen() -> None:
    weights = np.ones(3)
    f = fg.jit(lambda x: x * weights)
    f(np.ones(3))
    weights[:] = 100.0
    np.testing.assert_array_equal(f(np.ones(3)), np.ones(3))


# --- threads and memory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 300])
def test_eight_threads_call_one_function(size: int) -> None:
    f = fg.jit(lambda w, x: np.tanh(p.softmax(x @ w) @ w))
    rng = np.random.default_rng(0)
    w, xs = rng.standard_normal((size, size)), rng.standard_normal((8, 5, size))
    want = [np.tanh(p.softmax(x @ w) @ w) for x in xs]
    failures: list[Any] = []

    def work(k: int) -> None:
        for _ in range(100 if size < 100 else 20):
            if not np.allclose(f(w, xs[k]), want[k], rtol=1e-10):
                failures.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_a_hundred_thousand_calls_do_not_grow() -> None:
    f = fg.jit(lambda params, x: ({"w": params["w"] * 2.0 + x}, np.sum(x), p.softmax(x)))
    params, x = {"w": np.ones((8, 8))}, np.ones((8, 8))
    for _ in range(2000):
        f(params, x)
    gc.collect()
    before = resident_kilobytes()
    for _ in range(100_000):
        f(params, x)
    assert resident_kilobytes() - before < 2000


def test_dropped_functions_free_their_code() -> None:
    freed: list[int] = []
    for _ in range(3):
        f = fg.jit(lambda x: x * 2.0)
        f(1.0)
        weakref.finalize(next(iter(f._entries.values())).executable, freed.append, 1)
        del f
    gc.collect()
    assert len(freed) == 3
