"""AdaMax and AdaMaxW: Adam with a decaying maximum in the place of the second moment."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from .adam import ScaleByAdamState
from .base import GradientTransformation, chain
from .masking import MaskOrFn
from .moments import first_step, full_like, moving_average, next_step, number_like, unbiased
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .weight_decay import add_decayed_weights


def scale_by_adamax(b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """Updates divided by a decaying maximum of their sizes.

        mu = b1 mu + (1 - b1) g        nu = max(|g| + eps, b2 nu)        u = mu / (1 - b1^t) / nu

    Args:
        b1, b2: decay of the first moment and of the maximum.
        eps: added to |g|; keeps the division finite.

    Example:
        >>> import numpy as np
        >>> link = scale_by_adamax()
        >>> np.round(link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))[0], 6)
        array([ 1., -1.])

    Reference: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015, section 7.
    """

    def init_fn(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(first_step(), full_like(params, 0), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByAdamState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count, mu = next_step(state.count), moving_average(updates, state.mu, b1)
        nu = tree.tree_map(
            lambda g, v: fnp.maximum(fnp.absolute(g) + number_like(eps, v), v * number_like(b2, v)), updates, state.nu
        )
        new = tree.tree_map(lambda m, v: m / v, unbiased(mu, b1, count), nu)
        return new, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init_fn, update_fn)


def adamax(learning_rate: ScalarOrSchedule, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> GradientTransformation:
    """AdaMax: -learning_rate times the updates of `scale_by_adamax`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps: see `scale_by_adamax`.

    Example:
        >>> import numpy as np
        >>> optimizer = adamax(0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 6)
        array([-0.1])

    Reference: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015, section 7.
    """
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamaxw(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: MaskOrFn = None,
) -> GradientTransformation:
    """AdaMax with decoupled weight decay. The update needs the parameters.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps: see `scale_by_adamax`.
        weight_decay, mask: see `add_decayed_weights`.

    Example:
        >>> import numpy as np
        >>> optimizer = adamaxw(0.1, weight_decay=0.5)
        >>> params = np.array([2.0])
        >>> optimizer.update(np.array([0.0]), optimizer.init(params), params)[0]
        array([-0.1])

    Reference: D. Kingma, J. Ba, ICLR 2015; I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019.
    """
    return chain(
        scale_by_adamax(b1, b2, eps), add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate)
    )
