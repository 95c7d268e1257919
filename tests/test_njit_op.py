# ruff: noqa: E501  (the table of errors reads best with one of them on each line)
"""Functions compiled by Numba as operations: of numbers and of arrays, under every transformation, and errors."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import extend, lax
from funcgrad.api import numba_code
from funcgrad.compile.pipeline import lower_program
from funcgrad.compile.source import run_source
from funcgrad.core import scalar as sc
from funcgrad.core.primitive import REGISTRY
from funcgrad.test_util import check_grads

X = np.array([0.3, -1.2, 2.0])
DTYPES = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def leave_nothing_behind() -> Iterator[None]:
    """The registry belongs to the process."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def both(f: Callable) -> list[Callable]:
    return [f, fg.jit(f)]


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=2e-6 if np.asarray(actual).dtype == np.float32 else 1e-12)


@numba.njit
def soft(x):
    if x > 0:
        return x + math.log1p(math.exp(-x))
    return math.log1p(math.exp(x))


@numba.njit
def weighted(x, n, flag):
    total = 0.0
    for k in range(n):
        total += x**k
    return total if flag else -total


@numba.njit
def smooth(x, w):
    out = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(max(0, i - 1), min(x.shape[0], i + 2)):
            out[i] += w * x[j] * x[j]
    return out


@numba.njit
def moments(x, power=2):
    return np.sum(x), x**power


def soft_op() -> Callable:
    return fg.njit_op(soft, partials=lambda out, x: 1 - fnp.exp(-out))


# --- functions of numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_function_of_numbers_in_every_mode(dtype: type) -> None:
    f, x = soft_op(), X.astype(dtype)
    value, slope = np.log1p(np.exp(x)), 1 / (1 + np.exp(-x))
    for g in both(f):
        close(g(x), value)
        assert g(x).dtype == dtype
        close(g(x.reshape(3, 1)), value.reshape(3, 1))
        close(g(x[0]), value[0])
    for g in both(fg.grad(lambda v: fnp.sum(f(v)))):
        close(g(x), slope)
        assert g(x).dtype == dtype
    for g in both(lambda v: fg.jvp(f, (v,), (v,))[1]):
        close(g(x), slope * x)
    for g in both(fg.vmap(fg.grad(fg.grad(f)))):
        close(g(x), slope * (1 - slope))
    for g in (fg.grad(fg.jit(lambda v: fnp.sum(f(v)))), fg.jit(fg.vmap(fg.grad(f)))):
        close(g(x), slope)
    for g in both(lambda v: lax.scan(lambda c, w: (f(c * w), c), v, np.array([1, 0.5], dtype))[0]):
        close(g(x[0]), np.log1p(np.exp(0.5 * value[0])))
    for g in both(fg.grad(lambda v: lax.scan(lambda c, w: (f(c * w), c), v, np.ones(2, dtype))[0])):
        close(g(x[0]), slope[0] / (1 + np.exp(-value[0])))


def test_derivatives_of_all_orders() -> None:
    check_grads(soft_op(), (X,), order=3)


def test_it_is_part_of_a_fused_loop() -> None:
    f = soft_op()
    lowered = fg.jit(lambda x: fnp.sum(f(x * 2.0) + 1.0)).lower(X)
    text = lowered.as_text("kernels")
    assert text.count("kernel_0(") == 2 and "kernel_1" not in text and "funcgrad_njit_soft_" in text
    assert "declare double @funcgrad_njit_soft_" in lowered.as_text("llvm")


def test_operands_of_different_dtypes() -> None:
    f = fg.njit_op(weighted, partials=(lambda out, x, n, flag: 1.0, None, None))
    expected = [sum(float(x) ** k for k in range(n)) for x, n in zip(X, (1, 2, 3))]
    for dtype in (np.int64, np.int32, np.int16, np.uint8):
        for g in both(lambda x, n: f(x, n, True)):
            close(g(X, np.array([1, 2, 3], dtype)), expected)
    for g in both(lambda x, on: f(x, 2, on)):
        close(g(X, np.array([True, False, True])), (1 + X) * [1, -1, 1])
        assert g(X.astype(np.float32), np.array(True)).dtype == np.float32
    for g in both(fg.grad(lambda x: f(x, 2, True))):
        assert g(3.0) == 1.0


@numba.njit
def positive(x):
    return x > 0


@numba.njit
def half(n):
    return n // 2


@numba.njit
def ratio(n, m):
    return n / m


def test_results_of_different_dtypes() -> None:
    sign = fg.njit_op(positive, partials=extend.nondiff)
    for g in both(sign):
        np.testing.assert_array_equal(g(X), X > 0)
        assert g(X).dtype == np.bool_
    for g in both(fg.grad(lambda x: fnp.sum(fnp.where(sign(x), x, 3 * x)))):
        close(g(X), [1, 3, 1])
    halved = fg.njit_op(half)
    for dtype in (np.int8, np.int32, np.int64, np.uint16):
        values = [g(np.array([4, 7, 100], dtype)) for g in both(halved)]
        np.testing.assert_array_equal(values[0], [2, 3, 50])
        np.testing.assert_array_equal(values[1], values[0])
        assert values[0].dtype == values[1].dtype
    for g in both(fg.njit_op(ratio)):
        assert g(3, 2) == 1.5 and g(3, 2).dtype == np.float64


def test_partials_may_call_operations_of_numba() -> None:
    sine = fg.njit_op(numba.njit(lambda x: math.sin(x)), partials=lambda out, x: cosine(x), name="own_sine")
    cosine = fg.njit_op(numba.njit(lambda x: math.cos(x)), partials=lambda out, x: -sine(x), name="own_cosine")
    check_grads(sine, (X,), order=3)
    for g in both(fg.vmap(fg.grad(sine))):
        close(g(X), np.cos(X))


def test_singular_partials() -> None:
    root = fg.njit_op(
        numba.njit(lambda x: math.sqrt(x)), partials=lambda out, x: 0.5 / out, strong=True, name="own_root"
    )
    for g in both(fg.grad(lambda x: fnp.where(x > 0, root(x), 0.0))):
        assert g(0.0) == 0.0


def test_empty_arrays_and_views() -> None:
    f = soft_op()
    for g in both(f):
        assert g(np.zeros((0, 3))).shape == (0, 3)
        rows = np.arange(6.0).reshape(2, 3)
        close(g(rows.T), np.log1p(np.exp(rows.T)))
        close(g(rows[:, ::-1]), np.log1p(np.exp(rows[:, ::-1])))


def test_printed_source_runs() -> None:
    f = soft_op()
    program = fg.make_program(lambda x: f(x) * 2.0)(X)
    close(run_source(lower_program(program).plan, [X])[0], 2 * np.log1p(np.exp(X)))


def test_scalar_expressions_have_their_meaning() -> None:
    symbol = numba_code.scalar_symbol(soft, (np.dtype(np.float64),))
    expr = sc.foreign(symbol, np.float64, sc.sym("x", np.float64))
    close(sc.evaluate(expr, {"x": X}), np.log1p(np.exp(X)))


# --- symbols --------------------------------------------------------------------------------------------------------


def test_functions_of_equal_code_have_symbols_of_their_own() -> None:
    def scaled(k: float) -> Callable:
        return fg.njit_op(numba.njit(lambda x: x * k), partials=extend.nondiff, name=f"scaled_{k}".replace(".", "_"))

    one, two = scaled(1.0), scaled(2.0)
    first, second = fg.jit(one), fg.jit(two)
    np.testing.assert_array_equal(first(X), X)
    np.testing.assert_array_equal(second(X), 2 * X)
    np.testing.assert_array_equal(fg.jit(lambda x: one(x) + two(x))(X), 3 * X)


SCRIPT = """
import sys
import numba
import numpy as np
import funcgrad as fg
from funcgrad.compile import cache

factor, twice = float(sys.argv[1]), sys.argv[2] == "twice"


def make(k):
    return numba.njit(lambda x: x * k)


if twice:  # another function of equal code comes first
    fg.jit(fg.njit_op(make(100.0)))(np.ones(3))
hits = cache.info()["hits"]
f = fg.njit_op(make(factor))
g = fg.njit_op(numba.njit(lambda x: x[::-1] + factor), out=lambda x: x)
print(fg.jit(f)(np.ones(3)).tolist(), fg.jit(g)(np.arange(3.0)).tolist(), cache.info()["hits"] - hits)
"""


def test_cached_machine_code_calls_the_functions_of_this_process(tmp_path: Path) -> None:
    def run(*args: str) -> str:
        environment = {**os.environ, "FUNCGRAD_CACHE_DIR": str(tmp_path), "FUNCGRAD_CACHE": "1"}
        command = [sys.executable, "-c", SCRIPT, *args]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    assert run("2", "once") == f"{[2.0] * 3} {[4.0, 3.0, 2.0]} 0"
    assert run("3", "once") == f"{[3.0] * 3} {[5.0, 4.0, 3.0]} 2"
    assert run("5", "twice").startswith(f"{[5.0] * 3} {[7.0, 6.0, 5.0]}")


# --- functions of arrays --------------------------------------------------------------------------------------------


def smooth_vjp(ct: Any, out: Any, x: Any, w: Any) -> tuple:
    spread = ct + fnp.concatenate([ct[1:], fnp.zeros(1, ct.dtype)]) + fnp.concatenate([fnp.zeros(1, ct.dtype), ct[:-1]])
    return 2 * w * x * spread, fnp.sum(ct * out / w)


def smooth_plain(x: Any, w: Any) -> Any:
    y, zero = w * x * x, fnp.zeros(1, x.dtype)
    return y + fnp.concatenate([y[1:], zero]) + fnp.concatenate([zero, y[:-1]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_function_of_arrays_in_every_mode(dtype: type) -> None:
    f = fg.njit_op(smooth, out=lambda x, w: x, vjp=smooth_vjp)
    x, w = X.astype(dtype), dtype(0.5)

    def loss(x: Any, w: Any) -> Any:
        return fnp.sum(f(x, w) ** 2)

    def plain(x: Any, w: Any) -> Any:
        return fnp.sum(smooth_plain(x, w) ** 2)

    for g in both(f):
        close(g(x, w), smooth_plain(x, w))
        assert g(x, w).dtype == dtype
    for g in (*both(fg.grad(loss, argnums=(0, 1))), fg.grad(fg.jit(loss), argnums=(0, 1))):
        for got, expected in zip(g(x, w), fg.grad(plain, argnums=(0, 1))(x, w)):
            close(got, expected)
    for g in both(lambda v: fg.jvp(loss, (v, w), (v, w))[1]):
        close(g(x), fg.jvp(plain, (x, w), (x, w))[1])
    rows = np.stack([x, 2 * x])
    for g in both(fg.vmap(fg.grad(loss), in_axes=(0, None))):
        close(g(rows, w), np.stack([fg.grad(plain)(r, w) for r in rows]))
    for g in both(fg.grad(lambda v: fnp.sum(lax.scan(lambda c, k: (f(c, w), None), v, np.ones(2))[0]))):
        close(g(x), fg.grad(lambda v: fnp.sum(smooth_plain(smooth_plain(v, w), w)))(x))
    if dtype == np.float64:
        check_grads(loss, (X, np.float64(0.5)), order=2)


def moments_type(x: Any, power: int = 2) -> tuple:
    return fg.ShapeDtypeStruct((), x.dtype), x


def test_several_results_parameters_and_batches() -> None:
    def batch(size: int, in_batched: list, x: Any, power: int = 2) -> tuple:
        return (fnp.sum(x, axis=1), x**power), (True, True)

    for rule in (None, batch):
        f = fg.njit_op(moments, out=moments_type, batch=rule)
        for g in both(functools.partial(f, power=3)):
            total, cubes = g(X)
            close(total, np.sum(X)), close(cubes, X**3)
        for g in both(fg.vmap(f)):
            total, squares = g(np.stack([X, X]))
            close(total, [np.sum(X)] * 2), close(squares, np.stack([X, X]) ** 2)


@numba.njit
def count_true(mask, table):
    n = 0
    for i in range(mask.shape[0]):
        if mask[i] and table[i, 0] > 0:
            n += 1
    return n, ~mask


def test_booleans_integers_matrices_and_empty_arrays() -> None:
    types = lambda mask, table: (fg.ShapeDtypeStruct((), np.int64), mask)  # noqa: E731
    f = fg.njit_op(count_true, out=types)
    for g in both(f):
        n, inverse = g(np.array([True, True, False]), np.array([[1], [-1], [1]], np.int32))
        assert n == 1 and n.dtype == np.int64
        np.testing.assert_array_equal(inverse, [False, False, True])
        n, inverse = g(np.zeros(0, bool), np.zeros((0, 1), np.int32))
        assert n == 0 and inverse.shape == (0,)


def test_strided_operands() -> None:
    f = fg.njit_op(smooth, out=lambda x, w: x, vjp=smooth_vjp)
    table = np.arange(6.0).reshape(2, 3)
    for g in both(lambda t: f(t[:, 1], 1.0)):
        close(g(table.T.copy().T), smooth_plain(table[:, 1], 1.0))


# --- exceptions -----------------------------------------------------------------------------------------------------


@numba.njit
def checked_inverse(x):
    if x < 0:
        raise ValueError("it must not be negative")
    return 1.0 / x


@numba.njit
def checked_sum(x, limit):
    total = np.sum(x)
    if total > limit:
        raise OverflowError("too much")
    return x[: 2 if total > 1 else 3] * 1.0


def test_exceptions_in_functions_of_numbers_are_raised() -> None:
    for f in both(fg.njit_op(checked_inverse)):
        with pytest.raises(ValueError, match="it must not be negative"):
            f(np.array([1.0, -1.0, 0.0]))
        with pytest.raises(ZeroDivisionError):
            f(np.array([1.0, 0.0]))
        np.testing.assert_array_equal(f(np.array([1.0, 2.0])), [1.0, 0.5])
    looped = fg.jit(lambda x: lax.scan(lambda c, w: (f(c) + w, None), x, np.array([-3.0, 1.0, 1.0]))[0])
    with pytest.raises(ValueError, match="it must not be negative"):
        looped(1.0)


def test_exceptions_in_functions_of_arrays_are_raised() -> None:
    for f in both(fg.njit_op(checked_sum, out=lambda x, limit: x)):
        np.testing.assert_array_equal(f(X / 10, 5.0), X / 10)
        with pytest.raises(OverflowError, match="too much"):
            f(X, 0.5)
        with pytest.raises(TypeError, match=r"result 0 has type float64\[2\], but the abstract rule says float64\[3\]"):
            f(X, 5.0)


# --- errors ---------------------------------------------------------------------------------------------------------


@numba.njit
def text_of(x):
    return "text"


def no_derivative() -> Any:
    return fg.grad(fg.njit_op(soft, name="underived"))(1.0)


ERRORS: list[tuple[str, Callable, list[str]]] = [
    ("undecorated", lambda: fg.njit_op(math.sin), ["sin is not decorated with numba.njit"]),
    ("no derivative", no_derivative, ["underived has no derivative", "partials=extend.nondiff"]),
    ("no array derivative", lambda: fg.grad(lambda x: fg.njit_op(smooth, out=lambda x, w: x)(x, 1.0)[0])(X), ["has no derivative"]),
    ("rules mixed", lambda: fg.njit_op(soft, vjp=lambda ct, out, x: ct), ["has no `out`", "take `partials`"]),
    ("rules mixed too", lambda: fg.njit_op(smooth, out=lambda x, w: x, partials=(None, None)), ["take jvp or vjp"]),
    ("a text", lambda: fg.jit(fg.njit_op(text_of))(1.0), ["text_of", "float64"]),
    ("not for arrays", lambda: fg.njit_op(smooth)(X, 1.0), ["cannot compile smooth", "float64, float64"]),
    ("announced dtype", lambda: fg.jit(fg.njit_op(smooth, out=lambda x, w: fg.ShapeDtypeStruct((3,), np.int32)))(X, 1.0), ["int32"]),
    ("announced rank", lambda: fg.jit(fg.njit_op(smooth, out=lambda x, w: w))(X, 1.0), ["array(float64, 1d, C)", "float64[]"]),
    ("announced shape", lambda: fg.njit_op(smooth, out=lambda x, w: fg.ShapeDtypeStruct((2,), float))(X, 1.0), ["float64[3]", "float64[2]"]),
    ("shapes", lambda: fg.njit_op(weighted)(X, np.ones(2, int), True), ["weighted", "(3,)", "(2,)"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), [pytest.param(*row[1:], id=row[0]) for row in ERRORS])
def test_errors(call: Callable, words: list[str]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert all(w in str(caught.value) for w in words), caught.value


def test_numba_is_imported_only_when_it_is_used() -> None:
    code = "import sys, funcgrad as fg; fg.jit(fg.grad(lambda x: x * x))(1.0); print('numba' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
        == "False"
    )
