"""`solve_ivp`: SciPy's solvers of initial value problems, for states that are pytrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...api import recording as rec
from ...api.jacobians import jacfwd
from ...core.tracing import Tracer, run
from ..programs import Function, scalar, value
from ..vectors import FLOAT, Vector, joined
from .adjoint import solve
from .odes import checked_sensitivity
from .solvers import IMPLICIT, BySciPy


def solve_ivp(
    fun: Callable,
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    args: Any = None,
    sensitivity: str = "forward",
    **options: Any,
) -> Any:
    """The solution of an initial value problem by SciPy, with compiled slopes and automatic Jacobians; differentiable.

        y' = f(t, y, args),    y(t_span[0]) = y0

    Under a transformation `t_eval` is needed, and the states have derivatives in y0, t_eval, the start of t_span, args
    and what `fun` closes over, of every order, by solutions of the linearized equation with the same method, so that
    stiff problems stay tractable ("Radau", "BDF", "LSODA"). By default tolerances are SciPy's loose ones, for
    derivatives too. `odeint` is faster where a problem is not stiff.

    Args:
        fun: `(t, y, *args) -> dy/dt`, for a scalar t and a pytree y.
        t_span: (start, end).
        y0: the state at the start, a pytree of real arrays; a list or tuple of numbers is a vector.
        method: one of SciPy's names, or an `OdeSolver`.
        t_eval: the times wanted; None: those of the steps taken.
        dense_output: whether `sol` is to be a function from a time to a state.
        events: functions `(t, y, *args) -> a number`, with attributes `terminal` and `direction`, as in SciPy.
        args: a tuple of further arguments, or None.
        sensitivity: as for `odeint`: what reverse mode solves. "adjoint" suits many parameters and no damping.
        options: `rtol`, `atol`, `max_step`, `first_step` and others, as in SciPy.

    Returns:
        SciPy's result. `y` is a pytree like y0 with leaves of shape (*shape, m), time last; `y_events` has pytrees with
        leaves (k, *shape). Under a transformation it has `t`, `y`, which is nan from where the solver gave up, and
        `success`.

    Raises:
        TypeError: y0 holds no real numbers.
        ValueError: `fun` returns another structure or shapes than y0, or what is asked for is impossible under a
            transformation.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.integrate import solve_ivp
        >>> decay = lambda t, y, rate: -rate * y
        >>> solve_ivp(decay, (0.0, 2.0), [1.0], t_eval=[0.0, 1.0, 2.0], args=(0.5,), rtol=1e-8).y.round(5)
        array([[1.     , 0.60653, 0.36788]])
        >>> def last(rate):
        ...     return solve_ivp(decay, (0.0, 2.0), 1.0, "BDF", t_eval=[2.0], args=(rate,), rtol=1e-8, atol=1e-10).y[-1]
        >>> fg.grad(last)(0.5).round(4)                                                       # -t exp(-rate t)
        np.float64(-0.7358)

    Reference: scipy.integrate.solve_ivp
    """
    where = f"solve_ivp of {rec.name_of(fun)}"
    vector = Vector(where, "y0", y0)
    args = () if args is None else tuple(args)

    def slope(y: Any, t: Any) -> Any:
        return vector.flatten(fun(t, vector.unflatten(y), *args), "the result of the function")

    f = Function(where, slope, [(vector.size,), ()])
    start, span = vector.flatten(y0, "y0"), joined(list(t_span))
    times = None if t_eval is None else joined([t_eval])
    if any(type(v) is Tracer for v in (start, span, times)) or f.is_traced:
        if times is None or events is not None or dense_output:
            raise ValueError(
                f"{where}: under a transformation the number of steps and events is unknown.\n"
                "Fix: pass t_eval=, and neither events= nor dense_output=."
            )
        return _traced(vector, f, start, span, times, BySciPy(method, options, checked_sensitivity(where, sensitivity)))
    watched = [_event(where, vector, e, args) for e in _listed(events)]
    return _by_scipy(vector, f, start, span, times, method, watched, dict(options, dense_output=dense_output))


def _listed(events: Any) -> list[Callable]:
    return [] if events is None else [events] if callable(events) else list(events)


def _event(where: str, vector: Vector, event: Callable, args: tuple) -> Callable:
    """An event as SciPy calls it, with its attributes."""
    name = f"{where}: the event {rec.name_of(event)}"
    flat = Function(name, lambda y, t: scalar(name, event(t, vector.unflatten(y), *args)), [(vector.size,), ()])
    compiled = flat.compiled(value)

    def watched(t: float, y: np.ndarray) -> float:
        return float(compiled(np.ascontiguousarray(y, FLOAT), np.float64(t))[0])

    for name in ("terminal", "direction"):
        if hasattr(event, name):
            setattr(watched, name, getattr(event, name))
    return watched


def _by_scipy(
    vector: Vector, f: Function, start: Any, span: Any, times: Any, method: Any, events: Sequence, options: dict
) -> Any:
    from scipy import integrate

    compiled = f.compiled(value)
    if method in IMPLICIT and "jac" not in options:
        slopes = f.compiled(jacfwd)
        options["jac"] = lambda t, y: slopes(np.ascontiguousarray(y, FLOAT), np.float64(t))[0]
    result = integrate.solve_ivp(
        lambda t, y: compiled(np.ascontiguousarray(y, FLOAT), np.float64(t))[0],
        tuple(map(float, span)), start, method, times, events=list(events) or None, **options,
    )  # fmt: skip
    result.y = _time_last(vector, result.y.T) if len(result.t) else result.y
    if result.y_events is not None:
        result.y_events = [vector.unflatten_rows(np.reshape(y, (-1, vector.size))) for y in result.y_events]
    if result.sol is not None:
        sol = result.sol
        result.sol = lambda t: vector.unflatten(sol(t)) if np.ndim(t) == 0 else _time_last(vector, sol(t).T)
    return result


def _time_last(vector: Vector, rows: Any) -> Any:
    return tree.tree_map(lambda x: np.moveaxis(x, 0, -1), vector.unflatten_rows(rows))


def _traced(vector: Vector, f: Function, start: Any, span: Any, times: Any, solver: BySciPy) -> Any:
    from scipy.optimize import OptimizeResult  # of which SciPy's results are a kind

    ts = np.concatenate([span[:1], times])
    program = f.program  # and not f, whose captures belong to outer transformations
    rhs = lambda y, t, *parameters: run(program, [*parameters, y, t])[0]  # noqa: E731
    states = solve(rhs, start, ts, f.captures, solver)[1:]
    return OptimizeResult(t=times, y=_time_last(vector, states), success=np.all(np.isfinite(states)))


__all__ = ["solve_ivp"]
