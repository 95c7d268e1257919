"""MADGRAD: dual averaging with cube roots of the sum of squared gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain, required
from .conditional import arrays
from .moments import (
    first_step,
    full_like,
    next_step,
    number_like,
    refuse_complex,
    scheduled,
    squared,
)
from .scaling import ScalarOrSchedule
from .weight_decay import add_decayed_weights


class MadgradState(NamedTuple):
    """Number of updates (int32 scalar), sums of squares and of gradients, the first parameters."""

    count: Any
    grad_sum_sq: Any
    s: Any
    x0: Any


def scale_by_madgrad(learning_rate: ScalarOrSchedule, momentum: Any = 0.9, eps: Any = 1e-6) -> GradientTransformation:
    """The step from p to (1 - momentum) z + momentum p.

        w = (learning_rate + eps) sqrt(t)        v = v + w g^2        s = s + w g        z = p0 - s / (cbrt(v) + eps)

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        momentum: how close the new parameters stay to the old ones.
        eps: added to the learning rate and to the root.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_madgrad(1.0, momentum=0.0, eps=0.0)
        >>> np.round(link.update(np.array([8.0]), link.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-2.])

    Reference: A. Defazio, S. Jelassi, Adaptivity without compromise: a momentumized, adaptive, dual averaged gradient
    method for stochastic optimization, JMLR 23 (2022).
    """

    def init_fn(params: Any) -> MadgradState:
        refuse_complex(params, "scale_by_madgrad")
        return MadgradState(first_step(), full_like(params, 0), full_like(params, 0), arrays(params))

    def update_fn(updates: Any, state: MadgradState, params: Any = None, **extra: Any) -> tuple[Any, MadgradState]:
        del extra
        params = required(params, "scale_by_madgrad")
        weight = (scheduled(learning_rate, state.count) + eps) * fnp.sqrt(state.count + 1.0)
        square = tree.tree_map(lambda v, g: v + squared(g) * number_like(weight, g), state.grad_sum_sq, updates)
        total = tree.tree_map(lambda s, g: s + g * number_like(weight, g), state.s, updates)

        def step(p0: Any, s: Any, v: Any, p: Any) -> Any:
            root = fnp.cbrt(v) + number_like(eps, v)
            z = p0 - s / fnp.where(fnp.equal(root, 0), fnp.ones_like(root), root)
            return (z - p) * number_like(1 - momentum, p)

        new = tree.tree_map(step, state.x0, total, square, params)
        return new, MadgradState(next_step(state.count), square, total, state.x0)

    return GradientTransformation(init_fn, update_fn)


def madgrad(
    learning_rate: ScalarOrSchedule, momentum: Any = 0.9, weight_decay: ScalarOrSchedule = 0.0, eps: Any = 1e-6
) -> GradientTransformation:
    """MADGRAD, see `scale_by_madgrad`. The update needs the parameters.

    Args:
        learning_rate, momentum, eps: see `scale_by_madgrad`.
        weight_decay: see `add_decayed_weights`; added to the gradient.

    Example:
        >>> import numpy as np
        >>> optimizer = madgrad(1.0, momentum=0.0, eps=0.0)
        >>> np.round(optimizer.update(np.array([8.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-2.])

    Reference: A. Defazio, S. Jelassi, Adaptivity without compromise: a momentumized, adaptive, dual averaged gradient
    method for stochastic optimization, JMLR 23 (2022).
    """
    return chain(add_decayed_weights(weight_decay), scale_by_madgrad(learning_rate, momentum, eps))
