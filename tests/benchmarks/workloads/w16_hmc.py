"""16: Hamiltonian Monte Carlo, 1000 trajectories of 10 leapfrog steps, 10 weights of a logistic model over 200 rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from case import Case

TRAJECTORIES, LEAPFROG, STEP = 1000, 10, 0.03
ROWS, WEIGHTS = 200, 10


def sampler(lib: Any) -> Any:
    """All samples of one chain, as one scan."""
    xp, lax, random = lib.np, lib.lax, lib.random

    def energy(w: Any, x: Any, y: Any) -> Any:
        z = xp.dot(x, w)
        return xp.sum(xp.logaddexp(0.0, z) - y * z) + 0.5 * xp.sum(w * w)

    slope = lib.grad(energy)

    def trajectory(w: Any, p: Any, x: Any, y: Any) -> Any:
        p = p - 0.5 * STEP * slope(w, x, y)

        def leap(state: Any, _: Any) -> Any:
            w, p = state
            w = w + STEP * p
            return (w, p - STEP * slope(w, x, y)), None

        (w, p), _ = lax.scan(leap, (w, p), None, length=LEAPFROG - 1)
        w = w + STEP * p
        return w, p - 0.5 * STEP * slope(w, x, y)

    def chain(key: Any, start: Any, x: Any, y: Any) -> Any:
        def propose(w: Any, key: Any) -> Any:
            momentum, chance = random.split(key)
            p = random.normal(momentum, (WEIGHTS,), np.float64)
            new, q = trajectory(w, p, x, y)
            gain = energy(w, x, y) + 0.5 * xp.sum(p * p) - energy(new, x, y) - 0.5 * xp.sum(q * q)
            w = xp.where(xp.log(random.uniform(chance, (), np.float64)) < gain, new, w)
            return w, w

        return lax.scan(propose, start, random.split(key, TRAJECTORIES))[1]

    return lib.jit(chain)


def data(seed: int) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    x = random.standard_normal((ROWS, WEIGHTS))
    y = (random.uniform(size=ROWS) < 1 / (1 + np.exp(-x @ random.standard_normal(WEIGHTS)))).astype(float)
    return np.array([0, seed + 1], np.uint32), np.zeros(WEIGHTS), x, y


CASES = [
    Case(
        name="16",
        title="HMC, 1000 trajectories of 10 leapfrog steps, logistic model",
        build=sampler,
        inputs=data,
        target=0.45,
        stretch=0.35,
        tolerance=1e-5,
        peers=("jax",),
        hand="hmc.chain",
        flops=4 * ROWS * WEIGHTS * TRAJECTORIES * LEAPFROG,
    )
]
