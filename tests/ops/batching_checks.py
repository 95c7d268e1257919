"""vmap of every op, outside and inside of its derivatives, over every axis, against a loop.

With this module one can verify the batching rule of an op at one of its cases (`check_batching`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from registry_cases import Case, assert_close, call, pairing, random_like, values_of

from funcgrad.core.avals import is_inexact
from funcgrad.core.check import check
from funcgrad.core.program import Program
from funcgrad.core.tracing import retrace
from funcgrad.transforms.batch import batch
from funcgrad.transforms.linearize import jvp
from funcgrad.transforms.transpose import pullback

BATCH = 6  # no sample has an axis of this length, so an axis mixed up is a shape that does not fit


def examples(case: Case) -> list[list[Any]]:
    """For each operand, BATCH different values near the sample's."""
    return [[_vary(a, k) for k in range(BATCH)] for a in case.args]


def _vary(value: Any, k: int) -> Any:
    value = np.asarray(value)
    if value.dtype.kind in "fc":
        return (value * value.dtype.type(1 + 0.01 * k))[()]
    if value.size > 1:
        return np.roll(value, k)
    return (value ^ (k % 2 == 1) if value.dtype == np.bool_ else value + value.dtype.type(k))[()]


def batch_axes(case: Case) -> list[tuple[int | None, ...]]:
    """Every axis of every operand alone, all in front, all at the end, and mixed."""
    ndims = [np.ndim(a) for a in case.args]
    out = [
        tuple(axis if j == i else None for j in range(len(ndims))) for i, n in enumerate(ndims) for axis in range(n + 1)
    ]
    out += [tuple(0 for _ in ndims), tuple(ndims), tuple(n if i % 2 else 0 for i, n in enumerate(ndims))]
    return list(dict.fromkeys(out))


def check_batching(case: Case, derivatives: bool = True) -> int:
    """vmap of the op, its jvp and its vjp, and jvp and vjp of its vmap, against a loop; returns how many."""
    if not case.args:
        return 0
    count = 0
    for axes in batch_axes(case):
        compare_with_loop(case, case.program, examples(case), axes, "vmap")
        count += 1
    if not (derivatives and case.differentiable):
        return count
    rng = case.rng()
    outs = values_of(case.program, case.args)
    tangents = [[random_like(rng, a) for _ in range(BATCH)] for a, on in zip(case.program.in_avals, case.active) if on]
    forward, _ = jvp(case.program, case.active)
    reverse, cotangents = vjp_program(case.program, case.active)
    cts = [[random_like(rng, a) for _ in range(BATCH)] for a in cotangents]
    ndims = [np.ndim(o) for o, a in zip(outs, case.program.out_avals) if is_inexact(a)][: len(cts)]
    for axes in batch_axes(case)[-3:] + batch_axes(case)[:1]:
        t_axes = [a for a, on in zip(axes, case.active) if on]
        compare_with_loop(case, forward, [*examples(case), *tangents], (*axes, *t_axes), "vmap of jvp")
        compare_with_loop(case, reverse, [*examples(case), *cts], (*axes, *ndims), "vmap of vjp")
        _compare_inside(case, axes, tangents)
        count += 4
    return count


def vjp_program(program: Program, active: tuple[bool, ...]) -> tuple[Program, list[Any]]:
    """(inputs, cotangents of active outputs) -> cotangents of active inputs; and the types of the cotangents."""
    backward, parts = pullback(program, active, False)
    ct_avals = [a for a, on in zip(program.out_avals, parts.active_outputs) if on]
    n = len(program.inputs)

    def value(*values: Any) -> list[Any]:
        return call(backward, [*call(parts.forward, values[:n])[len(program.outputs) :], *values[n:]])

    return retrace(value, [*program.in_avals, *ct_avals]), ct_avals


def stacked(rows: list[Any], axis: int | None) -> Any:
    """The batched operand, or the first example where there is no axis."""
    return rows[0] if axis is None else np.stack(rows, axis)


def compare_with_loop(
    case: Case, program: Program, rows: list[list[Any]], axes: tuple[int | None, ...], what: str
) -> None:
    """The batched program against one evaluation for each example."""
    batched, out_axes = batch(program, BATCH, tuple(axes))
    check(batched)
    got = values_of(batched, [stacked(r, a) for r, a in zip(rows, axes)])
    for k in range(BATCH):
        expected = values_of(program, [r[0] if a is None else r[k] for r, a in zip(rows, axes)])
        for g, e, a in zip(got, expected, out_axes, strict=True):
            part = g if a is None else np.take(g, k, axis=a)
            assert_close(part, e, 1e-5 if case.single else 1e-12, f"{case.name}: {what} {axes}, example {k}")


def _compare_inside(case: Case, axes: tuple[int | None, ...], tangents: list[list[Any]]) -> None:
    """jvp and vjp of the batched op against the loop over the jvp of the op."""
    batched, out_axes = batch(case.program, BATCH, axes)
    operands = [stacked(r, a) for r, a in zip(examples(case), axes)]
    moved = [stacked(t, a) for t, a in zip(tangents, [a for a, on in zip(axes, case.active) if on])]
    both, active_outputs = jvp(batched, case.active)
    t_outs = values_of(both, [*operands, *moved])[len(batched.outputs) :]
    single, single_active = jvp(case.program, case.active)
    assert active_outputs == single_active, f"{case.name}: batching changes which outputs are active"
    places = [a for a, on in zip(out_axes, active_outputs) if on]
    t_axes = [a for a, on in zip(axes, case.active) if on]
    for k in range(BATCH):
        primals = [r[0] if a is None else r[k] for r, a in zip(examples(case), axes)]
        t_in = [t[0] if a is None else t[k] for t, a in zip(tangents, t_axes)]
        expected = values_of(single, [*primals, *t_in])[len(case.program.outputs) :]
        for g, e, a in zip(t_outs, expected, places, strict=True):
            part = g if a is None else np.take(g, k, axis=a)
            assert_close(part, e, 1e-5 if case.single else 1e-12, f"{case.name}: jvp of vmap {axes}, example {k}")
    _compare_pullback(case, batched, operands, moved, t_outs)


def _compare_pullback(
    case: Case, batched: Program, operands: list[Any], tangents: list[Any], t_outs: list[Any]
) -> None:
    """<ct, J t> = <J^T ct, t> for the batched op, where <ct, t> = Re(ct * t)."""
    reverse, ct_avals = vjp_program(batched, case.active)
    rng = case.rng()
    cts = [random_like(rng, a) for a in ct_avals]
    grads = values_of(reverse, [*operands, *cts])
    left, right = pairing(cts, t_outs), pairing(grads, tangents)
    scale = pairing([np.abs(c) for c in cts], [np.abs(t) for t in t_outs])
    tolerance = 1e-5 if case.single else 1e-13
    ok = left == right or abs(left - right) <= tolerance * max(scale, 1) or (np.isnan(left) and np.isnan(right))
    assert ok, f"{case.name}: dot product test of vmap: {left} and {right}"
