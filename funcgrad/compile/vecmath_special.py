"""Error functions and gamma functions as instructions.

With this module one can expand erf, erfc, erfinv, digamma and lgamma for a float64 or float32 expression. lgamma is the
one function that calls the C library for every element: its many regions make no reasonable vector code. lgamma and
digamma of float32 are computed in float64 and rounded, since near their zeros single precision has nothing left.

Reference: M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x", Math. Comp. 36, 1981;
Digital Library of Mathematical Functions, 5.5, 5.11 and 7.17.
"""

from __future__ import annotations

import numpy as np

from ..core.scalar import Expr, const, convert, copysign, eq, fma, library, rint, select, sqrt
from .vecmath_core import below, exp_reduce, format_of, horner, polynomial, scale, two_product
from .vecmath_exp import log
from .vecmath_trig import sin_cos_quarter

_INF, _NAN = float("inf"), float("nan")
_ERF_SWITCH = (0.75, 1.0)  # float64, float32: below, erf has its own polynomial; above, erf = 1 - erfc
_ERFC_SWITCH = 0.5  # above, erfc has its own polynomial; below, erfc = 1 - erf


def gauss(x: Expr) -> Expr:
    """exp(-x**2), the rounding error of the square included; erf and erfc contain the very same expression."""
    a = _bounded(x)
    square, error = two_product(a, a)
    return scale(-square, *exp_reduce(-square, -error))


def _bounded(x: Expr) -> Expr:
    """|x| up to where exp(-x**2) is 0."""
    return below(abs(x), 28.0 if format_of(x).column == 0 else 10.2)


def _erfc_tail(x: Expr) -> Expr:
    """erfc(|x|) for |x| >= 0.5, to a few ulp; the polynomial is that of (1 + 2 a) exp(a**2) erfc(a)."""
    a = _bounded(x)
    return gauss(x) * (polynomial("erfc", (a - 2.5) / (a + 2.5)) / fma(a, 2.0, 1.0))


def _erf_parts(a: Expr) -> tuple[float, Expr]:
    """(c, rest) with erf(a) = c a + rest for 0 <= a <= 1; the product is for an fma."""
    c = format_of(a).two_over_root_pi
    z = a * a
    return c[0], a * fma(z, polynomial("erf", z), c[1])


def _erf_above(x: Expr) -> Expr:
    """erf(|x|) above the switch, to the precision of 1: shorter polynomials than erfc needs, in float32 no division."""
    if format_of(x).column:
        a = below(abs(x), 4.1)
        return 1.0 - gauss(x) * polynomial("erfcx", a - 2.0)
    inverse = 1.0 / (below(abs(x), 6.1) + 3.0)
    return 1.0 - gauss(x) * (inverse * polynomial("erfcx", inverse - 0.1875))


def erf(x: Expr) -> Expr:
    """The error function: a polynomial near 0, 1 - exp(-x**2) erfcx(|x|) elsewhere."""
    a = abs(x)
    near = a < _ERF_SWITCH[format_of(x).column]
    return copysign(select(near, fma(a, *_erf_parts(a)), _erf_above(x)), x)


def erfc(x: Expr) -> Expr:
    """1 - erf(x), accurate in the right tail down to the smallest number."""
    a = abs(x)
    tail = _erfc_tail(x)
    near = 1.0 - copysign(fma(a, *_erf_parts(a)), x)
    return select(a < _ERFC_SWITCH, near, select(x < 0.0, 2.0 - tail, tail))


def erfinv(x: Expr) -> Expr:
    """The inverse error function: polynomials in w = -log(1 - x**2) to six digits, then one step of a series.

    With u = (x - erf(y)) / erf'(y) the inverse is y + u + y u**2 + (1 + 4 y**2) u**3 / 3 + ...
    """
    a = abs(x)
    w = -log((1.0 - a) * (1.0 + a))
    y = a * select(w < 5.0, polynomial("erfinv_center", w - 2.5), polynomial("erfinv_tail", sqrt(w) - 4.0))
    slope, rest = _erf_parts(y)
    difference = select(y < _ERF_SWITCH[0], fma(y, -slope, a) - rest, _erfc_tail(y) - (1.0 - a))
    u = difference * (0.5 * np.pi**0.5) / gauss(y)
    series = fma(fma(y * y, 4.0, 1.0) * u, 1 / 3, y) * u
    result = y + fma(series, u, u)
    return copysign(select(eq(a, 1.0), _INF, result), x)


def lgamma(x: Expr) -> Expr:
    """log |gamma(x)| from the C library, in float64."""
    return convert(library("lgamma", convert(x, np.float64)), x.dtype)


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
