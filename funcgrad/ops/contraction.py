"""Sums of products: `dot_general` contracts any axes of two arrays and keeps any as batch axes.

The result's axes are: batch axes, the free axes of the first operand, the free axes of the second.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray
from . import layout
from .rules import bilinear, is_linear
from .samples import Sample, array

Axes = tuple[tuple[int, ...], tuple[int, ...]]


def free_axes(ndim: int, contract: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that are neither contracted nor batch, in order."""
    return tuple(d for d in range(ndim) if d not in contract and d not in batch)


def _impl(x: Any, y: Any, *, contract: Axes, batch: Axes) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    if not batch[0] and x.ndim <= 2 and y.ndim <= 2 and len(contract[0]) == 1:
        return np.dot(x if contract[0][0] == x.ndim - 1 else x.T, y if contract[1][0] == 0 else y.T)
    x_free, y_free = free_axes(x.ndim, contract[0], batch[0]), free_axes(y.ndim, contract[1], batch[1])
    shape = [x.shape[d] for d in batch[0]] + [x.shape[d] for d in x_free] + [y.shape[d] for d in y_free]
    depth = math.prod(x.shape[d] for d in contract[0])
    b = [x.shape[d] for d in batch[0]]
    left = x.transpose(*batch[0], *x_free, *contract[0]).reshape([*b, math.prod(x.shape[d] for d in x_free), depth])
    right = y.transpose(*batch[1], *contract[1], *y_free).reshape([*b, depth, math.prod(y.shape[d] for d in y_free)])
    return np.matmul(left, right).reshape(shape)[()]


def _aval(x: ShapedArray, y: ShapedArray, *, contract: Axes, batch: Axes) -> ShapedArray:
    sizes = [[tuple(v.shape[d] for d in axes) for v, axes in zip((x, y), pair)] for pair in (contract, batch)]
    if x.dtype != y.dtype or any(a != b for a, b in sizes):
        raise TypeError(f"dot_general: cannot contract {x} and {y} over axes {contract} with batch axes {batch}")
    if x.dtype.kind not in "iufc":
        raise TypeError(f"dot_general is not defined for dtype {x.dtype}")
    x_free, y_free = free_axes(x.ndim, contract[0], batch[0]), free_axes(y.ndim, contract[1], batch[1])
    shape = [x.shape[d] for d in (*batch[0], *x_free)] + [y.shape[d] for d in y_free]
    return x.update(shape=tuple(shape))


def _transpose(ct: Any, x: Any, y: Any, *, contract: Axes, batch: Axes) -> tuple[Any, Any]:
    ndims = (len(x.shape), len(y.shape))
    sides: list[Any] = [None, None]
    for side, other, operand in ((0, 1, x), (1, 0, y)):
        if is_linear(operand):
            sides[side] = _transpose_side(ct, (x, y)[other], side, ndims, contract, batch)
    return sides[0], sides[1]


def _transpose_side(ct: Any, other: Any, side: int, ndims: tuple, contract: Axes, batch: Axes) -> Any:
    """Contract the cotangent with the other operand over that one's free axes, then restore the axis order."""
    o = 1 - side
    nb = len(batch[0])
    mine, theirs = (free_axes(ndims[k], contract[k], batch[k]) for k in (side, o))
    first = nb + (len(theirs) if side == 1 else 0)
    ct_mine = tuple(range(first, first + len(mine)))
    ct_theirs = tuple(d for d in range(nb, len(ct.shape)) if d not in ct_mine)
    out = dot_general(ct, other, contract=(ct_theirs, theirs), batch=(tuple(range(nb)), batch[o]))
    order = sorted(range(len(contract[o])), key=lambda k: contract[o][k])
    axes = (*batch[side], *mine, *(contract[side][k] for k in order))  # the operand's axis at each position of `out`
    return layout.transpose(out, axes=tuple(int(i) for i in np.argsort(axes)))


def _batch(size: int, args: list, axes: list, *, contract: Axes, batch: Axes) -> tuple[Any, int]:
    (x, y), (bx, by) = args, axes
    shift = [lambda d, b=b: d if b is None else d + (d >= b) for b in (bx, by)]
    new = [[tuple(shift[k](d) for d in pair[k]) for k in (0, 1)] for pair in (contract, batch)]
    (cx, cy), (batch_x, batch_y) = new
    if bx is not None and by is not None:
        return dot_general(x, y, contract=(cx, cy), batch=((bx, *batch_x), (by, *batch_y))), 0
    out = dot_general(x, y, contract=(cx, cy), batch=(batch_x, batch_y))
    if bx is not None:
        return out, len(batch_x) + free_axes(len(x.shape), cx, batch_x).index(bx)
    x_free = len(x.shape) - len(cx) - len(batch_x)
    return out, len(batch_x) + x_free + free_axes(len(y.shape), cy, batch_y).index(by)


def _samples() -> list[Sample]:
    def call(x: tuple, y: tuple, contract: Axes, batch: Axes = ((), ())) -> Sample:
        return Sample([array(*x), array(*y)], dict(contract=contract, batch=batch))

    return [
        call((2, 3), (3, 4), ((1,), (0,))), call((3, 2), (3, 4), ((0,), (0,))), call((3,), (3,), ((0,), (0,))),
        call((2, 3), (3,), ((1,), (0,))), call((2,), (3,), ((), ())), call((2, 2, 3), (2, 3, 2), ((2,), (1,)), ((0,), (0,))),
        call((2, 3, 2), (3, 2, 4), ((2, 1), (1, 0))), call((3, 2, 2), (2, 2, 3), ((1,), (0,)), ((0,), (2,))), call((0, 3), (3, 2), ((1,), (0,))),
        call((2, 0), (0, 2), ((1,), (0,))), call((2, 3), (3, 2), ((0, 1), (1, 0))),
    ]  # fmt: skip


dot_general = bilinear(
    "dot_general", _impl, aval=_aval, batch=_batch, lower=lowering.Contract(), transpose=_transpose, samples=_samples
)
