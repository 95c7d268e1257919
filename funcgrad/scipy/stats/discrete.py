"""Discrete distributions: probabilities and distribution functions with derivatives in their parameters.

Reference: N. Johnson, A. Kemp, S. Kotz, Univariate Discrete Distributions, 3rd ed. (2005).
"""

from __future__ import annotations

import math
from typing import Any

from ...numpy.special_formulas import xlog1py, xlogy
from ...ops import elementwise as ew
from ...ops import gamma_functions, incomplete
from ...ops.elementwise import like
from .distribution import Discrete, log1mexp, positive


def _probability(p: Any) -> Any:
    return ew.and_(p >= 0, p <= 1)


def _count_and_probability(n: Any, p: Any) -> Any:
    return ew.and_(ew.and_(n >= 0, ew.eq(n, ew.floor(n))), _probability(p))


def _binom_logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = -ew.log(n + 1) - gamma_functions.betaln(n - k + 1, k + 1)
    return ways + xlogy(k, p) + xlog1py(n - k, -p)


def _nbinom_logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = -ew.log(n + k) - gamma_functions.betaln(n, k + 1)
    return ways + n * ew.log(p) + xlog1py(k, -p)


bernoulli = Discrete(
    "bernoulli", "p", (0.0, 1.0), _probability, (0.5,),
    dict(logpmf=lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p), cdf=lambda k, p: 1 - p, sf=lambda k, p: p,
         logcdf=lambda k, p: ew.log1p(-p), logsf=lambda k, p: ew.log(p)),
)  # fmt: skip
binom = Discrete(
    "binom", "n p", lambda n, p: (0.0, n), _count_and_probability, (1.0, 0.5),
    dict(logpmf=_binom_logpmf, cdf=lambda k, n, p: incomplete.betaincc(k + 1, ew.maximum(n - k, like(k, 1)), p),
         sf=lambda k, n, p: incomplete.betainc(k + 1, ew.maximum(n - k, like(k, 1)), p)),
)  # fmt: skip
geom = Discrete(
    "geom", "p", (1.0, math.inf), lambda p: ew.and_(p > 0, p <= 1), (0.5,),
    dict(logpmf=lambda k, p: xlog1py(k - 1, -p) + ew.log(p), cdf=lambda k, p: -ew.expm1(k * ew.log1p(-p)),
         sf=lambda k, p: ew.exp(k * ew.log1p(-p)), logcdf=lambda k, p: log1mexp(-k * ew.log1p(-p)),
         logsf=lambda k, p: k * ew.log1p(-p)),
)  # fmt: skip
nbinom = Discrete(
    "nbinom", "n p", (0.0, math.inf), lambda n, p: ew.and_(positive(n), ew.and_(p > 0, p <= 1)), (1.0, 0.5),
    dict(logpmf=_nbinom_logpmf, cdf=lambda k, n, p: incomplete.betainc(n, k + 1, p),
         sf=lambda k, n, p: incomplete.betaincc(n, k + 1, p)),
)  # fmt: skip
poisson = Discrete(
    "poisson", "mu", (0.0, math.inf), lambda mu: mu >= 0, (1.0,),
    dict(logpmf=lambda k, mu: xlogy(k, mu) - gamma_functions.lgamma(k + 1) - mu,
         cdf=lambda k, mu: incomplete.gammaincc(k + 1, mu), sf=lambda k, mu: incomplete.gammainc(k + 1, mu)),
)  # fmt: skip


def _betabinom_logpmf(k: Any, n: Any, a: Any, b: Any) -> Any:
    ways = -ew.log(n + 1) - gamma_functions.betaln(n - k + 1, k + 1)
    return ways + gamma_functions.betaln(k + a, n - k + b) - gamma_functions.betaln(a, b)


randint = Discrete(
    "randint", "low high", lambda low, high: (low, high - 1), lambda low, high: high > low, (0.0, 1.0),
    dict(logpmf=lambda k, low, high: -ew.log(high - low), cdf=lambda k, low, high: (k - low + 1) / (high - low),
         sf=lambda k, low, high: (high - k - 1) / (high - low)),
)  # fmt: skip
betabinom = Discrete(
    "betabinom", "n a b", lambda n, a, b: (0.0, n),
    lambda n, a, b: ew.and_(ew.and_(n >= 0, ew.eq(n, ew.floor(n))), positive(a, b)), (1.0, 1.0, 1.0),
    dict(logpmf=_betabinom_logpmf),
)  # fmt: skip

__all__ = ["bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson", "randint"]
