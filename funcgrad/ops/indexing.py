"""Indexing with integer arrays: `gather` reads, `scatter` and `scatter_add` write.

Index arrays all have one shape K and address the axes named by `axes`; the result of `gather` has shape K + the other
axes. Positions out of range read 0 and are not written, which makes reading and adding each other's transpose.
Wrapping of negative indices and clamping belong to the NumPy floor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray, shaped
from ..transforms import linear_ops
from . import elementwise, layout
from .rules import is_linear, linear
from .samples import Sample, array


def _rest(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(d for d in range(ndim) if d not in axes)


def _inside(shape: tuple, indices: tuple, axes: tuple) -> Any:
    inside = np.ones(np.shape(indices[0]), bool)
    for i, a in zip(indices, axes):
        inside &= (np.asarray(i) >= 0) & (np.asarray(i) < shape[a])
    return inside


def _front(x: Any, axes: tuple) -> Any:
    """x with the indexed axes in front."""
    return np.transpose(x, (*axes, *_rest(np.ndim(x), axes)))


def _gather_impl(x: Any, *indices: Any, axes: tuple) -> Any:
    inside = _inside(x.shape, indices, axes)
    if 0 in (x.shape[a] for a in axes):
        return np.zeros(np.shape(indices[0]) + tuple(x.shape[d] for d in _rest(x.ndim, axes)), x.dtype)
    picked = _front(x, axes)[tuple(np.where(inside, i, 0) for i in indices)]
    return np.where(inside.reshape(inside.shape + (1,) * (x.ndim - len(axes))), picked, np.zeros((), x.dtype))[()]


def _gather_aval(x: ShapedArray, *indices: ShapedArray, axes: tuple) -> ShapedArray:
    _check_indices("gather", x, indices, axes)
    return x.update(shape=indices[0].shape + tuple(x.shape[d] for d in _rest(x.ndim, axes)))


def _check_indices(name: str, x: ShapedArray, indices: tuple, axes: tuple) -> None:
    if not indices or len(indices) != len(axes) or any(i.dtype.kind not in "iu" for i in indices):
        raise TypeError(f"{name}: needs one integer index array for each of the axes {axes}, got {list(indices)}")
    if any(i.shape != indices[0].shape for i in indices) or sorted(set(axes)) != sorted(axes) or max(axes) >= x.ndim:
        raise TypeError(f"{name}: index shapes {[i.shape for i in indices]} or axes {axes} do not fit {x}")


def _gather_lower(index: tuple, read: Any, *indices: Any, axes: tuple) -> sc.Expr:
    if 0 in read.shape:
        return sc.const(0, read.dtype)
    k = len(indices[0].shape)
    position: list[Any] = [None] * len(read.shape)
    for d, i in zip(_rest(len(read.shape), axes), index[k:]):
        position[d] = i
    inside = sc.const(True, np.bool_)
    for a, source in zip(axes, indices):
        i = sc.convert(source(index[:k]), layout.INDEX)
        inside = inside & (i >= 0) & (i < read.shape[a])
        position[a] = layout._clamp(i, read.shape[a])
    return sc.select(inside, read(tuple(position)), sc.const(0, read.dtype))


def _gather_transpose(ct: Any, x: Any, *indices: Any, axes: tuple) -> list[Any]:
    return [scatter_add(linear_ops.zeros(x.aval), ct, *indices, axes=axes), *[None] * len(indices)]


def _gather_batch(size: int, args: list, in_axes: list, *, axes: tuple) -> tuple[Any, int]:
    (x, *indices), (bx, *bi) = args, in_axes
    if all(b is None for b in bi):
        x = layout.move_axis(x, bx, 0)
        return gather(x, *indices, axes=tuple(a + 1 for a in axes)), len(indices[0].shape)
    indices = [layout.with_batch_axis(i, size, b, 0) for i, b in zip(indices, bi)]
    if bx is None:
        return gather(x, *indices, axes=axes), 0
    x = layout.move_axis(x, bx, 0)
    return gather(x, _example(indices[0], indices[0].dtype), *indices, axes=(0, *(a + 1 for a in axes))), 0


def _example(like: Any, dtype: Any) -> Any:
    """The number of the example each index belongs to."""
    return layout.iota(shape=tuple(like.shape), axis=0, dtype=np.dtype(dtype))


def _gather_samples() -> list[Sample]:
    i = np.array([2, 0, 2])
    return [
        Sample([array(4), i], dict(axes=(0,))), Sample([array(3, 4), i], dict(axes=(0,))), Sample([array(2, 4), i], dict(axes=(1,))),
        Sample([array(3, 4), np.array([[0, 2], [1, 1]]), np.array([[3, 0], [1, 1]])], dict(axes=(0, 1))),
        Sample([array(2, 3, 2), np.int64(1), np.int64(0)], dict(axes=(1, 2))), Sample([array(4), np.array([1, 7, -1])], dict(axes=(0,))),
        Sample([array(1), np.array([3, 0])], dict(axes=(0,))), Sample([array(2, 0), i], dict(axes=(1,))),
    ]  # fmt: skip


gather = linear("gather", _gather_impl, aval=_gather_aval, batch=_gather_batch, lower=lowering.IndexMap(_gather_lower, cost=4.0),
                transpose=_gather_transpose, samples=_gather_samples)  # fmt: skip


def _scatter_impl(store: Callable) -> Callable:
    def impl(x: Any, updates: Any, *indices: Any, axes: tuple) -> Any:
        out = np.array(x)
        inside = _inside(x.shape, indices, axes)
        kept = tuple(np.asarray(i)[inside] for i in indices)
        store(_front(out, axes), kept, np.asarray(updates)[inside])
        return out

    return impl


def _scatter_aval(name: str) -> Callable:
    def aval(x: ShapedArray, updates: ShapedArray, *indices: ShapedArray, axes: tuple) -> ShapedArray:
        _check_indices(name, x, indices, axes)
        expected = indices[0].shape + tuple(x.shape[d] for d in _rest(x.ndim, axes))
        if updates is not shaped(expected, x.dtype):
            raise TypeError(f"{name}: updates have type {updates}, expected {shaped(expected, x.dtype)}")
        return x

    return aval


def _scatter_batch(prim: Callable[[], Any]) -> Callable:
    def batch(size: int, args: list, in_axes: list, *, axes: tuple) -> tuple[Any, int]:
        (x, updates, *indices), (bx, bu, *bi) = args, in_axes
        x = layout.with_batch_axis(x, size, bx, 0)
        shifted = tuple(a + 1 for a in axes)
        if all(b is None for b in bi):
            updates = layout.with_batch_axis(updates, size, bu, len(indices[0].shape))
            return prim()(x, updates, *indices, axes=shifted), 0
        indices = [layout.with_batch_axis(i, size, b, 0) for i, b in zip(indices, bi)]
        updates = layout.with_batch_axis(updates, size, bu, 0)
        return prim()(x, updates, _example(indices[0], indices[0].dtype), *indices, axes=(0, *shifted)), 0

    return batch


def _scatter_samples() -> list[Sample]:
    i = np.array([2, 0, 2])
    return [
        Sample([array(4), array(3), i], dict(axes=(0,))), Sample([array(3, 2), array(3, 2), i], dict(axes=(0,))),
        Sample([array(2, 4), array(3, 2), i], dict(axes=(1,))), Sample([array(4), array(3), np.array([1, 9, -2])], dict(axes=(0,))),
        Sample([array(3, 4), array(2, 2), np.array([[0, 2], [1, 1]]), np.array([[3, 0], [1, 1]])], dict(axes=(0, 1))),
        Sample([array(3), array(), np.int64(1)], dict(axes=(0,))),
    ]  # fmt: skip


def _add_transpose(ct: Any, x: Any, updates: Any, *indices: Any, axes: tuple) -> list[Any]:
    updates_ct = gather(ct, *indices, axes=axes) if is_linear(updates) else None
    return [ct if is_linear(x) else None, updates_ct, *[None] * len(indices)]


def _set_transpose(ct: Any, x: Any, updates: Any, *indices: Any, axes: tuple) -> list[Any]:
    """Overwritten elements of x pass nothing back; of updates to the same place only the last one counts."""
    x_ct = updates_ct = None
    if is_linear(x):
        zeros = linear_ops.zeros(shaped(tuple(updates.shape), ct.dtype))
        x_ct = scatter(ct, zeros, *indices, axes=axes)
    if is_linear(updates):
        picked = gather(ct, *indices, axes=axes)
        updates_ct = elementwise.select(_last_writers(tuple(ct.shape), updates, indices, axes), picked, elementwise.like(picked, 0))
    return [x_ct, updates_ct, *[None] * len(indices)]


def _last_writers(shape: tuple, updates: Any, indices: tuple, axes: tuple) -> Any:
    """Where an update is the one that stayed: write the updates' own numbers and read them back."""
    k = tuple(indices[0].shape)
    order = layout.reshape(layout.iota(shape=(int(np.prod(k)),), axis=0, dtype=layout.INDEX), shape=k)
    slots = layout.fill(0, tuple(shape[a] for a in axes), layout.INDEX)
    written = scatter(slots, order, *indices, axes=tuple(range(len(axes))))
    winner = elementwise.eq(gather(written, *indices, axes=tuple(range(len(axes)))), order)
    return layout.broadcast(winner, shape=tuple(updates.shape), dims=tuple(range(len(k))))


def _store_set(out: Any, index: tuple, updates: Any) -> None:
    out[index] = updates


scatter = linear("scatter", _scatter_impl(_store_set), aval=_scatter_aval("scatter"), batch=_scatter_batch(lambda: scatter),
                 lower=lowering.Scatter(lambda old, new: new), transpose=_set_transpose, linear_args=(0, 1), samples=_scatter_samples)  # fmt: skip
scatter_add = linear("scatter_add", _scatter_impl(np.add.at), aval=_scatter_aval("scatter_add"), batch=_scatter_batch(lambda: scatter_add),
                     lower=lowering.Scatter(lambda old, new: old + new), transpose=_add_transpose, linear_args=(0, 1), samples=_scatter_samples)  # fmt: skip
