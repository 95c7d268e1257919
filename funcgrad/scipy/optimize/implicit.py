"""Solutions found by SciPy, differentiated by the implicit function theorem.

    residual(z, p) = 0;    z' = -(d residual/dz)^-1 (d residual/dp) p'

The rule evaluates `residual` by ordinary operations and asks for the solution by the same rule again, so that
derivatives of every order and of both modes follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...api.callbacks import pure_callback
from ...api.compilation import ShapeDtypeStruct
from ...api.custom import custom_jvp
from ...api.differentiation import jvp
from ...api.jacobians import jacfwd
from ...core.avals import is_inexact
from ..programs import Outer


def solution(outer: Outer, solve: Callable, residual: Callable, results: Sequence[tuple]) -> list[Any]:
    """z and what else the solver says, as functions of the traced values of a problem.

    Args:
        outer: the problem.
        solve: `(functions, vectors) -> [z, *info]` with concrete values.
        residual: `(z, info, functions, vectors) -> r`, of the shape of z and zero at the solution.
        results: (shape, dtype) of z and of each entry of info, which has no derivative.
    """
    types = [ShapeDtypeStruct(shape, dtype) for shape, dtype in results]
    problem = outer.problem

    def found_by(*values: Any) -> list[Any]:
        outs = solve(*problem(values))
        return [np.asarray(x, t.dtype).reshape(t.shape) for x, t in zip(outs, types, strict=True)]

    @custom_jvp
    def found(*values: Any) -> list[Any]:
        return pure_callback(found_by, types, *values, vmap_method="sequential")

    @found.defjvp
    def found_jvp(primals: Any, tangents: Any) -> Any:
        z, *info = found(*primals)
        inexact = [is_inexact(x) for x in primals]

        def at(z: Any, *floats: Any) -> Any:
            rest = iter(floats)
            values = [next(rest) if on else x for x, on in zip(primals, inexact)]
            return residual(z, info, *problem(values))

        floats = tuple(x for x, on in zip(primals, inexact) if on)
        moves = tuple(t for t, on in zip(tangents, inexact) if on)
        moved = jvp(lambda *v: at(z, *v), floats, moves)[1]
        t_z = -np.linalg.solve(jacfwd(lambda z: at(z, *floats))(z), moved)
        return [z, *info], [t_z, *[np.zeros(t.shape, t.dtype) for t in types[1:]]]

    return found(*outer.values)


__all__ = ["solution"]
