"""Factorizations of matrices of any shape: QR, LU, singular values and vectors, eigenvectors.

All ops act on the last two axes and map over the axes in front. What a factorization leaves open (signs, phases, bases of a
null space) has a derivative only by convention; docs/linear_algebra.md states the conventions.

References: M. Giles, Collected matrix derivative results for forward and reverse mode, Oxford NA-08/01, 2008; J. Townsend,
Differentiating the singular value decomposition, 2016; S. Walter and L. Lehmann,
Algorithmic differentiation of linear algebra functions with application in optimum experimental design, arXiv:1001.1654.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray, shaped
from ..core.primitive import Zero, nondiff
from . import elementwise, layout, reduction
from .linalg import solve, triangular_solve
from .matrix_rules import (
    adjoint,
    as_dtype,
    batch_one,
    columns,
    columns_between,
    conjugate,
    diagonal_of,
    identity_like,
    matmul,
    matrix,
    real_of,
    real_part,
    reciprocal_or_zero,
    rows,
    square,
    strictly_lower,
    swap,
    triangle,
)  # fmt: skip
from .rules import library, move_batch_first
from .samples import Sample, array

# --- QR -----------------------------------------------------------------------------------------------------------------------


def _qr_impl(a: Any, *, complete: bool) -> list[Any]:
    return list(np.linalg.qr(a, "complete" if complete else "reduced"))


def _qr_aval(a: ShapedArray, *, complete: bool) -> list[ShapedArray]:
    m, n = matrix("qr", a)
    k = m if complete else min(m, n)
    return [a.update(shape=(*a.shape[:-2], m, k)), a.update(shape=(*a.shape[:-2], k, n))]


def _qr_linearize(a: Any, *, complete: bool) -> tuple[list[Any], Callable]:
    """With w = q^H q_dot, which is skew: q_dot = a_dot r^-1 - q (q^H a_dot r^-1 - w), r_dot = q^H a_dot - w r.

    Only the first min(m, n) columns decide. r is upper triangular with a real diagonal, so w is known below the diagonal.
    Of `complete`, the further columns of q turn only as they must: q2^H q2_dot = 0.
    """
    q, r = qr(a, complete=complete)
    m, n = a.shape[-2:]
    k = min(m, n)
    q1, corner = columns_between(q, 0, k), layout.slice_axis(columns_between(r, 0, k), len(r.shape) - 2, 0, k)
    upper = layout.slice_axis(r, len(r.shape) - 2, 0, k)

    def tangent_map(t: Any) -> list[Any]:
        moved = swap(triangular_solve(corner, swap(columns_between(t, 0, k)), lower=False, trans=True))
        inner = matmul(adjoint(q1), moved)
        below = strictly_lower(inner)
        turn = below - adjoint(below)
        if turn.dtype.kind == "c":
            turn = turn + _imaginary_diagonal(inner)
        q_dot = moved - matmul(q1, inner - turn)
        r_dot = triangle(matmul(adjoint(q1), t) - matmul(turn, upper), False)
        return [q_dot, r_dot] if q1.shape == q.shape else _completed(q, q1, q_dot, r, r_dot)

    return [q, r], tangent_map


def _imaginary_diagonal(x: Any) -> Any:
    d = identity_like(x) * x
    return elementwise.mul(d - conjugate(d), elementwise.like(d, 0.5))


def _completed(q: Any, q1: Any, q_dot: Any, r: Any, r_dot: Any) -> list[Any]:
    """The columns q2 of the complement stay orthogonal to q1: q2_dot = -q1 (q2^H q1_dot)^H; their rows of r are zero."""
    q2 = columns_between(q, q1.shape[-1], q.shape[-1])
    q2_dot = elementwise.neg(matmul(q1, matmul(adjoint(q_dot), q2)))
    zeros = layout.fill(0, (*r.shape[:-2], r.shape[-2] - r_dot.shape[-2], r.shape[-1]), r.dtype)
    last = len(r.shape) - 1
    return [layout.concatenate(q_dot, q2_dot, axis=last), layout.concatenate(r_dot, zeros, axis=last - 1)]


def _qr_samples() -> list[Sample]:
    # A complement that is not empty turns by convention, not as LAPACK's does: tests/numpy/test_linalg.py.
    return [Sample([regular(3, 2)], {"complete": False}), Sample([regular(2, 3)], {"complete": False}),
            Sample([regular(2, 2, 2)], {"complete": True}), Sample([regular(2, 3)], {"complete": True})]  # fmt: skip


def regular(*shape: int) -> Any:
    """Sample matrices whose rows or columns are independent."""
    return array(*shape) + 4 * np.eye(*shape[-2:])


qr = library("qr", _qr_impl, aval=_qr_aval, batch=batch_one(lambda: qr), linearize=_qr_linearize, lower=lowering.Matrices("qr", raises=False),
             samples=_qr_samples, multiple_results=True)

# --- LU -----------------------------------------------------------------------------------------------------------------------


def _lu_impl(a: Any) -> list[Any]:
    import scipy.linalg  # loading it takes longer than everything else here

    a = np.asarray(a)
    out, pivots = np.empty(a.shape, a.dtype), np.empty((*a.shape[:-2], min(a.shape[-2:])), np.int32)
    for k in np.ndindex(a.shape[:-2]):
        if a[k].size:
            getrf = scipy.linalg.get_lapack_funcs("getrf", (a[k],))
            out[k], pivots[k], _ = getrf(a[k])
    return [out, pivots]


def _lu_aval(a: ShapedArray) -> list[ShapedArray]:
    m, n = matrix("lu", a)
    return [a, shaped((*a.shape[:-2], min(m, n)), np.int32)]


def _lu_linearize(a: Any) -> tuple[list[Any], Callable]:
    """With l and u made square by parts of the identity and x = l^-1 p a_dot u^-1: l (x below the diagonal) + (the rest) u.

    This is l_dot below the diagonal and u_dot above, since l_dot = l (l^-1 l_dot), and so on.
    """
    packed, pivots = lu(a)
    m, n = a.shape[-2:]
    lower, upper = _squared(strictly_lower(packed), m), _squared(triangle(packed, False), n)
    lower, upper = _unit(lower, 0), _unit(upper, min(m, n))
    order = pivots_to_permutation(pivots, size=m)

    def tangent_map(t: Any) -> list[Any]:
        moved = matmul(permutation_matrix(order, t), t)
        half = triangular_solve(lower, moved, lower=True, trans=False)
        x = swap(triangular_solve(upper, swap(half), lower=False, trans=True))
        out = matmul(lower, strictly_lower(x)) + matmul(triangle(x, False), upper)
        return [out, Zero(shaped(tuple(pivots.shape), pivots.dtype))]

    return [packed, pivots], tangent_map


def _squared(x: Any, size: int) -> Any:
    """The first rows and columns, or zeros added to them."""
    for axis in (len(x.shape) - 2, len(x.shape) - 1):
        have = x.shape[axis]
        if have > size:
            x = layout.slice_axis(x, axis, 0, size)
        elif have < size:
            extra = tuple(size - have if d == axis else k for d, k in enumerate(x.shape))
            x = layout.concatenate(x, layout.fill(0, extra, x.dtype), axis=axis)
    return x


def _unit(x: Any, start: int) -> Any:
    """Ones on the diagonal from a row on."""
    row, column = (layout.iota(shape=tuple(x.shape), axis=len(x.shape) - k, dtype=layout.INDEX) for k in (2, 1))
    on = elementwise.and_(elementwise.eq(row, column), elementwise.ge(row, elementwise.like(row, start)))
    return elementwise.select(on, elementwise.like(x, 1), x)


def unit_diagonal(x: Any) -> Any:
    """Ones on the diagonal, zero elsewhere."""
    return _unit(elementwise.like(x, 0), 0)


def permutation_matrix(order: Any, like: Any) -> Any:
    """p with (p x)[i] = x[order[i]]."""
    n = order.shape[-1]
    shape, lead = (*order.shape, n), len(order.shape) - 1
    chosen = layout.broadcast(order, shape=shape, dims=tuple(range(lead + 1)))
    here = elementwise.eq(chosen, layout.iota(shape=shape, axis=lead + 1, dtype=np.dtype(order.dtype)))
    one = np.ones((), like.dtype)[()]
    return elementwise.select(here, layout.broadcast(one, shape=shape, dims=()), layout.broadcast(0 * one, shape=shape, dims=()))


def _permutation_impl(pivots: Any, *, size: int) -> Any:
    pivots = np.asarray(pivots)
    order = np.empty((*pivots.shape[:-1], size), pivots.dtype)
    order[...] = np.arange(size)
    for k in np.ndindex(pivots.shape[:-1]):
        for i, j in enumerate(pivots[k]):
            order[k][[i, j]] = order[k][[j, i]]
    return order


def _permutation_aval(pivots: ShapedArray, *, size: int) -> ShapedArray:
    if pivots.ndim < 1 or pivots.dtype.kind != "i" or pivots.shape[-1] > size:
        raise TypeError(f"pivots_to_permutation: needs at most {size} signed integers, got {pivots}")
    return pivots.update(shape=(*pivots.shape[:-1], size))


lu = library("lu", _lu_impl, aval=_lu_aval, batch=batch_one(lambda: lu), linearize=_lu_linearize, lower=lowering.Matrices("lu", raises=False),
             samples=lambda: [Sample([regular(3, 3)[::-1]]), Sample([regular(2, 3, 2)]), Sample([regular(2, 3)])], multiple_results=True)
pivots_to_permutation = library(
    "pivots_to_permutation", _permutation_impl, aval=_permutation_aval, linearize=nondiff,
    batch=lambda size_, args, axes, *, size: (pivots_to_permutation(*move_batch_first(size_, args, axes), size=size), 0),
    lower=lowering.Matrices("pivots_to_permutation", raises=False),
    samples=lambda: [Sample([np.array([2, 2, 2, 3], np.int32)], {"size": 4}), Sample([np.array([[1, 1], [0, 2]], np.int32)], {"size": 3})])

# --- singular values ------------------------------------------------------------------------------------------------------------


def _svd_aval(a: ShapedArray, *, full: bool) -> list[ShapedArray]:
    m, n = matrix("svd", a)
    k, lead = min(m, n), a.shape[:-2]
    return [a.update(shape=(*lead, m, m if full else k)), shaped((*lead, k), real_of(a.dtype)), a.update(shape=(*lead, n if full else k, n))]


def _svd_linearize(a: Any, *, full: bool) -> tuple[list[Any], Callable]:
    """With p = u^H a_dot v: s_dot = Re diag(p); u^H u_dot and v^H v_dot are skew, their sum is (p + p^H) / (s_j - s_i), their
    difference (p - p^H) / (s_j + s_i), each taken as 0 where it divides by 0. What leaves the spans is a_dot v / s.
    """
    u, s, vh = svd(a, full=full)
    k = s.shape[-1]
    u1, v = columns_between(u, 0, k), adjoint(vh)
    v1 = columns_between(v, 0, k)
    right, below = rows(s, matmul(adjoint(v1), v1)), columns(s, matmul(adjoint(v1), v1))
    gaps, sums = (as_dtype(reciprocal_or_zero(x), a) for x in (right - below, right + below))
    inverse = as_dtype(reciprocal_or_zero(s), a)
    half = np.asarray(0.5, a.dtype)[()]

    def tangent_map(t: Any) -> list[Any]:
        moved, turned = matmul(t, v1), matmul(adjoint(t), u1)
        p = matmul(adjoint(u1), moved)
        even, odd = elementwise.mul(p + adjoint(p), gaps), elementwise.mul(p - adjoint(p), sums)
        u_dot = matmul(u1, (even + odd) * half) + _outside(u1, moved, inverse)
        v_dot = matmul(v1, (even - odd) * half) + _outside(v1, turned, inverse)
        u_dot, v_dot = _with_complement(u, u1, u_dot), _with_complement(v, v1, v_dot)
        return [u_dot, real_part(diagonal_of(p)), adjoint(v_dot)]

    return [u, s, vh], tangent_map


def _outside(basis: Any, moved: Any, inverse: Any) -> Any:
    """The part of `moved` that leaves the span of a basis, divided by singular values."""
    if basis.shape[-2] == basis.shape[-1]:
        return elementwise.like(basis, 0)
    return elementwise.mul(moved - matmul(basis, matmul(adjoint(basis), moved)), rows(inverse, moved))


def _with_complement(full: Any, basis: Any, basis_dot: Any) -> Any:
    """Further columns stay orthogonal to the basis and turn no more than that asks for."""
    if full.shape == basis.shape:
        return basis_dot
    rest = columns_between(full, basis.shape[-1], full.shape[-1])
    rest_dot = elementwise.neg(matmul(basis, matmul(adjoint(basis_dot), rest)))
    return layout.concatenate(basis_dot, rest_dot, axis=len(full.shape) - 1)


def _values_aval(a: ShapedArray) -> ShapedArray:
    m, n = matrix("singular_values", a)
    return shaped((*a.shape[:-2], min(m, n)), real_of(a.dtype))


def _values_linearize(a: Any) -> tuple[Any, Callable]:
    """s_dot = Re diag(u^H a_dot v). A singular value is an absolute value: at 0 its derivative is 0."""
    out = singular_values(a)
    u, s, vh = svd(a, full=False)
    zero = elementwise.eq(s, elementwise.like(s, 0))

    def tangent_map(t: Any) -> Any:
        slopes = real_part(reduction.reduce_sum(elementwise.mul(conjugate(u), matmul(t, adjoint(vh))), axes=(len(u.shape) - 2,)))
        return elementwise.select(zero, elementwise.like(slopes, 0), slopes)

    return out, tangent_map


svd = library(
    "svd", lambda a, *, full: list(np.linalg.svd(a, full_matrices=full)), aval=_svd_aval, batch=batch_one(lambda: svd), linearize=_svd_linearize,
    lower=lowering.Matrices("svd"), multiple_results=True,
    samples=lambda: [Sample([regular(2, 2)], {"full": True}), Sample([regular(3, 2)], {"full": False}), Sample([regular(2, 2, 3)], {"full": False})])
singular_values = library(
    "singular_values", lambda a: np.linalg.svd(a, compute_uv=False), aval=_values_aval, batch=batch_one(lambda: singular_values),
    linearize=_values_linearize, lower=lowering.Matrices("singular_values"),
    samples=lambda: [Sample([regular(3, 2)]), Sample([regular(2, 2, 3)]), Sample([regular(1, 1)])])

# --- eigenvalues of general matrices ----------------------------------------------------------------------------------------------


def _complex_of(dtype: Any) -> np.dtype:
    return np.result_type(dtype, np.complex64)


def _eig_impl(a: Any) -> list[Any]:
    w, v = np.linalg.eig(a)
    return [w.astype(_complex_of(a.dtype)), v.astype(_complex_of(a.dtype))]


def _eig_aval(a: ShapedArray) -> list[ShapedArray]:
    square("eig", a, "fc")
    dtype = _complex_of(a.dtype)
    return [shaped(a.shape[:-1], dtype), shaped(a.shape, dtype)]


def _eig_linearize(a: Any) -> tuple[list[Any], Callable]:
    """With m = v^-1 a_dot v: w_dot = diag(m), v_dot = v (m_ij / (w_j - w_i)) + v c, where equal eigenvalues count as 0.

    c is what keeps the form that LAPACK gives each vector: of length 1, and its largest element real.
    """
    w, v = eig(a)
    inverse = reciprocal_or_zero(rows(w, v) - columns(w, v))
    pinned = _real_elements(v)

    def tangent_map(t: Any) -> list[Any]:
        m = solve(v, matmul(as_dtype(t, v), v), trans=False)
        free = matmul(v, elementwise.mul(m, inverse))
        along = reduction.reduce_sum(elementwise.mul(conjugate(v), free), axes=(len(v.shape) - 2,))
        turn = elementwise.imag(reduction.reduce_sum(elementwise.mul(free, pinned), axes=(len(v.shape) - 2,)))
        change = elementwise.complex_(elementwise.real(along), turn)
        return [diagonal_of(m), free - elementwise.mul(v, rows(change, v))]

    return [w, v], tangent_map


def _real_elements(v: Any) -> Any:
    """1 / element at the largest element of each vector that is real, 0 elsewhere."""
    axis = len(v.shape) - 2
    parts = elementwise.real(v), elementwise.imag(v)
    size = elementwise.select(elementwise.eq(parts[1], elementwise.like(parts[1], 0)), elementwise.abs_(parts[0]), elementwise.like(parts[0], -1))
    best = reduction.argmax(size, axis=axis)
    dims = tuple(d for d in range(len(v.shape)) if d != axis)
    chosen = layout.broadcast(best, shape=tuple(v.shape), dims=dims)
    here = elementwise.eq(chosen, layout.iota(shape=tuple(v.shape), axis=axis, dtype=np.dtype(best.dtype)))
    return elementwise.select(here, reciprocal_or_zero(v), elementwise.like(v, 0))


def _eig_samples() -> list[Sample]:
    return [Sample([np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 0.7], [0.2, 0.4, 3.0]])]), Sample([np.array([[1.0, 2.0], [-1.5, 0.4]])]),
            Sample([np.array([[[1.0, 2.0], [0.5, 3.0]], [[0.5, 1.0], [-2.0, 0.25]]])])]  # fmt: skip


eig = library("eig", _eig_impl, aval=_eig_aval, batch=batch_one(lambda: eig), linearize=_eig_linearize, lower=lowering.Callback(),
              samples=_eig_samples, multiple_results=True)

__all__ = ["eig", "lu", "permutation_matrix", "pivots_to_permutation", "qr", "regular", "singular_values", "svd", "unit_diagonal"]
