"""Continuous distributions, each by the formulas of its standard form.

Logarithms of distribution functions are not logarithms of small numbers where a direct formula exists: `norm`, `expon`,
`laplace`, `logistic`, `lognorm`, `weibull_min`, `pareto`, `gumbel_r`, `truncnorm`. Those of `gamma`, `chi2`, `beta`,
`t` and `cauchy` are as far as their distribution functions do not underflow.

Reference: N. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions, 2nd ed. (1994).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...numpy import special_formulas as formulas
from ...ops import elementwise as ew
from ...ops import error_functions, gamma_functions, incomplete, student
from ...ops.elementwise import like
from .distribution import Continuous, choose, log1mexp, positive

LINE, HALF_LINE = (-math.inf, math.inf), (0.0, math.inf)
LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)
ndtr, log_ndtr, ndtri, xlogy, xlog1py = (
    formulas.ndtr, error_functions.log_ndtr, error_functions.ndtri, formulas.xlogy, formulas.xlog1py,
)  # fmt: skip


def symmetric(**formulas: Callable) -> dict[str, Callable]:
    """The formulas of the right tail from those of the left."""
    out = dict(formulas)
    for right, left in (("sf", "cdf"), ("logsf", "logcdf")):
        if left in formulas:
            out[right] = lambda z, *shapes, f=formulas[left]: f(-z, *shapes)
    out["isf"] = lambda q, *shapes: -formulas["ppf"](q, *shapes)
    return out


def of_hazard(logpdf: Callable, hazard: Callable, inverse: Callable) -> dict[str, Callable]:
    """The formulas of a distribution with logsf = -hazard; `inverse` is that of the hazard."""
    return dict(
        logpdf=logpdf, cdf=lambda *a: -ew.expm1(-hazard(*a)), sf=lambda *a: ew.exp(-hazard(*a)),
        logcdf=lambda *a: log1mexp(hazard(*a)), logsf=lambda *a: -hazard(*a),
        ppf=lambda q, *shapes: inverse(-ew.log1p(-q), *shapes), isf=lambda q, *shapes: inverse(-ew.log(q), *shapes),
    )  # fmt: skip


# --- without shapes ---------------------------------------------------------------------------------------------------


def _norm_logpdf(z: Any) -> Any:
    return -0.5 * ew.square(z) - LOG_ROOT_TWO_PI


def _laplace_cdf(z: Any) -> Any:
    half = 0.5 * ew.exp(-ew.abs_(z))
    return choose(z < 0, half, 1 - half)


def _laplace_logcdf(z: Any) -> Any:
    return choose(z < 0, z - math.log(2), ew.log1p(-0.5 * ew.exp(-ew.abs_(z))))


def _laplace_ppf(q: Any) -> Any:
    left = q < 0.5
    return choose(left, like(q, 1), -1.0) * ew.log(2 * choose(left, q, 1 - q))


def _cauchy_ppf(q: Any) -> Any:
    """tan(pi (q - 1/2)), or -1 / tan(pi q) from the nearer end."""
    left, middle = q < 0.5, ew.abs_(q - 0.5) < 0.25
    near = choose(middle, 0.25, choose(left, q, 1 - q))
    outer = choose(left, like(q, -1), 1.0) / ew.tan(math.pi * near)
    return choose(middle, ew.tan(math.pi * choose(middle, q - 0.5, 0.0)), outer)


def _gumbel_logsf(z: Any) -> Any:
    far = z > 40
    near = choose(far, 0.0, z)
    return choose(far, -z - 0.5 * ew.exp(-z), log1mexp(ew.exp(-near)))


norm = Continuous("norm", "", LINE, None, (), symmetric(logpdf=_norm_logpdf, cdf=ndtr, logcdf=log_ndtr, ppf=ndtri))
expon = Continuous("expon", "", HALF_LINE, None, (), of_hazard(lambda z: -z, lambda z: z, lambda h: h))
laplace = Continuous(
    "laplace", "", LINE, None, (),
    symmetric(logpdf=lambda z: -ew.abs_(z) - math.log(2), cdf=_laplace_cdf, logcdf=_laplace_logcdf, ppf=_laplace_ppf),
)  # fmt: skip
logistic = Continuous(
    "logistic", "", LINE, None, (),
    symmetric(
        logpdf=lambda z: formulas.log_expit(z) + formulas.log_expit(-z), cdf=ew.sigmoid, logcdf=formulas.log_expit,
        ppf=formulas.logit,
    ),
)  # fmt: skip
cauchy = Continuous(
    "cauchy", "", LINE, None, (),
    symmetric(
        logpdf=lambda z: -math.log(math.pi) - 2 * ew.log(ew.hypot(like(z, 1), z)),
        cdf=lambda z: ew.arctan2(like(z, 1), -z) * (1 / math.pi), ppf=_cauchy_ppf,
    ),
)  # fmt: skip
uniform = Continuous(
    "uniform", "", (0.0, 1.0), None, (),
    dict(logpdf=lambda z: like(z, 0), cdf=lambda z: z, sf=lambda z: 1 - z, ppf=lambda q: q, isf=lambda q: 1 - q),
)  # fmt: skip
gumbel_r = Continuous(
    "gumbel_r", "", LINE, None, (),
    dict(
        logpdf=lambda z: -z - ew.exp(-z), cdf=lambda z: ew.exp(-ew.exp(-z)), sf=lambda z: -ew.expm1(-ew.exp(-z)),
        logcdf=lambda z: -ew.exp(-z), logsf=_gumbel_logsf, ppf=lambda q: -ew.log(-ew.log(q)),
        isf=lambda q: -ew.log(-ew.log1p(-q)),
    ),
)  # fmt: skip

# --- powers and logarithms --------------------------------------------------------------------------------------------


def _lognorm_logpdf(z: Any, s: Any) -> Any:
    """-inf at 0, where the density is 0."""
    zero = ew.eq(z, like(z, 0))
    log = ew.log(choose(zero, 1.0, z))
    return choose(zero, -math.inf, -0.5 * ew.square(log / s) - log - ew.log(s) - LOG_ROOT_TWO_PI)


lognorm = Continuous(
    "lognorm", "s", HALF_LINE, positive, (1.0,),
    dict(
        logpdf=_lognorm_logpdf, cdf=lambda z, s: ndtr(ew.log(z) / s), sf=lambda z, s: ndtr(-ew.log(z) / s),
        logcdf=lambda z, s: log_ndtr(ew.log(z) / s), logsf=lambda z, s: log_ndtr(-ew.log(z) / s),
        ppf=lambda q, s: ew.exp(s * ndtri(q)), isf=lambda q, s: ew.exp(-s * ndtri(q)),
    ),
)  # fmt: skip
weibull_min = Continuous(
    "weibull_min", "c", HALF_LINE, positive, (1.0,),
    of_hazard(
        lambda z, c: ew.log(c) + xlogy(c - 1, z) - ew.power(z, c), ew.power, lambda h, c: ew.power(h, 1 / c),
    ),
)  # fmt: skip
pareto = Continuous(
    "pareto", "b", (1.0, math.inf), positive, (1.0,),
    of_hazard(lambda z, b: ew.log(b) - (b + 1) * ew.log(z), lambda z, b: b * ew.log(z), lambda h, b: ew.exp(h / b)),
)  # fmt: skip

# --- gamma, beta and their relatives ----------------------------------------------------------------------------------


def _gamma_logpdf(z: Any, a: Any) -> Any:
    return xlogy(a - 1, z) - z - gamma_functions.lgamma(a)


gamma = Continuous(
    "gamma", "a", HALF_LINE, positive, (1.0,),
    dict(
        logpdf=_gamma_logpdf, cdf=lambda z, a: incomplete.gammainc(a, z), sf=lambda z, a: incomplete.gammaincc(a, z),
        ppf=lambda q, a: incomplete.gammaincinv(a, q), isf=lambda q, a: incomplete.gammainccinv(a, q),
    ),
)  # fmt: skip
chi2 = Continuous(
    "chi2", "df", HALF_LINE, positive, (1.0,),
    dict(
        logpdf=lambda z, df: _gamma_logpdf(0.5 * z, 0.5 * df) - math.log(2),
        cdf=lambda z, df: incomplete.gammainc(0.5 * df, 0.5 * z),
        sf=lambda z, df: incomplete.gammaincc(0.5 * df, 0.5 * z),
        ppf=lambda q, df: 2 * incomplete.gammaincinv(0.5 * df, q),
        isf=lambda q, df: 2 * incomplete.gammainccinv(0.5 * df, q),
    ),
)  # fmt: skip
beta = Continuous(
    "beta", "a b", (0.0, 1.0), positive, (1.0, 1.0),
    dict(
        logpdf=lambda z, a, b: xlogy(a - 1, z) + xlog1py(b - 1, -z) - gamma_functions.betaln(a, b),
        cdf=lambda z, a, b: incomplete.betainc(a, b, z), sf=lambda z, a, b: incomplete.betaincc(a, b, z),
        ppf=lambda q, a, b: incomplete.betaincinv(a, b, q), isf=lambda q, a, b: incomplete.betainccinv(a, b, q),
    ),
)  # fmt: skip


def _or_normal(of_df: Callable, normal: Callable) -> Callable:
    """Infinitely many degrees of freedom make a normal distribution."""

    def formula(z: Any, df: Any) -> Any:
        infinite = ew.eq(df, like(df, math.inf))
        return choose(infinite, normal(z), of_df(z, choose(infinite, 1.0, df)))

    return formula


t = Continuous(
    "t", "df", LINE, positive, (1.0,),
    symmetric(
        logpdf=_or_normal(lambda z, df: student.log_density(df, z), _norm_logpdf),
        cdf=_or_normal(lambda z, df: student.stdtr(df, z), ndtr),
        ppf=_or_normal(lambda q, df: student.stdtrit(df, q), ndtri),
    ),
)  # fmt: skip

# --- the truncated normal distribution --------------------------------------------------------------------------------


def _log_mass(a: Any, b: Any) -> Any:
    """log(ndtr(b) - ndtr(a)): in the left half-line, mirrored from the right one, or what two tails leave over."""
    right, across = a > 0, ew.and_(a <= 0, b > 0)
    low, high = choose(right, -b, a), choose(right, -a, b)
    high_left, low_left = choose(across, 0.0, high), choose(across, -1.0, low)
    top = log_ndtr(high_left)
    one_side = top + log1mexp(top - log_ndtr(low_left))
    return choose(across, ew.log1p(-ndtr(choose(across, a, -1.0)) - ndtr(-choose(across, b, 1.0))), one_side)


def _log_share(part: Any, rest: Any, whole: Any) -> Any:
    """part - whole, by the complement where it is the larger part."""
    larger = part > rest
    from_rest = log1mexp(choose(larger, whole - rest, 1.0))
    return choose(larger, from_rest, choose(larger, -1.0, part - whole))


def _truncnorm_ppf(q: Any, a: Any, b: Any) -> Any:
    """From the lower end where that is in the left tail, else from the upper one."""
    left, mass = a < 0, _log_mass(a, b)
    start = log_ndtr(choose(left, a, -b))
    share = choose(left, ew.log(q), ew.log1p(-q))
    z = error_functions.ndtri_exp(_log_sum(start, share + mass))
    return choose(left, z, -z)


def _log_sum(x: Any, y: Any) -> Any:
    """logaddexp, where x may be -inf."""
    nothing = ew.eq(x, like(x, -math.inf))
    return choose(nothing, y, ew.logaddexp(choose(nothing, y, x), y))


truncnorm = Continuous(
    "truncnorm", "a b", lambda a, b: (a, b), lambda a, b: a < b, (-1.0, 1.0),
    dict(
        logpdf=lambda z, a, b: _norm_logpdf(z) - _log_mass(a, b),
        logcdf=lambda z, a, b: _log_share(_log_mass(a, z), _log_mass(z, b), _log_mass(a, b)),
        logsf=lambda z, a, b: _log_share(_log_mass(z, b), _log_mass(a, z), _log_mass(a, b)),
        ppf=_truncnorm_ppf, isf=lambda q, a, b: -_truncnorm_ppf(q, -b, -a),
    ),
)  # fmt: skip

__all__ = [
    "beta", "cauchy", "chi2", "expon", "gamma", "gumbel_r", "laplace", "logistic", "lognorm", "norm", "pareto", "t",
    "truncnorm", "uniform", "weibull_min",
]  # fmt: skip
