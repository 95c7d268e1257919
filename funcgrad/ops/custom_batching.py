"""Equations with a batching rule supplied by the user: `custom_vmap_call`.

    vmap of custom_vmap_call[program, rule] args   -->   the equations of rule.get((size, which args are batched))

The rule gives a program and which of its outputs are batched. Derivatives keep it: the tangent of the equation is the
same kind of equation, whose program is the tangent of the program and whose rule is the tangent of the rule. So
`vmap(grad(f))` differentiates what the user wrote for batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Zero
from ..core.program import Program, as_function, memoized
from ..core.tracing import retrace
from ..transforms.linearize import instantiate
from ..transforms.linearize import jvp as jvp_program
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import transpose as transpose_program
from . import elementwise, layout
from .custom import Rule
from .linear_call import linear_call
from .programs import call, zeros
from .rules import library
from .samples import Sample, array

Mask = tuple[bool, ...]


def _impl(*args: Any, program: Program, rule: Rule) -> list[Any]:
    return as_function(program)(*args)


def _aval(*args: ShapedArray, program: Program, rule: Rule) -> list[ShapedArray]:
    if list(args) != program.in_avals:
        raise TypeError(f"custom_vmap_call: operands {list(args)} do not fit a program of type {program.in_avals}")
    return program.out_avals


def _batch(size: int, args: list, axes: list, *, program: Program, rule: Rule) -> tuple[list, list]:
    batched, outs, wanted = rule.get((size, tuple([a is not None for a in axes])))
    args = [layout.with_batch_axis(x, size, a, 0) if on else x for x, a, on in zip(args, axes, wanted)]
    return call(batched, args), [0 if on else None for on in outs]


# --- derivative -----------------------------------------------------------------------------------------------------------


def _linearize(*args: Any, active: Mask, program: Program, rule: Rule) -> tuple[list[Any], Any]:
    active = tuple([on and is_inexact(a) for on, a in zip(active, program.in_avals)])
    outs = custom_vmap_call(*args, program=program, rule=rule)
    forward, backward, active_outputs = _maps(program, rule, active)

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, on in zip(tangents, active) if on]
        t_out = iter(linear_call(*args, *t_in, forward=forward, backward=backward, residuals=len(args)))
        return [next(t_out) if on else Zero(a) for on, a in zip(active_outputs, program.out_avals)]

    return outs, tangent_map


@memoized
def _maps(program: Program, rule: Rule, active: Mask) -> tuple[Program, Program, Mask]:
    """(args, tangents) -> tangents and (args, cotangents) -> cotangents, each as one equation with its own rule; which
    outputs have tangents.
    """
    both, on = jvp_program(program, active)
    tangent = dead_code_elimination(Program(both.inputs, both.eqns, both.outputs[len(program.outputs) :]))
    pushed = Rule(("tangent", rule, active, on), lambda which: _batched_tangent(rule, which[0], active, on), masked=True)
    pulled = Rule(("cotangent", rule, active, on), lambda which: _batched_cotangent(rule, which[0], active, on), masked=True)
    return _as_equation(tangent, pushed), _as_equation(transpose_program(tangent, sum(active)), pulled), on


def _as_equation(program: Program, rule: Rule) -> Program:
    return retrace(lambda *args: custom_vmap_call(*args, program=program, rule=rule), program.in_avals)


def _tangent_of_rule(rule: Rule, size: int, active: Mask, on: Mask) -> Program:
    """The tangent of the program for batches: all operands have the batch axis, and so have the outputs `on`."""
    program, batched, _ = rule.get((size, (True,) * len(active)))
    both, own = jvp_program(program, active)

    def f(*values: Any) -> list[Any]:
        given = iter(call(both, values)[len(program.outputs) :])
        found = [next(given) if has else zeros(a) for has, a in zip(own, program.out_avals)]
        axes = [0 if b else None for b in batched]
        return [layout.with_batch_axis(t, size, axis, 0) for t, axis, wanted in zip(found, axes, on) if wanted]

    return retrace(f, both.in_avals)


def _batched_tangent(rule: Rule, size: int, active: Mask, on: Mask) -> tuple[Program, Mask, Mask]:
    return _everything(_tangent_of_rule(rule, size, active, on))


def _batched_cotangent(rule: Rule, size: int, active: Mask, on: Mask) -> tuple[Program, Mask, Mask]:
    # The cotangent of an operand differs from example to example: all operands need the axis here.
    return _everything(transpose_program(_tangent_of_rule(rule, size, active, on), sum(active)))


def _everything(program: Program) -> tuple[Program, Mask, Mask]:
    return program, (True,) * len(program.outputs), (True,) * len(program.inputs)


# --- samples --------------------------------------------------------------------------------------------------------------


def _samples() -> list[Sample]:
    pair = shaped((2,), np.float64)
    f = lambda x, y: [elementwise.sin(x) * y, y * y]

    def batched(which: tuple[int, Mask]) -> tuple[Program, Mask, Mask]:
        size = which[0]
        return _everything(retrace(f, [pair.update(shape=(size, 2))] * 2))

    return [Sample([array(2), array(2)], dict(program=retrace(f, [pair] * 2), rule=Rule("sample vmap", batched, masked=True)))]


custom_vmap_call = library("custom_vmap_call", _impl, aval=_aval, batch=_batch, linearize=_linearize, samples=_samples,
                           multiple_results=True, activity=True, lower=lowering.Call(lambda params: params["program"]))  # fmt: skip
