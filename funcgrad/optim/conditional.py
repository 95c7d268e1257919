"""Apply a transformation only when a condition on the data holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..api.branches import cond
from ..numpy.promotion import array_operand
from .base import GradientTransformation, GradientTransformationExtraArgs, with_extra_args_support
from .moments import first_step, next_step


class ConditionallyTransformState(NamedTuple):
    """The state inside, and the number of updates (int32 scalar)."""

    inner_state: Any
    step: Any


class ConditionallyMaskState(NamedTuple):
    """The number of updates (int32 scalar), and the state inside."""

    step: Any
    inner_state: Any


class ApplyIfFiniteState(NamedTuple):
    """Updates in a row that were not finite, whether the last one was, how many were not in all; the state inside."""

    notfinite_count: Any
    last_finite: Any
    total_notfinite: Any
    inner_state: Any


def arrays(values: Any) -> Any:
    """The same pytree, with arrays in the place of Python numbers."""
    return tree.tree_map(array_operand, values)


def zeros(values: Any) -> Any:
    """A pytree of zeros of the same types."""
    return tree.tree_map(lambda v: fnp.zeros_like(array_operand(v)), values)


def all_finite(values: Any) -> Any:
    """Whether no element of any leaf is infinite or NaN."""
    finite = [fnp.all(fnp.isfinite(v)) for v in tree.tree_leaves(values)]
    return fnp.all(fnp.stack(finite)) if finite else np.True_


def _updated_if(
    condition: Any, inner: GradientTransformation, otherwise: Callable, args: tuple[Any, Any, Any], extra: dict
) -> tuple[Any, Any]:
    """What `inner` gives where the condition holds, else `otherwise(updates)` and the old state."""
    updates, state, params = args
    return cond(
        condition,
        lambda u, s: arrays(inner.update(u, s, params, **extra)),
        lambda u, s: (otherwise(u), s),
        arrays(updates),
        arrays(state),
    )


def conditionally_transform(
    inner: GradientTransformation, should_transform_fn: Callable[..., Any], forward_extra_args: bool = False
) -> GradientTransformationExtraArgs:
    """Apply a transformation at the steps where a function says so; at the others updates pass unchanged.

    Args:
        inner: the transformation.
        should_transform_fn: from the number of the step to a bool.
        forward_extra_args: whether that function gets the keyword arguments of `update`.

    Example:
        >>> from funcgrad import optim
        >>> link = conditionally_transform(optim.scale(10.0), lambda step: step % 2 == 0)
        >>> first, state = link.update(1.0, link.init(0.0))
        >>> float(first), float(link.update(1.0, state)[0])
        (10.0, 1.0)
    """
    inner = with_extra_args_support(inner)

    def init_fn(params: Any) -> ConditionallyTransformState:
        return ConditionallyTransformState(inner.init(params), first_step())

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        wanted = should_transform_fn(state.step, **(extra if forward_extra_args else {}))
        args = updates, state.inner_state, params
        updates, inner_state = _updated_if(wanted, inner, lambda u: u, args, extra)
        return updates, ConditionallyTransformState(inner_state, next_step(state.step))

    return GradientTransformationExtraArgs(init_fn, update_fn)


def conditionally_mask(
    inner: GradientTransformation, should_transform_fn: Callable[..., Any], forward_extra_args: bool = False
) -> GradientTransformationExtraArgs:
    """Apply a transformation at the steps where a function says so; at the others the updates are zero.

    Args:
        inner, should_transform_fn, forward_extra_args: see `conditionally_transform`.

    Example:
        >>> from funcgrad import optim
        >>> link = conditionally_mask(optim.scale(10.0), lambda step: step % 2 == 0)
        >>> first, state = link.update(1.0, link.init(0.0))
        >>> float(first), float(link.update(1.0, state)[0])
        (10.0, 0.0)
    """
    inner = with_extra_args_support(inner)

    def init_fn(params: Any) -> ConditionallyMaskState:
        return ConditionallyMaskState(first_step(), inner.init(params))

    def update_fn(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        wanted = should_transform_fn(state.step, **(extra if forward_extra_args else {}))
        args = updates, state.inner_state, params
        updates, inner_state = _updated_if(wanted, inner, zeros, args, extra)
        return updates, ConditionallyMaskState(next_step(state.step), inner_state)

    return GradientTransformationExtraArgs(init_fn, update_fn)


def apply_if_finite(inner: GradientTransformation, max_consecutive_errors: int) -> GradientTransformationExtraArgs:
    """Leave out updates with infinities or NaNs: parameters and state stay, unless it happens too often in a row.

    Args:
        inner: the transformation.
        max_consecutive_errors: after so many in a row the updates are applied all the same.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer = apply_if_finite(optim.sgd(0.1), 5)
        >>> updates, state = optimizer.update(np.array([np.nan, 1.0]), optimizer.init(np.zeros(2)))
        >>> updates, int(state.notfinite_count)
        (array([0., 0.]), 1)
    """
    inner = with_extra_args_support(inner)

    def init_fn(params: Any) -> ApplyIfFiniteState:
        return ApplyIfFiniteState(first_step(), np.ones((), np.bool_), first_step(), inner.init(params))

    def update_fn(updates: Any, state: ApplyIfFiniteState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        finite = all_finite(updates)
        in_a_row = fnp.where(finite, np.int32(0), next_step(state.notfinite_count))
        total = fnp.where(finite, state.total_notfinite, next_step(state.total_notfinite))
        wanted = fnp.logical_or(finite, in_a_row > max_consecutive_errors)
        updates, inner_state = _updated_if(wanted, inner, zeros, (updates, state.inner_state, params), extra)
        return updates, ApplyIfFiniteState(in_a_row, finite, total, inner_state)

    return GradientTransformationExtraArgs(init_fn, update_fn)
