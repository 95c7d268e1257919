"""Implicit differentiation: solutions of equations have derivatives that do not pass through the solver.

With this module one can differentiate the solution of A x = b, of f(x) = 0 and of x = f(x), found by any means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tree
from ..core.program import Program, Var
from ..core.tracing import run
from ..ops.linear_solve import linear_solve
from ..transforms.transpose import transpose as transpose_program
from . import carry as carried
from . import recording as rec
from .closures import closure_convert
from .custom import custom_jvp
from .differentiation import jvp, linearize
from .loops import while_loop

Solver = Callable[[Callable, Any], Any]


def custom_linear_solve(
    matvec: Callable, b: Any, solve: Solver, transpose_solve: Solver | None = None, symmetric: bool = False
) -> Any:
    """The solution of a linear equation by a given solver, with derivatives that use the solver again.

        A x = b;    A x' = b' - A' x    (forward);    A^T y = ct, ct_b = y, ct_A = -y x^T    (reverse)

    Args:
        matvec: the linear function x -> A x; what it closes over is differentiated.
        b: the right-hand side, a pytree of arrays; x is like it.
        solve: `(matvec, b) -> x`.
        transpose_solve: `(vecmat, b) -> x`, the same for the transposed matrix; needed for reverse mode.
        symmetric: A is symmetric, so that `solve` serves for the transposed matrix.

    Returns:
        x.

    Raises:
        TypeError: when matvec or a solver returns another structure or other types than b, or reverse mode is asked for
            and no transposed solver is known.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> def solve_diagonal(d, b):
        ...     by_division = lambda matvec, b: b / d
        ...     return custom_linear_solve(lambda x: d * x, b, by_division, symmetric=True)
        >>> d, b = np.array([2.0, 4.0]), np.array([1.0, 1.0])
        >>> fg.grad(lambda d: solve_diagonal(d, b).sum())(d)
        array([-0.25  , -0.0625])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.custom_linear_solve.html, whose interface this
    follows.
    """
    where = f"custom_linear_solve of {rec.name_of(matvec)}"
    leaves, treedef = carried.flatten(where, "b", b)
    product = _traced(where, "matvec", matvec, leaves, treedef)
    forward = _traced(where, "solve", lambda v: solve(matvec, v), leaves, treedef)
    other = solve if symmetric else transpose_solve
    backward = None
    if other is not None:
        vecmat = _transposed_function(product, leaves, treedef)
        backward = _traced(where, "transpose_solve", lambda v: other(vecmat, v), leaves, treedef)
    parts = [p for p in (product, forward, backward) if p is not None]
    consts = [c for p in parts for c in p.captures]
    programs = [rec.canonical(_widened(parts, k)) for k in range(len(parts))]
    outs = linear_solve(*consts, *leaves, matvec=programs[0], solve=programs[1], consts=len(consts),
                        transpose_solve=programs[2] if len(programs) > 2 else None)  # fmt: skip
    return tree.tree_unflatten(treedef, outs)


def _traced(where: str, name: str, f: Callable, leaves: list[Any], treedef: Any) -> carried.Traced:
    """A function of something like b to something like b."""
    avals = [rec.abstract(x) for x in leaves]

    def flat(*inputs: Any) -> tuple[list[Any], Any]:
        return carried.flatten(where, f"the result of {name}", f(tree.tree_unflatten(treedef, inputs)))

    traced = carried.trace_flat(where, flat, avals, [False] * len(avals))
    if traced.out_tree != treedef or traced.avals != avals:
        raise TypeError(
            f"{where}: {name} returns {traced.out_tree} of types {traced.avals}, b is {treedef} of types {avals}.\n"
            "Fix: return something with the structure, shapes and dtypes of b."
        )
    return traced


def _transposed_function(product: carried.Traced, leaves: list[Any], treedef: Any) -> Callable:
    backward = transpose_program(product.program, len(leaves))

    def vecmat(ct: Any) -> Any:
        return tree.tree_unflatten(treedef, run(backward, [*product.captures, *tree.tree_leaves(ct)]))

    return vecmat


def _widened(parts: list[carried.Traced], position: int) -> Program:
    """The program of one part as a function of the captures of all."""
    inputs: list[Var] = []
    for k, p in enumerate(parts):
        own = p.program.inputs[: len(p.captures)]
        inputs += own if k == position else [Var(v.aval) for v in own]
    program = parts[position].program
    return Program([*inputs, *program.inputs[len(parts[position].captures) :]], program.eqns, program.outputs)


def custom_root(f: Callable, initial_guess: Any, solve: Solver, tangent_solve: Solver, has_aux: bool = False) -> Any:
    """A root of a function by a given solver, differentiated by the implicit function theorem.

        f(x, p) = 0;    f_x x' = -f_p p'

    Args:
        f: a function of x, a pytree, to a pytree like it; what it closes over (p) is differentiated.
        initial_guess: where the solver starts; the solution does not depend on it.
        solve: `(f, initial_guess) -> x` with f(x) = 0 (or `(x, aux)`); it is not differentiated.
        tangent_solve: `(g, y) -> x` with g(x) = y, for a linear function g; for reverse mode g is the transposed one.
        has_aux: `solve` returns `(x, auxiliary data)`.

    Returns:
        x, or `(x, aux)`.

    Example:
        >>> import funcgrad as fg
        >>> from funcgrad import lax
        >>> def cube_root(a):
        ...     newton = lambda f, x: lax.fori_loop(0, 40, lambda i, x: x - f(x) / (3 * x * x), x)
        ...     return custom_root(lambda x: x**3 - a, 1.0, newton, lambda g, y: y / g(1.0))
        >>> round(cube_root(8.0), 12), round(fg.grad(cube_root)(8.0), 12)
        (np.float64(2.0), np.float64(0.083333333333))

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.custom_root.html, whose interface this follows;
    Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 15.
    """
    converted, consts = closure_convert(f, initial_guess)

    @custom_jvp
    def root(consts: Any, guess: Any) -> Any:
        return solve(lambda x: converted(x, *consts), guess)

    @root.defjvp
    def root_jvp(primals: Any, tangents: Any) -> Any:
        (consts, guess), (t_consts, _) = primals, tangents
        solution = root(consts, guess)
        x = solution[0] if has_aux else solution
        _, moved = jvp(lambda *c: converted(x, *c), tuple(consts), tuple(t_consts)) if consts else (None, None)
        _, at_root = linearize(lambda x: converted(x, *consts), x)
        right = tree.tree_map(lambda m, v: -m, moved, x) if consts else tree.tree_map(lambda v: 0.0 * v, x)
        t_x = custom_linear_solve(at_root, right, tangent_solve, tangent_solve)
        if not has_aux:
            return solution, t_x
        return solution, (t_x, tree.tree_map(_no_tangent, solution[1]))

    return root(consts, initial_guess)


def _no_tangent(leaf: Any) -> Any:
    return np.zeros(np.shape(leaf), leaf.dtype if hasattr(leaf, "dtype") else np.float64)


def fixed_point(f: Callable, init: Any, *args: Any, tolerance: float = 1e-12, max_steps: int = 1000) -> Any:
    """The fixed point of a contraction, by iteration, differentiated by the implicit function theorem.

        x = f(x, args);    x' = f_x x' + f_args args'

    Memory does not grow with the number of iterations: the linear equation is solved by an iteration like the first.

    Args:
        f: `(x, *args) -> x`, on pytrees.
        init: where the iteration starts.
        args: parameters, which are differentiated, as is what f closes over.
        tolerance: the iteration ends when no element moves by more than tolerance * (1 + its magnitude).
        max_steps: or after so many steps.

    Returns:
        x, of the structure and types that f returns.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> round(fixed_point(lambda x: np.cos(x), 1.0), 9)
        np.float64(0.739085133)
        >>> babylonian = lambda x, a: (x + a / x) / 2
        >>> round(fg.grad(lambda a: fixed_point(babylonian, 1.0, a))(4.0), 12)
        np.float64(0.25)

    Reference: B. Christianson, Reverse accumulation and attractive fixed points, Optimization Methods and Software 3,
    1994.
    """

    def iterate(step: Callable, start: Any) -> Any:
        def going(state: Any) -> Any:
            before, now = state
            moves = tree.tree_map(lambda a, b: np.any(abs(b - a) > tolerance * (1.0 + abs(b))), before, now)
            return _any(tree.tree_leaves(moves))

        second = step(start)
        return while_loop(going, lambda s: (s[1], step(s[1])), (_like(start, second), second), max_steps=max_steps)[1]

    def residual(x: Any) -> Any:
        return tree.tree_map(lambda a, b: a - b, x, f(x, *args))

    def solve(moves: Callable, x: Any) -> Any:
        return iterate(lambda x: tree.tree_map(lambda a, b: a - b, x, moves(x)), x)

    def tangent_solve(g: Callable, y: Any) -> Any:
        return iterate(lambda v: tree.tree_map(lambda a, b, c: a + (b - c), y, v, g(v)), y)

    return custom_root(residual, _like(init, f(init, *args)), solve, tangent_solve)


def _any(flags: list[Any]) -> Any:
    result = flags[0]
    for flag in flags[1:]:
        result = result | flag
    return result


def _like(value: Any, model: Any) -> Any:
    """A pytree whose numbers have the dtypes of another one's."""
    return tree.tree_map(lambda v, m: v + 0.0 * m, value, model)


__all__ = ["custom_linear_solve", "custom_root", "fixed_point"]
