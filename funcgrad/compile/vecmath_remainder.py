"""The remainder of a floating division as instructions.

With this module one can expand fmod for a float64 or float32 expression; the result is exact, as in C.

Reference: J.-M. Muller et al., "Handbook of Floating-Point Arithmetic", 2nd ed., Birkhaeuser 2018, section 4.6.
"""

from __future__ import annotations

from ..core.scalar import Expr, beyond, copysign, fma, ne, select, trunc
from .vecmath_core import format_of


def fmod(x: Expr, y: Expr) -> Expr:
    """x - trunc(x / y) y, for quotients beyond 2**digits from the C library.

    The rounded quotient may reach the next integer, never miss one; then the remainder, which fma computes exactly
    either way, has the other sign and lacks one y.
    """
    quotient = x / y
    rest = fma(-trunc(quotient), y, x)
    signed = copysign(rest, x)
    rest = select(ne(signed, rest), rest + copysign(y, x), signed)
    return beyond("fmod", 2.0 ** format_of(x).digits, quotient, select(abs(x) < abs(y), x, rest), x, y)
