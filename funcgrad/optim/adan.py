"""Adan: Nesterov's momentum from differences of gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import first_step, full_like, moving_average, moving_square, next_step, number_like, over_root, unbiased
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class ScaleByAdanState(NamedTuple):
    """Averages of gradients, of their differences, of squares; the last gradient; number of updates (int32 scalar)."""

    m: Any
    v: Any
    n: Any
    g: Any
    t: Any


def scale_by_adan(
    b1: Any = 0.98, b2: Any = 0.92, b3: Any = 0.99, eps: Any = 1e-8, eps_root: Any = 0.0
) -> GradientTransformation:
    """Averages of the gradient and of its change, over a root mean square.

        d = g - g_previous    m = b1 m + (1 - b1) g    v = b2 v + (1 - b2) d    n = b3 n + (1 - b3) (g + (1 - b2) d)^2
        u = (m / (1 - b1^t) + (1 - b2) v / (1 - b2^t)) / (sqrt(n / (1 - b3^t) + eps_root) + eps)

    Args:
        b1, b2, b3: decay of the averages.
        eps: added to the root.
        eps_root: added under the root.

    Example:
        >>> import numpy as np
        >>> link = scale_by_adan()
        >>> np.round(link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))[0], 6)
        array([ 1., -1.])

    Reference: X. Xie et al., Adan: adaptive Nesterov momentum algorithm for faster optimizing deep models, 2022.
    """

    def init_fn(params: Any) -> ScaleByAdanState:
        zeros = full_like(params, 0)
        return ScaleByAdanState(zeros, zeros, zeros, zeros, first_step())

    def update_fn(updates: Any, state: ScaleByAdanState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        later, share = state.t > 0, 1 - b2
        change = tree.tree_map(lambda g, p: fnp.where(later, g - p, fnp.zeros_like(p)), updates, state.g)
        m, v = moving_average(updates, state.m, b1), moving_average(change, state.v, b2)
        ahead = tree.tree_map(lambda g, d: g + d * number_like(share, d), updates, change)
        n, t = moving_square(ahead, state.n, b3), next_step(state.t)
        top = tree.tree_map(lambda a, b: a + b * number_like(share, b), unbiased(m, b1, t), unbiased(v, b2, t))
        kept = tree.tree_map(lambda g, p: number_like(g, p), updates, state.g)
        return over_root(top, unbiased(n, b3, t), eps, eps_root), ScaleByAdanState(m, v, n, kept, t)

    return GradientTransformation(init_fn, update_fn)


def adan(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.98,
    b2: Any = 0.92,
    b3: Any = 0.99,
    eps: Any = 1e-8,
    eps_root: Any = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """Adan: -learning_rate times the updates of `scale_by_adan`. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, b3, eps, eps_root: see `scale_by_adan`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = adan(0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-0.1])

    Reference: X. Xie et al., Adan: adaptive Nesterov momentum algorithm for faster optimizing deep models, 2022.
    """
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
