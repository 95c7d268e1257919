"""Planning: from a program to a list of steps over buffers.

The words are those of `steps`; programs inside equations are planned by `control_plan`.

{ lambda w:float64[8,8] x:float64[8,8] .       step 0: multiply t0 = w @ x
    y = dot_general w x; z = tanh y     -->    step 1: call kernel_0(t0, out0)
  in (z,) }
"""

from __future__ import annotations

import bisect
import heapq
import math
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import shaped
from ..core.program import Eqn, Literal, Program, Var
from ..ops import elementwise, layout
from ..records import field, record
from .blocks import run_in_blocks
from .callback import Callback
from .control_plan import CONTROL
from .kernel import Kernel, structure
from .lower import OWN_KERNEL, lower_group, notes_of
from .matrices import plan_matrices
from .matrix_layout import operands
from .parallel import divide
from .prepare import has_machine_type, without_machine_types
from .rewrite import own_arrays_in_memory
from .row_fusion import fuse_rows
from .running import lower_running
from .schedule import Group, Schedule, schedule
from .sorting_kernels import lower_sort
from .steps import Buffer, Call, LibraryCall, Multiply, PythonCall, kernels_in_use, root_buffers

STACK_BYTES = (
    1024  # temporaries inside loops up to this size live on the stack, where LLVM can turn them into registers
)
RUNNING = (lowering.Scan, lowering.Recurrence)
KERNELS = {**OWN_KERNEL, **dict.fromkeys(RUNNING, lower_running), lowering.Sort: lower_sort}
BLAS_MINIMUM = 2048  # multiplications below which a loop nest beats the call


@record
class Plan:
    """All steps of a program, its distinct kernels, and its buffers."""

    inputs: list[Buffer]
    outputs: list[Buffer]
    constants: list[Buffer]
    temporaries: list[Buffer]
    steps: list[Any]
    kernels: list[tuple[Kernel, bool]]  # and whether it is only called from inside loops, on small arrays
    schedules: list[Schedule]
    workspace: int = 0
    callbacks: list[Callback] = field(default_factory=list)
    tapes: bool = False  # whether memory is allocated while it runs, which can fail


class Planner:
    """Builds a Plan; see the module's docstring."""

    def __init__(self, program: Program) -> None:
        self.plan = Plan([], [], [], [], [], [], [])
        self.texts: dict[tuple, int] = {}
        self.literals: dict[Any, Buffer] = {}
        self.depth = 0
        self.loops = 0
        env: dict[Var, Buffer] = {}
        for i, v in enumerate(program.inputs):
            env[v] = Buffer("input", i, v.aval.shape, v.aval.dtype)
            self.plan.inputs.append(env[v])
        for i, v in enumerate(program.outputs):
            env[v] = Buffer("output", i, v.aval.shape, v.aval.dtype)
            self.plan.outputs.append(env[v])
        self.running: set[int] = set()  # kernels of cumulative operations
        self.whole = True  # kernels stay as they are, until what is long is divided
        self.plan.steps = self.sequence(program, env)

    # -- buffers

    def temporary(self, shape: tuple, dtype: Any) -> Buffer:
        """A fresh temporary."""
        b = Buffer("temporary", len(self.plan.temporaries), shape, np.dtype(dtype))
        b.stack = self.depth > 0 and b.nbytes <= STACK_BYTES and has_machine_type(b.dtype)
        self.plan.temporaries.append(b)
        return b

    def buffer(self, atom: Any, env: dict) -> Buffer:
        """The buffer of a Var, a constant array, or a row buffer."""
        if type(atom) is Literal:
            key = atom.key
            if key not in self.literals:
                value = np.asarray(atom.value, order="C")  # ascontiguousarray would give a number an axis
                self.literals[key] = Buffer("constant", len(self.plan.constants), value.shape, value.dtype, value=value)
                self.plan.constants.append(self.literals[key])
            return self.literals[key]
        if atom not in env:
            env[atom] = self.temporary(atom.aval.shape, atom.aval.dtype)
        return env[atom]

    # -- steps

    def sequence(self, program: Program, env: dict[Any, Buffer]) -> list[Any]:
        """Steps that compute a program; `env` says where inputs are and where outputs go."""
        plan = schedule(program)
        self.plan.schedules.append(plan)
        readers, computed = _readers(plan), set(program.inputs)
        steps: list[Any] = []
        for item in plan.items:
            if isinstance(item, Group):
                escaping = {v for v in item.results() if v not in computed and _escapes(v, item, program, readers)}
                computed.update(item.results())
                kernel, operands = lower_group(plan, item, escaping)
                steps += self.call(kernel, [self.buffer(a, env) for a in operands])
            else:
                steps += self.opaque(plan, item, env)
        return steps

    def call(self, kernel: Kernel, args: list[Buffer]) -> list[Any]:
        """A call of a kernel, which is shared with all calls of equal text."""
        if not kernel.body:
            return []
        return [self.one_call(kernel, args)]

    def one_call(self, kernel: Kernel, args: list[Buffer]) -> Call:
        """A call of a kernel as it is; in the end its long arrays are temporaries."""
        if not self.whole:
            kernel, long = own_arrays_in_memory(kernel)
            args = [*args, *(self.temporary(p.shape, p.dtype) for p in long)]
        text = structure(kernel)
        small = self.depth > 0 and all(b.nbytes <= STACK_BYTES for b in args)
        if text not in self.texts:
            self.texts[text] = len(self.plan.kernels)
            self.plan.kernels.append((kernel, small))
        number = self.texts[text]
        known, inline = self.plan.kernels[number]
        known.notes += [n for n in kernel.notes if n not in known.notes]
        self.plan.kernels[number] = (known, inline and small)
        return Call(number, args, kernel.chunks)

    def opaque(self, plan: Schedule, eqn: Eqn, env: dict) -> list[Any]:
        form = eqn.prim.lower
        if type(form) in CONTROL:
            return CONTROL[type(form)](self, eqn, env)
        if isinstance(form, lowering.IndexMap) and form.joins:
            return self.joined(eqn, env)
        if isinstance(form, lowering.IndexMap):
            (out,), (x, start) = eqn.outs, plan.views[eqn.outs[0]]
            offset = start * out.aval.dtype.itemsize
            env[out] = Buffer("view", 0, out.aval.shape, out.aval.dtype, base=self.buffer(x, env), offset=offset)
            return []
        if isinstance(form, lowering.Contract):
            product = self.multiply(eqn, env)
            if product is not None:
                return [product]
        if type(form) in KERNELS:
            kernel, operands = KERNELS[type(form)](plan, eqn)
            kernel.notes = notes_of([eqn])
            calls = self.call(kernel, [self.buffer(a, env) for a in operands])
            self.running |= {c.kernel for c in calls if isinstance(form, RUNNING)}
            return calls
        if isinstance(form, lowering.Library):
            return [
                LibraryCall(eqn, [self.buffer(a, env) for a in eqn.inputs], [self.buffer(v, env) for v in eqn.outs])
            ]
        if isinstance(form, lowering.Matrices):
            return plan_matrices(self, eqn, env)
        if isinstance(form, lowering.Callback):
            callback = Callback(eqn, len(self.plan.callbacks))
            inputs, outputs = [self.buffer(a, env) for a in eqn.inputs], [self.buffer(v, env) for v in eqn.outs]
            step = PythonCall(callback, inputs, outputs)
            self.plan.callbacks.append(step.callback)
            return [step]
        raise TypeError(f"jit cannot compile {eqn.prim.name}: it declares no lowering")

    def joined(self, eqn: Eqn, env: dict) -> list[Any]:
        """A concatenation: temporaries become parts of the result, wherever they are written; the rest is copied."""
        out, offset, steps = self.buffer(eqn.outs[0], env), 0, []
        for a in eqn.inputs:
            part = Buffer("view", 0, a.aval.shape, a.aval.dtype, base=out, offset=offset)
            offset += part.nbytes
            b = self.buffer(a, env)
            if b.kind == "temporary" and not b.stack and b.swaps is None and eqn.inputs.count(a) == 1:
                b.kind, b.base, b.offset = "view", out, part.offset
            elif part.size:
                steps += self.copy(b, part)
        return steps

    def multiply(self, eqn: Eqn, env: dict) -> Multiply | None:
        """A BLAS call for a contraction in canonical form, or None if there is little to multiply."""
        (x, y), (out,) = eqn.inputs, eqn.outs
        contract, batch = eqn.params["contract"], eqn.params["batch"]
        sizes = tuple(x.aval.shape[d] for d in batch[0])
        k, b = math.prod(x.aval.shape[d] for d in contract[0]), math.prod(sizes)
        m, n = x.aval.size // max(b * k, 1), y.aval.size // max(b * k, 1)
        if out.aval.dtype.kind != "f" or out.aval.dtype.itemsize < 4 or m * n * k < BLAS_MINIMUM:
            return None
        buffers = [self.buffer(a, env) for a in (x, y, out)]
        places = operands(x.aval.shape, y.aval.shape, contract, batch)
        return Multiply(*buffers, sizes, m, n, k, tuple(places))  # type: ignore[arg-type]

    def next_loop(self) -> int:
        """A number for a loop."""
        self.loops += 1
        return self.loops - 1

    def in_memory(self, operand: Any) -> Buffer:
        """A scalar literal used as an operand of a loop becomes a constant in memory."""
        if isinstance(operand, Buffer):
            return operand
        return self.buffer(Literal(operand.value), {})

    def copy(self, source: Any, target: Buffer) -> list[Any]:
        """A kernel that copies one array to another."""
        v, w = Var(_aval(target)), Var(_aval(target))
        atom = source if isinstance(source, Literal) else v
        program = Program([v], [Eqn(elementwise.copy, (atom,), {}, (w,), None)], [w])
        env: dict[Any, Buffer] = {v: source, w: target} if isinstance(source, Buffer) else {w: target}
        return self.sequence_without_record(program, env)

    def clear(self, target: Buffer) -> list[Any]:
        """A kernel that fills an array with zeros."""
        w, zero = Var(_aval(target)), Literal(np.zeros((), target.dtype)[()])
        params = dict(shape=target.shape, dims=())
        eqn = Eqn(layout.broadcast, (zero,), params, (w,), None)
        return self.sequence_without_record(Program([], [eqn], [w]), {w: target})

    def sequence_without_record(self, program: Program, env: dict) -> list[Any]:
        """As `sequence`, for steps that belong to no equation of the user's program."""
        steps = self.sequence(without_machine_types(program), env)
        self.plan.schedules.pop()
        return steps


def _aval(buffer: Buffer) -> Any:
    return shaped(buffer.shape, buffer.dtype)


def _readers(plan: Schedule) -> dict[Var, list[Any]]:
    """Which items read each value kept in memory (directly or through inlined equations)."""
    readers: dict[Var, list[Any]] = {}
    for item in plan.items:
        eqns = item.anchors if isinstance(item, Group) else [item]
        stack = [a for eqn in eqns for a in eqn.inputs if type(a) is Var]
        seen: set[Var] = set()
        while stack:
            v = stack.pop()
            if v in seen:
                continue
            seen.add(v)
            if v in plan.materialized or v not in plan.producer:
                readers.setdefault(v, []).append(item)
            else:
                stack.extend(a for a in plan.producer[v].inputs if type(a) is Var)
    return readers


def _escapes(v: Var, group: Group, program: Program, readers: dict[Var, list[Any]]) -> bool:
    """Whether a result of a group must be in memory: unless whoever reads it computes it, too."""
    others = [r for r in readers.get(v, ()) if r is not group]
    return v in program.outputs or not all(isinstance(r, Group) and v in r.results() for r in others)


def assign_workspace(plan: Plan) -> None:
    """Give every temporary a range of one workspace; ranges of temporaries that are never alive together may overlap.

    Temporaries used inside a loop are alive for the whole loop. The order of allocation is by first use, best fit,
    64-byte aligned.
    """
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for time, step in enumerate(plan.steps):
        for root in root_buffers(step):
            if root.kind == "temporary" and not root.stack:
                for half in (root, root.swaps) if root.swaps else (root,):
                    first.setdefault(half, time)
                    last[half] = time
    alive: list[tuple[int, int, int]] = []  # last use, offset, size; a heap
    free = _Free()
    for b in sorted(first, key=lambda b: (first[b], -b.nbytes)):
        size = -(-max(b.nbytes, 1) // 64) * 64
        while alive and alive[0][0] < first[b]:  # first uses only grow, so the dead stay dead
            free.give(*heapq.heappop(alive)[1:])
        b.offset = free.take(size)
        heapq.heappush(alive, (last[b], b.offset, size))
        plan.workspace = max(plan.workspace, b.offset + size)


class _Free:
    """The free ranges of an endless memory: (start, end) in order, none next to another."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, float]] = [(0, math.inf)]

    def take(self, size: int) -> int:
        """The lowest place for so many bytes."""
        k = next(k for k, (start, end) in enumerate(self.ranges) if end - start >= size)
        start, end = self.ranges[k]
        self.ranges[k : k + 1] = [(start + size, end)] if end - start > size else []
        return start

    def give(self, start: int, size: int) -> None:
        """Bytes that are free again."""
        end: float = start + size
        k = bisect.bisect(self.ranges, (start, end))
        low = high = k
        if k and self.ranges[k - 1][1] == start:
            low, start = k - 1, self.ranges[k - 1][0]
        if k < len(self.ranges) and self.ranges[k][0] == end:
            high, end = k + 1, self.ranges[k][1]
        self.ranges[low:high] = [(start, end)]


def make_plan(program: Program) -> Plan:
    """Plan a prepared program (distinct outputs, canonical contractions, no calls)."""
    planner = Planner(program)
    if planner.running:
        fuse_rows(planner)
    run_in_blocks(planner)
    divide(planner)
    plan = planner.plan
    kernels_in_use(plan)
    assign_workspace(plan)
    return plan


__all__ = ["Plan", "Planner", "assign_workspace", "make_plan"]
