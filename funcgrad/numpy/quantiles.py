"""Quantiles, percentiles and medians, with and without NaN: interpolation between neighbours in the sorted order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import layout, sorting
from . import complex_order, differences, manipulation, promotion, reductions, ufuncs
from .promotion import array_operand
from .registry import numpy_function
from .selection import sort, take, take_along_axis


def _quantiles(x: Any, q: Any, axis: Any, method: str, keepdims: bool, name: str) -> Any:
    """Linear interpolation between neighbours in the sorted order; q has any shape, which comes first in the result."""
    shape, axes = x.shape, promotion.many_axes(axis, x.ndim, name)
    if method not in _ELEMENTS and name != "median":
        differences.refuse_truth(x, name)
    kept_dtype = x.dtype
    x = x if method in _ELEMENTS and x.dtype.kind == "f" else _with_dtype_for(x, q)
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    rows = layout.reshape(
        layout.transpose(x, axes=(*kept, *axes)), shape=(*(shape[d] for d in kept), math.prod(shape[d] for d in axes))
    )
    n = rows.shape[-1]
    ordered = sorting.sort(rows, axis=rows.ndim - 1)
    q = promotion.convert(array_operand(q, name), np.dtype(np.float64) if x.dtype != np.float32 else x.dtype)
    place = _place(q, n, method)
    low, high = ufuncs.floor(place), ufuncs.ceil(place)
    if method == "averaged_inverted_cdf":
        high = ufuncs.add(low, 1)
    weight = ufuncs.subtract(place, low)
    low, high = (ufuncs.minimum(ufuncs.maximum(v, 0), n - 1) for v in (low, high))
    below, above = (take(ordered, promotion.convert(v, layout.INDEX), axis=rows.ndim - 1) for v in (low, high))
    value = _METHODS[method](below, above, promotion.convert(weight, x.dtype), low)
    value = _with_nan(value, rows, q.ndim)
    value = promotion.convert(value, kept_dtype) if method in _ELEMENTS else value
    value = (
        manipulation.moveaxis(value, tuple(range(len(kept), len(kept) + q.ndim)), tuple(range(q.ndim)))
        if q.ndim
        else value
    )
    if not keepdims:
        return value
    return layout.reshape(value, shape=(*q.shape, *(1 if d in axes else m for d, m in enumerate(shape))))


def _with_dtype_for(x: Any, q: Any) -> Any:
    """Floats; float64 where q is an array of it. Of a single traced number it is not known whether it was Python's."""
    double = np.dtype(np.float64)
    many = array_operand(q, "quantile")
    return promotion.convert(x, double) if x.dtype.kind != "f" or (many.ndim and many.dtype == double) else x


def _place(q: Any, n: int, method: str) -> Any:
    """Where the quantile lies among the sorted elements: n q + alpha + q (1 - alpha - beta) - 1, by Hyndman and Fan."""
    if method not in _OFFSETS:
        return ufuncs.multiply(q, n - 1)
    alpha, beta = _OFFSETS[method]
    return ufuncs.add(ufuncs.multiply(q, n + 1 - alpha - beta), alpha - 1)


def _middle(a: Any, b: Any) -> Any:
    """The mean of two, infinite where one is, and of two large ones not."""
    return ufuncs.add(ufuncs.multiply(a, 0.5), ufuncs.multiply(b, 0.5))


# Hyndman and Fan, Sample quantiles in statistical packages, The American Statistician 50, 1996.
_OFFSETS = {
    "inverted_cdf": (0.0, 1.0), "averaged_inverted_cdf": (0.0, 1.0), "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5), "weibull": (0.0, 0.0), "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip
_ELEMENTS = ("lower", "higher", "nearest", "inverted_cdf")  # methods whose result is an element of the data
_METHODS: dict[str, Callable] = {
    "linear": lambda a, b, w, low: ufuncs.add(a, ufuncs.multiply(ufuncs.subtract(b, a), w)),
    **dict.fromkeys(
        ("interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased"),
        lambda a, b, w, low: ufuncs.add(a, ufuncs.multiply(ufuncs.subtract(b, a), w)),
    ),
    "inverted_cdf": lambda a, b, w, low: b,
    "averaged_inverted_cdf": lambda a, b, w, low: ew.select(
        *promotion.same_shape([ufuncs.greater(w, 0), b, ufuncs.multiply(ufuncs.add(a, b), 0.5)], "quantile")
    ),
    "lower": lambda a, b, w, low: a,
    "higher": lambda a, b, w, low: b,
    "midpoint": lambda a, b, w, low: _middle(a, b),
    "nearest": lambda a, b, w, low: ew.select(*promotion.same_shape([_rounds_up(w, low), b, a], "quantile")),
}


def _rounds_up(weight: Any, low: Any) -> Any:
    odd = ufuncs.equal(ufuncs.remainder(low, 2), 1)
    return ufuncs.logical_or(ufuncs.greater(weight, 0.5), ufuncs.logical_and(ufuncs.equal(weight, 0.5), odd))


def _with_nan(value: Any, rows: Any, extra: int) -> Any:
    """NaN anywhere in a group makes its quantiles NaN."""
    bad = reductions.any(ufuncs.isnan(rows), axis=-1)
    bad = layout.reshape(bad, shape=tuple(bad.shape) + (1,) * extra)
    return ew.select(promotion.broadcast(bad, tuple(value.shape)), ew.like(value, math.nan), value)


@numpy_function
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """The q-quantile, q in [0, 1]; differentiable in the data and, between data points, in q.

    Reference: numpy.quantile
    """
    if method not in _METHODS:
        raise ValueError(
            f"quantile: method {method!r} is not supported on traced values; use one of {sorted(_METHODS)}"
        )
    return _quantiles(array_operand(a, "quantile"), q, axis, method, keepdims, "quantile")


@numpy_function
def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """The q-th percentile, q in [0, 100].

    Reference: numpy.percentile
    """
    return quantile(a, ufuncs.divide(q, 100), axis, method=method, keepdims=keepdims)


@numpy_function
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two middle ones.

    Reference: numpy.median
    """
    x = array_operand(a, "median")
    if x.dtype.kind == "c":
        return _complex_median(x, axis, keepdims)
    return _quantiles(x, 0.5, axis, "midpoint", keepdims, "median")


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
) -> Any:
    """Quantiles of the elements that are not NaN, by linear interpolation.

    Reference: numpy.nanquantile
    """
    if method != "linear":
        raise ValueError(f"nanquantile: method {method!r} is not supported on traced values; use 'linear'")
    differences.refuse_truth(a, "nanquantile")
    return _nan_quantiles(array_operand(a, "nanquantile"), q, axis, keepdims)


def _nan_quantiles(x: Any, q: Any, axis: Any, keepdims: bool, median: bool = False) -> Any:
    x = _with_dtype_for(x, q)
    axes = promotion.many_axes(axis, x.ndim, "nanquantile")
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    rows = layout.reshape(
        layout.transpose(x, axes=(*kept, *axes)),
        shape=(*(x.shape[d] for d in kept), math.prod(x.shape[d] for d in axes)),
    )
    ordered = sorting.sort(rows, axis=rows.ndim - 1)  # NaN last
    count = reductions.sum(ufuncs.logical_not(ufuncs.isnan(rows)), axis=-1, keepdims=True)
    q = promotion.convert(array_operand(q, "nanquantile"), x.dtype)
    place = ufuncs.multiply(promotion.convert(ufuncs.subtract(count, 1), x.dtype), manipulation.ravel(q))
    low = ufuncs.maximum(ufuncs.floor(place), 0)
    below, above = (
        take_along_axis(ordered, promotion.convert(v, layout.INDEX), -1)
        for v in (low, ufuncs.maximum(ufuncs.ceil(place), 0))
    )
    value = _middle(below, above) if median else below + (above - below) * (place - low)
    value = layout.reshape(layout.move_axis(value, value.ndim - 1, 0), shape=(*q.shape, *(x.shape[d] for d in kept)))
    shape = (*q.shape, *(1 if d in axes else n for d, n in enumerate(x.shape)))
    return layout.reshape(value, shape=shape) if keepdims else value


@numpy_function
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """Percentiles of the elements that are not NaN.

    Reference: numpy.nanpercentile
    """
    return nanquantile(a, ufuncs.divide(q, 100), axis, method=method, keepdims=keepdims)


@numpy_function
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The median of the elements that are not NaN.

    Reference: numpy.nanmedian
    """
    return _nan_quantiles(
        array_operand(a, "nanmedian"), 0.5, axis, bool(keepdims) and keepdims is not np._NoValue, True
    )


__all__ = [
    "median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile",
]  # fmt: skip
