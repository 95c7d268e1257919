"""`minimize` and `minimize_scalar`: SciPy's, for functions of pytrees."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...api import recording as rec
from ...api.differentiation import grad, value_and_grad
from ...api.jacobians import hessian
from ...core.tracing import Tracer
from ...numpy import promotion
from ...records import replace
from ..programs import Function, Outer, hessian_product, scalar, value
from ..vectors import FLOAT, Vector
from . import bounds as bounded
from . import constraints as constrained
from . import optimality
from .implicit import solution

_NO_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
_HESSIAN = ("dogleg", "trust-exact")
_PRODUCT = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
_DENSE = 50  # with no more unknowns than this a whole Hessian costs less than the products a solver would ask for
_NUMERIC = ("2-point", "3-point")


def minimize(
    fun: Callable,
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable | None = None,
    options: dict | None = None,
) -> Any:
    """The minimum of a function of a pytree, by SciPy, with automatic derivatives; itself differentiable.

        x = argmin f(x, p);    x' = -(d^2 f/dx^2)^-1 (d^2 f/dx dp) p'

    `fun` is traced once and compiled together with its gradient, and with its Hessian or products with it where the
    method uses them. Under a transformation the solution has derivatives with respect to all traced values that `fun`,
    the bounds and the constraints depend on, of every order; that they hold at a minimum is for the caller to see to
    (tight tolerances, `result.success`). What is at an active bound moves with the bound.

    Args:
        fun: `(params, *args) -> a scalar`.
        x0: params to start from, a pytree of real arrays. A list or tuple of numbers is a vector. It has no influence
            on derivatives.
        args: further arguments. Only floating-point values traced by an outer transformation have derivatives.
        method: one of SciPy's names, or a function as SciPy takes it.
        jac: None: the gradient by reverse mode. A function `(params, *args) -> gradient`, a pytree like x0; True: `fun`
            returns `(value, gradient)`; "2-point" or "3-point": differences.
        hess: None: automatic. A function `(params, *args) -> (n, n)`, "2-point", "3-point" or a
            `HessianUpdateStrategy`.
        hessp: None: automatic. A function `(params, p, *args) -> H p`, on pytrees.
        bounds: for a vector x0, as in SciPy: pairs (min, max). For any other pytree, (lower, upper), each None, a
            number or a pytree like x0 with leaves None, numbers or arrays. Or `scipy.optimize.Bounds` over the whole
            vector.
        constraints: SciPy's dictionaries, `NonlinearConstraint` (functions of params; Jacobians are automatic) or
            `LinearConstraint` (over the whole vector).
        tol, options: as in SciPy.
        callback: as in SciPy; its parameters are pytrees.

    Returns:
        SciPy's `OptimizeResult`. `x` and `jac` (`grad` of "trust-constr") are pytrees like x0, with its dtypes; all
        else is about the vector of all numbers, in the order of the leaves. Under a transformation it has `x`, `fun`
        and `jac`, which have derivatives, and `success`, `status`, `nit` and `nfev`, which have none.

    Raises:
        TypeError: `fun` returns no real scalar, or x0 holds no real numbers.
        ValueError: structures do not fit, `fun` or its gradient is nan at x0, or an option does not exist.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import minimize
        >>> def loss(params, target):
        ...     return np.sum((params["a"] - target) ** 2) + (params["b"] - 1.0) ** 4
        >>> result = minimize(loss, {"a": np.zeros(2), "b": 0.5}, args=(np.array([1.0, 2.0]),))
        >>> result.success, result.x["a"].round(4)
        (True, array([1., 2.]))
        >>> ridge = lambda s: minimize(lambda x: (x - 3.0) ** 2 + s * x**2, 0.0).x
        >>> round(fg.grad(ridge)(0.5), 6)                       # -3 / (1 + s)^2
        np.float64(-1.333333)

    Reference: scipy.optimize.minimize; Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 15.
    """
    where = f"minimize of {rec.name_of(fun)}"
    vector = Vector(where, "x0", x0)
    args = args if isinstance(args, tuple) else (args,)
    parts = _functions(where, vector, fun, args, jac, hess, hessp)
    limits = constrained.read(vector, constraints)
    start, (lower, upper) = vector.flatten(x0, "x0"), bounded.for_minimize(vector, bounds)
    names = list(parts)
    outer = Outer([*parts.values(), *(c.function for c in limits)], [start, lower, upper])
    limits = [replace(c, function=c.function.hollow()) for c in limits]
    given = {"jac": None if callable(jac) else jac, "hess": None if callable(hess) else hess}

    def solve(functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        found = dict(zip(names, functions))
        built = [c.build(f, method == "trust-constr") for c, f in zip(limits, functions[len(names) :])]
        kwargs = {"method": method, "tol": tol, "options": options, "callback": _callback(vector, callback)}
        return _by_scipy(where, vector, found, given, vectors, built, kwargs)

    if not outer.values:
        return _with_pytrees(vector, solve(outer.functions, outer.vectors))
    return _traced_result(vector, outer, solve, limits, len(names))


def _functions(
    where: str, vector: Vector, fun: Callable, args: tuple, jac: Any, hess: Any, hessp: Any
) -> dict[str, Function]:
    """The user's functions, as functions of vectors."""
    n, point = vector.size, [(vector.size,)]
    flat_fun = lambda v: fun(vector.unflatten(v), *args)  # noqa: E731
    if jac is True:
        flat_value, flat_gradient = (lambda v, k=k: flat_fun(v)[k] for k in (0, 1))
        parts = {"fun": Function(where, lambda v: scalar(where, flat_value(v)), point)}
        parts["jac"] = Function(where, lambda v: vector.flatten(flat_gradient(v), "the gradient"), point)
    else:
        parts = {"fun": Function(where, lambda v: scalar(where, flat_fun(v)), point)}
    if callable(jac):
        slope = lambda v: vector.flatten(jac(vector.unflatten(v), *args), "the result of jac")  # noqa: E731
        parts["jac"] = Function(f"{where}: jac", slope, point)
    elif not (jac is None or jac is True or jac in _NUMERIC):
        raise ValueError(f"{where}: jac must be None, True, a function, '2-point' or '3-point', got {jac!r}.")
    if callable(hess):
        matrix = lambda v: _square(where, vector, hess(vector.unflatten(v), *args))  # noqa: E731
        parts["hess"] = Function(f"{where}: hess", matrix, point)
    if callable(hessp):
        product = lambda v, p: vector.flatten(  # noqa: E731
            hessp(vector.unflatten(v), vector.unflatten(p), *args), "the result of hessp"
        )
        parts["hessp"] = Function(f"{where}: hessp", product, [(n,), (n,)])
    return parts


def _square(where: str, vector: Vector, matrix: Any) -> Any:
    n = vector.size
    if tuple(np.shape(matrix)) != (n, n):
        raise ValueError(f"{where}: hess must return an array of shape ({n}, {n}), one row for each number in x0.")
    return promotion.convert(promotion.array_operand(matrix), FLOAT)


def _by_scipy(
    where: str, vector: Vector, parts: dict, given: dict, vectors: Sequence[Any], limits: list, kwargs: dict
) -> Any:
    from scipy.optimize import Bounds
    from scipy.optimize import minimize as scipy_minimize

    start, lower, upper = vectors
    method = kwargs["method"].lower() if isinstance(kwargs["method"], str) else kwargs["method"]
    numeric = given["jac"] if given["jac"] in _NUMERIC else None
    if method in _NO_GRADIENT or numeric:
        fun, jac = _value(parts["fun"]), numeric if method not in _NO_GRADIENT else None
    elif "jac" in parts:
        fun, jac = _value(parts["fun"]), _array(parts["jac"])
    else:
        fun, jac = _value_and_gradient(parts["fun"]), True
    _check_start(where, vector, start if lower is None else np.clip(start, lower, upper), fun, jac)
    box = None if lower is None else Bounds(lower, upper)
    second = _second_order(parts, given, method, vector.size)
    return scipy_minimize(fun, start, jac=jac, bounds=box, constraints=limits, **second, **kwargs)


def _second_order(parts: dict, given: dict, method: Any, size: int) -> dict[str, Any]:
    """hess or hessp for the methods that use one."""
    if "hess" in parts:
        return {"hess": _array(parts["hess"])}
    if "hessp" in parts:
        return {"hessp": _array(parts["hessp"])}
    if given["hess"] is not None:
        return {"hess": given["hess"]}
    if method in _HESSIAN or (method in _PRODUCT and size <= _DENSE):
        dense = parts["fun"].compiled(hessian)
        return {"hess": lambda x: dense(x)[0]}
    if method in _PRODUCT:
        product = parts["fun"].compiled(hessian_product, ((size,),))
        return {"hessp": lambda x, p: product(x, np.ascontiguousarray(p, FLOAT))[0]}
    return {}


def _value(f: Function) -> Callable:
    compiled = f.compiled(value)
    return lambda x: float(compiled(x)[0])


def _array(f: Function) -> Callable:
    compiled = f.compiled(value)
    return lambda *arrays: compiled(*arrays)[0]


def _value_and_gradient(f: Function) -> Callable:
    compiled = f.compiled(value_and_grad)

    def fun(x: np.ndarray) -> tuple[float, np.ndarray]:
        out, slope = compiled(x)
        return float(out), slope

    return fun


def _check_start(where: str, vector: Vector, start: np.ndarray, fun: Callable, jac: Any) -> None:
    """Refuse to start where the function, or its gradient, is not a number."""
    out = fun(start)
    out, slope = out if jac is True else (out, None)
    if np.isnan(out):
        raise ValueError(
            f"{where}: the function is nan at x0.\nFix: start where it is defined, or see funcgrad.debug for what "
            "makes a nan."
        )
    if slope is not None and np.any(np.isnan(slope)):
        wrong = [p for p, x in zip(vector.paths, tree.tree_leaves(vector.unflatten(slope))) if np.any(np.isnan(x))]
        places = ", ".join(f"x0{p}" for p in wrong)
        raise ValueError(f"{where}: the gradient of the function is nan at x0, with respect to {places}.")


def _callback(vector: Vector, callback: Callable | None) -> Callable | None:
    """A callback of pytrees as SciPy calls it, in the form that the user's has."""
    if callback is None:
        return None
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            return callback(intermediate_result=_with_pytrees(vector, intermediate_result))

        return with_result
    return lambda x, *rest: callback(vector.unflatten(x), *rest)


def _with_pytrees(vector: Vector, result: Any) -> Any:
    """SciPy's result with pytrees where it speaks of unknowns."""
    result = type(result)(result)
    for name in ("x", "jac", "grad"):
        found = result.get(name)
        if isinstance(found, np.ndarray) and found.shape == (vector.size,):
            result[name] = vector.unflatten(found)
    if "allvecs" in result:
        result["allvecs"] = [vector.unflatten(x) for x in result["allvecs"]]
    return result


def _traced_result(
    vector: Vector, outer: Outer, solve: Callable, limits: list[constrained.Constraint], first: int
) -> Any:
    """The result under a transformation, whose solution is differentiated by the conditions that hold there."""
    from scipy.optimize import OptimizeResult

    n, m = vector.size, sum(c.function.shape[0] for c in limits)

    def box(vectors: Sequence[Any]) -> tuple:
        return tuple(vectors[1:]) if vectors[1] is not None else bounded.infinite(n)

    def found(functions: Sequence[Function], vectors: Sequence[Any]) -> list[Any]:
        result = solve(functions, vectors)
        rows = [constrained.Constraint(f, c.lower, c.upper, c.build) for c, f in zip(limits, functions[first:])]
        z = optimality.at_solution(functions[0], rows, np.ascontiguousarray(result.x, FLOAT), box(vectors))
        return [*z, *(result.get(k, 0) for k in ("success", "status", "nit", "nfev"))]

    def residual(z: Any, info: Sequence[Any], functions: Sequence[Function], vectors: Sequence[Any]) -> Any:
        return optimality.residual(z, info[:2], functions[0], functions[first:], limits, box(vectors))

    count = ((), np.int64)
    results = [((n + m,), FLOAT), ((n,), np.int64), ((m,), np.int64), ((), np.bool_), count, count, count]
    z, _, _, success, status, nit, nfev = solution(outer, found, residual, results)
    x, f = z[:n], outer.functions[0]
    slope = grad(f)(x) if type(x) is Tracer else f.compiled(grad)(x)[0]
    return OptimizeResult(
        x=vector.unflatten(x), fun=f(x), jac=vector.unflatten(slope), success=success, status=status, nit=nit, nfev=nfev
    )


__all__ = ["minimize"]
