"""Bounds on the unknowns of a problem, in SciPy's forms and as pytrees, as two vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tree
from ...core.tracing import Tracer
from ...numpy import promotion
from ..vectors import FLOAT, Vector, is_number, joined

Pair = tuple[Any, Any]


def for_minimize(vector: Vector, bounds: Any) -> Pair:
    """(lower, upper) vectors from the argument of `minimize`, or (None, None).

    `scipy.optimize.Bounds`; for one array of unknowns, SciPy's sequence of (min, max); for other pytrees, (lower,
    upper) as in `from_pair`.
    """
    if bounds is None:
        return None, None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        return from_pair(vector, (bounds.lb, bounds.ub), flat=True)
    if not vector.is_array:
        return from_pair(vector, bounds)
    pairs = list(bounds) if isinstance(bounds, (list, tuple, np.ndarray)) else []
    if len(pairs) != vector.size or any(not hasattr(p, "__len__") or len(p) != 2 for p in pairs):
        raise ValueError(
            f"{vector.where}: bounds must be {vector.size} pairs (min, max), one for each number in {vector.name}, got "
            f"{bounds!r}.\nFix: or pass scipy.optimize.Bounds(lower, upper)."
        )
    lower = [-np.inf if low is None else low for low, _ in pairs]
    upper = [np.inf if high is None else high for _, high in pairs]
    return _checked(vector, joined(lower), joined(upper))


def from_pair(vector: Vector, bounds: Any, flat: bool = False) -> Pair:
    """(lower, upper) vectors from a pair of sides.

    A side is None, a number, or a pytree like x0 whose leaves are None, numbers or arrays that broadcast to the leaf of
    x0. With `flat` it is an array over the whole vector.
    """
    if not isinstance(bounds, (list, tuple)) or len(bounds) != 2:
        raise ValueError(
            f"{vector.where}: bounds must be a pair (lower, upper), each None, a number or a pytree like "
            f"{vector.name}, got {bounds!r}."
        )
    flat = flat or vector.is_array
    sides = [
        _flat_side(vector, b, name, fill) if flat else _side(vector, b, name, fill)
        for b, name, fill in zip(bounds, ("lower", "upper"), (-np.inf, np.inf))
    ]
    return _checked(vector, *sides)


def _side(vector: Vector, side: Any, name: str, fill: float) -> Any:
    if side is None or is_number(side):
        return _filled(fill if side is None else side, (vector.size,))
    leaves, treedef = tree.tree_flatten(side, is_leaf=lambda x: x is None)
    if treedef != vector.treedef:
        raise ValueError(
            f"{vector.where}: the {name} bounds have the structure {treedef}, but {vector.name} has {vector.treedef}.\n"
            f"Fix: give every leaf of {vector.name} a bound; None where there is none."
        )
    parts = []
    for path, shape, x in zip(vector.paths, vector.shapes, leaves):
        x = promotion.array_operand(fill if x is None else x)
        parts.append(_broadcast(vector, f"the {name} bound {path}", x, shape, f"{vector.name}{path}"))
    return joined(parts)


def _flat_side(vector: Vector, side: Any, name: str, fill: float) -> Any:
    x = promotion.array_operand(fill if side is None else side)
    x = x[0] if x.shape == (1,) else x
    return joined([_broadcast(vector, f"the {name} bounds", x, (vector.size,), vector.name)])


def _broadcast(vector: Vector, what: str, x: Any, shape: tuple[int, ...], of: str) -> Any:
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise ValueError(
            f"{vector.where}: {what} has shape {tuple(x.shape)}, which does not broadcast to that of {of}, {shape}."
        ) from None


def _filled(number: Any, shape: tuple[int, ...]) -> Any:
    return joined([np.broadcast_to(promotion.array_operand(number), shape)])


def _checked(vector: Vector, lower: Any, upper: Any) -> Pair:
    if type(lower) is not Tracer and type(upper) is not Tracer and not np.all(lower <= upper):
        k = int(np.argmin(lower <= upper))
        raise ValueError(
            f"{vector.where}: the bounds of number {k} of {vector.name} leave nothing between them: lower {lower[k]}, "
            f"upper {upper[k]}."
        )
    return lower, upper


def infinite(size: int) -> Pair:
    """Bounds that bound nothing."""
    return np.full(size, -np.inf, FLOAT), np.full(size, np.inf, FLOAT)


__all__ = ["for_minimize", "from_pair", "infinite"]
