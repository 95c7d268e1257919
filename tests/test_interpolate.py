"""scipy.interpolate and scipy.ndimage: SciPy's values, and derivatives in queries, samples and places of samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import interpolate as scipy_interpolate
from scipy import ndimage as scipy_ndimage

import funcgrad as fg
from funcgrad.scipy import interpolate
from funcgrad.scipy.ndimage import map_coordinates
from funcgrad.test_util import check_grads

RANDOM = np.random.default_rng(0)
X = np.cumsum(RANDOM.uniform(0.3, 1.0, 7))
Y = RANDOM.normal(size=(2, 7, 3))
INSIDE = np.array([[X[0], X[0] + 0.01], [X[3], X[3] + 0.2], [X[-1] - 0.1, X[-1]]])
OUTSIDE = np.array([X[0] - 0.4, np.nan, X[-1] + 0.7])
V = RANDOM.normal(size=3)

# --- cubics -----------------------------------------------------------------------------------------------------------

ENDS = [
    "not-a-knot",
    "natural",
    "clamped",
    ((1, 0.3), (1, -0.2)),
    ("clamped", (2, -0.7)),
    ("not-a-knot", (1, 0.5)),
    ((2, 0.4), "not-a-knot"),
]


def same_as_scipy(found: Any, expected: Any, outside: bool = True) -> None:
    for x in (INSIDE, 1.7, *([OUTSIDE] if outside else [])):
        for nu in range(4):
            np.testing.assert_allclose(found(x, nu), expected(x, nu), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.derivative()(INSIDE), expected.derivative()(INSIDE), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        found.antiderivative(2)(INSIDE), expected.antiderivative(2)(INSIDE), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(found.integrate(1.0, 2.5), expected.integrate(1.0, 2.5), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_cubic_spline_is_scipys(ends: Any, n: int) -> None:
    for axis, y in ((1, Y[:, :n]), (0, Y[0, :n, 0])):
        shape = np.delete(y.shape, axis)
        given = (
            ends
            if isinstance(ends, str)
            else tuple(end if isinstance(end, str) else (end[0], np.full(shape, end[1])) for end in ends)
        )
        expected = scipy_interpolate.CubicSpline(X[:n], y, axis, given)
        same_as_scipy(interpolate.CubicSpline(X[:n], y, axis, ends), expected)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_periodic_spline_is_scipys(n: int) -> None:
    y = Y[:, :n].copy()
    y[:, -1] = y[:, 0]
    expected = scipy_interpolate.CubicSpline(X[:n], y, 1, "periodic")
    found = interpolate.CubicSpline(X[:n], y, 1, "periodic")
    for nu in range(3):
        np.testing.assert_allclose(found(INSIDE, nu), expected(INSIDE, nu), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found(OUTSIDE[[0, 2]]), expected(OUTSIDE[[0, 2]]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["PchipInterpolator", "Akima1DInterpolator", "makima", "CubicHermiteSpline"])
@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_other_cubics_are_scipys(name: str, n: int) -> None:
    options = {"method": name} if name == "makima" else {}
    kind = "Akima1DInterpolator" if name == "makima" else name
    flat = Y[:, :n].copy()
    flat[0, 1:3] = flat[0, :1]
    for y in (Y[:, :n], flat):
        args = (X[:n], y, np.cos(y)) if name == "CubicHermiteSpline" else (X[:n], y)
        found = getattr(interpolate, kind)(*args, axis=1, **options)
        expected = getattr(scipy_interpolate, kind)(*args, axis=1, **options)
        same_as_scipy(found, expected) if n == 7 or "kima" not in name else np.testing.assert_allclose(
            found(X[0] + 0.1), expected(X[0] + 0.1), rtol=1e-9
        )


def cubic(kind: Any) -> Callable:
    if kind == "periodic":
        return lambda x, y: interpolate.CubicSpline(x, np.concatenate([y[:-1], y[:1]]), bc_type="periodic")
    if isinstance(kind, str) and hasattr(interpolate, kind):
        return getattr(interpolate, kind)
    return lambda x, y: interpolate.CubicSpline(x, y, bc_type=kind)


@pytest.mark.parametrize("kind", ["not-a-knot", "natural", "periodic", "PchipInterpolator", "Akima1DInterpolator"])
def test_cubics_have_derivatives_in_everything(kind: str) -> None:
    f, q = cubic(kind), np.array([X[1] + 0.1, X[5] + 0.05])
    y = np.sin(X * 2.0)[:, None] + 0.1 * V  # smooth, so that no choice is near
    check_grads(lambda q, x, y: f(x, y)(q), (q, X, y), order=2 if kind == "natural" else 1, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(fg.jit(lambda q, x, y: f(x, y)(q, 1))(q, X, y), f(X, y)(q, 1), rtol=1e-11, atol=1e-12)
    spline = f(X, y[:, 0])
    np.testing.assert_allclose(fg.vmap(fg.grad(spline))(q), spline(q, 1), rtol=1e-12)


def test_boundary_values_have_derivatives() -> None:
    f = lambda a, b: interpolate.CubicSpline(X, Y[0, :, 0], bc_type=((1, a), (2, b)))(X[2] + 0.1)  # noqa: E731
    check_grads(f, (0.3, 0.7), order=1)


def test_cubics_are_pytrees_and_keep_dtypes() -> None:
    spline = interpolate.CubicSpline(X.astype(np.float32), Y[0].astype(np.float32))
    assert spline(np.float32(1.0)).dtype == np.float32 and spline.c.dtype == np.float32
    np.testing.assert_allclose(fg.jit(lambda s, q: s(q))(spline, INSIDE), spline(INSIDE), rtol=1e-5, atol=1e-6)
    gradient = fg.grad(lambda s: np.sum(s(1.5)))(spline)
    assert isinstance(gradient, interpolate.PiecewisePolynomial) and gradient.c.shape == spline.c.shape
    complex_spline = interpolate.CubicSpline(X, Y[0] + 1j * Y[1])
    np.testing.assert_allclose(
        complex_spline(INSIDE), scipy_interpolate.CubicSpline(X, Y[0] + 1j * Y[1])(INSIDE), rtol=1e-9
    )
    assert np.isnan(interpolate.CubicSpline(X, Y[0, :, 0], extrapolate=False)(X[0] - 0.1))


def test_cubics_errors() -> None:
    spline = interpolate.CubicSpline
    with pytest.raises(ValueError, match=r"CubicSpline: x must increase, but x\[1\] = 2.0 and x\[2\] = 1.0"):
        spline(np.array([0.0, 2.0, 1.0]), np.zeros(3))
    with pytest.raises(ValueError, match=r"x has 7 numbers, y has 2 along axis 0"):
        spline(X, Y)
    with pytest.raises(ValueError, match=r"x must be a vector of at least 2 numbers, got shape \(1,\)"):
        spline(X[:1], Y[0, :1])
    with pytest.raises(ValueError, match=r"bc_type is 'not-a-knot', .* got 'flat'"):
        spline(X, Y[0], bc_type="flat")
    with pytest.raises(ValueError, match=r"there are two ends, got 3 boundary conditions"):
        spline(X, Y[0], bc_type=("natural",) * 3)
    with pytest.raises(ValueError, match=r"first and the last sample of a periodic spline must be equal"):
        spline(X, Y[0], bc_type="periodic")
    with pytest.raises(ValueError, match=r"method must be 'akima' or 'makima', got 'other'"):
        interpolate.Akima1DInterpolator(X, Y[0], method="other")
    with pytest.raises(ValueError, match=r"CubicHermiteSpline: y and dydx have shapes"):
        interpolate.CubicHermiteSpline(X, Y[0], Y[0, :, :2])
    with pytest.raises(ValueError, match=r"order of a derivative must not be negative"):
        spline(X, Y[0])(1.0, -1)


# --- one dimension ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "nearest", "previous", "next", "cubic"])
def test_interp1d_is_scipys(kind: str) -> None:
    for options in (
        {},
        {"fill_value": "extrapolate"},
        {"bounds_error": False},
        {"fill_value": (1.0, -2.0), "bounds_error": False},
    ):
        found = interpolate.interp1d(X, Y, kind, axis=1, **options)
        expected = scipy_interpolate.interp1d(X, Y, kind, axis=1, **options)
        for x in (
            INSIDE,
            1.7,
            *([OUTSIDE[::2] if kind in ("nearest", "previous", "next") else OUTSIDE] if options else []),
        ):
            np.testing.assert_allclose(found(x), expected(x), rtol=1e-9, atol=1e-12)
    middle = (X[1:] + X[:-1]) / 2 + 0.01
    np.testing.assert_allclose(fg.jit(found)(middle), expected(middle), rtol=1e-9)
    if kind == "linear":
        check_grads(lambda q, x, y: interpolate.interp1d(x, y)(q), (middle, X, Y[0, :, 0]), order=2)


def test_interp1d_errors() -> None:
    f = interpolate.interp1d(X, Y[0, :, 0])
    with pytest.raises(ValueError, match=r"interp1d: the query 99.0 is outside of \[.*\nFix: pass bounds_error=False"):
        f(np.array([X[0], 99.0]))
    assert np.isnan(fg.jit(f)(99.0))
    with pytest.raises(ValueError, match=r"kind must be one of 'linear', .*, got 'quintic'"):
        interpolate.interp1d(X, Y[0, :, 0], "quintic")


# --- grids ------------------------------------------------------------------------------------------------------------

GRID = (X[:3], X[:4] ** 2, X[:2])
VALUES = RANDOM.normal(size=(3, 4, 2, 2))
POINTS = np.stack([RANDOM.uniform(p[0], p[-1], (5, 2)) for p in GRID], axis=-1)


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_grids_are_scipys(method: str) -> None:
    beyond = POINTS + 1.5
    beyond[0, 0, 1] = np.nan
    for options, points in (
        ({}, POINTS),
        ({"bounds_error": False}, beyond),
        ({"bounds_error": False, "fill_value": None}, beyond),
    ):
        found = interpolate.RegularGridInterpolator(GRID, VALUES, method, **options)
        expected = scipy_interpolate.RegularGridInterpolator(GRID, VALUES, method, **options)
        np.testing.assert_allclose(found(points), expected(points), rtol=1e-11)
        np.testing.assert_allclose(fg.jit(lambda f, p: f(p))(found, points), expected(points), rtol=1e-11)
    np.testing.assert_allclose(found(POINTS, method="linear"), expected(POINTS, method="linear"), rtol=1e-11)
    columns = tuple(POINTS[..., k] for k in range(3))
    np.testing.assert_allclose(
        found((columns[0], columns[1], 1.0)), expected((columns[0], columns[1], 1.0)), rtol=1e-11
    )
    np.testing.assert_allclose(found(POINTS[0, 0]), expected(POINTS[0, 0]), rtol=1e-11)
    line = (GRID[1:2], VALUES[0, :, 0, 0], method)
    x = POINTS[..., 1].ravel()
    expected = scipy_interpolate.RegularGridInterpolator(*line)(x[:, None])
    np.testing.assert_allclose(interpolate.RegularGridInterpolator(*line)(x), expected, rtol=1e-11)


def test_grids_have_derivatives() -> None:
    f = lambda q, g, v: interpolate.RegularGridInterpolator(g, v)(q)  # noqa: E731
    check_grads(f, (POINTS[0], GRID, VALUES), order=2)
    g = interpolate.RegularGridInterpolator(GRID, VALUES)
    np.testing.assert_allclose(fg.vmap(g)(POINTS[:, 0])[:, 0], g(POINTS[:, 0]), rtol=1e-12)


def test_grids_errors() -> None:
    grid = interpolate.RegularGridInterpolator
    with pytest.raises(ValueError, match=r"the query 9.0 is outside of \["):
        grid(GRID, VALUES)(np.array([9.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"queries have 2 coordinates, the grid has 3 axes"):
        grid(GRID, VALUES)(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"points\[1\] has shape \(3,\), values has 4 samples along axis 1"):
        grid((X[:3], X[:3]), VALUES)
    with pytest.raises(ValueError, match=r"points\[0\] must increase, but points\[0\]\[0\]"):
        grid((X[:3][::-1],), VALUES)
    with pytest.raises(ValueError, match=r"5 vectors of points do not fit values of 4 axes"):
        grid((X[:2],) * 5, VALUES)
    with pytest.raises(ValueError, match=r"method must be 'linear' or 'nearest', got 'cubic'"):
        grid(GRID, VALUES, "cubic")


# --- ndimage ----------------------------------------------------------------------------------------------------------

IMAGE = RANDOM.normal(size=(4, 5))
PLACES = RANDOM.uniform(-9.0, 13.0, (2, 40))
MODES = ["constant", "grid-constant", "nearest", "mirror", "reflect", "grid-mirror", "wrap", "grid-wrap"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1])
def test_map_coordinates_is_scipys(order: int, mode: str) -> None:
    close = PLACES * 0.2 + 1.0
    whole = np.array([[-8.0, -4.0, -1.0, 0.0, 3.0, 4.0, 7.0, 2.0], [1.0, 2.0, 3.0, -4.0, -1.0, 4.0, 5.0, 8.0]])
    for places in (PLACES, close, whole):
        expected = scipy_ndimage.map_coordinates(IMAGE, places, order=order, mode=mode, cval=0.3)
        np.testing.assert_allclose(map_coordinates(IMAGE, places, order, mode, 0.3), expected, rtol=1e-12)
        compiled = fg.jit(lambda i, p: map_coordinates(i, p, order, mode, 0.3))
        np.testing.assert_allclose(compiled(IMAGE, places), expected, rtol=1e-12)
    if order == 1:
        check_grads(lambda i, p: map_coordinates(i, p, 1, mode, 0.3), (IMAGE, close[:, :6]), order=2, rtol=1e-5)
    one = np.array([2.0])
    points = np.array([-1.0, -0.4, 0.0, 0.3, 2.0])
    expected = scipy_ndimage.map_coordinates(one, points[None], order=order, mode=mode)
    if mode not in ("wrap", "mirror"):
        np.testing.assert_allclose(map_coordinates(one, [points], order, mode), expected, rtol=1e-12)


def test_map_coordinates_of_integers_and_float32() -> None:
    image = np.array([[1, 4, 9], [-2, -5, 100]])
    places = np.array([[0.5, 0.2, 1.0], [0.5, 1.5, 1.25]])
    expected = scipy_ndimage.map_coordinates(image, places, order=1)
    np.testing.assert_array_equal(map_coordinates(image, places), expected)
    assert map_coordinates(image, places).dtype == image.dtype
    assert map_coordinates(image.astype(np.float32), places).dtype == np.float32


def test_map_coordinates_errors() -> None:
    with pytest.raises(NotImplementedError, match=r"map_coordinates: order must be 0 or 1, got 3"):
        map_coordinates(IMAGE, PLACES, order=3)
    with pytest.raises(ValueError, match=r"mode must be one of 'nearest', .*, got 'edge'"):
        map_coordinates(IMAGE, PLACES, 1, "edge")
    with pytest.raises(ValueError, match=r"an array of 2 axes needs as many coordinates of one shape, got \(2,\)"):
        map_coordinates(IMAGE, [np.ones(2)])
