# ruff: noqa: B023, E501
"""Polynomials, histograms, sets and bits: what the matrix of one sample call each does not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.test_util import check_grads

P = np.array([2.0, -3.0, 0.5, 4.0])
X = np.array([0.1, 0.5, 0.9, 1.7, 2.2])
Y = np.array([1.0, 0.3, -0.4, 0.8, 2.5])
W = np.array([1.0, 2.0, 0.5, 1.5, 1.0])


def traced(f: Callable, *args: Any) -> Any:
    """The result on eager traced values."""
    return fg.vjp(f, *args)[0]


# --- roots ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "p", [P, [1.0, -3.0, 2.0], [0.0, 0.0, 1.0, -3.0, 2.0, 0.0], [1.0, 0.0, 4.0], [5.0], [0.0, 2.0], [3.0, 0.0, 0.0]]
)
def test_roots_are_numpys(p: Any) -> None:
    p = np.asarray(p)
    actual, expected = traced(fnp.roots, p), np.roots(p)
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_derivatives_of_roots() -> None:
    check_grads(lambda p: fnp.roots(p).real, (np.array([1.0, -6.0, 3.0, 10.0]),), order=2)
    check_grads(lambda p: fnp.roots(p, strip_zeros=False).imag, (np.array([1.0, 0.4, 4.0]),), order=2)
    rebuilt = fg.jacfwd(lambda p: fnp.poly(fnp.roots(p)) * p[0])(np.array([2.0, -6.0, 1.0, 10.0]))
    np.testing.assert_allclose(rebuilt, np.eye(4), atol=1e-12)


def test_roots_under_transformations_that_do_not_know_values() -> None:
    batch = np.array([[1.0, -3.0, 2.0], [2.0, 0.0, 8.0]])
    found = fg.vmap(lambda p: fnp.roots(p, strip_zeros=False))(batch)
    np.testing.assert_allclose(found, [np.roots(p) for p in batch], atol=1e-12)
    with pytest.raises(TypeError, match=r"strip_zeros=False"):
        fg.vmap(fnp.roots)(batch)
    compiled = fg.jit(lambda p: fnp.roots(p, strip_zeros=False))(P)
    np.testing.assert_allclose(compiled, np.roots(P), atol=1e-12)


# --- fits -------------------------------------------------------------------------------------------------------------

FITS: list[Callable] = [
    lambda m, x, y, w: m.polyfit(x, y, 2), lambda m, x, y, w: m.polyfit(x, y, 3, w=w), lambda m, x, y, w: m.polyfit(x, m.stack([y, y * y], 1), 1),
    lambda m, x, y, w: m.polyfit(x, y, 0), lambda m, x, y, w: m.polyfit(x, y, 1, w=w, cov=True), lambda m, x, y, w: m.polyfit(x, y, 2, cov="unscaled"),
    lambda m, x, y, w: m.polyfit(x, y, 2, full=True)[:4], lambda m, x, y, w: m.polyfit(x, m.stack([y, w], 1), 1, full=True, w=w)[:4],
    lambda m, x, y, w: m.polyfit(x, y, 2, rcond=1e-12), lambda m, x, y, w: m.polyfit(x, m.stack([y, w], 1), 1, cov=True), lambda m, x, y, w: m.polyfit(x + 1e3, y, 2),
]  # fmt: skip


@pytest.mark.parametrize("fit", FITS)
def test_polyfit(fit: Callable) -> None:
    expected = fit(np, X, Y, W)
    for run in (lambda f: lambda *a: traced(f, *a), fg.jit):
        actual = run(lambda x, y, w: fit(fnp, x, y, w))(X, Y, W)
        for a, e in zip(*(v if isinstance(v, tuple) else (v,) for v in (actual, expected))):
            assert a.shape == e.shape
            np.testing.assert_allclose(a, e, rtol=1e-6 if fit is FITS[-1] else 1e-9)
    if fit is not FITS[-1]:
        check_grads(lambda x, y, w: fit(fnp, x, y, w), (X, Y, W), order=1)


@pytest.mark.filterwarnings("ignore:Polyfit may be poorly conditioned")
def test_polyfit_of_positions_that_do_not_determine_it() -> None:
    x, y = np.array([1.0, 1.0, 2.0, 2.0]), np.array([1.0, 3.0, 2.0, 5.0])
    expected = np.polyfit(x, y, 3, full=True)
    c, _, rank, values, rcond = fg.jit(lambda y: fnp.polyfit(x, y, 3, full=True))(y)
    np.testing.assert_allclose(c, expected[0], rtol=1e-10)
    np.testing.assert_allclose(values, expected[3], atol=1e-14)
    assert rank == expected[2] == 2 and rcond == expected[4]
    check_grads(lambda y: fnp.polyfit(x, y, 3, rcond=1e-10), (y,), order=1)
    z = X + 1j * Y
    c, covariance = traced(lambda z: fnp.polyfit(z, z * z + Y, 1, cov=True), z)
    for a, e in zip((c, covariance), np.polyfit(z, z * z + Y, 1, cov=True), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-10)


def test_polyfit_is_as_accurate_as_the_condition_allows() -> None:
    x = np.linspace(0, 1, 30)
    exact = np.array([3.0, -2.0, 1.0, 0.5, -0.25, 2.0, 1.0, -1.0])
    ours = fg.jit(lambda y: fnp.polyfit(x, y, 7))(np.polyval(exact, x))
    numpys = np.polyfit(x, np.polyval(exact, x), 7)
    assert np.max(abs(ours - exact)) < 20 * max(np.max(abs(numpys - exact)), 1e-13)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: fnp.polyfit(x, x, 5), "5 points do not determine 6 coefficients"),
        (lambda x: fnp.polyfit(x, x, -1), "expected deg >= 0"),
        (lambda x: fnp.polyfit(x, x[1:], 1), "same length"),
        (lambda x: fnp.polyfit(x, x, 1, w=x[1:]), "expected w and y to have the same length"),
        (lambda x: fnp.polyfit(x, x, 4, cov=True), "must exceed order"),
        (lambda x: fnp.poly(x[None]), "1d or non-empty square 2d"),
        (lambda x: fnp.roots(x[None, None]), "rank-1"),
        (lambda x: fnp.polyint(x, 2, k=[1.0, 2.0, 3.0]), "k must be a scalar"),
    ],
)
def test_errors_of_polynomials(call: Callable, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        fg.vjp(call, X)


def test_the_size_of_a_remainder_is_data() -> None:
    with pytest.raises(TypeError, match=r"polydiv\(u, v, trim_leading_zeros=False\)"):
        fg.jit(lambda p: np.polydiv(p, p[:2]))(P)


def test_arithmetic_of_polynomials() -> None:
    q = np.array([1.0, 2.0])
    for f in (
        lambda m, p: m.polydiv(p, q), lambda m, p: m.polydiv(q, p), lambda m, p: m.polydiv(p, p), lambda m, p: m.polysub(p, q), lambda m, p: m.polymul(p, [0.0, 0.0, 1.0]),
        lambda m, p: m.polyint(p, 2, k=[1.0, 3.0]), lambda m, p: m.polyint(p, 1, k=2.0), lambda m, p: m.poly(m.stack([p[:2], p[2:]])), lambda m, p: m.poly(p[:0]),
    ):  # fmt: skip
        for a, e in zip(*(v if isinstance(v, tuple) else (v,) for v in (traced(lambda p: f(fnp, p), P), f(np, P)))):
            np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-14)
    compiled = fg.jit(lambda p: fnp.polydiv(p, q, trim_leading_zeros=False))(P)
    np.testing.assert_allclose(
        np.polyval(fnp.polymul(compiled[0], q), 0.7) + np.polyval(compiled[1], 0.7), np.polyval(P, 0.7)
    )
    z = np.array([1 + 2j, 1 - 2j, 3.0])
    assert traced(fnp.poly, z).dtype == np.poly(z).dtype == np.float64
    check_grads(lambda a: fnp.poly(a), (np.array([[1.0, 2.0], [0.5, -1.0]]),), order=2)


# --- histograms, bits, i0 ---------------------------------------------------------------------------------------------

A = np.array([[0.2, 0.9], [0.4, 0.1], [0.6, 0.6], [0.2, 0.95]])
CALLS: list[Callable] = [
    lambda m, a, w: m.histogram(a, 4), lambda m, a, w: m.histogram(a, 3, (0.0, 0.5)), lambda m, a, w: m.histogram(a[:, 0], [0.0, 0.3, 1.0], weights=w, density=True),
    lambda m, a, w: m.histogram2d(a[:, 0], a[:, 1], [2, 3]), lambda m, a, w: m.histogram2d(a[:, 0], a[:, 1], [[0.0, 0.3, 1.0], [0.0, 0.5, 1.0]], weights=w),
    lambda m, a, w: m.histogram2d(a[:, 0], a[:, 1], 2, density=True), lambda m, a, w: m.histogramdd(a, [2, [0.0, 0.5, 1.0]], [(0, 1), None]), lambda m, a, w: m.histogram_bin_edges(a, 5),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_histograms(call: Callable) -> None:
    weights = np.array([1.0, 2.0, 0.5, 3.0])
    leaves = fg.tree.tree_leaves
    for run in (lambda f: lambda *a: traced(f, *a), fg.jit):
        for a, e in zip(leaves(run(lambda a, w: call(fnp, a, w))(A, weights)), leaves(call(np, A, weights))):
            assert a.dtype == np.asarray(e).dtype
            np.testing.assert_allclose(a, e, rtol=1e-14)


def test_rules_for_bins_need_values() -> None:
    np.testing.assert_allclose(
        traced(lambda a: fnp.histogram_bin_edges(a, "auto"), X), np.histogram_bin_edges(X, "auto")
    )
    with pytest.raises(TypeError, match="needs the values to count the bins; give their number"):
        fg.jit(lambda a: fnp.histogram(a, "auto"))(X)


def test_bits() -> None:
    x = np.random.default_rng(0).integers(0, 2, (3, 19))
    for f in (
        lambda m, x: m.packbits(x), lambda m, x: m.packbits(x, 0), lambda m, x: m.packbits(x, 1, "little"), lambda m, x: m.unpackbits(m.packbits(x, 1), 1, 19),
        lambda m, x: m.unpackbits(m.packbits(x), count=70, bitorder="little"), lambda m, x: m.unpackbits(m.packbits(x), count=-3),
    ):  # fmt: skip
        expected = f(np, x)
        for actual in (fg.jit(lambda x: f(fnp, x))(x), fg.vmap(lambda x: f(fnp, x))(np.stack([x, x]))[1]):
            assert actual.dtype == np.uint8
            np.testing.assert_array_equal(actual, expected)


def test_frexp_and_ldexp_to_the_ends_of_the_range() -> None:
    x = np.array([1.0, -3.0, 0.0, -0.0, 5e-324, -1e-310, 1.7e308, 0.1, np.inf, -np.inf, np.nan])
    n = np.array([1073, -1500, 3, 3, 2000, 2200, -2000, -1074, 5, 5, 5])
    with np.errstate(all="ignore"):
        expected = [*np.frexp(x), np.ldexp(x, n)]
        for run in (lambda f: lambda *a: traced(f, *a), fg.jit):
            for a, e in zip(run(lambda x, n: [*fnp.frexp(x), fnp.ldexp(x, n)])(x, n), expected):
                assert a.dtype == e.dtype
                np.testing.assert_array_equal(a, e)
        small, power = np.float32([1e-40, 3e38, -0.7, 1.0]), np.int32([100, -200, 3, -149])
        for a, e in zip(
            fg.jit(lambda x, n: [*fnp.frexp(x), fnp.ldexp(x, n)])(small, power),
            [*np.frexp(small), np.ldexp(small, power)],
        ):
            assert a.dtype == e.dtype
            np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("name", ["gcd", "lcm"])
def test_common_divisors(name: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    x = np.array([12, 0, 0, 97, info.max, info.min, 36], dtype)
    y = np.array([18, 5, 0, 89, 21, 6, 0], dtype)
    ours, numpys = getattr(fnp, name), getattr(np, name)
    for actual in (fg.jit(ours)(x, y), fg.vmap(ours)(x, y), traced(ours, x, y)):
        assert actual.dtype == dtype
        np.testing.assert_array_equal(actual, numpys(x, y))
    np.testing.assert_array_equal(fg.jit(fg.vmap(ours, (0, None)))(x, y), numpys(x[:, None], y))


def test_i0_is_accurate_with_its_derivatives() -> None:
    xs = np.array([1e-300, 1e-8, 0.3, 2.0, 8.0, 15.0, 29.9, 30.1, 100.0, 700.0, -3.0])
    f = fg.jit(lambda x: (fnp.i0(x), fg.grad(fnp.i0)(x), fg.grad(fg.grad(fnp.i0))(x)))
    with mpmath.workdps(40):
        for x in xs:
            value, slope, bend = f(x)
            z = mpmath.mpf(float(x))
            wanted = mpmath.besseli(0, z), mpmath.besseli(1, z), (mpmath.besseli(0, z) + mpmath.besseli(2, z)) / 2
            for got, want in zip((value, slope, bend), wanted):
                assert abs(got - float(want)) <= 2e-14 * abs(float(want)) + 1e-322, (x, got, want)
    assert fnp.i0(np.float32(3)).dtype == traced(fnp.i0, np.float32(3)).dtype


# --- index notation, writing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda m, v, A: m.r_[v, 1.5, 0:3], lambda m, v, A: m.r_[0:1:5j, v], lambda m, v, A: m.c_[v, v * 2], lambda m, v, A: m.c_[A, v], lambda m, v, A: m.r_["0,2", v, v],
        lambda m, v, A: m.r_["-1", A, A], lambda m, v, A: m.r_["0,2,0", v, v], lambda m, v, A: m.c_[v, 1:4], lambda m, v, A: m.r_[np.float32(1), v],
    ],
)  # fmt: skip
def test_index_notation(call: Callable) -> None:
    v, a = np.array([0.1, 0.2, 0.3]), np.arange(9.0).reshape(3, 3)
    expected = call(np, v, a)
    for actual in (
        traced(lambda v, a: call(fnp, v, a), v, a),
        fg.jit(lambda v, a: call(fnp, v, a))(v, a),
        call(fnp, v, a),
    ):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("fill_diagonal", (np.zeros((5, 3)), [7.0, 8.0])), ("fill_diagonal", (np.zeros((7, 3)), 2.0, True)), ("fill_diagonal", (np.zeros((2, 2, 2)), 1.0)),
        ("fill_diagonal", (np.zeros((2, 4)), 3.0)), ("put", (np.zeros((2, 3)), [0, -1, 4], [5.0, 6.0])), ("put", (np.zeros(3), [7, -9], 1.0, "wrap")),
        ("put", (np.zeros(3), [7, 1], 1.0, "clip")), ("place", (np.zeros(4), np.array([True, False, True, True]), [1.0, 2.0])),
        ("put_along_axis", (np.zeros((2, 3)), np.array([[1], [2]]), 9.0, 1)), ("put_along_axis", (np.zeros((2, 2)), np.array([3, 0]), [1.0, 2.0], None)),
    ],
)  # fmt: skip
def test_writing(name: str, args: tuple) -> None:
    first, *rest = args
    expected = np.array(first)
    assert getattr(np, name)(expected, *rest) is None
    new = getattr(fnp, name)(first, *rest, inplace=False)
    np.testing.assert_array_equal(new, expected)
    assert not np.array_equal(first, expected)
    np.testing.assert_array_equal(fg.jit(lambda x: getattr(fnp, name)(x, *rest, inplace=False))(first), expected)
    same = np.array(first)
    assert getattr(fnp, name)(same, *rest) is None and np.array_equal(same, expected)
    with pytest.raises(TypeError, match=r"writes into an array in place(.|\n)*Fix: "):
        fg.jit(lambda x: getattr(fnp, name)(x, *rest))(first)


def test_gradients_of_writing() -> None:
    mask = np.array([[True, False], [True, True]])
    check_grads(
        lambda x, v: fnp.place(x * x, mask, v, inplace=False) ** 2,
        (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.7])),
        order=2,
    )
    check_grads(
        lambda x, v: fnp.put(x, [0, 3, 0], v, inplace=False) ** 2,
        (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.7])),
        order=2,
    )
    check_grads(
        lambda x, v: fnp.fill_diagonal(x, v, inplace=False) ** 2, (np.ones((3, 3)), np.array([0.5, 0.7, 0.1])), order=2
    )


def test_complex_numbers_are_sorted_by_their_parts() -> None:
    z = np.array([2 + 1j, 1 + 5j, 2 - 1j, 1 + 0j])
    for f in (
        lambda m, z: m.sort(z),
        lambda m, z: m.argsort(z),
        lambda m, z: m.sort_complex(z),
        lambda m, z: m.sort(z.reshape(2, 2), axis=0),
    ):
        np.testing.assert_array_equal(traced(lambda z: f(fnp, z), z), f(np, z))
    pulled = fg.vjp(fnp.sort, z)[1](np.arange(4) + 0j)[0]
    np.testing.assert_array_equal(pulled, [3, 1, 2, 0])
