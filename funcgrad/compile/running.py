"""Kernels of running operations: one sequential pass along an axis, from whichever end.

    cumsum over the last axis of (5, 9)         two lines at once, then the one that is left
      -->
    for i0 in 2:
      declare run0 = p0[i0 * 2, 0]; declare run1 = p0[i0 * 2 + 1, 0]
      store p1[i0 * 2, 0] = run0; ...
      for i1 in 8:
        assign run0 = run0 + p0[i0 * 2, i1 + 1]
        store p1[i0 * 2, i1 + 1] = run0
        ...

A chain of additions takes four cycles for each; chains of two lines at once hide half of them, more lines compete for
the cache, and each line keeps the order of its operations. Elements that take a math function are computed before, line
by line, where the loop vectorizes. Along an outer axis the previous slice is combined with the next, which vectorizes
as it is.
"""

from __future__ import annotations

from typing import Any

from ..core import lowering
from ..core import scalar as sc
from ..core.program import Eqn
from .index_ranges import simplified
from .kernel import Assign, Declare, Kernel, Param, Store, nest, walk
from .lower import INDEX, Builder
from .schedule import Schedule

LINES = 2  # at once: gradient through cumsum of 128 x 8192: one line 0.95 ms, two 0.55, four 0.53, eight 0.66


class RunningLowering(Builder):
    """Lowers one equation; see the module's docstring."""

    def __init__(self, plan: Schedule, eqn: Eqn) -> None:
        super().__init__(plan)
        self.eqn, (self.out,) = eqn, eqn.outs
        self.shape, self.axis, self.reverse = self.out.aval.shape, eqn.params["axis"], eqn.params["reverse"]
        self.length = self.shape[self.axis]
        self.index = tuple(sc.sym(f"i{k}", INDEX) for k in range(len(self.shape)))
        form = eqn.prim.lower
        self.first = form.first if isinstance(form, lowering.Recurrence) else 0
        self.staged: dict[int, Param] = {}

    def combined(self, previous: sc.Expr, elements: list[sc.Expr]) -> sc.Expr:
        """The result after `previous`."""
        form = self.eqn.prim.lower
        if isinstance(form, lowering.Recurrence):
            return form.step(previous, *elements)
        return sc.instruction(form.combine, previous, *elements)

    def place(self, step: Any) -> sc.Expr:
        """The position of a step along the axis."""
        return sc.const(self.length - 1, INDEX) - step if self.reverse else step

    def run(self) -> tuple[Kernel, list[Any]]:
        if 0 in self.shape:
            return self.kernel([])
        if all(n == 1 for n in self.shape[self.axis + 1 :]):
            return self.kernel(self.along_lines())
        return self.kernel(self.over_slices())

    # -- an outer axis

    def over_slices(self) -> list[Any]:
        target, axis = self.param(self.out, out=True).name, self.axis
        before, rest, counts = self.index[:axis], self.index[axis + 1 :], self.shape[axis + 1 :]

        def at(step: Any) -> tuple:
            return (*before, self.place(step), *rest)

        def store(step: Any, value: sc.Expr) -> list[Any]:
            return nest(rest, counts, [Store(target, at(step), value)])

        zero, here = sc.const(0, INDEX), self.index[axis] + 1
        first = store(zero, self.element(self.eqn.inputs[self.first], at(zero)))
        previous = sc.load(target, at(self.index[axis]), self.out.aval.dtype)
        later = store(here, self.combined(previous, [self.element(x, at(here)) for x in self.eqn.inputs]))
        return nest(before, self.shape[:axis], [*first, *nest(self.index[axis : axis + 1], (self.length - 1,), later)])

    # -- the innermost axis

    def along_lines(self) -> list[Any]:
        axis = self.axis
        if axis == 0:
            return self.lines([()], self.index[1:])
        outer, row, count = self.index[: axis - 1], self.index[axis - 1], self.shape[axis - 1]
        blocks, rest = divmod(count, LINES)
        body = nest(
            (row,), (blocks,), self.lines([(*outer, row * LINES + r) for r in range(LINES)], self.index[axis + 1 :])
        )
        body += nest(
            (row,), (rest,), self.lines([(*outer, row + blocks * LINES)], self.index[axis + 1 :]) if rest else []
        )
        return nest(outer, self.shape[: axis - 1], body)

    def lines(self, prefixes: list[tuple], rest: tuple) -> list[Any]:
        """The statements of some lines at once."""
        rest = tuple(sc.const(0, INDEX) for _ in rest)
        names = [f"run{k}" for k in range(len(prefixes))]
        target, dtype = self.param(self.out, out=True).name, self.out.aval.dtype
        body = [s for k, prefix in enumerate(prefixes) for s in self.stage(k, prefix, rest)]
        zero, step = sc.const(0, INDEX), self.index[self.axis]
        for k, (name, prefix) in enumerate(zip(names, prefixes)):
            body.append(Declare(name, self.operand(self.first, k, prefix, zero, rest)))
            body.append(Store(target, (*prefix, self.place(zero), *rest), sc.sym(name, dtype)))
        inner: list[Any] = []
        for k, (name, prefix) in enumerate(zip(names, prefixes)):
            elements = [self.operand(i, k, prefix, step + 1, rest) for i in range(len(self.eqn.inputs))]
            inner.append(Assign((name,), (self.combined(sc.sym(name, dtype), elements),)))
            inner.append(Store(target, (*prefix, self.place(step + 1), *rest), sc.sym(name, dtype)))
        return [*body, *nest((step,), (self.length - 1,), inner)]

    def stage(self, line: int, prefix: tuple, rest: tuple) -> list[Any]:
        """Loops that compute the costly operands of a line; what is not read at the first place is not computed
        there.
        """
        statements: list[Any] = []
        step = self.index[self.axis]
        for i, x in enumerate(self.eqn.inputs):
            skipped = int(i != self.first)
            place = step + int(skipped and not self.reverse)
            value = self.element(x, (*prefix, place, *rest))
            if not any(e.op in sc.FUNCTIONS for e in walk(value)):
                continue
            if i not in self.staged:
                self.staged[i] = self.own((LINES if self.axis else 1, self.length), x.aval.dtype)
            store = Store(self.staged[i].name, (sc.const(line, INDEX), place), value)
            statements += nest((step,), (self.length - skipped,), [store])
        return statements

    def operand(self, i: int, line: int, prefix: tuple, step: Any, rest: tuple) -> sc.Expr:
        """One element of an operand, computed before or here."""
        if i in self.staged:
            staged = self.staged[i]
            return sc.load(staged.name, (sc.const(line, INDEX), self.place(step)), staged.dtype)
        return self.element(self.eqn.inputs[i], (*prefix, self.place(step), *rest))


def lower_running(plan: Schedule, eqn: Eqn) -> tuple[Kernel, list[Any]]:
    """The kernel of a Scan or a Recurrence."""
    kernel, operands = RunningLowering(plan, eqn).run()
    return simplified(kernel), operands
