"""Random programs as small trees, and their Python text.

    Program ::= seed, Block, inputs          Block ::= params, statements, result
    Stmt    ::= kind, out, text, args, blocks, numbers      out, params, result: variables in nested tuples

The text of a statement is a template: `lax.scan({f0}, ({0},), {1}, length={n})` names its operands by position, the
functions made of its blocks `f0`, `f1`, ..., and its numbers by name. A block may read the variables of the blocks
around it. What runs is the printed text, in different namespaces; a printed failure can be pasted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Var:
    """A variable, or a constant whose name is an expression."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def type(self) -> tuple[tuple[int, ...], str]:
        """Shape and dtype."""
        return self.shape, self.dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))


Struct = Any  # a Var, or a tuple of Structs


@dataclass(frozen=True)
class Block:
    """A function: parameters, statements, and what it returns."""

    params: tuple[Struct, ...]
    body: tuple[Stmt, ...]
    result: Struct


@dataclass(frozen=True)
class Stmt:
    """`out = text`, after the functions made of its blocks."""

    kind: str
    out: Struct
    text: str
    args: tuple[Var, ...] = ()
    blocks: tuple[Block, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Program:
    """A function, and the values at which it is run."""

    seed: int
    block: Block
    inputs: tuple[Any, ...] = field(compare=False)


def leaves(struct: Struct) -> list[Var]:
    """The variables of a nested tuple, in order."""
    return [struct] if isinstance(struct, Var) else [v for part in struct for v in leaves(part)]


def map_vars(f: Callable[[Var], Var], struct: Struct) -> Struct:
    """The same nested tuple with `f` applied to its variables."""
    return f(struct) if isinstance(struct, Var) else tuple(map_vars(f, part) for part in struct)


def statements(block: Block) -> Iterator[Stmt]:
    """All statements of a block and of the blocks inside."""
    for stmt in block.body:
        yield stmt
        for inner in stmt.blocks:
            yield from statements(inner)


def substitute(block: Block, old: str, new: Var) -> Block:
    """The block with one variable replaced wherever it is read."""
    swap = lambda v: new if v.name == old else v  # noqa: E731
    return replace(
        block, body=tuple(_substituted(s, old, new) for s in block.body), result=map_vars(swap, block.result)
    )


def _substituted(stmt: Stmt, old: str, new: Var) -> Stmt:
    args = tuple(new if a.name == old else a for a in stmt.args)
    return replace(stmt, args=args, blocks=tuple(substitute(b, old, new) for b in stmt.blocks))


def used(block: Block) -> set[str]:
    """Names that are read in a block."""
    names = {v.name for v in leaves(block.result)}
    for stmt in statements(block):
        names |= {a.name for a in stmt.args}
        for inner in stmt.blocks:
            names |= {v.name for v in leaves(inner.result)}
    return names


def without_dead(block: Block) -> Block:
    """The block without statements that nothing reads, inside as well."""
    while True:
        alive = used(block)
        kept = tuple(
            replace(s, blocks=tuple(_without_dead_inner(b, alive) for b in s.blocks))
            for s in block.body
            if any(v.name in alive for v in leaves(s.out))
        )
        if kept == block.body:
            return block
        block = replace(block, body=kept)


def _without_dead_inner(block: Block, alive: set[str]) -> Block:
    kept = tuple(
        replace(s, blocks=tuple(_without_dead_inner(b, alive) for b in s.blocks))
        for s in block.body
        if any(v.name in alive for v in leaves(s.out))
    )
    return replace(block, body=kept)


# --- text -----------------------------------------------------------------------------------------------------------


def program_text(program: Program, watch: bool = False) -> str:
    """The program as the text of a Python function `program`; with `watch`, every value goes through `see`."""
    return "\n".join(_function("program", program.block, 0, watch))


def statement_text(stmt: Stmt, watch: bool = False) -> str:
    """One statement with the functions it needs."""
    return "\n".join(_statement(stmt, 0, watch))


def _function(name: str, block: Block, indent: int, watch: bool) -> list[str]:
    params = [p.name if isinstance(p, Var) else f"{name}_{k}" for k, p in enumerate(block.params)]
    inner = "    " * (indent + 1)
    lines = ["    " * indent + f"def {name}({', '.join(params)}):"]
    lines += [f"{inner}{_tuple(p)} = {given}" for p, given in zip(block.params, params) if not isinstance(p, Var) and p]
    for stmt in block.body:
        lines += _statement(stmt, indent + 1, watch)
    return [*lines, f"{inner}return {_tuple(block.result)}"]


def _statement(stmt: Stmt, indent: int, watch: bool) -> list[str]:
    first = re.sub(r"\W", "", leaves(stmt.out)[0].name)
    names = {f"f{k}": f"f{k}_{first}" for k in range(len(stmt.blocks))}
    lines = [line for n, b in zip(names.values(), stmt.blocks) for line in _function(n, b, indent, watch)]
    expr = stmt.text.format(*[a.name for a in stmt.args], **names, **dict(stmt.numbers))
    return [*lines, "    " * indent + f"{_tuple(stmt.out)} = {f'see({expr})' if watch else expr}"]


def _tuple(struct: Struct) -> str:
    if isinstance(struct, Var):
        return struct.name
    return "(" + "".join(_tuple(part) + ", " for part in struct).rstrip(" ") + ")"


def literal(value: Any) -> str:
    """An input as Python text."""
    array = np.asarray(value)
    if array.ndim == 0:
        return f"np.{array.dtype}({array.item()!r})" if array.dtype != bool else f"np.bool_({bool(array)})"
    return f"np.array({array.tolist()!r}, np.{array.dtype}).reshape({array.shape})"


PREAMBLE = '''
import numpy as np
import funcgrad as fg
from funcgrad import lax, numpy as fnp

f32 = np.float32


def with_vjp(f):
    """`f` with its own derivative as a custom rule."""
    g = fg.custom_vjp(f)
    g.defvjp(lambda *args: (f(*args), args), lambda args, ct: fg.vjp(f, *args)[1](ct))
    return g


def with_jvp(f):
    g = fg.custom_jvp(f)
    g.defjvp(lambda primals, tangents: fg.jvp(f, primals, tangents))
    return g

'''  # what programs need; `exec`uted for the library's meanings


def script(program: Program) -> str:
    """A whole script: imports, the function, its inputs."""
    values = ",\n    ".join(literal(x) for x in program.inputs)
    return f"{PREAMBLE}\n# seed {program.seed}\n{program_text(program)}\n\ninputs = (\n    {values},\n)\n"
