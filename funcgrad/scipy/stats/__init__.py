"""Distributions with scipy.stats's names and arguments, for arrays and traced values.

Continuous ones have `logpdf`, `pdf`, `cdf`, `sf`, `logcdf`, `logsf`, `ppf` and `isf`, discrete ones `logpmf`, `pmf`,
`cdf`, `sf`, `logcdf`, `logsf`, `ppf` and `isf`; all have derivatives in the point, the shape parameters, location and
scale.

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
from .discrete import bernoulli, betabinom, binom, geom, nbinom, poisson, randint
from .kernel_density import gaussian_kde
from .more_continuous import f, gennorm, gumbel_l, halfnorm, invgamma, rayleigh, vonmises, wrapcauchy
from .multivariate import dirichlet, multinomial, multivariate_normal
from .samples import mode, rankdata, sem

__all__ = [
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon", "f", "gamma", "gaussian_kde",
    "gennorm", "geom", "gumbel_l", "gumbel_r", "halfnorm", "invgamma", "laplace", "logistic", "lognorm", "mode",
    "multinomial", "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "randint", "rankdata", "rayleigh",
    "sem", "t", "truncnorm", "uniform", "vonmises", "weibull_min", "wrapcauchy",
]  # fmt: skip
