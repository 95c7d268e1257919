"""Step sizes that change with the number of steps: functions from a count to a number.

A schedule computes in float64 from an integer count; the link that uses it gives the result the dtype of the leaf.
"""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .scaling import Schedule


def constant_schedule(value: Any) -> Schedule:
    """The same value at every step.

    Example:
        >>> constant_schedule(0.1)(1000)
        0.1
    """
    return lambda count: value


def polynomial_schedule(
    init_value: Any, end_value: Any, power: Any, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """From `init_value` to `end_value` along (1 - t)^power, where t goes from 0 to 1 in `transition_steps` steps.

    Args:
        transition_steps: length of the change; 0 or less gives a constant `init_value`.
        transition_begin: the step at which the change begins.

    Example:
        >>> schedule = polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)
        >>> [float(schedule(t)) for t in (0, 2, 4, 9)]
        [1.0, 0.25, 0.0, 0.0]
    """
    if transition_steps <= 0:
        return constant_schedule(init_value)
    begin = max(transition_begin, 0)

    def schedule(count: Any) -> Any:
        left = 1 - fnp.clip(count - begin, 0, transition_steps) / transition_steps
        shape = left if power == 1 else left**power
        return (init_value - end_value) * shape + end_value

    return schedule


def linear_schedule(init_value: Any, end_value: Any, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """From `init_value` to `end_value` in a straight line of `transition_steps` steps.

    Example:
        >>> schedule = linear_schedule(1.0, 0.0, transition_steps=4)
        >>> [float(schedule(t)) for t in (0, 1, 4, 9)]
        [1.0, 0.75, 0.0, 0.0]
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def exponential_decay(
    init_value: Any,
    transition_steps: int,
    decay_rate: Any,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Any = None,
) -> Schedule:
    """init_value * decay_rate^(t / transition_steps).

    Args:
        transition_steps: after how many steps the value has changed by `decay_rate`; 0 or less gives a constant.
        transition_begin: the step at which the change begins.
        staircase: change only at multiples of `transition_steps`.
        end_value: a bound: lowest value if the schedule falls, highest if it grows.

    Example:
        >>> schedule = exponential_decay(1.0, transition_steps=10, decay_rate=0.5)
        >>> [float(schedule(t)) for t in (0, 10, 20)]
        [1.0, 0.5, 0.25]
    """
    if transition_steps <= 0 or decay_rate == 0:
        return constant_schedule(init_value)
    begin = max(transition_begin, 0)

    def schedule(count: Any) -> Any:
        t = fnp.maximum(count - begin, 0) / transition_steps
        value = init_value * decay_rate ** (fnp.floor(t) if staircase else t)
        if end_value is None:
            return value
        return fnp.maximum(value, end_value) if decay_rate < 1 else fnp.minimum(value, end_value)

    return schedule


def cosine_decay_schedule(init_value: Any, decay_steps: int, alpha: Any = 0.0, exponent: Any = 1.0) -> Schedule:
    """From `init_value` to alpha * init_value along half a cosine wave.

        init_value * ((1 - alpha) * (0.5 * (1 + cos(pi t)))^exponent + alpha),   t = min(count / decay_steps, 1)

    Args:
        decay_steps: length of the decay, positive.
        alpha: last value as a fraction of the first.

    Raises:
        ValueError: when `decay_steps` is not positive.

    Example:
        >>> schedule = cosine_decay_schedule(1.0, decay_steps=4)
        >>> [round(float(schedule(t)), 3) for t in (0, 1, 2, 4, 9)]
        [1.0, 0.854, 0.5, 0.0, 0.0]

    Reference: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.
    """
    if not decay_steps > 0:
        raise ValueError(f"cosine_decay_schedule: decay_steps must be positive, got {decay_steps}.")

    def schedule(count: Any) -> Any:
        wave = 0.5 * (1 + fnp.cos(fnp.pi * (fnp.minimum(count, decay_steps) / decay_steps)))
        wave = wave if exponent == 1 else wave**exponent
        return init_value * ((1 - alpha) * wave + alpha)

    return schedule
