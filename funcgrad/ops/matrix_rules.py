"""What the rules of dense linear algebra are made of: products, transposes and triangles of the last two axes, types, and
batching, where the axes in front are mapped over anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.avals import ShapedArray
from ..core.primitive import Primitive
from . import contraction, elementwise, layout, reduction
from .rules import move_batch_first

# --- pieces of rules --------------------------------------------------------------------------------------------------


def matmul(x: Any, y: Any, x_transposed: bool = False) -> Any:
    """Matrix products over equal leading axes."""
    lead = len(x.shape) - 2
    batch = tuple(range(lead))
    contract = ((lead + (not x_transposed),), (lead,))
    return contraction.dot_general(x, y, contract=contract, batch=(batch, batch))


def swap(x: Any) -> Any:
    """Each matrix transposed."""
    lead = len(x.shape) - 2
    return layout.transpose(x, axes=(*range(lead), lead + 1, lead))


def adjoint(x: Any) -> Any:
    """Each matrix transposed and conjugated."""
    return swap(conjugate(x))


def conjugate(x: Any) -> Any:
    """The complex conjugate; real numbers as they are."""
    return elementwise.conj(x) if x.dtype.kind == "c" else x


def real_part(x: Any) -> Any:
    """The real part; real numbers as they are."""
    return elementwise.real(x) if x.dtype.kind == "c" else x


def as_dtype(x: Any, like: Any) -> Any:
    """Real numbers as complex ones where those they meet are complex."""
    return x if x.dtype == like.dtype else elementwise.convert(x, dtype=np.dtype(like.dtype))


def reciprocal_or_zero(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    zero = elementwise.eq(x, elementwise.like(x, 0))
    safe = elementwise.select(zero, elementwise.like(x, 1), x)
    return elementwise.select(zero, elementwise.like(x, 0), elementwise.div(elementwise.like(x, 1), safe))


def compare_axes(x: Any, compare: Primitive) -> Any:
    """compare(row number, column number) for every element."""
    shape, lead = tuple(x.shape), len(x.shape) - 2
    return compare(*[layout.iota(shape=shape, axis=lead + k, dtype=layout.INDEX) for k in (0, 1)])


def triangle(x: Any, lower: bool) -> Any:
    """The lower or upper triangle with the diagonal, zero elsewhere."""
    return elementwise.select(compare_axes(x, elementwise.ge if lower else elementwise.le), x, elementwise.like(x, 0))


def diagonal_only(x: Any) -> Any:
    """The diagonal, zero elsewhere."""
    return elementwise.select(compare_axes(x, elementwise.eq), x, elementwise.like(x, 0))


def strictly_lower(x: Any) -> Any:
    """What is below the diagonal, zero elsewhere."""
    return elementwise.select(compare_axes(x, elementwise.gt), x, elementwise.like(x, 0))


def diagonal_of(x: Any) -> Any:
    """The diagonals of square matrices as vectors."""
    return reduction.reduce_sum(diagonal_only(x), axes=(len(x.shape) - 1,))


def identity_like(x: Any) -> Any:
    """The identity in the shape of square matrices."""
    return elementwise.select(compare_axes(x, elementwise.eq), elementwise.like(x, 1), elementwise.like(x, 0))


def columns_between(x: Any, start: int, stop: int) -> Any:
    """Some columns of each matrix."""
    return layout.slice_axis(x, len(x.shape) - 1, start, stop)


def mirrored(x: Any) -> Any:
    """The symmetric or Hermitian matrix that has the lower triangle of x."""
    low = triangle(x, True)
    return low + swap(low) - diagonal_only(x) if x.dtype.kind == "f" else _hermitian(x)


def _hermitian(x: Any) -> Any:
    """Only the real part of the diagonal counts."""
    low = strictly_lower(x)
    return low + adjoint(low) + as_dtype(real_part(diagonal_only(x)), x)


def half_lower(x: Any) -> Any:
    """The lower triangle with half the diagonal: x = p + p^T for symmetric x."""
    return triangle(x, True) - elementwise.mul(diagonal_only(x), elementwise.like(x, 0.5))


def rows(vector: Any, like: Any) -> Any:
    """A vector of each matrix's columns, repeated in every row."""
    lead = len(like.shape) - 2
    return layout.broadcast(vector, shape=tuple(like.shape), dims=(*range(lead), lead + 1))


def columns(vector: Any, like: Any) -> Any:
    """A vector of each matrix's rows, repeated in every column."""
    lead = len(like.shape) - 2
    return layout.broadcast(vector, shape=tuple(like.shape), dims=(*range(lead), lead))


def spread(number: Any, like: Any) -> Any:
    """One number for each matrix, repeated over the matrix."""
    return layout.broadcast(number, shape=tuple(like.shape), dims=tuple(range(len(like.shape) - 2)))


def total(x: Any) -> Any:
    """The sum over each matrix."""
    lead = len(x.shape) - 2
    return reduction.reduce_sum(x, axes=(lead, lead + 1))


def matrix(name: str, a: ShapedArray, kinds: str = "fc") -> tuple[int, int]:
    """Rows and columns of matrices, or an error that names the op."""
    if a.ndim < 2 or a.dtype.kind not in kinds:
        raise TypeError(f"{name}: needs matrices of floating-point numbers, got {a}")
    return a.shape[-2:]


def real_of(dtype: Any) -> np.dtype:
    """The dtype of absolute values."""
    return np.zeros((), dtype).real.dtype


# --- types and batching -----------------------------------------------------------------------------------------------


def square(name: str, a: ShapedArray, kinds: str = "f") -> ShapedArray:
    """The type of square matrices, or an error that names the op."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or a.dtype.kind not in kinds:
        raise TypeError(f"{name}: needs square matrices of floating-point numbers, got {a}")
    return a


def same_system(name: str, a: ShapedArray, b: ShapedArray) -> ShapedArray:
    """The type of right-hand sides that fit square matrices, or an error that names the op."""
    square(name, a, "fc")
    if b.dtype != a.dtype or b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1]:
        raise TypeError(f"{name}: right-hand sides {b} do not fit matrices {a}")
    return b


def batch_one(prim: Callable[[], Primitive]) -> Callable:
    """Leading axes are mapped over anyway: move the batch axis in front."""

    def batch(size: int, args: list, axes: list, **params: Any) -> tuple[Any, Any]:
        out = prim()(*move_batch_first(size, args, axes), **params)
        return out, [0] * len(out) if prim().multiple_results else 0

    return batch


def batch_system(prim: Callable[[], Primitive]) -> Callable:
    """The batching rule of op(a) x = b: further matrices, or further columns of b."""

    def batch(size: int, args: list, axes: list, **params: Any) -> tuple[Any, int]:
        (a, b), (axis_a, axis_b) = args, axes
        if axis_a is not None:
            return prim()(*move_batch_first(size, args, axes), **params), 0
        # One matrix for the whole batch: its right-hand sides are further columns, and it is factorized once.
        last = len(b.shape) - 1
        b = layout.move_axis(b, axis_b, last)
        shape = tuple(b.shape)
        out = prim()(a, layout.reshape(b, shape=(*shape[:-2], shape[-2] * size)), **params)
        return layout.reshape(out, shape=shape), last

    return batch
