"""The functions of numpy.linalg that numpy has, too, on the last two axes of stacks."""

from __future__ import annotations

from typing import Any

from . import linear
from .linalg_pieces import linalg_function
from .manipulation import swapaxes
from .promotion import array_operand


@linalg_function
def matmul(x1: Any, x2: Any, /) -> Any:
    """Matrix product.

    Reference: numpy.linalg.matmul
    """
    return linear.matmul(x1, x2)


@linalg_function
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Sum of products along one axis, the first operand conjugated.

    Reference: numpy.linalg.vecdot
    """
    return linear.vecdot(x1, x2, axis=axis)


@linalg_function
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Sum of products over several axes.

    Reference: numpy.linalg.tensordot
    """
    return linear.tensordot(x1, x2, axes=axes)


@linalg_function
def outer(x1: Any, x2: Any, /) -> Any:
    """All products of elements of two vectors.

    Reference: numpy.linalg.outer
    """
    x, y = array_operand(x1, "linalg.outer"), array_operand(x2, "linalg.outer")
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"linalg.outer: needs two vectors, got shapes {tuple(x.shape)} and {tuple(y.shape)}")
    return linear.outer(x, y)


@linalg_function
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product of 3-vectors.

    Reference: numpy.linalg.cross
    """
    return linear.cross(x1, x2, axis=axis)


@linalg_function
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Diagonals of matrices.

    Reference: numpy.linalg.diagonal
    """
    return linear.diagonal(x, offset, axis1=-2, axis2=-1)


@linalg_function
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sums of diagonals.

    Reference: numpy.linalg.trace
    """
    return linear.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)


@linalg_function
def matrix_transpose(x: Any, /) -> Any:
    """Matrices transposed.

    Reference: numpy.linalg.matrix_transpose
    """
    x = array_operand(x, "linalg.matrix_transpose")
    if x.ndim < 2:
        raise ValueError(f"linalg.matrix_transpose: needs at least two dimensions, got shape {tuple(x.shape)}")
    return swapaxes(x, -1, -2)


__all__ = ["cross", "diagonal", "matmul", "matrix_transpose", "outer", "tensordot", "trace", "vecdot"]
