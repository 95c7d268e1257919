"""Triangular systems and Cholesky factors."""

from __future__ import annotations

from typing import Any

from ...numpy import linalg, promotion, where
from ...numpy.promotion import array_operand
from ...ops import layout
from ...ops import linalg as ops

__all__ = ["cho_factor", "cho_solve", "cholesky", "solve_triangular"]


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """x with a x = b for triangular a.

    Args:
        a: (..., n, n); only the triangle named is read.
        b: (n,) or (..., n, m).
        trans: 0 or "N": a x = b; 1 or "T": a^T x = b.
        lower: whether a is the lower triangle; the upper one by default.
        unit_diagonal: whether the diagonal counts as ones, whatever is there.
        overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        x, of the shape of b, with the leading axes of both.

    Raises:
        ValueError: the shapes do not fit, or `trans` is none of these.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.scipy.linalg.solve_triangular(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 5.0]), lower=True)
        array([1., 1.])

    Reference: scipy.linalg.solve_triangular
    """
    if trans not in (0, 1, "N", "T"):
        raise ValueError(f"solve_triangular: trans must be 0, 1, 'N' or 'T', got {trans!r}")
    a, b = array_operand(a, "solve_triangular"), array_operand(b, "solve_triangular")
    vector = b.ndim == 1
    b = layout.reshape(b, shape=(*b.shape, 1)) if vector else b
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ValueError(
            f"solve_triangular: matrices {tuple(a.shape)} and right-hand sides {tuple(b.shape)} do not fit"
        )
    dtype = promotion.result_dtype(a, b)
    dtype = dtype if dtype.kind == "f" else promotion.result_dtype(a, b, 1.0)
    lead = promotion.common_shape([tuple(a.shape[:-2]), tuple(b.shape[:-2])], "solve_triangular")
    a = promotion.broadcast(promotion.convert(a, dtype), (*lead, *a.shape[-2:]))
    b = promotion.broadcast(promotion.convert(b, dtype), (*lead, *b.shape[-2:]))
    a = _with_unit_diagonal(a) if unit_diagonal else a
    out = ops.triangular_solve(a, b, lower=bool(lower), trans=trans in (1, "T"))
    return layout.reshape(out, shape=tuple(out.shape[:-1])) if vector else out


def _with_unit_diagonal(a: Any) -> Any:
    i, j = (layout.iota(shape=tuple(a.shape), axis=a.ndim - k, dtype=layout.INDEX) for k in (2, 1))
    return where(i == j, 1.0, a)


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The triangular factor of positive definite matrices: a = u^T u, or l l^T with `lower`.

    Args:
        a: (..., n, n), symmetric.
        lower: whether to give the lower factor; the upper one by default, as SciPy does.
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        The factor, zero in the other triangle.

    Raises:
        LinAlgError: a is not positive definite.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.scipy.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 2.0]]))
        array([[2., 1.],
               [0., 1.]])

    Reference: scipy.linalg.cholesky
    """
    return linalg.cholesky(a, upper=not lower)


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """The Cholesky factor of positive definite matrices and whether it is the lower one, for `cho_solve`.

    Args:
        a: (..., n, n), symmetric.
        lower: whether to form the lower factor.
        overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (factor, lower). The other triangle is zero, where SciPy leaves what was in a.

    Raises:
        LinAlgError: a is not positive definite.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.scipy.linalg.cho_factor(np.array([[4.0]]))
        (array([[2.]]), False)

    Reference: scipy.linalg.cho_factor
    """
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """x with a x = b, given the Cholesky factor of a.

    Args:
        c_and_lower: what `cho_factor` gave.
        b: (n,) or (..., n, m).
        overwrite_b, check_finite: accepted as SciPy has them, without effect.

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.scipy.linalg.cho_solve((np.array([[2.0]]), True), np.array([8.0]))
        array([2.])

    Reference: scipy.linalg.cho_solve
    """
    factor, lower = c_and_lower
    half = solve_triangular(factor, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(factor, half, trans=1 if lower else 0, lower=lower)
