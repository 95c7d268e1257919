"""Schedule-free learning: averages of the iterates in the place of a learning rate that decays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand, convert
from .base import GradientTransformation, GradientTransformationExtraArgs, chain, required, with_extra_args_support
from .moments import like, lowest_dtype, next_step, number, number_like, scheduled
from .momentum import sgd
from .piecewise import warmup_constant_schedule
from .rmsprop import scale_by_rms
from .scaling import ScalarOrSchedule, scale_by_learning_rate
from .tree_utils import tree_cast
from .weight_decay import add_decayed_weights


class ScheduleFreeState(NamedTuple):
    """b1, the sum of the weights, number of the step from 1 (int32), largest rate, state inside, the iterates z."""

    b1: Any
    weight_sum: Any
    step_count: Any
    max_lr: Any
    base_optimizer_state: Any
    z: Any


def _mixed(b1: Any, one: Any, two: Any) -> Any:
    """b1 * one + (1 - b1) * two."""
    return tree.tree_map(lambda x, z: x * number_like(b1, x) + z * number_like(1.0 - b1, x), one, two)


def _average(b1: Any, params: Any, z: Any) -> Any:
    """The average x in params = b1 x + (1 - b1) z."""
    return tree.tree_map(lambda y, z: (y - z * number_like(1.0 - b1, y)) / number_like(b1, y), params, z)


def schedule_free_eval_params(state: ScheduleFreeState, params: Any) -> Any:
    """The parameters to evaluate with: the average x; `params` are those at which gradients are taken.

    Args:
        state: a state of a schedule-free optimizer.
        params: the parameters that it trains.

    Raises:
        ValueError: for another state.

    Example:
        >>> import numpy as np
        >>> optimizer = schedule_free_sgd(0.1)
        >>> params = np.array([1.0])
        >>> np.round(schedule_free_eval_params(optimizer.init(params), params), 6)
        array([1.])

    Reference: A. Defazio et al., The road less scheduled, NeurIPS 2024.
    """
    b1, z = getattr(state, "b1", None), getattr(state, "z", None)
    if b1 is None or z is None:
        raise ValueError(
            f"schedule_free_eval_params: got a {type(state).__name__}, not a ScheduleFreeState.\n"
            'Fix: take the part of a larger state by optim.tree.get(state, "ScheduleFreeState").'
        )
    return like(_average(b1, params, z), params)


def schedule_free(
    base_optimizer: GradientTransformation,
    learning_rate: ScalarOrSchedule,
    b1: Any = 0.9,
    weight_lr_power: Any = 2.0,
    state_dtype: Any = None,
) -> GradientTransformationExtraArgs:
    """Train at y, between the optimizer's iterates z and their weighted average x.

        z = z + base(g(y))       x = (1 - c) x + c z       y = b1 x + (1 - b1) z
        c = w / sum of w,        w = (largest learning rate so far)^weight_lr_power

    Args:
        base_optimizer: an optimizer without momentum.
        learning_rate: the one of `base_optimizer`.
        b1: how close y is to the average.
        weight_lr_power: exponent of the weights.
        state_dtype: dtype of z; None for that of the parameters.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer = schedule_free(optim.sgd(0.1), 0.1)
        >>> params = np.array([1.0])
        >>> np.round(optimizer.update(np.array([2.0]), optimizer.init(params), params)[0], 6)
        array([-0.2])

    Reference: A. Defazio et al., The road less scheduled, NeurIPS 2024.
    """
    base_optimizer = with_extra_args_support(base_optimizer)

    def init_fn(params: Any) -> ScheduleFreeState:
        dtype = lowest_dtype(params)
        zero = np.zeros((), dtype)
        z = tree_cast(tree.tree_map(array_operand, params), state_dtype)
        inner = base_optimizer.init(params)
        return ScheduleFreeState(number(b1, dtype), zero, np.ones((), np.int32), zero, inner, z)

    def update_fn(updates: Any, state: ScheduleFreeState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        params, dtype = required(params, "schedule_free"), state.max_lr.dtype
        rate = fnp.maximum(state.max_lr, number(scheduled(learning_rate, state.step_count), dtype))
        weight = rate ** number(weight_lr_power, dtype)
        total = state.weight_sum + weight
        share = fnp.where(fnp.equal(total, 0), fnp.zeros_like(total), weight / _nonzero(total))
        steps, inner = base_optimizer.update(updates, state.base_optimizer_state, params, **extra)
        z = tree.tree_map(lambda p, u: convert(array_operand(p + u), array_operand(p).dtype), state.z, steps)
        x = _mixed(1.0 - share, _average(b1, params, state.z), z)
        new = tree.tree_map(lambda y, p: number_like(y, p) - p, _mixed(b1, x, z), params)
        return new, ScheduleFreeState(state.b1, total, next_step(state.step_count), rate, inner, z)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def _nonzero(value: Any) -> Any:
    return fnp.where(fnp.equal(value, 0), fnp.ones_like(value), value)


def _warmed(learning_rate: Any, warmup_steps: int | None) -> Any:
    return learning_rate if warmup_steps is None else warmup_constant_schedule(0, learning_rate, warmup_steps)


def schedule_free_sgd(
    learning_rate: Any = 1.0,
    warmup_steps: int | None = None,
    b1: Any = 0.9,
    weight_decay: Any = None,
    weight_lr_power: Any = 2.0,
    state_dtype: Any = None,
) -> GradientTransformationExtraArgs:
    """Schedule-free gradient descent; evaluate with `schedule_free_eval_params`. The update needs the parameters.

    Args:
        learning_rate: a number.
        warmup_steps: length of a linear rise of the learning rate; None for none.
        weight_decay: see `add_decayed_weights`; None for none.
        b1, weight_lr_power, state_dtype: see `schedule_free`.

    Example:
        >>> import numpy as np
        >>> optimizer, params = schedule_free_sgd(0.1), np.array([1.0])
        >>> np.round(optimizer.update(np.array([2.0]), optimizer.init(params), params)[0], 6)
        array([-0.2])

    Reference: A. Defazio et al., The road less scheduled, NeurIPS 2024.
    """
    rate = _warmed(learning_rate, warmup_steps)
    optimizer = sgd(rate)
    if weight_decay is not None:
        optimizer = chain(add_decayed_weights(weight_decay), optimizer)
    return schedule_free(optimizer, rate, b1, weight_lr_power, state_dtype)


def schedule_free_adamw(
    learning_rate: Any = 0.0025,
    warmup_steps: int | None = None,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    weight_lr_power: Any = 2.0,
    state_dtype: Any = None,
) -> GradientTransformationExtraArgs:
    """Schedule-free AdamW; evaluate with `schedule_free_eval_params`. The update needs the parameters.

    Args:
        learning_rate: a number.
        warmup_steps: length of a linear rise of the learning rate; None for none.
        b2, eps: see `scale_by_rms`, with bias correction.
        weight_decay: see `add_decayed_weights`.
        b1, weight_lr_power, state_dtype: see `schedule_free`.

    Example:
        >>> import numpy as np
        >>> optimizer, params = schedule_free_adamw(0.1), np.array([1.0])
        >>> np.round(optimizer.update(np.array([2.0]), optimizer.init(params), params)[0], 6)
        array([-0.1])

    Reference: A. Defazio et al., The road less scheduled, NeurIPS 2024.
    """
    rate = _warmed(learning_rate, warmup_steps)
    optimizer = chain(
        scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(rate),
    )
    return schedule_free(optimizer, rate, b1, weight_lr_power, state_dtype)
