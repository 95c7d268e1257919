"""Picking by position: take, choose, delete, insert; order: sort, partition, searchsorted; counts of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import indexing as gather_ops
from ..ops import layout, sorting
from . import indexing, joining, manipulation, promotion, reductions, ufuncs
from .promotion import array_operand, one_axis
from .rearrange import pick
from .registry import numpy_function
from .truth import concrete


def _positions_of(indices: Any, name: str) -> Any:
    """Positions as an array; an empty list has none, of whatever type NumPy takes it for."""
    empty = isinstance(indices, (list, tuple)) and np.size(indices) == 0 if not promotion.has_tracer(indices) else False
    return np.zeros(np.shape(indices), np.int64) if empty else array_operand(indices, name)


@numpy_function
def take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str | None = None, *, fill_value: Any = None
) -> Any:
    """Elements at positions along an axis (of the flattened array when axis is None).

    Args:
        mode: "raise" and None refuse concrete positions out of range; "clip" and "wrap" as in NumPy.

    Reference: numpy.take
    """
    x, i = array_operand(a, "take"), _positions_of(indices, "take")
    if axis is None:
        x, axis = layout.reshape(x, shape=(x.size,)), 0
    axis = one_axis(axis, x.ndim, "take")
    if mode == "clip":
        i = ufuncs.minimum(ufuncs.maximum(i, 0), x.shape[axis] - 1)
    elif mode == "wrap":
        i = ufuncs.remainder(i, x.shape[axis])
    elif mode not in (None, "raise"):
        raise ValueError(f"take: mode must be 'raise', 'clip' or 'wrap', got {mode!r}")
    return indexing.getitem(x, (slice(None),) * axis + (i if type(i) is Tracer else np.asarray(i),))


@numpy_function
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each line along an axis, its own positions.

    Reference: numpy.take_along_axis
    """
    x, i = array_operand(arr, "take_along_axis"), array_operand(indices, "take_along_axis")
    if axis is None:
        x, axis = layout.reshape(x, shape=(x.size,)), 0
    axis = one_axis(axis, x.ndim, "take_along_axis")
    if i.ndim != x.ndim:
        raise ValueError("take_along_axis: `indices` and `arr` must have the same number of dimensions")
    shape = promotion.common_shape(
        [tuple(n for d, n in enumerate(v.shape) if d != axis) for v in (x, i)], "take_along_axis"
    )
    full = lambda n: (*shape[:axis], n, *shape[axis:])  # noqa: E731
    return along(promotion.broadcast(x, full(x.shape[axis])), promotion.broadcast(i, full(i.shape[axis])), axis)


def along(x: Any, positions: Any, axis: int) -> Any:
    """x[..., positions[...], ...]: both of one shape outside the axis."""
    return indexing.getitem(x, along_index(positions, axis))


def along_index(positions: Any, axis: int) -> tuple[Any, ...]:
    """The index that picks, for each line along an axis, its own positions."""
    places: list[Any] = []
    for d, n in enumerate(positions.shape):
        line = np.arange(n).reshape([-1 if k == d else 1 for k in range(positions.ndim)])
        places.append(positions if d == axis else line)
    return tuple(places)


@numpy_function
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """choices[a] element by element.

    Reference: numpy.choose
    """
    stacked = joining.stack(manipulation.broadcast_arrays(a, *choices)[1:])
    index = promotion.broadcast(array_operand(a), stacked.shape[1:])
    return take_along_axis(stacked, manipulation.expand_dims(index, 0), 0)[0]


# --- without some, with others ----------------------------------------------------------------------------------------


def _positions(name: str) -> str:
    return f"the positions of {name}, on which the shape of the result depends"


@numpy_function
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """The array without the elements at some positions.

    Reference: numpy.delete
    """
    x = array_operand(arr, "delete")
    x = layout.reshape(x, shape=(x.size,)) if axis is None else x
    axis = 0 if axis is None else one_axis(axis, x.ndim, "delete")
    where = obj if isinstance(obj, slice) else concrete(_positions_of(obj, "delete"), _positions("delete"))
    return pick(x, np.delete(np.arange(x.shape[axis]), where), axis)


@numpy_function
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """The array with values put in before some positions.

    Reference: numpy.insert
    """
    x = array_operand(arr, "insert")
    x = layout.reshape(x, shape=(x.size,)) if axis is None else x
    axis = 0 if axis is None else one_axis(axis, x.ndim, "insert")
    where = obj if isinstance(obj, slice) else concrete(obj, _positions("insert"))
    old = np.insert(np.arange(x.shape[axis]), where, -1)
    v = promotion.convert(array_operand(values, "insert"), x.dtype)
    if np.ndim(where) == 0 and v.ndim:
        v = layout.move_axis(v, 0, axis) if v.ndim == x.ndim and x.ndim > 1 else v
        old = np.insert(np.arange(x.shape[axis]), [int(where)] * (v.shape[axis] if v.ndim == x.ndim else 1), -1)
    count = int((old < 0).sum())
    v = promotion.broadcast(v, tuple(count if d == axis else n for d, n in enumerate(x.shape)))
    joined = layout.concatenate(x, v, axis=axis)
    order = np.where(old < 0, x.shape[axis] + np.cumsum(old < 0) - 1, old)
    return pick(joined, order, axis)


# --- order ------------------------------------------------------------------------------------------------------------


def _sort_axis(a: Any, axis: int | None, name: str) -> tuple[Any, int]:
    x = array_operand(a, name)
    if axis is None:
        return layout.reshape(x, shape=(x.size,)), 0
    return x, one_axis(axis, x.ndim, name)


@numpy_function(extra=("descending",))
def sort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = None
) -> Any:
    """Elements in ascending order, NaN last; complex numbers by their real parts, then by their imaginary parts.

    Args:
        descending: the order turned round, as the array API standard has it.

    Reference: numpy.sort
    """
    x, axis = _sort_axis(a, axis, "sort")
    ordered = sorting.sort(x, axis=axis) if x.dtype.kind != "c" else along(x, _complex_order(x, axis), axis)
    return layout.flip(ordered, axes=(axis,)) if descending else ordered


@numpy_function(extra=("descending",))
def argsort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = None
) -> Any:
    """Positions that sort the elements; equal ones keep their order.

    Args:
        descending: the largest first, as the array API standard has it.

    Reference: numpy.argsort
    """
    x, axis = _sort_axis(
        a, None if not np.ndim(a) and axis in (-1, 0) else axis, "argsort"
    )  # a number has one position
    if not descending:
        return sorting.argsort(x, axis=axis) if x.dtype.kind != "c" else _complex_order(x, axis)
    backwards = argsort(layout.flip(x, axes=(axis,)), axis)
    last = promotion.broadcast(np.int64(x.shape[axis] - 1), tuple(backwards.shape))
    return ew.sub(last, layout.flip(backwards, axes=(axis,)))


def _complex_order(x: Any, axis: int) -> Any:
    """Positions that sort complex numbers; those with a NaN are last, and of them those whose real part is one."""
    re, im = ew.real(x), ew.imag(x)
    missing = ew.convert(ew.isnan(im), dtype=np.dtype(np.int8)) + 2 * ew.convert(ew.isnan(re), dtype=np.dtype(np.int8))
    return lexsort((im, re, missing), axis)


@numpy_function
def sort_complex(a: Any) -> Any:
    """Elements in ascending order as complex numbers, sorted along the last axis.

    Reference: numpy.sort_complex
    """
    x = sort(a)
    small = x.dtype.kind in "biu" and x.dtype.itemsize <= 2 and x.dtype.kind != "b"
    return x if x.dtype.kind == "c" else promotion.convert(x, np.dtype(np.complex64 if small else np.complex128))


@numpy_function
def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """Sorted elements, which is a partition for every kth.

    Reference: numpy.partition
    """
    _check_kth(a, kth, axis, "partition")
    return sort(a, axis)


@numpy_function
def argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """Positions that sort the elements, which is a partition for every kth.

    Reference: numpy.argpartition
    """
    _check_kth(a, kth, axis, "argpartition")
    return argsort(a, axis)


def _check_kth(a: Any, kth: Any, axis: int | None, name: str) -> None:
    x = array_operand(a, name)
    n = x.size if axis is None else x.shape[one_axis(axis, x.ndim, name)]
    for k in () if x.size == 0 else promotion.static_ints(kth, name):
        if not -n <= k < n:
            raise ValueError(f"{name}: kth(={k}) out of bounds ({n})")


@numpy_function
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Positions that sort by the last key, then by the one before it, and so on.

    Reference: numpy.lexsort
    """
    keys = [array_operand(k, "lexsort") for k in keys]
    axis = one_axis(axis, keys[0].ndim, "lexsort")
    order = argsort(keys[0], axis)
    for key in keys[1:]:
        order = along(order, argsort(along(key, order, axis), axis), axis)
    return order


@numpy_function
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where to insert values so that a sorted array stays sorted: the number of smaller elements.

    Reference: numpy.searchsorted
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    a, v = array_operand(a, "searchsorted"), array_operand(v, "searchsorted")
    a = a if sorter is None else take(a, sorter)
    column = manipulation.expand_dims(v, -1)
    before = ufuncs.less(a, column) if side == "left" else ufuncs.less_equal(a, column)
    if column.dtype.kind in "fc":  # NaN comes last, after all numbers and, from the right, after all NaN
        passed = ufuncs.logical_not(ufuncs.isnan(a)) if side == "left" else True
        before = ufuncs.logical_or(before, ufuncs.logical_and(ufuncs.isnan(column), passed))
    return reductions.sum(before, axis=-1)


@numpy_function
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the bin each value falls into.

    Reference: numpy.digitize
    """
    if getattr(x, "dtype", None) is not None and x.dtype.kind == "c":
        raise TypeError("digitize: x may not be complex, as in NumPy; use searchsorted, or x.real, x.imag or abs(x)")
    edges = concrete(bins, "the order of the bins of digitize")
    side = "left" if right else "right"
    if edges.size > 1 and edges[0] > edges[-1]:
        return ufuncs.subtract(len(edges), searchsorted(edges[::-1], x, "left" if side == "right" else "right"))
    return searchsorted(edges, x, side)


# --- counts -----------------------------------------------------------------------------------------------------------


@numpy_function
def bincount(x: Any, /, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Any:
    """How often each integer occurs, or the sum of its weights; under jit, `minlength` must be the whole length.

    Reference: numpy.bincount
    """
    x = array_operand(x, "bincount")
    x = promotion.convert(x, np.dtype(np.int64)) if x.dtype == np.bool_ else x
    known = type(x) is not Tracer or x.value is not None
    size = max(minlength, int(concrete(x, "bincount").max(initial=-1)) + 1) if known else minlength
    if not known and not minlength:
        concrete(x, "bincount, whose size depends on data; give minlength=")
    w = (
        np.ones(x.shape, np.int64)
        if weights is None
        else promotion.convert(array_operand(weights), np.dtype(np.float64))
    )
    return gather_ops.scatter_add(layout.fill(0, (size,), w.dtype), w, x, axes=(0,))


__all__ = [
    "argpartition", "argsort", "bincount", "choose", "delete", "digitize", "insert", "lexsort", "partition",
    "searchsorted", "sort", "sort_complex", "take", "take_along_axis",
]  # fmt: skip
