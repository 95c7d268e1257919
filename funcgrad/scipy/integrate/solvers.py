"""Solvers of ordinary differential equations: one of native loops, and SciPy's through callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...api.callbacks import pure_callback
from ...api.compilation import ShapeDtypeStruct
from ...api.jacobians import jacfwd
from ...api.loops import scan, while_loop
from ...ops import calls
from ...records import field, record
from ..programs import program_of
from . import runge_kutta as rk
from .adjoint import Slope

IMPLICIT = ("Radau", "BDF", "LSODA")  # SciPy's methods that use a Jacobian


@record(frozen=True)
class Native:
    """Adaptive steps of Dormand's and Prince's formulas: a loop of machine code."""

    rtol: float
    atol: float
    max_steps: int
    longest: float
    sensitivity: str = "adjoint"

    def states(self, f: Slope, y0: Any, ts: Any, *parameters: Any) -> Any:
        """One equation that runs compiled, also in eager evaluation."""
        operands = [y0, ts, *parameters]
        program = program_of(lambda *args: [_integrated(f, *args, tolerances=self)], operands)
        return calls.compiled_call(*operands, program=program)[0]


def _integrated(f: Slope, y0: Any, ts: Any, *parameters: Any, tolerances: Native) -> Any:
    """Adaptive steps over all of the interval, and the interpolant at the times asked for."""
    sign = np.where(ts[-1] < ts[0], -1.0, 1.0)
    slope = lambda y, t: sign * f(y, sign * t, *parameters)  # noqa: E731
    start, rtol, atol = sign * ts[0], tolerances.rtol, tolerances.atol
    slope0 = slope(y0, start)
    h = np.minimum(rk.first_step(slope, y0, slope0, start, rtol, atol), tolerances.longest)

    def advance(state: tuple) -> tuple:
        y, k, t, h, before, dense, count = state
        new, k_new, error, dense_new = rk.step(slope, y, k, t, h)
        error = rk.norm(error, atol + rtol * np.maximum(abs(y), abs(new)))
        good = error <= 1.0
        h_new = np.minimum(rk.next_step(h, error), tolerances.longest)
        new_state = (new, k_new, t + h, h_new, t, dense_new)
        kept = (y, k, t, h_new, before, dense)
        return *(np.where(good, a, b) for a, b in zip(new_state, kept)), count + 1

    def reach(state: tuple, target: Any) -> tuple[tuple, Any]:
        target = sign * target
        shortest = 16.0 * np.finfo(np.float64).eps * np.maximum(abs(state[2]), abs(target))

        def going(state: tuple) -> Any:
            return (state[2] < target) & (state[6] < tolerances.max_steps) & (state[3] > shortest)

        state = while_loop(going, advance, (*state[:6], np.int64(0)))
        t, before = state[2], state[4]
        part = (target - before) / np.where(t > before, t - before, 1.0)
        y = rk.interpolated(state[5], part)
        return state[:6], np.where(t >= target, y, np.nan)

    rest = np.zeros((4, *y0.shape))
    first = (y0, slope0, start, h, start, np.concatenate([np.reshape(y0, (1, -1)), rest]))
    return np.concatenate([np.reshape(y0, (1, -1)), scan(reach, first, ts[1:])[1]])


@record(frozen=True)
class BySciPy:
    """scipy.integrate.solve_ivp with compiled slopes, and compiled Jacobians for implicit methods."""

    method: Any
    options: dict = field(default_factory=dict)
    sensitivity: str = "forward"

    @property
    def rtol(self) -> float:
        """The relative tolerance, SciPy's by default."""
        return float(self.options.get("rtol", 1e-3))

    @property
    def atol(self) -> float:
        """The absolute tolerance; the smallest of several."""
        return float(np.min(self.options.get("atol", 1e-6)))

    def states(self, f: Slope, y0: Any, ts: Any, *parameters: Any) -> Any:
        """A callback; nothing traced is kept in it."""
        operands = [y0, ts[0], *parameters]
        slope = program_of(lambda y, t, *p: [f(y, t, *p)], operands)
        slopes = program_of(lambda y, t, *p: [jacfwd(f)(y, t, *p)], operands) if self.method in IMPLICIT else None

        def solved(y0: np.ndarray, ts: np.ndarray, *parameters: np.ndarray) -> np.ndarray:
            return _solved(self, slope, slopes, y0, ts, parameters)

        result = ShapeDtypeStruct((ts.shape[0], y0.shape[0]), np.float64)
        return pure_callback(solved, result, y0, ts, *parameters, vmap_method="sequential")


def _solved(solver: BySciPy, slope: Any, slopes: Any, y0: np.ndarray, ts: np.ndarray, parameters: Any) -> np.ndarray:
    """The states at monotonic times, some of which may be equal."""
    from scipy import integrate

    times, place = np.unique(ts, return_inverse=True)
    if ts[0] > ts[-1]:
        times, place = times[::-1], times.size - 1 - place
    out = np.full((times.size, y0.size), np.nan)
    out[0] = y0
    if times.size > 1:
        run = calls.execute(slope)
        jac = {} if slopes is None else {"jac": _ordered(calls.execute(slopes), parameters)}
        options = {**solver.options, **jac, "rtol": solver.rtol, "atol": solver.atol}
        try:
            result = integrate.solve_ivp(
                _ordered(run, parameters), (times[0], times[-1]), y0, solver.method, times, **options
            )
        except ValueError as error:  # how SciPy's implicit methods end when a state overflows
            if "infs or NaNs" not in str(error):
                raise
            return out[place]
        found = result.y.shape[1] if result.y.ndim == 2 else 0
        out[1:found] = result.y.T[1:]
    return out[place]


def _ordered(run: Any, parameters: Any) -> Any:
    """A compiled function with SciPy's order of arguments."""
    return lambda t, y: run(np.ascontiguousarray(y, np.float64), np.float64(t), *parameters)[0]


__all__ = ["IMPLICIT", "BySciPy", "Native"]
