"""What the machine allows at best, measured on the spot: the time of a copy and the rate of matrix products."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

TRIES, SIDE = 15, 1024


Clock = Callable[[], float]


def least_seconds(call: Callable[[], Any], clock: Clock) -> float:
    """The shortest of several calls by that clock, small ones repeated so that the clock does not count."""
    start = clock()
    call()
    repeats = max(1, int(1e-3 / max(clock() - start, 1e-7)))
    times = []
    for _ in range(TRIES):
        start = clock()
        for _ in range(repeats):
            call()
        times.append((clock() - start) / repeats)
    return min(times)


@functools.lru_cache
def copy_seconds(size: int, clock: Clock) -> float:
    """Seconds of copying `size` bytes to memory that was written before."""
    source, target = np.ones(max(size, 1), np.uint8), np.ones(max(size, 1), np.uint8)
    return least_seconds(lambda: np.copyto(target, source), clock)


@functools.lru_cache
def product_rate(dtype: str, clock: Clock) -> float:
    """Floating-point operations a second of a product of square matrices."""
    square = np.ones((SIDE, SIDE), dtype)
    out = np.empty_like(square)
    return 2 * SIDE**3 / least_seconds(lambda: np.matmul(square, square, out=out), clock)
