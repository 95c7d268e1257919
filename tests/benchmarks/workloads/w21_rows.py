"""21g and 21s: rows of a table picked by number, and added back: an embedding and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

ROWS, WIDTH, PICKED = 20_000, 64, 50_000


def gather(lib: Any) -> Callable[..., Any]:
    return lib.jit(lambda table, numbers: table[numbers])


def scatter(lib: Any) -> Callable[..., Any]:
    """The gradient of a weighted sum of picked rows: one addition for each of them."""

    def f(table: Any, numbers: Any, weights: Any) -> Any:
        return lib.np.sum(table[numbers] * weights)

    return lib.jit(lib.grad(f))


def table(seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.standard_normal((ROWS, WIDTH)), random.integers(0, ROWS, PICKED)


def weighted(seed: int) -> tuple[Any, Any, Any]:
    return *table(seed), np.random.default_rng(seed + 1).standard_normal((PICKED, WIDTH))


CASES = [
    Case(
        name="21g",
        title="50,000 rows of 64 picked from 20,000, float64",
        build=gather,
        inputs=table,
        peers=("jax", "torch"),
    ),
    Case(
        name="21s",
        title="gradient of it: 50,000 rows added to 20,000",
        build=scatter,
        inputs=weighted,
        peers=("jax", "torch"),
    ),
]
