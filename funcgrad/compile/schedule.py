"""Scheduling: which equations share a loop nest, and which values are kept in memory.

    schedule : Program -> [Group | Eqn]

    { lambda x:float64[4,3] .                             group 0 over (4, 3), rows of 1 axis
        m:float64[4] = reduce_max[axes=(1,)] x     -->      stage 0: m
        b:float64[4,3] = broadcast m                        stage 1: c, s     (b is inlined: a broadcast costs nothing)
        d = sub x b; c = exp d                              keeps c from stage 1 for stage 2
        s:float64[4] = reduce_sum[axes=(1,)] c              stage 2: r
        r = div c (broadcast s)
      in (r,) }

`keeping.py` says which values are in memory. *Anchors* are these and reductions; all else is inlined into them. Anchors
over one domain are gathered into a group; a reduction over trailing axes splits the domain into rows, and anchors that
use the reduced value of their own row run in a later stage of the same row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import lowering
from ..core.program import Eqn, Program, Var
from ..records import field, record
from .costs import operation_cost
from .keeping import Keeping
from .reading import FUSIBLE, REDUCTIONS, domain_of, is_same, through, trailing

LARGE = 1 << 18  # bytes that are not expected to stay in a cache
CHEAP_SUM = 32.0  # cost of a sum of a few products, below that of writing it to memory and reading it
COMPUTE_AGAIN = 8.0  # from this cost on, a later stage of a row reads a value rather than compute it again


@record
class Group:
    """Anchors that share a loop nest over `domain`; the first `rows` axes are the row loop (None: not split yet)."""

    domain: tuple[int, ...]
    anchors: list[Eqn] = field(default_factory=list)
    rows: int | None = None
    segment: int | None = None  # of a run of repetitions
    stage: dict[Var, int] = field(default_factory=dict)  # of every anchor's result
    kept: dict[Var, int] = field(default_factory=dict)  # inlined values in row buffers: the stage that computes them

    def results(self) -> list[Var]:
        """Values that anchors of this group define."""
        return [v for eqn in self.anchors for v in eqn.outs]


@record
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
        self.program, self.keeping = program, Keeping(program)
        self.producer, self.outputs = self.keeping.producer, self.keeping.outputs
        self.materialized, self.in_place = self.keeping.materialized, self.keeping.in_place
        self.cost, self.segment = self.keeping.cost, self.keeping.segment
        self.views: dict[Var, tuple[Var, int]] = {}  # kept values that are ranges of others: whose, from which element
        self.items: list[Group | Eqn] = []
        self.position: dict[Var, int] = {}  # of materialized values and reductions

    def run(self) -> Schedule:
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

    # -- what needs no loops

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
        domain = domain_of(eqn)
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
            rows = self._row_need(group, v, how, len(domain_of(eqn)))
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
        stack = [(a, through(eqn, a, ("same",)) if mapped else ("same",)) for a in eqn.inputs if type(a) is Var]
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
                stack.extend((a, through(producer, a, how)) for a in producer.inputs if type(a) is Var)
        return list(found)

    def _fits(self, group: Group, k: int, eqn: Eqn, domain: tuple, reads: list) -> bool:
        """Whether an anchor may join a group; decides the group's row split when this is the first to need it."""
        if (
            group.segment != self.segment.get(eqn)
            or len(group.anchors) >= 64
            or any(is_same(eqn, other) for other in group.anchors)
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
            kept = trailing(eqn)
            if kept is None or domain_of(eqn) != group.domain:
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
                    and trailing(eqn) == rows
                    and domain_of(eqn) == group.domain
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
            if domain_of(eqn) == group.domain:
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


__all__ = ["Group", "Schedule", "schedule"]
