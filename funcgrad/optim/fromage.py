"""Fromage: steps as long, relative to the parameters, as the learning rate says."""

from __future__ import annotations

from typing import Any

from .base import GradientTransformation, chain
from .normalizing import scale_by_trust_ratio
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


def fromage(learning_rate: ScalarOrSchedule, min_norm: Any = 1e-6) -> GradientTransformation:
    """Fromage: p' = (p - learning_rate |p| g / |g|) / sqrt(1 + learning_rate^2), leaf by leaf. Needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        min_norm: parameters and gradients count as at least this long.

    Example:
        >>> import numpy as np
        >>> optimizer = fromage(1.0)
        >>> params = np.array([3.0, 4.0])
        >>> np.round(params + optimizer.update(np.array([1.0, 0.0]), optimizer.init(params), params)[0], 6)
        array([-1.414214,  2.828427])

    Reference: J. Bernstein et al., On the distance between two neural networks and the stability of learning,
    NeurIPS 2020.
    """

    def shrink(rate: Any) -> Any:
        return 1 / (1 + rate**2) ** 0.5

    if callable(learning_rate):
        return chain(
            scale_by_trust_ratio(min_norm),
            scale_by_learning_rate(lambda count: shrink(learning_rate(count)) * learning_rate(count)),
            add_decayed_weights(lambda count: shrink(learning_rate(count)) - 1),
        )
    return chain(
        scale_by_trust_ratio(min_norm),
        scale_by_learning_rate(learning_rate * shrink(learning_rate)),
        add_decayed_weights(shrink(learning_rate) - 1),
    )
