"""Stochastic gradient descent, with the momentum of Polyak and of Nesterov."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from .base import GradientTransformation, chain, identity
from .moments import full_like, number_like
from .scaling import ScalarOrSchedule, scale_by_learning_rate


class TraceState(NamedTuple):
    """The decaying sum of past updates, a pytree like the parameters."""

    trace: Any


def trace(decay: Any, nesterov: bool = False, accumulator_dtype: Any = None) -> GradientTransformation:
    """Replace updates by their decaying sum: t = g + decay * t.

    Args:
        decay: how much of the sum is kept at every step.
        nesterov: return g + decay * t, which looks one step ahead.
        accumulator_dtype: dtype of the sum; None for that of the parameters.

    Example:
        >>> import numpy as np
        >>> momentum = trace(0.5)
        >>> state = momentum.init(np.float64(0))
        >>> _, state = momentum.update(np.float64(4), state)
        >>> momentum.update(np.float64(1), state)[0]
        np.float64(3.0)

    Reference: I. Sutskever, J. Martens, G. Dahl, G. Hinton, On the importance of initialization and momentum in deep
    learning, ICML 2013.
    """

    def init_fn(params: Any) -> TraceState:
        return TraceState(full_like(params, 0, accumulator_dtype))

    def update_fn(updates: Any, state: TraceState, params: Any = None, **extra: Any) -> tuple[Any, TraceState]:
        del params, extra
        total = tree.tree_map(lambda g, t: g + t * number_like(decay, t), updates, state.trace)
        ahead = tree.tree_map(lambda g, t: g + t * number_like(decay, t), updates, total) if nesterov else total
        if accumulator_dtype is None:
            return ahead, TraceState(total)
        ahead = tree.tree_map(number_like, ahead, updates)
        return ahead, TraceState(tree.tree_map(number_like, total, state.trace))

    return GradientTransformation(init_fn, update_fn)


def sgd(
    learning_rate: ScalarOrSchedule, momentum: Any = None, nesterov: bool = False, accumulator_dtype: Any = None
) -> GradientTransformation:
    """Stochastic gradient descent: p - learning_rate * g, or with momentum p - learning_rate * t, t = g + momentum * t.

    Args:
        learning_rate: a number, a scalar array, or a schedule.
        momentum: decay of the sum of gradients; None for plain gradient descent.
        nesterov: whether the step looks ahead along the sum.
        accumulator_dtype: dtype of the sum; None for that of the parameters.

    Example:
        >>> import funcgrad as fg
        >>> optimizer = sgd(0.1)
        >>> params, state = 3.0, optimizer.init(3.0)
        >>> for _ in range(50):
        ...     updates, state = optimizer.update(fg.grad(lambda p: (p - 1.0) ** 2)(params), state)
        ...     params = params + updates
        >>> round(float(params), 3)
        1.0

    Reference: H. Robbins, S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22 (1951).
    """
    memory = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(memory, scale_by_learning_rate(learning_rate))
