"""5a: an update of Adam alone, by the library's own optimizers (optax for JAX), for 200 leaves as 100 layers have."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

WIDTH, LAYERS = 64, 100


def optimizers(lib: Any) -> Any:
    """The module with `adam` and `apply_updates`."""
    return importlib.import_module("optax" if lib.name.startswith("jax") else "funcgrad.optim")


def update(lib: Any) -> Callable[..., Any]:
    """One update of the parameters from gradients that are given."""
    optim = optimizers(lib)
    optimizer = optim.adam(1e-3)

    def step(params: Any, mean: Any, square: Any, grads: Any) -> tuple[Any, Any]:
        state = optimizer.init(params)
        moments = state[0]._replace(mu=mean, nu=square, count=state[0].count + 3)
        updates, state = optimizer.update(grads, (moments, *state[1:]), params)
        return optim.apply_updates(params, updates), (state[0].mu, state[0].nu)

    return lib.jit(step)


def layers(seed: int) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)

    def tree() -> list[dict[str, Any]]:
        return [
            {"w": random.standard_normal((WIDTH, WIDTH), np.float32), "b": random.standard_normal(WIDTH, np.float32)}
            for _ in range(LAYERS)
        ]

    square = [{name: value**2 + np.float32(0.1) for name, value in layer.items()} for layer in tree()]
    return tree(), tree(), square, tree()


CASES = [
    Case(
        name="5a",
        title="an update of Adam for 200 leaves, 1.7 MB float32",
        build=update,
        inputs=layers,
        target=0.3,
        tolerance=1e-4,
        peers=("jax",),
    )
]
