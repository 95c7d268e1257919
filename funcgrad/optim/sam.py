"""Sharpness-aware minimization: gradients taken at the worst point near the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..api.collectives import pmean
from .base import (
    EmptyState,
    GradientTransformation,
    GradientTransformationExtraArgs,
    apply_updates,
    required,
    with_extra_args_support,
)
from .conditional import arrays
from .moments import first_step, like

NormalizeState = EmptyState


class SAMState(NamedTuple):
    """Steps since the last real one (int32 scalar), states of both optimizers, parameters before the ascent or None."""

    steps_since_sync: Any
    opt_state: Any
    adv_state: Any
    cache: Any


def _pick(condition: Any, yes: Any, no: Any) -> Any:
    return tree.tree_map(lambda a, b: fnp.where(condition, a, b), yes, no)


def sam(
    optimizer: GradientTransformation,
    adv_optimizer: GradientTransformation,
    sync_period: int = 2,
    reset_state: bool = True,
    opaque_mode: bool = False,
    batch_axis_name: str | None = None,
) -> GradientTransformationExtraArgs:
    """Climb for sync_period - 1 steps by `adv_optimizer`, then step back and descend by the gradient found there.

    Args:
        optimizer: the optimizer of the parameters.
        adv_optimizer: the optimizer of the ascent, such as chain(normalize(), sgd(radius)).
        sync_period: number of gradients for one step.
        reset_state: whether the ascent starts anew at every step.
        opaque_mode: take the whole step in one update, which calls the keyword argument `grad_fn(params, i)` for the
            gradients of the ascent. Else every update is one part of it, and the parameters move to the adversarial
            point and back.
        batch_axis_name: a named axis of `vmap` over which the gradients of the ascent are averaged; None for none.

    Raises:
        ValueError: when `sync_period` is not positive; in `update`, without parameters, or without `grad_fn` when it is
            needed.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad import optim
        >>> gradient = fg.grad(lambda x: np.sum(x**2))
        >>> ascent = optim.chain(optim.normalize(), optim.sgd(0.1))
        >>> optimizer, x = sam(optim.sgd(0.1), ascent, opaque_mode=True), np.array([1.0])
        >>> np.round(optimizer.update(gradient(x), optimizer.init(x), x, grad_fn=lambda p, i: gradient(p))[0], 6)
        array([-0.22])

    Reference: P. Foret et al., Sharpness-aware minimization for efficiently improving generalization, ICLR 2021.
    """
    if sync_period < 1:
        raise ValueError(f"sam: sync_period must be at least 1, got {sync_period}.")
    optimizer, adv_optimizer = with_extra_args_support(optimizer), with_extra_args_support(adv_optimizer)

    def init_fn(params: Any) -> SAMState:
        cache = None if opaque_mode else arrays(params)
        return SAMState(first_step(), optimizer.init(params), adv_optimizer.init(params), cache)

    def part(updates: Any, state: SAMState, params: Any = None, **extra: Any) -> tuple[Any, SAMState]:
        params = required(params, "sam")
        first = fnp.equal(state.steps_since_sync, 0)
        last = fnp.equal(state.steps_since_sync, sync_period - 1)
        climb, adv_state = adv_optimizer.update(updates, state.adv_state, params, **extra)
        descend, opt_state = optimizer.update(updates, state.opt_state, state.cache, **extra)
        back = tree.tree_map(lambda c, p, u: c - p + u, state.cache, params, descend)
        new = _pick(last, back, tree.tree_map(lambda u: -u, climb))
        rest = adv_optimizer.init(params) if reset_state else state.adv_state
        return new, SAMState(
            (state.steps_since_sync + np.int32(1)) % np.int32(sync_period),
            _pick(last, opt_state, state.opt_state),
            _pick(last, rest, adv_state),
            _pick(first, params, state.cache),
        )

    def whole(
        updates: Any,
        state: SAMState,
        params: Any = None,
        *,
        grad_fn: Callable[[Any, int], Any] | None = None,
        **extra: Any,
    ) -> tuple[Any, SAMState]:
        params = required(params, "sam")
        if grad_fn is None:
            raise ValueError(
                "sam: with opaque_mode the update needs a function of gradients.\n"
                "Fix: call optimizer.update(grads, state, params, grad_fn=lambda params, i: ...)."
            )
        point, adv_state = params, state.adv_state
        for i in range(sync_period - 1):
            climb, adv_state = adv_optimizer.update(updates, adv_state, point, **extra)
            point = apply_updates(point, tree.tree_map(lambda u: -u, climb))
            updates = like(grad_fn(point, i), updates)
            updates = updates if batch_axis_name is None else pmean(updates, batch_axis_name)
        adv_state = adv_optimizer.init(params) if reset_state else adv_state
        new, opt_state = optimizer.update(updates, state.opt_state, params, **extra)
        return new, SAMState(first_step(), opt_state, adv_state, None)

    return GradientTransformationExtraArgs(init_fn, whole if opaque_mode else part)
