"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any

from ... import numpy as fnp
from ...ops import elementwise as ew
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


multivariate_normal = MultivariateNormal()

__all__ = ["multivariate_normal"]
