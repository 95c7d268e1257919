"""The kernel IR: explicit loops over buffers, scalar expressions inside.

    kernel ::= name (param*) local* stmt*     param ::= sym dtype shape (in | out)     local ::= sym dtype shape
    stmt   ::= for sym in n: stmt*  |  for sym in part of n: stmt*
             | store buffer[index*] = expr  |  accumulate buffer[index*] op= expr
             | declare sym = expr  |  update sym op= expr  |  assign sym = expr  |  if expr: stmt*
    expr   ::= scalar expressions of `core.scalar`, whose syms are loop symbols and declared accumulators

    kernel_0(p0: float64[4,3] in, p1: float64[4] out)
      for i0 in 4:
        declare a0 = 0.0
        for i1 in 3:
          update a0 += p0[i0, i1]
        store p1[i0] = a0

A kernel with `chunks` runs once for each of them, in any order or at the same time; the symbol `chunk` is its number,
and a loop over a part of n covers `grain` iterations from `chunk * grain` on. `parallel.py` makes them.

Kernels that differ only in the arrays they are given are equal texts; they are compiled once and called many times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.scalar import Expr
from ..records import field, record

CHUNK = "chunk"  # the symbol that is the number of a chunk
LOCAL_BYTES = 1 << 14  # an array of a kernel's own up to this size is on the stack, a longer one in the workspace


@record(frozen=True)
class Param:
    """An array a kernel reads or writes: its name inside the kernel, type, and whether it is written."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    out: bool

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@record
class For:
    """`for sym in 0..count`: the loop symbol is an int64. With a grain, only the part that belongs to the chunk."""

    sym: str
    count: int
    body: list[Any]
    grain: int = 0


@record
class Store:
    """Write one element of a buffer."""

    buffer: str
    index: tuple[Expr, ...]
    value: Expr


@record
class Accumulate:
    """Combine a value into one element of a buffer."""

    buffer: str
    index: tuple[Expr, ...]
    combine: str
    value: Expr


@record
class Declare:
    """A scalar variable that later statements update."""

    sym: str
    value: Expr


@record
class Update:
    """Combine a value into a declared variable; floating sums may be reassociated."""

    sym: str
    combine: str
    value: Expr


@record
class Assign:
    """Give declared variables new values, all computed from the old ones."""

    syms: tuple[str, ...]
    values: tuple[Expr, ...]


@record
class If:
    """Statements that run only where a condition holds."""

    condition: Expr
    body: list[Any]


@record
class Kernel:
    """A loop nest with its parameters, and the user's lines (file, number) that caused it.

    locals: arrays of its own, of which each chunk has its own. chunks: how many calls make the whole, 0 where it is not
    divided. blocks: of how many equal ones, called one after the other, each call is one.
    """

    params: list[Param]
    body: list[Any]
    notes: list[tuple[str, int]] = field(default_factory=list)
    locals: list[Param] = field(default_factory=list)
    chunks: int = 0
    blocks: int = 1


def statements(body: list[Any]) -> Iterator[Any]:
    """All statements, outer before inner."""
    for s in body:
        yield s
        if isinstance(s, (For, If)):
            yield from statements(s.body)


def nest(index: tuple[Expr, ...], counts: tuple[int, ...], body: list[Any]) -> list[Any]:
    """Loops around a body, outermost first; an empty domain gives no statement at all."""
    if 0 in counts:
        return []
    for i, n in zip(reversed(index), reversed(counts)):
        body = [For(i.args[0], n, body)]
    return body


def structure(kernel: Kernel) -> tuple:
    """A hashable key, equal for kernels of equal text: expressions are interned, so identity stands for their
    structure.
    """

    def of(statement: Any) -> tuple:
        if isinstance(statement, For):
            return ("for", statement.sym, statement.count, statement.grain, *map(of, statement.body))
        if isinstance(statement, If):
            return ("if", statement.condition, *map(of, statement.body))
        return (type(statement), *vars(statement).values())

    return (tuple(kernel.params), tuple(kernel.locals), kernel.chunks, *map(of, kernel.body))


def expressions(statement: Any) -> list[Expr]:
    """The expressions a statement evaluates."""
    if isinstance(statement, (Store, Accumulate)):
        return [*statement.index, statement.value]
    if isinstance(statement, (Declare, Update)):
        return [statement.value]
    if isinstance(statement, Assign):
        return list(statement.values)
    return [statement.condition] if isinstance(statement, If) else []


def walk(expr: Expr, seen: set[Expr] | None = None) -> Iterator[Expr]:
    """Every node of an expression once, operands first."""
    seen = set() if seen is None else seen
    stack = [(expr, False)]
    while stack:
        e, ready = stack.pop()
        if ready:
            yield e
        elif e not in seen:
            seen.add(e)
            stack.append((e, True))
            stack.extend((a, False) for a in e.args if isinstance(a, Expr))
