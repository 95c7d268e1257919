"""The emitter against NumPy: every instruction and conversion on edge values, sharing, scopes, reductions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from elementwise_kernels import Kernels, emitter, inputs

from funcgrad.core import scalar as s
from funcgrad.core.scalar import Expr, const, convert, evaluate, fma, instruction, select, sym

FLOATS = [np.float64, np.float32]
SIGNED = [np.int64, np.int32, np.int16, np.int8]
UNSIGNED = [np.uint64, np.uint32, np.uint16, np.uint8]
DTYPES = [np.dtype(d) for d in [*FLOATS, *SIGNED, *UNSIGNED, np.bool_]]
ORDER = ["lt", "le", "gt", "ge", "eq", "ne"]
OPERATIONS = {
    "f": {
        1: ["neg", "abs", "sqrt", "floor", "ceil", "trunc", "rint"],
        2: ["add", "sub", "mul", "div", "copysign", "minimum", "maximum", *ORDER],
    },
    "i": {
        1: ["neg", "abs", "not", "floor", "ceil", "trunc"],
        2: ["add", "sub", "mul", "minimum", "maximum", "quo", "rem", "and", "or", "xor", "shl", "shr", *ORDER],
    },
    "b": {1: ["not"], 2: ["add", "mul", "minimum", "maximum", "and", "or", "xor", *ORDER]},
}
OPERATIONS["u"] = OPERATIONS["i"]


def edge_values(dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "f":
        info = np.finfo(dtype)
        positive = [0, 0.5, 1, 1.5, 2.5, 1e6 + 0.5, info.max, info.tiny, info.smallest_subnormal, np.inf, 3.7]
        return np.array([*positive, *(-v for v in positive), np.nan], dtype)
    info = np.iinfo(dtype)
    values = {0, 1, 2, 3, 7, 10, 31, 63, info.max, info.max - 1, info.min, info.min + 1, -1, -2, -3, -7}
    return np.array(sorted(v for v in values if info.min <= v <= info.max), dtype)


def pairs(dtype: np.dtype) -> list[np.ndarray]:
    values = edge_values(dtype)
    return [a.ravel() for a in np.meshgrid(values, values)]


@pytest.fixture(scope="module")
def instruction_kernels() -> tuple[Kernels, dict[str, Expr]]:
    expressions = {}
    for dtype in DTYPES:
        for count, ops in OPERATIONS[dtype.kind].items():
            for op in ops:
                expressions[f"{op}_{dtype.name}"] = instruction(op, *inputs(*[dtype] * count))
        condition, a, b = inputs(np.bool_, dtype, dtype)
        expressions[f"select_{dtype.name}"] = select(condition, a, b)
    return Kernels(expressions), expressions


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_instructions_equal_numpy(instruction_kernels, dtype):
    kernels, expressions = instruction_kernels
    for count, ops in OPERATIONS[dtype.kind].items():
        arrays = [edge_values(dtype)] if count == 1 else pairs(dtype)
        for op in ops:
            name = f"{op}_{dtype.name}"
            expected = evaluate(expressions[name], {f"x{i}": a for i, a in enumerate(arrays)})
            actual = kernels(name, *arrays)
            np.testing.assert_array_equal(actual, expected, err_msg=name, strict=True)
            if dtype.kind == "f" and op not in ("minimum", "maximum") and expected.dtype == dtype:
                known = ~np.isnan(expected)
                np.testing.assert_array_equal(np.signbit(actual)[known], np.signbit(expected)[known], err_msg=name)


@pytest.mark.parametrize("dtype", [*SIGNED, *UNSIGNED])
def test_division_of_random_integers(instruction_kernels, dtype):
    """Numbers of all sizes, exact multiples and their neighbours; large ones among small ones in one vector."""
    rng, info = np.random.default_rng(0), np.iinfo(dtype)
    a = rng.integers(info.min, info.max, 4000, dtype, endpoint=True) >> rng.integers(0, info.bits, 4000).astype(dtype)
    b = rng.integers(info.min, info.max, 4000, dtype, endpoint=True) >> rng.integers(0, info.bits, 4000).astype(dtype)
    with np.errstate(over="ignore"):
        a[::2] = b[::2] * (a[::2] >> dtype(info.bits // 2)) + rng.integers(0, 3, 2000).astype(dtype) - dtype(1)
    kernels, expressions = instruction_kernels
    for op in ("quo", "rem"):
        name = f"{op}_{np.dtype(dtype).name}"
        expected = evaluate(expressions[name], {"x0": a, "x1": b})
        np.testing.assert_array_equal(kernels(name, a, b), expected, err_msg=name)


def test_division_is_vectorized(instruction_kernels):
    types = instruction_kernels[0].vector_types()
    for dtype in [*SIGNED, *UNSIGNED]:
        for op in ("quo", "rem"):
            assert any(t.endswith("x double>") for t in types[f"{op}_{np.dtype(dtype).name}"])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_select_equals_numpy(instruction_kernels, dtype):
    a, b = pairs(dtype)
    condition = np.arange(a.size) % 3 == 0
    actual = instruction_kernels[0](f"select_{dtype.name}", condition, a, b)
    np.testing.assert_array_equal(actual, np.where(condition, a, b))


@pytest.fixture(scope="module")
def conversion_kernels() -> Kernels:
    return Kernels({f"{a}_{b}": convert(inputs(a)[0], b) for a, b in itertools.permutations(DTYPES, 2)})


@pytest.mark.parametrize("source", DTYPES, ids=str)
def test_conversions_equal_astype_in_range(conversion_kernels, source):
    values = edge_values(source)
    for target in DTYPES:
        if target == source:
            continue
        x = values
        if source.kind == "f" and target.kind in "iu":
            info = np.iinfo(target)
            with np.errstate(invalid="ignore"):
                x = x[np.isfinite(x) & (np.trunc(x) >= info.min) & (x < float(info.max))]
        with np.errstate(all="ignore"):
            expected = x.astype(target)
        np.testing.assert_array_equal(conversion_kernels(f"{source}_{target}", x), expected, err_msg=str(target))


@pytest.mark.parametrize("target", [*SIGNED, *UNSIGNED])
@pytest.mark.parametrize("source", FLOATS)
def test_float_to_integer_saturates_out_of_range(conversion_kernels, source, target):
    info = np.iinfo(target)
    x = np.array([np.inf, -np.inf, 1e30, -1e30, np.nan], source)
    actual = conversion_kernels(f"{np.dtype(source)}_{np.dtype(target)}", x)
    np.testing.assert_array_equal(actual, np.array([info.max, info.min, info.max, info.min, 0], target))


@pytest.mark.parametrize(("a", "b"), [(np.float64, np.uint64), (np.float32, np.int32), (np.int64, np.uint64)])
def test_bitcast_round_trip(a, b):
    kernels = Kernels({"there": s.bitcast(inputs(a)[0], b), "back": s.bitcast(inputs(b)[0], a)})
    x = edge_values(np.dtype(a))
    np.testing.assert_array_equal(kernels("there", x), x.view(b))
    np.testing.assert_array_equal(kernels("back", x.view(b)).view(b), x.view(b))


@pytest.mark.parametrize("dtype", FLOATS)
def test_fma_rounds_once(dtype):
    x, y, z = inputs(dtype, dtype, dtype)
    kernels = Kernels({"fma": fma(x, y, z)})
    tiny = 2.0 ** -(np.finfo(dtype).nmant // 2 + 2)
    a = dtype(1 + tiny)
    assert kernels("fma", np.array([a]), np.array([a]), np.array([-(1 + 2 * tiny)], dtype))[0] == dtype(tiny * tiny)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_constants_are_exact(dtype):
    values = edge_values(dtype)
    zero = inputs(dtype)[0]
    kernels = Kernels({f"c{i}": select(s.eq(zero, zero), const(v, dtype), zero) for i, v in enumerate(values)})
    actual = np.array([kernels(f"c{i}", np.zeros(1, dtype))[0] for i in range(len(values))], dtype)
    np.testing.assert_array_equal(actual.view(f"u{dtype.itemsize}"), values.view(f"u{dtype.itemsize}"))


REDUCTIONS = [
    *(("add", 0, d) for d in [*FLOATS, np.int64, np.uint8]),
    *(("mul", 1, d) for d in [*FLOATS, np.int32]),
    *(("minimum", np.inf, d) for d in FLOATS),
    *(("maximum", -np.inf, d) for d in FLOATS),
    ("maximum", np.iinfo(np.int32).min, np.int32),
    ("minimum", np.iinfo(np.uint64).max, np.uint64),
    *((op, op == "and", np.bool_) for op in ("and", "or")),
]


@pytest.fixture(scope="module")
def reduction_kernels() -> Kernels:
    return Kernels({}, {f"{op}_{np.dtype(d)}": (op, first, d) for op, first, d in REDUCTIONS})


@pytest.mark.parametrize(("op", "first", "dtype"), REDUCTIONS)
def test_reductions_equal_numpy_and_vectorize(reduction_kernels, op, first, dtype):
    name = f"{op}_{np.dtype(dtype)}"
    rng = np.random.default_rng(0)
    x = (
        (1 + rng.normal(size=1003) / 50).astype(dtype)
        if np.dtype(dtype).kind == "f"
        else rng.integers(0, 9, 1003).astype(dtype)
    )
    expected = {"add": np.add, "mul": np.multiply, "minimum": np.minimum, "maximum": np.maximum}.get(op)
    expected = (expected or {"and": np.logical_and, "or": np.logical_or}[op]).reduce(x, dtype=dtype)
    np.testing.assert_allclose(reduction_kernels(name, x)[0], expected, rtol=1e-4 if dtype == np.float32 else 1e-12)
    assert reduction_kernels.vector_types()[name]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", ["minimum", "maximum"])
def test_extremum_reductions_propagate_nan(reduction_kernels, op, dtype):
    x = np.linspace(-1, 1, 200).astype(dtype)
    for position in (0, 77, 199):
        with_nan = x.copy()
        with_nan[position] = np.nan
        assert np.isnan(reduction_kernels(f"{op}_{np.dtype(dtype)}", with_nan)[0])


def test_shared_and_equal_expressions_are_emitted_once():
    lines: list[str] = []
    emit = emitter(lines, {})
    emit.bind("x", "%x", np.float64)
    x = sym("x", np.float64)
    square = x * x
    first = emit.value(square + square)
    assert len(lines) == 2
    assert emit.value(sym("x", np.float64) * sym("x", np.float64) + x * x) == first
    assert len(lines) == 2


def test_child_scope_reuses_the_values_of_its_parent():
    outer, inner = [], []
    parent = emitter(outer, {})
    parent.bind("x", "%x", np.float64)
    x = sym("x", np.float64)
    square = x * x
    operand = parent.value(square)
    child = emitter(inner, {}, parent=parent)
    assert child.value(square) == operand and child.value(x * x) == operand and inner == []
    child.value(square + 1.0)
    assert len(inner) == 1 and len(outer) == 1


def test_deep_expressions_do_not_exhaust_the_stack():
    lines: list[str] = []
    emit = emitter(lines, {})
    emit.bind("x", "%x", np.float64)
    expr = sym("x", np.float64)
    for _ in range(20_000):
        expr = expr + 1.0
    emit.value(expr)
    assert len(lines) == 20_000


def test_only_accumulators_may_be_reassociated():
    x, lines = sym("x", np.float64), []
    emit = emitter(lines, {})
    emit.bind("x", "%x", np.float64)
    emit.accumulate("add", "%a", emit.value(s.exp(x * 3.0) + 1.0), np.float64)
    flagged = [line for line in lines if "contract" in line or "reassoc" in line or "fast" in line]
    assert flagged == lines[-1:]


def test_unknown_types_and_operations_are_refused():
    emit = emitter([], {})
    emit.bind("x", "%x", np.float64)
    x = sym("x", np.float64)
    with pytest.raises(TypeError, match="no instruction and for float64"):
        emit.value(x & x)
    with pytest.raises(TypeError, match="no machine type for dtype float16"):
        emit.value(convert(x, np.float16))
    with pytest.raises(TypeError, match="bound as float64 and used as float32"):
        emit.value(sym("x", np.float32))
    with pytest.raises(KeyError, match="not bound"):
        emit.value(sym("y", np.float64))
