"""1d: gradient of a scalar loss in a dict of ten small arrays: the cost of taking arrays in and handing arrays out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import EAGER_PEERS, Case


def loss(lib: Any) -> Callable[..., Any]:
    """Mean square of a chain of five affine maps with tanh between them, 4 wide."""
    xp = lib.np

    def f(params: dict[str, Any], x: Any) -> Any:
        for layer in range(5):
            x = xp.tanh(xp.dot(x, params[f"w{layer}"]) + params[f"b{layer}"])
        return xp.mean(x * x)

    return f


def parameters(seed: int) -> tuple[dict[str, Any], Any]:
    random = np.random.default_rng(seed)
    params: dict[str, Any] = {}
    for layer in range(5):
        params[f"w{layer}"] = random.standard_normal((4, 4))
        params[f"b{layer}"] = random.standard_normal(4)
    return params, random.standard_normal((8, 4))


CASES = [
    Case(
        name="1d",
        title="jit(grad(loss)), dict of ten small arrays",
        build=lambda lib: lib.jit(lib.grad(loss(lib))),
        inputs=parameters,
        peers=EAGER_PEERS,
    )
]
