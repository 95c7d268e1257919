"""Density estimates from samples by Gaussian kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ... import numpy as fnp
from ...ops import elementwise as ew
from ..linalg import solve_triangular
from ..special_functions import floats, logsumexp


class gaussian_kde:
    """sum of w_i N(x; x_i, factor^2 C) over the samples, with C their covariance.

    The density has derivatives in points, samples and weights.

    Args:
        dataset: (d, n), or (n,) for d = 1.
        bw_method: "scott" (the default), "silverman", a number, or a function of the estimate that gives the factor.
        weights: (n,), which are normalized; equal by default.

    Raises:
        ValueError: there is one sample only, weights do not fit, or the method is unknown.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> samples = np.array([0.1, 0.7, 1.5, 2.2])
        >>> fg.grad(lambda x: fg.scipy.stats.gaussian_kde(samples).logpdf(x)[0])(0.3).round(6)
        np.float64(0.465898)

    Reference: D. Scott, Multivariate Density Estimation (1992); B. Silverman, Density Estimation for Statistics and
    Data Analysis (1986); scipy.stats.gaussian_kde
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None) -> None:
        (data,) = floats("gaussian_kde", dataset)
        self.dataset = fnp.atleast_2d(data)
        self.d, self.n = self.dataset.shape
        if self.n < 2:
            raise ValueError("gaussian_kde: the dataset must have more than one sample; they are in its columns")
        self.weights = self._normalized(weights)
        squares = fnp.sum(fnp.square(self.weights))
        self.neff = 1 / squares
        centred = self.dataset - fnp.sum(self.weights * self.dataset, axis=1, keepdims=True)
        self.factor = self._factor("scott" if bw_method is None else bw_method)
        self.covariance = fnp.dot(self.weights * centred, centred.T) / (1 - squares) * fnp.square(self.factor)
        self._root = fnp.linalg.cholesky(self.covariance)

    def _normalized(self, weights: Any) -> Any:
        if weights is None:
            return fnp.full((self.n,), 1 / self.n, dtype=self.dataset.dtype)
        (weights,) = floats("gaussian_kde", weights)
        if tuple(weights.shape) != (self.n,):
            raise ValueError(f"gaussian_kde: weights of shape {tuple(weights.shape)} do not fit {self.n} samples")
        return weights / fnp.sum(weights)

    def _factor(self, method: Any) -> Any:
        if method == "scott":
            return fnp.power(self.neff, -1 / (self.d + 4))
        if method == "silverman":
            return fnp.power(self.neff * ((self.d + 2) / 4), -1 / (self.d + 4))
        if isinstance(method, Callable):
            return method(self)
        if isinstance(method, str):
            known = "'scott', 'silverman', a number or a function"
            raise ValueError(f"gaussian_kde: bw_method must be {known}, got {method!r}")
        return method

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density at the columns of x.

        Args:
            x: (d, m); (d,) for one point, or (m,) for d = 1.

        Returns:
            (m,).

        Raises:
            ValueError: x has another dimension.
        """
        (points,) = floats("gaussian_kde.logpdf", x)
        points = fnp.atleast_2d(points)
        if points.shape[0] != self.d:
            if points.shape != (1, self.d):
                raise ValueError(f"gaussian_kde: points have dimension {points.shape[0]}, the samples have {self.d}")
            points = fnp.reshape(points, (self.d, 1))
        near, far = (solve_triangular(self._root, v, lower=True) for v in (points, self.dataset))
        distance = fnp.sum(fnp.square(near[:, :, None] - far[:, None, :]), axis=0)
        spread = fnp.sum(fnp.log(fnp.diagonal(self._root))) + 0.5 * self.d * math.log(2 * math.pi)
        return logsumexp(-0.5 * distance, axis=1, b=fnp.broadcast_to(self.weights, distance.shape)) - spread

    def pdf(self, x: Any) -> Any:
        """The density at the columns of x."""
        return ew.exp(self.logpdf(x))

    evaluate = __call__ = pdf


__all__ = ["gaussian_kde"]
