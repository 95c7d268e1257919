"""MoMo: momentum whose step size comes from a model of the loss that knows a lower bound of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformationExtraArgs, required
from .moments import (
    first_step,
    full_like,
    lowest_dtype,
    moving_average,
    moving_square,
    next_step,
    number,
    number_like,
    refuse_complex,
    scheduled,
    unbiased,
)
from .scaling import ScalarOrSchedule
from .tree_utils import tree_vdot


class MomoState(NamedTuple):
    """Averages of gradients (a pytree), of values and of <gradient, p>, the lower bound, number of updates (int32)."""

    exp_avg: Any
    barf: Any
    gamma: Any
    lb: Any
    count: Any


class MomoAdamState(NamedTuple):
    """As `MomoState`, with the second moment, a pytree like the parameters."""

    exp_avg: Any
    exp_avg_sq: Any
    barf: Any
    gamma: Any
    lb: Any
    count: Any


class _Model(NamedTuple):
    """What the averages say about the loss: the step size, and the lower bound afterwards."""

    step: Any
    bound: Any


def _model(
    height: Any, product: Any, norm: Any, rate: Any, weight: Any, decay: Any, bound: Any, least: Any, adapt: bool
) -> _Model:
    """min(rate, what brings the model of the loss down to its bound).

    Args:
        height: averages of value - <gradient, p>.
        product: <average gradient, p>.
        norm: squared norm of the average gradient, over the preconditioner where there is one.
        rate: the largest step.
        weight: of all past values; 1 where averages are unbiased.
        decay: 1 + rate * weight decay.
        bound, least: the present bound of the loss, and the one that holds for sure.
        adapt: estimate the bound.
    """
    if adapt:
        cap = decay * height + product
        lower = fnp.maximum(cap / (2 * weight * decay), least)
        bound = fnp.where(cap < decay * weight * bound, lower, bound)
    flat = norm <= np.finfo(np.float64).eps
    gap = fnp.maximum(decay * (height - weight * bound) + product, number_like(0.0, norm))
    full = fnp.where(flat, fnp.zeros_like(norm), gap / fnp.where(flat, fnp.ones_like(norm), norm))
    step = fnp.minimum(rate / weight, full)
    if adapt:
        bound = fnp.maximum((height + product - step * norm / 2) / weight, least)
    return _Model(step, bound)


def _moved(step: Any, shrink: Any, directions: Any, params: Any) -> Any:
    """-shrink p - step direction."""
    return tree.tree_map(
        lambda m, p: -(p * number_like(shrink, p)) - m * number_like(step, m),
        directions,
        params,
    )


def _needed(value: Any, where: str) -> Any:
    if value is None:
        raise ValueError(
            f"{where}: the update needs the value of the loss.\n"
            "Fix: update(gradient, state, params, value=value), with both from value_and_grad."
        )
    return value


def momo(
    learning_rate: ScalarOrSchedule = 1.0,
    beta: Any = 0.9,
    lower_bound: Any = 0.0,
    weight_decay: Any = 0.0,
    adapt_lower_bound: bool = False,
) -> GradientTransformationExtraArgs:
    """Momentum with a step of min(learning_rate, gap / norm(m)^2). Needs the parameters and the keyword `value`.

    The gap is that of the averaged linear models of the loss at p to the lower bound: mean(value - <g, p>) + <m, p>
    - bound, where m is the average gradient.

    Args:
        learning_rate: the largest step size: a number, a scalar array, or a schedule. May be large.
        beta: decay of the averages, which begin with the first gradient.
        lower_bound: no loss is lower.
        weight_decay: pulls the parameters towards 0.
        adapt_lower_bound: estimate a better bound on the way.

    Raises:
        TypeError: in `init`, for complex parameters.
        ValueError: in `update`, without parameters or value.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> optimizer, x = momo(), np.array([1.0, 2.0, 3.0])
        >>> state = optimizer.init(x)
        >>> for _ in range(200):
        ...     value, gradient = fg.value_and_grad(lambda x: np.sum(x**2))(x)
        ...     updates, state = optimizer.update(gradient, state, x, value=value)
        ...     x = x + updates
        >>> bool(abs(x).max() < 0.01)
        True

    Reference: F. Schaipp et al., MoMo: momentum models for adaptive learning rates, ICML 2024.
    """

    def init_fn(params: Any) -> MomoState:
        refuse_complex(params, "momo")
        dtype = lowest_dtype(params)
        zero = np.zeros((), dtype)
        return MomoState(full_like(params, 0), zero, zero, number(lower_bound, dtype), first_step())

    def update_fn(
        updates: Any, state: MomoState, params: Any = None, *, value: Any = None, **extra: Any
    ) -> tuple[Any, MomoState]:
        del extra
        params, dtype = required(params, "momo"), state.barf.dtype
        decay = fnp.where(fnp.equal(state.count, 0), 0.0, beta)
        mixed = _mixing(decay, dtype)
        values, mean = mixed(state.barf, _needed(value, "momo")), moving_average(updates, state.exp_avg, decay)
        gamma = mixed(state.gamma, tree_vdot(updates, params))
        rate = number(scheduled(learning_rate, state.count), dtype)
        grown = 1 + rate * number(weight_decay, dtype)
        product, norm = (number(tree_vdot(mean, other), dtype) for other in (params, mean))
        least = number(lower_bound, dtype)
        model = _model(values - gamma, product, norm, rate, 1, grown, state.lb, least, adapt_lower_bound)
        new = _moved(model.step, (grown - 1) / grown, mean, params)
        return new, MomoState(mean, values, gamma, model.bound, next_step(state.count))

    return GradientTransformationExtraArgs(init_fn, update_fn)


def _mixing(decay: Any, dtype: Any) -> Callable[[Any, Any], Any]:
    """Moving averages of numbers."""
    old, new = number(decay, dtype), number(1 - decay, dtype)
    return lambda average, value: old * average + new * number(value, dtype)


def momo_adam(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    lower_bound: Any = 0.0,
    weight_decay: Any = 0.0,
    adapt_lower_bound: bool = False,
) -> GradientTransformationExtraArgs:
    """Adam with the step size of `momo`. Needs the parameters and the keyword `value`.

    Args:
        learning_rate: the largest step size: a number, a scalar array, or a schedule.
        b1, b2: decay of the averages and of the second moment.
        eps: added to the root of the second moment.
        lower_bound, weight_decay, adapt_lower_bound: see `momo`.

    Raises:
        TypeError: in `init`, for complex parameters.
        ValueError: in `update`, without parameters or value.

    Example:
        >>> import numpy as np
        >>> optimizer, x = momo_adam(0.1), np.array([1.0])
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(x), x, value=10.0)[0], 6)
        array([-0.1])

    Reference: F. Schaipp et al., MoMo: momentum models for adaptive learning rates, ICML 2024.
    """

    def init_fn(params: Any) -> MomoAdamState:
        refuse_complex(params, "momo_adam")
        dtype, zeros = lowest_dtype(params), full_like(params, 0)
        zero = np.zeros((), dtype)
        return MomoAdamState(zeros, zeros, zero, zero, number(lower_bound, dtype), first_step())

    def update_fn(
        updates: Any, state: MomoAdamState, params: Any = None, *, value: Any = None, **extra: Any
    ) -> tuple[Any, MomoAdamState]:
        del extra
        params, dtype, count = required(params, "momo_adam"), state.barf.dtype, next_step(state.count)
        mixed = _mixing(b1, dtype)
        values, gamma = mixed(state.barf, _needed(value, "momo_adam")), mixed(state.gamma, tree_vdot(updates, params))
        mean, square = moving_average(updates, state.exp_avg, b1), moving_square(updates, state.exp_avg_sq, b2)
        directions = tree.tree_map(
            lambda m, v: m / (fnp.sqrt(v) + number_like(eps, v)), mean, unbiased(square, b2, count)
        )
        rate, weight = number(scheduled(learning_rate, state.count), dtype), number(1 - b1**count, dtype)
        grown = 1 + rate * number(weight_decay, dtype)
        product, norm = (number(tree_vdot(mean, other), dtype) for other in (params, directions))
        least = number(lower_bound, dtype)
        model = _model(values - gamma, product, norm, rate, weight, grown, state.lb, least, adapt_lower_bound)
        new = _moved(model.step, (grown - 1) / grown, directions, params)
        return new, MomoAdamState(mean, square, values, gamma, model.bound, count)

    return GradientTransformationExtraArgs(init_fn, update_fn)
