"""Cost analysis: floating operations and bytes of a program, counted on its equations."""

from __future__ import annotations

import math

from ..core import lowering
from ..core.program import Eqn, Program, subprograms


def program_cost(program: Program) -> dict[str, float]:
    """Flops (one for each elementwise result, two for each multiply-add of a contraction, n^3 for dense linear algebra)
    and bytes of inputs and outputs.

    Loops count their body times their length, loops whose length is data count one iteration, switches their longest
    branch.
    """
    flops = sum(_flops(eqn) for eqn in program.eqns)
    bytes_ = sum(a.nbytes for a in program.in_avals) + sum(a.nbytes for a in program.out_avals)
    return {"flops": float(flops), "bytes": float(bytes_)}


def _flops(eqn: Eqn) -> float:
    form, out = eqn.prim.lower, eqn.outs[0].aval if eqn.outs else None
    if isinstance(form, lowering.Contract):
        depth = math.prod(eqn.inputs[0].aval.shape[d] for d in eqn.params["contract"][0])
        return 2.0 * out.size * depth
    if isinstance(form, lowering.Loop):
        return eqn.params["length"] * program_cost(eqn.params["body"])["flops"]
    if isinstance(form, (lowering.Branch, lowering.While, lowering.WhileBackward)):
        inner = [program_cost(p)["flops"] for p in subprograms(eqn.params)]
        return max(inner) if isinstance(form, lowering.Branch) else sum(inner)
    if isinstance(form, lowering.Lanes):
        return eqn.params["size"] * sum(program_cost(p)["flops"] for p in subprograms(eqn.params))
    if isinstance(form, (lowering.Reduce, lowering.ArgReduce, lowering.Scan, lowering.Sort)):
        return float(eqn.inputs[0].aval.size)
    if isinstance(form, lowering.Recurrence):
        return 2.0 * out.size
    if isinstance(form, lowering.Matrices):
        return float(eqn.inputs[0].aval.size * eqn.inputs[0].aval.shape[-1])
    return float(out.size) if isinstance(form, lowering.Scalar) else 0.0
