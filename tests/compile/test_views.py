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
