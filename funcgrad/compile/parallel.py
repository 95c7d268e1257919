"""Long kernels in chunks that may run at the same time.

    split : Kernel -> a Kernel that clears sums, one run once for each chunk, one that combines the results of chunks

    kernel(p0: float64[1000000] in, p1: float64[] out)        kernel(p0 in, q0: float64[4] out) for each chunk of 4
      declare a0 = 0.0                                          declare a0 = 0.0
      for i0 in 1000000:                              -->       for i0 in part of 1000000 by 250000:
        update a0 += exp(p0[i0])                                  update a0 += exp(p0[i0])
      store p1[] = a0 * 2.0                                     store q0[chunk] = a0
                                                              kernel(q0 in, p1 out)
                                                                declare a0 = 0.0
                                                                for c in 4:
                                                                  update a0 += q0[c]
                                                                store p1[] = a0 * 2.0

The chunks depend on the sizes alone, not on the number of threads, and their results are combined in order: a result
has the same bits whatever runs it. A loop is divided where its iterations write different elements; sums over it, and
sums into arrays that are small beside the loop, are divided too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core import scalar as sc
from ..core.scalar import Expr
from ..records import record, replace
from .costs import INDEX, MEMORY, node_cost
from .index_ranges import accesses, in_own_block
from .kernel import (
    CHUNK,
    LOCAL_BYTES,
    Accumulate,
    Assign,
    Declare,
    For,
    If,
    Kernel,
    Param,
    Store,
    Update,
    expressions,
    nest,
    statements,
    walk,
)  # fmt: skip
from .products import parts_of
from .steps import Call, Multiply, map_inner_steps

# Costs are in units of one vectorized addition of 8 bytes, about a fortieth of a nanosecond (0.02 to 0.04 in a dozen
# kernels whose data is in cache).
WORTHWHILE = 6e6  # from this cost on a kernel is divided: 0.15 ms
CHUNK_COST = 1e6  # of one chunk, at least: waking a thread takes 5 to 50 microseconds
MOST_CHUNKS = 64
OWN_BYTES = 1 << 20  # of the long arrays of chunks, which compete for the cache: of all together, or of one of four
SMALL = 16  # results of chunks take part of the time: each must be that much smaller than the loop
MOST_COST = 500.0  # of one statement
LEAST_PIECE = 512  # bytes of a row for one chunk, where each chunk goes through all rows: below, memory is the limit


@record
class Split:
    """Kernels that do what one did, in order, and the arrays in which chunks leave their results. The operands of each
    kernel are numbers: those of the parameters of the one kernel, then those of the results.
    """

    kernels: list[tuple[Kernel, list[int]]]
    results: list[Param]


def split(kernel: Kernel) -> Split | None:
    """A kernel in chunks, or None if it is short or its iterations depend on each other."""
    if sum(map(_iterations, kernel.body)) * MOST_COST < WORTHWHILE:
        return None  # without looking at expressions
    costs = _costs(kernel.body)
    if sum(costs) < WORTHWHILE or any(e.op == "foreign" for e in _nodes(kernel.body)):
        return None
    at = max(range(len(costs)), key=costs.__getitem__)
    before, main, after = kernel.body[:at], kernel.body[at], kernel.body[at + 1 :]
    if not isinstance(main, For) or costs[at] < 0.75 * sum(costs):
        return None
    for loop in _nest(main):
        found = _Division(kernel, before, main, loop, after).run(costs[at])
        if found is not None:
            return found
    return None


def _iterations(statement: Any) -> int:
    """How many statements are run."""
    if not isinstance(statement, (For, If)):
        return 1
    return (statement.count if isinstance(statement, For) else 1) * sum(map(_iterations, statement.body))


def _nest(loop: For) -> Iterator[For]:
    """A loop and those directly inside it, under conditions too, as long as nothing else is beside them."""
    inside: Any = loop
    while True:
        if isinstance(inside, For):
            yield inside
        if len(inside.body) != 1 or not isinstance(inside.body[0], (For, If)):
            return
        inside = inside.body[0]


def _costs(body: list) -> list[float]:
    """The costs of statements, in units of one vectorized addition; what they share is computed once."""
    costs: list[float] = []
    seen: set[Expr] = set()
    for s in body:
        if isinstance(s, (For, If)):
            costs.append((s.count if isinstance(s, For) else 1) * sum(_costs(s.body)))
            continue
        stored = MEMORY * s.value.dtype.itemsize / 8 if isinstance(s, (Store, Accumulate)) else 0.0
        costs.append(stored + sum(_node_cost(e) for root in expressions(s) for e in walk(root, seen)))
    return costs


def _node_cost(e: Expr) -> float:
    return node_cost(e) * (0.1 if e.dtype == INDEX and e.op != "load" else e.dtype.itemsize / 8)


def _nodes(body: list) -> Iterator[Expr]:
    seen: set[Expr] = set()
    for s in statements(body):
        for root in expressions(s):
            yield from walk(root, seen)


class _Division:
    """Tries to divide one loop of a kernel."""

    def __init__(self, kernel: Kernel, before: list, main: For, loop: For, after: list) -> None:
        self.kernel, self.before, self.main, self.loop, self.after = kernel, before, main, loop, after
        self.sums: dict[str, Update] = {}  # variables of the kernel that the loop adds to
        self.arrays: dict[str, Accumulate] = {}  # parameters that it adds to

    def run(self, cost: float) -> Split | None:
        """The kernel divided, or None."""
        if not self._is_divisible():
            return None
        chunks = min(MOST_CHUNKS, int(cost / CHUNK_COST), self.loop.count)
        sizes = [math.prod(self._param(name).shape) for name in self.arrays]
        chunks = min([chunks, *(int(cost / (SMALL * 3 * MEMORY * max(n, 1))) for n in sizes)])
        if self.loop is not self.main:
            width = min(np.dtype(p.dtype).itemsize for p in self.kernel.params)
            chunks = min(chunks, self.loop.count * width // LEAST_PIECE)
        own = sum(p.nbytes for p in self.kernel.locals if p.nbytes > LOCAL_BYTES)
        chunks = min(chunks, max(OWN_BYTES // own, 4 * (own <= OWN_BYTES))) if own else chunks
        # A few large pieces are worth less than what it takes to divide evenly; pieces of rows are even.
        if chunks < (4 if self.loop is self.main else 2):
            return None
        grain = -(-self.loop.count // chunks)
        chunks = -(-self.loop.count // grain)
        results = self._results(chunks)
        end = self._combined(chunks, results) if results or self.after else []
        bodies = [self._clear(), self._chunk(grain, results), end]
        return Split([self._kernel(body, results, chunks * (k == 1)) for k, body in enumerate(bodies) if body], results)

    # -- may it be divided?

    def _is_divisible(self) -> bool:
        """Whether iterations write different elements or add to the same, and what is around the loop can be redone."""
        own = {s.sym for s in statements(self.loop.body) if isinstance(s, Declare)}
        for s in statements(self.loop.body):
            if isinstance(s, Assign) and not own.issuperset(s.syms):
                return False
            if isinstance(s, Update) and s.sym not in own:
                if self.sums.setdefault(s.sym, s).combine != s.combine:
                    return False
            if isinstance(s, Accumulate) and not self._is_local(s.buffer) and not self._names_iteration(s.index):
                if self.arrays.setdefault(s.buffer, s).combine != s.combine:
                    return False
        if any(e.op == "sym" and e.args[0] in self.sums for e in _nodes(self.main.body)):
            return False
        return self._writes_apart() and self._surroundings_allow()

    def _is_local(self, name: str) -> bool:
        return any(p.name == name for p in self.kernel.locals)

    def _names_iteration(self, index: tuple[Expr, ...]) -> bool:
        return any(i.op == "sym" and i.args[0] == self.loop.sym for i in index)

    def _writes_apart(self) -> bool:
        """Whether each written array has one axis along which all its reads and writes are at the loop's own place."""
        places: dict[str, list[tuple[Expr, ...]]] = {}
        for s in statements(self.main.body):
            if isinstance(s, (Store, Accumulate)) and not self._is_local(s.buffer):
                places.setdefault(s.buffer, []).append(s.index)
        for e in _nodes(self.main.body):
            if e.op == "load" and e.args[0] in places:
                places[e.args[0]].append(e.args[1:])
        for name, found in places.items():
            if name in self.arrays:
                if len(found) > len(self._writers(name)) or not all(map(_accumulates, self._writers(name))):
                    return False
            elif not any(all(self._names_iteration((i[d],)) for i in found) for d in range(len(found[0]))):
                if not self._in_blocks(name):
                    return False
        return True

    def _in_blocks(self, name: str) -> bool:
        """Whether every iteration of the outermost loop reads and writes a block of the array that is its own."""
        shape, loop = self._param(name).shape, self.loop
        touched = [(index, ranges) for array, index, _, ranges in accesses([self.main], {}) if array == name]
        return loop is self.main and all(in_own_block(shape, *at, loop.sym, loop.count) for at in touched)

    def _writers(self, name: str) -> list:
        return [s for s in statements(self.main.body) if isinstance(s, (Store, Accumulate)) and s.buffer == name]

    def _surroundings_allow(self) -> bool:
        """Before the loop only variables and empty sums."""
        if not {s.sym for s in self.before if isinstance(s, Declare)} >= set(self.sums):
            return False
        return not any(e.op == "load" for s in self.before if not isinstance(s, Declare) for e in _nodes([s]))

    # -- its parts

    def _param(self, name: str) -> Param:
        return next(p for p in self.kernel.params if p.name == name)

    def _results(self, chunks: int) -> list[Param]:
        sums = [Param(f"q{k}", (chunks,), s.value.dtype, True) for k, s in enumerate(self.sums.values())]
        arrays = [self._param(name) for name in self.arrays]
        return sums + [
            Param(f"q{len(sums) + k}", (chunks, *p.shape), p.dtype, True) for k, p in enumerate(arrays)
        ]  # fmt: skip

    def _kernel(self, body: list, results: list[Param], chunks: int) -> tuple[Kernel, list[int]]:
        """A kernel of statements, with the parameters they mention; which those are."""
        names = {e.args[0] for e in _nodes(body) if e.op == "load"}
        written = _written(body)
        every = [*self.kernel.params, *results]
        used = [k for k, p in enumerate(every) if p.name in names | written]
        params = [Param(p.name, p.shape, p.dtype, p.name in written) for p in (every[k] for k in used)]
        own = self.kernel.locals if chunks else []
        return Kernel(params, body, self.kernel.notes, own, chunks), used

    def _variables(self) -> list:
        return [s for s in self.before if isinstance(s, Declare)]

    def _clears(self, part: bool) -> list:
        """Statements that clear sums: those of which each chunk has its own, or the others."""
        return [s for s in self.before if not isinstance(s, Declare) and part == bool(_written([s]) & set(self.arrays))]

    def _clear(self) -> list:
        return [*self._variables(), *self._clears(part=False)] if self._clears(part=False) else []

    def _chunk(self, grain: int, results: list[Param]) -> list:
        """What one chunk does: its own sums begin anew, and end in an element of the results."""
        number = sc.sym(CHUNK, INDEX)
        renamed = dict(zip(self.arrays, [r.name for r in results[len(self.sums) :]]))

        def own(s: Any) -> Any:
            if isinstance(s, For):
                return For(s.sym, s.count, [own(inner) for inner in s.body], grain if s is self.loop else 0)
            if isinstance(s, If):
                return If(s.condition, [own(inner) for inner in s.body])
            if isinstance(s, (Store, Accumulate)) and s.buffer in renamed:
                return replace(s, buffer=renamed[s.buffer], index=(number, *s.index))
            return s

        ends = [Store(r.name, (number,), sc.sym(sym, r.dtype)) for sym, r in zip(self.sums, results)]
        return [*self._variables(), *map(own, self._clears(part=True)), own(self.main), *ends]

    def _combined(self, chunks: int, results: list[Param]) -> list:
        """The results of the chunks in order, then what came after the loop."""
        c = sc.sym("c", INDEX)
        sums = list(zip(self.sums.items(), results))
        updates = [Update(sym, s.combine, sc.load(r.name, (c,), r.dtype)) for (sym, s), r in sums]
        body = [*self._variables(), *self._clears(part=True), *([For("c", chunks, updates)] if sums else [])]
        for (name, s), r in zip(self.arrays.items(), results[len(sums) :]):
            index = tuple(sc.sym(f"e{k}", INDEX) for k in range(len(r.shape) - 1))
            body += nest(
                (c, *index), r.shape, [Accumulate(name, index, s.combine, sc.load(r.name, (c, *index), r.dtype))]
            )
        return [*body, *self.after]


def _accumulates(s: Any) -> bool:
    return isinstance(s, Accumulate)


def _written(body: list) -> set[str]:
    return {s.buffer for s in statements(body) if isinstance(s, (Store, Accumulate))}


# --- plans ------------------------------------------------------------------------------------------------------------


def divide(planner: Any) -> None:
    """Long kernels of a plan in chunks; last of all, as other passes take kernels whole."""
    memo: dict[int, Split | None] = {}
    planner.whole = False

    def divided(steps: list[Any]) -> list[Any]:
        found: list[Any] = []
        for step in steps:
            if isinstance(step, Multiply):
                step.parts = parts_of(step)
            found += call(step) if isinstance(step, Call) else [step]
            planner.depth += 1
            map_inner_steps(step, divided)
            planner.depth -= 1
        return found

    def call(step: Call) -> list[Any]:
        if step.kernel not in memo:
            memo[step.kernel] = split(planner.plan.kernels[step.kernel][0])
        kernel, parts = planner.plan.kernels[step.kernel][0], memo[step.kernel]
        if parts is None:
            return [planner.one_call(kernel, step.args)]
        every = [*step.args, *(planner.temporary(r.shape, r.dtype) for r in parts.results)]
        return [planner.one_call(part, [every[k] for k in operands]) for part, operands in parts.kernels]

    planner.plan.steps = divided(planner.plan.steps)
