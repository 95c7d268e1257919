"""The compiler's table of contents: the passes from a program to machine code, in order. Read this first.

    prepare    Program -> Program     calls inlined, identities, common subexpressions, canonical contractions
    (prepare.py)
    schedule   Program -> Schedule    which equations share a loop nest
    (schedule.py)
    lower      Group -> Kernel        loops and scalar expressions
    (lower.py)
    plan       Program -> Plan        steps over buffers, kernels shared, workspace assigned
    (plan.py)
    emit       Plan -> LLVM text      one module, one function for each distinct kernel
    (emit.py, llvm.py)
    compile    LLVM text -> code      by llvmlite, the code generator of Numba, or from disk
    (native.py, cache.py)

`plan` runs `schedule` and `lower` for every program it meets, loop bodies included.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from .. import config
from ..core.check import maybe_check
from ..core.program import Eqn, Program
from ..records import field, record
from . import cache
from .artifact import Artifact, aval, symbols_of
from .cost import program_cost
from .emit import emit_module
from .kernel import Accumulate, For, If, Store, expressions, statements, walk
from .plan import Plan, make_plan
from .prepare import prepare
from .steps import Buffer, Call, LanePool, TapeLoop, While, root_buffers, whole

GIL_THRESHOLD = 20_000  # floating operations and bytes below which releasing the GIL costs more than the program
UNBOUNDED = (While, TapeLoop, LanePool)  # nobody knows how long these run
_dump_number = threading.local()


@record
class Compiled:
    """All stages of one compilation."""

    program: Program
    prepared: Program
    plan: Plan
    llvm: str
    code: bytes = b""
    cost: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def lower_program(program: Program, captured: int = 0) -> Compiled:
    """Everything before machine code."""
    start = time.perf_counter()
    prepared = maybe_check(prepare(program), "prepare")
    plan = make_plan(prepared)
    _captures_are_constants(plan, captured)
    text = emit_module(plan)
    compiled = Compiled(program, prepared, plan, text, b"", program_cost(prepared), time.perf_counter() - start)
    _dump(compiled)
    return compiled


def compile_program(program: Program, captured: int = 0) -> Compiled:
    """Run the whole pipeline. The first `captured` inputs are constants of the executable, not arguments of its
    calls.
    """
    compiled = lower_program(program, captured)
    start = time.perf_counter()
    compiled.code = cache.object_code(compiled.llvm)
    compiled.seconds += time.perf_counter() - start
    if "compile" in config.LOG.value:
        print(f"funcgrad: compiled {len(program.eqns)} equations into {len(compiled.plan.kernels)} kernels "
              f"in {compiled.seconds * 1e3:.1f} ms", file=sys.stderr)  # fmt: skip
    return compiled


def artifact_of(compiled: Compiled, captured: int, donated: Sequence[int]) -> Artifact:
    """What a call needs besides machine code. Outputs may take over the memory of the leaves at `donated`."""
    plan, cost = compiled.plan, compiled.cost
    heavy = cost["flops"] + cost["bytes"] > GIL_THRESHOLD or any(isinstance(s, UNBOUNDED) for s in plan.steps)
    return Artifact(
        entry=cache.entry_name(compiled.llvm),
        constants=tuple(map(aval, plan.constants[:captured])),
        inputs=tuple(map(aval, plan.inputs)),
        outputs=tuple(map(aval, plan.outputs)),
        targets=safe_donations(plan, donated),
        literals=tuple(b.value for b in plan.constants[captured:]),
        workspace=plan.workspace,
        releases=heavy,
        raises=bool(plan.callbacks or plan.tapes or _may_report(plan)),
        callbacks=tuple(_portable(c.eqn) for c in plan.callbacks),
        symbols=symbols_of(compiled.llvm),
        cost=cost,
    )


def _may_report(plan: Plan) -> bool:
    """Whether machine code of the user's may report an exception."""
    return any(getattr(eqn.prim.lower, "raises", False) for s in plan.schedules for eqn in s.program.eqns)


def _portable(eqn: Eqn) -> tuple:
    """An equation without its variables."""
    return eqn.prim, eqn.params, tuple(a.aval for a in eqn.inputs), tuple(v.aval for v in eqn.outs)


def _captures_are_constants(plan: Plan, captured: int) -> None:
    """The table of pointers holds arguments, outputs, then constants: captures move to the front of the constants."""
    hidden = plan.inputs[:captured]
    plan.inputs = plan.inputs[captured:]
    plan.constants = [*hidden, *plan.constants]


def _dump(compiled: Compiled) -> None:
    """Write every stage to the directory FUNCGRAD_DUMP."""
    if not config.DUMP.value:
        return
    from .source import plan_source

    os.makedirs(config.DUMP.value, exist_ok=True)
    number = _dump_number.value = getattr(_dump_number, "value", -1) + 1
    stages = {
        "program": str(compiled.program),
        "prepared": str(compiled.prepared),
        "source": plan_source(compiled.plan),
        "llvm": compiled.llvm,
    }
    for k, (name, text) in enumerate(stages.items()):
        with open(os.path.join(config.DUMP.value, f"{number:04d}-{k}-{name}.txt"), "w") as f:
            f.write(text)


def safe_donations(plan: Plan, donated: Sequence[int]) -> dict[int, int]:
    """Which output may be written into which donated input: same type, and no step reads the input after the output
    is written.

    Within one kernel the input may be read and the output written when both are touched at the same index only.
    """
    taken: dict[int, int] = {}
    for o, out in enumerate(plan.outputs):
        for i in donated:
            source = plan.inputs[i]
            if i in taken.values() or source.shape != out.shape or source.dtype != out.dtype:
                continue
            if _may_share(plan, source, out):
                taken[o] = i
                break
    return taken


def _may_share(plan: Plan, source: Buffer, out: Buffer) -> bool:
    reads = [t for t, step in enumerate(plan.steps) if source in root_buffers(step)]
    writes = [t for t, step in enumerate(plan.steps) if out in root_buffers(step)]
    if not reads or not writes or max(reads) < min(writes):
        return True
    if max(reads) > min(writes):
        return False
    step = plan.steps[max(reads)]
    return isinstance(step, Call) and _same_index_only(plan, step, source, out)


def _same_index_only(plan: Plan, step: Call, source: Buffer, out: Buffer) -> bool:
    """Whether the kernel reads each element of `source` before, and only before, it stores the same element of `out`.

    Kernel parameters are declared not to alias, so that statements may be reordered: a read in the block of the store
    is safe only if the stored value depends on it. Reads in later loops would see the new values.
    """
    kernel = plan.kernels[step.kernel][0]
    names = {p.name: whole(b) for p, b in zip(kernel.params, step.args)}
    order = list(statements(kernel.body))
    writes = [k for k, s in enumerate(order) if isinstance(s, (Store, Accumulate)) and names.get(s.buffer) is out]
    if len(writes) != 1 or isinstance(order[writes[0]], Accumulate) or sum(whole(b) is out for b in step.args) != 1:
        return False
    store = order[writes[0]]
    enclosing = {s.sym for s in order if isinstance(s, For) and any(inner is store for inner in statements(s.body))}
    if not enclosing <= {i.args[0] for i in store.index if i.op == "sym"}:
        return False
    block = next(
        b for b in (kernel.body, *(s.body for s in order if isinstance(s, (For, If)))) if any(s is store for s in b)
    )
    own = _loads(store, names, source)
    for position, s in enumerate(order):
        found = _loads(s, names, source)
        in_block = any(other is s for other in block)
        if any(e.args[1:] != store.index for e in found) or (
            not found <= own if in_block else found and position > writes[0]
        ):
            return False
    return True


def _loads(statement: Any, names: dict[str, Buffer], source: Buffer) -> set[Any]:
    """Reads of a buffer in the expressions of a statement."""
    nodes = (e for root in expressions(statement) for e in walk(root))
    return {e for e in nodes if e.op == "load" and names.get(e.args[0]) is source}


__all__ = ["Compiled", "artifact_of", "compile_program", "lower_program", "safe_donations"]
