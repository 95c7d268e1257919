"""Distributions of vectors: normal, of shares, of counts."""

from __future__ import annotations

import importlib
import math
from typing import Any

from ... import numpy as fnp
from ...numpy import promotion
from ...numpy.special_formulas import xlogy
from ...ops import elementwise as ew
from ...ops import gamma_functions
from ..linalg import solve_triangular
from ..special_functions import floats


class MultivariateNormal:
    """scipy.stats.multivariate_normal: density and its logarithm, with derivatives in point, mean and covariance.

    Example:
        >>> import numpy as np
        >>> from funcgrad.scipy.stats import multivariate_normal
        >>> multivariate_normal.logpdf(np.zeros(2), np.zeros(2), np.diag([1.0, 4.0]))
        np.float64(-2.53102...)
    """

    def __repr__(self) -> str:
        return "funcgrad.scipy.stats.multivariate_normal"

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The logarithm of the density: -(d log(2 pi) + log det cov + (x - mean)^T cov^-1 (x - mean)) / 2.

        Args:
            x: (..., d); for d = 1 also (...).
            mean: (d,) or a number; 0 by default.
            cov: (d, d), symmetric and positive definite; the diagonal, (d,); or a number, times the identity.

        Returns:
            The leading axes of x; a number for one point.

        Raises:
            ValueError: the shapes do not fit.
            LinAlgError: cov is not positive definite.

        Reference: scipy.stats.multivariate_normal
        """
        x, mean, cov = floats("multivariate_normal.logpdf", x, 0.0 if mean is None else mean, cov)
        d = max(*[v.shape[-1] if v.ndim else 1 for v in (mean, cov)])
        mean, factor = _mean(mean, d), _factor(cov, d)
        points = _points(x, d)
        lead = points.shape[:-1]
        y = solve_triangular(factor, fnp.reshape(points - mean, (-1, d)).T, lower=True)
        spread = fnp.sum(fnp.log(fnp.diagonal(factor)))
        value = -0.5 * (d * math.log(2 * math.pi) + fnp.sum(y * y, axis=0)) - spread
        return fnp.squeeze(fnp.reshape(value, lead))[()]

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The density; arguments as for `logpdf`."""
        return ew.exp(self.logpdf(x, mean, cov))


def _mean(mean: Any, d: int) -> Any:
    if mean.ndim > 1 or mean.ndim and mean.shape != (d,):
        raise ValueError(f"multivariate_normal: a mean of shape {tuple(mean.shape)} does not fit dimension {d}")
    return fnp.broadcast_to(mean, (d,))


def _factor(cov: Any, d: int) -> Any:
    """The lower Cholesky factor."""
    if cov.ndim > 2 or cov.ndim and tuple(cov.shape) != (d,) * cov.ndim:
        raise ValueError(f"multivariate_normal: a covariance of shape {tuple(cov.shape)} does not fit dimension {d}")
    if cov.ndim == 2:
        return fnp.linalg.cholesky(cov)
    return fnp.diag(fnp.sqrt(fnp.broadcast_to(cov, (d,))))


def _points(x: Any, d: int) -> Any:
    """(..., d); numbers and vectors of numbers count as points of dimension 1 where d is 1."""
    if x.ndim == 0:
        x = fnp.reshape(x, (1,))
    elif x.ndim == 1 and d == 1:
        x = x[:, None]
    if x.shape[-1] not in (1, d):
        raise ValueError(f"multivariate_normal: points of shape {tuple(x.shape)} do not fit dimension {d}")
    return x


class Dirichlet:
    """scipy.stats.dirichlet: the density of positive numbers whose sum is 1, and its logarithm.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.stats import dirichlet
        >>> fg.grad(dirichlet.logpdf, argnums=1)(np.array([0.2, 0.3, 0.5]), np.ones(3)).round(6)
        array([-0.109438,  0.296027,  0.806853])
    """

    def __repr__(self) -> str:
        return "funcgrad.scipy.stats.dirichlet"

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density: the sum of (alpha_i - 1) log x_i, minus that of the multivariate beta function.

        Args:
            x: (k,) or (k, n), with columns of sum 1; or (k - 1, ...), whose last element is what is left of 1.
            alpha: (k,), positive.

        Returns:
            A number, or (n,). For traced values it is -inf where x is not positive or has another sum, which is an
            error for plain arrays.

        Raises:
            ValueError: the shapes do not fit; plain arrays are not in the domain.

        Reference: scipy.stats.dirichlet
        """
        if not promotion.has_tracer(x) and not promotion.has_tracer(alpha):
            return importlib.import_module("scipy.stats").dirichlet.logpdf(x, alpha)
        x, alpha = floats("dirichlet.logpdf", x, alpha)
        if alpha.ndim != 1 or not x.ndim or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
            raise ValueError(f"dirichlet: points {tuple(x.shape)} do not fit parameters {tuple(alpha.shape)}")
        if x.shape[0] != alpha.shape[0]:
            x = fnp.concatenate([x, 1 - fnp.sum(x, axis=0, keepdims=True)])
        weights = fnp.reshape(alpha, (-1,) + (1,) * (x.ndim - 1))
        near = 1e-9 if x.dtype.itemsize > 4 else 1e-5
        inside = fnp.all(x >= 0, axis=0) & (fnp.abs(fnp.sum(x, axis=0) - 1) <= near)
        safe = fnp.where(inside, x, 1 / x.shape[0])
        powers = fnp.sum(_xlogy(weights - 1, safe), axis=0)
        value = powers + gamma_functions.lgamma(fnp.sum(alpha)) - fnp.sum(gamma_functions.lgamma(alpha))
        return fnp.where(inside, value, -math.inf)

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density; arguments as for `logpdf`."""
        return fnp.exp(self.logpdf(x, alpha))


class Multinomial:
    """scipy.stats.multinomial: the probability of counts, and its logarithm, with derivatives in the probabilities.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.stats import multinomial
        >>> fg.grad(lambda p: multinomial.logpmf([1, 2, 0], 3, p))(np.array([0.25, 0.5, 0.25]))
        array([4., 4., 0.])
    """

    def __repr__(self) -> str:
        return "funcgrad.scipy.stats.multinomial"

    def logpmf(self, x: Any, n: Any, p: Any) -> Any:
        """The logarithm of the probability of x: n! times the product of p_i^x_i / x_i!.

        Args:
            x: (..., k), counts.
            n: how many there are together.
            p: (..., k), probabilities of sum 1; the last one counts as it is given.

        Returns:
            The leading axes; -inf where x has another sum than n or is no vector of counts, NaN where an element of p
            is negative or the sum is not 1.

        Reference: scipy.stats.multinomial
        """
        x, n, p = floats("multinomial.logpmf", x, n, p)
        whole = fnp.all((x >= 0) & (x == fnp.floor(x)), axis=-1) & (fnp.sum(x, axis=-1) == n)
        counts = fnp.where(whole[..., None], x, 0.0)
        value = gamma_functions.lgamma(n + 1) + fnp.sum(_xlogy(counts, p) - gamma_functions.lgamma(counts + 1), axis=-1)
        allowed = fnp.all(p >= 0, axis=-1) & (fnp.abs(fnp.sum(p, axis=-1) - 1) < 1e-5) & (n >= 0)
        return fnp.where(allowed, fnp.where(whole, value, -math.inf), math.nan)

    def pmf(self, x: Any, n: Any, p: Any) -> Any:
        """The probability of x; arguments as for `logpmf`."""
        return fnp.exp(self.logpmf(x, n, p))


def _xlogy(x: Any, y: Any) -> Any:
    return xlogy(*promotion.same_shape([x, y], "xlogy"))


multivariate_normal, dirichlet, multinomial = MultivariateNormal(), Dirichlet(), Multinomial()

__all__ = ["dirichlet", "multinomial", "multivariate_normal"]
