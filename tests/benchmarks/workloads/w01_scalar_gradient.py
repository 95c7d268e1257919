"""1 and 1e: the derivative of a scalar function, compiled and not: what is measured is the cost of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import EAGER_PEERS, Case


def function(lib: Any) -> Callable[[Any], Any]:
    """sin(x) exp(-x^2) + log(1 + x^2) / sqrt(2 + cos x) + tanh x."""
    xp = lib.np

    def f(x: Any) -> Any:
        return xp.sin(x) * xp.exp(-x * x) + xp.log(1.0 + x * x) / xp.sqrt(2.0 + xp.cos(x)) + xp.tanh(x)

    return f


def point(seed: int) -> tuple[float]:
    return (float(np.random.default_rng(seed).uniform(-2, 2)),)


CASES = [
    Case(
        name="1",
        title="jit(grad(f)), scalar",
        build=lambda lib: lib.jit(lib.grad(function(lib))),
        inputs=point,
        target=0.2,
        stretch=0.1,
        peers=EAGER_PEERS,
        hand="scalar_gradient.gradient",
    ),
    Case(
        name="1e",
        title="grad(f), scalar, not compiled",
        build=lambda lib: lib.grad(function(lib)),
        inputs=point,
        target=0.03,
        stretch=0.015,
        peers=EAGER_PEERS,
    ),
]
