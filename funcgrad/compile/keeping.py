"""Keeping: which values of a program are in memory, and which are computed where they are read.

    b = broadcast 2.0;  c = mul x b;  d = exp c;  e = add d d;  f = reduce_sum e
                                                    -->  nothing between x and f is kept: one loop computes it

A fusible value (elementwise, or an index map) is inlined into its readers unless it is an output, is read by something
opaque (BLAS, a loop), or would be computed too often: `worth_keeping` compares the work with a store and a load. Values
that cross the segments of a run of repetitions are kept, too (`repeats.py`).
"""

from __future__ import annotations

from ..core import lowering
from ..core.program import Eqn, Program, Var
from .costs import operation_cost, reads_each
from .reading import FUSIBLE, OWN_LOOPS, is_aligned, is_row_broadcast, trailing
from .repeats import segments

# Costs are those of `costs`. Keeping a value costs a store and a load.
STORE_AND_LOAD = 4.0
LEAST_JOINED = 1024  # bytes of a concatenation whose operands are computed in place
MOST_CHOSEN = 6  # operands of a concatenation among which every element may be chosen
WIDEST_TREE = 64  # elements of one array that one expression may read, by index maps that read several each
HIGHEST_TREE = 80  # equations in a row that may be inlined into each other; lowering recurses over them


def worth_keeping(cost: float, size: int, reads: int) -> bool:
    """Whether to store a value of `size` elements, each costing `cost`, rather than compute it at each of `reads`
    reads.
    """
    return cost * max(reads - size, 0) > STORE_AND_LOAD * size


class Keeping:
    """Which values of a program are in memory; see the module's docstring.

    materialized: kept values, and inputs. in_place: concatenations whose operands are computed where they belong.
    cost: of computing one element of a value from what is kept. segment: of equations in runs of repetitions.
    """

    def __init__(self, program: Program) -> None:
        self.producer = {v: eqn for eqn in program.eqns for v in eqn.outs}
        self.consumers: dict[Var, list[Eqn]] = {}
        for eqn in program.eqns:
            for a in dict.fromkeys(a for a in eqn.inputs if type(a) is Var):
                self.consumers.setdefault(a, []).append(eqn)
        self.outputs = {a for a in program.outputs if type(a) is Var}
        self.segment = segments(program)
        self.materialized: set[Var] = set(program.inputs)
        self.in_place = {eqn.outs[0] for eqn in program.eqns if self._is_joined_in_place(eqn)}
        self.cost: dict[Var, float] = {}
        self._height: dict[Var, int] = {}  # of the expression tree from what is kept in memory
        self._width: dict[Var, int] = {}  # how many elements of one array it reads
        self._row_values: set[Var] = set()  # trailing reductions, and what is inlined on top of them
        for eqn in program.eqns:
            self._choose(eqn)

    def _choose(self, eqn: Eqn) -> None:
        """Decide about the results of an equation; those of its operands are known."""
        operands = [a for a in dict.fromkeys(eqn.inputs) if type(a) is Var]
        cost = operation_cost(eqn) + sum(self.cost.get(a, 0.0) for a in operands)
        height = 1 + max((self._height.get(a, 0) for a in operands), default=0)
        width = reads_each(eqn) * max((self._width.get(a, 1) for a in operands), default=1)
        for v in eqn.outs:
            self._width[v] = width
            inlined = height <= HIGHEST_TREE and not self._must_keep(v, eqn, cost)
            if not inlined:
                self.materialized.add(v)
            is_sum = isinstance(eqn.prim.lower, lowering.Reduce) and trailing(eqn) is not None
            if is_sum or inlined and self._depends_on_reduction(eqn):
                self._row_values.add(v)
            self.cost[v], self._height[v] = (cost, height) if inlined else (0.0, 0)
            self._width[v] = width if inlined else 1

    def _must_keep(self, v: Var, eqn: Eqn, cost: float) -> bool:
        if not isinstance(eqn.prim.lower, FUSIBLE) or v in self.outputs or v in self.in_place:
            return True
        if any(self._is_opaque_reader(c) for c in self.consumers.get(v, ())):
            return True
        return self._often_read(v, cost) or self._crosses_segments(v, eqn, cost)

    def _crosses_segments(self, v: Var, eqn: Eqn, cost: float) -> bool:
        """Whether another segment of a run of repetitions reads a value that takes longer to compute again."""
        if not isinstance(eqn.prim.lower, lowering.Scalar) or not self.segment or cost <= STORE_AND_LOAD:
            return False
        return any(self.segment.get(c) != self.segment.get(eqn) for c in self.consumers.get(v, ()))

    def _is_opaque_reader(self, eqn: Eqn) -> bool:
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
                each = 1 if is_aligned(c, v) else reads_each(c)
                if self._width[v] * each > WIDEST_TREE and self._width[v] > 1:
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
        if not self._depends_on_reduction(self.producer[v]):
            return False
        maps = [c for c in self.consumers.get(v, ()) if isinstance(c.prim.lower, lowering.IndexMap)]
        return bool(maps) and all(is_row_broadcast(c) for c in maps)

    def _depends_on_reduction(self, eqn: Eqn) -> bool:
        """Whether an inlined chain of elementwise equations ends at a trailing reduction; known for operands
        already.
        """
        if isinstance(eqn.prim.lower, lowering.Reduce):
            return trailing(eqn) is not None
        return isinstance(eqn.prim.lower, FUSIBLE) and any(type(a) is Var and a in self._row_values for a in eqn.inputs)

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


__all__ = ["Keeping", "worth_keeping"]
