"""A reshape of an array in memory is that memory: no kernel, no copy, and donation knows of it."""

from __future__ import annotations

from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax
from funcgrad import numpy as fnp
from funcgrad.compile.source import run_source
from funcgrad.compile.steps import Call, Multiply

X, W = np.arange(96.0).reshape(4, 24) / 50, np.cos(np.arange(48.0)).reshape(12, 4)


def test_no_kernel_before_a_product() -> None:
    f = lambda x, w: fnp.dot(fnp.reshape(x, (8, 150)), w)  # noqa: E731
    x, w = np.ones((4, 300)), np.ones((150, 40))
    plan = fg.jit(f).lower(x, w)._lowered().plan
    assert [type(s) for s in plan.steps] == [Multiply]
    np.testing.assert_allclose(fg.jit(f)(x, w), f(x, w))
    np.testing.assert_allclose(run_source(plan, (x, w))[0], f(x, w))


def test_views_of_computed_values_results_and_loops() -> None:
    def f(x: Any, w: Any) -> Any:
        y = fnp.reshape(fnp.tanh(x), (8, 12))
        carry, ys = lax.scan(lambda c, row: (c + fnp.sum(row), fnp.dot(row, w)), 0.0, y)
        return fnp.reshape(ys, (32,)), fnp.reshape(x, (96,)), carry

    for actual, expected in zip(fg.jit(f)(X, W), f(X, W), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)
    assert not any(np.shares_memory(out, X) for out in fg.jit(f)(X, W))
    gradient = fg.grad(lambda x, w: fnp.sum(f(x, w)[0] ** 2), (0, 1))
    for actual, expected in zip(fg.jit(gradient)(X, W), gradient(X, W), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_a_donated_input_that_is_read_through_a_view_is_not_overwritten_early() -> None:
    def f(x: Any, w: Any) -> Any:
        turned = fnp.reshape(x, (8, 12))
        return x * 2.0 + fnp.sum(turned[::-1]), fnp.dot(turned, w)

    expected = f(X, W)
    for actual, e in zip(fg.jit(f, donate_argnums=0)(X.copy(), W), expected, strict=True):
        np.testing.assert_allclose(actual, e, rtol=1e-13)


def test_a_reshape_that_is_only_read_elementwise_is_still_fused() -> None:
    plan = fg.jit(lambda x: fnp.sum(fnp.exp(fnp.reshape(x, (96,))))).lower(X)._lowered().plan
    assert [type(s) for s in plan.steps] == [Call]


def stacked(weights: Any, x: Any) -> Any:
    for k in range(weights.shape[0]):
        x = fnp.tanh(fnp.dot(x, weights[k]))
    return fnp.sum(x)


def test_rows_of_an_array_are_read_where_they_are_and_their_gradients_written_where_they_belong() -> None:
    weights, x = np.random.default_rng(0).standard_normal((7, 48, 48)) / 7, np.ones((32, 48))
    f = fg.value_and_grad(stacked)
    plan = fg.jit(f).lower(weights, x)._lowered().plan
    (value, gradient), (expected, eager) = fg.jit(f)(weights, x), f(weights, x)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, eager, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(run_source(plan, (weights, x))[1], eager, rtol=1e-11, atol=1e-14)
    copied = [s for s in plan.steps if isinstance(s, Call) and any(b.kind == "input" and b.number == 0 for b in s.args)]
    assert not copied and "select" not in fg.jit(f).lower(weights, x).as_text("kernels")


def test_slices_that_are_no_range_are_still_copied() -> None:
    x, w = np.arange(400.0).reshape(4, 100) / 100, np.ones((50, 60))
    for part in (lambda x: x[:, 10:60], lambda x: x[::2, :50], lambda x: x[1:3, 50:], lambda x: x[2:3, 10:60]):
        f = lambda x, w, part=part: fnp.dot(part(x), w)  # noqa: E731
        np.testing.assert_allclose(fg.jit(f)(x, w), f(x, w), rtol=1e-12)


def test_sums_of_padded_arrays_side_by_side_keep_every_bit() -> None:
    """Neighbours are joined, overlapping and distant ranges are added; -0 becomes +0 as in the sum."""
    x = np.array([[-0.0, 1.0, -2.0]])
    for starts in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 3), (0, 0, 1), (3, 1, 2)):

        def f(x: Any, starts: Any = starts) -> Any:
            parts = [fnp.pad(x * (k + 1.0), ((s, 4 - s), (0, 0))) for k, s in enumerate(starts)]
            return parts[0] + parts[1] + parts[2]

        actual, expected = fg.jit(f)(x), f(x)
        np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))


def test_parts_of_a_concatenation() -> None:
    """Values used elsewhere too, inputs, repetitions, numbers and loops as parts."""
    x, y = np.arange(64.0).reshape(1, 64), np.ones((2, 64))

    def f(x: Any, y: Any) -> Any:
        a, b = fnp.tanh(x), fnp.cumsum(y, axis=0)
        c, _ = lax.scan(lambda c, _: (c * 1.5, None), x, None, length=3)
        joined = fnp.concatenate([a, b, y, a, fnp.zeros((1, 64)), c, x, b[1:]])
        return joined, fnp.sum(a) + fnp.sum(b), fnp.dot(joined, fnp.ones((64, 40)))

    for actual, expected in zip(fg.jit(f)(x, y), f(x, y), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)
    assert not any(np.shares_memory(out, z) for out in fg.jit(f)(x, y) for z in (x, y))
    plan = fg.jit(f).lower(x, y)._lowered().plan
    for actual, expected in zip(run_source(plan, (x, y)), f(x, y), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)
