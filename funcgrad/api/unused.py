"""A gradient that is zero because the result does not depend on the argument: mostly a mistake, hence reported.

Reported is an argument none of whose leaves reaches the result, nor a comparison or an integer, by which Python code
may have chosen its way: `x if x > 0 else 0.0` depends on x wherever it is constant. Zero gradients of some leaves, or
of piecewise constant functions, are ordinary. Under another transformation nothing is reported: there the argument
may well be constant on purpose.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from .. import errors
from ..core.program import Program, Var, memoized
from . import recording as rec

_PACKAGE = str(Path(__file__).resolve().parents[1])


@memoized
def _unread(program: Program) -> tuple[bool, ...]:
    """For each input whether neither the first output nor a value of integer or bool dtype depends on it."""
    read = {program.outputs[0]} if type(program.outputs[0]) is Var else set()
    for eqn in reversed(program.eqns):
        if any(v in read or v.aval.dtype.kind in "biu" for v in eqn.outs):
            read.update(a for a in eqn.inputs if type(a) is Var)
    return tuple([v not in read for v in program.inputs])


def report(choice: Any, r: rec.Recording, treedef: Any) -> None:
    """Warn of chosen arguments on which the result of a recording does not depend."""
    unread = _unread(r.program)[r.captured :]
    if not any(unread):
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
    while frame is not None and _is_ours(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level + 1


def _is_ours(filename: str) -> bool:
    return filename.startswith((_PACKAGE, "<funcgrad"))
