"""Yogi: Adam whose second moment changes by additive steps."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from .adam import ScaleByAdamState
from .base import GradientTransformation, chain
from .moments import (
    first_step,
    full_like,
    moving_average,
    next_step,
    number_like,
    over_root,
    squared,
    unbiased,
)
from .scaling import ScalarOrSchedule, scale_by_learning_rate


def scale_by_yogi(
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-3,
    eps_root: Any = 0.0,
    initial_accumulator_value: Any = 1e-6,
) -> GradientTransformation:
    """As `scale_by_adam`, with nu = nu - (1 - b2) sign(nu - g^2) g^2.

    Args:
        b1, b2, eps, eps_root: see `scale_by_adam`.
        initial_accumulator_value: first value of both moments.

    Example:
        >>> import numpy as np
        >>> link = scale_by_yogi(eps=0.0, initial_accumulator_value=0.0)
        >>> np.round(link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))[0], 6)
        array([ 1., -1.])

    Reference: M. Zaheer et al., Adaptive methods for nonconvex optimization, NeurIPS 2018.
    """

    def init_fn(params: Any) -> ScaleByAdamState:
        value = initial_accumulator_value
        return ScaleByAdamState(first_step(), full_like(params, value), full_like(params, value))

    def moved(g: Any, v: Any) -> Any:
        square = squared(g)
        return v - fnp.sign(v - square) * square * number_like(1 - b2, v)

    def update_fn(updates: Any, state: ScaleByAdamState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count, mu = next_step(state.count), moving_average(updates, state.mu, b1)
        nu = tree.tree_map(moved, updates, state.nu)
        new = over_root(unbiased(mu, b1, count), unbiased(nu, b2, count), eps, eps_root)
        return new, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init_fn, update_fn)


def yogi(learning_rate: ScalarOrSchedule, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-3) -> GradientTransformation:
    """Yogi: -learning_rate times the updates of `scale_by_yogi`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps: see `scale_by_yogi`.

    Example:
        >>> import numpy as np
        >>> optimizer = yogi(0.1, eps=0.0)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 4)
        array([-0.1])

    Reference: M. Zaheer et al., Adaptive methods for nonconvex optimization, NeurIPS 2018.
    """
    return chain(scale_by_yogi(b1, b2, eps), scale_by_learning_rate(learning_rate))
