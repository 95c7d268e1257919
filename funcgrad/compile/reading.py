"""Reading: the forms of equations that the scheduler tells apart, and how an equation reads its operands."""

from __future__ import annotations

import math
from typing import Any

from ..core import lowering
from ..core.program import Eqn

FUSIBLE = (lowering.Scalar, lowering.IndexMap)
REDUCTIONS = (lowering.Reduce, lowering.ArgReduce)
# Single equations that fuse their operands.
OWN_LOOPS = (lowering.Scan, lowering.Recurrence, lowering.Sort, lowering.Scatter, lowering.Spread)


def domain_of(eqn: Eqn) -> tuple[int, ...]:
    """The loops an anchor needs: the shape it computes, or for a reduction the shape it reads."""
    if isinstance(eqn.prim.lower, REDUCTIONS):
        return eqn.inputs[0].aval.shape
    return eqn.outs[0].aval.shape


def trailing(eqn: Eqn) -> int | None:
    """For a reduction over trailing axes, the number of leading axes that stay."""
    ndim, axes = eqn.inputs[0].aval.ndim, eqn.params["axes"]
    kept = ndim - len(axes)
    return kept if tuple(axes) == tuple(range(kept, ndim)) else None


def is_row_broadcast(eqn: Eqn) -> bool:
    """Whether an equation repeats a value along new trailing axes."""
    dims = eqn.params.get("dims")
    return eqn.prim.name == "broadcast" and tuple(dims) == tuple(range(len(dims)))


def through(eqn: Eqn, operand: Any, how: tuple) -> tuple:
    """How an operand of an inlined equation is read, when the equation's result is read as `how`."""
    if isinstance(eqn.prim.lower, lowering.Scalar) or is_aligned(eqn, operand):
        return how
    if how == ("other",) or not is_row_broadcast(eqn) and not _keeps_rows(eqn):
        return ("other",)
    kept = min(operand.aval.ndim, eqn.outs[0].aval.ndim)
    if how == ("same",) or how[1] >= kept:
        return ("row", kept)
    return how


def is_same(eqn: Eqn, other: Eqn) -> bool:
    """Whether two equations compute one value twice: what has been separated is not computed at one time again."""
    return eqn.prim is other.prim and eqn.inputs == other.inputs and eqn.params == other.params


def is_aligned(eqn: Eqn, operand: Any) -> bool:
    """Whether an index map reads an operand at its own index only."""
    return all(k in eqn.prim.lower.aligned for k, a in enumerate(eqn.inputs) if a is operand)


def _keeps_rows(eqn: Eqn) -> bool:
    """A reshape that only adds or removes trailing axes of size one reads rows as rows, too."""
    if eqn.prim.name != "reshape":
        return False
    short, long = sorted((eqn.inputs[0].aval.shape, eqn.outs[0].aval.shape), key=len)
    return long[: len(short)] == short and math.prod(long[len(short) :]) == 1


__all__ = [
    "FUSIBLE",
    "OWN_LOOPS",
    "REDUCTIONS",
    "domain_of",
    "is_aligned",
    "is_row_broadcast",
    "is_same",
    "through",
    "trailing",
]
