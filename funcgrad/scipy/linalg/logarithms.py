"""Logarithms, powers and signs of matrices; hyperbolic functions and tangents by the exponential."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import linalg as numpy_linalg
from ...numpy.promotion import array_operand, has_tracer
from ...ops import elementwise, layout
from ...ops import linalg as ops
from ...ops import matrix_functions as functions
from ..plain import scipy_function
from .functions import rotation
from .operands import matrices, one_dtype


@scipy_function("scipy.linalg")
def logm(A: Any, disp: bool = True) -> Any:
    """The principal logarithm of a matrix: exp(logm(A)) = A, with eigenvalues whose imaginary parts are within pi.

    Args:
        A: (..., n, n), without eigenvalues on the negative axis or at 0.
        disp: must be true for traced values.

    Returns:
        (..., n, n), real for real matrices. Compiled code calls SciPy.

    Raises:
        ValueError: A is not square, or an estimate of the error is asked for.
        LinAlgError: A is real and its logarithm is not.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.logm(a)[0, 0])(np.diag([4.0, 9.0])).round(12)
        array([[0.25, 0.  ],
               [0.  , 0.  ]])

    Reference: scipy.linalg.logm; A. Al-Mohy, N. Higham, S. Relton, SIAM J. Sci. Comput. 35, 2013.
    """
    if not disp:
        raise ValueError("logm: traced values have no estimate of the error; leave disp out")
    return functions.logm(matrices(A, "logm", square=True))


@scipy_function("scipy.linalg")
def fractional_matrix_power(A: Any, t: Any) -> Any:
    """A to the power t, exp(t logm(A)); of a whole number t that is known, a product.

    Args:
        A: (..., n, n), without eigenvalues on the negative axis or at 0, unless t is a whole number.
        t: a real number, which may be traced.

    Returns:
        (..., n, n), real for real matrices.

    Raises:
        ValueError: A is not square, or t is no number.
        LinAlgError: A is real and the power is not.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> power = lambda t: fg.scipy.linalg.fractional_matrix_power(np.diag([4.0, 1.0]), t)[0, 0]
        >>> fg.value_and_grad(power)(0.5)
        (np.float64(2.0), np.float64(2.7725887...))

    Reference: scipy.linalg.fractional_matrix_power; N. Higham, Functions of Matrices, SIAM 2008, 7.
    """
    a, t = matrices(A, "fractional_matrix_power", square=True), array_operand(t, "fractional_matrix_power")
    if t.ndim or t.dtype.kind not in "iuf":
        raise ValueError(f"fractional_matrix_power: t must be a real number, got {t!r}")
    if not has_tracer(t) and t == np.floor(t):
        return numpy_linalg.matrix_power(a, int(t))
    a, t = one_dtype(a, t, name="fractional_matrix_power")
    scale = layout.broadcast(t, shape=tuple(a.shape), dims=())
    return functions.expm(elementwise.mul(functions.logm(a), scale))


@scipy_function("scipy.linalg")
def signm(A: Any, disp: bool = True) -> Any:
    """The sign of a matrix: A (A^2)^(-1/2), with eigenvalue 1 for each one of A in the right half-plane, else -1.

    Args:
        A: (..., n, n), without eigenvalues on the imaginary axis.
        disp: must be true for traced values.

    Returns:
        (..., n, n).

    Raises:
        ValueError: A is not square, or an estimate of the error is asked for.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.signm)(np.array([[2.0, 5.0], [0.0, -3.0]])).round(12)
        array([[ 1.,  2.],
               [ 0., -1.]])

    Reference: scipy.linalg.signm; N. Higham, Functions of Matrices, SIAM 2008, 5.
    """
    if not disp:
        raise ValueError("signm: traced values have no estimate of the error; leave disp out")
    return functions.signm(matrices(A, "signm", square=True))


def _exponentials(A: Any, name: str) -> tuple[Any, Any]:
    x = matrices(A, name, square=True)
    return functions.expm(x), functions.expm(elementwise.neg(x))


@scipy_function("scipy.linalg")
def coshm(A: Any) -> Any:
    """The hyperbolic cosine of a matrix, 1 + A^2 / 2 + ...

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.coshm)(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 1.]])

    Reference: scipy.linalg.coshm
    """
    grows, falls = _exponentials(A, "coshm")
    return (grows + falls) * 0.5


@scipy_function("scipy.linalg")
def sinhm(A: Any) -> Any:
    """The hyperbolic sine of a matrix, A + A^3 / 6 + ...

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.sinhm(a)[0, 0])(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 0.]])

    Reference: scipy.linalg.sinhm
    """
    grows, falls = _exponentials(A, "sinhm")
    return (grows - falls) * 0.5


@scipy_function("scipy.linalg")
def tanm(A: Any) -> Any:
    """The tangent of a matrix, cos(A)^-1 sin(A).

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n).

    Raises:
        LinAlgError: cos(A) is singular.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.tanm(a)[0, 0])(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 0.]])

    Reference: scipy.linalg.tanm
    """
    return ops.solve(*rotation(A, "tanm"), trans=False)


@scipy_function("scipy.linalg")
def tanhm(A: Any) -> Any:
    """The hyperbolic tangent of a matrix, cosh(A)^-1 sinh(A).

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.tanhm(a)[0, 0])(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 0.]])

    Reference: scipy.linalg.tanhm
    """
    grows, falls = _exponentials(A, "tanhm")
    return ops.solve(grows + falls, grows - falls, trans=False)


__all__ = ["coshm", "fractional_matrix_power", "logm", "signm", "sinhm", "tanhm", "tanm"]
