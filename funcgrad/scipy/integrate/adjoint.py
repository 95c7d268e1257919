"""Solutions of ordinary differential equations as functions of their initial state, times and parameters.

    y' = f(y, t, p)

    forward    v' = f_y v + f_p p',      v(t_0) = y_0' - f t_0',    y(t_i)' = v(t_i) + f t_i'
    reverse    l' = -f_y^T l,  m' = -f_p^T l    from the last time to the first; l jumps by the cotangent of y(t_i)
    or         ct^T V,  V' = f_y V + [0, f_p]   with all columns V of the forward equation ("forward" sensitivities)

All are equations of the same kind, solved by the same solver, so derivatives of every order and mode follow. Memory
does not grow with the number of steps.

The adjoint equation needs the states once more, backwards, and starts anew from known ones at the times and a few
between them. Backwards is unstable where states forget where they came from (stiff and strongly damped problems): where
they miss the known ones by more than the costate is small there, cotangents are nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ...api.custom import custom_jvp
from ...api.differentiation import jvp, vjp
from ...api.jacobians import jacfwd
from ...api.loops import scan
from ...api.vectorization import vmap
from ...core.avals import is_inexact
from ...ops.linear_call import linear_call
from ..programs import program_of

Slope = Callable[..., Any]  # (y, t, *parameters) -> y'
_PIECES = 4  # of each interval between two times, at whose ends states are kept for the adjoint equation


class Solver(Protocol):
    """Any means to solve an equation; the derivatives are solved by the same.

    `sensitivity` is "adjoint" or "forward": how cotangents are found.
    """

    rtol: float
    atol: float
    sensitivity: str

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
        pulled_back, pieces = (_by_columns, 1) if solver.sensitivity == "forward" else (_by_costates, _PIECES)
        fine = _divided(primals[1], pieces)
        known = [states(primals[0], fine, *primals[2:]), fine, *primals[2:]]
        ys = known[0][::pieces]
        moves = [*tangents[:2], *(t for t, p in zip(tangents[2:], primals[2:]) if is_inexact(p))]
        coarse = lambda k: [k[0][::pieces], k[1][::pieces], *k[2:]]  # noqa: E731
        forward = program_of(lambda *a: [_moved(f, coarse(a[: len(known)]), a[len(known) :], solver)], [*known, *moves])
        backward = program_of(lambda *a: pulled_back(f, a[:-1], a[-1], solver), [*known, ys])
        return ys, linear_call(*known, *moves, forward=forward, backward=backward, residuals=len(known))[0]

    return states(y0, ts, *parameters)


# --- derivatives ------------------------------------------------------------------------------------------------------


def _divided(ts: Any, pieces: int) -> Any:
    """Times with others between them, so that the given ones are every `pieces`-th."""
    parts = np.arange(pieces) / pieces
    between = np.reshape(ts[:-1], (-1, 1)) + np.reshape(ts[1:] - ts[:-1], (-1, 1)) * parts
    return np.concatenate([np.reshape(between, (-1,)), ts[-1:]])


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


def _by_costates(f: Slope, known: Sequence[Any], ct: Any, solver: Solver) -> list[Any]:
    """Cotangents of the initial state, the times and the parameters, from those of the states (m, n)."""
    ys, ts, *parameters = known
    n = ys.shape[1]
    floats = [p for p in parameters if is_inexact(p)]
    sizes = [int(np.prod(p.shape, dtype=np.int64)) for p in floats]
    rtol, atol = np.sqrt(solver.rtol), np.sqrt(solver.atol)

    def slope(z: Any, t: Any, *values: Any) -> Any:
        of_floats, at = _at_floats(f, t, values)
        y_slope, pull = vjp(of_floats, z[:n], *at)
        return np.concatenate([y_slope, *(-np.reshape(p, (-1,)).astype(np.float64) for p in pull(z[n : 2 * n]))])

    def back(carry: tuple, x: tuple) -> tuple:
        costate, total = carry
        y, ct, t, earlier, known = x
        before = costate + ct
        z = np.concatenate([y, before, total])
        z = solve(slope, z, np.stack([t, earlier]), parameters, solver)[1]
        missed = np.max(abs(z[:n] - known)) / (atol + rtol * np.max(abs(known)))
        after = z[n : 2 * n]
        wrong = missed * np.max(abs(after)) > np.max(abs(before))  # an error counts as much as the costate does there
        return (np.where(wrong, np.nan, after), z[2 * n :]), None

    start = (np.zeros(n), np.zeros(sum(sizes)))
    between = np.zeros((ct.shape[0] - 1, _PIECES - 1, n))
    jumps = np.reshape(np.concatenate([between, np.reshape(ct[1:], (-1, 1, n))], axis=1), (-1, n))
    (costate, total), _ = scan(back, start, (ys[1:], jumps, ts[1:], ts[:-1], ys[:-1]), reverse=True)
    total = np.where(np.any(np.isnan(costate)), np.nan, total)
    coarse = [ys[::_PIECES], ts[::_PIECES], *parameters]
    return _cotangents(f, coarse, ct, costate + ct[0], _split(total, floats, sizes))


def _by_columns(f: Slope, known: Sequence[Any], ct: Any, solver: Solver) -> list[Any]:
    """The same by the derivatives V of the states with respect to every number of y0 and the parameters."""
    ys, ts, *parameters = known
    n = ys.shape[1]
    floats = [p for p in parameters if is_inexact(p)]
    sizes = [int(np.prod(p.shape, dtype=np.int64)) for p in floats]
    width = n + sum(sizes)

    def slope(z: Any, t: Any, *values: Any) -> Any:
        of_floats, at = _at_floats(f, t, values)
        blocks = jacfwd(of_floats, tuple(range(1 + len(at))))(z[:n], *at)
        moved = blocks[0] @ np.reshape(z[n:], (n, width))
        direct = [np.reshape(b, (n, -1)).astype(np.float64) for b in blocks[1:]]
        moved = moved + np.concatenate([np.zeros((n, n)), *direct], axis=1)
        return np.concatenate([of_floats(z[:n], *at), np.reshape(moved, (-1,))])

    z0 = np.concatenate([ys[0], np.reshape(np.eye(n, width), (-1,))])
    columns = np.reshape(solve(slope, z0, ts, parameters, solver)[:, n:], (-1, n, width))
    total = np.einsum("ti,tij->j", ct, columns)
    return _cotangents(f, known, ct, total[:n], _split(total[n:], floats, sizes))


def _cotangents(f: Slope, known: Sequence[Any], ct: Any, costate: Any, others: list[Any]) -> list[Any]:
    """Those of the initial state, the times (among which the first also shifts the start) and the parameters."""
    ys, ts, *parameters = known
    first = np.reshape(np.sum(costate * f(ys[0], ts[0], *parameters)), (1,))
    ct_ts = np.sum(ct * _slopes(f, ys, ts, parameters), axis=1)
    return [costate, ct_ts - np.concatenate([first, np.zeros(ts.shape[0] - 1)]), *others]


def _split(total: Any, like: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    ends = np.cumsum([0, *sizes])
    return [np.reshape(total[a:b], p.shape).astype(p.dtype) for a, b, p in zip(ends, ends[1:], like)]


def _slopes(f: Slope, ys: Any, ts: Any, parameters: Sequence[Any]) -> Any:
    return vmap(lambda y, t: f(y, t, *parameters))(ys, ts)


__all__ = ["Slope", "Solver", "solve"]
