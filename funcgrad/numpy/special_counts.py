"""Distribution functions of counts, inverses that are formulas, polynomials by others of their family: functions of
scipy.special for strict operands, except that counts and degrees may have other dtypes.

Reference: https://dlmf.nist.gov/8.17, 18.7, 18.9, 19.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..ops import bessel, cylinder, elliptic, error_functions, gamma_functions, incomplete, integrals, orthogonal
from ..ops import elementwise as ew
from ..ops.elementwise import like
from .special_formulas import riemann_zeta


def _count(n: Any, x: Any, name: str) -> Any:
    """A count, which has no derivative; one of a floating type loses its fraction, as in SciPy."""
    return bessel.whole_order(ew.convert(n, dtype=x.dtype), name=name)


def _where(inside: Any, value: Any, otherwise: Any = math.nan) -> Any:
    return ew.select(inside, value, like(value, otherwise) if isinstance(otherwise, float) else otherwise)


def _known(count: Any) -> Any:
    """A count of trials or failures is a number; an infinite one is none, as in SciPy."""
    return ew.isfinite(count)


def _probability(p: Any) -> Any:
    return ew.and_(ew.ge(p, like(p, 0)), ew.le(p, like(p, 1)))


# --- the binomial and the negative binomial distribution, Poisson's ---------------------------------------------------


def _binomial(name: str, tail: Callable, all_of: float, none_of: float) -> Callable:
    def function(k: Any, n: Any, p: Any) -> Any:
        k, n = ew.floor(k), _count(n, p, name)
        inside = ew.and_(ew.ge(k, like(k, 0)), ew.lt(k, n))
        value = tail(ew.select(inside, k, like(k, 0)) + 1, ew.select(inside, n - k, like(k, 1)), p)
        value = _where(ew.lt(k, like(k, 0)), like(value, none_of), _where(ew.eq(k, n), like(value, all_of), value))
        return _where(ew.and_(_known(n), ew.and_(ew.le(k, n), _probability(p))), value)

    return function


bdtr = _binomial("bdtr", incomplete.betaincc, 1.0, math.nan)
bdtrc = _binomial("bdtrc", incomplete.betainc, 0.0, 1.0)


def bdtri(k: Any, n: Any, y: Any) -> Any:
    """p with bdtr(k, n, p) = y."""
    k, n = ew.floor(k), _count(n, y, "bdtri")
    inside = ew.and_(ew.and_(ew.ge(k, like(k, 0)), ew.lt(k, n)), ew.and_(_known(n), _probability(y)))
    return _where(
        inside, incomplete.betainccinv(ew.select(inside, k, like(k, 0)) + 1, ew.select(inside, n - k, like(k, 1)), y)
    )


def _negative_binomial(name: str, function: Callable) -> Callable:
    def apply(k: Any, n: Any, p: Any) -> Any:
        k, n = _count(k, p, name), _count(n, p, name)
        inside = ew.and_(ew.and_(ew.ge(k, like(k, 0)), ew.gt(n, like(n, 0))), _probability(p))
        inside = ew.and_(inside, ew.and_(_known(k), _known(n)))
        return _where(inside, function(ew.select(inside, n, like(n, 1)), ew.select(inside, k, like(k, 0)) + 1, p))

    return apply


nbdtr = _negative_binomial("nbdtr", incomplete.betainc)
nbdtrc = _negative_binomial("nbdtrc", incomplete.betaincc)
nbdtri = _negative_binomial("nbdtri", incomplete.betaincinv)


def pdtri(k: Any, y: Any) -> Any:
    """m with pdtr(k, m) = y."""
    k = _count(k, y, "pdtri")
    inside = ew.and_(ew.ge(k, like(k, 0)), ew.and_(ew.ge(y, like(y, 0)), ew.lt(y, like(y, 1))))
    inside = ew.and_(inside, _known(k))
    return _where(inside, incomplete.gammainccinv(ew.select(inside, k, like(k, 0)) + 1, y))


# --- inverses that are formulas ---------------------------------------------------------------------------------------


def fdtri(dfn: Any, dfd: Any, p: Any) -> Any:
    """x with fdtr(dfn, dfd, x) = p, from the share of either side."""
    share = incomplete.betaincinv(0.5 * dfn, 0.5 * dfd, p)
    rest = incomplete.betainccinv(0.5 * dfd, 0.5 * dfn, p)
    inside = ew.and_(ew.ge(p, like(p, 0)), ew.and_(ew.isfinite(dfn), ew.isfinite(dfd)))
    return _where(inside, dfd * share / (dfn * rest))


def gdtria(p: Any, b: Any, x: Any) -> Any:
    """a with gdtr(a, b, x) = p."""
    return _where(ew.ne(x, like(x, 0)), incomplete.gammaincinv(b, p) / x)


def gdtrix(a: Any, b: Any, p: Any) -> Any:
    """x with gdtr(a, b, x) = p."""
    finite = ew.and_(ew.isfinite(a), ew.isfinite(b))
    return _where(ew.or_(finite, ew.lt(a, like(a, 0))), incomplete.gammaincinv(b, p) / a)


def _inside(p: Any) -> Any:
    """0 < p < 1."""
    return ew.and_(ew.gt(p, like(p, 0)), ew.lt(p, like(p, 1)))


def nrdtrimn(p: Any, std: Any, x: Any) -> Any:
    """The mean of a normal distribution with P(X < x) = p."""
    return _where(ew.and_(_inside(p), ew.gt(std, like(std, 0))), x - std * error_functions.ndtri(p))


def nrdtrisd(mn: Any, p: Any, x: Any) -> Any:
    """The standard deviation of a normal distribution with P(X < x) = p."""
    return _where(_inside(p), (x - mn) / error_functions.ndtri(p))


# --- polynomials by others of their family ----------------------------------------------------------------------------


def _of_degree(f: Callable, argument: Callable, factor: float = 1.0) -> Callable:
    """Of degree, parameters and argument, where the degree may be an integer."""

    def function(n: Any, *rest: Any) -> Any:
        *parameters, x = rest
        return factor * f(ew.convert(n, dtype=x.dtype), *parameters, argument(x))

    return function


def _half(x: Any) -> Any:
    return 0.5 * x


def _shifted(x: Any) -> Any:
    return 2 * x - 1


def _same(x: Any) -> Any:
    return x


eval_jacobi = _of_degree(orthogonal.eval_jacobi, _same)
eval_gegenbauer = _of_degree(orthogonal.eval_gegenbauer, _same)
eval_legendre = _of_degree(orthogonal.eval_legendre, _same)
eval_chebyt = _of_degree(orthogonal.eval_chebyt, _same)
eval_chebyu = _of_degree(orthogonal.eval_chebyu, _same)
eval_genlaguerre = _of_degree(orthogonal.eval_genlaguerre, _same)
eval_laguerre = _of_degree(orthogonal.eval_laguerre, _same)
eval_hermite = _of_degree(orthogonal.eval_hermite, _same)
eval_hermitenorm = _of_degree(orthogonal.eval_hermitenorm, _same)
eval_chebyc, eval_chebys = _of_degree(orthogonal.eval_chebyt, _half, 2.0), _of_degree(orthogonal.eval_chebyu, _half)
eval_sh_legendre = _of_degree(orthogonal.eval_legendre, _shifted)
eval_sh_chebyt = _of_degree(orthogonal.eval_chebyt, _shifted)
eval_sh_chebyu = _of_degree(orthogonal.eval_chebyu, _shifted)


def eval_sh_jacobi(n: Any, p: Any, q: Any, x: Any) -> Any:
    """The polynomial with leading coefficient 1."""
    n = ew.convert(n, dtype=x.dtype)
    return orthogonal.eval_jacobi(n, p - q, q - 1, 2 * x - 1) / gamma_functions.binom(
        ew.stop(2 * n + p - 1), ew.stop(n)
    )


# --- others -----------------------------------------------------------------------------------------------------------


def jve(v: Any, x: Any) -> Any:
    """For real x, jv itself; NaN for an infinite order, where jv is 0."""
    return _where(ew.isfinite(v), bessel.jv(v, x))


def yve(v: Any, x: Any) -> Any:
    """For real x, yv itself."""
    return bessel.yv(v, x)


def airy(x: Any) -> tuple[Any, ...]:
    """Ai, Ai', Bi, Bi'."""
    return tuple(f(x) for f in (cylinder.airy_0, cylinder.airy_1, cylinder.airy_2, cylinder.airy_3))


def ellipj(u: Any, m: Any) -> tuple[Any, ...]:
    """sn, cn, dn and the amplitude."""
    return tuple(f(u, m) for f in (elliptic.ellipj_0, elliptic.ellipj_1, elliptic.ellipj_2, elliptic.ellipj_3))


def agm(a: Any, b: Any) -> Any:
    """The arithmetic-geometric mean, pi (a + b) / (4 K) for 1 - m = 4 a b / (a + b)^2; NaN where the signs differ."""
    total, signs = a + b, ew.sign(a) * ew.sign(b)
    zero, infinite = ew.eq(total, like(total, 0)), ew.isinf(total)
    plain = ew.not_(ew.or_(zero, infinite))
    a, b = (ew.select(plain, v, like(v, 1)) for v in (a, b))
    value = (0.25 * math.pi) * (a + b) / integrals.ellipkm1(4 * (a / (a + b)) * (b / (a + b)))
    value = ew.select(zero, like(value, 0), ew.select(infinite, ew.stop(total), value))
    allowed = ew.or_(ew.gt(signs, like(signs, 0)), ew.and_(ew.eq(signs, like(signs, 0)), ew.not_(infinite)))
    return _where(allowed, value)


def zetac(x: Any) -> Any:
    """zeta(x) - 1; right of 1 the sum from 2 on."""
    far = ew.eq(x, like(x, math.inf))
    x = ew.select(far, like(x, 1100), x)  # 2^-x is less than any number, and 0 in single precision
    right = ew.gt(x, like(x, 1))
    tail = gamma_functions.zeta(ew.select(right, x, like(x, 2)), like(x, 2))
    return ew.select(right, tail, riemann_zeta(ew.select(right, like(x, 0), x)) - 1)


def radian(d: Any, m: Any, s: Any) -> Any:
    """Degrees, minutes and seconds as an angle."""
    return (math.pi / 180) * (d + m * (1 / 60) + s * (1 / 3600))


def round_(x: Any) -> Any:
    """The nearest whole number."""
    return ew.rint(x)
