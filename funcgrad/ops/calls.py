"""`compiled_call`: an equation that runs a whole program as compiled code, inside eager evaluation.

`grad(jit(f))(x)` records one such equation, so that forward and backward pass both run compiled. Where the
surrounding program is itself compiled, or traced without values, the equation means its program and is inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Zero
from ..core.program import Program, as_function, memoized
from ..core.tracing import retrace
from ..transforms.linearize import instantiate
from ..transforms.linearize import linearize as linearize_program
from ..transforms.transpose import transpose as transpose_program
from . import elementwise, layout
from .programs import batched_front
from .rules import is_linear, library
from .samples import Sample, array

# How a program is run: the API floor puts the compiler here; until then NumPy does it.
execute: Callable[[Program], Callable[..., Any]] = as_function


def set_executor(executor: Callable[[Program], Callable[..., Any]]) -> None:
    """Called by the API floor to supply the compiler."""
    globals().update(execute=executor)


def _impl(*args: Any, program: Program) -> list[Any]:
    return list(execute(program)(*args))


def _aval(*args: ShapedArray, program: Program) -> list[ShapedArray]:
    if list(args) != program.in_avals:
        raise TypeError(f"compiled_call: operands {list(args)} do not fit a program of type {program.in_avals}")
    return program.out_avals


def _linearize(*args: Any, active: tuple[bool, ...], program: Program) -> tuple[list[Any], Callable]:
    active = tuple(on and is_inexact(a) for on, a in zip(active, program.in_avals))
    parts = linearize_program(program, active)
    results = compiled_call(*args, program=parts.forward)
    count = len(program.outputs)
    outs, residuals = results[:count], results[count:]

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, on in zip(tangents, active) if on]
        t_out = iter(compiled_call(*residuals, *t_in, program=parts.linear))
        return [next(t_out) if on else Zero(a) for on, a in zip(parts.active_outputs, program.out_avals)]

    return outs, tangent_map


def _transpose(cts: Any, *args: Any, program: Program) -> list[Any]:
    linear = tuple(is_linear(a) for a in args)
    fixed = [a for a, on in zip(args, linear) if not on]
    results = iter(compiled_call(*fixed, *map(instantiate, cts), program=_transposed(program, linear)))
    return [next(results) if on else None for on in linear]


@memoized
def _transposed(program: Program, linear: tuple[bool, ...]) -> Program:
    order = [v for v, on in zip(program.inputs, linear) if not on] + [v for v, on in zip(program.inputs, linear) if on]
    return transpose_program(Program(order, program.eqns, program.outputs), sum(linear))


def _batch(size: int, args: list, axes: list, *, program: Program) -> tuple[list, list]:
    moved = [x if a is None else layout.move_axis(x, a, 0) for x, a in zip(args, axes)]
    outs = compiled_call(*moved, program=batched_front(program, size, [None if a is None else 0 for a in axes]))
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    x = shaped((2,), np.float64)
    both = retrace(lambda a, b: [elementwise.sin(a) * b, a + b], [x, x])
    apart = retrace(lambda a, b: [elementwise.sin(a), b * b], [x, x])
    return [Sample([array(2), array(2)], dict(program=p)) for p in (both, apart)]


compiled_call = library("compiled_call", _impl, aval=_aval, batch=_batch, linearize=_linearize, transpose=_transpose, multiple_results=True,
                        lower=lowering.Call(lambda params: params["program"]), samples=_samples, activity=True)  # fmt: skip
