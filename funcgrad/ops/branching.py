"""`switch`: one of several programs, chosen by a number that is data.

    outs = switch(index, operands)      the outputs of branches[clamp(index, 0, n - 1)](operands)

Its derivative is a switch over the derivatives of the branches; what a branch leaves for its derivative travels in
slots that all branches share. Batched over the index, cheap branches are all computed and selected from; otherwise one
example is done after the other, each in its own branch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Primitive, Zero
from ..core.program import Eqn, Literal, Program, as_function, memoized
from ..core.tracing import retrace
from ..transforms.batch import batch as batch_program
from ..transforms.linearize import instantiate
from ..transforms.linearize import linearize as linearize_program
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import transpose as transpose_program
from . import contraction, control, elementwise, layout
from .programs import call, in_front, lanes, split, zeros
from .rules import is_linear, library
from .samples import Sample, array

Branches = tuple[Program, ...]
CHEAP = (lowering.Scalar, lowering.IndexMap, lowering.Reduce)


def _impl(index: Any, *args: Any, branches: Branches) -> list[Any]:
    return as_function(branches[min(max(int(index), 0), len(branches) - 1)])(*args)


def _aval(index: ShapedArray, *args: ShapedArray, branches: Branches) -> list[ShapedArray]:
    if index.shape or index.dtype.kind not in "iu":
        raise TypeError(f"switch: the index must be an integer scalar, got {index}")
    for branch in branches:
        if branch.in_avals != list(args) or branch.out_avals != branches[0].out_avals:
            raise TypeError(
                f"switch: a branch of type {branch.in_avals} -> {branch.out_avals} does not fit operands {list(args)} "
                f"and results {branches[0].out_avals}"
            )
    return branches[0].out_avals


# --- derivative -----------------------------------------------------------------------------------------------------------


@memoized
def _tangent_branches(first: Program, others: Branches, mask: tuple[bool, ...]) -> tuple[Branches, Branches, tuple[int, ...], tuple[bool, ...]]:
    """The branches with residuals in shared slots as further outputs; the linear branches of (operands that are
    residuals, slots, tangents); the positions of those operands; which outputs have tangents.
    """
    parts = [linearize_program(branch, mask) for branch in (first, *others)]
    active = tuple(map(any, zip(*[p.active_outputs for p in parts])))
    count = len(first.outputs)
    residuals = [p.forward.outputs[count:] for p in parts]
    operands = sorted({p.forward.inputs.index(a) for p, rs in zip(parts, residuals) for a in rs if a in p.forward.inputs})
    stored = [[a for a in rs if not isinstance(a, Literal) and a not in p.forward.inputs] for p, rs in zip(parts, residuals)]
    slots = _slots([[a.aval for a in atoms] for atoms in stored])
    places = [_places([a.aval for a in atoms], slots) for atoms in stored]
    forward = [_with_slots(p.forward, count, atoms, place, slots) for p, atoms, place in zip(parts, stored, places)]
    linear = [_linear_branch(p, count, operands, place, slots, active, first) for p, place in zip(parts, places)]
    return tuple(forward), tuple(linear), tuple(operands), active


def _slots(needed: list[list[ShapedArray]]) -> list[ShapedArray]:
    """For every type as many slots as the branch that needs most of it."""
    most: Counter[ShapedArray] = Counter()
    for avals in needed:
        most |= Counter(avals)
    return [aval for aval, n in most.items() for _ in range(n)]


def _places(avals: list[ShapedArray], slots: list[ShapedArray]) -> list[int]:
    """For each residual of a branch, its slot: the first free one of its type."""
    free = list(range(len(slots)))
    return [free.pop(next(k for k, s in enumerate(free) if slots[s] is aval)) for aval in avals]


def _with_slots(forward: Program, count: int, stored: list[Any], places: list[int], slots: list[ShapedArray]) -> Program:
    inner = Program(forward.inputs, forward.eqns, [*forward.outputs[:count], *stored])

    def with_slots(*values: Any) -> list[Any]:
        results = call(inner, values)
        filled = dict(zip(places, results[count:]))
        return [*results[:count], *(filled[k] if k in filled else zeros(a) for k, a in enumerate(slots))]

    return dead_code_elimination(retrace(with_slots, forward.in_avals))


def _linear_branch(
    parts: Any, count: int, operands: list[int], places: list[int], slots: list[ShapedArray], active: Sequence[bool], first: Program
) -> Program:
    inputs, residuals = parts.forward.inputs, parts.forward.outputs[count:]

    def linear(*values: Any) -> list[Any]:
        given, slot_values, tangents = split(values, len(operands), len(slots))
        taken = iter(places)
        saved = []
        for a in residuals:
            if isinstance(a, Literal):
                saved.append(a.value)
            elif a in inputs:
                saved.append(given[operands.index(inputs.index(a))])
            else:
                saved.append(slot_values[next(taken)])
        outs = iter(call(parts.linear, [*saved, *tangents]))
        t_outs = [next(outs) if on else None for on in parts.active_outputs]
        return [zeros(a.aval) if t is None else t for t, a, on in zip(t_outs, first.outputs, active) if on]

    tangents = [v.aval for v in parts.linear.inputs[len(residuals) :]]
    return dead_code_elimination(retrace(linear, [*(inputs[i].aval for i in operands), *slots, *tangents]))


def _linearize(index: Any, *args: Any, active: tuple[bool, ...], branches: Branches) -> tuple[list[Any], Any]:
    mask = tuple(on and is_inexact(v.aval) for on, v in zip(active[1:], branches[0].inputs))
    forward, linear, operands, active_outputs = _tangent_branches(branches[0], branches[1:], mask)
    results = switch(index, *args, branches=forward)
    count = len(branches[0].outputs)
    outs, slots = results[:count], results[count:]
    fixed = [args[i] for i in operands]

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, on in zip(tangents[1:], mask) if on]
        t_out = iter(switch(index, *fixed, *slots, *t_in, branches=linear))
        return [next(t_out) if on else Zero(a) for on, a in zip(active_outputs, branches[0].out_avals)]

    return outs, tangent_map


def _transpose(cts: Any, index: Any, *args: Any, branches: Branches) -> list[Any]:
    linear = tuple(is_linear(a) for a in args)
    backward = tuple(_transposed(b, linear) for b in branches)
    fixed = [a for a in args if not is_linear(a)]
    results = iter(switch(index, *fixed, *map(instantiate, cts), branches=backward))
    return [None, *(next(results) if on else None for on in linear)]


@memoized
def _transposed(branch: Program, linear: tuple[bool, ...]) -> Program:
    order = [v for v, on in zip(branch.inputs, linear) if not on] + [v for v, on in zip(branch.inputs, linear) if on]
    return transpose_program(Program(order, branch.eqns, branch.outputs), sum(linear))


# --- batches ----------------------------------------------------------------------------------------------------------------


def _batch(size: int, args: list, axes: list, *, branches: Branches) -> tuple[list, list]:
    index, operands = args[0], args[1:]
    cheap = all(isinstance(eqn.prim.lower, CHEAP) for branch in branches for eqn in branch.eqns)
    if axes[0] is not None and not cheap:
        return lanes(control.scan, size, args, axes, lambda *values: switch(*values, branches=branches))
    moved, on = in_front(size, operands, axes[1:])
    batched, out_on = _batched_branches(branches[0], branches[1:], size, tuple(on), axes[0] is not None)
    if axes[0] is None:
        return switch(index, *moved, branches=batched), [0 if b else None for b in out_on]
    choices = [call(branch, moved) for branch in batched]
    outs = choices[-1]
    for number in reversed(range(len(branches) - 1)):
        this = elementwise.le(index, layout.fill(number, (size,), index.dtype))
        outs = [_choose(this, x, y) for x, y in zip(choices[number], outs)]
    return outs, [0] * len(outs)


def _choose(condition: Any, x: Any, y: Any) -> Any:
    return elementwise.select(layout.broadcast(condition, shape=tuple(x.shape), dims=(0,)), x, y)


@memoized
def _batched_branches(first: Program, others: Branches, size: int, on: tuple[bool, ...], every: bool) -> tuple[Branches, tuple[bool, ...]]:
    """Batched branches which agree on the outputs that have a batch axis, and where that is (`every`: everywhere)."""
    axes = tuple(0 if b else None for b in on)
    made = [batch_program(branch, size, axes) for branch in (first, *others)]
    out_on = tuple(every or any(a is not None for a in column) for column in zip(*[out_axes for _, out_axes in made]))
    return tuple(_aligned(program, out_axes, out_on, size) for program, out_axes in made), out_on


def _aligned(program: Program, out_axes: Sequence[int | None], out_on: Sequence[bool], size: int) -> Program:
    def aligned(*values: Any) -> list[Any]:
        outs = call(program, values)
        return [layout.with_batch_axis(o, size, a, 0) if b else o for o, a, b in zip(outs, out_axes, out_on)]

    return retrace(aligned, program.in_avals)


def _prune(eqn: Eqn, used: tuple[bool, ...]) -> Eqn:
    """The switch without results nobody reads, and without operands that no branch needs for the others."""
    branches = eqn.params["branches"]
    thin, kept = _pruned_branches(branches[0], branches[1:], used)
    inputs = (eqn.inputs[0], *[a for a, k in zip(eqn.inputs[1:], kept) if k])
    return eqn.replace(inputs=inputs, outs=tuple([v for v, u in zip(eqn.outs, used) if u]), params=dict(branches=thin))


@memoized
def _pruned_branches(first: Program, others: Branches, used: tuple[bool, ...]) -> tuple[Branches, tuple[bool, ...]]:
    thin = [
        dead_code_elimination(Program(b.inputs, b.eqns, [o for o, u in zip(b.outputs, used) if u])) for b in (first, *others)
    ]
    read = [{a for eqn in b.eqns for a in eqn.inputs} | set(b.outputs) for b in thin]
    kept = tuple(any(b.inputs[i] in r for b, r in zip(thin, read)) for i in range(len(first.inputs)))
    return tuple(Program([v for v, k in zip(b.inputs, kept) if k], b.eqns, b.outputs) for b in thin), kept


# --- samples ----------------------------------------------------------------------------------------------------------------


def _samples() -> list[Sample]:
    f64, vec, mat = shaped((), np.float64), shaped((2,), np.float64), shaped((2, 2), np.float64)
    count = shaped((), np.int64)
    scalar = (
        retrace(lambda x, y: [elementwise.sin(x) * y, y], [f64, f64]),
        retrace(lambda x, y: [x * x, elementwise.exp(x) + y], [f64, f64]),
        retrace(lambda x, y: [layout.fill(1.5, (), np.float64), x], [f64, f64]),
    )
    counted = (
        retrace(lambda k, x: [x * 2.0, k], [count, vec]),
        retrace(lambda k, x: [elementwise.cos(x), k + layout.fill(1, (), np.int64)], [count, vec]),
    )
    product = lambda w, x: contraction.dot_general(w, x, contract=((1,), (0,)), batch=((), ()))
    costly = (
        retrace(lambda w, x: [product(w, elementwise.sin(x))], [mat, vec]),
        retrace(lambda w, x: [x * x], [mat, vec]),
    )
    return [
        *[Sample([np.int64(k), array(), array()], dict(branches=scalar)) for k in (0, 1, 2, -3, 7)],
        *[Sample([np.int64(k), np.int64(4), array(2)], dict(branches=counted)) for k in (0, 1)],
        *[Sample([np.int64(k), array(2, 2), array(2)], dict(branches=costly)) for k in (0, 1)],
    ]


switch: Primitive = library(
    "switch", _impl, aval=_aval, batch=_batch, lower=lowering.Branch(), samples=_samples,
    linearize=_linearize, transpose=_transpose, multiple_results=True, activity=True, prune=_prune,
)  # fmt: skip


