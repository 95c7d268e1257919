"""Functions of matrices, and linear equations for matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import promotion
from ...numpy.joining import block
from ...numpy.linear import kron
from ...ops import elementwise, layout
from ...ops import linalg as ops
from ...ops import matrix_functions as functions
from ...ops.matrix_rules import adjoint, conjugate, identity_like, matmul
from ..plain import scipy_function
from .operands import matrices, one_dtype


@scipy_function("scipy.linalg")
def expm(A: Any) -> Any:
    """The matrix exponential, 1 + A + A^2 / 2 + ...

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n). Its derivatives of every order are exact and need no eigenvalues.

    Raises:
        ValueError: A is not square.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> turn = lambda t: fg.scipy.linalg.expm(t * np.array([[0.0, -1.0], [1.0, 0.0]]))
        >>> fg.jit(fg.jacfwd(turn))(0.0)
        array([[ 0., -1.],
               [ 1.,  0.]])

    Reference: scipy.linalg.expm; N. Higham, SIAM J. Matrix Anal. Appl. 26, 2005.
    """
    return functions.expm(matrices(A, "expm", square=True))


@scipy_function("scipy.linalg")
def expm_frechet(
    A: Any, E: Any, method: str | None = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """The derivative of the matrix exponential at A in the direction E.

    Args:
        A: (..., n, n).
        E: (..., n, n).
        method: one of SciPy's; the result is the same.
        compute_expm: whether to give the exponential, too.
        check_finite: accepted as SciPy has it, without effect.

    Returns:
        (expm(A), derivative), or the derivative.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a, e = np.diag([0.0, 1.0]), np.eye(2)
        >>> fg.jit(lambda a, e: fg.scipy.linalg.expm_frechet(a, e)[1])(a, e).round(6)
        array([[1.      , 0.      ],
               [0.      , 2.718282]])

    Reference: scipy.linalg.expm_frechet
    """
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"expm_frechet: unknown implementation {method!r}; there are 'SPS' and 'blockEnlarge'")
    a, e = one_dtype(matrices(A, "expm_frechet", True), matrices(E, "expm_frechet", True), name="expm_frechet")
    a, e = promotion.same_shape([a, e], "expm_frechet")
    direction = functions.expm_tangent(a, e)
    return (functions.expm(a), direction) if compute_expm else direction


@scipy_function("scipy.linalg")
def sqrtm(A: Any, *args: Any, **options: Any) -> Any:
    """The principal square root of a matrix, whose eigenvalues have positive real parts.

    Args:
        A: (..., n, n), without eigenvalues on the negative axis.
        args, options: those of SciPy, without effect.

    Returns:
        (..., n, n), real for real matrices. Compiled code calls SciPy.

    Raises:
        ValueError: A is not square.
        LinAlgError: A is real and its root is not.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.sqrtm(a)[0, 0])(np.diag([4.0, 9.0])).round(12)
        array([[0.25, 0.  ],
               [0.  , 0.  ]])

    Reference: scipy.linalg.sqrtm; R. Mathias, SIAM J. Matrix Anal. Appl. 17, 1996.
    """
    return functions.sqrtm(matrices(A, "sqrtm", square=True))


def rotation(A: Any, name: str) -> tuple[Any, Any]:
    """cos(A) and sin(A): blocks of the exponential of [0 -A; A 0], which is real for real A."""
    x = matrices(A, name, square=True)
    n, zeros = x.shape[-1], layout.fill(0, tuple(x.shape), x.dtype)
    turned = functions.expm(block([[zeros, elementwise.neg(x)], [x, zeros]]))
    last = len(x.shape) - 1
    left = layout.slice_axis(turned, last, 0, n)
    return layout.slice_axis(left, last - 1, 0, n), layout.slice_axis(left, last - 1, n, 2 * n)


@scipy_function("scipy.linalg")
def cosm(A: Any) -> Any:
    """The cosine of a matrix, 1 - A^2 / 2 + ...

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.cosm)(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 1.]])

    Reference: scipy.linalg.cosm
    """
    return rotation(A, "cosm")[0]


@scipy_function("scipy.linalg")
def sinm(A: Any) -> Any:
    """The sine of a matrix, A - A^3 / 6 + ...

    Args:
        A: (..., n, n).

    Returns:
        (..., n, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda a: fg.scipy.linalg.sinm(a)[0, 0])(np.zeros((2, 2)))
        array([[1., 0.],
               [0., 0.]])

    Reference: scipy.linalg.sinm
    """
    return rotation(A, "sinm")[1]


# --- equations --------------------------------------------------------------------------------------------------------


@scipy_function("scipy.linalg")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """x with a x + x b = q.

    Args:
        a: (..., m, m).
        b: (..., n, n), which has no eigenvalue of -a.
        q: (..., m, n).

    Returns:
        (..., m, n).

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.grad(lambda q: fg.scipy.linalg.solve_sylvester(np.eye(2), np.eye(2), q).sum())(np.ones((2, 2)))
        array([[0.5, 0.5],
               [0.5, 0.5]])

    Reference: scipy.linalg.solve_sylvester
    """
    a, b = matrices(a, "solve_sylvester", True), matrices(b, "solve_sylvester", True)
    return _sylvester("solve_sylvester", a, b, q)


def _sylvester(name: str, a: Any, b: Any, q: Any) -> Any:
    a, b, q = one_dtype(a, b, matrices(q, name), name=name)
    if tuple(q.shape[-2:]) != (a.shape[-1], b.shape[-1]):
        raise ValueError(f"{name}: shapes {tuple(a.shape)}, {tuple(b.shape)} and {tuple(q.shape)} do not fit")
    lead = promotion.common_shape([tuple(v.shape[:-2]) for v in (a, b, q)], name)
    return functions.sylvester(*[promotion.broadcast(v, (*lead, *v.shape[-2:])) for v in (a, b, q)])


@scipy_function("scipy.linalg")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """x with a x + x a^H = q.

    Args:
        a: (..., n, n), of whose eigenvalues no two are opposite.
        q: (..., n, n).

    Returns:
        (..., n, n).

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> solve = lambda a: fg.scipy.linalg.solve_continuous_lyapunov(a, np.eye(2))[0, 0]
        >>> fg.grad(solve)(np.diag([1.0, 2.0]))
        array([[-0.5,  0. ],
               [ 0. ,  0. ]])

    Reference: scipy.linalg.solve_continuous_lyapunov
    """
    a = matrices(a, "solve_continuous_lyapunov", True)
    return _sylvester("solve_continuous_lyapunov", a, adjoint(a), q)


@scipy_function("scipy.linalg")
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """x with a x a^H - x + q = 0.

    Args:
        a: (n, n) for "direct", else (..., n, n).
        q: like a.
        method: "direct" (a linear system of n^2 equations), "bilinear" (a continuous equation), or None: "direct" for
            n < 10.

    Returns:
        (..., n, n).

    Raises:
        ValueError: the shapes do not fit, or there is no such method.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> solve = fg.jit(fg.scipy.linalg.solve_discrete_lyapunov)
        >>> solve(np.diag([0.5, 0.0]), np.diag([3.0, 1.0])).round(12)
        array([[4., 0.],
               [0., 1.]])

    Reference: scipy.linalg.solve_discrete_lyapunov
    """
    name = "solve_discrete_lyapunov"
    a, q = one_dtype(matrices(a, name, True), matrices(q, name, True), name=name)
    if tuple(a.shape[-2:]) != tuple(q.shape[-2:]):
        raise ValueError(f"{name}: shapes {tuple(a.shape)} and {tuple(q.shape)} do not fit")
    method = (method or "auto").lower()
    if method not in ("auto", "direct", "bilinear"):
        raise ValueError(f"{name}: method must be 'direct' or 'bilinear', got {method!r}")
    if a.ndim == q.ndim == 2 and (method == "direct" or (method == "auto" and a.shape[-1] < 10)):
        return _discrete_directly(a, q)
    return _discrete_by_continuous(a, q)


def _discrete_directly(a: Any, q: Any) -> Any:
    """(1 - a (x) conj(a)) vec(x) = vec(q), by rows."""
    n = a.shape[-1]
    operator = np.eye(n * n, dtype=a.dtype) - kron(a, conjugate(a))
    x = ops.solve(operator, layout.reshape(q, shape=(n * n, 1)), trans=False)
    return layout.reshape(x, shape=(n, n))


def _discrete_by_continuous(a: Any, q: Any) -> Any:
    """With b = (a^H - 1)(a^H + 1)^-1:  b^H x + x b = -2 (a + 1)^-1 q (a^H + 1)^-1.

    Reference: Z. Gajic and M. Qureshi, Lyapunov matrix equation in system stability and control, 2008.
    """
    one = identity_like(a)
    inverse = ops.inv(adjoint(a) + one)
    b = matmul(adjoint(a) - one, inverse)
    lead = promotion.common_shape([tuple(a.shape[:-2]), tuple(q.shape[:-2])], "solve_discrete_lyapunov")
    q = promotion.broadcast(q, (*lead, *q.shape[-2:]))
    b, inverse = (promotion.broadcast(v, (*lead, *v.shape[-2:])) for v in (b, inverse))
    right = matmul(adjoint(inverse), matmul(q, inverse)) * -2.0
    return functions.sylvester(adjoint(b), b, right)


__all__ = [
    "cosm", "expm", "expm_frechet", "sinm", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester",
    "sqrtm",
]  # fmt: skip
