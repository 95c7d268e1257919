"""First-order conditions of a minimum under bounds and constraints: which hold with equality, and the equations that
say so.

    grad f(x) - J(x)^T m = 0 for free x,    x = its bound for others
    c(x) = its bound for active constraints,  m = 0 for others
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...api.differentiation import grad
from ..programs import Function, jacobian_of, value
from .constraints import Constraint

_NEAR = 1e-2  # how near a bound may count as on it, relative to 1 + its magnitude, where there are general constraints

LOWER, FREE, UPPER = -1, 0, 1


def active_bounds(x: np.ndarray, g: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """For every number: at its lower bound, free, or at its upper one.

    A bound is active where the gradient presses against it by more than the distance that is left, which identifies the
    active ones also at points that are only near them.

    Reference: Nocedal and Wright, Numerical Optimization, 2nd ed., Springer 2006, section 16.7 (projected gradient).
    """
    fixed = lower == upper
    return np.where(fixed | (g > x - lower), LOWER, np.where(-g > upper - x, UPPER, FREE)).astype(np.int64)


def active_set(
    x: np.ndarray, g: np.ndarray, box: tuple, c: np.ndarray, jacobian: np.ndarray, sides: tuple
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Active bounds, active constraints, and the multipliers of these.

    Of all that hold nearly with equality, those that are not pressed against by more than the distance that is left are
    dropped, the worst first; equalities stay.
    """
    if not c.size:
        return active_bounds(x, g, *box), np.zeros(0, np.int64), np.zeros(0)
    at_x, at_c = (_near(value, *limits) for value, limits in ((x, box), (c, sides)))
    kept = np.concatenate([box[0] == box[1], sides[0] == sides[1]])
    distances = [np.concatenate(d) for d in ((x - box[0], c - sides[0]), (box[1] - x, sides[1] - c))]
    while True:
        on, multipliers = at_c != FREE, np.zeros(c.size)
        free = at_x == FREE
        multipliers[on] = np.linalg.lstsq(jacobian[on][:, free].T, g[free], rcond=None)[0]
        pressure = np.concatenate([g - jacobian.T @ multipliers, multipliers])
        state = np.concatenate([at_x, at_c])
        push = np.where((state == FREE) | kept, np.inf, -state * pressure - np.where(state == LOWER, *distances))
        worst = int(np.argmin(push))
        if push[worst] > 0:
            return at_x, at_c, multipliers
        (at_x if worst < x.size else at_c)[worst - (0 if worst < x.size else x.size)] = FREE


def _near(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        low = value - lower <= _NEAR * (1.0 + np.abs(lower))
        high = upper - value <= _NEAR * (1.0 + np.abs(upper))
    low, high = low & np.isfinite(lower), high & np.isfinite(upper)
    return np.where(low, LOWER, np.where(high, UPPER, FREE)).astype(np.int64)


def at_solution(f: Function, constraints: Sequence[Constraint], x: np.ndarray, box: tuple) -> list[np.ndarray]:
    """z = (x, multipliers), active bounds, active constraints, for a solution x found by any means."""
    g = f.compiled(grad)(x)[0]
    values = [c.function.compiled(value)(x)[0] for c in constraints]
    rows = [c.function.compiled(jacobian_of(c.function.shape[0], x.size))(x)[0] for c in constraints]
    sides = tuple(_joined([getattr(c, name) for c in constraints]) for name in ("lower", "upper"))
    jacobian = np.concatenate(rows) if rows else np.zeros((0, x.size))
    at_x, at_c, multipliers = active_set(x, g, box, _joined(values), jacobian, sides)
    return [np.concatenate([x, multipliers]), at_x, at_c]


def residual(
    z: Any, active: Sequence[Any], f: Any, functions: Sequence[Any], constraints: Sequence[Constraint], box: Sequence
) -> Any:
    """The equations of this module, zero at the solution; `functions` are those of the constraints."""
    n = box[0].shape[0]
    x, multipliers = z[:n], z[n:]
    at_x, at_c = active

    def lagrangian(x: Any) -> Any:
        return f(x) - (np.sum(multipliers * _joined([c(x) for c in functions])) if functions else 0.0)

    bound = np.where(at_x == LOWER, box[0], np.where(at_x == UPPER, box[1], 0.0))
    r_x = np.where(at_x == FREE, grad(lagrangian)(x), x - bound)
    if not functions:
        return r_x
    lower, upper = (_joined([getattr(c, name) for c in constraints]) for name in ("lower", "upper"))
    side = np.where(at_c == LOWER, lower, np.where(at_c == UPPER, upper, 0.0))
    r_c = np.where(at_c == FREE, multipliers, _joined([c(x) for c in functions]) - side)
    return np.concatenate([r_x, r_c])


def _joined(parts: Sequence[Any]) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0)


__all__ = ["active_bounds", "active_set", "at_solution", "residual"]
