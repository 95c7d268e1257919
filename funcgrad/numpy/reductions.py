"""Reductions: sum, prod, mean, var, std, extremes, truth, positions; running sums; and their NaN-ignoring forms.

Dtypes are NumPy's: sums of bool and small integers are int64 (uint64), means of integers float64.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import cumulative, layout, reduction
from ..ops import elementwise as ew
from . import complex_order, promotion, ufuncs
from .promotion import many_axes, one_axis
from .registry import numpy_function, register

NO_VALUE = np._NoValue


def put_back(x: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: Any) -> Any:
    """Restore reduced axes with size 1 when asked."""
    if keepdims is NO_VALUE or not keepdims:
        return x
    return layout.reshape(x, shape=tuple(1 if d in axes else n for d, n in enumerate(shape)))


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """NumPy's accumulator: the platform integer for bool and narrower integers, otherwise the same dtype."""
    if dtype.kind in "bi":
        return np.result_type(dtype, np.int64)
    return np.result_type(dtype, np.uint64) if dtype.kind == "u" else dtype


def _masked(x: Any, where: Any, fill: Any) -> Any:
    """x where the mask holds, else the neutral element."""
    if where is NO_VALUE or where is True or where is None:
        return x
    mask = promotion.convert(promotion.array_operand(where), np.dtype(np.bool_))
    x, mask = promotion.same_shape([x, mask], "where")
    return ew.select(mask, x, ew.like(x, fill))


def _in_dtype(initial: Any, dtype: np.dtype, name: str) -> Any:
    """An initial value as an element of the reduced array."""
    return promotion.convert(promotion.array_operand(initial, name), dtype)


def _accumulate(name: str, prim: Any, boolean: Any, neutral: float, combine: Callable) -> Callable:
    def reduce(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        x = promotion.array_operand(a, name)
        x = _masked(promotion.convert(x, sum_dtype(x.dtype) if dtype is None else np.dtype(dtype)), where, neutral)
        axes = many_axes(axis, x.ndim, name)
        total = put_back((boolean if x.dtype == np.bool_ else prim)(x, axes=axes), x.shape, axes, keepdims)
        return total if initial is NO_VALUE else combine(total, _in_dtype(initial, x.dtype, name))

    reduce.__name__ = name
    reduce.__doc__ = (
        f"numpy.{name} over axes; bool and narrow integers accumulate in 64 bits.\n\nReference: numpy.{name}"
    )
    return numpy_function(reduce)


sum = _accumulate("sum", reduction.reduce_sum, reduction.reduce_or, 0, ufuncs.add)
prod = _accumulate("prod", reduction.reduce_prod, reduction.reduce_and, 1, ufuncs.multiply)


def _extreme(name: str, prim: Any, pair: Callable, boolean: Any) -> Callable:
    def reduce(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        x = promotion.array_operand(a, name)
        initial = initial if initial is NO_VALUE else _in_dtype(initial, x.dtype, name)
        if where is not NO_VALUE and where is not True:
            if initial is NO_VALUE:
                raise ValueError(f"{name}: where= needs initial=, the result where no element is selected")
            x = _masked(x, where, initial)
        axes = many_axes(axis, x.ndim, name)
        if builtins.any(x.shape[d] == 0 for d in axes):
            if initial is NO_VALUE:
                raise ValueError(f"{name}: zero-size array of shape {tuple(x.shape)} along axis {axis} has no {name}")
            shape = tuple(n for d, n in enumerate(x.shape) if d not in axes)
            return put_back(layout.fill(initial, shape, x.dtype), x.shape, axes, keepdims)
        found = (
            complex_extreme(x, axes)
            if x.dtype.kind == "c"
            else (boolean if x.dtype == np.bool_ else prim)(x, axes=axes)
        )
        result = put_back(found, x.shape, axes, keepdims)
        return result if initial is NO_VALUE else pair(result, initial)

    def complex_extreme(x: Any, axes: tuple[int, ...]) -> Any:
        kept = tuple(d for d in range(x.ndim) if d not in axes)
        shape = (*(x.shape[d] for d in kept), math.prod(x.shape[d] for d in axes))
        rows = layout.reshape(layout.transpose(x, axes=(*kept, *axes)), shape=shape)
        return complex_order.element(rows, name == "max")

    reduce.__name__ = name
    reduce.__doc__ = (
        f"numpy.{name} over axes; elements that tie share the derivative equally.\n\nReference: numpy.{name}"
    )
    return numpy_function(reduce)


max = _extreme("max", reduction.reduce_max, ufuncs.maximum, reduction.reduce_or)
min = _extreme("min", reduction.reduce_min, ufuncs.minimum, reduction.reduce_and)
amax, amin = max, min
register(np.amax, max)
register(np.amin, min)


def _truth(name: str, prim: Any, neutral: bool) -> Callable:
    def reduce(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE) -> Any:
        x = _masked(ufuncs.boolean(promotion.array_operand(a, name)), where, neutral)
        axes = many_axes(axis, x.ndim, name)
        return put_back(prim(x, axes=axes), x.shape, axes, keepdims)

    reduce.__name__ = name
    reduce.__doc__ = f"numpy.{name} of the truth of elements over axes.\n\nReference: numpy.{name}"
    return numpy_function(reduce)


all = _truth("all", reduction.reduce_and, True)
any = _truth("any", reduction.reduce_or, False)


def _position(name: str, prim: Any) -> Callable:
    def find(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NO_VALUE) -> Any:
        x = promotion.array_operand(a, name)
        full = x.shape
        x = promotion.convert(x, np.dtype(np.int8)) if x.dtype == np.bool_ else x
        x = layout.reshape(x, shape=(x.size,)) if axis is None else x
        d = 0 if axis is None else one_axis(axis, x.ndim, name)
        axes = tuple(range(len(full))) if axis is None else (d,)
        if x.dtype.kind == "c":
            return put_back(
                complex_order.position(layout.move_axis(x, d, x.ndim - 1), name == "argmax"), full, axes, keepdims
            )
        return put_back(prim(x, axis=d), full, axes, keepdims)

    find.__name__ = name
    find.__doc__ = f"numpy.{name}: the first position of the extreme element, int64.\n\nReference: numpy.{name}"
    return numpy_function(find)


argmax, argmin = _position("argmax", reduction.argmax), _position("argmin", reduction.argmin)


def _running(name: str, compute: Callable) -> Callable:
    def cumulate(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        x = promotion.array_operand(a, name)
        x = promotion.convert(x, sum_dtype(x.dtype) if dtype is None else np.dtype(dtype))
        x = layout.reshape(x, shape=(x.size,)) if axis is None or x.ndim == 0 else x
        return compute(x, axis=0 if axis is None else one_axis(axis, x.ndim, name), reverse=False)

    cumulate.__name__ = name
    cumulate.__doc__ = (
        f"numpy.{name} along an axis (of the flattened array when axis is None).\n\nReference: numpy.{name}"
    )
    return numpy_function(cumulate)


cumsum = _running("cumsum", cumulative.cumsum)
cumprod = _running("cumprod", cumulative.cumprod)


@numpy_function
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The number of elements that are not zero.

    Reference: numpy.count_nonzero
    """
    return sum(ufuncs.boolean(promotion.array_operand(a)), axis=axis, keepdims=keepdims)


@numpy_function
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NO_VALUE) -> Any:
    """Largest minus smallest element.

    Reference: numpy.ptp
    """
    return ufuncs.subtract(max(a, axis=axis, keepdims=keepdims), min(a, axis=axis, keepdims=keepdims))


# --- moments ----------------------------------------------------------------------------------------------------------


def _count(x: Any, axes: tuple[int, ...], where: Any, keepdims: Any) -> Any:
    """How many elements each group has: a number, or an array when there is a mask."""
    if where is NO_VALUE or where is True:
        return math.prod([x.shape[d] for d in axes])
    mask = promotion.convert(promotion.array_operand(where), np.dtype(np.int64))
    return sum(promotion.broadcast(mask, x.shape), axis=axes, keepdims=keepdims)


def _mean(x: Any, axes: tuple[int, ...], keepdims: Any, where: Any) -> Any:
    total = sum(x, axis=axes, keepdims=keepdims, where=where)
    count = promotion.convert(_count(x, axes, where, keepdims), x.dtype)
    return ew.div(total, promotion.broadcast(count, total.shape))


def _floating(x: Any, dtype: Any) -> tuple[Any, np.dtype]:
    """The operand in the dtype in which NumPy averages it, and the dtype of the result."""
    if dtype is not None:
        return promotion.convert(x, np.dtype(dtype)), np.dtype(dtype)
    result = x.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)
    return promotion.convert(x, np.dtype(np.float32) if result == np.float16 else result), result


@numpy_function
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE
) -> Any:
    """The average over axes; integers average to float64.

    Reference: numpy.mean
    """
    x = promotion.array_operand(a, "mean")
    axes = many_axes(axis, x.ndim, "mean")
    if dtype is not None and np.dtype(dtype).kind in "biu":  # NumPy sums in it, and converts what it divides
        total = sum(x, axis=axes, dtype=dtype, keepdims=keepdims, where=where)
        return promotion.convert(ufuncs.divide(total, _count(x, axes, where, keepdims)), np.dtype(dtype))
    x, result = _floating(x, dtype)
    return promotion.convert(_mean(x, axes, keepdims, where), result)


def _variance(
    name: str, a: Any, axis: Any, dtype: Any, ddof: Any, correction: Any, keepdims: Any, where: Any, middle: Any
) -> tuple[Any, np.dtype]:
    if dtype is not None and np.dtype(dtype).kind in "biu":
        raise TypeError(f"{name}: dtype must be floating on traced values, got {np.dtype(dtype)}")
    x, result = _floating(promotion.array_operand(a, name), dtype)
    axes = many_axes(axis, x.ndim, name)
    if correction is not NO_VALUE:
        if ddof != 0:
            raise ValueError(f"{name}: ddof and correction can't be provided simultaneously.")
        ddof = correction
    middle = _mean(x, axes, True, where) if middle is NO_VALUE else _in_dtype(middle, x.dtype, name)
    deviation = _masked(ew.sub(x, promotion.broadcast(middle, x.shape)), where, 0)
    total = sum(ufuncs.squared_modulus(deviation), axis=axes, keepdims=keepdims)
    result = total.dtype if result.kind == "c" else result
    count = _count(x, axes, where, keepdims)
    degrees = np.maximum(count - ddof, 0) if isinstance(count, int) else ufuncs.maximum(ufuncs.subtract(count, ddof), 0)
    return ew.div(total, promotion.broadcast(promotion.convert(degrees, total.dtype), total.shape)), result


@numpy_function
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """The mean squared deviation over axes, divided by n - ddof.

    Reference: numpy.var
    """
    value, result = _variance("var", a, axis, dtype, ddof, correction, keepdims, where, mean)
    return promotion.convert(value, result)


@numpy_function
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """The square root of the variance; where all elements are equal its derivative is 0.

    Reference: numpy.std
    """
    value, result = _variance("std", a, axis, dtype, ddof, correction, keepdims, where, mean)
    return promotion.convert(root_of_squares(value), result)


def root_of_squares(s: Any) -> Any:
    """The square root of a sum of squares, with derivative 0 where the sum is 0.

    The root is taken of 1 there, since an infinite derivative times the zero derivative of the squares would be NaN.
    """
    zero = ew.eq(s, ew.like(s, 0))
    return ew.select(zero, ew.like(s, 0), ew.sqrt(ew.select(zero, ew.like(s, 1), s)))


@numpy_function
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = NO_VALUE) -> Any:
    """The weighted average over axes.

    Reference: numpy.average
    """
    x = promotion.array_operand(a, "average")
    axes = many_axes(axis, x.ndim, "average")
    if weights is None:
        value = mean(x, axis=axes, keepdims=keepdims)
        scale = promotion.broadcast(promotion.convert(x.size / math.prod([1, *value.shape]), value.dtype), value.shape)
    else:
        w = promotion.array_operand(weights, "average weights")
        if w.shape != x.shape:
            if w.shape != tuple(x.shape[d] for d in axes):
                raise ValueError("average: weights must have the shape of a, or that of the averaged axes")
            w = layout.reshape(w, shape=tuple(n if d in axes else 1 for d, n in enumerate(x.shape)))
        dtype = (
            np.result_type(x.dtype, w.dtype, np.float64) if x.dtype.kind in "biu" else np.result_type(x.dtype, w.dtype)
        )
        x, w = promotion.same_shape([promotion.convert(x, dtype), promotion.convert(w, dtype)], "average")
        scale = sum(w, axis=axes, keepdims=keepdims)
        value = ew.div(sum(ew.mul(x, w), axis=axes, keepdims=keepdims), scale)
    return (value, scale) if returned else value


__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod", "cumsum", "max", "mean",
    "min", "prod", "ptp", "std", "sum", "var",
]  # fmt: skip
