"""L-BFGS: steps by an approximate inverse Hessian, from the last changes of parameters and gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..api.custom import stop_gradient
from ..api.loops import scan
from .base import GradientTransformation, GradientTransformationExtraArgs, chain, identity, required
from .clipping import global_norm
from .conditional import arrays
from .moments import (
    first_step,
    full_like,
    highest_dtype,
    next_step,
    number_like,
    refuse_complex,
)
from .scaling import ScalarOrSchedule, scale, scale_by_learning_rate
from .tree_utils import tree_add_scale, tree_norm, tree_scale, tree_sub, tree_vdot
from .zoom import scale_by_zoom_linesearch


class ScaleByLBFGSState(NamedTuple):
    """Number of updates (int32 scalar), last parameters and gradients, rings of their changes and of 1 / (dp . dg)."""

    count: Any
    params: Any
    updates: Any
    diff_params_memory: Any
    diff_updates_memory: Any
    weights_memory: Any


def scale_by_lbfgs(memory_size: int = 10, scale_init_precond: bool = True) -> GradientTransformation:
    """Updates times an approximation of the inverse Hessian, by the two-loop recursion over the last changes.

    Args:
        memory_size: how many changes are kept.
        scale_init_precond: start the recursion from (dp . dg) / |dg|^2, and the first step from a gradient no longer
            than 1; else from 1.

    Raises:
        ValueError: when `memory_size` is not positive; in `update`, when it gets no parameters.

    Example:
        >>> import numpy as np
        >>> link = scale_by_lbfgs()
        >>> state = link.init(np.zeros(1))
        >>> _, state = link.update(np.array([4.0]), state, np.array([1.0]))
        >>> link.update(np.array([2.0]), state, np.array([0.5]))[0]
        array([0.5])

    Reference: J. Nocedal, Updating quasi-Newton matrices with limited storage, Mathematics of Computation 35 (1980);
    J. Nocedal, S. Wright, Numerical optimization, Springer 2006, algorithm 7.4.
    """
    if memory_size < 1:
        raise ValueError(f"scale_by_lbfgs: memory_size must be at least 1, got {memory_size}.")

    def init_fn(params: Any) -> ScaleByLBFGSState:
        refuse_complex(params, "scale_by_lbfgs")

        def ring() -> Any:
            return tree.tree_map(lambda z: fnp.zeros((memory_size, *z.shape), z.dtype), full_like(params, 0))

        weights = fnp.zeros((memory_size,), highest_dtype(params))
        return ScaleByLBFGSState(first_step(), full_like(params, 0), full_like(params, 0), ring(), ring(), weights)

    def update_fn(updates: Any, state: ScaleByLBFGSState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        del extra
        updates, params = arrays(updates), arrays(required(params, "scale_by_lbfgs"))
        started = state.count > 0
        change, slope = (
            tree.tree_map(lambda d: fnp.where(started, d, fnp.zeros_like(d)), tree_sub(new, old))
            for new, old in ((params, state.params), (updates, state.updates))
        )
        curvature = tree_vdot(slope, change)
        weight = _quotient(1.0, curvature, 0.0)
        place = (state.count - 1) % memory_size
        rings = tree.tree_map(
            lambda old, new: fnp.at(old)[place].set(number_like(new, old)),
            (state.diff_params_memory, state.diff_updates_memory, state.weights_memory),
            (change, slope, weight),
        )
        first = _first_scale(updates, slope, curvature, started) if scale_init_precond else 1.0
        order = (state.count + np.arange(memory_size)) % memory_size
        new = _two_loops(updates, *rings, first, order)
        return new, ScaleByLBFGSState(next_step(state.count), params, updates, *rings)

    return GradientTransformation(init_fn, update_fn)


def _quotient(top: Any, bottom: Any, otherwise: float) -> Any:
    """top / bottom, and another number where the bottom is 0."""
    zero = fnp.equal(bottom, 0)
    safe = fnp.where(zero, fnp.ones_like(bottom), bottom)
    return fnp.where(zero, number_like(otherwise, safe), top / safe)


def _first_scale(updates: Any, slope: Any, curvature: Any, started: Any) -> Any:
    """What stands for the inverse Hessian before any change is known."""
    norm = stop_gradient(global_norm(updates))
    short = fnp.minimum(number_like(1.0, norm), _quotient(1.0, norm, np.inf))
    return fnp.where(started, _quotient(curvature, tree_norm(slope, squared=True), 1.0), short)


def _two_loops(vector: Any, changes: Any, slopes: Any, weights: Any, first: Any, order: Any) -> Any:
    """The approximate inverse Hessian times a vector; `order` lists the ring from the oldest change to the newest."""

    def backward(v: Any, item: Any) -> tuple[Any, Any]:
        change, slope, weight = item
        alpha = weight * tree_vdot(change, v)
        return tree_add_scale(v, -alpha, slope), alpha

    def forward(v: Any, item: Any) -> tuple[Any, None]:
        (change, slope, weight), alpha = item
        return tree_add_scale(v, alpha - weight * tree_vdot(slope, v), change), None

    history = tree.tree_map(lambda ring: fnp.take(ring, order, axis=0), (changes, slopes, weights))
    vector, alphas = scan(backward, vector, history, reverse=True)
    return scan(forward, tree_scale(first, vector), (history, alphas))[0]


_ZOOM = "zoom"


def lbfgs(
    learning_rate: ScalarOrSchedule | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: GradientTransformation | str | None = _ZOOM,
) -> GradientTransformationExtraArgs:
    """L-BFGS with a line search, for functions without noise.

    The update needs the parameters and, for the line search, the keyword arguments `value`, `grad` and `value_fn`; see
    `value_and_grad_from_state`, which saves evaluations.

    Args:
        learning_rate: a factor before the line search; None for 1.
        memory_size, scale_init_precond: see `scale_by_lbfgs`.
        linesearch: the last link; "zoom" for a zoom search of 20 steps from the guess 1, None for none.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> f = lambda x: np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)
        >>> optimizer, x = lbfgs(), np.array([-1.0, 1.5])
        >>> state, value_and_grad = optimizer.init(x), optim.value_and_grad_from_state(f)
        >>> for _ in range(40):
        ...     value, grad = value_and_grad(x, state=state)
        ...     updates, state = optimizer.update(grad, state, x, value=value, grad=grad, value_fn=f)
        ...     x = optim.apply_updates(x, updates)
        >>> np.round(x, 6)
        array([1., 1.])

    Reference: D. Liu, J. Nocedal, On the limited memory BFGS method for large scale optimization, Mathematical
    Programming 45 (1989).
    """
    if linesearch == _ZOOM:
        linesearch = scale_by_zoom_linesearch(max_linesearch_steps=20, initial_guess_strategy="one")
    return chain(
        scale_by_lbfgs(memory_size, scale_init_precond),
        scale(-1.0) if learning_rate is None else scale_by_learning_rate(learning_rate),
        identity() if linesearch is None else linesearch,
    )
