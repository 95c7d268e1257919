"""14: LAPACK for the factor and the inverse, one fused loop for the kernel and one for the gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from scipy.linalg import lapack


@njit(cache=True, fastmath=True)
def _kernel(x: Any, width: float, signal: float, noise: float) -> Any:
    """Upper triangle of the covariance, as the columns of LAPACK's lower one."""
    out = np.empty((len(x), len(x)))
    for i in range(len(x)):
        for j in range(i, len(x)):
            square = 0.0
            for k in range(x.shape[1]):
                square += (x[i, k] - x[j, k]) ** 2
            out[i, j] = signal * math.exp(-0.5 * square / (width * width))
        out[i, i] += noise
    return out


@njit(cache=True, fastmath=True)
def _gradient(
    x: Any, inverse: Any, alpha: Any, width: float, signal: float, noise: float
) -> tuple[float, float, float]:
    """Half the sums of (alpha alpha' - inverse) times the kernel's derivatives in the logarithms."""
    by_width, by_signal, by_noise = 0.0, 0.0, 0.0
    for i in range(len(x)):
        by_noise += (alpha[i] * alpha[i] - inverse[i, i]) * noise
        by_signal += (alpha[i] * alpha[i] - inverse[i, i]) * signal
        for j in range(i + 1, len(x)):
            square = 0.0
            for k in range(x.shape[1]):
                square += (x[i, k] - x[j, k]) ** 2
            square /= width * width
            part = 2.0 * (alpha[i] * alpha[j] - inverse[i, j]) * signal * math.exp(-0.5 * square)
            by_signal += part
            by_width += part * square
    return 0.5 * by_width, 0.5 * by_signal, 0.5 * by_noise


def value_and_grad(logarithms: Any, x: Any, y: Any) -> tuple[float, Any]:
    """Negative log marginal likelihood and its gradient in the logarithms of width, signal and noise."""
    width, signal, noise = map(float, np.exp(logarithms))
    kernel = _kernel(x, width, signal, noise)
    factor, _ = lapack.dpotrf(kernel.T, lower=1, clean=0, overwrite_a=1)
    alpha, _ = lapack.dpotrs(factor, y, lower=1)
    value = 0.5 * (y @ alpha) + np.log(factor.diagonal()).sum() + 0.5 * len(y) * math.log(2 * math.pi)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return value, -np.array(_gradient(x, inverse.T, alpha, width, signal, noise))
