"""The expression IR: a typed, immutable, printable program in A-normal form.

    program ::= { lambda v:aval, ... . eqn ... in (atom, ...) }      aval ::= dtype[d, ...]
    eqn     ::= v:aval, ... = prim[param=value, ...] atom ...        atom ::= v | literal

    { lambda a:float64[] .
        b:float64[] = sin a
        c:float64[] = mul b a
      in (c,) }

With this module one can build programs, compare them by structure (`Program.key`), and give them their slow obvious
meaning: `evaluate` reads, binds and writes one equation at a time; `as_function` is the same loop written out as
Python.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .avals import ShapedArray, aval_of


class Var:
    """A name for the result of one equation or for an input; compared by identity."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Var({self.aval})"


class Literal:
    """A constant operand: a NumPy scalar, or (inside transformed programs) a constant array."""

    __slots__ = ("aval", "key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.aval = aval_of(value)
        self.key = (self.aval, np.asarray(value).tobytes())

    def __repr__(self) -> str:
        return f"Literal({self.value})"


Atom = Var | Literal


class Eqn:
    """One equation: `outs = prim[params] inputs`, with the user's (file, line, function) that caused it."""

    __slots__ = ("inputs", "outs", "params", "prim", "source")

    def __init__(self, prim: Any, inputs: tuple[Atom, ...], params: dict, outs: tuple[Var, ...], source: Any) -> None:
        self.prim, self.inputs, self.params, self.outs, self.source = prim, inputs, params, outs, source

    def replace(self, **changes: Any) -> Eqn:
        """The same equation with some fields changed."""
        fields = {name: getattr(self, name) for name in self.__slots__} | changes
        return Eqn(**fields)


class Program:
    """A function from arrays to arrays as a list of equations.

    Equal structure means equal programs: `==` and `hash` go by `key`, so programs may be parameters of equations
    (`scan`) and keys of caches. `memo` holds what transformations derived from this program.
    """

    __slots__ = ("__weakref__", "_hash", "_key", "eqns", "inputs", "memo", "outputs")

    def __init__(self, inputs: Sequence[Var], eqns: Sequence[Eqn], outputs: Sequence[Atom]) -> None:
        self.inputs, self.eqns, self.outputs = tuple(inputs), tuple(eqns), tuple(outputs)
        self.memo: dict = {}
        self._key: tuple | None = None
        self._hash: int | None = None

    @property
    def in_avals(self) -> list[ShapedArray]:
        """Types of the inputs."""
        return [v.aval for v in self.inputs]

    @property
    def out_avals(self) -> list[ShapedArray]:
        """Types of the outputs."""
        return [a.aval for a in self.outputs]

    @property
    def key(self) -> tuple:
        """A hashable description of the structure, the same for programs that differ only in names and source lines."""
        if self._key is None:
            self._key = _structural_key(self)
        return self._key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Program) and hash(self) == hash(other) and self.key == other.key)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.key)
        return self._hash

    def __reduce__(self) -> tuple:
        return Program, (self.inputs, self.eqns, self.outputs)  # what was derived is derived again

    def __repr__(self) -> str:
        from .printing import format_program  # printing reads this module

        return format_program(self)

    __str__ = __repr__


def _structural_key(program: Program) -> tuple:
    number: dict[Any, int] = {v: i for i, v in enumerate(program.inputs)}
    parts: list[Any] = [tuple(v.aval for v in program.inputs)]

    def name(atom: Atom) -> Any:
        return number[atom] if type(atom) is Var else atom.key

    for eqn in program.eqns:
        inputs = tuple([name(a) for a in eqn.inputs])
        params = tuple(sorted(eqn.params.items())) if eqn.params else ()
        for v in eqn.outs:
            number[v] = len(number)
        parts.append((eqn.prim, inputs, params, tuple([v.aval for v in eqn.outs])))
    parts.append(tuple([name(a) for a in program.outputs]))
    return tuple(parts)


class _Context(threading.local):
    """What transformations depend on besides their arguments: the name of the axis that is being batched."""

    axis: Any = None


context = _Context()


def memoized(transform: Callable) -> Callable:
    """Remember `transform(program, *hashable)` on the program itself, so that it lives as long as the program."""

    @functools.wraps(transform)
    def wrapper(program: Program, *args: Any) -> Any:
        key = (transform, args, context.axis)
        if key not in program.memo:
            program.memo[key] = transform(program, *args)
        return program.memo[key]

    return wrapper


def evaluate(
    program: Program, args: Sequence[Any], bind: Callable, before: Callable[[Eqn], None] | None = None
) -> list[Any]:
    """Give a program its meaning: bind every equation in order. `bind(prim, args, params)` evaluates or records.

    `before(eqn)` is told which equation comes next.
    """
    env: dict[Var, Any] = dict(zip(program.inputs, args, strict=True))

    def read(atom: Atom) -> Any:
        return env[atom] if type(atom) is Var else atom.value

    for eqn in program.eqns:
        if before is not None:
            before(eqn)
        out = bind(eqn.prim, [read(a) for a in eqn.inputs], eqn.params)
        env.update(zip(eqn.outs, out if eqn.prim.multiple_results else (out,)))
    return [read(a) for a in program.outputs]


@memoized
def as_function(program: Program) -> Callable[..., list[Any]]:
    """The program as one straight-line Python function over NumPy values: what `evaluate` does, without its dictionary.

    A value is dropped after its last use, so that eager evaluation holds no more memory than it needs.
    """
    names: dict[Any, str] = {v: f"v{i}" for i, v in enumerate(program.inputs)}
    scope: dict[str, Any] = {}
    last_use = _last_uses(program)
    lines: list[str] = []

    def operand(atom: Atom) -> str:
        if type(atom) is Var:
            return names[atom]
        scope[f"c{id(atom)}"] = atom.value
        return f"c{id(atom)}"

    for i, eqn in enumerate(program.eqns):
        for v in eqn.outs:
            names[v] = f"v{len(names)}"
        scope[f"f{i}"] = functools.partial(eqn.prim.impl, **eqn.params) if eqn.params else eqn.prim.impl
        targets = ", ".join(names[v] for v in eqn.outs) + (", = " if eqn.prim.multiple_results else " = ")
        lines.append(f"    {targets if eqn.outs else ''}f{i}({', '.join(operand(a) for a in eqn.inputs)})")
        if last_use.get(i):
            lines.append("    del " + ", ".join(names[v] for v in last_use[i]))
    lines.append(f"    return [{', '.join(operand(a) for a in program.outputs)}]")
    source = f"def program({', '.join(names[v] for v in program.inputs)}):\n" + "\n".join(lines)
    exec(compile(source, "<funcgrad program>", "exec"), scope)
    return scope["program"]


def _last_uses(program: Program) -> dict[int, list[Var]]:
    """For each equation number, the variables no later equation or output reads."""
    last: dict[Var, int] = {}
    for i, eqn in enumerate(program.eqns):
        for v in (*eqn.inputs, *eqn.outs):
            if type(v) is Var:
                last[v] = i
    for v in program.outputs:
        last.pop(v, None)
    uses: dict[int, list[Var]] = {}
    for v, i in last.items():
        uses.setdefault(i, []).append(v)
    return uses


def subprograms(params: dict) -> list[Program]:
    """Programs held by the parameters of an equation (the body of a scan, the branches of a cond)."""
    found: list[Program] = []
    for value in params.values():
        found.extend(p for p in (value if isinstance(value, tuple) else (value,)) if isinstance(p, Program))
    return found


def is_effectful(eqn: Eqn) -> bool:
    """Whether an equation does something besides computing its results, itself or in a program it holds."""
    return eqn.prim.effect or (eqn.prim.multiple_results and holds_effects(eqn.params))


def holds_effects(params: dict) -> bool:
    """Whether the programs among the parameters of an equation have effects."""
    return any(has_effects(p) for p in subprograms(params))


@memoized
def has_effects(program: Program) -> bool:
    """Whether evaluating a program does something besides computing its outputs."""
    return any(is_effectful(eqn) for eqn in program.eqns)


@memoized
def reads_effects(program: Program) -> bool:
    """Whether a program has effects with results, on which its outputs may depend."""
    return any(
        eqn.prim.effect and bool(eqn.outs) or any(reads_effects(p) for p in subprograms(eqn.params))
        for eqn in program.eqns
    )


@memoized
def without_effects(program: Program) -> Program:
    """The program without the effects that have no results, for a second evaluation: an effect happens once.

    { lambda a . debug_callback a; b = sin a in (b,) }  -->  { lambda a . b = sin a in (b,) }
    """
    if not has_effects(program):
        return program
    eqns = [eqn.replace(params=silent(eqn.params)) for eqn in program.eqns if eqn.outs or not eqn.prim.effect]
    return Program(program.inputs, eqns, program.outputs)


def silent(params: dict) -> dict:
    """Parameters of an equation with all programs among them `without_effects`."""
    return {key: _silent(value) for key, value in params.items()}


def _silent(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple([_silent(v) for v in value])
    return without_effects(value) if isinstance(value, Program) else value
