"""Choices and comparisons by element: where, select, clip, round, isclose, nan_to_num, interp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import layout
from . import indexing, promotion, reductions, selection, truth, ufuncs
from .promotion import array_operand
from .registry import numpy_function, register


@numpy_function(extra=("size", "fill_value"))
def where(condition: Any, x: Any = None, y: Any = None, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """x where the condition holds, else y. The branch not taken adds nothing to the derivative, not even NaN.

    Args:
        size, fill_value: with the condition alone, whose positions are then the result, as for `nonzero`.

    Reference: numpy.where
    """
    if x is None and y is None:
        return truth.nonzero(condition, size=size, fill_value=fill_value)
    if size is not None or fill_value is not None:
        raise ValueError("where: size= and fill_value= belong to the form with the condition alone")
    mask = ufuncs.boolean(array_operand(condition, "where"))
    x, y = promotion.operand(x, "where"), promotion.operand(y, "where")
    dtype = promotion.result_dtype(x, y)
    return ew.select(*promotion.same_shape([mask, promotion.convert(x, dtype), promotion.convert(y, dtype)], "where"))


@numpy_function
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """The first choice whose condition holds, or the default.

    Reference: numpy.select
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError("select: list of cases must be same length as list of conditions, and not empty")
    dtype = promotion.result_dtype(*[promotion.operand(c) for c in choicelist], promotion.operand(default))
    result = promotion.convert(array_operand(default), dtype)
    for condition, choice in zip(reversed(list(condlist)), reversed(list(choicelist))):
        result = where(condition, promotion.convert(array_operand(choice), dtype), result)
    return result


@numpy_function
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Each function evaluated on all of x and chosen by its condition; one function more is the default.

    Reference: numpy.piecewise
    """
    x = array_operand(x, "piecewise")
    conditions = (
        list(condlist) if isinstance(condlist, (list, tuple)) and np.ndim(condlist[0]) == x.ndim else [condlist]
    )
    values = [f(x, *args, **kw) if callable(f) else f for f in funclist]
    default = values.pop() if len(values) == len(conditions) + 1 else 0
    result = promotion.broadcast(promotion.convert(array_operand(default), x.dtype), x.shape)
    for condition, value in zip(conditions, values):
        result = where(condition, promotion.convert(array_operand(value), x.dtype), result)
    return result


@numpy_function
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Elements moved into [a_min, a_max]; at a bound the derivative is that of a tie.

    Reference: numpy.clip
    """
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    low, high = _reached(a, low, above=False), _reached(a, high, above=True)
    if low is not None and high is not None:  # one dtype for all three
        a, low, high = promotion.promote([a, low, high], "clip")
    result = a if low is None else ufuncs.maximum(a, low)
    return array_operand(result if high is None else ufuncs.minimum(result, high))


def _reached(a: Any, bound: Any, above: bool) -> Any:
    """A bound, or None for one of Python's integers that no element of an integer dtype is beyond."""
    dtype = array_operand(a, "clip").dtype
    if type(bound) is not int or dtype.kind not in "iu":
        return bound
    known = np.iinfo(dtype)
    return None if (bound >= known.max if above else bound <= known.min) else bound


@numpy_function
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """Round to a number of decimals, halves to even.

    Reference: numpy.round
    """
    x = array_operand(a, "round")
    if x.dtype.kind == "c":
        return ew.complex_(round(ew.real(x), decimals), round(ew.imag(x), decimals))
    if decimals == 0 or x.dtype.kind == "b" or x.dtype.kind in "iu" and decimals >= 0:
        return x if x.dtype.kind in "iu" and decimals >= 0 else ufuncs.rint(x)
    if x.dtype.kind in "iu":
        return promotion.convert(ufuncs.rint(x / 10.0**-decimals) * 10.0**-decimals, x.dtype)
    scale = 10.0 ** abs(decimals)
    return (
        ufuncs.divide(ufuncs.rint(x * scale), scale) if decimals > 0 else ufuncs.multiply(ufuncs.rint(x / scale), scale)
    )


around = round
register(np.around, round)


@numpy_function
def fix(x: Any, out: Any = None) -> Any:
    """Round towards zero.

    Reference: numpy.fix
    """
    return ufuncs.trunc(x)


@numpy_function
def real(val: Any) -> Any:
    """The real part; real values stand for themselves.

    Reference: numpy.real
    """
    x = array_operand(val, "real")
    return ew.real(x) if x.dtype.kind == "c" else x


@numpy_function
def imag(val: Any) -> Any:
    """The imaginary part: zeros for real values.

    Reference: numpy.imag
    """
    x = array_operand(val, "imag")
    return ew.imag(x) if x.dtype.kind == "c" else ew.like(x, 0)


@numpy_function
def angle(z: Any, deg: bool = False) -> Any:
    """The argument of a number, 0 or pi for real ones; its derivative at 0 is 0.

    Reference: numpy.angle
    """
    x = array_operand(z, "angle")
    value = ufuncs.arctan2(ew.imag(x), ew.real(x)) if x.dtype.kind == "c" else ufuncs.arctan2(0, x)
    return ufuncs.rad2deg(value) if deg else value


@numpy_function
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part, if the values are known and all imaginary parts are within tol machine epsilons of 0.

    Reference: numpy.real_if_close
    """
    x = array_operand(a, "real_if_close")
    if x.dtype.kind != "c":
        return x
    known = truth.concrete(x, "the imaginary parts, which real_if_close looks at")
    return ew.real(x) if np.isrealobj(np.real_if_close(known, tol)) else x


@numpy_function
def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether |a - b| <= atol + rtol |b|, element by element.

    Reference: numpy.isclose
    """
    # Python's integers count as int64 here: beside uint8 there may be -1.
    given = [np.asarray(v)[()] if type(v) in (int, bool) else v for v in (a, b)]
    x, y = promotion.promote(given, "isclose")
    if x.dtype.kind in "biu":
        x, y = (promotion.convert(v, np.dtype(np.float64)) for v in (x, y))
    near = ufuncs.less_equal(ufuncs.absolute(x - y), atol + rtol * ufuncs.absolute(y))
    close = ufuncs.logical_or(ufuncs.equal(x, y), ufuncs.logical_and(near, ufuncs.isfinite(y)))
    return ufuncs.logical_or(close, ufuncs.logical_and(ufuncs.isnan(x), ufuncs.isnan(y))) if equal_nan else close


@numpy_function
def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements are close.

    Reference: numpy.allclose
    """
    return reductions.all(isclose(a, b, rtol, atol, equal_nan))


@numpy_function
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether shapes and all elements are equal.

    Reference: numpy.array_equal
    """
    x, y = array_operand(a1), array_operand(a2)
    if tuple(x.shape) != tuple(y.shape):
        return False
    same = ufuncs.equal(x, y)
    if equal_nan:
        same = ufuncs.logical_or(same, ufuncs.logical_and(ufuncs.isnan(x), ufuncs.isnan(y)))
    return reductions.all(same)


@numpy_function
def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether all elements are equal after broadcasting.

    Reference: numpy.array_equiv
    """
    try:
        return reductions.all(ufuncs.equal(a1, a2))
    except ValueError:
        return False


@numpy_function
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """NaN and infinities replaced by numbers.

    Reference: numpy.nan_to_num
    """
    x = array_operand(x, "nan_to_num")
    if x.dtype.kind == "c":
        return ew.complex_(*[nan_to_num(part(x), copy, nan, posinf, neginf) for part in (ew.real, ew.imag)])
    if x.dtype.kind != "f":
        return x
    info = np.finfo(x.dtype)
    high, low = (info.max if posinf is None else posinf), (info.min if neginf is None else neginf)
    result = where(ufuncs.isnan(x), promotion.convert(nan, x.dtype), x)
    infinite = ufuncs.isinf(x)
    result = where(ufuncs.logical_and(infinite, ew.gt(x, ew.like(x, 0))), promotion.convert(high, x.dtype), result)
    return where(ufuncs.logical_and(infinite, ew.lt(x, ew.like(x, 0))), promotion.convert(low, x.dtype), result)


@numpy_function
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0, where the derivative is 0.

    Reference: numpy.sinc
    """
    x = array_operand(x, "sinc")
    x = x if x.dtype.kind in "fc" else promotion.convert(x, np.dtype(np.float64))
    zero = ew.eq(x, ew.like(x, 0))
    y = ew.mul(ew.select(zero, ew.like(x, 1), x), ew.like(x, math.pi))
    series = 1 - ew.square(ew.mul(x, ew.like(x, math.pi))) * (1 / 6)  # exact at 0, with the right second derivative
    return ew.select(zero, series, ew.div(ew.sin(y), y))


@numpy_function
def isneginf(x: Any, out: Any = None) -> Any:
    """Whether an element is -infinity.

    Reference: numpy.isneginf
    """
    return ufuncs.logical_and(ufuncs.isinf(_ordered(x, "isneginf")), ufuncs.less(x, 0))


def _ordered(x: Any, name: str) -> Any:
    """An operand that is not complex, since the question has no answer there."""
    x = array_operand(x, name)
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: This operation is not supported for {x.dtype} values because it would be ambiguous.")
    return x


@numpy_function
def isposinf(x: Any, out: Any = None) -> Any:
    """Whether an element is +infinity.

    Reference: numpy.isposinf
    """
    return ufuncs.logical_and(ufuncs.isinf(_ordered(x, "isposinf")), ufuncs.greater(x, 0))


@numpy_function
def isreal(x: Any) -> Any:
    """Whether the imaginary part is zero: everywhere for real values.

    Reference: numpy.isreal
    """
    return ufuncs.equal(imag(x), 0)


@numpy_function
def iscomplex(x: Any) -> Any:
    """Whether the imaginary part is not zero: nowhere for real values.

    Reference: numpy.iscomplex
    """
    return ufuncs.not_equal(imag(x), 0)


def _type_question(name: str, answer: Any) -> Any:
    def question(x: Any) -> bool:
        return answer(array_operand(x, name).dtype)

    question.__name__, question.__doc__ = (
        name,
        f"numpy.{name}, which looks at the dtype only.\n\nReference: numpy.{name}",
    )
    return numpy_function(question)


iscomplexobj = _type_question("iscomplexobj", lambda dtype: dtype.kind == "c")
isrealobj = _type_question("isrealobj", lambda dtype: dtype.kind != "c")


def isscalar(element: Any) -> bool:
    """Whether a value is a number and no array; a traced value without axes counts as one.

    Reference: numpy.isscalar
    """
    return not element.shape if type(element) is Tracer else np.isscalar(element)


def _one_period(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Everything moved into one period, and the last point before, the first point after it."""
    period = ufuncs.absolute(period)
    x, xp = ufuncs.remainder(x, period), ufuncs.remainder(xp, period)
    order = selection.argsort(xp)
    xp, fp = (selection.take(v, order, axis=0) for v in (xp, fp))
    n = xp.shape[0]
    ends = lambda v, k: layout.slice_axis(v, 0, k, k + 1)  # noqa: E731
    xp = layout.concatenate(ufuncs.subtract(ends(xp, n - 1), period), xp, ufuncs.add(ends(xp, 0), period), axis=0)
    return x, xp, layout.concatenate(ends(fp, n - 1), fp, ends(fp, 0), axis=0)


@numpy_function
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Any:
    """Piecewise linear interpolation through the points (xp, fp), constant outside, or with a period.

    Reference: numpy.interp
    """
    x, xp, fp = (promotion.convert(array_operand(v, "interp"), np.dtype(np.float64)) for v in (x, xp, fp))
    if period is not None:
        x, xp, fp = _one_period(x, xp, fp, period)
        left = right = None
    n = xp.shape[0]
    upper = ufuncs.minimum(ufuncs.maximum(selection.searchsorted(xp, x, "right"), 1), max(n - 1, 1))
    if n == 1:
        inside = promotion.broadcast(layout.reshape(fp, shape=()), x.shape)
    else:
        x0, x1, y0, y1 = (selection.take(v, i, axis=0) for v in (xp, fp) for i in (ufuncs.subtract(upper, 1), upper))
        width = ew.sub(x1, x0)
        safe = ew.select(ew.eq(width, ew.like(width, 0)), ew.like(width, 1), width)
        inside = _on_line(x, x0, x1, y0, y1, safe)
    first, last = indexing.getitem(xp, 0), indexing.getitem(xp, n - 1)
    left = indexing.getitem(fp, 0) if left is None else left
    right = indexing.getitem(fp, n - 1) if right is None else right
    return where(ufuncs.less(x, first), left, where(ufuncs.greater(x, last), right, inside))


def _on_line(x: Any, x0: Any, x1: Any, y0: Any, y1: Any, width: Any) -> Any:
    """The line from (x0, y0) to (x1, y1); to an infinite value it is infinite but for the other end, as in NumPy."""
    low, high = ew.isinf(y0), ew.isinf(y1)
    start, end = ew.select(low, ew.like(y0, 0), y0), ew.select(high, ew.like(y1, 0), y1)
    rise = ew.sub(end, start)
    ordinary = ew.and_(ew.isfinite(rise), ew.not_(ew.or_(low, high)))
    finite_rise, base = (ew.select(ordinary, v, ew.like(v, 0)) for v in (rise, start))
    inside = ew.add(base, ew.mul(finite_rise, ew.div(ew.sub(x, x0), width)))
    beside = _beside_infinities(ew.eq(x, x0), ew.eq(x, x1), y0, y1, rise)
    return ew.select(ordinary, inside, ew.select(ew.isnan(x), ew.stop(x), beside))


def _beside_infinities(at_start: Any, at_end: Any, y0: Any, y1: Any, rise: Any) -> Any:
    """One of the ends where x is there, else the infinite one; NaN between two different ones."""
    low, high = ew.isinf(y0), ew.isinf(y1)
    nan = ew.like(y0, math.nan)
    both = ew.select(ew.eq(y0, y1), y0, nan)
    one = ew.select(low, ew.select(ew.isnan(y1), nan, y0), ew.select(high, ew.select(ew.isnan(y0), nan, y1), rise))
    value = ew.stop(ew.select(ew.and_(low, high), both, one))
    return ew.select(at_start, y0, ew.select(at_end, y1, value))


__all__ = [
    "allclose", "angle", "around", "array_equal", "array_equiv", "clip", "fix", "imag", "interp", "isclose",
    "iscomplex", "iscomplexobj", "isneginf", "isposinf", "isreal", "isrealobj", "isscalar", "nan_to_num", "piecewise",
    "real", "real_if_close", "round", "select", "sinc", "where",
]  # fmt: skip
