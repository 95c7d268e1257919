"""Quantiles, percentiles and medians, with and without NaN, with and without weights.

    sort the group; the method gives a place in the sorted order, and how much of the next element is taken:
    value = a + (b - a) gamma,   for gamma >= 1/2   b - (b - a) (1 - gamma)

Without NaN the place depends on the size of a group, which is known; with NaN on how many elements are numbers.

Reference: R. Hyndman, Y. Fan, Sample quantiles in statistical packages, The American Statistician 50, 1996.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import layout, sorting
from . import complex_order, differences, manipulation, promotion, reductions, ufuncs
from .promotion import array_operand
from .registry import numpy_function
from .selection import sort, take, take_along_axis

DOUBLE = np.dtype(np.float64)

# --- methods: the place v among the sorted elements, and gamma from v and floor(v) ------------------------------------


def _continuous(alpha: float, beta: float) -> Callable:
    """v = n q + alpha + q (1 - alpha - beta) - 1."""

    def place(n: Any, q: Any) -> Any:
        return n * q + (alpha + q * (1 - alpha - beta)) - 1

    return place


def _next_unless(stays: Callable, shift: float) -> Callable:
    """The element after v = n q - shift, or the one before where `stays` of the fraction and the floor says so."""

    def place(n: Any, q: Any) -> Any:
        v = n * q - shift
        before = ufuncs.floor(v)
        return ufuncs.maximum(_choose(stays(v - before, before), before, before + 1), 0)

    return place


def _middle_place(n: Any, q: Any) -> Any:
    v = (n - 1) * q
    return 0.5 * (ufuncs.floor(v) + ufuncs.ceil(v))


_PLACES: dict[str, Callable] = {
    "linear": lambda n, q: (n - 1) * q,
    "interpolated_inverted_cdf": _continuous(0.0, 1.0), "hazen": _continuous(0.5, 0.5),
    "weibull": _continuous(0.0, 0.0),
    "median_unbiased": _continuous(1 / 3, 1 / 3), "normal_unbiased": _continuous(3 / 8, 3 / 8),
    "averaged_inverted_cdf": lambda n, q: n * q - 1, "midpoint": _middle_place,
}  # fmt: skip
_GAMMAS: dict[str, Callable] = {
    "averaged_inverted_cdf": lambda gamma: _choose(ufuncs.equal(gamma, 0), 0.5, 1.0),
    "midpoint": lambda gamma: _choose(ufuncs.equal(gamma, 0), 0.0, 0.5),
}
_ELEMENTS: dict[str, Callable] = {  # methods whose result is an element of the data
    "lower": lambda n, q: ufuncs.floor((n - 1) * q),
    "higher": lambda n, q: ufuncs.ceil((n - 1) * q),
    "nearest": lambda n, q: ufuncs.rint((n - 1) * q),
    "inverted_cdf": _next_unless(lambda gamma, before: ufuncs.equal(gamma, 0), 1.0),
    "closest_observation": _next_unless(
        lambda gamma, before: ufuncs.logical_and(ufuncs.equal(gamma, 0), ufuncs.equal(ufuncs.remainder(before, 2), 1)),
        1.5,
    ),
}


def _choose(condition: Any, a: Any, b: Any) -> Any:
    return ew.select(*promotion.same_shape([array_operand(v) for v in (condition, *_alike(a, b))], "quantile"))


def _alike(a: Any, b: Any) -> list[Any]:
    a, b = array_operand(a), array_operand(b)
    dtype = promotion.result_dtype(a, b)
    return [promotion.convert(v, dtype) for v in (a, b)]


# --- one engine for all -----------------------------------------------------------------------------------------------


def _quantiles(
    x: Any, q: Any, axis: Any, method: str, keepdims: bool, name: str, skip_nan: bool = False, weights: Any = None
) -> Any:
    """Quantiles of the groups along axes; q has any shape, which comes first in the result."""
    axes = promotion.many_axes(axis, x.ndim, name)
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    elements = method in _ELEMENTS
    if not elements and name not in ("median", "nanmedian"):
        differences.refuse_truth(x, name)
    data = x if elements else _with_dtype_for(x, q)
    q = array_operand(q, name)
    flat_q = manipulation.ravel(promotion.convert(q, data.dtype if data.dtype.kind == "f" else DOUBLE))
    rows = _rows(data, kept, axes)
    if weights is None:
        value = _of_rows(rows, flat_q, method, skip_nan)
    else:
        value = _of_weighted_rows(rows, _rows(weights, kept, axes), flat_q, skip_nan)
    value = layout.reshape(value, shape=(*(x.shape[d] for d in kept), *q.shape))
    count = len(kept)
    if q.ndim:
        value = manipulation.moveaxis(value, tuple(range(count, count + q.ndim)), tuple(range(q.ndim)))
    if not keepdims or keepdims is np._NoValue:
        return value
    return layout.reshape(value, shape=(*q.shape, *(1 if d in axes else m for d, m in enumerate(x.shape))))


def _rows(x: Any, kept: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The groups as the last axis."""
    turned = layout.transpose(x, axes=(*kept, *axes))
    return layout.reshape(turned, shape=(*(x.shape[d] for d in kept), math.prod(x.shape[d] for d in axes)))


def _with_dtype_for(x: Any, q: Any) -> Any:
    """Floats; float64 where q is an array of it. Of a single traced number it is not known whether it was Python's."""
    many = array_operand(q, "quantile")
    return promotion.convert(x, DOUBLE) if x.dtype.kind != "f" or (many.ndim and many.dtype == DOUBLE) else x


def _of_rows(rows: Any, q: Any, method: str, skip_nan: bool) -> Any:
    """Shape (groups, q), from the sorted rows."""
    if rows.shape[-1] == 0 and (skip_nan or method == "median"):
        return layout.fill(math.nan, (*rows.shape[:-1], q.shape[0]), rows.dtype if rows.dtype.kind == "f" else DOUBLE)
    ordered = sorting.sort(rows, axis=rows.ndim - 1)  # NaN last
    count: Any = rows.shape[-1]
    if skip_nan and rows.dtype.kind == "f":
        numbers = reductions.sum(ufuncs.logical_not(ufuncs.isnan(rows)), axis=-1, keepdims=True)
        count = promotion.convert(numbers, q.dtype)
    if method == "median":
        middle = (count - 1) * array_operand(np.array([0.5], q.dtype))
        value = _mean_of_two(*(_at(ordered, f(middle), count) for f in (ufuncs.floor, ufuncs.ceil)))
    elif method in _ELEMENTS:
        value = _at(ordered, _ELEMENTS[method](count, q), count)
    else:
        place = _PLACES[method](count, q)
        before = ufuncs.floor(place)
        gamma = _GAMMAS.get(method, lambda g: g)(place - before)
        value = _between(_at(ordered, before, count), _at(ordered, before + 1, count), gamma)
    return value if skip_nan else _with_nan(value, rows)


def _at(ordered: Any, place: Any, count: Any) -> Any:
    """The elements at places: the same ones of every row, or, where the rows have different counts, their own."""
    index = promotion.convert(ufuncs.maximum(ufuncs.minimum(place, count - 1), 0), layout.INDEX)
    if index.ndim == 1:
        return take(ordered, index, axis=ordered.ndim - 1)
    return take_along_axis(ordered, index, -1)


def _between(a: Any, b: Any, gamma: Any) -> Any:
    """As NumPy interpolates, so that infinities give what they give there."""
    step, gamma = b - a, promotion.convert(array_operand(gamma), a.dtype)
    return _choose(ufuncs.greater_equal(gamma, 0.5), b - step * (1 - gamma), a + step * gamma)


def _mean_of_two(a: Any, b: Any) -> Any:
    """Infinite where one is, and of two large ones not."""
    return a * 0.5 + b * 0.5


def _with_nan(value: Any, rows: Any) -> Any:
    """NaN anywhere in a group makes its quantiles NaN."""
    if rows.dtype.kind != "f":
        return value
    bad = reductions.any(ufuncs.isnan(rows), axis=-1, keepdims=True)
    return ew.select(promotion.broadcast(bad, tuple(value.shape)), ew.like(value, math.nan), value)


# --- weights ----------------------------------------------------------------------------------------------------------


def _of_weighted_rows(rows: Any, weights: Any, q: Any, skip_nan: bool) -> Any:
    """The first element at which the share of the weights up to it reaches q."""
    if skip_nan and rows.dtype.kind == "f":
        weights = ew.select(ufuncs.isnan(rows), ew.like(weights, 0), weights)
    order = sorting.argsort(rows, axis=rows.ndim - 1)
    ordered, weights = take_along_axis(rows, order, -1), take_along_axis(weights, order, -1)
    running = reductions.cumsum(promotion.convert(weights, DOUBLE), axis=-1)
    share = promotion.convert(running / running[..., -1:], q.dtype)
    share = ew.select(ew.eq(share, ew.like(share, 0)), ew.like(share, -1), share)  # at q = 0, none of weight 0
    below = ufuncs.less(manipulation.expand_dims(share, -2), manipulation.expand_dims(q, -1))
    value = _at(ordered, reductions.sum(below, axis=-1), rows.shape[-1])
    return value if skip_nan else _with_nan(value, rows)


def _weights_for(x: Any, weights: Any, axis: Any, method: str, name: str) -> Any:
    """Weights of the shape of x, or None.

    Raises:
        ValueError: the method has no weighted form, a weight is negative, or shapes do not fit.
        TypeError: the shape of the weights is another one, and no axis is given.
    """
    if weights is None:
        return None
    if method != "inverted_cdf":
        raise ValueError(f"{name}: only the method 'inverted_cdf' supports weights, got {method!r}")
    weights = array_operand(weights, name)
    if weights.dtype.kind not in "biuf":
        raise TypeError(f"{name}: weights must be real numbers, got {weights.dtype}")
    if tuple(weights.shape) != tuple(x.shape):
        weights = _along_axes(weights, x, axis, name)
    known = weights.value if type(weights) is Tracer else weights
    if known is not None and np.any(np.asarray(known) < 0):
        raise ValueError(f"{name}: weights must be non-negative")
    return promotion.broadcast(weights, tuple(x.shape))


def _along_axes(weights: Any, x: Any, axis: Any, name: str) -> Any:
    if axis is None:
        raise TypeError(f"{name}: axis must be given when the shapes of a and weights differ")
    given = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    axes = [int(d) % x.ndim if -x.ndim <= d < x.ndim else int(d) for d in given]
    promotion.many_axes(axis, x.ndim, name)
    if tuple(weights.shape) != tuple(x.shape[d] for d in axes):
        raise ValueError(
            f"{name}: weights of shape {tuple(weights.shape)} do not fit a of shape {tuple(x.shape)} along axis {axis}"
        )
    turned = layout.transpose(weights, axes=tuple(int(k) for k in np.argsort(axes)))
    return layout.reshape(turned, shape=tuple(n if d in axes else 1 for d, n in enumerate(x.shape)))


# --- public -----------------------------------------------------------------------------------------------------------


def _public(name: str, a: Any, q: Any, axis: Any, method: str, keepdims: Any, weights: Any) -> Any:
    if method not in _ELEMENTS and method not in _PLACES:
        raise ValueError(f"{name}: {method!r} is not a valid method; use one of {sorted([*_ELEMENTS, *_PLACES])}")
    x = array_operand(a, name)
    weights = _weights_for(x, weights, axis, method, name)
    return _quantiles(x, q, axis, method, keepdims, name, name.startswith("nan"), weights)


@numpy_function
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """The q-quantile, q in [0, 1]; differentiable in the data and, between data points, in q.

    With weights, for the method "inverted_cdf", they are piecewise constant in the weights.

    Reference: numpy.quantile
    """
    return _public("quantile", a, q, axis, method, keepdims, weights)


@numpy_function
def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """The q-th percentile, q in [0, 100].

    Reference: numpy.percentile
    """
    return _public("percentile", a, ufuncs.divide(q, 100), axis, method, keepdims, weights)


@numpy_function
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two middle ones.

    Reference: numpy.median
    """
    x = array_operand(a, "median")
    if x.dtype.kind == "c":
        return _complex_median(x, axis, keepdims)
    return _quantiles(x, 0.5, axis, "median", keepdims, "median")


def _complex_median(x: Any, axis: Any, keepdims: bool) -> Any:
    shape, axes = x.shape, promotion.many_axes(axis, x.ndim, "median")
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    rows = (*(shape[d] for d in kept), math.prod(shape[d] for d in axes))
    value = complex_order.middle(sort(layout.reshape(layout.transpose(x, axes=(*kept, *axes)), shape=rows)))
    return layout.reshape(value, shape=tuple(1 if d in axes else m for d, m in enumerate(shape))) if keepdims else value


@numpy_function
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Quantiles of the elements that are not NaN.

    Reference: numpy.nanquantile
    """
    return _public("nanquantile", a, q, axis, method, keepdims, weights)


@numpy_function
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Any:
    """Percentiles of the elements that are not NaN.

    Reference: numpy.nanpercentile
    """
    return _public("nanpercentile", a, ufuncs.divide(q, 100), axis, method, keepdims, weights)


@numpy_function
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The median of the elements that are not NaN.

    Reference: numpy.nanmedian
    """
    return _quantiles(array_operand(a, "nanmedian"), 0.5, axis, "median", keepdims, "nanmedian", True)


__all__ = [
    "median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile",
]  # fmt: skip
