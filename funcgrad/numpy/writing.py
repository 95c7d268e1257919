"""NumPy's functions that write into an array: put, place, put_along_axis, fill_diagonal, copyto, putmask.

On NumPy arrays they are NumPy's own, and return None. With `inplace=False`, as in JAX, they leave the array alone and
return the new one; traced values, which never change, take that form only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import indexing as scatter_ops
from ..ops import layout
from . import at_updates, choice, promotion, reductions, ufuncs
from .promotion import array_operand, one_axis
from .registry import register
from .selection import along_index

REPLACEMENTS = {
    "fill_diagonal": "x = funcgrad.numpy.fill_diagonal(x, value, inplace=False)",
    "place": "x = funcgrad.numpy.place(x, mask, values, inplace=False), or funcgrad.numpy.where(mask, value, x)",
    "put": "x = funcgrad.numpy.put(x, positions, values, inplace=False), or x = x.at[index].set(values)",
    "put_along_axis": "x = funcgrad.numpy.put_along_axis(x, positions, values, axis, inplace=False)",
    "copyto": "x = funcgrad.numpy.where(mask, new, x), or x = funcgrad.numpy.broadcast_to(new, x.shape) for all of x;\n"
    "for numpy.full, which calls copyto, funcgrad.numpy.full(shape, value)",
    "putmask": "x = funcgrad.numpy.where(mask, values, x)",
}


def refused(name: str) -> str:
    """The text for writing into an array where values are traced."""
    return (
        f"numpy.{name} writes into an array in place, which would lose the derivative.\n"
        "Reason: traced values never change, and a NumPy array stores numbers only.\n"
        f"Fix: {REPLACEMENTS[name]}."
    )


def _writer(f: Callable) -> Callable:
    """NumPy's function where it may write; `f`, which returns the new array, for inplace=False."""
    real = getattr(np, f.__name__)

    def function(*args: Any, inplace: bool = True, **options: Any) -> Any:
        if not inplace:
            return f(*args, **options)
        if any(map(promotion.has_tracer, (*args, *options.values()))):
            raise TypeError(refused(real.__name__))
        return real(*args, **options)

    function.__name__, function.__doc__ = f.__name__, f.__doc__
    return register(real, function)


@_writer
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> Any:
    """The array with values on its main diagonal (of all axes).

    Args:
        wrap: begin anew below a tall matrix, after one row without.
        inplace: write into the NumPy array and return None, as NumPy does; False returns a new array.

    Reference: numpy.fill_diagonal
    """
    x = array_operand(a, "fill_diagonal")
    if x.ndim < 2:
        raise ValueError("fill_diagonal: array must be at least 2-d")
    if x.ndim > 2 and len(set(x.shape)) > 1:
        raise ValueError("fill_diagonal: All dimensions of input must be of equal length")
    step = x.shape[1] + 1 if x.ndim == 2 else 1 + sum(x.shape[0] ** k for k in range(1, x.ndim))
    end = None if wrap or x.ndim > 2 else x.shape[1] * x.shape[1]
    spots = np.arange(x.size)[:end:step]
    return _put(x, spots, array_operand(val, "fill_diagonal"))


def _put(x: Any, spots: Any, values: Any) -> Any:
    """Values, over and over, at positions of the flattened array."""
    count = spots.size
    flat = layout.reshape(x, shape=(x.size,))
    values = layout.reshape(promotion.convert(values, x.dtype), shape=(values.size,))
    if not count or not values.size:
        return x
    values = scatter_ops.gather(values, np.arange(count) % values.shape[0], axes=(0,))
    spots = layout.reshape(spots, shape=(count,))
    return layout.reshape(scatter_ops.scatter(flat, values, spots, axes=(0,)), shape=tuple(x.shape))


@_writer
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> Any:
    """The array with values, repeated as needed, at positions of the flattened array.

    Args:
        mode: "raise" refuses known positions out of range and drops traced ones, "wrap" and "clip" as in NumPy.
        inplace: write into the NumPy array and return None, as NumPy does; False returns a new array.

    Reference: numpy.put
    """
    x, i = array_operand(a, "put"), array_operand(ind, "put")
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"put: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    n = x.size
    if mode == "wrap":
        i = ufuncs.remainder(i, max(n, 1))
    elif mode == "clip":
        i = choice.clip(i, 0, n - 1)
    else:
        i = _checked(i, n)
    return _put(x, promotion.convert(i, layout.INDEX), array_operand(v, "put"))


def _checked(i: Any, n: int) -> Any:
    if type(i) is not Tracer or i.value is not None:
        known = np.asarray(i.concrete("put") if type(i) is Tracer else i)
        if known.size and not (-n <= known.min() and known.max() < n):
            raise IndexError(f"put: index {known[(known < -n) | (known >= n)].flat[0]} is out of bounds for size {n}")
    return choice.where(ufuncs.less(i, 0), ufuncs.add(i, n), i)


@_writer
def place(arr: Any, mask: Any, vals: Any) -> Any:
    """The array with values, one after the other and repeated as needed, where a mask holds.

    Args:
        inplace: write into the NumPy array and return None, as NumPy does; False returns a new array.

    Reference: numpy.place
    """
    x, m = array_operand(arr, "place"), ufuncs.boolean(array_operand(mask, "place"))
    values = array_operand(vals, "place")
    values = layout.reshape(promotion.convert(values, x.dtype), shape=(values.size,))
    if m.size != x.size:
        raise ValueError("place: mask and data must be the same size")
    if not values.shape[0]:
        raise ValueError("place: cannot insert from an empty array")
    flat = layout.reshape(m, shape=(x.size,))
    rank = ufuncs.remainder(
        ufuncs.subtract(reductions.cumsum(promotion.convert(flat, layout.INDEX)), 1), values.shape[0]
    )
    chosen = scatter_ops.gather(values, rank, axes=(0,))
    new = ew.select(flat, chosen, layout.reshape(x, shape=(x.size,)))
    return layout.reshape(new, shape=tuple(x.shape))


@_writer
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> Any:
    """The array with values at positions of their own for each line along an axis.

    Args:
        inplace: write into the NumPy array and return None, as NumPy does; False returns a new array.

    Reference: numpy.put_along_axis
    """
    x, i = array_operand(arr, "put_along_axis"), array_operand(indices, "put_along_axis")
    shape = tuple(x.shape)
    if axis is None:
        x, axis = layout.reshape(x, shape=(x.size,)), 0
    axis = one_axis(axis, x.ndim, "put_along_axis")
    if i.ndim != x.ndim:
        raise ValueError("put_along_axis: `indices` and `arr` must have the same number of dimensions")
    wide = tuple(n if d == axis else m for d, (n, m) in enumerate(zip(i.shape, x.shape)))
    new = at_updates.at(x)[along_index(promotion.broadcast(i, wide), axis)].set(values)
    return layout.reshape(new, shape=shape)


def _refusing(name: str) -> Callable:
    real = getattr(np, name)

    def function(*args: Any, **options: Any) -> Any:
        if any(map(promotion.has_tracer, (*args, *options.values()))):
            raise TypeError(refused(name))
        return real(*args, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"numpy.{name} on NumPy arrays; refused where a value is traced, with the name of what to use.\n\n"
        f"Reference: numpy.{name}"
    )
    return register(real, function)


copyto, putmask = _refusing("copyto"), _refusing("putmask")


__all__ = [
    "copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask",
]  # fmt: skip
