"""Where a condition holds: nonzero, flatnonzero, argwhere, and the elements there: compress, extract.

How many such places there are is data. Eagerly they are counted; under `jit` and `vmap`, where shapes are fixed before
any value is known, `size=` says how many places the result has, as in JAX: the first `size` of them, and `fill_value`
in what remains.

    positions[k] = the place i with mask[i] and sum(mask[:i]) = k        one running sum and one scatter
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import indexing, layout
from . import manipulation, promotion, reductions, ufuncs
from .promotion import array_operand, one_axis
from .rearrange import pick
from .registry import numpy_function


def is_known(value: Any) -> bool:
    """Whether a value may be looked at while tracing."""
    return type(value) is not Tracer or value.value is not None


def concrete(value: Any, wanted: str) -> Any:
    """A NumPy array of the value, or the error that says what needed it."""
    return np.asarray(value.concrete(wanted) if type(value) is Tracer else value)


def sized(name: str) -> str:
    """What `concrete` is told by a function whose result has a size that depends on data."""
    return (
        f"{name}, whose result has a size that depends on data; give the number of its elements, as in "
        f"funcgrad.numpy.{name}(..., size=n), or use funcgrad.numpy.where(mask, x, fill) instead"
    )


def places(mask: Any, size: Any, missing: int) -> Any:
    """The first `size` positions where a vector of truth values holds, and `missing` in what remains."""
    size = promotion.static_int(size, "size=")
    n = mask.shape[0]
    if n == 0 or size == 0:
        return layout.fill(missing, (size,), layout.INDEX)
    rank = ew.sub(reductions.cumsum(promotion.convert(mask, layout.INDEX)), np.ones(n, np.int64))
    slot = ew.select(mask, rank, layout.fill(size, (n,), layout.INDEX))  # position `size` is out of range: not written
    line = layout.iota(shape=(n,), axis=0, dtype=layout.INDEX)
    return indexing.scatter(layout.fill(missing, (size,), layout.INDEX), line, slot, axes=(0,))


def truth(x: Any, name: str) -> Any:
    """The truth of every element of an operand."""
    return ufuncs.boolean(array_operand(x, name))


@numpy_function(extra=("size", "fill_value"))
def nonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> tuple[Any, ...]:
    """Positions of the elements that are not zero, one array for each axis.

    Args:
        size: the length of the result: only the first positions, or `fill_value` (0) behind the last. With it the
            function works under `jit`.
        fill_value: one integer, or one for each axis.

    Example:
        >>> nonzero([0.0, 3.0, 0.0, 2.0])
        (array([1, 3]),)
        >>> nonzero([0.0, 3.0, 0.0, 2.0], size=3, fill_value=-1)
        (array([ 1,  3, -1]),)

    Reference: numpy.nonzero
    """
    x = array_operand(a, "nonzero")
    if x.ndim == 0:
        raise ValueError("nonzero: an array without axes has no positions; use funcgrad.numpy.atleast_1d first")
    if size is None:
        return np.nonzero(concrete(x, sized("nonzero")))
    flat = places(layout.reshape(truth(x, "nonzero"), shape=(x.size,)), size, x.size)
    fills = fill_value if isinstance(fill_value, (tuple, list)) else [fill_value] * x.ndim
    if len(fills) != x.ndim:
        raise ValueError(f"nonzero: fill_value has {len(fills)} entries for an array with {x.ndim} axes")
    found = ufuncs.less(flat, x.size)
    out, rest = [], flat
    for n, fill in zip(reversed(x.shape), reversed(fills)):
        out.append(_filled(found, ufuncs.remainder(rest, max(n, 1)), 0 if fill is None else fill))
        rest = ufuncs.floor_divide(rest, max(n, 1))
    return tuple(reversed(out))


def _filled(found: Any, value: Any, fill: Any) -> Any:
    return ew.select(found, value, promotion.broadcast(promotion.convert(fill, value.dtype), value.shape))


@numpy_function(extra=("size", "fill_value"))
def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Positions of the elements that are not zero, one row each; `size` and `fill_value` as for `nonzero`.

    Reference: numpy.argwhere
    """
    x = array_operand(a, "argwhere")
    if size is None:
        return np.argwhere(concrete(x, sized("argwhere")))
    if x.ndim == 0:
        return layout.fill(0, (promotion.static_int(size, "argwhere"), 0), layout.INDEX)
    columns = nonzero(x, size=size, fill_value=fill_value)
    return layout.concatenate(*[layout.reshape(c, shape=(*c.shape, 1)) for c in columns], axis=1)


@numpy_function(extra=("size", "fill_value"))
def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Positions in the flattened array of the elements that are not zero; `size`, `fill_value` as for `nonzero`.

    Reference: numpy.flatnonzero
    """
    x = manipulation.ravel(array_operand(a, "flatnonzero"))
    if size is None:
        return np.flatnonzero(concrete(x, sized("flatnonzero")))
    return nonzero(x, size=size, fill_value=fill_value)[0]


@numpy_function(extra=("size", "fill_value"))
def compress(
    condition: Any, a: Any, axis: int | None = None, out: Any = None, *, size: int | None = None, fill_value: Any = 0
) -> Any:
    """Slices along an axis where a condition holds (elements of the flattened array when axis is None).

    Args:
        size: how many slices the result has: the first ones, or `fill_value` in what remains. With it the function
            works under `jit`.

    Example:
        >>> compress([True, False, True], np.arange(3.0), size=4, fill_value=-1)
        array([ 0.,  2., -1., -1.])

    Reference: numpy.compress
    """
    return _kept(condition, a, axis, size, fill_value, "compress")


def _kept(condition: Any, a: Any, axis: int | None, size: int | None, fill_value: Any, name: str) -> Any:
    x = array_operand(a, name)
    x = layout.reshape(x, shape=(x.size,)) if axis is None else x
    axis = 0 if axis is None else one_axis(axis, x.ndim, name)
    mask = truth(condition, name)
    if mask.ndim != 1:
        raise ValueError(f"compress: the condition must have one axis, got shape {tuple(mask.shape)}")
    if size is None:
        where = np.flatnonzero(concrete(mask, sized(name)))
        _check_inside(where, x.shape[axis])
        return pick(x, where, axis)
    return taken_or_filled(x, places(mask, size, x.shape[axis]), axis, fill_value)


def _check_inside(where: Any, size: int) -> None:
    if where.size and where[-1] >= size:
        raise IndexError(f"compress: index {where[-1]} is out of bounds for an axis with size {size}")


def taken_or_filled(x: Any, positions: Any, axis: int, fill_value: Any) -> Any:
    """Slices of x at positions along an axis; `fill_value` where a position is out of range."""
    taken = indexing.gather(x, positions, axes=(axis,))
    inside = layout.broadcast(ufuncs.less(positions, x.shape[axis]), shape=tuple(taken.shape), dims=(0,))
    fill = promotion.broadcast(promotion.convert(array_operand(fill_value), x.dtype), tuple(taken.shape))
    return layout.move_axis(ew.select(inside, taken, fill), 0, axis)


@numpy_function(extra=("size", "fill_value"))
def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Any:
    """Elements of the flattened array where a condition holds; `size` and `fill_value` as for `compress`.

    Reference: numpy.extract
    """
    mask = manipulation.ravel(array_operand(condition, "extract"))
    return _kept(mask, manipulation.ravel(array_operand(arr, "extract")), None, size, fill_value, "extract")


__all__ = [
    "argwhere", "compress", "extract", "flatnonzero", "nonzero",
]  # fmt: skip
