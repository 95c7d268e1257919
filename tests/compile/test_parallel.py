"""Long kernels in chunks: the same numbers as undivided, and the same bits whatever runs the chunks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import small_programs as p

import funcgrad as fg
from funcgrad import config, lax
from funcgrad.compile import parallel, products
from funcgrad.compile.kernel import If, statements
from funcgrad.compile.source import run_source

RNG = np.random.default_rng(0)
PROGRAMS: dict[str, tuple[Callable, list[Any]]] = {
    "elementwise": (lambda x: np.exp(x) * 2.0, [RNG.standard_normal(1003)]),
    "sum": (lambda x: np.sum(np.exp(x)) * 2.0, [RNG.standard_normal(1003)]),
    "several": (lambda x: (np.min(x), np.prod(1.0 + x / 1e3), np.any(x > 1.0), np.cos(x)), [RNG.standard_normal(500)]),
    "integers": (lambda x: np.sum(x * x), [RNG.integers(-9, 9, 700)]),
    "rows": (p.softmax, [RNG.standard_normal((60, 33))]),
    "columns": (lambda x: np.sum(np.sin(x), axis=0), [RNG.standard_normal((900, 3))]),
    "few rows": (lambda x: np.tanh(x) + 1.0, [RNG.standard_normal((2, 3, 400))]),
    "both": (lambda x: (np.max(x, axis=0), np.sum(x), np.sum(x * x, axis=1)), [RNG.standard_normal((2000, 2))]),
    "argmax": (lambda x: np.argmax(x, axis=1), [RNG.standard_normal((90, 20))]),
    "cumulative": (lambda x: np.cumsum(x, axis=1), [RNG.standard_normal((90, 20))]),
    "rows added": (
        fg.grad(lambda x, i, u: np.sum(x[i] * u)),
        [RNG.standard_normal((9, 400)), RNG.integers(0, 9, 30), RNG.standard_normal((30, 400))],
    ),
    "layer norm": (
        fg.value_and_grad(lambda x, g: np.sum(np.tanh(p.layer_norm(x, g, 0.0))), (0, 1)),
        [RNG.standard_normal((400, 5)), np.ones(5)],
    ),
    "pairs": (
        fg.value_and_grad(lambda x: np.sum(np.exp(-np.sum((x[:, None] - x[None]) ** 2, axis=-1)))),
        [RNG.standard_normal((70, 3))],
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short kernels count as long, and three threads take part."""
    monkeypatch.setattr(parallel, "WORTHWHILE", 100.0)
    monkeypatch.setattr(parallel, "CHUNK_COST", 400.0)
    before, config.THREADS.value = config.THREADS.value, 3
    yield
    config.THREADS.value = before


def chunks_of(fun: Callable, args: list[Any]) -> list[int]:
    return [kernel.chunks for kernel, _ in fg.jit(fun).lower(*args)._lowered().plan.kernels if kernel.chunks]


@pytest.mark.parametrize("name", PROGRAMS)
def test_chunks_compute_what_the_whole_does(name: str) -> None:
    fun, args = PROGRAMS[name]
    assert chunks_of(fun, args)
    for found, expected in zip(fg.tree.tree_leaves(fg.jit(fun)(*args)), fg.tree.tree_leaves(fun(*args))):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    fun, args = PROGRAMS[name]
    compiled, results = fg.jit(fun), []
    for count in (1, 2, 3, 1, 3):
        config.THREADS.value = count
        results.append([np.asarray(r).tobytes() for r in fg.tree.tree_leaves(compiled(*args))])
    assert all(r == results[0] for r in results)


@pytest.mark.parametrize("name", ["sum", "layer norm", "pairs"])
def test_the_printed_source_has_the_chunks(name: str) -> None:
    fun, args = PROGRAMS[name]
    lowered = fg.jit(fun).lower(*args)
    assert "for chunk in range(" in lowered.as_text("source") and "part of" in lowered.as_text("kernels")
    for found, expected in zip(run_source(lowered._lowered().plan, args), fg.tree.tree_leaves(fun(*args))):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_what_depends_on_earlier_iterations_is_not_divided() -> None:
    x, i = RNG.standard_normal((300, 4)), RNG.integers(0, 300, 400)
    assert not chunks_of(lambda x: np.cumsum(x, axis=0), [x])
    kernels = [k for k, _ in fg.jit(lambda x: fg.numpy.at(x)[i].add(1.0)).lower(x)._lowered().plan.kernels]
    (scatter,) = [k for k in kernels if any(isinstance(s, If) for s in statements(k.body))]
    assert not scatter.chunks


def test_rows_are_divided_into_pieces_that_memory_likes() -> None:
    """Where rows are written at positions that are data, chunks share the columns, and all go through all rows."""

    def chunks(width: int) -> list[int]:
        args = [np.ones((9, width)), np.arange(30) % 9, np.ones((30, width))]
        lowered = fg.jit(fg.grad(lambda x, i, u: np.sum(x[i] * u))).lower(*args)._lowered()
        return [k.chunks for k, _ in lowered.plan.kernels if any(isinstance(s, If) for s in statements(k.body))]

    assert chunks(64) == [0] and chunks(400) == [6]


def test_short_kernels_are_not_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not chunks_of(np.exp, [np.zeros(10_000)]) and chunks_of(np.exp, [np.zeros(1_000_000)])


def test_chunks_inside_a_loop() -> None:
    def run(x: Any) -> Any:
        return lax.fori_loop(0, 5, lambda i, x: np.tanh(x) + np.sum(x) / 1e3, x)

    x = RNG.standard_normal(700)
    assert chunks_of(run, [x])
    np.testing.assert_allclose(fg.jit(run)(x), run(x), rtol=1e-12)


@pytest.mark.parametrize("layout", ["xy", "xTy", "xyT", "xTyT"])
@pytest.mark.parametrize(("m", "n"), [(48, 16), (16, 64), (40, 40)])
def test_products_in_parts(m: int, n: int, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "SHARED", 1 << 10)
    monkeypatch.setattr(products, "PART", 1 << 8)
    monkeypatch.setattr(products, "LEAST_SIDE", 8)
    x = RNG.standard_normal((24, m)).T if "xT" in layout else RNG.standard_normal((m, 24))
    y = RNG.standard_normal((n, 24)).T if "yT" in layout else RNG.standard_normal((24, n))
    given = x.T if "xT" in layout else x, y.T if "yT" in layout else y
    fun = fg.jit(lambda a, b: (a.T if "xT" in layout else a) @ (b.T if "yT" in layout else b))
    lowered = fun.lower(*given)
    assert f"parts of {'m' if m >= n else 'n'}" in lowered.as_text("kernels")
    results = []
    for config.THREADS.value in (1, 3):
        results.append(fun(*given))
    np.testing.assert_allclose(results[0], x @ y, rtol=1e-12, atol=1e-12)
    assert results[0].tobytes() == results[1].tobytes()
    np.testing.assert_allclose(run_source(lowered._lowered().plan, given)[0], x @ y, rtol=1e-12, atol=1e-12)


def test_concurrent_callers_get_their_own_results() -> None:
    fun = fg.jit(lambda x: (np.sum(np.exp(x)), np.cos(x)))
    inputs = [RNG.standard_normal(2000) for _ in range(6)]
    expected = [[r.tobytes() for r in fun(x)] for x in inputs]
    wrong: list[int] = []

    def call(k: int) -> None:
        for _ in range(100):
            if [r.tobytes() for r in fun(inputs[k])] != expected[k]:
                wrong.append(k)

    callers = [threading.Thread(target=call, args=(k,)) for k in range(6)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert not wrong


FORK = """
import os, sys
import numpy as np, funcgrad as fg
from funcgrad.compile import parallel
parallel.WORTHWHILE, parallel.CHUNK_COST = 100.0, 400.0
fun = fg.jit(lambda x: np.sum(np.exp(x)))
x = np.arange(2000) / 2000
before = fun(x)
child = os.fork()
if child == 0:
    same = fun(x) == before and fg.jit(lambda x: np.sum(np.cos(x)))(x) > 0.0 and fun(x) == before
    os._exit(0 if same else 1)
assert fun(x) == before
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_computes_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK], env={**os.environ, "FUNCGRAD_THREADS": "3"}, timeout=120
    )
    assert done.returncode == 0


def test_the_default_number_of_threads_is_that_of_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7,2")
    assert config._processors() == 7
    monkeypatch.setenv("OMP_NUM_THREADS", "none")
    assert config._processors() >= 1
