"""Programs as readable Python: one function for each kernel, and `program`, which calls them.

    def kernel_0(p0, p1):
        # p0: float64[4,3] in; p1: float64[4] out
        # model.py:12: return np.sum(np.tanh(x), axis=1)
        for i0 in range(4):
            a0 = np.float64(0.0)
            for i1 in range(3):
                a0 += np.tanh(p0[i0, i1])
            p1[i0] = a0

    @np.errstate(all="ignore")
    def program(in0):
        out0 = np.empty((4,), np.float64)
        kernel_0(in0, out0)
        return (out0,)

The text needs NumPy (and SciPy for a few functions), not funcgrad. Run as plain Python it is the slow,
obvious meaning of what the compiler decided; each kernel also compiles under `numba.njit(error_model="numpy")`.
"""

from __future__ import annotations

import base64
import linecache
import math
import os
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops.callback import in_numpy
from .kernel import CHUNK, Kernel
from .matrix_layout import MatrixLayout
from .plan import Plan
from .python_text import PythonPrinter
from .steps import (
    Branch,
    Buffer,
    Call,
    LanePool,
    LibraryCall,
    Loop,
    Moves,
    Multiply,
    PythonCall,
    TapeLoop,
    While,
    buffers_of,
)  # fmt: skip

INLINE = 64  # constants of more elements are written as base64
# Ops that compiled code leaves to LAPACK, by the call that means the same.
NUMPY_CALLS = {name: f"np.linalg.{name}({{inputs}})" for name in ("cholesky", "det", "eigh", "inv", "slogdet")}


def kernel_source(kernel: Kernel, name: str, helpers: dict[str, str] | None = None, compilable: bool = False) -> str:
    """The Python function of a kernel.

    Args:
        kernel: the loop nest.
        name: what to call the function.
        helpers: filled with the texts of the helper functions the kernel uses, by name.
        compilable: avoid SciPy, so that Numba can compile the text.
    """
    printer = PythonPrinter(kernel, {} if helpers is None else helpers, compilable)
    for line in comments(kernel):
        printer.line(f"# {line}")
    for p in kernel.locals:
        printer.line(f"{p.name} = np.empty({p.shape}, np.{p.dtype.name})")
    printer.block(kernel.body)
    parameters = ", ".join([*(p.name for p in kernel.params), *[CHUNK] * (kernel.chunks > 0)])
    return "\n".join([f"def {name}({parameters}):", *printer.lines])


def comments(kernel: Kernel) -> list[str]:
    """What a reader wants to know about a kernel: its parameters and the user's lines behind it."""
    lines = textwrap.wrap("; ".join(f"{p.name}: {_type(p)} {'out' if p.out else 'in'}" for p in kernel.params), 110)
    for file, number in kernel.notes:
        text = linecache.getline(file, number).strip()
        lines.append(f"{os.path.basename(file)}:{number}" + (f": {text}" if text else ""))
    return lines


def _type(b: Any) -> str:
    return f"{b.dtype.name}[{','.join(map(str, b.shape))}]"


def plan_source(plan: Plan, compilable: bool = False) -> str:
    """The Python module of a plan; `program` takes the captured arrays, then the arguments, and returns a tuple."""
    helpers: dict[str, str] = {}
    kernels = [kernel_source(kernel, f"kernel_{i}", helpers, compilable) for i, (kernel, _) in enumerate(plan.kernels)]
    writer = ProgramWriter(plan)
    program = writer.text()
    everything = [*helpers.values(), *kernels]
    body = "\n\n\n".join([*everything, *(["\n".join(writer.constants)] if writer.constants else []), program])
    return "\n".join([*_imports(body), "\n", body, ""])


def _imports(body: str) -> list[str]:
    lines = [f"import {name}" for name in ("base64", "math") if re.search(rf"\b{name}\.", body)]
    lines += ["import numpy as np"]
    lines += ["from scipy import special"] if "special." in body else []
    lines += ["from funcgrad.core.primitive import REGISTRY"] if "REGISTRY[" in body else []
    lines += ["from funcgrad.core.scalar import FOREIGN"] if "FOREIGN[" in body else []
    return lines + (["from funcgrad.ops.callback import CALLEES"] if "CALLEES[" in body else [])


class ProgramWriter:
    """Writes the function `program` of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lines: list[str] = []
        self.constants: list[str] = []
        self.depth = 1
        self.made: set[Buffer] = set()

    def line(self, text: str) -> None:
        """Append one line."""
        self.lines.append("    " * self.depth + text)

    def text(self) -> str:
        """The function; module-level constants are collected on the way."""
        plan = self.plan
        captured = [b for b in plan.constants if b.value is None]
        parameters = [*captured, *plan.inputs]
        self.constants = [f"{b.name} = {_array(b.value)}" for b in plan.constants if b.value is not None]
        for b in parameters:
            if b.shape == ():
                self.line(f"{b.name} = np.asarray({b.name}, np.{b.dtype.name})")
        for b in plan.outputs:
            self.allocate(b)
        for step in plan.steps:
            for b in buffers_of(step):
                self.allocate(_root(b))
            self.step(step)
        self.line(f"return ({', '.join(b.name for b in plan.outputs)}{',' if len(plan.outputs) == 1 else ''})")
        head = f"def program({', '.join(b.name for b in parameters)}):"
        return "\n".join(['@np.errstate(all="ignore")', head, *self.lines])

    def allocate(self, b: Buffer) -> None:
        """An output when the function begins, a temporary before its first use."""
        if b.kind in ("output", "temporary") and b not in self.made:
            self.made.add(b)
            self.line(f"{b.name} = np.empty({b.shape}, np.{b.dtype.name})")

    def step(self, s: Any) -> None:
        """One step."""
        if isinstance(s, Call):
            kernel = self.plan.kernels[s.kernel][0]
            args = [view(b, p.shape) for b, p in zip(s.args, kernel.params)]
            if kernel.chunks:
                self.line(f"for {CHUNK} in range({kernel.chunks}):")
            call = f"kernel_{s.kernel}({', '.join([*args, *[CHUNK] * (kernel.chunks > 0)])})"
            self.line("    " * (kernel.chunks > 0) + call)
        elif isinstance(s, Multiply):
            self.multiply(s)
        elif isinstance(s, Loop):
            self.loop(s)
        elif isinstance(s, Branch):
            self.branch(s)
        elif isinstance(s, While):
            self.while_loop(s)
        elif isinstance(s, TapeLoop):
            self.tape_loop(s)
        elif isinstance(s, LanePool):
            self.lane_pool(s)
        elif isinstance(s, (LibraryCall, PythonCall)):
            self.library(s)
        else:
            raise TypeError(f"a step of type {type(s).__name__} has no Python text")

    def multiply(self, s: Multiply) -> None:
        """`np.matmul`; what BLAS reads in place is a view here."""
        x, y = (_as_matrices(b, p, s.batch, n) for b, p, n in zip((s.x, s.y), s.places, ((s.m, s.k), (s.k, s.n))))
        out = view(s.out, (*s.batch, s.m, s.n))
        self.line(f"{out}[...] += np.matmul({x}, {y})" if s.adds else f"np.matmul({x}, {y}, out={out})")

    def library(self, s: LibraryCall | PythonCall) -> None:
        """A routine by its NumPy meaning: its NumPy name where it has one, else the one in the op's declaration."""
        eqn = s.eqn if isinstance(s, LibraryCall) else s.callback.eqn
        inputs = ", ".join(view(b, b.shape) for b in s.inputs)
        prim, params, several = eqn.prim, eqn.params, eqn.prim.multiple_results
        if prim is in_numpy:
            prim, params = params["operation"], dict(params["arguments"])
            several = prim.multiple_results
        params = ", ".join(f"{k}={'np.' * isinstance(v, np.dtype)}{v!r}" for k, v in params.items())
        pattern = NUMPY_CALLS.get(prim.name, f'REGISTRY["{prim.name}"].impl({{inputs}}, {{params}})')
        targets = ", ".join(f"{place(b)}[...]" for b in s.outputs)
        comma = "," if several and len(s.outputs) == 1 else ""
        self.line(f"{targets}{comma} = ".removeprefix(" = ") + f"{pattern.format(inputs=inputs, params=params)}")

    def loop(self, s: Loop) -> None:
        """A scan."""
        count = f"range({s.length})"
        self.line(f"for t{s.number} in {f'reversed({count})' if s.reverse else count}:")
        self.block(s.body, s.moves)

    def block(self, steps: list[Any], moves: Moves = ()) -> None:  # type: ignore[assignment]
        """Steps one level deeper; carries that trade places do so by name."""
        self.depth += 1
        for step in steps:
            self.step(step)
        for state, following in moves:
            if state.swaps is following:
                self.line(f"{state.name}, {following.name} = {following.name}, {state.name}")
            else:
                self.line(f"{state.name}[...] = {following.name}")
        if not steps and not moves:
            self.line("pass")
        self.depth -= 1

    def branch(self, s: Branch) -> None:
        """A switch; the first and the last branch take what is out of range."""
        last = len(s.bodies) - 1
        for k, body in enumerate(s.bodies):
            test = "else:" if k == last else f"{'elif' if k else 'if'} {place(s.index)} <= {k}:"
            self.line(test if last else "if True:")
            self.block(body)

    def while_loop(self, s: While, record: str = "") -> None:
        """The condition is computed at the head of every iteration."""
        self.line("while True:")
        self.block(s.test)
        self.depth += 1
        self.line(f"if not {s.going.name}:")
        self.line("    break")
        if record:
            self.line(record)
        self.depth -= 1
        self.block(s.body, s.moves)

    def lane_pool(self, s: LanePool) -> None:
        """Lanes that have ended leave the pool, others take their places."""
        lane, following = f"lane{s.number}", f"next{s.number}"
        self.line(f"{lane}, {following} = np.arange({s.width}), {s.width}")
        for source, target in s.loads:
            self.line(f"{view(target, target.shape)}[...] = {view(source, source.shape)}[:{s.width}]")
        self.line("while True:")
        self.block(s.test)
        self.depth += 1
        self.line(f"ended = np.flatnonzero(~{s.going.name} & ({lane} >= 0))")
        for state, result in s.results:
            self.line(f"{view(result, result.shape)}[{lane}[ended]] = {state.name}[ended]")
        self.line(f"new = np.arange({following}, min({following} + ended.size, {s.size}))")
        self.line(f"{lane}[ended], {following} = -1, {following} + new.size")
        self.line("ended = ended[:new.size]")
        self.line(f"{lane}[ended] = new")
        for source, target in s.loads:
            self.line(f"{target.name}[ended] = {view(source, source.shape)}[new]")
        self.line("if new.size:")
        self.line("    continue")
        self.line(f"if ({lane} < 0).all():")
        self.line("    break")
        self.depth -= 1
        self.block(s.body, s.moves)

    def tape_loop(self, s: TapeLoop) -> None:
        """A list of copies of the carries, read backwards."""
        tape = f"tape{s.number}"
        copies = "".join(f"{state.name}.copy(), " for state in s.kept)
        self.line(f"{tape} = []")
        self.while_loop(s.forward, f"{tape}.append(({copies}))")
        for step in s.between:
            self.step(step)
        self.line(f"for t{s.number} in reversed(range(len({tape}))):")
        self.block(s.pull, s.moves)


def _as_matrices(b: Buffer, place: MatrixLayout, batch: tuple[int, ...], size: tuple[int, int]) -> str:
    """An operand of a product, batch axes first."""
    if place.batch_leads:
        stored = view(b, (*batch, *(size[::-1] if place.turned else size)))
        return f"{stored}{'.swapaxes(-1, -2)' if batch else '.T'}" if place.turned else stored
    turned = f"{view(b, b.shape)}.transpose({tuple(d for group in place.axes for d in group)})"
    return turned if [len(group) for group in place.axes[1:]] == [1, 1] else f"{turned}.reshape({(*batch, *size)})"


def view(b: Buffer, shape: tuple[int, ...]) -> str:
    """A buffer as an array of some shape; all buffers are contiguous, so this never copies."""
    if b.kind == "view":
        return part(b, shape)
    if b.shape == shape:
        return place(b) if b.kind != "slice" or b.shape else place(b)[:-1] + ", ...]"
    text = view(b, b.shape)
    return f"{text}.reshape({-1 if len(shape) == 1 else shape})"


def part(b: Buffer, shape: tuple[int, ...]) -> str:
    """A view: all of its base, or a range of its elements, in another shape."""
    base: Buffer = b.base  # type: ignore[assignment]
    if b.size == base.size:
        return view(base, shape)
    start = max(b.offset, 0) // b.dtype.itemsize
    return f"{view(base, (base.size,))}[{start}:{start + b.size}].reshape({shape})"


def place(b: Buffer) -> str:
    """The name of a buffer, or the part of another one that it is."""
    if b.kind == "view":
        return part(b, b.shape)
    if b.kind == "taped":
        return f"tape{b.loop.number}[t{b.loop.number}][{b.number}]"
    if b.step:
        start = f"t{b.loop.number} * {b.step}"
        return f"{place(b.base)}[{start}:{start} + {b.size}].reshape({b.shape})"  # type: ignore[arg-type]
    return b.name if b.kind != "slice" else f"{place(b.base)}[t{b.loop.number}]"  # type: ignore[arg-type, union-attr]


def _root(b: Buffer) -> Buffer:
    while b.kind in ("slice", "view"):
        b = b.base  # type: ignore[assignment]
    return b


def _array(value: np.ndarray) -> str:
    dtype = f"np.{value.dtype.name}"
    if value.size and (value == value.flat[0]).all():
        return f"np.full({value.shape}, {_number(value.flat[0])}, {dtype})"
    if value.size <= INLINE:
        return (
            f"np.array({_nested(value)}, {dtype}).reshape({value.shape})"
            if 0 in value.shape
            else f"np.array({_nested(value)}, {dtype})"
        )
    data = base64.b64encode(value.tobytes()).decode()
    return f'np.frombuffer(base64.b64decode("{data}"), {dtype}).reshape({value.shape})'


def _nested(value: np.ndarray) -> str:
    return _number(value[()]) if value.ndim == 0 else "[" + ", ".join(_nested(v) for v in value) + "]"


def _number(value: Any) -> str:
    value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    return repr(value)


def run_source(plan_or_text: Plan | str, inputs: Sequence[Any], njit: bool = False) -> list[Any]:
    """Run the printed text of a plan.

    Args:
        plan_or_text: a plan, or the text `plan_source` gave for it.
        inputs: the captured arrays, then the arguments.
        njit: compile helpers and kernels with Numba; otherwise everything is plain Python.

    Returns:
        The outputs, as arrays.
    """
    text = plan_or_text if isinstance(plan_or_text, str) else plan_source(plan_or_text, compilable=njit)
    scope: dict[str, Any] = {}
    exec(compile(text, "<funcgrad source>", "exec"), scope)
    if njit:
        _compile_functions(scope)
    return list(scope["program"](*[np.array(x, order="C") for x in inputs]))


def _compile_functions(scope: dict[str, Any]) -> None:
    import numba  # only here: nothing else in funcgrad waits for it

    for name, value in list(scope.items()):
        if callable(value) and getattr(value, "__code__", None) is not None and name != "program":
            scope[name] = numba.njit(error_model="numpy")(value)
