"""Samplers of continuous distributions: uniform bits through the inverse of the distribution function.

Derivatives pass through the parameters (`minval`, `lower`, ...); for other locations and scales, scale and shift.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..numpy import promotion
from ..ops import elementwise
from .compiled import pointwise
from .keys import Shape, random_bits
from .parameters import arguments, high_precision
from .reuse import consumes


def unit(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    """Multiples of 2^-23 (float32) or 2^-52 (float64) in [0, 1)."""
    mantissa = np.finfo(dtype).nmant
    unsigned, signed = (np.dtype(f"{kind}{8 * dtype.itemsize}") for kind in ("uint", "int"))
    drop = unsigned.type(8 * dtype.itemsize - mantissa)
    number = fnp.right_shift(random_bits(key, shape, unsigned), drop)
    # Through the signed type, because machines convert that one to floating point fast.
    return promotion.convert(promotion.convert(number, signed), dtype) * dtype.type(2.0**-mantissa)


@consumes
def uniform(key: Any, shape: Any = (), dtype: Any = np.float64, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Uniform samples of [minval, maxval).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.
        minval, maxval: numbers, or arrays that broadcast to `shape`.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> x = uniform(random.key(0), (1000,), minval=-1.0)
        >>> bool(x.min() >= -1) and bool(x.max() < 1)
        True
    """
    key, shape, dtype = arguments(key, shape, dtype, "random.uniform")
    number = unit(key, shape, dtype)
    if _is(minval, 0) and _is(maxval, 1):
        return number
    ends = (promotion.convert(promotion.array_operand(v, "random.uniform"), dtype) for v in (minval, maxval))
    return _scaled(number, *ends)


def between(number: Any, low: Any, high: Any) -> Any:
    """Scale samples of the unit interval; rounding may not take them below `low`."""
    return fnp.maximum(low, number * (high - low) + low)


_scaled = pointwise(between)


def _is(value: Any, number: float) -> bool:
    return isinstance(value, (int, float)) and value == number


@consumes
def normal(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the normal distribution with mean 0 and variance 1: sqrt(2) erfinv(u), u uniform in (-1, 1).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> x = normal(random.key(0), (10000,))
        >>> abs(float(x.mean())) < 0.05 and abs(float(x.std()) - 1) < 0.05
        True
    """
    return _normal(unit(*arguments(key, shape, dtype, "random.normal")))


def normal_from(number: Any) -> Any:
    """Normal samples from those of the unit interval."""
    dtype = number.dtype
    lowest = np.nextafter(dtype.type(-1), dtype.type(0))
    return elementwise.erfinv(between(number, lowest, dtype.type(1))) * dtype.type(math.sqrt(2))


_normal = pointwise(normal_from)


@consumes
def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Samples of the standard normal distribution, given that they lie in (lower, upper).

    Args:
        key: a key.
        lower, upper: numbers, or arrays that broadcast to `shape`.
        shape: shape of the result; None for the common shape of the bounds.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> x = truncated_normal(random.key(0), -0.5, 0.5, (1000,))
        >>> bool(abs(x).max() < 0.5)
        True
    """
    where = "random.truncated_normal"
    shape = promotion.common_shape([promotion.shape_of(v) for v in (lower, upper)], where) if shape is None else shape
    key, shape, dtype = arguments(key, shape, dtype, where)
    lower, upper = (promotion.convert(promotion.array_operand(v, where), dtype) for v in (lower, upper))
    return _truncated(unit(key, shape, dtype), lower, upper)


@pointwise
def _truncated(number: Any, lower: Any, upper: Any) -> Any:
    dtype = number.dtype
    root = dtype.type(math.sqrt(2))
    number = between(number, elementwise.erf(lower / root), elementwise.erf(upper / root))
    least = fnp.nextafter(elementwise.stop(lower), dtype.type(math.inf))
    most = fnp.nextafter(elementwise.stop(upper), dtype.type(-math.inf))
    return fnp.clip(elementwise.erfinv(number) * root, least, most)


@consumes
def exponential(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the exponential distribution with mean 1: -log(1 - u).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> bool(exponential(random.key(0), (1000,)).min() >= 0)
        True
    """
    return _exponential(unit(*arguments(key, shape, dtype, "random.exponential")))


def exponential_from(number: Any) -> Any:
    """Exponential samples from those of the unit interval."""
    return -fnp.log1p(-number)


_exponential = pointwise(exponential_from)


@consumes
def gumbel(key: Any, shape: Any = (), dtype: Any = np.float64, mode: str | None = None) -> Any:
    """Samples of the Gumbel distribution: -log(-log(u)).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.
        mode: "high" spends twice the bits, so that large samples, which are rare, are not rounded to a few values; else
            "low" or None.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype or mode.

    Example:
        >>> from funcgrad import random
        >>> abs(float(gumbel(random.key(0), (10000,)).mean()) - 0.5772) < 0.05
        True
    """
    key, shape, dtype = arguments(key, shape, dtype, "random.gumbel")
    if high_precision(mode, "random.gumbel"):
        return _fine_gumbel(*unit(key, (2, *shape), dtype))
    return _gumbel(unit(key, shape, dtype))


@pointwise
def _gumbel(number: Any) -> Any:
    return -fnp.log(-fnp.log(fnp.maximum(number, np.finfo(number.dtype).tiny)))


@pointwise
def _fine_gumbel(coarse: Any, fine: Any) -> Any:
    info = np.finfo(coarse.dtype)
    number = fnp.where(coarse >= 0.5, coarse, coarse + info.dtype.type(2.0**-info.nmant) * fine + info.tiny)
    return -fnp.log(-fnp.log1p(-number))


@consumes
def laplace(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Samples of the Laplace distribution with mean 0 and scale 1: sign(u) log(1 - |u|), u uniform in (-1, 1).

    Args:
        key: a key.
        shape: shape of the result.
        dtype: float32 or float64.

    Raises:
        TypeError: when `key` is not a key.
        ValueError: for another dtype.

    Example:
        >>> from funcgrad import random
        >>> abs(float(abs(laplace(random.key(0), (10000,))).mean()) - 1) < 0.05
        True
    """
    return _laplace(unit(*arguments(key, shape, dtype, "random.laplace")))


@pointwise
def _laplace(number: Any) -> Any:
    dtype = number.dtype
    number = between(number, dtype.type(-1) + np.finfo(dtype).epsneg, dtype.type(1))
    return fnp.sign(number) * fnp.log1p(-fnp.absolute(number))
