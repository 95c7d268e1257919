"""AdaBelief: steps scaled by how far gradients are from their running mean."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from .base import GradientTransformation, chain
from .moments import (
    first_step,
    full_like,
    momentum_estimate,
    moving_average,
    moving_square,
    next_step,
    number_like,
    over_root,
    unbiased,
)
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class ScaleByBeliefState(NamedTuple):
    """Number of updates (int32 scalar), first moment, and mean square of the surprise, pytrees like the parameters."""

    count: Any
    mu: Any
    nu: Any


def scale_by_belief(
    b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-16, eps_root: Any = 1e-16, *, nesterov: bool = False
) -> GradientTransformation:
    """Updates divided by the root of the mean square of g - mu.

        mu = b1 mu + (1 - b1) g        nu = b2 nu + (1 - b2) (g - mu)^2 + eps_root
        u = (mu / (1 - b1^t)) / (sqrt(nu / (1 - b2^t)) + eps)

    Args:
        b1, b2: decay of the first moment and of the mean square.
        eps: added to the root.
        eps_root: added to the mean square at every step.
        nesterov: look one step ahead, see `scale_by_adam`.

    Example:
        >>> import numpy as np
        >>> link = scale_by_belief(b1=0.5, b2=0.5, eps_root=0.0)
        >>> link.update(np.array([4.0]), link.init(np.zeros(1)))[0]
        array([2.])

    Reference: J. Zhuang et al., AdaBelief optimizer: adapting stepsizes by the belief in observed gradients,
    NeurIPS 2020.
    """

    def init_fn(params: Any) -> ScaleByBeliefState:
        return ScaleByBeliefState(first_step(), full_like(params, 0), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByBeliefState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count, mu = next_step(state.count), moving_average(updates, state.mu, b1)
        surprise = tree.tree_map(lambda g, m: g - m, updates, mu)
        nu = tree.tree_map(lambda v: v + number_like(eps_root, v), moving_square(surprise, state.nu, b2))
        top = momentum_estimate(updates, mu, b1, count, nesterov)
        return over_root(top, unbiased(nu, b2, count), eps, 0.0), ScaleByBeliefState(count, mu, nu)

    return GradientTransformation(init_fn, update_fn)


def adabelief(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-16,
    eps_root: Any = 1e-16,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """AdaBelief: -learning_rate times the updates of `scale_by_belief`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, nesterov: see `scale_by_belief`.

    Example:
        >>> import numpy as np
        >>> optimizer = adabelief(0.1, b1=0.5, b2=0.5, eps_root=0.0)
        >>> optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0]
        array([-0.2])

    Reference: J. Zhuang et al., AdaBelief optimizer: adapting stepsizes by the belief in observed gradients,
    NeurIPS 2020.
    """
    return chain(scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov), scale_by_learning_rate(learning_rate))
