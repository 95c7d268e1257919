"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops import decompositions, elementwise, layout
from . import promotion, reductions, ufuncs
from .linalg_pieces import floating, linalg_function
from .manipulation import moveaxis
from .promotion import array_operand


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
        return _largest(size, axes, keepdims)
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


def _largest(sizes: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The largest; 0 of none."""
    empty = {} if all(sizes.shape[d] for d in axes) else {"initial": 0}
    return reductions.max(sizes, axis=axes, keepdims=keepdims, **empty)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    rows, columns = axes
    if ord in (None, "fro"):
        return _vector_norm(x, 2, axes, keepdims)
    if ord in (2, -2, "nuc"):
        return _by_singular_values(x, ord, axes, keepdims)
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(
            f"linalg.norm: invalid norm order {ord!r} for matrices; there are 'fro', 'nuc', 1, -1, 2, -2, inf, -inf"
        )
    summed, kept = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = reductions.sum(ufuncs.absolute(x), axis=summed, keepdims=True)
    extreme = _largest(sums, (kept,), True) if ord > 0 else reductions.min(sums, axis=kept, keepdims=True)
    shape = tuple(n for d, n in enumerate(extreme.shape) if d not in axes)
    return extreme if keepdims else layout.reshape(extreme, shape=shape)


def _by_singular_values(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    """The largest, the smallest or the sum; at a singular value of 0 the derivative is 0."""
    s = decompositions.singular_values(moveaxis(floating(x, "norm"), axes, (-2, -1)))
    if ord == "nuc":
        out = reductions.sum(s, axis=-1)
    else:
        if not s.shape[-1] and ord == 2:
            return layout.fill(0, _norm_shape(x, axes, keepdims), s.dtype)
        if not s.shape[-1]:
            raise ValueError("linalg.norm: a matrix without elements has no singular values")
        out = s[..., 0 if ord == 2 else -1]
    return layout.reshape(out, shape=_norm_shape(x, axes, keepdims)) if keepdims else out


def _norm_shape(x: Any, axes: tuple[int, int], keepdims: bool) -> tuple[int, ...]:
    """The shape of norms over axes."""
    return tuple(1 if d in axes else n for d, n in enumerate(x.shape) if keepdims or d not in axes)


@linalg_function
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norms of vectors, by default of all elements; the gradient at zero is zero.

    Reference: numpy.linalg.vector_norm
    """
    x = array_operand(x, "linalg.vector_norm")
    x = x if x.dtype.kind in "fc" else promotion.convert(x, np.dtype(np.float64))
    return _vector_norm(x, ord, promotion.many_axes(axis, x.ndim, "linalg.vector_norm"), keepdims)


@linalg_function
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norms of the matrices in the last two axes.

    Reference: numpy.linalg.matrix_norm
    """
    x = array_operand(x, "linalg.matrix_norm")
    if x.ndim < 2:
        raise ValueError(f"linalg.matrix_norm: needs at least two dimensions, got shape {tuple(x.shape)}")
    return norm(x, ord=ord, axis=(-2, -1), keepdims=keepdims)


__all__ = ["matrix_norm", "norm", "vector_norm"]
