"""All stages of a compilation as text: what one can do with this module is ask what the compiler made of a program.

prepared    the program after simplification
schedule    which equations share a loop nest, what is inlined into it, what is kept
kernels     loop nests in the kernel IR, and the steps that call them
source      the same as Python
llvm        what is handed to LLVM, before optimization
optimized   the same after optimization
asm         machine code
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.printing import format_atom, format_params, format_program, variable_names
from ..core.program import Eqn, Var
from ..core.scalar import Expr
from . import native
from .kernel import CHUNK, Accumulate, Assign, Declare, For, If, Kernel, Store, Update
from .pipeline import Compiled
from .plan import Plan
from .schedule import Group, Schedule
from .source import comments, plan_source
from .statement_text import INFIX, UNARY, Printer, Text, call, infix, subscript
from .steps import CONTROL, Branch, Buffer, Call, LanePool, LibraryCall, Loop, Moves, Multiply, While


def stage_text(compiled: Compiled, stage: str) -> str:
    """The text of one stage of a compilation.

    Raises:
        ValueError: there is no such stage.
    """
    if stage not in STAGES:
        raise ValueError(f"no stage {stage!r}; the stages are program, {', '.join(STAGES)}")
    return STAGES[stage](compiled)


# --- schedule ---------------------------------------------------------------------------------------------------------


def schedule_text(schedule: Schedule) -> str:
    """Groups and single equations in the order of execution.

    group 0 over (4, 3), rows of 1 axis
      stage 0: b:float64[4] = reduce_max[axes=(1,)] a
      stage 1: h:float64[4,3] = div e g
      inlined: c, d, e, g
    step 1: i:float64[4,4] = dot_general[...] h a
    """
    names = variable_names(schedule.program)
    lines: list[str] = []
    for number, item in enumerate(schedule.items):
        lines += (
            _group_lines(number, item, schedule, names)
            if isinstance(item, Group)
            else [f"step {number}: {_equation(item, names)}"]
        )
    return "\n".join(lines)


def _group_lines(number: int, group: Group, schedule: Schedule, names: dict[Any, str]) -> list[str]:
    rows = f", rows of {group.rows} {'axis' if group.rows == 1 else 'axes'}" if group.rows is not None else ""
    lines = [f"group {number} over {group.domain}{rows}"]
    lines += [f"  stage {group.stage[eqn.outs[0]]}: {_equation(eqn, names)}" for eqn in group.anchors]
    lines += [f"  keeps {names[v]} of stage {stage} in a row buffer" for v, stage in group.kept.items()]
    inlined = [names[v] for v in _inlined(group, schedule)]
    return lines + ([f"  inlined: {', '.join(inlined)}"] if inlined else [])


def _inlined(group: Group, schedule: Schedule) -> list[Var]:
    """Values that are computed where they are used, in order of definition."""
    anchors = {v for eqn in group.anchors for v in eqn.outs}
    found: set[Var] = set()
    stack = [a for eqn in group.anchors for a in eqn.inputs if type(a) is Var]
    while stack:
        v = stack.pop()
        if v not in found and v not in anchors and v not in schedule.materialized and v in schedule.producer:
            found.add(v)
            stack.extend(a for a in schedule.producer[v].inputs if type(a) is Var)
    return [v for eqn in schedule.program.eqns for v in eqn.outs if v in found]


def _equation(eqn: Eqn, names: dict[Any, str]) -> str:
    outs = ", ".join(f"{names[v]}:{v.aval}" for v in eqn.outs)
    operands = " ".join(format_atom(a, names) for a in eqn.inputs)
    return f"{outs} = {eqn.prim.name}{format_params(eqn.params)} {operands}".rstrip()


def _schedules(compiled: Compiled) -> str:
    main, *bodies = compiled.plan.schedules
    titled = [
        f"loop body {i}\n" + "\n".join("  " + line for line in schedule_text(s).split("\n"))
        for i, s in enumerate(bodies)
    ]
    return "\n".join([schedule_text(main), *titled])


# --- kernels ----------------------------------------------------------------------------------------------------------


class KernelPrinter(Printer):
    """The text of a kernel in the notation of `kernel.py`."""

    declare_temporary = "let {name} = {value}"

    def write(self, s: Any) -> None:
        """One statement."""
        if isinstance(s, For):
            self.nested(f"for {s.sym} in {f'part of {s.count} by {s.grain}' if s.grain else s.count}:", s.body)
        elif isinstance(s, If):
            self.nested(f"if {self.value(s.condition).text}:", s.body)
        elif isinstance(s, Assign):
            self.line(f"assign {', '.join(s.syms)} = {', '.join(self.value(v).text for v in s.values)}")
        elif isinstance(s, Declare):
            self.line(f"declare {s.sym} = {self.initial(s.sym, s.value).text}")
        elif isinstance(s, Update):
            self.line(f"update {s.sym} {_combine(s.combine)} {self.value(s.value).text}")
        elif isinstance(s, Store):
            value = self.value(s.value)
            self.line(f"store {self.element(s.buffer, s.index)} = {value.text}")
        elif isinstance(s, Accumulate):
            value = self.value(s.value)
            self.line(f"accumulate {self.element(s.buffer, s.index)} {_combine(s.combine)} {value.text}")

    def format(self, e: Expr, operands: list[Text]) -> Text:
        """One node, its operands given."""
        if e.op == "const":
            return Text(repr(np.asarray(e.args[0]).item()))
        if e.op == "sym":
            return Text(e.args[0])
        if e.op == "load":
            return subscript(e.args[0], operands)
        if e.op == "neg":
            return Text("-" + operands[0].within(UNARY), UNARY)
        if e.op in INFIX:
            return infix(e.op, *operands)
        if e.op in ("convert", "bitcast"):
            return call(e.dtype.name if e.op == "convert" else f"bitcast_{e.dtype.name}", *operands)
        return call("_".join(str(a) for a in (e.op, *e.args) if not isinstance(a, Expr)), *operands)


def _combine(combine: str) -> str:
    return f"{INFIX[combine][0] if combine in INFIX else combine + ' '}=".replace(" ", "")


def kernel_text(kernel: Kernel, name: str) -> str:
    """A kernel in the notation of `kernel.py`."""
    printer = KernelPrinter(kernel)
    printer.block(kernel.body)
    params = ", ".join(
        f"{p.name}: {p.dtype.name}[{','.join(map(str, p.shape))}] {'out' if p.out else 'in'}" for p in kernel.params
    )
    own = [f"  local {p.name}: {p.dtype.name}[{','.join(map(str, p.shape))}]" for p in kernel.locals]
    notes = [f"  # {line}" for line in comments(kernel)[_parameter_lines(kernel) :]]
    chunks = f" for each {CHUNK} of {kernel.chunks}" if kernel.chunks else ""
    return "\n".join(
        [f"{name}({params}){chunks}", *notes, *own, *(line.replace("    ", "  ") for line in printer.lines)]
    )


def _parameter_lines(kernel: Kernel) -> int:
    return len(comments(kernel)) - len(kernel.notes)


def plan_text(plan: Plan) -> str:
    """All kernels of a plan, then its steps."""
    kernels = [kernel_text(kernel, f"kernel_{i}") for i, (kernel, _) in enumerate(plan.kernels)]
    head = f"program({_names(plan.inputs)}) -> ({_names(plan.outputs)}), workspace of {plan.workspace} bytes"
    return "\n\n".join([*kernels, "\n".join([head, *(line for s in plan.steps for line in _step_lines(s, 1))])])


def _step_lines(step: Any, depth: int) -> list[str]:
    if not isinstance(step, CONTROL):
        return ["  " * depth + _step_line(step)]
    return ["  " * depth + line for line in _control_lines(step)]


def _control_lines(step: Any) -> list[str]:
    """A step with steps inside, from the margin."""
    if isinstance(step, Loop):
        head = f"for t{step.number} in {'reversed ' if step.reverse else ''}{step.length}:"
        return [head, *_block(step.body), *_moves(step.moves)]
    if isinstance(step, Branch):
        parts = [[f"branch {k} of {step.index}:", *_block(body)] for k, body in enumerate(step.bodies)]
        return [line for part in parts for line in part]
    if isinstance(step, While):
        return [f"while {step.going}, from:", *_block(step.test), "do:", *_block(step.body), *_moves(step.moves)]
    if isinstance(step, LanePool):
        loads = ", ".join(f"{target} <- {source}[lane]" for source, target in step.loads)
        ends = ", ".join(f"{result}[lane] <- {state}" for state, result in step.results)
        head = [f"for {step.size} lanes, {step.width} at a time: {loads}", f"while {step.going}, from:"]
        return [*head, *_block(step.test), "do:", *_block(step.body), *_moves(step.moves), f"end of a lane: {ends}"]
    keep = f"  keep {_names(step.kept)} on tape{step.number} before each iteration"
    back = f"for t{step.number} in reversed tape{step.number}:"
    return [*_control_lines(step.forward), keep, *(line for s in step.between for line in _step_lines(s, 0)),
            back, *_block(step.pull), *_moves(step.moves)]  # fmt: skip


def _block(steps: list[Any]) -> list[str]:
    return [line for s in steps for line in _step_lines(s, 1)]


def _moves(moves: Moves) -> list[str]:
    return [f"  {'swap' if state.swaps is following else 'move'} {state} <- {following}" for state, following in moves]


def _step_line(step: Any) -> str:
    if isinstance(step, Call):
        return f"call kernel_{step.kernel}({_names(step.args)})"
    if isinstance(step, Multiply):
        x, y = (f"{b}{'.T' if place.turned else ''}" for b, place in zip((step.x, step.y), step.places))
        batch = f" for each of {' x '.join(map(str, step.batch))}" if step.batch else ""
        sizes, sign = f"{step.m}x{step.k} by {step.k}x{step.n}{batch}", "+=" if step.adds else "="
        parts = f", in {step.parts[1]} parts of {step.parts[0]}" if step.parts else ""
        return f"multiply {step.out} {sign} {x} @ {y}  ({sizes}){parts}"
    kind, eqn = ("library", step.eqn) if isinstance(step, LibraryCall) else ("python", step.callback.eqn)
    return f"{kind} {eqn.prim.name}({_names(step.inputs)}) -> {_names(step.outputs)}"


def _names(buffers: list[Buffer]) -> str:
    return ", ".join(map(repr, buffers))


STAGES: dict[str, Callable[[Compiled], str]] = {
    "prepared": lambda c: format_program(c.prepared),
    "schedule": _schedules,
    "kernels": lambda c: plan_text(c.plan),
    "source": lambda c: plan_source(c.plan),
    "llvm": lambda c: c.llvm,
    "optimized": lambda c: native.optimized(c.llvm),
    "asm": lambda c: native.assembly(c.llvm),
}
