"""Linearization: a program and its derivative as a second, linear program.

    linearize : Program(a -> b) -> Program(a -> (b, residuals)), Program((residuals, a_dot) -> b_dot)

    { lambda a . b = sin a in (b,) }
      -->  forward { lambda a . b = sin a; c = cos a in (b, c) }
           linear  { lambda c a_dot . d = mul a_dot c in (d,) }

Each primitive's `linearize` rule gives its output and a tangent map. The outputs are recorded in one Trace; the
tangent maps are run afterwards in a second Trace nested in it, and what they close over is captured: those captures
are the residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.avals import is_inexact
from ..core.check import maybe_check
from ..core.primitive import Zero
from ..core.program import Eqn, Program, Var, memoized
from ..core.tracing import Trace, Tracer, bind, state
from ..records import record
from . import linear_ops
from .simplify import dead_code_elimination


@record(frozen=True)
class Linearized:
    """What `linearize` returns.

    forward: inputs -> outputs + residuals; `residuals_of`: inputs + values of `known` variables -> residuals, for a
    caller that has already computed the program's intermediates. linear: residuals + tangents of the active inputs ->
    tangents of the active outputs. `active_outputs` tells which outputs have a tangent at all.
    """

    forward: Program
    linear: Program
    residuals_of: Program
    known: tuple[Var, ...]
    active_outputs: tuple[bool, ...]


@memoized
def linearize(program: Program, active: tuple[bool, ...]) -> Linearized:
    """Split a program into its forward part and the linear map at that point; `active` says which inputs have
    tangents.
    """
    forward = Trace(purpose="linearize")
    try:
        forward.open()
        inputs = [forward.input(v.aval) for v in program.inputs]
        env: dict[Var, Any] = dict(zip(program.inputs, inputs))
        tape = _forward_pass(forward, program, active, env)
        linear, residuals, active_outputs = _linear_pass(program, active, env, tape)
        outputs = [_read(env, a) for a in program.outputs]
        full, _ = forward.program(inputs, [*outputs, *residuals])
        residual_atoms = [forward.atom(r) for r in residuals]
    finally:
        state.trace = forward.parent
    full, linear, keep = _drop_unused_residuals(full, linear, len(residuals), len(outputs))
    residual_atoms = [r for r, k in zip(residual_atoms, keep) if k]
    known: dict[Any, Var] = {}  # a rule may return an operand as it is: then two variables stand for one
    for v in env:
        if type(env[v]) is Tracer:
            known.setdefault(forward.atom(env[v]), v)
    cut = _stop_at(list(known), full, residual_atoms)
    used = [i for i, v in enumerate(cut.inputs) if any(v in e.inputs for e in cut.eqns) or v in cut.outputs]
    cut = Program([cut.inputs[i] for i in used], cut.eqns, cut.outputs)
    maybe_check(full, "linearize"), maybe_check(linear, "linearize")
    given = list(known.values())
    return Linearized(full, linear, cut, tuple(given[i] for i in used), active_outputs)


def _read(env: dict[Var, Any], atom: Any) -> Any:
    return env[atom] if type(atom) is Var else atom.value


def _forward_pass(trace: Trace, program: Program, active: Sequence[bool], env: dict[Var, Any]) -> list[tuple[Eqn, Any]]:
    """Evaluate every equation, by its linearize rule where a tangent reaches it; the tape holds the tangent maps."""
    reached = {v for v, on in zip(program.inputs, active) if on}
    tape: list[tuple[Eqn, Any]] = []
    for eqn in program.eqns:
        args = [_read(env, a) for a in eqn.inputs]
        trace.source = eqn.source
        tangent_map = None
        mask = tuple([type(a) is Var and a in reached for a in eqn.inputs])
        if eqn.prim.linearize is not None and any(mask):
            activity = {"active": mask} if eqn.prim.activity else {}
            out, tangent_map = eqn.prim.linearize(*args, **activity, **eqn.params)
        else:
            out = bind(eqn.prim, args, eqn.params)
        outs = out if eqn.prim.multiple_results else [out]
        env.update(zip(eqn.outs, outs))
        if tangent_map is not None:
            tape.append((eqn, tangent_map))
            reached.update(v for v in eqn.outs if is_inexact(v.aval))
    return tape


def _linear_pass(program: Program, active: Sequence[bool], env: dict, tape: list) -> tuple[Program, list, tuple]:
    """Run the tangent maps in a Trace of their own; captures become residuals."""
    linear = Trace(purpose="linearize", hoist=True)
    try:
        linear.open()
        tangents: dict[Var, Any] = {
            v: linear.input(v.aval) for v, on in zip(program.inputs, active) if on and is_inexact(v.aval)
        }
        inputs = list(tangents.values())
        for eqn, tangent_map in tape:
            t_in = [tangent_of(tangents, a) for a in eqn.inputs]
            linear.source = eqn.source
            if all(type(t) is Zero for t in t_in):
                continue
            t_out = tangent_map(*t_in)
            for v, t in zip(eqn.outs, t_out if eqn.prim.multiple_results else [t_out]):
                if type(t) is not Zero:
                    tangents[v] = t
        outs = [tangent_of(tangents, a) for a in program.outputs]
        active_outputs = tuple(type(t) is not Zero for t in outs)
        linear_program, captures = linear.program(inputs, [t for t in outs if type(t) is not Zero])
    finally:
        state.trace = linear.parent
    return linear_program, captures, active_outputs


def tangent_of(tangents: dict[Var, Any], atom: Any) -> Any:
    """The tangent of an atom, or a symbolic zero."""
    return tangents[atom] if type(atom) is Var and atom in tangents else Zero(atom.aval)


def _drop_unused_residuals(
    full: Program, linear: Program, count: int, outs: int
) -> tuple[Program, Program, list[bool]]:
    """Dead code in the linear part frees residuals, and dead residuals free forward equations."""
    linear = dead_code_elimination(linear)
    used = {a for eqn in linear.eqns for a in eqn.inputs if type(a) is Var} | set(linear.outputs)
    keep = [v in used for v in linear.inputs[:count]]
    linear_inputs = [v for v, k in zip(linear.inputs, keep) if k] + list(linear.inputs[count:])
    linear = Program(linear_inputs, linear.eqns, linear.outputs)
    kept_outputs = list(full.outputs[:outs]) + [a for a, k in zip(full.outputs[outs:], keep) if k]
    return dead_code_elimination(Program(full.inputs, full.eqns, kept_outputs)), linear, keep


def _stop_at(known: list[Any], full: Program, outputs: list[Any]) -> Program:
    """The part of a program that computes `outputs` when the variables `known` are given."""
    given = dict.fromkeys(a for a in known if type(a) is Var)
    # An effect without results is one of a user's rule: those of the function itself have happened by now.
    inner = [eqn for eqn in full.eqns if not all(v in given for v in eqn.outs) or not eqn.outs]
    return dead_code_elimination(Program(list(given), inner, outputs))


@memoized
def jvp(program: Program, active: tuple[bool, ...]) -> tuple[Program, tuple[bool, ...]]:
    """Forward mode: a program of (inputs, tangents of active inputs) -> (outputs, tangents of active outputs).

    { lambda a . b = sin a in (b,) }  -->  { lambda a a_dot . b = sin a; c = cos a; d = mul a_dot c in (b, d) }
    """
    parts = linearize(program, active)
    count = len(program.outputs)
    tangents = parts.linear.inputs[len(parts.forward.outputs) - count :]
    rename = dict(zip(parts.linear.inputs, parts.forward.outputs[count:]))
    eqns = [*parts.forward.eqns, *(_rename(e, rename) for e in parts.linear.eqns)]
    t_outs = [rename.get(a, a) if type(a) is Var else a for a in parts.linear.outputs]
    joined = Program([*parts.forward.inputs, *tangents], eqns, [*parts.forward.outputs[:count], *t_outs])
    return maybe_check(joined, "jvp"), parts.active_outputs


def _rename(eqn: Eqn, rename: dict[Var, Any]) -> Eqn:
    if not any(type(a) is Var and a in rename for a in eqn.inputs):
        return eqn
    return eqn.replace(inputs=tuple(rename.get(a, a) if type(a) is Var else a for a in eqn.inputs))


def instantiate(tangent: Any) -> Any:
    """A symbolic zero as an array of zeros; anything else unchanged."""
    return linear_ops.zeros(tangent.aval) if type(tangent) is Zero else tangent


__all__ = ["Linearized", "instantiate", "jvp", "linearize", "tangent_of"]
