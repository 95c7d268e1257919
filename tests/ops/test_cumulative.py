"""Cumulative operations in compiled code: every length, axis, direction and dtype, and extreme values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
from funcgrad import lax
from funcgrad.ops import cumulative
from funcgrad.test_util import check_grads

REAL = {"cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum}


def expected(ufunc: np.ufunc, x: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    x = np.flip(x, axis) if reverse else x
    out = ufunc.accumulate(x, axis=axis, dtype=x.dtype)
    return np.flip(out, axis) if reverse else out


def assert_native(f: Any, *args: Any) -> None:
    assert not fg.jit(f).lower(*args).as_text("kernels").count("python"), "a Python callback is left"


@st.composite
def arrays(draw: Any, dtypes: str = "d f q i B") -> tuple[np.ndarray, int, bool]:
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 17]), min_size=1, max_size=3)))
    seed, dtype = draw(st.integers(0, 99)), np.dtype(draw(st.sampled_from(dtypes.split())))
    values = np.random.default_rng(seed).integers(-3, 4, shape) / 2
    return values.astype(dtype), draw(st.integers(0, len(shape) - 1)), draw(st.booleans())


@settings(max_examples=30, deadline=None)
@given(arrays(), st.sampled_from(sorted(REAL)))
def test_values(case: tuple, name: str) -> None:
    x, axis, reverse = case
    out = fg.jit(lambda x: getattr(lax, name)(x, axis, reverse))(x)
    np.testing.assert_array_equal(
        out, expected(REAL[name], x, axis, reverse)
    )  # halves: every order gives the same bits
    assert out.dtype == x.dtype


@settings(max_examples=20, deadline=None)
@given(arrays("d f"))
def test_logarithms_of_sums(case: tuple) -> None:
    x, axis, reverse = case
    with np.errstate(invalid="ignore"):
        want = expected(np.logaddexp, x, axis, reverse)
    out = fg.jit(lambda x: lax.cumlogsumexp(x, axis, reverse))(x)
    np.testing.assert_allclose(
        out, want, rtol=1e-13 if x.dtype == np.float64 else 1e-5, atol=1e-15 if x.itemsize == 8 else 1e-6
    )


@settings(max_examples=12, deadline=None)
@given(arrays("d"), st.sampled_from(["cumsum", "cumprod", "cumlogsumexp"]))
def test_derivatives(case: tuple, name: str) -> None:
    x, axis, reverse = case
    f = lambda x: np.sin(getattr(lax, name)(x, axis, reverse))  # noqa: E731
    check_grads(f, (x,), order=2)
    one = np.cos(np.arange(x.size)).reshape(x.shape)
    compiled, eager = (g(fg.grad(lambda x: np.sum(f(x) * one))) for g in (fg.jit, lambda g: g))
    np.testing.assert_allclose(compiled(x), eager(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "x",
    [[1000.0, -1000.0, 999.0], [-1e307, 1e307], [-745.0] * 4, [0.0, -1e3, -2e3], [-2e3, -1e3, 0.0], [1e-300, -1e-300]],
)
def test_logarithms_of_sums_neither_overflow_nor_lose_the_small(x: list[float]) -> None:
    x = np.array(x)
    np.testing.assert_allclose(fg.jit(lax.cumlogsumexp)(x), np.logaddexp.accumulate(x), rtol=1e-14)
    slopes = fg.jit(fg.jacobian(lax.cumlogsumexp))(x)
    total = np.logaddexp.accumulate(x)
    np.testing.assert_allclose(slopes, np.tril(np.exp(np.minimum(x[None, :] - total[:, None], 0))), rtol=1e-12)


@pytest.mark.parametrize("x", [[-np.inf, -np.inf, 1.0, 2.0], [1.0, np.inf, 2.0], [-np.inf], [1.0, np.nan, 2.0]])
def test_infinite_logarithms(x: list[float]) -> None:
    x = np.array(x)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isfinite(fg.jit(lax.cumlogsumexp)(x)), np.isfinite(np.logaddexp.accumulate(x)))
        np.testing.assert_allclose(fg.jit(lax.cumlogsumexp)(x), np.logaddexp.accumulate(x), rtol=1e-15)
    gradient = fg.jit(fg.grad(lambda x: lax.cumlogsumexp(x)[-1]))(x)
    assert (gradient[np.isneginf(x)] == 0).all(), "what is absent from a sum changes nothing"


def test_recurrence_does_not_read_the_first_factor() -> None:
    a, b = np.array([np.nan, 2.0, 3.0]), np.array([1.0, 1.0, 1.0])
    for f in (cumulative.recurrence, fg.jit(cumulative.recurrence, static_argnames=("axis", "reverse"))):
        np.testing.assert_array_equal(f(a, b, axis=0, reverse=False), [1.0, 3.0, 10.0])
        np.testing.assert_array_equal(f(a[::-1].copy(), b, axis=0, reverse=True), [10.0, 3.0, 1.0])


def test_products_of_zeros_have_derivatives() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0])
    jacobian = fg.jit(fg.jacobian(lax.cumprod))(x)
    np.testing.assert_array_equal(jacobian, [[1, 0, 0, 0], [0, 2, 0, 0], [0, 6, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("shape, axis", [((5, 9), 1), ((9, 5), 0), ((7,), 0), ((3, 4, 1), 1), ((2, 3, 4), 1)])
def test_nothing_calls_back_into_python(shape: tuple, axis: int) -> None:
    x = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    for name in (*REAL, "cumlogsumexp"):
        f = fg.grad(lambda x, name=name: np.sum(getattr(lax, name)(x, axis) ** 2))
        assert_native(f, x)
        np.testing.assert_allclose(fg.jit(f)(x), f(x), rtol=1e-12, atol=1e-14)


def test_types() -> None:
    with pytest.raises(TypeError, match="cumlogsumexp: needs floating-point numbers, got int64"):
        lax.cumlogsumexp(np.arange(3))
    counts = fg.jit(lambda x: np.logaddexp.accumulate(x))(np.arange(3))
    np.testing.assert_allclose(counts, np.logaddexp.accumulate(np.arange(3)), rtol=1e-15)
    with pytest.raises(TypeError, match="cumlogsumexp is not defined for dtype int64"):
        fg.jit(lambda x: cumulative.cumlogsumexp(x, axis=0, reverse=False))(np.arange(3))
    with pytest.raises(TypeError, match="recurrence: needs factors and terms of one floating type, got float64"):
        fg.jit(lambda a: cumulative.recurrence(a, a[1:], axis=0, reverse=False))(np.arange(3.0))
