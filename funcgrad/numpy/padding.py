"""Padding: elements added around an array, in all of NumPy's modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import layout
from . import creation, joining, promotion, quantiles, reductions, statistics, ufuncs
from .promotion import array_operand, one_axis
from .rearrange import pick
from .registry import numpy_function, register

_BY_POSITION = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS: dict[str, Callable] = {
    "maximum": reductions.max,
    "minimum": reductions.min,
    "mean": reductions.mean,
    "median": quantiles.median,
}


def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """Add elements around an array.

    Args:
        mode: constant, edge, reflect, symmetric, wrap, linear_ramp, maximum, mean, median, minimum, or empty; or a
            function of a vector with zeros at its ends, how many there are at each end, the axis, and the options. It
            returns the new vector. On plain arrays it may change the vector in place instead, as NumPy has it.
        options: constant_values, stat_length, end_values, reflect_type: what the modes constant, those of statistics,
            linear_ramp, and reflect and symmetric take, as in NumPy. Those of a function have any names.

    Raises:
        ValueError: a width is negative.
        TypeError: there is no such mode, or a function returns nothing for traced values.

    Reference: numpy.pad
    """
    return (
        _pad_by_function(array, pad_width, mode, options) if callable(mode) else _pad(array, pad_width, mode, **options)
    )


def _pad_by_function(array: Any, pad_width: Any, function: Callable, options: dict) -> Any:
    x = array_operand(array, "pad")
    widths = _widths(pad_width, x.ndim)
    x = _pad(x, widths, "constant")

    def padded(row: Any, width: tuple[int, int], d: int) -> Any:
        row = row if promotion.has_tracer(row) else row.copy()
        out = function(row, width, d, options)
        if out is None and promotion.has_tracer(row):
            raise TypeError(
                "pad: the function that is the mode returned nothing.\n"
                "Reason: a traced vector cannot be changed in place.\n"
                "Fix: return the new vector, as in return funcgrad.numpy.at(vector)[: width[0]].set(value)."
            )
        return row if out is None else out

    for d, width in enumerate(widths):
        x = statistics.apply_along_axis(padded, d, x, width, d)
    return x


def _pad(
    array: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    stat_length: Any = None,
    end_values: Any = 0,
    reflect_type: str = "even",
) -> Any:
    x = array_operand(array, "pad")
    widths = _widths(pad_width, x.ndim)
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError("pad: index can't contain negative values")
    if mode in ("constant", "empty"):
        return _pad_constant(x, widths, constant_values if mode == "constant" else 0)
    if mode not in (*_BY_POSITION, *_STATISTICS, "linear_ramp"):
        raise ValueError(f"pad: there is no mode {mode!r}")
    for d, (low, high) in enumerate(widths):
        if not (low or high):
            continue
        if mode in _BY_POSITION and not (reflect_type == "odd" and mode in ("reflect", "symmetric")):
            x = pick(x, np.pad(np.arange(x.shape[d]), (low, high), mode), d)
        elif mode in _BY_POSITION:
            x = _pad_odd(x, d, low, high, mode)
        elif mode == "linear_ramp":
            x = _pad_ramp(x, d, low, high, _pair(end_values, d, x.ndim))
        else:
            x = _pad_statistic(x, d, low, high, mode, _pair(stat_length, d, x.ndim))
    return x


_pad.__name__ = "pad"
_pad = numpy_function(_pad)
register(np.pad, pad)


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        chosen = {one_axis(d, ndim, "pad"): w if isinstance(w, tuple) else (w, w) for d, w in pad_width.items()}
        return [chosen.get(d, (0, 0)) for d in range(ndim)]
    return [(int(a), int(b)) for a, b in np.broadcast_to(np.asarray(pad_width), (ndim, 2))]


def _pair(value: Any, d: int, ndim: int) -> tuple[Any, Any]:
    """What is given for the two ends of an axis: one for all, a pair for all, or a pair for each axis."""
    if value is None:
        return None, None
    table = np.broadcast_to(np.asarray(value), (ndim, 2))
    return table[d, 0], table[d, 1]


def _widened(part: Any, shape: tuple[int, ...], d: int, n: int) -> Any:
    """A slice of size 1 on an axis, n times."""
    return promotion.broadcast(part, tuple(n if k == d else m for k, m in enumerate(shape)))


def _pad_statistic(x: Any, d: int, low: int, high: int, mode: str, lengths: tuple[Any, Any]) -> Any:
    """A statistic of the elements next to each end."""
    n, parts = x.shape[d], []
    for width, length, first in ((low, lengths[0], True), (high, lengths[1], False)):
        length = n if length is None else min(promotion.static_int(length, "pad"), n)
        if length < 1:
            raise ValueError("pad: stat_length of 0 yields no value for padding")
        near = layout.slice_axis(x, d, 0, length) if first else layout.slice_axis(x, d, n - length, n)
        value = _STATISTICS[mode](near, axis=d, keepdims=True)
        value = ufuncs.rint(value) if x.dtype.kind in "iu" and value.dtype.kind == "f" else value
        parts.append(_widened(promotion.convert(value, x.dtype), x.shape, d, width))
    return joining.join([parts[0], x, parts[1]], d)


def _pad_ramp(x: Any, d: int, low: int, high: int, ends: tuple[Any, Any]) -> Any:
    """Straight lines from given values at the very ends to the edges of the array."""
    n = x.shape[d]
    edges = layout.slice_axis(x, d, 0, 1), layout.slice_axis(x, d, n - 1, n)
    ramps = []
    for edge, end, width in zip(edges, ends, (low, high)):
        flat = layout.reshape(edge, shape=tuple(m for k, m in enumerate(x.shape) if k != d))
        start = promotion.broadcast(np.asarray(end, x.dtype)[()], tuple(flat.shape))
        ramp = creation.linspace(start, flat, width, endpoint=False, axis=d, dtype=x.dtype)
        ramps.append(ramp if width else layout.slice_axis(x, d, 0, 0))
    return joining.join([ramps[0], x, layout.flip(ramps[1], axes=(d,))], d)


def _pad_odd(x: Any, d: int, low: int, high: int, mode: str) -> Any:
    """Reflection in the points at the edges: 2 edge - even reflection, no further than the array is long."""
    n = x.shape[d]
    if max(low, high) > n - (mode == "reflect"):
        raise ValueError("pad: reflect_type='odd' reaches no further than the array is long, on traced values")
    even = pick(x, np.pad(np.arange(n), (low, high), mode), d)
    edges = [layout.slice_axis(x, d, k, k + 1) for k in (0, n - 1)]
    outer = [layout.slice_axis(even, d, 0, low), layout.slice_axis(even, d, low + n, low + n + high)]
    odd = [
        ew.sub(ew.mul(wide, ew.like(wide, 2)), part)
        for wide, part in zip((_widened(e, x.shape, d, w) for e, w in zip(edges, (low, high))), outer)
    ]
    return joining.join([odd[0], x, odd[1]], d)


def _pad_constant(x: Any, widths: list[tuple[int, int]], values: Any) -> Any:
    none = (0,) * x.ndim
    if np.ndim(values) == 0:
        low, high = (tuple(w[side] for w in widths) for side in (0, 1))
        fill = promotion.convert(array_operand(values), x.dtype)
        return layout.pad(x, fill, low=low, high=high, interior=none)
    table = np.broadcast_to(np.asarray(values), (x.ndim, 2)) if not promotion.has_tracer(values) else None
    if table is None:
        raise TypeError("pad: traced constant_values must be one number")
    for d, pair in enumerate(widths):
        for side, n in enumerate(pair):
            width = tuple(n if i == d else 0 for i in range(x.ndim))
            low, high = (width, none) if side == 0 else (none, width)
            x = layout.pad(x, np.asarray(table[d, side], x.dtype)[()], low=low, high=high, interior=none)
    return x


__all__ = [
    "pad",
]  # fmt: skip
