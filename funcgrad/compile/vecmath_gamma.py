"""Gamma functions as instructions.

With this module one can expand lgamma and digamma for a float64 or float32 expression. Those of float32 are computed in
float64 and rounded, since near their zeros single precision has nothing left.

Reference: Digital Library of Mathematical Functions, 5.5 and 5.11.
"""

from __future__ import annotations

import numpy as np

from ..core.scalar import Expr, beyond, const, convert, copysign, eq, floor, fma, rint, select
from .vecmath_core import horner, polynomial
from .vecmath_exp import log
from .vecmath_trig import sin_cos_quarter

_INF, _NAN = float("inf"), float("nan")
_LGAMMA_LARGE = 6.24  # from here the asymptotic series is used
_LGAMMA_CONSTANT = 0.4189385332046727  # log(2 pi) / 2 - 1/2


def lgamma(x: Expr) -> Expr:
    """log |gamma(x)|; of negative numbers from the C library, as it has too many zeros there; at -inf it is -inf."""
    if x.dtype == np.float32:
        return convert(lgamma(convert(x, np.float64)), np.float32)
    value = beyond("lgamma", 0.0, select(x < 0.0, x, 0.0), _lgamma_positive(x), x)
    return select(eq(x, -_INF), x, value)


def _lgamma_positive(x: Expr) -> Expr:
    """With n = floor(x + 0.75) and v = x - n: lgamma(2 + v) and the logarithm of what the recurrence makes of it.

    lgamma(x) = lgamma(2 + v) - log(x (x + 1)), - log(x), + 0, + log(x - 1), + log((x - 1) (x - 2)) ... for n = 0, 1, 2,
    ...; for large x it is (x - 1/2) (log(x) - 1) + (log(2 pi) - 1) / 2 + a series in 1 / x.
    """
    large, n = x >= _LGAMMA_LARGE, floor(x + 0.75)
    factor = select(n < 2.0, select(n < 1.0, x * (x + 1.0), x), 1.0)
    for k in (1.0, 2.0, 3.0, 4.0):
        factor = select(n > k + 1.0, factor * (x - k), factor)
    logarithm = log(select(large, x, factor))
    v = x - n
    near = fma(v, polynomial("lgamma", v), select(n < 2.0, -logarithm, logarithm))
    inverse = 1.0 / x
    series = inverse * polynomial("lgamma_series", inverse * inverse)
    return select(large, fma(x - 0.5, logarithm - 1.0, series + _LGAMMA_CONSTANT), near)


_DIGAMMA_ROOT = (1.4616321449683622, 9.549995429965697e-17)
# Bernoulli numbers B(2k) / (2k): the asymptotic series in 1 / x**2.
_DIGAMMA_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)


def _digamma_positive(x: Expr) -> Expr:
    """digamma for x > 0: a polynomial on [1, 3], the asymptotic series from 10, recurrences in between."""
    small = x < 1.0
    u = select(small, x + 1.0, x)
    near = ((u - _DIGAMMA_ROOT[0]) - _DIGAMMA_ROOT[1]) * polynomial("digamma", u - 2.0)
    near = near - select(small, 1.0 / x, 0.0)
    return select(u < 3.0, near, _digamma_large(x))


def _digamma_large(x: Expr) -> Expr:
    """digamma for x >= 3: log(y) - 1 / (2 y) - sum of B(2k) / (2k) y**-2k with y = x, or x + 7 below 10."""
    far = x >= 10.0
    y = select(far, x, x + 7.0)
    inverse = 1.0 / y
    z = inverse * inverse
    series = horner(_DIGAMMA_SERIES, z)
    # The sum of 1 / (x + k) for k = 0 ... 6, taken in pairs around x + 3.
    middle = x + 3.0
    square = middle * middle
    pairs = 1.0 / (square - 1.0) + 1.0 / (square - 4.0) + 1.0 / (square - 9.0)
    reciprocals = fma(middle + middle, pairs, 1.0 / middle)
    return log(y) - fma(z, series, inverse * 0.5) - select(far, 0.0, reciprocals)


def _pi_cotangent(x: Expr) -> Expr:
    """pi / tan(pi x): the period is removed exactly before pi comes in."""
    r = x - rint(x)
    a = abs(r)
    near = a < 0.25
    s, c = sin_cos_quarter(select(near, a, 0.5 - a) * np.pi)
    return copysign(np.pi * select(near, c, s) / select(near, s, c), r)


def digamma(x: Expr) -> Expr:
    """The derivative of lgamma; digamma(1 - x) - pi / tan(pi x) for negative x, NaN at its negative poles.

    Relative accuracy is lost next to the zeros between the negative poles, where the two terms cancel.
    """
    if x.dtype == np.float32:
        return convert(digamma(convert(x, np.float64)), np.float32)
    negative = x < 0.0
    y = _digamma_positive(select(negative, 1.0 - x, x))
    reflected = select(eq(rint(x), x), _NAN, y - _pi_cotangent(x))
    special = select(eq(x, 0.0), copysign(const(_INF, x.dtype), -x), select(eq(x, _INF), x, y))
    return select(negative, reflected, special)
