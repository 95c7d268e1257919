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
    return _between(unit(key, shape, dtype), minval, maxval, dtype, "random.uniform")


def _between(number: Any, minval: Any, maxval: Any, dtype: np.dtype, where: str) -> Any:
    """Scale samples of the unit interval; rounding may not take them below `minval`."""
    if _is(minval, 0) and _is(maxval, 1):
        return number
    low, high = (promotion.convert(promotion.array_operand(v, where), dtype) for v in (minval, maxval))
    return fnp.maximum(low, number * (high - low) + low)


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
    key, shape, dtype = arguments(key, shape, dtype, "random.normal")
    lowest = np.nextafter(dtype.type(-1), dtype.type(0))
    number = _between(unit(key, shape, dtype), lowest, 1.0, dtype, "random.normal")
    return elementwise.erfinv(number) * dtype.type(math.sqrt(2))


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
    root = dtype.type(math.sqrt(2))
    number = _between(
        unit(key, shape, dtype), elementwise.erf(lower / root), elementwise.erf(upper / root), dtype, where
    )
    inside = fnp.nextafter(elementwise.stop(lower), dtype.type(math.inf))
    return fnp.clip(
        elementwise.erfinv(number) * root, inside, fnp.nextafter(elementwise.stop(upper), dtype.type(-math.inf))
    )


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
    key, shape, dtype = arguments(key, shape, dtype, "random.exponential")
    return -fnp.log1p(-unit(key, shape, dtype))


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
    tiny = np.finfo(dtype).tiny
    if high_precision(mode, "random.gumbel"):
        coarse, fine = unit(key, (2, *shape), dtype)
        number = fnp.where(coarse >= 0.5, coarse, coarse + dtype.type(2.0 ** -np.finfo(dtype).nmant) * fine + tiny)
        return -fnp.log(-fnp.log1p(-number))
    number = fnp.maximum(unit(key, shape, dtype), tiny)
    return -fnp.log(-fnp.log(number))


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
    key, shape, dtype = arguments(key, shape, dtype, "random.laplace")
    lowest = dtype.type(-1) + np.finfo(dtype).epsneg
    number = _between(unit(key, shape, dtype), lowest, 1.0, dtype, "random.laplace")
    return fnp.sign(number) * fnp.log1p(-fnp.absolute(number))
