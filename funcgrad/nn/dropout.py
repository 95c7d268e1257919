"""Dropout, with an explicit key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import random
from ..numpy import promotion
from .operands import choose, real


def dropout(key: Any, x: Any, rate: float, *, deterministic: bool = False, broadcast_axes: Sequence[int] = ()) -> Any:
    """Elements set to 0 with probability `rate`, the others divided by 1 - rate, so that the mean stays.

    Args:
        key: a key; not used, and may be None, when deterministic.
        x: any array.
        rate: the probability that an element is dropped, 0 <= rate <= 1. (`stax.Dropout` takes that of keeping it.)
        deterministic: return x as it is, as one does after training.
        broadcast_axes: axes along which all elements share one fate, for example those of space.

    Returns:
        An array of the shape of x.

    Raises:
        ValueError: for another rate, or without a key.

    Example:
        >>> import numpy as np
        >>> from funcgrad import random
        >>> y = dropout(random.key(0), np.ones(10000), 0.25)
        >>> sorted(set(np.round(y, 3).tolist())), abs(float(y.mean()) - 1) < 0.02
        ([0.0, 1.333], True)

    Reference: N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 15 (2014).
    """
    x = real(x, "dropout")
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: rate={rate}.\nFix: give the probability to drop an element, from 0 to 1.")
    if deterministic or rate == 0:
        return x
    if key is None:
        raise ValueError("dropout: needs a key.\nFix: pass one, made by random.key or random.split, or deterministic.")
    shared = promotion.many_axes(tuple(broadcast_axes), x.ndim, "dropout")
    shape = tuple(1 if axis in shared else n for axis, n in enumerate(x.shape))
    # In single precision half as many random bits are drawn.
    keep = np.float32(1 - rate) if x.dtype == np.float32 else float(1 - rate)
    kept = promotion.broadcast(promotion.array_operand(random.bernoulli(key, keep, shape)), tuple(x.shape))
    return choose(kept, x / (1 - rate) if rate < 1 else 0 * x, 0)
