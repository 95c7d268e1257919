"""`numpy.linalg` on traced values, for stacks of matrices as in NumPy.

Without traced values the functions are NumPy's own. `cholesky` and the eigenvalue functions take the symmetric part of
a traced matrix, so that their derivatives are symmetric matrices; for symmetric matrices the values are NumPy's.

Compiled programs call LAPACK themselves. A matrix that is singular or not positive definite is a LinAlgError there,
too, raised when the program has returned. docs/linear_algebra.md has the conventions of all derivatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..ops import layout
from ..ops import linalg as ops
from ..ops.matrix_rules import adjoint
from . import linear, promotion
from .decompositions import (
    cond,
    eig,
    eigvals,
    lstsq,
    matrix_rank,
    pinv,
    qr,
    svd,
    svdvals,
    tensorinv,
    tensorsolve,
)
from .linalg_pieces import linalg_function, square_matrices, symmetric
from .matrix_products import cross, diagonal, matmul, matrix_transpose, outer, tensordot, trace, vecdot
from .norms import matrix_norm, norm, vector_norm
from .promotion import array_operand


@linalg_function
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The triangular factor of positive definite matrices: a = l l^H, or u^H u with `upper`.

    Reference: numpy.linalg.cholesky
    """
    factor = ops.cholesky(symmetric(square_matrices(a, "cholesky", "fc")))
    return adjoint(factor) if upper else factor


@linalg_function
def solve(a: Any, b: Any) -> Any:
    """x with a x = b; a vector only if b has one axis, else a stack of matrices.

    Reference: numpy.linalg.solve
    """
    a, b = square_matrices(a, "solve", "fc"), array_operand(b, "linalg.solve")
    dtype = promotion.result_dtype(a, b)
    vector = b.ndim == 1
    b = layout.reshape(b, shape=(*b.shape, 1)) if vector else b
    if b.shape[-2] != a.shape[-1]:
        raise ValueError(f"linalg.solve: matrices {tuple(a.shape)} and right-hand sides {tuple(b.shape)} do not fit")
    lead = promotion.common_shape([tuple(a.shape[:-2]), tuple(b.shape[:-2])], "linalg.solve")
    a = promotion.broadcast(promotion.convert(a, dtype), (*lead, *a.shape[-2:]))
    out = ops.solve(a, promotion.broadcast(promotion.convert(b, dtype), (*lead, *b.shape[-2:])), trans=False)
    return layout.reshape(out, shape=tuple(out.shape[:-1])) if vector else out


@linalg_function
def inv(a: Any) -> Any:
    """The inverse matrices.

    Reference: numpy.linalg.inv
    """
    return ops.inv(square_matrices(a, "inv", "fc"))


@linalg_function
def det(a: Any) -> Any:
    """Determinants; the gradient is the matrix of cofactors, also for singular matrices.

    Reference: numpy.linalg.det
    """
    return ops.det(square_matrices(a, "det", "fc"))


_SlogdetResult = type(np.linalg.slogdet(np.eye(1)))
_EighResult = type(np.linalg.eigh(np.eye(1)))


@linalg_function
def slogdet(a: Any) -> Any:
    """Sign and logarithm of the absolute value of determinants.

    Reference: numpy.linalg.slogdet
    """
    return _SlogdetResult(*ops.slogdet(square_matrices(a, "slogdet", "fc")))


@linalg_function
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues in ascending order and eigenvectors of symmetric or Hermitian matrices.

    Derivatives of eigenvectors of equal eigenvalues do not exist; their part within such a space counts as 0.

    Reference: numpy.linalg.eigh
    """
    if str(UPLO).upper() not in ("L", "U"):
        raise ValueError(f"linalg.eigh: UPLO must be 'L' or 'U', got {UPLO!r}")
    return _EighResult(*ops.eigh(symmetric(square_matrices(a, "eigh", "fc"))))


@linalg_function
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues in ascending order of symmetric or Hermitian matrices.

    Reference: numpy.linalg.eigvalsh
    """
    return eigh(a, UPLO).eigenvalues


@linalg_function
def matrix_power(a: Any, n: int) -> Any:
    """Matrices to an integer power, by repeated squaring; negative powers of the inverse.

    Reference: numpy.linalg.matrix_power
    """
    n = promotion.static_int(n, "linalg.matrix_power")
    x = square_matrices(a, "matrix_power", "fc")
    given = array_operand(a, "linalg.matrix_power")
    x = given if n >= 0 and given.dtype.kind in "biu" else x  # powers of integers are integers
    x, n = (ops.inv(x), -n) if n < 0 else (x, n)
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        x, n = (matmul(x, x) if n > 1 else x), n >> 1
    return promotion.broadcast(np.eye(x.shape[-1], dtype=x.dtype), tuple(x.shape)) if result is None else result


@linalg_function
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of several matrices, in the order that costs least.

    Reference: numpy.linalg.multi_dot
    """
    if out is not None:
        raise TypeError("linalg.multi_dot: out= is not supported on traced values")
    parts = [array_operand(x, "linalg.multi_dot") for x in arrays]
    if len(parts) < 2:
        raise ValueError("linalg.multi_dot: expecting at least two arrays")
    shapes = [tuple(x.shape) for x in parts]
    sizes = [shapes[0][0] if len(shapes[0]) == 2 else 1, *(n[0] for n in shapes[1:])]
    sizes = [*sizes, shapes[-1][1] if len(shapes[-1]) == 2 else 1]
    return _product(parts, _best_splits(tuple(sizes)), 0, len(parts))


def _best_splits(sizes: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Where to split each run of factors last, so that the number of multiplications is least.

    Reference: T. Cormen et al., Introduction to algorithms, section on matrix-chain multiplication.
    """
    count = len(sizes) - 1
    cost = {(i, i + 1): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(2, count + 1):
        for i in range(count - length + 1):
            j = i + length
            costs = {k: cost[i, k] + cost[k, j] + sizes[i] * sizes[k] * sizes[j] for k in range(i + 1, j)}
            split[i, j] = min(costs, key=costs.__getitem__)
            cost[i, j] = costs[split[i, j]]
    return split


def _product(parts: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if j == i + 1:
        return parts[i]
    k = split[i, j]
    return linear.dot(_product(parts, split, i, k), _product(parts, split, k, j))


__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]
