"""Incomplete gamma and beta functions, with derivatives in every argument, and their inverses.

With this module one can compute P(a, x), Q(a, x), I_x(a, b) by SciPy's C functions, and differentiate them in the shape
parameters. The derivatives of P in a are ops of their own, `gammainc_a` with the order as parameter, and so are those
of I, `betainc_ab`: everything else follows from two densities. Each of these is an integral of the density times a
polynomial in its logarithmic derivatives, over the tail in which the first of them has one sign, so that it has nearly
full relative precision; Gauss's formula on the piece of the tail that matters takes 32 or 48 points (`_tail_end`).

    P(a, x) = x^a e^-x / Gamma(a + 1) + P(a + 1, x): the integrals are those of a + 1 on the left, where small a would
    cancel; and on the left x < a + 1/2.

Reference: https://dlmf.nist.gov/8.8.5, 8.17.20; E. Schlaefli's substitution t = x exp(-s).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from . import elementwise as ew
from . import layout, reduction
from .elementwise import like
from .gamma_functions import betaln, digamma, lgamma, polygamma
from .rules import elementwise
from .samples import Sample, both, pairs
from .scipy_kernels import scipy_function

DROP = 45.0  # where the integrand has fallen by exp(-45), the integral ends
NEWTON_STEPS = 3

# --- densities ----------------------------------------------------------------------------------------------------------------


def _stirling(a: Any) -> Any:
    """log Gamma(a + 1) - (a + 1/2) log a + a - log(2 pi) / 2 for a >= 10."""
    z = 1.0 / a
    square = z * z
    total: Any = 0.0 * square
    for c in reversed((1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)):
        total = total * square + c
    return total * z


def _excess(m: sc.Expr) -> sc.Expr:
    """log(1 + m) - m for |m| < 0.4 without cancellation: -r m + 2 r^3 (1/3 + r^2 / 5 + ...) with r = m / (2 + m)."""
    r = m / (2.0 + m)
    square, total = r * r, sc.const(0.0, m.dtype)
    for k in reversed(range(12)):
        total = total * square + 1 / (2 * k + 3)
    return 2.0 * (r * square * total) - r * m


def _gamma_density_element(a: sc.Expr, x: sc.Expr) -> sc.Expr:
    """x^(a - 1) e^-x / Gamma(a); for a >= 10 with the exponent a (log(x / a) + 1 - x / a), which does not cancel."""
    if a.dtype != np.float64:
        return sc.convert(_gamma_density_element(sc.convert(a, np.float64), sc.convert(x, np.float64)), a.dtype)
    large = a >= 10.0
    small_a, large_a = sc.select(large, 1.0, a), sc.select(large, a, 10.0)
    m = (x - large_a) / large_a
    near = abs(m) < 0.4
    excess = sc.select(near, _excess(sc.select(near, m, 0.0)), sc.log(x / large_a) - m)
    by_stirling = large_a * excess - 0.5 * sc.log(2 * math.pi * large_a) - _stirling(large_a) + sc.log(large_a / x)
    below_one = sc.select(sc.eq(small_a, 1.0), 0.0, (small_a - 1.0) * sc.log(x))
    value = sc.exp(sc.select(large, by_stirling, below_one - x - sc.lgamma(small_a)))
    return sc.select(sc.eq(x, 0.0) & (a > 1.0), 0.0, value)


def _beta_density_element(a: sc.Expr, b: sc.Expr, x: sc.Expr, log_beta: sc.Expr) -> sc.Expr:
    left = sc.select(sc.eq(a, 1.0), 0.0, (a - 1.0) * sc.log(x))
    right = sc.select(sc.eq(b, 1.0), 0.0, (b - 1.0) * sc.log1p(-x))
    return sc.exp(left + right - log_beta)


def _by_expression(f: Callable) -> Callable:
    """The NumPy meaning of an op that is given by its expression alone."""

    def impl(*args: Any) -> Any:
        names = [f"x{k}" for k in range(len(args))]
        tree = f(*[sc.sym(n, x.dtype) for n, x in zip(names, args)])
        return np.asarray(sc.evaluate(tree, dict(zip(names, args))))[()]

    return impl


def _gamma_density_x(out: Any, a: Any, x: Any) -> Any:
    """p ((a - 1) / x - 1); at 0, where that is 0 times infinity for a > 1, (a - 1) x^(a - 2) / Gamma(a)."""
    zero = ew.eq(x, like(x, 0))
    safe = ew.select(zero, like(x, 1), x)
    at_zero = ew.select(ew.eq(a, like(a, 1)), like(a, -1), (a - 1) * ew.power(like(x, 0), ew.select(zero, a - 2, like(a, 1))) * ew.exp(-lgamma(a)))
    return ew.select(zero, at_zero, out * ((a - 1 - x) / safe))


gamma_density = elementwise(
    "gamma_density", _by_expression(_gamma_density_element), scalar=_gamma_density_element, kinds="f", strong=True,
    samples=both(pairs(0.3, 3), lambda: [Sample([np.array([10.5, 60.0, 400.0, 30.0]), np.array([8.0, 61.0, 380.0, 55.0])])]),
    partials=(lambda out, a, x: out * (ew.log(x) - digamma(a)), _gamma_density_x))


def _beta_log_slopes(a: Any, b: Any, x: Any) -> tuple[Any, Any, Any]:
    both_ = digamma(a + b)
    return ew.log(x) - digamma(a) + both_, ew.log1p(-x) - digamma(b) + both_, (a - 1) / x - (b - 1) / (1 - x)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b)."""
    return beta_kernel(a, b, x, betaln(a, b))


beta_kernel = elementwise(  # the density from the logarithm of B(a, b)
    "beta_kernel", _by_expression(_beta_density_element), scalar=_beta_density_element, kinds="f", strong=True,
    samples=lambda: [Sample([np.array([0.7, 2.0, 1.0]), np.array([1.3, 2.0, 0.4]), np.array([0.2, 0.6, 0.5]), np.array([0.1, -0.4, 0.3])])],
    partials=(lambda out, a, b, x, l: out * ew.log(x), lambda out, a, b, x, l: out * ew.log1p(-x),
              lambda out, a, b, x, l: out * ((a - 1) / x - (b - 1) / (1 - x)), lambda out, a, b, x, l: -out))

# --- integrals -------------------------------------------------------------------------------------------------------------------


@cache
def _nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's points on [0, 1] and their weights, closer together near 0: s = v^2."""
    points, weights = np.polynomial.legendre.leggauss(count)
    v = (points + 1) / 2
    return v * v, weights * v


def _spread(x: Any, count: int) -> Any:
    """With a new last axis of equal elements."""
    return layout.broadcast(x, shape=(*x.shape, count), dims=tuple(range(len(x.shape))))


def _along(values: np.ndarray, x: Any) -> Any:
    """Constants along the last axis of x."""
    return layout.broadcast(values.astype(x.dtype), shape=tuple(x.shape), dims=(len(x.shape) - 1,))


def _integral(end: Any, count: int, integrand: Callable) -> Any:
    """The integral from 0 to `end` of a function of s."""
    points, weights = _nodes(count)
    wide = _spread(end, count)
    values = integrand(wide * _along(points, wide)) * _along(weights, wide)
    return end * reduction.reduce_sum(values, axes=(len(wide.shape) - 1,))


def _mixed(g: dict[tuple[int, int], Any], j: int, k: int) -> Any:
    """(d/da)^j (d/db)^k e^G over e^G, from the derivatives g of G: by the rule of Leibniz for (e^G)' = G' e^G."""
    if j == k == 0:
        return None
    total = None
    ranges = [(p, q, math.comb(j - 1, p) * math.comb(k, q)) for p in range(j) for q in range(k + 1)] if j else [
        (0, q, math.comb(k - 1, q)) for q in range(k)]  # fmt: skip
    for p, q, count in ranges:
        factor = g[p + 1, q] if j else g[0, q + 1]
        rest = _mixed(g, j - 1 - p, k - q) if j else _mixed(g, 0, k - 1 - q)
        term = count * factor if rest is None else count * (factor * rest)
        total = term if total is None else total + term
    return total


def _psi(n: int, x: Any) -> Any:
    return polygamma(x, n=n) if n else digamma(x)


def in_double(f: Callable) -> Callable:
    """Computed in double precision, whatever the operands are."""

    def compute(*args: Any, **params: Any) -> Any:
        if args[0].dtype == np.float64:
            return f(*args, **params)
        out = f(*[ew.convert(x, dtype=np.dtype(np.float64)) for x in args], **params)
        return ew.convert(out, dtype=args[0].dtype)

    return compute


def _quiet(f: Callable) -> Callable:
    def impl(*args: Any, **params: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(*args, **params)

    return impl


# --- the incomplete gamma function ------------------------------------------------------------------------------------------------


def _gamma_logs(a: Any, log: Any, k: int) -> dict[tuple[int, int], Any]:
    """The derivatives in a of (a - 1) log t - log Gamma(a), given log t - digamma(a)."""
    wide = (lambda v: v) if log.shape == a.shape else (lambda v: _spread(v, log.shape[-1]))
    return {(1, 0): log, **{(n, 0): wide(-_psi(n - 1, a)) for n in range(2, k + 1)}}


def _gamma_tail(a: Any, x: Any, sign: Any) -> Any:
    """Where the exponent a s - x (e^s - 1) of the right tail (sign 1), or its mirror image (-1), has fallen by DROP.

    Newton's method on a convex function, from a point beyond the root.
    """
    distance = ew.abs_(a - x)
    right = 2 * DROP / (distance + ew.sqrt(distance * distance + 2 * DROP * x))
    end = ew.select(ew.gt(sign, like(sign, 0)), right, (DROP + x) / a)
    for _ in range(NEWTON_STEPS):
        e = ew.expm1(sign * end)
        end = end + (DROP - (x * e - sign * (a * end))) / (sign * (x * (e + 1) - a))
    return end


@in_double
def _gammainc_a(a: Any, x: Any, *, k: int) -> Any:
    """(d/da)^k P(a, x) for k >= 1."""
    ends = ew.or_(ew.eq(x, like(x, 0)), ew.isinf(x))
    x = ew.select(ends, like(x, 1), x)
    left = ew.lt(x, a + 0.5)
    sign = ew.select(left, like(a, -1), like(a, 1))
    shape = ew.select(left, a + 1, a)
    log = ew.log(x) - digamma(shape)

    def integrand(s: Any) -> Any:
        wide_sign, count = _spread(sign, s.shape[-1]), s.shape[-1]
        exponent = wide_sign * (_spread(shape, count) * s) - _spread(x, count) * ew.expm1(wide_sign * s)
        return ew.exp(exponent) * _mixed(_gamma_logs(shape, _spread(log, count) + wide_sign * s, k), k, 0)

    total = _integral(_gamma_tail(shape, x, sign), 32, integrand)
    first = _mixed(_gamma_logs(shape, log, k), k, 0)
    density = gamma_density(a, x)
    value = density * x * ew.select(left, (first + x * total) / a, -total)
    return ew.select(ends, like(value, 0), value)


def _gammainc_a_x(out: Any, a: Any, x: Any, *, k: int) -> Any:
    """The k-th derivative of the density in a."""
    return gamma_density(a, x) * _mixed(_gamma_logs(a, ew.log(x) - digamma(a), k), k, 0)


_gamma_points = lambda: [Sample([np.array([0.4, 1.0, 2.5, 2.0, 7.0]), np.array([0.3, 1.7, 2.5, 5.0, 6.0])])]
gammainc = scipy_function("gammainc", (lambda out, a, x: gammainc_a(a, x, k=1), lambda out, a, x: gamma_density(a, x)), _gamma_points)
gammaincc = scipy_function("gammaincc", (lambda out, a, x: -gammainc_a(a, x, k=1), lambda out, a, x: -gamma_density(a, x)), _gamma_points)
gammainc_a = elementwise(
    "gammainc_a", _quiet(_gammainc_a), kinds="f", strong=True, samples=lambda: [Sample(_gamma_points()[0].args, dict(k=1))],
    partials=(lambda out, a, x, *, k: gammainc_a(a, x, k=k + 1), _gammainc_a_x))
gammainc_a.lower = lowering.Compose(_gammainc_a)


def _moved(change: Any, density: Any) -> Any:
    """The derivative of a quantile in a parameter; 0 at the ends, which stay where they are."""
    still = ew.eq(change, like(change, 0))
    return ew.select(still, like(change, 0), -change / ew.select(still, like(change, 1), density))


_quantiles = lambda: [Sample([np.array([0.6, 1.0, 2.5, 0.7]), np.array([0.3, 0.8, 0.5, 0.7])])]
gammaincinv = scipy_function("gammaincinv", samples=_quantiles, partials=(
    lambda out, a, p: _moved(gammainc_a(a, out, k=1), gamma_density(a, out)), lambda out, a, p: 1 / gamma_density(a, out)))
gammainccinv = scipy_function("gammainccinv", samples=_quantiles, partials=(
    lambda out, a, q: _moved(gammainc_a(a, out, k=1), gamma_density(a, out)), lambda out, a, q: -1 / gamma_density(a, out)))

# --- the incomplete beta function ---------------------------------------------------------------------------------------------------


def _beta_logs(a: Any, b: Any, both_: Any, log_t: Any, log_1mt: Any, order: int) -> dict[tuple[int, int], Any]:
    """The mixed derivatives in a and b of a log t + b log(1 - t) - log B(a, b); `both_` is what stands for a + b."""
    wide = (lambda v: v) if log_t.shape == a.shape else (lambda v: _spread(v, log_t.shape[-1]))
    out = {}
    for p in range(order + 1):
        for q in range(order + 1 - p):
            if p + q:
                value = _psi(p + q - 1, both_)
                value = value - _psi(p - 1, a) if q == 0 else value - _psi(q - 1, b) if p == 0 else value
                log = {(1, 0): log_t, (0, 1): log_1mt}.get((p, q))
                out[p, q] = wide(value) if log is None else wide(value) + log
    return out


def _beta_tail(a: Any, b: Any, x: Any, odds: Any) -> Any:
    """Where -a s + (b - 1) log((1 - x e^-s) / (1 - x)) has fallen by DROP; Newton's method, where that is concave."""
    more = ew.maximum(b - 1, like(b, 0))
    end = (DROP + more * ew.log1p(odds)) / a
    for _ in range(NEWTON_STEPS):
        e = ew.exp(-end)
        fallen = a * end - more * ew.log1p(-odds * ew.expm1(-end))
        end = end + (DROP - fallen) / (a - more * (x * e / (1 - x * e)))
    return end


def _swapped(condition: Any, x: Any, y: Any) -> tuple[Any, Any]:
    return ew.select(condition, y, x), ew.select(condition, x, y)


@in_double
def _betainc_ab(a: Any, b: Any, x: Any, *, j: int, k: int) -> Any:
    """(d/da)^j (d/db)^k I_x(a, b) for j + k >= 1: by I_x(a, b) = 1 - I_(1-x)(b, a) always the left tail."""
    ends = ew.or_(ew.le(x, like(x, 0)), ew.ge(x, like(x, 1)))
    x = ew.select(ends, like(x, 0.5), x)
    right = ew.gt(x, (a + 1) / (a + b + 2))
    p, q = _swapped(right, a, b)
    t, rest = _swapped(right, x, 1 - x)
    log_t, log_rest, odds = ew.log(t), ew.log(rest), t / rest

    def polynomial(both_: Any, log_now: Any, log_rest_now: Any) -> Any:
        g = _beta_logs(p + 1, q, both_, log_now, log_rest_now, j + k)
        mirrored = {(m, n): g[n, m] for m, n in g}
        if all(g[m, n] is mirrored[m, n] for m, n in g):
            return _mixed(g, j, k)
        wide = right if log_now.shape == right.shape else _spread(right, log_now.shape[-1])
        return ew.select(wide, _mixed(mirrored, j, k), _mixed(g, j, k))

    def integrand(s: Any) -> Any:
        count = s.shape[-1]
        gain = ew.log1p(-_spread(odds, count) * ew.expm1(-s))
        exponent = _spread(q - 1, count) * gain - _spread(p + 1, count) * s
        return ew.exp(exponent) * polynomial(p + q + 1, _spread(log_t, count) - s, _spread(log_rest, count) + gain)

    total = _integral(_beta_tail(p + 1, q, t, odds), 48, integrand)
    first = polynomial(p + q, log_t, log_rest)
    value = ew.exp(p * log_t + q * log_rest - betaln(a, b)) / p * (first + odds * (p + q) * total)
    value = ew.select(right, -value, value)
    return ew.select(ends, like(value, 0), value)


def _betainc_ab_x(out: Any, a: Any, b: Any, x: Any, *, j: int, k: int) -> Any:
    """The derivatives of the density."""
    return beta_density(a, b, x) * _mixed(_beta_logs(a, b, a + b, ew.log(x), ew.log1p(-x), j + k), j, k)


_beta_points = lambda: [Sample([np.array([0.4, 1.0, 2.5, 2.0]), np.array([1.3, 0.6, 2.5, 5.0]), np.array([0.2, 0.9, 0.5, 0.3])])]


def _of_betainc(sign: float) -> tuple[Callable, ...]:
    return (lambda out, a, b, x: sign * betainc_ab(a, b, x, j=1, k=0), lambda out, a, b, x: sign * betainc_ab(a, b, x, j=0, k=1),
            lambda out, a, b, x: sign * beta_density(a, b, x))


def _of_inverse(sign: float) -> tuple[Callable, ...]:
    """By the implicit function rule at x = out; at the ends, which stay where they are, 0 in the parameters."""

    def slope(j: int, k: int) -> Callable:
        return lambda out, a, b, y: _moved(betainc_ab(a, b, out, j=j, k=k), beta_density(a, b, out))

    return slope(1, 0), slope(0, 1), lambda out, a, b, y: sign / beta_density(a, b, out)


betainc = scipy_function("betainc", _of_betainc(1.0), _beta_points)
betaincc = scipy_function("betaincc", _of_betainc(-1.0), _beta_points)
betainc_ab = elementwise(
    "betainc_ab", _quiet(_betainc_ab), kinds="f", strong=True, samples=lambda: [Sample(_beta_points()[0].args, dict(j=1, k=0)), Sample(_beta_points()[0].args, dict(j=0, k=1))],
    partials=(lambda out, a, b, x, *, j, k: betainc_ab(a, b, x, j=j + 1, k=k), lambda out, a, b, x, *, j, k: betainc_ab(a, b, x, j=j, k=k + 1), _betainc_ab_x))
betainc_ab.lower = lowering.Compose(_betainc_ab)
betaincinv = scipy_function("betaincinv", _of_inverse(1.0), _beta_points)
betainccinv = scipy_function("betainccinv", _of_inverse(-1.0), _beta_points)

# --- distributions of gamma and F variables -----------------------------------------------------------------------------------------


def _of_gdtr(sign: float) -> tuple[Callable, ...]:
    """The chain rule for gammainc(b, a x); nothing depends on anything left of 0."""

    def chain(slope: Callable) -> Callable:
        def partial(out: Any, a: Any, b: Any, x: Any) -> Any:
            inside = ew.ge(x, like(x, 0))
            point = ew.select(inside, x, like(x, 1))
            return ew.select(inside, sign * slope(a, b, point, ew.strong_product(a, point)), like(x, 0))

        return partial

    return (chain(lambda a, b, x, ax: ew.strong_product(gamma_density(b, ax), x)), chain(lambda a, b, x, ax: gammainc_a(b, ax, k=1)),
            chain(lambda a, b, x, ax: ew.strong_product(gamma_density(b, ax), a)))


def _shares(dfn: Any, dfd: Any, x: Any) -> tuple[Any, Any]:
    """q / (1 + q) and 1 / (1 + q) for q = dfn x / dfd."""
    ratio = ew.strong_product(1 / dfd, ew.strong_product(dfn, x))
    rest = 1 / (1 + ratio)
    return ew.select(ew.eq(rest, like(x, 0)), like(x, 1), ew.strong_product(rest, ratio)), rest


def _of_fdtr(upper: bool) -> tuple[Callable, ...]:
    """The chain rule for betainc(dfn / 2, dfd / 2, q / (1 + q)), or, for the upper tail, for betainc(dfd / 2, dfn / 2, 1 / (1 + q))."""
    sign = -1.0 if upper else 1.0

    def chain(slope: Callable) -> Callable:
        def partial(out: Any, dfn: Any, dfd: Any, x: Any) -> Any:
            inside = ew.and_(ew.and_(ew.gt(dfn, like(x, 0)), ew.gt(dfd, like(x, 0))), ew.ge(x, like(x, 0)))
            dfn, dfd, x = (ew.select(inside, v, like(v, 1)) for v in (dfn, dfd, x))
            share, rest = _shares(dfn, dfd, x)
            ab = (0.5 * dfd, 0.5 * dfn, rest) if upper else (0.5 * dfn, 0.5 * dfd, share)
            return ew.select(inside, slope(dfn, dfd, x, ab, ew.square(rest)), like(x, 0))

        return partial

    def by_share(ab: Any, share_slope: Any) -> Any:
        return sign * ew.strong_product(beta_density(*ab), share_slope)

    def by_shape(ab: Any, k: int) -> Any:
        return 0.5 * betainc_ab(*ab, j=1 - k, k=k)

    return (chain(lambda dfn, dfd, x, ab, r: by_shape(ab, int(upper)) + by_share(ab, ew.strong_product(x, r) / dfd)),
            chain(lambda dfn, dfd, x, ab, r: by_shape(ab, int(not upper)) - by_share(ab, ew.strong_product(x, r) * (dfn / dfd) / dfd)),
            chain(lambda dfn, dfd, x, ab, r: by_share(ab, r * (dfn / dfd))))


_gamma_rates = lambda: [Sample([np.array([0.4, 1.0, 2.5, 2.0]), np.array([0.3, 1.7, 2.5, 1.0]), np.array([1.2, 0.3, 1.1, 0.7])])]
gdtr = scipy_function("gdtr", _of_gdtr(1.0), _gamma_rates)
gdtrc = scipy_function("gdtrc", _of_gdtr(-1.0), _gamma_rates)
fdtr = scipy_function("fdtr", _of_fdtr(False), _gamma_rates)
fdtrc = scipy_function("fdtrc", _of_fdtr(True), _gamma_rates)

__all__ = ["beta_density", "beta_kernel", "betainc", "betainc_ab", "betaincc", "betainccinv", "betaincinv", "fdtr", "fdtrc", "gamma_density", "gammainc", "gammainc_a", "gammaincc", "gammainccinv", "gammaincinv", "gdtr", "gdtrc", "in_double"]
