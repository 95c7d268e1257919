"""Constraints of `minimize`: SciPy's dictionaries and objects, with functions of pytrees and automatic Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import tree
from ...records import record
from ..programs import Function, jacobian_of, value, weighted_hessian
from ..vectors import FLOAT, Vector, joined


@record
class Constraint:
    """lower <= function(x) <= upper, for a vector x.

    `build(function, hessian)` is what SciPy is given; with `hessian` it has an exact Hessian, which only "trust-constr"
    uses.
    """

    function: Function
    lower: np.ndarray
    upper: np.ndarray
    build: Callable[[Function, bool], Any]


def read(vector: Vector, constraints: Any) -> list[Constraint]:
    """The constraints of a problem.

    Raises:
        TypeError, ValueError: what is given is no constraint.
    """
    if isinstance(constraints, dict) or hasattr(constraints, "lb"):
        constraints = (constraints,)
    return [_read(f"{vector.where}: constraint {k}", vector, c) for k, c in enumerate(constraints)]


def _read(where: str, vector: Vector, constraint: Any) -> Constraint:
    if isinstance(constraint, dict):
        return _dictionary(where, vector, constraint)
    if hasattr(constraint, "A") and hasattr(constraint, "lb"):
        matrix = constraint.A.toarray() if hasattr(constraint.A, "toarray") else np.atleast_2d(constraint.A)
        f = Function(where, lambda v: matrix.astype(FLOAT) @ v, [(vector.size,)])
        return Constraint(f, *_sides(where, constraint, f.shape), lambda _, hessian: constraint)
    if hasattr(constraint, "fun") and hasattr(constraint, "lb"):
        f = _function(where, vector, constraint.fun, ())
        lower, upper = _sides(where, constraint, f.shape)
        build = lambda f, hessian: _nonlinear(f, lower, upper, hessian, constraint.keep_feasible)  # noqa: E731
        return Constraint(f, lower, upper, build)
    raise TypeError(f"{where} must be a dictionary, a NonlinearConstraint or a LinearConstraint, got {constraint!r}.")


def _function(where: str, vector: Vector, fun: Callable, args: Any) -> Function:
    args = args if isinstance(args, tuple) else (args,)
    return Function(where, lambda v: joined(tree.tree_leaves(fun(vector.unflatten(v), *args))), [(vector.size,)])


def _dictionary(where: str, vector: Vector, constraint: dict) -> Constraint:
    kind = str(constraint.get("type", "")).lower()
    if kind not in ("eq", "ineq") or not callable(constraint.get("fun")):
        raise ValueError(f"{where} needs 'type', which is 'eq' or 'ineq', and 'fun', a function; got {constraint!r}.")
    f = _function(where, vector, constraint["fun"], constraint.get("args", ()))
    lower, upper = np.zeros(f.shape), np.full(f.shape, 0.0 if kind == "eq" else np.inf)

    def build(f: Function, hessian: bool) -> Any:
        if hessian:
            return _nonlinear(f, lower, upper, hessian)
        return {"type": kind, "fun": _values(f), "jac": _jacobian(f)}

    return Constraint(f, lower, upper, build)


def _nonlinear(f: Function, lower: np.ndarray, upper: np.ndarray, hessian: bool, keep_feasible: Any = False) -> Any:
    from scipy.optimize import NonlinearConstraint

    kwargs = {"jac": _jacobian(f), "keep_feasible": keep_feasible}
    if hessian:
        product = f.compiled(weighted_hessian, (f.shape,))
        kwargs["hess"] = lambda x, v: product(x, np.ascontiguousarray(v, FLOAT))[0]
    return NonlinearConstraint(_values(f), lower, upper, **kwargs)


def _values(f: Function) -> Callable:
    compiled = f.compiled(value)
    return lambda x: compiled(x)[0]


def _jacobian(f: Function) -> Callable:
    compiled = f.compiled(jacobian_of(f.shape[0], f.program.in_avals[-1].shape[0]))
    return lambda x: compiled(x)[0]


def _sides(where: str, constraint: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    try:
        return tuple(np.broadcast_to(np.asarray(b, FLOAT), shape) for b in (constraint.lb, constraint.ub))  # type: ignore[return-value]
    except ValueError:
        raise ValueError(
            f"{where}: lb and ub have shapes {np.shape(constraint.lb)} and {np.shape(constraint.ub)}, the function has "
            f"{shape[0]} values."
        ) from None


__all__ = ["Constraint", "read"]
