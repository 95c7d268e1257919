"""1: the derivative of the scalar function, worked out on paper."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, fastmath=True)
def gradient(x: float) -> float:
    """The derivative of sin(x) exp(-x^2) + log(1 + x^2) / sqrt(2 + cos x) + tanh x."""
    sine, cosine, bell, square = math.sin(x), math.cos(x), math.exp(-x * x), 1.0 + x * x
    under, tanh = 2.0 + cosine, math.tanh(x)
    root = math.sqrt(under)
    wave = bell * (cosine - 2.0 * x * sine)
    quotient = 2.0 * x / (square * root) + 0.5 * math.log(square) * sine / (under * root)
    return wave + quotient + 1.0 - tanh * tanh
