"""LU, QR, singular values, polar factors, bases of ranges and null spaces."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import promotion, reductions, selection
from ...numpy.promotion import array_operand
from ...ops import decompositions, elementwise, layout
from ...ops import linalg as ops
from ...ops.matrix_rules import adjoint, columns_between, conjugate, matmul, strictly_lower, swap, triangle
from ..plain import scipy_function
from .operands import as_given, epsilon, matrices, not_traced, system

# --- LU ---------------------------------------------------------------------------------------------------------------


@scipy_function("scipy.linalg")
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """Triangular factors in one array and the row exchanges, for `lu_solve`.

    Args:
        a: (..., m, n).
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (lu, pivots): row i and row pivots[i] changed places, one after the other.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.lu_factor)(np.array([[1.0, 2.0], [2.0, 2.0]]))
        (array([[2. , 2. ],
               [0.5, 1. ]]), array([1, 1], dtype=int32))

    Reference: scipy.linalg.lu_factor
    """
    return tuple(decompositions.lu(matrices(a, "lu_factor")))


@scipy_function("scipy.linalg")
def lu_solve(
    lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """x with a x = b, given what `lu_factor` made of a.

    Args:
        lu_and_piv: (..., n, n) and (..., n).
        b: (n,) or (..., n, m).
        trans: 0: a x = b; 1: a^T x = b; 2: a^H x = b.
        overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit, or `trans` is none of these.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> solve = lambda a, b: fg.scipy.linalg.lu_solve(fg.scipy.linalg.lu_factor(a), b)
        >>> fg.jit(solve)(np.array([[1.0, 2.0], [2.0, 2.0]]), np.array([3.0, 4.0]))
        array([1., 1.])

    Reference: scipy.linalg.lu_solve
    """
    if trans not in (0, 1, 2):
        raise ValueError(f"lu_solve: trans must be 0, 1 or 2, got {trans!r}")
    factors, pivots = lu_and_piv
    packed, y, vector = system(matrices(factors, "lu_solve", square=True), b, "lu_solve")
    order = decompositions.pivots_to_permutation(array_operand(pivots, "lu_solve"), size=packed.shape[-1])
    order = promotion.broadcast(order, tuple(packed.shape[:-1]))
    packed = conjugate(packed) if trans == 2 else packed
    lower = _with_ones(packed)
    if trans == 0:
        half = ops.triangular_solve(lower, _rows(y, order), lower=True, trans=False)
        return as_given(ops.triangular_solve(packed, half, lower=False, trans=False), vector)
    half = ops.triangular_solve(packed, y, lower=False, trans=True)
    out = ops.triangular_solve(lower, half, lower=True, trans=True)
    return as_given(_rows(out, selection.argsort(order, axis=-1)), vector)


def _rows(x: Any, order: Any) -> Any:
    """Row order[i] in place i."""
    shape = tuple(x.shape)
    index = layout.broadcast(order, shape=shape, dims=tuple(range(len(shape) - 1)))
    return selection.take_along_axis(x, index, axis=-2)


def _with_ones(packed: Any) -> Any:
    """The lower factor, whose diagonal is ones."""
    return strictly_lower(packed) + decompositions.unit_diagonal(packed)


@scipy_function("scipy.linalg")
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> tuple[Any, ...]:
    """a = p l u with a permutation p, a lower triangle l with ones on its diagonal, and an upper triangle u.

    Args:
        a: (..., m, n); k = min(m, n).
        permute_l: give (p l, u).
        p_indices: give p as numbers of rows, a = l[p] @ u.
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        p (..., m, m), l (..., m, k) and u (..., k, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> p, l, u = fg.jit(fg.scipy.linalg.lu)(np.array([[1.0, 2.0], [2.0, 2.0]]))
        >>> p, l, u
        (array([[0., 1.],
               [1., 0.]]), array([[1. , 0. ],
               [0.5, 1. ]]), array([[2., 2.],
               [0., 1.]]))

    Reference: scipy.linalg.lu
    """
    packed, pivots = decompositions.lu(matrices(a, "lu"))
    m, n = packed.shape[-2:]
    k, last = min(m, n), packed.ndim - 1
    lower = _with_ones(columns_between(packed, 0, k))
    upper = layout.slice_axis(triangle(packed, False), last - 1, 0, k)
    order = decompositions.pivots_to_permutation(pivots, size=m)
    if permute_l:
        return _rows(lower, selection.argsort(order, axis=-1)), upper
    if p_indices:
        rows = promotion.convert(selection.argsort(order, axis=-1), np.dtype(np.int32))
        return rows, lower, upper
    return swap(decompositions.permutation_matrix(order, packed)), lower, upper


# --- orthogonal factors -----------------------------------------------------------------------------------------------


@scipy_function("scipy.linalg")
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> tuple[Any, ...]:
    """a = q r with orthonormal columns and an upper triangle.

    Args:
        a: (..., m, n); k = min(m, n).
        mode: "full", "economic" or "r".
        pivoting: must be false for traced values.
        overwrite_a, lwork, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (q, r): (..., m, m) and (..., m, n) for "full", (..., m, k) and (..., k, n) for "economic"; (r,) for "r".

    Raises:
        ValueError: there is no such mode.
        TypeError: columns are to be exchanged, or mode is "raw".

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(lambda a: fg.scipy.linalg.qr(a, mode="r"))(np.array([[3.0, 1.0], [4.0, 2.0]]))[0].round(12)
        array([[-5. , -2.2],
               [ 0. ,  0.4]])

    Reference: scipy.linalg.qr
    """
    if pivoting or mode == "raw":
        raise not_traced(
            "qr", "exchanging columns" if pivoting else "mode='raw'", "use modes 'full', 'economic' or 'r'"
        )
    if mode not in ("full", "economic", "r"):
        raise ValueError(f"qr: mode must be 'full', 'r', 'economic' or 'raw', got {mode!r}")
    q, r = decompositions.qr(matrices(a, "qr"), complete=mode != "economic")
    return (r,) if mode == "r" else (q, r)


@scipy_function("scipy.linalg")
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """Singular values in descending order, between matrices with orthonormal columns and rows: a = u diag(s) vh.

    Args:
        a: (..., m, n); k = min(m, n).
        full_matrices: whether u and vh are square.
        compute_uv: whether to give more than s.
        overwrite_a, check_finite, lapack_driver: accepted as SciPy has them, without effect.

    Returns:
        (u, s, vh): (..., m, m or k), (..., k), (..., n or k, n); or s alone.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.svd(a)[1][0])(np.diag([3.0, 2.0]))
        array([[1., 0.],
               [0., 0.]])

    Reference: scipy.linalg.svd
    """
    x = matrices(a, "svd")
    return tuple(decompositions.svd(x, full=bool(full_matrices))) if compute_uv else decompositions.singular_values(x)


@scipy_function("scipy.linalg")
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Singular values in descending order.

    Args:
        a: (..., m, n).
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (..., min(m, n)).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.svdvals)(np.diag([2.0, 3.0]))
        array([3., 2.])

    Reference: scipy.linalg.svdvals
    """
    return decompositions.singular_values(matrices(a, "svdvals"))


@scipy_function("scipy.linalg")
def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """A matrix with orthonormal rows or columns and a positive semidefinite one: a = u p, or p u.

    Args:
        a: (..., m, n).
        side: "right" (a = u p) or "left" (a = p u).

    Returns:
        (u, p): (..., m, n) and (..., n, n) or (..., m, m).

    Raises:
        ValueError: side is none of these.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> u, p = fg.jit(fg.scipy.linalg.polar)(np.array([[3.0, -4.0], [4.0, 3.0]]))
        >>> u.round(6), abs(p.round(6))
        (array([[ 0.6, -0.8],
               [ 0.8,  0.6]]), array([[5., 0.],
               [0., 5.]]))

    Reference: scipy.linalg.polar
    """
    if side not in ("right", "left"):
        raise ValueError(f"polar: side must be 'right' or 'left', got {side!r}")
    x = matrices(a, "polar")
    w, _, vh = decompositions.svd(x, full=False)
    u = matmul(w, vh)
    p = matmul(adjoint(u), x) if side == "right" else matmul(x, adjoint(u))
    return u, p


# --- bases ------------------------------------------------------------------------------------------------------------


@scipy_function("scipy.linalg")
def null_space(
    A: Any, rcond: Any = None, *, overwrite_a: bool = False, check_finite: bool = True, lapack_driver: str = "gesdd"
) -> Any:
    """An orthonormal basis of the vectors that A maps to zero; its derivative turns the basis no more than it must.

    Args:
        A: (m, n).
        rcond: singular values of at most rcond times the largest one count as 0.
        overwrite_a, check_finite, lapack_driver: accepted as SciPy has them, without effect.

    Returns:
        (n, n - rank). The rank is a shape, so that `jit` refuses this function.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> projector = lambda a: fg.scipy.linalg.null_space(a) @ fg.scipy.linalg.null_space(a).T
        >>> fg.jacfwd(lambda t: projector(np.array([[1.0, 0.0]]) + t * np.array([[0.0, 1.0]])))(0.0)
        array([[ 0., -1.],
               [-1.,  0.]])

    Reference: scipy.linalg.null_space
    """
    x = matrices(A, "null_space")
    _, s, vh = decompositions.svd(x, full=True)
    return columns_between(adjoint(vh), _rank(x, s, rcond), vh.shape[-1])


@scipy_function("scipy.linalg")
def orth(A: Any, rcond: Any = None) -> Any:
    """An orthonormal basis of the range of A, by singular vectors.

    Args:
        A: (m, n).
        rcond: singular values of at most rcond times the largest one count as 0.

    Returns:
        (m, rank). The rank is a shape, so that `jit` refuses this function.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> abs(fg.scipy.linalg.orth(np.array([[2.0, 0.0], [0.0, 0.0]])))
        array([[1.],
               [0.]])

    Reference: scipy.linalg.orth
    """
    x = matrices(A, "orth")
    u, s, _ = decompositions.svd(x, full=False)
    return columns_between(u, 0, _rank(x, s, rcond))


def _rank(x: Any, s: Any, rcond: Any) -> int:
    rcond = max(x.shape[-2:]) * epsilon(x) if rcond is None else float(rcond)
    if not s.size:
        return 0
    kept = elementwise.gt(s, elementwise.like(s, 1) * (reductions.max(s) * rcond))
    return promotion.static_int(reductions.sum(kept), "null_space or orth")


__all__ = ["lu", "lu_factor", "lu_solve", "null_space", "orth", "polar", "qr", "svd", "svdvals"]
