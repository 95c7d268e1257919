"""One step of the pairs of Runge-Kutta formulas, its error and its interpolant: arrays in, arrays out.

Reference: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 2nd ed., Springer 1993, sections II.4
to II.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Dormand and Prince, 5(4), J. Comput. Appl. Math. 6, 1980. The last stage is the first of the next step.
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
# The term of highest degree of the interpolant (Hairer, Norsett and Wanner, section II.6).
_DENSE = (
    -12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072,
    701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423,
)  # fmt: skip
ORDER = 5
SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0


def _combined(weights: tuple[float, ...], stages: list[Any]) -> Any:
    total = None
    for w, k in zip(weights, stages):
        if w:
            total = w * k if total is None else total + w * k
    return total


def step(f: Callable, y: Any, slope: Any, t: Any, h: Any) -> tuple[Any, Any, Any, Any]:
    """The state at t + h, the slope there, an estimate of the error, and the coefficients (5, n) of the interpolant."""
    stages = [slope]
    for node, weights in zip(_NODES[1:], _STAGES[1:]):
        stages.append(f(y + h * _combined(weights, stages), t + node * h))
    new = y + h * _combined(_WEIGHTS, stages)
    stages.append(f(new, t + h))
    change = new - y
    bend = h * slope - change
    dense = np.stack([y, change, bend, change - h * stages[-1] - bend, h * _combined(_DENSE, stages)])
    return new, stages[-1], h * _combined(_ERROR, stages), dense


def interpolated(dense: Any, part: Any) -> Any:
    """The state at a part between 0 and 1 of a step."""
    rest = 1.0 - part
    return dense[0] + part * (dense[1] + rest * (dense[2] + part * (dense[3] + rest * dense[4])))


def norm(x: Any, scale: Any) -> Any:
    """The root of the mean square of x in units of the tolerance."""
    return np.sqrt(np.mean((x / scale) ** 2))


def first_step(f: Callable, y: Any, slope: Any, t: Any, rtol: Any, atol: Any) -> Any:
    """A step length to begin with, from the size of the slope and of its change (section II.4, algorithm)."""
    scale = atol + rtol * abs(y)
    size, speed = norm(y, scale), norm(slope, scale)
    h0 = np.where((size < 1e-5) | (speed < 1e-5), 1e-6, 0.01 * size / np.where(speed == 0.0, 1.0, speed))
    bend = norm(f(y + h0 * slope, t + h0) - slope, scale) / h0
    largest = np.maximum(speed, bend)
    h1 = (0.01 / np.where(largest == 0.0, 1.0, largest)) ** (1.0 / ORDER)
    h1 = np.where(largest <= 1e-15, np.maximum(1e-6, h0 * 1e-3), h1)
    return np.minimum(100.0 * h0, h1)


def next_step(h: Any, error: Any) -> Any:
    """A step length from the error of the last one, in units of the tolerance; nan counts as far too large."""
    known = np.where(np.isnan(error), np.inf, np.maximum(error, 1e-10))
    factor = np.clip(SAFETY * known ** (-1.0 / ORDER), SHRINK, GROW)
    return h * np.where(error > 1.0, np.minimum(factor, 1.0), factor)


__all__ = ["first_step", "interpolated", "next_step", "norm", "step"]
