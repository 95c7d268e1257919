"""AMSGrad: Adam whose second moment never falls."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain
from .moments import first_step, full_like, like, moving_average, moving_square, next_step, over_root, unbiased
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class ScaleByAmsgradState(NamedTuple):
    """Number of updates (int32 scalar), both moments and the largest second moment, pytrees like the parameters."""

    count: Any
    mu: Any
    nu: Any
    nu_max: Any


def scale_by_amsgrad(
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> GradientTransformation:
    """As `scale_by_adam`, with the largest second moment so far in the denominator.

    Args:
        b1, b2, eps, eps_root, mu_dtype: see `scale_by_adam`.
        bias_correction_mu, bias_correction_nu: whether the moments are corrected for their start at zero.

    Example:
        >>> import numpy as np
        >>> link = scale_by_amsgrad()
        >>> np.round(link.update(np.array([4.0, -0.1]), link.init(np.zeros(2)))[0], 6)
        array([ 1., -1.])

    Reference: S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, ICLR 2018.
    """

    def init_fn(params: Any) -> ScaleByAmsgradState:
        zeros = full_like(params, 0)
        return ScaleByAmsgradState(first_step(), full_like(params, 0, mu_dtype), zeros, zeros)

    def update_fn(updates: Any, state: ScaleByAmsgradState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        count = next_step(state.count)
        mu, nu = moving_average(updates, state.mu, b1), moving_square(updates, state.nu, b2)
        top = unbiased(mu, b1, count) if bias_correction_mu else mu
        square = unbiased(nu, b2, count) if bias_correction_nu else nu
        largest = tree.tree_map(fnp.maximum, state.nu_max, square)
        new = over_root(top, largest, eps, eps_root)
        if mu_dtype is not None:
            new, mu = like(new, updates), like(mu, state.mu)
        return new, ScaleByAmsgradState(count, mu, nu, largest)

    return GradientTransformation(init_fn, update_fn)


def amsgrad(
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> GradientTransformation:
    """AMSGrad: -learning_rate times the updates of `scale_by_amsgrad`.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu: see `scale_by_amsgrad`.

    Example:
        >>> import numpy as np
        >>> optimizer = amsgrad(0.1)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 6)
        array([-0.1])

    Reference: S. Reddi, S. Kale, S. Kumar, On the convergence of Adam and beyond, ICLR 2018.
    """
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
        scale_by_learning_rate(learning_rate),
    )
