"""L: a batched while loop whose lanes end at very different times: slow fixed-point iterations, 10,000 lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
from case import Case

LANES = 10_000


def fixed_points(lib: Any) -> Any:
    """x <- x - rate (x^2 - a) until x^2 is near a, for each a and rate: from a handful to some two thousand steps."""

    lax = lib.lax

    def one(a: Any, rate: Any) -> Any:
        def step(x: Any) -> Any:
            return x - rate * (x * x - a)

        return lax.while_loop(lambda x: abs(x * x - a) > 1e-6, step, 0.5 * a + 0.5)

    return lib.jit(lib.vmap(one))


def lanes(seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.uniform(1.0, 2.0, LANES), 0.3 * 10.0 ** -random.uniform(0.0, 2.0, LANES)


CASES = [
    Case(
        name="L",
        title="vmap of a while loop, 10,000 lanes of very different lengths",
        build=fixed_points,
        inputs=lanes,
        target=0.3,
        tolerance=1e-5,
        peers=("jax",),
    )
]
