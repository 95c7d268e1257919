"""LARS: momentum SGD with steps as long, relative to each layer, as the learning rate says."""

from __future__ import annotations

from typing import Any

from .base import GradientTransformation, chain
from .masking import MaskOrFn, masked
from .momentum import trace
from .normalizing import scale_by_trust_ratio
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


def lars(
    learning_rate: ScalarOrSchedule,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: MaskOrFn = True,
    trust_coefficient: Any = 0.001,
    eps: Any = 0.0,
    trust_ratio_mask: MaskOrFn = True,
    momentum: Any = 0.9,
    nesterov: bool = False,
) -> GradientTransformation:
    """LARS: momentum SGD on trust_coefficient |p| / |u| u for each leaf, u = g + weight_decay p. Needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        weight_decay, weight_decay_mask: see `add_decayed_weights`.
        trust_coefficient, eps: see `scale_by_trust_ratio`.
        trust_ratio_mask: which leaves are scaled: a prefix of the parameters, or a function from parameters to one.
        momentum, nesterov: see `trace`.

    Example:
        >>> import numpy as np
        >>> optimizer = lars(1.0)
        >>> params = np.array([3.0, 4.0])
        >>> np.round(optimizer.update(np.array([1.0, 0.0]), optimizer.init(params), params)[0], 6) + 0.0
        array([-0.005,  0.   ])

    Reference: Y. You, I. Gitman, B. Ginsburg, Large batch training of convolutional networks, 2017.
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        masked(scale_by_trust_ratio(trust_coefficient=trust_coefficient, eps=eps), trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )
