"""Programs inside equations: `scan` runs a body program a fixed number of times with carried state.

    carry, ys = scan(consts, carry, xs):  for t: carry, y_t = body(consts, carry, xs_t)

Its rules are Program -> Program functions: the tangent of a scan is a scan of the body's tangent, its transpose a
scan in the other direction, and a batched scan carries batched state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, is_inexact, shaped
from ..core.primitive import Primitive, Zero
from ..core.program import Eqn, Literal, Program, Var, as_function, memoized
from ..core.tracing import retrace
from ..transforms.batch import batch as batch_program
from ..transforms.batch import batched_shape
from ..transforms.linearize import instantiate
from ..transforms.linearize import linearize as linearize_program
from ..transforms.simplify import dead_code_elimination
from ..transforms.transpose import transpose as transpose_program
from . import contraction, elementwise, layout, reduction
from .programs import call, split
from .rules import is_linear, library
from .samples import Sample, array

# Operations cheap enough to be computed again in the backward pass rather than stored at every step of the loop.
CHEAP = (lowering.Scalar, lowering.IndexMap)


# --- scan ---------------------------------------------------------------------------------------------------------------


def _scan_impl(*args: Any, body: Program, consts: int, carries: int, length: int, reverse: bool) -> list[Any]:
    fixed, carry, xs = split(args, consts, carries)
    step = as_function(body)
    ys = [np.empty((length, *a.shape), a.dtype) for a in body.out_avals[carries:]]
    for t in reversed(range(length)) if reverse else range(length):
        out = step(*fixed, *carry, *[x[t] for x in xs])
        carry = out[:carries]
        for stacked, y in zip(ys, out[carries:]):
            stacked[t] = y
    return [*carry, *ys]


def _scan_aval(*args: ShapedArray, body: Program, consts: int, carries: int, length: int, reverse: bool) -> list[ShapedArray]:
    fixed, carry, xs = split(args, consts, carries)
    if any(x.ndim == 0 or x.shape[0] != length for x in xs):
        raise TypeError(f"scan: every xs must have a leading axis of length {length}, got {xs}")
    expected = [*fixed, *carry, *(x.update(shape=x.shape[1:]) for x in xs)]
    if body.in_avals != expected or body.out_avals[:carries] != carry:
        raise TypeError(f"scan: body of type {body.in_avals} -> {body.out_avals} does not fit operands {list(args)}")
    return [*carry, *(a.update(shape=(length, *a.shape)) for a in body.out_avals[carries:])]


@memoized
def active_inputs(body: Program, active: tuple[bool, ...], consts: int, carries: int) -> tuple[bool, ...]:
    """Which inputs of the body have tangents: a carry that gets one in some iteration has one in all."""
    mask = tuple(on and is_inexact(a) for on, a in zip(active, body.in_avals))
    while True:
        outs = linearize_program(body, mask).active_outputs
        grown = tuple(on or (consts <= i < consts + carries and outs[i - consts]) for i, on in enumerate(mask))
        if grown == mask:
            return mask
        mask = grown


@memoized
def _tangent_body(body: Program, active: tuple[bool, ...], consts: int, carries: int) -> tuple[Program, Program, tuple[bool, ...]]:
    """The body with residuals as further outputs; the linear body of (residuals, tangents); which outputs the latter
    has.
    """
    parts = linearize_program(body, active)
    given = (*active[consts : consts + carries], *parts.active_outputs[carries:])

    def linear(*args: Any) -> list[Any]:
        tangents = iter(call(parts.linear, args))
        outs = [next(tangents) if on else layout.fill(0, a.shape, a.dtype) for on, a in zip(parts.active_outputs, body.out_avals)]
        return [o for o, wanted in zip(outs, given) if wanted]

    return parts.forward, retrace(linear, parts.linear.in_avals), given


def _is_cheap(body: Program) -> bool:
    return all(isinstance(eqn.prim.lower, CHEAP) for eqn in body.eqns)


def _scan_linearize(
    *args: Any, active: tuple[bool, ...], body: Program, consts: int, carries: int, length: int, reverse: bool
) -> tuple[Any, Any]:
    params = dict(body=body, consts=consts, carries=carries, length=length, reverse=reverse)
    mask = active_inputs(body, active, consts, carries)
    return (_linearize_recomputing if _is_cheap(body) else _linearize_storing)(args, mask, params)


def _linearize_storing(args: Sequence[Any], mask: tuple[bool, ...], params: dict) -> tuple[Any, Any]:
    """Stack the residuals of every iteration, except those that are constants of the loop or slices of its xs."""
    body, consts, carries = params["body"], params["consts"], params["carries"]
    forward, linear_body, given = _tangent_body(body, mask, consts, carries)
    count = len(body.outputs)
    places = [_place(atom, forward, consts, carries) for atom in forward.outputs[count:]]
    kept = [a for a, place in zip(forward.outputs[count:], places) if place is None]
    outs = scan(*args, **{**params, "body": Program(forward.inputs, forward.eqns, [*forward.outputs[:count], *kept])})
    outs, stacked = outs[:count], outs[count:]
    fixed = [place.value if isinstance(place, Literal) else args[place] for place in places if _is_fixed(place, consts)]
    slices = [args[place] for place in places if isinstance(place, int) and place >= consts]

    def linear(*values: Any) -> list[Any]:
        """(fixed residuals, stacked ones, slices of xs, tangents): the residuals go back into their order."""
        f, s, x, tangents = (iter(v) for v in split(values, len(fixed), len(stacked), len(slices)))
        residuals = [next(s if place is None else f if _is_fixed(place, consts) else x) for place in places]
        return call(linear_body, [*residuals, *tangents])

    return outs, lambda *tangents: _run_tangent_scan(tangents, mask, given, params, outs, fixed, [*stacked, *slices], linear)


def _place(atom: Any, forward: Program, consts: int, carries: int) -> Any:
    """Where a residual can be had without storing it: a literal, the position of an operand, or None."""
    if isinstance(atom, Literal):
        return atom
    position = forward.inputs.index(atom) if atom in forward.inputs else None
    return None if position is None or consts <= position < consts + carries else position


def _is_fixed(place: Any, consts: int) -> bool:
    return isinstance(place, Literal) or (place is not None and place < consts)


def _linearize_recomputing(args: Sequence[Any], mask: tuple[bool, ...], params: dict) -> tuple[Any, Any]:
    """Stack only the carried state; the linear body computes the residuals again from it."""
    body, consts, carries = params["body"], params["consts"], params["carries"]

    def with_states(*values: Any) -> list[Any]:
        out = call(body, values)
        return [*out, *values[consts : consts + carries]]

    outs = scan(*args, **{**params, "body": retrace(with_states, body.in_avals)})
    outs, states = outs[: len(body.outputs)], outs[len(body.outputs) :]
    fixed, _, xs = split(args, consts, carries)
    forward, linear_body, given = _tangent_body(body, mask, consts, carries)

    def linear(*values: Any) -> list[Any]:
        primals, t_in = values[: len(body.inputs)], values[len(body.inputs) :]
        return call(linear_body, [*call(forward, primals)[len(body.outputs) :], *t_in])

    return outs, lambda *tangents: _run_tangent_scan(tangents, mask, given, params, outs, fixed, [*states, *xs], linear)


def _run_tangent_scan(
    tangents: Sequence[Any], mask: Sequence[bool], given: Sequence[bool], params: dict, outs: list, fixed: list, stacked: list, linear: Any
) -> list[Any]:
    """Scan the linear body over (fixed residuals, stacked residuals) and the tangents of active operands, carrying
    tangents.
    """
    consts, carries, length = params["consts"], params["carries"], params["length"]
    t_in = [instantiate(t) for t, on in zip(tangents, mask) if on]
    n_const, n_carry = sum(mask[:consts]), sum(mask[consts : consts + carries])
    t_const, t_carry, t_xs = split(t_in, n_const, n_carry)

    def step(*values: Any) -> list[Any]:
        f, tc, tk, s, tx = split(values, len(fixed), n_const, n_carry, len(stacked))
        return linear(*f, *s, *tc, *tk, *tx)

    elements = [shaped(tuple(v.shape[1:]), v.dtype) for v in (*stacked, *t_xs)]
    avals = [shaped(tuple(np.shape(v)), v.dtype) for v in (*fixed, *t_const, *t_carry)]
    linear_body = dead_code_elimination(retrace(step, avals + elements))
    results = scan(*fixed, *t_const, *t_carry, *stacked, *t_xs, body=linear_body, consts=len(fixed) + n_const,
                   carries=n_carry, length=length, reverse=params["reverse"])  # fmt: skip
    values = iter(results)
    return [next(values) if on else Zero(shaped(tuple(o.shape), o.dtype)) for on, o in zip(given, outs)]


def _scan_transpose(cts: Any, *args: Any, body: Program, consts: int, carries: int, length: int, reverse: bool) -> list[Any]:
    """The same loop the other way: cotangents are carried back, those of constants are summed up on the way."""
    fixed, _, xs = split(args, consts, carries)
    kinds = [is_linear(a) for a in fixed], [is_linear(x) for x in xs]
    backward = _transposed_body(body, tuple(kinds[0]), carries, tuple(kinds[1]))
    res_const = [a for a in fixed if not is_linear(a)]
    res_xs = [x for x in xs if not is_linear(x)]
    ct_carry, ct_ys = split([instantiate(ct) for ct in cts], carries)
    sums = [layout.fill(0, a.shape, a.dtype) for a in fixed if is_linear(a)]
    outs = scan(*res_const, *sums, *ct_carry, *res_xs, *ct_ys, body=backward, consts=len(res_const),
                carries=len(sums) + carries, length=length, reverse=not reverse)  # fmt: skip
    ct_const, ct_init, ct_xs = split(outs, len(sums), carries)
    ct_const, ct_xs = iter(ct_const), iter(ct_xs)
    return [*[next(ct_const) if on else None for on in kinds[0]], *ct_init, *[next(ct_xs) if on else None for on in kinds[1]]]


@memoized
def _transposed_body(body: Program, linear_consts: tuple[bool, ...], carries: int, linear_xs: tuple[bool, ...]) -> Program:
    """(residual consts, sums, ct carry, residual xs, ct ys) -> (sums + ct consts, ct carry, ct xs)."""
    fixed, carry, xs = split(body.inputs, len(linear_consts), carries)
    keep = [v for v, on in zip(fixed, linear_consts) if not on], [v for v, on in zip(xs, linear_xs) if not on]
    moved = [v for v, on in zip(fixed, linear_consts) if on] + carry + [v for v, on in zip(xs, linear_xs) if on]
    reordered = Program([*keep[0], *keep[1], *moved], body.eqns, body.outputs)
    transposed = transpose_program(reordered, len(moved))
    n_sum = sum(linear_consts)

    def backward(*values: Any) -> list[Any]:
        c, sums, ct_carry, r, ct_ys = split(values, len(keep[0]), n_sum, carries, len(keep[1]))
        cts = call(transposed, [*c, *r, *ct_carry, *ct_ys])
        return [*[elementwise.add(s, ct) for s, ct in zip(sums, cts)], *cts[n_sum:]]

    ys = [a.aval for a in body.outputs[carries:]]
    avals = [v.aval for v in (*keep[0], *moved[:n_sum], *carry, *keep[1])] + ys
    return dead_code_elimination(retrace(backward, avals))


def batched_inputs(body: Program, size: int, on: list[bool], consts: int, carries: int) -> list[bool]:
    """Which inputs of the body are batched, once batched carries have come round."""
    while True:
        _, out_axes = batch_program(body, size, tuple(0 if b else None for b in on))
        grown = [b or (consts <= i < consts + carries and out_axes[i - consts] is not None) for i, b in enumerate(on)]
        if grown == on:
            return on
        on = grown


def _scan_batch(size: int, args: list, axes: list, *, body: Program, consts: int, carries: int, length: int, reverse: bool) -> tuple[list, list]:
    on = batched_inputs(body, size, [a is not None for a in axes], consts, carries)
    is_x = [i >= consts + carries for i in range(len(args))]
    moved = [layout.with_batch_axis(v, size, a, int(x)) if b else v for v, a, b, x in zip(args, axes, on, is_x)]
    batched = batched_body(body, size, tuple(on), consts, carries)
    outs = scan(*moved, body=batched, consts=consts, carries=carries, length=length, reverse=reverse)
    carry_axes = [0 if b else None for b in on[consts : consts + carries]]
    return outs, [*carry_axes, *[1] * (len(outs) - carries)]


@memoized
def batched_body(body: Program, size: int, on: tuple[bool, ...], consts: int, carries: int) -> Program:
    """The batched body with every batch axis in front, and carries batched exactly where `on` says."""
    program, out_axes = batch_program(body, size, tuple(0 if b else None for b in on))

    def step(*values: Any) -> list[Any]:
        outs = call(program, values)
        wanted = [*on[consts : consts + carries], *[True] * (len(outs) - carries)]
        return [layout.with_batch_axis(o, size, a, 0) if w else o for o, a, w in zip(outs, out_axes, wanted)]

    return retrace(step, [v.aval.update(shape=batched_shape(v.aval.shape, size, 0 if b else None)) for v, b in zip(body.inputs, on)])


def _scan_prune(eqn: Eqn, used: tuple[bool, ...]) -> Eqn:
    """The scan without results nobody reads, and without carries and operands that only those needed."""
    p = eqn.params
    body, needed, kept = _pruned_body(p["body"], p["consts"], p["carries"], used)
    split_at = p["consts"], p["consts"] + p["carries"]
    counts = dict(consts=sum(kept[: split_at[0]]), carries=sum(kept[split_at[0] : split_at[1]]))
    inputs = tuple([a for a, k in zip(eqn.inputs, kept) if k])
    return eqn.replace(inputs=inputs, outs=tuple([v for v, n in zip(eqn.outs, needed) if n]), params={**p, "body": body, **counts})


@memoized
def _pruned_body(
    body: Program, consts: int, carries: int, used: tuple[bool, ...]
) -> tuple[Program, tuple[bool, ...], tuple[bool, ...]]:
    """The body for some of the results, which results that makes, and which operands it reads: a carry that a needed
    result depends on is needed itself.
    """
    needed = used
    while True:
        outputs = [o for o, n in zip(body.outputs, needed) if n]
        thin = dead_code_elimination(Program(body.inputs, body.eqns, outputs))
        read = {a for eqn in thin.eqns for a in eqn.inputs if type(a) is Var} | {a for a in outputs if type(a) is Var}
        grown = tuple(n or (k < carries and body.inputs[consts + k] in read) for k, n in enumerate(needed))
        if grown == needed:
            break
        needed = grown
    kept = tuple(needed[i - consts] if consts <= i < consts + carries else v in read for i, v in enumerate(body.inputs))
    return Program([v for v, k in zip(body.inputs, kept) if k], thin.eqns, outputs), needed, kept


def _scan_samples() -> list[Sample]:
    f64 = shaped((), np.float64)
    decay = retrace(lambda a, c, x: [a * c + x, elementwise.sin(c)], [f64, f64, f64])
    vec = shaped((2,), np.float64)
    turn = retrace(lambda c, k, x: [c * elementwise.cos(x), k + layout.fill(1, (), np.int64), c + x], [vec, shaped((), np.int64), vec])
    total = retrace(lambda c, x: [elementwise.add(c, elementwise.mul(x, x))], [vec, vec])
    forgets = retrace(lambda c, d, x: [layout.fill(0.7, (), np.float64), d * x + elementwise.sin(c)], [f64, f64, f64])
    return [
        Sample([array(), array(), array(4)], dict(body=decay, consts=1, carries=1, length=4, reverse=False)),
        Sample([array(), array(), array(3)], dict(body=decay, consts=1, carries=1, length=3, reverse=True)),
        Sample([array(2), np.int64(0), array(3, 2)], dict(body=turn, consts=0, carries=2, length=3, reverse=False)),
        Sample([array(2), np.zeros((0, 2))], dict(body=total, consts=0, carries=1, length=0, reverse=False)),
        Sample([array(), array(), array(3)], dict(body=forgets, consts=0, carries=2, length=3, reverse=False)),
        *_storing_samples(),
    ]


def _storing_samples() -> list[Sample]:
    """Bodies with an operation that is not cheap, so that the residuals of every iteration are stored."""
    vec, mat, f64 = shaped((2,), np.float64), shaped((2, 2), np.float64), shaped((), np.float64)

    def layer(w: Any, b: Any, c: Any, k: Any, x: Any, y: Any) -> list[Any]:
        z = contraction.dot_general(w, c, contract=((1,), (0,)), batch=((), ()))
        return [elementwise.sin(z + b) + x, k * y, z, reduction.reduce_prod(c, axes=(0,)) * k]

    body = retrace(layer, [mat, vec, vec, f64, vec, f64])
    args = [array(2, 2), array(2), array(2), array(), array(3, 2), array(3)]
    return [Sample(args, dict(body=body, consts=2, carries=2, length=3, reverse=r)) for r in (False, True)]


scan: Primitive = library(
    "scan", _scan_impl, aval=_scan_aval, batch=_scan_batch, lower=lowering.Loop(), samples=_scan_samples,
    linearize=_scan_linearize, transpose=_scan_transpose, multiple_results=True, activity=True, prune=_scan_prune,
)  # fmt: skip
