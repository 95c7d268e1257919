"""A gradient that is zero because the result does not depend on the argument: mostly a mistake, hence reported.

Reported is an argument none of whose leaves is connected with the result. Nothing is reported

- where Python code may have chosen its way by the values (`x if x > 0 else 0.0`, a `while` that was not entered): a
  comparison or an integer was computed that no operation has used;
- where `cond` or `switch` chose a branch by a known condition;
- where the function differentiates itself: the derivative of a linear function is constant, rightly;
- under another transformation, where the argument may be constant on purpose.

Zero gradients of some leaves, or of piecewise constant functions, are ordinary.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from .. import errors
from ..core.program import Program, Var, memoized
from ..core.tracing import is_internal
from . import recording as rec


@memoized
def _unread(program: Program) -> tuple[bool, ...]:
    """For each input whether the first output does not depend on it; never so if a condition may have been read."""
    read = {program.outputs[0]} if type(program.outputs[0]) is Var else set()
    used = {a for eqn in program.eqns for a in eqn.inputs if type(a) is Var} | set(program.outputs)
    for eqn in reversed(program.eqns):
        if any(v.aval.dtype.kind in "biu" and v not in used for v in eqn.outs):
            return (False,) * len(program.inputs)
        if any(v in read for v in eqn.outs):
            read.update(a for a in eqn.inputs if type(a) is Var)
    return tuple([v not in read for v in program.inputs])


def report(choice: Any, r: rec.Recording, treedef: Any) -> None:
    """Warn of chosen arguments on which the result of a recording does not depend."""
    avals = r.program.in_avals[r.captured :]
    unread = [alone and a.size > 0 for alone, a in zip(_unread(r.program)[r.captured :], avals)]
    if r.hosts or not any(unread):
        return
    start = 0
    for key, child in zip(choice.keys, treedef.children()):
        leaves = unread[start : start + child.num_leaves]
        start += child.num_leaves
        if leaves and all(leaves):
            text = errors.unused_argument(choice.purpose, rec.name_of(choice.fun), key)
            warnings.warn(text, errors.UnusedArgumentWarning, stacklevel=_user_level())


def _user_level() -> int:
    """How many frames up the user's call is, so that a warning is shown once for each such line."""
    level, frame = 1, sys._getframe(2)
    while frame is not None and is_internal(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level + 1
