"""Functions related to the normal distribution: its logarithm, its inverse, Dawson's integral, Owen's T.

With this module one can compute and differentiate them far into the tails: where a formula such as 2 x erfcx - c is a
difference of nearly equal numbers, a series in 1 / x^2 takes its place.

Reference: https://dlmf.nist.gov/7.12; D. B. Owen, Tables for computing bivariate normal probabilities, Ann. Math. Stat. 27
(1956).
"""

from __future__ import annotations

import math
from typing import Any

from . import elementwise as ew
from .elementwise import TWO_OVER_SQRT_PI, gauss, like
from .samples import pairs, points
from .scipy_kernels import scipy_function

HALF_ROOT, ROOT_TWO_PI = math.sqrt(0.5), math.sqrt(2 * math.pi)
_FAR = 8.0  # from here on the series below has double precision
_SERIES = [math.prod(range(1, 2 * k + 2, 2)) / 2.0**k for k in range(17)]  # (2k + 1)!! / 2^k


def _series(x: Any, alternating: bool) -> Any:
    """sum of (-+1)^k (2k + 1)!! / (2 x^2)^k / x^2, for large x."""
    z = 1 / (x * x)
    total = like(x, 0)
    for c in reversed(_SERIES):
        total = c + (-total if alternating else total) * z
    return total * z


def _unless_far(x: Any, near: Any, far: Any) -> Any:
    """near(x), or far(x) where x is large; each sees only arguments it is made for."""
    large = ew.gt(x, like(x, _FAR))
    return ew.select(large, far(ew.select(large, x, like(x, _FAR))), near)


def _erfcx_slope(out: Any, x: Any) -> Any:
    return _unless_far(x, 2 * (x * out) - TWO_OVER_SQRT_PI, lambda y: -(TWO_OVER_SQRT_PI / 2) * _series(y, True))


def _dawsn_slope(out: Any, x: Any) -> Any:
    return _unless_far(ew.abs_(x), 1 - 2 * (x * out), lambda y: -0.5 * _series(y, False))


def log_ndtr_slope(x: Any) -> Any:
    """The normal density over the distribution: by erfcx in the left half, which does not underflow."""
    left = ew.lt(x, like(x, 0))
    below, above = ew.select(left, x, like(x, 0)), ew.select(left, like(x, 0), x)
    tail = (math.sqrt(2 / math.pi)) / erfcx(below * -HALF_ROOT)
    return ew.select(left, tail, gauss(above * HALF_ROOT) * (2 / ROOT_TWO_PI) / ew.erfc(above * -HALF_ROOT))


erfcx = scipy_function("erfcx", _erfcx_slope, points(-1.4, 0.5, 3.0, 12.0, 40.0))
erfi = scipy_function("erfi", lambda out, x: TWO_OVER_SQRT_PI * ew.exp(x * x), points(-1.4, 0.5))
dawsn = scipy_function("dawsn", _dawsn_slope, points(-1.4, 0.5, 3.0, 12.0, -40.0))
log_ndtr = scipy_function("log_ndtr", lambda out, x: log_ndtr_slope(x), points(-1.4, 0.0, 0.5, 3.0, -20.0))
ndtri = scipy_function("ndtri", lambda out, p: ROOT_TWO_PI / gauss(out * HALF_ROOT), points(0.3, 0.15, 0.8))
ndtri_exp = scipy_function("ndtri_exp", lambda out, y: 1 / log_ndtr_slope(out), points(-6.0, -1.0, -0.2))
erfcinv = scipy_function("erfcinv", lambda out, y: (-1 / TWO_OVER_SQRT_PI) / gauss(out), points(0.1, 0.9, 1.7))
owens_t = scipy_function("owens_t", samples=pairs(), partials=(
    lambda out, h, a: (-0.5 / ROOT_TWO_PI) * (gauss(h * HALF_ROOT) * ew.erf(a * h * HALF_ROOT)),
    lambda out, h, a: (0.5 / math.pi) * gauss(h * HALF_ROOT) * gauss(a * h * HALF_ROOT) / (1 + a * a)))

__all__ = ["dawsn", "erfcinv", "erfcx", "erfi", "log_ndtr", "log_ndtr_slope", "ndtri", "ndtri_exp", "owens_t"]
