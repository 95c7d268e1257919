"""Carried state: what loops do with it before they run.

With this module a loop can flatten its state with errors that name the place, find the types at which its body keeps
them (a Python number in the state takes the dtype that the body gives it), and say which leaf changes its type.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core.tracing import Tracer, check_array, trace
from ..numpy import promotion
from ..records import record
from . import recording as rec

Tracing = Callable[[list[Any], list[bool]], "Traced"]
INDEX = np.dtype(np.int64)
ROUNDS = 3  # as given, with the dtypes the body gives, and once more for numbers derived from those


@record
class Traced:
    """A function traced at some types: its program with the captures in front, and what it returns."""

    program: Any
    captures: list[Any]
    weak: list[bool]
    out_tree: Any

    @property
    def avals(self) -> list[Any]:
        """Types of the outputs."""
        return self.program.out_avals


def flatten(where: str, name: str, value: Any) -> tuple[list[Any], Any]:
    """Leaves and structure; a leaf that is no array is refused by its path."""
    paths, treedef = tree.tree_flatten_with_path(value)
    return [check_array(x, f"{where}: {name}{tree.keystr(path)}") for path, x in paths], treedef


def integer(where: str, what: str, value: Any) -> Any:
    """An integer scalar: an int64 Tracer, or a Python int."""
    if type(value) is Tracer and value.dtype.kind in "iu" and value.ndim == 0:
        return promotion.convert(value, INDEX)
    try:
        if type(value) is not Tracer:
            return operator.index(value)
    except TypeError:
        pass
    found = value.aval if type(value) is Tracer else repr(value)
    raise TypeError(
        f"{where}: {what} must be an integer scalar, got {found}.\nFix: convert it with int(...) or astype(int)."
    )


def trace_flat(where: str, f: Callable, avals: Sequence[Any], weak: Sequence[bool]) -> Traced:
    """Trace a function of leaves to (leaves, anything): outputs become arrays."""
    extra: list[Any] = []

    def flat(*inputs: Any) -> list[Any]:
        outs, info = f(*inputs)
        extra.append((info, [rec._weak(v) for v in outs]))
        return [promotion.array_operand(v) for v in outs]

    program, captures = trace(flat, avals, weak=weak, hoist=True, purpose=where)
    info, out_weak = extra[0]
    return Traced(program, captures, out_weak, info)


def settle(
    where: str, carry: list[Any], carry_tree: Any, trace_body: Tracing, hidden: int = 0
) -> tuple[list[Any], Traced]:
    """The first state, and the body, at types that the body keeps; `hidden` leaves in front are not of the user."""
    weak = [rec._weak(c) for c in carry]
    for _ in range(ROUNDS):
        traced = trace_body(carry, weak)
        new, still_weak = _promoted(carry, weak, traced.avals, traced.weak)
        if still_weak == weak and all(n is c for n, c in zip(new, carry)):
            break
        carry, weak = new, still_weak
    _check(where, carry[hidden:], traced.avals[hidden : len(carry)], carry_tree)
    return [promotion.array_operand(c) for c in carry], traced


def _promoted(carry: list, weak: list[bool], avals: list, out_weak: list[bool]) -> tuple[list[Any], list[bool]]:
    """Numbers in the state with the dtype that the body gave them: that of an array, or of a larger kind of number."""
    new = [
        promotion.convert(c, a.dtype) if w and a.ndim == 0 and (not o or _grows(c, a.dtype)) else c
        for c, w, a, o in zip(carry, weak, avals, out_weak)
    ]
    return new, [w and o for w, o in zip(weak, out_weak)]


def _grows(number: Any, dtype: Any) -> bool:
    """Whether arithmetic with Python numbers turns this one into one of another kind, as 1 + 0.5 does."""
    before = rec.abstract(number).dtype
    return before != dtype and before.kind != "b" and np.promote_types(before, dtype) == dtype


def check_structure(where: str, before: Any, after: Any) -> None:
    """Refuse a body that returns a state of another structure."""
    if after != before:
        raise TypeError(
            f"{where}: the carry changes its structure from {before} to {after}.\n"
            "Fix: return a carry built like the one that came in."
        )


def _check(where: str, carry: list, avals: list, carry_tree: Any) -> None:
    paths = tree.tree_leaves_with_path(tree.tree_unflatten(carry_tree, range(len(carry))))
    wrong = [
        f"  carry{tree.keystr(path)}: {rec.abstract(c)} goes in, {a} comes out"
        for (path, _), c, a in zip(paths, carry, avals)
        if rec.abstract(c) is not a
    ]
    if wrong:
        raise TypeError(
            f"{where}: the carry changes its type, so the loop cannot repeat:\n" + "\n".join(wrong) + "\n"
            "Fix: start with an init of the type that comes out (init.astype(dtype), np.zeros(shape, dtype)), or\n"
            "convert the new carry inside the function."
        )
