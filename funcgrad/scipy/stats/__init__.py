"""Distributions with scipy.stats's names and arguments, for arrays and traced values.

Continuous ones have `logpdf`, `pdf`, `cdf`, `sf`, `logcdf`, `logsf`, `ppf` and `isf`, discrete ones `logpmf`, `pmf`,
`cdf`, `sf`, `logcdf` and `logsf`; all have derivatives in the point, the shape parameters, location and scale.

Example:
    >>> import funcgrad as fg
    >>> from funcgrad.scipy import stats
    >>> fg.grad(stats.norm.logcdf)(-40.0)
    np.float64(40.0249688472...)
    >>> fg.grad(stats.t.cdf, argnums=1)(1.0, 3.0)
    np.float64(0.0111104567...)
"""

from .continuous import (
    beta,
    cauchy,
    chi2,
    expon,
    gamma,
    gumbel_r,
    laplace,
    logistic,
    lognorm,
    norm,
    pareto,
    t,
    truncnorm,
    uniform,
    weibull_min,
)  # fmt: skip
from .discrete import bernoulli, binom, geom, nbinom, poisson
from .kernel_density import gaussian_kde
from .multivariate import multivariate_normal

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi2", "expon", "gamma", "gaussian_kde", "geom", "gumbel_r", "laplace",
    "logistic", "lognorm", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t", "truncnorm", "uniform",
    "weibull_min",
]  # fmt: skip
