"""Kolmogorov's distribution, inverses of distribution functions in their parameters, and of those of counts.

Inverses follow by the implicit function rule: where F(a, rest) = p, a_dot = (p_dot - F_rest rest_dot) / F_a.

Reference: W. Feller, On the Kolmogorov-Smirnov limit theorems, Ann. Math. Stat. 19 (1948).
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from ..core import lowering
from . import elementwise as ew
from .elementwise import like
from .incomplete import beta_density, betainc_ab, gamma_density, gammainc_a
from .rules import elementwise, nondiff
from .samples import Sample, points
from .scipy_kernels import scipy_function

# --- Kolmogorov's -------------------------------------------------------------------------------------------------------------


def kolmogorov_density(x: Any) -> Any:
    """The derivative of either form of the distribution function; 0 where that is below the smallest number."""
    left, none = ew.lt(x, like(x, 1)), ew.lt(x, like(x, 0.035))
    small, large = ew.select(ew.and_(left, ew.not_(none)), x, like(x, 0.5)), ew.select(left, like(x, 1), x)
    upper, lower = like(x, 0), like(x, 0)
    for k in range(1, 6):
        square = ew.square(large)
        upper = upper + (-1.0) ** (k - 1) * k * k * ew.exp((-2.0 * k * k) * square)
        exponent = ((2 * k - 1) * math.pi) ** 2 / (8 * ew.square(small))
        lower = lower + (2 * exponent - 1) * ew.exp(-exponent)
    value = ew.select(left, math.sqrt(2 * math.pi) * lower / ew.square(small), 8 * large * upper)
    return ew.select(none, like(x, 0), value)


kolmogorov = scipy_function("kolmogorov", lambda out, x: -kolmogorov_density(x), points(0.4, 0.8, 1.3, 2.1))
kolmogi = scipy_function("kolmogi", lambda out, p: -1 / kolmogorov_density(out), points(0.55, 0.3, 0.45))

# --- inverses in parameters -----------------------------------------------------------------------------------------------------

_beta = lambda: [Sample([np.array([0.3, 0.6, 0.8]), np.array([1.4, 2.3, 0.8]), np.array([0.4, 0.7, 0.6])])]
btdtria = scipy_function("btdtria", samples=_beta, partials=(  # a with betainc(a, b, x) = p
    lambda out, p, b, x: 1 / betainc_ab(out, b, x, j=1, k=0),
    lambda out, p, b, x: -betainc_ab(out, b, x, j=0, k=1) / betainc_ab(out, b, x, j=1, k=0),
    lambda out, p, b, x: -beta_density(out, b, x) / betainc_ab(out, b, x, j=1, k=0)))  # fmt: skip
btdtrib = scipy_function("btdtrib", partials=(  # b with betainc(a, b, x) = p
    lambda out, a, p, x: -betainc_ab(a, out, x, j=1, k=0) / betainc_ab(a, out, x, j=0, k=1),
    lambda out, a, p, x: 1 / betainc_ab(a, out, x, j=0, k=1),
    lambda out, a, p, x: -beta_density(a, out, x) / betainc_ab(a, out, x, j=0, k=1)),
    samples=lambda: [Sample([np.array([1.4, 2.3, 0.8]), np.array([0.3, 0.6, 0.7]), np.array([0.4, 0.7, 0.6])])])  # fmt: skip
gdtrib = scipy_function("gdtrib", partials=(  # b with gammainc(b, a x) = p
    lambda out, a, p, x: -x * gamma_density(out, a * x) / gammainc_a(out, a * x, k=1),
    lambda out, a, p, x: 1 / gammainc_a(out, a * x, k=1),
    lambda out, a, p, x: -a * gamma_density(out, a * x) / gammainc_a(out, a * x, k=1)),
    samples=lambda: [Sample([np.array([1.4, 2.3, 0.8]), np.array([0.3, 0.6, 0.8]), np.array([1.4, 0.7, 2.6])])])  # fmt: skip
chdtriv = scipy_function("chdtriv", partials=(  # v with gammainc(v / 2, x / 2) = p
    lambda out, p, x: 2 / gammainc_a(0.5 * out, 0.5 * x, k=1),
    lambda out, p, x: -gamma_density(0.5 * out, 0.5 * x) / gammainc_a(0.5 * out, 0.5 * x, k=1)),
    samples=lambda: [Sample([np.array([0.3, 0.6, 0.7]), np.array([1.4, 2.3, 0.7])])])  # fmt: skip

# --- quantiles of distributions of counts ---------------------------------------------------------------------------------------


def _count_quantile_impl(q: Any, *shapes: Any, dist: str, upper: bool) -> Any:
    """SciPy's, in double precision."""
    distribution = getattr(importlib.import_module("scipy.stats"), dist)
    wide = [np.asarray(v, np.float64) for v in (q, *shapes)]
    with np.errstate(all="ignore"):
        value = (distribution.isf if upper else distribution.ppf)(*wide)
    return np.asarray(value, q.dtype)[()]


def _count_samples() -> list[Sample]:
    q = np.array([0.21, 0.53, 0.87])
    return [Sample([q, np.array([1.7, 4.2, 2.6])], dict(dist="poisson", upper=False)), Sample([q, np.array([0.31, 0.53, 0.62])], dict(dist="geom", upper=True)),
            Sample([q, np.array([4.0, 7.0, 3.0]), np.array([0.31, 0.47, 0.62])], dict(dist="binom", upper=False))]  # fmt: skip


count_quantile = elementwise("count_quantile", _count_quantile_impl, kinds="f", partials=nondiff, samples=_count_samples)
count_quantile.lower = lowering.Callback()

__all__ = [
    "btdtria", "btdtrib", "chdtriv", "count_quantile", "gdtrib", "kolmogi", "kolmogorov", "kolmogorov_density",
]  # fmt: skip
