"""Functions of scipy.special that are formulas in other operations, for strict operands: of one shape and one dtype.

Neither value nor derivative is a difference of nearly equal numbers, and what a branch that is not taken would compute
does not matter. Limits such as lambda = 0 of the Box-Cox transformation are ordinary
points: derivatives of every order are right there.

Reference: G. Box, D. Cox, An analysis of transformations, J. Royal Stat. Soc. B 26 (1964); P. Huber, Robust estimation
of a location parameter, Ann. Math. Stat. 35 (1964); https://dlmf.nist.gov/8.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import bessel, gamma_functions, incomplete, integrals
from ..ops import elementwise as ew
from ..ops.elementwise import like
from ..ops.incomplete import in_double


def guarded_product(x: Any, y: Any, log: Callable) -> Any:
    """x * log(y), 0 where x is 0, NaN where y is NaN; at x = 0 the derivative in x is still log(y)."""
    return ew.select(ew.isnan(y), y, ew.strong_product(log(y), x))


def xlogy(x: Any, y: Any) -> Any:
    """x log y, and 0 where x is 0."""
    return guarded_product(x, y, ew.log)


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0."""
    return guarded_product(x, y, ew.log1p)


def logit(x: Any) -> Any:
    """log(x / (1 - x)); 2 artanh(2 x - 1) near its zero at 1/2."""
    near = ew.lt(ew.abs_(x - 0.5), like(x, 0.25))
    middle = 2 * ew.arctanh(2 * (ew.select(near, x, like(x, 0.5)) - 0.5))
    return ew.select(near, middle, ew.log(x) - ew.log1p(-x))


def log_expit(x: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return ew.neg(ew.logaddexp(ew.neg(x), ew.like(x, 0)))


@in_double
def ndtr(x: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * ew.erfc(ew.mul(x, ew.like(x, -math.sqrt(0.5))))


def entr(x: Any) -> Any:
    """-x log x, -inf for negative x."""
    inside = ew.strong_product(ew.neg(ew.log(x)), x)
    return ew.select(ew.lt(x, ew.like(x, 0)), ew.like(x, -math.inf), inside)


def exp10(x: Any) -> Any:
    """10 to the x."""
    return ew.power(ew.like(x, 10), x)


def loggamma(x: Any) -> Any:
    """The principal logarithm of gamma, which is not real for negative x."""
    negative = ew.lt(x, like(x, 0))
    return ew.select(negative, like(x, math.nan), gamma_functions.lgamma(ew.select(negative, like(x, 1), x)))


@in_double
def riemann_zeta(s: Any) -> Any:
    """The zeta function for all real s, negative ones by reflection; 1 where 2^-s is less than any number."""
    left, far = ew.lt(s, like(s, 0)), ew.gt(s, like(s, 1100))
    t = ew.select(far, like(s, 1100), ew.select(left, 1 - s, s))
    value, negative = gamma_functions.zeta_s(t, like(s, 1), j=0), ew.select(left, s, like(s, -1))
    low = ew.lt(negative, like(s, -168))  # gamma(1 - s) is out of range before its product with (2 pi)^s is
    near, deep = ew.select(low, like(s, -1), negative), ew.select(low, negative, like(s, -168))
    product = ew.exp(near * math.log(2 * math.pi)) * gamma_functions.gamma(1 - near)
    product = ew.select(low, ew.exp(gamma_functions.lgamma(1 - deep) + deep * math.log(2 * math.pi)), product)
    reflected = ew.strong_product((1 / math.pi) * value * product, _sine_of_quarters(negative))
    return ew.select(left, reflected, value)


def _sine_of_quarters(x: Any) -> Any:
    """sin(pi x / 2), exactly 0 at even integers."""
    half = ew.rint(0.5 * x)
    odd = ew.ne(half, 2 * ew.rint(0.5 * half))
    value = ew.sin((x - 2 * half) * (math.pi / 2))
    return ew.select(odd, -value, value)


# --- relative entropy and robust losses -------------------------------------------------------------------------------


def _outside(x: Any, y: Any) -> Any:
    """Where the relative entropy is infinite: a negative number, or a positive one over 0."""
    zero = like(x, 0)
    return ew.or_(ew.or_(ew.lt(x, zero), ew.lt(y, zero)), ew.and_(ew.gt(x, zero), ew.eq(y, zero)))


@in_double
def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), 0 where x is 0, inf outside."""
    outside = _outside(x, y)
    degenerate = ew.or_(outside, ew.eq(y, like(y, 0)))
    x_safe, y_safe = (ew.select(degenerate, like(v, 1), v) for v in (x, y))
    inside = ew.select(ew.eq(y, like(y, 0)), like(x, 0), ew.strong_product(_log_ratio(x_safe, y_safe), x))
    return _nan_of(ew.select(outside, like(x, math.inf), inside), x, y)


def _log_ratio(x: Any, y: Any) -> Any:
    """log(x / y) for x >= 0 and y > 0, also where the ratio is out of range."""
    ratio = x / y
    fits = ew.and_(ew.ge(ratio, like(x, np.finfo(x.dtype).tiny)), ew.lt(ratio, like(x, math.inf)))
    near = ew.log(ew.select(fits, ratio, like(x, 1)))
    return ew.select(fits, near, ew.log(ew.select(fits, like(x, 1), x)) - ew.log(ew.select(fits, like(y, 1), y)))


def _nan_of(value: Any, x: Any, y: Any) -> Any:
    """NaN where x or y is, else the value."""
    return ew.select(ew.or_(ew.isnan(x), ew.isnan(y)), like(x, math.nan), value)


@in_double
def kl_div(x: Any, y: Any) -> Any:
    """x log(x / y) - x + y, y where x is 0, inf outside."""
    outside = _outside(x, y)
    entropy = rel_entr(ew.select(outside, like(x, 1), x), ew.select(outside, like(y, 1), y))
    return _nan_of(ew.select(outside, like(x, math.inf), entropy - x + y), x, y)


def huber(delta: Any, r: Any) -> Any:
    """r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond; inf for negative delta."""
    size = ew.abs_(r)
    value = ew.select(ew.le(size, delta), 0.5 * ew.square(r), delta * (size - 0.5 * delta))
    return ew.select(ew.lt(delta, like(delta, 0)), like(r, math.inf), value)


@in_double
def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta^2 (sqrt(1 + (r / delta)^2) - 1), inf for negative delta."""
    degenerate = _zero_beside_infinite(delta, r)
    residual, delta_in = (ew.select(degenerate, like(v, 1), v) for v in (r, delta))
    infinite = ew.and_(ew.eq(ew.abs_(residual), like(r, math.inf)), ew.isfinite(delta_in))
    finite = ew.select(infinite, like(r, 1), residual)
    length = delta_in + ew.hypot(delta_in, finite)
    fraction = finite / ew.select(ew.eq(length, like(r, 0)), like(r, 1), length)
    value = delta_in * ew.select(infinite, ew.abs_(residual), finite * fraction)
    value = ew.select(degenerate, like(r, 0), value)
    return ew.select(ew.lt(delta, like(delta, 0)), like(r, math.inf), value)


def _zero_beside_infinite(x: Any, y: Any) -> Any:
    """Where one is 0 and the other not finite."""
    at_x, at_y = (ew.eq(v, like(v, 0)) for v in (x, y))
    return ew.or_(ew.and_(at_x, ew.not_(ew.isfinite(y))), ew.and_(at_y, ew.not_(ew.isfinite(x))))


# --- inverses of the Box-Cox transformation ---------------------------------------------------------------------------


def _log_inverse(y: Any, power: Any) -> Any:
    """log(1 + power y) / power; by a power series around u = power y = 0, and where u is out of range, by parts."""
    u = power * y
    near = ew.lt(ew.abs_(u), like(u, 0.25))
    small = ew.select(near, u, like(u, 0))
    series = y * integrals.hyp2f1(like(u, 1), like(u, 1), like(u, 2), -small)
    over = ew.and_(ew.eq(u, like(u, math.inf)), ew.and_(ew.isfinite(y), ew.isfinite(power)))
    large = ew.log1p(ew.select(ew.or_(near, over), like(u, 1), u))
    parts = ew.log(ew.abs_(ew.select(over, power, like(u, 1)))) + ew.log(ew.abs_(ew.select(over, y, like(u, 1))))
    near = ew.or_(near, ew.eq(power, like(u, 0)))  # and infinite y
    return ew.select(near, series, ew.select(over, parts, large) / ew.select(near, like(u, 1), power))


@in_double
def inv_boxcox(y: Any, power: Any) -> Any:
    """(1 + power y)^(1 / power), and exp y for power 0."""
    return ew.exp(_log_inverse(y, power))


@in_double
def inv_boxcox1p(y: Any, power: Any) -> Any:
    """inv_boxcox(y, power) - 1."""
    return ew.expm1(_log_inverse(y, power))


# --- distribution functions -------------------------------------------------------------------------------------------


def chdtr(v: Any, x: Any) -> Any:
    """The chi-square distribution with v degrees of freedom; 1 of its tail is `chdtrc`."""
    return incomplete.gammainc(0.5 * v, 0.5 * x)


def chdtrc(v: Any, x: Any) -> Any:
    """1 - chdtr(v, x)."""
    return incomplete.gammaincc(0.5 * v, 0.5 * x)


def chdtri(v: Any, p: Any) -> Any:
    """x with chdtrc(v, x) = p."""
    inside = ew.and_(ew.ge(p, like(p, 0)), ew.le(p, like(p, 1)))
    return ew.select(inside, 2 * incomplete.gammainccinv(0.5 * v, p), like(p, math.nan))


def _from_zero(x: Any, value: Any) -> Any:
    """NaN where x is negative, as in SciPy: what the functions below hand on of it may be a point of their domain."""
    return ew.select(ew.lt(x, like(x, 0)), like(value, math.nan), value)


def pdtr(k: Any, m: Any) -> Any:
    """The Poisson distribution function: of at most k events."""
    return _from_zero(k, incomplete.gammaincc(ew.floor(k) + 1, m))


def pdtrc(k: Any, m: Any) -> Any:
    """1 - pdtr(k, m)."""
    return _from_zero(k, incomplete.gammainc(ew.floor(k) + 1, m))


# --- two results, orders that may be integers -------------------------------------------------------------------------


def sici(x: Any) -> tuple[Any, Any]:
    """The sine and the cosine integral."""
    return integrals.sici_0(x), integrals.sici_1(x)


def shichi(x: Any) -> tuple[Any, Any]:
    """The hyperbolic sine and cosine integrals."""
    return integrals.shichi_0(x), integrals.shichi_1(x)


def fresnel(x: Any) -> tuple[Any, Any]:
    """Fresnel's integrals S and C."""
    return integrals.fresnel_0(x), integrals.fresnel_1(x)


def _of_order(f: Callable, name: str) -> Callable:
    """For an order of an integer type; one of a floating type loses its fraction, as in SciPy."""
    return lambda n, x: f(bessel.whole_order(ew.convert(n, dtype=x.dtype), name=name), x)


expn, kn, yn = _of_order(integrals.expn, "expn"), _of_order(bessel.kv, "kn"), _of_order(bessel.yv, "yn")
