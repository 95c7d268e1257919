"""Running sums, products and extremes along an axis, from the front or from the back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from . import elementwise, layout, sorting
from .rules import library, linear
from .samples import Sample, array


def _cumsum_impl(x: Any, *, axis: int, reverse: bool) -> Any:
    x = np.flip(x, axis) if reverse else x
    out = np.cumsum(x, axis=axis, dtype=x.dtype)
    return np.flip(out, axis) if reverse else out


def _batch(size: int, args: list, axes: list, *, axis: int, reverse: bool) -> tuple[Any, int]:
    return cumsum(args[0], axis=axis + (axis >= axes[0]), reverse=reverse), axes[0]


cumsum = linear(
    "cumsum", _cumsum_impl, aval=lambda x, *, axis, reverse: x, batch=_batch, lower=lowering.Scan("add"),
    transpose=lambda ct, x, *, axis, reverse: (cumsum(ct, axis=axis, reverse=not reverse),),
    samples=lambda: [
        Sample([array(4)], dict(axis=0, reverse=False)), Sample([array(2, 3)], dict(axis=1, reverse=True)),
        Sample([array(3, 2)], dict(axis=0, reverse=False)), Sample([array(0, 2)], dict(axis=0, reverse=False)),
    ],
)  # fmt: skip


# --- products and extremes --------------------------------------------------------------------------------------------


def _running(f: np.ufunc) -> Callable:
    def impl(x: Any, *, axis: int, reverse: bool) -> Any:
        x = np.flip(x, axis) if reverse else x
        out = f.accumulate(x, axis=axis, dtype=x.dtype)
        return np.flip(out, axis) if reverse else out

    return impl


def _batch_rule(prim: Callable[[], Any]) -> Callable:
    def batch(size: int, args: list, axes: list, *, axis: int, reverse: bool) -> tuple[Any, int]:
        return prim()(args[0], axis=axis + (axis >= axes[0]), reverse=reverse), axes[0]

    return batch


def _shifted(x: Any, axis: int, count: int, fill: float, reverse: bool) -> Any:
    """Elements moved `count` places along the axis, away from where the running product starts."""
    n = x.shape[axis]
    kept = layout.slice_axis(x, axis, count, n) if reverse else layout.slice_axis(x, axis, 0, n - count)
    filled = layout.fill(fill, tuple(count if d == axis else m for d, m in enumerate(x.shape)), x.dtype)
    return layout.concatenate(*((kept, filled) if reverse else (filled, kept)), axis=axis)


def _cumprod_linearize(x: Any, *, axis: int, reverse: bool) -> tuple[Any, Callable]:
    """dy_k = x_k dy_{k-1} + y_{k-1} t_k: a linear recurrence, solved by doubling; no division, so zeros do no harm."""
    out = cumprod(x, axis=axis, reverse=reverse)
    n = x.shape[axis]

    def tangent_map(t: Any) -> Any:
        if n == 0:
            return t
        total, factor, step = elementwise.mul(t, _shifted(out, axis, 1, 1, reverse)), x, 1
        while step < n:
            if step > 1:
                factor = elementwise.mul(factor, _shifted(factor, axis, step // 2, 1, reverse))
            total = elementwise.add(total, elementwise.mul(_shifted(total, axis, step, 0, reverse), factor))
            step *= 2
        return total

    return out, tangent_map


def _extreme_linearize(prim: Callable[[], Any]) -> Callable:
    """The tangent is that of the last element which attained the running extreme."""

    def linearize(x: Any, *, axis: int, reverse: bool) -> tuple[Any, Callable]:
        out = prim()(x, axis=axis, reverse=reverse)
        shape = tuple(x.shape)
        place = layout.iota(shape=shape, axis=axis, dtype=layout.INDEX)
        none = layout.fill(shape[axis] if reverse else 0, shape, layout.INDEX)  # no later than any that did
        attained = elementwise.select(elementwise.eq(x, out), place, none)
        latest = (cummin if reverse else cummax)(attained, axis=axis, reverse=reverse)
        return out, lambda t: sorting.rearranged(t, latest, axis)

    return linearize


def _extreme_aval(x: Any, *, axis: int, reverse: bool) -> Any:
    if x.dtype.kind not in "iuf":
        raise TypeError(f"running extremes are not defined for dtype {x.dtype}")
    return x


def _samples() -> list[Sample]:
    return [
        Sample([array(5)], dict(axis=0, reverse=False)), Sample([array(2, 3)], dict(axis=1, reverse=True)),
        Sample([array(7, 2)], dict(axis=0, reverse=False)), Sample([array(0, 2)], dict(axis=0, reverse=False)),
        Sample([array(1)], dict(axis=0, reverse=True)),
    ]  # fmt: skip


def _with_zeros() -> list[Sample]:
    return [*_samples(), Sample([np.array([2.0, 0.0, 3.0, 0.0, 1.5])], dict(axis=0, reverse=False))]


def _with_ties() -> list[Sample]:
    return [*_samples(), Sample([np.array([1.0, 3.0, 3.0, 2.0])], dict(axis=0, reverse=False), kink=True)]


cumprod = library("cumprod", _running(np.multiply), aval=lambda x, *, axis, reverse: x, batch=_batch_rule(lambda: cumprod),
                  linearize=_cumprod_linearize, lower=lowering.Scan("mul"), samples=_with_zeros)  # fmt: skip
cummax = library("cummax", _running(np.maximum), aval=_extreme_aval, batch=_batch_rule(lambda: cummax),
                 linearize=_extreme_linearize(lambda: cummax), lower=lowering.Scan("maximum"), samples=_with_ties)  # fmt: skip
cummin = library("cummin", _running(np.minimum), aval=_extreme_aval, batch=_batch_rule(lambda: cummin),
                 linearize=_extreme_linearize(lambda: cummin), lower=lowering.Scan("minimum"), samples=_with_ties)  # fmt: skip
