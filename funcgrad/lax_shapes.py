"""Shapes, parts, order and segments of arrays by the names of `jax.lax` and `jax.ops`, public in `funcgrad.lax`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import numpy as fnp
from .core.tracing import Tracer
from .numpy import promotion
from .ops import layout

INDEX = np.dtype(np.int64)


def _array(x: Any, name: str) -> Any:
    return promotion.array_operand(x, name)


# --- new arrays -------------------------------------------------------------------------------------------------------


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None) -> Any:
    """An array of one number.

    Example:
        >>> full((2,), 3.0)
        array([3., 3.])

    Reference: jax.lax.full
    """
    return fnp.full(tuple(shape), fill_value, dtype=dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """An array of one number, in the shape and dtype of another.

    Example:
        >>> import numpy as np
        >>> full_like(np.zeros(2), 3)
        array([3., 3.])

    Reference: jax.lax.full_like
    """
    x = _array(x, "full_like")
    return fnp.full(tuple(x.shape if shape is None else shape), fill_value, dtype=x.dtype if dtype is None else dtype)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Any:
    """The position along an axis, for every element.

    Example:
        >>> broadcasted_iota(int, (2, 2), 1)
        array([[0, 1],
               [0, 1]])

    Reference: jax.lax.broadcasted_iota
    """
    sizes = promotion.static_ints(tuple(shape), "broadcasted_iota")
    return layout.iota(
        shape=tuple(sizes), axis=promotion.one_axis(dimension, len(sizes), "broadcasted_iota"), dtype=np.dtype(dtype)
    )


# --- shapes -----------------------------------------------------------------------------------------------------------


def reshape(operand: Any, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None) -> Any:
    """The elements in another shape, after the axes have been put in the order `dimensions`.

    Example:
        >>> import numpy as np
        >>> reshape(np.arange(6).reshape(2, 3), (6,), (1, 0))
        array([0, 3, 1, 4, 2, 5])

    Reference: jax.lax.reshape
    """
    x = _array(operand, "reshape")
    return fnp.reshape(x if dimensions is None else fnp.transpose(x, tuple(dimensions)), tuple(new_sizes))


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """Axes start_dimension ... stop_dimension - 1 as one.

    Example:
        >>> import numpy as np
        >>> collapse(np.zeros((2, 3, 4)), 1).shape
        (2, 12)

    Reference: jax.lax.collapse
    """
    x = _array(operand, "collapse")
    first, last, _ = slice_of(start_dimension, stop_dimension, x.ndim)
    return fnp.reshape(x, (*x.shape[:first], math.prod(x.shape[first:last]), *x.shape[last:]))


def slice_of(start: Any, stop: Any, size: int) -> tuple[int, int, int]:
    """What a Python slice of a known size means."""
    import builtins

    return builtins.slice(start, stop).indices(size)


def transpose(operand: Any, permutation: Sequence[int]) -> Any:
    """The axes in another order.

    Example:
        >>> import numpy as np
        >>> transpose(np.zeros((2, 3)), (1, 0)).shape
        (3, 2)

    Reference: jax.lax.transpose
    """
    return fnp.transpose(_array(operand, "transpose"), tuple(permutation))


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """The elements in opposite order along axes.

    Example:
        >>> import numpy as np
        >>> rev(np.arange(3), (0,))
        array([2, 1, 0])

    Reference: jax.lax.rev
    """
    return fnp.flip(_array(operand, "rev"), tuple(dimensions))


def broadcast(operand: Any, sizes: Sequence[int]) -> Any:
    """New axes in front, along which everything is repeated.

    Example:
        >>> import numpy as np
        >>> broadcast(np.ones(3), (2,)).shape
        (2, 3)

    Reference: jax.lax.broadcast
    """
    x = _array(operand, "broadcast")
    return fnp.broadcast_to(x, (*sizes, *x.shape))


def broadcast_in_dim(operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Any:
    """The array in a larger shape, whose axes `broadcast_dimensions` are its own.

    Args:
        operand: an array.
        shape: of the result.
        broadcast_dimensions: ascending, one for each axis of the operand, which has the same size there or 1.

    Raises:
        ValueError: the axes do not fit.

    Example:
        >>> import numpy as np
        >>> broadcast_in_dim(np.array([1.0, 2.0]), (2, 2), (0,))
        array([[1., 1.],
               [2., 2.]])

    Reference: jax.lax.broadcast_in_dim
    """
    x, axes = _array(operand, "broadcast_in_dim"), tuple(broadcast_dimensions)
    if len(axes) != x.ndim or list(axes) != sorted(set(axes)) or any(not 0 <= d < len(shape) for d in axes):
        raise ValueError(
            f"broadcast_in_dim: {axes} are not ascending axes of {tuple(shape)}, one for each of {tuple(x.shape)}"
        )
    sizes = iter(x.shape)
    aligned = tuple(next(sizes) if d in axes else 1 for d in range(len(shape)))
    return fnp.broadcast_to(fnp.reshape(x, aligned), tuple(shape))


def broadcast_to_rank(x: Any, rank: int) -> Any:
    """Axes of size 1 in front, until there are `rank`.

    Example:
        >>> import numpy as np
        >>> broadcast_to_rank(np.ones(3), 3).shape
        (1, 1, 3)

    Reference: jax.lax.broadcast_to_rank
    """
    x = _array(x, "broadcast_to_rank")
    return fnp.reshape(x, (1,) * (rank - x.ndim) + tuple(x.shape))


def stack(operands: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape and dtype along a new axis.

    Example:
        >>> import numpy as np
        >>> stack([np.zeros(2), np.ones(2)], 1).shape
        (2, 2)

    Reference: jax.lax.stack
    """
    return fnp.stack([_array(x, "stack") for x in operands], axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices of an axis.

    Example:
        >>> import numpy as np
        >>> len(unstack(np.zeros((2, 3)), 1))
        3

    Reference: jax.lax.unstack
    """
    return fnp.unstack(_array(x, "unstack"), axis=axis)


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """Parts of given sizes, one after the other along an axis.

    Raises:
        ValueError: the sizes do not add up to that of the axis.

    Example:
        >>> import numpy as np
        >>> split(np.arange(5), (2, 3))
        [array([0, 1]), array([2, 3, 4])]

    Reference: jax.lax.split
    """
    x, ends = _array(operand, "split"), np.cumsum(np.asarray(sizes, int))
    if not len(ends) or ends[-1] != x.shape[axis]:
        raise ValueError(f"split: the sizes {tuple(sizes)} do not add up to {x.shape[axis]}")
    return list(fnp.split(x, [int(e) for e in ends[:-1]], axis=axis))


def tile(operand: Any, reps: Sequence[int]) -> Any:
    """The array repeated along its axes.

    Example:
        >>> import numpy as np
        >>> tile(np.array([1, 2]), (2,))
        array([1, 2, 1, 2])

    Reference: jax.lax.tile
    """
    return fnp.tile(_array(operand, "tile"), tuple(reps))


# --- parts ------------------------------------------------------------------------------------------------------------


def slice(operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Any = None) -> Any:
    """A box of the array, whose corners are known.

    Raises:
        ValueError: the box is not inside.

    Example:
        >>> import numpy as np
        >>> slice(np.arange(6), (1,), (6,), (2,))
        array([1, 3, 5])

    Reference: jax.lax.slice
    """
    x = _array(operand, "slice")
    steps = (1,) * x.ndim if strides is None else tuple(strides)
    box = list(zip(start_indices, limit_indices, steps, strict=True))
    if len(box) != x.ndim or any(not (0 <= a <= b <= n and s > 0) for (a, b, s), n in zip(box, x.shape)):
        raise ValueError(
            f"slice: the box from {tuple(start_indices)} to {tuple(limit_indices)} is not inside of {tuple(x.shape)}"
        )
    return x[tuple(np.s_[a:b:s] for a, b, s in box)]


def slice_in_dim(operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0) -> Any:
    """Part of one axis; negative positions count from the end.

    Example:
        >>> import numpy as np
        >>> slice_in_dim(np.arange(5), 1, -1)
        array([1, 2, 3])

    Reference: jax.lax.slice_in_dim
    """
    x = _array(operand, "slice_in_dim")
    axis = promotion.one_axis(axis, x.ndim, "slice_in_dim")
    return x[(np.s_[:],) * axis + (np.s_[start_index:limit_index:stride],)]


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """One slice of an axis at a known position.

    Example:
        >>> import numpy as np
        >>> index_in_dim(np.arange(5), -1)
        array([4])

    Reference: jax.lax.index_in_dim
    """
    x = _array(operand, "index_in_dim")
    axis, index = promotion.one_axis(axis, x.ndim, "index_in_dim"), promotion.static_int(index, "index_in_dim")
    if not -x.shape[axis] <= index < x.shape[axis]:
        raise IndexError(f"index_in_dim: position {index} is out of range for an axis of size {x.shape[axis]}")
    index = index % x.shape[axis]
    return x[(np.s_[:],) * axis + (np.s_[index : index + 1] if keepdims else index,)]


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Any:
    """Slices of axes at vectors of positions, taken together; they are along a new first axis.

    Example:
        >>> import numpy as np
        >>> index_take(np.arange(6).reshape(2, 3), (np.array([1, 0]), np.array([2, 0])), (0, 1))
        array([5, 0])

    Reference: jax.lax.index_take
    """
    x = fnp.moveaxis(_array(src, "index_take"), tuple(axes), tuple(range(len(axes))))
    return x[tuple(_array(i, "index_take") for i in idxs)]


def dynamic_update_index_in_dim(operand: Any, update: Any, index: Any, axis: int = 0) -> Any:
    """A copy in which `update` replaces one slice of an axis, at a position that is data.

    Args:
        operand: an array.
        update: the slice, with the axis at size 1 or without it.
        index: the position, moved so that it lies inside.
        axis: of the position.

    Example:
        >>> import numpy as np
        >>> dynamic_update_index_in_dim(np.zeros(3), 5.0, 1)
        array([0., 5., 0.])

    Reference: jax.lax.dynamic_update_index_in_dim
    """
    from .lax import dynamic_update_slice_in_dim

    x, new = _array(operand, "dynamic_update_index_in_dim"), _array(update, "dynamic_update_index_in_dim")
    axis = promotion.one_axis(axis, x.ndim, "dynamic_update_index_in_dim")
    new = promotion.convert(new, x.dtype)
    return dynamic_update_slice_in_dim(x, fnp.expand_dims(new, axis) if new.ndim != x.ndim else new, index, axis)


# --- products ---------------------------------------------------------------------------------------------------------


def dot(lhs: Any, rhs: Any, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Products of vectors and matrices.

    Args:
        lhs, rhs: vectors or matrices of one dtype.
        precision: accepted for compatibility with JAX.
        preferred_element_type: dtype of the result.

    Raises:
        TypeError: an operand has more axes.

    Example:
        >>> import numpy as np
        >>> dot(np.ones(3), np.ones((3, 2)))
        array([3., 3.])

    Reference: jax.lax.dot
    """
    x, y = _array(lhs, "dot"), _array(rhs, "dot")
    if x.ndim not in (1, 2) or y.ndim not in (1, 2):
        raise TypeError(
            f"dot: takes vectors and matrices, got shapes {tuple(x.shape)} and {tuple(y.shape)}; see dot_general"
        )
    out = fnp.dot(x, y)
    return out if preferred_element_type is None else promotion.convert(out, np.dtype(preferred_element_type))


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Products of matrices over equal leading axes.

    Example:
        >>> import numpy as np
        >>> batch_matmul(np.ones((2, 3, 4)), np.ones((2, 4, 5))).shape
        (2, 3, 5)

    Reference: jax.lax.batch_matmul
    """
    x, y = _array(lhs, "batch_matmul"), _array(rhs, "batch_matmul")
    if x.ndim < 2 or x.ndim != y.ndim or x.shape[:-2] != y.shape[:-2]:
        raise TypeError(f"batch_matmul: leading axes of {tuple(x.shape)} and {tuple(y.shape)} differ")
    return fnp.matmul(x, y)


# --- order ------------------------------------------------------------------------------------------------------------


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Elements in ascending order; of several arrays, all in the order of the first `num_keys`.

    Args:
        operand: an array, or a sequence of arrays of one shape.
        dimension: the axis.
        is_stable: accepted; equal elements always keep their order.
        num_keys: how many arrays decide, the first one first.

    Returns:
        An array, or a tuple.

    Raises:
        ValueError: there are fewer arrays than keys.

    Example:
        >>> import numpy as np
        >>> sort((np.array([2, 1]), np.array([10.0, 20.0])))
        (array([1, 2]), array([20., 10.]))

    Reference: jax.lax.sort
    """
    if not isinstance(operand, (tuple, list)):
        return fnp.sort(_array(operand, "sort"), axis=dimension)
    arrays = [_array(x, "sort") for x in operand]
    if not 1 <= num_keys <= len(arrays):
        raise ValueError(f"sort: {num_keys} keys for {len(arrays)} arrays")
    order = fnp.lexsort(tuple(reversed(arrays[:num_keys])), axis=dimension)
    return tuple(fnp.take_along_axis(x, order, axis=dimension) for x in arrays)


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> tuple[Any, Any]:
    """Keys in ascending order, and values in the same.

    Example:
        >>> import numpy as np
        >>> sort_key_val(np.array([2, 1]), np.array([10.0, 20.0]))
        (array([1, 2]), array([20., 10.]))

    Reference: jax.lax.sort_key_val
    """
    return sort((keys, values), dimension)


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Any, Any]:
    """The k largest elements along an axis, the largest first, and their positions; equal ones keep their order.

    Raises:
        ValueError: there are fewer elements.

    Example:
        >>> import numpy as np
        >>> top_k(np.array([3.0, 5.0, 1.0]), 2)
        (array([5., 3.]), array([1, 0]))

    Reference: jax.lax.top_k
    """
    x, k = _array(operand, "top_k"), promotion.static_int(k, "top_k")
    axis = promotion.one_axis(axis, x.ndim, "top_k")
    if not 0 <= k <= x.shape[axis]:
        raise ValueError(f"top_k: k must be between 0 and {x.shape[axis]}, got {k}")
    order = slice_in_dim(fnp.argsort(x, axis=axis, descending=True), 0, k, axis=axis)
    return fnp.take_along_axis(x, order, axis=axis), order


# --- segments ---------------------------------------------------------------------------------------------------------


def _segments(name: str, update: str, empty: Callable[[np.dtype], Any], line: str) -> Callable:
    def segment(
        data: Any,
        segment_ids: Any,
        num_segments: int | None = None,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
    ) -> Any:
        x, ids = _array(data, name), _array(segment_ids, name)
        count = _segment_count(name, x, ids, num_segments)
        rest = tuple(x.shape[ids.ndim :])
        rows, places = fnp.reshape(x, (ids.size, *rest)), fnp.reshape(ids, (ids.size,))
        places = fnp.where((places >= 0) & (places < count), places, count)  # outside: a row that is cut off
        start = np.full((count + 1, *rest), empty(x.dtype), x.dtype)
        return getattr(fnp.at(start)[places], update)(rows)[:count]

    segment.__name__ = segment.__qualname__ = name
    segment.__doc__ = _SEGMENT_PAGE.format(line=line, name=name)
    return segment


_SEGMENT_PAGE = """{line} of the elements of each segment.

    Args:
        data: (n, ...).
        segment_ids: (n,), integers; what is outside of 0 ... num_segments - 1 belongs to no segment.
        num_segments: how many rows the result has; by default the largest number and one, of known ids.
        indices_are_sorted, unique_indices: accepted as JAX has them, without effect.

    Returns:
        (num_segments, ...).

    Raises:
        TypeError: the ids do not fit, or num_segments is missing where they are traced.

    Reference: jax.ops.{name}
    """


def _segment_count(name: str, x: Any, ids: Any, given: int | None) -> int:
    if ids.dtype.kind not in "iu" or tuple(x.shape[: ids.ndim]) != tuple(ids.shape):
        got = f"{ids.dtype}{list(ids.shape)} for {x.dtype}{list(x.shape)}"
        raise TypeError(f"{name}: segment_ids must be integers, one for each of the first axes of data, got {got}")
    if given is not None:
        return promotion.static_int(given, name)
    if type(ids) is Tracer:
        raise TypeError(f"{name}: give num_segments; how many there are is not known while the function is traced")
    return int(np.max(ids, initial=-1)) + 1


def _largest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


def _smallest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


segment_sum = _segments("segment_sum", "add", lambda dtype: 0, "The sum")
segment_prod = _segments("segment_prod", "multiply", lambda dtype: 1, "The product")
segment_max = _segments("segment_max", "max", _smallest, "The largest")
segment_min = _segments("segment_min", "min", _largest, "The smallest")

__all__ = [
    "batch_matmul", "broadcast", "broadcast_in_dim", "broadcast_to_rank", "broadcasted_iota", "collapse", "dot",
    "dynamic_update_index_in_dim", "full", "full_like", "index_in_dim", "index_take", "reshape", "rev", "segment_max",
    "segment_min", "segment_prod", "segment_sum", "slice", "slice_in_dim", "sort", "sort_key_val", "split", "stack",
    "tile", "top_k", "transpose", "unstack",
]  # fmt: skip
