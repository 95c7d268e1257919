"""Integrals of functions: `quad`, SciPy's adaptive one, and `fixed_quad`, Gauss and Legendre's.

I = integral of f(x, p) from a to b;    I' = integral of f_p p' + f(b) b' - f(a) a'
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...api import recording as rec
from ...api.callbacks import pure_callback
from ...api.compilation import ShapeDtypeStruct
from ...api.custom import custom_jvp
from ...api.jacobians import jacrev
from ...core.avals import is_inexact
from ...numpy import promotion
from ..programs import HOLE, Function, Outer, Problem, scalar, value
from ..vectors import FLOAT, joined


def quad(
    func: Callable,
    a: Any,
    b: Any,
    args: Any = (),
    full_output: bool = False,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Any = None,
) -> tuple:
    """The integral of a function of one number, by SciPy's adaptive rule; differentiable.

    `func` is compiled. Derivatives follow Leibniz' rule, and are integrals by the same rule, of every order. A point
    where `func` jumps is taken as fixed.

    Args:
        func: `(x, *args) -> a number`.
        a, b: limits, which may be infinite.
        args: further arguments.
        full_output, epsabs, epsrel, limit, points: as in SciPy.

    Returns:
        (value, error): the error is an estimate, without derivative. More with `full_output`, as in SciPy.

    Raises:
        TypeError: func returns no real scalar.
        ValueError: full_output under a transformation.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.integrate import quad
        >>> bell = lambda s: quad(lambda x: np.exp(-s * x * x), -np.inf, np.inf)[0]      # sqrt(pi / s)
        >>> bell(1.0).round(9), fg.grad(bell)(1.0).round(9)
        (np.float64(1.772453851), np.float64(-0.886226925))

    Reference: scipy.integrate.quad (QUADPACK)
    """
    where = f"quad of {rec.name_of(func)}"
    args = args if isinstance(args, tuple) else (args,)
    f = Function(where, lambda x: scalar(where, func(x, *args)), [()])
    limits = [promotion.convert(promotion.array_operand(v), FLOAT) for v in (a, b)]
    settings = dict(epsabs=epsabs, epsrel=epsrel, limit=limit, points=points)
    if not Outer([f], limits, np.inf).values:
        return _by_scipy(f, limits, full_output=full_output, **settings)
    if full_output:
        raise ValueError(f"{where}: full_output is for calls outside transformations.")
    return _integral(f, limits, settings)


def _by_scipy(f: Function, limits: Sequence[Any], **settings: Any) -> tuple:
    from scipy import integrate

    compiled = f.compiled(value)
    if f.shape == ():
        number, *more = integrate.quad(lambda x: float(compiled(np.float64(x))[0]), *limits, **settings)
        return np.float64(number), *more
    settings = {k: v for k, v in settings.items() if k != "limit"} | {"limit": 50 * settings["limit"]}
    return integrate.quad_vec(lambda x: compiled(np.float64(x))[0], *limits, norm="max", **settings)


def _integral(f: Function, limits: Sequence[Any], settings: dict) -> tuple[Any, Any]:
    """(value, error) under a transformation, for functions to numbers or vectors."""
    outer, shape = Outer([f], limits, np.inf), f.shape  # every value that is given has an integral of its own
    types, problem = [ShapeDtypeStruct(shape, FLOAT), ShapeDtypeStruct((), FLOAT)], outer.problem

    def found_by(*values: Any) -> list[Any]:
        (g,), ends = problem(values)
        found = _by_scipy(g, ends, **settings)[:2]
        return [np.asarray(x, FLOAT) for x in found]

    @custom_jvp
    def found(*values: Any) -> list[Any]:
        return pure_callback(found_by, types, *values, vmap_method="sequential")

    @found.defjvp
    def found_jvp(primals: Any, tangents: Any) -> Any:
        outs = found(*primals)
        (g,), (a, b) = problem(primals)
        moved = _inner(problem, primals, tangents, settings, shape)
        moves = problem(tangents)[1]
        for end, move, sign, given in zip((b, a), reversed(moves), (1.0, -1.0), reversed(problem.vectors)):
            if given is HOLE:  # a limit that moves
                inside = np.isfinite(end)
                moved = moved + np.where(inside, sign * g(np.where(inside, end, 0.0)) * move, 0.0)
        return outs, [moved, np.zeros((), FLOAT)]

    return tuple(found(*outer.values))


def _inner(problem: Problem, primals: Sequence[Any], tangents: Sequence[Any], settings: dict, shape: tuple) -> Any:
    """The integral of f_p p': of the derivative with respect to each number in p, and then the sum."""
    total = np.zeros(shape)
    first = sum(v is HOLE for v in problem.vectors)
    moving = [k for k in range(first, len(primals)) if is_inexact(primals[k])]
    if not moving:
        return total

    def at(x: Any) -> Callable:
        def of_floats(*floats: Any) -> Any:
            values = list(primals)
            for k, v in zip(moving, floats):
                values[k] = v
            return problem(values)[0][0](x)

        return of_floats

    floats = [primals[k] for k in moving]
    slopes = Function("quad", lambda x: joined(list(jacrev(at(x), tuple(range(len(floats))))(*floats))), [()])
    integrals, start = _integral(slopes, problem(primals)[1], settings)[0], 0
    rows = int(np.prod(shape, dtype=np.int64))
    for p, k in zip(floats, moving):
        size = rows * int(np.prod(p.shape, dtype=np.int64))
        block = np.reshape(integrals[start : start + size], (rows, -1))
        total = total + np.reshape(block @ joined([tangents[k]]), shape)
        start += size
    return total


def fixed_quad(func: Callable, a: Any, b: Any, args: Any = (), n: int = 5) -> tuple[Any, None]:
    """The integral of a function by Gauss and Legendre's rule with n points: exact for polynomials of degree 2 n - 1.

    Made of ordinary operations, so it runs under every transformation and compiles.

    Args:
        func: `(x, *args) -> (..., n)` for x of shape (n,).
        a, b: finite limits.
        args: further arguments.
        n: the number of points.

    Returns:
        (value, None), as in SciPy.

    Raises:
        ValueError: a limit is infinite, or n is not positive.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.integrate import fixed_quad
        >>> area = lambda b: fixed_quad(np.cos, 0.0, b)[0]
        >>> area(1.0).round(6), fg.grad(area)(1.0).round(6)
        (np.float64(0.841471), np.float64(0.540302))

    Reference: scipy.integrate.fixed_quad
    """
    where = f"fixed_quad of {rec.name_of(func)}"
    if not n >= 1:
        raise ValueError(f"{where}: n must be positive, got {n}.")
    for end in (a, b):
        if isinstance(end, (int, float, np.ndarray, np.generic)) and np.any(np.isinf(end)):
            raise ValueError(f"{where}: the limits must be finite, got {a} and {b}.\nFix: use quad.")
    x, w = _gauss_legendre(int(n))
    half = (b - a) / 2.0
    y = func(half * (x + 1.0) + a, *(args if isinstance(args, tuple) else (args,)))
    return half * np.sum(w * y, axis=-1), None


@functools.lru_cache(maxsize=64)
def _gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(n)


__all__ = ["fixed_quad", "quad"]
