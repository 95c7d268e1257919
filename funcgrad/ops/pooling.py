"""Choosing an element of every window: where the extreme is, the element there, and the way back.

    window_argmax : x -> k       the position within its window of the first largest element, windows as in `convolution`
    window_take   : x, k -> y    that element, linear in x
    window_put    : y, k -> x    its transpose: every y added to the element it was taken from

The largest element of every window is `window_take(x, window_argmax(x))`, and so its derivative is that of the element
chosen, at every order; of several equal ones the first, in row-major order of the window.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray
from ..core.primitive import nondiff
from . import layout, reduction
from .convolution import check_windows, counts_of, window_samples, window_slices, window_view, windowed_shape
from .rules import library, linear, move_batch_first
from .samples import Sample, array

Ints = tuple[int, ...]
INT32, INDEX = np.dtype(np.int32), np.dtype(np.int64)
MOST_SELECTS = 16  # elements of a window among which one is chosen by selects, not by a computed address


def _chosen_shape(shape: Ints, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Ints:
    whole = windowed_shape(shape, axes, sizes, strides, dilations)
    return (*whole[: axes[-1] + 1], *whole[axes[-1] + 1 + len(axes) :])


def _rows(x: Any, axes: Ints, **params: Ints) -> np.ndarray:
    """The windows of x with their elements along one axis, after the last one windowed."""
    view, cut = window_view(x, axes, **params), axes[-1] + 1
    return view.reshape(*view.shape[:cut], math.prod(params["sizes"]), *view.shape[cut + len(axes) :])


def _elements(*, sizes: Ints, **_: Any) -> int:
    return math.prod(sizes)


def _selects(*, sizes: Ints, **_: Any) -> int:
    return math.prod(sizes) if math.prod(sizes) <= MOST_SELECTS else 1


def _ways(*, extents: Ints, sizes: Ints, strides: Ints, dilations: Ints, **_: Any) -> int:
    """How many windows may hold one element."""
    counts = counts_of(extents, sizes, strides, dilations)
    return math.prod(k if d > 1 else min(-(-k // s), n) for k, s, d, n in zip(sizes, strides, dilations, counts))


def _offsets(sizes: Ints) -> list[Ints]:
    return list(itertools.product(*map(range, sizes)))


def _reads(index: tuple, read: Any, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> list[sc.Expr]:
    """The elements of the window at an index of the result, in order."""
    found = []
    for offsets in _offsets(sizes):
        place = list(index)
        for a, o, s, d in zip(axes, offsets, strides, dilations):
            place[a] = index[a] * s + o * d
        found.append(read(tuple(place)))
    return found


# --- the position of the extreme --------------------------------------------------------------------------------------


def _arg_op(name: str, choose: Callable, better: Callable) -> Any:
    def impl(x: Any, *, axes: Ints, **params: Ints) -> Any:
        rows = _rows(x, axes, **params)
        return choose(rows, axis=axes[-1] + 1).astype(INT32) if rows.size else np.zeros(_chosen_shape(np.shape(x), axes, **params), INT32)

    def aval(x: ShapedArray, *, axes: Ints, **params: Ints) -> ShapedArray:
        if x.dtype.kind not in "iuf":
            raise TypeError(f"{name} is not defined for dtype {x.dtype}")
        check_windows(name, x, axes, **params)
        return x.update(shape=_chosen_shape(x.shape, axes, **params), dtype=INT32)

    def batch(size: int, args: list, in_axes: list, *, axes: Ints, **params: Ints) -> tuple[Any, int]:
        return prim(layout.move_axis(args[0], in_axes[0], 0), axes=tuple(a + 1 for a in axes), **params), 0

    def lower(index: tuple, read: Any, **params: Ints) -> sc.Expr:
        best, *others = _reads(index, read, **params)
        at = sc.const(0, INT32)
        for k, value in enumerate(others, 1):
            found = better(value, best)
            best, at = sc.select(found, value, best), sc.select(found, sc.const(k, INT32), at)
        return at

    def samples() -> list[Sample]:
        ties = Sample([np.array([[1.0, 3.0, 3.0, 1.0], [3.0, 1.0, np.nan, np.nan]])], dict(axes=(0, 1), sizes=(2, 2), strides=(1, 1), dilations=(1, 1)))
        return [*(Sample([x], params) for x, params in window_samples()), ties]

    prim = library(name, impl, aval=aval, batch=batch, linearize=nondiff, lower=lowering.IndexMap(lower, reads=_elements, cost=16.0), samples=samples)
    return prim


window_argmax = _arg_op("window_argmax", np.argmax, reduction.is_larger)
window_argmin = _arg_op("window_argmin", np.argmin, reduction.is_smaller)


# --- the element there, and back --------------------------------------------------------------------------------------


def _check_chosen(name: str, chosen: ShapedArray, expected: Ints) -> None:
    if chosen.shape != expected or chosen.dtype != INT32:
        raise TypeError(f"{name}: positions of type {chosen} where int32{list(expected)} are needed")


def _take_impl(x: Any, chosen: Any, *, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Any:
    x, chosen, cut = np.asarray(x), np.asarray(chosen), axes[-1] + 1
    if math.prod(sizes) > MOST_SELECTS or not chosen.size:
        rows = _rows(x, axes, sizes=sizes, strides=strides, dilations=dilations)
        return np.take_along_axis(rows, np.expand_dims(chosen, cut), cut).squeeze(cut)
    counts = tuple(chosen.shape[a] for a in axes)
    first, *others = [x[window_slices(axes, o, counts, strides, dilations)] for o in _offsets(sizes)]
    out = first.copy()
    for k, part in enumerate(others, 1):
        np.copyto(out, part, where=chosen == k)
    return out


def _take_aval(x: ShapedArray, chosen: ShapedArray, *, axes: Ints, **params: Ints) -> ShapedArray:
    check_windows("window_take", x, axes, **params)
    _check_chosen("window_take", chosen, shape := _chosen_shape(x.shape, axes, **params))
    return x.update(shape=shape)


def _take_batch(size: int, args: list, in_axes: list, *, axes: Ints, **params: Ints) -> tuple[Any, int]:
    return window_take(*move_batch_first(size, args, in_axes), axes=tuple(a + 1 for a in axes), **params), 0


def _take_lower(index: tuple, read: Any, chosen: Any, *, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> sc.Expr:
    """A chain of selects in a small window, else an address computed from the position."""
    at = chosen(index)
    if math.prod(sizes) <= MOST_SELECTS:
        out, *others = _reads(index, read, axes, sizes, strides, dilations)
        for k, value in enumerate(others, 1):
            out = sc.select(at < k, out, value)
        return out
    place, rest = list(index), sc.convert(at, INDEX)
    for a, k, s, d in reversed(list(zip(axes, sizes, strides, dilations))):
        place[a], rest = index[a] * s + sc.rem(rest, k) * d, sc.quo(rest, k)
    return read(tuple(place))


def _chosen_samples(params: dict, shape: Ints) -> Any:
    """Positions that differ from window to window, the last one among them."""
    count = math.prod(params["sizes"])
    return (count - 1 - np.arange(math.prod(shape), dtype=INT32).reshape(shape) * 2 % count).astype(INT32)


def _take_samples() -> list[Sample]:
    cases = [(x, params, _chosen_shape(x.shape, **params)) for x, params in _both_sizes()]
    return [Sample([x, _chosen_samples(params, shape)], params) for x, params, shape in cases]


def _both_sizes() -> list[tuple[Any, dict]]:
    large = (array(1, 6, 7), dict(axes=(1, 2), sizes=(4, 5), strides=(2, 1), dilations=(1, 1)))
    few = (array(5, 6), dict(axes=(0, 1), sizes=(4, 3), strides=(1, 2), dilations=(1, 1)))
    return [*window_samples(), large, few]


window_take = linear(
    "window_take", _take_impl, aval=_take_aval, batch=_take_batch, lower=lowering.IndexMap(_take_lower, aligned=(1,), reads=_selects),
    transpose=lambda ct, x, chosen, *, axes, **params: (window_put(ct, chosen, extents=tuple(x.shape[a] for a in axes), axes=axes, **params), None),
    samples=_take_samples,
)  # fmt: skip


def _whole_shape(shape: Ints, extents: Ints, axes: Ints) -> Ints:
    found = dict(zip(axes, extents))
    return tuple(found.get(d, n) for d, n in enumerate(shape))


def _put_impl(y: Any, chosen: Any, *, extents: Ints, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> Any:
    y, chosen = np.asarray(y), np.asarray(chosen)
    out, counts = np.zeros(_whole_shape(y.shape, extents, axes), y.dtype), tuple(y.shape[a] for a in axes)
    if y.size:
        for k, offsets in enumerate(_offsets(sizes)):
            out[window_slices(axes, offsets, counts, strides, dilations)] += np.where(chosen == k, y, y.dtype.type(0))
    return out


def _put_aval(y: ShapedArray, chosen: ShapedArray, *, extents: Ints, axes: Ints, **params: Ints) -> ShapedArray:
    _check_chosen("window_put", chosen, y.shape)
    out = y.update(shape=_whole_shape(y.shape, extents, axes))
    check_windows("window_put", out, axes, **params)
    if _chosen_shape(out.shape, axes, **params) != y.shape:
        raise TypeError(f"window_put: {y} does not hold one element of each window of extents {extents}")
    return out


def _put_batch(size: int, args: list, in_axes: list, *, axes: Ints, **params: Any) -> tuple[Any, int]:
    return window_put(*move_batch_first(size, args, in_axes), axes=tuple(a + 1 for a in axes), **params), 0


Way = tuple[sc.Expr, sc.Expr, sc.Expr]  # a window, the offset in it, and whether it is there


def _covering(i: sc.Expr, extent: int, count: int, size: int, stride: int, dilation: int) -> list[Way]:
    """Every window that may hold element i, the last one first."""
    if dilation > 1:
        return [_window_at(i, o, extent, count, stride, dilation) for o in range(size)]
    overlaps = -(-size // stride)
    if count < overlaps:  # few windows: each of them, whatever the element
        windows = [sc.const(p, INDEX) for p in reversed(range(count))]
        return [(p, i - p * stride, (i >= p * stride) & (i - p * stride < size)) for p in windows]
    found = []
    for o in range(overlaps):
        window, exists = _bounded(sc.quo(i, stride) - o, -o, (extent - 1) // stride - o, count)
        offset = i - sc.quo(i, stride) * stride + o * stride
        found.append((window, offset, exists & (offset < size) if size < stride * (o + 1) else exists))
    return found


def _window_at(i: sc.Expr, o: int, extent: int, count: int, stride: int, dilation: int) -> Way:
    """The window that holds element i at an offset, if there is one."""
    start = i - o * dilation
    window, exists = _bounded(sc.quo(start, stride), -o * dilation, (extent - 1 - o * dilation) // stride, count)
    return window, sc.const(o, INDEX), exists & (start >= 0) & sc.eq(sc.rem(start, stride), sc.const(0, INDEX))


def _bounded(window: sc.Expr, first: int, last: int, count: int) -> tuple[sc.Expr, sc.Expr]:
    """A window's number between `first` and `last`, brought into 0..count - 1, and whether it was there."""
    exists = sc.const(True, np.bool_)
    if first < 0:
        exists, window = exists & (window >= 0), sc.maximum(window, sc.const(0, INDEX))
    if last >= count:
        exists, window = exists & (window < count), sc.minimum(window, sc.const(count - 1, INDEX))
    return window, exists


def _put_lower(index: tuple, read: Any, chosen: Any, *, extents: Ints, axes: Ints, sizes: Ints, strides: Ints, dilations: Ints) -> sc.Expr:
    zero = sc.const(0, read.dtype)
    counts = counts_of(extents, sizes, strides, dilations)
    if 0 in read.shape:
        return zero
    total = zero
    ways = [_covering(index[a], *numbers) for a, *numbers in zip(axes, extents, counts, sizes, strides, dilations)]
    for way in itertools.product(*ways):
        place, flat, inside = list(index), sc.const(0, INDEX), sc.const(True, np.bool_)
        for a, k, (window, offset, exists) in zip(axes, sizes, way):
            place[a], flat, inside = window, flat * k + offset, inside & exists
        hit = inside & sc.eq(chosen(tuple(place)), sc.convert(flat, INT32))
        total = total + sc.select(hit, read(tuple(place)), zero)
    return total


def _put_samples() -> list[Sample]:
    def case(x: Any, params: dict) -> Sample:
        shape = _chosen_shape(x.shape, **params)
        return Sample([array(*shape), _chosen_samples(params, shape)], dict(params, extents=tuple(x.shape[a] for a in params["axes"])))

    return [case(x, params) for x, params in _both_sizes()]


window_put = linear(
    "window_put", _put_impl, aval=_put_aval, batch=_put_batch, lower=lowering.IndexMap(_put_lower, reads=_ways),
    transpose=lambda ct, y, chosen, *, extents, **params: (window_take(ct, chosen, **params), None), samples=_put_samples,
)  # fmt: skip


__all__ = ["window_argmax", "window_argmin", "window_put", "window_take"]
