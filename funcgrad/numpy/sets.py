"""Sets as sorted arrays: unique and its relatives, union, intersection, differences, membership.

How many different elements there are is data: eagerly it is looked up, under `jit` it is given as `size=` (see
`truth`). The elements keep their derivatives; of equal ones the first has it.

    sorted s:  first[i] = (i == 0 or s[i] != s[i-1])       distinct elements: s[first]; group of i: cumsum(first)[i] - 1
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ops import elementwise as ew
from ..ops import indexing, layout, sorting
from . import joining, manipulation, promotion, rearrange, reductions, selection, ufuncs
from .promotion import array_operand, one_axis
from .rearrange import pick
from .registry import numpy_function
from .truth import concrete, places, sized, taken_or_filled

# --- different elements -----------------------------------------------------------------------------------------------


@numpy_function(extra=("size", "fill_value"))
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements in ascending order.

    Args:
        size: how many elements the result has: the smallest ones, or `fill_value` in what remains, by default the
            smallest element. With it the function works under `jit`.

    Example:
        >>> unique([3, 1, 3])
        array([1, 3])
        >>> unique([3, 1, 3], size=3, return_counts=True)
        (array([1, 3, 1]), array([1, 2, 0]))

    Reference: numpy.unique
    """
    return _unique(ar, "unique", (return_index, return_inverse, return_counts), axis, equal_nan, size, fill_value)


def _unique(
    ar: Any,
    name: str,
    wanted: tuple,
    axis: Any = None,
    equal_nan: bool = True,
    size: Any = None,
    fill_value: Any = None,
) -> Any:
    """`unique` under the name of one of its relatives; `wanted`: positions, groups, counts."""
    return_index, return_inverse, return_counts = wanted
    x = array_operand(ar, name)
    if size is not None:
        results = _unique_sized(x, axis, equal_nan, promotion.static_int(size, name), fill_value)
        chosen = tuple(r for r, keep in zip(results, (True, *wanted)) if keep)
        return chosen if len(chosen) > 1 else chosen[0]
    found = np.unique(concrete(x, sized(name)), True, return_inverse, return_counts, axis, equal_nan=equal_nan)
    x = layout.reshape(x, shape=(x.size,)) if axis is None else x
    first = pick(x, found[1], 0 if axis is None else one_axis(axis, x.ndim, "unique"))
    rest = (found[1],) * return_index + tuple(found[2:])
    return (first, *rest) if rest else first


def _unique_sized(x: Any, axis: Any, equal_nan: bool, size: int, fill_value: Any) -> tuple[Any, ...]:
    """Elements, their first positions, the group of each element, and the sizes of the groups."""
    shape = tuple(x.shape)
    x = layout.reshape(x, shape=(x.size,)) if axis is None else x
    axis = 0 if axis is None else one_axis(axis, x.ndim, "unique")
    n = x.shape[axis]
    if n == 0 and size:
        raise ValueError("unique: an array without elements cannot fill a result of size > 0")
    if n == 0:
        none = layout.fill(0, (0,), layout.INDEX)
        return x, none, layout.reshape(none, shape=shape) if x.ndim == 1 else none, none
    rows = layout.reshape(layout.move_axis(x, axis, 0), shape=(n, x.size // n))
    order = _order(rows)
    new = _starts(indexing.gather(rows, order, axes=(0,)), equal_nan)
    starts = places(new, size, n)
    group = ew.sub(reductions.cumsum(promotion.convert(new, layout.INDEX)), np.ones(n, np.int64))
    inverse = indexing.scatter(layout.fill(0, (n,), layout.INDEX), group, order, axes=(0,))
    counts = indexing.scatter_add(layout.fill(0, (size,), layout.INDEX), np.ones(n, np.int64), group, axes=(0,))
    smallest = indexing.gather(order, np.zeros(1, np.int64), axes=(0,))
    first = ew.select(ufuncs.less(starts, n), indexing.gather(order, starts, axes=(0,)), _to_size(smallest, size))
    elements = pick_traced(x, first, axis)
    if fill_value is not None:
        elements = taken_or_filled(x, ew.select(ufuncs.less(starts, n), first, _to_size(n, size)), axis, fill_value)
    inverse = layout.reshape(inverse, shape=shape) if x.ndim == 1 else inverse
    return elements, first, inverse, counts


def _filled(fill_value: Any, size: int, like: Any) -> Any:
    """The result where there is no element to take."""
    value = 0 if fill_value is None else fill_value
    return promotion.broadcast(promotion.convert(array_operand(value, "fill_value"), like.dtype), (size,))


def _to_size(value: Any, size: int) -> Any:
    return promotion.broadcast(promotion.convert(value, layout.INDEX), (size,))


def pick_traced(x: Any, positions: Any, axis: int) -> Any:
    """Slices at positions within range."""
    return layout.move_axis(indexing.gather(x, positions, axes=(axis,)), 0, axis)


def _order(rows: Any) -> Any:
    """Positions that sort rows, by their first column, then by the second, and so on; equal ones keep their order."""
    columns = [layout.reshape(layout.slice_axis(rows, 1, j, j + 1), shape=rows.shape[:1]) for j in range(rows.shape[1])]
    return selection.lexsort(columns[::-1]) if columns else np.arange(rows.shape[0])


def _starts(rows: Any, equal_nan: bool) -> Any:
    """Where a sorted row differs from the one before it; the first one does."""
    n = rows.shape[0]
    upper, lower = layout.slice_axis(rows, 0, 1, n), layout.slice_axis(rows, 0, 0, n - 1)
    differ = ufuncs.not_equal(upper, lower)
    if equal_nan and rows.dtype.kind == "f":
        differ = ufuncs.logical_and(differ, ufuncs.logical_not(ufuncs.logical_and(*map(ufuncs.isnan, (upper, lower)))))
    return layout.concatenate(np.ones(1, bool), reductions.any(differ, axis=1), axis=0)


class UniqueAll(NamedTuple):
    """The result of `unique_all`."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The result of `unique_counts`."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The result of `unique_inverse`."""

    values: Any
    inverse_indices: Any


@numpy_function(extra=("size", "fill_value"))
def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """Different elements, their first positions, the position of each element among them, and counts.

    Reference: numpy.unique_all
    """
    return UniqueAll(*_unique(x, "unique_all", (True, True, True), None, False, size, fill_value))


@numpy_function(extra=("size", "fill_value"))
def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCounts:
    """Different elements and how often each occurs.

    Reference: numpy.unique_counts
    """
    return UniqueCounts(*_unique(x, "unique_counts", (False, False, True), None, False, size, fill_value))


@numpy_function(extra=("size", "fill_value"))
def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverse:
    """Different elements and the position of each element among them.

    Reference: numpy.unique_inverse
    """
    return UniqueInverse(*_unique(x, "unique_inverse", (False, True, False), None, False, size, fill_value))


@numpy_function(extra=("size", "fill_value"))
def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Different elements in ascending order.

    Reference: numpy.unique_values
    """
    return _unique(x, "unique_values", (False, False, False), None, False, size, fill_value)


# --- two sets ---------------------------------------------------------------------------------------------------------


def _flat(name: str, *arrays: Any) -> list[Any]:
    return promotion.promote_dtype([manipulation.ravel(array_operand(a, name)) for a in arrays])


@numpy_function
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    """Whether each element occurs among the others.

    Reference: numpy.isin
    """
    x, tests = array_operand(element, "isin"), array_operand(test_elements, "isin")
    found = reductions.any(ufuncs.equal(manipulation.expand_dims(x, -1), manipulation.ravel(tests)), axis=-1)
    return ufuncs.logical_not(found) if invert else found


@numpy_function(extra=("size", "fill_value"))
def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The elements of either array, each once, in ascending order; `size` and `fill_value` as for `unique`.

    Reference: numpy.union1d
    """
    both = joining.join(_flat("union1d", ar1, ar2), 0)
    return _unique(both, "union1d", (False, False, False), size=size, fill_value=fill_value)


@numpy_function(extra=("size", "fill_value"))
def setdiff1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None
) -> Any:
    """The elements of the first array that are not in the second, each once, in ascending order.

    Args:
        assume_unique: the elements are different; they are then left in their order.
        size: how many elements the result has; `fill_value` (0) in what remains.

    Reference: numpy.setdiff1d
    """
    x = manipulation.ravel(array_operand(ar1, "setdiff1d"))
    if size is None:
        y = concrete(ar2, sized("setdiff1d"))
        known = concrete(x, sized("setdiff1d"))
        candidates = np.arange(x.size) if assume_unique else np.unique(known, return_index=True)[1]
        return pick(x, candidates[np.isin(known[candidates], y, invert=True)], 0)
    if x.size == 0:
        return _filled(fill_value, size, x)
    if assume_unique:
        order, distinct = np.arange(x.size), np.ones(x.size, bool)
    else:
        order = sorting.argsort(x, axis=0)
        distinct = _starts(layout.reshape(indexing.gather(x, order, axes=(0,)), shape=(x.size, 1)), True)
    ordered = indexing.gather(x, order, axes=(0,))
    kept = ufuncs.logical_and(distinct, isin(ordered, ar2, invert=True))
    return taken_or_filled(ordered, places(kept, size, x.size), 0, 0 if fill_value is None else fill_value)


@numpy_function(extra=("size", "fill_value"))
def intersect1d(
    ar1: Any,
    ar2: Any,
    assume_unique: bool = False,
    return_indices: bool = False,
    *,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The elements that both arrays have, each once, in ascending order; the derivative is that of the first array.

    Args:
        return_indices: also the positions of the first occurrences in both arrays.
        size: how many elements the result has; in what remains `fill_value`, by default the smallest of them (0 if
            there is none), and as positions the lengths of the arrays.

    Reference: numpy.intersect1d
    """
    x, y = _flat("intersect1d", ar1, ar2)
    if size is None:
        known = [concrete(v, sized("intersect1d")) for v in (x, y)]
        _, i, j = np.intersect1d(*known, assume_unique, return_indices=True)
        return (pick(x, i, 0), i, j) if return_indices else pick(x, i, 0)
    if 0 in (x.size, y.size, size):
        values = _filled(fill_value, size, x)
        return (values, *(_to_size(v.size, size) for v in (x, y))) if return_indices else values
    order = sorting.argsort(x, axis=0)
    ordered = indexing.gather(x, order, axes=(0,))
    first = _starts(layout.reshape(ordered, shape=(x.size, 1)), True)
    spots = places(ufuncs.logical_and(first, isin(ordered, y)), size, x.size)
    present = ufuncs.less(spots, x.size)
    i = ew.select(present, indexing.gather(order, spots, axes=(0,)), _to_size(x.size, size))
    smallest = indexing.gather(x, layout.slice_axis(i, 0, 0, 1), axes=(0,))
    fill = layout.reshape(smallest, shape=()) if fill_value is None else fill_value
    values = taken_or_filled(x, i, 0, fill)
    if not return_indices:
        return values
    equal = ufuncs.equal(manipulation.expand_dims(indexing.gather(x, i, axes=(0,)), 1), y)
    j = ew.select(present, reductions.argmax(equal, axis=1), _to_size(y.size, size))
    return values, i, j


@numpy_function(extra=("size", "fill_value"))
def setxor1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None
) -> Any:
    """The elements of exactly one of two arrays, each once, in ascending order.

    Args:
        size: how many elements the result has; in what remains `fill_value`, by default the smallest of them (0 if
            there is none).

    Reference: numpy.setxor1d
    """
    x, y = _flat("setxor1d", ar1, ar2)
    both = joining.join([x, y], 0)
    if size is None:
        known = [concrete(v, sized("setxor1d")) for v in (x, y)]
        parts = [v if assume_unique else np.unique(v) for v in known]
        wanted = np.setxor1d(*parts, assume_unique=True)
        everything = np.concatenate(known)
        order = np.argsort(everything, kind="stable")
        return pick(both, order[np.searchsorted(everything[order], wanted)], 0)
    if 0 in (both.size, size):
        return _filled(fill_value, size, both)
    order = sorting.argsort(both, axis=0)
    ordered = indexing.gather(both, order, axes=(0,))
    second = promotion.convert(ufuncs.greater_equal(order, x.size), both.dtype)
    first = _starts(joining.stack([ordered, second], axis=1), True)  # NaN of each array counts once, as NumPy has it
    alone = ufuncs.logical_or(ufuncs.not_equal(isin(ordered, x), isin(ordered, y)), ufuncs.not_equal(ordered, ordered))
    spots = places(ufuncs.logical_and(first, alone), size, both.size)
    smallest = indexing.gather(ordered, layout.slice_axis(spots, 0, 0, 1), axes=(0,))
    return taken_or_filled(ordered, spots, 0, layout.reshape(smallest, shape=()) if fill_value is None else fill_value)


@numpy_function
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """The array without the zeros at its ends; how many there are must be known.

    Args:
        trim: "f" for the front, "b" for the back, "fb" for both.

    Reference: numpy.trim_zeros
    """
    x = array_operand(filt, "trim_zeros")
    known = concrete(x, "trim_zeros, whose result has a size that depends on data; slice with known bounds instead")
    trim = trim.lower()
    if trim not in ("f", "b", "fb", "bf"):
        raise ValueError(f"trim_zeros: unexpected character(s) in trim: {trim!r}")
    spots = np.argwhere(known)
    none = np.array(known.shape), np.zeros(known.ndim, int)
    low, high = (spots.min(0), spots.max(0) + 1) if len(spots) else none
    axes = promotion.many_axes(axis, x.ndim, "trim_zeros")
    for d in axes:
        x = rearrange.pick(x, np.arange(low[d] if "f" in trim else 0, high[d] if "b" in trim else x.shape[d]), d)
    return x


__all__ = [
    "intersect1d", "isin", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique", "unique_all", "unique_counts",
    "unique_inverse", "unique_values",
]  # fmt: skip
