"""Kernels as LLVM text: loops, stack slots for accumulators, and scalar code by `ScalarEmitter`.

Accumulators and loop counters live in stack slots; LLVM turns them into registers. Each distinct kernel is one
internal function whose array parameters are `noalias`, which is what lets its loops vectorize without run-time
checks. Floating sums may be reassociated in an accumulator and nowhere else.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.scalar import Expr
from .kernel import CHUNK, Accumulate, Assign, Declare, For, If, Kernel, Store, Update
from .llvm_scalar import ScalarEmitter, llvm_type
from .modules import KernelText
from .outline import Outliner

SHORT = range(8, 65)  # lengths of loops that LLVM would unroll before it thinks of vectors
LONG_BODY, MANY_ITERATIONS = 56, 1024  # instructions and rounds from which on loops are interleaved in pairs
VECTOR = 8  # an inner loop that stores so many elements, or some times as many, is not to be unrolled
# Iterations in all, up to which a loop over more than 64 elements is not unrolled, or not interleaved: it compiles in
# half the time, or in six sevenths.
FEW, SMALL = 1024, 1 << 16
LEAST_AROUND = 256  # iterations of the loops around it: with few, unrolling turns small arrays into registers


def memory_type(dtype: Any) -> str:
    """The LLVM type of an element in memory: booleans are bytes there."""
    return "i8" if np.dtype(dtype) == np.bool_ else llvm_type(dtype)


class KernelEmitter:
    """Turns one kernel into the text of one LLVM function."""

    def __init__(self, name: str, kernel: Kernel, declarations: dict[str, str], outliner: Outliner) -> None:
        self.name, self.kernel, self.declarations, self.outliner = name, kernel, declarations, outliner
        self.lines: list[str] = []
        self.allocas: list[str] = []
        self.slots: dict[str, tuple[str, np.dtype]] = {}
        self.params = {p.name: p for p in (*kernel.params, *kernel.locals)}
        self.count = 0
        self.around = kernel.blocks  # iterations of the loops around the present statement
        self.emit()

    def fresh(self) -> str:
        """A new SSA name."""
        self.count += 1
        return f"%v{self.count}"

    def label(self) -> str:
        """A new block name."""
        self.count += 1
        return f"b{self.count}"

    def emit(self) -> None:
        """The lines of the body."""
        scope = self.scope(None)
        for p in self.kernel.locals:
            self.allocas.append(f"%{p.name} = alloca [{max(math.prod(p.shape), 1)} x {memory_type(p.dtype)}], align 64")
        scope.bind(CHUNK, f"%{CHUNK}", np.int64)
        self.block(self.kernel.body, scope)

    def text(self, inline: bool) -> KernelText:
        """The whole function; the number of a chunk is its last argument."""
        args = ", ".join(
            [f"ptr noalias nocapture {'' if p.out else 'readonly '}%{p.name}" for p in self.kernel.params]
            + [f"i64 %{CHUNK}"] * (self.kernel.chunks > 0)
        )
        attributes = "nounwind alwaysinline" if inline else "nounwind noinline"
        body = "\n".join(
            "  " + line if not line.endswith(":") else line for line in [*self.allocas, *self.lines, "ret void"]
        )
        signature = f"@{self.name}({args})"
        return KernelText(f"define internal void {signature} {attributes} {{\nentry:\n{body}\n}}\n", signature, inline)

    def scope(self, parent: ScalarEmitter | None) -> ScalarEmitter:
        """An emitter for a nested block; values computed outside stay usable inside."""
        emitter = ScalarEmitter(
            self.lines,
            self.fresh,
            self.declarations,
            lambda node, index: self.load(node, index, emitter),
            parent,
            outlined=self.outliner.symbol,
        )
        return emitter

    def block(self, body: list[Any], scope: ScalarEmitter) -> None:
        """A list of statements; a variable that changes opens a new scope, in which it is read anew."""
        for statement in body:
            scope = self.statement(statement, scope)

    def statement(self, s: Any, scope: ScalarEmitter) -> ScalarEmitter:
        """One statement; returns the scope in which the next one is emitted."""
        if isinstance(s, For):
            return self.loop(s, scope)
        if isinstance(s, If):
            self.branch(s, scope)
        elif isinstance(s, Store):
            value = scope.value(s.value)
            self.store(value, s.value.dtype, self.address(s.buffer, [scope.value(i) for i in s.index], scope))
        elif isinstance(s, Accumulate):
            self.accumulate(s, scope)
        elif isinstance(s, Declare):
            self.declare(s.sym, scope.value(s.value), s.value.dtype)
            return self.rebound(scope, (s.sym,))
        elif isinstance(s, Update):
            value = scope.value(s.value)
            old = self.read_slot(s.sym)
            new = scope.accumulate(s.combine, old, value, s.value.dtype)
            self.write_slot(s.sym, new)
            return self.rebound(scope, (s.sym,))
        elif isinstance(s, Assign):
            scope = self.rebound(scope, s.syms)
            values = [scope.value(v) for v in s.values]
            for sym, value in zip(s.syms, values):
                self.write_slot(sym, value)
            return self.rebound(scope, s.syms)
        return scope

    def rebound(self, scope: ScalarEmitter, syms: tuple[str, ...]) -> ScalarEmitter:
        """A scope in which changed variables are read anew."""
        child = self.scope(scope)
        for sym in syms:
            child.bind(sym, self.read_slot(sym), self.slots[sym][1])
        return child

    # -- control flow

    def loop(self, s: For, scope: ScalarEmitter) -> ScalarEmitter:
        """`for sym in 0..count`, with the test at the end: empty loops are never built."""
        head, done = self.label(), self.label()
        counter = self.slot(s.sym, np.dtype(np.int64))
        first, end = self.bounds(s)
        self.lines += [f"store i64 {first}, ptr {counter}", f"br label %{head}", f"{head}:"]
        inner = self.scope(scope)
        position = self.fresh()
        self.lines.append(f"{position} = load i64, ptr {counter}")
        inner.bind(s.sym, position, np.int64)
        changing = [x.sym for x in _assigned(s.body) if x.sym in self.slots]
        for sym in dict.fromkeys(changing):
            inner.bind(sym, self.read_slot(sym), self.slots[sym][1])
        start = len(self.lines)
        self.around *= s.count
        self.block(s.body, inner)
        self.around //= s.count
        hint = self.hint(s, len(self.lines) - start)
        step, again = self.fresh(), self.fresh()
        self.lines += [
            f"{step} = add nuw nsw i64 {position}, 1",
            f"store i64 {step}, ptr {counter}",
            f"{again} = icmp ult i64 {step}, {end}",
            f"br i1 {again}, label %{head}, label %{done}{hint}",
            f"{done}:",
        ]
        return self.rebound(scope, tuple(dict.fromkeys(changing)))

    def hint(self, s: For, size: int) -> str:
        """What LLVM is told about a loop of so many lines.

        Short sums are not unrolled: as a loop they vectorize, as a row of additions they do not. Nor are short inner
        loops that store whole vectors: LLVM would then vectorize the loop around them, and gather elements from far
        apart. Long loops of long bodies run two iterations at once: their arithmetic is a chain that the processor
        cannot look past, and LLVM leaves them alone for fear of spills. Black-Scholes with five sensitivities: 12.3 ns
        for each option without, 10.1 with. It compiles a third slower. Loops that take microseconds are kept simple.
        """
        sums, stores = (all(isinstance(t, (kind, Accumulate)) for t in s.body) for kind in (Update, Store))
        if s.count in SHORT and (sums or stores and s.count % VECTOR == 0 and self.around >= LEAST_AROUND):
            return self.metadata('!"llvm.loop.unroll.disable"')
        many = s.count * self.kernel.blocks >= MANY_ITERATIONS
        if size >= LONG_BODY and many and not any(isinstance(t, (For, If)) for t in s.body):
            return self.metadata('!"llvm.loop.interleave.count", i32 2')
        if 64 < s.count <= SMALL // self.around and all(isinstance(t, (Declare, Store)) for t in s.body):
            few = s.count <= FEW // self.around
            return self.metadata('!"llvm.loop.unroll.disable"' if few else '!"llvm.loop.interleave.count", i32 1')
        return ""

    def metadata(self, property_: str) -> str:
        """A property of one loop; each needs a node of its own."""
        node = f"!{sum(name.startswith('!') for name in self.declarations)}"
        self.declarations[node] = f"{node} = distinct !{{{node}, !{{{property_}}}}}"
        return f", !llvm.loop {node}"

    def bounds(self, s: For) -> tuple[str, str]:
        """Where a loop begins and ends."""
        if not s.grain:
            return "0", str(s.count)
        start, end, short, least = (self.fresh() for _ in range(4))
        self.lines += [
            f"{start} = mul nuw nsw i64 %{CHUNK}, {s.grain}",
            f"{end} = add nuw nsw i64 {start}, {s.grain}",
            f"{short} = icmp ult i64 {end}, {s.count}",
            f"{least} = select i1 {short}, i64 {end}, i64 {s.count}",
        ]
        return start, least

    def branch(self, s: If, scope: ScalarEmitter) -> None:
        """Statements behind a condition."""
        yes, done = self.label(), self.label()
        self.lines += [f"br i1 {scope.value(s.condition)}, label %{yes}, label %{done}", f"{yes}:"]
        self.block(s.body, self.scope(scope))
        self.lines += [f"br label %{done}", f"{done}:"]

    # -- memory

    def slot(self, sym: str, dtype: np.dtype) -> str:
        """The stack slot of a variable."""
        if sym not in self.slots:
            name = f"%slot.{sym}"
            self.allocas.append(f"{name} = alloca {llvm_type(dtype)}")
            self.slots[sym] = (name, dtype)
        return self.slots[sym][0]

    def declare(self, sym: str, value: str, dtype: np.dtype) -> None:
        """Give a variable its first value."""
        self.slot(sym, dtype)
        self.write_slot(sym, value)

    def read_slot(self, sym: str) -> str:
        """Load a variable."""
        slot, dtype = self.slots[sym]
        value = self.fresh()
        self.lines.append(f"{value} = load {llvm_type(dtype)}, ptr {slot}")
        return value

    def write_slot(self, sym: str, value: str) -> None:
        """Store a variable."""
        slot, dtype = self.slots[sym]
        self.lines.append(f"store {llvm_type(dtype)} {value}, ptr {slot}")

    def address(self, buffer: str, index: list[str], scope: ScalarEmitter) -> str:
        """The address of an element of a C-contiguous buffer."""
        param = self.params[buffer]
        flat = "0"
        for n, i in zip(param.shape, index):
            flat = i if flat == "0" else scope.emit(f"add nsw i64 {self.times(flat, n, scope)}, {i}")
        if flat == "0":
            return f"%{buffer}"
        return scope.emit(f"getelementptr inbounds {memory_type(param.dtype)}, ptr %{buffer}, i64 {flat}")

    @staticmethod
    def times(value: str, n: int, scope: ScalarEmitter) -> str:
        return scope.emit(f"mul nsw i64 {value}, {n}")

    def load(self, node: Expr, index: list[str], scope: ScalarEmitter) -> str:
        """Read one element."""
        kind = memory_type(node.dtype)
        value = self.fresh()
        self.lines.append(f"{value} = load {kind}, ptr {self.address(node.args[0], index, scope)}")
        if node.dtype != np.bool_:
            return value
        truth = self.fresh()
        self.lines.append(f"{truth} = icmp ne i8 {value}, 0")
        return truth

    def store(self, value: str, dtype: np.dtype, address: str) -> None:
        """Write one element."""
        if dtype == np.bool_:
            byte = self.fresh()
            self.lines.append(f"{byte} = zext i1 {value} to i8")
            value = byte
        self.lines.append(f"store {memory_type(dtype)} {value}, ptr {address}")

    def accumulate(self, s: Accumulate, scope: ScalarEmitter) -> None:
        """Combine into one element of memory."""
        value = scope.value(s.value)
        address = self.address(s.buffer, [scope.value(i) for i in s.index], scope)
        dtype = s.value.dtype
        kind, old = memory_type(dtype), self.fresh()
        self.lines.append(f"{old} = load {kind}, ptr {address}")
        if dtype == np.bool_:
            truth = self.fresh()
            self.lines.append(f"{truth} = icmp ne i8 {old}, 0")
            old = truth
        self.store(scope.accumulate(s.combine, old, value, dtype), dtype, address)


def _assigned(body: list[Any]) -> list[Any]:
    """Declared variables that a loop body changes."""
    found = []
    for s in body:
        if isinstance(s, Update):
            found.append(s)
        elif isinstance(s, Assign):
            found += [Update(sym, "", value) for sym, value in zip(s.syms, s.values)]
        elif isinstance(s, (For, If)):
            found += _assigned(s.body)
    return found
