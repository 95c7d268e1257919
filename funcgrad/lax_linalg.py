"""Strict linear algebra by the names and signatures of `jax.lax.linalg`; reached as `funcgrad.lax.linalg`.

All functions take floating-point arrays, map over leading axes, and give the same numbers traced or not. `eigh` gives
vectors first, as in JAX. What users of NumPy or SciPy look for is in `funcgrad.numpy.linalg` and
`funcgrad.scipy.linalg`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .numpy import promotion
from .ops import banded, decompositions
from .ops import linalg as ops
from .ops.matrix_rules import adjoint, conjugate, swap
from .scipy.linalg.operands import hermitian_part, matrices
from .scipy.linalg.triangular import solve_triangular

__all__ = [
    "cholesky",
    "eig",
    "eigh",
    "lu",
    "lu_pivots_to_permutation",
    "qr",
    "svd",
    "triangular_solve",
    "tridiagonal_solve",
]


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Any:
    """The lower triangular factor of positive definite matrices: x = l l^T.

    Args:
        x: (..., n, n).
        symmetrize_input: whether the symmetric part of x counts; else its lower triangle.

    Returns:
        (..., n, n).

    Raises:
        LinAlgError: x is not positive definite.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 2.0]]))
        array([[2., 0.],
               [1., 1.]])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.cholesky.html
    """
    x = matrices(x, "cholesky", square=True)
    return ops.cholesky(hermitian_part(x) if symmetrize_input else x)


def eigh(
    x: Any, *, lower: bool = True, symmetrize_input: bool = True, sort_eigenvalues: bool = True
) -> tuple[Any, Any]:
    """Eigenvectors and eigenvalues, in ascending order, of symmetric matrices.

    Args:
        x: (..., n, n).
        lower: which triangle counts, if not the symmetric part.
        symmetrize_input: whether the symmetric part of x counts.
        sort_eigenvalues: accepted as JAX has it; they always are.

    Returns:
        (v, w): (..., n, n) and (..., n), in this order.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.eigh(np.diag([3.0, 1.0]))[1]
        array([1., 3.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.eigh.html
    """
    x = matrices(x, "eigh", square=True)
    w, v = ops.eigh(hermitian_part(x) if symmetrize_input else x if lower else adjoint(x))
    return v, w


def eig(x: Any, *, compute_left_eigenvectors: bool = False, compute_right_eigenvectors: bool = True) -> tuple[Any, ...]:
    """Eigenvalues and right eigenvectors, complex numbers.

    Args:
        x: (..., n, n).
        compute_left_eigenvectors: must be false (JAX's default is true).
        compute_right_eigenvectors: whether to give vectors.

    Returns:
        (w, v), or (w,).

    Raises:
        TypeError: left eigenvectors are asked for.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.eig(np.array([[0.0, 1.0], [-1.0, 0.0]]))[0].imag
        array([ 1., -1.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.eig.html
    """
    if compute_left_eigenvectors:
        raise TypeError("eig: left eigenvectors are not supported.\nFix: use eig of the transposed matrices")
    w, v = decompositions.eig(matrices(x, "eig", square=True))
    return (w, v) if compute_right_eigenvectors else (w,)


def qr(x: Any, *, full_matrices: bool = True) -> tuple[Any, Any]:
    """Orthonormal columns and an upper triangle: x = q r.

    Args:
        x: (..., m, n).
        full_matrices: whether q is square.

    Returns:
        (q, r).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.qr(np.array([[3.0], [4.0]]), full_matrices=False)[1]
        array([[-5.]])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.qr.html
    """
    return tuple(decompositions.qr(matrices(x, "qr"), complete=bool(full_matrices)))


def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values in descending order, between matrices with orthonormal columns and rows: x = u diag(s) vh.

    Args:
        x: (..., m, n).
        full_matrices: whether u and vh are square.
        compute_uv: whether to give more than s.

    Returns:
        (u, s, vh), or s.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.svd(np.diag([2.0, 3.0]), compute_uv=False)
        array([3., 2.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.svd.html
    """
    x = matrices(x, "svd")
    return tuple(decompositions.svd(x, full=bool(full_matrices))) if compute_uv else decompositions.singular_values(x)


def lu(x: Any) -> tuple[Any, Any, Any]:
    """Triangular factors in one array, row exchanges, and the permutation they amount to: x[permutation] = l u.

    Args:
        x: (..., m, n).

    Returns:
        (lu, pivots, permutation): (..., m, n), (..., min(m, n)) and (..., m), the last two int32.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.lu(np.array([[1.0, 2.0], [2.0, 2.0]]))[2]
        array([1, 0], dtype=int32)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.lu.html
    """
    x = matrices(x, "lu")
    packed, pivots = decompositions.lu(x)
    return packed, pivots, decompositions.pivots_to_permutation(pivots, size=x.shape[-2])


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Any:
    """The permutation that row exchanges amount to.

    Args:
        pivots: (..., k) integers: row i and row pivots[i] change places, one after the other.
        permutation_size: the number of rows.

    Returns:
        (..., permutation_size).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.lax.linalg.lu_pivots_to_permutation(np.array([2, 2]), 3)
        array([2, 0, 1])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.lu_pivots_to_permutation.html
    """
    return decompositions.pivots_to_permutation(promotion.array_operand(pivots), size=int(permutation_size))


def triangular_solve(
    a: Any,
    b: Any,
    *,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    """x with op(a) x = b, or with x op(a) = b, for triangular a.

    Args:
        a: (..., n, n); only the triangle named is read.
        b: (..., n, m) with `left_side`, else (..., m, n).
        left_side: whether a stands to the left of x.
        lower: whether a is the lower triangle.
        transpose_a, conjugate_a: op(a) is a transposed, conjugated, or both.
        unit_diagonal: whether the diagonal counts as ones.

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a, b = np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([[2.0], [5.0]])
        >>> fg.lax.linalg.triangular_solve(a, b, left_side=True, lower=True)
        array([[1.],
               [1.]])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.triangular_solve.html
    """
    a = conjugate(matrices(a, "triangular_solve", square=True)) if conjugate_a else a
    if left_side:
        return solve_triangular(a, b, trans=int(transpose_a), lower=lower, unit_diagonal=unit_diagonal)
    b = matrices(b, "triangular_solve")
    turned = solve_triangular(a, swap(b), trans=int(not transpose_a), lower=lower, unit_diagonal=unit_diagonal)
    return swap(turned)


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any) -> Any:
    """x with a x = b for matrices with three diagonals.

        dl[i] x[i - 1] + d[i] x[i] + du[i] x[i + 1] = b[i]

    Args:
        dl, d, du: (..., n); dl[0] and du[-1] are not read.
        b: (..., n, m).

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit.
        LinAlgError: a is singular.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> one = np.ones(3)
        >>> fg.jit(fg.lax.linalg.tridiagonal_solve)(one, 3 * one, one, np.array([[4.0], [5.0], [4.0]]))
        array([[1.],
               [1.],
               [1.]])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.linalg.tridiagonal_solve.html
    """
    diagonals = [promotion.array_operand(v, "tridiagonal_solve") for v in (dl, d, du)]
    b = matrices(b, "tridiagonal_solve")
    shapes = {tuple(v.shape) for v in diagonals}
    if shapes != {tuple(b.shape[:-1])}:
        raise ValueError(
            f"tridiagonal_solve: diagonals {sorted(shapes)} and right-hand sides {tuple(b.shape)} do not fit"
        )
    below, main, above = (promotion.convert(v, np.dtype(b.dtype)) for v in diagonals)
    bands = banded.stacked_rows([banded.shifted(above, 1), main, banded.shifted(below, -1)])
    return banded.banded_solve(bands, b, lower=1, upper=1)
