"""`while_loop`: a body program run while a condition program holds, and its derivatives of every order in both modes.

    while cond(cond_consts, carry):  carry = body(body_consts, carry)

The number of steps is not known before the loop has run, so the derivative is a linear map given by two programs:

    forward    the loop again, with the tangents carried along
    backward   `while_backward`: the loop again, its states kept on a tape that grows; then its steps in reverse,
               each pulling the cotangents back by one

Both take the operands of the loop and nothing it computed, so no tape is ever a value of a program: it lives inside
one equation and is freed with it. The derivative of `while_backward` uses that Hessians are symmetric: for g, the
gradient of <ct, while(x)>,  dg/dx v  is the gradient of  <ct, dwhile/dx v>,  and the inner product is again a loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Primitive, Zero
from ..core.program import Program, as_function, has_effects, memoized
from ..core.tracing import retrace
from ..transforms.batch import batch as batch_program
from ..transforms.linearize import instantiate
from ..transforms.linearize import jvp as jvp_program
from ..transforms.linearize import linearize as linearize_program
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import transpose as transpose_program
from . import control, elementwise, layout, while_lanes
from .linear_call import linear_call
from .programs import call, in_front, lanes, once_more, split, type_of, zeros
from .rules import library
from .samples import Sample, array

Mask = tuple[bool, ...]


def _impl(*args: Any, cond: Program, body: Program, cond_consts: int, body_consts: int) -> list[Any]:
    fixed, consts, carry = split(args, cond_consts, body_consts)
    test, step = as_function(cond), as_function(body)
    while test(*fixed, *carry)[0]:
        carry = step(*consts, *carry)
    return list(carry)


def _aval(*args: ShapedArray, cond: Program, body: Program, cond_consts: int, body_consts: int) -> list[ShapedArray]:
    fixed, consts, carry = split(args, cond_consts, body_consts)
    if cond.in_avals != [*fixed, *carry] or cond.out_avals != [shaped((), np.bool_)]:
        raise TypeError(f"while_loop: a condition of type {cond.in_avals} -> {cond.out_avals} does not fit operands {list(args)}")
    if body.in_avals != [*consts, *carry] or body.out_avals != carry:
        raise TypeError(f"while_loop: a body of type {body.in_avals} -> {body.out_avals} does not fit operands {list(args)}")
    return carry


# --- derivative -----------------------------------------------------------------------------------------------------------


def tangent_maps(
    active: Mask, *, cond: Program, body: Program, cond_consts: int, body_consts: int
) -> tuple[Mask, Program, Program]:
    """Which inputs of the body have tangents, and the linear map of the loop as two programs, see the module's head."""
    cond, body = once_more("while_loop", cond), once_more("while_loop", body)
    mask = control.active_inputs(body, active[cond_consts:], body_consts, len(body.outputs))
    key = (body, cond, mask, cond_consts, body_consts)
    return mask, _tangent_program(*key), _cotangent_program(*key)


def _linearize(*args: Any, active: Mask, **params: Any) -> tuple[list[Any], Any]:
    outs = while_loop(*args, **params)
    mask, forward, backward = tangent_maps(active, **params)

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, on in zip(tangents[params["cond_consts"] :], mask) if on]
        t_out = iter(linear_call(*args, *t_in, forward=forward, backward=backward, residuals=len(args)))
        return [next(t_out) if on else Zero(type_of(o)) for o, on in zip(outs, mask[params["body_consts"] :])]

    return outs, tangent_map


@memoized
def _tangent_loop(body: Program, cond: Program, mask: Mask, cond_consts: int, body_consts: int) -> tuple[Program, Program]:
    """The condition and the body of the loop that carries tangents along:
    consts + their tangents, carry + its tangents.
    """
    both, active_outputs = jvp_program(body, mask)
    n_const, carries = sum(mask[:body_consts]), len(body.outputs)
    t_avals = [a for a, on in zip(body.in_avals, mask) if on]

    def step(*values: Any) -> list[Any]:
        consts, t_consts, carry, t_carry = split(values, body_consts, n_const, carries)
        results = call(both, [*consts, *carry, *t_consts, *t_carry])
        given = iter(results[carries:])
        t_outs = [next(given) if on else zeros(a) for on, a in zip(active_outputs, body.out_avals)]
        return [*results[:carries], *(t for t, on in zip(t_outs, mask[body_consts:]) if on)]

    avals = split(body.in_avals, body_consts)
    inputs = [*avals[0], *t_avals[:n_const], *avals[1], *t_avals[n_const:]]
    test = retrace(lambda *values: call(cond, values[: cond_consts + carries]), [*cond.in_avals, *t_avals[n_const:]])
    return test, retrace(step, inputs)


def _with_tangents(
    args: Sequence[Any], tangents: Sequence[Any], mask: Mask, cond_consts: int, body_consts: int
) -> list[Any]:
    """The operands of the loop that carries tangents."""
    fixed, consts, carry = split(args, cond_consts, body_consts)
    n_const = sum(mask[:body_consts])
    return [*fixed, *consts, *tangents[:n_const], *carry, *tangents[n_const:]]


@memoized
def _tangent_program(body: Program, cond: Program, mask: Mask, cond_consts: int, body_consts: int) -> Program:
    """(operands, tangents of the active ones) -> tangents of the active carries."""
    test, step = _tangent_loop(body, cond, mask, cond_consts, body_consts)
    avals, t_avals, carries = _operand_avals(body, cond, mask, cond_consts)

    def forward(*values: Any) -> list[Any]:
        args = _with_tangents(values[: len(avals)], values[len(avals) :], mask, cond_consts, body_consts)
        count = body_consts + sum(mask[:body_consts])
        return while_loop(*args, cond=test, body=step, cond_consts=cond_consts, body_consts=count)[carries:]

    return retrace(forward, [*avals, *t_avals])


def _operand_avals(body: Program, cond: Program, mask: Mask, cond_consts: int) -> tuple[list, list, int]:
    """Types of the operands of the loop, of the active ones among them, and the number of carries."""
    avals = [*cond.in_avals[:cond_consts], *body.in_avals]
    return avals, [a for a, on in zip(body.in_avals, mask) if on], len(body.outputs)


@memoized
def _cotangent_program(body: Program, cond: Program, mask: Mask, cond_consts: int, body_consts: int) -> Program:
    """(operands, cotangents of the active carries) -> cotangents of the active operands."""
    avals, _, _ = _operand_avals(body, cond, mask, cond_consts)
    params = dict(cond=cond, body=body, cond_consts=cond_consts, body_consts=body_consts, mask=mask)
    cts = [a for a, on in zip(body.out_avals, mask[body_consts:]) if on]
    return retrace(lambda *values: while_backward(*values, **params), [*avals, *cts])


# --- reverse ----------------------------------------------------------------------------------------------------------------


@memoized
def pull_step(body: Program, mask: Mask, body_consts: int) -> Program:
    """(consts, carry, sums, cotangents of the carry) -> (sums, cotangents of the carry one iteration before), for the
    active ones.
    """
    parts = linearize_program(body, mask)
    n_const, count = sum(mask[:body_consts]), len(body.outputs)
    backward = transpose_program(parts.linear, sum(mask))
    in_loop = [on for on, active in zip(parts.active_outputs, mask[body_consts:]) if active]

    def step(*values: Any) -> list[Any]:
        primals, sums, cts = split(values, len(body.inputs), n_const)
        residuals = call(parts.forward, primals)[count:]
        results = call(backward, [*residuals, *(ct for ct, on in zip(cts, in_loop) if on)])
        return [*[elementwise.add(s, ct) for s, ct in zip(sums, results)], *results[n_const:]]

    t_avals = [a for a, on in zip(body.in_avals, mask) if on]
    return dead_code_elimination(retrace(step, [*body.in_avals, *t_avals]))


def _backward_impl(
    *args: Any, cond: Program, body: Program, cond_consts: int, body_consts: int, mask: Mask
) -> list[Any]:
    fixed, consts, carry, cts = split(args, cond_consts, body_consts, len(body.outputs))
    test, step, pull = as_function(cond), as_function(body), as_function(pull_step(body, mask, body_consts))
    tape = []
    while test(*fixed, *carry)[0]:
        tape.append(carry)
        carry = step(*consts, *carry)
    flowing = [*(np.zeros(np.shape(c), c.dtype)[()] for c, on in zip(consts, mask) if on), *cts]
    while tape:
        flowing = pull(*consts, *tape.pop(), *flowing)
    return list(flowing)


def _backward_aval(
    *args: ShapedArray, cond: Program, body: Program, cond_consts: int, body_consts: int, mask: Mask
) -> list[ShapedArray]:
    operands, cts = split(args, cond_consts + len(body.inputs))
    _aval(*operands, cond=cond, body=body, cond_consts=cond_consts, body_consts=body_consts)
    expected = [a for a, on in zip(body.out_avals, mask[body_consts:]) if on]
    if cts != expected:
        raise TypeError(f"while_backward: cotangents {cts} do not fit carries {expected}")
    return [a for a, on in zip(body.in_avals, mask) if on]


def _backward_linearize(*args: Any, active: Mask, **params: Any) -> tuple[list[Any], Any]:
    """Linear in the cotangents; along the other operands, the symmetric second derivative."""
    cond, body, cond_consts, body_consts, mask = (params[k] for k in ("cond", "body", "cond_consts", "body_consts", "mask"))
    n_primal = cond_consts + len(body.inputs)
    moving = tuple([on or new for on, new in zip(mask, active[cond_consts:n_primal])])
    wide = control.active_inputs(body, moving, body_consts, len(body.outputs))
    if wide != mask:
        return _linearize_wider(args, active[:n_primal], params, wide)
    key = (body, cond, mask, cond_consts, body_consts)
    outs = while_backward(*args, **params)
    primals = args[:n_primal]
    forward, backward, second = _cotangent_program(*key), _tangent_program(*key), _second_program(*key)

    def tangent_map(*tangents: Any) -> list[Any]:
        terms = []
        t_primal = [t for t, on in zip(tangents[cond_consts:n_primal], mask) if on]
        if any(type(t) is not Zero for t in tangents[n_primal:]):
            cts = map(instantiate, tangents[n_primal:])
            terms.append(linear_call(*primals, *cts, forward=forward, backward=backward, residuals=n_primal))
        if any(type(t) is not Zero for t in t_primal):
            v = map(instantiate, t_primal)
            terms.append(linear_call(*args, *v, forward=second, backward=second, residuals=len(args)))
        if not terms:
            return [Zero(type_of(o)) for o in outs]
        return terms[0] if len(terms) == 1 else [elementwise.add(x, y) for x, y in zip(*terms)]

    return outs, tangent_map


def _linearize_wider(args: Sequence[Any], active: Mask, params: dict, wide: Mask) -> tuple[list[Any], Any]:
    """Operands that were constants of the first derivative move now: the backward pass for these, too, of which the
    results asked for are taken; further carries have the cotangent zero.
    """
    body, body_consts, mask = params["body"], params["body_consts"], params["mask"]
    count = len(active)
    carries = [(on, a) for on, w, a in zip(mask[body_consts:], wide[body_consts:], body.out_avals) if w]
    wanted = [on for on, w in zip(mask, wide) if w]

    def with_all(cts: Sequence[Any], make: Any) -> list[Any]:
        given = iter(cts)
        return [next(given) if on else make(a) for on, a in carries]

    full = [*args[:count], *with_all(args[count:], zeros)]
    all_active = (*active, *[True] * len(carries))
    outs, tangent_map = _backward_linearize(*full, active=all_active, **{**params, "mask": wide})

    def wanted_tangents(*tangents: Any) -> list[Any]:
        results = tangent_map(*tangents[:count], *with_all(tangents[count:], Zero))
        return [r for r, on in zip(results, wanted) if on]

    return [o for o, on in zip(outs, wanted) if on], wanted_tangents


@memoized
def _second_program(body: Program, cond: Program, mask: Mask, cond_consts: int, body_consts: int) -> Program:
    """(operands, cotangents, direction v) -> H v, for H the Hessian of <cotangents, carries> in the active operands."""
    test, step = _tangent_loop(body, cond, mask, cond_consts, body_consts)
    avals, t_avals, _ = _operand_avals(body, cond, mask, cond_consts)
    ct_avals = [a for a, on in zip(body.out_avals, mask[body_consts:]) if on]
    n_const = sum(mask[:body_consts])
    count = body_consts + n_const
    active = tuple(is_inexact(a) for a in step.in_avals)
    wanted = [*mask[:body_consts], *[False] * n_const, *mask[body_consts:], *[False] * sum(mask[body_consts:])]

    def second(*values: Any) -> list[Any]:
        args, cts, v = split(values, len(avals), len(ct_avals))
        operands = _with_tangents(args, v, mask, cond_consts, body_consts)
        all_cts = [*(zeros(a) for a in body.out_avals if is_inexact(a)), *cts]
        results = iter(while_backward(*operands, *all_cts, cond=test, body=step, cond_consts=cond_consts, body_consts=count, mask=active))
        return [r for r, w in ((next(results) if on else None, w) for on, w in zip(active, wanted)) if w]

    return retrace(second, [*avals, *ct_avals, *t_avals])


# --- batches ----------------------------------------------------------------------------------------------------------------


def _own_length(size: int, cond: Program, on: list[bool]) -> bool:
    """Whether each example has a condition of its own."""
    return batch_program(cond, size, tuple(0 if b else None for b in on))[1][0] is not None


def _batch(size: int, args: list, axes: list, **params: Any) -> tuple[list, list]:
    """In step where all examples make equally many steps; otherwise each to its own end."""
    cond, body, cond_consts, body_consts = (params[k] for k in ("cond", "body", "cond_consts", "body_consts"))
    moved, on = in_front(size, args, axes)
    given, inner = split(on, cond_consts)
    inner = control.batched_inputs(body, size, inner, body_consts, len(body.outputs))
    test_on = [*given, *inner[body_consts:]]
    if _own_length(size, cond, test_on):
        if has_effects(cond) or has_effects(body):
            return lanes(control.scan, size, args, axes, lambda *values: while_loop(*values, **params))
        return while_lanes.make(size, args, axes, params)
    moved = _with_axes(size, moved, on, [*given, *inner])
    batched = dict(
        cond=_batched_condition(cond, size, tuple(test_on)),
        body=control.batched_body(body, size, tuple(inner), body_consts, len(body.outputs)),
        cond_consts=cond_consts, body_consts=body_consts,
    )  # fmt: skip
    return while_loop(*moved, **batched), [0 if b else None for b in inner[body_consts:]]


def _with_axes(size: int, args: Sequence[Any], on: Sequence[bool], wanted: Sequence[bool]) -> list[Any]:
    return [layout.with_batch_axis(x, size, None, 0) if w and not b else x for x, b, w in zip(args, on, wanted)]


@memoized
def _batched_condition(cond: Program, size: int, on: Mask) -> Program:
    return batch_program(cond, size, tuple(0 if b else None for b in on))[0]


def _backward_batch(size: int, args: list, axes: list, **params: Any) -> tuple[list, list]:
    cond, body, cond_consts, body_consts, mask = (params[k] for k in ("cond", "body", "cond_consts", "body_consts", "mask"))
    moved, on = in_front(size, args, axes)
    given, inner, _ = split(on, cond_consts, len(body.inputs))
    # The cotangent of an unbatched operand differs from example to example: what is active gets the axis.
    inner = [b or m for b, m in zip(inner, mask)]
    inner = control.batched_inputs(body, size, inner, body_consts, len(body.outputs))
    test_on = [*given, *inner[body_consts:]]
    if _own_length(size, cond, test_on):
        return lanes(control.scan, size, args, axes, lambda *values: while_backward(*values, **params))
    moved = _with_axes(size, moved, on, [*given, *inner, *[True] * sum(mask[body_consts:])])
    batched = dict(
        cond=_batched_condition(cond, size, tuple(test_on)),
        body=control.batched_body(body, size, tuple(inner), body_consts, len(body.outputs)),
        cond_consts=cond_consts, body_consts=body_consts, mask=mask,
    )  # fmt: skip
    outs = while_backward(*moved, **batched)
    return outs, [0] * len(outs)


# --- samples ----------------------------------------------------------------------------------------------------------------


def sample_loops() -> list[tuple[dict, list[Any]]]:
    """Growth up to a limit, a counted loop with arrays, a loop that ends at once."""
    f64, vec, count = shaped((), np.float64), shaped((2,), np.float64), shaped((), np.int64)
    one = lambda: layout.fill(1, (), np.int64)
    growth = dict(
        cond=retrace(lambda limit, x: [elementwise.lt(x, limit)], [f64, f64]),
        body=retrace(lambda a, x: [x * a + 0.1 * elementwise.sin(x)], [f64, f64]),
        cond_consts=1, body_consts=1,
    )  # fmt: skip
    counted = dict(
        cond=retrace(lambda n, k, x, y: [elementwise.lt(k, n)], [count, count, vec, f64]),
        body=retrace(lambda w, k, x, y: [k + one(), elementwise.sin(x) * w + 0.5 * x, y * 1.5], [vec, count, vec, f64]),
        cond_consts=1, body_consts=1,
    )  # fmt: skip
    return [
        (growth, [np.float64(4.0), np.float64(1.7), np.float64(0.6)]),
        (counted, [np.int64(3), array(2), np.int64(0), array(2), array()]),
        (counted, [np.int64(0), array(2), np.int64(2), array(2), array()]),
    ]


def _samples() -> list[Sample]:
    return [Sample(args, params) for params, args in sample_loops()]


def _backward_samples() -> list[Sample]:
    (growth, a), (counted, b), (_, c) = sample_loops()
    return [
        Sample([*a, array()], dict(growth, mask=(True, True))),
        Sample([*b, array(2), array()], dict(counted, mask=(True, False, True, True))),
        Sample([*c, array(2), array()], dict(counted, mask=(True, False, True, True))),
        Sample([*b, array()], dict(counted, mask=(False, False, False, True))),
    ]


while_loop: Primitive = library(
    "while_loop", _impl, aval=_aval, batch=_batch, linearize=_linearize, lower=lowering.While(), samples=_samples,
    multiple_results=True, activity=True,
)  # fmt: skip
while_backward: Primitive = library(
    "while_backward", _backward_impl, aval=_backward_aval, batch=_backward_batch, linearize=_backward_linearize, samples=_backward_samples,
    lower=lowering.WhileBackward(lambda p: pull_step(p["body"], p["mask"], p["body_consts"])), multiple_results=True, activity=True,
)  # fmt: skip
