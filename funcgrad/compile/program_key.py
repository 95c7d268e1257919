"""Keys of programs for the persistent cache: what one can do with this module is name a program so that another process
names the same program, and no other, alike.

The name is a hash of a text from which the program could be rebuilt: every operation, parameter, type, literal (by its
bits) and wire, each written with its type, so that 1, 1.0, True and float32(1) differ. To it belong the sources of the
compiler and of the operations, the versions beneath them, and the processor. Programs that hold something whose meaning
is not in that text (functions of the user's, operations the library does not declare) have no name and are not looked
up this way.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import struct
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray
from ..core.primitive import Primitive
from ..core.program import Atom, Eqn, Literal, Program, Var
from ..ops import DECLARED
from . import cache, native
from .sources import source_stamp

# Forms whose programs the compiler transforms further, by rules that are not in the text of these programs.
_DERIVED = (lowering.WhileBackward, lowering.Lanes)


class _Unnamed(Exception):
    """The program holds something that only this process knows."""


def artifact_name(program: Program, captured: int, donated: tuple[int, ...]) -> str | None:
    """The name of the artifact of a program in the cache, or None where it has none.

    Args:
        program: captures first.
        captured: how many inputs are captures.
        donated: leaves whose memory may be taken over.
    """
    try:
        text = _program(program, strict=False)
    except _Unnamed:
        return None
    sources = source_stamp()
    if sources is None:
        return None
    parts = [text, str(captured), str(donated), sources, _versions(), native.target_key()]
    return cache.name_of(parts, ".artifact")


@functools.cache
def _versions() -> str:
    return f"python {platform.python_version()} numpy {np.__version__}"


# --- text -------------------------------------------------------------------------------------------------------------


def _program(program: Program, strict: bool) -> str:
    """The hash of a program's text; programs inside programs appear by theirs."""
    known = ("key", strict)
    if known not in program.memo:
        text = _text(program, strict)
        program.memo[known] = hashlib.sha256(text.encode()).hexdigest()
    return program.memo[known]


def _text(program: Program, strict: bool) -> str:
    number: dict[Var, str] = {v: str(i) for i, v in enumerate(program.inputs)}
    lines = [" ".join(map(_aval, program.in_avals))]
    for eqn in program.eqns:
        inputs = " ".join([_atom(a, number) for a in eqn.inputs])
        for v in eqn.outs:
            number[v] = str(len(number))
        lines.append(f"{_operation(eqn, strict)} {inputs} : {' '.join([_aval(v.aval) for v in eqn.outs])}")
    lines.append(" ".join([_atom(a, number) for a in program.outputs]))
    return "\n".join(lines)


def _atom(atom: Atom, number: dict[Var, str]) -> str:
    return number[atom] if type(atom) is Var else _value(atom, True)


def _operation(eqn: Eqn, strict: bool) -> str:
    """An equation that means a program is compiled as that program: the rules it carries do not matter here."""
    form = eqn.prim.lower
    if isinstance(form, lowering.Call) and not strict:
        return "program " + _program(form.program(eqn.params), strict)
    if eqn.prim not in DECLARED:
        raise _Unnamed
    strict = strict or isinstance(form, _DERIVED)
    return eqn.prim.name + "".join([f" {k}={_value(v, strict)}" for k, v in sorted(eqn.params.items())])


@functools.cache
def _aval(aval: ShapedArray) -> str:
    return f"{aval.dtype.str}{aval.shape}"


def _bits(array: np.ndarray) -> str:
    return f"{_dtype(array.dtype)}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"


def _dtype(dtype: np.dtype) -> str:
    if dtype.kind not in "biufc":
        raise _Unnamed
    return dtype.str


def _sequence(value: Any, strict: bool) -> str:
    return f"{type(value).__name__}({','.join([_value(v, strict) for v in value])})"


def _known_type(value: type) -> str:
    if value.__module__ not in ("builtins", "numpy"):
        raise _Unnamed
    return f"type {value.__module__}.{value.__qualname__}"


_WRITERS: dict[type, Any] = {
    **dict.fromkeys((type(None), bool, int, str, bytes, slice, type(...)), lambda v, _: repr(v)),
    float: lambda v, _: "float " + struct.pack(">d", v).hex(),
    complex: lambda v, _: "complex " + struct.pack(">dd", v.real, v.imag).hex(),
    tuple: _sequence,
    list: _sequence,
    ShapedArray: lambda v, _: "type " + _aval(v),
    Literal: lambda v, _: "literal " + _bits(np.asarray(v.value)),
    Program: lambda v, strict: "program " + _program(v, strict),
    np.ndarray: lambda v, _: "array " + _bits(v),
    type: lambda v, _: _known_type(v),
}


def _value(value: Any, strict: bool) -> str:
    """The text of a parameter; different for values that differ in type or in any bit."""
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value, strict)
    if isinstance(value, np.dtype):
        return "dtype " + _dtype(value)
    if isinstance(value, np.generic):
        return f"scalar {_dtype(value.dtype)} {value.tobytes().hex()}"
    if isinstance(value, Primitive) and value in DECLARED:
        return "operation " + value.name
    raise _Unnamed


__all__ = ["artifact_name"]
