"""g-pairs, g-scan and g-chain: one program each at sizes over several decades, for `growth.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

SIZES = {
    "g-pairs": (60, 125, 250, 500, 1000, 2000, 4000),
    "g-scan": (100, 1_000, 10_000, 100_000, 1_000_000),
    "g-chain": (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000),
}
TITLES = {
    "g-pairs": "energy of all pairs of bodies and its gradient, float64",
    "g-scan": "gradient through a scan, float64",
    "g-chain": "gradient of an elementwise chain, float32",
}
FLOPS_OF_A_PAIR = 20  # 3 differences, 6 for the square, 2 for the root, 3 for its powers, 6 for the gradient


def pairs(lib: Any) -> Callable[..., Any]:
    """Sum of 1 / sqrt(|x_i - x_j|^2 + 0.01) over all pairs, and its gradient."""

    def energy(x: Any) -> Any:
        squares = lib.np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
        return lib.np.sum(1.0 / lib.np.sqrt(squares + 0.01))

    return lib.jit(lib.value_and_grad(energy))


def scan(lib: Any) -> Callable[..., Any]:
    """Mean square of the states of a damped pendulum under given kicks, and its gradient in the damping."""

    def loss(damping: Any, kicks: Any) -> Any:
        def step(state: Any, kick: Any) -> tuple[Any, Any]:
            angle, speed = state
            speed = speed - 0.01 * (lib.np.sin(angle) + damping * speed - kick)
            angle = angle + 0.01 * speed
            return (angle, speed), angle

        _, angles = lib.lax.scan(step, (1.0, 0.0), kicks)
        return lib.np.mean(angles * angles)

    return lib.jit(lib.value_and_grad(loss))


def chain(lib: Any) -> Callable[..., Any]:
    """Gradient of the sum of sqrt(1 + x^2) exp(-x / 2) + x^3 / 9."""
    xp = lib.np
    return lib.jit(lib.grad(lambda x: xp.sum(xp.sqrt(1.0 + x * x) * xp.exp(-0.5 * x) + x * x * x / 9.0)))


def bodies(seed: int, size: int) -> tuple[Any]:
    return (np.random.default_rng(seed).standard_normal((size, 3)),)


def kicks(seed: int, size: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return float(random.uniform(0.1, 0.2)), random.standard_normal(size)


def numbers(seed: int, size: int) -> tuple[Any]:
    return (np.random.default_rng(seed).standard_normal(size, dtype=np.float32),)


def _case(name: str, size: int) -> Case:
    build, inputs = {"g-pairs": (pairs, bodies), "g-scan": (scan, kicks), "g-chain": (chain, numbers)}[name]
    return Case(
        name=f"{name}/{size}",
        title=f"{TITLES[name]}, size {size}",
        build=build,
        inputs=functools.partial(inputs, size=size),
        peers=("jax",),
        tolerance=2e-4 if name == "g-chain" else 1e-8,
        flops=FLOPS_OF_A_PAIR * size**2 if name == "g-pairs" else 0.0,
        slow=True,
    )


CASES = [_case(name, size) for name, sizes in SIZES.items() for size in sizes]
