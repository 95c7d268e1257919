"""Regression by a Gaussian process, its lengthscale, amplitude and noise found by the marginal likelihood.

    y ~ N(0, K),   K_ij = a^2 exp(-|x_i - x_j|^2 / (2 l^2)) + s^2 [i = j]
    log p(y) = -y^T K^-1 y / 2 - log det K / 2 - n log(2 pi) / 2

Reference: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapter 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from funcgrad import value_and_grad


def make_data(seed: int = 0, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """A sine with noise of 0.1."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-4, 4, count))[:, None]
    return x, np.sin(x[:, 0]) + 0.1 * rng.normal(size=count)


def kernel(params: Any, x1: Any, x2: Any) -> Any:
    """The covariances between two sets of points; params are the logarithms of (amplitude, lengthscale, noise)."""
    distance = np.expand_dims(x1 / np.exp(params[1]), 1) - np.expand_dims(x2 / np.exp(params[1]), 0)
    return np.exp(2 * params[0]) * np.exp(-0.5 * np.sum(distance**2, axis=2))


def negative_log_likelihood(params: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Minus the log marginal likelihood, by a Cholesky factor."""
    covariance = kernel(params, x, x) + np.exp(2 * params[2]) * np.eye(len(y))
    lower = np.linalg.cholesky(covariance)
    white = np.linalg.solve(lower, y)
    return 0.5 * np.dot(white, white) + np.sum(np.log(np.diag(lower))) + 0.5 * len(y) * np.log(2 * np.pi)


def predict(params: Any, x: np.ndarray, y: np.ndarray, new: np.ndarray) -> tuple[Any, Any]:
    """Mean and standard deviation at new points."""
    covariance = kernel(params, x, x) + np.exp(2 * params[2]) * np.eye(len(y))
    across = kernel(params, x, new)
    mean = across.T @ np.linalg.solve(covariance, y)
    variance = np.diag(kernel(params, new, new)) - np.sum(across * np.linalg.solve(covariance, across), axis=0)
    return mean, np.sqrt(np.maximum(variance, 0.0))


def fit(x: np.ndarray, y: np.ndarray) -> Any:
    """What the optimizer of SciPy returns."""
    start = np.array([0.0, 0.0, -1.0])
    return minimize(value_and_grad(negative_log_likelihood), start, args=(x, y), jac=True, method="BFGS")


if __name__ == "__main__":
    data = make_data()
    result = fit(*data)
    print("amplitude, lengthscale, noise:", np.round(np.exp(result.x), 3))
    print("minus log likelihood:", round(float(result.fun), 4))
