"""ADOPT: Adam that divides by the second moment before averaging, and by the one of the step before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import numpy as fnp
from .. import tree
from .adam import ScaleByAdamState
from .base import GradientTransformation, chain
from .moments import first_step, full_like, like, next_step, number_like, squared
from .scaling import ScalarOrSchedule, scale_by_learning_rate


def _fourth_root(count: Any) -> Any:
    return count**0.25


def scale_by_adopt(
    b1: Any = 0.9,
    b2: Any = 0.9999,
    eps: Any = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] = _fourth_root,
) -> GradientTransformation:
    """The average of gradients over the root of the second moment without the present gradient.

        mu = b1 mu + (1 - b1) clip(g / max(sqrt(nu), eps))        then nu = b2 nu + (1 - b2) g^2

    The first gradient only starts nu: with clipping its update is zero.

    Args:
        b1, b2: decay of the first and of the second moment.
        eps: least root to divide by.
        mu_dtype: dtype of the first moment; None for that of the parameters.
        nesterov: look one step ahead.
        use_clipping: bound the scaled gradients by `clip_value_fn`.
        clip_value_fn: the bound from the number of updates so far.

    Example:
        >>> import numpy as np
        >>> link = scale_by_adopt()
        >>> first, state = link.update(np.array([4.0]), link.init(np.zeros(1)))
        >>> first, np.round(link.update(np.array([2.0]), state)[0], 6)
        (array([0.]), array([0.05]))

    Reference: S. Taniguchi et al., ADOPT: modified Adam can converge with any beta2 with the optimal rate, NeurIPS
    2024.
    """

    def init_fn(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(first_step(), full_like(params, 0, mu_dtype), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByAdamState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        later = state.count > 0
        decay1, decay2 = fnp.where(later, b1, 1.0), fnp.where(later, b2, 0.0)

        def scaled(g: Any, v: Any) -> Any:
            x = g / fnp.maximum(fnp.sqrt(v), number_like(eps, v))
            if not use_clipping:
                return x
            bound = number_like(clip_value_fn(state.count), x)
            return fnp.clip(x, -bound, bound)

        def averaged(new: Any, old: Any) -> Any:
            return old * number_like(decay1, old) + new * number_like(1 - decay1, new)

        steps = tree.tree_map(scaled, updates, state.nu)
        nu = tree.tree_map(
            lambda g, v: v * number_like(decay2, v) + squared(g) * number_like(1 - decay2, v), updates, state.nu
        )
        mu = tree.tree_map(averaged, steps, state.mu)
        new = tree.tree_map(averaged, steps, mu) if nesterov else mu
        if mu_dtype is not None:
            new, mu = like(new, updates), like(mu, state.mu)
        return new, ScaleByAdamState(next_step(state.count), mu, nu)

    return GradientTransformation(init_fn, update_fn)


def adopt(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.9999,
    eps: Any = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] = _fourth_root,
) -> GradientTransformation:
    """ADOPT: -learning_rate times the updates of `scale_by_adopt`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, mu_dtype, nesterov, use_clipping, clip_value_fn: see `scale_by_adopt`.

    Example:
        >>> import numpy as np
        >>> optimizer = adopt(0.1)
        >>> _, state = optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))
        >>> np.round(optimizer.update(np.array([2.0]), state)[0], 6)
        array([-0.005])

    Reference: S. Taniguchi et al., ADOPT: modified Adam can converge with any beta2 with the optimal rate, NeurIPS
    2024.
    """
    link = scale_by_adopt(
        b1, b2, eps, mu_dtype, nesterov=nesterov, use_clipping=use_clipping, clip_value_fn=clip_value_fn
    )
    return chain(link, scale_by_learning_rate(learning_rate))
