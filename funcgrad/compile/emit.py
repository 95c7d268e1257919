"""Emission: a plan as one LLVM module with the function `void entry(ptr table)`.

The table holds pointers: inputs, outputs, constants, workspace. Kernels become internal functions; steps become calls
of them, BLAS calls and native loops.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core import lowering
from ..core.scalar import Expr
from . import blas_threads, thread_pool
from .control_emit import EMIT
from .generator import NO_LOOPS
from .kernel import For, Kernel, expressions, statements, walk
from .library import blas_prelude
from .llvm import KernelEmitter, memory_type
from .matrices import LapackCall, emit_lapack
from .modules import deal, whole
from .outline import Outliner
from .plan import Plan
from .products import emit_multiply
from .step_table import WORTHWHILE, StepTable, blas_arguments, fits, routine_name
from .steps import CONTROL, Buffer, Call, LibraryCall, Loop, Multiply, PythonCall, TapeLoop, every_step, root_buffers
from .thread_pool import SYMBOL

PART = 12  # steps in one function of code: LLVM takes quadratic time over one long block of calls
MOST_INLINED = 3000  # lines of small kernels that may be put where they are called; LLVM unrolls them there once more


def _parts(steps: list[Any]) -> list[list[Any]]:
    """Steps in runs that become functions: long runs of simple steps, which become tables, and between them runs of
    PART steps or a few more, since stack slots and the pointers of swapped carry buffers are known within one only.
    """
    parts: list[list[Any]] = []
    between: list[Any] = []
    for simple, group in itertools.groupby(steps, fits):
        run = list(group)
        if simple and len(run) >= WORTHWHILE:
            parts += [*_short_parts(between), run]
            between = []
        else:
            between += run
    return [*parts, *_short_parts(between)]


def _short_parts(steps: list[Any]) -> list[list[Any]]:
    last = {b: t for t, step in enumerate(steps) for b in root_buffers(step) if b.stack or b.swaps}
    parts: list[list[Any]] = []
    needed = -1
    for t, step in enumerate(steps):
        if not parts or len(parts[-1]) >= PART and needed < t:
            parts.append([])
        parts[-1].append(step)
        needed = max([needed, *(last.get(b, -1) for b in root_buffers(step))])
    return parts


def _is_table(steps: list[Any]) -> bool:
    return len(steps) >= WORTHWHILE and all(map(fits, steps))


def _attributes(steps: list[Any]) -> str:
    """Code that only calls kernels and BLAS is not worth optimizing, and takes a third of the time unoptimized."""
    return "noinline " if any(isinstance(s, CONTROL) for s in steps) else "noinline optnone "


def _inlined(plan: Plan, lengths: list[int]) -> set[int]:
    """Which of the kernels that may be inlined are: first those that add the fewest lines, until there are too many."""
    calls = Counter(step.kernel for step in every_step(plan.steps) if isinstance(step, Call))
    chosen, total = set(), 0
    for number in sorted(calls, key=lambda k: calls[k] * lengths[k]):
        total += calls[number] * lengths[number] * plan.kernels[number][1]
        if plan.kernels[number][1] and total <= MOST_INLINED:
            chosen.add(number)
    return chosen


class EntryEmitter:
    """Builds the module text of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.declarations: dict[str, str] = {}
        self.preludes: dict[str, str] = {}
        self.lines: list[str] = []
        self.allocas: list[str] = []
        self.pointers: dict[Buffer, str] = {}
        self.positions: dict[Buffer, int] = {}  # table entries that are read where they are used
        self.counters: dict[Loop, str] = {}
        self.records: dict[TapeLoop, str] = {}  # the record that the present iteration reads
        self.swapped: dict[Buffer, str] = {}  # carry buffer -> stack slot of its present pointer
        self.count = 0
        self.slots = {b: k for k, b in enumerate([*plan.inputs, *plan.outputs, *plan.constants])}
        self.step_table = StepTable(self.place, self.guarded)

    def fresh(self, prefix: str = "v") -> str:
        """A new SSA name."""
        self.count += 1
        return f"%{prefix}{self.count}"

    def module(self) -> str:
        """The text of the whole module."""
        outliner = Outliner(_nodes([k for k, _ in self.plan.kernels]), self.declarations)
        emitters = [
            KernelEmitter(f"kernel_{i}", k, self.declarations, outliner) for i, (k, _) in enumerate(self.plan.kernels)
        ]
        inlined = _inlined(self.plan, [len(e.lines) for e in emitters])
        kernels = [e.text(i in inlined) for i, e in enumerate(emitters)]
        parts = _parts(self.plan.steps) or [[]]
        if len(parts) == 1 and not _is_table(parts[0]):
            functions = [
                self.function("define void @entry", parts[0], _attributes(parts[0]) if len(parts[0]) > 2 else "")
            ]
        else:
            functions = [self.part(k, steps) for k, steps in enumerate(parts)]
            calls = "\n".join(f"  call void @part_{k}(ptr %table)" for k in range(len(parts)))
            functions.append(f"define void @entry(ptr noalias %table) nounwind {{\n{calls}\n  ret void\n}}\n")
        functions += self.step_table.functions.values()
        callers = [*self.preludes.values(), *functions]
        if self.has_no_loops():
            return NO_LOOPS + whole(self.declarations, kernels, callers)
        return deal(self.declarations, kernels, callers)

    def has_no_loops(self) -> bool:
        """Whether the module is straight-line code, which LLVM need not look at long."""
        kernels = (s for kernel, _ in self.plan.kernels for s in statements(kernel.body))
        return all(isinstance(s, (Call, Multiply)) for s in self.plan.steps) and not any(
            isinstance(s, For) for s in kernels
        )

    def part(self, number: int, steps: list[Any]) -> str:
        """A function that runs some of the steps."""
        if not _is_table(steps):
            return self.function(f"define internal void @part_{number}", steps, _attributes(steps))
        for step in steps:
            if isinstance(step, Multiply):
                self.need_routine(blas_arguments(step)[0], step.out.dtype)
        return self.step_table.run(number, steps)

    def place(self, b: Buffer) -> tuple[int, int]:
        """Where a buffer of the table or the workspace lies: its entry in the table of pointers, and an offset."""
        start = 0
        while b.kind == "view":
            start += max(b.offset, 0)
            b = b.base  # type: ignore[assignment]
        return (len(self.slots), b.offset + start) if b.kind == "temporary" else (self.slots[b], start)

    def function(self, head: str, steps: list[Any], attributes: str = "") -> str:
        """A function of the table that runs some steps."""
        self.lines, self.allocas, self.pointers, self.positions, self.swapped = [], [], {}, {}, {}
        self.load_table(steps)
        for step in steps:
            self.step(step)
        body = "\n".join(
            "  " + line if not line.endswith(":") else line for line in [*self.allocas, *self.lines, "ret void"]
        )
        return f"{head}(ptr noalias %table) {attributes}nounwind {{\nstart:\n{body}\n}}\n"

    def load_table(self, steps: list[Any]) -> None:
        """Pointers of inputs, outputs and constants; temporaries are ranges of the workspace or stack slots."""
        plan = self.plan
        used = {
            b for step in steps for root in root_buffers(step) for b in ((root, root.swaps) if root.swaps else (root,))
        }
        in_loops = {b for step in steps if isinstance(step, CONTROL) for b in root_buffers(step)}
        for b, k in self.slots.items():
            if b in in_loops:
                self.pointers[b] = self.table_entry(k)
            else:
                self.positions[b] = k
        workspace = self.table_entry(len(self.slots)) if plan.workspace else ""
        for b in plan.temporaries:
            if b not in used:
                continue
            pointer = self.pointers[b] = self.fresh("t")
            if b.stack:
                self.allocas.append(f"{pointer} = alloca [{max(b.size, 1)} x {memory_type(b.dtype)}], align 32")
            elif b.offset >= 0:
                self.lines.append(f"{pointer} = getelementptr inbounds i8, ptr {workspace}, i64 {b.offset}")

    def table_entry(self, k: int, volatile: str = "") -> str:
        slot, pointer = self.fresh("s"), self.fresh("b")
        self.lines += [
            f"{slot} = getelementptr inbounds ptr, ptr %table, i64 {k}",
            f"{pointer} = load {volatile}ptr, ptr {slot}",
        ]
        return pointer

    def pointer(self, b: Buffer) -> str:
        """The pointer of a buffer here; slices and swapped carries are computed where they are used."""
        if b.kind == "view":
            base = self.pointer(b.base)  # type: ignore[arg-type]
            return self.moved(base, b.offset) if b.offset > 0 else base
        if b.kind == "slice":
            base = self.pointer(b.base)  # type: ignore[arg-type]
            return self.strided(base, self.counters[b.loop], b.step * b.dtype.itemsize or b.nbytes)  # type: ignore[index]
        if b.kind == "taped":
            result = self.fresh("r")
            self.lines.append(f"{result} = getelementptr inbounds i8, ptr {self.records[b.loop]}, i64 {b.offset}")
            return result
        if b in self.swapped:
            result = self.fresh("c")
            self.lines.append(f"{result} = load ptr, ptr {self.swapped[b]}")
            return result
        if b in self.positions:
            # Volatile, so that dozens of pointers are not all kept alive from the start.
            return self.table_entry(self.positions[b], "volatile ")
        return self.pointers[b]

    def moved(self, pointer: str, offset: int) -> str:
        """A pointer some bytes further."""
        result = self.fresh("x")
        self.lines.append(f"{result} = getelementptr inbounds i8, ptr {pointer}, i64 {offset}")
        return result

    def step(self, step: Any) -> None:
        """One step."""
        if isinstance(step, Call) and step.chunks:
            self.chunks(step)
        elif isinstance(step, Call):
            args = ", ".join(f"ptr {self.pointer(b)}" for b in step.args)
            self.lines.append(f"call void @kernel_{step.kernel}({args})")
        elif isinstance(step, Multiply):
            emit_multiply(self, step)
        elif isinstance(step, LapackCall):
            emit_lapack(self, step)
        elif isinstance(step, LibraryCall) and isinstance(step.eqn.prim.lower, lowering.Matrices):
            for inner in step.steps:
                self.step(inner)
        elif isinstance(step, LibraryCall):
            step.eqn.prim.lower.emit(self, step.inputs, step.outputs, step.eqn.params)
        elif isinstance(step, PythonCall):
            self.python_call(step)
        else:
            EMIT[type(step)](self, step)

    def python_call(self, step: PythonCall) -> None:
        """Call back into Python with an array of pointers."""
        # The function behind the symbol is named when the code is linked (`pipeline.compile_program`).
        self.declarations[step.callback.symbol] = f"declare void @{step.callback.symbol}(ptr)"
        table = self.pointer_array([*step.inputs, *step.outputs])
        self.lines.append(f"call void @{step.callback.symbol}(ptr {table})")

    def pointer_array(self, buffers: list[Buffer]) -> str:
        """An array of the pointers of buffers, on the stack."""
        table = self.fresh("table")
        self.allocas.append(f"{table} = alloca [{max(len(buffers), 1)} x ptr]")
        for k, b in enumerate(buffers):
            at = self.fresh("s")
            self.lines += [
                f"{at} = getelementptr inbounds ptr, ptr {table}, i64 {k}",
                f"store ptr {self.pointer(b)}, ptr {at}",
            ]
        return table

    def chunks(self, step: Call) -> None:
        """The chunks of a kernel, shared among threads: `@chunk_of_{kernel}` reads its operands from an array."""
        name = f"chunk_of_{step.kernel}"
        if name not in self.preludes:
            loads = [
                f"  %at{k} = getelementptr ptr, ptr %context, i64 {k}\n  %p{k} = load ptr, ptr %at{k}\n"
                for k in range(len(step.args))
            ]
            args = ", ".join([*(f"ptr %p{k}" for k in range(len(step.args))), "i64 %chunk"])
            self.preludes[name] = (
                f"define internal void @{name}(ptr %context, i64 %chunk) nounwind {{\n{''.join(loads)}"
                f"  call void @kernel_{step.kernel}({args})\n  ret void\n}}\n"
            )
        self.share(name, step.args, step.chunks)

    def share(self, body: str, buffers: list[Buffer], chunks: int) -> None:
        """Run a function of (pointers of buffers, chunk) for every chunk, on several threads."""
        thread_pool.prepare()
        self.declarations[SYMBOL] = f"declare void @{SYMBOL}(ptr, ptr, i64)"
        self.lines.append(f"call void @{SYMBOL}(ptr @{body}, ptr {self.pointer_array(buffers)}, i64 {chunks})")

    def strided(self, pointer: str, counter: str, stride: int) -> str:
        """A pointer some steps further."""
        offset, at = self.fresh("o"), self.fresh("x")
        self.lines += [
            f"{offset} = mul nsw i64 {counter}, {stride}",
            f"{at} = getelementptr inbounds i8, ptr {pointer}, i64 {offset}",
        ]
        return at

    def need_routine(self, routine: str, dtype: np.dtype) -> None:
        """Define a BLAS routine in the module."""
        key = routine_name(routine, dtype)
        if key not in self.preludes:
            self.preludes[key] = blas_prelude(routine, dtype)

    def guarded(self, s: Multiply) -> bool:
        """Whether a product is to run on one BLAS thread."""
        return s.m * s.n * s.k < blas_threads.LIMIT and self.can_guard()

    def can_guard(self) -> bool:
        """Whether the BLAS can be told to use one thread; what that takes is then defined in the module."""
        guard = blas_threads.prelude()
        if guard is not None:
            self.preludes["threads"] = guard
        return guard is not None

    # -- loops

    def begin_loop(self, length: int, reverse: bool = False) -> tuple[str, str, str, str, str]:
        """Open a counted loop; gives (slot, position, step counter, head label, done label)."""
        slot, head, done = self.fresh("slot"), self.fresh("head")[1:], self.fresh("done")[1:]
        self.allocas.append(f"{slot} = alloca i64")
        t = self.fresh("t")
        self.lines += [f"store i64 0, ptr {slot}", f"br label %{head}", f"{head}:", f"{t} = load i64, ptr {slot}"]
        position = t
        if reverse:
            position = self.fresh("t")
            self.lines.append(f"{position} = sub nsw i64 {length - 1}, {t}")
        return slot, position, t, head, done

    def end_loop(self, opened: tuple, length: int) -> None:
        """Close a counted loop."""
        slot, _, t, head, done = opened
        step, again = self.fresh(), self.fresh()
        self.lines += [f"{step} = add nuw nsw i64 {t}, 1", f"store i64 {step}, ptr {slot}", f"{again} = icmp ult i64 {step}, {length}",  # noqa: E501
                       f"br i1 {again}, label %{head}, label %{done}", f"{done}:"]  # fmt: skip


def _nodes(kernels: list[Kernel]) -> Iterator[Expr]:
    """Every expression node of each kernel, once in each."""
    for kernel in kernels:
        seen: set[Expr] = set()
        for statement in statements(kernel.body):
            for expr in expressions(statement):
                yield from walk(expr, seen)


def emit_module(plan: Plan) -> str:
    """The LLVM text of a plan."""
    return EntryEmitter(plan).module()
