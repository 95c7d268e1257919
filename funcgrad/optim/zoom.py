"""The zoom line search: a step size at which the function has fallen and its slope is small (Wolfe's conditions).

An interval is searched by growing steps until it must hold such a point, then shrunk by cubic interpolation, parabolas
or bisection. Every turn of the loop evaluates the function once, at one trial point, whichever of the two it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from .. import tree
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


class ZoomLinesearchInfo(NamedTuple):
    """How many steps the search took, and by how much the two conditions are missed."""

    num_linesearch_steps: Any
    decrease_error: Any
    curvature_error: Any


class ScaleByZoomLinesearchState(NamedTuple):
    """The last step size, the value and the gradient it led to, and what the search says."""

    learning_rate: Any
    value: Any
    grad: Any
    info: Any


class _Point(NamedTuple):
    """A step size, and the value and slope of the function there."""

    step: Any
    value: Any
    slope: Any


class _Search(NamedTuple):
    count: Any
    point: _Point  # the last trial
    grad: Any
    decrease_error: Any
    curvature_error: Any
    bracketed: Any  # whether [low, high] is known to hold a solution
    done: Any
    failed: Any
    low: _Point
    high: _Point
    third: _Point  # for the cubic
    safe: _Point  # the best trial that satisfies the first condition; step 0 while there is none
    safe_grad: Any


class _Rules(NamedTuple):
    """The numbers that decide, in one dtype."""

    dtype: Any
    max_steps: int
    max_step: Any
    tol: Any
    growth: Any
    decrease: Any
    curvature: Any
    approximate: Any
    least_interval: Any


def _pick(condition: Any, yes: Any, no: Any) -> Any:
    return tree.tree_map(lambda a, b: fnp.where(condition, a, b), yes, no)


def _or(*conditions: Any) -> Any:
    result = conditions[0]
    for condition in conditions[1:]:
        result = fnp.logical_or(result, condition)
    return result


def _and(*conditions: Any) -> Any:
    result = conditions[0]
    for condition in conditions[1:]:
        result = fnp.logical_and(result, condition)
    return result


def _violation(error: Any) -> Any:
    """max(error, 0), and infinity for NaN."""
    return fnp.where(fnp.isnan(error), fnp.full_like(error, np.inf), fnp.maximum(error, fnp.zeros_like(error)))


def _decrease_error(rules: _Rules, at: _Point, start: _Point) -> Any:
    """How much decrease is missing, by Armijo's condition or by that of Hager and Zhang, which bears rounding."""
    error = at.value - start.value - rules.decrease * at.step * start.slope
    if rules.approximate is not None:
        slope_error = at.slope - (2 * rules.decrease - 1) * start.slope
        value_error = at.value - start.value - rules.approximate * fnp.absolute(start.value)
        error = fnp.minimum(fnp.maximum(slope_error, value_error), error)
    return _violation(error)


def _curvature_error(rules: _Rules, at: _Point, start: _Point) -> Any:
    return _violation(fnp.absolute(at.slope) - rules.curvature * fnp.absolute(start.slope))


def _cubic_minimum(a: _Point, b: _Point, c: _Point) -> Any:
    """Where the cubic with the value and slope at a, and the values at b and c, has its minimum; NaN where nowhere."""
    db, dc = b.step - a.step, c.step - a.step
    rb, rc = b.value - a.value - a.slope * db, c.value - a.value - a.slope * dc
    bottom = (db * dc) ** 2 * (db - dc)
    p = (dc * dc * rb - db * db * rc) / bottom
    q = (db * db * db * rc - dc * dc * dc * rb) / bottom
    return a.step + (-q + fnp.sqrt(q * q - 3 * p * a.slope)) / (3 * p)


def _parabola_minimum(a: _Point, b: _Point) -> Any:
    """Where the parabola with the value and slope at a and the value at b has its minimum."""
    d = b.step - a.step
    return a.step - a.slope * d * d / (2 * (b.value - a.value - a.slope * d))


def _inside(low: _Point, high: _Point, third: _Point) -> Any:
    """The next trial between two points: by a cubic, a parabola or the middle, the first that is well inside."""
    left, right = fnp.minimum(low.step, high.step), fnp.maximum(low.step, high.step)
    width = right - left
    cubic, parabola = _cubic_minimum(low, high, third), _parabola_minimum(low, high)
    good_cubic = _and(cubic > left + 0.2 * width, cubic < right - 0.2 * width)
    good_parabola = _and(parabola > left + 0.1 * width, parabola < right - 0.1 * width)
    middle = (low.step + high.step) / 2
    return fnp.where(good_cubic, cubic, fnp.where(good_parabola, parabola, middle))


def _grown(rules: _Rules, s: _Search, guess: Any) -> Any:
    """The next trial while there is no interval: the guess, then larger and larger steps."""
    step = fnp.where(s.count > 0, rules.growth * s.point.step, guess)
    return step if rules.max_step is None else fnp.minimum(step, rules.max_step)


def _after_growing(rules: _Rules, s: _Search, new: _Point, decrease_error: Any, error: Any) -> dict[str, Any]:
    """What a trial says while there is no interval yet."""
    is_high = _or(decrease_error > 0, _and(new.value >= s.point.value, s.count > 0))
    is_low = _and(new.slope >= 0, fnp.logical_not(is_high))
    low, high = _pick(is_low, new, s.point), _pick(is_low, s.point, new)
    bracketed = _or(is_high, is_low, error <= rules.tol)
    at_bound = np.False_ if rules.max_step is None else new.step >= rules.max_step
    done = _or(error <= rules.tol, _and(at_bound, fnp.logical_not(bracketed)))
    better = decrease_error <= rules.tol
    return {"low": low, "high": high, "third": low, "bracketed": bracketed, "done": done, "better": better}


def _after_zooming(rules: _Rules, s: _Search, new: _Point, decrease_error: Any, error: Any) -> dict[str, Any]:
    """What a trial inside the interval says."""
    is_high = _or(decrease_error > 0, new.value >= s.low.value)
    is_low = fnp.logical_not(is_high)
    turned = _and(new.slope * (s.high.step - s.low.step) >= 0, is_low)
    high = _pick(is_high, new, _pick(turned, s.low, s.high))
    third = _pick(_or(is_high, turned), s.high, s.low)
    better = _and(decrease_error <= rules.tol, new.value < s.safe.value)
    done, low = error <= rules.tol, _pick(is_low, new, s.low)
    return {"low": low, "high": high, "third": third, "bracketed": s.bracketed, "done": done, "better": better}


def _turn(rules: _Rules, evaluate: Callable[[Any], tuple[_Point, Any]], guess: Any, start: _Point, s: _Search) -> Any:
    """One trial."""
    zooming = s.bracketed
    new, grad = evaluate(fnp.where(zooming, _inside(s.low, s.high, s.third), _grown(rules, s, guess)))
    decrease_error, curvature_error = _decrease_error(rules, new, start), _curvature_error(rules, new, start)
    error = fnp.maximum(decrease_error, curvature_error)
    told = _pick(
        zooming,
        _after_zooming(rules, s, new, decrease_error, error),
        _after_growing(rules, s, new, decrease_error, error),
    )
    safe, safe_grad = _pick(told["better"], (new, grad), (s.safe, s.safe_grad))
    narrow = _and(zooming, fnp.absolute(s.high.step - s.low.step) <= rules.least_interval, safe.step > 0)
    failed = _and(_or(s.count + 1 >= rules.max_steps, narrow), fnp.logical_not(told["done"]))
    # A search that failed goes back to the best point that satisfies one condition, or stays where it is.
    back = _and(failed, _or(safe.step > 0, fnp.isinf(decrease_error)))
    last, last_grad = _pick(back, (safe, safe_grad), (new, grad))
    return _Search(
        s.count + np.int32(1),
        last,
        last_grad,
        decrease_error,
        curvature_error,
        told["bracketed"],
        told["done"],
        failed,
        told["low"],
        told["high"],
        told["third"],
        safe,
        safe_grad,
    )


def _search(
    rules: _Rules, f: Callable[[Any], Any], updates: Any, params: Any, value: Any, grad: Any, guess: Any
) -> _Search:
    def evaluate(step: Any) -> tuple[_Point, Any]:
        new_value, new_grad = value_and_grad(f)(along(params, step, updates))
        new_grad = arrays(new_grad)
        slope = number(tree_vdot(new_grad, updates), rules.dtype)
        return _Point(step, number(new_value, rules.dtype), slope), new_grad

    zero, infinite = np.zeros((), rules.dtype), np.full((), np.inf, rules.dtype)
    start = _Point(zero, value, number(tree_vdot(updates, grad), rules.dtype))
    off = np.zeros((), np.bool_)
    first = _Search(
        np.zeros((), np.int32), start, grad, infinite, infinite, off, off, off, start, start, start, start, grad
    )
    with np.errstate(all="ignore"):  # points outside the domain give infinities and NaNs, which the search expects
        return while_loop(
            lambda s: fnp.logical_not(_or(s.done, s.failed)),
            lambda s: _turn(rules, evaluate, guess, start, s),
            first,
        )


def scale_by_zoom_linesearch(
    max_linesearch_steps: int,
    max_learning_rate: Any = None,
    tol: Any = 0.0,
    increase_factor: Any = 2.0,
    slope_rtol: Any = 1e-4,
    curv_rtol: Any = 0.9,
    approx_dec_rtol: Any = 1e-6,
    stepsize_precision: Any = 1e-5,
    initial_guess_strategy: str = "keep",
    verbose: bool = False,
) -> GradientTransformationExtraArgs:
    """Updates u times a step size s that satisfies Wolfe's conditions.

        f(p + s u) <= f(p) + slope_rtol s u.g        |u . g(p + s u)| <= curv_rtol |u . g|

    The update needs the parameters and the keyword arguments `value`, `grad` and `value_fn`; further ones are given to
    `value_fn`. The state keeps value and gradient at the new point for `value_and_grad_from_state`.

    Args:
        max_linesearch_steps: most evaluations of the function.
        max_learning_rate: largest size; None for no bound.
        tol: by how much the conditions may be missed.
        increase_factor: growth of the size while no interval is found.
        slope_rtol, curv_rtol: constants of the conditions.
        approx_dec_rtol: accept f(p + s u) <= f(p) + approx_dec_rtol |f(p)| when the slope has grown enough, where
            rounding hides the decrease; None for the first condition alone.
        stepsize_precision: an interval no longer than this is given up, when a point of decrease is known.
        initial_guess_strategy: the first size: "one", or "keep" for the one of the last search.
        verbose: print the outcome of every search.

    Raises:
        ValueError: for another strategy.

    Example:
        >>> import numpy as np
        >>> from funcgrad import optim
        >>> f = lambda x: np.sum(x**2)
        >>> optimizer = optim.chain(optim.sgd(1.0), scale_by_zoom_linesearch(15))
        >>> x, g = np.array([3.0]), np.array([6.0])
        >>> optimizer.update(g, optimizer.init(x), x, value=9.0, grad=g, value_fn=f)[0]
        array([-3.])

    Reference: J. Nocedal, S. Wright, Numerical optimization, Springer 2006, algorithms 3.5 and 3.6; W. Hager, H. Zhang,
    A new conjugate gradient method with guaranteed descent and an efficient line search, SIAM J. Optimization 16,
    2005.
    """
    name = "scale_by_zoom_linesearch"
    if initial_guess_strategy not in ("one", "keep"):
        raise ValueError(f'{name}: initial_guess_strategy must be "one" or "keep", got {initial_guess_strategy!r}.')
    numbers = (
        max_learning_rate,
        tol,
        increase_factor,
        slope_rtol,
        curv_rtol,
        approx_dec_rtol,
        stepsize_precision,
    )

    def init_fn(params: Any) -> ScaleByZoomLinesearchState:
        refuse_complex(params, "scale_by_zoom_linesearch")
        dtype = highest_dtype(params)
        infinite = np.full((), np.inf, dtype)
        info = ZoomLinesearchInfo(np.zeros((), np.int32), infinite, infinite)
        return ScaleByZoomLinesearchState(np.ones((), dtype), *unknown_value(params, dtype), info)

    def update_fn(
        updates: Any,
        state: ScaleByZoomLinesearchState,
        params: Any = None,
        *,
        value: Any = None,
        grad: Any = None,
        value_fn: Callable[..., Any] | None = None,
        **extra: Any,
    ) -> tuple[Any, ScaleByZoomLinesearchState]:
        needed({"value": value, "grad": grad, "value_fn": value_fn}, name)
        f = bound_to(value_fn, extra, name)  # type: ignore[arg-type]
        updates, params, grad = arrays(updates), arrays(required(params, name)), arrays(grad)
        dtype = state.value.dtype
        rules = _Rules(dtype, max_linesearch_steps, *[None if n is None else number(n, dtype) for n in numbers])
        guess = np.ones((), dtype) if initial_guess_strategy == "one" else state.learning_rate
        found = _search(rules, f, updates, params, number(value, dtype), grad, guess)
        if verbose:
            errors = {"decrease_error": found.decrease_error, "curvature_error": found.curvature_error}
            report(name, step_size=found.point.step, **errors)
        info = ZoomLinesearchInfo(found.count, found.decrease_error, found.curvature_error)
        new = scaled(found.point.step, updates)
        return new, ScaleByZoomLinesearchState(found.point.step, found.point.value, found.grad, info)

    return GradientTransformationExtraArgs(init_fn, update_fn)
