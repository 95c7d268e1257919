"""`fmin_bfgs`: a minimization that is itself a program: it runs inside `jit`, and a batch of problems inside `vmap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...api import recording as rec
from ...api.custom import custom_jvp
from ...api.differentiation import grad, jvp, value_and_grad
from ...api.jacobians import hessian
from ...api.loops import while_loop
from ...core.avals import is_inexact
from ...core.tracing import run
from ...ops.calls import compiled_call
from ..programs import Function, program_of, scalar
from ..vectors import Vector

_DECREASE, _CURVATURE = 1e-4, 0.9  # the two conditions on a step
_TRIALS = 60  # of step lengths; each halves or doubles
_ROUNDING = 8.0 * np.finfo(np.float64).eps  # differences of values are not seen below this part of the value


def fmin_bfgs(
    f: Callable,
    x0: Any,
    args: Any = (),
    gtol: float = 1e-5,
    norm: float = np.inf,
    maxiter: int | None = None,
    full_output: bool = False,
) -> Any:
    """The minimum of a function of a pytree by the method of Broyden, Fletcher, Goldfarb and Shanno, compiled whole.

    In contrast to `minimize` nothing is called back: the iteration is a native loop with the function inside, so many
    small problems are solved at once by `vmap`, each with its own steps. The minimum has derivatives with respect to
    what `f` depends on, by the implicit function theorem, of every order.

    Args:
        f: `(params, *args) -> a number`.
        x0: params to start from, a pytree of real arrays; a list or tuple of numbers is a vector.
        args: further arguments.
        gtol: the iteration ends when the norm of the gradient is below.
        norm: the order of this norm: inf, or p for (sum |g|^p)^(1/p).
        maxiter: most iterations; None: 200 for each unknown.
        full_output: return more.

    Returns:
        params at the minimum. With `full_output`, (params, value, gradient, inverse Hessian (n, n), calls of f, calls
        of its gradient, warnflag), as in SciPy: warnflag is 0, or 1 where maxiter was reached, 2 where no step went
        lower (the limit of precision, often), 3 where f is nan. What follows `gradient` has no derivative.

    Raises:
        TypeError: f returns no real scalar, or x0 holds no real numbers.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> from funcgrad.scipy.optimize import fmin_bfgs
        >>> f = lambda p, a: (p["x"] ** 2 - a) ** 2 + (p["y"] - p["x"]) ** 2
        >>> lowest = lambda a: fmin_bfgs(f, {"x": 1.0, "y": 0.0}, args=(a,))
        >>> a = np.array([1.0, 4.0, 9.0])
        >>> fg.jit(fg.vmap(lowest))(a)["y"].round(5)
        array([1., 2., 3.])
        >>> fg.vmap(fg.grad(lambda a: lowest(a)["x"]))(a).round(4)                             # 1 / (2 sqrt(a))
        array([0.5   , 0.25  , 0.1667])

    Reference: scipy.optimize.fmin_bfgs; Nocedal and Wright, Numerical Optimization, 2nd ed., Springer 2006, chapter 6;
    the steps, Lewis and Overton, Nonsmooth optimization via quasi-Newton methods, Math. Programming 141, 2013.
    """
    where = f"fmin_bfgs of {rec.name_of(f)}"
    vector = Vector(where, "x0", x0)
    args = args if isinstance(args, tuple) else (args,)
    flat = Function(where, lambda v: scalar(where, f(vector.unflatten(v), *args)), [(vector.size,)])
    limit = 200 * vector.size if maxiter is None else int(maxiter)
    x, inverse, calls, flag = _minimum(flat, vector.flatten(x0, "x0"), (float(gtol), float(norm), limit))
    if not full_output:
        return vector.unflatten(x)
    value, slope = value_and_grad(flat)(x)
    return vector.unflatten(x), value, vector.unflatten(slope), inverse, calls, calls, flag


def _minimum(f: Function, start: Any, settings: tuple) -> list[Any]:
    """[x, inverse Hessian, calls, warnflag], of which x has derivatives."""

    flat = f.program  # and not f, whose captures belong to outer transformations

    def fun(x: Any, *captures: Any) -> Any:
        return run(flat, [*captures, x])[0]

    @custom_jvp
    def found(start: Any, *captures: Any) -> list[Any]:
        operands = [start, *captures]
        program = program_of(lambda x, *c: _iterated(lambda x: fun(x, *c), x, *settings), operands)
        return list(compiled_call(*operands, program=program))

    @found.defjvp
    def found_jvp(primals: Any, tangents: Any) -> Any:
        outs = found(*primals)
        captures, x = primals[1:], outs[0]
        moving = [k for k, c in enumerate(captures) if is_inexact(c)]

        def slope(*floats: Any) -> Any:
            values = list(captures)
            for k, v in zip(moving, floats):
                values[k] = v
            return grad(fun)(x, *values)

        t_x = np.zeros_like(x)
        if moving:
            moved = jvp(slope, tuple(captures[k] for k in moving), tuple(tangents[1 + k] for k in moving))[1]
            t_x = -np.linalg.solve(hessian(fun)(x, *captures), moved)
        return outs, [t_x, *(np.zeros(o.shape, o.dtype) for o in outs[1:])]

    return found(start, *f.captures)


def _iterated(fun: Callable, start: Any, gtol: float, norm: float, limit: int) -> list[Any]:
    """The iteration, from start on."""
    at, n = value_and_grad(fun), start.shape[0]

    def size(g: Any) -> Any:
        return np.max(abs(g)) if np.isinf(norm) else np.sum(abs(g) ** norm) ** (1.0 / norm)

    def going(state: tuple) -> Any:
        k, _, _, g, _, _, failed = state
        return (k < limit) & ~failed & (size(g) > gtol)

    def improve(state: tuple) -> tuple:
        k, x, f, g, inverse, calls, _ = state
        p = -(inverse @ g)
        first = np.where(k == 0, np.minimum(1.0, 1.0 / np.sqrt(np.sum(g * g))), 1.0)
        t, f_new, g_new, trials, found = _step(at, x, f, g, p, first)
        s, y = t * p, g_new - g
        updated = _updated(inverse, s, y, k == 0)
        new = (x + s, f_new, g_new, updated)
        kept = [np.where(found, a, b) for a, b in zip(new, (x, f, g, inverse))]
        return k + 1, *kept, calls + trials, ~found

    f, g = at(start)
    _, x, f, g, inverse, calls, failed = while_loop(
        going, improve, (np.int64(0), start, f, g, np.eye(n), np.int64(1), np.bool_(False))
    )
    flag = np.where(np.isnan(f), 3, np.where(size(g) <= gtol, 0, np.where(failed, 2, 1)))
    return [x, inverse, calls, flag]


def _step(at: Callable, x: Any, f: Any, g: Any, p: Any, first: Any) -> tuple:
    """(length, value, gradient, trials, whether it will do) of a step along p that goes lower, where the slope has
    flattened: halve an interval, or double the length while there is no end of it.
    """
    slope, slack = g @ p, _ROUNDING * abs(f)

    def going(state: tuple) -> Any:
        return ~state[5] & (state[6] < _TRIALS)

    def attempt(state: tuple) -> tuple:
        _, low, high, _, _, _, count, t = state
        f_new, g_new = at(x + t * p)
        far = ~(f_new <= f + _DECREASE * t * slope + slack)
        near = ~far & (g_new @ p < _CURVATURE * slope)
        low, high = np.where(near, t, low), np.where(far, t, high)
        middle = np.where(np.isinf(high), 2.0 * t, 0.5 * (low + np.where(np.isinf(high), low, high)))
        return t, low, high, f_new, g_new, ~(far | near), count + 1, middle

    zero = 0.0 * slope
    start = (zero, zero, zero + np.inf, f, g, np.bool_(False), np.int64(0), first)
    t, _, _, f_new, g_new, found, trials, _ = while_loop(going, attempt, start)
    return t, f_new, g_new, trials, found


def _updated(inverse: Any, s: Any, y: Any, is_first: Any) -> Any:
    """The inverse Hessian after a step s along which the gradient changed by y; unchanged where y.s is not positive."""
    ys = y @ s
    positive = ys > 0.0
    rho = 1.0 / np.where(positive, ys, 1.0)
    scale = np.where(is_first & positive, ys / np.where(positive, y @ y, 1.0), 1.0)
    inverse = inverse * scale
    hy = inverse @ y
    change = (1.0 + rho * (y @ hy)) * rho * np.outer(s, s) - rho * (np.outer(hy, s) + np.outer(s, hy))
    return inverse + np.where(positive, 1.0, 0.0) * change


__all__ = ["fmin_bfgs"]
