# ruff: noqa: E501
"""Options and operands that few programs use, against NumPy: traced, and compiled for what compiled code has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy_modes import assert_same

import funcgrad as fg
from funcgrad.test_util import check_grads

RNG = np.random.default_rng(5)
A = np.where(RNG.random((3, 4)) < 0.25, np.nan, RNG.normal(size=(3, 4)))
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, False, True, True]])
U8, EMPTY = np.array([[3, 0, 2, 5], [1, 1, 4, 0]], np.uint8), np.zeros((2, 0, 3))


def both(f: Callable, *args: Any) -> None:
    """The same structure, dtypes and values as NumPy, where the arrays are traced and in compiled code."""
    expected = f(*args)
    assert_same(fg.jit(f)(*args), expected, "jit")
    assert_same(
        fg.jvp(f, args, tuple(map(np.zeros_like, args)))[0] if args[0].dtype.kind == "f" else expected,
        expected,
        "traced",
    )


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmax", "nanmin"])
def test_where_and_initial_beside_nan(name: str) -> None:
    f = getattr(np, name)
    for axis in (None, 0, -1, (0, 1)):
        both(lambda x, f=f, axis=axis: f(x, axis=axis, initial=1.5, where=MASK, keepdims=True), A)
        both(lambda x, f=f, axis=axis: f(x, axis=axis, initial=-2), A)
    both(lambda x: f(x, axis=0, where=MASK[0], initial=2), U8)
    numbers = np.where(np.isnan(A), np.linspace(0.5, 2.0, 12).reshape(3, 4), A)
    check_grads(lambda x: f(x, axis=1, initial=0.1, where=MASK), (numbers,), order=2)


@pytest.mark.parametrize("name", ["nanmean", "nanvar", "nanstd"])
def test_means_of_some_numbers_that_are_not_nan(name: str) -> None:
    f = getattr(np, name)
    for axis in (None, 0, (0, 1)):
        both(lambda x, f=f, axis=axis: f(x, axis=axis, where=MASK, keepdims=True), A)
    both(lambda x: f(x, where=U8 > 1), U8)


def test_variances_about_a_given_mean() -> None:
    x, middle = np.nan_to_num(A), np.array([[0.5], [0.0], [-1.0]])
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        both(lambda x, f=f: f(x, axis=1, mean=middle, ddof=1), x)
        both(lambda x, f=f: f(x, axis=1, correction=1), x)
    with pytest.raises(ValueError, match="ddof and correction can't be provided simultaneously"):
        fg.jit(lambda x: np.var(x, ddof=1, correction=1))(x)
    check_grads(lambda x, m: np.var(x, axis=1, mean=m), (x, middle), order=2)


def test_an_initial_value_has_the_dtype_of_the_result() -> None:
    for initial in (2, 2.7, np.float32(3.5), True):
        for f in (np.max, np.min, np.sum, np.prod):
            both(lambda x, f=f, initial=initial: f(x, axis=0, initial=initial), U8)
            both(lambda x, f=f, initial=initial: f(x, axis=0, initial=initial), U8 > 1)
            both(lambda x, f=f, initial=initial: f(x, axis=0, initial=initial), np.nan_to_num(A).astype(np.float32))


def test_sums_in_another_dtype() -> None:
    x = np.nan_to_num(A) * 3
    for f in (np.sum, np.prod, np.mean):
        both(lambda x, f=f: f(x, axis=0, dtype=bool), x)
        both(lambda x, f=f: f(x, axis=1, dtype=np.int64), x)
    with pytest.raises(TypeError, match="std: dtype must be floating on traced values, got int64"):
        fg.jit(lambda x: np.std(x, dtype=np.int64))(x)


CASES: dict[str, tuple[Callable, tuple[Any, ...]]] = {
    "reciprocal of integers": (np.reciprocal, (np.array([-4, -3, -1, 1, 2, 100]),)), "reciprocal of unsigned": (np.reciprocal, (np.array([1, 2, 7], np.uint8),)),
    "trapezoid of nothing": (lambda x: np.trapezoid(x, axis=1), (EMPTY,)), "unwrap of nothing": (lambda x: np.unwrap(x, axis=1), (EMPTY,)),
    "take nothing": (lambda x: np.take(x, [], axis=1), (A,)), "take nothing, flat": (lambda x: np.take(x, [[]]), (A,)), "delete nothing": (lambda x: np.delete(x, [], axis=0), (A,)),
    "close to a negative number": (lambda x: np.isclose(x, -1), (U8,)), "a negative number close": (lambda x: np.isclose(-1, x), (U8,)),
    "running product of a number": (lambda x: np.cumulative_prod(x, axis=0), (np.array(3.0),)), "running sum of a number": (lambda x: np.cumulative_sum(x, include_initial=True), (np.array(2),)),
    "product with no polynomial": (lambda x: np.polymul(x, [1.0, 2.0]), (np.zeros(0),)), "spacing": (np.spacing, (np.array([0.0, -0.0, -2.0]),)),
    "moveaxis by ranges": (lambda x: np.moveaxis(x, range(2), range(1, 3)), (EMPTY,)), "counts of truth values": (lambda x: np.bincount(x, minlength=2), (np.array([True, False, True]),)),
    "places of NaN": (lambda a, v: (np.searchsorted(a, v), np.searchsorted(a, v, "right"), np.digitize(v, [0.0, 1.0])), (np.array([1.0, 2.0, np.nan]), np.array([np.nan, 1.5, np.inf]))),
    "no differences of a number": (lambda x: np.diff(x, n=0), (np.array(2.0),)), "norm of no matrix": (lambda x: np.linalg.norm(x, 2, axis=(1, 2), keepdims=True), (EMPTY,)),
    "interpolation of infinities": (lambda y: np.interp([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, np.nan], [0.0, 1.0, 2.0], y), (np.array([1.0, np.inf, 2.0]),)),
    "interpolation between infinities": (lambda y: np.interp([0.0, 0.5, 1.0, 1.5, 2.0], [0.0, 1.0, 2.0], y), (np.array([np.inf, np.inf, -np.inf]),)),
    "degrees of freedom of integers": (lambda x: np.nanvar(x, axis=0, where=U8 > 1, ddof=1), (U8.astype(int),)), "integers by zero": (lambda x, y: (x // y, x % y), (np.array([-4, 4, 0]), np.zeros(3, int))),
    "largest of nothing": (lambda x: (np.linalg.norm(x, np.inf, axis=1), np.linalg.norm(x, 1, axis=(1, 2)), np.linalg.norm(x, np.inf, axis=(1, 2))), (EMPTY,)),
    "bounds that nothing reaches": (lambda x: (np.clip(x, -1, 4), np.clip(x, 2, 300), np.clip(x, -7, None)), (U8,)), "partition of nothing": (lambda x: np.partition(x, 0, axis=1), (EMPTY,)),
    "interpolation beside NaN": (lambda y: np.interp([0.0, 0.5, 1.0, 1.5, 2.0], [0.0, 1.0, 2.0], y), (np.array([np.inf, np.nan, 1.0]),)),
    "integers to tens": (lambda x: (np.round(x, -1), x.round(-2), np.round(x, 1)), (np.array([15, 25, -149, 150, 3, 0]),)), "numbers rounded": (lambda x: np.round(x, 2), (np.array([1.256, -0.5, 2.5]),)),
    "methods": (lambda x: ((x > 0).conj(), x.argpartition(1)[1], x.conjugate()), (np.array([2.0, -1.0, 5.0]),)),
    "one dtype of three": (lambda x: np.clip(x, 0.5, np.float32([1.0, 2.0, 3.0, 4.0])), (U8,)),
    "no degrees of freedom": (lambda x: (np.nanvar(x, axis=1, ddof=3), np.nanstd(x, axis=0, correction=2)), (A,)),
    "nanquantile of no integers": (lambda x: np.nanquantile(x, 0.1, axis=1, method="nearest"), (EMPTY.astype(int),)),
    "open mesh": (np.ix_, (np.array([0, 2]), np.array([1, 3, 1]))), "partition": (lambda x: np.partition(x, [0, -1], axis=0)[[0, -1]], (np.nan_to_num(A),)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_cases(name: str) -> None:
    f, args = CASES[name]
    both(f, *args)


@pytest.mark.parametrize(
    ("f", "x", "error", "match"),
    [
        (lambda x: np.partition(x, 4), A, ValueError, r"partition: kth\(=4\) out of bounds \(4\)"),
        (lambda x: np.argpartition(x, -5), A, ValueError, r"argpartition: kth\(=-5\) out of bounds \(4\)"),
        (lambda x: np.vecdot(x, np.ones(1)), A, ValueError, r"vecdot: shapes \(3, 4\) and \(1,\) not aligned"),
        (lambda x: np.ix_(x, [0]), A, ValueError, "ix_: needs one-dimensional sequences"),
        (lambda x: np.nanmax(x, where=MASK), A, ValueError, "where= needs initial="),
    ],
)
def test_refusals(f: Callable, x: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        fg.jit(f)(x)


def test_complex_correlations() -> None:
    z = np.array([[1.0, 2.0 + 1j, 3.0], [1j, 2.0, -1.0]])
    np.testing.assert_allclose(fg.jvp(np.corrcoef, (z,), (np.zeros_like(z),))[0], np.corrcoef(z), rtol=1e-14)


def test_slopes_of_interpolation_at_given_points_are_those_to_the_right() -> None:
    assert fg.grad(lambda x: np.interp(x, [0.0, 1.0, 2.0], [1.0, 2.0, 4.0]))(1.0) == 2.0
    beside = fg.grad(lambda x, xp, y: np.sum(np.interp(x, xp, y)), (0, 1, 2))
    slopes = beside(np.array([0.5, 2.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, np.inf]))
    assert_same(
        slopes,
        (np.array([1.0, 0.0, 0.0]), np.array([-0.5, -0.5, 0.0]), np.array([0.5, 0.5, 2.0])),
        "beside an infinity",
    )


def test_an_open_mesh_of_traced_positions() -> None:
    table = np.arange(12.0).reshape(3, 4)
    i, j = np.array([0, 2]), np.array([1, 3])
    assert_same(fg.jit(lambda x, i, j: x[np.ix_(i, j)])(table, i, j), table[np.ix_(i, j)], "ix_")
