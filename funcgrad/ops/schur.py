"""The Schur form of square matrices, a = z t z^H, and its derivatives.

With m = z^H a_dot z and the skew-Hermitian x = z^H z_dot, differentiating a = z t z^H gives

    t_dot = m - (x t - t x)

What must stay zero in t determines the part l of x below the diagonal blocks: there, l t - t l = m. That equation is an
op of its own, `schur_turn`, linear in m; its derivative in t is the same equation, so all orders follow. A real form has
2 x 2 blocks [a b; c a] for pairs of complex eigenvalues: that both elements of their diagonal stay equal fixes the turn
inside of them. Complex vectors turn no phases: z_k^H z_k_dot = 0. Equal eigenvalues have no derivative of their vectors:
what would divide by zero counts as 0.

Reference: G. Golub, C. Van Loan, Matrix Computations, 4th ed. 2013, 7.1, 7.4 and 7.6; N. Higham, Functions of Matrices,
SIAM 2008, 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import lowering
from ..core.avals import ShapedArray
from ..core.primitive import Zero
from ..transforms import linear_ops
from . import elementwise, layout, reduction
from .matrix_rules import (
    adjoint,
    batch_one,
    columns,
    compare_axes,
    diagonal_of,
    matmul,
    reciprocal_or_zero,
    rows,
    square,
    swap,
)  # fmt: skip
from .rules import is_linear, library
from .samples import Sample, array

# --- the equation l t - t l = m below the diagonal blocks --------------------------------------------------------------


def _turn_impl(t: Any, m: Any, pairs: Any, *, transposed: bool) -> Any:
    """By substitution in complex triangular form, where 2 x 2 blocks are triangular, too."""
    t, m, pairs = np.asarray(t), np.asarray(m), np.asarray(pairs)
    inside = _inside_blocks(t, pairs)
    s, m = np.where(np.tri(t.shape[-1], k=-1, dtype=bool) & ~inside, 0, t), np.where(inside, 0, np.tril(m, -1))
    q = None
    if pairs.any():
        s, q = _triangular(s, pairs)
        q = q.conj() if transposed else q
        m = _adjoint(q) @ m @ q
    out = _substituted(s, m, inside, transposed)
    if q is not None:
        out = q @ out @ _adjoint(q)
        out = out.real if t.dtype.kind == "f" else out
    return np.where(inside, 0, np.tril(out, -1)).astype(t.dtype)


def _inside_blocks(t: Any, pairs: Any) -> Any:
    """The place below the diagonal of every 2 x 2 block."""
    i, j = np.indices(t.shape[-2:])
    return (i == j + 1) & pairs[..., None, :]


def _adjoint(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


def _triangular(t: Any, pairs: Any) -> tuple[Any, Any]:
    """s and q, complex, with t = q s q^H and s upper triangular: one rotation for each block."""
    s = t.astype(np.result_type(t.dtype, np.complex64))
    q = np.broadcast_to(np.eye(t.shape[-1], dtype=s.dtype), s.shape).copy()
    for *k, j in zip(*np.nonzero(pairs[..., :-1])):
        own = (*k, slice(None), slice(j, j + 2))
        turn = _rotation(s[(*k, slice(j, j + 2), slice(j, j + 2))])
        s[own] = s[own] @ turn
        s[(*k, slice(j, j + 2))] = _adjoint(turn) @ s[(*k, slice(j, j + 2))]
        s[(*k, j + 1, j)] = 0
        q[own] = q[own] @ turn
    return s, q


def _rotation(block: Any) -> Any:
    """A unitary matrix whose first column is an eigenvector of a 2 x 2 block."""
    (a, b), (c, d) = block
    root = np.sqrt(0.25 * (a - d) ** 2 + b * c)
    vector = np.array([0.5 * (a - d) + root, c])
    length = np.linalg.norm(vector)
    x, y = vector / length if length else (1, 0)
    return np.array([[x, -np.conj(y)], [y, np.conj(x)]], block.dtype)


def _substituted(t: Any, m: Any, inside: Any, transposed: bool) -> Any:
    """l below the diagonal with l t - t l = m there, one subdiagonal after the other, 0 inside blocks.

    Element (i, j) needs those to its left and below, further from the diagonal; `transposed`, with t^T for t, those
    between it and the diagonal.
    """
    n = t.shape[-1]
    diagonal = np.diagonal(t, axis1=-2, axis2=-1)
    out = np.zeros(m.shape, np.result_type(t, m))
    left = t if transposed else np.swapaxes(t, -1, -2)  # row j: what meets row i of l
    right = np.swapaxes(left, -1, -2)
    for d in range(1, n) if transposed else range(n - 1, 0, -1):
        known = np.sum(out[..., d:, :] * left[..., : n - d, :], -1)
        known = known - np.sum(right[..., d:, :] * np.swapaxes(out, -1, -2)[..., : n - d, :], -1)
        gap = diagonal[..., : n - d] - diagonal[..., d:]
        fixed = (gap == 0) | np.diagonal(inside, -d, -2, -1)
        value = (np.diagonal(m, -d, -2, -1) - known) / np.where(fixed, 1, gap)
        out[..., np.arange(d, n), np.arange(n - d)] = np.where(fixed, 0, value)
    return out


def _turn_aval(t: ShapedArray, m: ShapedArray, pairs: ShapedArray, *, transposed: bool) -> ShapedArray:
    if square("schur_turn", t, "fc") is not m or pairs.shape != t.shape[:-1] or pairs.dtype.kind != "b":
        raise TypeError(f"schur_turn: operands {t}, {m} and {pairs} do not fit")
    return t


def _turn_linearize(t: Any, m: Any, pairs: Any, *, transposed: bool) -> tuple[Any, Callable]:
    """The derivative of l t - t l = m; transposed, of l t^T - t^T l = m."""
    out = schur_turn(t, m, pairs, transposed=transposed)

    def tangent_map(t_dot: Any, m_dot: Any, _: Any) -> Any:
        terms = [] if type(m_dot) is Zero else [m_dot]
        if type(t_dot) is not Zero:
            own = _structured(t_dot, pairs)
            own = swap(own) if transposed else own
            terms.append(matmul(own, out) - matmul(out, own))
        total = terms[0] if len(terms) == 1 else linear_ops.add_any(*terms)
        return schur_turn(t, total, pairs, transposed=transposed)

    return out, tangent_map


def _structured(x: Any, pairs: Any) -> Any:
    """What of x is in the upper triangle or in a 2 x 2 block."""
    kept = elementwise.or_(compare_axes(x, elementwise.le), _block_places(x, pairs))
    return elementwise.select(kept, x, elementwise.like(x, 0))


def _block_places(x: Any, pairs: Any) -> Any:
    """As `_inside_blocks`, of traced values."""
    return elementwise.and_(_first_below(x), rows(pairs, x))


def _first_below(x: Any) -> Any:
    shape, lead = tuple(x.shape), len(x.shape) - 2
    i, j = (layout.iota(shape=shape, axis=lead + k, dtype=layout.INDEX) for k in (0, 1))
    return elementwise.eq(i, j + elementwise.like(j, 1))


def _turn_transpose(ct: Any, t: Any, m: Any, pairs: Any, *, transposed: bool) -> tuple[None, Any, None]:
    assert is_linear(m)
    return None, schur_turn(t, ct, pairs, transposed=not transposed), None


_QUASI = np.array([[1.0, 2.0, 0.5, 0.3], [-0.4, 1.0, 0.7, -0.6], [0.0, 0.0, 3.0, 0.9], [0.0, 0.0, 0.0, -1.5]])


def _turn_samples() -> list[Sample]:
    pair, stack = np.array([True, False, False, False]), np.stack([_QUASI[2:, 2:], _QUASI[1:3, 1:3]])
    return [Sample([_QUASI, array(4, 4), pair], dict(transposed=False)), Sample([_QUASI, array(4, 4), pair], dict(transposed=True)),
            Sample([stack, array(2, 2, 2), np.zeros((2, 2), bool)], dict(transposed=False))]  # fmt: skip


schur_turn = library(
    "schur_turn", _turn_impl, aval=_turn_aval, batch=batch_one(lambda: schur_turn), linearize=_turn_linearize,
    transpose=_turn_transpose, lower=lowering.Callback(), samples=_turn_samples)  # fmt: skip

# --- the form ---------------------------------------------------------------------------------------------------------


def _schur_impl(a: Any) -> list[Any]:
    import scipy.linalg

    a = np.asarray(a)
    t, z = np.empty(a.shape, a.dtype), np.empty(a.shape, a.dtype)
    for k in np.ndindex(a.shape[:-2]):
        if a[k].size:
            t[k], z[k] = scipy.linalg.schur(a[k].astype(a.dtype, order="C"))
    return [t, z]


def _schur_linearize(a: Any) -> tuple[list[Any], Callable]:
    t, z = schur(a)
    below = elementwise.select(_first_below(t), t, elementwise.like(t, 0))
    below = reduction.reduce_sum(below, axes=(len(t.shape) - 2,))
    pairs = elementwise.ne(below, elementwise.like(below, 0))

    def tangent_map(a_dot: Any) -> list[Any]:
        m = matmul(adjoint(z), matmul(a_dot, z))
        l = schur_turn(t, m, pairs, transposed=False)
        if t.dtype.kind == "f":
            l = l + _turn_in_blocks(t, m - (matmul(l, t) - matmul(t, l)), pairs)
        x = l - adjoint(l)
        return [_structured(m - (matmul(x, t) - matmul(t, x)), pairs), matmul(z, x)]

    return [t, z], tangent_map


def _turn_in_blocks(t: Any, rest: Any, pairs: Any) -> Any:
    """The turn that keeps the elements a of [a b; c a] equal: half the difference of their rates over b + c.

    Where b = -c every turn does: it counts as 0.
    """
    slopes = diagonal_of(rest)
    turn = elementwise.mul(columns(slopes, t) - rows(slopes, t), reciprocal_or_zero(t + swap(t)))
    return elementwise.select(_block_places(t, pairs), turn * 0.5, elementwise.like(t, 0))


def _schur_samples() -> list[Sample]:
    return [Sample([np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 0.7], [0.2, 0.4, 3.0]])]), Sample([np.array([[1.0, 2.0], [-1.5, 0.4]])]),
            Sample([np.array([[[1.0, 2.0], [0.5, 3.0]], [[0.5, 1.0], [-2.0, 0.25]]])])]  # fmt: skip


schur = library(
    "schur", _schur_impl, aval=lambda a: [square("schur", a, "fc")] * 2, batch=batch_one(lambda: schur),
    linearize=_schur_linearize, lower=lowering.Matrices("schur"), samples=_schur_samples, multiple_results=True)  # fmt: skip

__all__ = ["schur", "schur_turn"]
