"""Collectives by the name of a vmap axis: values, nesting, derivatives inside and outside, loops, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax

X = np.array([0.5, 1.5, 3.0, -1.0])
M = np.arange(12.0).reshape(3, 4) / 5


def both(f: Any, *args: Any) -> Any:
    """The result of f, equal with and without compilation."""
    eager, compiled = f(*args), fg.jit(f)(*args)
    for x, y in zip(fg.tree.leaves(eager), fg.tree.leaves(compiled), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-13)
    return eager


@pytest.mark.parametrize("f, expected", [
    (lambda x: lax.psum(x, "i"), np.full(4, X.sum())),
    (lambda x: lax.pmean(x, "i"), np.full(4, X.mean())),
    (lambda x: lax.pmax(x, "i"), np.full(4, 3.0)),
    (lambda x: lax.pmin(x, "i"), np.full(4, -1.0)),
    (lambda x: x + lax.axis_index("i"), X + np.arange(4)),
    (lambda x: lax.all_gather(x, "i") * x, X * X[:, None]),
    (lambda x: lax.psum(1, "i") * x, 4 * X),
    (lambda x: lax.psum(2.0, "i") + x, 8.0 + X),
    (lambda x: lax.ppermute(x, "i", [(0, 1), (3, 0)]), np.array([-1.0, 0.5, 0.0, 0.0])),
    (lambda x: lax.psum({"a": x, "b": (x > 0,)}, "i")["b"][0], np.full(4, 3)),
])  # fmt: skip
def test_values(f: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(both(fg.vmap(f, axis_name="i"), X), expected)


def test_constants_count_once_for_each_example() -> None:
    np.testing.assert_allclose(fg.vmap(lambda x: x + lax.psum(np.float64(2.0), "i"), axis_name="i")(X), X + 8)


def test_nested_axes() -> None:
    f = lambda x: (lax.psum(x, "i"), lax.psum(x, "j"), lax.psum(x, ("i", "j")), lax.axis_index(("i", "j")))  # noqa: E731
    columns, rows, total, number = both(fg.vmap(fg.vmap(f, axis_name="j"), axis_name="i"), M)
    np.testing.assert_allclose(columns, np.broadcast_to(M.sum(0), M.shape))
    np.testing.assert_allclose(rows, np.broadcast_to(M.sum(1)[:, None], M.shape))
    np.testing.assert_allclose(total, np.full(M.shape, M.sum()))
    np.testing.assert_array_equal(number, np.arange(12).reshape(3, 4))


def test_an_inner_unnamed_vmap_leaves_the_name_alone() -> None:
    f = fg.vmap(fg.vmap(lambda x: lax.psum(x, "i")), axis_name="i")
    np.testing.assert_allclose(both(f, M), np.broadcast_to(M.sum(0), M.shape))
    square = M[:3, :3]  # the same size along both axes, so that only the name tells them apart
    np.testing.assert_allclose(both(f, square), np.broadcast_to(square.sum(0), square.shape))
    g = fg.vmap(fg.vmap(lambda x: lax.psum(x, "i"), axis_name="i"))
    np.testing.assert_allclose(both(g, square), np.broadcast_to(square.sum(1)[:, None], square.shape))


def normalized(x: Any) -> Any:
    centered = x - lax.pmean(x, "batch")
    return centered / np.sqrt(lax.pmean(centered**2, "batch") + 1e-5)


def test_batch_normalization_and_its_gradient() -> None:
    whole = lambda x: (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)  # noqa: E731
    w = np.array([1.0, -2.0, 0.5, 3.0])
    named = lambda x: np.sum(w * fg.vmap(normalized, axis_name="batch")(x))  # noqa: E731
    np.testing.assert_allclose(both(named, X), np.sum(w * whole(X)), rtol=1e-13)
    expected = fg.grad(lambda x: np.sum(w * whole(x)))(X)
    np.testing.assert_allclose(both(fg.grad(named), X), expected, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(fg.jvp(named, (X,), (w,))[1], np.dot(expected, w), rtol=1e-12)


def test_a_gradient_inside_is_that_of_the_sum_over_all_examples() -> None:
    inside = fg.vmap(fg.grad(lambda x: lax.psum(x, "i") ** 2), axis_name="i")
    np.testing.assert_allclose(both(inside, X), np.full(4, 4 * 2 * X.sum()))
    gathered = fg.vmap(fg.grad(lambda x: np.sum(np.sin(lax.all_gather(x, "i")))), axis_name="i")
    np.testing.assert_allclose(both(gathered, X), 4 * np.cos(X), rtol=1e-13)
    largest = fg.vmap(fg.grad(lambda x: lax.pmax(x, "i")), axis_name="i")
    np.testing.assert_allclose(both(largest, X), [0, 0, 4, 0])


def test_inside_control_flow() -> None:
    def f(x: Any) -> Any:
        total, _ = lax.scan(lambda c, _: (c * 0.5 + lax.psum(x * c, "i"), None), 1.0, None, length=3)
        return lax.cond(total > 0, lambda x: lax.pmean(x, "i"), lambda x: -x, x)

    def loop(x: np.ndarray) -> np.ndarray:
        c = np.ones_like(x)
        for _ in range(3):
            c = c * 0.5 + np.sum(x * c)
        return np.where(c > 0, x.mean(), -x)

    np.testing.assert_allclose(both(fg.vmap(f, axis_name="i"), X), loop(X), rtol=1e-13)


def test_unbound_name() -> None:
    with pytest.raises(NameError, match=r"psum: unbound axis name 'k'; the bound ones are: 'i'(.|\n)*axis_name='k'"):
        fg.vmap(lambda x: lax.psum(x, "k"), axis_name="i")(X)
    with pytest.raises(NameError, match="axis_index: unbound axis name 'i'; the bound ones are: none"):
        lax.axis_index("i")
    with pytest.raises(NameError, match=r"axis_size: unbound"):
        fg.jit(lambda x: lax.pmean(x, "i"))(1.0)


def test_the_name_is_free_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        fg.vmap(lambda x: 1 / 0, axis_name="i")(X)
    with pytest.raises(NameError):
        lax.axis_index("i")
