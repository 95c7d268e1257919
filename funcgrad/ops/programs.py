"""What ops that hold programs share: recording a program in place, batching it with every axis in front, lanes.

With this module one can write the rules of control flow as functions of programs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import ShapedArray, shaped
from ..core.program import Program, memoized, reads_effects, without_effects
from ..core.tracing import replay, retrace
from ..transforms.batch import batch as batch_program
from . import layout


def call(program: Program, args: Sequence[Any]) -> list[Any]:
    """Record the equations of a program here."""
    return replay(program, args)


def split(values: Sequence[Any], *counts: int) -> list[list[Any]]:
    """Consecutive parts of a sequence, of the given lengths, and what is left."""
    parts, start = [], 0
    for n in counts:
        parts.append(list(values[start : start + n]))
        start += n
    return [*parts, list(values[start:])]


def type_of(value: Any) -> ShapedArray:
    """The type of an operand of a rule: an array, a number or a Tracer."""
    return shaped(tuple(np.shape(value)), value.dtype)


def zeros(aval: ShapedArray) -> Any:
    """Zeros of a type."""
    return layout.fill(0, aval.shape, aval.dtype)


def once_more(name: str, program: Program) -> Program:
    """The program for a derivative that evaluates it again: its effects have happened, and must not be read twice."""
    if reads_effects(program):
        raise ValueError(
            f"the derivative of {name} runs it again, but it holds an io_callback, whose results may differ then.\n"
            "Fix: hand these results in as arguments, use pure_callback, or loop with lax.scan."
        )
    return without_effects(program)


def batched_front(program: Program, size: int, axes: Sequence[int | None]) -> Program:
    """Batch a program over operands whose batch axes are in front (or absent); every output gets its batch axis in
    front.
    """
    return _batched_front(program, size, tuple(axes))


@memoized
def _batched_front(program: Program, size: int, axes: tuple[int | None, ...]) -> Program:
    batched, out_axes = batch_program(program, size, axes)

    def front(*args: Any) -> list[Any]:
        return [layout.with_batch_axis(o, size, a, 0) for o, a in zip(call(batched, args), out_axes)]

    return retrace(front, batched.in_avals)


def in_front(size: int, args: Sequence[Any], axes: Sequence[int | None]) -> tuple[list[Any], list[bool]]:
    """Operands with the batch axis in front where they have one, and where that is."""
    on = [a is not None for a in axes]
    return [layout.with_batch_axis(x, size, a, 0) if b else x for x, a, b in zip(args, axes, on)], on


def lanes(scan: Any, size: int, args: Sequence[Any], axes: Sequence[int | None], f: Callable[..., list[Any]]) -> tuple[list, list]:
    """A batching rule that does one example after the other: each runs only as long, and only where, it must.

    Compiled, it is one native loop around the code of a single example.
    """
    moved, on = in_front(size, args, axes)
    fixed, xs = [x for x, b in zip(moved, on) if not b], [x for x, b in zip(moved, on) if b]

    def step(*values: Any) -> list[Any]:
        f_values, x_values = (iter(v) for v in split(values, len(fixed)))
        return f(*[next(x_values) if b else next(f_values) for b in on])

    avals = [type_of(x) for x in fixed] + [shaped(tuple(np.shape(x)[1:]), x.dtype) for x in xs]
    body = retrace(step, avals)
    outs = scan(*fixed, *xs, body=body, consts=len(fixed), carries=0, length=size, reverse=False)
    return outs, [0] * len(outs)
