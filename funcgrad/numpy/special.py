"""Functions of scipy.special on traced values; public as `funcgrad.scipy.special`.

Imported when the first of them meets a traced value, because SciPy takes longer to load than funcgrad.
"""

from __future__ import annotations

import math
from typing import Any

import scipy.special as special

from ..ops import elementwise as ew
from .ufunc_builders import binary, unary


def _guarded(x: Any, y: Any, log: Any) -> Any:
    """x * log(y), 0 where x is 0, NaN where y is NaN; at x = 0 the derivative in x is still log(y)."""
    return ew.select(ew.isnan(y), y, ew.strong_product(log(y), x))


def xlogy(x: Any, y: Any) -> Any:
    """x log y for operands of one type, and 0 where x is 0."""
    return _guarded(x, y, ew.log)


def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y) for operands of one type, and 0 where x is 0."""
    return _guarded(x, y, ew.log1p)


def _logit(x: Any) -> Any:
    return ew.sub(ew.log(x), ew.log1p(ew.neg(x)))


def _log_expit(x: Any) -> Any:
    return ew.neg(ew.logaddexp(ew.neg(x), ew.like(x, 0)))


def _ndtr(x: Any) -> Any:
    return 0.5 * ew.erfc(ew.mul(x, ew.like(x, -math.sqrt(0.5))))


def _entr(x: Any) -> Any:
    inside = ew.neg(xlogy(x, x))
    return ew.select(ew.lt(x, ew.like(x, 0)), ew.like(x, -math.inf), inside)


SPECIAL = {
    "expit": ew.sigmoid,
    "erf": ew.erf,
    "erfc": ew.erfc,
    "erfinv": ew.erfinv,
    "expm1": ew.expm1,
    "log1p": ew.log1p,
    "exp2": ew.exp2,
    "cbrt": ew.cbrt,
    "logit": _logit,
    "log_expit": _log_expit,
    "ndtr": _ndtr,
    "entr": _entr,
    "exp10": lambda x: ew.exp(ew.mul(x, ew.like(x, math.log(10)))),
}
UNARY = {name: unary(getattr(special, name), apply, name=name) for name, apply in SPECIAL.items()}
BINARY = {
    name: binary(getattr(special, name), apply, name=name)
    for name, apply in {"xlogy": xlogy, "xlog1py": xlog1py}.items()
}
