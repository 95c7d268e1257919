"""The modified Bessel function of order zero, as a composition of other functions.

    |x| <= 30:  I0(x) = sum_k (x^2 / 4)^k / (k!)^2                          all terms are positive: no cancellation
    |x| >  30:  I0(x) ~ e^|x| / sqrt(2 pi |x|) sum_k ((2k - 1)!!)^2 / (k! (8 |x|)^k)    terms below 1e-17 are left out

Reference: Abramowitz and Stegun, Handbook of Mathematical Functions, 9.6.12 and 9.7.1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops import elementwise as ew
from . import promotion
from .promotion import array_operand
from .registry import numpy_function

_LIMIT = 30.0
_SERIES = [1 / math.factorial(k) ** 2 for k in range(62)]
_ASYMPTOTIC = [math.prod((2 * j - 1) ** 2 / (8 * j) for j in range(1, k + 1)) for k in range(22)]


@numpy_function
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind and order zero.

    Reference: numpy.i0; Abramowitz and Stegun, Handbook of Mathematical Functions, section 9.6.
    """
    x = array_operand(x, "i0")
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    x = x if x.dtype.kind == "f" else promotion.convert(x, np.dtype(np.float64))
    size = ew.abs_(x)
    near = ew.le(size, ew.like(x, _LIMIT))
    inside = ew.select(near, x, ew.like(x, 0))  # each form sees only arguments that suit it
    outside = ew.select(near, ew.like(x, _LIMIT), size)
    series = _horner(_SERIES, ew.mul(ew.square(inside), ew.like(x, 0.25)))
    half = ew.exp(ew.mul(outside, ew.like(x, 0.5)))  # e^x overflows before I0(x) does
    decay = ew.div(_horner(_ASYMPTOTIC, ew.reciprocal(outside)), ew.sqrt(ew.mul(outside, ew.like(x, 2 * math.pi))))
    return ew.select(near, series, ew.mul(ew.mul(half, decay), half))


def _horner(coefficients: list[float], x: Any) -> Any:
    """The sum of coefficients[k] x^k; those that vanish in the dtype are left out."""
    kept = [c for c in coefficients if abs(c) > np.finfo(x.dtype).tiny]
    result = ew.like(x, kept[-1])
    for c in reversed(kept[:-1]):
        result = ew.add(ew.mul(result, x), ew.like(x, c))
    return result


__all__ = [
    "i0",
]  # fmt: skip
