"""Solutions of ordinary differential equations as functions of their initial state, times and parameters.

    y' = f(y, t, p)

    forward    v' = f_y v + f_p p',      v(t_0) = y_0' - f t_0',    y(t_i)' = v(t_i) + f t_i'
    reverse    l' = -f_y^T l,  m' = -f_p^T l    from the last time to the first; l jumps by the cotangent of y(t_i)

Both are equations of the same kind, solved by the same solver, so derivatives of every order and mode follow. Memory
does not grow with the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ...api.custom import custom_jvp
from ...api.differentiation import jvp, vjp
from ...api.loops import scan
from ...api.vectorization import vmap
from ...core.avals import is_inexact
from ...ops.linear_call import linear_call
from ..programs import program_of

Slope = Callable[..., Any]  # (y, t, *parameters) -> y'


class Solver(Protocol):
    """Any means to solve an equation; the derivatives are solved by the same."""

    def states(self, f: Slope, y0: Any, ts: Any, *parameters: Any) -> Any:
        """The states (len(ts), n) at monotonic times, nan from where the solver gave up."""


def solve(f: Slope, y0: Any, ts: Any, parameters: Sequence[Any], solver: Solver) -> Any:
    """The states (len(ts), n) at monotonic times, nan from where the solver gave up.

    Args:
        f: `(y, t, *parameters) -> y'`, which closes over no traced value.
        y0: (n,), the state at ts[0].
        ts: (m,), increasing or decreasing.
        parameters: arrays; those of floating type have derivatives.
        solver: how.
    """

    @custom_jvp
    def states(y0: Any, ts: Any, *parameters: Any) -> Any:
        return solver.states(f, y0, ts, *parameters)

    @states.defjvp
    def states_jvp(primals: Any, tangents: Any) -> Any:
        ys = states(*primals)
        known = [ys, *primals[1:]]
        moves = [*tangents[:2], *(t for t, p in zip(tangents[2:], primals[2:]) if is_inexact(p))]
        forward = program_of(lambda *a: [_moved(f, a[: len(known)], a[len(known) :], solver)], [*known, *moves])
        backward = program_of(lambda *a: _pulled_back(f, a[:-1], a[-1], solver), [*known, ys])
        return ys, linear_call(*known, *moves, forward=forward, backward=backward, residuals=len(known))[0]

    return states(y0, ts, *parameters)


# --- derivatives ------------------------------------------------------------------------------------------------------


def _at_floats(f: Slope, t: Any, parameters: Sequence[Any]) -> tuple[Callable, list[Any]]:
    """f at time t as a function of y and the parameters that have derivatives; these parameters."""
    inexact = [is_inexact(p) for p in parameters]

    def of_floats(y: Any, *floats: Any) -> Any:
        rest = iter(floats)
        return f(y, t, *[next(rest) if on else p for p, on in zip(parameters, inexact)])

    return of_floats, [p for p, on in zip(parameters, inexact) if on]


def _moved(f: Slope, known: Sequence[Any], moves: Sequence[Any], solver: Solver) -> Any:
    """Tangents of the states."""
    (ys, ts, *parameters), (t_y0, t_ts, *t_floats) = known, moves
    n, count = ys.shape[1], len(parameters)

    def slope(z: Any, t: Any, *values: Any) -> Any:
        of_floats, floats = _at_floats(f, t, values[:count])
        return np.concatenate(jvp(of_floats, (z[:n], *floats), (z[n:], *values[count:])))

    z0 = np.concatenate([ys[0], t_y0 - f(ys[0], ts[0], *parameters) * t_ts[0]])
    zs = solve(slope, z0, ts, [*parameters, *t_floats], solver)
    return zs[:, n:] + _slopes(f, ys, ts, parameters) * np.reshape(t_ts, (-1, 1))


def _pulled_back(f: Slope, known: Sequence[Any], ct: Any, solver: Solver) -> list[Any]:
    """Cotangents of the initial state, the times and the parameters, from those of the states (m, n)."""
    ys, ts, *parameters = known
    n = ys.shape[1]
    floats = [p for p in parameters if is_inexact(p)]
    sizes = [int(np.prod(p.shape, dtype=np.int64)) for p in floats]

    def slope(z: Any, t: Any, *values: Any) -> Any:
        of_floats, at = _at_floats(f, t, values)
        y_slope, pull = vjp(of_floats, z[:n], *at)
        return np.concatenate([y_slope, *(-np.reshape(p, (-1,)).astype(np.float64) for p in pull(z[n : 2 * n]))])

    def back(carry: tuple, x: tuple) -> tuple:
        costate, total = carry
        y, ct, t, earlier = x
        z = np.concatenate([y, costate + ct, total])
        z = solve(slope, z, np.stack([t, earlier]), parameters, solver)[1]
        return (z[n : 2 * n], z[2 * n :]), None

    start = (np.zeros(n), np.zeros(sum(sizes)))
    (costate, total), _ = scan(back, start, (ys[1:], ct[1:], ts[1:], ts[:-1]), reverse=True)
    ct_ts = np.sum(ct * _slopes(f, ys, ts, parameters), axis=1)
    costate = costate + ct[0]
    first = np.reshape(np.sum(costate * f(ys[0], ts[0], *parameters)), (1,))
    ct_ts = ct_ts - np.concatenate([first, np.zeros(ts.shape[0] - 1)])
    return [costate, ct_ts, *_split(total, floats, sizes)]


def _split(total: Any, like: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    ends = np.cumsum([0, *sizes])
    return [np.reshape(total[a:b], p.shape).astype(p.dtype) for a, b, p in zip(ends, ends[1:], like)]


def _slopes(f: Slope, ys: Any, ts: Any, parameters: Sequence[Any]) -> Any:
    return vmap(lambda y, t: f(y, t, *parameters))(ys, ts)


__all__ = ["Slope", "Solver", "solve"]
