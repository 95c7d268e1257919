"""Schur forms, real and complex."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import promotion, ufuncs, where
from ...numpy.at_updates import at
from ...numpy.joining import stack
from ...numpy.linear import matmul
from ...ops import schur as ops
from ...ops.matrix_rules import adjoint, conjugate
from ..plain import scipy_function
from .operands import matrices, not_traced, one_dtype


@scipy_function("scipy.linalg")
def schur(
    a: Any,
    output: str = "real",
    lwork: Any = None,
    overwrite_a: bool = False,
    sort: Any = None,
    check_finite: bool = True,
) -> tuple[Any, Any]:
    """The Schur form of square matrices: a = z t z^H, with z unitary and t upper triangular.

        t_dot = m - (x t - t x),   z_dot = z x,   m = z^H a_dot z,   x^H = -x

    The real form of a real matrix has a block of two rows for each pair of complex eigenvalues. The eigenvalues must
    differ: what would divide by the difference of equal ones counts as 0. Phases of complex vectors do not turn, so
    that functions in which they cancel are exact.

    Args:
        a: (..., n, n).
        output: "real", or "complex" for a triangular form of a real matrix.
        sort: must be None for traced values.
        lwork, overwrite_a, check_finite: accepted as SciPy has them, without effect.

    Returns:
        (t, z), each (..., n, n).

    Raises:
        ValueError: a is not square, or there is no such output.
        TypeError: sort is given.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a = np.array([[1.0, 2.0], [0.0, 3.0]])
        >>> fg.grad(lambda a: fg.scipy.linalg.schur(a)[0][1, 1])(a)
        array([[0., 0.],
               [1., 1.]])

    Reference: scipy.linalg.schur; G. Golub, C. Van Loan, Matrix Computations, 4th ed. 2013, 7.4.
    """
    if output not in ("real", "complex", "r", "c"):
        raise ValueError(f"schur: output must be 'real' or 'complex', got {output!r}")
    if sort is not None:
        raise not_traced("schur", "sort", "leave it out; eig or eigvals give eigenvalues that can be ordered")
    x = matrices(a, "schur", square=True)
    if output in ("complex", "c"):
        x = promotion.convert(x, np.result_type(x.dtype, np.complex64))
    return tuple(ops.schur(x))


@scipy_function("scipy.linalg")
def rsf2csf(T: Any, Z: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """The complex Schur form from the real one: one rotation for each block of two rows.

    Args:
        T, Z: (..., n, n), as `schur` gives them.
        check_finite: accepted as SciPy has it, without effect.

    Returns:
        (t, z), complex: t upper triangular, z unitary, z t z^H = Z T Z^T.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> def imaginary(a):
        ...     t, z = fg.scipy.linalg.rsf2csf(*fg.scipy.linalg.schur(a))
        ...     return t[0, 0].imag
        >>> fg.grad(imaginary)(np.array([[0.0, 1.0], [-4.0, 0.0]])).round(12)
        array([[ 0.  ,  1.  ],
               [-0.25,  0.  ]])

    Reference: scipy.linalg.rsf2csf
    """
    t, z = one_dtype(matrices(T, "rsf2csf", True), matrices(Z, "rsf2csf", True), name="rsf2csf")
    if tuple(t.shape[-2:]) != tuple(z.shape[-2:]):
        raise ValueError(f"rsf2csf: shapes {tuple(t.shape)} and {tuple(z.shape)} do not fit")
    dtype = np.result_type(t.dtype, np.complex64)
    eps = np.finfo(dtype).eps
    t, z = (promotion.convert(v, dtype) for v in promotion.same_shape([t, z], "rsf2csf"))
    for m in range(t.shape[-1] - 1, 0, -1):
        turn = _rotation(t[..., m - 1 : m + 1, m - 1 : m + 1], eps)
        t = at(t)[..., m - 1 : m + 1, m - 1 :].set(matmul(turn, t[..., m - 1 : m + 1, m - 1 :]))
        t = at(t)[..., : m + 1, m - 1 : m + 1].set(matmul(t[..., : m + 1, m - 1 : m + 1], adjoint(turn)))
        z = at(z)[..., m - 1 : m + 1].set(matmul(z[..., m - 1 : m + 1], adjoint(turn)))
        t = at(t)[..., m, m - 1].set(0.0)
    return t, z


def _rotation(block: Any, eps: float) -> Any:
    """What makes blocks of two rows triangular; the identity where they are, in the phases that SciPy chooses."""
    a, b, c, d = (block[..., i, j] for i in (0, 1) for j in (0, 1))
    needed = ufuncs.absolute(c) > eps * (ufuncs.absolute(a) + ufuncs.absolute(d))
    half, safe_c = 0.5 * (a - d), where(needed, c, 1.0)
    square = where(needed, half * half + b * c + 0.0, -1.0)  # + 0.0: above the branch cut
    shift = where(needed, half, 0.0) + ufuncs.sqrt(square)
    length = ufuncs.sqrt(ufuncs.squared_modulus(shift) + ufuncs.squared_modulus(safe_c))
    x, y = where(needed, shift / length, 1.0), where(needed, safe_c / length, 0.0)
    return stack([stack([conjugate(x), y], -1), stack([-y, x], -1)], -2)


__all__ = ["rsf2csf", "schur"]
