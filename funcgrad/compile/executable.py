"""Executables: a program compiled to machine code, and the object that calls it.

With this module one can `compile_program(program)` and call the result with NumPy leaves; stages are kept for
inspection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.program import Program
from . import pipeline
from .callback import raise_pending
from .launcher import InputSpec, OutputSpec, make_launcher
from .memory import keep_freed_blocks
from .steps import LanePool, TapeLoop, While

GIL_THRESHOLD = 20_000  # floating operations and bytes below which releasing the GIL costs more than the program
UNBOUNDED = (While, TapeLoop, LanePool)  # nobody knows how long these run


class Executable:
    """Machine code for one program at fixed shapes and dtypes. Thread-safe; releases the GIL unless it is tiny.

    `call(*leaves)` gives a tuple of outputs, or None when a leaf is not exactly as compiled for.
    """

    def __init__(
        self, program: Program, kinds: Sequence[str], constants: Sequence[Any] = (), donated: Sequence[int] = ()
    ) -> None:
        """Compile.

        Args:
            program: the captures first, then one input for each leaf.
            kinds: what Python object each leaf is: array, pyfloat, pyint, pybool.
            constants: values of the captures.
            donated: positions of leaves whose memory outputs may take over.
        """
        keep_freed_blocks()
        self.program = program
        self.compiled = pipeline.compile_program(program, len(constants))
        plan = self.compiled.plan
        specs = [InputSpec(b.shape, b.dtype, kind) for b, kind in zip(plan.inputs, kinds)]
        targets = pipeline.safe_donations(plan, donated)
        outputs = [OutputSpec(b.shape, b.dtype, targets.get(i)) for i, b in enumerate(plan.outputs)]
        # Captures are frozen at compile time: a later write to the user's array must not change a compiled function.
        hidden = [
            np.array(c, b.dtype, order="C", copy=True).reshape(b.shape) for c, b in zip(constants, plan.constants)
        ]
        literals = [b.value for b in plan.constants[len(hidden) :]]
        cost = self.compiled.cost
        heavy = cost["flops"] + cost["bytes"] > GIL_THRESHOLD or any(isinstance(s, UNBOUNDED) for s in plan.steps)
        self.call: Callable[..., Any] = make_launcher(
            self.compiled.library.address("entry"),
            specs,
            outputs,
            [*hidden, *literals],
            plan.workspace,
            heavy,
            (self.compiled.library, plan.callbacks),
        )
        if plan.callbacks or plan.tapes or _may_report(plan):
            self.call = _raising(self.call)


def _may_report(plan: Any) -> bool:
    """Whether machine code of the user's may report an exception."""
    return any(getattr(eqn.prim.lower, "raises", False) for s in plan.schedules for eqn in s.program.eqns)


def _raising(launch: Callable[..., Any]) -> Callable[..., Any]:
    """Pass on what a Python implementation inside the program raised."""

    def call(*leaves: Any) -> Any:
        outs = launch(*leaves)
        raise_pending()
        return outs

    return call
