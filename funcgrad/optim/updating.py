"""New parameters from old ones and others: averages and periodic copies."""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand
from .moments import number_like


def incremental_update(new_tensors: Any, old_tensors: Any, step_size: Any) -> Any:
    """step_size * new + (1 - step_size) * old, leaf by leaf (Polyak averaging).

    Args:
        new_tensors, old_tensors: pytrees of one structure.
        step_size: a number between 0 and 1.

    Example:
        >>> incremental_update({"w": 1.0}, {"w": 0.0}, 0.25)
        {'w': 0.25}

    Reference: B. Polyak, A. Juditsky, Acceleration of stochastic approximation by averaging, SIAM J. Control 30 (1992).
    """
    return tree.tree_map(
        lambda new, old: new * number_like(step_size, new) + old * number_like(1.0 - step_size, old),
        new_tensors,
        old_tensors,
    )


def periodic_update(new_tensors: Any, old_tensors: Any, steps: Any, update_period: Any) -> Any:
    """The new pytree at multiples of `update_period`, else the old one.

    Args:
        new_tensors, old_tensors: pytrees of one structure.
        steps: the number of the step.
        update_period: how often to copy.

    Example:
        >>> periodic_update({"w": 1.0}, {"w": 0.0}, 7, 5), periodic_update({"w": 1.0}, {"w": 0.0}, 10, 5)
        ({'w': array(0.)}, {'w': array(1.)})
    """
    now = fnp.equal(fnp.mod(steps, update_period), 0)
    return tree.tree_map(lambda new, old: fnp.where(now, new, array_operand(old)), new_tensors, old_tensors)
