"""Matrices that have names, some of numbers alone; eigenvalues of tridiagonal ones; the rotation nearest to a map."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ...numpy import promotion
from ...numpy.at_updates import at
from ...numpy.linear import diag
from ...numpy.padding import pad
from ...numpy.promotion import array_operand
from ...numpy.ufuncs import absolute
from ...ops import decompositions, layout
from ...ops import linalg as ops
from ...ops.matrix_rules import adjoint, matmul
from ..plain import scipy_function
from .operands import matrices, not_traced, one_dtype
from .patterns import one_axis, toeplitz

# --- of given numbers -------------------------------------------------------------------------------------------------


@scipy_function("scipy.linalg")
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The matrix m with m @ v = convolve(a, v, mode) for vectors v of length n.

    Args:
        a: (k,).
        n: how many columns there are.
        mode: "full", "same" or "valid".

    Returns:
        (k + n - 1, n), or fewer rows.

    Raises:
        ValueError: a has no elements, or there is no such mode.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(lambda a: fg.scipy.linalg.convolution_matrix(a, 2))(np.array([1.0, 3.0]))
        array([[1., 0.],
               [3., 1.],
               [0., 3.]])

    Reference: scipy.linalg.convolution_matrix
    """
    a, (n,) = (
        one_axis(array_operand(a, "convolution_matrix"), "convolution_matrix"),
        promotion.static_ints((n,), "convolution_matrix"),
    )
    if not a.size or n < 1:
        raise ValueError(f"convolution_matrix: needs at least one number and one column, got {a.size} and {n}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"convolution_matrix: mode must be 'full', 'same' or 'valid', got {mode!r}")
    whole = toeplitz.__wrapped__(pad(a, (0, n - 1)), np.zeros(n, a.dtype))
    trim = 0 if mode == "full" else min(n, a.size) - 1
    first = trim if mode == "valid" else trim // 2
    last = trim if mode == "valid" else trim - first
    return whole[first : whole.shape[0] - last]


@scipy_function("scipy.linalg")
def fiedler(a: Any) -> Any:
    """The matrix of |a_i - a_j|.

    Args:
        a: (n,).

    Returns:
        (n, n).

    Raises:
        ValueError: a is not a vector.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.fiedler)(np.array([1.0, 4.0]))
        array([[0., 3.],
               [3., 0.]])

    Reference: scipy.linalg.fiedler
    """
    a = one_axis(array_operand(a, "fiedler"), "fiedler")
    return absolute(a[:, None] - a)


@scipy_function("scipy.linalg")
def fiedler_companion(a: Any) -> Any:
    """A matrix with five diagonals whose characteristic polynomial has given coefficients.

    Args:
        a: (n,), the coefficient of the highest power first, n >= 2 and a[0] != 0.

    Returns:
        (n - 1, n - 1).

    Raises:
        ValueError: a is not a vector of at least two numbers.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.fiedler_companion)(np.array([2.0, 4.0, 6.0]))
        array([[-2., -3.],
               [ 1.,  0.]])

    Reference: scipy.linalg.fiedler_companion; M. Fiedler, A note on companion matrices, Linear Algebra Appl. 372, 2003.
    """
    a = one_axis(array_operand(a, "fiedler_companion"), "fiedler_companion")
    if a.size < 2:
        raise ValueError("fiedler_companion: needs at least two coefficients")
    a = a / a[0]
    n = a.size - 1
    ones = np.zeros((n, n))
    ones[np.arange(3, n, 2), np.arange(1, n - 2, 2)] = ones[np.arange(0, n - 2, 2), np.arange(2, n, 2)] = 1
    ones[1:2, 0] = 1
    c = at(promotion.convert(ones, a.dtype))[0, 0].set(-a[1])
    c = at(c)[np.arange(2, n, 2), np.arange(1, n - 1, 2)].set(-a[3::2])
    return at(c)[np.arange(0, n - 1, 2), np.arange(1, n, 2)].set(-a[2::2])


@scipy_function("scipy.linalg")
def leslie(f: Any, s: Any) -> Any:
    """The matrix of a population: how many children each age has, and how many get to the next age.

    Args:
        f: (n,), the first row.
        s: (n - 1,), below the diagonal.

    Returns:
        (n, n).

    Raises:
        ValueError: the lengths do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.leslie)(np.array([0.1, 2.0]), np.array([0.2]))
        array([[0.1, 2. ],
               [0.2, 0. ]])

    Reference: scipy.linalg.leslie
    """
    f, s = (one_axis(v, "leslie") for v in promotion.promote_dtype([array_operand(v, "leslie") for v in (f, s)]))
    if f.size != s.size + 1 or not s.size:
        raise ValueError(f"leslie: {f.size} numbers of children need {f.size - 1} shares that survive, got {s.size}")
    return at(diag(s, -1))[0].set(f)


def _of_numbers(name: str, line: str, example: str) -> Any:
    """A function of SciPy's that has sizes for arguments, and nothing to differentiate."""

    def function(*args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module("scipy.linalg"), name)(*args, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{line}\n\n    Args:\n        args, options: those of scipy.linalg.{name}.\n\n"
        "    Returns:\n        A matrix.\n\n"
        f"    Example:\n        >>> import funcgrad as fg\n        >>> fg.scipy.linalg.{example}\n\n"
        f"    Reference: scipy.linalg.{name}\n    "
    )
    return function


dft = _of_numbers(
    "dft",
    "The matrix of the discrete Fourier transform.",
    "dft(2).real\n        array([[ 1.,  1.],\n               [ 1., -1.]])",
)
helmert = _of_numbers(
    "helmert", "Orthonormal contrasts of n numbers.", "helmert(2).round(3)\n        array([[ 0.707, -0.707]])"
)
pascal = _of_numbers("pascal", "Pascal's triangle as a matrix.", "pascal(2).tolist()\n        [[1, 1], [1, 2]]")
invpascal = _of_numbers("invpascal", "The inverse of `pascal`.", "invpascal(2).tolist()\n        [[2, -1], [-1, 1]]")
invhilbert = _of_numbers(
    "invhilbert", "The inverse of `hilbert`.", "invhilbert(2).tolist()\n        [[4.0, -6.0], [-6.0, 12.0]]"
)

# --- factors ----------------------------------------------------------------------------------------------------------


@scipy_function("scipy.linalg")
def eigh_tridiagonal(
    d: Any,
    e: Any,
    eigvals_only: bool = False,
    select: str = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """Eigenvalues in ascending order and eigenvectors of a symmetric tridiagonal matrix.

    Args:
        d: (n,), the diagonal.
        e: (n - 1,), beside the diagonal.
        eigvals_only: whether to give w alone.
        select: "a" for all, "i" for those that `select_range` numbers.
        select_range: (first, last), numbers of eigenvalues, for "i".
        check_finite, tol, lapack_driver: accepted as SciPy has them, without effect.

    Returns:
        (w, v), or w. Signs of vectors are those of numpy.linalg.eigh.

    Raises:
        ValueError: the lengths do not fit, or there is no such choice.
        TypeError: `select` is "v" for traced values.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> d, e = np.array([1.0, 1.0]), np.array([2.0])
        >>> fg.grad(lambda e: fg.scipy.linalg.eigh_tridiagonal(d, e, eigvals_only=True)[1])(e).round(12)
        array([1.])

    Reference: scipy.linalg.eigh_tridiagonal
    """
    d, e = (one_axis(v, "eigh_tridiagonal") for v in one_dtype(d, e, name="eigh_tridiagonal"))
    if e.size != d.size - 1:
        raise ValueError(f"eigh_tridiagonal: {d.size} diagonal elements need {d.size - 1} beside them, got {e.size}")
    if select == "v":
        raise not_traced("eigh_tridiagonal", "a choice by values", "use select='i', or pick from all eigenvalues")
    if select not in ("a", "i"):
        raise ValueError(f"eigh_tridiagonal: select must be 'a', 'i' or 'v', got {select!r}")
    first, last = (0, d.size - 1) if select == "a" else promotion.static_ints(tuple(select_range), "eigh_tridiagonal")
    w, v = ops.eigh(diag(d) + diag(e, 1) + diag(e, -1))
    w, v = (layout.slice_axis(x, x.ndim - 1, first, last + 1) for x in (w, v))
    return w if eigvals_only else (w, v)


@scipy_function("scipy.linalg")
def qr_multiply(
    a: Any,
    c: Any,
    mode: str = "right",
    pivoting: bool = False,
    conjugate: bool = False,
    overwrite_a: bool = False,
    overwrite_c: bool = False,
) -> tuple[Any, Any]:
    """A product with the factor q of a = q r, and r.

    Args:
        a: (m, n).
        c: (k, m) for mode "right", (min(m, n), k) for "left"; or a vector.
        mode: "right": c @ q; "left": q @ c.
        pivoting, conjugate: must be as they are by default for traced values.
        overwrite_a, overwrite_c: accepted as SciPy has them, without effect.

    Returns:
        (product, r).

    Raises:
        ValueError: the shapes do not fit, or there is no such mode.
        TypeError: columns are to be exchanged, or q to be conjugated.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.linearize(fg.scipy.linalg.qr_multiply, np.diag([-2.0, 1.0]), np.ones((1, 2)))[0][1]
        array([[-2.,  0.],
               [ 0.,  1.]])

    Reference: scipy.linalg.qr_multiply
    """
    if mode not in ("left", "right"):
        raise ValueError(f"qr_multiply: mode must be 'left' or 'right', got {mode!r}")
    if pivoting or conjugate:
        raise not_traced("qr_multiply", "pivoting or conjugate", "leave them out, and conjugate the product")
    a, c = one_dtype(matrices(a, "qr_multiply"), c, name="qr_multiply")
    vector = c.ndim == 1
    c = layout.reshape(c, shape=(c.size, 1) if mode == "left" else (1, c.size)) if vector else c
    q, r = decompositions.qr(a, complete=False)
    left, right = (q, c) if mode == "left" else (c, q)
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"qr_multiply: shapes {tuple(a.shape)} and {tuple(c.shape)} do not fit for mode {mode!r}")
    product = matmul(left, right)
    return layout.reshape(product, shape=(product.size,)) if vector else product, r


@scipy_function("scipy.linalg")
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """The orthogonal r that makes |A r - B| smallest, and the sum of the singular values of A^H B.

    Args:
        A, B: (m, n).
        check_finite: accepted as SciPy has it, without effect.

    Returns:
        (r, scale): (n, n) and a number.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> a = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> fg.jit(fg.scipy.linalg.orthogonal_procrustes)(a, a[:, ::-1])[0].round(12) + 0.0
        array([[0., 1.],
               [1., 0.]])

    Reference: scipy.linalg.orthogonal_procrustes; P. Schoenemann, Psychometrika 31, 1966.
    """
    a, b = one_dtype(
        matrices(A, "orthogonal_procrustes"), matrices(B, "orthogonal_procrustes"), name="orthogonal_procrustes"
    )
    if a.ndim != 2 or tuple(a.shape) != tuple(b.shape):
        raise ValueError(f"orthogonal_procrustes: shapes {tuple(a.shape)} and {tuple(b.shape)} differ")
    u, s, vh = decompositions.svd(adjoint(matmul(adjoint(b), a)), full=False)
    return matmul(u, vh), s.sum()


__all__ = [
    "convolution_matrix", "dft", "eigh_tridiagonal", "fiedler", "fiedler_companion", "helmert", "invhilbert",
    "invpascal", "leslie", "orthogonal_procrustes", "pascal", "qr_multiply",
]  # fmt: skip
