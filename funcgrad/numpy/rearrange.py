"""Repeating, flipping, shifting, triangles: functions that place elements by a fixed pattern."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import indexing, layout
from . import creation, joining, manipulation, promotion
from .promotion import array_operand, many_axes, one_axis, static_int, static_ints
from .registry import numpy_function


def pick(x: Any, positions: Any, axis: int) -> Any:
    """Elements at fixed positions of one axis."""
    taken = indexing.gather(x, np.asarray(positions, np.int64), axes=(axis,))
    return layout.move_axis(taken, 0, axis)


@numpy_function
def repeat(a: Any, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None) -> Any:
    """Each element several times in a row.

    Reference: numpy.repeat
    """
    x = array_operand(a, "repeat")
    x = layout.reshape(x, shape=(x.size,)) if axis is None or x.ndim == 0 else x
    axis = 0 if axis is None else one_axis(axis, x.ndim, "repeat")
    if type(repeats) is Tracer:
        repeats = repeats.concrete("the repeats of repeat")
    counts = static_ints(repeats if np.ndim(repeats) else static_int(repeats, "repeat"), "repeat")
    if len(counts) > 1:
        if len(counts) != x.shape[axis]:
            raise ValueError(f"repeat: {len(counts)} repeats for an axis of size {x.shape[axis]}")
        return pick(x, np.repeat(np.arange(x.shape[axis]), counts), axis)
    wide = (*x.shape[: axis + 1], counts[0], *x.shape[axis + 1 :])
    spread = layout.broadcast(x, shape=wide, dims=tuple(d for d in range(len(wide)) if d != axis + 1))
    return layout.reshape(spread, shape=(*x.shape[:axis], x.shape[axis] * counts[0], *x.shape[axis + 1 :]))


@numpy_function
def tile(A: Any, reps: Any) -> Any:
    """The whole array several times along each axis.

    Reference: numpy.tile
    """
    x, counts = array_operand(A, "tile"), static_ints(reps, "tile")
    n = max(x.ndim, len(counts))
    shape = (1,) * (n - x.ndim) + tuple(x.shape)
    counts = (1,) * (n - len(counts)) + counts
    wide = tuple(m for pair in zip(counts, shape) for m in pair)
    kept = tuple(2 * d + 1 for d in range(n - x.ndim, n))
    return layout.reshape(
        layout.broadcast(x, shape=wide, dims=kept) if kept or x.ndim == 0 else x,
        shape=tuple(c * m for c, m in zip(counts, shape)),
    )


@numpy_function
def flip(m: Any, axis: Any = None) -> Any:
    """The elements in opposite order along axes.

    Reference: numpy.flip
    """
    x = array_operand(m, "flip")
    return layout.flip(x, axes=many_axes(axis, x.ndim, "flip"))


@numpy_function
def fliplr(m: Any) -> Any:
    """Flip the second axis.

    Reference: numpy.fliplr
    """
    return flip(m, 1)


@numpy_function
def flipud(m: Any) -> Any:
    """Flip the first axis.

    Reference: numpy.flipud
    """
    return flip(m, 0)


@numpy_function
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Shift elements cyclically.

    Reference: numpy.roll
    """
    x = array_operand(a, "roll")
    if axis is None:
        return layout.reshape(roll(layout.reshape(x, shape=(x.size,)), shift, 0), shape=x.shape)
    axes, shifts = static_ints(axis, "roll"), static_ints(shift, "roll")
    for d, s in np.broadcast(axes, shifts):
        d = one_axis(int(d), x.ndim, "roll")
        n = x.shape[d]
        cut = (n - int(s)) % n if n else 0
        if cut:
            x = layout.concatenate(layout.slice_axis(x, d, cut, n), layout.slice_axis(x, d, 0, cut), axis=d)
    return x


@numpy_function
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Rotate by quarter turns in the plane of two axes.

    Reference: numpy.rot90
    """
    x = array_operand(m, "rot90")
    i, j = (one_axis(d, x.ndim, "rot90") for d in axes)
    if i == j:
        raise ValueError("rot90: axes must be different")
    turns = k % 4
    if turns == 2:
        return layout.flip(x, axes=tuple(sorted((i, j))))
    x = layout.flip(x, axes=(j,)) if turns == 1 else x
    x = manipulation.swapaxes(x, i, j) if turns else x
    return layout.flip(x, axes=(j,)) if turns == 3 else x


def _triangle(name: str, compare: Callable, offset: int) -> Callable:
    def function(m: Any, k: int = 0) -> Any:
        x = array_operand(m, name)
        x = promotion.broadcast(x, (x.shape[0], x.shape[0])) if x.ndim == 1 else x
        mask = creation.diagonal_mask(x.shape[-2], x.shape[-1], k, compare)
        return ew.select(promotion.broadcast(mask, tuple(x.shape)), x, ew.like(x, 0))

    function.__name__ = name
    function.__doc__ = f"numpy.{name}: elements beyond the k-th diagonal replaced by 0.\n\nReference: numpy.{name}"
    return numpy_function(function)


tril, triu = _triangle("tril", operator.le, 0), _triangle("triu", operator.ge, 0)


@numpy_function
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of the elements as columns.

    Reference: numpy.vander
    """
    x = array_operand(x, "vander")
    n = x.shape[0] if N is None else N
    dtype = np.promote_types(x.dtype, int)
    x = promotion.convert(x, dtype)
    powers = [ew.integer_power(x, n=i) for i in (range(n) if increasing else range(n - 1, -1, -1))]
    return joining.stack(powers, axis=1) if n else layout.fill(0, (x.shape[0], 0), dtype)


__all__ = [
    "flip", "fliplr", "flipud", "repeat", "roll", "rot90", "tile", "tril", "triu", "vander",
]  # fmt: skip
