"""LAMB: Adam with steps as long, relative to each layer, as the learning rate says."""

from __future__ import annotations

from typing import Any

from .adam import scale_by_adam
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .normalizing import scale_by_trust_ratio
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


def lamb(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-6,
    eps_root: Any = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """LAMB: -learning_rate |p| / |u| * u leaf by leaf, with u = adam(g) + weight_decay * p. Needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root: see `scale_by_adam`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = lamb(0.1)
        >>> params = np.array([3.0, 4.0])
        >>> np.round(optimizer.update(np.array([1.0, 1.0]), optimizer.init(params), params)[0], 4)
        array([-0.3536, -0.3536])

    Reference: Y. You et al., Large batch optimization for deep learning: training BERT in 76 minutes, ICLR 2020.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_trust_ratio(),
        scale_by_learning_rate(learning_rate),
    )
