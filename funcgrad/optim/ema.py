"""Replace updates by their exponential moving average."""

from __future__ import annotations

from typing import Any, NamedTuple

from .base import GradientTransformation
from .moments import first_step, full_like, like, moving_average, next_step, unbiased


class EmaState(NamedTuple):
    """Number of updates (int32 scalar), and the average, a pytree like the parameters."""

    count: Any
    ema: Any


def ema(decay: Any, debias: bool = True, accumulator_dtype: Any = None) -> GradientTransformation:
    """e = decay e + (1 - decay) g, divided by 1 - decay^t when `debias`.

    Args:
        decay: how much of the average is kept at every step.
        debias: correct for the start at zero.
        accumulator_dtype: dtype of the average; None for that of the parameters.

    Example:
        >>> import numpy as np
        >>> link = ema(0.5, debias=False)
        >>> _, state = link.update(np.float64(4), link.init(np.float64(0)))
        >>> link.update(np.float64(1), state)[0]
        np.float64(1.5)
    """

    def init_fn(params: Any) -> EmaState:
        return EmaState(first_step(), full_like(params, 0, accumulator_dtype))

    def update_fn(updates: Any, state: EmaState, params: Any = None, **extra: Any) -> tuple[Any, EmaState]:
        del params, extra
        count, average = next_step(state.count), moving_average(updates, state.ema, decay)
        new = unbiased(average, decay, count) if debias else average
        if accumulator_dtype is None:
            return new, EmaState(count, average)
        return like(new, updates), EmaState(count, like(average, state.ema))

    return GradientTransformation(init_fn, update_fn)
