"""Shapes: reshape, transpose, new axes, broadcasting. Every function keeps all elements of its operand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..ops import layout
from . import promotion
from .promotion import array_operand, many_axes, one_axis, static_ints
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
    return (
        reshape(array_operand(a), (-1,), "C" if order == "K" else order)
        if array_operand(a).size
        else layout.reshape(a, shape=(0,))
    )


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

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "expand_dims", "matrix_transpose",
    "moveaxis", "ravel", "reshape", "rollaxis", "squeeze", "swapaxes", "transpose",
]  # fmt: skip
