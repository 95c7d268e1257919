"""Error functions as instructions.

With this module one can expand gauss, erf, erfc and erfinv for a float64 or float32 expression.

Reference: M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x", Math. Comp. 36, 1981;
Digital Library of Mathematical Functions, 7.17.
"""

from __future__ import annotations

import numpy as np

from ..core.scalar import Expr, copysign, eq, fma, select, sqrt
from .vecmath_core import below, exp_reduce, format_of, polynomial, scale, two_product
from .vecmath_exp import log

_INF = float("inf")
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
    """The inverse error function: polynomials in w = -log(1 - x**2), good enough in float32; else one step of a series.

    With u = (x - erf(y)) / erf'(y) the inverse is y + u + y u**2 + (1 + 4 y**2) u**3 / 3 + ...
    """
    a, single = abs(x), format_of(x).column == 1
    w = -log((1.0 - a) * (1.0 + a))
    tail = polynomial("erfinv_tail", sqrt(w) - (3.0 if single else 4.0))
    y = a * select(w < 5.0, polynomial("erfinv_center", w - 2.5), tail)
    return copysign(select(eq(a, 1.0), _INF, y if single else _improved(y, a)), x)


def _improved(y: Expr, a: Expr) -> Expr:
    """One step from y towards the inverse of erf at a."""
    slope, rest = _erf_parts(y)
    difference = select(y < _ERF_SWITCH[0], fma(y, -slope, a) - rest, _erfc_tail(y) - (1.0 - a))
    u = difference * (0.5 * np.pi**0.5) / gauss(y)
    series = fma(fma(y * y, 4.0, 1.0) * u, 1 / 3, y) * u
    return y + fma(series, u, u)
