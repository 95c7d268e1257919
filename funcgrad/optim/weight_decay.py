"""Pull parameters towards zero by adding a multiple of them to the updates."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from .base import EmptyState, GradientTransformation, required
from .masking import MaskOrFn, masked
from .moments import first_step, next_step, number_like
from .scaling import ScalarOrSchedule


class WeightDecaySchedule(NamedTuple):
    """The number of updates so far (int32 scalar), when the weight decay is a schedule."""

    count: Any


def add_decayed_weights(weight_decay: ScalarOrSchedule = 0.0, mask: MaskOrFn = None) -> GradientTransformation:
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
        params = required(params, "add_decayed_weights")
        amount = weight_decay(state.count) if callable(weight_decay) else weight_decay
        new_state = WeightDecaySchedule(next_step(state.count)) if callable(weight_decay) else state
        if isinstance(amount, (int, float)) and amount == 0:
            return updates, new_state
        return tree.tree_map(lambda g, p: g + p * number_like(amount, p), updates, params), new_state

    decay = GradientTransformation(init_fn, update_fn)
    return decay if mask is None else masked(decay, mask)
