"""Costs: how much work one element of a value is, so that passes can weigh computing it again against memory.

The unit is one vectorized addition or multiplication. What an elementwise operation costs is counted in its own scalar
expression; data movement says it in its declaration.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.program import Eqn
from ..core.scalar import FUNCTIONS, Expr
from .kernel import walk

INDEX = np.dtype(np.int64)
MEMORY = 4.0  # reading or writing an element
FUNCTION = 10.0  # exp, sin, ...
WEIGHTS = {
    "const": 0.0, "sym": 0.0, "load": MEMORY, "div": 4.0, "sqrt": 4.0, "quo": 15.0, "rem": 12.0, "power": 30.0,
    "erfinv": 30.0,
}  # fmt: skip


def node_cost(e: Expr) -> float:
    """The cost of one node of an expression."""
    return WEIGHTS.get(e.op, FUNCTION if e.op in FUNCTIONS else 1.0)


def operation_cost(eqn: Eqn) -> float:
    """The cost of one element of an equation, its operands given."""
    form = eqn.prim.lower
    if isinstance(form, lowering.IndexMap):
        return form.cost if form.cost is not None else 2.0 * reads_each(eqn) - 1.0
    if not isinstance(form, lowering.Scalar):
        return 1.0
    if form.cost is not None:
        return form.cost
    return _scalar_cost(form, tuple(a.aval.dtype for a in eqn.inputs), tuple(sorted(eqn.params.items())))


@lru_cache(maxsize=4096)
def _scalar_cost(form: lowering.Scalar, dtypes: tuple[np.dtype, ...], params: tuple[tuple[str, Any], ...]) -> float:
    operands = [sc.sym(f"x{k}", dtype) for k, dtype in enumerate(dtypes)]
    made = form.fn(*operands, **dict(params))
    return expressions_cost(made if isinstance(made, tuple) else (made,))


def expressions_cost(roots: Iterable[Expr]) -> float:
    """The cost of expressions; what they share is computed once."""
    seen: set[Expr] = set()
    return sum(node_cost(e) for root in roots for e in walk(root, seen))


def reads_each(eqn: Eqn) -> int:
    """How many elements of an operand one element of the result is made from, as far as index maps say so."""
    form = eqn.prim.lower
    return form.reads(**eqn.params) if isinstance(form, lowering.IndexMap) and form.reads is not None else 1


__all__ = ["INDEX", "MEMORY", "expressions_cost", "node_cost", "operation_cost", "reads_each"]
