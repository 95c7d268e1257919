"""A linear map given as two programs, itself and its transpose: what derivative rules use that are not made of ops.

    outs = linear_call(residuals, linear operands)      forward  : (residuals, operands) -> outs
                                                        backward : (residuals, cotangents of outs) -> of operands

Transposing it exchanges the two programs. The loops whose length is data (`while_loop`) and rematerialization
(`remat`) are differentiated by such maps: both compute in the backward program what they did not store.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Zero
from ..core.program import Program, as_function
from ..core.tracing import retrace
from ..transforms.linearize import instantiate
from ..transforms.linearize import linearize as linearize_program
from . import elementwise, layout
from .programs import batched_front, call, type_of
from .rules import is_linear, library
from .samples import Sample, array


def _impl(*args: Any, forward: Program, backward: Program, residuals: int) -> list[Any]:
    return as_function(forward)(*args)


def _aval(*args: ShapedArray, forward: Program, backward: Program, residuals: int) -> list[ShapedArray]:
    if list(args) != forward.in_avals:
        raise TypeError(f"linear_call: operands {list(args)} do not fit a program of type {forward.in_avals}")
    return forward.out_avals


def _linearize(*args: Any, active: tuple[bool, ...], **params: Any) -> tuple[list[Any], Any]:
    """Linear in its last operands; the derivative with respect to the residuals is that of the forward program."""
    forward, residuals = params["forward"], params["residuals"]
    parts = linearize_program(forward, active)
    if not any(active[:residuals]):
        return linear_call(*args, **params), lambda *t: _apply(args[:residuals], t[residuals:], parts, params)
    results = call(parts.forward, args)
    outs, saved = results[: len(forward.outputs)], results[len(forward.outputs) :]

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, on in zip(tangents, active) if on]
        t_out = iter(call(parts.linear, [*saved, *t_in]))
        return [next(t_out) if on else Zero(a) for on, a in zip(parts.active_outputs, forward.out_avals)]

    return outs, tangent_map


def _apply(residuals: Any, tangents: Any, parts: Any, params: dict) -> list[Any]:
    outs = linear_call(*residuals, *map(instantiate, tangents), **params)
    return [o if on else Zero(type_of(o)) for o, on in zip(outs, parts.active_outputs)]


def _transpose(cts: Any, *args: Any, forward: Program, backward: Program, residuals: int) -> list[Any]:
    if any(is_linear(a) for a in args[:residuals]):
        raise TypeError("linear_call: a program is not linear in the residuals of a linear map")
    fixed = args[:residuals]
    results = linear_call(*fixed, *map(instantiate, cts), forward=backward, backward=forward, residuals=residuals)
    return [*[None] * residuals, *(ct if is_linear(a) else None for ct, a in zip(results, args[residuals:]))]


def _batch(size: int, args: list, axes: list, *, forward: Program, backward: Program, residuals: int) -> tuple[list, list]:
    # The cotangents of unbatched operands would have to be summed over the batch: all linear operands get the axis.
    on = [a is not None for a in axes[:residuals]] + [True] * (len(args) - residuals)
    args = [layout.with_batch_axis(x, size, a, 0) if b else x for x, a, b in zip(args, axes, on)]
    fixed = [0 if b else None for b in on[:residuals]]
    programs = [batched_front(p, size, [*fixed, *[0] * (len(p.inputs) - residuals)]) for p in (forward, backward)]
    outs = linear_call(*args, forward=programs[0], backward=programs[1], residuals=residuals)
    return outs, [0] * len(outs)


def _samples() -> list[Sample]:
    pair = shaped((2,), np.float64)
    forward = retrace(lambda c, x: [elementwise.sin(c) * x], [pair, pair])
    two = retrace(lambda c, x, y: [elementwise.sin(c) * x + y, c * y], [pair] * 3)
    back = retrace(lambda c, a, b: [elementwise.sin(c) * a, a + c * b], [pair] * 3)
    return [
        Sample([array(2), array(2)], dict(forward=forward, backward=forward, residuals=1)),
        Sample([array(2), array(2), array(2)], dict(forward=two, backward=back, residuals=1)),
    ]


linear_call = library("linear_call", _impl, aval=_aval, batch=_batch, linearize=_linearize, transpose=_transpose, samples=_samples,
                      multiple_results=True, activity=True, lower=lowering.Call(lambda params: params["forward"]))  # fmt: skip
