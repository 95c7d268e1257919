"""Trigonometric functions and their inverses, cube root and hypotenuse as instructions.

With this module one can expand any of them for a float64 or float32 expression. Errors are below 3 ulp. sin, cos, tan
subtract a multiple of pi in three fma, which is exact enough up to `angle_limit` (2**27, or 2**15 for float32); larger
angles, which need hundreds of bits of pi, take a rare path through the C library (see `scalar.beyond`).

Reference: J.-M. Muller, "Elementary Functions: Algorithms and Implementation", 3rd ed., Birkhaeuser 2016, chapter 11.
"""

from __future__ import annotations

from ..core.scalar import Expr, beyond, bitcast, const, copysign, eq, fma, ne, quo, select, sqrt
from .vecmath_core import format_of, horner, polynomial, round_with_bits, two_product, uint

_INF = float("inf")


def _subtract_multiple(x: Expr, n: Expr, factor: float) -> Expr:
    """x - n * factor * pi; every fma is exact or cancels nothing, so the result is good to an ulp or so."""
    first, second, third = (factor * part for part in format_of(x).pi)
    return fma(n, -third, fma(n, -second, fma(n, -first, x)))


def _flip(y: Expr, bits: Expr) -> Expr:
    """-y where the lowest of `bits` is set."""
    f = format_of(y)
    return bitcast(bitcast(y, f.uint) ^ (bits << (8 * f.dtype.itemsize - 1)), f.dtype)


def _odd(r: Expr, name: str) -> Expr:
    """r + r**3 P(r**2)."""
    z = r * r
    return fma(r * z, polynomial(name, z), r)


def sin(x: Expr) -> Expr:
    """sin(x) = (-1)**n sin(x - n pi): one polynomial on half a period serves everything."""
    f = format_of(x)
    n, bits = round_with_bits(x, 1.0 / f.pi[0])
    y = _flip(_odd(_subtract_multiple(x, n, 1.0), "sin"), bits)
    return beyond("sin", f.angle_limit, x, select(eq(x, 0.0), x, y), x)


def cos(x: Expr) -> Expr:
    """cos(x) = (-1)**(n + 1) sin(x - (n + 1/2) pi)."""
    f = format_of(x)
    n, bits = round_with_bits(x, 1.0 / f.pi[0], -0.5)
    r = _subtract_multiple(x, fma(n, 2.0, 1.0), 0.5)
    return beyond("cos", f.angle_limit, x, _flip(_odd(r, "sin"), bits + uint(x, 1)), x)


def sin_cos_quarter(r: Expr) -> tuple[Expr, Expr]:
    """(sin r, cos r) for |r| <= pi / 4."""
    z = r * r
    half = z * 0.5
    whole = 1.0 - half
    rest = fma(z * z, polynomial("cos_quarter", z), (1.0 - whole) - half)
    return _odd(r, "sin_quarter"), whole + rest


def tan(x: Expr) -> Expr:
    """sin / cos of the angle modulo pi / 2, or -cos / sin in every other quarter."""
    f = format_of(x)
    n, bits = round_with_bits(x, 2.0 / f.pi[0])
    s, c = sin_cos_quarter(_subtract_multiple(x, n, 0.5))
    odd = ne(bits & uint(x, 1), uint(x, 0))
    y = select(odd, -c, s) / select(odd, s, c)
    return beyond("tan", f.angle_limit, x, select(eq(x, 0.0), x, y), x)


def _arcsin_rest(z: Expr) -> Expr:
    """arcsin(t) / t - 1 in z = t**2 <= 1/4."""
    return z * polynomial("arcsin", z)


def arcsin(x: Expr) -> Expr:
    """t + t R(t**2), or pi / 2 - 2 arcsin(sqrt((1 - |x|) / 2)) for |x| > 1/2."""
    pi = format_of(x).pi
    a = abs(x)
    small = a < 0.5
    z = select(small, a * a, fma(a, -0.5, 0.5))
    t = select(small, a, sqrt(z))
    rest = t * _arcsin_rest(z)
    large = 0.5 * pi[0] - (t + t + fma(rest, 2.0, -0.5 * pi[1]))
    return copysign(select(small, t + rest, large), x)


def arccos(x: Expr) -> Expr:
    """pi / 2 - arcsin(x) near 0; 2 arcsin(sqrt((1 - |x|) / 2)) or pi minus it elsewhere."""
    pi = format_of(x).pi
    a = abs(x)
    small = a < 0.5
    z = select(small, a * a, fma(a, -0.5, 0.5))
    t = select(small, x, sqrt(z))
    rest = t * _arcsin_rest(z)
    middle = 0.5 * pi[0] - (t - (0.5 * pi[1] - rest))
    half = select(x < 0.0, 0.5 * pi[0] - (t + (rest - 0.5 * pi[1])), t + rest)
    return select(small, middle, half + half)


def _arctan_ratio(top: Expr, bottom: Expr) -> Expr:
    """arctan(top / bottom) for top, bottom >= 0, from arctan on |t| <= tan(pi / 8) and the angles pi / 4 and pi / 2."""
    pi = format_of(top).pi
    tangent = 0.41421356237309503
    low, high = top <= bottom * tangent, bottom < top * tangent
    t_top = select(low, top, select(high, -bottom, top - bottom))
    t_bottom = select(low, bottom, select(high, top, top + bottom))
    t = t_top / t_bottom
    z = t * t
    angle = select(low, const(0.0, top.dtype), select(high, const(0.5 * pi[0], top.dtype), 0.25 * pi[0]))
    angle_rest = select(low, const(0.0, top.dtype), select(high, const(0.5 * pi[1], top.dtype), 0.25 * pi[1]))
    return angle + (t + fma(t * z, polynomial("arctan", z), angle_rest))


def arctan(x: Expr) -> Expr:
    """arctan with |x| reduced below tan(pi / 8) by one division."""
    return copysign(_arctan_ratio(abs(x), const(1.0, x.dtype)), x)


def arctan2(y: Expr, x: Expr) -> Expr:
    """The angle of the point (x, y), with the special cases of C's atan2."""
    f = format_of(x)
    a, b = abs(y), abs(x)
    largest = select(a > b, a, b)
    quarter = 2.0 ** (f.bias // 4)
    factor = select(largest > 1.0 / quarter, select(largest > quarter, const(1.0 / quarter, x.dtype), 1.0), quarter)
    diagonal = eq(a, b) & (eq(a, 0.0) | eq(a, _INF))
    top = select(diagonal, select(eq(a, 0.0), a, 1.0), a * factor)
    bottom = select(diagonal, const(1.0, x.dtype), b * factor)
    r = _arctan_ratio(top, bottom)
    negative = copysign(const(1.0, x.dtype), x) < 0.0
    angle = copysign(select(negative, f.pi[0] - (r - f.pi[1]), r), y)
    return select(eq(x, x) & eq(y, y), angle, x + y)


def hypot(x: Expr, y: Expr) -> Expr:
    """sqrt(x**2 + y**2) with both scaled by a power of two where a square would overflow or vanish."""
    f = format_of(x)
    a, b = abs(x), abs(y)
    largest = select(a > b, a, b)
    far = 2.0 ** (f.bias // 2 + f.digits + 2)
    limit = 2.0 ** (f.bias // 2 - 4)
    small, large = largest < 1.0 / limit * 2.0**f.digits, largest > limit
    up = select(small, const(far, x.dtype), select(large, const(1.0 / far, x.dtype), 1.0))
    down = select(small, const(1.0 / far, x.dtype), select(large, const(far, x.dtype), 1.0))
    u, v = x * up, y * up
    length = sqrt(fma(u, u, v * v)) * down
    return select(eq(a, _INF) | eq(b, _INF), _INF, length)


def cbrt(x: Expr) -> Expr:
    """Cube root: a third of the exponent by integer division, a polynomial correction, one Halley step.

    The residual t**3 - |x| of the last step is computed with fma, so that its leading bits survive the cancellation.
    """
    f = format_of(x)
    a = abs(x)
    tiny = a < 2.0 ** (-f.bias + f.digits)
    lift = 3 * (f.digits // 2)
    scaled = select(tiny, a * 2.0**lift, a)
    t = _cbrt_start(scaled)
    square, square_low = two_product(t, t)
    residual = fma(square_low, t, fma(square, t, -scaled))
    t = t - t * ((residual * 0.25) / fma(square * 0.5, t, scaled * 0.25))
    t = t * select(tiny, const(2.0 ** (-(lift // 3)), x.dtype), 1.0)
    return select(eq(x, 0.0) | eq(a, _INF) | ne(x, x), x, copysign(t, x))


# The start of FreeBSD's cbrt: exponent offset and a quartic for r**(-1/3), |1 - r| < 0.1.
_CBRT_OFFSET = 715094163
_CBRT_OFFSET_SINGLE = 709958130
_CBRT_QUARTIC = (
    1.87595182427177009643, -1.88497979543377169875, 1.621429720105354466140, -0.758397934778766047437,
    0.145996192886612446982,
)  # fmt: skip


def _cbrt_start(a: Expr) -> Expr:
    """The cube root to about 22 bits: 5 from the exponent divided by three, the rest from a quartic in t**3 / a."""
    f = format_of(a)
    bits = bitcast(a, f.uint)
    if f.digits == 52:  # the top half over three, by a product of two 32-bit numbers, which vectors can do
        third = ((bits >> 32) * uint(a, 0xAAAAAAAB)) >> 33
        t = bitcast((third + uint(a, _CBRT_OFFSET)) << 32, f.dtype)
    else:
        t = bitcast(quo(bits, 3) + uint(a, _CBRT_OFFSET_SINGLE), f.dtype)
    return t * horner(_CBRT_QUARTIC, (t * t) * (t / a))
