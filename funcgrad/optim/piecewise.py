"""Schedules made of pieces: one after the other, warm-ups, one cycle, restarts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from .scaling import Schedule
from .schedules import cosine_decay_schedule, exponential_decay, linear_schedule


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after the other; each counts from the boundary at which it begins.

    Args:
        schedules: n schedules.
        boundaries: n - 1 steps at which the next one takes over.

    Raises:
        ValueError: when the numbers of schedules and boundaries do not fit.

    Example:
        >>> schedule = join_schedules([lambda count: 1.0, lambda count: 0.1], [10])
        >>> [float(schedule(t)) for t in (9, 10)]
        [1.0, 0.1]
    """
    if len(boundaries) != len(schedules) - 1:
        raise ValueError(
            f"join_schedules: {len(schedules)} schedules need {len(schedules) - 1} boundaries, got {len(boundaries)}."
        )

    def schedule(count: Any) -> Any:
        value = schedules[0](count)
        for boundary, later in zip(boundaries, schedules[1:]):
            value = fnp.where(count < boundary, value, later(count - boundary))
        return value

    return schedule


def warmup_cosine_decay_schedule(
    init_value: Any, peak_value: Any, warmup_steps: int, decay_steps: int, end_value: Any = 0.0, exponent: Any = 1.0
) -> Schedule:
    """A linear rise to `peak_value`, then a cosine decay to `end_value`.

    Args:
        warmup_steps: length of the rise.
        decay_steps: length of the whole schedule, the rise included.

    Example:
        >>> schedule = warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=2, decay_steps=6)
        >>> [round(float(schedule(t)), 3) for t in (0, 1, 2, 4, 6)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    alpha = 0.0 if peak_value == 0 else end_value / peak_value
    rise = linear_schedule(init_value, peak_value, warmup_steps)
    return join_schedules(
        [rise, cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)], [warmup_steps]
    )


def piecewise_constant_schedule(init_value: Any, boundaries_and_scales: dict[int, float] | None = None) -> Schedule:
    """`init_value`, multiplied by each scale from its boundary on.

    Raises:
        ValueError: when a scale is negative.

    Example:
        >>> schedule = piecewise_constant_schedule(1.0, {10: 0.5, 20: 0.1})
        >>> [float(schedule(t)) for t in (9, 10, 20)]
        [1.0, 0.5, 0.05]
    """
    steps = sorted((boundaries_and_scales or {}).items())
    if any(factor < 0 for _, factor in steps):
        raise ValueError(f"piecewise_constant_schedule: scales must not be negative, got {boundaries_and_scales}.")

    def schedule(count: Any) -> Any:
        value = init_value
        for boundary, factor in steps:
            value = fnp.where(count < boundary, value, value * factor)
        return value

    return schedule


def warmup_constant_schedule(init_value: Any, peak_value: Any, warmup_steps: int) -> Schedule:
    """A linear rise to `peak_value`, which stays.

    Example:
        >>> schedule = warmup_constant_schedule(0.0, 1.0, warmup_steps=2)
        >>> [float(schedule(t)) for t in (0, 1, 2, 9)]
        [0.0, 0.5, 1.0, 1.0]
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_exponential_decay_schedule(
    init_value: Any,
    peak_value: Any,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: Any,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Any = None,
) -> Schedule:
    """A linear rise to `peak_value`, then an exponential decay.

    Args:
        warmup_steps: length of the rise.
        transition_steps, decay_rate, transition_begin, staircase, end_value: see `exponential_decay`; it counts from
            the end of the rise.

    Example:
        >>> schedule = warmup_exponential_decay_schedule(0.0, 1.0, 2, transition_steps=2, decay_rate=0.5)
        >>> [float(schedule(t)) for t in (0, 1, 2, 4, 6)]
        [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    rise = linear_schedule(init_value, peak_value, warmup_steps)
    fall = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return join_schedules([rise, fall], [warmup_steps])


def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: Any, boundaries_and_scales: dict[int, float] | None = None
) -> Schedule:
    """From each boundary to the next, where the value has been multiplied by its scale, along a line or a cosine.

    Args:
        interpolate_type: "linear" or "cosine".
        init_value: the value at 0.
        boundaries_and_scales: factors by steps.

    Raises:
        ValueError: for another type, and for negative scales.

    Example:
        >>> schedule = piecewise_interpolate_schedule("linear", 1.0, {2: 3.0, 4: 0.5})
        >>> [float(schedule(t)) for t in (0, 1, 2, 3, 4, 9)]
        [1.0, 2.0, 3.0, 2.25, 1.5, 1.5]
    """
    if interpolate_type not in ("linear", "cosine"):
        raise ValueError(
            f'piecewise_interpolate_schedule: the type must be "linear" or "cosine", got {interpolate_type!r}.'
        )
    steps = sorted((boundaries_and_scales or {}).items())
    if any(factor < 0 for _, factor in steps):
        raise ValueError(f"piecewise_interpolate_schedule: scales must not be negative, got {boundaries_and_scales}.")

    def schedule(count: Any) -> Any:
        value, left, begin = init_value, init_value, 0
        for boundary, factor in steps:
            right = left * factor
            part = (count - begin) / max(boundary - begin, 1)
            part = part if interpolate_type == "linear" else 0.5 * (1 - fnp.cos(np.pi * part))
            value = fnp.where(count < begin, value, left + (right - left) * part)
            left, begin = right, boundary
        return fnp.where(count < begin, value, left)

    return schedule


def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: Any,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """A linear rise to `peak_value`, a fall back to the first value, and a last fall far below it.

    Args:
        transition_steps: length of the whole schedule.
        peak_value: the highest value.
        pct_start, pct_final: fractions of the length at which rise and fall end.
        div_factor: the highest value over the first one.
        final_div_factor: the first value over the last one.

    Raises:
        ValueError: when `transition_steps` is not positive.

    Example:
        >>> schedule = linear_onecycle_schedule(100, 1.0, div_factor=10.0)
        >>> [round(float(schedule(t)), 6) for t in (0, 30, 85, 100)]
        [0.1, 1.0, 0.1, 1e-05]

    Reference: L. Smith, N. Topin, Super-convergence: very fast training of neural networks using large learning
    rates, 2018.
    """
    _positive(transition_steps, "linear_onecycle_schedule")
    scales = {
        int(pct_start * transition_steps): div_factor,
        int(pct_final * transition_steps): 1.0 / div_factor,
        transition_steps: 1.0 / final_div_factor,
    }
    return piecewise_interpolate_schedule("linear", peak_value / div_factor, scales)


def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: Any,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """A rise to `peak_value` and a fall far below the first value, both along half a cosine wave.

    Args:
        transition_steps: length of the whole schedule.
        peak_value: the highest value.
        pct_start: fraction of the length at which the rise ends.
        div_factor: the highest value over the first one.
        final_div_factor: the first value over the last one.

    Raises:
        ValueError: when `transition_steps` is not positive.

    Example:
        >>> schedule = cosine_onecycle_schedule(100, 1.0, div_factor=10.0)
        >>> [round(float(schedule(t)), 6) for t in (0, 30, 65, 100)]
        [0.1, 1.0, 0.500005, 1e-05]

    Reference: L. Smith, N. Topin, Super-convergence: very fast training of neural networks using large learning
    rates, 2018.
    """
    _positive(transition_steps, "cosine_onecycle_schedule")
    scales = {int(pct_start * transition_steps): div_factor, transition_steps: 1.0 / (div_factor * final_div_factor)}
    return piecewise_interpolate_schedule("cosine", peak_value / div_factor, scales)


def _positive(transition_steps: int, where: str) -> None:
    if transition_steps <= 0:
        raise ValueError(f"{where}: transition_steps must be positive, got {transition_steps}.")


def sgdr_schedule(cosine_kwargs: Iterable[dict[str, Any]]) -> Schedule:
    """Warm-ups and cosine decays, one after the other.

    Args:
        cosine_kwargs: for every period the arguments of `warmup_cosine_decay_schedule`.

    Example:
        >>> period = dict(init_value=0.0, peak_value=1.0, warmup_steps=1, decay_steps=3)
        >>> schedule = sgdr_schedule([period, period])
        >>> [round(float(schedule(t)), 3) for t in (0, 1, 2, 3, 4)]
        [0.0, 1.0, 0.5, 0.0, 1.0]

    Reference: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.
    """
    periods = list(cosine_kwargs)
    ends = np.cumsum([period["decay_steps"] for period in periods])
    return join_schedules([warmup_cosine_decay_schedule(**p) for p in periods], [int(end) for end in ends[:-1]])
