"""Pull parameters towards zero by adding a multiple of them to the updates."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from .base import EmptyState, GradientTransformation
from .moments import first_step, next_step, number_like
from .scaling import ScalarOrSchedule


class WeightDecaySchedule(NamedTuple):
    """The number of updates so far (int32 scalar), when the weight decay is a schedule."""

    count: Any


def add_decayed_weights(weight_decay: ScalarOrSchedule = 0.0, mask: Any = None) -> GradientTransformation:
    """updates + weight_decay * params, for the parameters that `mask` selects.

    Args:
        weight_decay: a number, a scalar array, or a schedule.
        mask: which leaves decay: a pytree of bools that is a prefix of the parameters, or a function from parameters to
            one; None for all.

    Raises:
        ValueError: in `update`, when it gets no parameters.

    Example:
        >>> decay = add_decayed_weights(0.1, mask={"w": True, "b": False})
        >>> params = {"w": 10.0, "b": 10.0}
        >>> decay.update({"w": 0.0, "b": 0.0}, decay.init(params), params)[0]
        {'b': 0.0, 'w': 1.0}

    Reference: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019.
    """

    def init_fn(params: Any) -> Any:
        del params
        return WeightDecaySchedule(first_step()) if callable(weight_decay) else EmptyState()

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra
        if params is None:
            raise ValueError(
                "add_decayed_weights: the update needs the parameters.\n"
                "Fix: call optimizer.update(grads, state, params)."
            )
        amount = weight_decay(state.count) if callable(weight_decay) else weight_decay
        chosen = _chosen(mask, params)
        leaves = [
            g + p * number_like(amount, p) if on else g
            for g, p, on in zip(tree.tree_leaves(updates), tree.tree_leaves(params), chosen, strict=True)
        ]
        new_state = WeightDecaySchedule(next_step(state.count)) if callable(weight_decay) else state
        return tree.tree_unflatten(tree.tree_structure(updates), leaves), new_state

    return GradientTransformation(init_fn, update_fn)


def _chosen(mask: Any, params: Any) -> list[bool]:
    """For every leaf, whether the mask selects it."""
    if mask is None:
        return [True] * len(tree.tree_leaves(params))
    return tree.broadcast_prefix(mask(params) if callable(mask) else mask, params)
