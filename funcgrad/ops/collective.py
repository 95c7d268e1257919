"""Operations over a named batch axis: what one example computes from all examples of a `vmap`.

    psum        the sum over all examples           all_gather  all examples, stacked
    axis_index  the number of this example

They stand for themselves until the axis of that name is batched (`transforms.batch` says which one is); then they become
a reduction, the batched array itself, and a range. With an axis of one example they mean just that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import nondiff
from ..transforms.batch import current_axis
from . import elementwise, layout, reduction
from .rules import library, linear
from .samples import Sample, array

INDEX = np.dtype(np.int64)


def _alone(size: int, name: Any) -> None:
    if size != 1:
        raise NameError(f"the axis {name!r} is not batched here: a collective outlived its vmap")


def _psum_impl(x: Any, *, name: Any, size: int) -> Any:
    _alone(size, name)
    return x


def _psum_batch(count: int, args: list, axes: list, *, name: Any, size: int) -> tuple[Any, int | None]:
    (x,), (axis,) = args, axes
    if name != current_axis():
        return psum(x, name=name, size=size), axis
    if axis is None:
        return elementwise.mul(x, layout.fill(count, tuple(x.shape), x.dtype)), None
    return reduction.reduce_sum(x, axes=(axis,)), None


psum = linear(
    "psum", _psum_impl, aval=lambda x, *, name, size: x, batch=_psum_batch, lower=lowering.Scalar(_psum_impl),
    transpose=lambda ct, x, *, name, size: (psum(ct, name=name, size=size),),
    samples=lambda: [Sample([array(3)], dict(name="one", size=1)), Sample([array()], dict(name="one", size=1))],
)  # fmt: skip


def _gather_impl(x: Any, *, name: Any, size: int) -> Any:
    _alone(size, name)
    return np.asarray(x)[None]


def _gather_lower(index: tuple, read: Any, *, name: Any, size: int) -> Any:
    _alone(size, name)
    return read(index[1:])


def _gather_batch(count: int, args: list, axes: list, *, name: Any, size: int) -> tuple[Any, int | None]:
    (x,), (axis,) = args, axes
    if name != current_axis():
        return all_gather(x, name=name, size=size), axis + 1
    return layout.with_batch_axis(x, count, axis, 0), None


def _gather_transpose(ct: Any, x: Any, *, name: Any, size: int) -> tuple[Any]:
    total = psum(ct, name=name, size=size)
    zero = layout.zero_index()
    mine = layout.dynamic_slice(total, axis_index(name=name, size=size), *[zero] * len(x.shape), sizes=(1, *x.shape))
    return (layout.reshape(mine, shape=tuple(x.shape)),)


all_gather = linear(
    "all_gather", _gather_impl, aval=lambda x, *, name, size: x.update(shape=(size, *x.shape)), batch=_gather_batch,
    lower=lowering.IndexMap(_gather_lower), transpose=_gather_transpose,
    samples=lambda: [Sample([array(3)], dict(name="one", size=1)), Sample([array()], dict(name="one", size=1))],
)  # fmt: skip


def _index_impl(*, name: Any, size: int) -> Any:
    _alone(size, name)
    return np.int64(0)


def _index_aval(*, name: Any, size: int) -> ShapedArray:
    return shaped((), INDEX)


def _index_batch(count: int, args: list, axes: list, *, name: Any, size: int) -> tuple[Any, int]:
    return layout.iota(shape=(count,), axis=0, dtype=INDEX), 0


def _index_lower(index: tuple, *, name: Any, size: int) -> Any:
    _alone(size, name)
    return layout.sc.const(0, INDEX)


axis_index = library("axis_index", _index_impl, aval=_index_aval, batch=_index_batch, lower=lowering.IndexMap(_index_lower),
                     linearize=nondiff, samples=lambda: [Sample([], dict(name="one", size=1))])  # fmt: skip

for _prim in (psum, all_gather, axis_index):
    _prim.collective = True
