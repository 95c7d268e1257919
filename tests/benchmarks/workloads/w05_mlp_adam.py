"""5: one whole Adam step of a 784-256-256-10 network, batch 128, float32: value_and_grad, then the update."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

SIZES = (784, 256, 256, 10)


def loss(lib: Any) -> Callable[..., Any]:
    """Mean cross-entropy of the network's logits."""
    xp = lib.np

    def f(params: list[dict[str, Any]], x: Any, labels: Any) -> Any:
        for layer in params[:-1]:
            x = xp.maximum(xp.dot(x, layer["w"]) + layer["b"], 0.0)
        logits = xp.dot(x, params[-1]["w"]) + params[-1]["b"]
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        normalizer = xp.log(xp.sum(xp.exp(shifted), axis=1))
        return xp.mean(normalizer - shifted[np.arange(len(labels)), labels])

    return f


def adam_step(lib: Any, rate: float = 1e-3, b1: float = 0.9, b2: float = 0.999) -> Callable[..., Any]:
    """Step of D. Kingma, J. Ba, Adam (2015), algorithm 1, with the bias corrections folded into two scalars."""
    xp, gradient = lib.np, lib.value_and_grad(loss(lib))

    def step(params: Any, mean: Any, square: Any, count: Any, x: Any, labels: Any) -> tuple[Any, ...]:
        value, grads = gradient(params, x, labels)
        count = count + 1.0
        mean = lib.tree_map(lambda m, g: b1 * m + (1 - b1) * g, mean, grads)
        square = lib.tree_map(lambda s, g: b2 * s + (1 - b2) * g * g, square, grads)
        size, scale = rate / (1 - b1**count), 1 / (1 - b2**count)
        params = lib.tree_map(lambda p, m, s: p - size * m / (xp.sqrt(s * scale) + 1e-8), params, mean, square)
        return value, params, mean, square, count

    return lib.jit(step)


def state(seed: int) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return random.standard_normal(shape, dtype=np.float32)

    def layers(make: Callable[..., Any]) -> list[dict[str, Any]]:
        return [{"w": make(n, m) / np.float32(np.sqrt(n)), "b": make(m)} for n, m in itertools.pairwise(SIZES)]

    params, mean, square = layers(normal), layers(normal), layers(lambda *shape: normal(*shape) ** 2 + np.float32(0.1))
    labels = random.integers(0, 10, 128).astype(np.int32)
    return params, mean, square, np.array(seed + 3, np.float32), normal(128, 784), labels


CASES = [
    Case(
        name="5",
        title="MLP 784-256-256-10, batch 128, float32, whole Adam step",
        build=adam_step,
        inputs=state,
        target=0.9,
        stretch=0.8,
        tolerance=1e-4,
        flops=2 * 128 * (2 * 784 * 256 + 3 * 256 * 256 + 3 * 256 * 10),
    )
]
