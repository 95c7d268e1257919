"""Equations that hold effects with results, under eager derivatives: as if the results had been written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import lax
from funcgrad.core.avals import shaped
from funcgrad.core.tracing import retrace
from funcgrad.ops.branching import switch


def drawn(x: Any) -> Any:
    """2, out of Python."""
    return fg.io_callback(lambda _: np.float64(2), fg.ShapeDtypeStruct((), float), fg.stop_gradient(x))


def known(x: Any) -> Any:
    """2."""
    return 2.0


def same_gradients(function: Any, *args: Any) -> None:
    """`function(two, *args)` is differentiated with the number drawn and with the number known."""
    numbers = tuple(range(len(args)))
    got = fg.grad(lambda *xs: function(drawn, *xs), argnums=numbers)(*args)
    expected = fg.grad(lambda *xs: function(known, *xs), argnums=numbers)(*args)
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-13)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 3])
def test_scan(length: int, reverse: bool) -> None:
    def loop(two: Any, a: Any, c: Any, xs: Any, zs: Any) -> Any:
        def step(c: Any, row: Any) -> Any:
            x, z = row
            c = fnp.sin(c) * two(z) + a * x[0] - x[1] * x[2] * z
            return c, c * x

        last, ys = lax.scan(step, c, (xs, zs), reverse=reverse)
        return last + fnp.sum(ys * np.arange(1.0, 1 + 3 * length).reshape(length, 3))

    xs = np.arange(3.0 * length).reshape(length, 3) / 7
    same_gradients(loop, np.float64(0.3), np.float64(0.7), xs, np.cos(np.arange(float(length))))


@pytest.mark.parametrize("index", [-2, 0, 1, 2, 9])
def test_switch(index: int) -> None:
    def choose(two: Any, x: Any, y: Any) -> Any:
        branches = [lambda x, y: two(x) * x * y, lambda x, y: x + y * y, lambda x, y: fnp.sin(x) * two(y) - y]
        programs = tuple(retrace(lambda a, b, f=f: [f(a, b)], [shaped((), np.float64)] * 2) for f in branches)
        return switch(np.int64(index), x, y, branches=programs)[0]  # the op itself: lax.switch clamps the index before

    same_gradients(choose, np.float64(0.3), np.float64(0.7))


def test_while_loop() -> None:
    def grow(two: Any, a: Any, x: Any) -> Any:
        return lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * two(s[0]) * a, s[1] + 1), (x, np.int64(0)))[0]

    got = fg.grad(lambda x: grow(drawn, 0.4, x))(0.7)
    np.testing.assert_allclose(got, (2 * 0.4) ** 3, rtol=1e-13)


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
@pytest.mark.parametrize("axes", [(0, None), (None, 1), (1, 0)])
def test_pure_callback_with_several_results(method: str, axes: tuple[int | None, int | None]) -> None:
    def both(x: Any, y: Any) -> Any:
        return x + y, x * y

    def called(x: Any, y: Any) -> Any:
        types = (fg.ShapeDtypeStruct((3,), float), fg.ShapeDtypeStruct((3,), float))
        return fg.pure_callback(both, types, x, y, vmap_method=method)

    args = [np.arange(3.0 if a is None else 6.0) + 1 for a in axes]
    args = [v if a is None else v.reshape((2, 3) if a == 0 else (3, 2)) for v, a in zip(args, axes)]
    for got, expected in zip(fg.vmap(called, axes)(*args), fg.vmap(both, axes)(*args), strict=True):
        np.testing.assert_array_equal(got, expected)
