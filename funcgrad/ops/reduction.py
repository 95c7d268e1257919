"""Reductions over axes: sum, product, extremes, truth, and positions of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.avals import ShapedArray, shaped
from ..core.primitive import nondiff
from . import elementwise, layout
from .rules import library, reduction
from .samples import Sample, array


def _samples(low: float = -2.0, ties: bool = False, empty: bool = True) -> Callable[[], list[Sample]]:
    def samples() -> list[Sample]:
        out = [Sample([array(4, low=low)], dict(axes=(0,))), Sample([array(2, 3, low=low)], dict(axes=(0, 1))),
               Sample([array(3, 2, low=low)], dict(axes=(0,))), Sample([array(3, 2, low=low)], dict(axes=(1,))),
               Sample([array(2, 1, 3, low=low)], dict(axes=(1, 2))), Sample([array(2, low=low)], dict(axes=())),
               Sample([array(1, low=low)], dict(axes=(0,)))]  # fmt: skip
        out += [Sample([np.full((2, 3), 1.5)], dict(axes=(1,)), kink=ties), Sample([np.array([0.0, 2.0, 0.0])], dict(axes=(0,)), kink=ties)]
        return out + ([Sample([np.zeros((0, 2))], dict(axes=(0,)))] if empty else [])

    return samples


def _truths() -> list[Sample]:
    x = np.array([[True, False, True], [True, True, True]])
    return [Sample([x], dict(axes=(1,))), Sample([x], dict(axes=(0, 1))), Sample([np.zeros((0,), bool)], dict(axes=(0,)))]


def put_back(reduced: Any, like: Any, axes: tuple[int, ...]) -> Any:
    """Broadcast a reduced array over the axes it lost."""
    kept = tuple(d for d in range(len(like.shape)) if d not in axes)
    return layout.broadcast(reduced, shape=tuple(like.shape), dims=kept)


reduce_sum = reduction("reduce_sum", lambda x, *, axes: np.add.reduce(x, axis=axes, dtype=x.dtype), combine="add", kinds="iufc",
                       transpose=lambda ct, x, *, axes: (put_back(ct, x, axes),), samples=_samples())  # fmt: skip


def _prod_linearize(x: Any, *, axes: tuple[int, ...]) -> tuple[Any, Callable]:
    """d prod = sum_i t_i prod_{j != i} x_j, with the products of the others built by an exclusive scan from both sides.

    Division by x_i would fail where x_i is zero, to any order.
    """
    out = reduce_prod(x, axes=axes)

    def tangent_map(t: Any) -> Any:
        return reduce_sum(elementwise.mul(t, others(x, axes)), axes=axes)

    return out, tangent_map


def others(x: Any, axes: tuple[int, ...]) -> Any:
    """For each element, the product of all other elements of its group."""
    if 0 in x.shape:
        return x
    kept = tuple(d for d in range(len(x.shape)) if d not in axes)
    moved = layout.transpose(x, axes=(*kept, *axes))
    rows = layout.reshape(moved, shape=(*(x.shape[d] for d in kept), int(np.prod([x.shape[d] for d in axes]))))
    product = elementwise.mul(_exclusive(rows, False), _exclusive(rows, True))
    back = layout.reshape(product, shape=moved.shape)
    return layout.transpose(back, axes=tuple(int(i) for i in np.argsort((*kept, *axes))))


def _exclusive(rows: Any, reverse: bool) -> Any:
    """Products of all elements before (after, when reverse) each one along the last axis: log-depth doubling."""
    axis = len(rows.shape) - 1
    n = rows.shape[axis]
    result = _shift(rows, 1, reverse, axis)
    step = 1
    while step < n:
        result = elementwise.mul(result, _shift(result, step, reverse, axis))
        step *= 2
    return result


def _shift(x: Any, count: int, reverse: bool, axis: int) -> Any:
    """Move elements along the axis by `count` and fill with ones."""
    n = x.shape[axis]
    kept = layout.slice_axis(x, axis, count, n) if reverse else layout.slice_axis(x, axis, 0, n - count)
    ones = layout.fill(1, tuple(count if d == axis else m for d, m in enumerate(x.shape)), x.dtype)
    return layout.concatenate(*((kept, ones) if reverse else (ones, kept)), axis=axis)


reduce_prod = reduction("reduce_prod", lambda x, *, axes: np.multiply.reduce(x, axis=axes, dtype=x.dtype), combine="mul", kinds="iufc",
                        linearize=_prod_linearize, samples=_samples())  # fmt: skip


def _extreme_linearize(prim: Any) -> Callable:
    """The tangent of an extreme is the mean of the tangents of the elements that attain it."""

    def linearize(x: Any, *, axes: tuple[int, ...]) -> tuple[Any, Callable]:
        out = prim(x, axes=axes)

        def tangent_map(t: Any) -> Any:
            attained = elementwise.convert(elementwise.eq(x, put_back(out, x, axes)), dtype=x.dtype)
            count = reduce_sum(attained, axes=axes)
            share = elementwise.div(attained, put_back(count, x, axes))
            return reduce_sum(elementwise.mul(t, share), axes=axes)

        return out, tangent_map

    return linearize


def _extreme_impl(f: Callable, name: str) -> Callable:
    def impl(x: Any, *, axes: tuple[int, ...]) -> Any:
        if any(x.shape[a] == 0 for a in axes):
            raise ValueError(f"{name}: zero-size axis of shape {x.shape} has no largest or smallest element")
        return f(x, axis=axes)

    return impl


reduce_max = reduction("reduce_max", _extreme_impl(np.maximum.reduce, "max"), combine="maximum", kinds="iuf", differentiation=_extreme_linearize, samples=_samples(ties=True, empty=False))
reduce_min = reduction("reduce_min", _extreme_impl(np.minimum.reduce, "min"), combine="minimum", kinds="iuf", differentiation=_extreme_linearize, samples=_samples(ties=True, empty=False))
reduce_max.linearize, reduce_min.linearize = _extreme_linearize(reduce_max), _extreme_linearize(reduce_min)
reduce_and = reduction("reduce_and", lambda x, *, axes: np.all(x, axis=axes), combine="and", kinds="b", differentiation=nondiff, samples=_truths)
reduce_or = reduction("reduce_or", lambda x, *, axes: np.any(x, axis=axes), combine="or", kinds="b", differentiation=nondiff, samples=_truths)


def _nonempty(name: str) -> Callable:
    def aval(x: ShapedArray, *, axis: int) -> ShapedArray:
        if x.shape[axis] == 0:
            raise ValueError(f"{name}: axis {axis} of {x} is empty")
        return shaped(tuple(n for d, n in enumerate(x.shape) if d != axis), np.int64)

    return aval


def _arg_batch(size: int, args: list, axes: list, *, axis: int, prim: Any) -> tuple[Any, int]:
    (b,) = axes
    shifted = axis + (axis >= b)
    return prim(args[0], axis=shifted), b - (shifted < b)


def _arg_reduce(name: str, f: Callable, better: Callable) -> Any:
    samples = lambda: [Sample([array(5)], dict(axis=0)), Sample([array(2, 3)], dict(axis=1)), Sample([array(3, 2)], dict(axis=0)),
                       Sample([np.array([1.0, 3.0, 3.0, 1.0])], dict(axis=0)), Sample([np.array([1.0, np.nan, 3.0])], dict(axis=0)),
                       Sample([np.array([[3, 1, 1]])], dict(axis=1)), Sample([array(2, 3, 2)], dict(axis=1))]  # fmt: skip
    prim = library(name, lambda x, *, axis: f(x, axis=axis), aval=_nonempty(name), batch=None, linearize=nondiff, lower=lowering.ArgReduce(better), samples=samples)
    prim.batch = lambda size, args, axes, *, axis: _arg_batch(size, args, axes, axis=axis, prim=prim)
    return prim


def is_larger(new: Any, best: Any) -> Any:
    """Whether an element takes the place of the largest so far: a NaN wins over any number and keeps its place."""
    return (new > best) | (_is_nan(new) & ~_is_nan(best))


def is_smaller(new: Any, best: Any) -> Any:
    """Whether an element takes the place of the smallest so far."""
    return (new < best) | (_is_nan(new) & ~_is_nan(best))


def _is_nan(x: Any) -> Any:
    return sc.ne(x, x)


argmax = _arg_reduce("argmax", np.argmax, is_larger)
argmin = _arg_reduce("argmin", np.argmin, is_smaller)
