"""Joining and splitting: concatenate, stack, block, split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import layout
from . import promotion
from .manipulation import atleast_1d, atleast_2d, atleast_3d, ravel, squeeze
from .promotion import array_operand, one_axis, static_int, static_ints
from .registry import numpy_function

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
    if any(
        x.ndim != xs[0].ndim or x.shape[:axis] + x.shape[axis + 1 :] != xs[0].shape[:axis] + xs[0].shape[axis + 1 :]
        for x in xs
    ):
        raise ValueError(f"{where}: shapes {[tuple(x.shape) for x in xs]} differ outside axis {axis}")
    xs = [promotion.convert(x, dtype) for x in xs]
    return xs[0] if len(xs) == 1 else layout.concatenate(*xs, axis=axis)


@numpy_function
def concatenate(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
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
    if np.ndim(indices_or_sections) == 0 and x.shape[one_axis(axis, x.ndim, "split")] % static_int(
        indices_or_sections, "split"
    ):
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


__all__ = [
    "append", "array_split", "block", "column_stack", "concatenate", "dsplit", "dstack", "hsplit", "hstack", "split",
    "stack", "unstack", "vsplit", "vstack",
]  # fmt: skip
