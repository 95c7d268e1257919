"""Transposition: run a linear program backwards.

    transpose : Program((residuals, a_dot) -> b_dot) -> Program((residuals, b_ct) -> a_ct)

    { lambda c a_dot . d = mul a_dot c in (d,) }  -->  { lambda c d_ct . e = mul d_ct c in (e,) }

Equations that do not depend on the linear inputs are evaluated forwards; the others are walked in reverse, each
asking its primitive's `transpose` rule for the cotangents of its linear operands. Cotangents of a value used twice
add up.
"""

from __future__ import annotations

from typing import Any

from ..core.avals import is_inexact
from ..core.check import maybe_check
from ..core.primitive import LinearArg, Zero
from ..core.program import Eqn, Program, Var, memoized
from ..core.tracing import Trace, bind, replay, state
from . import linear_ops
from .linearize import instantiate, linearize
from .simplify import dead_code_elimination


@memoized
def transpose(program: Program, linear_count: int) -> Program:
    """Transpose a program that is linear in its last `linear_count` inputs.

    Returns:
        A program of (other inputs, cotangents of all outputs) -> cotangents of the linear inputs.
    """
    split = len(program.inputs) - linear_count
    t = Trace(purpose="transpose")
    try:
        t.open()
        residuals = [t.input(v.aval) for v in program.inputs[:split]]
        ct_inputs = [t.input(a.aval) for a in program.outputs]
        env = dict(zip(program.inputs[:split], residuals))
        backward = _evaluate_nonlinear(t, program, env, set(program.inputs[split:]))
        cts: dict[Var, Any] = {}
        for atom, ct in zip(program.outputs, ct_inputs):
            _accumulate(cts, atom, ct)
        for eqn in reversed(backward):
            t.source = eqn.source
            _transpose_equation(eqn, env, cts)
        outs = [instantiate(_cotangent(cts, v)) for v in program.inputs[split:]]
        result, _ = t.program([*residuals, *ct_inputs], outs)
    finally:
        state.trace = t.parent
    return maybe_check(dead_code_elimination(result), "transpose")


def _evaluate_nonlinear(trace: Trace, program: Program, env: dict[Var, Any], linear: set[Var]) -> list[Eqn]:
    """Evaluate what does not depend on linear values; return the linear equations in order."""
    backward: list[Eqn] = []
    for eqn in program.eqns:
        if any(type(a) is Var and a in linear for a in eqn.inputs):
            linear.update(eqn.outs)
            backward.append(eqn)
        else:
            trace.source = eqn.source
            out = bind(eqn.prim, [env[a] if type(a) is Var else a.value for a in eqn.inputs], eqn.params)
            env.update(zip(eqn.outs, out if eqn.prim.multiple_results else [out]))
    return backward


def _transpose_equation(eqn: Eqn, env: dict[Var, Any], cts: dict[Var, Any]) -> None:
    out_cts = [_cotangent(cts, v) for v in eqn.outs]
    if all(type(ct) is Zero for ct in out_cts):
        return
    if eqn.prim.transpose is None:
        raise TypeError(f"{eqn.prim.name} has no transpose rule, but the linear program depends on it: {eqn.source}")
    args = [_operand(a, env) for a in eqn.inputs]
    ct = out_cts if eqn.prim.multiple_results else out_cts[0]
    for atom, arg, arg_ct in zip(eqn.inputs, args, eqn.prim.transpose(ct, *args, **eqn.params), strict=True):
        if type(arg) is LinearArg and arg_ct is not None and type(arg_ct) is not Zero:
            _accumulate(cts, atom, arg_ct)


def _cotangent(cts: dict[Var, Any], v: Var) -> Any:
    return cts[v] if v in cts else Zero(v.aval)


def _operand(atom: Any, env: dict[Var, Any]) -> Any:
    if type(atom) is not Var:
        return atom.value
    return env[atom] if atom in env else LinearArg(atom.aval)


def _accumulate(cts: dict[Var, Any], atom: Any, ct: Any) -> None:
    if type(atom) is Var:
        cts[atom] = linear_ops.add_any(cts[atom], ct) if atom in cts else ct


@memoized
def pullback(program: Program, active: tuple[bool, ...], given: bool) -> tuple[Program, Any]:
    """The whole reverse mode of a program: residuals recomputed from primal values, then the transposed linear part.

    With `given`, the program takes (values of `Linearized.known`, cotangents of active outputs), for a caller that
    has already evaluated the forward pass; without, it takes (residuals, cotangents).
    """
    parts = linearize(program, active)
    count = len(parts.forward.outputs) - len(program.outputs)
    linear_count = sum(1 for v, on in zip(program.inputs, active) if on and is_inexact(v.aval))
    backward = transpose(parts.linear, linear_count)
    if not given:
        return backward, parts
    t = Trace(purpose="pullback")
    try:
        t.open()
        known = [t.input(v.aval) for v in parts.residuals_of.inputs]
        cts = [t.input(v.aval) for v in backward.inputs[count:]]
        residuals = replay(parts.residuals_of, known)
        joined, _ = t.program([*known, *cts], replay(backward, [*residuals, *cts]))
    finally:
        state.trace = t.parent
    return dead_code_elimination(joined), parts
