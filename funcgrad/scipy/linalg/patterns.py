"""Matrices made by a pattern from fewer numbers, and products column by column."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import promotion
from ...numpy.joining import concatenate
from ...numpy.promotion import array_operand
from ...ops import layout
from ...ops import linalg as ops
from ...ops.matrix_rules import conjugate
from ..plain import scipy_function
from .operands import as_given, matrices, system


def _vector(x: Any, name: str) -> Any:
    x = array_operand(x, name)
    return layout.reshape(x, shape=(x.size,)) if x.ndim == 0 else one_axis(x, name)


def one_axis(x: Any, name: str) -> Any:
    """A vector, or an error that names the function."""
    if x.ndim != 1:
        raise ValueError(f"{name}: needs a vector, got shape {tuple(x.shape)}; use vmap for a stack")
    return x


def _grid(m: int, n: int, sign: int) -> Any:
    """i + sign * j"""
    return np.arange(m)[:, None] + sign * np.arange(n)[None, :]


@scipy_function("scipy.linalg")
def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix whose diagonals are constant.

    Args:
        c: (m,), the first column.
        r: (n,), the first row, whose first element is not read; by default conj(c).

    Returns:
        (m, n).

    Raises:
        ValueError: c or r is not a vector.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.toeplitz)(np.array([1.0, 2.0]), np.array([1.0, 5.0, 6.0]))
        array([[1., 5., 6.],
               [2., 1., 5.]])

    Reference: scipy.linalg.toeplitz
    """
    c = _vector(c, "toeplitz")
    r = conjugate(c) if r is None else _vector(r, "toeplitz")
    return concatenate([r[:0:-1], c])[_grid(c.size, r.size, -1) + max(r.size - 1, 0)]


@scipy_function("scipy.linalg")
def hankel(c: Any, r: Any = None) -> Any:
    """The matrix whose rising diagonals are constant.

    Args:
        c: (m,), the first column.
        r: (n,), the last row, whose first element is not read; by default zeros.

    Returns:
        (m, n).

    Raises:
        ValueError: c or r is not a vector.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.hankel)(np.array([1.0, 2.0]), np.array([2.0, 5.0, 6.0]))
        array([[1., 2., 5.],
               [2., 5., 6.]])

    Reference: scipy.linalg.hankel
    """
    c = _vector(c, "hankel")
    r = np.zeros(c.size, c.dtype) if r is None else _vector(r, "hankel")
    return concatenate([c, r[1:]])[_grid(c.size, r.size, 1)]


@scipy_function("scipy.linalg")
def circulant(c: Any) -> Any:
    """The matrix whose columns are one column turned around.

    Args:
        c: (..., n), the first column.

    Returns:
        (..., n, n).

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.circulant)(np.array([1.0, 2.0, 3.0]))
        array([[1., 3., 2.],
               [2., 1., 3.],
               [3., 2., 1.]])

    Reference: scipy.linalg.circulant
    """
    c = array_operand(c, "circulant")
    c = layout.reshape(c, shape=(1,)) if c.ndim == 0 else c
    n = c.shape[-1]
    return c[..., _grid(n, n, -1) % max(n, 1)]


@scipy_function("scipy.linalg")
def companion(a: Any) -> Any:
    """The matrix whose characteristic polynomial has given coefficients.

    Args:
        a: (n,), the coefficient of the highest power first, n >= 2 and a[0] != 0.

    Returns:
        (n - 1, n - 1).

    Raises:
        ValueError: there are fewer than two coefficients.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.companion)(np.array([1.0, -3.0, 2.0]))
        array([[ 3., -2.],
               [ 1.,  0.]])

    Reference: scipy.linalg.companion
    """
    a = one_axis(array_operand(a, "companion"), "companion")
    if a.size < 2:
        raise ValueError(f"companion: needs at least two coefficients, got {a.size}")
    first = -a[1:] / (1.0 * a[0])
    return concatenate([first[None, :], np.eye(a.size - 2, a.size - 1, dtype=first.dtype)])


@scipy_function("scipy.linalg")
def block_diag(*arrs: Any) -> Any:
    """A matrix with given blocks along its diagonal, zero elsewhere.

    Args:
        arrs: numbers, vectors (as rows) or matrices.

    Returns:
        A matrix of the promoted dtype.

    Raises:
        ValueError: an operand has more than two axes.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.block_diag)(np.array([[1.0], [2.0]]), 3.0)
        array([[1., 0.],
               [2., 0.],
               [0., 3.]])

    Reference: scipy.linalg.block_diag
    """
    blocks = [array_operand(x, "block_diag") for x in arrs]
    if any(x.ndim > 2 for x in blocks):
        raise ValueError(f"block_diag: operands have at most two axes, got shapes {[tuple(x.shape) for x in blocks]}")
    dtype = promotion.result_dtype(*blocks)
    blocks = [promotion.convert(layout.reshape(x, shape=(1,) * (2 - x.ndim) + tuple(x.shape)), dtype) for x in blocks]
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    zero = np.zeros((), dtype)[()]
    for x in blocks:
        high = (0, width - left - x.shape[1])
        rows.append(layout.pad(x, zero, low=(0, left), high=high, interior=(0, 0)))
        left += x.shape[1]
    return layout.concatenate(*rows, axis=0)


@scipy_function("scipy.linalg")
def khatri_rao(a: Any, b: Any) -> Any:
    """The Kronecker product column by column.

    Args:
        a: (..., n, k).
        b: (..., m, k).

    Returns:
        (..., n m, k).

    Raises:
        ValueError: the numbers of columns differ.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.khatri_rao)(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
        array([[ 3.,  8.],
               [ 5., 12.]])

    Reference: scipy.linalg.khatri_rao
    """
    a, b = array_operand(a, "khatri_rao"), array_operand(b, "khatri_rao")
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"khatri_rao: needs matrices with equally many columns, got {shapes}")
    product = a[..., :, None, :] * b[..., None, :, :]
    return product.reshape((*product.shape[:-3], a.shape[-2] * b.shape[-2], a.shape[-1]))


@scipy_function("scipy.linalg")
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """x with toeplitz(c, r) x = b, traced by a general solution, in n^3 operations.

    Args:
        c_or_cr: the first column (n,), or that and the first row.
        b: (n,) or (n, m).
        check_finite: accepted as SciPy has it, without effect.

    Returns:
        x, of the shape of b.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> import numpy as np, funcgrad as fg
        >>> fg.jit(fg.scipy.linalg.solve_toeplitz)(np.array([2.0, 1.0]), np.array([3.0, 3.0]))
        array([1., 1.])

    Reference: scipy.linalg.solve_toeplitz
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    matrix = matrices(toeplitz.__wrapped__(c, r), "solve_toeplitz", square=True)
    x, y, vector = system(matrix, b, "solve_toeplitz")
    return as_given(ops.solve(x, y, trans=False), vector)


def hilbert(n: int) -> Any:
    """The matrix of 1 / (i + j + 1).

    Args:
        n: its size.

    Returns:
        (n, n), float64.

    Example:
        >>> import funcgrad as fg
        >>> fg.scipy.linalg.hilbert(2).round(3)
        array([[1.   , 0.5  ],
               [0.5  , 0.333]])

    Reference: scipy.linalg.hilbert
    """
    return 1.0 / (1.0 + _grid(n, n, 1))


def hadamard(n: int, dtype: Any = int) -> Any:
    """The Hadamard matrix of ones and minus ones with orthogonal columns.

    Args:
        n: its size, a power of two.
        dtype: of its elements.

    Returns:
        (n, n).

    Raises:
        ValueError: n is not a power of two.

    Example:
        >>> import funcgrad as fg
        >>> fg.scipy.linalg.hadamard(2)
        array([[ 1,  1],
               [ 1, -1]])

    Reference: scipy.linalg.hadamard
    """
    import scipy.linalg

    return scipy.linalg.hadamard(n, dtype)


__all__ = [
    "block_diag", "circulant", "companion", "hadamard", "hankel", "hilbert", "khatri_rao", "solve_toeplitz", "toeplitz",
]  # fmt: skip
