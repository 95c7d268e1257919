"""The exact values and first derivatives of every smooth elementwise op, as a table for mpmath.

With this module one can look up an op (`UNARY`, `BINARY`): its value, its derivative in each operand, where it is
defined, and points around which it is hard to compute. All functions take and return numbers of any precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mpmath import mp

INF = math.inf


@dataclass(frozen=True)
class Function:
    """A function of one or two numbers with its partial derivatives, on an open interval."""

    value: Callable[..., Any]
    slopes: tuple[Callable[..., Any], ...]
    domain: tuple[float, float] = (-INF, INF)
    hard: tuple[float, ...] = ()  # points around which the grid is dense
    angle: bool = False  # huge arguments need as many bits as their exponent has
    slope_limit: tuple[float, float] = (INF, INF)  # float64, float32: beyond, the derivative uses subnormal values


def _near(limit: float, f: Callable) -> Callable:
    """`f` at the nearest number of modulus `limit` at most; beyond, the result is 0, a constant or out of range."""
    return lambda x: f(mp.sign(x) * min(abs(x), limit))


def _sigmoid_slope(x: Any) -> Any:
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def _tanh_slope(x: Any) -> Any:
    return 4 * _sigmoid_slope(2 * x)


def _cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


def _gauss(x: Any) -> Any:
    return mp.exp(-x * x)


def _erfc_slope(x: Any) -> Any:
    return -2 / mp.sqrt(mp.pi) * _gauss(x)


def _circle(x: Any) -> Any:
    return 1 / mp.sqrt((1 - x) * (1 + x))


LN2, LN10 = (lambda: mp.log(2)), (lambda: mp.log(10))
EXP_HARD = (709.5, -708.0, -745.0, 88.6, -87.3, -103.5)

UNARY: dict[str, Function] = {
    "neg": Function(lambda x: -x, (lambda x: mp.mpf(-1),)),
    "copy": Function(lambda x: x, (lambda x: mp.mpf(1),)),
    "abs": Function(abs, (mp.sign,)),
    "square": Function(lambda x: x * x, (lambda x: 2 * x,)),
    "reciprocal": Function(lambda x: 1 / x, (lambda x: -1 / x**2,)),
    "sqrt": Function(mp.sqrt, (lambda x: 1 / (2 * mp.sqrt(x)),), (0, INF)),
    "rsqrt": Function(lambda x: 1 / mp.sqrt(x), (lambda x: -1 / (2 * x * mp.sqrt(x)),), (0, INF)),
    "cbrt": Function(_cbrt, (lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2),), hard=(1, 8, 27)),
    "exp": Function(mp.exp, (mp.exp,), hard=EXP_HARD),
    "exp2": Function(
        lambda x: mp.power(2, x), (lambda x: LN2() * mp.power(2, x),), hard=(1023.9, -1022, -1074.5, 127.9, -149.5)
    ),
    "expm1": Function(mp.expm1, (mp.exp,), hard=(*EXP_HARD, 0.5, -0.5, 1)),
    "log": Function(mp.log, (lambda x: 1 / x,), (0, INF), (1, 0.5)),
    "log2": Function(lambda x: mp.log(x) / LN2(), (lambda x: 1 / (x * LN2()),), (0, INF), (1, 2, 0.5)),
    "log10": Function(lambda x: mp.log(x) / LN10(), (lambda x: 1 / (x * LN10()),), (0, INF), (1, 10)),
    "log1p": Function(mp.log1p, (lambda x: 1 / (1 + x),), (-1, INF), (0.4, -0.3, -1)),
    "sigmoid": Function(lambda x: 1 / (1 + mp.exp(-x)), (_sigmoid_slope,), hard=(*EXP_HARD, 40)),
    "sin": Function(mp.sin, (mp.cos,), hard=(math.pi, 3141.592653589793, 2.0**15, 2.0**27), angle=True),
    "cos": Function(mp.cos, (lambda x: -mp.sin(x),), hard=(math.pi / 2, 2.0**15, 2.0**27), angle=True),
    "tan": Function(mp.tan, (lambda x: 1 / mp.cos(x) ** 2,), hard=(math.pi / 2, math.pi, 2.0**15, 2.0**27), angle=True),
    "arcsin": Function(mp.asin, (_circle,), (-1, 1), (0.5, 1, -1)),
    "arccos": Function(mp.acos, (lambda x: -_circle(x),), (-1, 1), (0.5, 1, -1, 1e-3)),
    "arctan": Function(mp.atan, (lambda x: 1 / (1 + x * x),), hard=(1, 0.41421356, 2.41421356, 1e154)),
    "sinh": Function(mp.sinh, (mp.cosh,), hard=(710.4, 89.4, 1, 0.3)),
    "cosh": Function(mp.cosh, (mp.sinh,), hard=(710.4, 89.4)),
    "tanh": Function(mp.tanh, (_tanh_slope,), hard=(0.3, 1, 19, 9, 372)),
    "arcsinh": Function(mp.asinh, (lambda x: 1 / mp.sqrt(1 + x * x),), hard=(1, 1e8, 1e4)),
    "arccosh": Function(mp.acosh, (lambda x: 1 / mp.sqrt((x - 1) * (x + 1)),), (1, INF), (1, 1e8, 1e4)),
    "arctanh": Function(mp.atanh, (lambda x: 1 / ((1 - x) * (1 + x)),), (-1, 1), (1, -1, 0.5)),
    "gauss": Function(_gauss, (lambda x: -2 * x * _gauss(x),), hard=(1, 5, 9.3, 26.6), slope_limit=(26.5, 9.3)),
    "erf": Function(mp.erf, (lambda x: -_erfc_slope(x),), hard=(0.75, 1, 3, 5.9, 3.9, 26.5)),
    "erfc": Function(mp.erfc, (_erfc_slope,), hard=(0.5, 0.75, -0.75, 3, 26.5, 27.2, 9.1, 10.05)),
    "erfinv": Function(
        mp.erfinv, (lambda x: mp.sqrt(mp.pi) / 2 / _gauss(mp.erfinv(x)),), (-1, 1), (1, -1, 0.5, 0.7, 0.9966)
    ),
}  # fmt: skip

# Beyond these moduli results are constant or out of range, and mpmath would take forever.
for _name, _limit in {
    "exp": 1e4, "exp2": 1e4, "expm1": 1e4, "sigmoid": 1e4, "sinh": 1e4, "cosh": 1e4, "tanh": 1e4, "gauss": 1e3,
    "erf": 1e2, "erfc": 1e2,
}.items():  # fmt: skip
    _f = UNARY[_name]
    UNARY[_name] = replace(_f, value=_near(_limit, _f.value), slopes=tuple(_near(_limit, s) for s in _f.slopes))

BINARY: dict[str, Function] = {
    "div": Function(lambda x, y: x / y, (lambda x, y: 1 / y, lambda x, y: -x / y**2)),
    "arctan2": Function(mp.atan2, (lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y))),
    "hypot": Function(mp.hypot, (lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y))),
    "logaddexp": Function(
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        (lambda x, y: 1 / (1 + mp.exp(y - x)), lambda x, y: 1 / (1 + mp.exp(x - y))),
    ),
    "power": Function(mp.power, (lambda x, y: y * mp.power(x, y - 1), lambda x, y: mp.log(x) * mp.power(x, y))),
}

# Their derivatives are constants, selections or other ops with exact arithmetic: the registry checks settle them.
EXACT = {
    "add", "sub", "mul", "strong_product", "mod", "fmod", "maximum", "minimum", "copysign", "select", "clamp",
    "convert", "checkpoint_name", "psum", "integer_power", "whole_order",
}  # fmt: skip
