"""4: value and gradient of the softmax cross-entropy of 4096 rows of 1000 logits, float32, integer labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case


def cross_entropy(lib: Any) -> Callable[..., Any]:
    """Mean of log(sum(exp(logits))) - logits[label], rows shifted by their largest entry."""
    xp = lib.np

    def f(logits: Any, labels: Any) -> Any:
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        normalizer = xp.log(xp.sum(xp.exp(shifted), axis=1))
        return xp.mean(normalizer - shifted[np.arange(len(labels)), labels])

    return f


def batch(seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((4096, 1000), dtype=np.float32)
    return logits, random.integers(0, 1000, 4096).astype(np.int32)


CASES = [
    Case(
        name="4",
        title="softmax cross-entropy, value and gradient, 4096 x 1000 float32",
        build=lambda lib: lib.jit(lib.value_and_grad(cross_entropy(lib))),
        inputs=batch,
        target=0.6,
        stretch=0.45,
        tolerance=2e-5,
        hand="cross_entropy.value_and_grad",
    )
]
