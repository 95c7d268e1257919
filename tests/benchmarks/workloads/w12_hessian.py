"""12: Hessian of the Rosenbrock function in 200 dimensions, float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from case import Case


def rosenbrock(lib: Any) -> Any:
    """Sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2."""
    xp = lib.np

    def f(x: Any) -> Any:
        return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return lib.jit(lib.hessian(f))


CASES = [
    Case(
        name="12",
        title="Hessian of the Rosenbrock function, 200 dimensions",
        build=rosenbrock,
        inputs=lambda seed: (np.random.default_rng(seed).uniform(-1.5, 1.5, 200),),
        target=0.4,
        stretch=0.1,
        hand="rosenbrock.hessian",
    )
]
