"""The checker: is this a well-formed program? Run after every transformation when FUNCGRAD_CHECK is set, and in tests.

It verifies that variables are defined once and before use, that each equation's result types are what its primitive
says, and that parameters can be hashed. A fault is reported with the equations around it and the user's line.
"""

from __future__ import annotations

from .. import config, errors
from .printing import format_program
from .program import Eqn, Program, Var, subprograms


def check(program: Program, where: str = "program") -> Program:
    """Return the program if it is well formed.

    Raises:
        ProgramError: with the offending equation, its surroundings and the user's source line.
    """
    defined: set[Var] = set(program.inputs)
    for i, eqn in enumerate(program.eqns):
        for a in eqn.inputs:
            if type(a) is Var and a not in defined:
                _fail(program, i, where, "an operand is used before it is defined")
        _check_types(program, i, eqn, where)
        if any(v in defined for v in eqn.outs):
            _fail(program, i, where, "a variable is defined twice")
        defined.update(eqn.outs)
    if any(type(a) is Var and a not in defined for a in program.outputs):
        _fail(program, len(program.eqns), where, "an output is not defined")
    return program


def maybe_check(program: Program, where: str) -> Program:
    """`check` when the setting FUNCGRAD_CHECK asks for it."""
    return check(program, where) if config.CHECK.value else program


def _check_types(program: Program, i: int, eqn: Eqn, where: str) -> None:
    try:
        hash(tuple(sorted(eqn.params.items())))
        expected = eqn.prim.aval(*[a.aval for a in eqn.inputs], **eqn.params)
    except Exception as e:
        _fail(program, i, where, f"its primitive rejects it: {e}")
    expected = list(expected) if eqn.prim.multiple_results else [expected]
    actual = [v.aval for v in eqn.outs]
    if expected != actual:
        _fail(program, i, where, f"its results have types {actual}, but the primitive gives {expected}")
    for sub in subprograms(eqn.params):
        check(sub, f"{where}, inside {eqn.prim.name}")


def _fail(program: Program, i: int, where: str, reason: str) -> None:
    nearby = Program(program.inputs, program.eqns[max(0, i - 5) : i + 5], ())
    source = program.eqns[i].source if i < len(program.eqns) else None
    try:
        text = format_program(nearby)
    except KeyError:
        text = "(equations around it cannot be printed: " + ", ".join(e.prim.name for e in nearby.eqns) + ")"
    raise errors.ProgramError(f"{where}: equation {i} is malformed: {reason}.\n{text}\n{errors.source_line(source)}")
