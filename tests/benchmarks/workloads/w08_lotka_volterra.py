"""8: gradient of a trajectory loss through 2000 Runge-Kutta steps of the Lotka-Volterra equations, float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

STEPS, DT = 2000, 0.005


def trajectory_loss(lib: Any) -> Callable[..., Any]:
    """Mean square distance of the computed trajectory from the observed one, for four rates."""
    xp, lax = lib.np, lib.lax

    def slope(y: Any, rates: Any) -> Any:
        prey, predator = y[0], y[1]
        alpha, beta, gamma, delta = rates[0], rates[1], rates[2], rates[3]
        return xp.stack([alpha * prey - beta * prey * predator, delta * prey * predator - gamma * predator])

    def f(rates: Any, start: Any, observed: Any) -> Any:
        def step(y: Any, _: Any) -> tuple[Any, Any]:
            k1 = slope(y, rates)
            k2 = slope(y + 0.5 * DT * k1, rates)
            k3 = slope(y + 0.5 * DT * k2, rates)
            k4 = slope(y + DT * k3, rates)
            y = y + DT / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            return y, y

        _, path = lax.scan(step, start, None, length=STEPS)
        return xp.mean((path - observed) ** 2)

    return f


def observations(seed: int) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    rates = np.array([1.1, 0.4, 0.4, 0.1]) * random.uniform(0.9, 1.1, 4)
    return rates, random.uniform(5, 10, 2), random.uniform(0, 10, (STEPS, 2))


CASES = [
    Case(
        name="8",
        title="Lotka-Volterra, RK4, scan of 2000 steps, value and gradient of 4 rates",
        build=lambda lib: lib.jit(lib.value_and_grad(trajectory_loss(lib))),
        inputs=observations,
        target=0.03,
        stretch=0.012,
        tolerance=1e-8,
        peers=("jax", "torch"),
        hand="lotka_volterra.value_and_grad",
    )
]
