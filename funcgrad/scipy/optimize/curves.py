"""`curve_fit`: SciPy's, for models with pytrees of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...api import recording as rec
from ...api.differentiation import grad
from ...api.jacobians import jacfwd
from ...core.tracing import Tracer
from ...numpy import linalg, promotion
from ..programs import Function, Outer, jacobian_of, value
from ..vectors import FLOAT, Vector, joined
from . import bounds as bounded
from . import optimality
from .fitting import NUMERIC
from .implicit import solution


def curve_fit(
    f: Callable,
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool = True,
    bounds: Any = (None, None),
    method: str | None = None,
    jac: Any = None,
    **options: Any,
) -> tuple[Any, Any]:
    """Parameters of a model that fit data best, and their covariance, by SciPy; differentiable.

        popt = argmin sum ((f(x_i, p) - y_i) / sigma_i)^2;    pcov = (J^T J)^-1 s^2

    Both results have derivatives with respect to traced values in `xdata`, `ydata`, `sigma`, bounds, and what f closes
    over.

    Args:
        f: the model, `(xdata, *params)` as in SciPy when p0 is a vector or None; `(xdata, params)` when p0 is any other
            pytree.
        xdata: handed to f as it is.
        ydata: (m,), or anything with as many numbers as f returns.
        p0: params to start from: a vector or a list of numbers; None, for ones; or a pytree of real arrays.
        sigma: None, a number, (m,) standard deviations of ydata, or (m, m), their covariance.
        absolute_sigma: whether pcov is in the unit of sigma; by default it is scaled by the variance of
            the residuals.
        check_finite: refuse nan and infinity in the data.
        bounds: (lower, upper), each None, a number or a pytree like p0; or `scipy.optimize.Bounds`.
        method: "lm" (the default without bounds), "trf" or "dogbox".
        jac: None: automatic. A function with the arguments of f, `-> (m, n)`; "2-point" or "3-point".
        options: handed to `least_squares`, or `leastsq` for "lm", as in SciPy.

    Returns:
        (popt, pcov): popt like p0, with its dtypes; pcov (n, n), over the vector of all numbers in the order of the
        leaves; infinite where the data do not determine the parameters, with SciPy's warning. Under a transformation
        the covariance is that of a Jacobian of full rank.

    Raises:
        RuntimeError: the iteration does not end, as in SciPy.
        ValueError: the data hold nan or infinity, or shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import curve_fit
        >>> x = np.linspace(0.0, 2.0, 5)
        >>> popt, pcov = curve_fit(lambda x, a, b: a * np.exp(b * x), x, 2.0 * np.exp(-x), p0=[1.0, 0.0])
        >>> popt.round(6)
        array([ 2., -1.])
        >>> line = lambda x, p: p["slope"] * x + p["offset"]
        >>> popt, _ = curve_fit(line, x, 3.0 * x + 1.0, {"slope": 0.0, "offset": 0.0})
        >>> round(popt["slope"], 6), round(popt["offset"], 6)
        (np.float64(3.0), np.float64(1.0))

    Reference: scipy.optimize.curve_fit
    """
    where = f"curve_fit of {rec.name_of(f)}"
    p0 = np.ones(_parameters(where, f)) if p0 is None else p0
    vector = Vector(where, "p0", p0)
    is_bounds = hasattr(bounds, "lb") and hasattr(bounds, "ub")
    box = bounded.from_pair(vector, (bounds.lb, bounds.ub) if is_bounds else bounds, flat=is_bounds)
    target, spread = joined([_data(ydata)]), None if sigma is None else _sigma(where, sigma, np.size(ydata))
    if check_finite:
        _check_finite(where, xdata=xdata, ydata=target)

    def at(g: Callable, v: Any) -> Any:
        params = vector.unflatten(v)
        return g(xdata, *params) if vector.is_array else g(xdata, params)

    def flat(v: Any) -> Any:
        return joined(tree.tree_leaves(at(f, v)))

    parts = [Function(where, flat, [(vector.size,)])]
    if parts[0].shape != target.shape:
        raise ValueError(f"{where}: the model returns {parts[0].shape[0]} numbers, ydata has {target.shape[0]}.")
    if callable(jac):
        parts.append(Function(f"{where}: jac", lambda v: promotion.convert(at(jac, v), FLOAT), [(vector.size,)]))
    elif not (jac is None or jac in NUMERIC):
        raise ValueError(f"{where}: jac must be None, a function, '2-point' or '3-point', got {jac!r}.")
    outer = Outer(parts, [vector.flatten(p0, "p0"), *box, target, spread])
    options |= dict(absolute_sigma=absolute_sigma, check_finite=check_finite, method=method)

    def solve(functions: Sequence[Function], vectors: Sequence[Any]) -> tuple:
        return _curve_by_scipy(functions, vectors, jac, options)

    if not outer.values:
        popt, pcov, *more = solve(outer.functions, outer.vectors)
        return vector.unflatten(popt), pcov, *more
    if options.get("full_output"):
        raise ValueError(f"{where}: full_output is for calls outside transformations.")
    x = _traced_parameters(vector, outer, solve)
    residuals = _weighted(outer.functions[0], *outer.vectors[3:])
    return vector.unflatten(x), _covariance(residuals, x, absolute_sigma)


def _parameters(where: str, f: Callable) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(f).parameters.values()
    count = sum(p.kind in kinds for p in parameters) - 1
    if count < 1 or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        raise ValueError(f"{where}: the number of parameters is unknown.\nFix: pass p0.")
    return count


def _data(values: Any) -> Any:
    return promotion.array_operand(values)


def _sigma(where: str, sigma: Any, count: int) -> Any:
    """(m,) deviations or (m, m) covariance."""
    sigma = promotion.convert(_data(sigma), FLOAT)
    if tuple(sigma.shape) in ((), (1,)):
        return joined([np.broadcast_to(sigma, (count,))])
    if tuple(sigma.shape) not in ((count,), (count, count)):
        raise ValueError(f"{where}: sigma has shape {tuple(sigma.shape)}, but ydata has {count} numbers.")
    return sigma


def _check_finite(where: str, **data: Any) -> None:
    for name, values in data.items():
        for x in tree.tree_leaves(values):
            if type(x) is not Tracer and np.asarray(x).dtype.kind in "fc" and not np.all(np.isfinite(x)):
                raise ValueError(f"{where}: {name} holds nan or infinity.\nFix: leave these points out.")


def _curve_by_scipy(functions: Sequence[Function], vectors: Sequence[Any], jac: Any, options: dict) -> tuple:
    from scipy.optimize import curve_fit as scipy_curve_fit

    start, lower, upper, target, spread = vectors
    compiled = functions[0].compiled(value)
    if len(functions) > 1:
        derivative: Any = functions[1].compiled(value)
    else:
        derivative = functions[0].compiled(jacobian_of(target.size, start.size))
    slope = jac if jac in NUMERIC else lambda _, *p: derivative(np.array(p, FLOAT))[0]
    return scipy_curve_fit(
        lambda _, *p: compiled(np.array(p, FLOAT))[0], np.zeros(1), target, p0=start, sigma=spread,
        bounds=(lower, upper), jac=slope, **options,
    )  # fmt: skip


def _weighted(f: Function, target: Any, spread: Any) -> Callable:
    """p -> residuals in units of sigma."""
    if spread is None:
        return lambda p: f(p) - target
    if spread.ndim == 1:
        return lambda p: (f(p) - target) / spread
    whitening = linalg.inv(linalg.cholesky(spread))
    return lambda p: whitening @ (f(p) - target)


def _traced_parameters(vector: Vector, outer: Outer, solve: Callable) -> Any:
    def objective(functions: Sequence[Function], vectors: Sequence[Any]) -> Callable:
        residuals = _weighted(functions[0], *vectors[3:])
        return lambda p: 0.5 * np.sum(residuals(p) ** 2)

    def found(functions: Sequence[Function], vectors: Sequence[Any]) -> list[Any]:
        x = np.asarray(solve(functions, vectors)[0], FLOAT)
        return [x, optimality.active_bounds(x, grad(objective(functions, vectors))(x), *vectors[1:3])]

    def residual(z: Any, info: Sequence[Any], functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return optimality.residual(z, (info[0], None), objective(functions, vectors), (), (), vectors[1:3])

    n = vector.size
    return solution(outer, found, residual, [((n,), FLOAT), ((n,), np.int64)])[0]


def _covariance(residuals: Callable, x: Any, absolute: bool) -> Any:
    """(J^T J)^-1, times the variance of the residuals unless sigma is absolute."""
    jacobian, r = jacfwd(residuals)(x), residuals(x)
    inverse = linalg.inv(jacobian.T @ jacobian)
    return inverse if absolute else inverse * (np.sum(r * r) / (r.shape[0] - x.shape[0]))


__all__ = ["curve_fit"]
