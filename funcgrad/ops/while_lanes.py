"""`while_lanes`: a batched loop in which every example (lane) makes as many steps as it needs.

    for each lane:  while cond(cond_consts, carry):  carry = body(body_consts, carry)

A pool of lanes runs in step; a lane that has ended is written out and its place is given to the next one, so that
nobody waits for the longest. What `vmap` makes of a `while_loop` whose condition differs from lane to lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Primitive, Zero
from ..core.program import Program, as_function
from ..transforms.linearize import instantiate
from . import control, layout, linear_call, while_loop
from .programs import batched_front, lanes, split
from .rules import library
from .samples import Sample

EAGER_WIDTH = 256  # lanes in the pool outside compiled code, where a step costs a fixed time


def pool_programs(params: dict, width: int) -> tuple[Program, Program]:
    """The condition and the body for a pool of lanes."""
    on = [0 if b else None for b in params["on"]]
    fixed, consts, carry = split(on, params["cond_consts"], params["body_consts"])
    return batched_front(params["cond"], width, [*fixed, *carry]), batched_front(params["body"], width, [*consts, *carry])


def _impl(*args: Any, size: int, on: tuple[bool, ...], **params: Any) -> list[Any]:
    first = params["cond_consts"] + params["body_consts"]
    outs = [np.empty(x.shape, x.dtype) for x in args[first:]]
    width = min(size, EAGER_WIDTH)
    if not size:
        return outs
    test, step = map(as_function, pool_programs(dict(params, on=on), width))
    pool = [x[:width].copy() if b else x for x, b in zip(args, on)]
    lane, alive, following = np.arange(width), np.ones(width, bool), width
    with np.errstate(all="ignore"):  # places without a lane go on computing
        while True:
            fixed, consts, carry = split(pool, params["cond_consts"], params["body_consts"])
            ended = np.flatnonzero(alive & ~np.asarray(test(*fixed, *carry)[0]))
            for out, c in zip(outs, carry):
                out[lane[ended]] = c[ended]
            new = np.arange(following, min(following + ended.size, size))
            refilled, following = ended[: new.size], following + new.size
            pool = [_refilled(p, x, refilled, new) if b and new.size else p for p, x, b in zip(pool, args, on)]
            lane[refilled], alive[ended[new.size :]] = new, False
            if not alive.any():
                return outs
            if not new.size:
                pool = [*fixed, *consts, *step(*consts, *carry)]


def _refilled(place: np.ndarray, source: np.ndarray, at: np.ndarray, new: np.ndarray) -> np.ndarray:
    place = np.array(place)
    place[at] = source[new]
    return place


def _aval(*args: ShapedArray, size: int, on: tuple[bool, ...], **params: Any) -> list[ShapedArray]:
    if any(b and (not a.ndim or a.shape[0] != size) for a, b in zip(args, on)):
        raise TypeError(f"while_lanes: batched operands must have a leading axis of length {size}, got {list(args)}")
    single = [a.update(shape=a.shape[1:]) if b else a for a, b in zip(args, on)]
    carry = while_loop.while_loop.aval(*single, **params)
    return [a.update(shape=(size, *a.shape)) for a in carry]


def make(size: int, args: list[Any], axes: list[int | None], params: dict) -> tuple[list, list]:
    """The batching rule of `while_loop`: constants as they are, carries with an axis."""
    first = params["cond_consts"] + params["body_consts"]
    on = [a is not None for a in axes[:first]] + [True] * (len(args) - first)
    args = [layout.with_batch_axis(x, size, a, 0) if b else x for x, a, b in zip(args, axes, on)]
    outs = while_lanes(*args, size=size, on=tuple(on), **params)
    return outs, [0] * len(outs)


def _linearize(*args: Any, active: tuple[bool, ...], size: int, on: tuple[bool, ...], **params: Any) -> tuple[list[Any], Any]:
    """The linear map of a single loop, batched."""
    outs = while_lanes(*args, size=size, on=on, **params)
    mask, forward, backward = while_loop.tangent_maps(active, **params)
    axes = [0 if b else None for b in on]
    first = params["cond_consts"]

    def tangent_map(*tangents: Any) -> list[Any]:
        t_in = [instantiate(t) for t, m in zip(tangents[first:], mask) if m]
        t_axes = [a for a, m in zip(axes[first:], mask) if m]
        maps = dict(forward=forward, backward=backward, residuals=len(args))
        t_out = iter(linear_call.linear_call.batch(size, [*args, *t_in], [*axes, *t_axes], **maps)[0])
        carried = mask[params["body_consts"] :]
        return [next(t_out) if m else Zero(shaped(tuple(o.shape), o.dtype)) for o, m in zip(outs, carried)]

    return outs, tangent_map


def _batch(outer: int, args: list, axes: list, **params: Any) -> tuple[list, list]:
    return lanes(control.scan, outer, args, axes, lambda *values: while_lanes(*values, **params))


def one_by_one(size: int, on: tuple[bool, ...], args: list[Any], params: dict) -> list[Any]:
    """The same as a scan over lanes of a while loop, for lanes that are large or do more than arithmetic."""
    axes = [0 if b else None for b in on]
    return lanes(control.scan, size, args, axes, lambda *values: while_loop.while_loop(*values, **params))[0]


def _samples() -> list[Sample]:
    found = []
    for params, args in while_loop.sample_loops():
        first = params["cond_consts"] + params["body_consts"]
        rows = [np.stack([np.asarray(a) * 1, np.asarray(a) + np.asarray(a).dtype.type(1)]) for a in args[first:]]
        on = (*[False] * first, *[True] * len(rows))
        found.append(Sample([*args[:first], *rows], dict(params, size=2, on=on)))
    params, _ = while_loop.sample_loops()[0]
    limits, rates, starts = np.array([4.0, 9.0, 0.1]), np.array([1.7, 1.5, 1.6]), np.array([0.6, 0.5, 0.4])
    return [*found, Sample([limits, rates, starts], dict(params, size=3, on=(True, True, True)))]


while_lanes: Primitive = library(
    "while_lanes", _impl, aval=_aval, batch=_batch, linearize=_linearize, lower=lowering.Lanes(), samples=_samples,
    multiple_results=True, activity=True,
)  # fmt: skip
