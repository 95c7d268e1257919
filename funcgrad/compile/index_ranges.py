"""Index arithmetic simplified by what is known of the loop symbols: each runs from 0 to one less than its count.

    for i in 9: store p1[i] = select(i + 1 < 1, 0.0, p0[minimum(maximum(i + 1 - 1, 0), 8)])
      -->
    for i in 9: store p1[i] = p0[i]

Shifted and padded operands read with clamped positions behind a condition. In a loop over the inside of an array the
condition is decided and the clamps do nothing; without them the loop reads neighbours, and vectorizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core import scalar as sc
from ..records import replace
from .kernel import Accumulate, For, If, Kernel, Store, expressions, walk

Bounds = tuple[int, int] | None
BEYOND = 2**62  # bounds past this may overflow: unknown


class Ranges:
    """What the ranges of some symbols say of expressions: their bounds, and simpler forms."""

    def __init__(self, ranges: dict[str, Bounds]) -> None:
        self.ranges = ranges
        self.memo: dict[sc.Expr, sc.Expr] = {}
        self.bounds: dict[sc.Expr, Bounds] = {}

    def range_of(self, e: sc.Expr) -> Bounds:
        """The least and the greatest value of an int64 expression, if known."""
        if e not in self.bounds:
            found = self._range(e)
            self.bounds[e] = found if found and max(map(abs, found)) < BEYOND else None
        return self.bounds[e]

    def _range(self, e: sc.Expr) -> Bounds:
        if e.dtype != np.int64:
            return None
        if e.op == "const":
            return (int(e.args[0]),) * 2
        if e.op == "sym":
            return self.ranges.get(e.args[0])
        if e.op not in ("add", "sub", "mul", "minimum", "maximum"):
            return None
        a, b = map(self.range_of, e.args)
        if a is None or b is None:
            return None
        if e.op == "add":
            return a[0] + b[0], a[1] + b[1]
        if e.op == "sub":
            return a[0] - b[1], a[1] - b[0]
        if e.op == "mul":
            corners = [p * q for p in a for q in b]
            return min(corners), max(corners)
        pick = min if e.op == "minimum" else max
        return pick(a[0], b[0]), pick(a[1], b[1])

    def simple(self, e: sc.Expr) -> sc.Expr:
        """The same value with less to compute."""
        if e not in self.memo:
            self.memo[e] = self._simple(e)
        return self.memo[e]

    def _simple(self, e: sc.Expr) -> sc.Expr:
        args = tuple([self.simple(a) if isinstance(a, sc.Expr) else a for a in e.args])
        if e.op == "select":
            return sc.select(*args)
        if e.op == "and" and e.dtype == np.bool_ and any(a.op == "const" for a in args):
            a, b = args if args[0].op == "const" else args[::-1]
            return b if a.args[0] else a
        if len(args) == 2 and all(isinstance(a, sc.Expr) and a.dtype == np.int64 for a in args):
            return self._decided(e.op, *args) or sc.instruction(e.op, *_gathered(e.op, *args))
        return sc.Expr(e.op, args, e.dtype)

    def _decided(self, op: str, a: sc.Expr, b: sc.Expr) -> sc.Expr | None:
        """A comparison or an extreme whose outcome the ranges decide."""
        left, right = self.range_of(a), self.range_of(b)
        if left is None or right is None:
            return None
        if op in ("minimum", "maximum"):
            low, high = (a, b) if left[1] <= right[0] else (b, a) if right[1] <= left[0] else (None, None)
            return low if op == "minimum" else high
        always = {
            "lt": left[1] < right[0],
            "le": left[1] <= right[0],
            "gt": left[0] > right[1],
            "ge": left[0] >= right[1],
        }
        never = {
            "lt": left[0] >= right[1],
            "le": left[0] > right[1],
            "gt": left[1] <= right[0],
            "ge": left[1] < right[0],
        }
        if always.get(op) or never.get(op):
            return sc.const(bool(always[op]), np.bool_)
        return None


def _gathered(op: str, a: sc.Expr, b: sc.Expr) -> tuple[sc.Expr, sc.Expr]:
    """(x + 1) - 1 as x + 0: constants behind one another are one."""
    if op not in ("add", "sub") or b.op != "const" or a.op not in ("add", "sub") or a.args[1].op != "const":
        return a, b
    inner, outer = a.args[1].args[0], b.args[0]
    total = int(inner if a.op == "add" else -inner) + int(outer if op == "add" else -outer)
    return a.args[0], sc.const(total if op == "add" else -total, np.int64)


def simplified(kernel: Kernel) -> Kernel:
    """A kernel with its index arithmetic simplified."""
    return replace(kernel, body=_block(kernel.body, {}))


def _block(body: list[Any], ranges: dict[str, Bounds]) -> list[Any]:
    """Statements under the ranges of the loops around them."""
    simplifier = Ranges(ranges)
    return [_statement(s, simplifier) for s in body]


def _statement(s: Any, simplifier: Ranges) -> Any:
    simple = simplifier.simple
    if isinstance(s, For):
        return replace(s, body=_block(s.body, {**simplifier.ranges, s.sym: (0, s.count - 1)}))
    if isinstance(s, If):
        return If(simple(s.condition), _block(s.body, simplifier.ranges))
    fields = {k: v for k, v in vars(s).items() if isinstance(v, (sc.Expr, tuple))}
    changed = {
        k: simple(v) if isinstance(v, sc.Expr) else tuple([simple(e) if isinstance(e, sc.Expr) else e for e in v])
        for k, v in fields.items()
    }
    return replace(s, **changed)


# --- which elements a loop touches ------------------------------------------------------------------------------------


def flat(shape: tuple[int, ...], index: tuple) -> sc.Expr:
    """The position of an element in memory."""
    position = sc.const(0, np.int64)
    for n, i in zip(shape, index):
        position = i if position.op == "const" and position.args[0] == 0 else position * n + i
    return position


def slope(e: sc.Expr, sym: str) -> int | None:
    """How much an index grows when a symbol grows by one, where that is the same everywhere."""
    if e.op == "sym":
        return int(e.args[0] == sym)
    if e.op in ("add", "sub") and e.dtype == np.int64:
        a, b = (slope(x, sym) for x in e.args)
        return None if a is None or b is None else a + b if e.op == "add" else a - b
    if e.op == "mul" and e.dtype == np.int64 and e.args[1].op == "const":
        a = slope(e.args[0], sym)
        return None if a is None else a * int(e.args[1].args[0])
    return None if any(x.op == "sym" and x.args[0] == sym for x in walk(e)) else 0


def accesses(body: list[Any], ranges: dict[str, Bounds]) -> Iterator[tuple[str, tuple, bool, dict[str, Bounds]]]:
    """Every element read or written: array, index, whether it is written, and the ranges of the loops around it."""
    for s in body:
        for e in (e for root in expressions(s) for e in walk(root)):
            if e.op == "load":
                yield e.args[0], e.args[1:], False, ranges
        if isinstance(s, (Store, Accumulate)):
            yield s.buffer, s.index, True, ranges
        elif isinstance(s, For):
            yield from accesses(s.body, {**ranges, s.sym: (0, s.count - 1)})
        elif isinstance(s, If):
            yield from accesses(s.body, ranges)


def in_own_block(shape: tuple[int, ...], index: tuple, ranges: dict[str, Bounds], sym: str, count: int) -> bool:
    """Whether an array consists of as many blocks as the loop over `sym` has iterations, and the element is in that of
    the present one.
    """
    size, position = math.prod(shape), flat(shape, index)
    if size % count or slope(position, sym) != size // count:
        return False
    found = Ranges({**ranges, sym: (0, 0)}).range_of(position)
    return found is not None and found[0] >= 0 and found[1] < size // count
