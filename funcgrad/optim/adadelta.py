"""AdaDelta: steps whose size is the running size of past steps over that of the gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import full_like, moving_square, number_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


class ScaleByAdaDeltaState(NamedTuple):
    """Mean squares of the gradients and of the updates, pytrees like the parameters."""

    e_g: Any
    e_x: Any


def scale_by_adadelta(rho: Any = 0.9, eps: Any = 1e-6) -> GradientTransformation:
    """Updates scaled by sqrt(mean square of past updates + eps) / sqrt(mean square of gradients + eps).

    Args:
        rho: decay of the mean squares.
        eps: added under both roots.

    Example:
        >>> import numpy as np
        >>> link = scale_by_adadelta(rho=0.75, eps=1.0)
        >>> np.round(link.update(np.array([4.0]), link.init(np.zeros(1)))[0], 6)
        array([1.788854])

    Reference: M. Zeiler, ADADELTA: an adaptive learning rate method, 2012.
    """

    def init_fn(params: Any) -> ScaleByAdaDeltaState:
        return ScaleByAdaDeltaState(full_like(params, 0), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByAdaDeltaState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        e_g = moving_square(updates, state.e_g, rho)

        def step(g: Any, square: Any, past: Any) -> Any:
            return fnp.sqrt(past + number_like(eps, past)) / fnp.sqrt(square + number_like(eps, square)) * g

        new = tree.tree_map(step, updates, e_g, state.e_x)
        return new, ScaleByAdaDeltaState(e_g, moving_square(new, state.e_x, rho))

    return GradientTransformation(init_fn, update_fn)


def adadelta(
    learning_rate: ScalarOrSchedule | None = None,
    rho: Any = 0.9,
    eps: Any = 1e-6,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: MaskOrFn = None,
) -> GradientTransformation:
    """AdaDelta: -learning_rate times the updates of `scale_by_adadelta`. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule. Without one the sign of the updates is not changed, so
            they go uphill: 1.0 gives the algorithm of the paper.
        rho, eps: see `scale_by_adadelta`.
        weight_decay, weight_decay_mask: see `add_decayed_weights`; added to the gradient.

    Example:
        >>> import numpy as np
        >>> optimizer = adadelta(1.0, rho=0.75, eps=1.0)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)), np.zeros(1))[0], 6)
        array([-1.788854])

    Reference: M. Zeiler, ADADELTA: an adaptive learning rate method, 2012.
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )
