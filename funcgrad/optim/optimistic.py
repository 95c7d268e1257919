"""Optimistic gradient descent: the gradient plus its last change, for games and saddle points."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .adam import scale_by_adam
from .base import GradientTransformation, chain
from .moments import full_like, number_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class ScaleByOptimisticGradientState(NamedTuple):
    """Whether no update was made yet (bool scalar), and the last gradient, a pytree like the parameters."""

    is_initial_step: Any
    previous_gradient: Any


def scale_by_optimistic_gradient(alpha: Any = 1.0, beta: Any = 1.0) -> GradientTransformation:
    """(alpha + beta) g - beta g_previous; at the first step alpha g.

    Args:
        alpha: weight of the gradient.
        beta: weight of its change.

    Example:
        >>> import numpy as np
        >>> link = scale_by_optimistic_gradient()
        >>> first, state = link.update(np.float64(4), link.init(np.float64(0)))
        >>> first, link.update(np.float64(5), state)[0]
        (np.float64(4.0), np.float64(6.0))

    Reference: A. Mokhtari, A. Ozdaglar, S. Pattathil, A unified analysis of extra-gradient and optimistic gradient
    methods for saddle point problems, AISTATS 2020.
    """

    def init_fn(params: Any) -> ScaleByOptimisticGradientState:
        return ScaleByOptimisticGradientState(np.ones((), np.bool_), full_like(params, 0))

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra

        def ahead(g: Any, last: Any) -> Any:
            last = fnp.where(state.is_initial_step, g, last)
            return g * number_like(alpha + beta, g) - last * number_like(beta, last)

        new = tree.tree_map(ahead, updates, state.previous_gradient)
        last = tree.tree_map(number_like, updates, state.previous_gradient)
        return new, ScaleByOptimisticGradientState(np.zeros((), np.bool_), last)

    return GradientTransformation(init_fn, update_fn)


def optimistic_gradient_descent(
    learning_rate: ScalarOrSchedule, alpha: Any = 1.0, beta: Any = 1.0
) -> GradientTransformation:
    """Optimistic gradient descent: -learning_rate * ((alpha + beta) g - beta g_previous).

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        alpha, beta: see `scale_by_optimistic_gradient`.

    Example:
        >>> import numpy as np
        >>> optimizer = optimistic_gradient_descent(0.1)
        >>> optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0]
        array([-0.4])

    Reference: A. Mokhtari, A. Ozdaglar, S. Pattathil, A unified analysis of extra-gradient and optimistic gradient
    methods for saddle point problems, AISTATS 2020.
    """
    return chain(scale_by_optimistic_gradient(alpha, beta), scale_by_learning_rate(learning_rate))


def optimistic_adam_v2(
    learning_rate: ScalarOrSchedule,
    *,
    alpha: Any = 1.0,
    beta: Any = 1.0,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    nesterov: bool = True,
) -> GradientTransformation:
    """Optimistic Adam: the updates of `scale_by_adam` plus their last change, times -learning_rate.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        alpha, beta: see `scale_by_optimistic_gradient`.
        b1, b2, eps, eps_root, mu_dtype, nesterov: see `scale_by_adam`.

    Example:
        >>> import numpy as np
        >>> optimizer = optimistic_adam_v2(0.1, nesterov=False)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 6)
        array([-0.1])

    Reference: C. Daskalakis, A. Ilyas, V. Syrgkanis, H. Zeng, Training GANs with optimism, ICLR 2018.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_optimistic_gradient(alpha, beta),
        scale_by_learning_rate(learning_rate),
    )
