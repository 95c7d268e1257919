"""Convolutions and window reductions: against loops, SciPy and recorded values of JAX, under every transformation."""

from __future__ import annotations

import itertools
import json
from typing import Any

import convolution_cases as recorded
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import funcgrad as fg
from funcgrad import lax, nn
from funcgrad.api.compilation import jit
from funcgrad.test_util import check_grads

LAST = dict(dimension_numbers=("NHWC", "HWIO", "NHWC"))


# --- oracles ----------------------------------------------------------------------------------------------------------


def loop_conv(x: Any, w: Any, strides: Any, pairs: Any, base: Any, dilations: Any, features: int, batches: int) -> Any:
    """What a convolution means, one product at a time; x is [n, c, space], w [o, c / groups, space]."""
    space = x.ndim - 2
    apart = np.zeros((*x.shape[:2], *((n - 1) * b + 1 for n, b in zip(x.shape[2:], base))))
    apart[(..., *(slice(None, None, b) for b in base))] = x
    widths = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations)]
    lengths = [n + lo + hi for n, (lo, hi) in zip(apart.shape[2:], pairs)]
    counts = [max((n - k) // s + 1, 0) for n, k, s in zip(lengths, widths, strides)]
    n, o = x.shape[0] // batches, w.shape[0]
    out = np.zeros((n, o, *counts))
    for example, feature in itertools.product(range(n), range(o)):
        group = feature // (o // (features * batches))
        for p, k in itertools.product(
            itertools.product(*map(range, counts)), itertools.product(*map(range, w.shape[2:]))
        ):
            at = [i * s + j * d - pairs[a][0] for a, (i, j, s, d) in enumerate(zip(p, k, strides, dilations))]
            if all(0 <= i < m for i, m in zip(at, apart.shape[2:])):
                row = example if features > 1 or batches == 1 else group * n + example
                first = group * w.shape[1] if features > 1 else 0
                seen = apart[(row, slice(first, first + w.shape[1]), *at)]
                out[(example, feature, *p)] += seen @ w[(feature, slice(None), *k)]
    assert space == len(counts)
    return out


def loop_windows(x: Any, reduce: Any, init: float, sizes: Any, strides: Any, pairs: Any) -> Any:
    """What a window reduction means."""
    wide = np.pad(x, pairs, constant_values=init)
    counts = [max((n - k) // s + 1, 0) for n, k, s in zip(wide.shape, sizes, strides)]
    out = np.empty(counts)
    for p in np.ndindex(*counts):
        out[p] = reduce(np.append(wide[tuple(slice(i * s, i * s + k) for i, s, k in zip(p, strides, sizes))], init))
    return out


@st.composite
def convolutions(draw: Any) -> tuple[Any, ...]:
    """Operands and parameters of a small convolution."""
    space = draw(st.integers(1, 2))
    features = draw(st.integers(1, 3))
    batches = draw(st.integers(1, 2)) if features == 1 else 1
    several = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(space))  # noqa: E731
    n, c, o = draw(st.integers(1, 2)) * batches, draw(st.integers(1, 2)), draw(st.integers(1, 2)) * features * batches
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    x, w = rng.standard_normal((n, c * features, *several(1, 5))), rng.standard_normal((o, c, *several(1, 3)))
    pairs = tuple((draw(st.integers(-1, 2)), draw(st.integers(-1, 2))) for _ in range(space))
    return x, w, several(1, 3), pairs, several(1, 2), several(1, 2), features, batches


# --- values -----------------------------------------------------------------------------------------------------------


@given(convolutions())
@settings(max_examples=150, deadline=None)
def test_a_convolution_is_the_loop(case: tuple[Any, ...]) -> None:
    found = lax.conv_general_dilated(*case[:6], feature_group_count=case[6], batch_group_count=case[7])
    np.testing.assert_allclose(found, loop_conv(*case), atol=1e-12)


@given(convolutions())
@settings(max_examples=15, deadline=None)
def test_a_compiled_convolution_and_its_pullback_are_the_eager_ones(case: tuple[Any, ...]) -> None:
    x, w, *rest = case

    def both(x: Any, w: Any, ct: Any) -> Any:
        function = lambda x, w: lax.conv_general_dilated(x, w, *rest[:4], None, *rest[4:])  # noqa: E731
        value, pullback = fg.vjp(function, x, w)
        return value, pullback(ct)

    ct = np.cos(np.arange(loop_conv(*case).size)).reshape(loop_conv(*case).shape)
    for a, b in zip(fg.tree.tree_leaves(jit(both)(x, w, ct)), fg.tree.tree_leaves(both(x, w, ct)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("space", [1, 2, 3])
def test_a_convolution_of_one_channel_is_a_correlation(space: int) -> None:
    rng = np.random.default_rng(space)
    x, w = rng.standard_normal((6, 5, 4)[:space]), rng.standard_normal((3, 2, 2)[:space])
    found = lax.conv(x[None, None], w[None, None], (1,) * space, "VALID")[0, 0]
    np.testing.assert_allclose(found, signal.correlate(x, w, "valid"), rtol=1e-12, atol=1e-13)
    full = [(k - 1, k - 1) for k in w.shape]
    found = lax.conv_with_general_padding(x[None, None], w[None, None], (1,) * space, full, None, None)[0, 0]
    np.testing.assert_allclose(found, signal.correlate(x, w, "full"), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", recorded.functions(lax))
def test_values_and_pullbacks_are_those_of_jax(name: str, compiled: bool) -> None:
    function, args = recorded.functions(lax)[name]
    expected = json.loads(recorded.VALUES.read_text())[name]

    def everything(*args: Any) -> list[Any]:
        value, pullback = fg.vjp(function, *args)
        return [value, *pullback(recorded.cotangent(tuple(expected[0][0])))]

    found = (jit(everything) if compiled else everything)(*args)
    for array, (shape, numbers) in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, np.reshape(numbers, shape), atol=1e-8)


def test_every_recorded_case_has_values() -> None:
    assert set(json.loads(recorded.VALUES.read_text())) == set(recorded.functions(lax))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_transposed_kernel_is_the_gradient_of_the_convolution(padding: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 6, 6, 3)), rng.standard_normal((2, 2, 3, 4))
    forward = lambda x: lax.conv_general_dilated(x, w, (2, 2), padding, **LAST)  # noqa: E731
    y, pullback = fg.vjp(forward, x)
    found = lax.conv_transpose(y, w, (2, 2), padding, transpose_kernel=True)
    np.testing.assert_allclose(found, pullback(y)[0], rtol=1e-12, atol=1e-12)


WINDOWS = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2))


@given(
    st.sampled_from(["max", "min", "sum"]), st.lists(WINDOWS, min_size=1, max_size=3), st.sampled_from([0.0, 0.7, None])
)
@settings(max_examples=150, deadline=None)
def test_a_window_reduction_is_the_loop(kind: str, axes: list[tuple[int, ...]], start: float | None) -> None:
    reduce, computation, neutral = {"max": (np.max, lax.max, -np.inf), "min": (np.min, lax.min, np.inf), "sum": (np.sum, np.add, 0.0)}[kind]  # fmt: skip  # noqa: E501
    init = neutral if start is None else start
    x = np.random.default_rng(len(axes)).standard_normal([3 + k for k in range(len(axes))])
    sizes, strides = ([a[k] for a in axes] for k in (0, 1))
    pairs = [(a[2], a[3]) for a in axes]
    found = lax.reduce_window(x, init, computation, sizes, strides, pairs)
    np.testing.assert_allclose(found, loop_windows(x, reduce, init, sizes, strides, pairs), atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape, sizes, strides", [((12, 11), (9, 8), (1, 3)), ((80, 2), (70, 1), (2, 1))])
def test_a_window_too_large_to_unroll(shape: tuple, sizes: tuple, strides: tuple, compiled: bool) -> None:
    x = np.random.default_rng(1).standard_normal(shape)
    x[3, 1] = x[5, 0] = x[7, 1] = 9.0  # the first of these has the derivative of all windows that hold it
    pool = lambda x: lax.reduce_window(x, -np.inf, lax.max, sizes, strides, "VALID")  # noqa: E731
    gradient = fg.grad(lambda x: np.sum(pool(x) ** 2))
    expected, values = np.zeros(shape), loop_windows(x, np.max, -np.inf, sizes, strides, [(0, 0)] * 2)
    for p in np.ndindex(values.shape):
        corner = tuple(i * s for i, s in zip(p, strides))
        window = x[tuple(slice(c, c + k) for c, k in zip(corner, sizes))]
        first = np.unravel_index(np.argmax(window), sizes)
        expected[tuple(c + k for c, k in zip(corner, first))] += 2 * values[p]
    np.testing.assert_array_equal((jit(pool) if compiled else pool)(x), values)
    np.testing.assert_allclose((jit(gradient) if compiled else gradient)(x), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_integers(dtype: Any) -> None:
    x, w = np.arange(20).astype(dtype).reshape(1, 1, 20), np.ones((1, 1, 3), dtype)
    y = lax.conv(x, w, (1,), "VALID")
    assert y.dtype == dtype
    np.testing.assert_array_equal(y[0, 0], np.arange(1, 19) * 3)
    for kind, init in ((lax.max, np.iinfo(dtype).min), (lax.min, np.iinfo(dtype).max)):
        for f in (lambda x: lax.reduce_window(x, init, kind, (1, 1, 4), (1, 1, 4), "VALID"),):  # noqa: B023
            expected = x.reshape(5, 4).max(1) if kind is lax.max else x.reshape(5, 4).min(1)
            np.testing.assert_array_equal(f(x)[0, 0], expected)
            np.testing.assert_array_equal(jit(f)(x)[0, 0], expected)


def test_a_nan_is_the_largest_and_the_smallest() -> None:
    x = np.array([1.0, np.nan, 3.0, 4.0])
    for kind, init in ((lax.max, -np.inf), (lax.min, np.inf)):
        f = lambda x: lax.reduce_window(x, init, kind, (2,), (2,), "VALID")  # noqa: B023, E731
        for g in (f, jit(f)):
            assert np.isnan(g(x)[0]) and g(x)[1] == (4.0 if kind is lax.max else 3.0)


def test_the_result_can_have_another_dtype() -> None:
    x, w = np.ones((1, 1, 3), np.float32), np.ones((1, 1, 2), np.float32)
    assert lax.conv(x, w, (1,), "VALID", preferred_element_type=np.float64).dtype == np.float64
    assert lax.conv(x, w, (1,), "VALID").dtype == np.float32


# --- derivatives and batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", recorded.functions(lax))
def test_derivatives_of_both_modes_and_two_orders(name: str) -> None:
    function, args = recorded.functions(lax)[name]
    apart = [a + 0.013 * np.random.default_rng(7).permutation(a.size).reshape(a.shape) for a in args]  # no ties
    check_grads(lambda *xs: np.sin(function(*xs)), apart, order=2)


@pytest.mark.parametrize("name", recorded.functions(lax))
@pytest.mark.parametrize("compiled", [False, True])
def test_batches_of_each_operand(name: str, compiled: bool) -> None:
    function, args = recorded.functions(lax)[name]
    for axes in itertools.product((None, 0, -1), repeat=len(args)):
        if all(a is None for a in axes) or (compiled and axes[0] is None):
            continue
        given = [a if k is None else np.stack([a, 2 * a + 1], k) for a, k in zip(args, axes)]
        batched = fg.vmap(function, in_axes=axes)
        found = (jit(batched) if compiled else batched)(*given)
        rows = [[a if k is None else np.take(a, i, k) for a, k in zip(given, axes)] for i in range(2)]
        np.testing.assert_allclose(found, np.stack([function(*row) for row in rows]), atol=1e-11)


def test_of_equal_elements_the_first_has_the_derivative() -> None:
    x = np.array([[1.0, 2.0, 2.0, 1.0], [2.0, 2.0, 2.0, 0.0]])
    for sizes, strides in (((2, 2), (2, 2)), ((2, 3), (1, 1))):
        f = lambda x: lax.reduce_window(x, -np.inf, lax.max, sizes, strides, "VALID").sum()  # noqa: B023, E731
        expected = np.array([[0.0, 1, 1, 0], [0] * 4]) if sizes == (2, 2) else np.array([[0.0, 2, 0, 0], [0] * 4])
        np.testing.assert_array_equal(fg.grad(f)(x), expected)
        np.testing.assert_array_equal(jit(fg.grad(f))(x), expected)


def network(params: Any, x: Any, labels: Any) -> Any:
    """Two convolutions with pools, and a linear layer."""
    for w, b in params[:-1]:
        y = lax.conv_general_dilated(x, w, (1, 1), "SAME", **LAST) + b
        x = nn.max_pool(nn.relu(y), (2, 2), (2, 2))
    logits = x.reshape(x.shape[0], -1) @ params[-1][0] + params[-1][1]
    return -np.mean(nn.log_softmax(logits)[np.arange(len(labels)), labels])


def network_arrays(examples: int, dtype: Any = np.float32) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    make = lambda *shape: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype(dtype)  # noqa: E731
    params = [(make(3, 3, 1, 8), make(8)), (make(5, 5, 8, 12), make(12)), (make(7 * 7 * 12, 10), make(10))]
    return params, make(examples, 28, 28, 1), rng.integers(0, 10, examples)


@pytest.mark.parametrize("examples", [1, 6, 64])
def test_a_compiled_network_has_the_eager_gradient(examples: int) -> None:
    args = network_arrays(examples, np.float64)
    value, gradient = jit(fg.value_and_grad(network))(*args)
    expected, eager = fg.value_and_grad(network)(*args)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for a, b in zip(fg.tree.tree_leaves(gradient), fg.tree.tree_leaves(eager), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_gradients_of_examples_add_up_to_the_gradient_of_the_batch() -> None:
    params, x, labels = network_arrays(4, np.float64)
    each = jit(fg.vmap(fg.grad(lambda p, x, k: network(p, x[None], k[None])), in_axes=(None, 0, 0)))(params, x, labels)
    whole = jit(fg.grad(network))(params, x, labels)
    for a, b in zip(fg.tree.tree_leaves(each), fg.tree.tree_leaves(whole), strict=True):
        np.testing.assert_allclose(a.mean(0), b, rtol=1e-10, atol=1e-13)


# --- pools ------------------------------------------------------------------------------------------------------------


def test_pools() -> None:
    x = np.random.default_rng(0).permutation(180).reshape(2, 6, 5, 3) * 0.02 - 2
    for pool, reduce in ((nn.max_pool, np.max), (nn.min_pool, np.min), (nn.avg_pool, np.mean)):
        rows = x[:, :6, :4].reshape(2, 3, 2, 2, 2, 3)
        np.testing.assert_allclose(pool(x, (2, 2), (2, 2)), reduce(rows, axis=(2, 4)), rtol=1e-13)
        assert pool(x, (2, 2)).shape == (2, 5, 4, 3) and pool(x[0], (3, 3), padding="SAME").shape == (6, 5, 3)
        check_grads(lambda x, pool=pool: pool(x, (3, 2), (2, 1), "SAME"), (x,), order=2)
    ones = nn.avg_pool(np.ones((1, 3, 3, 1)), (2, 2), (2, 2), ((0, 1), (1, 0)), count_include_pad=False)
    np.testing.assert_array_equal(ones, np.ones((1, 2, 2, 1)))


# --- how they are compiled --------------------------------------------------------------------------------------------


def kernels(fun: Any, *args: Any) -> list[str]:
    """The texts of the kernels of a compiled function."""
    text = jit(fun).lower(*args).as_text("kernels")
    return [part for part in text.split("\n\n") if part.startswith("kernel_")]


def test_a_pool_is_one_pass_over_what_it_pools() -> None:
    x, b = np.ones((8, 12, 12, 16), np.float32), np.ones(16, np.float32)
    pool = lambda x, b: nn.max_pool(nn.relu(x + b), (2, 2), (2, 2))  # noqa: E731
    assert len(kernels(pool, x, b)) == 1
    both = lambda x, b: fg.value_and_grad(lambda x: np.sum(pool(x, b) ** 2))(x)  # noqa: E731
    assert not any("if" in text.split() for text in kernels(both, x, b))  # no scatter


def test_channels_are_read_as_vectors() -> None:
    """LLVM must not unroll the loop over channels and gather along the one around it."""
    x = np.ones((8, 12, 12, 16), np.float32)
    lowered = jit(fg.grad(lambda x: np.sum(nn.max_pool(x, (2, 2), (2, 2)) ** 2))).lower(x)
    assert "llvm.loop.unroll.disable" in lowered.as_text("llvm")
    assert "masked.gather" not in lowered.as_text("optimized")


def test_pools_of_pools_are_kept() -> None:
    """A wide window of wide windows would otherwise be one expression of all their elements."""
    x = np.ones((2, 20, 20, 16), np.float32)
    pool = lambda x: lax.reduce_window(x, -np.inf, lax.max, (1, 20, 20, 1), (1, 1, 1, 1), "VALID")  # noqa: E731
    assert len(kernels(pool, x)) > 1 and max(len(text) for text in kernels(pool, x)) < 10_000


# --- errors -----------------------------------------------------------------------------------------------------------

X, W = np.ones((2, 8, 8, 3)), np.ones((3, 3, 3, 4))


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: lax.conv_general_dilated(X, W, (1, 1), "SAME"), r"float64\[2,8,8,3\] has 8 channels and 2 examples"),
        (lambda: lax.conv_general_dilated(X, W[:, :, :2], (1, 1), "SAME", **LAST),
         r"the kernel float64\[3,3,2,4\] takes 2 channels and gives 4(.|\n)*Fix: the kernel must take 3 / 1 channels"),
        (lambda: lax.conv_general_dilated(X, W[:, :, :1], (1, 1), "SAME", **LAST, feature_group_count=3),
         "do not divide into feature_group_count=3"),
        (lambda: lax.conv_general_dilated(X, W, (1, 1), "SAME", **LAST, feature_group_count=0),
         "must be positive"),
        (lambda: lax.conv_general_dilated(X, W, (1, 1), "EQUAL", **LAST), "there is no padding 'EQUAL'"),
        (lambda: lax.conv_general_dilated(X, W, (1, 1), [(1, 1)], **LAST), "does not fit 2 axes"),
        (lambda: lax.conv_general_dilated(X, W, (1,), "SAME", **LAST),
         r"window_strides=\(1,\) does not fit.\nFix: give 2 positive integers"),
        (lambda: lax.conv_general_dilated(X, W, (1, 0), "SAME", **LAST), r"window_strides=\(1, 0\)"),
        (lambda: lax.conv_general_dilated(X, W, (1, 1), "SAME", (2, 1), **LAST), "use conv_transpose"),
        (lambda: lax.conv_general_dilated(X, W, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHXC")),
         "do not name the 4 axes"),
        (lambda: lax.conv_general_dilated(X, W[0], (1, 1), "SAME"), r"has shape \(2, 8, 8, 3\) and the kernel"),
        (lambda: lax.conv_transpose(X, W, (2, 2), "FULL"), "conv_transpose: there is no padding 'FULL'"),
        (lambda: lax.reduce_window(X, 0.0, lax.add, (2, 2), (1, 1)), "window_dimensions=.* give 4 positive integers"),
        (lambda: lax.padtype_to_pads((5, 6), (3, 3), (2,), "SAME"), "give one number for each axis"),
        (lambda: nn.max_pool(X, (2, 2, 2, 2), (1, 1, 1, 1)), "do not fit an array of shape"),
        (lambda: nn.avg_pool(X, (2, 2), (1,)), "give one size and one stride for each axis of space"),
    ],
)  # fmt: skip
def test_errors_of_values(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text.replace(".* give", "(.|\n)*give")):
        call()


def test_errors_of_types() -> None:
    with pytest.raises(TypeError, match=r"cannot multiply float32\[2,8,8,3\] with float64\[3,3,3,4\](.|\n)*Fix"):
        lax.conv_general_dilated(X.astype(np.float32), W, (1, 1), "SAME", **LAST)
    with pytest.raises(TypeError, match=r"cannot reduce by(.|\n)*lax.add, lax.max or lax.min"):
        lax.reduce_window(X, 0.0, lambda x, y: x + y, (1, 2, 2, 1))
    with pytest.raises(TypeError, match="there is no max of bool"):
        lax.reduce_window(X > 0, False, lax.max, (1, 2, 2, 1))
