"""Compiled programs as C functions of doubles: with this module one can hand a program to a library that calls back by
pointer, such as `scipy.integrate.quad`.

A few instructions around the machine code: they lay out the table of pointers that it takes, on the stack of the
caller, so that the function may run in many threads at once.

    double (double)             one number to one number
    double (int, double *)      the elements of all arguments, one after the other, to one number
    void (double *, double *)   elements of all arguments, elements of all results
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..core.avals import ShapedArray
from . import native

_DOUBLE, _POINTER = ctypes.c_double, ctypes.POINTER(ctypes.c_double)
SIGNATURES: dict[str, Any] = {
    "double (double)": ctypes.CFUNCTYPE(_DOUBLE, _DOUBLE),
    "double (int, double *)": ctypes.CFUNCTYPE(_DOUBLE, ctypes.c_int, _POINTER),
    "void (double *, double *)": ctypes.CFUNCTYPE(None, _POINTER, _POINTER),
}
STACK_LIMIT = 1 << 16  # a larger workspace is allocated for each call
_NAN = "0x7FF8000000000000"

_BODIES = {
    "double (double)": """\
define double @call(double %x) nounwind {{
  %x.at = alloca double
  %y.at = alloca double
  store double %x, ptr %x.at
  store double {nan}, ptr %y.at
  call void @run(ptr %x.at, ptr %y.at)
  %y = load double, ptr %y.at
  ret double %y
}}""",
    "double (int, double *)": """\
define double @call(i32 %count, ptr %x) nounwind {{
  %y.at = alloca double
  store double {nan}, ptr %y.at
  %fits = icmp eq i32 %count, {count}
  br i1 %fits, label %right, label %done
right:
  call void @run(ptr %x, ptr %y.at)
  br label %done
done:
  %y = load double, ptr %y.at
  ret double %y
}}""",
    "void (double *, double *)": """\
define void @call(ptr %x, ptr %y) nounwind {{
  call void @run(ptr %x, ptr %y)
  ret void
}}""",
}


def c_function(executable: Any, signature: str | None, what: str) -> Callable[..., Any]:
    """The C function of an executable, as a ctypes function that keeps the machine code alive.

    Args:
        executable: of float64 arguments and results.
        signature: one of SIGNATURES, or None for the first that fits.
        what: what errors call the function.

    Raises:
        TypeError: there is no such function.
    """
    artifact = executable.artifact
    _check_types(artifact, what)
    counts = [sum(a.size for a in avals) for avals in (artifact.inputs, artifact.outputs)]
    fitting = [s for s in SIGNATURES if _fits(s, *counts)]
    signature = signature or fitting[0]
    if signature not in fitting:
        raise TypeError(
            f"{what}: no C function {signature!r}: it takes {counts[0]} numbers and returns {counts[1]}, "
            f"so there are {', '.join(map(repr, fitting))}."
        )
    library = native.compile_text(_text(executable, signature, counts[0]))
    made = SIGNATURES[signature](library.address("call"))
    made.keep = (library, executable)
    return made


def _fits(signature: str, taken: int, returned: int) -> bool:
    return signature.startswith("void") or returned == 1 and (taken == 1 or signature != "double (double)")


def _check_types(artifact: Any, what: str) -> None:
    wrong = [a for a in (*artifact.inputs, *artifact.outputs) if a.dtype != np.float64]
    if wrong:
        raise TypeError(f"{what}: a C function takes and returns float64 numbers only, and this one has {wrong[0]}.")
    if artifact.targets:
        raise TypeError(f"{what}: a C function has no donated arguments; compile it without donate_argnums.")
    if artifact.raises:
        raise TypeError(f"{what}: no C function, since it calls back into Python or may raise an exception.")


def _text(executable: Any, signature: str, count: int) -> str:
    artifact = executable.artifact
    constants = [f"inttoptr (i64 {address} to ptr)" for address in executable.constant_addresses]
    lines, pointers = _places("%x", artifact.inputs)
    more, results = _places("%y", artifact.outputs)
    entry = executable.library.address("entry")
    pointers += [*results, *constants, "%workspace"]
    before, after = _workspace(artifact.workspace)
    stores = [
        line
        for k, pointer in enumerate(pointers)
        for line in (f"  %e{k} = getelementptr ptr, ptr %table, i64 {k}", f"  store ptr {pointer}, ptr %e{k}")
    ]
    head = [
        "declare ptr @malloc(i64)",
        "declare void @free(ptr)",
        "define internal void @run(ptr %x, ptr %y) nounwind {",
    ]
    call = f"  call void inttoptr (i64 {entry} to ptr)(ptr %table)"
    table = f"  %table = alloca [{len(pointers)} x ptr]"
    body = [table, *before, *lines, *more, *stores, call, *after]
    return "\n".join([*head, *body, "  ret void", "}", _BODIES[signature].format(nan=_NAN, count=count)])


def _places(base: str, avals: Sequence[ShapedArray]) -> tuple[list[str], list[str]]:
    """Where arrays lie, one after the other."""
    starts = [0, *accumulate(a.nbytes for a in avals)]
    names = [f"{base}.{k}" for k in range(len(avals))]
    return [f"  {n} = getelementptr i8, ptr {base}, i64 {at}" for n, at in zip(names, starts)], names


def _workspace(size: int) -> tuple[list[str], list[str]]:
    if size <= STACK_LIMIT:
        return [f"  %workspace = alloca [{max(size, 1)} x i8], align 64"], []
    before = [
        f"  %block = call ptr @malloc(i64 {size + 64})",
        "  %missing = icmp eq ptr %block, null",
        "  br i1 %missing, label %out, label %enough",
        "out:",
        "  ret void",  # the result stays NaN
        "enough:",
        "  %block.number = ptrtoint ptr %block to i64",
        "  %raised = add i64 %block.number, 63",
        "  %aligned = and i64 %raised, -64",
        "  %workspace = inttoptr i64 %aligned to ptr",
    ]
    return before, ["  call void @free(ptr %block)"]


__all__ = ["SIGNATURES", "c_function"]
