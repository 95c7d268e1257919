# ruff: noqa: E501
"""Thin functions of `funcgrad.lax`: strict operands, values of NumPy, SciPy and JAX, derivatives, compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import funcgrad as fg
from funcgrad import lax, lax_arrays
from funcgrad.test_util import check_grads

X, Y = np.array([0.3, 0.7, 0.2, 0.9]), np.array([0.6, 0.2, 0.8, 0.4])
I, J = np.array([7, -7, 12, 3]), np.array([2, 2, -5, 1])
B = np.array([[1.0, 5.0, 2.0], [4.0, 0.5, 4.0]])
# Those whose meaning is not that of the NumPy function of the same or the long name.
MEANING: dict[str, Callable] = {
    "neg": np.negative, "is_finite": np.isfinite, "logistic": special.expit, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "erfc": special.erfc,
    "erf_inv": special.erfinv, "lgamma": special.gammaln, "digamma": special.digamma, "bessel_i0e": special.i0e,
    "bessel_i1e": special.i1e, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "rem": np.fmod,
    "atan2": np.arctan2, "pow": np.power, "igamma": special.gammainc, "igammac": special.gammaincc,
    "zeta": lambda x, q: special.zeta(x + 2, q), "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "shift_right_arithmetic": np.right_shift,
    "shift_left": np.left_shift, "betainc": special.betainc,
}  # fmt: skip
INTEGER = ("bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right_arithmetic")
OWN = ("clz", "population_count", "shift_right_logical", "igamma_grad_a")  # tested below


def operands(name: str) -> list[Any]:
    if name in INTEGER:
        return [abs(I)] if name == "bitwise_not" else [I, abs(J)]
    if name in ("real", "imag", "conj"):
        return [X + 1j * Y]
    count = 1 if name in lax_arrays._UNARY else 2 if name in lax_arrays._BINARY else 3
    first = X + 1.2 if name == "acosh" else X
    return [first, Y, X[::-1].copy()][:count]


@pytest.mark.parametrize("name", [n for n in lax_arrays.ELEMENTWISE if n not in OWN])
def test_elementwise(name: str) -> None:
    args, f = operands(name), getattr(lax, name)
    expected = MEANING.get(name, getattr(np, name, None))(*args)
    call = (lambda x, q: f(x + 2, q)) if name == "zeta" else f
    runs = [call] if name in ("real", "imag", "conj") else [call, fg.jit(call)]
    for run in runs:
        got = run(*args)
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    if args[0].dtype.kind == "f" and expected.dtype.kind == "f" and name not in ("nextafter", "sign", "floor", "ceil"):
        check_grads(call, tuple(args), order=1)


def test_all_names_of_jax_that_are_the_same_function() -> None:
    assert set(lax_arrays.__all__) <= set(lax.__all__) and len(set(lax.__all__)) == len(lax.__all__)


def test_operands_are_strict() -> None:
    with pytest.raises(TypeError, match=r"sin: needs floating-point or complex numbers, got int64\[\].\nFix: convert"):
        lax.sin(1)
    with pytest.raises(TypeError, match="clz: needs integers, got float64"):
        lax.clz(X)
    with pytest.raises(TypeError, match="sub: the arrays must have equal shapes and dtypes"):
        lax.sub(X, X[:2])
    with pytest.raises(TypeError, match="sub: takes 2 arrays, got 1"):
        lax.sub(X)
    assert lax.mul(np.float32([2.0]), 3).dtype == np.float32 and lax.exp(np.float32(1)).dtype == np.float32


def test_integers() -> None:
    for run in (lambda f: f, fg.jit):
        np.testing.assert_array_equal(run(lax.div)(I, J), [3, -3, -2, 3])  # as in C
        np.testing.assert_array_equal(run(lax.rem)(I, J), [1, -1, 2, 0])
        np.testing.assert_array_equal(run(lax.population_count)(np.array([0, 7, -1], np.int32)), [0, 3, 32])
        np.testing.assert_array_equal(run(lax.clz)(np.array([0, 1, -1, 255], np.int16)), [16, 15, 0, 8])
        np.testing.assert_array_equal(run(lax.clz)(np.array([1, 2**40])), [63, 23])
        np.testing.assert_array_equal(
            run(lax.shift_right_logical)(np.array([-1, 8], np.int32), np.array([28, 1], np.int32)), [15, 4]
        )
    assert lax.clz(np.int16(1)).dtype == np.int16


def test_rounding_and_powers() -> None:
    x = np.array([0.5, 1.5, -2.5, 0.49999999999999994, 2.0**52 + 1, -0.2])
    for run in (lambda f: f, fg.jit):
        np.testing.assert_array_equal(run(lax.round)(x), [1, 2, -3, 0, 2.0**52 + 1, 0])
        np.testing.assert_array_equal(run(lambda x: lax.round(x, 1))(x), np.rint(x))
    with pytest.raises(ValueError, match="rounding_method must be 0"):
        lax.round(x, 2)
    np.testing.assert_allclose(fg.grad(lambda x: lax.integer_pow(x, -2))(2.0), -0.25)
    np.testing.assert_allclose(fg.grad(lambda x: lax.polygamma(1.0, x))(2.0), special.polygamma(2, 2.0))
    np.testing.assert_allclose(lax.igamma_grad_a(2.0, 1.0), fg.grad(special.gammainc)(2.0, 1.0))


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_reductions(name: str) -> None:
    f = lambda x: getattr(lax, f"reduce_{name}")(x, (1,))  # noqa: E731
    for x in (B, (2 * B).astype(np.int32), B.astype(np.float32)):
        for run in (f, fg.jit(f)):
            np.testing.assert_allclose(run(x), getattr(np, name)(x, axis=1))
            assert run(x).dtype == x.dtype
    check_grads(lambda x: getattr(lax, f"reduce_{name}")(x + np.arange(3), (0, 1)), (B,), order=1)


def test_reductions_of_bits_and_by_functions() -> None:
    a = np.array([[6, 3, 5], [12, 10, 9]])
    for run in (lambda f: f, fg.jit):
        for name, ufunc in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor)):
            for x in (a, a > 5):
                f = lambda x, n=name: getattr(lax, f"reduce_{n}")(x, (1,))  # noqa: E731
                np.testing.assert_array_equal(run(f)(x), ufunc.reduce(x, axis=1))
        np.testing.assert_array_equal(run(lambda x: lax.argmax(x, 1, np.int32))(B), [1, 0])
        np.testing.assert_array_equal(run(lambda x: lax.argmin(x, 0))(B), [0, 1, 0])
    norm = lambda x: lax.reduce(x, 0.0, lambda p, q: np.hypot(p, q), (0, 1))  # noqa: E731
    np.testing.assert_allclose(fg.jit(norm)(B), np.linalg.norm(B))
    check_grads(norm, (B,), order=1)
    with pytest.raises(TypeError, match="reduce: takes one array"):
        lax.reduce((B, B), 0.0, lax.add, (0,))


SHAPES: dict[str, tuple[Callable, Callable]] = {
    "full_like": (lambda x: lax.full_like(x, 2) * x, lambda x: 2 * x),
    "full": (lambda x: lax.full((2, 3), x[0, 0]), lambda x: np.full((2, 3), x[0, 0])),
    "broadcasted_iota": (lambda x: lax.broadcasted_iota(int, (2, 3), 0) * x, lambda x: np.indices((2, 3))[0] * x),
    "reshape": (lambda x: lax.reshape(x, (6,), (1, 0)), lambda x: x.T.reshape(6)),
    "collapse": (lambda x: lax.collapse(x[None], 0, 2), lambda x: x), "transpose": (lambda x: lax.transpose(x, (1, 0)), np.transpose),
    "rev": (lambda x: lax.rev(x, (0, 1)), lambda x: x[::-1, ::-1]), "broadcast": (lambda x: lax.broadcast(x, (2,)), lambda x: np.stack([x, x])),
    "broadcast_in_dim": (lambda x: lax.broadcast_in_dim(x, (2, 4, 3), (0, 2)), lambda x: np.repeat(x[:, None], 4, 1)),
    "broadcast_to_rank": (lambda x: lax.broadcast_to_rank(x, 3), lambda x: x[None]),
    "stack": (lambda x: lax.stack([x, x], 1), lambda x: np.stack([x, x], 1)), "unstack": (lambda x: lax.unstack(x)[1], lambda x: x[1]),
    "split": (lambda x: lax.split(x, (1, 2), 1)[1], lambda x: x[:, 1:]), "tile": (lambda x: lax.tile(x, (1, 2)), lambda x: np.tile(x, 2)),
    "slice": (lambda x: lax.slice(x, (0, 1), (2, 3)), lambda x: x[:, 1:]), "slice by steps": (lambda x: lax.slice(x, (0, 0), (2, 3), (1, 2)), lambda x: x[:, ::2]),
    "slice_in_dim": (lambda x: lax.slice_in_dim(x, 1, None, axis=1), lambda x: x[:, 1:]),
    "index_in_dim": (lambda x: lax.index_in_dim(x, -1, 1), lambda x: x[:, 2:]), "index_in_dim flat": (lambda x: lax.index_in_dim(x, 1, keepdims=False), lambda x: x[1]),
    "index_take": (lambda x: lax.index_take(x, (np.array([2, 0]),), (1,)), lambda x: x.T[[2, 0]]),
    "dynamic_update_index_in_dim": (lambda x: lax.dynamic_update_index_in_dim(x, x[:, 0], 2, 1), lambda x: x[:, [0, 1, 0]]),
    "dot": (lambda x: lax.dot(x, x[0]), lambda x: x @ x[0]), "batch_matmul": (lambda x: lax.batch_matmul(x[None], x.T[None]), lambda x: (x @ x.T)[None]),
    "sort": (lambda x: lax.sort(x, 0), lambda x: np.sort(x, 0)), "top_k": (lambda x: lax.top_k(x, 2)[0], lambda x: np.sort(x)[:, :0:-1]),
    "sort_key_val": (lambda x: lax.sort_key_val(x, x * x)[1], lambda x: np.sort(x) ** 2),
    "segment_sum": (lambda x: lax.segment_sum(x.T, np.array([1, 0, 1]), 3), lambda x: np.stack([x[:, 1], x[:, 0] + x[:, 2], 0 * x[:, 0]])),
    "segment_prod": (lambda x: lax.segment_prod(x.T, np.array([1, 0, 1])), lambda x: np.stack([x[:, 1], x[:, 0] * x[:, 2]])),
    "segment_max": (lambda x: lax.segment_max(x.T, np.array([1, 0, 1])), lambda x: np.stack([x[:, 1], np.maximum(x[:, 0], x[:, 2])])),
    "segment_min": (lambda x: lax.segment_min(x.T, np.array([1, 0, 1])), lambda x: np.stack([x[:, 1], np.minimum(x[:, 0], x[:, 2])])),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_order_and_segments(name: str) -> None:
    ours, theirs = SHAPES[name]
    for x in (B, B.astype(np.float32)):
        expected = theirs(x)
        for run in (ours, fg.jit(ours)):
            np.testing.assert_allclose(run(x), expected)
            assert run(x).dtype == expected.dtype
    stack = np.stack([B, B + 0.1 * np.arange(3)])
    np.testing.assert_allclose(fg.vmap(ours)(stack), [theirs(x) for x in stack])
    check_grads(ours, (B + 0.1 * np.arange(3),), order=1)


def test_segments_that_are_data_or_outside() -> None:
    f = fg.jit(lambda x, i: lax.segment_sum(x, i, 2))
    np.testing.assert_array_equal(f(np.ones(5), np.array([0, 1, 1, -1, 2])), [1, 2])
    np.testing.assert_array_equal(lax.segment_max(np.array([3, 5]), np.array([1, 1]), 2), [np.iinfo(int).min, 5])
    with pytest.raises(TypeError, match="segment_sum: give num_segments"):
        fg.jit(lambda x, i: lax.segment_sum(x, i))(np.ones(2), np.array([0, 1]))
    with pytest.raises(TypeError, match="segment_sum: segment_ids must be integers"):
        lax.segment_sum(np.ones(2), np.ones(2))


def test_several_keys() -> None:
    a, b, c = np.array([2, 1, 2, 1]), np.array([0.3, 0.2, 0.1, 0.4]), np.arange(4)
    for run in (lambda f: f, fg.jit):
        got = run(lambda *arrays: lax.sort(arrays, num_keys=2))(a, b, c)
        for x, expected in zip(got, ([1, 1, 2, 2], [0.2, 0.4, 0.1, 0.3], [1, 3, 2, 0]), strict=True):
            np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(run(lambda x: lax.top_k(x, 2))(np.array([1.0, 3.0, 3.0]))[1], [1, 2])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: lax.broadcast_in_dim(x, (2, 3), (1, 0)), ValueError, "are not ascending axes"),
        (lambda x: lax.split(x, (1, 1), 1), ValueError, "do not add up to 3"),
        (lambda x: lax.slice(x, (0, 0), (2, 4)), ValueError, "is not inside of"),
        (lambda x: lax.index_in_dim(x, 2), IndexError, "position 2 is out of range for an axis of size 2"),
        (lambda x: lax.dot(x[None], x), TypeError, "dot: takes vectors and matrices"),
        (lambda x: lax.batch_matmul(x, x[0]), TypeError, "leading axes"),
        (lambda x: lax.sort((x, x), num_keys=3), ValueError, "3 keys for 2 arrays"),
        (lambda x: lax.top_k(x, 4), ValueError, "k must be between 0 and 3"),
    ],
)
def test_errors(call: Callable, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        fg.jit(call)(B)


def test_trees_have_the_name_that_jax_gives_them() -> None:
    assert fg.tree_util.tree_map is fg.tree.tree_map
    assert all(getattr(fg.tree_util, name) is getattr(fg.tree, name) for name in fg.tree_util.__all__)
