"""Batched while loops: lanes of different lengths in a pool, compiled, printed and eager, against one loop each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import lax
from funcgrad.compile.control_plan import POOL_WIDTH
from funcgrad.compile.source import run_source
from funcgrad.compile.steps import LanePool
from funcgrad.ops.while_lanes import EAGER_WIDTH


def growth(a: Any, n: Any) -> Any:
    """n steps of x <- x + a sin(x), from a."""
    step = lambda s: (s[0] + 1, np.sin(s[1]) * a + s[1])  # noqa: E731
    return lax.while_loop(lambda s: s[0] < n, step, (0, a))[1]


def lanes(size: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(size)
    return random.uniform(0.5, 1.5, size), random.integers(0, 40, size)


def one_by_one(f: Any, *rows: np.ndarray) -> np.ndarray:
    return np.stack([f(*row) for row in zip(*rows)])


def pools(f: Any, *args: Any) -> list[LanePool]:
    return [s for s in fg.jit(f).lower(*args)._lowered().plan.steps if isinstance(s, LanePool)]


@pytest.mark.parametrize("size", [1, 3, 4, POOL_WIDTH - 1, POOL_WIDTH, POOL_WIDTH + 1, 150])
def test_every_lane_makes_its_own_steps(size: int) -> None:
    rows = lanes(size)
    expected = one_by_one(growth, *rows)
    np.testing.assert_allclose(fg.vmap(growth)(*rows), expected, rtol=1e-13)
    np.testing.assert_allclose(fg.jit(fg.vmap(growth))(*rows), expected, rtol=1e-13)
    lowered = fg.jit(fg.vmap(growth)).lower(*rows)._lowered()
    np.testing.assert_allclose(run_source(lowered.plan, rows)[0], expected, rtol=1e-13)


def test_eager_lanes_take_the_places_of_those_that_have_ended() -> None:
    """More lanes than places, with constants of their own, an integer among the carries, and some that never start."""
    random = np.random.default_rng(3)
    a, n = random.uniform(0.5, 1.5, 3 * EAGER_WIDTH + 7), random.integers(0, 9, 3 * EAGER_WIDTH + 7)
    f = lambda a, n: lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, np.sin(s[1]) + a), (0, a))  # noqa: E731
    counts, values = fg.vmap(f)(a, n)
    np.testing.assert_array_equal(counts, n)
    np.testing.assert_allclose(values, [f(*row)[1] for row in zip(a, n)], rtol=1e-13)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_lanes(order: int) -> None:
    rows = lanes(40)
    f = growth
    for _ in range(order):
        f = fg.grad(f)
    expected = one_by_one(f, *rows)
    for batched in (fg.vmap(f), fg.jit(fg.vmap(f))):
        np.testing.assert_allclose(batched(*rows), expected, rtol=1e-12)


def test_derivative_of_the_batch() -> None:
    """The same loop differentiated after batching, with a constant shared by all lanes."""
    a, n = lanes(40)
    total = lambda w, a: fnp_sum(fg.vmap(lambda x, k: growth(w * x, k))(a, n))  # noqa: E731
    expected = sum(fg.grad(lambda w, x=x, k=k: growth(w * x, k))(0.9) for x, k in zip(a, n))
    for gradient in (fg.grad(total), fg.jit(fg.grad(total))):
        np.testing.assert_allclose(gradient(0.9, a), expected, rtol=1e-12)


def fnp_sum(x: Any) -> Any:
    return np.sum(x)


def test_lanes_of_small_arrays_and_of_both_precisions() -> None:
    f = lambda x: lax.while_loop(lambda c: np.sum(c * c) < 50.0, lambda c: c * 1.3 + 0.1, x)  # noqa: E731
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-5)):
        x = np.random.default_rng(0).uniform(0.1, 2.0, (50, 3)).astype(dtype)
        for batched in (fg.vmap(f), fg.jit(fg.vmap(f))):
            np.testing.assert_allclose(batched(x), one_by_one(f, x), rtol=tolerance)


def test_a_pool_is_used_for_small_lanes_only() -> None:
    assert [p.width for p in pools(fg.vmap(growth), *lanes(100))] == [POOL_WIDTH]
    large = lambda x: lax.while_loop(lambda c: np.sum(c) < 1e6, lambda c: c * 2.0 + 1.0, x)  # noqa: E731
    x = np.random.default_rng(0).uniform(0.1, 2.0, (5, 1000))
    assert not pools(fg.vmap(large), x)
    np.testing.assert_allclose(fg.jit(fg.vmap(large))(x), one_by_one(large, x), rtol=1e-13)


def test_lanes_that_end_at_once_or_never_start() -> None:
    n = np.zeros(50, int)
    a = np.linspace(0.1, 1.0, 50)
    np.testing.assert_array_equal(fg.jit(fg.vmap(growth))(a, n), a)
    assert fg.jit(fg.vmap(growth))(np.zeros(0), np.zeros(0, int)).shape == (0,)
    n[37] = 500
    np.testing.assert_allclose(fg.jit(fg.vmap(growth))(a, n), one_by_one(growth, a, n), rtol=1e-12)
