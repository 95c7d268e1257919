"""Polyak's step size: the gap to the least value over the squared norm of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy as fnp
from .base import EmptyState, GradientTransformationExtraArgs, chain
from .clipping import squared_norm
from .moments import number_like, scaled
from .momentum import sgd
from .scaling import ScalarOrSchedule

_VARIANTS = ("sps", "sps+")


def scale_by_polyak(
    f_min: Any = 0.0, max_learning_rate: Any = 1.0, eps: Any = 0.0, variant: str = "sps"
) -> GradientTransformationExtraArgs:
    """min((value - f_min) / (|g|^2 + eps), max_learning_rate) * g. The update needs the keyword argument `value`.

    Args:
        f_min: the least value of the function, or a lower bound.
        max_learning_rate: largest step size.
        eps: added to the squared norm.
        variant: "sps", or "sps+" with max(value - f_min, 0).

    Raises:
        ValueError: for another variant.

    Example:
        >>> import numpy as np
        >>> link = scale_by_polyak()
        >>> link.update(np.array([4.0]), link.init(np.zeros(1)), value=8.0)[0]
        array([2.])

    Reference: N. Loizou et al., Stochastic Polyak step-size for SGD, AISTATS 2021; L. Berrada et al., Training neural
    networks for and by interpolation, ICML 2020.
    """
    if variant not in _VARIANTS:
        raise ValueError(f"scale_by_polyak: variant must be one of {_VARIANTS}, got {variant!r}.")

    def init_fn(params: Any) -> EmptyState:
        del params
        return EmptyState()

    def update_fn(updates: Any, state: EmptyState, params: Any = None, *, value: Any, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        norm = squared_norm(updates)
        norm = norm + number_like(eps, norm)
        gap = number_like(value - f_min, norm)
        gap = fnp.maximum(gap, number_like(0.0, norm)) if variant == "sps+" else gap
        flat = norm <= np.finfo(np.float64).eps
        step = fnp.minimum(gap / fnp.where(flat, fnp.ones_like(norm), norm), number_like(max_learning_rate, norm))
        return scaled(fnp.where(flat, fnp.zeros_like(norm), step), updates), state

    return GradientTransformationExtraArgs(init_fn, update_fn)


def polyak_sgd(
    max_learning_rate: Any = 1.0,
    scaling: ScalarOrSchedule = 1.0,
    f_min: Any = 0.0,
    eps: Any = 0.0,
    variant: str = "sps",
) -> GradientTransformationExtraArgs:
    """Gradient descent with Polyak's step size. The update needs the keyword argument `value`.

    Args:
        max_learning_rate, f_min, eps, variant: see `scale_by_polyak`.
        scaling: a factor: a number, a scalar array, or a schedule.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> f = lambda x: np.sum((x - 1.0) ** 2)
        >>> optimizer, x = polyak_sgd(), np.array([3.0])
        >>> state = optimizer.init(x)
        >>> for _ in range(20):
        ...     value, gradient = fg.value_and_grad(f)(x)
        ...     updates, state = optimizer.update(gradient, state, x, value=value)
        ...     x = x + updates
        >>> np.round(x, 4)
        array([1.])

    Reference: N. Loizou et al., Stochastic Polyak step-size for SGD, AISTATS 2021.
    """
    return chain(sgd(scaling), scale_by_polyak(f_min, max_learning_rate, eps, variant))
