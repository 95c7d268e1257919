"""Cuts: which steps can be run a few rows at a time, and what each of their arrays is to one block of rows.

for i0 in 64:                                            64 rows; p0 and p1 are cut with them, p2 is read whole
  for i1 in 9: store p1[i0, i1] = p0[i0, i1] * p2[i1]

for i0 in 64:                                            p0 is read in parts that overlap: each row begins two rows
  for i1 in 3: store p1[i0, i1] = p0[i0 * 2 + i1]        after the one before
"""

from __future__ import annotations

import math

import numpy as np

from ..core import scalar as sc
from ..core.scalar import Expr
from ..records import record
from .kernel import Accumulate, For, Kernel, Store, expressions, statements, walk
from .steps import Multiply

NO_SHIFTS = (0, 0, 0)
INDEX = np.dtype(np.int64)


@record(frozen=True)
class Cut:
    """How a step can be cut: into any divisor of `count`.

    rows: which of its buffers are cut with it; shifts: of the others, how many elements further one of the `count` rows
    reads than the one before (0: all rows may read all of it); sums: whether the step adds up over blocks.
    """

    count: int
    rows: tuple[bool, ...]
    shifts: tuple[int, ...]
    sums: bool = False


def cut_of_product(s: Multiply) -> Cut | None:
    """How a product can be cut: in its batch, in the rows of its first operand, or in the rows that it sums over."""
    x, y = s.places
    if s.batch:
        leads = x.batch_leads and y.batch_leads
        return Cut(s.batch[0], (True, True, True), NO_SHIFTS) if leads else None
    if not x.turned:
        return Cut(s.m, (True, False, True), NO_SHIFTS)
    return None if y.turned else Cut(s.k, (True, True, False), NO_SHIFTS, sums=True)


def cut_of_kernel(kernel: Kernel) -> Cut | None:
    """How a kernel can be cut; see the module's docstring.

    None when a loop symbol is used otherwise, or an array is written in places that do not follow the loops. Loops of
    one iteration around all others, and axes of length 1 before the one that is cut, do not count.
    """
    loops = kernel.body
    while len(loops) == 1 and isinstance(loops[0], For) and loops[0].count == 1:
        loops = loops[0].body
    if not loops or not all(isinstance(s, For) for s in loops):
        return None
    reads = _Reads({p.name: p.shape for p in kernel.params}, {})
    if not all(reads.follow(loop) for loop in loops):
        return None
    found = [reads.found.get(p.name, 0) for p in kernel.params]
    if any(p.out and step is not True for p, step in zip(kernel.params, found)):
        return None
    counts = [loop.count for loop in loops]
    shifts = tuple(0 if step is True else step * math.prod(split(p.shape)[2:]) for p, step in zip(kernel.params, found))
    if any(shifts) and len(set(counts)) > 1:
        return None
    return Cut(math.gcd(*counts), tuple(step is True for step in found), shifts)


@record
class _Reads:
    """How the rows of a loop index arrays: True, by the loop's symbol; a number, so many rows further on each time."""

    shapes: dict[str, tuple[int, ...]]
    found: dict[str, bool | int]

    def follow(self, loop: For) -> bool:
        """Whether the loop's symbol is used to index arrays only."""
        stack: list[Expr] = []
        for s in statements(loop.body):
            stack += (
                [*self.touch(loop, s.buffer, s.index), s.value]
                if isinstance(s, (Store, Accumulate))
                else expressions(s)
            )
        seen: set[Expr] = set()
        while stack:
            e = stack.pop()
            if e in seen:
                continue
            seen.add(e)
            if _is_symbol(e, loop.sym):
                return False
            load = e.op == "load"
            stack += self.touch(loop, e.args[0], e.args[1:]) if load else [a for a in e.args if isinstance(a, Expr)]
        return True

    def touch(self, loop: For, buffer: str, index: tuple) -> list[Expr]:
        """Note how an array is indexed; gives the expressions of the index that are yet to be looked at."""
        if buffer not in self.shapes:  # an array of the kernel's own, which begins anew in every row
            return list(index)
        lead, *extents = split(self.shapes[buffer])
        at = len(lead)
        how: bool | int | None = _slope(index[at], loop.sym) if extents else 0
        if how == 1 and _is_symbol(index[at], loop.sym) and extents[0] == loop.count:
            how = True
        known = self.found.setdefault(buffer, how if how is not None else 0)
        if how is None or how < 0 or (type(known), known) != (type(how), how):
            return [sc.sym(loop.sym, INDEX)]  # the symbol itself is yet to be looked at, and will be refused
        if not how:
            return list(index)
        return [*index[:at], *index[at + 1 :], *(e for e in walk(index[at]) if e.op == "load")]


def split(shape: tuple[int, ...]) -> tuple:
    """(leading axes of length 1, the first other length, the rest...)."""
    lead = next((k for k, n in enumerate(shape) if n != 1), len(shape))
    return (shape[:lead], *shape[lead:])


def _is_symbol(e: Expr, name: str) -> bool:
    return e.op == "sym" and e.args[0] == name


def _slope(e: Expr, name: str) -> int | None:
    """By how much an index grows with a symbol, where it does so evenly; 0 where it does not depend on it."""
    if _is_symbol(e, name):
        return 1
    slopes = [_slope(a, name) for a in e.args if isinstance(a, Expr)]
    if not any(s is None or s for s in slopes):
        return 0
    if None in slopes or e.op not in ("add", "sub", "mul"):
        return None
    x, y = slopes
    if e.op != "mul":
        return x + y if e.op == "add" else x - y
    factor = e.args[1] if x else e.args[0]
    return None if factor.op != "const" else (x + y) * int(factor.args[0])


__all__ = ["Cut", "cut_of_kernel", "cut_of_product", "split"]
