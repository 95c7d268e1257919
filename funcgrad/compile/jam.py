"""Rows side by side: four rows of a kernel share each pass of their inner loops.

    for i0 in 1000:                              for i0 in 250:
      declare a0 = 0.0                             declare a0_0 = 0.0; ... declare a0_3 = 0.0
      for i1 in 64:                                for i1 in 64:
        update a0 += p0[i0, i1] * p1[i1]    -->      update a0_0 += p0[i0 * 4 + 0, i1] * p1[i1]
      store p2[i0] = a0                              ...
                                                     update a0_3 += p0[i0 * 4 + 3, i1] * p1[i1]
                                                   store p2[i0 * 4 + 0] = a0_0; ...

Four sums hide the latency of one, and what all rows read or add to is loaded and stored once for four rows. It pays
where the inner loops are cheap: products of matrices and vectors, squared distances.

Where functions are computed of single values of a row (the sigmoid of a product, say), rows go in blocks: each loop of
the row runs over the block, and the single values of its rows lie in small arrays, over which functions vectorize.

    for i0 in 1000:                          for i0 in 25:
      declare a0 = 0.0                         for u in 40: declare a0 = 0.0; for i1 in 64: ...; store block0[u] = a0
      for i1 in 64: update a0 += ...    -->    for u in 40: store block1[u] = exp(block0[u])
      declare r0 = exp(a0)                     for u in 40: for i1 in 64: accumulate p3[i1] += block1[u] * ...
      for i1 in 64: accumulate p3[i1] += r0 * ...

Reference: S. Carr and K. Kennedy, Improving the ratio of memory operations to floating-point operations in loops
(1994), on unroll-and-jam; K. Kennedy and J. Allen, Optimizing Compilers for Modern Architectures (2001), on scalar
expansion and loop distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import scalar as sc
from ..core.scalar import FUNCTIONS, Expr
from ..records import replace
from .kernel import Accumulate, Declare, For, Kernel, Param, Store, Update, expressions, statements, walk
from .rewrite import Rewriter, renamed

ROWS = 4
LEAST = 8  # rows, and elements of an inner loop: fewer are unrolled by LLVM anyway
MOST_NODES = 24  # of the inner loops together
CHEAP = frozenset({"const", "sym", "load", "add", "sub", "mul", "neg", "minimum", "maximum", "select", "convert"})
HEAVY = frozenset([*FUNCTIONS, "div", "sqrt"])
BLOCK = 32  # rows of a block, where no number near it divides the rows evenly
INDEX = np.dtype(np.int64)


def jam(kernel: Kernel) -> Kernel:
    """The kernel with rows side by side or in blocks, where that pays; its rows must not depend on each other."""
    own: list[Param] = []
    body = [part for s in kernel.body for part in _jammed(s, own)]
    if all(a is b for a, b in zip(body, kernel.body)) and len(body) == len(kernel.body):
        return kernel
    own += [Param(f"{p.name}_{u}", p.shape, p.dtype, p.out) for p in kernel.locals for u in range(ROWS)]
    return replace(kernel, body=body, locals=[*kernel.locals, *own])


def _jammed(s: Any, own: list[Param]) -> list[Any]:
    """A statement, its row loop in two: whole blocks or four rows at a time, and the rest."""
    if not isinstance(s, For):
        return [s]
    inner = [part for part in s.body if isinstance(part, For)]
    if len(s.body) == len(inner) == 1 and any(isinstance(part, For) for part in inner[0].body):
        body = _jammed(inner[0], own)
        return [s] if body[0] is inner[0] else [replace(s, body=body)]
    if not _pays(s, inner):
        return [s]
    size = _block_size(s.count)
    if s.count >= size and any(e.op in HEAVY for part in s.body if part not in inner for e in _nodes(part)):
        blocks = _Blocks(s, size, own).run()
        if blocks is not None:
            return [blocks, *_rest(s, s.count // size * size)]
    return [_four_rows(s, s.count // ROWS), *_rest(s, s.count // ROWS * ROWS)]


def _four_rows(s: For, count: int) -> For:
    position = sc.sym(s.sym, INDEX)
    copies = [_row(s, position * ROWS + u, f"_{u}") for u in range(ROWS)]
    return For(s.sym, count, [t for part in s.body for t in _side_by_side(part, copies)])


def _rest(s: For, done: int) -> list[Any]:
    """The rows from `done` on, one after the other."""
    if done == s.count:
        return []
    return [For(s.sym, s.count - done, _row(s, sc.sym(s.sym, INDEX) + done, "").block(s.body))]


def _block_size(rows: int) -> int:
    """A number of rows near BLOCK, and one that divides all rows if there is such."""
    fitting = [n for n in (32, 40, 24, 48, 16, 56, 64) if rows % n == 0]
    return fitting[0] if fitting else BLOCK


def _nodes(s: Any) -> set[Expr]:
    return {e for root in expressions(s) for e in walk(root)}


def _pays(rows: For, inner: list[For]) -> bool:
    leaves = [t for loop in inner for t in loop.body]
    if not leaves or rows.count < LEAST or min(loop.count for loop in inner) < LEAST:
        return False
    if not all(isinstance(t, (Store, Accumulate, Update)) for t in leaves):
        return False
    nodes = {e for t in leaves for e in _nodes(t)}
    sums = any(isinstance(t, (Accumulate, Update)) for t in leaves)
    return sums and len(nodes) <= MOST_NODES and all(e.op in CHEAP for e in nodes)


def _side_by_side(s: Any, copies: list[Rewriter]) -> list[Any]:
    if isinstance(s, For):
        return [replace(s, body=[copy.statement(part) for part in s.body for copy in copies])]
    return [copy.statement(s) for copy in copies]


class _Blocks:
    """A row loop as a loop over blocks of rows; arrays for what one part of a row hands to later ones go to `own`."""

    def __init__(self, rows: For, size: int, own: list[Param]) -> None:
        self.rows, self.size, self.own = rows, size, own
        self.place = sc.sym("u", INDEX)
        self.copy = _row(rows, sc.sym(rows.sym, INDEX) * size + self.place, "")
        self.stored: dict[Expr, Expr] = {}  # variables that are in arrays now

    def run(self) -> For | None:
        """The loop, or None where the parts of a row share arrays of their own."""
        if any(is_row_buffer(b) for s in statements(self.rows.body) for b in _buffers(s)):
            return None
        parts = self._parts()
        loops = [part for k, body in enumerate(parts) for part in self._loop(body, parts[k + 1 :])]
        return For(self.rows.sym, self.rows.count // self.size, loops)

    def _parts(self) -> list[list[Any]]:
        """Inner loops, each with the sums it forms, and the statements between them."""
        parts: list[list[Any]] = [[]]
        for s in self.rows.body:
            if isinstance(s, For):
                sums = {t.sym for t in s.body if isinstance(t, Update)}
                begun = [t for t in parts[-1] if isinstance(t, Declare) and t.sym in sums]
                parts[-1] = [t for t in parts[-1] if t not in begun]
                parts += [[*begun, s], []]
            else:
                parts[-1].append(s)
        return [part for part in parts if part]

    def _loop(self, body: list[Any], later: list[list[Any]]) -> list[Any]:
        """One part for all rows of the block; variables that later parts read are stored."""
        read = {e.args[0] for part in later for s in statements(part) for e in _nodes(s) if e.op == "sym"}
        made = [s for s in body if isinstance(s, Declare)]
        out = self.copy.block(body)
        for s in made:
            if s.sym in read:
                array = Param(f"block{len(self.own)}", (self.size,), s.value.dtype, True)
                self.own.append(array)
                out.append(Store(array.name, (self.place,), sc.sym(s.sym, s.value.dtype)))
                self.stored[sc.sym(s.sym, s.value.dtype)] = sc.load(array.name, (self.place,), s.value.dtype)
        self.copy.memo = dict(self.stored)
        loop = For("u", self.size, out)
        inner = [s for s in out if isinstance(s, For)]
        return [_four_rows(loop, self.size // ROWS)] if inner and _pays(loop, inner) else [loop]


def _buffers(s: Any) -> set[str]:
    written = {s.buffer} if isinstance(s, (Store, Accumulate)) else set()
    return written | {e.args[0] for e in _nodes(s) if e.op == "load"}


def _row(rows: For, row: Expr, suffix: str) -> Rewriter:
    """Rewrites the statements of a row loop for one row: its number replaced, its variables and row buffers renamed."""
    own = {s.sym for s in statements(rows.body) if isinstance(s, Declare)}
    buffers = {b for s in statements(rows.body) for b in _buffers(s) if is_row_buffer(b)}
    syms: dict[str, Any] = {rows.sym: row, **{name: name + suffix for name in own}}
    return Rewriter(syms, {name: renamed(name + suffix) for name in buffers})


def is_row_buffer(name: str) -> bool:
    """Whether an array of the kernel's own belongs to one row."""
    return name.startswith("row")
