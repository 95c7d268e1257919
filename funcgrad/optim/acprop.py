"""ACProp: as AdaBelief, but a gradient is divided by what was known before it."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from .adabelief import ScaleByBeliefState
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import first_step, full_like, moving_average, moving_square, next_step, number_like, over_root, unbiased
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


def scale_by_acprop(b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-16, eps_root: Any = 1e-16) -> GradientTransformation:
    """Gradients over the root of the centered second moment of the steps before; the first one is left as it is.

        u = g / (sqrt(nu / (1 - b2^(t-1))) + eps)
        nu = b2 nu + (1 - b2) (g - mu)^2 + eps_root        mu = b1 mu + (1 - b1) g

    Args:
        b1, b2: decay of the first and of the centered second moment.
        eps: added to the root.
        eps_root: added to the second moment at every step.

    Example:
        >>> import numpy as np
        >>> link = scale_by_acprop(b1=0.5, b2=0.5, eps_root=0.0)
        >>> first, state = link.update(np.array([4.0]), link.init(np.zeros(1)))
        >>> first, link.update(np.array([4.0]), state)[0]
        (array([4.]), array([1.]))

    Reference: J. Zhuang et al., Momentum centering and asynchronous update for adaptive gradient methods, NeurIPS 2021.
    """

    def init_fn(params: Any) -> ScaleByBeliefState:
        return ScaleByBeliefState(first_step(), full_like(params, 0), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByBeliefState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count, first = next_step(state.count), fnp.equal(state.count, 0)
        known = unbiased(state.nu, b2, fnp.maximum(state.count, 1))
        known = tree.tree_map(lambda v: fnp.where(first, fnp.ones_like(v), v), known)
        surprise = tree.tree_map(lambda g, m: g - m, updates, state.mu)
        nu = tree.tree_map(lambda v: v + number_like(eps_root, v), moving_square(surprise, state.nu, b2))
        mu = moving_average(updates, state.mu, b1)
        return over_root(updates, known, eps, 0.0), ScaleByBeliefState(count, mu, nu)

    return GradientTransformation(init_fn, update_fn)


def acprop(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-16,
    eps_root: Any = 1e-16,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """ACProp: -learning_rate times the updates of `scale_by_acprop`. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root: see `scale_by_acprop`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = acprop(0.1)
        >>> optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0]
        array([-0.4])

    Reference: J. Zhuang et al., Momentum centering and asynchronous update for adaptive gradient methods, NeurIPS 2021.
    """
    return chain(
        scale_by_acprop(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
