"""Math functions as branch-free instructions: with this module one can expand any entry of `scalar.FUNCTIONS`.

    expand(sin(x))          an `Expr` of instructions with the value of sin(x), for float64 and float32

The expansions vectorize, are within 4 ulp of the exact value on the whole line, keep subnormal numbers and the sign of
zero, and must be compiled without contraction or reassociation: they write fma where they mean it. Rare
arguments take a path through the C library: sin, cos, tan of angles beyond 2**27 (float32: 2**15), fmod of quotients
beyond 2**52 (2**23), lgamma of negative numbers. One has a weaker bound: digamma of negative numbers is within 4 ulp of
the larger of two terms, which cancel near its zeros.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.scalar import Expr
from . import vecmath_exp, vecmath_gamma, vecmath_remainder, vecmath_special, vecmath_trig

EXPANSIONS: dict[str, Callable[..., Expr]] = {
    name: getattr(module, name)
    for module, names in {
        vecmath_exp: (
            "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
            "arctanh", "power",
        ),
        vecmath_trig: ("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "hypot", "cbrt"),
        vecmath_remainder: ("fmod",),
        vecmath_special: ("gauss", "erf", "erfc", "erfinv"),
        vecmath_gamma: ("lgamma", "digamma"),
    }.items()
    for name in names
}  # fmt: skip


def expand(node: Expr) -> Expr:
    """The instructions of one math function node; its arguments stay as they are.

    Args:
        node: a node whose op is in `scalar.FUNCTIONS`, of dtype float64 or float32.

    Returns:
        An expression without math functions.

    Raises:
        TypeError: the dtype has no math functions.

    Example:
        >>> import numpy as np
        >>> from funcgrad.core.scalar import evaluate, exp, sym
        >>> float(evaluate(expand(exp(sym("x", np.float64))), {"x": np.float64(0.0)}))
        1.0
    """
    return EXPANSIONS[node.op](*node.args)
