"""What the functions of this package share: matrices, right-hand sides that are vectors or matrices, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numpy import promotion
from ...numpy.linalg_pieces import floating
from ...numpy.promotion import array_operand
from ...ops import layout
from ...ops.matrix_rules import adjoint


def matrices(a: Any, name: str, square: bool = False) -> Any:
    """Matrices of floating-point or complex numbers."""
    x = array_operand(a, name)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        wanted = "square matrices" if square else "matrices"
        raise ValueError(f"{name}: needs {wanted}, got shape {tuple(x.shape)}")
    return floating(x, name)


def hermitian_part(x: Any) -> Any:
    """(x + x^H) / 2"""
    return (x + adjoint(x)) * 0.5


def system(a: Any, b: Any, name: str, rows: int | None = None) -> tuple[Any, Any, bool]:
    """Matrices and right-hand sides of one dtype and equal leading axes; whether the result is a vector.

    `rows`: how many a right-hand side has, if not as many as a matrix.
    """
    b = array_operand(b, name)
    dtype = promotion.result_dtype(a, floating(b, name))
    vector = b.ndim == 1
    b = layout.reshape(b, shape=(*b.shape, 1)) if vector else b
    if b.ndim < 2 or b.shape[-2] != (a.shape[-2] if rows is None else rows):
        raise ValueError(f"{name}: matrices {tuple(a.shape)} and right-hand sides {tuple(b.shape)} do not fit")
    lead = promotion.common_shape([tuple(a.shape[:-2]), tuple(b.shape[:-2])], name)
    a, b = (promotion.broadcast(promotion.convert(v, dtype), (*lead, *v.shape[-2:])) for v in (a, b))
    return a, b, vector


def as_given(x: Any, vector: bool) -> Any:
    """A solution as vectors, where the right-hand side was one."""
    return layout.reshape(x, shape=tuple(x.shape[:-1])) if vector else x


def not_traced(name: str, what: str, fix: str) -> TypeError:
    """The error for a variant that only plain arrays have."""
    return TypeError(f"{name}: {what} is not supported for traced values.\nFix: {fix}")


def one_dtype(*values: Any, name: str) -> list[Any]:
    """Operands of the promoted floating dtype."""
    values = [floating(array_operand(v, name), name) for v in values]
    return promotion.promote_dtype(values)


def epsilon(x: Any) -> float:
    """The distance from 1 to the next number of a dtype."""
    return float(np.finfo(x.dtype).eps)
