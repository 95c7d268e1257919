"""4 and 4s: value and gradient of the softmax cross-entropy of 4096 rows of 1000 logits, float32, integer labels.

In 4s the shift by the largest entry is held constant, as a library's own log_softmax does: the gradient is the same
and XLA computes it in half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case


def cross_entropy(lib: Any, constant_shift: bool) -> Callable[..., Any]:
    """Mean of log(sum(exp(logits))) - logits[label], rows shifted by their largest entry."""
    xp = lib.np

    def f(logits: Any, labels: Any) -> Any:
        shift = xp.max(logits, axis=1, keepdims=True)
        shifted = logits - (lib.stop_gradient(shift) if constant_shift else shift)
        normalizer = xp.log(xp.sum(xp.exp(shifted), axis=1))
        return xp.mean(normalizer - shifted[np.arange(len(labels)), labels])

    return f


def batch(seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((4096, 1000), dtype=np.float32)
    return logits, random.integers(0, 1000, 4096).astype(np.int32)


CASES = [
    Case(
        name=name,
        title=f"softmax cross-entropy{', constant shift' if constant else ''}, value and gradient, 4096 x 1000 float32",
        build=lambda lib, constant=constant: lib.jit(lib.value_and_grad(cross_entropy(lib, constant))),
        inputs=batch,
        target=0.6,
        stretch=0.45,
        tolerance=2e-5,
        hand="cross_entropy.value_and_grad",
    )
    for name, constant in (("4", False), ("4s", True))
]
