"""Repeats: where a program does the same again and again, as loops of Python leave it.

    segments : Program -> {Eqn: number}

    for _ in range(60): x = sin(x) * 1.1      2 equations, 60 times: a run of period 2
                                        -->   segments of 48 periods each: 0 0 0 ... 1 1 1 ...

The scheduler keeps in memory what goes from one segment to the next, and never puts two segments into one kernel. All
whole segments of a run are then kernels of equal text, which are compiled once, and the calls are data that one loop
walks (`step_table.py`): the loop of Python is a loop again. A derivative's backward run is made of segments like the
forward one, and computes what it needs of a forward segment again from where that segment began.

Equations are alike when they have equal operations, parameters and types and find their operands equally far back;
what comes from further than NEAR is "far" for both, since backward runs read forward values at growing distances.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core import lowering
from ..core.program import Eqn, Literal, Program, Var
from ..records import record

NEAR = 64  # equations; operands from further back are not told apart
GRAM = 12  # equations in a row that must be alike before a distance is tried as a period
LEAST = 240  # equations of a run; shorter ones are quick to compile as they are
LEAST_PERIODS = 4
LENGTH = 96  # equations of a segment


@record(frozen=True)
class Run:
    """Equations start to end, each like the one a period before."""

    start: int
    end: int
    period: int


def segments(program: Program) -> dict[Eqn, int]:
    """The number of the segment of every equation in runs, and of equations like theirs between runs; in order."""
    eqns = program.eqns
    if len(eqns) < LEAST:
        return {}
    position = {v: k for k, eqn in enumerate(eqns) for v in eqn.outs}
    marks = _marks(eqns, position)
    found = [run for run in _runs(marks) if _is_elementwise(eqns[run.start : run.end])]
    if sum(run.end - run.start for run in found) < LEAST:
        return {}
    periods = max(1, LENGTH // max(run.period for run in found))
    numbers = [0] * len(eqns)
    for run in found:
        length, start = periods * run.period, run.start + _narrowest(eqns, position, run)
        for k in range(start, len(eqns)):  # those after the run are one more segment, until another run says other
            numbers[k] = numbers[start - 1] + 1 + (min(k, run.end) - start) // length + (k >= run.end)
    shapes = {eqns[run.start].outs[0].aval.shape for run in found}
    return {eqn: n for eqn, n in zip(eqns, numbers) if _is_elementwise([eqn]) and eqn.outs[0].aval.shape in shapes}


def _marks(eqns: list[Eqn], position: dict[Var, int]) -> list[int]:
    """One number for every equation, equal for equations that are alike."""
    known: dict[tuple, int] = {}
    marks = []
    for k, eqn in enumerate(eqns):
        distances = [0 if type(a) is Literal else k - position.get(a, -NEAR) for a in eqn.inputs]
        operands = tuple(
            a.key if type(a) is Literal else d if d < NEAR else "far" for a, d in zip(eqn.inputs, distances)
        )
        types = tuple((v.aval.shape, v.aval.dtype) for v in eqn.outs)
        form = (eqn.prim, repr(eqn.params), types, operands)
        marks.append(known.setdefault(form, len(known)))
    return marks


def _runs(marks: list[int]) -> Iterator[Run]:
    """Runs of at least LEAST_PERIODS, in order, as far as they go."""
    last: dict[tuple, int] = {}
    k = GRAM
    while k <= len(marks):
        gram = tuple(marks[k - GRAM : k])
        before, last[gram] = last.get(gram), k
        if before is not None:
            period, end = k - before, k
            while end < len(marks) and marks[end] == marks[end - period]:
                end += 1
            start = before - GRAM
            while start > 0 and marks[start - 1] == marks[start - 1 + period]:
                start -= 1
            if end - start >= max(LEAST_PERIODS * period, 2 * GRAM):
                yield Run(start, end, period)
                last.clear()
                k = end + GRAM - 1
        k += 1


def _is_elementwise(eqns: list[Eqn]) -> bool:
    """Whether all equations compute elements of arrays of one shape."""
    shape = eqns[0].outs[0].aval.shape
    return all(isinstance(eqn.prim.lower, lowering.Scalar) and eqn.outs[0].aval.shape == shape for eqn in eqns)


def _narrowest(eqns: list[Eqn], position: dict[Var, int], run: Run) -> int:
    """Where in a period the fewest values are on their way to later equations of the run."""
    begin = run.start + run.period  # the second period: what it reads may come from the first
    read_last: dict[int, int] = {}  # position of an equation -> of the last one nearby that reads it
    for k in range(begin, begin + 2 * run.period):
        for a in eqns[k].inputs:
            made = position.get(a, -NEAR) if type(a) is Var else -NEAR
            if k - made < min(run.period, NEAR):
                read_last[made] = k
    boundaries = range(begin, begin + run.period)
    crossing = [sum(made < b <= last for made, last in read_last.items()) for b in boundaries]
    return crossing.index(min(crossing))
