"""Blocks: steps that hand a large array on run together, a few rows at a time, so that it never leaves the cache.

    call kernel_0(in0, tmp0)             for t0 in 32:
    multiply out0 = tmp0 @ in1    -->      call kernel_1(in0[t0], tmp0)           tmp0 has 1/32 of its rows now
                                           multiply out0[t0] = tmp0 @ in1

This is what turns windows and a contraction into a convolution: the windows of images, many times the images' size, are
nowhere as a whole. Nothing here knows of convolutions: `cuts` says which steps can do a part of their rows. Sums over
blocks are taken in the order of the blocks: the same bits in every run.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ..records import record, replace
from .cuts import Cut, cut_of_kernel, cut_of_product, split
from .kernel import For, Param, structure
from .steps import CONTROL, Buffer, Call, Loop, Multiply, buffers_of, every_step, own_buffers, root_buffers, whole

LEAST_BYTES = 1 << 20  # of an array worth keeping out of memory
BLOCK_BYTES = 1 << 18  # of all that is handed on within one block: a fraction of a core's cache
LEAST_ROWS = 64  # of a product; with fewer, BLAS does not reach its speed
READ_AGAIN = 1.0  # bytes that may be read once for every block, as a share of those kept out of memory


@record(eq=False)
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
        self.known: dict[
            int, tuple
        ] = {}  # what steps touch; the steps themselves keep their numbers from being used again
        self.uses = Counter(b for step in every_step(self.plan.steps) for b in _touched(step))

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

    def touched(self, step: Any) -> tuple[set[Buffer], set[Buffer]]:
        """Whole arrays that a step touches, and those of them that it may write."""
        if id(step) not in self.known:
            self.known[id(step)] = (set(root_buffers(step)), self.written(step), step)
        return self.known[id(step)][:2]

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
        (touches, writes), (others, other_writes) = self.touched(step), self.touched(other)
        return not (writes.isdisjoint(others) and other_writes.isdisjoint(touches))

    def block_count(self, group: Group) -> int:
        """The fewest blocks that fit in cache, or as many as their rows allow and what each reads whole is worth."""
        rows = [self.cut(s).count for s in group.steps]
        products = [n for s, n in zip(group.steps, rows) if isinstance(s, Multiply) and not s.batch]
        most = max(min(products, default=rows[0]) // LEAST_ROWS, 1)
        size, whole_size = sum(b.nbytes for b in group.handed_on), sum(map(self.read_whole, group.steps))
        common = math.gcd(*rows)
        counts = [n for n in range(1, min(common, most) + 1) if common % n == 0 and n * whole_size <= READ_AGAIN * size]
        return next((n for n in counts if size <= n * BLOCK_BYTES), counts[-1] if counts else 1)

    def read_whole(self, step: Any) -> int:
        """Bytes that every block of a step reads again."""
        cut = self.cut(step)
        parts = zip(buffers_of(step), cut.rows, cut.shifts)
        return sum(b.nbytes for b, on, shift in parts if not on and not shift)

    # -- how a step can be cut

    def cut(self, step: Any) -> Cut | None:
        """How a step can be cut, None where it cannot."""
        if isinstance(step, Multiply):
            return cut_of_product(step)
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
        args = [
            self.part(b, group, loop) if on else _shifted(b, shift * (cut.count // loop.length), loop) if shift else b
            for b, on, shift in zip(buffers_of(step), cut.rows, cut.shifts)
        ]
        if isinstance(step, Call):
            return Call(self.block_kernel(step.kernel, cut, loop.length), args)
        x, y, out = args
        if step.batch:
            return replace(step, x=x, y=y, out=out, batch=(step.batch[0] // loop.length, *step.batch[1:]))
        axis = "k" if cut.sums else "m"
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
        left = cut.count - cut.count // count  # rows that are not in the block
        params = [_fewer_rows(p, count, on, left * shift) for p, on, shift in zip(kernel.params, cut.rows, cut.shifts)]
        part = replace(kernel, params=params, body=_shorter(kernel.body, count), blocks=count)
        key = structure(part)
        if key not in self.smaller:
            self.smaller[key] = len(self.plan.kernels)
            self.plan.kernels.append((part, inline))
        return self.smaller[key]


def _shorter(body: list[Any], count: int) -> list[Any]:
    """The loops of a kernel, with one block's iterations."""
    if len(body) == 1 and body[0].count == 1:
        return [For(body[0].sym, 1, _shorter(body[0].body, count))]
    return [For(f.sym, f.count // count, f.body) for f in body]


def _fewer_rows(p: Param, count: int, on: bool, left: int) -> Param:
    """The parameter that holds one block's rows, or all elements but `left`."""
    if not on and not left:
        return p
    lead, n, *rest = split(p.shape)
    return replace(p, shape=(*lead, n // count if on else n - left // math.prod(rest), *rest))


def _shifted(b: Buffer, step: int, loop: Loop) -> Buffer:
    """The part of a buffer that a block reads, which begins `step` elements after that of the block before."""
    flat = Buffer("view", 0, (b.size,), b.dtype, base=b, offset=0)
    return Buffer("slice", 0, (b.size - step * (loop.length - 1),), b.dtype, base=flat, loop=loop, step=step)


# --- what steps touch -------------------------------------------------------------------------------------------------


def _touched(step: Any) -> set[Buffer]:
    """Whole arrays that a step touches itself."""
    return set(map(_root, own_buffers(step) if isinstance(step, CONTROL) else buffers_of(step)))


def _root(b: Buffer) -> Buffer:
    while b.base is not None:
        b = b.base
    return b


def run_in_blocks(planner: Any) -> None:
    """Let the steps of a plan that hand on large arrays run block by block."""
    blocks = Blocks(planner)
    planner.plan.steps = blocks.run(planner.plan.steps)


__all__ = ["Blocks", "run_in_blocks"]
