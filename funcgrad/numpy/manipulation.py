"""Shapes: reshape, transpose, join, split, repeat, flip, pad. Every function is a rearrangement of its operand's elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import layout
from . import creation, promotion
from .promotion import array_operand, many_axes, one_axis, static_int, static_ints
from .registry import numpy_function

# --- shape ------------------------------------------------------------------------------------------------------------


@numpy_function
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    """The elements in another shape; one entry may be -1.

    Reference: numpy.reshape
    """
    x = array_operand(a, "reshape")
    shape = known_shape(x, static_ints(shape, "reshape"))
    if order == "F":
        return reverse_axes(layout.reshape(reverse_axes(x), shape=shape[::-1]))
    if order not in ("C", "A"):
        raise ValueError(f"reshape: order must be 'C', 'F' or 'A', got {order!r}")
    return layout.reshape(x, shape=shape)


def known_shape(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Fill in the entry -1."""
    if shape.count(-1) > 1:
        raise ValueError("reshape: can only specify one unknown dimension")
    if -1 in shape:
        rest = -math.prod(shape)
        if rest == 0 or x.size % rest:
            raise ValueError(f"reshape: cannot reshape array of size {x.size} into shape {shape}")
        shape = tuple(x.size // rest if n == -1 else n for n in shape)
    if math.prod(shape) != x.size:
        raise ValueError(f"reshape: cannot reshape array of size {x.size} into shape {shape}")
    return shape


def reverse_axes(x: Any) -> Any:
    """All axes in opposite order."""
    return layout.transpose(x, axes=tuple(range(x.ndim))[::-1])


@numpy_function
def ravel(a: Any, order: str = "C") -> Any:
    """All elements in one axis.

    Reference: numpy.ravel
    """
    return reshape(array_operand(a), (-1,), "C" if order == "K" else order) if array_operand(a).size else layout.reshape(a, shape=(0,))


@numpy_function
def transpose(a: Any, axes: Any = None) -> Any:
    """Permute the axes; reverse them by default.

    Reference: numpy.transpose
    """
    x = array_operand(a, "transpose")
    if axes is None:
        return reverse_axes(x)
    order = tuple(one_axis(d, x.ndim, "transpose") for d in static_ints(axes, "transpose"))
    if len(order) != x.ndim:
        raise ValueError(f"transpose: axes {axes} don't match an array of {x.ndim} axes")
    if len(set(order)) < len(order):
        raise ValueError(f"transpose: repeated axis in {axes}")
    return layout.transpose(x, axes=order)


@numpy_function
def matrix_transpose(x: Any, /) -> Any:
    """Exchange the last two axes.

    Reference: numpy.matrix_transpose
    """
    return swapaxes(x, -1, -2)


@numpy_function
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Reference: numpy.swapaxes
    """
    x = array_operand(a, "swapaxes")
    order = list(range(x.ndim))
    i, j = one_axis(axis1, x.ndim, "swapaxes"), one_axis(axis2, x.ndim, "swapaxes")
    order[i], order[j] = j, i
    return layout.transpose(x, axes=tuple(order))


@numpy_function
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Move axes to other positions.

    Reference: numpy.moveaxis
    """
    x = array_operand(a, "moveaxis")
    src = [one_axis(d, x.ndim, "source") for d in static_ints(source, "moveaxis")]
    dst = [one_axis(d, x.ndim, "destination") for d in static_ints(destination, "moveaxis")]
    if len(src) != len(dst) or len(set(src)) < len(src) or len(set(dst)) < len(dst):
        raise ValueError(f"moveaxis: source {source} and destination {destination} must name as many different axes")
    order = [d for d in range(x.ndim) if d not in src]
    for d, s in sorted(zip(dst, src)):
        order.insert(d, s)
    return layout.transpose(x, axes=tuple(order))


@numpy_function
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move one axis before another.

    Reference: numpy.rollaxis
    """
    x = array_operand(a, "rollaxis")
    axis = one_axis(axis, x.ndim, "rollaxis")
    start = start + x.ndim if start < 0 else start
    return moveaxis(x, axis, start - (axis < start))


@numpy_function
def expand_dims(a: Any, axis: Any) -> Any:
    """Insert axes of size 1.

    Reference: numpy.expand_dims
    """
    x = array_operand(a, "expand_dims")
    axes = static_ints(axis, "expand_dims")
    axes = many_axes(axes, x.ndim + len(axes), "expand_dims")
    sizes = iter(x.shape)
    return layout.reshape(x, shape=tuple(1 if d in axes else next(sizes) for d in range(x.ndim + len(axes))))


@numpy_function
def squeeze(a: Any, axis: Any = None) -> Any:
    """Drop axes of size 1.

    Reference: numpy.squeeze
    """
    x = array_operand(a, "squeeze")
    axes = tuple(d for d, n in enumerate(x.shape) if n == 1) if axis is None else many_axes(axis, x.ndim, "squeeze")
    if any(x.shape[d] != 1 for d in axes):
        raise ValueError("squeeze: cannot select an axis to squeeze out which has size not equal to one")
    return layout.reshape(x, shape=tuple(n for d, n in enumerate(x.shape) if d not in axes))


@numpy_function
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """Repeat along new axes and axes of size 1.

    Reference: numpy.broadcast_to
    """
    x, shape = array_operand(array, "broadcast_to"), static_ints(shape, "broadcast_to")
    if len(x.shape) > len(shape) or promotion.common_shape([x.shape, shape], "broadcast_to") != shape:
        raise ValueError(f"broadcast_to: shape {x.shape} cannot be broadcast to {shape}")
    return promotion.broadcast(x, shape)


@numpy_function
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """Broadcast arrays against each other.

    Reference: numpy.broadcast_arrays
    """
    return tuple(promotion.same_shape([array_operand(a) for a in args], "broadcast_arrays"))


def _at_least(name: str, place: Callable) -> Callable:
    def function(*arys: Any) -> Any:
        results = []
        for a in arys:
            x = array_operand(a, name)
            shape = place(tuple(x.shape))
            results.append(x if shape == x.shape else layout.reshape(x, shape=shape))
        return results[0] if len(results) == 1 else tuple(results)

    function.__name__ = name
    function.__doc__ = f"numpy.{name}: add axes of size 1.\n\nReference: numpy.{name}"
    return numpy_function(function)


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape), shape)


atleast_1d = _at_least("atleast_1d", lambda s: s or (1,))
atleast_2d = _at_least("atleast_2d", lambda s: (1,) * (2 - len(s)) + s)
atleast_3d = _at_least("atleast_3d", _three)

# --- joining ----------------------------------------------------------------------------------------------------------


def join(arrays: Sequence[Any], axis: int, dtype: Any = None, where: str = "concatenate") -> Any:
    """Concatenate operands after promoting them to one dtype."""
    xs = [array_operand(a, where) for a in arrays]
    if not xs:
        raise ValueError(f"{where}: need at least one array")
    if any(x.ndim == 0 for x in xs):
        raise ValueError(f"{where}: zero-dimensional arrays cannot be concatenated")
    dtype = np.dtype(dtype) if dtype is not None else np.result_type(*[x.dtype for x in xs])
    axis = one_axis(axis, xs[0].ndim, where)
    if any(x.ndim != xs[0].ndim or x.shape[:axis] + x.shape[axis + 1 :] != xs[0].shape[:axis] + xs[0].shape[axis + 1 :] for x in xs):
        raise ValueError(f"{where}: shapes {[tuple(x.shape) for x in xs]} differ outside axis {axis}")
    xs = [promotion.convert(x, dtype) for x in xs]
    return xs[0] if len(xs) == 1 else layout.concatenate(*xs, axis=axis)


@numpy_function
def concatenate(arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join arrays along an axis that exists.

    Reference: numpy.concatenate
    """
    if axis is None:
        return join([ravel(a) for a in arrays], 0, dtype)
    return join(list(arrays), axis, dtype)


@numpy_function
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join arrays along a new axis.

    Reference: numpy.stack
    """
    xs = [array_operand(a, "stack") for a in arrays]
    if len({tuple(x.shape) for x in xs}) > 1:
        raise ValueError(f"stack: all input arrays must have the same shape, got {[tuple(x.shape) for x in xs]}")
    axis = one_axis(axis, xs[0].ndim + 1, "stack") if xs else 0
    return join([layout.reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:])) for x in xs], axis, dtype, "stack")


@numpy_function
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join rows.

    Reference: numpy.vstack
    """
    return join([atleast_2d(a) for a in tup], 0, dtype, "vstack")


@numpy_function
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Join along the second axis (the first, for vectors).

    Reference: numpy.hstack
    """
    xs = [atleast_1d(a) for a in tup]
    return join(xs, 0 if xs and xs[0].ndim == 1 else 1, dtype, "hstack")


@numpy_function
def dstack(tup: Any) -> Any:
    """Join along the third axis.

    Reference: numpy.dstack
    """
    return join([atleast_3d(a) for a in tup], 2, None, "dstack")


@numpy_function
def column_stack(tup: Any) -> Any:
    """Vectors as the columns of a matrix.

    Reference: numpy.column_stack
    """
    xs = [array_operand(a, "column_stack") for a in tup]
    return join([x if x.ndim >= 2 else layout.reshape(x, shape=(x.size, 1)) for x in xs], 1, None, "column_stack")


@numpy_function
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join values at the end.

    Reference: numpy.append
    """
    return concatenate((arr, values), axis=axis)


@numpy_function
def block(arrays: Any) -> Any:
    """An array from nested lists of blocks: the innermost lists join along the last axis.

    Reference: numpy.block
    """
    depth = _depth(arrays)

    def build(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return join([build(p, level + 1) for p in part], -(depth - level), None, "block")
        x = array_operand(part, "block")
        return layout.reshape(x, shape=(1,) * (ndim - x.ndim) + tuple(x.shape))

    ndim = max(depth, _largest_ndim(arrays))
    return build(arrays, 0)


def _depth(part: Any) -> int:
    return 1 + max((_depth(p) for p in part), default=0) if isinstance(part, list) else 0


def _largest_ndim(part: Any) -> int:
    return max(map(_largest_ndim, part)) if isinstance(part, list) else array_operand(part, "block").ndim


# --- splitting --------------------------------------------------------------------------------------------------------


def split_at(x: Any, cuts: Sequence[int], axis: int) -> list[Any]:
    """Pieces between cuts, with Python's slice rules for each."""
    n = x.shape[axis]
    bounds = [slice(a, b).indices(n) for a, b in zip([0, *cuts], [*cuts, n])]
    return [layout.slice_axis(x, axis, a, max(a, b)) for a, b, _ in bounds]


@numpy_function
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Split into pieces, whose sizes may differ by one.

    Reference: numpy.array_split
    """
    x = array_operand(ary, "array_split")
    axis = one_axis(axis, x.ndim, "array_split")
    if np.ndim(indices_or_sections) > 0:
        return split_at(x, static_ints(indices_or_sections, "array_split"), axis)
    count = static_int(indices_or_sections, "array_split")
    if count <= 0:
        raise ValueError("array_split: number sections must be larger than 0.")
    each, extra = divmod(x.shape[axis], count)
    sizes = [each + 1] * extra + [each] * (count - extra)
    return split_at(x, [int(c) for c in np.cumsum(sizes)[:-1]], axis)


@numpy_function
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Split into equal pieces, or at given positions.

    Reference: numpy.split
    """
    x = array_operand(ary, "split")
    if np.ndim(indices_or_sections) == 0 and x.shape[one_axis(axis, x.ndim, "split")] % static_int(indices_or_sections, "split"):
        raise ValueError("split: array split does not result in an equal division")
    return array_split(x, indices_or_sections, axis)


@numpy_function
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the first axis.

    Reference: numpy.vsplit
    """
    return split(ary, indices_or_sections, 0)


@numpy_function
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the second axis (the first, for vectors).

    Reference: numpy.hsplit
    """
    return split(ary, indices_or_sections, 0 if array_operand(ary).ndim == 1 else 1)


@numpy_function
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Split along the third axis.

    Reference: numpy.dsplit
    """
    return split(ary, indices_or_sections, 2)


@numpy_function
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, without that axis.

    Reference: numpy.unstack
    """
    x = array_operand(x, "unstack")
    axis = one_axis(axis, x.ndim, "unstack")
    return tuple(squeeze(piece, axis) for piece in split_at(x, range(1, x.shape[axis]), axis)) if x.shape[axis] else ()


_ = creation, ew
