"""Rematerialization: a program whose derivative computes its intermediate values again instead of keeping them.

    outs = remat(operands)              backward: (operands, saved values, cotangents) -> cotangents of the operands

A policy says which intermediate values are saved after all: a function of an equation's primitive, operand types and
parameters. In the backward program the operands pass through `barrier` together with the cotangents, so that what is
computed from them is neither shared with the forward pass nor computed before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Zero
from ..core.program import Program, Var, as_function, is_effectful, memoized, subprograms, without_effects
from ..core.tracing import bind, retrace
from ..transforms.linearize import instantiate
from ..transforms.linearize import linearize as linearize_program
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import transpose as transpose_program
from . import elementwise
from .linear_call import linear_call
from .programs import batched_front, call, in_front, once_more, split
from .rules import elementwise as declare_elementwise
from .rules import library
from .samples import Sample, array, reals

Policy = Callable[..., Any] | None

# --- barrier: its first `count` operands, computed only once all operands are there -----------------------------------------------


def _barrier_linearize(*args: Any, count: int) -> tuple[list[Any], Any]:
    return barrier(*args, count=count), lambda *tangents: list(tangents[:count])


barrier = library(
    "barrier", lambda *args, count: list(args[:count]), aval=lambda *args, count: list(args[:count]),
    batch=lambda size, args, axes, *, count: (barrier(*args, count=count), list(axes[:count])), linearize=_barrier_linearize,
    samples=lambda: [Sample([array(2), array(3), array()], dict(count=2))], lower=lowering.Barrier(), multiple_results=True,
)  # fmt: skip

# --- checkpoint_name: the identity, by which policies know a value ----------------------------------------------------------------

checkpoint_name = declare_elementwise(
    "checkpoint_name", lambda x, *, name: x, scalar=lambda x, *, name: x, linear_args=(0,), kinds="biufc",
    transpose=lambda ct, x, *, name: (ct,), samples=lambda: [Sample(s.args, dict(name="value")) for s in reals()()],
)  # fmt: skip

# --- remat ------------------------------------------------------------------------------------------------------------------------


def _aval(*args: ShapedArray, program: Program, policy: Policy) -> list[ShapedArray]:
    if list(args) != program.in_avals:
        raise TypeError(f"remat: operands {list(args)} do not fit a program of type {program.in_avals}")
    return program.out_avals


def _candidates(program: Program, policy: Policy) -> list[Var]:
    """The intermediate values that a policy would keep, and what effects returned."""

    def is_saved(eqn: Any) -> bool:
        return eqn.prim.effect or policy is not None and policy(eqn.prim, *[a.aval for a in eqn.inputs], **eqn.params)

    return [v for eqn in program.eqns if is_saved(eqn) for v in eqn.outs]


def _again(program: Program) -> Program:
    """The program for the derivative, which evaluates it once more: effects inside its equations have happened."""
    for eqn in program.eqns:
        for inner in subprograms(eqn.params):
            once_more("checkpoint", inner)
    return without_effects(program)


class Recomputation(NamedTuple):
    """How the residuals of a program's derivative are found again: `program` computes them from the operands at
    `positions` and from intermediate values, `saved`; a value that is not needed for this is not saved.
    """

    program: Program
    positions: tuple[int, ...]
    saved: tuple[Var, ...]


@memoized
def recompute(program: Program, policy: Policy, mask: tuple[bool, ...]) -> Recomputation:
    """How the residuals are found again; effects do not happen again."""
    known = [*program.inputs, *_candidates(program, policy)]
    program = _again(program)
    parts = linearize_program(program, mask)

    def residuals(*values: Any) -> list[Any]:
        env = dict(zip(known, values))
        for eqn in program.eqns:
            if eqn.outs and not all(v in env for v in eqn.outs) and not is_effectful(eqn):
                out = bind(eqn.prim, [env[a] if type(a) is Var else a.value for a in eqn.inputs], eqn.params)
                fresh = zip(eqn.outs, out if eqn.prim.multiple_results else [out])
                env.update((v, x) for v, x in fresh if v not in env)
        return call(parts.residuals_of, [env[v] for v in parts.known])

    full = dead_code_elimination(retrace(residuals, [v.aval for v in known]))
    read = {a for a in (*(a for e in full.eqns for a in e.inputs), *full.outputs) if type(a) is Var}
    used = [k for k, v in enumerate(full.inputs) if v in read]
    count = len(program.inputs)
    positions, saved = tuple(k for k in used if k < count), tuple(known[k] for k in used if k >= count)
    return Recomputation(Program([full.inputs[k] for k in used], full.eqns, full.outputs), positions, saved)


@memoized
def _maps(program: Program, policy: Policy, mask: tuple[bool, ...]) -> tuple[Program, Program]:
    """The derivative and its transpose as programs of (what is known, tangents or cotangents)."""
    parts = linearize_program(_again(program), mask)
    again = recompute(program, policy, mask).program
    backward_part = transpose_program(parts.linear, sum(mask))
    count = len(again.inputs)

    def forward(*values: Any) -> list[Any]:
        known, tangents = split(values, count)
        return call(parts.linear, [*call(again, known), *tangents])

    def backward(*values: Any) -> list[Any]:
        _, cts = split(values, count)
        known = barrier(*values, count=count) if count else []
        return call(backward_part, [*call(again, known), *cts])

    t_avals = [a for a, on in zip(program.in_avals, mask) if on]
    ct_avals = [a for a, on in zip(program.out_avals, parts.active_outputs) if on]
    return retrace(forward, [*again.in_avals, *t_avals]), retrace(backward, [*again.in_avals, *ct_avals])


@memoized
def _saving(program: Program, policy: Policy, mask: tuple[bool, ...]) -> Program:
    return Program(program.inputs, program.eqns, [*program.outputs, *recompute(program, policy, mask).saved])


def _linearize(*args: Any, active: tuple[bool, ...], program: Program, policy: Policy) -> tuple[list[Any], Any]:
    mask = tuple(on and is_inexact(a) for on, a in zip(active, program.in_avals))
    forward, backward = _maps(program, policy, mask)
    active_outputs = linearize_program(program, mask).active_outputs
    results = remat(*args, program=_saving(program, policy, mask), policy=policy)
    outs, saved = split(results, len(program.outputs))
    known = [*(args[k] for k in recompute(program, policy, mask).positions), *saved]

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, on in zip(tangents, mask) if on]
        t_out = iter(linear_call(*known, *t_in, forward=forward, backward=backward, residuals=len(known)))
        return [next(t_out) if on else Zero(a) for on, a in zip(active_outputs, program.out_avals)]

    return outs, tangent_map


def _batch(size: int, args: list, axes: list, *, program: Program, policy: Policy) -> tuple[list, list]:
    moved, on = in_front(size, args, axes)
    batched = batched_front(program, size, [0 if b else None for b in on])
    return remat(*moved, program=batched, policy=policy), [0] * len(program.outputs)


def _no_products(prim: Any, *_: Any, **__: Any) -> bool:
    return prim is not elementwise.mul


def _samples() -> list[Sample]:
    vec = shaped((2,), np.float64)
    program = retrace(lambda x, y: [elementwise.sin(x * y) * y, elementwise.exp(x)], [vec, vec])
    return [Sample([array(2), array(2)], dict(program=program, policy=p)) for p in (None, _no_products)]


remat = library("remat", lambda *args, program, policy: as_function(program)(*args), aval=_aval, batch=_batch, linearize=_linearize,
                lower=lowering.Call(lambda params: params["program"]), samples=_samples, multiple_results=True, activity=True)  # fmt: skip
