"""Histograms in any number of dimensions: counts (or sums of weights) per bin, and the edges of the bins.

The counts are one scatter: the bin of a value is the number of edges not above it. They have derivative 0 in the data,
and derivatives in the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import indexing, layout
from . import choice, creation, differences, manipulation, promotion, reductions, selection, ufuncs
from .promotion import array_operand
from .registry import numpy_function
from .truth import concrete


@numpy_function
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges that `histogram` uses.

    Args:
        bins: the number of bins, the edges themselves, or the name of a rule for their number, which needs to know the
            values.

    Reference: numpy.histogram_bin_edges
    """
    return _edges(manipulation.ravel(array_operand(a, "histogram_bin_edges")), bins, range, "histogram_bin_edges")


@numpy_function
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Any, Any]:
    """Counts (or sums of weights) per bin, and the edges.

    Reference: numpy.histogram
    """
    x = manipulation.ravel(array_operand(a, "histogram"))
    edges = _edges(x, bins, range, "histogram")
    w = np.ones(x.shape, np.int64) if weights is None else manipulation.ravel(array_operand(weights, "histogram"))
    if tuple(w.shape) != tuple(x.shape):
        raise ValueError(f"histogram: weights of shape {tuple(w.shape)} for data of shape {tuple(x.shape)}")
    counts = indexing.scatter_add(layout.fill(0, (len(edges) - 1,), w.dtype), w, _place(x, edges), axes=(0,))
    if density:
        counts = ufuncs.divide(ufuncs.divide(counts, differences.diff(edges)), reductions.sum(counts))
    return counts, edges


def _place(x: Any, edges: Any) -> Any:
    """The number of the bin of each value; out of range for values outside and for NaN."""
    place = ufuncs.subtract(selection.searchsorted(edges, x, "right"), 1)
    return choice.where(ufuncs.equal(x, edges[-1]), len(edges) - 2, place)


def _edges(x: Any, bins: Any, limits: Any, name: str, by_limits: bool = False) -> Any:
    """The given edges, or equal bins between limits, by default between the extremes of the data.

    `by_limits`: given limits alone decide the dtype.
    """
    if isinstance(bins, str):
        known = concrete(x, f"{name} with bins={bins!r}, which needs the values to count the bins; give their number")
        bins = len(np.histogram_bin_edges(known, bins, limits)) - 1
    if np.ndim(bins) == 1:
        return array_operand(bins, name)
    if np.ndim(bins) > 1:
        raise ValueError(f"{name}: bins must be a number or have one axis")
    bins = promotion.static_int(bins, name)
    if bins < 1:
        raise ValueError(f"{name}: bins must be positive, got {bins}")
    if limits is not None:
        kind = promotion.result_dtype(*limits, *([] if by_limits else [x]))
        low, high = (array_operand(v, name) for v in limits)
    else:
        kind = x.dtype
        low, high = (reductions.min(x), reductions.max(x)) if x.size else (np.float64(0), np.float64(1))
    kind = kind if kind.kind == "f" else np.dtype(np.float64)
    low, high = (promotion.convert(v, kind) for v in (low, high))
    half = promotion.convert(choice.where(ufuncs.equal(low, high), 0.5, 0.0), kind)
    return creation.linspace(ufuncs.subtract(low, half), ufuncs.add(high, half), bins + 1)


@numpy_function
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Any, list[Any]]:
    """Counts in boxes of D dimensions, and the edges along each.

    Args:
        sample: N points as an array of shape (N, D), or D arrays of N coordinates.
        bins: a number, or for each dimension a number or its edges.

    Reference: numpy.histogramdd
    """
    columns = _columns(sample)
    n, d = columns[0].shape[0], len(columns)
    bins = bins if isinstance(bins, (list, tuple)) else [bins] * d
    limits = [None] * d if range is None else range
    if len(bins) != d or len(limits) != d:
        raise ValueError(f"histogramdd: bins and range need one entry for each of the {d} dimensions")
    edges = [_edges(c, b, r, "histogramdd", by_limits=True) for c, b, r in zip(columns, bins, limits)]
    shape = tuple(len(e) - 1 for e in edges)
    w = np.ones(n) if weights is None else manipulation.ravel(array_operand(weights, "histogramdd"))
    w = promotion.convert(w, np.dtype(np.float64))
    zeros = layout.fill(0, shape, w.dtype)
    places = [promotion.convert(_place(c, e), layout.INDEX) for c, e in zip(columns, edges)]
    counts = indexing.scatter_add(zeros, w, *places, axes=tuple(np.arange(d).tolist()))
    if density:
        counts = ufuncs.divide(counts, reductions.sum(counts))
        for axis, e in enumerate(edges):
            width = differences.diff(e)
            across = tuple(-1 if k == axis else 1 for k in np.arange(d).tolist())
            counts = ufuncs.divide(counts, manipulation.reshape(width, across))
    return counts, edges


def _columns(sample: Any) -> list[Any]:
    """The coordinates of the points, one array for each dimension."""
    x = array_operand(sample, "histogramdd")
    if x.ndim != 2 or isinstance(sample, (list, tuple)):
        x = manipulation.reverse_axes(manipulation.atleast_2d(x))
    return [x[:, k] for k in np.arange(x.shape[1]).tolist()]


@numpy_function
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    """Counts in boxes of the plane, and the edges along both axes.

    Reference: numpy.histogram2d
    """
    if len(x) != len(y):
        raise ValueError("histogram2d: x and y must have the same length.")
    if not isinstance(bins, int) and len(bins) not in (1, 2):
        bins = [bins, bins]
    elif isinstance(bins, Sequence) and len(bins) == 1:
        bins = [bins[0], bins[0]]
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]


__all__ = [
    "histogram", "histogram2d", "histogram_bin_edges", "histogramdd",
]  # fmt: skip
