"""Statistics of samples: ranks, the most frequent value, the error of a mean."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import numpy as fnp
from ...numpy import promotion
from ...numpy.promotion import array_operand
from ..plain import scipy_function
from ..special_functions import floats


class ModeResult(NamedTuple):
    """What `mode` gives: values, and how often they occur."""

    mode: Any
    count: Any


def _lines(a: Any, axis: int | None, name: str) -> tuple[Any, int]:
    """An array and the axis to go along; all elements in a row for None."""
    x = array_operand(a, name)
    x = fnp.ravel(x) if axis is None or x.ndim == 0 else x
    return x, promotion.one_axis(0 if axis is None else axis, x.ndim, name)


def _only_propagate(nan_policy: str, name: str) -> None:
    if nan_policy != "propagate":
        raise ValueError(f"{name}: nan_policy must be 'propagate' for traced values, got {nan_policy!r}")


@scipy_function("scipy.stats")
def sem(a: Any, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    """The standard error of the mean: the standard deviation over the root of the number of samples.

    Args:
        a: samples.
        axis: along which; None for all.
        ddof: what is taken from the number of samples in the variance.
        nan_policy: must be "propagate" for traced values.
        keepdims: whether the axis stays, of length 1.

    Returns:
        An array without the axis.

    Raises:
        ValueError: another policy is asked for.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(fg.scipy.stats.sem)(np.array([0.0, 2.0]))
        array([-0.5,  0.5])

    Reference: scipy.stats.sem
    """
    _only_propagate(nan_policy, "sem")
    (a,) = floats("sem", a)
    x, along = _lines(a, axis, "sem")
    out = fnp.std(x, axis=along, ddof=ddof, keepdims=keepdims) / math.sqrt(x.shape[along])
    return fnp.reshape(out, (1,) * np.ndim(a)) if keepdims and axis is None else out


@scipy_function("scipy.stats")
def rankdata(a: Any, method: str = "average", *, axis: int | None = None, nan_policy: str = "propagate") -> Any:
    """Ranks from 1 on, piecewise constant.

    Args:
        a: samples.
        method: what equal ones get: "average", "min", "max", "dense" (without gaps), "ordinal" (in order).
        axis: along which; None for all, in a row.
        nan_policy: must be "propagate" for traced values.

    Returns:
        An array of floats for "average", in which a NaN makes all of them NaN; else of integers.

    Raises:
        ValueError: there is no such method, or another policy is asked for.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.stats.rankdata)(np.array([3.0, 1.0, 3.0]))
        array([2.5, 1. , 2.5])

    Reference: scipy.stats.rankdata
    """
    _only_propagate(nan_policy, "rankdata")
    if method not in ("average", "min", "max", "dense", "ordinal"):
        raise ValueError(f'rankdata: unknown method "{method}"; there are average, min, max, dense and ordinal')
    x, axis = _lines(a, axis, "rankdata")
    x = fnp.moveaxis(x, axis, -1)
    if method == "ordinal":
        ranks = fnp.argsort(fnp.argsort(x, axis=-1), axis=-1) + 1
        return fnp.moveaxis(ranks, -1, axis)
    mine, others = x[..., :, None], x[..., None, :]
    below = others < mine
    if method == "dense":
        first = fnp.sum(_earlier(mine, others), axis=-1) == 0
        ranks = fnp.sum(below & first[..., None, :], axis=-1) + 1
    else:
        fewer, most = fnp.sum(below, axis=-1) + 1, fnp.sum(others <= mine, axis=-1)
        ranks = {"min": fewer, "max": most}.get(method)
        if ranks is None:
            ranks = (fewer + most) * 0.5
            ranks = (
                fnp.where(fnp.any(fnp.isnan(x), axis=-1, keepdims=True), np.nan, ranks)
                if x.dtype.kind == "f"
                else ranks
            )
    return fnp.moveaxis(ranks, -1, axis)


def _earlier(mine: Any, others: Any) -> Any:
    """Which elements before one are equal to it."""
    n = mine.shape[-2]
    return (others == mine) & np.tri(n, k=-1, dtype=bool)


@scipy_function("scipy.stats")
def mode(a: Any, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False) -> ModeResult:
    """The most frequent value, the smallest of those; with the derivative of the element that it is.

    Args:
        a: samples.
        axis: along which; None for all.
        nan_policy: must be "propagate" for traced values.
        keepdims: whether the axis stays, of length 1.

    Returns:
        (mode, count).

    Raises:
        ValueError: another policy is asked for.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.stats.mode)(np.array([3.0, 1.0, 3.0]))
        ModeResult(mode=np.float64(3.0), count=np.int64(2))

    Reference: scipy.stats.mode
    """
    _only_propagate(nan_policy, "mode")
    shape = np.shape(a) if not promotion.has_tracer(a) else tuple(a.shape)
    x, along = _lines(a, axis, "mode")
    x = fnp.sort(fnp.moveaxis(x, along, -1), axis=-1)
    mine, others = x[..., :, None], x[..., None, :]
    same = (mine == others) | (fnp.isnan(mine) & fnp.isnan(others)) if x.dtype.kind == "f" else mine == others
    counts = fnp.sum(same, axis=-1)
    place = fnp.argmax(counts, axis=-1, keepdims=True)
    found = [fnp.take_along_axis(v, place, axis=-1) for v in (x, counts)]
    if keepdims:
        found = [fnp.reshape(v, (1,) * len(shape)) if axis is None else fnp.moveaxis(v, -1, along) for v in found]
    else:
        found = [fnp.squeeze(v, axis=-1) for v in found]
    return ModeResult(*found)


__all__ = ["ModeResult", "mode", "rankdata", "sem"]
