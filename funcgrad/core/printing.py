"""The text of a program: stable, name-normalized, with the user's lines on request.

{ lambda a:float64[3] .
    b:float64[3] = sin a
    c:float64[] = reduce_sum[axes=(0,)] b
  in (c,) }
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .program import Atom, Program, Var

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # of `string`, whose import takes 6 ms


def variable_names(program: Program) -> dict[Any, str]:
    """Names a, b, ..., z, aa, ab, ... in order of appearance."""
    names: dict[Any, str] = {}
    alphabet = ("".join(c) for n in itertools.count(1) for c in itertools.product(LETTERS, repeat=n))
    for v in itertools.chain(program.inputs, *(eqn.outs for eqn in program.eqns)):
        if v not in names:
            names[v] = next(alphabet)
    return names


def format_program(program: Program, sources: bool = False) -> str:
    """The program as text; with `sources`, each equation carries the file and line that caused it."""
    names = variable_names(program)
    inputs = " ".join(f"{names[v]}:{v.aval}" for v in program.inputs)
    lines = [f"{{ lambda {inputs} ."] if inputs else ["{ lambda ."]
    for eqn in program.eqns:
        outs = ", ".join(f"{names[v]}:{v.aval}" for v in eqn.outs)
        atoms = " ".join(format_atom(a, names) for a in eqn.inputs)
        note = f"  # {eqn.source[0].rsplit('/', 1)[-1]}:{eqn.source[1]}" if sources and eqn.source else ""
        text = f"{outs} = ".removeprefix(" = ") + f"{eqn.prim.name}{format_params(eqn.params)} {atoms}".rstrip()
        lines += ["    " + line for line in (text + note).split("\n")]
    outputs = ", ".join(format_atom(a, names) for a in program.outputs)
    return "\n".join([*lines, f"  in ({outputs}{',' if len(program.outputs) == 1 else ''}) }}"])


def format_atom(atom: Atom, names: dict[Any, str]) -> str:
    """A variable's name, or the literal's value with its dtype where NumPy would not guess it."""
    if type(atom) is Var:
        return names[atom]
    value = np.asarray(atom.value)
    if value.ndim:
        return f"<constant {atom.aval}>"
    text = repr(value.item())
    return text if value.dtype in (np.float64, np.int64, np.bool_) else f"{text}:{value.dtype.name}"


def format_params(params: dict) -> str:
    """`[name=value, ...]`, sorted; programs are indented on lines of their own."""
    if not params:
        return ""
    return "[" + ", ".join(f"{k}={_format_value(v)}" for k, v in sorted(params.items())) + "]"


def _format_value(value: Any) -> str:
    if isinstance(value, Program):
        return "\n    " + format_program(value).replace("\n", "\n    ")
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, tuple) and any(isinstance(v, Program) for v in value):
        return "(" + ", ".join(_format_value(v) for v in value) + ")"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return str(value)
