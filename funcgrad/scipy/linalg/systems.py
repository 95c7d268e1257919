"""Linear systems, inverses, determinants, least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import linalg as numpy_linalg
from ...numpy import ufuncs
from ...numpy.linear import diagonal
from ...numpy.rearrange import tril, triu
from ...ops import decompositions, layout, least_squares
from ...ops import linalg as ops
from ...ops.matrix_rules import conjugate
from ..plain import scipy_function
from .operands import as_given, epsilon, hermitian_part, matrices, not_traced, system
from .triangular import solve_triangular

_KINDS = {
    None: "general", "gen": "general", "general": "general", "sym": "symmetric", "symmetric": "symmetric",
    "her": "hermitian", "hermitian": "hermitian", "pos": "positive", "positive definite": "positive",
    "diagonal": "diagonal", "tridiagonal": "tridiagonal", "banded": "general", "upper triangular": "upper",
    "lower triangular": "lower",
}  # fmt: skip


@scipy_function("scipy.linalg")
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """x with a x = b.

    Args:
        a: (..., n, n).
        b: (n,) or (..., n, m).
        lower: which triangle SciPy reads of a symmetric a; traced, the symmetric part counts, so that derivatives are
            symmetric.
        assume_a: "gen", "sym", "her", "pos", "diagonal", "upper triangular", "lower triangular" and SciPy's longer
            names. "pos" uses a Cholesky factor.
        transposed: solve a^T x = b.
        overwrite_a, overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        x, of the shape of b, with the leading axes of both.

    Raises:
        ValueError: the shapes do not fit, or assume_a is none of these.
        LinAlgError: a is singular, or not positive definite.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a, b = np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 5.0])
        >>> fg.grad(lambda b: fg.scipy.linalg.solve(a, b)[1])(b)
        array([-0.125,  0.25 ])

    Reference: scipy.linalg.solve
    """
    if assume_a not in _KINDS:
        raise ValueError(
            f"solve: {assume_a!r} is not a recognized matrix structure; there are {[k for k in _KINDS if k]}"
        )
    kind = _KINDS[assume_a]
    x, y, vector = system(matrices(a, "solve", square=True), b, "solve")
    if kind in ("upper", "lower"):
        return as_given(solve_triangular(x, y, trans=int(transposed), lower=kind == "lower"), vector)
    if kind == "diagonal":
        return as_given(ufuncs.divide(y, diagonal(x, axis1=-2, axis2=-1)[..., None]), vector)
    if kind == "positive":
        factor = ops.cholesky(hermitian_part(conjugate(x) if transposed else x))
        half = ops.triangular_solve(factor, y, lower=True, trans=False)
        return as_given(ops.triangular_solve(conjugate(factor), half, lower=True, trans=True), vector)
    if kind == "hermitian":
        x = hermitian_part(x)
    elif kind == "symmetric":
        x = (x + numpy_linalg.matrix_transpose(x)) * 0.5
    elif kind == "tridiagonal":
        x = tril(triu(x, -1), 1)  # SciPy reads nothing else
    return as_given(ops.solve(x, y, trans=bool(transposed)), vector)


@scipy_function("scipy.linalg")
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: str | None = None, lower: bool = False
) -> Any:
    """Inverse matrices.

    Args:
        a: (..., n, n).
        overwrite_a, check_finite, assume_a, lower: accepted as SciPy has them; a is inverted as it is.

    Returns:
        (..., n, n).

    Raises:
        ValueError: a is not square.
        LinAlgError: a is singular.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.inv(a)[0, 0])(np.array([[2.0]]))
        array([[-0.25]])

    Reference: scipy.linalg.inv
    """
    return ops.inv(matrices(a, "inv", square=True))


@scipy_function("scipy.linalg")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Determinants; the gradient is the matrix of cofactors, also for singular matrices.

    Args:
        a: (..., n, n).
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (...).

    Raises:
        ValueError: a is not square.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(fg.scipy.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(12)
        array([[ 4., -2.],
               [-2.,  1.]])

    Reference: scipy.linalg.det
    """
    return ops.det(matrices(a, "det", square=True))


@scipy_function("scipy.linalg")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """Norms of vectors or matrices, as numpy.linalg.norm.

    Args:
        a: an array.
        ord: the order, for matrices also "fro" and "nuc".
        axis: an axis, or two for matrices.
        keepdims: whether axes that were summed stay, of length 1.
        check_finite: accepted as SciPy has it, without effect.

    Returns:
        A number, or an array without those axes.

    Raises:
        ValueError: there is no such order.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(fg.scipy.linalg.norm)(np.array([3.0, 4.0]))
        array([0.6, 0.8])

    Reference: scipy.linalg.norm
    """
    return numpy_linalg.norm(a, ord, axis, keepdims)


@scipy_function("scipy.linalg")
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """The Moore-Penrose inverse, with the derivative for matrices whose rank does not change.

    Args:
        a: (..., m, n).
        atol: must be None or 0 for traced values.
        rtol: singular values of at most rtol times the largest one count as 0; by default max(m, n) times the distance
            from 1 to the next number.
        return_rank: whether to give the rank, too.
        check_finite: accepted as SciPy has it, without effect.

    Returns:
        (..., n, m), or that and the rank.

    Raises:
        TypeError: atol is given.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.pinv(a)[0, 0])(np.array([[1.0], [1.0]])).round(12)
        array([[ 0. ],
               [-0.5]])

    Reference: scipy.linalg.pinv; G. Golub and V. Pereyra, SIAM J. Numer. Anal. 10, 1973.
    """
    if atol not in (None, 0):
        raise not_traced("pinv", "an absolute tolerance", "use rtol")
    x = matrices(a, "pinv")
    rcond = max(x.shape[-2:]) * epsilon(x) if rtol is None else float(rtol)
    out = least_squares.pinv(x, rcond=rcond)
    return (out, numpy_linalg.matrix_rank(x, rtol=rcond)) if return_rank else out


@scipy_function("scipy.linalg")
def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: Any = None,
) -> tuple[Any, Any, Any, Any]:
    """The shortest x that minimizes |b - a x|.

    Args:
        a: (m, n).
        b: (m,) or (m, k).
        cond: singular values of at most cond times the largest one count as 0; by default the distance from 1 to the
            next number.
        overwrite_a, overwrite_b, check_finite, lapack_driver: accepted as SciPy has them, without effect.

    Returns:
        x; the sums of squares that are left, empty unless m > n, whatever the rank; the rank; the singular values of a.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> fg.jacrev(lambda b: fg.scipy.linalg.lstsq(a, b)[0][0])(np.array([1.0, 3.0, 5.0])).round(6)
        array([ 0.833333,  0.333333, -0.166667])

    Reference: scipy.linalg.lstsq
    """
    x = matrices(a, "lstsq")
    if x.ndim != 2:
        raise ValueError(f"lstsq: needs one matrix, got shape {tuple(x.shape)}; use vmap for a stack")
    x, y, vector = system(x, b, "lstsq")
    found, rank = least_squares.lstsq(x, y, rcond=epsilon(x) if cond is None else float(cond))
    residual = np.zeros(0, x.dtype)
    if x.shape[0] > x.shape[1]:
        residual = ufuncs.squared_modulus(y - x @ found).sum(axis=0)
        residual = layout.reshape(residual, shape=()) if vector else residual
    return as_given(found, vector), residual, rank, decompositions.singular_values(x)


__all__ = ["det", "inv", "lstsq", "norm", "pinv", "solve"]
