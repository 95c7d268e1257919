"""12: the three diagonals of the Hessian."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def hessian(x: Any) -> Any:
    """Second derivatives of the sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2."""
    out = np.zeros((x.size, x.size))
    for i in range(x.size - 1):
        out[i, i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0
        out[i + 1, i + 1] += 200.0
        out[i, i + 1] = out[i + 1, i] = -400.0 * x[i]
    return out
