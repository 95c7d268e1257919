"""Pseudoinverses and least squares, by singular values, with the derivatives for matrices whose rank does not change.

Reference: G. Golub and V. Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate, SIAM J. Numer. Anal. 10, 1973.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Zero
from . import elementwise, layout, reduction
from .decompositions import regular, svd
from .matrix_rules import adjoint, as_dtype, batch_one, columns, matmul, matrix
from .rules import library
from .samples import Sample, array


def cutoff(s: Any, rcond: float) -> Any:
    """1 / s, and 0 for singular values of at most rcond times the largest one; NaN stays NaN, and is no rank less."""
    if not s.shape[-1]:
        return s
    last = len(s.shape) - 1
    largest = layout.broadcast(reduction.reduce_max(s, axes=(last,)), shape=tuple(s.shape), dims=tuple(range(last)))
    kept = elementwise.not_(elementwise.le(s, largest * elementwise.like(s, rcond)))
    safe = elementwise.select(kept, s, elementwise.like(s, 1))
    return elementwise.select(kept, elementwise.div(elementwise.like(s, 1), safe), elementwise.like(s, 0))


def _pinv_by_svd(a: Any, *, rcond: float) -> Any:
    u, s, vh = svd(a, full=False)
    return matmul(adjoint(vh), elementwise.mul(columns(as_dtype(cutoff(s, rcond), a), adjoint(u)), adjoint(u)))


def _pinv_aval(a: ShapedArray, *, rcond: float) -> ShapedArray:
    m, n = matrix("pinv", a)
    return a.update(shape=(*a.shape[:-2], n, m))


def _pinv_linearize(a: Any, *, rcond: float) -> tuple[Any, Callable]:
    """For matrices of constant rank: -a+ a_dot a+ + a+ a+^H a_dot^H (1 - a a+) + (1 - a+ a) a_dot^H a+^H a+."""
    out = pinv(a, rcond=rcond)

    def tangent_map(t: Any) -> Any:
        th = adjoint(t)
        change = elementwise.neg(matmul(out, matmul(t, out)))
        part = matmul(out, matmul(adjoint(out), th))
        change = change + part - matmul(matmul(part, a), out)
        part = matmul(matmul(th, adjoint(out)), out)
        return change + part - matmul(out, matmul(a, part))

    return out, tangent_map


def _lstsq_impl(a: Any, b: Any, *, rcond: float) -> list[Any]:
    a, b = np.asarray(a), np.asarray(b)
    x = np.empty((*a.shape[:-2], a.shape[-1], b.shape[-1]), b.dtype)
    rank = np.empty(a.shape[:-2], np.int32)
    for k in np.ndindex(a.shape[:-2]):
        x[k], _, rank[k], _ = np.linalg.lstsq(a[k], b[k], rcond)
    return [x, rank[()]]


def _lstsq_by_svd(a: Any, b: Any, *, rcond: float) -> list[Any]:
    u, s, vh = svd(a, full=False)
    inverse = cutoff(s, rcond)
    x = matmul(adjoint(vh), elementwise.mul(columns(as_dtype(inverse, b), matmul(adjoint(u), b)), matmul(adjoint(u), b)))
    kept = elementwise.convert(elementwise.gt(inverse, elementwise.like(inverse, 0)), dtype=np.dtype(np.int32))
    return [x, reduction.reduce_sum(kept, axes=(len(s.shape) - 1,))]


def _lstsq_aval(a: ShapedArray, b: ShapedArray, *, rcond: float) -> list[ShapedArray]:
    n = matrix("lstsq", a)[1]
    if b.dtype != a.dtype or b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1]:
        raise TypeError(f"lstsq: right-hand sides {b} do not fit matrices {a}")
    return [b.update(shape=(*a.shape[:-2], n, b.shape[-1])), shaped(a.shape[:-2], np.int32)]


def _lstsq_linearize(a: Any, b: Any, *, rcond: float) -> tuple[list[Any], Callable]:
    """x = a+ b with the derivative of a+, for constant rank; with the residual r = b - a x:

    x_dot = a+ (b_dot - a_dot x) + a+ a+^H a_dot^H r + (1 - a+ a) a_dot^H a+^H x
    """
    x, rank = lstsq(a, b, rcond=rcond)
    inverse = pinv(a, rcond=rcond)
    residual = b - matmul(a, x)

    def tangent_map(a_dot: Any, b_dot: Any) -> list[Any]:
        no_rank = Zero(shaped(tuple(rank.shape), np.int32))
        if type(a_dot) is Zero:
            return [matmul(inverse, b_dot), no_rank]
        th = adjoint(a_dot)
        right = elementwise.neg(matmul(a_dot, x)) if type(b_dot) is Zero else b_dot - matmul(a_dot, x)
        right = right + matmul(adjoint(inverse), matmul(th, residual))
        part = matmul(th, matmul(adjoint(inverse), x))
        return [matmul(inverse, right) + part - matmul(inverse, matmul(a, part)), no_rank]

    return [x, rank], tangent_map


def _lstsq_samples() -> list[Sample]:
    return [Sample([regular(3, 2), array(3, 2)], {"rcond": 1e-10}), Sample([regular(2, 3), array(2, 1)], {"rcond": 1e-10}),
            Sample([regular(2, 2, 2), array(2, 2, 1)], {"rcond": 1e-10})]  # fmt: skip


pinv = library("pinv", lambda a, *, rcond: np.linalg.pinv(a, rcond), aval=_pinv_aval, batch=batch_one(lambda: pinv), linearize=_pinv_linearize,
               lower=lowering.Compose(_pinv_by_svd),
               samples=lambda: [Sample([regular(3, 2)], {"rcond": 1e-10}), Sample([regular(2, 2, 3)], {"rcond": 1e-10})])
lstsq = library("lstsq", _lstsq_impl, aval=_lstsq_aval, batch=batch_one(lambda: lstsq), linearize=_lstsq_linearize, lower=lowering.Compose(_lstsq_by_svd),
                samples=_lstsq_samples, multiple_results=True)

__all__ = ["cutoff", "lstsq", "pinv"]
