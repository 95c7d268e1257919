"""9: one step of gradient descent of conv-pool-conv-pool-dense on 28 x 28 images, batch 64, float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

CHANNELS = (1, 8, 16)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def loss(lib: Any) -> Callable[..., Any]:
    """Mean cross-entropy of the network's logits."""
    xp, lax = lib.np, lib.lax

    def f(params: list[dict[str, Any]], x: Any, labels: Any) -> Any:
        for layer in params[:-1]:
            x = lax.conv_general_dilated(x, layer["w"], (1, 1), "SAME", dimension_numbers=LAYOUT)
            x = xp.maximum(x + layer["b"], 0.0)
            x = lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        logits = xp.dot(xp.reshape(x, (len(labels), -1)), params[-1]["w"]) + params[-1]["b"]
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        normalizer = xp.log(xp.sum(xp.exp(shifted), axis=1))
        return xp.mean(normalizer - shifted[np.arange(len(labels)), labels])

    return f


def train_step(lib: Any, rate: float = 0.1) -> Callable[..., Any]:
    gradient = lib.value_and_grad(loss(lib))

    def step(params: Any, x: Any, labels: Any) -> tuple[Any, ...]:
        value, grads = gradient(params, x, labels)
        return value, lib.tree_map(lambda p, g: p - rate * g, params, grads)

    return lib.jit(step)


def inputs(seed: int) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)

    def layer(*shape: int) -> dict[str, Any]:
        w = random.standard_normal(shape, dtype=np.float32)
        return {"w": w / np.float32(np.sqrt(np.prod(shape[:-1]))), "b": np.zeros(shape[-1], np.float32)}

    first, second, third = CHANNELS
    params = [layer(3, 3, first, second), layer(3, 3, second, third), layer(7 * 7 * third, 10)]
    images = random.random((64, 28, 28, 1), dtype=np.float32)
    return params, images, random.integers(0, 10, 64).astype(np.int32)


CASES = [
    Case(
        name=name,
        title=title,
        build=train_step,
        inputs=inputs,
        kind=kind,
        target=target,
        stretch=0.6,
        tolerance=1e-4,
        peers=("jax", "torch", "torch.compile"),
        flops=3.8e8,
    )
    for name, title, kind, target in (
        ("9", "CNN conv-pool-conv-pool-dense, 28 x 28, batch 64, float32, train step", "warm", 0.9),
        ("9/first", "its first call", "first", 0.8),
    )
]
