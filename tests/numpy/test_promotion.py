# ruff: noqa: SIM300
"""NumPy 2 promotion: every pair of dtypes and every weak number, for operators and functions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from numpy_modes import assert_same, eager, staged
from scipy import special

import funcgrad.numpy as fnp
from funcgrad.core.avals import aval_of
from funcgrad.core.tracing import Trace, trace

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]
OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "eq", "ne", "and_", "xor", "lshift"]
FUNCTIONS = ["maximum", "fmin", "hypot", "arctan2", "logical_and", "greater", "copysign"]
NUMBERS: list[Any] = [True, 3, 2.5]


def _operation(name: str) -> Any:
    return getattr(operator, name) if name in OPERATORS else None


def numpy_answer(f: Any, *args: Any) -> Any:
    """NumPy's result, or None where it refuses."""
    try:
        with np.errstate(all="ignore"):
            return f(*args)
    except (TypeError, ValueError, OverflowError):
        return None


def compare(name: str, x: Any, y: Any, traced: tuple[bool, bool]) -> None:
    """Eager and staged results equal NumPy's, or NumPy refuses and so do they."""
    ours, theirs = (_operation(name) or getattr(m, name) for m in (fnp, np))
    expected = numpy_answer(theirs, x, y)
    values = [v for v, on in zip((x, y), traced) if on]

    def f(*tracers: Any) -> Any:
        rest = iter(tracers)
        return ours(*[next(rest) if on else v for v, on in zip((x, y), traced)])

    for run in (eager, staged):
        where = f"{name}({getattr(x, 'dtype', x)}, {getattr(y, 'dtype', y)}) {run.__name__}"
        if expected is None:
            with pytest.raises((TypeError, ValueError, OverflowError)):
                run(f, values)
        else:
            assert_same(run(f, values), expected, where, rtol=1e-3 if expected.dtype == np.float16 else 2e-14)


@pytest.mark.parametrize("name", OPERATORS + FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_pairs_of_dtypes(name: str) -> None:
    for a in DTYPES:
        for b in DTYPES:
            compare(name, np.array([1, 2, 0, 5]).astype(a), np.array([2, 1, 3, 3]).astype(b), (True, True))


@pytest.mark.parametrize("name", OPERATORS + FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_weak_numbers(name: str) -> None:
    for dtype in DTYPES:
        x = np.array([1, 2, 0, 5]).astype(dtype)
        for number in NUMBERS:
            compare(name, x, number, (True, False))
            compare(name, number, x, (False, True))


@pytest.mark.parametrize("dtype", DTYPES)
def test_unary_dtypes(dtype: str) -> None:
    x = np.array([1, 0, 1]).astype(dtype)
    for name in (
        "sin",
        "sqrt",
        "square",
        "absolute",
        "negative",
        "rint",
        "floor",
        "isnan",
        "logical_not",
        "invert",
        "exp2",
        "sign",
    ):
        expected = numpy_answer(getattr(np, name), x)
        for run in (eager, staged):
            if expected is None:
                with pytest.raises((TypeError, ValueError)):
                    run(getattr(fnp, name), [x])
            else:
                assert_same(
                    run(getattr(fnp, name), [x]),
                    expected,
                    f"{name} {dtype} {run.__name__}",
                    rtol=1e-3 if dtype in ("bool", "int8", "uint8", "float16") else 1e-6,
                )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name",
    ["sum", "prod", "mean", "std", "var", "max", "min", "cumsum", "argmax", "all", "ptp", "median", "sort", "average"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_reduction_dtypes(name: str, dtype: str) -> None:
    x = np.array([1, 0, 1, 1]).astype(dtype)
    expected = numpy_answer(getattr(np, name), x)
    if expected is None:
        return
    for run in (eager, staged):
        assert_same(run(getattr(fnp, name), [x]), expected, f"{name} {dtype} {run.__name__}", rtol=1e-3)


def test_where_concatenate_and_stack_dtypes() -> None:
    for a in DTYPES:
        for b in DTYPES:
            x, y = np.ones(2, a), np.zeros(2, b)
            for f in (
                lambda m, x, y: m.where(x > 0, x, y),
                lambda m, x, y: m.concatenate([x, y]),
                lambda m, x, y: m.stack([x, y]),
            ):
                assert_same(staged(lambda x, y, f=f: f(fnp, x, y), [x, y]), f(np, x, y), f"{a} {b}")


def test_tracers_of_python_numbers_are_weak() -> None:
    x = np.ones(3, np.float32)

    def dtype_of(f: Any, number: Any) -> Any:
        program, _ = trace(lambda a, n: [f(a, n)], [aval_of(x), aval_of(number)], weak=[False, True])
        return program.out_avals[0].dtype

    assert dtype_of(lambda a, n: a * n, 2.0) == np.float32
    assert dtype_of(lambda a, n: n * a, 2) == np.float32
    assert dtype_of(lambda a, n: a * (n + 1.0), 2.0) == np.float32  # weak with a Python number stays weak
    assert dtype_of(lambda a, n: a * (-n), 2.0) == np.float32
    assert dtype_of(lambda a, n: a * (n * n), 2.0) == np.float32
    assert dtype_of(lambda a, n: a * fnp.sin(n), 2.0) == np.float64  # functions give strong results
    assert dtype_of(lambda a, n: a * (n * np.float64(1)), 2.0) == np.float64
    assert dtype_of(lambda a, n: fnp.maximum(a, n), 2.0) == np.float32


def test_comparisons_with_numbers_out_of_range() -> None:
    x = np.array([0, 200], np.uint8)
    for run in (eager, staged):
        assert_same(run(lambda t: t < 300, [x]), x < 300, "uint8 < 300")
        assert_same(run(lambda t: -1 < t, [x]), -1 < x, "-1 < uint8")
        with pytest.raises(OverflowError):
            run(lambda t: t + 300, [x])


def test_int64_and_uint64_compare_exactly() -> None:
    x, y = np.array([-1, 2**62, 2**62]), np.array([2**63, 2**62, 2**62 + 1], np.uint64)
    for f in (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge):
        for run in (eager, staged):
            assert_same(run(f, [x, y]), f(x, y), f.__name__)
            assert_same(run(f, [y, x]), f(y, x), f.__name__)


def test_unsupported_dtypes_are_refused_by_name() -> None:
    with Trace() as t:
        z = t.input(aval_of(np.ones(2, complex)))
        with pytest.raises(TypeError, match="gamma is not supported for traced values of dtype complex128"):
            special.gamma(z)
        with pytest.raises(TypeError, match="cannot be traced"):
            z + np.array(["a", "b"])
