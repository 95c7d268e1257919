"""Lion: the sign of an average of gradient and momentum."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import first_step, full_like, like, moving_average, next_step, number_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights

_MODES = ("hard", "smooth", "refined")


class ScaleByLionState(NamedTuple):
    """Number of updates (int32 scalar), and the average of the gradients, a pytree like the parameters."""

    count: Any
    mu: Any


def scale_by_lion(
    b1: Any = 0.9, b2: Any = 0.99, mu_dtype: Any = None, *, mode: str = "hard", smooth_beta: Any = 1.0
) -> GradientTransformation:
    """u = sign(b1 mu + (1 - b1) g), then mu = b2 mu + (1 - b2) g.

    Args:
        b1: weight of the average in the update.
        b2: decay of the average.
        mu_dtype: dtype of the average; None for that of the parameters.
        mode: "hard": the sign; "smooth": tanh(smooth_beta x); "refined": x where |x| < 1, else the sign.
        smooth_beta: slope of the smooth mode.

    Raises:
        ValueError: for another mode.

    Example:
        >>> import numpy as np
        >>> link = scale_by_lion()
        >>> link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))[0]
        array([ 1., -1.])

    Reference: X. Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023.
    """
    if mode not in _MODES:
        raise ValueError(f"scale_by_lion: mode must be one of {_MODES}, got {mode!r}.")

    def squashed(x: Any) -> Any:
        if mode == "smooth":
            return fnp.tanh(x * number_like(smooth_beta, x))
        return fnp.where(fnp.absolute(x) < 1, x, fnp.sign(x)) if mode == "refined" else fnp.sign(x)

    def init_fn(params: Any) -> ScaleByLionState:
        return ScaleByLionState(first_step(), full_like(params, 0, mu_dtype))

    def update_fn(updates: Any, state: ScaleByLionState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        new = tree.tree_map(squashed, moving_average(updates, state.mu, b1))
        mu = moving_average(updates, state.mu, b2)
        if mu_dtype is not None:
            new, mu = like(new, updates), like(mu, state.mu)
        return new, ScaleByLionState(next_step(state.count), mu)

    return GradientTransformation(init_fn, update_fn)


def lion(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.99,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-3,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """Lion: -learning_rate * (sign(b1 mu + (1 - b1) g) + weight_decay * p). The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule; three to ten times smaller than for AdamW.
        b1, b2, mu_dtype: see `scale_by_lion`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = lion(0.1)
        >>> optimizer.update(np.array([4.0, -0.1]), optimizer.init(np.zeros(2)), np.zeros(2))[0]
        array([-0.1,  0.1])

    Reference: X. Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023.
    """
    return chain(
        scale_by_lion(b1, b2, mu_dtype), add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate)
    )
