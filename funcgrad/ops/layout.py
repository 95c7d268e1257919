"""Ops that move data without computing: broadcast, reshape, transpose, concatenate, pad, slice, flip, dynamic slices,
iota.

All are strict: `broadcast` says which axes are new, `slice` gives start, stop and step for every axis. The compiler
turns each into an index map, so that inside a fused loop they cost an address computation or nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray, shaped
from ..core.primitive import nondiff
from ..transforms import linear_ops
from . import elementwise, indexing, reduction
from .rules import is_linear, library, linear
from .samples import Sample, array

INDEX = np.dtype(np.int64)


def _index(n: int) -> sc.Expr:
    return sc.const(n, INDEX)


# --- broadcast --------------------------------------------------------------------------------------------------------


def _broadcast_impl(x: Any, *, shape: tuple, dims: tuple) -> Any:
    x = np.asarray(x)
    if x.flags.c_contiguous and x.size:  # the same view as np.broadcast_to makes, in a fifth of the time
        strides = [0] * len(shape)
        for d, step in zip(dims, x.strides):
            strides[d] = step
        view = np.ndarray(shape, x.dtype, x, 0, tuple(strides))
        view.flags.writeable = False
        return view
    expanded = [1] * len(shape)
    for d, n in zip(dims, x.shape):
        expanded[d] = n
    return np.broadcast_to(x.reshape(expanded), shape)


def _broadcast_aval(x: ShapedArray, *, shape: tuple, dims: tuple) -> ShapedArray:
    if len(dims) != x.ndim or list(dims) != sorted(set(dims)) or any(shape[d] != n for d, n in zip(dims, x.shape)):
        raise TypeError(f"broadcast: cannot place axes of {x} at {dims} of shape {shape}")
    return x.update(shape=shape)


def _broadcast_batch(size: int, args: list, axes: list, *, shape: tuple, dims: tuple) -> tuple[Any, int]:
    if dims and axes[0] == len(dims):  # last it stays: what runs along the batch axis goes on doing so
        return broadcast(args[0], shape=(*shape, size), dims=(*dims, len(shape))), len(shape)
    x = move_axis(args[0], axes[0], 0)
    return broadcast(x, shape=(size, *shape), dims=(0, *(d + 1 for d in dims))), 0


broadcast = linear(
    "broadcast", _broadcast_impl, aval=_broadcast_aval, batch=_broadcast_batch,
    lower=lowering.IndexMap(lambda i, read, *, shape, dims: read(tuple(i[d] for d in dims)), cost=0.0),
    transpose=lambda ct, x, *, shape, dims: (reduction.reduce_sum(ct, axes=tuple(d for d in range(len(shape)) if d not in dims)),),
    samples=lambda: [
        Sample([array(3)], dict(shape=(2, 3), dims=(1,))), Sample([array(2)], dict(shape=(2, 3), dims=(0,))),
        Sample([array()], dict(shape=(2, 2), dims=())), Sample([array(2, 3)], dict(shape=(2, 4, 3), dims=(0, 2))),
        Sample([array(0)], dict(shape=(2, 0), dims=(1,))), Sample([array(3, 2).T], dict(shape=(2, 4, 3), dims=(0, 2))),
    ],
)  # fmt: skip


# --- reshape ----------------------------------------------------------------------------------------------------------


def _reshape_aval(x: ShapedArray, *, shape: tuple) -> ShapedArray:
    if math.prod(shape) != x.size:
        raise TypeError(f"reshape: {x} has {x.size} elements, shape {shape} has {math.prod(shape)}")
    return x.update(shape=shape)


def _reshape_groups(old: tuple, new: tuple) -> list[tuple[list[int], list[int]]]:
    """Pair up runs of axes with equal products, so that only merged and split axes need division; axes of length 1,
    whose index is always 0, belong to no run.
    """
    olds, news = ([d for d, n in enumerate(shape) if n != 1] for shape in (old, new))
    groups = []
    while olds:
        left, right = [olds.pop(0)], [news.pop(0)]
        while (a := math.prod(old[d] for d in left)) != (b := math.prod(new[d] for d in right)):
            if a < b:
                left.append(olds.pop(0))
            else:
                right.append(news.pop(0))
        groups.append((left, right))
    return groups


def _reshape_lower(index: tuple, read: Any, *, shape: tuple) -> sc.Expr:
    old = read.shape
    if math.prod(shape) == 0:
        return sc.const(0, read.dtype)  # no element is ever read, and none could be
    position: list[Any] = [_index(0)] * len(old)
    for left, right in _reshape_groups(old, shape):
        flat = _index(0)
        for axis in right:
            flat = flat * shape[axis] + index[axis]
        for axis in reversed(left[1:]):
            position[axis], flat = sc.rem(flat, old[axis]), sc.quo(flat, old[axis])
        position[left[0]] = flat
    return read(tuple(position))


def _reshape_batch(size: int, args: list, axes: list, *, shape: tuple) -> tuple[Any, int]:
    if axes[0] == len(args[0].shape) - 1 > 0:
        return reshape(args[0], shape=(*shape, size)), len(shape)
    return reshape(move_axis(args[0], axes[0], 0), shape=(size, *shape)), 0


reshape = linear(
    "reshape", lambda x, *, shape: np.reshape(x, shape), aval=_reshape_aval, batch=_reshape_batch,
    lower=lowering.IndexMap(_reshape_lower, range_of=lambda old, *, shape: 0, cost=0.2),
    transpose=lambda ct, x, *, shape: (reshape(ct, shape=x.shape),),
    samples=lambda: [
        Sample([array(2, 6)], dict(shape=(3, 4))), Sample([array(2, 3)], dict(shape=(6,))), Sample([array()], dict(shape=(1, 1))),
        Sample([array(2, 1, 3)], dict(shape=(2, 3))), Sample([array(4, 3)], dict(shape=(2, 2, 1, 3))), Sample([array(0, 3)], dict(shape=(3, 0))),
    ],
)  # fmt: skip


# --- transpose --------------------------------------------------------------------------------------------------------


def _inverse(permutation: tuple) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(permutation))


def _transpose_aval(x: ShapedArray, *, axes: tuple) -> ShapedArray:
    if sorted(axes) != list(range(x.ndim)):
        raise TypeError(f"transpose: {axes} is not a permutation of the {x.ndim} axes of {x}")
    return x.update(shape=tuple(x.shape[a] for a in axes))


def _transpose_batch(size: int, args: list, axes_in: list, *, axes: tuple) -> tuple[Any, int]:
    (axis,) = axes_in
    return transpose(args[0], axes=(axis, *(a + (a >= axis) for a in axes))), 0


transpose = linear(
    "transpose", lambda x, *, axes: np.transpose(x, axes), aval=_transpose_aval, batch=_transpose_batch,
    lower=lowering.IndexMap(lambda i, read, *, axes: read(tuple(i[k] for k in _inverse(axes)))),
    transpose=lambda ct, x, *, axes: (transpose(ct, axes=_inverse(axes)),),
    samples=lambda: [
        Sample([array(2, 3)], dict(axes=(1, 0))), Sample([array(2, 3, 4)], dict(axes=(2, 0, 1))), Sample([array()], dict(axes=())),
        Sample([array(2, 1, 3, 2)], dict(axes=(3, 1, 0, 2))),
    ],
)  # fmt: skip


# --- concatenate ------------------------------------------------------------------------------------------------------


def _concatenate_aval(*xs: ShapedArray, axis: int) -> ShapedArray:
    shape = list(xs[0].shape)
    for x in xs[1:]:
        others = (*x.shape[:axis], *x.shape[axis + 1 :])
        if x.dtype != xs[0].dtype or others != (*shape[:axis], *shape[axis + 1 :]):
            raise TypeError(f"concatenate: operands differ outside axis {axis}: {list(xs)}")
    shape[axis] = sum(x.shape[axis] for x in xs)
    return xs[0].update(shape=tuple(shape))


def _concatenate_lower(index: tuple, *reads: Any, axis: int) -> sc.Expr:
    """A chain of selects; every read is clamped into its operand, since both sides of a select are computed."""
    offset, out = 0, None
    for read in reads:
        size = read.shape[axis]
        if size == 0:
            continue
        value = read((*index[:axis], _clamp(index[axis] - offset, size), *index[axis + 1 :]))
        out = value if out is None else sc.select(index[axis] < offset, out, value)
        offset += size
    return out if out is not None else sc.const(0, reads[0].dtype)


def _clamp(position: sc.Expr, size: int) -> sc.Expr:
    return sc.minimum(sc.maximum(position, _index(0)), _index(size - 1))


def _concatenate_transpose(ct: Any, *xs: Any, axis: int) -> list[Any]:
    cts, start = [], 0
    for x in xs:
        stop = start + x.shape[axis]
        cts.append(slice_axis(ct, axis, start, stop) if is_linear(x) else None)
        start = stop
    return cts


def _concatenate_batch(size: int, args: list, axes: list, *, axis: int) -> tuple[Any, int]:
    return concatenate(*[with_batch_axis(x, size, a, 0) for x, a in zip(args, axes)], axis=axis + 1), 0


concatenate = linear(
    "concatenate", lambda *xs, axis: np.concatenate(xs, axis), aval=_concatenate_aval, batch=_concatenate_batch,
    lower=lowering.IndexMap(_concatenate_lower, joins=True, cost=3.0), transpose=_concatenate_transpose, linear_args=None,
    samples=lambda: [
        Sample([array(2), array(3)], dict(axis=0)), Sample([array(2, 1), array(2, 3), array(2, 2)], dict(axis=1)),
        Sample([array(1, 2)], dict(axis=0)), Sample([array(2, 0), array(2, 2)], dict(axis=1)),
        Sample([array(2, 0), array(2, 0)], dict(axis=1)),
    ],
)  # fmt: skip


# --- pad --------------------------------------------------------------------------------------------------------------


def _pad_shape(shape: tuple, low: tuple, high: tuple, interior: tuple) -> tuple[int, ...]:
    return tuple(lo + hi + n + max(n - 1, 0) * gap for n, lo, hi, gap in zip(shape, low, high, interior))


def _pad_impl(x: Any, value: Any, *, low: tuple, high: tuple, interior: tuple) -> Any:
    x = np.asarray(x)
    out = np.full(_pad_shape(x.shape, low, high, interior), value, x.dtype)
    out[tuple(slice(lo, lo + n + max(n - 1, 0) * g, g + 1) for n, lo, g in zip(x.shape, low, interior))] = x
    return out


def _pad_aval(x: ShapedArray, value: ShapedArray, *, low: tuple, high: tuple, interior: tuple) -> ShapedArray:
    if value != shaped((), x.dtype) or min((*low, *high, *interior, 0)) < 0 or not len(low) == len(high) == x.ndim:
        raise TypeError(f"pad: bad padding low={low} high={high} interior={interior} for {x} with value {value}")
    return x.update(shape=_pad_shape(x.shape, low, high, interior))


def _pad_lower(index: tuple, read: Any, value: Any, *, low: tuple, high: tuple, interior: tuple) -> sc.Expr:
    if math.prod(read.shape) == 0:
        return value(())
    inside, position = sc.const(True, np.bool_), []
    for i, n, lo, hi, gap in zip(index, read.shape, low, high, interior):
        offset = i - lo
        if gap:
            inside = inside & sc.eq(sc.rem(offset, gap + 1), _index(0))
            offset = sc.quo(offset, gap + 1)
        if lo or hi:
            inside = inside & (i >= lo) & (offset < n)
            offset = _clamp(offset, n)
        position.append(offset)
    return sc.select(inside, read(tuple(position)), value(()))


def _pad_transpose(ct: Any, x: Any, value: Any, *, low: tuple, high: tuple, interior: tuple) -> tuple[Any, Any]:
    inner = unpad(ct, x.shape, low, interior) if is_linear(x) else None
    if not is_linear(value):
        return inner, None
    kept = inner if inner is not None else unpad(ct, x.shape, low, interior)
    total = reduction.reduce_sum(ct, axes=tuple(range(len(low))))
    return inner, elementwise.sub(total, reduction.reduce_sum(kept, axes=tuple(range(len(low)))))


def unpad(x: Any, shape: tuple, low: tuple, interior: tuple) -> Any:
    """The part of a padded array that came from the operand of `shape`."""
    stops = tuple(lo + n + max(n - 1, 0) * g for lo, n, g in zip(low, shape, interior))
    return slice_(x, start=low, stop=stops, step=tuple(g + 1 for g in interior))


def _pad_batch(size: int, args: list, axes: list, *, low: tuple, high: tuple, interior: tuple) -> tuple[Any, int]:
    if axes[1] is None:
        widths = _inserted(axes[0], (low, 0), (high, 0), (interior, 0))
        return pad(*args, **dict(zip(("low", "high", "interior"), widths))), axes[0]
    x = with_batch_axis(args[0], size, axes[0], 0)
    widen = dict(low=(0, *low), high=(0, *high), interior=(0, *interior))
    padded = pad(x, elementwise.zeros_like_scalar(x), **widen)
    ones = broadcast(np.bool_(True), shape=x.shape, dims=())
    inside = pad(ones, np.bool_(False), **widen)
    return elementwise.select(inside, padded, broadcast(args[1], shape=padded.shape, dims=(0,))), 0


pad = linear(
    "pad", _pad_impl, aval=_pad_aval, batch=_pad_batch, lower=lowering.IndexMap(_pad_lower, cost=2.0), transpose=_pad_transpose,
    linear_args=(0, 1),
    samples=lambda: [
        Sample([array(3), array()], dict(low=(1,), high=(2,), interior=(0,))),
        Sample([array(2, 3), array()], dict(low=(0, 1), high=(1, 0), interior=(2, 1))),
        Sample([array(2, 2), array()], dict(low=(0, 0), high=(0, 0), interior=(0, 0))),
        Sample([array(2, 0), array()], dict(low=(0, 2), high=(1, 1), interior=(1, 1))),
        Sample([array(1), array()], dict(low=(1,), high=(0,), interior=(0,))),
    ],
)  # fmt: skip


# --- slice and flip ---------------------------------------------------------------------------------------------------


def _slice_aval(x: ShapedArray, *, start: tuple, stop: tuple, step: tuple) -> ShapedArray:
    ok = all(0 <= a <= b <= n and s > 0 for a, b, s, n in zip(start, stop, step, x.shape, strict=True))
    if not ok:
        raise TypeError(f"slice: start={start} stop={stop} step={step} is out of range for {x}")
    return x.update(shape=tuple(-(-(b - a) // s) for a, b, s in zip(start, stop, step)))


def _slice_transpose(ct: Any, x: Any, *, start: tuple, stop: tuple, step: tuple) -> tuple[Any]:
    interior = tuple(s - 1 for s in step)
    covered = _pad_shape(ct.shape, start, (0,) * len(start), interior)
    high = tuple(n - c for n, c in zip(x.shape, covered))
    if any(n < 0 for n in high):  # an empty slice that starts at the end
        return (linear_ops.zeros(x.aval),)
    return (pad(ct, elementwise.zeros_like_scalar(ct), low=start, high=high, interior=interior),)


def _slice_range(shape: tuple, *, start: tuple, stop: tuple, step: tuple) -> int | None:
    """Where a slice begins that takes whole rows: one index of each leading axis, a range of the next, all of the rest."""
    extents = [b - a for a, b in zip(start, stop)]
    cut = next((d for d, n in enumerate(extents) if n != 1), len(shape))
    if any(s != 1 for s in step) or extents[cut + 1 :] != list(shape[cut + 1 :]):
        return None
    return sum(a * math.prod(shape[d + 1 :]) for d, a in enumerate(start))


def _inserted(axis: int, *pairs: tuple[tuple, int]) -> list[tuple]:
    """Each tuple with one more entry at a position."""
    return [(*values[:axis], new, *values[axis:]) for values, new in pairs]


def _slice_batch(size: int, args: list, axes: list, *, start: tuple, stop: tuple, step: tuple) -> tuple[Any, int]:
    (x,), (axis,) = args, axes
    whole = _inserted(axis, (start, 0), (stop, size), (step, 1))
    return slice_(x, start=whole[0], stop=whole[1], step=whole[2]), axis


slice_ = linear(
    "slice", lambda x, *, start, stop, step: np.asarray(x)[tuple(map(slice, start, stop, step))],
    aval=_slice_aval, batch=_slice_batch, transpose=_slice_transpose,
    lower=lowering.IndexMap(
        lambda i, read, *, start, stop, step: read(tuple(k * s + a for k, a, s in zip(i, start, step))), range_of=_slice_range),
    samples=lambda: [
        Sample([array(6)], dict(start=(1,), stop=(5,), step=(1,))), Sample([array(7)], dict(start=(1,), stop=(7,), step=(3,))),
        Sample([array(3, 4)], dict(start=(0, 1), stop=(2, 4), step=(1, 2))), Sample([array(3, 4)], dict(start=(1, 1), stop=(2, 3), step=(1, 1))),
        Sample([array(3, 2, 2)], dict(start=(1, 0, 0), stop=(3, 2, 2), step=(1, 1, 1))), Sample([array(3, 3)], dict(start=(1, 0), stop=(3, 2), step=(1, 1))),
         Sample([array(3)], dict(start=(3,), stop=(3,), step=(2,))),
    ],
)  # fmt: skip


def slice_axis(x: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
    """Elements start..stop of one axis, the others whole."""
    ndim = len(x.shape)
    return slice_(
        x,
        start=tuple(start if d == axis else 0 for d in range(ndim)),
        stop=tuple(stop if d == axis else n for d, n in enumerate(x.shape)),
        step=tuple(step if d == axis else 1 for d in range(ndim)),
    )


flip = linear(
    "flip", lambda x, *, axes: np.flip(x, axes), aval=lambda x, *, axes: x,
    batch=lambda size, args, ax, *, axes: (flip(args[0], axes=tuple(a + (a >= ax[0]) for a in axes)), ax[0]),
    lower=lowering.IndexMap(
        lambda i, read, *, axes: read(tuple(read.shape[d] - 1 - k if d in axes else k for d, k in enumerate(i)))),
    transpose=lambda ct, x, *, axes: (flip(ct, axes=axes),),
    samples=lambda: [Sample([array(3)], dict(axes=(0,))), Sample([array(2, 3)], dict(axes=(0, 1))), Sample([array(2, 3)], dict(axes=(1,)))],
)  # fmt: skip


# --- dynamic slices ---------------------------------------------------------------------------------------------------


def _clamped_starts(shape: tuple, starts: Any, sizes: tuple) -> list[int]:
    return [int(np.clip(int(s), 0, n - m)) for n, s, m in zip(shape, starts, sizes)]


def _dynamic_slice_impl(x: Any, *starts: Any, sizes: tuple) -> Any:
    begin = _clamped_starts(x.shape, starts, sizes)
    return np.asarray(x)[tuple(slice(b, b + m) for b, m in zip(begin, sizes))]


def _check_starts(name: str, shape: tuple, starts: tuple, sizes: tuple) -> None:
    if len(starts) != len(shape) or any(s.ndim or s.dtype.kind not in "iu" for s in starts):
        raise TypeError(f"{name}: needs one integer scalar start per axis of shape {shape}, got {list(starts)}")
    if len(sizes) != len(shape) or any(not 0 <= m <= n for m, n in zip(sizes, shape)):
        raise TypeError(f"{name}: a window of {sizes} does not fit in shape {shape}")


def _dynamic_slice_aval(x: ShapedArray, *starts: ShapedArray, sizes: tuple) -> ShapedArray:
    _check_starts("dynamic_slice", x.shape, starts, sizes)
    return x.update(shape=tuple(sizes))


def _window_start(read: Any, n: int, m: int) -> sc.Expr:
    return sc.minimum(sc.maximum(sc.convert(read(()), INDEX), _index(0)), _index(n - m))


def _dynamic_slice_lower(index: tuple, read: Any, *starts: Any, sizes: tuple) -> sc.Expr:
    return read(tuple(i + _window_start(s, n, m) for i, s, n, m in zip(index, starts, read.shape, sizes)))


def _dynamic_slice_transpose(ct: Any, x: Any, *starts: Any, sizes: tuple) -> list[Any]:
    return [dynamic_update_slice(linear_ops.zeros(x.aval), ct, *starts), *[None] * len(starts)]


def _dynamic_slice_batch(size: int, args: list, axes: list, *, sizes: tuple) -> tuple[Any, int]:
    (x, *starts), (axis, *start_axes) = args, axes
    if all(a is None for a in start_axes):
        x = move_axis(x, axis, 0)
        return dynamic_slice(x, zero_index(), *starts, sizes=(size, *sizes)), 0
    x = with_batch_axis(x, size, axis, 0)
    rows = [with_batch_axis(s, size, a, 0) for s, a in zip(starts, start_axes)]
    return _gathered_windows(x, rows, sizes), 0


def _gathered_windows(x: Any, starts: list, sizes: tuple) -> Any:
    """Windows at per-example starts, as a gather: index grids of shape [batch, *sizes]."""
    grids = window_grids(x.shape, starts, sizes)
    return indexing.gather(x, *grids, axes=tuple(range(len(grids))))


def window_grids(shape: tuple, starts: list, sizes: tuple) -> list[Any]:
    """For each axis of [batch, *rest], the positions that windows of `sizes` at clamped per-example starts cover."""
    full = (shape[0], *sizes)
    grids = [iota(shape=full, axis=0, dtype=INDEX)]
    for d, (s, n, m) in enumerate(zip(starts, shape[1:], sizes)):
        s = elementwise.convert(s, dtype=INDEX)
        bound = [broadcast(np.int64(b), shape=s.shape, dims=()) for b in (0, n - m)]
        s = elementwise.minimum(elementwise.maximum(s, bound[0]), bound[1])
        grids.append(elementwise.add(broadcast(s, shape=full, dims=(0,)), iota(shape=full, axis=d + 1, dtype=INDEX)))
    return grids


dynamic_slice = linear(
    "dynamic_slice", _dynamic_slice_impl, aval=_dynamic_slice_aval, batch=_dynamic_slice_batch,
    lower=lowering.IndexMap(_dynamic_slice_lower), transpose=_dynamic_slice_transpose,
    samples=lambda: [
        Sample([array(5), np.int64(2)], dict(sizes=(2,))), Sample([array(5), np.int64(9)], dict(sizes=(2,))),
        Sample([array(3, 4), np.int64(-1), np.int32(1)], dict(sizes=(2, 3))),
    ],
)  # fmt: skip


def _update_impl(x: Any, update: Any, *starts: Any) -> Any:
    out = np.array(x)
    begin = _clamped_starts(x.shape, starts, update.shape)
    out[tuple(slice(b, b + m) for b, m in zip(begin, update.shape))] = update
    return out


def _update_aval(x: ShapedArray, update: ShapedArray, *starts: ShapedArray) -> ShapedArray:
    if update.dtype != x.dtype or update.ndim != x.ndim:
        raise TypeError(f"dynamic_update_slice: cannot put {update} into {x}")
    _check_starts("dynamic_update_slice", x.shape, starts, update.shape)
    return x


def _update_lower(index: tuple, read: Any, update: Any, *starts: Any) -> sc.Expr:
    if math.prod(update.shape) == 0:
        return read(index)
    inside, position = sc.const(True, np.bool_), []
    for i, s, n, m in zip(index, starts, read.shape, update.shape):
        offset = i - _window_start(s, n, m)
        inside = inside & (offset >= 0) & (offset < m)
        position.append(_clamp(offset, m))
    return sc.select(inside, update(tuple(position)), read(index))


def _update_transpose(ct: Any, x: Any, update: Any, *starts: Any) -> list[Any]:
    shape = update.shape
    x_ct = dynamic_update_slice(ct, linear_ops.zeros(shaped(shape, ct.dtype)), *starts) if is_linear(x) else None
    update_ct = dynamic_slice(ct, *starts, sizes=tuple(shape)) if is_linear(update) else None
    return [x_ct, update_ct, *[None] * len(starts)]


def _update_batch(size: int, args: list, axes: list) -> tuple[Any, int]:
    (x, update, *starts), start_axes = args, axes[2:]
    x, update = with_batch_axis(x, size, axes[0], 0), with_batch_axis(update, size, axes[1], 0)
    if all(a is None for a in start_axes):
        return dynamic_update_slice(x, update, zero_index(), *starts), 0
    rows = [with_batch_axis(s, size, a, 0) for s, a in zip(starts, start_axes)]
    grids = window_grids(x.shape, rows, update.shape[1:])
    return indexing.scatter(x, update, *grids, axes=tuple(range(len(grids)))), 0


dynamic_update_slice = linear(
    "dynamic_update_slice", _update_impl, aval=_update_aval, batch=_update_batch,
    lower=lowering.IndexMap(_update_lower, cost=3.0), transpose=_update_transpose, linear_args=(0, 1),
    samples=lambda: [
        Sample([array(5), array(2), np.int64(1)], {}), Sample([array(3, 4), array(2, 2), np.int64(5), np.int64(0)], {}),
        Sample([array(3), array(0), np.int64(1)], {}), Sample([array(3), array(1), np.int64(1)], {}),
    ],
)  # fmt: skip


# --- iota -------------------------------------------------------------------------------------------------------------


def _iota_impl(*, shape: tuple, axis: int, dtype: np.dtype) -> Any:
    line = np.arange(shape[axis], dtype=dtype)
    return np.broadcast_to(line.reshape([n if d == axis else 1 for d, n in enumerate(shape)]), shape)


iota = library(
    "iota", _iota_impl, aval=lambda *, shape, axis, dtype: shaped(shape, dtype), batch=None, linearize=nondiff,
    lower=lowering.IndexMap(lambda i, *, shape, axis, dtype: sc.convert(i[axis], dtype)),
    samples=lambda: [Sample([], dict(shape=(4,), axis=0, dtype=np.dtype("int64"))), Sample([], dict(shape=(2, 3), axis=1, dtype=np.dtype("float32")))],
)  # fmt: skip


# --- helpers for rules ------------------------------------------------------------------------------------------------


def move_axis(x: Any, source: int, destination: int) -> Any:
    """`x` with one axis moved."""
    if source == destination:
        return x
    order = [d for d in range(len(x.shape)) if d != source]
    order.insert(destination, source)
    return transpose(x, axes=tuple(order))


def with_batch_axis(x: Any, size: int, axis: int | None, destination: int) -> Any:
    """`x` with its batch axis at `destination`; broadcast there when it has none."""
    if axis is not None:
        return move_axis(x, axis, destination)
    full = (*x.shape[:destination], size, *x.shape[destination:])
    dims = tuple(d for d in range(len(full)) if d != destination)
    return broadcast(x, shape=full, dims=dims)


def zero_index() -> Any:
    """The int64 scalar 0."""
    return np.int64(0)


def fill(value: Any, shape: tuple, dtype: Any) -> Any:
    """An array of one repeated number."""
    return broadcast(np.asarray(value, dtype)[()], shape=tuple(shape), dims=())


def product(coefficient: Any, tangent: Any, strong: bool) -> Any:
    """partial * tangent; strong: exactly zero where the tangent is."""
    return (elementwise.strong_product if strong else elementwise.mul)(coefficient, tangent)


linear_ops.announce(zeros=lambda aval: fill(0, aval.shape, aval.dtype))
