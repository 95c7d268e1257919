"""Blocks: steps that hand a large array on run together, a few rows at a time, so that it never leaves the cache.

    call kernel_0(in0, tmp0)             for t0 in 32:
    multiply out0 = tmp0 @ in1    -->      call kernel_1(in0[t0], tmp0)           tmp0 has 1/32 of its rows now
                                           multiply out0[t0] = tmp0 @ in1

This is what turns windows and a contraction into a convolution: the windows of images, many times the images' size, are
nowhere as a whole. Nothing here knows of convolutions. A step can be cut into blocks of rows when what it does for one
part of its leading axis touches the same part of some of its arrays and otherwise only reads:

- a kernel whose outermost loops index arrays by their loop symbol first, and do nothing else with the symbol;
- a product whose rows are those of its first operand, or one that sums over the rows of both and so adds up.

Sums over blocks are taken in the order of the blocks: the same bits in every run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..core.scalar import Expr
from .kernel import Accumulate, For, Kernel, Store, expressions, statements, structure
from .steps import CONTROL, Buffer, Call, Loop, Multiply, buffers_of, inner_steps, own_buffers, root_buffers, whole

LEAST_BYTES = 1 << 20  # of an array worth keeping out of memory
BLOCK_BYTES = 1 << 18  # of all that is handed on within one block: a fraction of a core's cache
LEAST_ROWS = 64  # of a product; with fewer, reading the other operand again and again costs more than it saves


@dataclass(frozen=True)
class Cut:
    """How a step can be cut: into any divisor of `count`; which of its buffers are cut, too; whether it adds up."""

    count: int
    rows: tuple[bool, ...]
    sums: bool = False


@dataclass(eq=False)
class Group:
    """Steps connected by arrays that they alone touch."""

    handed_on: list[Buffer]
    steps: list[Any]


class Blocks:
    """Rewrites the steps of a plan; see the module's docstring."""

    def __init__(self, planner: Any) -> None:
        self.planner, self.plan = planner, planner.plan
        self.kernel_cuts: dict[int, Cut | None] = {}
        self.smaller: dict[tuple, int] = {}
        self.uses = Counter(b for step in _every(self.plan.steps) for b in _touched(step))

    def run(self, steps: list[Any]) -> list[Any]:
        """The steps, those that belong together as loops over blocks."""
        for step in steps:
            if isinstance(step, Loop):
                step.body = self.run(step.body)
        for group in self.groups(steps):
            tried = [group] if len(group.handed_on) == 1 else [group, *self.parts(group)]
            for attempt in tried:
                arranged = self.arranged(steps, attempt)
                count = self.block_count(attempt) if arranged else 1
                if arranged and count > 1:
                    before, after = arranged
                    steps = [*before, *self.loop(attempt, count), *after]
                    if attempt is group:
                        break
        return steps

    # -- which steps belong together

    def groups(self, steps: list[Any]) -> list[Group]:
        """Steps connected by large temporaries that nothing else touches."""
        touching: dict[Buffer, list[Any]] = {}
        for step in steps:
            for b in set(root_buffers(step)):
                touching.setdefault(b, []).append(step)
        found: list[Group] = []
        for b, own in touching.items():
            if b.nbytes < LEAST_BYTES or not self.is_handed_on(b, own):
                continue
            joined = [g for g in found if any(s is t for s in g.steps for t in own)]
            found = [g for g in found if g not in joined]
            members = {id(s) for s in own}.union(*({id(s) for s in g.steps} for g in joined))
            handed_on = [*(h for g in joined for h in g.handed_on), b]
            found.append(Group(handed_on, [s for s in steps if id(s) in members]))
        return found

    def is_handed_on(self, b: Buffer, own: list[Any]) -> bool:
        """Whether all that touches a temporary are these steps, and each can be cut along its rows."""
        if b.kind != "temporary" or b.stack or b.swaps is not None or not 1 < len(own) == self.uses[b]:
            return False
        return all(self.cut(s) is not None and self.is_cut(s, b) for s in own)

    def is_cut(self, step: Any, b: Buffer) -> bool:
        """Whether a step that is cut touches the same rows of a buffer, all of which it sees, and no others."""
        cut, seen = self.cut(step), [(v, on) for v, on in zip(buffers_of(step), self.cut(step).rows) if whole(v) is b]
        return cut is not None and all(on and v.nbytes == b.nbytes for v, on in seen)

    def parts(self, group: Group) -> list[Group]:
        """The steps around each array handed on, where not all of a group can run together."""
        return [Group([b], [s for s in group.steps if b in root_buffers(s)]) for b in group.handed_on]

    def arranged(self, steps: list[Any], group: Group) -> tuple[list[Any], list[Any]] | None:
        """The steps to run before and after those of the group; None where that cannot be."""
        members = {id(s) for s in group.steps}
        if not members <= {id(s) for s in steps} or not self.is_sound(group):
            return None
        last = max(k for k, step in enumerate(steps) if id(step) in members)
        before, inside, after = [], [], []
        for step in steps[: last + 1]:
            if id(step) in members:
                if any(self.conflict(step, other) for other in after):
                    return None
                inside.append(step)
            elif any(self.conflict(step, other) for other in (*inside, *after)):
                after.append(step)
            else:
                before.append(step)
        return before, [*after, *steps[last + 1 :]]

    def is_sound(self, group: Group) -> bool:
        """Whether what a step of the group writes is touched by all of them in the same rows, or is a sum of one."""
        for step in group.steps:
            for b in self.written(step):
                others = [s for s in group.steps if b in root_buffers(s) and s is not step]
                if self.cut(step).sums:
                    if others:
                        return False
                elif not all(self.is_cut(s, b) for s in (step, *others)):
                    return False
        return True

    def written(self, step: Any) -> set[Buffer]:
        """Whole arrays that a step may write."""
        if isinstance(step, Multiply):
            return {_root(step.out)}
        if isinstance(step, Call):
            params = self.plan.kernels[step.kernel][0].params
            return {_root(b) for b, p in zip(step.args, params) if p.out}
        return set(root_buffers(step))

    def conflict(self, step: Any, other: Any) -> bool:
        """Whether two steps must stay in their order; what calls Python, or runs steps, may have effects."""
        if not isinstance(step, (Call, Multiply)) and not isinstance(other, (Call, Multiply)):
            return True
        writes = self.written(step), self.written(other)
        return bool(writes[0].intersection(root_buffers(other)) or writes[1].intersection(root_buffers(step)))

    def block_count(self, group: Group) -> int:
        """The fewest blocks that fit in cache, or as many as their rows allow."""
        rows = [self.cut(s).count for s in group.steps]
        most = min([n for s, n in zip(group.steps, rows) if isinstance(s, Multiply) and s.batch == 1], default=rows[0])
        common, size = math.gcd(*rows), sum(b.nbytes for b in group.handed_on)
        counts = [n for n in range(1, common + 1) if common % n == 0 and n * LEAST_ROWS <= max(most, LEAST_ROWS)]
        return next((n for n in counts if size <= n * BLOCK_BYTES), counts[-1])

    # -- how a step can be cut

    def cut(self, step: Any) -> Cut | None:
        """How a step can be cut, None where it cannot."""
        if isinstance(step, Multiply):
            return _cut_of_product(step)
        if not isinstance(step, Call):
            return None
        if step.kernel not in self.kernel_cuts:
            self.kernel_cuts[step.kernel] = cut_of_kernel(self.plan.kernels[step.kernel][0])
        return self.kernel_cuts[step.kernel]

    # -- the loop

    def loop(self, group: Group, count: int) -> list[Any]:
        """The steps of a group as a loop over blocks, after what must be zero before."""
        loop = Loop(self.planner.next_loop(), count, False)
        sums = [s.out for s in group.steps if self.cut(s).sums]
        loop.body = [self.block(step, group, loop) for step in group.steps]
        for b in group.handed_on:
            b.shape = (b.size // count,)
        return [*(s for b in sums for s in self.planner.clear(b)), loop]

    def block(self, step: Any, group: Group, loop: Loop) -> Any:
        """One block of a step."""
        cut = self.cut(step)
        args = [self.part(b, group, loop) if on else b for b, on in zip(buffers_of(step), cut.rows)]
        if isinstance(step, Call):
            return Call(self.block_kernel(step.kernel, cut, loop.length), args)
        x, y, out = args
        axis = "batch" if step.batch > 1 else "k" if cut.sums else "m"
        sizes = {axis: getattr(step, axis) // loop.length}
        return replace(step, x=x, y=y, out=out, adds=step.adds or cut.sums, **sizes)

    def part(self, b: Buffer, group: Group, loop: Loop) -> Buffer:
        """The rows of a buffer in the present block; what is handed on is there as a block only."""
        if whole(b) in group.handed_on:
            return whole(b)
        rows = (loop.length, b.size // loop.length)
        table = Buffer("view", 0, rows, b.dtype, base=b, offset=0)
        return Buffer("slice", 0, rows[1:], b.dtype, base=table, loop=loop)

    def block_kernel(self, number: int, cut: Cut, count: int) -> int:
        """The kernel that does one block's work."""
        kernel, inline = self.plan.kernels[number]
        params = [
            replace(p, shape=(p.shape[0] // count, *p.shape[1:])) if on else p for p, on in zip(kernel.params, cut.rows)
        ]
        body = [For(f.sym, f.count // count, f.body) for f in kernel.body]
        part = Kernel(params, body, kernel.notes)
        key = structure(part)
        if key not in self.smaller:
            self.smaller[key] = len(self.plan.kernels)
            self.plan.kernels.append((part, inline))
        return self.smaller[key]


def _cut_of_product(s: Multiply) -> Cut | None:
    if s.batch > 1:
        return Cut(s.batch, (True, True, True))
    if not s.transpose_x:
        return Cut(s.m, (True, False, True))
    return None if s.transpose_y else Cut(s.k, (True, True, False), sums=True)


def cut_of_kernel(kernel: Kernel) -> Cut | None:
    """How a kernel can be cut.

    for i0 in 64:                                   p0 and p1 are cut with the loop, p2 is read
      for i1 in 9: store p1[i0, i1] = p0[i0, i1] * p2[i1]

    None when a loop symbol is used otherwise, or an array is written in places that do not follow the loops.
    """
    if not kernel.body or not all(isinstance(s, For) for s in kernel.body):
        return None
    shapes = {p.name: p.shape for p in kernel.params}
    follows: dict[str, bool] = {}
    if not all(_follow(loop, shapes, follows) for loop in kernel.body):
        return None
    rows = tuple(follows.get(p.name, False) for p in kernel.params)
    if any(p.out and not on for p, on in zip(kernel.params, rows)):
        return None
    return Cut(math.gcd(*(loop.count for loop in kernel.body)), rows)


def _follow(loop: For, shapes: dict[str, tuple], follows: dict[str, bool]) -> bool:
    """Whether the loop symbol is used as the first index of arrays only; notes which arrays are always indexed so."""

    def touch(buffer: str, index: tuple) -> tuple:
        own = bool(index) and index[0].op == "sym" and index[0].args[0] == loop.sym
        own = own and shapes[buffer][0] == loop.count
        follows[buffer] = own and follows.get(buffer, True)
        return index[1:] if own else index

    stack: list[Expr] = []
    for s in statements(loop.body):
        stack += [*touch(s.buffer, s.index), s.value] if isinstance(s, (Store, Accumulate)) else expressions(s)
    seen: set[Expr] = set()
    while stack:
        e = stack.pop()
        if e in seen:
            continue
        seen.add(e)
        if e.op == "sym" and e.args[0] == loop.sym:
            return False
        stack += touch(e.args[0], e.args[1:]) if e.op == "load" else [a for a in e.args if isinstance(a, Expr)]
    return True


# --- what steps touch -------------------------------------------------------------------------------------------------


def _touched(step: Any) -> set[Buffer]:
    """Whole arrays that a step touches itself."""
    return set(map(_root, own_buffers(step) if isinstance(step, CONTROL) else buffers_of(step)))


def _root(b: Buffer) -> Buffer:
    while b.base is not None:
        b = b.base
    return b


def _every(steps: list[Any]) -> Iterator[Any]:
    for step in steps:
        yield step
        if isinstance(step, CONTROL):
            yield from _every(inner_steps(step))


def kernels_in_use(plan: Any) -> None:
    """Forget kernels that no step calls any more."""
    calls = [step for step in _every(plan.steps) if isinstance(step, Call)]
    numbers = {old: new for new, old in enumerate(sorted({step.kernel for step in calls}))}
    for step in calls:
        step.kernel = numbers[step.kernel]
    plan.kernels = [plan.kernels[old] for old in numbers]


def run_in_blocks(planner: Any) -> None:
    """Let the steps of a plan that hand on large arrays run block by block."""
    blocks = Blocks(planner)
    planner.plan.steps = blocks.run(planner.plan.steps)
    if blocks.smaller:
        kernels_in_use(planner.plan)


__all__ = ["Blocks", "Cut", "cut_of_kernel", "run_in_blocks"]
