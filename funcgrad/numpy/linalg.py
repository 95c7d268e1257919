"""`numpy.linalg` on traced values, for stacks of matrices as in NumPy.

Without traced values the functions are NumPy's own. `cholesky` and the eigenvalue functions take the symmetric part of
a traced matrix, so that their derivatives are symmetric matrices; for symmetric matrices the values are NumPy's.

Compiled programs call LAPACK themselves. A matrix that is singular or not positive definite is a LinAlgError there,
too, raised when the program has returned.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..ops import elementwise, layout
from ..ops import linalg as ops
from . import linear, promotion, reductions, ufuncs
from .manipulation import swapaxes
from .promotion import array_operand, has_tracer
from .registry import register


def linalg_function(f: Callable) -> Callable:
    """Make `f` the meaning of the function of the same name in numpy.linalg on traced values."""
    real = getattr(np.linalg, f.__name__)

    @functools.wraps(f)
    def wrapper(*args: Any, **options: Any) -> Any:
        traced = any(has_tracer(v) for v in (*args, *options.values()))
        return f(*args, **options) if traced else real(*args, **options)

    return register(real, wrapper)


def _matrices(a: Any, name: str, kinds: str = "f") -> Any:
    """Square matrices of floating-point numbers, or also of complex ones."""
    x = array_operand(a, f"linalg.{name}")
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise LinAlgError(f"linalg.{name}: the last two dimensions must be square, got shape {tuple(x.shape)}")
    if x.dtype.kind == "c" and "c" not in kinds:
        raise TypeError(f"linalg.{name} is not supported for traced values of dtype {x.dtype}")
    return x if x.dtype.kind in kinds else promotion.convert(x, np.dtype(np.float64))


def _symmetric(x: Any) -> Any:
    return (x + swapaxes(x, -1, -2)) * 0.5


@linalg_function
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The triangular factor of positive definite matrices: a = l l^T, or u^T u with `upper`.

    Reference: numpy.linalg.cholesky
    """
    factor = ops.cholesky(_symmetric(_matrices(a, "cholesky")))
    return swapaxes(factor, -1, -2) if upper else factor


@linalg_function
def solve(a: Any, b: Any) -> Any:
    """x with a x = b; a vector only if b has one axis, else a stack of matrices.

    Reference: numpy.linalg.solve
    """
    a, b = _matrices(a, "solve", "fc"), array_operand(b, "linalg.solve")
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
    return ops.inv(_matrices(a, "inv", "fc"))


@linalg_function
def det(a: Any) -> Any:
    """Determinants; the gradient is the matrix of cofactors, also for singular matrices.

    Reference: numpy.linalg.det
    """
    return ops.det(_matrices(a, "det", "fc"))


_SlogdetResult = type(np.linalg.slogdet(np.eye(1)))
_EighResult = type(np.linalg.eigh(np.eye(1)))


@linalg_function
def slogdet(a: Any) -> Any:
    """Sign and logarithm of the absolute value of determinants.

    Reference: numpy.linalg.slogdet
    """
    return _SlogdetResult(*ops.slogdet(_matrices(a, "slogdet")))


@linalg_function
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues in ascending order and eigenvectors of symmetric matrices.

    Derivatives of eigenvectors of equal eigenvalues do not exist; their part within such a space counts as 0.

    Reference: numpy.linalg.eigh
    """
    return _EighResult(*ops.eigh(_symmetric(_matrices(a, "eigh"))))


@linalg_function
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues in ascending order of symmetric matrices.

    Reference: numpy.linalg.eigvalsh
    """
    return eigh(a).eigenvalues


@linalg_function
def matrix_power(a: Any, n: int) -> Any:
    """Matrices to an integer power, by repeated squaring; negative powers of the inverse.

    Reference: numpy.linalg.matrix_power
    """
    x, n = _matrices(a, "matrix_power", "fc"), promotion.static_int(n, "linalg.matrix_power")
    x, n = (ops.inv(x), -n) if n < 0 else (x, n)
    result = None
    while n:
        if n & 1:
            result = x if result is None else ops.matmul(result, x)
        x, n = (ops.matmul(x, x) if n > 1 else x), n >> 1
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


# --- norms ------------------------------------------------------------------------------------------------------------


@linalg_function
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norms of vectors or of matrices; the gradient of a norm at zero is zero.

    Reference: numpy.linalg.norm
    """
    x = array_operand(x, "linalg.norm")
    x = x if x.dtype.kind in "fc" else promotion.convert(x, np.dtype(np.float64))
    if axis is None and (ord is None or x.ndim == 1):
        axes: tuple[int, ...] = tuple(range(x.ndim))
        return _vector_norm(x, 2, axes, keepdims) if ord is None else _vector_norm(x, ord, axes, keepdims)
    listed = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(promotion.one_axis(d, x.ndim, "linalg.norm") for d in listed)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"linalg.norm: needs one axis or two different ones, got {listed}")
    return _matrix_norm(x, ord, axes, keepdims)


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    size = ufuncs.absolute(x)
    if ord == math.inf:
        return reductions.max(size, axis=axes, keepdims=keepdims)
    if ord == -math.inf:
        return reductions.min(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return reductions.sum(promotion.convert(ufuncs.not_equal(x, 0), size.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return reductions.sum(size, axis=axes, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"linalg.norm: invalid norm order {ord!r} for vectors")
    total = reductions.sum(ufuncs.squared_modulus(x) if ord == 2 else size**ord, axis=axes, keepdims=keepdims)
    # At zero the root has an infinite slope, which the chain rule would multiply by 0.
    nonzero = ufuncs.not_equal(total, 0)
    safe = elementwise.select(nonzero, total, elementwise.like(total, 1))
    root = ufuncs.sqrt(safe) if ord == 2 else safe ** (1 / ord)
    return elementwise.select(nonzero, root, total)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    rows, columns = axes
    if ord in (None, "fro"):
        return _vector_norm(x, 2, axes, keepdims)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(
            f"linalg.norm: order {ord!r} is not supported for traced matrices.\n"
            "Fix: use 'fro', 1, -1, inf or -inf; the 2-norm is the root of the last of eigvalsh(a.T @ a)."
        )
    summed, kept = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = reductions.sum(ufuncs.absolute(x), axis=summed, keepdims=True)
    extreme = (reductions.max if ord > 0 else reductions.min)(sums, axis=kept, keepdims=True)
    shape = tuple(n for d, n in enumerate(extreme.shape) if d not in axes)
    return extreme if keepdims else layout.reshape(extreme, shape=shape)


__all__ = [
    "LinAlgError",
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_power",
    "multi_dot",
    "norm",
    "slogdet",
    "solve",
]
