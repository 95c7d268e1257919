"""Accuracy of the math functions in ulp against mpmath, their special values, and that their loops are vectorized."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special as special
from elementwise_kernels import Kernels, inputs

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.compile.vecmath import EXPANSIONS
from funcgrad.core import scalar
from funcgrad.core.scalar import FUNCTIONS

DTYPES = [np.float64, np.float32]
BINARY = ["power", "arctan2", "hypot", "fmod"]
UNARY = sorted(set(FUNCTIONS) - set(BINARY))
LIMIT = 4.0  # ulp
INF, NAN = math.inf, math.nan

MP: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp, "exp2": lambda x: mpmath.power(2, x), "expm1": mpmath.expm1, "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2), "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "log1p": mpmath.log1p, "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "arcsin": mpmath.asin,
    "arccos": mpmath.acos, "arctan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh,
    "arcsinh": mpmath.asinh, "arccosh": mpmath.acosh, "arctanh": mpmath.atanh, "erf": mpmath.erf,
    "gauss": lambda x: mpmath.exp(-x * x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), "erfinv": mpmath.erfinv, "digamma": mpmath.digamma,
    "erfc": lambda x: mpmath.erfc(x) if abs(x) < 1000 else mpmath.mpf(2 if x < 0 else 0),
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))) if abs(x) < 60 else mpmath.loggamma(x),
}  # fmt: skip

# Where each function is defined (default: everywhere), and points around which it is hard.
DOMAIN: dict[str, tuple[float, float]] = {
    "log": (0, INF), "log2": (0, INF), "log10": (0, INF), "log1p": (-1, INF), "arcsin": (-1, 1), "arccos": (-1, 1),
    "arctanh": (-1, 1), "arccosh": (1, INF), "erfinv": (-1, 1), "lgamma": (-50, INF), "digamma": (0, INF),
}  # fmt: skip
HARD: dict[str, list[float]] = {
    "exp": [709.5, -708, -745, 88.6, -87.3, -103.5], "exp2": [1023.9, -1022, -1074.5, 127.9, -126, -149.5],
    "expm1": [709.5, 88.6, 0.5, -0.5, 1], "log": [1, 0.5], "log2": [1, 2, 0.5], "log10": [1, 10],
    "log1p": [0.4, -0.3, -1],
    "sin": [k * math.pi for k in (1, 2, 3, 1000, 10433, 12345678)] + [2.0**15, 2.0**27],
    "cos": [(k + 0.5) * math.pi for k in (0, 1, 2, 1000, 10432, 12345678)] + [2.0**15, 2.0**27],
    "tan": [k * math.pi / 2 for k in (0.5, 1, 2, 1001, 20863, 12345679)] + [2.0**15, 2.0**27],
    "arcsin": [0.5, 1, -1], "arccos": [0.5, 1, -1, 1e-3], "arctan": [1, 0.41421356, 2.41421356],
    "arccosh": [1, 1e8, 1e4], "arctanh": [1, -1, 0.5], "arcsinh": [1, 1e8, 1e4], "sinh": [710.4, 89.4, 1, 0.3],
    "cosh": [710.4, 89.4],
    "tanh": [0.3, 1, 19, 9], "cbrt": [1, 8, 27], "erf": [0.75, 1, 3, 5.9, 3.9],
    "gauss": [1, 5, 26.6, 27.2, 9.3, 10.1],
    "erfc": [0.5, 0.75, -0.75, 3, 26.5, 27.2, 9.1, 10.05], "erfinv": [1, -1, 0.5, 0.7, 0.9966],
    "lgamma": [1, 2, -2.4570247382208006, -0.5, 3], "digamma": [1.4616321449683623, 1, 3, 10],
}  # fmt: skip


@cache
def points(name: str, dtype: type) -> np.ndarray:
    """A logarithmic grid from the smallest subnormal to the largest number with both signs, and the hard points."""
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    exponents = np.linspace(np.log2(float(info.smallest_subnormal)), info.maxexp - 1e-9, 400)
    values = [np.exp2(exponents), np.exp2(rng.uniform(-6, 6, 100)), [float(info.max)]]
    for c in HARD[name]:
        values += [c + np.spacing(dtype(abs(c))) * np.arange(-8.0, 9.0), c * (1 + np.exp2(rng.uniform(-20, -2, 16)))]
    with np.errstate(over="ignore", invalid="ignore"):
        x = np.concatenate(values).astype(dtype)
    x = np.concatenate([x, -x])
    low, high = DOMAIN.get(name, (-INF, INF))
    return x[
        np.isfinite(x) & (x > low) & (x < high) & ((x > 0) | (x != np.rint(x)) | (name not in ("lgamma", "digamma")))
    ]


def ulps(actual: Any, exact: Any, dtype: type) -> float:
    """The distance of a result from the exact value in units of the last place (subnormals: of the smallest number)."""
    info = np.finfo(dtype)
    if not math.isfinite(actual):
        overflow = mpmath.mpf(float(info.max)) * (1 + mpmath.mpf(2) ** (-info.nmant - 3))
        return 0.0 if not math.isnan(actual) and abs(exact) > overflow and (actual > 0) == (exact > 0) else INF
    exponent = max(mpmath.frexp(exact)[1] - 1, info.minexp) if exact else info.minexp
    return float(abs(mpmath.mpf(float(actual)) - exact) / mpmath.mpf(2) ** (exponent - info.nmant))


@pytest.fixture(scope="module")
def kernels() -> dict[type, Kernels]:
    """All functions in one module per dtype."""
    return {
        dtype: Kernels({name: getattr(scalar, name)(*inputs(*[dtype] * (1 + (name in BINARY)))) for name in FUNCTIONS})
        for dtype in DTYPES
    }


def worst(actual: np.ndarray, exact: Callable[..., Any], dtype: type, *arguments: np.ndarray) -> tuple[float, Any]:
    """The largest error and where it is."""
    with mpmath.workprec(140):
        errors = [
            ulps(a, exact(*(mpmath.mpf(float(v)) for v in x)), dtype)
            for a, x in zip(actual.tolist(), zip(*arguments, strict=True), strict=True)
        ]
    where = int(np.argmax(errors))
    return errors[where], [x[where] for x in arguments]


def test_every_function_has_an_expansion():
    assert set(EXPANSIONS) == set(FUNCTIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_accuracy(kernels, name, dtype):
    x = points(name, dtype)
    error, where = worst(kernels[dtype](name, x), MP[name], dtype, x)
    assert error <= LIMIT, f"{error} ulp at {where}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_sign_of_results_near_and_at_zero(kernels, name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, tiny, -tiny, 7 * tiny, -7 * tiny], dtype)
    odd = {
        "expm1",
        "log1p",
        "sin",
        "tan",
        "arcsin",
        "arctan",
        "sinh",
        "tanh",
        "arcsinh",
        "arctanh",
        "cbrt",
        "erf",
        "erfinv",
    }
    if name in odd:
        y = kernels[dtype](name, x)
        np.testing.assert_array_equal(np.signbit(y), np.signbit(x))
        np.testing.assert_array_equal(y == 0, x == 0)


SPECIAL: dict[str, dict[float, float]] = {
    "exp": {INF: INF, -INF: 0, 0: 1}, "exp2": {INF: INF, -INF: 0, 10: 1024, -3: 0.125},
    "expm1": {INF: INF, -INF: -1}, "log": {0: -INF, INF: INF, -1: NAN, -INF: NAN, 1: 0},
    "log2": {0: -INF, INF: INF, -1: NAN, 8: 3, 2.0**-140: -140, 1: 0},
    "log10": {0: -INF, INF: INF, -1: NAN, 1000: 3, 1: 0},
    "log1p": {-1: -INF, INF: INF, -2: NAN, -INF: NAN}, "sin": {INF: NAN, -INF: NAN}, "cos": {INF: NAN, -INF: NAN, 0: 1},
    "tan": {INF: NAN, -INF: NAN}, "arcsin": {1.5: NAN, -1.5: NAN, INF: NAN}, "arccos": {1.5: NAN, -INF: NAN, 1: 0},
    "arctan": {INF: math.pi / 2, -INF: -math.pi / 2}, "sinh": {INF: INF, -INF: -INF},
    "cosh": {INF: INF, -INF: INF, 0: 1},
    "tanh": {INF: 1, -INF: -1, 1e30: 1, -30: -1}, "arcsinh": {INF: INF, -INF: -INF},
    "arccosh": {INF: INF, 1: 0, 0.5: NAN, -3: NAN, -INF: NAN},
    "arctanh": {1: INF, -1: -INF, 1.5: NAN, INF: NAN, -INF: NAN},
    "cbrt": {INF: INF, -INF: -INF, 27: 3, -8: -2}, "erf": {INF: 1, -INF: -1, 30: 1},
    "gauss": {INF: 0, -INF: 0, 0: 1, 40: 0}, "erfc": {INF: 0, -INF: 2, 0: 1, 30: 0},
    "erfinv": {1: INF, -1: -INF, 1.5: NAN, -INF: NAN}, "lgamma": {INF: INF, 1: 0, 2: 0, 0: INF, -3: INF},
    "digamma": {INF: INF, -2: NAN, 0: -INF},
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_special_values(kernels, name, dtype):
    cases = {**SPECIAL[name], NAN: NAN}
    actual = kernels[dtype](name, np.array(list(cases)))
    np.testing.assert_allclose(actual, np.array(list(cases.values()), dtype), rtol=np.finfo(dtype).eps)
    exact = ~np.isin(np.array(list(cases.values()), dtype), np.array([math.pi / 2, -math.pi / 2], dtype))
    np.testing.assert_array_equal(actual[exact], np.array(list(cases.values()), dtype)[exact])


@pytest.mark.parametrize("dtype", DTYPES)
def test_huge_angles(kernels, dtype):
    """Lanes on the rare path are mixed with ordinary ones."""
    x = np.array([1e22, 2.0**120, 3e38, 6381956970095103.0 * 2.0**60, 1e300, 1e10, 4e5])
    x = x[x < float(np.finfo(dtype).max)].astype(dtype)
    mixed = np.repeat(np.concatenate([x, np.linspace(-3, 3, 29).astype(dtype)]), 3)
    np.random.default_rng(0).shuffle(mixed)
    with mpmath.workprec(1300):
        for name in ("sin", "cos", "tan"):
            exact = [MP[name](mpmath.mpf(float(v))) for v in mixed]
            errors = [ulps(a, e, dtype) for a, e in zip(kernels[dtype](name, mixed).tolist(), exact, strict=True)]
            assert max(errors) <= LIMIT


def test_the_worst_angle_is_as_good_as_the_c_library(kernels):
    """The double closest to a multiple of pi / 2; the C library itself is 8 ulp off here."""
    x = 6381956970095103.0 * 2.0**797
    for name in ("sin", "cos", "tan"):
        np.testing.assert_allclose(kernels[np.float64](name, np.array([x]))[0], getattr(math, name)(x), rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_digamma_of_negative_numbers(kernels, dtype):
    """Between the poles the error is small against the larger of the two terms of the reflection."""
    assert kernels[dtype]("digamma", np.array([-0.0])) == np.inf
    x = -np.random.default_rng(0).uniform(0.01, 40, 400).astype(dtype)
    with mpmath.workprec(140):
        exact = np.array([float(mpmath.digamma(mpmath.mpf(float(v)))) for v in x])
    scale = np.abs(exact) + np.abs(np.pi / np.tan(np.pi * x.astype(np.float64)))
    assert np.all(np.abs(kernels[dtype]("digamma", x) - exact) <= 4 * np.finfo(dtype).eps * scale)


EDGES = [0.0, 1.0, 2.0, 0.5, 3.0, INF, 1e30, 1e-42, 2.0**53, 7.0, 1.5, 1e-30]
PAIRS = np.array([(a, b) for a in [*EDGES, *(-e for e in EDGES), NAN] for b in [*EDGES, *(-e for e in EDGES), NAN]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_binary_special_values_equal_numpy(kernels, name, dtype):
    a, b = PAIRS.T.astype(dtype)
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name](a, b)
    actual = kernels[dtype](name, a, b)
    known = ~np.isnan(expected)
    np.testing.assert_allclose(actual, expected, rtol=8 * np.finfo(dtype).eps, atol=0)
    np.testing.assert_array_equal(np.signbit(actual)[known], np.signbit(expected)[known])


@pytest.mark.parametrize("dtype", DTYPES)
def test_power_accuracy(kernels, dtype):
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    x = np.exp2(np.linspace(np.log2(float(info.smallest_subnormal)), info.maxexp - 0.01, 700)).astype(dtype)
    y = rng.uniform(np.log(float(info.smallest_subnormal)), np.log(float(info.max)), x.size) / np.log(x.astype(float))
    near = (1 + rng.uniform(-1, 1, 400) * np.exp2(rng.uniform(-info.nmant, -1, 400))).astype(dtype)
    near = near[near != 1]
    x = np.concatenate([x, near, near, -np.arange(1.0, 30).astype(dtype)])
    far = rng.uniform(-600, 600, near.size) / np.log(near.astype(float))
    y = np.concatenate([y, far, rng.uniform(-50, 50, near.size), np.arange(-12, 17)])
    y = np.clip(y, -1e30, 1e30).astype(dtype)
    keep = (x != 1) & (np.abs(y * np.log2(np.abs(x.astype(float)))) < 2 * info.maxexp)
    x, y = x[keep], y[keep]
    error, where = worst(kernels[dtype]("power", x, y), mpmath.power, dtype, x, y)
    assert error <= LIMIT, f"{error} ulp at {where}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "exact"), [("arctan2", mpmath.atan2), ("hypot", mpmath.hypot)])
def test_plane_accuracy(kernels, name, exact, dtype):
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    x = np.exp2(np.linspace(np.log2(float(info.smallest_subnormal)), info.maxexp - 0.01, 800)).astype(dtype)
    with np.errstate(over="ignore"):
        y = np.concatenate([rng.permutation(x), (x * np.exp2(rng.uniform(-4, 4, x.size))).astype(dtype)])
    x, y = np.concatenate([x, -x]), y * rng.choice(np.array([-1, 1], dtype), y.size)
    keep = np.isfinite(y) & (y != 0)
    x, y = x[keep], y[keep]
    error, where = worst(kernels[dtype](name, y, x), exact, dtype, y, x)
    assert error <= LIMIT, f"{error} ulp at {where}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_loops_are_vectorized(kernels, dtype):
    """digamma and lgamma of float32 work in float64."""
    kind = {np.float64: "double", np.float32: "float"}[dtype]
    types = kernels[dtype].vector_types()
    assert set(types) == set(FUNCTIONS)
    scalar_loops = {name for name, found in types.items() if not any(t.endswith(f"x {kind}>") for t in found)}
    assert not scalar_loops


def test_rare_paths_are_tested_inside_the_loop():
    """A call in every iteration would spill the registers of everything around it."""
    text = fg.jit(lambda x: fnp.sin(x) + fnp.exp(x)).lower(np.ones(4096)).as_text("optimized")
    loop = text[text.index("@kernel_0") :]
    loop = loop[: loop.index("\n}")]
    assert re.search(r"call double @beyond|@beyond.sin.lanes", loop) and "@beyond.sin.v" not in loop


@pytest.mark.parametrize(
    ("function", "count", "paired"),
    [(special.erfinv, 4096, True), (special.erfinv, 64, False), (np.exp, 4096, False)],
)
def test_long_loops_of_long_bodies_are_interleaved(function, count, paired):
    text = fg.jit(function).lower(np.full(count, 0.5)).as_text("llvm")
    assert ('llvm.loop.interleave.count", i32 2' in text) == paired
    x = np.linspace(-0.9, 0.9, count)
    np.testing.assert_allclose(fg.jit(function)(x), function(x), rtol=1e-14)


def test_where_there_are_many_functions_vectors_of_them_are_called():
    """A module with more than a dozen defines each repeated function once, for one lane and for vectors."""
    xs = [np.linspace(-2, 2, 1024 + k) for k in range(14)]
    lowered = fg.jit(lambda *args: [np.tanh(a) for a in args]).lower(*xs)
    assert len(re.findall(r"define .*hidden double @math.tanh.f64\(", lowered.as_text("llvm"))) == 1
    assert re.search(r"call <(\d) x double> @math\.tanh\.f64\.v\1\(", lowered.as_text("optimized"))
    for x, y in zip(xs, lowered.compile()(*xs), strict=True):
        np.testing.assert_allclose(y, np.tanh(x), rtol=1e-15)
