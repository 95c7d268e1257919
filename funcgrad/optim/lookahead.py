"""Lookahead: slow weights that follow fast ones every few steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from .base import GradientTransformation, GradientTransformationExtraArgs, required, with_extra_args_support
from .moments import first_step, number_like


class LookaheadState(NamedTuple):
    """The state of the fast optimizer, and the steps since the weights were equal (int32 scalar)."""

    fast_state: Any
    steps_since_sync: Any


class LookaheadParams(NamedTuple):
    """Fast weights, at which gradients are taken, and slow ones, with which to evaluate."""

    fast: Any
    slow: Any

    @classmethod
    def init_synced(cls, params: Any) -> LookaheadParams:
        """Both weights from one pytree.

        Example:
            >>> LookaheadParams.init_synced(1.0)
            LookaheadParams(fast=1.0, slow=1.0)
        """
        return cls(fast=params, slow=params)


def lookahead(
    fast_optimizer: GradientTransformation, sync_period: int, slow_step_size: Any, reset_state: bool = False
) -> GradientTransformationExtraArgs:
    """Every `sync_period` steps of `fast_optimizer`, slow += slow_step_size * (fast - slow), and fast = slow.

    Args:
        fast_optimizer: the optimizer of the fast weights.
        sync_period: number of fast steps for one slow one.
        slow_step_size: length of the slow step, between 0 and 1.
        reset_state: whether the fast optimizer starts anew after a slow step.

    Returns:
        A transformation of gradients at `params.fast` to updates of `LookaheadParams`.

    Raises:
        ValueError: when `sync_period` is not positive; in `update`, when it gets no `LookaheadParams`.

    Example:
        >>> from funcgrad import optim
        >>> optimizer = lookahead(optim.sgd(1.0), sync_period=1, slow_step_size=0.5)
        >>> params = LookaheadParams.init_synced(3.0)
        >>> updates, state = optimizer.update(2.0, optimizer.init(params), params)
        >>> float(updates.fast), float(updates.slow)
        (-1.0, -1.0)

    Reference: M. Zhang, J. Lucas, G. Hinton, J. Ba, Lookahead optimizer: k steps forward, 1 step back, NeurIPS 2019.
    """
    if sync_period < 1:
        raise ValueError(f"lookahead: sync_period must be at least 1, got {sync_period}.")
    fast_optimizer = with_extra_args_support(fast_optimizer)

    def init_fn(params: Any) -> LookaheadState:
        return LookaheadState(fast_optimizer.init(getattr(params, "fast", params)), first_step())

    def update_fn(updates: Any, state: LookaheadState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        if not hasattr(required(params, "lookahead"), "fast"):
            raise ValueError(
                f"lookahead: the parameters must be LookaheadParams, got {type(params).__name__}.\n"
                "Fix: begin with LookaheadParams.init_synced(params), and take gradients at params.fast."
            )
        updates, fast_state = fast_optimizer.update(updates, state.fast_state, params.fast, **extra)
        now = fnp.equal(state.steps_since_sync, sync_period - 1)
        gap = tree.tree_map(lambda f, u, s: f + u - s, params.fast, updates, params.slow)
        part = tree.tree_map(lambda d: d * number_like(slow_step_size, d), gap)
        slow = tree.tree_map(lambda d: fnp.where(now, d, fnp.zeros_like(d)), part)
        fast = tree.tree_map(lambda u, d, p: u - fnp.where(now, d - p, fnp.zeros_like(d)), updates, gap, part)
        if reset_state:
            start = fast_optimizer.init(params.fast)
            fast_state = tree.tree_map(lambda a, b: fnp.where(now, a, b), start, fast_state)
        count = (state.steps_since_sync + np.int32(1)) % np.int32(sync_period)
        return LookaheadParams(fast=fast, slow=slow), LookaheadState(fast_state, count)

    return GradientTransformationExtraArgs(init_fn, update_fn)
