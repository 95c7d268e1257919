"""`linear_solve`: the solution of A x = b, where A is a linear program and the solver is given as a program, too.

    x = linear_solve(consts, b)         matvec(consts, x) = b,   x = solve(consts, b)

The solver is never differentiated: x' solves A x' = b' - A' x with the same solver, and the transpose solves with the
transposed one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Primitive, Zero
from ..core.program import Program, as_function, memoized
from ..core.tracing import retrace
from ..transforms.linearize import instantiate
from ..transforms.linearize import linearize as linearize_program
from ..transforms.transpose import transpose as transpose_program
from . import elementwise, layout
from .programs import batched_front, call, in_front, type_of
from .rules import library
from .samples import Sample, array


def _impl(*args: Any, matvec: Program, solve: Program, transpose_solve: Program | None, consts: int) -> list[Any]:
    return as_function(solve)(*args)


def _aval(*args: ShapedArray, matvec: Program, solve: Program, transpose_solve: Program | None, consts: int) -> list[ShapedArray]:
    if solve.in_avals != list(args) or solve.out_avals != list(args[consts:]):
        raise TypeError(f"linear_solve: a solver of type {solve.in_avals} -> {solve.out_avals} does not fit operands {list(args)}")
    return list(args[consts:])


def _linearize(*args: Any, active: tuple[bool, ...], **params: Any) -> tuple[list[Any], Any]:
    matvec, consts = params["matvec"], params["consts"]
    fixed = args[:consts]
    x = linear_solve(*args, **params)
    mask = tuple(on and is_inexact(a) for on, a in zip(active[:consts], matvec.in_avals)) + (False,) * len(x)
    parts = linearize_program(matvec, mask)
    saved = call(parts.forward, [*fixed, *x])[len(x) :] if any(mask) else []

    def tangent_map(*tangents: Any) -> list[Any]:
        right = list(tangents[consts:])
        t_in = [instantiate(t) for t, on in zip(tangents, mask) if on]
        moved = iter(call(parts.linear, [*saved, *t_in])) if any(mask) else iter(())
        for k, on in enumerate(parts.active_outputs):
            if on and any(mask):
                right[k] = _difference(right[k], next(moved))
        if all(type(t) is Zero for t in right):
            return [Zero(type_of(v)) for v in x]
        return linear_solve(*fixed, *map(instantiate, right), **params)

    return x, tangent_map


def _difference(t: Any, moved: Any) -> Any:
    return elementwise.neg(moved) if type(t) is Zero else elementwise.sub(t, moved)


def _transpose(cts: Any, *args: Any, matvec: Program, solve: Program, transpose_solve: Program | None, consts: int) -> list[Any]:
    if transpose_solve is None:
        raise TypeError(
            "custom_linear_solve: reverse mode solves with the transposed matrix, for which no solver is given.\n"
            "Fix: pass transpose_solve=, or symmetric=True when the matrix is symmetric."
        )
    turned = dict(matvec=_transposed(matvec, consts), solve=transpose_solve, transpose_solve=solve, consts=consts)
    return [*[None] * consts, *linear_solve(*args[:consts], *map(instantiate, cts), **turned)]


@memoized
def _transposed(matvec: Program, consts: int) -> Program:
    return transpose_program(matvec, len(matvec.inputs) - consts)


def _batch(size: int, args: list, axes: list, *, consts: int, **programs: Any) -> tuple[list, list]:
    fixed, on = in_front(size, args[:consts], axes[:consts])
    right = [layout.with_batch_axis(b, size, a, 0) for b, a in zip(args[consts:], axes[consts:])]
    flags = [*(0 if b else None for b in on), *[0] * len(right)]
    batched = {k: p and batched_front(p, size, flags) for k, p in programs.items()}
    outs = linear_solve(*fixed, *right, consts=consts, **batched)
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    pair = shaped((2,), np.float64)
    exp, count = elementwise.exp, [pair] * 4
    determinant = lambda c, d: 3.0 * exp(c) - 0.5 * d * d
    matvec = retrace(lambda c, d, x, y: [exp(c) * x + d * y, 0.5 * d * x + 3.0 * y], count)
    solve = retrace(lambda c, d, a, b: [(3.0 * a - d * b) / determinant(c, d), (exp(c) * b - 0.5 * d * a) / determinant(c, d)], count)
    back = retrace(lambda c, d, a, b: [(3.0 * a - 0.5 * d * b) / determinant(c, d), (exp(c) * b - d * a) / determinant(c, d)], count)
    args = [array(2, low=0.5, high=1.5) for _ in range(4)]
    return [Sample(args, dict(matvec=matvec, solve=solve, transpose_solve=back, consts=2))]


linear_solve: Primitive = library(
    "linear_solve", _impl, aval=_aval, batch=_batch, linearize=_linearize, transpose=_transpose, samples=_samples,
    lower=lowering.Call(lambda params: params["solve"]), multiple_results=True, activity=True,
)  # fmt: skip
