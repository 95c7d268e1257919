"""AdEMAMix: Adam with a second, much slower average of the gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import (
    first_step,
    full_like,
    like,
    moving_average,
    moving_square,
    next_step,
    number_like,
    over_root,
    scheduled,
    unbiased,
)
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class ScaleByAdemamixState(NamedTuple):
    """Number of updates, twice (int32 scalars); fast and slow average, second moment: pytrees like the parameters."""

    count: Any
    count_m2: Any
    m1: Any
    m2: Any
    nu: Any


def scale_by_ademamix(
    b1: Any = 0.9,
    b2: Any = 0.999,
    b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 6.0,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
) -> GradientTransformation:
    """As `scale_by_adam`, with m1 / (1 - b1^t) + alpha m2 in the numerator, where m2 decays by b3.

    Args:
        b1, b2, eps, eps_root: see `scale_by_adam`.
        b3: decay of the slow average: a number or a schedule.
        alpha: its weight: a number or a schedule.
        mu_dtype: dtype of the state; None for that of the parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_ademamix(b3=0.5, alpha=2.0)
        >>> np.round(link.update(np.array([4.0]), link.init(np.zeros(1)))[0], 6)
        array([2.])

    Reference: M. Pagliardini, P. Ablin, D. Grangier, The AdEMAMix optimizer: better, faster, older, 2024.
    """

    def init_fn(params: Any) -> ScaleByAdemamixState:
        zeros = full_like(params, 0, mu_dtype)
        return ScaleByAdemamixState(first_step(), first_step(), zeros, zeros, zeros)

    def update_fn(updates: Any, state: ScaleByAdemamixState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count = next_step(state.count)
        slow, weight = scheduled(b3, state.count_m2), scheduled(alpha, state.count_m2)
        m1, m2 = moving_average(updates, state.m1, b1), moving_average(updates, state.m2, slow)
        nu = moving_square(updates, state.nu, b2)
        top = tree.tree_map(lambda a, b: a + b * number_like(weight, b), unbiased(m1, b1, count), m2)
        new = over_root(top, unbiased(nu, b2, count), eps, eps_root)
        if mu_dtype is not None:
            new, m1, m2, nu = like(new, updates), like(m1, state.m1), like(m2, state.m2), like(nu, state.nu)
        return new, ScaleByAdemamixState(count, next_step(state.count_m2), m1, m2, nu)

    return GradientTransformation(init_fn, update_fn)


def ademamix(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 5.0,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """AdEMAMix: -learning_rate times the updates of `scale_by_ademamix`. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, b3, alpha, eps, eps_root, mu_dtype: see `scale_by_ademamix`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = ademamix(0.1, b3=0.5, alpha=2.0)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-0.2])

    Reference: M. Pagliardini, P. Ablin, D. Grangier, The AdEMAMix optimizer: better, faster, older, 2024.
    """
    return chain(
        scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
