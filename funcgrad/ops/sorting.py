"""Order: `argsort` gives the positions that sort one axis (stable, NaN last); `sort` is the elements there.

The derivative of a sort is the same rearrangement of the tangent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import nondiff
from . import indexing, layout
from .rules import library
from .samples import Sample, array


def _argsort_aval(x: ShapedArray, *, axis: int) -> ShapedArray:
    _check(x, axis, "argsort")
    return shaped(x.shape, np.int64)


def _sort_aval(x: ShapedArray, *, axis: int) -> ShapedArray:
    _check(x, axis, "sort")
    return x


def _check(x: ShapedArray, axis: int, name: str) -> None:
    if x.dtype.kind not in "biuf" or not 0 <= axis < x.ndim:
        raise TypeError(f"{name}: cannot order {x} along axis {axis}")


def _batch(prim: Callable[[], Any]) -> Callable:
    def batch(size: int, args: list, axes: list, *, axis: int) -> tuple[Any, int]:
        return prim()(args[0], axis=axis + (axis >= axes[0])), axes[0]

    return batch


def rearranged(x: Any, order: Any, axis: int) -> Any:
    """x with every line along the axis put in its own order."""
    shape = tuple(order.shape)
    grids = [order if d == axis else layout.iota(shape=shape, axis=d, dtype=layout.INDEX) for d in range(len(shape))]
    return indexing.gather(x, *grids, axes=tuple(range(len(shape))))


def _sort_linearize(x: Any, *, axis: int) -> tuple[Any, Callable]:
    order = argsort(x, axis=axis)
    return rearranged(x, order, axis), lambda t: rearranged(t, order, axis)


def _samples() -> list[Sample]:
    return [
        Sample([array(5)], dict(axis=0)), Sample([array(3, 4)], dict(axis=1)), Sample([array(4, 2)], dict(axis=0)),
        Sample([np.array([2.0, 1.0, 2.0, 1.0])], dict(axis=0), kink=True), Sample([np.array([[3, 1, 2], [1, 1, 0]])], dict(axis=1)),
        Sample([np.array([True, False, True])], dict(axis=0)), Sample([np.zeros((0, 2))], dict(axis=0)),
    ]  # fmt: skip


argsort = library("argsort", lambda x, *, axis: np.argsort(x, axis, kind="stable"), aval=_argsort_aval, batch=_batch(lambda: argsort),
                  linearize=nondiff, lower=lowering.Sort(positions=True), samples=_samples)  # fmt: skip
sort = library("sort", lambda x, *, axis: np.sort(x, axis, kind="stable"), aval=_sort_aval, batch=_batch(lambda: sort),
               linearize=_sort_linearize, lower=lowering.Sort(positions=False), samples=_samples)  # fmt: skip
