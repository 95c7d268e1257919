"""Exponentials, logarithms, hyperbolic functions and powers as instructions.

With this module one can expand any of them for a float64 or float32 expression. Errors are below 2 ulp;
tests/compile/test_vecmath.py measures them against mpmath.

Reference: J.-M. Muller, "Elementary Functions: Algorithms and Implementation", 3rd ed., Birkhaeuser 2016.
"""

from __future__ import annotations

from ..core.scalar import Expr, const, copysign, eq, fma, ne, rint, select, sqrt
from .vecmath_core import (
    above,
    below,
    exp2_integer,
    exp_reduce,
    fast_two_sum,
    format_of,
    log_finish,
    log_reduce,
    polynomial,
    round_with_bits,
    scale,
    two_product,
)

_INF, _NAN = float("inf"), float("nan")


def exp(x: Expr) -> Expr:
    """e**x."""
    low, high = format_of(x).exp_range
    clamped = below(above(x, low), high)
    return scale(clamped, *exp_reduce(clamped))


def exp2(x: Expr) -> Expr:
    """2**x; the reduction is exact."""
    f = format_of(x)
    clamped = below(above(x, -2.0 * f.bias), 1.0 + f.bias)
    n, bits = round_with_bits(clamped)
    r = clamped - n
    return scale(clamped, bits, r * polynomial("exp2", r))


def expm1(x: Expr) -> Expr:
    """e**x - 1 without cancellation: 2**n p + (2**n - 1), halved while 2**n might overflow."""
    f = format_of(x)
    clamped = below(above(x, -1.0 * f.digits), f.exp_range[1])
    bits, p = exp_reduce(clamped)
    half = exp2_integer(x, bits, -1)
    y = fma(half, p, half - 0.5)
    return select(abs(x) < 2.0 ** (-f.digits - 2), x, y + y)


def _log_tail(f: Expr) -> tuple[Expr, Expr]:
    """(h, t) with log(1 + f) = f - (h - t) and h = f**2 / 2 the larger; the division makes s = f / (2 + f) small."""
    s = f / (f + 2.0)
    z, h = s * s, (f * 0.5) * f
    return h, s * fma(z, polynomial("log", z), h)


def log(x: Expr) -> Expr:
    """Natural logarithm."""
    c = format_of(x)
    k, f = log_reduce(x)
    h, t = _log_tail(f)
    return log_finish(x, fma(k, c.ln2[0], f - (h - fma(k, c.ln2[1], t))))


def _log_scaled(x: Expr, base: tuple[float, float], exponent: tuple[float, float]) -> Expr:
    """log(x) times a constant `base`, with `exponent` the logarithm of two; both are sums of two numbers.

    The largest part is added last, so that results which are integers come out exact.
    """
    k, f = log_reduce(x)
    h, t = _log_tail(f)
    low = fma(f, base[1], (t - h) * base[0])
    if exponent[1]:
        low = fma(k, exponent[1], low)
    return log_finish(x, fma(k, exponent[0], fma(f, base[0], low)))


def log2(x: Expr) -> Expr:
    """Logarithm to base two, exact for powers of two."""
    return _log_scaled(x, format_of(x).inverse_ln2, (1.0, 0.0))


def log10(x: Expr) -> Expr:
    """Logarithm to base ten."""
    c = format_of(x)
    return _log_scaled(x, c.inverse_ln10, c.log10_of_2)


def log1p(x: Expr) -> Expr:
    """log(1 + x): the rounding error of 1 + x is added to the result to first order."""
    c = format_of(x)
    u = x + 1.0
    k, f = log_reduce(u)
    near = eq(k, 0.0)  # here x itself is the reduced argument
    lost = select(x > 1.0, 1.0 - (u - x), x - (u - 1.0)) / u
    correction = select(near, 0.0, lost)
    f = select(near, x, f)
    h, t = _log_tail(f)
    y = fma(k, c.ln2[0], f - (h - (fma(k, c.ln2[1], correction) + t)))
    return select(abs(x) < 2.0 ** (-c.digits - 2), x, log_finish(u, y))


def sinh(x: Expr) -> Expr:
    """(E + E / (E + 1)) / 2 with E = expm1(|x|), a quarter of everything to delay the overflow."""
    f = format_of(x)
    a = abs(x)
    bits, p = exp_reduce(below(a, f.cosh_limit))
    quarter = exp2_integer(x, bits, -2)
    e = fma(quarter, p, quarter - 0.25)
    y = e + e / fma(e, 4.0, 1.0)
    return select(a < 2.0 ** (-f.digits // 2), x, copysign(y + y, x))


def cosh(x: Expr) -> Expr:
    """(e**|x| + e**-|x|) / 2, a quarter of everything to delay the overflow."""
    f = format_of(x)
    bits, p = exp_reduce(below(abs(x), f.cosh_limit))
    quarter = exp2_integer(x, bits, -2)
    e = fma(quarter, p, quarter)
    y = e + 0.0625 / e
    return y + y


def tanh(x: Expr) -> Expr:
    """E / (E + 2) with E = expm1(2 |x|)."""
    f = format_of(x)
    a = below(abs(x), 0.5 * f.digits)
    bits, p = exp_reduce(a + a)
    power_of_two = exp2_integer(x, bits)
    e = fma(power_of_two, p, power_of_two - 1.0)
    return copysign(e / (e + 2.0), x)


def arcsinh(x: Expr) -> Expr:
    """log1p(a + a**2 / (1 + sqrt(1 + a**2))) with a = |x|; log(a) + log(2) where the square would lose the one."""
    f = format_of(x)
    a = abs(x)
    large = a > 2.0 ** (f.digits // 2 + 2)
    square = a * a
    argument = select(large, a - 1.0, a + square / (sqrt(square + 1.0) + 1.0))
    return copysign(log1p(argument) + select(large, const(f.ln2[0], x.dtype), 0.0), x)


def arccosh(x: Expr) -> Expr:
    """log1p(t + sqrt(t (t + 2))) with t = x - 1; log(x) + log(2) for large x."""
    f = format_of(x)
    t = x - 1.0
    large = x > 2.0 ** (f.digits // 2 + 2)
    y = log1p(select(large, t, t + sqrt(t * (t + 2.0)))) + select(large, const(f.ln2[0], x.dtype), 0.0)
    return select(x < 1.0, _NAN, y)


def arctanh(x: Expr) -> Expr:
    """log1p(2 a / (1 - a)) / 2 with a = |x|."""
    a = abs(x)
    return copysign(log1p((a + a) / (1.0 - a)) * 0.5, x)


def _log_double(a: Expr) -> tuple[Expr, Expr]:
    """log(a) for finite a > 0 as an unevaluated sum with about ten more bits than one number has.

    log(1 + f) = 2 s + s**3 (2/3 + ...) with s = f / (2 + f); s, s**2, s**3 and 2/3 are kept as pairs.
    """
    c = format_of(a)
    k, f = log_reduce(a)
    u = f + 2.0
    inverse = 1.0 / u
    s = f * inverse
    s_low = (fma(-s, u, f) - s * (f - (u - 2.0))) * inverse
    z, z_error = two_product(s, s)
    z_low = fma(s + s, s_low, z_error)
    two_thirds = const(2 / 3, a.dtype)
    r, r_error = fast_two_sum(two_thirds, z * polynomial("log_tail", z))
    numerator = int(float(two_thirds.args[0]) * 2.0**53)  # exact, as are the integers that follow
    r_low = r_error + (2**54 - 3 * numerator) / (3 * 2**53)
    q, q_error = two_product(s, z)
    q_low = fma(s, z_low, fma(s_low, z, q_error))
    v, v_error = two_product(q, r)
    v_low = fma(q, r_low, fma(q_low, r, v_error))
    first, first_error = fast_two_sum(k * c.ln2_short[0], s + s)
    second, second_error = fast_two_sum(first, v)
    low = fma(k, c.ln2_short[1], v_low + (s_low + s_low) + (first_error + second_error))
    return fast_two_sum(second, low)


def _power_magnitude(a: Expr, y: Expr) -> Expr:
    """a**y for a >= 0 as exp(y log a), the product kept as a pair."""
    c = format_of(a)
    high, low = _log_double(a)
    high = select(a < _INF, select(eq(a, 0.0), -_INF, high), a)
    y = select(eq(a, 1.0) & eq(abs(y), _INF), 1.0, y)
    e = y * high
    bottom, top = c.exp_range
    inside = (e > bottom) & (e < top)
    e_low = select(inside, fma(y, high, -e) + y * low, 0.0)
    e = below(above(e, bottom), top)
    return scale(e, *exp_reduce(e, e_low))


def power(x: Expr, y: Expr) -> Expr:
    """x**y with the special cases of C's pow (IEEE 754, section 9.2.1)."""
    magnitude = _power_magnitude(abs(x), y)
    half = y * 0.5
    integer = eq(rint(y), y)
    odd = integer & ne(rint(half), half)
    negative = copysign(const(1.0, x.dtype), x) < 0.0
    signed = select(negative & odd, -magnitude, magnitude)
    invalid = (x < 0.0) & (x > -_INF) & ~integer
    trivial = eq(x, 1.0) | eq(y, 0.0)
    return select(trivial, 1.0, select(invalid, _NAN, signed))
