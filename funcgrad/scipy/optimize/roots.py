"""`root`, `root_scalar`, `brentq`, `minimize_scalar`: SciPy's, with automatic and implicit derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...api import recording as rec
from ...api.differentiation import grad
from ...core.tracing import Tracer
from ...numpy import promotion
from ..programs import Function, Outer, jacobian_of, scalar, value
from ..vectors import FLOAT, Vector, joined
from . import optimality
from .implicit import solution

_WITH_JACOBIAN = ("hybr", "lm")
_DERIVATIVES = {"newton": 1, "halley": 2}


def root(
    fun: Callable,
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable | None = None,
    options: dict | None = None,
) -> Any:
    """A root of a function of a pytree to a pytree, by SciPy, with automatic Jacobians; itself differentiable.

        f(x, p) = 0;    x' = -(df/dx)^-1 (df/dp) p'

    Args:
        fun: `(params, *args) -> values`, as many numbers as there are in params; a pytree or a list of any structure.
        x0: params to start from, a pytree of real arrays; a list or tuple of numbers is a vector.
        args: further arguments.
        method: one of SciPy's names; "hybr" and "lm" use the Jacobian.
        jac: None: automatic. A function `(params, *args) -> (n, n)`; False: differences, where the method uses any.
        tol, options: as in SciPy.
        callback: as in SciPy; its first parameter is a pytree.

    Returns:
        SciPy's `OptimizeResult`. `x` is a pytree like x0, with its dtypes; all else is about vectors. Under a
        transformation it has `x` and `fun`, which have derivatives, and `success` and `status`, which have none.

    Raises:
        TypeError: x0 holds no real numbers.
        ValueError: the numbers of values and unknowns differ.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import root
        >>> def circle_and_line(p, radius):
        ...     return [p["x"] ** 2 + p["y"] ** 2 - radius**2, p["x"] - p["y"]]
        >>> root(circle_and_line, {"x": 1.0, "y": 0.5}, args=(2.0,)).x["x"].round(6)
        np.float64(1.414214)
        >>> fg.grad(lambda r: root(circle_and_line, {"x": 1.0, "y": 0.5}, args=(r,)).x["x"])(2.0).round(6)
        np.float64(0.707107)

    Reference: scipy.optimize.root
    """
    where = f"root of {rec.name_of(fun)}"
    vector = Vector(where, "x0", x0)
    args = args if isinstance(args, tuple) else (args,)
    n = vector.size
    parts = [Function(where, lambda v: joined(tree.tree_leaves(fun(vector.unflatten(v), *args))), [(n,)])]
    if parts[0].shape != (n,):
        raise ValueError(
            f"{where}: the function returns {parts[0].shape[0]} numbers for {n} unknowns.\n"
            "Fix: return one equation for each, or use least_squares."
        )
    if callable(jac):
        matrix = lambda v: promotion.convert(promotion.array_operand(jac(vector.unflatten(v), *args)), FLOAT)  # noqa: E731
        parts.append(Function(f"{where}: jac", matrix, [(n,)]))
    elif jac is not None and jac is not False:
        raise ValueError(f"{where}: jac must be None, False or a function, got {jac!r}.")
    outer = Outer(parts, [vector.flatten(x0, "x0")])

    def solve(functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        from scipy.optimize import root as scipy_root

        compiled = functions[0].compiled(value)
        _check_values(where, compiled(vectors[0])[0])
        derivative = functions[-1].compiled(value if len(functions) > 1 else jacobian_of(n, n))
        use = method in _WITH_JACOBIAN and jac is not False
        called = None if callback is None else lambda x, *f: callback(vector.unflatten(x), *f)
        return scipy_root(
            lambda x: compiled(x)[0], vectors[0], method=method, tol=tol, callback=called, options=options,
            jac=(lambda x: derivative(x)[0]) if use else None,
        )  # fmt: skip

    if not outer.values:
        result = solve(outer.functions, outer.vectors)
        result.x = vector.unflatten(result.x)
        return result
    return _traced_root(vector, outer, solve)


def _check_values(where: str, values: np.ndarray) -> None:
    if not np.all(np.isfinite(values)):
        k = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{where}: value {k} of the function is {values[k]} at x0.\nFix: start where it is defined.")


def _traced_root(vector: Vector, outer: Outer, solve: Callable) -> Any:
    from scipy.optimize import OptimizeResult

    def found(functions: Sequence[Function], vectors: Sequence[Any]) -> list[Any]:
        result = solve(functions, vectors)
        return [result.x, result.success, result.get("status", 0)]

    def residual(z: Any, info: Sequence[Any], functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return functions[0](z)

    results = [((vector.size,), FLOAT), ((), np.bool_), ((), np.int64)]
    x, success, status = solution(outer, found, residual, results)
    return OptimizeResult(x=vector.unflatten(x), fun=outer.functions[0](x), success=success, status=status)


def root_scalar(
    f: Callable,
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: Any = None,
    x1: Any = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: dict | None = None,
) -> Any:
    """A root of a function of one number, by SciPy, with automatic derivatives for Newton's and Halley's methods.

        f(x, p) = 0;    x' = -(df/dp) p' / (df/dx)

    Args:
        f: `(x, *args) -> a number`.
        args: further arguments.
        method: one of SciPy's names. Without it: "brentq" with a bracket, "newton" with x0, "secant" with x0 and x1.
        bracket: (a, b), where f has opposite signs.
        fprime, fprime2: None: automatic, where the method uses them. Functions with the arguments of f.
        x0, x1: where methods without bracket start.
        xtol, rtol, maxiter, options: as in SciPy.

    Returns:
        SciPy's `RootResults`; under a transformation an `OptimizeResult` with `root`, which has derivatives,
        `converged`, `iterations` and `function_calls`.

    Raises:
        TypeError: f returns no real scalar.
        ValueError: as SciPy does: f has equal signs at the bracket, or the method lacks something.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import root_scalar
        >>> result = root_scalar(lambda x, a: x**3 - a, args=(8.0,), x0=1.0)
        >>> result.converged, round(result.root, 9)
        (True, np.float64(2.0))
        >>> fg.grad(lambda a: root_scalar(lambda x: x**3 - a, x0=1.0).root)(8.0).round(9)
        np.float64(0.083333333)

    Reference: scipy.optimize.root_scalar
    """
    if method is None:
        method = "brentq" if bracket is not None else "secant" if x1 is not None else "newton"
    settings = dict(xtol=xtol, rtol=rtol, maxiter=maxiter, options=options)
    where = f"root_scalar of {rec.name_of(f)}"
    return _root_scalar(where, f, args, method, bracket, fprime, fprime2, (x0, x1), settings)


def _root_scalar(
    where: str,
    f: Callable,
    args: Any,
    method: str,
    bracket: Any,
    fprime: Any,
    fprime2: Any,
    starts: Any,
    settings: dict,
) -> Any:
    names = ["f", *(n for n, g in (("fprime", fprime), ("fprime2", fprime2)) if callable(g))]
    given = {"f": f, "fprime": fprime, "fprime2": fprime2}
    parts = [_of_number(where, given[n], args) for n in names]
    points = None if bracket is None else joined(list(bracket))
    outer = Outer(parts, [points, *(None if x is None else joined([x]) for x in starts)])

    def solve(functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        from scipy.optimize import root_scalar as scipy_root_scalar

        found = {n: _number(g, value) for n, g in zip(names, functions)}
        needed = _DERIVATIVES.get(method, 0)
        if needed >= 1:
            found.setdefault("fprime", _number(functions[0], grad))
        if needed >= 2:
            found.setdefault("fprime2", _number(functions[0], _second))
        points, *starts = vectors
        starts = [None if x is None else float(x[0]) for x in starts]
        bracket = None if points is None else tuple(map(float, points))
        return scipy_root_scalar(
            found.pop("f"), method=method, bracket=bracket, x0=starts[0], x1=starts[1], **found, **settings
        )

    if not outer.values:
        return solve(outer.functions, outer.vectors)
    return _traced_scalar(outer, solve)


def _of_number(where: str, f: Callable, args: Any) -> Function:
    args = args if isinstance(args, tuple) else (args,)
    return Function(where, lambda x: scalar(where, f(x, *args)), [()])


def _number(f: Function, derive: Callable) -> Callable:
    """A compiled function of one Python number."""
    compiled = f.compiled(derive)
    return lambda x: float(compiled(np.float64(x))[0])


def _second(f: Callable) -> Callable:
    return grad(grad(f))


def _traced_scalar(outer: Outer, solve: Callable) -> Any:
    from scipy.optimize import OptimizeResult

    def found(functions: Sequence[Function], vectors: Sequence[Any]) -> list[Any]:
        result = solve(functions, vectors)
        return [[result.root], result.converged, result.iterations, result.function_calls]

    def residual(z: Any, info: Sequence[Any], functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return np.reshape(functions[0](z[0]), (1,))

    results = [((1,), FLOAT), ((), np.bool_), ((), np.int64), ((), np.int64)]
    x, converged, iterations, calls = solution(outer, found, residual, results)
    return OptimizeResult(root=x[0], converged=converged, iterations=iterations, function_calls=calls)


def brentq(
    f: Callable,
    a: Any,
    b: Any,
    args: Any = (),
    xtol: float = 2e-12,
    rtol: float = 8.881784197001252e-16,
    maxiter: int = 100,
    full_output: bool = False,
    disp: bool = True,
) -> Any:
    """A root of a function between two points where it has opposite signs, by Brent's method; itself differentiable.

    Args:
        f: `(x, *args) -> a number`.
        a, b: the ends of the interval.
        args: further arguments.
        xtol, rtol, maxiter: when to stop, as in SciPy.
        full_output: return `(root, result)`, the result as `root_scalar` gives it.
        disp: raise when the iteration does not converge; outside transformations only.

    Returns:
        The root. With `full_output`, the root and the result.

    Raises:
        RuntimeError: no convergence within maxiter.
        ValueError: f has equal signs at a and b.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import brentq
        >>> kepler = lambda m, e: brentq(lambda x: x - e * np.sin(x) - m, 0.0, np.pi)
        >>> kepler(1.0, 0.3).round(6)
        np.float64(1.288091)
        >>> [d.round(6) for d in fg.grad(kepler, (0, 1))(1.0, 0.3)]        # 1 / (1 - e cos x), sin x / (1 - e cos x)
        [np.float64(1.091329), np.float64(1.048008)]

    Reference: scipy.optimize.brentq
    """
    where = f"brentq of {rec.name_of(f)}"
    settings = dict(xtol=xtol, rtol=rtol, maxiter=maxiter)
    result = _root_scalar(where, f, args, "brentq", (a, b), None, None, (None, None), settings)
    x = result.root if type(result.root) is Tracer else np.float64(result.root)
    if disp and type(x) is not Tracer and not result.converged:
        raise RuntimeError(f"{where}: no convergence after {maxiter} iterations; the last point is {x}.")
    return (x, result) if full_output else x


def minimize_scalar(
    fun: Callable,
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: float | None = None,
    options: dict | None = None,
) -> Any:
    """The minimum of a function of one number, by SciPy; itself differentiable.

        x = argmin f(x, p);    x' = -(d^2 f/dx dp) p' / (d^2 f/dx^2);    at a bound, that of the bound

    Args:
        fun: `(x, *args) -> a number`.
        bracket: two or three numbers around the minimum, as in SciPy.
        bounds: (lower, upper), for the method "bounded".
        args: further arguments.
        method, tol, options: as in SciPy.

    Returns:
        SciPy's `OptimizeResult`; under a transformation with `x` and `fun`, which have derivatives, `success` and
        `nfev`.

    Raises:
        TypeError: `fun` returns no real scalar.

    Example:
        >>> import funcgrad as fg
        >>> from funcgrad.scipy.optimize import minimize_scalar
        >>> lowest = lambda a: minimize_scalar(lambda x: x**4 - 2.0 * a * x**2, bounds=(0.0, 5.0)).x      # sqrt(a)
        >>> round(lowest(4.0), 4), round(fg.grad(lowest)(4.0), 4)
        (np.float64(2.0), np.float64(0.25))

    Reference: scipy.optimize.minimize_scalar
    """
    where = f"minimize_scalar of {rec.name_of(fun)}"
    points = [None if p is None else joined(list(p)) for p in (bracket, bounds)]
    outer = Outer([_of_number(where, fun, args)], points)

    def solve(functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        from scipy.optimize import minimize_scalar as scipy_minimize_scalar

        bracket, bounds = (None if v is None else tuple(map(float, v)) for v in vectors)
        return scipy_minimize_scalar(
            _number(functions[0], value), bracket=bracket, bounds=bounds, method=method, tol=tol, options=options
        )

    if not outer.values:
        result = solve(outer.functions, outer.vectors)
        result.x = np.float64(result.x)
        return result
    return _traced_minimum(outer, solve)


def _traced_minimum(outer: Outer, solve: Callable) -> Any:
    from scipy.optimize import OptimizeResult

    def box(vectors: Sequence[Any]) -> tuple:
        bounds = np.array([-np.inf, np.inf]) if vectors[1] is None else vectors[1]
        return bounds[:1], bounds[1:]

    def found(functions: Sequence[Function], vectors: Sequence[Any]) -> list[Any]:
        result = solve(functions, vectors)
        slope = _number(functions[0], grad)(result.x)
        active = optimality.active_bounds(np.array([result.x]), np.array([slope]), *box(vectors))
        return [[result.x], active, result.success, result.nfev]

    def residual(z: Any, info: Sequence[Any], functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return optimality.residual(z, (info[0], None), lambda z: functions[0](z[0]), (), (), box(vectors))

    results = [((1,), FLOAT), ((1,), np.int64), ((), np.bool_), ((), np.int64)]
    x, _, success, nfev = solution(outer, found, residual, results)
    return OptimizeResult(x=x[0], fun=outer.functions[0](x[0]), success=success, nfev=nfev)


__all__ = ["brentq", "minimize_scalar", "root", "root_scalar"]
