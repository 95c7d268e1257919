"""RMSProp: steps scaled by the root of the gradient's running mean square, or of its running variance."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, chain, identity
from .moments import (
    first_step,
    full_like,
    moving_average,
    moving_square,
    next_step,
    number_like,
    squared,
    unbiased,
)
from .momentum import trace
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class ScaleByRmsState(NamedTuple):
    """The mean square, a pytree like the parameters."""

    nu: Any


class ScaleByRmsWithCountState(NamedTuple):
    """Number of updates (int32 scalar) and mean square, a pytree like the parameters."""

    count: Any
    nu: Any


class ScaleByRStdDevState(NamedTuple):
    """Mean and mean square, pytrees like the parameters."""

    mu: Any
    nu: Any


class ScaleByRStdDevWithCountState(NamedTuple):
    """Number of updates (int32 scalar), mean and mean square."""

    count: Any
    mu: Any
    nu: Any


def _inverse_root(square: Any, eps: Any, eps_in_sqrt: bool) -> Any:
    eps = number_like(eps, square)
    return 1 / fnp.sqrt(square + eps) if eps_in_sqrt else 1 / (fnp.sqrt(square) + eps)


def scale_by_rms(
    decay: Any = 0.9,
    eps: Any = 1e-8,
    initial_scale: Any = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> GradientTransformation:
    """Updates divided by their root mean square: nu = decay nu + (1 - decay) g^2, u = g / sqrt(nu + eps).

    Args:
        decay: decay of the mean square.
        eps: added under the root, or to the root when `eps_in_sqrt` is False.
        initial_scale: first value of nu.
        bias_correction: divide nu by 1 - decay^t.

    Example:
        >>> import numpy as np
        >>> link = scale_by_rms(decay=0.75)
        >>> np.round(link.update(np.array([4.0]), link.init(np.zeros(1)))[0], 6)
        array([2.])

    Reference: T. Tieleman, G. Hinton, Lecture 6.5: RMSProp, Coursera, 2012.
    """

    def init_fn(params: Any) -> Any:
        nu = full_like(params, initial_scale)
        return ScaleByRmsWithCountState(first_step(), nu) if bias_correction else ScaleByRmsState(nu)

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        nu = moving_square(updates, state.nu, decay)
        square, state = nu, state._replace(nu=nu)
        if bias_correction:
            count = next_step(state.count)
            square, state = unbiased(nu, decay, count), state._replace(count=count)
        return tree.tree_map(lambda g, n: g * _inverse_root(n, eps, eps_in_sqrt), updates, square), state

    return GradientTransformation(init_fn, update_fn)


def scale_by_stddev(
    decay: Any = 0.9,
    eps: Any = 1e-8,
    initial_scale: Any = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> GradientTransformation:
    """Updates divided by their standard deviation: as `scale_by_rms`, with nu - mu^2 in place of nu.

    Args:
        decay: decay of the mean mu and of the mean square nu.
        eps, initial_scale, eps_in_sqrt, bias_correction: see `scale_by_rms`.

    Example:
        >>> import numpy as np
        >>> link = scale_by_stddev(decay=0.5)
        >>> np.round(link.update(np.array([4.0]), link.init(np.zeros(1)))[0], 6)
        array([2.])

    Reference: A. Graves, Generating sequences with recurrent neural networks, 2013, equations 38 to 45.
    """

    def init_fn(params: Any) -> Any:
        mu, nu = full_like(params, 0), full_like(params, initial_scale)
        return ScaleByRStdDevWithCountState(first_step(), mu, nu) if bias_correction else ScaleByRStdDevState(mu, nu)

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del params, extra
        mu, nu = moving_average(updates, state.mu, decay), moving_square(updates, state.nu, decay)
        mean, square, state = mu, nu, state._replace(mu=mu, nu=nu)
        if bias_correction:
            count = next_step(state.count)
            mean, square = (unbiased(m, decay, count) for m in (mu, nu))
            state = state._replace(count=count)
        new = tree.tree_map(lambda g, m, n: g * _inverse_root(n - squared(m), eps, eps_in_sqrt), updates, mean, square)
        return new, state

    return GradientTransformation(init_fn, update_fn)


def rmsprop(
    learning_rate: ScalarOrSchedule,
    decay: Any = 0.9,
    eps: Any = 1e-8,
    initial_scale: Any = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Any = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> GradientTransformation:
    """RMSProp: -learning_rate times the gradient over its root mean square.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        decay, eps, initial_scale, eps_in_sqrt, bias_correction: see `scale_by_rms`.
        centered: divide by the standard deviation instead (`scale_by_stddev`).
        momentum, nesterov: see `trace`; it sums the scaled steps.

    Example:
        >>> import numpy as np
        >>> optimizer = rmsprop(0.1, decay=0.75)
        >>> np.round(optimizer.update(np.array([4.0]), optimizer.init(np.zeros(1)))[0], 6)
        array([-0.2])

    Reference: T. Tieleman, G. Hinton, Lecture 6.5: RMSProp, Coursera, 2012.
    """
    link = scale_by_stddev if centered else scale_by_rms
    return chain(
        link(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )
