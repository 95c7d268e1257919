"""Clean-up passes over programs that keep their meaning: dead code, common subexpressions, folding, identities.

Passes return the same object when there is nothing to do, so `is` tells whether a pass fired.
"""

from __future__ import annotations

from typing import Any

from ..core.program import Eqn, Program, Var, is_effectful, memoized


@memoized
def dead_code_elimination(program: Program) -> Program:
    """Drop equations whose results nothing reads and that have no effect, and from loops and branches what only
    computes such results.

    { lambda a . b = sin a; c = cos a in (c,) }  -->  { lambda a . c = cos a in (c,) }
    """
    live = {a for a in program.outputs if type(a) is Var}
    kept: list[Eqn] = []
    changed = False
    for eqn in reversed(program.eqns):
        used = tuple([v in live for v in eqn.outs])
        if any(used) or is_effectful(eqn):
            if eqn.prim.prune is not None and not all(used) and not is_effectful(eqn):
                eqn, changed = eqn.prim.prune(eqn, used), True
            kept.append(eqn)
            live.update(a for a in eqn.inputs if type(a) is Var)
    if not changed and len(kept) == len(program.eqns):
        return program
    return Program(program.inputs, kept[::-1], program.outputs)


@memoized
def common_subexpressions(program: Program) -> Program:
    """Compute equal expressions once; equations with effects are all kept.

    { lambda a . b = sin a; c = sin a; d = mul b c in (d,) }  -->  { lambda a . b = sin a; d = mul b b in (d,) }
    """
    seen: dict[Any, tuple[Var, ...]] = {}
    rename: dict[Var, Any] = {}
    kept: list[Eqn] = []
    for eqn in program.eqns:
        inputs = tuple([rename.get(a, a) if type(a) is Var else a for a in eqn.inputs])
        if is_effectful(eqn):
            kept.append(eqn if inputs == eqn.inputs else eqn.replace(inputs=inputs))
            continue
        key = (eqn.prim, tuple([a if type(a) is Var else a.key for a in inputs]), tuple(sorted(eqn.params.items())))
        if key in seen:
            rename.update(zip(eqn.outs, seen[key]))
            continue
        seen[key] = eqn.outs
        kept.append(eqn if inputs == eqn.inputs else eqn.replace(inputs=inputs))
    if len(kept) == len(program.eqns):
        return program
    return Program(program.inputs, kept, [rename.get(a, a) if type(a) is Var else a for a in program.outputs])


def rewrite(program: Program, rules: dict[Any, Any]) -> Program:
    """Apply local rules once, in order: a rule for a primitive looks at an equation and what defines its operands.

    A rule is `(eqn, define) -> None` (no change), an atom (the result is that value), or a list of equations that end
    in one with the same outs. `define(atom)` is the equation that makes an atom, or None.

    { lambda a . b = neg a; c = neg b in (c,) }  -->  { lambda a . b = neg a in (a,) }    (b is dead now)
    """
    producer: dict[Var, Eqn] = {}
    rename: dict[Var, Any] = {}
    kept: list[Eqn] = []
    changed = False
    for eqn in program.eqns:
        inputs = tuple([rename.get(a, a) if type(a) is Var else a for a in eqn.inputs])
        eqn = eqn if all(a is b for a, b in zip(inputs, eqn.inputs)) else eqn.replace(inputs=inputs)
        rule = rules.get(eqn.prim)
        result = rule(eqn, producer.get) if rule else None
        if result is None:
            new = [eqn]
        elif isinstance(result, list):
            new, changed = result, True
        else:
            rename[eqn.outs[0]] = result
            changed = True
            continue
        for e in new:
            producer.update((v, e) for v in e.outs)
            kept.append(e)
    if not changed:
        return program
    return Program(program.inputs, kept, [rename.get(a, a) if type(a) is Var else a for a in program.outputs])


def simplify(program: Program, rules: dict[Any, Any]) -> Program:
    """Dead code, identities and common subexpressions until nothing changes (at most a few rounds)."""
    for _ in range(4):
        before = program
        program = common_subexpressions(rewrite(dead_code_elimination(program), rules))
        if program is before:
            break
    return dead_code_elimination(program)
