"""Eigenvalues of symmetric, of general and of pairs of matrices."""

from __future__ import annotations

from typing import Any

from ...numpy import promotion
from ...ops import decompositions, layout
from ...ops import linalg as ops
from ...ops.matrix_rules import adjoint, conjugate, matmul
from ..plain import scipy_function
from .operands import hermitian_part, matrices, not_traced


def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """Eigenvalues in ascending order and eigenvectors of symmetric matrices, or of pairs of them.

        a v = w b v   (type 1),   a b v = w v   (type 2),   b a v = w v   (type 3)

    Args:
        a: (..., n, n), symmetric: its symmetric part counts, so that derivatives are symmetric.
        b: (..., n, n), positive definite; vectors then have v^T b v = 1 (types 1 and 2) or v^T b^-1 v = 1 (type 3).
        eigvals_only: whether to give w alone.
        type: which equation.
        subset_by_index: [first, last], numbers of the eigenvalues wanted.
        lower, overwrite_a, overwrite_b, check_finite, driver: accepted as SciPy has them, without effect.
        subset_by_value: must be None.

    Returns:
        (w, v), or w. Signs of vectors are those of numpy.linalg.eigh, traced or not.

    Raises:
        ValueError: shapes do not fit, or there is no such type.
        LinAlgError: b is not positive definite.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a, b = np.array([[2.0, 0.0], [0.0, 12.0]]), np.array([[2.0, 0.0], [0.0, 4.0]])
        >>> fg.scipy.linalg.eigh(a, b, eigvals_only=True)
        array([1., 3.])
        >>> fg.grad(lambda b: fg.scipy.linalg.eigh(a, b)[0][1])(b).round(12)
        array([[ 0.  ,  0.  ],
               [ 0.  , -0.75]])

    Reference: scipy.linalg.eigh
    """
    if subset_by_value is not None:
        raise not_traced("eigh", "subset_by_value", "use subset_by_index, or pick from all eigenvalues")
    if type not in (1, 2, 3):
        raise ValueError(f"eigh: type must be 1, 2 or 3, got {type!r}")
    x = hermitian_part(matrices(a, "eigh", square=True))
    if b is None:
        w, v = ops.eigh(x)
    else:
        x, y = promotion.promote([x, hermitian_part(matrices(b, "eigh", square=True))], "eigh")
        w, v = _generalized(x, y, type)
    if subset_by_index is not None:
        first, last = promotion.static_ints(tuple(subset_by_index), "eigh")
        w = layout.slice_axis(w, len(w.shape) - 1, first, last + 1)
        v = layout.slice_axis(v, len(v.shape) - 1, first, last + 1)
    return w if eigvals_only else (w, v)


def _generalized(x: Any, y: Any, kind: int) -> tuple[Any, Any]:
    """With b = l l^H, an ordinary problem for l^-1 a l^-H or l^H a l."""
    factor = ops.cholesky(y)
    if kind == 1:
        half = ops.triangular_solve(factor, x, lower=True, trans=False)
        inner = ops.triangular_solve(factor, adjoint(half), lower=True, trans=False)
    else:
        inner = matmul(adjoint(factor), matmul(x, factor))
    w, v = ops.eigh(hermitian_part(inner))
    return w, matmul(factor, v) if kind == 3 else ops.triangular_solve(conjugate(factor), v, lower=True, trans=True)


def eigvalsh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """Eigenvalues in ascending order of symmetric matrices, or of pairs of them, as `eigh` gives them.

    Args:
        a, b, type, subset_by_index: as for `eigh`, and so are the others.

    Returns:
        w, (..., n).

    Raises:
        ValueError: shapes do not fit, or there is no such type.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.eigvalsh)(np.diag([3.0, 1.0]))
        array([1., 3.])

    Reference: scipy.linalg.eigvalsh
    """
    return eigh(a, b, eigvals_only=True, type=type, subset_by_index=subset_by_index, subset_by_value=subset_by_value)


@scipy_function("scipy.linalg")
def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Eigenvalues and eigenvectors, of traced values always complex numbers.

    Args:
        a: (..., n, n).
        right: whether to give vectors.
        b, left, homogeneous_eigvals: must be as they are by default for traced values.
        overwrite_a, overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (w, v), each column of length 1 and with a real largest element; or w.

    Raises:
        ValueError: a is not square.
        TypeError: a pair of matrices or left vectors are asked for.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.eig(a)[0].real.max())(np.array([[1.0, 1.0], [0.0, 3.0]]))
        array([[0. , 0. ],
               [0.5, 1. ]])

    Reference: scipy.linalg.eig
    """
    if b is not None or left or homogeneous_eigvals:
        raise not_traced(
            "eig", "b, left or homogeneous_eigvals", "use eig(inv(b) @ a), or eig of the transposed matrix"
        )
    x = matrices(a, "eig", square=True)
    w, v = decompositions.eig(x)
    return (w, v) if right else w


@scipy_function("scipy.linalg")
def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False
) -> Any:
    """Eigenvalues, complex numbers.

    Args:
        a: (..., n, n).
        b, homogeneous_eigvals: must be as they are by default for traced values.
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (..., n).

    Raises:
        ValueError: a is not square.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.scipy.linalg.eigvals(np.array([[0.0, 1.0], [-1.0, 0.0]])).imag
        array([ 1., -1.])

    Reference: scipy.linalg.eigvals
    """
    return eig.__wrapped__(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]
