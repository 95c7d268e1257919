"""Gamma, its logarithm and its relatives: polygamma, beta, binomial coefficients, the zeta function.

With this module one can compute and differentiate them to any order. Compiled code has its own lgamma, digamma and
polygamma, which vectorize; the others call SciPy's C functions.

Reference: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), chapter 6; https://dlmf.nist.gov/5,
https://dlmf.nist.gov/25.11.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ..core import scalar as sc
from . import elementwise as ew
from .elementwise import like
from .rules import elementwise, nondiff
from .samples import Sample, pairs, points, reals
from .scipy_kernels import element, scipy_function, scipy_special

lgamma = elementwise("lgamma", scipy_special("gammaln"), scalar=sc.lgamma, kinds="f", strong=True, partials=lambda out, x: digamma(x),
                     samples=points(0.2, 1.3, 2.0, 4.4, -0.4, 40.0))
digamma = elementwise("digamma", scipy_special("digamma"), scalar=sc.digamma, kinds="f", strong=True, partials=lambda out, x: polygamma(x, n=1),
                      samples=points(0.3, 1.9, 4.4, -0.4, -1.6))

# --- polygamma --------------------------------------------------------------------------------------------------------

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def _polygamma_impl(x: Any, *, n: int) -> Any:
    """(-1)^(n+1) n! zeta(n + 1, x), as SciPy has it."""
    wide = np.asarray(x, np.float64)
    value = (-1.0) ** (n + 1) * math.factorial(n) * scipy_special("zeta")(n + 1.0, wide)
    return value.astype(x.dtype)[()]


def _polygamma_element(x: sc.Expr, *, n: int) -> sc.Expr:
    """x <= 0 by reflection; a shift by a fixed number of terms, and the asymptotic series."""
    if x.dtype != np.float64:
        return sc.convert(_polygamma_element(sc.convert(x, np.float64), n=n), x.dtype)
    left = x <= 0.0
    value = _polygamma_right(sc.select(left, 1.0 - x, x), n)
    value = sc.select(left, (-1) ** n * value - _cotangent_derivative(x, n), value)
    return sc.select(sc.eq(x, -math.inf), (-1.0) ** (n + 1) * math.inf, value)  # as in SciPy


def _polygamma_right(x: sc.Expr, n: int) -> sc.Expr:
    """sum of n! / (x + i)^(n + 1) over i < count, and the asymptotic series of the rest at y = x + count."""
    count = 10 + n
    total = sc.const(0.0, x.dtype)
    for i in reversed(range(count)):
        total = total + ew._int_power(1.0 / (x + float(i)), n + 1)
    z = 1.0 / (x + float(count))
    square, series = z * z, sc.const(0.0, x.dtype)
    for k in reversed(range(1, len(_BERNOULLI) + 1)):
        series = series * square + _BERNOULLI[k - 1] * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
    rest = math.factorial(n - 1) + z * (math.factorial(n) / 2) + square * series
    return (-1.0) ** (n + 1) * (math.factorial(n) * total + ew._int_power(z, n) * rest)


def _cotangent_derivative(x: sc.Expr, n: int) -> sc.Expr:
    """d^n/dx^n pi cot(pi x), a polynomial in the cotangent: the derivative of c is -pi (1 + c^2)."""
    c = 1.0 / sc.tan(math.pi * (x - sc.rint(x)))
    polynomial = np.polynomial.Polynomial([0.0, math.pi])
    for _ in range(n):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([-math.pi, 0.0, -math.pi])
    value = sc.const(polynomial.coef[-1], x.dtype)
    for coefficient in reversed(polynomial.coef[:-1]):
        value = value * c + float(coefficient)
    return value


polygamma = elementwise(  # of order n >= 1
    "polygamma", _polygamma_impl, scalar=_polygamma_element, kinds="f", strong=True, partials=lambda out, x, *, n: polygamma(x, n=n + 1),
    samples=lambda: [Sample([np.array([0.7, 1.3, 4.0, 20.0, -0.4])], dict(n=1)), Sample([np.array([0.9, 2.0, -1.4])], dict(n=2)), Sample([np.array([3.0])], dict(n=3))])


# --- gamma and beta ------------------------------------------------------------------------------------------------------


def _rgamma_slope(out: Any, x: Any) -> Any:
    """-rgamma(x) digamma(x); to the left by reflection, which has no poles: the derivative of sin(pi x) gamma(1 - x) / pi."""
    left = ew.lt(x, like(x, 0.5))
    y = 1 - ew.select(left, x, like(x, 0.5))
    angle = math.pi * (1 - y)
    reflected = gamma(y) * (ew.cos(angle) - ew.sin(angle) * digamma(y) * (1 / math.pi))
    return ew.select(left, reflected, -out * digamma(ew.select(left, like(x, 1), x)))


gamma = scipy_function("gamma", lambda out, x: out * digamma(x), points(0.3, 2.0, 3.7, -0.4, -1.3))
rgamma = scipy_function("rgamma", _rgamma_slope, points(0.3, 2.0, 3.7, -0.4, 0.0, -2.0))
gammasgn = elementwise("gammasgn", scipy_special("gammasgn"), scalar=element("gammasgn", 1), kinds="f", partials=nondiff, samples=reals(-3.2, 3))
betaln = scipy_function("betaln", (lambda out, a, b: digamma(a) - digamma(a + b), lambda out, a, b: digamma(b) - digamma(a + b)), pairs(0.3, 3))
beta = scipy_function("beta", (lambda out, a, b: out * (digamma(a) - digamma(a + b)), lambda out, a, b: out * (digamma(b) - digamma(a + b))), pairs(0.3, 3))
poch = scipy_function("poch", (lambda out, a, m: out * (digamma(a + m) - digamma(a)), lambda out, a, m: out * digamma(a + m)), pairs(0.3, 3))
binom = scipy_function("binom", samples=lambda: [Sample([np.array([5.2, 3.1, 4.0]), np.array([2.3, 3.1, 2.0])])], partials=(
    lambda out, n, k: out * (digamma(n + 1) - digamma(n - k + 1)), lambda out, n, k: out * (digamma(n - k + 1) - digamma(k + 1))))

# --- the zeta function of Hurwitz --------------------------------------------------------------------------------------------

_SHIFT, _TERMS = 12, 9


@cache
def _tail(j: int) -> tuple[tuple[float, ...], ...]:
    """For each term of Euler and Maclaurin: the coefficients of d^i/ds^i of the product s (s + 1) ... (s + 2 k - 2) B / (2k)!,
    i = 0 ... j.
    """
    out = []
    for k in range(1, _TERMS + 1):
        polynomial = np.polynomial.Polynomial([_BERNOULLI[k - 1] / math.factorial(2 * k)])
        for m in range(2 * k - 1):
            polynomial = polynomial * np.polynomial.Polynomial([float(m), 1.0])
        out.append(tuple(tuple(polynomial.deriv(i).coef) if i else tuple(polynomial.coef) for i in range(j + 1)))
    return tuple(out)


def _zeta_order(s: Any, q: Any, *, j: int) -> Any:
    """d^j/ds^j zeta(s, q) by the formula of Euler and Maclaurin, for s >= 0 and q > 0; written with numbers, arrays or
    expressions alike.
    """
    exp, log = (sc.exp, sc.log) if isinstance(s, sc.Expr) else (np.exp, np.log)
    y = q + float(_SHIFT)
    l, r = log(y), 1.0 / (s - 1.0)
    total: Any = 0.0 * s
    for i in reversed(range(_SHIFT)):
        t = log(q + float(i))
        total = total + (-1.0) ** j * _whole_power(t, j) * exp(-s * t)
    base = exp(-s * l)
    # y^(1-s) / (s - 1) and y^-s / 2, each differentiated j times by the rule of Leibniz.
    head = sum(math.comb(j, i) * _whole_power(-l, j - i) * (-1.0) ** i * math.factorial(i) * _whole_power(r, i + 1) for i in range(j + 1))
    total = total + base * (y * head + 0.5 * _whole_power(-l, j))
    power = base / y
    for by_order in _tail(j):
        total = total + power * sum(math.comb(j, i) * _horner(by_order[i], s) * _whole_power(-l, j - i) for i in range(j + 1))
        power = power / (y * y)
    return total


def _whole_power(x: Any, n: int) -> Any:
    value: Any = 1.0
    for _ in range(n):
        value = x * value
    return value


def _horner(coefficients: tuple[float, ...], s: Any) -> Any:
    value: Any = 0.0 * s
    for c in reversed(coefficients):
        value = value * s + float(c)
    return value


def _zeta_s_impl(s: Any, q: Any, *, j: int) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(_zeta_order(np.asarray(s, np.float64), np.asarray(q, np.float64), j=j), s.dtype)[()]


def _zeta_s_element(s: sc.Expr, q: sc.Expr, *, j: int) -> sc.Expr:
    return sc.convert(_zeta_order(sc.convert(s, np.float64), sc.convert(q, np.float64), j=j), s.dtype)


_above_one = lambda j: [Sample([np.array([1.5, 2.0, 3.3, 8.0]), np.array([0.6, 2.0, 1.0, 5.0])], dict(j=j) if j else {})]
zeta = scipy_function("zeta", (lambda out, s, q: zeta_s(s, q, j=1), lambda out, s, q: -s * zeta(s + 1, q)), lambda: _above_one(0))
zeta_s = elementwise(  # d^j zeta / ds^j
    "zeta_s", _zeta_s_impl, scalar=_zeta_s_element, kinds="f", strong=True, samples=lambda: [*_above_one(1), Sample([np.array([0.4]), np.array([1.0])], dict(j=0))],
    partials=(lambda out, s, q, *, j: zeta_s(s, q, j=j + 1), lambda out, s, q, *, j: _zeta_s_slope(s, q, j)))


def _zeta_s_slope(s: Any, q: Any, j: int) -> Any:
    """d/dq: the j-th derivative of -s zeta(s + 1, q)."""
    slope = -s * zeta_s(s + 1, q, j=j)
    return slope - j * zeta_s(s + 1, q, j=j - 1) if j else slope


__all__ = ["beta", "betaln", "binom", "digamma", "gamma", "gammasgn", "lgamma", "poch", "polygamma", "rgamma", "zeta", "zeta_s"]
