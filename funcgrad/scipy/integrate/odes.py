"""`odeint`: systems of ordinary differential equations over pytrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...api import recording as rec
from ...core.tracing import Tracer, run
from ...numpy import promotion
from ..programs import Function
from ..vectors import Vector, joined
from .adjoint import solve
from .solvers import Native

_NO_LIMIT = 2**62


def odeint(
    func: Callable,
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1.4e-8,
    atol: float = 1.4e-8,
    mxstep: float = np.inf,
    hmax: float = np.inf,
    sensitivity: str = "adjoint",
) -> Any:
    """The solution of a system of ordinary differential equations at given times, by adaptive steps.

        y' = f(y, t, args),    y(t[0]) = y0

    Dormand and Prince's pair of formulas of order 5 and 4 and its interpolant. The steps are a loop of machine code,
    also where this is called from plain Python. Derivatives in y0, t, args and what `func` closes over are solutions of
    the linearized equation (forward mode) and of the adjoint equation (reverse mode), within the same tolerances; they
    need the memory of the states at `t` alone. Derivatives of every order work; under `vmap` every example has its own
    steps. The adjoint equation follows the states backwards; where that is unstable (strong damping between two times)
    the gradient is nan, and sensitivity="forward" finds it.

    Args:
        func: `(y, t, *args) -> dy/dt`, for a pytree y and a scalar t.
        y0: the state at t[0], a pytree of real arrays; a list or tuple of numbers is a vector.
        t: (m,), increasing or decreasing times.
        args: further arguments of `func`, pytrees.
        rtol, atol: the error of one step is held below atol + rtol * abs(y), in the root of the mean square.
        mxstep: most steps, taken or tried, between two times.
        hmax: the longest step.
        sensitivity: what reverse mode solves: "adjoint", one equation whatever the number of parameters, or "forward",
            the linearized equation for each number of y0 and the parameters.

    Returns:
        A pytree like y0 with leaves of shape (m, *shape): the states at all times. It is nan from where more than
        `mxstep` steps would be needed or the step length vanished.

    Raises:
        TypeError: y0 holds no real numbers.
        ValueError: t is no vector, or not monotonic, `func` returns another structure or other shapes than y0, or
            `sensitivity` is something else.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.integrate import odeint
        >>> decay = lambda y, t, rate: -rate * y
        >>> t = np.array([0.0, 1.0, 2.0])
        >>> odeint(decay, 1.0, t, 0.5).round(6)
        array([1.      , 0.606531, 0.367879])
        >>> fg.grad(lambda rate: odeint(decay, 1.0, t, rate)[-1])(0.5).round(6)            # -t exp(-rate t)
        np.float64(-0.735759)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.experimental.ode.odeint.html, whose interface this
    follows; Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 2nd ed., Springer 1993; for the
    adjoint equation, Pontryagin et al., The Mathematical Theory of Optimal Processes, Wiley 1962.
    """
    where = f"odeint of {rec.name_of(func)}"
    vector = Vector(where, "y0", y0)
    times = _times(where, t)

    def slope(y: Any, t: Any) -> Any:
        return vector.flatten(func(vector.unflatten(y), t, *args), "the result of the function")

    f = Function(where, slope, [(vector.size,), ()])
    steps = _NO_LIMIT if mxstep == np.inf else int(mxstep)
    solver = Native(float(rtol), float(atol), steps, float(hmax), checked_sensitivity(where, sensitivity))
    program = f.program  # and not f, whose captures belong to outer transformations
    rhs = lambda y, t, *parameters: run(program, [*parameters, y, t])[0]  # noqa: E731
    states = solve(rhs, vector.flatten(y0, "y0"), times, f.captures, solver)
    return vector.unflatten_rows(states)


def checked_sensitivity(where: str, sensitivity: str) -> str:
    """The name of a way to cotangents, or the error that says which there are."""
    if sensitivity not in ("adjoint", "forward"):
        raise ValueError(f"{where}: sensitivity must be 'adjoint' or 'forward', got {sensitivity!r}.")
    return sensitivity


def _times(where: str, t: Any) -> Any:
    times = promotion.array_operand(t)
    if times.ndim != 1 or times.shape[0] < 1:
        raise ValueError(f"{where}: t must be a vector of times, the first of which belongs to y0; got {times.shape}.")
    times = joined([times])
    if type(times) is not Tracer and not (np.all(np.diff(times) >= 0) or np.all(np.diff(times) <= 0)):
        k = int(np.argmax(np.diff(times) * (times[-1] - times[0]) < 0))
        raise ValueError(
            f"{where}: t must be increasing or decreasing, but t[{k}] = {times[k]}, t[{k + 1}] = {times[k + 1]}."
        )
    return times


__all__ = ["checked_sensitivity", "odeint"]
