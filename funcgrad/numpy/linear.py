"""Products of arrays: dot, matmul, inner, outer, tensordot, kron, cross, and diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import contraction, indexing, layout
from . import promotion, reductions, ufuncs
from .promotion import array_operand, one_axis
from .registry import numpy_function, register
from .ufunc_builders import checked_dtype


def contract(x: Any, y: Any, axes: tuple, batch: tuple = ((), ())) -> Any:
    """dot_general on one dtype; bool sums of products are `any` of `and`."""
    if x.dtype == y.dtype and x.dtype.kind != "b":
        return contraction.dot_general(x, y, contract=axes, batch=batch)
    dtype = promotion.result_dtype(x, y)
    if dtype == np.bool_:
        total = contraction.dot_general(
            promotion.convert(x, np.dtype(np.int64)),
            promotion.convert(y, np.dtype(np.int64)),
            contract=axes,
            batch=batch,
        )
        return ufuncs.boolean(total)
    return contraction.dot_general(promotion.convert(x, dtype), promotion.convert(y, dtype), contract=axes, batch=batch)


def _pair(x: Any, y: Any, where: str) -> tuple[Any, Any]:
    return array_operand(x, where), array_operand(y, where)


def _check(ok: bool, where: str, x: Any, y: Any) -> None:
    if not ok:
        raise ValueError(f"{where}: shapes {tuple(x.shape)} and {tuple(y.shape)} not aligned")


@numpy_function
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Sum of products over the last axis of a and the second to last of b.

    Reference: numpy.dot
    """
    x, y = _pair(a, b, "dot")
    if x.ndim == 0 or y.ndim == 0:
        return ufuncs.multiply(x, y)
    axis = max(y.ndim - 2, 0)
    _check(x.shape[-1] == y.shape[axis], "dot", x, y)
    return contract(x, y, ((x.ndim - 1,), (axis,)))


def matmul(x1: Any, x2: Any, /, **options: Any) -> Any:
    """Matrix product over the last two axes; leading axes broadcast.

    Reference: numpy.matmul
    """
    if not promotion.has_tracer(x1) and not promotion.has_tracer(x2):
        return np.matmul(x1, x2, **options)
    dtype = checked_dtype("matmul", {k: v for k, v in options.items() if k != "axes"})
    x, y = _pair(x1, x2, "matmul")
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError("matmul: operands must have at least one axis; multiply by a number with *")
    x, y = (x, y) if dtype is None else (promotion.convert(x, dtype), promotion.convert(y, dtype))
    inner = max(y.ndim - 2, 0)
    _check(x.shape[-1] == y.shape[inner], "matmul", x, y)
    if (x.ndim <= 2 and y.ndim <= 2) or (x.ndim >= 2 and y.ndim <= 2):
        return contract(x, y, ((x.ndim - 1,), (inner,)))
    return _batched_matmul(x, y)


def _batched_matmul(x: Any, y: Any) -> Any:
    """Leading axes of size 1 are dropped where the other operand has more, so that nothing is copied."""
    if x.ndim == 1:
        return contract(y, x, ((y.ndim - 2,), (0,)))
    lead = promotion.common_shape([tuple(x.shape[:-2]), tuple(y.shape[:-2])], "matmul")
    if x.ndim == 2:
        x = layout.reshape(x, shape=(1, *x.shape))
    x, y = (promotion.broadcast(v, (*lead, *v.shape[-2:])) for v in (x, y))
    n = len(lead)
    return contract(x, y, ((n + 1,), (n,)), (tuple(range(n)), tuple(range(n))))


register(np.matmul, matmul)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, **options: Any) -> Any:
    """Sum of products along one axis; the others broadcast.

    Reference: numpy.vecdot
    """
    if not promotion.has_tracer(x1) and not promotion.has_tracer(x2):
        return np.vecdot(x1, x2, axis=axis, **options)
    checked_dtype("vecdot", options)
    x, y = _pair(x1, x2, "vecdot")
    x = ufuncs.conjugated(x)
    x, y = (layout.move_axis(v, one_axis(axis, v.ndim, "vecdot"), v.ndim - 1) for v in (x, y))
    _check(x.shape[-1] == y.shape[-1], "vecdot", x, y)
    x, y = promotion.same_shape([x, y], "vecdot")
    n = x.ndim - 1
    return contract(x, y, ((n,), (n,)), (tuple(range(n)), tuple(range(n))))


register(np.vecdot, vecdot)


@numpy_function
def vdot(a: Any, b: Any, /) -> Any:
    """Sum of products of all elements, the first operand conjugated.

    Reference: numpy.vdot
    """
    x, y = (layout.reshape(v, shape=(v.size,)) for v in _pair(a, b, "vdot"))
    _check(x.size == y.size, "vdot", x, y)
    return contract(ufuncs.conjugated(x), y, ((0,), (0,)))


@numpy_function
def inner(a: Any, b: Any, /) -> Any:
    """Sum of products over the last axes.

    Reference: numpy.inner
    """
    x, y = _pair(a, b, "inner")
    if x.ndim == 0 or y.ndim == 0:
        return ufuncs.multiply(x, y)
    _check(x.shape[-1] == y.shape[-1], "inner", x, y)
    return contract(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


@numpy_function
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """All products of an element of a with an element of b.

    Reference: numpy.outer
    """
    x, y = _pair(a, b, "outer")
    return ufuncs.multiply(layout.reshape(x, shape=(x.size, 1)), layout.reshape(y, shape=(1, y.size)))


@numpy_function
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over several axes.

    Reference: numpy.tensordot
    """
    x, y = _pair(a, b, "tensordot")
    if isinstance(axes, (tuple, list)):
        left, right = (promotion.static_ints(side, "tensordot") for side in axes)
    else:
        count = promotion.static_int(axes, "tensordot")
        left, right = tuple(range(x.ndim - count, x.ndim)), tuple(range(count))
    left = tuple(one_axis(d, x.ndim, "tensordot") for d in left)
    right = tuple(one_axis(d, y.ndim, "tensordot") for d in right)
    _check(len(left) == len(right) and all(x.shape[i] == y.shape[j] for i, j in zip(left, right)), "tensordot", x, y)
    return contract(x, y, (left, right))


@numpy_function
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product.

    Reference: numpy.kron
    """
    x, y = _pair(a, b, "kron")
    n = max(x.ndim, y.ndim)
    x, y = (layout.reshape(v, shape=(1,) * (n - v.ndim) + tuple(v.shape)) for v in (x, y))
    shapes = [
        tuple(m if i % 2 == side else 1 for s in v.shape for i, m in ((0, s), (1, s))) for side, v in ((0, x), (1, y))
    ]
    product = ufuncs.multiply(layout.reshape(x, shape=shapes[0]), layout.reshape(y, shape=shapes[1]))
    return layout.reshape(product, shape=tuple(i * j for i, j in zip(x.shape, y.shape)))


@numpy_function
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product of 3-vectors.

    Reference: numpy.cross
    """
    x, y = _pair(a, b, "cross")
    axisa, axisb, axisc = (axis, axis, axis) if axis is not None else (axisa, axisb, axisc)
    x, y = (
        layout.move_axis(x, one_axis(axisa, x.ndim, "cross"), x.ndim - 1),
        layout.move_axis(y, one_axis(axisb, y.ndim, "cross"), y.ndim - 1),
    )
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError(
            f"cross: both operands must have 3 elements along the axis, got {x.shape[-1]} and {y.shape[-1]}"
        )
    x1, y1 = (_rotated(v, 1) for v in (x, y))
    x2, y2 = (_rotated(v, 2) for v in (x, y))
    result = ufuncs.subtract(ufuncs.multiply(x1, y2), ufuncs.multiply(x2, y1))
    return layout.move_axis(result, result.ndim - 1, one_axis(axisc, result.ndim, "cross"))


def _rotated(v: Any, count: int) -> Any:
    """Components count, count + 1, ... along the last axis, cyclically."""
    last = v.ndim - 1
    return layout.concatenate(layout.slice_axis(v, last, count, 3), layout.slice_axis(v, last, 0, count), axis=last)


# --- diagonals --------------------------------------------------------------------------------------------------------


@numpy_function
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Elements (i, i + offset) of two axes, as a new last axis.

    Reference: numpy.diagonal
    """
    x = array_operand(a, "diagonal")
    i, j = one_axis(axis1, x.ndim, "diagonal"), one_axis(axis2, x.ndim, "diagonal")
    if i == j:
        raise ValueError("diagonal: axis1 and axis2 cannot be the same")
    count = max(0, min(x.shape[i] + min(offset, 0), x.shape[j] - max(offset, 0)))
    rows, columns = np.arange(count) - min(offset, 0), np.arange(count) + max(offset, 0)
    picked = indexing.gather(x, rows, columns, axes=(i, j))
    return layout.move_axis(picked, 0, picked.ndim - 1)


@numpy_function
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum of a diagonal.

    Reference: numpy.trace
    """
    return reductions.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@numpy_function
def diag(v: Any, k: int = 0) -> Any:
    """A diagonal of a matrix, or a matrix with a given diagonal.

    Reference: numpy.diag
    """
    x = array_operand(v, "diag")
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError("diag: input must be 1- or 2-d")
    n = x.size + abs(k)
    where = np.arange(x.size)
    return indexing.scatter(layout.fill(0, (n, n), x.dtype), x, where + max(-k, 0), where + max(k, 0), axes=(0, 1))


@numpy_function
def diagflat(v: Any, k: int = 0) -> Any:
    """A matrix whose diagonal holds all elements.

    Reference: numpy.diagflat
    """
    x = array_operand(v, "diagflat")
    return diag(layout.reshape(x, shape=(x.size,)), k)


def outer_ufunc(function: Any, x: Any, y: Any) -> Any:
    """A binary function on all pairs of elements: result shape x.shape + y.shape."""
    x, y = _pair(x, y, "outer")
    return function(layout.reshape(x, shape=tuple(x.shape) + (1,) * y.ndim), y)


__all__ = [
    "cross", "diag", "diagflat", "diagonal", "dot", "inner", "kron", "matmul", "outer", "tensordot", "trace", "vdot",
    "vecdot",
]  # fmt: skip
