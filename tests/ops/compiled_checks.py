"""Compiled code against the NumPy meaning, for everything a registry sample gives rise to, in one compilation for
each op.

With this module one can collect the programs of an op (the call, its jvp, its vjp, its mixed second derivative and
its vmap, at float64, float32 and every integer width) and run them all as one executable (`check_compiled`) or as
one printed Python source (`check_source`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from batching_checks import BATCH, examples, stacked, vjp_program
from registry_cases import Case, Primitive, call, cases, integer_cases, random_like, single_cases, values_of
from registry_checks import functional

from funcgrad.core.program import Program
from funcgrad.core.tracing import retrace
from funcgrad.transforms.batch import batch
from funcgrad.transforms.linearize import jvp


@dataclass
class Job:
    """One program to run, with its operands."""

    name: str
    program: Program
    args: list[Any]
    single: bool


def _call_jobs(case: Case) -> Iterable[Job]:
    yield Job(case.name, case.program, case.args, case.single)
    if case.args:
        axes = tuple(np.ndim(a) for a in case.args)
        operands = [stacked(r, a) for r, a in zip(examples(case), axes)]
        yield Job(f"{case.name} vmap", batch(case.program, BATCH, axes)[0], operands, case.single)


def _derivative_jobs(case: Case) -> Iterable[Job]:
    if not case.differentiable:
        return
    rng = case.rng()
    tangents = [random_like(rng, a) for a, on in zip(case.program.in_avals, case.active) if on]
    yield Job(f"{case.name} jvp", jvp(case.program, case.active)[0], [*case.args, *tangents], case.single)
    reverse, ct_avals = vjp_program(case.program, case.active)
    yield Job(f"{case.name} vjp", reverse, [*case.args, *(random_like(rng, a) for a in ct_avals)], case.single)


def _second_order_job(case: Case) -> Job:
    f = functional(case)
    program, rng = f.along(("vjp", "jvp")), case.rng()
    return Job(
        f"{case.name} second order",
        program,
        [*case.args, *(random_like(rng, a) for a in program.in_avals[f.count :])],
        case.single,
    )


def jobs(prim: Primitive) -> list[Job]:
    """Everything to be compiled for an op."""
    out: list[Job] = []
    real = [c for c in cases(prim) if not c.complex]
    for case in (*cases(prim), *single_cases(prim)):
        out += [*_call_jobs(case), *_derivative_jobs(case)]
    out += [_second_order_job(c) for c in real[:2] if c.differentiable]
    for case in integer_cases(prim):
        if accepts(case):
            out += _call_jobs(case)
    return out


def accepts(case: Case) -> bool:
    """Whether NumPy keeps this integer type for the op."""
    return [np.asarray(o).dtype for o in values_of(case.program, case.args)] == [
        a.dtype for a in case.program.out_avals
    ]


def joined(work: list[Job]) -> Program:
    """One program with the inputs and outputs of all, in order."""

    def everything(*values: Any) -> list[Any]:
        given, outs = iter(values), []
        for job in work:
            outs += call(job.program, [next(given) for _ in job.args])
        return outs

    return retrace(everything, [a for job in work for a in job.program.in_avals])


def compare(work: list[Job], results: Any) -> int:
    """Outputs of the joined program against NumPy's; returns the number of arrays compared."""
    given, count = iter(results), 0
    for job in work:
        for expected in values_of(job.program, job.args):
            got, expected = next(given), np.asarray(expected)
            assert np.shape(got) == expected.shape and got.dtype == expected.dtype, (
                f"{job.name}: {got!r} and {expected!r}"
            )
            scale = (
                np.max(np.abs(expected), initial=0, where=np.isfinite(expected)) if expected.dtype.kind in "fc" else 0
            )
            rtol, atol = (2e-6, 1e-6) if job.single else (1e-13, 1e-14)
            np.testing.assert_allclose(got, expected, rtol=rtol, atol=float(scale) * atol, err_msg=job.name)
            if expected.dtype.kind == "f":
                zero = expected == 0
                signs = np.signbit(np.asarray(got)[zero]), np.signbit(expected[zero])
                np.testing.assert_array_equal(*signs, err_msg=f"{job.name}: signs of zeros")
            count += 1
    return count


def check_compiled(prim: Primitive) -> int:
    """Machine code for everything of an op."""
    from funcgrad.compile.executable import build

    work = jobs(prim)
    if not work:
        return 0
    operands = [
        np.ascontiguousarray(a) if isinstance(a, np.ndarray) and a.ndim else a for job in work for a in job.args
    ]
    results = build(joined(work), ["array"] * len(operands))[0].call(*operands)
    assert results is not None, f"{prim.name}: the executable refused its operands"
    return compare(work, results)


def check_source(prim: Primitive) -> int:
    """The printed Python of everything of an op, run as plain Python, against NumPy."""
    from funcgrad.compile.pipeline import lower_program
    from funcgrad.compile.source import run_source

    work = jobs(prim)
    if not work:
        return 0
    operands = [np.asarray(a) for job in work for a in job.args]
    return compare(work, run_source(lower_program(joined(work)).plan, operands))
