"""Further continuous distributions: mirrored, folded, inverted and circular ones, and those of ratios.

Reference: N. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions, 2nd ed. (1994); K. Mardia,
P. Jupp, Directional Statistics (2000).
"""

from __future__ import annotations

import math
from typing import Any

from ...numpy import special_counts
from ...numpy import special_formulas as formulas
from ...ops import bessel, error_functions, gamma_functions, incomplete
from ...ops import elementwise as ew
from ...ops.elementwise import like
from .continuous import HALF_LINE, LINE, gumbel_r, of_hazard
from .distribution import Continuous, choose, positive

ROOT_HALF, LOG_2, TWO_PI = math.sqrt(0.5), math.log(2), 2 * math.pi
log_ndtr, ndtri, xlogy = error_functions.log_ndtr, error_functions.ndtri, formulas.xlogy

# --- mirrored and folded ----------------------------------------------------------------------------------------------

_right = {name: gumbel_r.formula(name) for name in ("logpdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")}
_opposite = {"cdf": "sf", "sf": "cdf", "logcdf": "logsf", "logsf": "logcdf", "ppf": "isf", "isf": "ppf"}
gumbel_l = Continuous(
    "gumbel_l", "", LINE, None, (),
    {
        **{m: lambda z, f=_right[_opposite.get(m, m)]: f(-z) for m in ("logpdf", "cdf", "sf", "logcdf", "logsf")},
        **{m: lambda q, f=_right[_opposite[m]]: -f(q) for m in ("ppf", "isf")},
    },
)  # fmt: skip
halfnorm = Continuous(
    "halfnorm", "", HALF_LINE, None, (),
    dict(
        logpdf=lambda z: 0.5 * math.log(2 / math.pi) - 0.5 * ew.square(z), cdf=lambda z: ew.erf(ROOT_HALF * z),
        sf=lambda z: ew.erfc(ROOT_HALF * z), logcdf=lambda z: _log_erf(z), logsf=lambda z: LOG_2 + log_ndtr(-z),
        ppf=lambda q: ew.erfinv(q) * math.sqrt(2), isf=lambda q: -ndtri(0.5 * q),
    ),
)  # fmt: skip


def _log_erf(z: Any) -> Any:
    near = z < 1
    return choose(
        near, ew.log(ew.erf(ROOT_HALF * choose(near, z, 1.0))), ew.log1p(-ew.erfc(ROOT_HALF * choose(near, 1.0, z)))
    )


rayleigh = Continuous(
    "rayleigh", "", HALF_LINE, None, (),
    of_hazard(lambda z: ew.log(z) - 0.5 * ew.square(z), lambda z: 0.5 * ew.square(z), lambda h: ew.sqrt(2 * h)),
)  # fmt: skip

# --- with shapes ------------------------------------------------------------------------------------------------------


def _gennorm_cdf(z: Any, beta: Any) -> Any:
    left = z < 0
    tail = 0.5 * incomplete.gammaincc(1 / beta, ew.power(ew.abs_(z), beta))
    return choose(left, tail, 1 - tail)


def _gennorm_isf(q: Any, beta: Any) -> Any:
    right = q < 0.5
    size = ew.power(incomplete.gammainccinv(1 / beta, 2 * choose(right, q, 1 - q)), 1 / beta)
    return choose(right, size, -size)


gennorm = Continuous(
    "gennorm", "beta", LINE, positive, (1.0,),
    dict(
        logpdf=lambda z, b: ew.log(0.5 * b) - gamma_functions.lgamma(1 / b) - ew.power(ew.abs_(z), b),
        cdf=_gennorm_cdf, sf=lambda z, b: _gennorm_cdf(-z, b), ppf=lambda q, b: -_gennorm_isf(q, b), isf=_gennorm_isf,
    ),
)  # fmt: skip


def _invgamma_logpdf(z: Any, a: Any) -> Any:
    """-inf at 0, where the density is 0."""
    zero = ew.eq(z, like(z, 0))
    safe = choose(zero, 1.0, z)
    return choose(zero, -math.inf, -(a + 1) * ew.log(safe) - gamma_functions.lgamma(a) - 1 / safe)


invgamma = Continuous(
    "invgamma", "a", HALF_LINE, positive, (1.0,),
    dict(
        logpdf=_invgamma_logpdf, cdf=lambda z, a: incomplete.gammaincc(a, 1 / z),
        sf=lambda z, a: incomplete.gammainc(a, 1 / z), ppf=lambda q, a: 1 / incomplete.gammainccinv(a, q),
        isf=lambda q, a: 1 / incomplete.gammaincinv(a, q),
    ),
)  # fmt: skip


def _f_logpdf(z: Any, n: Any, m: Any) -> Any:
    ends = 0.5 * n * ew.log(n) + 0.5 * m * ew.log(m) - gamma_functions.betaln(0.5 * n, 0.5 * m)
    return ends + xlogy(0.5 * n - 1, z) - 0.5 * (n + m) * ew.log(m + n * z)


f = Continuous(
    "f", "dfn dfd", HALF_LINE, positive, (1.0, 1.0),
    dict(
        logpdf=_f_logpdf, cdf=lambda z, n, m: incomplete.fdtr(n, m, z), sf=lambda z, n, m: incomplete.fdtrc(n, m, z),
        ppf=lambda q, n, m: special_counts.fdtri(n, m, q), isf=lambda q, n, m: 1 / special_counts.fdtri(m, n, q),
    ),
)  # fmt: skip

# --- on a circle ------------------------------------------------------------------------------------------------------

vonmises = Continuous(
    "vonmises", "kappa", LINE, lambda kappa: kappa >= 0, (1.0,),
    dict(logpdf=lambda z, kappa: -2 * kappa * ew.square(ew.sin(0.5 * z)) - ew.log(TWO_PI * bessel.i0e(kappa))),
)  # fmt: skip


def _wrapcauchy_half(z: Any, c: Any) -> Any:
    return ew.arctan((1 + c) / (1 - c) * ew.tan(0.5 * z)) * (1 / math.pi)


def _wrapcauchy_cdf(z: Any, c: Any) -> Any:
    first = z < math.pi
    half = _wrapcauchy_half(choose(first, z, TWO_PI - z), c)
    return choose(first, half, 1 - half)


def _wrapcauchy_ppf(q: Any, c: Any) -> Any:
    first = q < 0.5
    angle = 2 * ew.arctan((1 - c) / (1 + c) * ew.tan(math.pi * choose(first, q, 1 - q)))
    return choose(first, angle, TWO_PI - angle)


wrapcauchy = Continuous(
    "wrapcauchy", "c", (0.0, TWO_PI), lambda c: ew.and_(c > 0, c < 1), (0.5,),
    dict(
        logpdf=lambda z, c: ew.log1p(-c * c) - ew.log(TWO_PI * (ew.square(1 - c) + 4 * c * ew.square(ew.sin(0.5 * z)))),
        cdf=_wrapcauchy_cdf, sf=lambda z, c: _wrapcauchy_cdf(TWO_PI - z, c), ppf=_wrapcauchy_ppf,
        isf=lambda q, c: TWO_PI - _wrapcauchy_ppf(q, c),
    ),
)  # fmt: skip

__all__ = ["f", "gennorm", "gumbel_l", "halfnorm", "invgamma", "rayleigh", "vonmises", "wrapcauchy"]
