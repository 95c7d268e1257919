"""Differences of neighbours and what is made of them: diff, ediff1d, gradient, trapezoid."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import layout
from . import joining, manipulation, promotion, reductions, ufuncs
from .promotion import array_operand, many_axes, one_axis, static_ints
from .registry import numpy_function


@numpy_function
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, n times.

    Reference: numpy.diff
    """
    x = array_operand(a, "diff")
    if isinstance(n, (int, np.integer)) and n == 0:
        return x
    if x.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = one_axis(axis, x.ndim, "diff")
    edges = [e if e is None else _edge(e, x, axis) for e in (prepend, append)]
    x = joining.join([e for e in (edges[0], x, edges[1]) if e is not None], axis)
    for _ in range(n):
        size = x.shape[axis]
        if size == 0:
            break
        upper, lower = layout.slice_axis(x, axis, 1, size), layout.slice_axis(x, axis, 0, size - 1)
        x = ufuncs.not_equal(upper, lower) if x.dtype == np.bool_ else ew.sub(upper, lower)
    return x


def _edge(value: Any, x: Any, axis: int) -> Any:
    value = array_operand(value, "diff")
    if value.ndim:
        return value
    return promotion.broadcast(value, tuple(1 if d == axis else m for d, m in enumerate(x.shape)))


def refuse_truth(x: Any, name: str) -> None:
    """Differences of truth values are not defined in NumPy."""
    if array_operand(x, name).dtype == np.bool_:
        raise TypeError(f"{name}: numpy boolean subtract is not supported; use bitwise_xor or logical_xor")


@numpy_function
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours of the flattened array.

    Reference: numpy.ediff1d
    """
    refuse_truth(ary, "ediff1d")
    steps = diff(manipulation.ravel(ary))
    parts = [to_begin, steps, to_end]
    return joining.join([manipulation.ravel(array_operand(p)) for p in parts if p is not None], 0)


@numpy_function
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones at the edges, of the second order where the spacing is even.

    Args:
        varargs: nothing (spacing 1), one number for all axes, or for each axis a number or the coordinates along it.
        edge_order: 1 or 2, the order of the differences at the edges.

    Math:
        inside, with steps h before and g behind:  (h^2 f(x + g) + (g^2 - h^2) f(x) - g^2 f(x - h)) / (h g (h + g))

    Reference: numpy.gradient
    """
    x = array_operand(f, "gradient")
    refuse_truth(x, "gradient")
    x = x if x.dtype.kind in "fc" else promotion.convert(x, np.dtype(np.float64))
    axes = (
        many_axes(axis, x.ndim, "gradient")
        if axis is None
        else tuple(one_axis(d, x.ndim, "gradient") for d in static_ints(axis, "gradient"))
    )
    if edge_order not in (1, 2):
        raise ValueError("gradient: 'edge_order' greater than 2 not supported")
    steps = list(varargs) * (len(axes) if len(varargs) == 1 and np.ndim(varargs[0]) == 0 else 1) or [1.0] * len(axes)
    if len(steps) != len(axes):
        raise TypeError("gradient: invalid number of arguments")
    parts = [_slopes(x, d, _spacing(s, x.shape[d]), edge_order) for d, s in zip(axes, steps)]
    return parts[0] if len(parts) == 1 else tuple(parts)


def _spacing(step: Any, size: int) -> Any:
    """A number, or the n - 1 differences of coordinates."""
    if np.ndim(step) == 0:
        return promotion.operand(step, "gradient")  # a Python number yields to the dtype of the array
    step = array_operand(step, "gradient")
    if step.ndim > 1 or step.shape[0] != size:
        raise ValueError("gradient: distances must be numbers, or coordinates as many as there are along the axis")
    return diff(step if step.dtype.kind in "fc" else promotion.convert(step, np.dtype(np.float64)))


def _slopes(x: Any, d: int, step: Any, edge_order: int) -> Any:
    n = x.shape[d]
    if n < edge_order + 1:
        raise ValueError(
            "gradient: shape of array too small, at least (edge_order + 1) elements are required along each axis"
        )
    cut = lambda a, b: layout.slice_axis(x, d, a, b)  # noqa: E731
    even = promotion.shape_of(step) == ()
    at = lambda k: step if even else _along(layout.slice_axis(step, 0, k % (n - 1), k % (n - 1) + 1), d, x.ndim)  # noqa: E731
    if edge_order == 1:
        first = ufuncs.divide(ew.sub(cut(1, 2), cut(0, 1)), at(0))
        last = ufuncs.divide(ew.sub(cut(n - 1, n), cut(n - 2, n - 1)), at(-1))
    else:
        first = _second_order(at(0), at(1), cut(0, 1), cut(1, 2), cut(2, 3))
        last = ufuncs.negative(_second_order(at(-1), at(-2), cut(n - 1, n), cut(n - 2, n - 1), cut(n - 3, n - 2)))
    if even:
        middle = ufuncs.divide(ew.sub(cut(2, n), cut(0, n - 2)), 2.0 * step)
    else:
        h, g = (_along(layout.slice_axis(step, 0, k, k + n - 2), d, x.ndim) for k in (0, 1))
        middle = (h * h * cut(2, n) + (g * g - h * h) * cut(1, n - 1) - g * g * cut(0, n - 2)) / (h * g * (h + g))
    return joining.join([first, middle, last], d)


def _along(line: Any, d: int, ndim: int) -> Any:
    """A vector as an array that varies along one axis only."""
    return layout.reshape(line, shape=tuple(line.shape[0] if k == d else 1 for k in range(ndim)))


def _second_order(h: Any, g: Any, edge: Any, second: Any, third: Any) -> Any:
    """The slope at an edge by three points at distances 0, h, h + g."""
    a, b, c = -(2.0 * h + g) / (h * (h + g)), (h + g) / (h * g), -h / (g * (h + g))
    return a * edge + b * second + c * third


@numpy_function
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral by the trapezoidal rule.

    Reference: numpy.trapezoid
    """
    y = array_operand(y, "trapezoid")
    axis = one_axis(axis, y.ndim, "trapezoid")
    n = y.shape[axis]
    if x is None:
        width = dx
    else:
        width = diff(array_operand(x, "trapezoid"), axis=-1 if np.ndim(x) == 1 else axis)
        width = (
            layout.reshape(width, shape=tuple(width.size if d == axis else 1 for d in range(y.ndim)))
            if width.ndim == 1
            else width
        )
    pairs = ufuncs.add(layout.slice_axis(y, axis, min(1, n), n), layout.slice_axis(y, axis, 0, max(n - 1, 0)))
    return reductions.sum(ufuncs.divide(ufuncs.multiply(width, pairs), 2.0), axis=axis)


__all__ = [
    "diff", "ediff1d", "gradient", "trapezoid",
]  # fmt: skip
