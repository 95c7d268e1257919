"""Survival times of a Weibull distribution whose scale depends on covariates, some of them censored.

    S(t | x) = exp(-(t / scale)^rho),   log scale = x^T beta
    log L = sum over events of log h(t) + sum over all of log S(t)

For whom the study ended first (event = 0), only survival until then counts.

Reference: Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 2nd ed., 2002, chapter 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import gamma

from funcgrad import hessian, value_and_grad

BETA, RHO = np.array([1.5, 0.6, -0.4]), 1.8


def make_data(seed: int = 0, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates (the first is 1), times, and whether the event was seen."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(count), rng.normal(size=(count, 2))])
    times = np.exp(x @ BETA) * rng.weibull(RHO, count)
    ends = rng.exponential(12.0, count)
    return x, np.minimum(times, ends), (times <= ends).astype(float)


def negative_log_likelihood(params: Any, x: np.ndarray, times: np.ndarray, events: np.ndarray) -> Any:
    """Minus the mean log likelihood; params are beta and log rho."""
    beta, rho = params[:-1], np.exp(params[-1])
    log_ratio = np.log(times) - x @ beta
    log_hazard = np.log(rho) + (rho - 1) * log_ratio - x @ beta
    survival = -np.exp(rho * log_ratio)
    return -np.mean(np.where(events > 0, log_hazard, 0.0) + survival)


def fit(x: np.ndarray, times: np.ndarray, events: np.ndarray) -> tuple[Any, np.ndarray]:
    """What the optimizer of SciPy returns, and the standard errors by the observed information."""
    start = np.zeros(x.shape[1] + 1)
    data = (x, times, events)
    result = minimize(value_and_grad(negative_log_likelihood), start, args=data, jac=True, method="BFGS")
    information = len(times) * hessian(negative_log_likelihood)(result.x, *data)
    return result, np.sqrt(np.diag(np.linalg.inv(information)))


def mean_time(params: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The expected survival times."""
    return np.exp(x @ params[:-1]) * gamma(1 + 1 / np.exp(params[-1]))


if __name__ == "__main__":
    found, errors = fit(*make_data())
    for name, value, error in zip(("beta 0", "beta 1", "beta 2", "log rho"), found.x, errors):
        print(f"{name:8s} {value: .3f} +- {error:.3f}")
