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

from ..ops import bessel, gamma_functions, incomplete, integrals
from ..ops import elementwise as ew
from ..ops.elementwise import like


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
    """log(x / (1 - x))."""
    return ew.sub(ew.log(x), ew.log1p(ew.neg(x)))


def log_expit(x: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return ew.neg(ew.logaddexp(ew.neg(x), ew.like(x, 0)))


def ndtr(x: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * ew.erfc(ew.mul(x, ew.like(x, -math.sqrt(0.5))))


def entr(x: Any) -> Any:
    """-x log x, -inf for negative x."""
    inside = ew.neg(xlogy(x, x))
    return ew.select(ew.lt(x, ew.like(x, 0)), ew.like(x, -math.inf), inside)


def exp10(x: Any) -> Any:
    """10 to the x."""
    return ew.exp(ew.mul(x, ew.like(x, math.log(10))))


def loggamma(x: Any) -> Any:
    """The principal logarithm of gamma, which is not real for negative x."""
    negative = ew.lt(x, like(x, 0))
    return ew.select(negative, like(x, math.nan), gamma_functions.lgamma(ew.select(negative, like(x, 1), x)))


def riemann_zeta(s: Any) -> Any:
    """The zeta function for all real s, negative ones by reflection."""
    left = ew.lt(s, like(s, 0))
    t = ew.select(left, 1 - s, s)
    value, negative = gamma_functions.zeta_s(t, like(s, 1), j=0), ew.select(left, s, like(s, -1))
    factor = ew.exp(negative * math.log(2 * math.pi)) * (1 / math.pi) * ew.sin(negative * (math.pi / 2))
    reflected = factor * gamma_functions.gamma(1 - negative) * value
    return ew.select(left, reflected, value)


# --- relative entropy and robust losses -------------------------------------------------------------------------------


def _outside(x: Any, y: Any) -> Any:
    """Where the relative entropy is infinite: a negative number, or a positive one over 0."""
    zero = like(x, 0)
    return ew.or_(ew.or_(ew.lt(x, zero), ew.lt(y, zero)), ew.and_(ew.gt(x, zero), ew.eq(y, zero)))


def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), 0 where x is 0, inf outside."""
    outside = _outside(x, y)
    degenerate = ew.or_(outside, ew.eq(y, like(y, 0)))
    x_safe, y_safe = (ew.select(degenerate, like(v, 1), v) for v in (x, y))
    inside = ew.select(ew.eq(y, like(y, 0)), like(x, 0), ew.strong_product(ew.log(x_safe / y_safe), x))
    value = ew.select(outside, like(x, math.inf), inside)
    return ew.select(ew.or_(ew.isnan(x), ew.isnan(y)), like(x, math.nan), value)


def kl_div(x: Any, y: Any) -> Any:
    """x log(x / y) - x + y, y where x is 0, inf outside."""
    outside = _outside(x, y)
    entropy = rel_entr(ew.select(outside, like(x, 1), x), ew.select(outside, like(y, 1), y))
    return ew.select(outside, like(x, math.inf), entropy - x + y)


def huber(delta: Any, r: Any) -> Any:
    """r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond; inf for negative delta."""
    size = ew.abs_(r)
    value = ew.select(ew.le(size, delta), 0.5 * ew.square(r), delta * (size - 0.5 * delta))
    return ew.select(ew.lt(delta, like(delta, 0)), like(r, math.inf), value)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """delta^2 (sqrt(1 + (r / delta)^2) - 1), inf for negative delta."""
    length = delta + ew.hypot(delta, r)
    value = delta * ew.square(r) / ew.select(ew.eq(length, like(r, 0)), like(r, 1), length)
    return ew.select(ew.lt(delta, like(delta, 0)), like(r, math.inf), value)


# --- inverses of the Box-Cox transformation ---------------------------------------------------------------------------


def _log1p_ratio(u: Any) -> Any:
    """log(1 + u) / u, by its power series around 0."""
    near = ew.lt(ew.abs_(u), like(u, 0.25))
    small, large = ew.select(near, u, like(u, 0)), ew.select(near, like(u, 1), u)
    series = integrals.hyp2f1(like(u, 1), like(u, 1), like(u, 2), -small)
    return ew.select(near, series, ew.log1p(large) / large)


def inv_boxcox(y: Any, power: Any) -> Any:
    """(1 + power y)^(1 / power), and exp y for power 0."""
    return ew.exp(y * _log1p_ratio(power * y))


def inv_boxcox1p(y: Any, power: Any) -> Any:
    """inv_boxcox(y, power) - 1."""
    return ew.expm1(y * _log1p_ratio(power * y))


# --- distribution functions -------------------------------------------------------------------------------------------


def chdtr(v: Any, x: Any) -> Any:
    """The chi-square distribution with v degrees of freedom; 1 of its tail is `chdtrc`."""
    return incomplete.gammainc(0.5 * v, 0.5 * x)


def chdtrc(v: Any, x: Any) -> Any:
    """1 - chdtr(v, x)."""
    return incomplete.gammaincc(0.5 * v, 0.5 * x)


def chdtri(v: Any, p: Any) -> Any:
    """x with chdtrc(v, x) = p."""
    return 2 * incomplete.gammainccinv(0.5 * v, p)


def _from_zero(x: Any, value: Any) -> Any:
    """NaN where x is negative, as in SciPy: what the functions below hand on of it may be a point of their domain."""
    return ew.select(ew.lt(x, like(x, 0)), like(value, math.nan), value)


def gdtr(a: Any, b: Any, x: Any) -> Any:
    """The gamma distribution of shape b and rate a."""
    return _from_zero(x, incomplete.gammainc(b, ew.strong_product(a, x)))


def gdtrc(a: Any, b: Any, x: Any) -> Any:
    """1 - gdtr(a, b, x)."""
    return _from_zero(x, incomplete.gammaincc(b, ew.strong_product(a, x)))


def fdtr(dfn: Any, dfd: Any, x: Any) -> Any:
    """The F distribution."""
    share, _ = _shares(dfn, dfd, x)
    return _f_domain(dfn, dfd, x, incomplete.betainc(0.5 * dfn, 0.5 * dfd, share))


def fdtrc(dfn: Any, dfd: Any, x: Any) -> Any:
    """1 - fdtr(dfn, dfd, x)."""
    _, rest = _shares(dfn, dfd, x)
    return _f_domain(dfn, dfd, x, incomplete.betainc(0.5 * dfd, 0.5 * dfn, rest))


def _f_domain(dfn: Any, dfd: Any, x: Any, value: Any) -> Any:
    """NaN where there is no F distribution, and for negative x, as in SciPy."""
    inside = ew.and_(ew.gt(dfn, like(dfn, 0)), ew.gt(dfd, like(dfd, 0)))
    return _from_zero(x, ew.select(inside, value, like(value, math.nan)))


def _shares(dfn: Any, dfd: Any, x: Any) -> tuple[Any, Any]:
    """q / (1 + q) and 1 / (1 + q) for q = dfn x / dfd; at x = 0, where the slope in x may be infinite, with slopes 0 in
    dfn and dfd.
    """
    ratio = ew.strong_product(1 / dfd, ew.strong_product(dfn, x))
    rest = 1 / (1 + ratio)
    return ew.strong_product(rest, ratio), rest


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
