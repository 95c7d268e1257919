"""The printed Python of a program means what the machine code means, as plain Python and under Numba."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import small_programs as p
from scipy import special

import funcgrad as fg
from funcgrad import tree
from funcgrad.compile.kernel import For, Kernel, Param, Store
from funcgrad.compile.source import kernel_source, plan_source, run_source
from funcgrad.core import scalar as sc
from funcgrad.ops import elementwise
from funcgrad.ops.random_bits import threefry2x32

rng = np.random.default_rng(11)


def normal(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def norm_loss(x: Any, gain: Any, bias: Any) -> Any:
    return np.sum(p.layer_norm(x, gain, bias) ** 2)


def large_carry(x: Any, w: Any) -> Any:
    return fg.lax.scan(lambda c, _: (np.tanh(c @ w), c[0, 0]), x, None, length=3)


def growth(w: Any, x: Any) -> Any:
    """Not that of small_programs, whose derivatives would then carry the lines of this file in golden texts."""
    return fg.lax.while_loop(lambda c: np.sum(c * c) < 6.0, lambda c: c * w + np.sin(c) * 1.1, x)


growth_gradient = fg.grad(lambda w, x: np.sum(growth(w, x)), argnums=(0, 1))


def second_growth(w: Any, x: Any) -> Any:
    return fg.grad(lambda w: np.sum(growth_gradient(w, x)[1] ** 2))(w)


def branches_in_loops(x: Any) -> Any:
    def step(i: Any, c: Any) -> Any:
        return fg.lax.switch(i % 3, [lambda c: c * 1.1, np.sin, lambda c: growth(1.3 + 0.1 * np.cos(c), c / 9)], c)

    return fg.lax.fori_loop(0, 7, step, x)


def checkpointed(x: Any) -> Any:
    return fg.lax.scan(lambda c, _: (np.tanh(c * 1.1 + 0.1), c[0]), x, None, 9, checkpoint="sqrt")[0].sum()


def scatter(x: Any, updates: Any, i: Any) -> Any:
    return fg.numpy.at(x)[i].add(updates), fg.numpy.at(x)[i].set(updates)


def views(x: Any) -> Any:
    return np.concatenate([x, 2 * x]), np.pad(x, 1), np.reshape(x, (4, 3)).T, x[::-1, 1:], np.repeat(x, 2, axis=0)


def running(x: Any) -> Any:
    return np.cumsum(x, 0), np.cumsum(x, 1), np.argmax(x, 1), np.argmin(x, 0), np.sort(x, 1), np.max(x, 0)


def integers(x: Any, y: Any) -> Any:
    return (
        x + y,
        x * y,
        -x,
        x // y,
        x % y,
        x & y,
        ~x,
        abs(x),
        x << (y & 3),
        x >> (y & 3),
        x > y,
        x.astype(np.float32) / 3,
    )


def words(n: int) -> list[np.ndarray]:
    return [np.arange(n + k, n + k + 3, dtype=np.uint32) for k in range(4)]


def edges(x: Any) -> Any:
    """Python's own floats and ints would raise in several of these."""
    return (
        1.0 / x,
        np.log(x),
        x.astype(np.int32),
        np.sqrt(x),
        x // 2.0,
        np.where(x > 0, 1.0 / x, 0.0),
        np.maximum(x, 1.0),
        x > 0,
    )


def iota_arithmetic(x: Any) -> Any:
    n = fg.numpy.arange(4)
    return x * n, (n - 2).astype(np.uint8), (n - 3) // 2, n * (1 << 62), fg.numpy.eye(3, 4) + x


PROGRAMS: dict[str, tuple[Callable, list[Any]]] = {
    "chain": (lambda x: np.sin(x) * np.exp(-x * x) + np.sin(x), [normal(3, 4)]),
    "softmax": (p.softmax, [normal(4, 3)]),
    "cross_entropy_gradient": (fg.value_and_grad(p.cross_entropy), [normal(5, 3), np.eye(3)[[0, 2, 1, 1, 0]]]),
    "layer_norm": (p.layer_norm, [normal(4, 3), normal(3), normal(3)]),
    "layer_norm_gradient": (fg.grad(norm_loss, (0, 1, 2)), [normal(4, 3), normal(3), normal(3)]),
    "layer": (p.layer_gradient, [normal(16, 32), normal(32), normal(8, 16), normal(8, 32)]),
    "batched_product": (lambda x, y: np.einsum("bij,bkj->bik", x, y), [normal(3, 20, 16), normal(3, 20, 16)]),
    "transposed_products": (lambda x, y, v: (x.T @ y, y.T @ v, v @ x), [normal(64, 32), normal(64, 40), normal(64)]),
    "scan": (p.recurrence, [normal(3), normal(5, 3)]),
    "scan_gradient": (fg.grad(lambda w, xs: np.sum(p.recurrence(w, xs)[1])), [normal(3), normal(5, 3)]),
    "cond": (p.branch, [normal(3) + 1.0]),
    "cond_other": (p.branch, [normal(3) - 9.0]),
    "while": (growth, [np.array([1.2, 1.5, 0.9]), normal(3) / 9]),
    "while_gradient": (growth_gradient, [np.array([1.2, 1.5, 0.9]), normal(3) / 9]),
    "while_without_steps": (growth_gradient, [normal(3), normal(3) + 9]),
    "while_lanes": (fg.vmap(growth_gradient), [np.full((4, 3), 1.3), normal(4, 3) / 9 ** np.arange(4)[:, None]]),
    "while_second": (second_growth, [np.array([1.2, 1.5, 0.9]), normal(3) / 9]),
    "branches_in_loops": (branches_in_loops, [normal(3)]),
    "checkpoint": (fg.grad(checkpointed), [normal(3)]),
    "large_carry": (large_carry, [normal(20, 20), normal(20, 20)]),
    "scatter": (scatter, [normal(5), normal(4), np.array([1, 3, -1, 9])]),
    "views": (views, [normal(3, 4)]),
    "running": (running, [normal(3, 4)]),
    "float32": (lambda x: np.sum(np.tanh(x) / 3, 0), [normal(3, 4, dtype=np.float32)]),
    "int8": (integers, [np.array([7, -7, 127, -128, 6, 5], np.int8), np.array([2, 2, -2, -1, 3, 0], np.int8)]),
    "uint16": (integers, [np.array([7, 65535, 9], np.uint16), np.array([2, 65535, 0], np.uint16)]),
    "int64": (integers, [np.array([7, -7, -(2**63), 9]), np.array([2, -2, -1, 0])]),
    "uint64": (integers, [np.array([7, 2**64 - 1, 9], np.uint64), np.array([2, 2**63, 0], np.uint64)]),
    "threefry": (lambda *k: threefry2x32(*k), words(2**32 - 9)),
    "edges": (edges, [np.array([0.0, -0.0, 1e30, -1e30, np.nan, np.inf, -2.5])]),
    "iota": (iota_arithmetic, [normal(3, 4)]),
    "special": (lambda x: (fg.lax.erf(x), elementwise.erfc(x), elementwise.erfinv(np.tanh(x))), [normal(6)]),
    "empty": (lambda x: (np.mean(x, axis=0), np.sum(x), x + 1.0), [np.zeros((0, 3))]),
    "scalars": (lambda x, n, b: (x * n, np.where(b, x, 0.0), n + 1), [2.5, 3, True]),
    "constants": (lambda x: x + np.arange(3.0) + np.linspace(0, 1, 300).reshape(100, 3), [normal(100, 3)]),
}  # fmt: skip


def compiled_and_printed(name: str, njit: bool) -> tuple[list[Any], list[Any]]:
    fun, args = PROGRAMS[name]
    lowered = fg.jit(fun).lower(*args)
    want = tree.tree_leaves(fg.jit(fun)(*args))
    got = run_source(lowered._lowered().plan, [*lowered.traced.captures, *tree.tree_leaves(args)], njit=njit)
    return want, got


def check_equal(want: list[Any], got: list[Any]) -> None:
    assert len(want) == len(got) > 0
    for a, b in zip(want, got):
        a = np.asarray(a)
        assert a.shape == b.shape and a.dtype == b.dtype
        tolerance = {"f": 64 * np.finfo(a.dtype).eps}.get(a.dtype.kind, 0) if a.dtype.kind == "f" else 0
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", PROGRAMS)
def test_plain_python_agrees_with_machine_code(name: str) -> None:
    check_equal(*compiled_and_printed(name, njit=False))


@pytest.mark.parametrize(
    "name",
    [
        "softmax",
        "layer_norm_gradient",
        "scan",
        "while_gradient",
        "cond",
        "scatter",
        "int8",
        "uint64",
        "threefry",
        "edges",
        "iota",
        "special",
    ],
)
def test_numba_agrees_with_machine_code(name: str) -> None:
    check_equal(*compiled_and_printed(name, njit=True))


def unary_kernel(function: str, dtype: Any) -> Kernel:
    i = sc.sym("i0", np.int64)
    value = sc.instruction(function, sc.load("p0", (i,), dtype))
    params = [Param("p0", (5,), np.dtype(dtype), False), Param("p1", (5,), np.dtype(dtype), True)]
    return Kernel(params, [For("i0", 5, [Store("p1", (i,), value)])])


@pytest.mark.parametrize("function", [f for f in sc.FUNCTIONS if f not in ("power", "hypot", "arctan2", "fmod")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_function_prints_and_keeps_its_dtype(function: str, dtype: Any) -> None:
    x = np.linspace(0.1, 0.9, 5).astype(dtype) + (1 if function == "arccosh" else 0)
    scope: dict[str, Any] = {"np": np, "math": math, "special": special}
    exec(kernel_source(unary_kernel(function, dtype), "f"), scope)
    out = np.zeros(5, dtype)
    scope["f"](x, out)
    np.testing.assert_allclose(out, sc.evaluate(sc.instruction(function, sc.sym("x", dtype)), {"x": x}), rtol=1e-6)


def test_functions_that_only_scipy_has_are_expanded_for_numba() -> None:
    helpers: dict[str, str] = {}
    for function in ("erfinv", "digamma", "lgamma"):
        assert "special" not in kernel_source(unary_kernel(function, np.float64), "f", helpers, compilable=True)
    assert sorted(h for h in helpers if "fma" not in h) == ["digamma_float64", "erfinv_float64"]


def test_the_text_reads_as_one_would_write_it() -> None:
    text = fg.jit(lambda x: np.sum(x * np.exp(x) + np.exp(x), axis=1)).lower(np.zeros((2, 3))).as_text()
    assert "t0 = p0[i0, i1]" in text and text.count("np.exp(t0)") == 1
    assert "for i0 in range(2):" in text and "test_source.py:" in text
    assert "a0 += t0 * t1 + t1" in text


def test_the_text_stands_alone() -> None:
    """The printed module runs in a process that cannot import funcgrad."""
    fun, args = PROGRAMS["layer"]
    values = f"[np.array(x) for x in {[a.tolist() for a in args]!r}]"
    lines = [
        "import sys",
        "sys.modules['funcgrad'] = None",
        fg.jit(fun).lower(*args).as_text(),
        f"print(program(*{values})[0])",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(float(fun(*args)[0]))


def test_equal_programs_print_equal_texts() -> None:
    first, second = (plan_source(fg.jit(p.softmax).lower(np.zeros((4, 3)))._lowered().plan) for _ in range(2))
    assert first == second


def test_a_wrong_kernel_would_be_noticed() -> None:
    """The comparison of this file can fail."""
    fun, args = PROGRAMS["chain"]
    text = fg.jit(fun).lower(*args).as_text()
    assert "np.sin" in text
    with pytest.raises(AssertionError):
        check_equal([np.asarray(fun(*args))], run_source(text.replace("np.sin", "np.cos"), args))
