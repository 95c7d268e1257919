"""Multiply updates by a step size: a constant, a learning rate, or a schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .base import GradientTransformation, identity, stateless
from .moments import first_step, next_step, scaled

Schedule = Callable[[Any], Any]
ScalarOrSchedule = Any | Schedule


class ScaleByScheduleState(NamedTuple):
    """The number of updates so far (int32 scalar)."""

    count: Any


def scale(step_size: Any) -> GradientTransformation:
    """step_size * updates.

    Example:
        >>> scale(-0.5).update(3.0, scale(-0.5).init(0.0))[0]
        -1.5
    """
    return stateless(lambda updates, params: scaled(step_size, updates))


def scale_by_schedule(step_size_fn: Schedule) -> GradientTransformation:
    """step_size_fn(count) * updates, where count is the number of updates so far, starting from 0.

    Example:
        >>> import numpy as np
        >>> halving = scale_by_schedule(lambda count: 0.5**count)
        >>> state = halving.init(0.0)
        >>> updates, state = halving.update(1.0, state)
        >>> updates, state = halving.update(1.0, state)
        >>> updates, state
        (np.float64(0.5), ScaleByScheduleState(count=np.int32(2)))
    """

    def init_fn(params: Any) -> ScaleByScheduleState:
        del params
        return ScaleByScheduleState(first_step())

    def update_fn(updates: Any, state: ScaleByScheduleState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        return scaled(step_size_fn(state.count), updates), ScaleByScheduleState(next_step(state.count))

    return GradientTransformation(init_fn, update_fn)


def scale_by_learning_rate(
    learning_rate: ScalarOrSchedule | None = None, *, flip_sign: bool = True
) -> GradientTransformation:
    """-learning_rate * updates: the last link of an optimizer.

    Args:
        learning_rate: a number, a scalar array, or a schedule; None leaves the updates alone.
        flip_sign: whether to go downhill, that is, to negate.

    Example:
        >>> scale_by_learning_rate(0.1).update(2.0, ())[0]
        -0.2
    """
    if learning_rate is None:
        return identity()
    sign = -1 if flip_sign else 1
    if callable(learning_rate):
        return scale_by_schedule(lambda count: sign * learning_rate(count))
    return scale(sign * learning_rate)
