"""Reductions that leave NaN out: by its neutral element in its place, or by a mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..ops import elementwise as ew
from . import promotion, reductions, ufuncs
from .reductions import NO_VALUE
from .registry import numpy_function


def _split_nan(a: Any, name: str) -> tuple[Any, Any]:
    """The operand, and where it is a number."""
    x = promotion.array_operand(a, name)
    return x, ufuncs.logical_not(ufuncs.isnan(x))


def _both(valid: Any, where: Any) -> Any:
    """Where an element is a number and asked for."""
    return valid if where is NO_VALUE or where is True else ufuncs.logical_and(valid, where)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not NO_VALUE}


def _numbers(a: Any, name: str, neutral: Any) -> Any:
    """The operand with `neutral` in place of NaN."""
    x, valid = _split_nan(a, name)
    return ew.select(valid, x, ew.like(x, neutral)) if x.dtype.kind in "fc" else x


def _ignoring_nan(name: str, plain: Callable, neutral: Any) -> Callable:
    def reduce(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        options = _given(keepdims=keepdims, initial=initial, where=where)
        return plain(_numbers(a, name, neutral), axis=axis, dtype=dtype, **options)

    return _named(reduce, name, f"NaN counts as {neutral}")


def _running_without_nan(name: str, plain: Callable, neutral: Any) -> Callable:
    def reduce(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return plain(_numbers(a, name, neutral), axis=axis, dtype=dtype)

    return _named(reduce, name, f"NaN counts as {neutral}")


def _named(reduce: Callable, name: str, meaning: str) -> Callable:
    reduce.__name__ = name
    reduce.__doc__ = f"numpy.{name}: {meaning}.\n\nReference: numpy.{name}"
    return numpy_function(reduce)


nansum, nanprod = _ignoring_nan("nansum", reductions.sum, 0), _ignoring_nan("nanprod", reductions.prod, 1)
nancumsum, nancumprod = (
    _running_without_nan("nancumsum", reductions.cumsum, 0),
    _running_without_nan("nancumprod", reductions.cumprod, 1),
)


def _nan_extreme(name: str, plain: Callable, neutral: float) -> Callable:
    def reduce(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        x, valid = _split_nan(a, name)
        value = plain(
            ew.select(valid, x, ew.like(x, neutral)) if x.dtype.kind == "f" else x,
            axis=axis, **_given(keepdims=keepdims, initial=initial, where=where),
        )  # fmt: skip
        if x.dtype.kind != "f" or initial is not NO_VALUE:
            return value
        return ew.select(reductions.any(valid, axis=axis, keepdims=keepdims), value, ew.like(value, math.nan))

    return _named(reduce, name, "the extreme element that is not NaN")


nanmax, nanmin = _nan_extreme("nanmax", reductions.max, -math.inf), _nan_extreme("nanmin", reductions.min, math.inf)


@numpy_function
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE
) -> Any:
    """The average of the elements that are not NaN.

    Reference: numpy.nanmean
    """
    x, valid = _split_nan(a, "nanmean")
    return reductions.mean(x, axis=axis, dtype=dtype, keepdims=keepdims, where=_both(valid, where))


@numpy_function
def nanvar(
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
    """The variance of the elements that are not NaN.

    Reference: numpy.nanvar
    """
    return _spread(
        "nanvar", reductions.var, a, axis, dtype, ddof, keepdims, where, _given(mean=mean, correction=correction)
    )


@numpy_function
def nanstd(
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
    """The standard deviation of the elements that are not NaN.

    Reference: numpy.nanstd
    """
    return _spread(
        "nanstd", reductions.std, a, axis, dtype, ddof, keepdims, where, _given(mean=mean, correction=correction)
    )


def _spread(
    name: str,
    plain: Callable,
    a: Any,
    axis: Any,
    dtype: Any,
    ddof: Any,
    keepdims: Any,
    where: Any,
    options: dict[str, Any],
) -> Any:
    """The variance or deviation without NaN, and NaN where no degree of freedom is left, which for integers, as without
    NaN, is a division by 0.
    """
    x, valid = _split_nan(a, name)
    valid = _both(valid, where)
    value = plain(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=valid, **options)
    if x.dtype.kind not in "fc":
        return value
    ddof = options.get("correction", ddof)
    count = reductions.sum(valid, axis=axis, keepdims=keepdims)
    return ew.select(ufuncs.greater(count, ddof), value, ew.like(value, math.nan))


__all__ = [
    "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar",
]  # fmt: skip
