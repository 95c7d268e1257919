"""Building blocks of the math functions: floating formats, polynomials, exponents taken apart and put together.

With this module one can write a math function once for float64 and float32: `format_of(x)` gives the constants of the
precision at hand, `polynomial` looks the coefficients up, `exp_reduce` / `log_reduce` do the usual argument reductions.
Everything here builds `Expr` trees without branches, of instructions AVX2 and NEON have for vectors: integers only meet
floats through bit patterns, since few machines convert vectors of 64-bit integers.

Reference: J.-M. Muller et al., "Handbook of Floating-Point Arithmetic", 2nd ed., Birkhaeuser 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.scalar import Expr, bitcast, const, eq, fma, select
from ..records import record
from .vecmath_tables import POLYNOMIALS


@record(frozen=True)
class Format:
    """What the math functions need to know about float64 or float32.

    Constants that need more than one number are unevaluated sums, the largest part first.
    """

    dtype: Any
    uint: Any
    digits: int  # stored bits of the significand
    bias: int  # of the exponent
    column: int  # which tuple of POLYNOMIALS
    ln2: tuple[float, float]
    ln2_short: tuple[float, float]  # the first part times any exponent is exact
    inverse_ln2: tuple[float, float]
    inverse_ln10: tuple[float, float]
    log10_of_2: tuple[float, float]
    pi: tuple[float, float, float]
    two_over_root_pi: tuple[float, float]
    exp_range: tuple[float, float]  # beyond, exp is 0 or infinite
    cosh_limit: float  # beyond, cosh is infinite, and here cosh_reduce still works
    angle_limit: float  # largest argument of the fast reduction of sin, cos, tan

    @property
    def magic(self) -> float:
        """Adding this to |x| < 2**(digits - 2) rounds to an integer and leaves it in the low bits."""
        return 1.5 * 2.0**self.digits

    def bits(self, value: float) -> int:
        """The bit pattern of a number in this format."""
        return int(np.asarray(value, self.dtype).view(self.uint))


F64 = Format(
    np.dtype(np.float64), np.dtype(np.uint64), 52, 1023, 0,
    ln2=(0.6931471805599453, 2.3190468138462996e-17), ln2_short=(0.6931471803691238, 1.9082149292705877e-10),
    inverse_ln2=(1.4426950408889634, 2.0355273740931033e-17),
    inverse_ln10=(0.4342944819032518, 1.098319650216765e-17),
    log10_of_2=(0.3010299956639812, -2.8037281277851704e-18),
    pi=(3.141592653589793, 1.2246467991473532e-16, -2.994769809718363e-33),
    two_over_root_pi=(1.1283791670955126, 1.533545961316588e-17),
    exp_range=(-746.0, 710.0), cosh_limit=710.6, angle_limit=2.0**27,
)  # fmt: skip
F32 = Format(
    np.dtype(np.float32), np.dtype(np.uint32), 23, 127, 1,
    ln2=(0.6931471824645996, -1.9046542121259336e-09), ln2_short=(0.693145751953125, 1.4286068203094172e-06),
    inverse_ln2=(1.4426950216293335, 1.925963033500011e-08),
    inverse_ln10=(0.4342944920063019, -1.0103049952192578e-08),
    log10_of_2=(0.3010300099849701, -1.432098883924482e-08),
    pi=(3.1415927410125732, -8.742277657347586e-08, -3.4302490200117637e-15),
    two_over_root_pi=(1.128379225730896, -5.863538277139924e-08),
    exp_range=(-104.0, 89.0), cosh_limit=89.5, angle_limit=2.0**15,
)  # fmt: skip


def format_of(x: Expr) -> Format:
    """The format of a floating expression."""
    if x.dtype == np.float64:
        return F64
    if x.dtype == np.float32:
        return F32
    raise TypeError(f"math functions are defined for float64 and float32, not {x.dtype}")


def polynomial(name: str, x: Expr) -> Expr:
    """The polynomial of POLYNOMIALS at x: Horner's rule on the even and the odd part, for long ones on four parts.

    Pure Horner is one multiplication shorter but a chain of dependent fma, and the processor looks ahead too few
    iterations to fill the gaps: exp in float64 takes 12 % longer, erf 25 %.
    """
    coefficients = POLYNOMIALS[name][format_of(x).column]
    if len(coefficients) < 5:
        return horner(coefficients, x)
    if len(coefficients) < 16:
        return _even_odd(coefficients, x, x * x)
    square = x * x
    fourth = square * square
    return fma(square, _even_odd_parts(coefficients, 2, x, fourth), _even_odd_parts(coefficients, 0, x, fourth))


def _even_odd(coefficients: Sequence[float], x: Expr, square: Expr) -> Expr:
    return fma(horner(coefficients[1::2], square), x, horner(coefficients[0::2], square))


def _even_odd_parts(coefficients: Sequence[float], first: int, x: Expr, fourth: Expr) -> Expr:
    return fma(horner(coefficients[first + 1 :: 4], fourth), x, horner(coefficients[first::4], fourth))


def horner(coefficients: Sequence[float], x: Expr) -> Expr:
    """c[0] + c[1] x + ... with one fma each."""
    result = const(coefficients[-1], x.dtype)
    for c in reversed(coefficients[:-1]):
        result = fma(result, x, c)
    return result


def below(x: Expr, limit: float) -> Expr:
    """min(x, limit) that keeps a NaN; one machine instruction."""
    return select(x > limit, limit, x)


def above(x: Expr, limit: float) -> Expr:
    """max(x, limit) that keeps a NaN; one machine instruction."""
    return select(x < limit, limit, x)


def fast_two_sum(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """a + b exactly, as a rounded sum and its error; needs |a| >= |b| or a = 0."""
    total = a + b
    return total, b - (total - a)


def two_product(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """a * b exactly, as a rounded product and its error."""
    product = a * b
    return product, fma(a, b, -product)


def uint(x: Expr, value: int) -> Expr:
    """An integer constant as wide as the floating expression x, modulo 2**width."""
    bits = format_of(x).uint
    return const(value % 2 ** (8 * bits.itemsize), bits)


def round_with_bits(x: Expr, scale: float = 1.0, offset: float = 0.0) -> tuple[Expr, Expr]:
    """n = rint(x * scale + offset) as a float, and the bit pattern of n + magic, whose low bits are n."""
    f = format_of(x)
    shifted = fma(x, scale, offset) + f.magic if offset else fma(x, scale, f.magic)
    return shifted - f.magic, bitcast(shifted, f.uint)


def exp2_integer(x: Expr, bits: Expr, shift: int = 0) -> Expr:
    """2**(n + shift) for the n of `round_with_bits`; n + shift must be the exponent of a normal number."""
    f = format_of(x)
    return bitcast((bits + uint(x, f.bias + shift)) << f.digits, f.dtype)


def exp_reduce(x: Expr, low: Expr | None = None) -> tuple[Expr, Expr]:
    """(bits of n, p) with exp(x + low) = 2**n (1 + p) and |p| < 0.42; x must be within exp_range."""
    f = format_of(x)
    n, bits = round_with_bits(x, f.inverse_ln2[0])
    r = fma(n, -f.ln2[1], fma(n, -f.ln2[0], x))
    if low is not None:
        r = r + low
    return bits, fma(r * r, polynomial("exp", r), r)


def scale(x: Expr, bits: Expr, p: Expr) -> Expr:
    """2**n (1 + p), rounded once even where the result is subnormal, and infinite where it overflows."""
    f = format_of(x)
    biased = bits + uint(x, 2 * f.bias - f.bits(f.magic))
    half = biased >> 1
    first, second = bitcast(half << f.digits, f.dtype), bitcast((biased - half) << f.digits, f.dtype)
    return fma(first, p, first) * second


def log_reduce(x: Expr) -> tuple[Expr, Expr]:
    """(k, f) as floats with x = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for finite x > 0."""
    f = format_of(x)
    tiny = x < float(np.finfo(f.dtype).tiny)
    lift = f.digits + 2
    root = f.bits(0.5**0.5)
    pattern = bitcast(select(tiny, x * 2.0**lift, x), f.uint) + uint(x, f.bits(1.0) - root)
    two = 2.0**f.digits
    k = bitcast((pattern >> f.digits) | uint(x, f.bits(two)), f.dtype) - select(
        tiny, const(two + f.bias + lift, f.dtype), two + f.bias
    )
    significand = bitcast((pattern & uint(x, 2**f.digits - 1)) + uint(x, root), f.dtype)
    return k, significand - 1.0


def log_finish(x: Expr, y: Expr) -> Expr:
    """y where 0 < x < inf; elsewhere the special values of a logarithm."""
    finite = select(x < float("inf"), y, x)
    return select(eq(x, 0.0), float("-inf"), select(x < 0.0, float("nan"), finite))
