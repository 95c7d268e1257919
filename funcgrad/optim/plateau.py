"""Shrink steps when the loss no longer falls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .base import GradientTransformationExtraArgs
from .moments import first_step, highest_dtype, lowest_dtype, next_step, number, scaled


class ReduceLROnPlateauState(NamedTuple):
    """The factor, the least loss, evaluations without progress, pause left, values in the average, and the average."""

    scale: Any
    best_value: Any
    plateau_count: Any
    cooldown_count: Any
    count: Any
    avg_value: Any


def _check(factor: float, rtol: float, atol: float) -> None:
    if not 0.0 < factor < 1.0:
        raise ValueError(f"reduce_on_plateau: factor must be between 0 and 1, got {factor}.")
    if rtol < 0.0 or atol < 0.0 or (rtol == 0.0 and atol == 0.0) or rtol > 1.0:
        raise ValueError(
            f"reduce_on_plateau: rtol (at most 1) and atol must not be negative, one of them positive, "
            f"got rtol {rtol} and atol {atol}."
        )


def reduce_on_plateau(
    factor: float = 0.1,
    patience: int = 10,
    rtol: float = 1e-4,
    atol: float = 0.0,
    cooldown: int = 0,
    accumulation_size: int = 1,
    min_scale: float = 0.0,
) -> GradientTransformationExtraArgs:
    """Updates times a number that starts at 1 and is multiplied by `factor` when the loss has not fallen for a while.

    The update needs the keyword argument `value`, the loss.

    Args:
        factor: by how much to shrink.
        patience: after how many evaluations without progress.
        rtol, atol: progress is a loss below (1 - rtol) * best - atol.
        cooldown: evaluations after a reduction that do not count.
        accumulation_size: how many losses are averaged for one evaluation.
        min_scale: smallest number.

    Raises:
        ValueError: for a factor or tolerances out of range.

    Example:
        >>> import numpy as np
        >>> link = reduce_on_plateau(factor=0.5, patience=1)
        >>> state = link.init(np.zeros(1))
        >>> for loss in (1.0, 1.0):
        ...     updates, state = link.update(np.ones(1), state, value=loss)
        >>> updates
        array([0.5])
    """
    _check(factor, rtol, atol)

    def init_fn(params: Any) -> ReduceLROnPlateauState:
        low, high = lowest_dtype(params), highest_dtype(params)
        zero, best = first_step(), np.full((), np.inf, high)
        return ReduceLROnPlateauState(np.ones((), low), best, zero, zero, zero, np.zeros((), high))

    def evaluated(state: ReduceLROnPlateauState, value: Any) -> ReduceLROnPlateauState:
        better = value < number(1 - rtol, value.dtype) * state.best_value - number(atol, value.dtype)
        waited = fnp.where(better, np.int32(0), next_step(state.plateau_count))
        paused = state.cooldown_count > 0
        reduce = fnp.logical_and(fnp.equal(waited, patience), fnp.logical_not(paused))
        smaller = fnp.maximum(state.scale * number(factor, state.scale.dtype), number(min_scale, state.scale.dtype))
        after = fnp.where(reduce, np.int32(cooldown), np.int32(0))
        return ReduceLROnPlateauState(
            fnp.where(reduce, smaller, state.scale),
            fnp.where(better, value, state.best_value),
            fnp.where(fnp.logical_or(reduce, paused), np.int32(0), waited),
            fnp.where(paused, state.cooldown_count - np.int32(1), after),
            np.int32(0),
            fnp.zeros_like(value),
        )

    def update_fn(
        updates: Any, state: ReduceLROnPlateauState, params: Any = None, *, value: Any, **extra: Any
    ) -> tuple[Any, ReduceLROnPlateauState]:
        del params, extra
        count, dtype = next_step(state.count), state.avg_value.dtype
        mean = (number(state.count, dtype) * state.avg_value + number(value, dtype)) / number(count, dtype)
        full = fnp.equal(count, accumulation_size)
        waiting = state._replace(count=count, avg_value=mean)
        pairs = zip(evaluated(state, mean), waiting)
        state = ReduceLROnPlateauState(*[fnp.where(full, new, old) for new, old in pairs])
        return scaled(state.scale, updates), state

    return GradientTransformationExtraArgs(init_fn, update_fn)
