"""Running sums, products, extremes and logarithms of sums along an axis, from the front or from the back; linear
recurrences, which their derivatives are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from ..core import lowering
from ..core import scalar as sc
from ..core.primitive import Zero
from ..transforms import linear_ops
from . import elementwise, layout, sorting
from .rules import library, linear, move_batch_first, same_aval
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


# --- linear recurrences -----------------------------------------------------------------------------------------------

FEW = 4  # lines whose recurrence is computed with Python's numbers: NumPy takes 1 us for a step, however many lines


def _recurrence_impl(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    lines = [np.moveaxis(np.flip(x, axis) if reverse else x, axis, 0) for x in (a, b)]
    if 0 < lines[1].size <= FEW * len(lines[1]):
        wide = [x.reshape(len(x), -1).T.tolist() for x in lines]
        steps = [list(accumulate(zip(*pair), lambda y, ab: (0, ab[0] * y[1] + ab[1]))) for pair in zip(*wide)]
        out = np.array([[y for _, y in line] for line in steps], b.dtype).T.reshape(lines[1].shape)
    else:
        out = np.array(lines[1])
        for k in range(1, len(out)):
            out[k] += lines[0][k] * out[k - 1]
    out = np.moveaxis(out, 0, axis)
    return np.flip(out, axis) if reverse else out


def _recurrence_aval(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    if a is not b or a.dtype.kind not in "fc":
        raise TypeError(f"recurrence: needs factors and terms of one floating type, got {a} and {b}")
    return a


def _recurrence_batch(size: int, args: list, axes: list, *, axis: int, reverse: bool) -> tuple[Any, int]:
    return recurrence(*move_batch_first(size, args, axes), axis=axis + 1, reverse=reverse), 0


def _recurrence_linearize(a: Any, b: Any, **params: Any) -> tuple[Any, Callable]:
    """dy_k = a_k dy_{k-1} + (da_k y_{k-1} + db_k)."""
    out = recurrence(a, b, **params)

    def tangent_map(a_dot: Any, b_dot: Any) -> Any:
        if type(a_dot) is Zero:
            return recurrence(a, b_dot, **params)
        change = elementwise.mul(a_dot, _shifted(out, params["axis"], 0, params["reverse"]))
        return recurrence(a, change if type(b_dot) is Zero else linear_ops.add_any(change, b_dot), **params)

    return out, tangent_map


def _recurrence_transpose(ct: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> tuple[None, Any]:
    """The other way, each term with the factor that it met."""
    return None, recurrence(_shifted(a, axis, 0, not reverse), ct, axis=axis, reverse=not reverse)


recurrence = library(
    "recurrence", _recurrence_impl, aval=_recurrence_aval, batch=_recurrence_batch, linearize=_recurrence_linearize,
    transpose=_recurrence_transpose, lower=lowering.Recurrence(lambda before, a, b: sc.fma(a, before, b), first=1),
    samples=lambda: [
        Sample([array(4), array(4)], dict(axis=0, reverse=False)), Sample([array(2, 3), array(2, 3)], dict(axis=1, reverse=True)),
        Sample([array(3, 7), array(3, 7)], dict(axis=0, reverse=False)), Sample([array(6, 2), array(6, 2)], dict(axis=1, reverse=False)),
        Sample([array(0, 2), array(0, 2)], dict(axis=0, reverse=False)), Sample([array(1), array(1)], dict(axis=0, reverse=True)),
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


def _shifted(x: Any, axis: int, fill: float, reverse: bool) -> Any:
    """The element before each, in the direction of the pass; `fill` before the first one."""
    n = x.shape[axis]
    if n == 0:
        return x
    kept = layout.slice_axis(x, axis, 1, n) if reverse else layout.slice_axis(x, axis, 0, n - 1)
    filled = layout.fill(fill, tuple(1 if d == axis else m for d, m in enumerate(x.shape)), x.dtype)
    return layout.concatenate(*((kept, filled) if reverse else (filled, kept)), axis=axis)


def _cumprod_linearize(x: Any, *, axis: int, reverse: bool) -> tuple[Any, Callable]:
    """dy_k = x_k dy_{k-1} + y_{k-1} t_k; no division, so zeros do no harm."""
    out = cumprod(x, axis=axis, reverse=reverse)
    before = _shifted(out, axis, 1, reverse)
    return out, lambda t: recurrence(x, elementwise.mul(t, before), axis=axis, reverse=reverse)


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
        Sample([array(5)], dict(axis=0, reverse=False)), Sample([array(6, 3)], dict(axis=1, reverse=True)),
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


# --- the logarithm of a running sum of exponentials -------------------------------------------------------------------


def _weight(x: Any, total: Any) -> Any:
    """exp(x - total), at most 1; 0 for x = -inf, also where the total is -inf."""
    most = np.finfo(total.dtype).max
    finite = elementwise.minimum(elementwise.maximum(total, elementwise.like(total, -most)), elementwise.like(total, most))
    return elementwise.exp(elementwise.minimum(x - finite, elementwise.like(x, 0)))


def _logsumexp_compose(x: Any, *, axis: int, reverse: bool) -> Any:
    """m + log s, with m the running maximum and s_k = exp(m_{k-1} - m_k) s_{k-1} + exp(x_k - m_k)."""
    top = cummax(x, axis=axis, reverse=reverse)
    decay = _weight(_shifted(top, axis, 0, reverse), top)
    return top + elementwise.log(recurrence(decay, _weight(x, top), axis=axis, reverse=reverse))


def _logsumexp_linearize(x: Any, *, axis: int, reverse: bool) -> tuple[Any, Callable]:
    """dy_k = exp(y_{k-1} - y_k) dy_{k-1} + exp(x_k - y_k) t_k: all factors are at most 1."""
    out = cumlogsumexp(x, axis=axis, reverse=reverse)

    def tangent_map(t: Any) -> Any:
        decay = _weight(_shifted(out, axis, 0, reverse), out)
        return recurrence(decay, elementwise.mul(_weight(x, out), t), axis=axis, reverse=reverse)

    return out, tangent_map


cumlogsumexp = library("cumlogsumexp", _running(np.logaddexp), aval=same_aval("cumlogsumexp", "f"), batch=_batch_rule(lambda: cumlogsumexp),
                       linearize=_logsumexp_linearize, lower=lowering.Compose(_logsumexp_compose), samples=_samples)  # fmt: skip
