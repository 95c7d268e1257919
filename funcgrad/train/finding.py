"""Look for a learning rate: raise it step by step, and see where the loss falls and where it explodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from .. import optim
from ..api.compilation import jit as compiled
from ..api.differentiation import value_and_grad

SMOOTHING, DIVERGED = 0.9, 4.0


class RateTrial(NamedTuple):
    """rates: those tried. losses: before each update. smooth: their running mean. suggestion: a rate to begin with."""

    rates: np.ndarray
    losses: np.ndarray
    smooth: np.ndarray
    suggestion: float


def learning_rate_finder(
    loss: Callable[[Any, Any], Any],
    params: Any,
    batches: Iterable[Any],
    *,
    optimizer: Callable[[Any], optim.GradientTransformation] = optim.sgd,
    start: float = 1e-6,
    stop: float = 10.0,
    steps: int = 100,
    jit: bool = True,
) -> RateTrial:
    """Train for a few steps with a rate that grows from `start` to `stop` by a constant factor.

    The trial ends early when the smoothed loss exceeds four times its minimum, or is not finite.

    Args:
        loss: `loss(params, batch)`.
        params: where to begin; they are not changed.
        batches: an iterable of batches, begun again when it ends before the steps do.
        optimizer: rate -> optimizer.
        start, stop: the first and the last rate.
        steps: how many.
        jit: whether to compile the step.

    Returns:
        A `RateTrial`; `suggestion` is the rate at which the smoothed loss falls fastest over the logarithm of the rate.

    Raises:
        ValueError: when start, stop and steps do not fit, there are no batches, or the first loss is not finite.

    Example:
        >>> import numpy as np
        >>> from funcgrad import train
        >>> trial = train.learning_rate_finder(lambda w, x: np.mean((w - x) ** 2), np.float64(9.0), [np.zeros(3)])
        >>> 1e-3 < trial.suggestion < 1.0
        True

    Reference: L. Smith, Cyclical learning rates for training neural networks, WACV 2017.
    """
    if not (0 < start < stop and steps >= 3):
        raise ValueError(f"learning_rate_finder: needs 0 < start < stop and 3 steps, got {start}, {stop}, {steps}.")

    def step(params: Any, state: Any, rate: Any, batch: Any) -> tuple[Any, Any, Any]:
        value, gradient = value_and_grad(loss)(params, batch)
        updates, state = optimizer(rate).update(gradient, state, params)
        return optim.apply_updates(params, updates), state, value

    step = compiled(step) if jit else step
    state, rates, losses, smooth = optimizer(start).init(params), np.geomspace(start, stop, steps), [], []
    for rate, batch in zip(rates, _again_and_again(batches)):
        params, state, value = step(params, state, rate, batch)
        losses.append(float(value))
        weight = 1 - SMOOTHING ** len(losses)  # of a mean that begins at 0
        last = smooth[-1] * (1 - SMOOTHING ** (len(losses) - 1)) if smooth else 0.0
        smooth.append((SMOOTHING * last + (1 - SMOOTHING) * losses[-1]) / weight)
        if not math.isfinite(smooth[-1]) or smooth[-1] > DIVERGED * min(smooth) > 0:
            break
    return _trial(rates, losses, smooth)


def _again_and_again(batches: Iterable[Any]) -> Iterable[Any]:
    found = True
    while found:
        found = False
        for batch in batches:
            found = True
            yield batch


def _trial(rates: np.ndarray, losses: list[float], smooth: list[float]) -> RateTrial:
    finite = int(np.sum(np.isfinite(smooth)))
    if finite < 3:
        raise ValueError(
            f"learning_rate_finder: only {finite} of the losses are finite.\n"
            "Fix: begin with a smaller rate or other parameters, and pass at least one batch (a list, not an iterator)."
        )
    slope = np.gradient(np.array(smooth[:finite]), np.log(rates[:finite]))
    return RateTrial(rates[: len(losses)], np.array(losses), np.array(smooth), float(rates[int(np.argmin(slope))]))
