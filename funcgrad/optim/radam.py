"""RAdam: Adam that does not divide by the second moment while that is too uncertain."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from .adam import ScaleByAdamState
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


def scale_by_radam(
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    threshold: Any = 5.0,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam's updates times r_t, or the first moment alone while the length rho_t of the average is below a threshold.

        rho_inf = 2 / (1 - b2) - 1        rho_t = rho_inf - 2 t b2^t / (1 - b2^t)
        r_t = sqrt((rho_t - 4) (rho_t - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho_t))

    Args:
        b1, b2, eps, eps_root, nesterov: see `scale_by_adam`.
        threshold: least rho_t at which the second moment is used.

    Example:
        >>> import numpy as np
        >>> link = scale_by_radam()
        >>> np.round(link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))[0], 6)
        array([ 4. , -0.1])

    Reference: L. Liu et al., On the variance of the adaptive learning rate and beyond, ICLR 2020.
    """
    longest = 2.0 / (1.0 - b2) - 1.0

    def init_fn(params: Any) -> ScaleByAdamState:
        return ScaleByAdamState(first_step(), full_like(params, 0), full_like(params, 0))

    def update_fn(updates: Any, state: ScaleByAdamState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count = next_step(state.count)
        mu, nu = moving_average(updates, state.mu, b1), moving_square(updates, state.nu, b2)
        power = b2**count
        length = longest - 2 * count * power / (1 - power)
        sure = length >= threshold
        # Where the average is too short the radicand is negative; 1 keeps the root's derivative finite there.
        ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        factor = fnp.sqrt(fnp.where(sure, ratio, 1.0))
        top = momentum_estimate(updates, mu, b1, count, nesterov)
        full = over_root(top, unbiased(nu, b2, count), eps, eps_root)
        new = tree.tree_map(lambda m, u: fnp.where(sure, u * number_like(factor, u), m), top, full)
        return new, ScaleByAdamState(count, mu, nu)

    return GradientTransformation(init_fn, update_fn)


def radam(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    threshold: Any = 5.0,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """RAdam: -learning_rate times the updates of `scale_by_radam`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, threshold, nesterov: see `scale_by_radam`.

    Example:
        >>> import numpy as np
        >>> optimizer = radam(0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 6)
        array([-0.4])

    Reference: L. Liu et al., On the variance of the adaptive learning rate and beyond, ICLR 2020.
    """
    return chain(
        scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov), scale_by_learning_rate(learning_rate)
    )
