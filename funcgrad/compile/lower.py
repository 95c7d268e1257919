"""Lowering: from groups and single equations to kernels.

    group over (4, 3), rows of 1 axis, stage 0: m = reduce_max x; stage 1: r = sub x (broadcast m)
      -->
    kernel(p0: float64[4,3] in, p1: float64[4,3] out)
      for i0 in 4:
        declare a0 = -inf
        for i1 in 3:
          update a0 maximum= p0[i0, i1]
        for i1 in 3:
          store p1[i0, i1] = p0[i0, i1] - a0

Every value is asked for by index: `element(atom, index)` gives the scalar expression of one element, by loading it,
by naming the accumulator that holds it, or by inlining the equation that makes it. What depends on row symbols alone
is hoisted out of the inner loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.program import Eqn, Literal, Var
from .index_ranges import simplified
from .jam import jam
from .kernel import LOCAL_BYTES, Accumulate, Assign, Declare, For, If, Kernel, Param, Store, Update, nest
from .reading import domain_of, trailing
from .schedule import Group, Schedule

INDEX = np.dtype(np.int64)
ZERO = sc.const(0, INDEX)


def identity_of(combine: str, dtype: Any) -> Any:
    """The neutral element of a monoid."""
    dtype = np.dtype(dtype)
    if combine in ("add", "or"):
        return dtype.type(0)
    if combine in ("mul", "and"):
        return dtype.type(1)
    low = combine == "maximum"
    if dtype.kind == "f":
        return dtype.type(-math.inf if low else math.inf)
    info = np.iinfo(dtype)
    return dtype.type(info.min if low else info.max)


class Read:
    """An operand as an index map sees it: call it with an index to get the element."""

    __slots__ = ("atom", "dtype", "element", "shape")

    def __init__(self, atom: Any, element: Callable) -> None:
        self.atom, self.element = atom, element
        self.shape, self.dtype = atom.aval.shape, atom.aval.dtype

    def __call__(self, index: tuple) -> sc.Expr:
        return self.element(self.atom, index)


class Builder:
    """Shared by all lowerings: parameters of the kernel under construction, and `element`."""

    def __init__(self, plan: Schedule) -> None:
        self.plan = plan
        self.params: dict[Any, Param] = {}
        self.order: list[Any] = []
        self.memo: dict[tuple, sc.Expr] = {}
        self.locals: dict[Any, Param] = {}
        self.flat = False
        self.notes: list[tuple[str, int]] = []

    def param(self, atom: Any, out: bool = False, shape: tuple | None = None) -> Param:
        """The kernel's parameter for a value kept in memory."""
        if atom not in self.params:
            shape = shape if shape is not None else self._memory_shape(atom.aval.shape)
            self.params[atom] = Param(f"p{len(self.params)}", shape, atom.aval.dtype, out)
            self.order.append(atom)
        elif out and not self.params[atom].out:
            old = self.params[atom]
            self.params[atom] = Param(old.name, old.shape, old.dtype, True)
        return self.params[atom]

    def _memory_shape(self, shape: tuple) -> tuple:
        return (math.prod(shape),) if self.flat and shape else shape

    def own(self, shape: tuple[int, ...], dtype: Any) -> Param:
        """A new array of the kernel's own; the planner finds a place for a long one."""
        return self.locals.setdefault(object(), Param(f"own{len(self.locals)}", shape, dtype, True))

    def load(self, atom: Any, index: tuple) -> sc.Expr:
        """Read an element from memory."""
        return sc.load(self.param(atom).name, index, atom.aval.dtype)

    def element(self, atom: Any, index: tuple) -> sc.Expr:
        """The scalar expression of one element of a value."""
        if type(atom) is Literal:
            return sc.const(atom.value, atom.aval.dtype) if atom.aval.ndim == 0 else self.load(atom, index)
        key = (atom, index)
        if key not in self.memo:
            self.memo[key] = self.compute(atom, index)
        return self.memo[key]

    def compute(self, v: Var, index: tuple) -> sc.Expr:
        """Load or inline."""
        return self.load(v, index) if v in self.plan.materialized else self.inline(v, index)

    def inline(self, v: Var, index: tuple) -> sc.Expr:
        """The equation that makes v, at an index."""
        eqn = self.plan.producer[v]
        form = eqn.prim.lower
        if isinstance(form, lowering.IndexMap):
            if 1 in v.aval.shape:  # an axis of length 1 has one place: as a constant, it vanishes from index arithmetic
                index = tuple(ZERO if n == 1 else i for n, i in zip(v.aval.shape, index))
            return form.fn(index, *[Read(a, self.element) for a in eqn.inputs], **eqn.params)
        result = form.fn(*[self.element(a, index) for a in eqn.inputs], **eqn.params)
        return result[eqn.outs.index(v)] if eqn.prim.multiple_results else result

    def kernel(self, body: list[Any]) -> tuple[Kernel, list[Any]]:
        """The finished kernel and the values its parameters stand for."""
        params = [self.params[a] for a in self.order]
        return Kernel(params, body, self.notes, list(self.locals.values())), self.order


class GroupLowering(Builder):
    """Lowers one group; see the module's docstring."""

    def __init__(self, plan: Schedule, group: Group, escaping: set[Var]) -> None:
        super().__init__(plan)
        self.group, self.escaping = group, escaping
        self.members = {v: eqn for eqn in group.anchors for v in eqn.outs}
        self.rows = self._choose_rows()
        self.flat = self.rows in (None, 0) and self._is_flat()
        domain = (math.prod(group.domain),) if self.flat and group.domain else group.domain
        split = self.rows or 0
        self.row_counts, self.inner_counts = domain[:split], domain[split:]
        self.index = tuple(sc.sym(f"i{k}", INDEX) for k in range(len(domain)))
        self.row_index = self.index[:split]
        self.top: list[Any] = []  # statements before the row loop
        self.bottom: list[Any] = []  # statements after it
        self.row: list[Any] = []  # statements of the row loop
        self.current: int = 0
        self.inside = False  # whether an inner loop body is being built
        self.accumulators: dict[Var, sc.Expr] = {}
        self.hoisted: dict[tuple, sc.Expr] = {}

    def _choose_rows(self) -> int | None:
        if self.group.rows is not None:
            return self.group.rows
        for eqn in self.group.anchors:
            if (
                isinstance(eqn.prim.lower, lowering.Reduce)
                and domain_of(eqn) == self.group.domain
                and trailing(eqn) is not None
            ):
                return trailing(eqn)
        return None

    def _is_flat(self) -> bool:
        """Whether every index map on the way is a broadcast of a scalar, so that the domain can be one long axis."""
        stack = [a for eqn in self.group.anchors for a in ([eqn.outs[0]] if not _is_reduction(eqn) else eqn.inputs)]
        seen = set()
        for eqn in self.group.anchors:
            if _is_reduction(eqn) and trailing(eqn) != 0:
                return False
            if domain_of(eqn) != self.group.domain:
                return False
        while stack:
            v = stack.pop()
            if type(v) is Literal:
                if v.aval.ndim:
                    return False
                continue
            eqn = self.plan.producer.get(v)
            if v in seen or eqn is None or (v in self.plan.materialized and v not in self.members):
                continue
            seen.add(v)
            if isinstance(eqn.prim.lower, lowering.IndexMap):
                if not (eqn.prim.name == "broadcast" and eqn.params["dims"] == ()):
                    return False
            stack.extend(a for a in eqn.inputs if not _is_reduction(eqn) or v not in self.members)
        return True

    # -- values

    def element(self, atom: Any, index: tuple) -> sc.Expr:
        """As for every builder; what is remembered says at which symbol a value was computed, and where: an expression
        of the inner loop may hold the loop's symbol, also for a value that does not depend on it.
        """
        if type(atom) is Literal:
            return super().element(atom, index)
        index = self._own_index(atom, index)
        key = (atom, index, self.inside)
        if key not in self.memo:
            self.memo[key] = self.compute(atom, index)
        return self.memo[key]

    def compute(self, v: Var, index: tuple) -> sc.Expr:
        if v in self.accumulators and index == self._accumulator_index(v):
            return self.accumulators[v]
        if self.inside and index == self.row_index and self.inner_counts:
            return self._hoist(v, index)
        if v in self.group.kept and index == self.index and self.group.kept[v] < self.current:
            return sc.load(self._row_buffer(v).name, self.index[len(self.row_index) :], v.aval.dtype)
        if v in self.members and not _is_reduction(self.members[v]):
            same_stage = self.group.stage[v] == self.current or index == self.row_index
            return self.inline(v, index) if same_stage else self.load(v, index)
        if v in self.members and _is_reduction(self.members[v]):
            raise RuntimeError(
                f"schedule: {self.members[v].prim.name} is read in its own kernel at another index than its row's"
            )
        return super().compute(v, index)

    def _own_index(self, v: Var, index: tuple) -> tuple:
        """Index maps say 0 on an axis of length 1, where the loops of this group say their symbol: the same place,
        one name.
        """
        if self.flat or 1 not in v.aval.shape:
            return index
        known = self.index if self.inside else self.row_index
        sizes = zip(v.aval.shape, self.group.domain)
        own = [d for d, (n, m) in enumerate(sizes) if n == m == 1 and d < len(known)]
        return tuple(known[d] if d in own else i for d, i in enumerate(index))

    def _accumulator_index(self, v: Var) -> tuple:
        return self.row_index if v.aval.ndim else ()

    def _row_buffer(self, v: Var) -> Param:
        """Where a kept value lies: in an array of the kernel's own if the row is short, else in the workspace."""
        shape, dtype = self.inner_counts, v.aval.dtype
        if math.prod(shape) * dtype.itemsize > LOCAL_BYTES:
            return self.param(_Scratch.of(v, self.group), out=True, shape=shape)
        return self.locals.setdefault(v, Param(f"row{len(self.locals)}", shape, dtype, True))

    def _hoist(self, v: Var, index: tuple) -> sc.Expr:
        """A value that depends on the row alone, computed before the inner loop."""
        if (v, index) not in self.hoisted:
            self.inside = False
            value = self.element(v, index)
            self.inside = True
            if value.op in ("const", "sym"):
                return value
            name = f"r{len(self.hoisted)}"
            self.row.append(Declare(name, value))
            self.hoisted[v, index] = sc.sym(name, value.dtype)
        return self.hoisted[v, index]

    # -- statements

    def run(self) -> tuple[Kernel, list[Any]]:
        stages = 1 + max(self.group.stage[eqn.outs[0]] for eqn in self.group.anchors)
        for self.current in range(stages):
            self.memo = {key: e for key, e in self.memo.items() if key[1:] == (self.row_index, False)}
            here = [eqn for eqn in self.group.anchors if self.group.stage[eqn.outs[0]] == self.current]
            for eqn in here:
                if self._is_row_level(eqn):
                    self._row_anchor(eqn)
            full = [eqn for eqn in here if not self._is_row_level(eqn)]
            if full:
                self._stage(full)
        body = nest(self.row_index, self.row_counts, self.row)
        return self.kernel([*self.top, *body, *self.bottom])

    def _is_row_level(self, eqn: Eqn) -> bool:
        return (
            self.rows is not None and len(domain_of(eqn)) == len(self.row_index) and domain_of(eqn) != self.group.domain
        )

    def _row_anchor(self, eqn: Eqn) -> None:
        """An anchor over the rows themselves."""
        self.inside = False
        if isinstance(eqn.prim.lower, lowering.Reduce):
            self._reduce(eqn, self.row_index, self.row)
            return
        for v in eqn.outs:
            self._store(v, self.row_index, self.element(v, self.row_index), self.row)

    def _stage(self, anchors: list[Eqn]) -> None:
        """One inner loop: stores and reductions of a stage."""
        body: list[Any] = []
        after: list[Any] = []
        self.inside = True
        for eqn in anchors:
            if isinstance(eqn.prim.lower, lowering.Reduce):
                self._reduce(eqn, self.index, body, after)
            else:
                for v in eqn.outs:
                    self._store(v, self.index, self.element(v, self.index), body)
        # Lowered after the anchors, in whose order each finds what is below it remembered, as lowering recurses; stored
        # first.
        kept = {v: self.element(v, self.index) for v, stage in self.group.kept.items() if stage == self.current}
        place = self.index[len(self.row_index) :]
        body = [*[Store(self._row_buffer(v).name, place, value) for v, value in kept.items()], *body]
        self.inside = False
        self.row += [*nest(self.index[len(self.row_index) :], self.inner_counts, body), *after]

    def _store(self, v: Var, index: tuple, value: sc.Expr, body: list[Any]) -> None:
        if v in self.escaping or self._read_in_later_stage(v):
            body.append(Store(self.param(v, out=True).name, index, value))

    def _read_in_later_stage(self, v: Var) -> bool:
        return self.rows is not None and v in self.plan.materialized

    def _reduce(self, eqn: Eqn, index: tuple, body: list[Any], after: list[Any] | None = None) -> None:
        (v,), combine = eqn.outs, eqn.prim.lower.combine
        value = self.element(eqn.inputs[0], index)
        init = sc.const(identity_of(combine, v.aval.dtype), v.aval.dtype)
        name = f"a{len(self.accumulators)}"
        if after is not None and self._is_row_reduction(eqn):
            self.accumulators[v] = sc.sym(name, v.aval.dtype)
            self.row.append(Declare(name, init))
            body.append(Update(name, combine, value))
            if v in self.escaping:
                after.append(
                    Store(self.param(v, out=True).name, self.row_index if v.aval.ndim else (), self.accumulators[v])
                )
        elif v.aval.ndim == 0:
            self.accumulators[v] = sc.sym(name, v.aval.dtype)
            self.top.append(Declare(name, init))
            body.append(Update(name, combine, value))
            self.bottom.append(Store(self.param(v, out=True).name, (), self.accumulators[v]))
        else:
            self._accumulate_in_memory(eqn, index, combine, value, init, body)

    def _is_row_reduction(self, eqn: Eqn) -> bool:
        return self.rows is not None and domain_of(eqn) == self.group.domain and trailing(eqn) == self.rows

    def _accumulate_in_memory(
        self, eqn: Eqn, index: tuple, combine: str, value: sc.Expr, init: sc.Expr, body: list[Any]
    ) -> None:
        (v,) = eqn.outs
        target = self.param(v, out=True).name
        kept = tuple(i for d, i in enumerate(index) if d not in eqn.params["axes"])
        clear = tuple(sc.sym(f"z{k}", INDEX) for k in range(v.aval.ndim))
        self.top += nest(clear, v.aval.shape, [Store(target, clear, init)])
        body.append(Accumulate(target, kept, combine, value))


class _Scratch:
    """Stands for the row buffer of a kept value among the parameters of a kernel."""

    __slots__ = ("aval",)

    def __init__(self, aval: Any) -> None:
        self.aval = aval

    @classmethod
    def of(cls, v: Var, group: Group) -> _Scratch:
        return group.__dict__.setdefault("scratch", {}).setdefault(
            v, cls(v.aval.update(shape=group.domain[group.rows or 0 :]))
        )


def _is_reduction(eqn: Eqn) -> bool:
    return isinstance(eqn.prim.lower, lowering.Reduce)


# --- equations that are kernels of their own
# ------------------------------------------------------------------------------------


def _symbols(prefix: str, count: int) -> tuple:
    return tuple(sc.sym(f"{prefix}{k}", INDEX) for k in range(count))


def lower_arg_reduce(plan: Schedule, eqn: Eqn) -> tuple[Kernel, list[Any]]:
    """A loop that keeps the best element and its position."""
    b, (x,), (out,) = Builder(plan), eqn.inputs, eqn.outs
    axis, shape = eqn.params["axis"], x.aval.shape
    outer = _symbols("i", len(shape) - 1)
    k = sc.sym("k", INDEX)
    index = (*outer[:axis], k, *outer[axis:])
    value, best = b.element(x, index), sc.sym("best", x.aval.dtype)
    first = b.element(x, (*outer[:axis], sc.const(0, INDEX), *outer[axis:]))
    better = eqn.prim.lower.better(value, best)
    at = sc.sym("at", INDEX)
    update = Assign(("best", "at"), (sc.select(better, value, best), sc.select(better, k, at)))
    body = [Declare("best", first), Declare("at", sc.const(0, INDEX)), For("k", shape[axis], [update]),
            Store(b.param(out, out=True).name, outer, at)]  # fmt: skip
    return b.kernel(nest(outer, out.aval.shape, body))


def lower_scatter(plan: Schedule, eqn: Eqn) -> tuple[Kernel, list[Any]]:
    """Copy operand 0, then combine updates in order at positions in range."""
    b, (x, updates, *indices), (out,) = Builder(plan), eqn.inputs, eqn.outs
    axes, shape, target = eqn.params["axes"], x.aval.shape, b.param(out, out=True).name
    copy = _symbols("c", len(shape))
    body = nest(copy, shape, [Store(target, copy, b.element(x, copy))])
    index = _symbols("i", updates.aval.ndim)
    depth = len(indices[0].aval.shape)
    position: list[Any] = [None] * len(shape)
    for d, i in zip((d for d in range(len(shape)) if d not in axes), index[depth:]):
        position[d] = i
    inside = sc.const(True, np.bool_)
    for a, source in zip(axes, indices):
        position[a] = sc.convert(b.element(source, index[:depth]), INDEX)
        inside = inside & (position[a] >= 0) & (position[a] < shape[a])
    where = tuple(position)
    combined = eqn.prim.lower.combine(sc.load(target, where, out.aval.dtype), b.element(updates, index))
    counts = updates.aval.shape
    write = If(inside, nest(index[depth:], counts[depth:], [Store(target, where, combined)]))
    kernel, operands = b.kernel([*body, *nest(index[:depth], counts[:depth], [write] if write.body else [])])
    return simplified(kernel), operands


def lower_spread(plan: Schedule, eqn: Eqn) -> tuple[Kernel, list[Any]]:
    """Zeros, then every element of the operand added where it belongs, within the leading axes that the map keeps."""
    b, (x,), (out,) = Builder(plan), eqn.inputs, eqn.outs
    index, target = _symbols("i", x.aval.ndim), b.param(out, out=True).name
    where = eqn.prim.lower.fn(index, **eqn.params)
    shared = 0
    while shared < min(len(where), len(index)) and where[shared] is index[shared]:
        shared += 1
    clear = (*index[:shared], *_symbols("z", out.aval.ndim - shared))
    body = nest(clear[shared:], out.aval.shape[shared:], [Store(target, clear, sc.const(0, out.aval.dtype))])
    body += nest(index[shared:], x.aval.shape[shared:], [Accumulate(target, where, "add", b.element(x, index))])
    return b.kernel(nest(index[:shared], x.aval.shape[:shared], body))


def lower_contraction(plan: Schedule, eqn: Eqn) -> tuple[Kernel, list[Any]]:
    """A small sum of products as a plain loop nest."""
    b, (x, y), (out,) = Builder(plan), eqn.inputs, eqn.outs
    (cx, cy), (bx, by) = eqn.params["contract"], eqn.params["batch"]
    index = _symbols("i", out.aval.ndim)
    inner = _symbols("k", len(cx))
    x_at, y_at = [None] * x.aval.ndim, [None] * y.aval.ndim
    for at, batch, contract, free in (
        (x_at, bx, cx, index[len(bx) :]),
        (y_at, by, cy, index[len(bx) + x.aval.ndim - len(bx) - len(cx) :]),
    ):
        for d, i in zip(batch, index):
            at[d] = i
        for d, i in zip(contract, inner):
            at[d] = i
        for d, i in zip((d for d in range(len(at)) if d not in batch and d not in contract), free):
            at[d] = i
    product = b.element(x, tuple(x_at)) * b.element(y, tuple(y_at))
    total = sc.sym("a0", out.aval.dtype)
    counts = tuple(x.aval.shape[d] for d in cx)
    body = [
        Declare("a0", sc.const(0, out.aval.dtype)),
        *nest(inner, counts, [Update("a0", "add", product)]),
        Store(b.param(out, out=True).name, index, total),
    ]
    return b.kernel(nest(index, out.aval.shape, body))


OWN_KERNEL: dict[type, Callable[[Schedule, Eqn], tuple[Kernel, list[Any]]]] = {
    lowering.ArgReduce: lower_arg_reduce,
    lowering.Scatter: lower_scatter,
    lowering.Spread: lower_spread,
    lowering.Contract: lower_contraction,
}


def lower_group(plan: Schedule, group: Group, escaping: set[Var]) -> tuple[Kernel, list[Any]]:
    """The kernel of a group, and the values (Vars, Literals, row buffers) its parameters stand for."""
    lowered = GroupLowering(plan, group, escaping)
    lowered.notes = notes_of(group.anchors)
    kernel, operands = lowered.run()
    return jam(kernel), operands


def notes_of(eqns: list[Eqn]) -> list[tuple[str, int]]:
    """The user's lines behind some equations, for comments."""
    return list(dict.fromkeys(eqn.source[:2] for eqn in eqns if eqn.source))
