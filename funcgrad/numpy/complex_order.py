"""Complex numbers in NumPy's order: by their real parts, then by their imaginary parts.

A number with a part that is NaN counts as the larger and as the smaller one. At a tie of equal numbers the derivative
is shared, as for real numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..ops import elementwise as ew
from ..ops import layout, reduction


def _missing(z: Any) -> Any:
    return ew.or_(ew.isnan(ew.real(z)), ew.isnan(ew.imag(z)))


def _before(x: Any, y: Any) -> Any:
    """Whether x < y."""
    a, b = ew.real(x), ew.real(y)
    return ew.or_(ew.lt(a, b), ew.and_(ew.eq(a, b), ew.lt(ew.imag(x), ew.imag(y))))


def _extreme(larger: bool) -> Callable:
    def apply(x: Any, y: Any) -> Any:
        first = ew.or_(_missing(x), _before(y, x) if larger else _before(x, y))
        tie = ew.eq(x, y)
        half = ew.mul(x, ew.like(x, 0.5)) + ew.mul(y, ew.like(y, 0.5))
        return ew.select(tie, half, ew.select(first, x, y))

    return apply


maximum, minimum = _extreme(True), _extreme(False)


def ignoring_nan(extreme: Callable) -> Callable:
    """The other number where one is NaN."""

    def apply(x: Any, y: Any) -> Any:
        return ew.select(_missing(x), y, ew.select(_missing(y), x, extreme(x, y)))

    return apply


def sign(z: Any) -> Any:
    """z / |z|, and 0 at 0, with derivative 0."""
    size = ew.hypot(ew.real(z), ew.imag(z))
    zero = ew.eq(size, ew.like(size, 0))
    safe = ew.select(zero, ew.like(size, 1), size)
    return ew.select(zero, ew.like(z, 0), ew.complex_(ew.div(ew.real(z), safe), ew.div(ew.imag(z), safe)))


def middle(ordered: Any) -> Any:
    """The median of the last axis, sorted; NaN where it has one, which is the last."""
    n, last = ordered.shape[-1], len(ordered.shape) - 1
    if not n:
        return ew.like(layout.fill(0, tuple(ordered.shape[:-1]), ordered.dtype), math.nan)
    low, high, end = (_element(ordered, last, k) for k in ((n - 1) // 2, n // 2, n - 1))
    mean = ew.mul(low, ew.like(low, 0.5)) + ew.mul(high, ew.like(high, 0.5))
    return ew.select(_missing(end), end, mean)


def _element(x: Any, axis: int, k: int) -> Any:
    return layout.reshape(layout.slice_axis(x, axis, k, k + 1), shape=tuple(x.shape[:-1]))


# --- the largest and the smallest element -----------------------------------------------------------------------------


def _best(rows: Any, larger: bool) -> Any:
    """Which elements of the last axis are equal to the largest or smallest one; if any are NaN, those."""
    extreme, last = (reduction.reduce_max, math.inf) if larger else (reduction.reduce_min, -math.inf)
    axis = len(rows.shape) - 1

    def reached(x: Any) -> Any:
        return ew.eq(x, _spread(extreme(x, axes=(axis,)), rows))

    missing = _missing(rows)
    real, imaginary = (ew.select(missing, ew.like(v, 0), v) for v in (ew.real(rows), ew.imag(rows)))
    first = ew.and_(reached(ew.select(missing, ew.like(real, -last), real)), ew.not_(missing))
    second = ew.and_(reached(ew.select(first, imaginary, ew.like(real, -last))), first)
    return ew.select(_spread(reduction.reduce_or(missing, axes=(axis,)), rows), missing, second)


def _spread(x: Any, rows: Any) -> Any:
    return layout.broadcast(x, shape=tuple(rows.shape), dims=tuple(range(len(rows.shape) - 1)))


def position(rows: Any, larger: bool) -> Any:
    """Where the first of them is, along the last axis."""
    best = ew.convert(_best(rows, larger), dtype=ew.real(rows).dtype)
    return reduction.argmax(best, axis=len(rows.shape) - 1)


def element(rows: Any, larger: bool) -> Any:
    """The first of them; equal ones share the derivative."""
    best, axis = _best(rows, larger), len(rows.shape) - 1
    place = reduction.argmax(ew.convert(best, dtype=ew.real(rows).dtype), axis=axis)
    here = ew.eq(_spread(place, rows), layout.iota(shape=tuple(rows.shape), axis=axis, dtype=place.dtype))
    zero = ew.like(rows, 0)
    first = reduction.reduce_sum(ew.select(here, rows, zero), axes=(axis,))
    count = reduction.reduce_sum(ew.convert(best, dtype=rows.dtype), axes=(axis,))
    mean = ew.div(reduction.reduce_sum(ew.select(best, rows, zero), axes=(axis,)), count)
    finite = ew.and_(ew.isfinite(ew.real(mean)), ew.isfinite(ew.imag(mean)))
    return ew.select(finite, ew.stop(first) + (mean - ew.stop(mean)), first)


__all__ = ["element", "ignoring_nan", "maximum", "middle", "minimum", "position", "sign"]
