"""20: gradients through cumulative sums, cumulative logsumexp and sort, each row in one or two sweeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True, parallel=True)
def cumsum(x: Any, weights: Any) -> Any:
    """Gradient of sum(weights * cumsum(x)): sums from the right."""
    out = np.empty_like(weights)
    for i in prange(len(weights)):
        total = 0.0
        for j in range(weights.shape[1] - 1, -1, -1):
            total += weights[i, j]
            out[i, j] = total
    return out


@njit(cache=True, fastmath=True)
def _near(x: Any, largest: float, weights: Any, out: Any, sums: Any) -> None:
    """One row whose exponentials all fit beside the largest."""
    for j in range(x.size):
        out[j] = math.exp(x[j] - largest)
    total = 0.0
    for j in range(x.size):
        total += out[j]
        sums[j] = total
    for j in range(x.size):
        sums[j] = weights[j] / sums[j]
    total = 0.0
    for j in range(x.size - 1, -1, -1):
        total += sums[j]
        out[j] *= total


@njit(cache=True, fastmath=True)
def _far(x: Any, weights: Any, out: Any, sums: Any) -> None:
    """Any row: the running logarithm, then the recurrence S[j] = w[j] + S[j+1] exp(l[j] - l[j+1])."""
    top, total = x[0], 0.0
    for j in range(x.size):
        if x[j] > top:
            total, top = total * math.exp(top - x[j]), x[j]
        total += math.exp(x[j] - top)
        sums[j] = top + math.log(total)
    total, last = 0.0, sums[-1]
    for j in range(x.size - 1, -1, -1):
        total, last = weights[j] + total * math.exp(sums[j] - last), sums[j]
        out[j] = total * math.exp(x[j] - last)


@njit(cache=True, fastmath=True, parallel=True)
def logsumexp(x: Any, weights: Any) -> Any:
    """Gradient of sum(weights * log(cumsum(exp(x)))) without overflow."""
    out = np.empty_like(x)
    for i in prange(len(x)):
        sums = np.empty(x.shape[1])
        least, largest = x[i, 0], x[i, 0]
        for j in range(x.shape[1]):
            least, largest = min(least, x[i, j]), max(largest, x[i, j])
        if largest - least < 600.0:
            _near(x[i], largest, weights[i], out[i], sums)
        else:
            _far(x[i], weights[i], out[i], sums)
    return out


@njit(cache=True, parallel=True)
def _spread(order: Any, weights: Any) -> Any:
    out = np.empty_like(weights)
    for i in prange(len(order)):
        for j in range(order.shape[1]):
            out[i, order[i, j]] = weights[i, j]
    return out


def sort(x: Any, weights: Any) -> Any:
    """Gradient of sum(weights * sort(x)): NumPy's argsort, which uses vector instructions, and a scatter."""
    return _spread(np.argsort(x, axis=1), weights)
