"""Simplified AdEMAMix: Adam with the present gradient added to a sum of past ones."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import first_step, full_like, moving_square, next_step, number_like, over_root, scheduled, unbiased
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class ScaleBySimplifiedAdEMAMixState(NamedTuple):
    """Number of updates (int32 scalar); discounted sum of gradients, second moment: pytrees like the parameters."""

    t: Any
    m: Any
    n: Any


def scale_by_simplified_ademamix(
    b1: Any = 0.99, b2: Any = 0.95, alpha: ScalarOrSchedule = 0.0, eps: Any = 1e-8, eps_root: Any = 0.0
) -> GradientTransformation:
    """A sum of past gradients plus the present one, over the root of the second moment.

        m = b1 m + g        n = b2 n + (1 - b2) g^2        u = (m + alpha g) / (sqrt(n / (1 - b2^t) + eps_root) + eps)

    Args:
        b1, b2: decay of the sum and of the second moment.
        alpha: weight of the present gradient: a number or a schedule.
        eps, eps_root: see `scale_by_adam`.

    Example:
        >>> import numpy as np
        >>> link = scale_by_simplified_ademamix(alpha=2.0)
        >>> np.round(link.update(np.array([4.0]), link.init(np.zeros(1)))[0], 6)
        array([3.])

    Reference: D. Morwani et al., Connections between schedule-free optimizers, AdEMAMix, and accelerated SGD variants,
    2025.
    """

    def init_fn(params: Any) -> ScaleBySimplifiedAdEMAMixState:
        return ScaleBySimplifiedAdEMAMixState(first_step(), full_like(params, 0), full_like(params, 0))

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        t, weight = next_step(state.t), scheduled(alpha, state.t)
        m = tree.tree_map(lambda g, s: g + s * number_like(b1, s), updates, state.m)
        n = moving_square(updates, state.n, b2)
        top = tree.tree_map(lambda s, g: s + g * number_like(weight, g), m, updates)
        return over_root(top, unbiased(n, b2, t), eps, eps_root), ScaleBySimplifiedAdEMAMixState(t, m, n)

    return GradientTransformation(init_fn, update_fn)


def simplified_ademamix(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.99,
    b2: Any = 0.95,
    alpha: ScalarOrSchedule = 0.0,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """Simplified AdEMAMix: -learning_rate times the updates of its link. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule; smaller than Adam's, as m is a sum and not a mean.
        b1, b2, alpha, eps, eps_root: see `scale_by_simplified_ademamix`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = simplified_ademamix(0.1, alpha=2.0)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-0.3])

    Reference: D. Morwani et al., Connections between schedule-free optimizers, AdEMAMix, and accelerated SGD variants,
    2025.
    """
    return chain(
        scale_by_simplified_ademamix(b1, b2, alpha, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
