"""Scheduling: which equations share a loop nest, and which values are kept in memory.

    schedule : Program -> [Group | Eqn]

    { lambda x:float64[4,3] .                             group 0 over (4, 3), rows of 1 axis
        m:float64[4] = reduce_max[axes=(1,)] x     -->      stage 0: m
        b:float64[4,3] = broadcast m                        stage 1: c, s     (b is inlined: a broadcast costs nothing)
        d = sub x b; c = exp d                              keeps c from stage 1 for stage 2
        s:float64[4] = reduce_sum[axes=(1,)] c              stage 2: r
        r = div c (broadcast s)
      in (r,) }

An equation is *fusible* when it is elementwise or an index map. A fusible value is inlined into its consumers unless
it is an output, is read by something opaque (BLAS, a loop), or would be computed too often (`worth_keeping`). What
remains are
*anchors*: kept values and reductions. Anchors over one domain are gathered into a group; a reduction over trailing
axes splits the
domain into rows, and anchors that use the reduced value of their own row run in a later stage of the same row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core import lowering
from ..core.program import Eqn, Program, Var
from .costs import operation_cost, reads_each
from .repeats import segments

FUSIBLE = (lowering.Scalar, lowering.IndexMap)
REDUCTIONS = (lowering.Reduce, lowering.ArgReduce)
# Single equations that fuse their operands.
OWN_LOOPS = (lowering.Scan, lowering.Recurrence, lowering.Sort, lowering.Scatter, lowering.Spread)

# --- the cost rule ----------------------------------------------------------------------------------------------------
# Costs are those of `costs`. Keeping a value costs a store and a load.

STORE_AND_LOAD = 4.0
LARGE = 1 << 18  # bytes that are not expected to stay in a cache
CHEAP_SUM = 32.0  # cost of a sum of a few products, below that of writing it to memory and reading it
COMPUTE_AGAIN = 8.0  # from this cost on, a later stage of a row reads a value rather than compute it again
LEAST_JOINED = 1024  # bytes of a concatenation whose operands are computed in place
MOST_CHOSEN = 6  # operands of a concatenation among which every element may be chosen
WIDEST_TREE = 64  # elements of one array that one expression may read, by index maps that read several each
HIGHEST_TREE = 80  # equations in a row that may be inlined into each other; lowering recurses over them


def worth_keeping(cost: float, size: int, reads: int) -> bool:
    """Whether to store a value of `size` elements, each costing `cost`, rather than compute it at each of `reads`
    reads.
    """
    return cost * max(reads - size, 0) > STORE_AND_LOAD * size


# --- groups -----------------------------------------------------------------------------------------------------------


@dataclass
class Group:
    """Anchors that share a loop nest over `domain`; the first `rows` axes are the row loop (None: not split yet)."""

    domain: tuple[int, ...]
    anchors: list[Eqn] = field(default_factory=list)
    rows: int | None = None
    segment: int | None = None  # of a run of repetitions
    stage: dict[Var, int] = field(default_factory=dict)  # of every anchor's result
    kept: dict[Var, int] = field(
        default_factory=dict
    )  # inlined values kept in a row buffer -> the stage that computes them

    def results(self) -> list[Var]:
        """Values that anchors of this group define."""
        return [v for eqn in self.anchors for v in eqn.outs]


@dataclass
class Schedule:
    """Groups and opaque equations in execution order, and where every inlined value comes from."""

    program: Program
    items: list[Group | Eqn]
    producer: dict[Var, Eqn]
    materialized: set[Var]
    views: dict[Var, tuple[Var, int]] = field(default_factory=dict)  # kept values that are ranges of other ones


class Scheduler:
    """Builds a Schedule; see the module's docstring."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.producer = {v: eqn for eqn in program.eqns for v in eqn.outs}
        self.consumers: dict[Var, list[Eqn]] = {}
        for eqn in program.eqns:
            for a in dict.fromkeys(a for a in eqn.inputs if type(a) is Var):
                self.consumers.setdefault(a, []).append(eqn)
        self.outputs = {a for a in program.outputs if type(a) is Var}
        self.segment = segments(program)
        self.materialized: set[Var] = set(program.inputs)
        self.cost: dict[Var, float] = {}  # of computing one element from what is kept in memory
        self.height: dict[Var, int] = {}  # of the expression tree from what is kept in memory
        self.width: dict[Var, int] = {}  # how many elements of one array it reads
        self.views: dict[Var, tuple[Var, int]] = {}  # kept values that are ranges of others: whose, from which element
        self.in_place = {eqn.outs[0] for eqn in program.eqns if self._is_joined_in_place(eqn)}
        self.row_values: set[Var] = set()  # trailing reductions, and what is inlined on top of them
        self.items: list[Group | Eqn] = []
        self.position: dict[Var, int] = {}  # of materialized values and reductions

    def run(self) -> Schedule:
        self._choose_materialized()
        for eqn in self.program.eqns:
            if not isinstance(eqn.prim.lower, FUSIBLE + REDUCTIONS) or isinstance(eqn.prim.lower, lowering.ArgReduce):
                self._place_opaque(eqn)
            elif isinstance(eqn.prim.lower, REDUCTIONS) or any(v in self.materialized for v in eqn.outs):
                if self._is_in_memory_already(eqn):
                    self._place_opaque(eqn)
                else:
                    self._place_anchor(eqn)
        for item in self.items:
            if isinstance(item, Group):
                self._assign_stages(item)
        return Schedule(self.program, self.items, self.producer, self.materialized, self.views)

    # -- which values are kept in memory

    def _choose_materialized(self) -> None:
        outputs = self.outputs
        for eqn in self.program.eqns:
            fusible = isinstance(eqn.prim.lower, FUSIBLE)
            inlined = [self.cost.get(a, 0.0) for a in dict.fromkeys(eqn.inputs) if type(a) is Var]
            cost = operation_cost(eqn) + sum(inlined)
            height = 1 + max([self.height.get(a, 0) for a in eqn.inputs if type(a) is Var], default=0)
            width = reads_each(eqn) * max([self.width.get(a, 1) for a in eqn.inputs if type(a) is Var], default=1)
            for v in eqn.outs:
                self.width[v] = width
                opaque = any(self._is_opaque_reader(c, v) for c in self.consumers.get(v, ()))
                keep = not fusible or v in outputs or v in self.in_place or opaque or self._often_read(v, cost)
                keep = keep or self._crosses_segments(v, eqn, cost)
                if keep or height > HIGHEST_TREE:
                    self.materialized.add(v)
                inlined_here = v not in self.materialized
                if (
                    isinstance(eqn.prim.lower, lowering.Reduce)
                    and _trailing(eqn) is not None
                    or inlined_here
                    and self._depends_on_reduction(v, eqn)
                ):
                    self.row_values.add(v)
                self.cost[v], self.height[v] = (cost, height) if inlined_here else (0.0, 0)
                self.width[v] = width if inlined_here else 1

    def _crosses_segments(self, v: Var, eqn: Eqn, cost: float) -> bool:
        """Whether another segment of a run of repetitions reads a value that takes longer to compute again."""
        if not isinstance(eqn.prim.lower, lowering.Scalar) or not self.segment or cost <= STORE_AND_LOAD:
            return False
        return any(self.segment.get(c) != self.segment.get(eqn) for c in self.consumers.get(v, ()))

    def _is_opaque_reader(self, eqn: Eqn, v: Var) -> bool:
        if eqn.outs and eqn.outs[0] in self.in_place:
            return True
        return not isinstance(eqn.prim.lower, FUSIBLE + (lowering.Reduce, *OWN_LOOPS))

    def _often_read(self, v: Var, cost: float) -> bool:
        """Reads through index maps may visit an element many times; elementwise readers of one domain share the
        value.
        """
        size, reads = v.aval.size, 0
        elementwise = 0
        for c in self.consumers.get(v, ()):
            if isinstance(c.prim.lower, lowering.IndexMap):
                each = 1 if _is_aligned(c, v) else reads_each(c)
                if self.width[v] * each > WIDEST_TREE and self.width[v] > 1:
                    return True
                reads += c.outs[0].aval.size * each * sum(a is v for a in c.inputs)
            elif isinstance(c.prim.lower, OWN_LOOPS):
                reads += max(a.aval.size for a in c.inputs) if isinstance(c.prim.lower, lowering.Scatter) else size
            else:
                elementwise = size
        if self._is_row_value(v):
            return False
        return worth_keeping(cost, size, reads + elementwise)

    def _is_row_value(self, v: Var) -> bool:
        """A value whose every mapped reader is a broadcast along new trailing axes: in a row loop it is one scalar."""
        if not self._depends_on_reduction(v, self.producer[v]):
            return False
        maps = [c for c in self.consumers.get(v, ()) if isinstance(c.prim.lower, lowering.IndexMap)]
        return bool(maps) and all(_is_row_broadcast(c) for c in maps)

    def _depends_on_reduction(self, v: Var, eqn: Eqn) -> bool:
        """Whether an inlined chain of elementwise equations ends at a trailing reduction; known for operands
        already.
        """
        if isinstance(eqn.prim.lower, lowering.Reduce):
            return _trailing(eqn) is not None
        return isinstance(eqn.prim.lower, FUSIBLE) and any(type(a) is Var and a in self.row_values for a in eqn.inputs)

    def _is_joined_in_place(self, eqn: Eqn) -> bool:
        """Whether the operands of a concatenation are computed right where they belong in its result: when each is
        contiguous there, and the result is in memory anyway or so long that choosing among operands costs more.
        """
        form = eqn.prim.lower
        if not (isinstance(form, lowering.IndexMap) and form.joins) or eqn.outs[0].aval.nbytes < LEAST_JOINED:
            return False
        (v,), axis = eqn.outs, eqn.params["axis"]
        readers = self.consumers.get(v, ())
        needed = v in self.outputs or any(not isinstance(c.prim.lower, FUSIBLE + (lowering.Reduce,)) for c in readers)
        return all(n == 1 for n in v.aval.shape[:axis]) and (needed or len(eqn.inputs) > MOST_CHOSEN)

    def _is_in_memory_already(self, eqn: Eqn) -> bool:
        """Whether a value to be kept is a reshape of one that is kept, or is put together in place."""
        if eqn.outs[0] in self.in_place:
            return True
        if eqn.outs[0] in self.outputs or isinstance(eqn.prim.lower, REDUCTIONS):
            return False
        found = self._place_in_memory(eqn)
        if found is not None:
            self.views[eqn.outs[0]] = found
        return found is not None

    def _place_in_memory(self, eqn: Eqn) -> tuple[Var, int] | None:
        """(kept value, element) where the result lies in memory, seen through reshapes and slices of whole rows."""
        offset = 0
        while True:
            form, x = eqn.prim.lower, eqn.inputs[0] if eqn.inputs else None
            if not isinstance(form, lowering.IndexMap) or form.range_of is None or type(x) is not Var:
                return None
            start = form.range_of(x.aval.shape, **eqn.params)
            if start is None:
                return None
            offset += start
            if x in self.materialized:
                return x, offset
            eqn = self.producer[x]

    # -- where anchors go

    def _place_opaque(self, eqn: Eqn) -> None:
        self.items.append(eqn)
        for v in eqn.outs:
            self.position[v] = len(self.items) - 1

    def _place_anchor(self, eqn: Eqn) -> None:
        domain = _domain(eqn)
        reads = self._reads(eqn)
        earliest = max([0, *(self.position[v] + (not self._may_share(v)) for v, _ in reads if v in self.position)])
        for k in range(earliest, len(self.items)):
            group = self.items[k]
            if isinstance(group, Group) and self._fits(group, k, eqn, domain, reads):
                break
        else:
            k, group = len(self.items), Group(domain, segment=self.segment.get(eqn))
            self.items.append(group)
            self._fits(group, k, eqn, domain, reads)
        self._compute_again(group, eqn, reads)
        group.anchors.append(eqn)
        for v in eqn.outs:
            self.position[v] = k

    def _compute_again(self, group: Group, eqn: Eqn, reads: list) -> None:
        """A large array of short sums that another group has formed is formed again rather than kept in memory."""
        for v, how in reads:
            maker = self.producer.get(v)
            if maker is None or v in group.results() or not isinstance(maker.prim.lower, lowering.Reduce):
                continue
            rows = self._row_need(group, v, how, len(_domain(eqn)))
            if type(rows) is int and group.rows in (None, rows) and self._is_cheap_to_sum(maker):
                group.rows = rows
                group.anchors.append(maker)

    def _is_cheap_to_sum(self, eqn: Eqn) -> bool:
        """Whether a reduction is short, its result large, and all it reads small beside that."""
        (x,), (v,) = eqn.inputs, eqn.outs
        if v.aval.nbytes < LARGE or (1.0 + self.cost.get(x, 0.0)) * x.aval.size > CHEAP_SUM * v.aval.size:
            return False
        return all(4 * source.aval.size <= v.aval.size for source, _ in self._reads(eqn))

    def _may_share(self, v: Var) -> bool:
        return isinstance(self.items[self.position[v]], Group)

    def _reads(self, eqn: Eqn) -> list[tuple[Var, tuple]]:
        """Materialized values and reductions an anchor reads, each with how: the chain of index maps in between.

        ("same",): at the anchor's own index. ("row", k): by the first k axes of the anchor's domain. ("other",):
        otherwise.
        """
        found: dict[tuple[Var, tuple], None] = {}
        mapped = isinstance(eqn.prim.lower, lowering.IndexMap)  # it reads its operands elsewhere than at its own index
        stack = [(a, _through(eqn, a, ("same",)) if mapped else ("same",)) for a in eqn.inputs if type(a) is Var]
        visited = set()
        while stack:
            v, how = stack.pop()
            if (v, how) in visited:
                continue
            visited.add((v, how))
            producer = self.producer.get(v)
            if v in self.materialized or producer is None:
                found[v, how] = None
            else:
                stack.extend((a, _through(producer, a, how)) for a in producer.inputs if type(a) is Var)
        return list(found)

    def _fits(self, group: Group, k: int, eqn: Eqn, domain: tuple, reads: list) -> bool:
        """Whether an anchor may join a group; decides the group's row split when this is the first to need it."""
        if (
            group.segment != self.segment.get(eqn)
            or len(group.anchors) >= 64
            or any(_is_same(eqn, other) for other in group.anchors)
        ):
            return False
        rows = group.rows
        level_rows = len(domain) if domain != group.domain else None  # an anchor over the rows themselves
        if level_rows is not None:
            if group.domain[:level_rows] != domain or (rows is not None and rows != level_rows):
                return False
            if not any(self.position.get(v) == k for v, _ in reads):
                return False  # sharing a row loop only pays when a value is shared
            rows = level_rows
        members = set(group.results())
        for v, how in reads:
            if v not in members:
                continue
            needed = self._row_need(group, v, how, len(domain))
            if needed is False or (rows is not None and needed is not None and needed != rows):
                return False
            rows = needed if needed is not None else rows
        if not self._split_is_consistent(group, rows):
            return False
        group.rows = rows
        return True

    def _row_need(self, group: Group, v: Var, how: tuple, ndim: int) -> int | bool | None:
        """What reading v inside the group requires: a number of row axes, None for nothing, False for impossible."""
        eqn = self.producer[v]
        if isinstance(eqn.prim.lower, lowering.Reduce):
            kept = _trailing(eqn)
            if kept is None or _domain(eqn) != group.domain:
                return False
            if how == ("row", kept) or (how == ("same",) and ndim == kept) or (kept == 0 and v.aval.ndim == 0):
                return kept
            return False
        if how == ("same",) and v.aval.ndim == ndim:
            return None if v.aval.shape == group.domain else v.aval.ndim
        if how == ("row", v.aval.ndim) and v.aval.shape == group.domain[: v.aval.ndim]:
            return v.aval.ndim
        return False

    def _split_is_consistent(self, group: Group, rows: int | None) -> bool:
        """Reductions that are read within the group must all be over the same rows."""
        return rows is None or group.rows is None or rows == group.rows

    # -- stages within a row

    def _assign_stages(self, group: Group) -> None:
        members = set(group.results())
        rows = group.rows
        available: dict[Var, int] = {}  # first stage in which a value may be read
        for eqn in group.anchors:
            stage = max([0, *(available[v] for v, _ in self._reads(eqn) if v in members)])
            for v in eqn.outs:
                group.stage[v] = stage
                is_row_reduction = (
                    isinstance(eqn.prim.lower, lowering.Reduce)
                    and rows is not None
                    and _trailing(eqn) == rows
                    and _domain(eqn) == group.domain
                )
                available[v] = stage + is_row_reduction
        self._keep_heavy_values(group)

    def _keep_heavy_values(self, group: Group) -> None:
        """A value that a later stage needs and that is not cheap to compute again is kept in a buffer as long as a row:
        of a chain of such values the last one, which covers the others.
        """
        if group.rows is None:
            return
        first: dict[Var, int] = {}  # the stage that computes each inlined value first
        for eqn in sorted(group.anchors, key=lambda eqn: group.stage[eqn.outs[0]]):
            if _domain(eqn) == group.domain:
                self._keep_for(group, group.stage[eqn.outs[0]], eqn.inputs, first)

    def _keep_for(self, group: Group, stage: int, values: Sequence[Any], first: dict[Var, int]) -> None:
        """Walk from what an anchor reads at its own index towards memory, up to values that are worth keeping."""
        stack, visited = list(values), set()
        while stack:
            v = stack.pop()
            if type(v) is not Var or v in visited or v in group.kept or not self._is_computed_inside(v):
                continue
            visited.add(v)
            if first.setdefault(v, stage) < stage and self._cost_again(v, group) >= COMPUTE_AGAIN:
                group.kept[v] = first[v]
            elif isinstance(self.producer[v].prim.lower, lowering.Scalar):
                stack.extend(self.producer[v].inputs)

    def _is_computed_inside(self, v: Var) -> bool:
        """Whether v is inlined, and more than a value of the row seen from every element."""
        return v in self.producer and v not in self.materialized and self.producer[v].prim.name != "broadcast"

    def _cost_again(self, v: Var, group: Group) -> float:
        """The cost of one element from what is in memory, in row buffers or a scalar of the row; or enough of it."""
        total, stack, seen = 0.0, [v], {v}
        while stack and total < COMPUTE_AGAIN:
            eqn = self.producer[stack.pop()]
            if not isinstance(eqn.prim.lower, lowering.Scalar):
                total += self.cost[eqn.outs[0]]
                continue
            total += operation_cost(eqn)
            inner = {a for a in eqn.inputs if type(a) is Var and a not in group.kept and self._is_computed_inside(a)}
            stack.extend(inner - seen)
            seen |= inner
        return total


def schedule(program: Program) -> Schedule:
    """Group the equations of a simplified program."""
    return Scheduler(program).run()


def _domain(eqn: Eqn) -> tuple[int, ...]:
    """The loops an anchor needs: the shape it computes, or for a reduction the shape it reads."""
    if isinstance(eqn.prim.lower, REDUCTIONS):
        return eqn.inputs[0].aval.shape
    return eqn.outs[0].aval.shape


def _trailing(eqn: Eqn) -> int | None:
    """For a reduction over trailing axes, the number of leading axes that stay."""
    ndim, axes = eqn.inputs[0].aval.ndim, eqn.params["axes"]
    kept = ndim - len(axes)
    return kept if tuple(axes) == tuple(range(kept, ndim)) else None


def _is_row_broadcast(eqn: Eqn) -> bool:
    dims = eqn.params.get("dims")
    return eqn.prim.name == "broadcast" and tuple(dims) == tuple(range(len(dims)))


def _through(eqn: Eqn, operand: Any, how: tuple) -> tuple:
    """How an operand of an inlined equation is read, when the equation's result is read as `how`."""
    if isinstance(eqn.prim.lower, lowering.Scalar) or _is_aligned(eqn, operand):
        return how
    if how == ("other",) or not _is_row_broadcast(eqn) and not _keeps_rows(eqn):
        return ("other",)
    kept = min(operand.aval.ndim, eqn.outs[0].aval.ndim)
    if how == ("same",) or how[1] >= kept:
        return ("row", kept)
    return how


def _is_same(eqn: Eqn, other: Eqn) -> bool:
    """Whether two equations compute one value twice: what has been separated is not computed at one time again."""
    return eqn.prim is other.prim and eqn.inputs == other.inputs and eqn.params == other.params


def _is_aligned(eqn: Eqn, operand: Any) -> bool:
    """Whether an index map reads an operand at its own index only."""
    return all(k in eqn.prim.lower.aligned for k, a in enumerate(eqn.inputs) if a is operand)


def _keeps_rows(eqn: Eqn) -> bool:
    """A reshape that only adds or removes trailing axes of size one reads rows as rows, too."""
    if eqn.prim.name != "reshape":
        return False
    short, long = sorted((eqn.inputs[0].aval.shape, eqn.outs[0].aval.shape), key=len)
    return long[: len(short)] == short and math.prod(long[len(short) :]) == 1


__all__ = ["Group", "Schedule", "schedule"]
