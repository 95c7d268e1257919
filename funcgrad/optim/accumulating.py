"""Sum or average several gradients before one step is made: small batches that act as a large one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..numpy.promotion import array_operand, convert
from .base import GradientTransformation, GradientTransformationExtraArgs, with_extra_args_support
from .clipping import squared_norm
from .moments import first_step, full_like, like, next_step, number_like


class ApplyEvery(NamedTuple):
    """The number of updates modulo k (int32 scalar), and their sum, a pytree like the parameters."""

    count: Any
    grad_acc: Any


class MultiStepsState(NamedTuple):
    """Gradients since the last step, and steps (int32 scalars); the state inside; the mean; what the skipping says."""

    mini_step: Any
    gradient_step: Any
    inner_opt_state: Any
    acc_grads: Any
    skip_state: Any = ()


def apply_every(k: int = 1) -> GradientTransformation:
    """Add up updates and let the sum out at every k-th step; at the others the updates are zero.

    Example:
        >>> import numpy as np
        >>> link = apply_every(2)
        >>> first, state = link.update(np.float64(1), link.init(np.float64(0)))
        >>> first, link.update(np.float64(2), state)[0]
        (np.float64(0.0), np.float64(3.0))
    """

    def init_fn(params: Any) -> ApplyEvery:
        return ApplyEvery(first_step(), full_like(params, 0))

    def update_fn(updates: Any, state: ApplyEvery, params: Any = None, **extra: Any) -> tuple[Any, ApplyEvery]:
        del params, extra
        position = state.count % k
        total = tree.tree_map(lambda g, t: g + t * number_like(position != 0, t), updates, state.grad_acc)
        out = tree.tree_map(lambda t: t * number_like(position == k - 1, t), total)
        return out, ApplyEvery(next_step(state.count) % k, total)

    return GradientTransformation(init_fn, update_fn)


def skip_not_finite(updates: Any, gradient_step: Any, params: Any) -> tuple[Any, Any]:
    """For `MultiSteps`: skip gradients with infinities or NaNs.

    Returns:
        Whether to skip, and a dict of `should_skip` and `num_not_finite`.

    Example:
        >>> import numpy as np
        >>> skip_not_finite(np.array([1.0, np.inf]), 0, None)[1]["num_not_finite"]
        np.int64(1)
    """
    del gradient_step, params
    count = sum(fnp.sum(fnp.logical_not(fnp.isfinite(u))) for u in tree.tree_leaves(updates))
    return count > 0, {"should_skip": count > 0, "num_not_finite": count}


def skip_large_updates(updates: Any, gradient_step: Any, params: Any, max_squared_norm: Any) -> tuple[Any, Any]:
    """For `MultiSteps`: skip gradients whose squared norm is not below a bound; bind it with `functools.partial`.

    Returns:
        Whether to skip, and a dict of `should_skip` and `norm_squared`.

    Example:
        >>> import numpy as np
        >>> skip_large_updates(np.array([3.0, 4.0]), 0, None, 20.0)
        (np.True_, {'should_skip': np.True_, 'norm_squared': np.float64(25.0)})
    """
    del gradient_step, params
    norm = squared_norm(updates)
    skip = fnp.logical_not(norm < max_squared_norm)
    return skip, {"should_skip": skip, "norm_squared": norm}


def _never(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    return np.False_, ()


def _choose(condition: Any, yes: Any, no: Any) -> Any:
    """Leaf by leaf one of two pytrees, in the dtypes of the second."""
    return tree.tree_map(
        lambda a, b: fnp.where(condition, convert(array_operand(a), array_operand(b).dtype), b), yes, no
    )


class MultiSteps:
    """One step of an optimizer for every k gradients, of their mean; between the steps updates are zero.

    Args:
        opt: the optimizer.
        every_k_schedule: k, or a function from the number of steps made to k.
        use_grad_mean: the mean of the gradients; else their sum.
        should_skip_update_fn: from (updates, number of steps, params) to a bool, whether to drop these gradients, and
            a pytree kept in the state, such as `skip_not_finite`.
        accumulator_dtype: dtype of the mean; None for that of the parameters.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> optimizer = MultiSteps(optim.sgd(1.0), every_k_schedule=2)
        >>> first, state = optimizer.update(np.float64(1), optimizer.init(np.float64(0)))
        >>> first, optimizer.update(np.float64(3), state)[0]
        (array(0.), array(-2.))
    """

    def __init__(
        self,
        opt: GradientTransformation,
        every_k_schedule: int | Callable[[Any], Any],
        use_grad_mean: bool = True,
        should_skip_update_fn: Callable[..., tuple[Any, Any]] | None = None,
        accumulator_dtype: Any = None,
    ) -> None:
        self._opt = with_extra_args_support(opt)
        self._every = every_k_schedule if callable(every_k_schedule) else lambda step: every_k_schedule
        self._mean = use_grad_mean
        self._skip = should_skip_update_fn or _never
        self._dtype = accumulator_dtype

    @property
    def inner_opt(self) -> GradientTransformationExtraArgs:
        """The optimizer that makes the steps."""
        return self._opt

    def init(self, params: Any) -> MultiStepsState:
        """The state at the start."""
        zeros = full_like(params, 0)
        _, skipped = self._skip(zeros, first_step(), params)
        return MultiStepsState(
            first_step(), first_step(), self._opt.init(params), full_like(params, 0, self._dtype), skipped
        )

    def update(
        self, updates: Any, state: MultiStepsState, params: Any = None, **extra: Any
    ) -> tuple[Any, MultiStepsState]:
        """Take in one gradient; the updates are zero unless it is the last one before a step."""
        skip, skipped = self._skip(updates, state.gradient_step, params)
        seen = self._accumulated(updates, state)
        last = fnp.equal(state.mini_step, self._every(state.gradient_step) - 1)
        step = fnp.logical_and(last, fnp.logical_not(skip))
        new, inner = self._opt.update(like(seen, updates), state.inner_opt_state, params, **extra)
        mini = convert(next_step(state.mini_step) % self._every(state.gradient_step), np.dtype(np.int32))
        kept = tree.tree_map(lambda s: fnp.where(last, fnp.zeros_like(s), s), seen)
        return _choose(step, new, full_like(updates, 0)), MultiStepsState(
            fnp.where(skip, state.mini_step, mini),
            fnp.where(step, next_step(state.gradient_step), state.gradient_step),
            _choose(step, inner, state.inner_opt_state),
            _choose(skip, state.acc_grads, like(kept, state.acc_grads)),
            skipped,
        )

    def _accumulated(self, updates: Any, state: MultiStepsState) -> Any:
        """The mean or sum with one more gradient."""
        if not self._mean:
            return tree.tree_map(lambda g, a: g + a, updates, state.acc_grads)
        share = 1.0 / (state.mini_step + 1)
        return tree.tree_map(lambda g, a: a + (g - a) * number_like(share, a), updates, state.acc_grads)

    def has_updated(self, state: MultiStepsState) -> Any:
        """Whether the last update was a step."""
        return fnp.logical_and(fnp.equal(state.mini_step, 0), state.gradient_step > 0)

    def gradient_transformation(self) -> GradientTransformationExtraArgs:
        """`init` and `update` as a transformation, to be used in a chain."""
        return GradientTransformationExtraArgs(self.init, self.update)
