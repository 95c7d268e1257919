"""Cubic interpolants: the spline with continuous curvature, and those with slopes from their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...api.loops import scan
from ...core.tracing import Tracer
from ...numpy import promotion
from .piecewise import PiecewisePolynomial, columns, hermite, samples


def CubicSpline(
    x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: bool | str | None = None
) -> PiecewisePolynomial:
    """The interpolating cubic spline with continuous first and second derivatives.

    The slopes at the samples solve a tridiagonal system, in O(n). Values have derivatives in the query, x, y and the
    boundary values, and `spline(v, nu)` gives those of the spline itself.

    Args:
        x: (n,), increasing.
        y: (n, ...), samples along `axis`.
        axis: the axis of y that belongs to x.
        bc_type: "not-a-knot", "natural", "clamped" or "periodic" for both ends; or a pair, each one of the first three
            or `(order, value)` with a first or second derivative.
        extrapolate: None: True, or "periodic" with periodic ends; see `PiecewisePolynomial`.

    Returns:
        A function of queries with `derivative`, `antiderivative` and `integrate`; a pytree.

    Raises:
        ValueError: x does not increase, shapes do not fit, a boundary condition does not exist, or the samples of a
            periodic spline do not meet.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.interpolate import CubicSpline
        >>> x = np.linspace(0.0, 3.0, 13)
        >>> spline = CubicSpline(x, np.sin(x))
        >>> spline(1.3).round(4), spline(1.3, 1).round(3), fg.grad(spline)(1.3).round(3)
        (np.float64(0.9636), np.float64(0.267), np.float64(0.267))

    Reference: scipy.interpolate.CubicSpline; C. de Boor, A Practical Guide to Splines, Springer 2001, chapter IV.
    """
    where = "CubicSpline"
    x, y, axis = samples(where, x, y, axis)
    periodic = isinstance(bc_type, str) and bc_type == "periodic"
    if periodic:
        if type(y) is not Tracer and not np.allclose(y[0], y[-1], rtol=1e-15, atol=1e-15):
            raise ValueError(f"{where}: the first and the last sample of a periodic spline must be equal.")
        slopes = _periodic_slopes(x, y)
    else:
        slopes = _slopes(x, y, *_ends(where, bc_type, y))
    extrapolate = ("periodic" if periodic else True) if extrapolate is None else extrapolate
    return PiecewisePolynomial(hermite(x, y, slopes), x, extrapolate, axis)


def _ends(where: str, bc_type: Any, y: Any) -> list[Any]:
    """Both boundary conditions: "not-a-knot", or (order, value with the shape of a sample)."""
    named = {"natural": (2, 0.0), "clamped": (1, 0.0)}
    pair = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
    ends = []
    for end in pair:
        end = named.get(end, end) if isinstance(end, str) else end
        if isinstance(end, str) and end == "not-a-knot":
            ends.append(end)
            continue
        if not isinstance(end, (tuple, list)) or len(end) != 2 or end[0] not in (1, 2):
            raise ValueError(
                f"{where}: bc_type is 'not-a-knot', 'natural', 'clamped' or 'periodic' for both ends, or a pair with "
                f"(1, slope) or (2, second derivative) among its entries; got {bc_type!r}."
            )
        value = promotion.convert(promotion.array_operand(end[1], where), y.dtype)
        ends.append((end[0], np.broadcast_to(value, tuple(y.shape[1:]))))
    if len(ends) != 2:
        raise ValueError(f"{where}: there are two ends, got {len(ends)} boundary conditions.")
    return ends


def _slopes(x: Any, y: Any, first: Any, last: Any) -> Any:
    """Slopes at the samples from continuity of the second derivative and the conditions at both ends."""
    n, h = x.shape[0], x[1:] - x[:-1]
    secant = (y[1:] - y[:-1]) / columns(h, y)
    if n == 2:  # not-a-knot says nothing then: the slope of the line
        first, last = ((1, secant[0]) if isinstance(end, str) else end for end in (first, last))
    if n == 3 and isinstance(first, str) and isinstance(last, str):
        return _parabola(h, secant)
    lower, diagonal, upper = h[1:], 2.0 * (h[:-1] + h[1:]), h[:-1]
    right = 3.0 * (columns(lower, y) * secant[:-1] + columns(upper, y) * secant[1:])
    rows = [_end_row(first, h, secant), _end_row(last, h[::-1], secant[::-1])]
    if not isinstance(last, str) and last[0] == 2:  # seen from its end, the axis runs backwards
        rows[1] = (*rows[1][:2], rows[1][2] + last[1] * h[-1])
    one = [np.reshape(v, (1,)) for v in (rows[0][0], rows[1][0], rows[0][1], rows[1][1])]
    ends = [np.reshape(r[2], (1, *y.shape[1:])) for r in rows]
    lower, diagonal = np.concatenate([lower, one[3]]), np.concatenate([one[0], diagonal, one[1]])
    upper, right = np.concatenate([one[2], upper]), np.concatenate([ends[0], right, ends[1]])
    return tridiagonal_solve(lower, diagonal, upper, right)


def _end_row(end: Any, h: Any, secant: Any) -> tuple[Any, Any, Any]:
    """(coefficient of the end's slope, of its neighbour's, right-hand side), with h and secants from this end on."""
    if isinstance(end, str):
        both = h[0] + h[1]
        return h[1], both, ((h[0] + 2.0 * both) * h[1] * secant[0] + h[0] * h[0] * secant[1]) / both
    order, value = end
    if order == 1:
        return np.ones_like(h[0]), np.zeros_like(h[0]), value
    return 2.0 * np.ones_like(h[0]), np.ones_like(h[0]), 3.0 * secant[0] - 0.5 * value * h[0]


def _parabola(h: Any, secant: Any) -> Any:
    """Slopes of the parabola through three samples."""
    middle = (h[1] * secant[0] + h[0] * secant[1]) / (h[0] + h[1])
    return np.stack([2.0 * secant[0] - middle, middle, 2.0 * secant[1] - middle])


def _periodic_slopes(x: Any, y: Any) -> Any:
    """The cyclic system, as a tridiagonal one and a correction of rank one (Sherman and Morrison)."""
    n, h = x.shape[0], x[1:] - x[:-1]
    secant = (y[1:] - y[:-1]) / columns(h, y)
    if n == 2:
        return np.zeros_like(y)
    before, slope_before = np.concatenate([h[-1:], h[:-1]]), np.concatenate([secant[-1:], secant[:-1]])
    right = 3.0 * (columns(h, y) * slope_before + columns(before, y) * secant)
    diagonal = 2.0 * (h + before)
    if n == 3:  # both neighbours of a sample are the other one
        s = _two_by_two(diagonal, h + before, right)
        return np.concatenate([s, s[:1]])
    corner_low, corner_high = before[-1], h[0]  # the entries (last, first) and (first, last)
    gamma = -diagonal[0]
    change = np.concatenate([gamma[None], np.zeros_like(h[2:]), (corner_low * corner_high / gamma)[None]])
    flat = np.reshape(right, (n - 1, -1))
    unit = np.concatenate([gamma[None], np.zeros_like(h[2:]), corner_low[None]])
    both = np.concatenate([flat, np.reshape(unit, (-1, 1)).astype(flat.dtype)], axis=1)
    solved = tridiagonal_solve(h[1:], diagonal - change, before[:-1], both)
    s, q = solved[:, :-1], solved[:, -1]
    ratio = corner_high / gamma
    s = s - np.outer(q, (s[0] + ratio * s[-1]) / (1.0 + q[0] + ratio * q[-1]))
    s = np.reshape(s, tuple(right.shape))
    return np.concatenate([s, s[:1]])


def _two_by_two(diagonal: Any, other: Any, right: Any) -> Any:
    determinant = diagonal[0] * diagonal[1] - other[0] * other[1]
    first = (diagonal[1] * right[0] - other[0] * right[1]) / determinant
    second = (diagonal[0] * right[1] - other[1] * right[0]) / determinant
    return np.stack([first, second])


def tridiagonal_solve(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    """x with lower[i-1] x[i-1] + diagonal[i] x[i] + upper[i] x[i+1] = right[i], without pivoting.

    Args:
        lower, upper: (n - 1,).
        diagonal: (n,).
        right: (n, ...).
    """
    width = right.shape[1:]
    none = np.zeros_like(diagonal[:1])

    def eliminate(carry: tuple, row: tuple) -> tuple[tuple, tuple]:
        ratio, value = carry
        a, b, c, d = row
        pivot = b - a * ratio
        new = (c / pivot, (d - a * value) / pivot)
        return new, new

    start = (none[0], np.zeros(width, right.dtype))
    rows = (np.concatenate([none, lower]), diagonal, np.concatenate([upper, none]), right)
    ratios, values = scan(eliminate, start, rows)[1]

    def substitute(x: Any, row: tuple) -> tuple[Any, Any]:
        x = row[1] - row[0] * x
        return x, x

    return scan(substitute, np.zeros(width, right.dtype), (ratios, values), reverse=True)[1]


# --- slopes from neighbours -------------------------------------------------------------------------------------------


def CubicHermiteSpline(
    x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: bool | str | None = None
) -> PiecewisePolynomial:
    """The piecewise cubic with given values and slopes.

    Args:
        x: (n,), increasing.
        y, dydx: (n, ...), values and slopes along `axis`.
        axis, extrapolate: as for `CubicSpline`.

    Returns:
        As `CubicSpline`.

    Raises:
        ValueError: x does not increase, or shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad.scipy.interpolate import CubicHermiteSpline
        >>> CubicHermiteSpline(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 0.0]))(0.5)
        np.float64(0.5)

    Reference: scipy.interpolate.CubicHermiteSpline
    """
    x, values, axis = samples("CubicHermiteSpline", x, y, axis)
    _, slopes, _ = samples("CubicHermiteSpline", x, dydx, axis)
    if tuple(values.shape) != tuple(slopes.shape):
        raise ValueError(f"CubicHermiteSpline: y and dydx have shapes {np.shape(y)} and {np.shape(dydx)}.")
    return PiecewisePolynomial(hermite(x, values, slopes), x, True if extrapolate is None else extrapolate, axis)


def PchipInterpolator(x: Any, y: Any, axis: int = 0, extrapolate: bool | None = None) -> PiecewisePolynomial:
    """The piecewise cubic that is monotonic where the samples are.

    The slope at a sample is the weighted harmonic mean of the slopes of its intervals, and zero at an extremum.

    Args:
        x: (n,), increasing.
        y: (n, ...), samples along `axis`.
        axis, extrapolate: as for `CubicSpline`.

    Returns:
        As `CubicSpline`.

    Raises:
        ValueError: x does not increase, or shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from funcgrad.scipy.interpolate import PchipInterpolator
        >>> PchipInterpolator(np.arange(4.0), np.array([0.0, 0.0, 1.0, 1.0]))(np.array([0.5, 1.5]))
        array([0. , 0.5])

    Reference: scipy.interpolate.PchipInterpolator; F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5, 1984.
    """
    x, y, axis = samples("PchipInterpolator", x, y, axis)
    h = columns(x[1:] - x[:-1], y)
    secant = (y[1:] - y[:-1]) / h
    if x.shape[0] == 2:
        slopes = np.concatenate([secant, secant])
    else:
        left, right = secant[:-1], secant[1:]
        same = np.sign(left) * np.sign(right) > 0
        w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
        safe = [np.where(same, m, 1.0) for m in (left, right)]
        inner = np.where(same, (w1 + w2) / (w1 / safe[0] + w2 / safe[1]), 0.0)
        ends = [_end_slope(h, secant), _end_slope(h[::-1], secant[::-1])]
        slopes = np.concatenate([ends[0], inner, ends[1]])
    return PiecewisePolynomial(hermite(x, y, slopes), x, True if extrapolate is None else extrapolate, axis)


def _end_slope(h: Any, m: Any) -> Any:
    """One-sided slope by three samples, held to the shape of the samples."""
    slope = ((2.0 * h[:1] + h[1:2]) * m[:1] - h[:1] * m[1:2]) / (h[:1] + h[1:2])
    turns = np.sign(slope) != np.sign(m[:1])
    steep = (np.sign(m[:1]) != np.sign(m[1:2])) & (abs(slope) > 3.0 * abs(m[:1]))
    return np.where(turns, 0.0, np.where(steep, 3.0 * m[:1], slope))


def Akima1DInterpolator(
    x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: bool | None = None
) -> PiecewisePolynomial:
    """The piecewise cubic whose slope at a sample depends on the five samples around it alone.

        s_i = (|m_{i+1} - m_i| m_{i-1} + |m_{i-1} - m_{i-2}| m_i) / (|m_{i+1} - m_i| + |m_{i-1} - m_{i-2}|)

    Args:
        x: (n,), increasing.
        y: (n, ...), samples along `axis`.
        axis: as for `CubicSpline`.
        method: "akima" or "makima", whose weights overshoot less at flat places.
        extrapolate: None and False: nan outside of x.

    Returns:
        As `CubicSpline`.

    Raises:
        ValueError: x does not increase, shapes do not fit, or there is no such method.

    Example:
        >>> import numpy as np
        >>> from funcgrad.scipy.interpolate import Akima1DInterpolator
        >>> Akima1DInterpolator(np.arange(5.0), np.array([0.0, 0.0, 1.0, 2.0, 2.0]))(np.array([0.0, 1.5, 9.0]))
        array([0. , 0.5, nan])

    Reference: scipy.interpolate.Akima1DInterpolator; H. Akima, Journal of the ACM 17, 1970.
    """
    if method not in ("akima", "makima"):
        raise ValueError(f"Akima1DInterpolator: method must be 'akima' or 'makima', got {method!r}.")
    x, y, axis = samples("Akima1DInterpolator", x, y, axis)
    secant = (y[1:] - y[:-1]) / columns(x[1:] - x[:-1], y)
    if x.shape[0] == 2:
        slopes = np.concatenate([secant, secant])
    else:
        slopes = _akima_slopes(secant, method)
    return PiecewisePolynomial(hermite(x, y, slopes), x, bool(extrapolate), axis)


def _akima_slopes(secant: Any, method: str) -> Any:
    before = 2.0 * secant[:1] - secant[1:2]
    after = 2.0 * secant[-1:] - secant[-2:-1]
    m = np.concatenate([2.0 * before - secant[:1], before, secant, after, 2.0 * after - secant[-1:]])
    change = abs(m[1:] - m[:-1])
    if method == "makima":
        change = change + 0.5 * abs(m[1:] + m[:-1])
    right, left = change[2:], change[:-2]
    total = left + right
    clear = total > 1e-9 * np.max(total)
    weighted = (right * m[1:-2] + left * m[2:-1]) / np.where(clear, total, 1.0)
    return np.where(clear, weighted, 0.5 * (m[3:] + m[:-3]))


__all__ = ["Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PchipInterpolator", "tridiagonal_solve"]
