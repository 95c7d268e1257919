"""Backtracking: shorten the step until the function falls enough (Armijo's condition)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from ..api.differentiation import value_and_grad
from ..api.loops import while_loop
from .base import GradientTransformationExtraArgs, required
from .conditional import arrays
from .linesearch import along, bound_to, needed, report, unknown_value
from .moments import (
    highest_dtype,
    number,
    refuse_complex,
    scaled,
)
from .tree_utils import tree_vdot


class BacktrackingLinesearchInfo(NamedTuple):
    """How many steps the search took, and by how much the condition is missed."""

    num_linesearch_steps: Any
    decrease_error: Any


class ScaleByBacktrackingLinesearchState(NamedTuple):
    """The last step size, the value and the gradient it led to (None unless stored), and what the search says."""

    learning_rate: Any
    value: Any
    grad: Any
    info: Any


class _Search(NamedTuple):
    rate: Any
    value: Any
    error: Any
    count: Any


def scale_by_backtracking_linesearch(
    max_backtracking_steps: int,
    slope_rtol: Any = 1e-4,
    decrease_factor: Any = 0.8,
    increase_factor: Any = 1.5,
    max_learning_rate: Any = 1.0,
    atol: Any = 0.0,
    rtol: Any = 0.0,
    store_grad: bool = False,
    verbose: bool = False,
) -> GradientTransformationExtraArgs:
    """Updates u times the first size s of a falling sequence with f(p + s u) <= (1 + rtol) f(p) + slope_rtol s u.g.

    The sequence starts from the last step size times `increase_factor`. The update needs the parameters and the keyword
    arguments `value`, `grad` and `value_fn`; further ones are given to `value_fn`.

    Args:
        max_backtracking_steps: after so many steps the search gives up and takes the last size.
        slope_rtol: which part of the decrease that the slope promises is enough.
        decrease_factor, increase_factor: factors of the size in the search, and from one search to the next.
        max_learning_rate: largest size.
        atol, rtol: how much the condition may be missed; for functions with noise.
        store_grad: keep the gradient for `value_and_grad_from_state`.
        verbose: print the outcome of every search.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> f = lambda x: np.sum(x**2)
        >>> optimizer = optim.chain(optim.sgd(1.0), scale_by_backtracking_linesearch(20, decrease_factor=0.5))
        >>> x, g = np.array([3.0]), np.array([6.0])
        >>> optimizer.update(g, optimizer.init(x), x, value=9.0, grad=g, value_fn=f)[0]
        array([-3.])

    Reference: L. Armijo, Minimization of functions having Lipschitz continuous first partial derivatives, Pacific
    Journal of Mathematics 16 (1966); S. Vaswani et al., Painless stochastic gradient, NeurIPS 2019.
    """
    name = "scale_by_backtracking_linesearch"

    def init_fn(params: Any) -> ScaleByBacktrackingLinesearchState:
        refuse_complex(params, "scale_by_backtracking_linesearch")
        dtype = highest_dtype(params)
        value, grad = unknown_value(params, dtype)
        info = BacktrackingLinesearchInfo(np.zeros((), np.int32), np.full((), np.inf, dtype))
        return ScaleByBacktrackingLinesearchState(np.ones((), dtype), value, grad if store_grad else None, info)

    def update_fn(
        updates: Any,
        state: ScaleByBacktrackingLinesearchState,
        params: Any = None,
        *,
        value: Any = None,
        grad: Any = None,
        value_fn: Callable[..., Any] | None = None,
        **extra: Any,
    ) -> tuple[Any, ScaleByBacktrackingLinesearchState]:
        needed({"value": value, "grad": grad, "value_fn": value_fn}, name)
        f = bound_to(value_fn, extra, name)  # type: ignore[arg-type]
        updates, params = arrays(updates), arrays(required(params, name))
        dtype = state.value.dtype
        value, slope = number(value, dtype), number(tree_vdot(updates, arrays(grad)), dtype)
        found = _search(f, updates, params, state, value, slope, dtype)
        if verbose:
            report(name, step_size=found.rate, decrease_error=found.error)
        outside = fnp.isinf(found.error)  # no point was found where the function is finite: stay
        rate = fnp.where(outside, np.zeros((), dtype), found.rate)
        reached = fnp.where(outside, value, found.value)
        new = scaled(rate, updates)
        kept = arrays(value_and_grad(f)(along(params, rate, updates))[1]) if store_grad else None
        info = BacktrackingLinesearchInfo(found.count, found.error)
        return new, ScaleByBacktrackingLinesearchState(rate, reached, kept, info)

    def _search(f: Callable, updates: Any, params: Any, state: Any, value: Any, slope: Any, dtype: Any) -> _Search:
        def body(s: _Search) -> _Search:
            rate = fnp.where(s.count > 0, s.rate * number(decrease_factor, dtype), s.rate)
            new_value = number(f(along(params, rate, updates)), dtype)
            bound = number(1.0 + rtol, dtype) * value + rate * number(slope_rtol, dtype) * slope
            error = new_value - bound
            error = fnp.where(fnp.isnan(error), np.full((), np.inf, dtype), fnp.maximum(error, np.zeros((), dtype)))
            return _Search(rate, new_value, error, s.count + np.int32(1))

        def unfinished(s: _Search) -> Any:
            return fnp.logical_and(s.error > number(atol, dtype), s.count <= max_backtracking_steps)

        first = fnp.minimum(state.learning_rate * number(increase_factor, dtype), number(max_learning_rate, dtype))
        start = _Search(first, value, np.full((), np.inf, dtype), np.zeros((), np.int32))
        with np.errstate(all="ignore"):  # points outside the domain give infinities and NaNs, which the search expects
            return while_loop(unfinished, body, start)

    return GradientTransformationExtraArgs(init_fn, update_fn)
