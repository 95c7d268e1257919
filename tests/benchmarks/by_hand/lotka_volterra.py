"""8: the Runge-Kutta steps with their states kept, and the adjoint steps backwards, stages recomputed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(fastmath=True, inline="always")
def _slope(x: float, y: float, r: Any) -> tuple[float, float]:
    return x * (r[0] - r[1] * y), y * (r[3] * x - r[2])


@njit(fastmath=True, inline="always")
def _pull(x: float, y: float, r: Any, u: float, v: float, rates_bar: Any) -> tuple[float, float]:
    """Adjoint of `_slope` at (x, y): adds to the rates' and returns the state's."""
    rates_bar[0] += u * x
    rates_bar[1] -= u * x * y
    rates_bar[2] -= v * y
    rates_bar[3] += v * x * y
    return u * (r[0] - r[1] * y) + v * r[3] * y, v * (r[3] * x - r[2]) - u * r[1] * x


@njit(cache=True, fastmath=True)
def _run(rates: Any, start: Any, observed: Any, dt: float) -> tuple[float, Any]:
    steps = len(observed)
    path, grad, r = np.empty((steps + 1, 2)), np.zeros(4), (rates[0], rates[1], rates[2], rates[3])
    x, y, loss, h = start[0], start[1], 0.0, 0.5 * dt
    path[0, 0], path[0, 1] = x, y
    for n in range(steps):
        a1, b1 = _slope(x, y, r)
        a2, b2 = _slope(x + h * a1, y + h * b1, r)
        a3, b3 = _slope(x + h * a2, y + h * b2, r)
        a4, b4 = _slope(x + dt * a3, y + dt * b3, r)
        x += dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        y += dt / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)
        path[n + 1, 0], path[n + 1, 1] = x, y
        loss += (x - observed[n, 0]) ** 2 + (y - observed[n, 1]) ** 2
    u, v, scale = 0.0, 0.0, 1.0 / steps  # the mean over 2 steps numbers, times 2 of the square
    for n in range(steps - 1, -1, -1):
        u += scale * (path[n + 1, 0] - observed[n, 0])
        v += scale * (path[n + 1, 1] - observed[n, 1])
        x, y = path[n, 0], path[n, 1]
        a1, b1 = _slope(x, y, r)
        x2, y2 = x + h * a1, y + h * b1
        a2, b2 = _slope(x2, y2, r)
        x3, y3 = x + h * a2, y + h * b2
        a3, b3 = _slope(x3, y3, r)
        p4, q4 = _pull(x + dt * a3, y + dt * b3, r, dt / 6.0 * u, dt / 6.0 * v, grad)
        p3, q3 = _pull(x3, y3, r, dt / 3.0 * u + dt * p4, dt / 3.0 * v + dt * q4, grad)
        p2, q2 = _pull(x2, y2, r, dt / 3.0 * u + h * p3, dt / 3.0 * v + h * q3, grad)
        p1, q1 = _pull(x, y, r, dt / 6.0 * u + h * p2, dt / 6.0 * v + h * q2, grad)
        u, v = u + p1 + p2 + p3 + p4, v + q1 + q2 + q3 + q4
    return loss / (2 * steps), grad


def value_and_grad(rates: Any, start: Any, observed: Any) -> tuple[float, Any]:
    """Mean square distance of the trajectory from the observed one, and its gradient in the rates."""
    return _run(rates, start, observed, 0.005)
