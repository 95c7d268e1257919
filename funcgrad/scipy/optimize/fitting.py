"""`least_squares`: SciPy's, for functions of pytrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...api import recording as rec
from ...numpy import promotion
from ..programs import Function, Outer, jacobian_of, value
from ..vectors import FLOAT, Vector, is_number, joined
from . import bounds as bounded
from . import optimality
from .implicit import solution

# rho(z) of the squared scaled residual z, as SciPy has them
_LOSSES: dict[str, Callable] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2.0 * (np.sqrt(1.0 + z) - 1.0),
    "huber": lambda z: np.where(z <= 1.0, z, 2.0 * np.sqrt(z) - 1.0),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}
NUMERIC = ("2-point", "3-point")


def least_squares(
    fun: Callable,
    x0: Any,
    jac: Any = None,
    bounds: Any = (None, None),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = 1.0,
    loss: str = "linear",
    f_scale: float = 1.0,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: dict | None = None,
    **options: Any,
) -> Any:
    """The least sum of squares of residuals of a pytree, by SciPy, with automatic Jacobians; itself differentiable.

        x = argmin 1/2 sum rho(r_i(x)^2)

    Derivatives of the solution use the whole Hessian, with the second derivatives of r that Gauss-Newton leaves out.

    Args:
        fun: `(params, *args, **kwargs) -> residuals`, an array or a pytree of arrays.
        x0: params to start from, a pytree of real arrays; a list or tuple of numbers is a vector.
        jac: None: automatic, by the mode that suits the shape. A function `(params, *args, **kwargs) -> (m, n)`, over
            the vectors of all residuals and all params; "2-point" or "3-point": differences.
        bounds: (lower, upper), each None, a number or a pytree like x0 with leaves None, numbers or arrays; or
            `scipy.optimize.Bounds` over the whole vector.
        method, ftol, xtol, gtol, max_nfev, verbose, options: as in SciPy.
        x_scale: a number, "jac", or a pytree like x0.
        loss: "linear", "soft_l1", "huber", "cauchy" or "arctan".
        f_scale: the residual from which on a loss counts less than the square.
        args, kwargs: further arguments of `fun`.

    Returns:
        SciPy's `OptimizeResult`. `x` and `grad` are pytrees like x0, with its dtypes; `fun` (residuals), `jac` (m, n)
        and `active_mask` are about vectors. Under a transformation it has `x`, `fun` and `cost`, which have
        derivatives, and `success`, `status` and `nfev`, which have none.

    Raises:
        TypeError: x0 holds no real numbers.
        ValueError: structures do not fit, a residual is nan or infinite at x0, or an option does not exist.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import least_squares
        >>> t = np.array([0.0, 1.0, 2.0])
        >>> model = lambda p: p["scale"] * np.exp(-p["rate"] * t)
        >>> y = 2.0 * np.exp(-0.5 * t)
        >>> fit = least_squares(lambda p: model(p) - y, {"scale": 1.0, "rate": 1.0})
        >>> round(fit.x["scale"], 6), round(fit.x["rate"], 6)
        (np.float64(2.0), np.float64(0.5))
        >>> rate = lambda y: least_squares(lambda p: model(p) - y, {"scale": 1.0, "rate": 1.0}).x["rate"]
        >>> fg.grad(rate)(y).round(4)
        array([ 0.3329, -0.2734, -0.4542])

    Reference: scipy.optimize.least_squares; the derivative, Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM
    2008, chapter 15.
    """
    where = f"least_squares of {rec.name_of(fun)}"
    if loss not in _LOSSES:
        raise ValueError(f"{where}: loss must be one of {', '.join(map(repr, _LOSSES))}, got {loss!r}.")
    vector = Vector(where, "x0", x0)
    args, kwargs = args if isinstance(args, tuple) else (args,), kwargs or {}
    flat = lambda v: joined(tree.tree_leaves(fun(vector.unflatten(v), *args, **kwargs)))  # noqa: E731
    parts = {"fun": Function(where, flat, [(vector.size,)])}
    if callable(jac):
        matrix = lambda v: promotion.convert(jac(vector.unflatten(v), *args, **kwargs), FLOAT)  # noqa: E731
        parts["jac"] = Function(f"{where}: jac", matrix, [(vector.size,)])
    elif not (jac is None or jac in NUMERIC):
        raise ValueError(f"{where}: jac must be None, a function, '2-point' or '3-point', got {jac!r}.")
    is_bounds = hasattr(bounds, "lb") and hasattr(bounds, "ub")
    box = bounded.from_pair(vector, (bounds.lb, bounds.ub) if is_bounds else bounds, flat=is_bounds)
    outer = Outer(list(parts.values()), [vector.flatten(x0, "x0"), *box])
    scale = x_scale if isinstance(x_scale, str) or is_number(x_scale) else vector.flatten(x_scale, "x_scale")
    options |= dict(method=method, ftol=ftol, xtol=xtol, gtol=gtol, x_scale=scale, loss=loss, f_scale=f_scale,
                    max_nfev=max_nfev, verbose=verbose)  # fmt: skip

    def solve(functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return _by_scipy(where, functions, vectors, jac, options)

    if not outer.values:
        result = solve(outer.functions, outer.vectors)
        result.x, result.grad = vector.unflatten(result.x), vector.unflatten(result.grad)
        return result
    return _traced_result(vector, outer, solve, lambda r: cost(r, loss, f_scale))


def _by_scipy(where: str, functions: Sequence[Function], vectors: Sequence[Any], jac: Any, options: dict) -> Any:
    from scipy.optimize import least_squares as scipy_least_squares

    start, lower, upper = vectors
    fun = functions[0]
    compiled = fun.compiled(value)
    residuals = compiled(start)[0]
    if not np.all(np.isfinite(residuals)):
        k = int(np.argmin(np.isfinite(residuals)))
        raise ValueError(f"{where}: residual {k} is {residuals[k]} at x0.\nFix: start where all residuals are finite.")
    if len(functions) > 1:
        derivative: Any = functions[1].compiled(value)
    else:
        derivative = None if jac in NUMERIC else fun.compiled(jacobian_of(fun.shape[0], start.size))
    slope = jac if derivative is None else lambda x: derivative(x)[0]
    return scipy_least_squares(lambda x: compiled(x)[0], start, jac=slope, bounds=(lower, upper), **options)


def cost(residuals: Any, loss: str, f_scale: Any) -> Any:
    """1/2 sum of C^2 rho((r / C)^2), what `least_squares` makes least."""
    if loss == "linear":
        return 0.5 * np.sum(residuals * residuals)
    return 0.5 * f_scale**2 * np.sum(_LOSSES[loss]((residuals / f_scale) ** 2))


def _traced_result(vector: Vector, outer: Outer, solve: Callable, cost_of: Callable) -> Any:
    from scipy.optimize import OptimizeResult

    n = vector.size

    def objective(f: Function) -> Callable:
        return lambda x: cost_of(f(x))

    def found(functions: Sequence[Function], vectors: Sequence[Any]) -> list[Any]:
        result = solve(functions, vectors)
        at_x = optimality.active_bounds(result.x, result.grad, *vectors[1:])
        return [result.x, at_x, result.success, result.status, result.nfev]

    def residual(z: Any, info: Sequence[Any], functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return optimality.residual(z, (info[0], None), objective(functions[0]), (), (), vectors[1:])

    count = ((), np.int64)
    results = [((n,), FLOAT), ((n,), np.int64), ((), np.bool_), count, count]
    x, _, success, status, nfev = solution(outer, found, residual, results)
    residuals = outer.functions[0](x)
    return OptimizeResult(
        x=vector.unflatten(x), fun=residuals, cost=cost_of(residuals), success=success, status=status, nfev=nfev
    )


__all__ = ["NUMERIC", "cost", "least_squares"]
