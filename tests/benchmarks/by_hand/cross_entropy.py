"""4: three passes over each row while it is in the cache, the gradient written where the exponentials were."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True, parallel=True)
def value_and_grad(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Mean cross-entropy of the rows and its gradient in the logits."""
    rows, columns = logits.shape
    grads, losses = np.empty_like(logits), np.empty(rows, logits.dtype)
    for i in prange(rows):
        row, grad = logits[i], grads[i]
        largest = row[0]
        for j in range(columns):
            largest = max(largest, row[j])
        for j in range(columns):
            grad[j] = math.exp(row[j] - largest)
        total = logits.dtype.type(0)
        for j in range(columns):
            total += grad[j]
        scale = logits.dtype.type(1) / (total * rows)
        for j in range(columns):
            grad[j] *= scale
        losses[i] = math.log(total) - (row[labels[i]] - largest)
        grad[labels[i]] -= logits.dtype.type(1) / rows
    return losses.mean(), grads
