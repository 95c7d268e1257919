"""Loops with carried state, and strict array functions by the names and signatures of `jax.lax`.

With this module one can write loops and branches (`scan`, `while_loop`, `fori_loop`, `map`, `cond`, `switch`) that are
traced once, compiled to native control flow, and have derivatives of any order in both modes; read and write windows at
positions that are data (`dynamic_slice`); and call operations that `numpy` has no name for (`rsqrt`, `erf`, `clamp`,
`dot_general`).

Functions of several arrays want equal dtypes; Python numbers adapt to the arrays they meet. They work on NumPy arrays,
where they compute, and on traced values, where they record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import broadcast_shapes

from . import lax_linalg as linalg
from .api import recording as rec
from .api.associative import associative_scan
from .api.branches import cond, switch
from .api.collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, ppermute, psum
from .api.convolution import (
    ConvDimensionNumbers,
    conv,
    conv_dimension_numbers,
    conv_general_dilated,
    conv_transpose,
    conv_with_general_padding,
)
from .api.custom import stop_gradient
from .api.implicit import custom_linear_solve, custom_root, fixed_point
from .api.loops import fori_loop, map, scan, while_loop
from .api.windows import add, padded, padtype_to_pads, reduce_window
from .api.windows import max_ as max
from .api.windows import min_ as min
from .core.tracing import Tracer
from .lax_arrays import *  # noqa: F403
from .lax_arrays import __all__ as _arrays
from .lax_arrays import checked, same
from .lax_shapes import *  # noqa: F403
from .lax_shapes import __all__ as _shapes
from .numpy import promotion
from .ops import contraction, cumulative, elementwise, layout

INDEX = np.dtype(np.int64)


# --- elementwise ------------------------------------------------------------------------------------------------------


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """Elements of `on_true` where `pred` holds, else of `on_false`; a scalar `pred` chooses for all elements.

    Example:
        >>> import numpy as np
        >>> select(np.array([True, False]), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        array([1., 4.])
    """
    x, y = same("select", on_true, on_false)
    return elementwise.select(promotion.broadcast(promotion.array_operand(pred, "select"), tuple(x.shape)), x, y)


def select_n(which: Any, *cases: Any) -> Any:
    """For every element, the case whose number `which` holds: `cases[which[i]][i]`.

    Args:
        which: booleans (for two cases: False chooses the first) or integers in 0 .. n-1, a scalar or of the cases'
            shape.
        cases: arrays of one shape and dtype.

    Returns:
        An array like the cases.

    Raises:
        TypeError: when there is no case, or the cases differ in type, or which holds no booleans or integers.

    Example:
        >>> import numpy as np
        >>> select_n(np.array([2, 0]), np.zeros(2), np.ones(2), np.array([5.0, 6.0]))
        array([5., 0.])

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.select_n.html, whose interface this follows.
    """
    number = promotion.array_operand(which, "select_n")
    if not cases or number.dtype.kind not in "biu" or (number.dtype.kind == "b" and len(cases) > 2):
        raise TypeError(
            f"select_n: `which` is {rec.abstract(number)} and there are {len(cases)} cases.\n"
            "Fix: pass booleans for two cases, or integers."
        )
    values = same("select_n", *cases)
    shape = tuple(values[0].shape)
    chosen = promotion.broadcast(promotion.convert(number, INDEX), shape)
    result = values[-1]
    for k in reversed(range(len(values) - 1)):
        here = elementwise.le(chosen, promotion.broadcast(promotion.convert(k, INDEX), shape))
        result = elementwise.select(here, values[k], result)
    return result


def clamp(min: Any, x: Any, max: Any) -> Any:
    """`minimum(maximum(x, min), max)`, with scalar or elementwise bounds.

    Example:
        >>> import numpy as np
        >>> clamp(0.0, np.array([-1.0, 0.5, 3.0]), 1.0)
        array([0. , 0.5, 1. ])
    """
    return elementwise.clamp(*same("clamp", min, x, max))


def rsqrt(x: Any) -> Any:
    """1 / sqrt(x).

    Example:
        >>> rsqrt(4.0)
        np.float64(0.5)
    """
    return elementwise.rsqrt(_floating("rsqrt", x))


def complex(x: Any, y: Any) -> Any:
    """The complex numbers x + iy.

    Example:
        >>> complex(1.0, -2.0)
        np.complex128(1-2j)
    """
    return elementwise.complex_(*[_floating("complex", v) for v in same("complex", x, y)])


def erf(x: Any) -> Any:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Example:
        >>> erf(0.0)
        np.float64(0.0)

    Reference: https://dlmf.nist.gov/7.2
    """
    return elementwise.erf(_floating("erf", x))


def _floating(name: str, x: Any) -> Any:
    return checked(name, promotion.array_operand(x, name), "f")


def convert_element_type(operand: Any, new_dtype: Any) -> Any:
    """The same numbers with another dtype.

    Example:
        >>> convert_element_type(2.7, "int32")
        np.int32(2)
    """
    return promotion.convert(promotion.array_operand(operand, "convert_element_type"), np.dtype(new_dtype))


# --- shapes -----------------------------------------------------------------------------------------------------------


def iota(dtype: Any, size: int) -> Any:
    """0, 1, ..., size - 1.

    Example:
        >>> iota("int32", 3)
        array([0, 1, 2], dtype=int32)
    """
    return layout.iota(shape=(promotion.static_int(size, "iota"),), axis=0, dtype=np.dtype(dtype))


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """The array with axes of size 1 at the positions `dimensions` of the result.

    Example:
        >>> import numpy as np
        >>> expand_dims(np.zeros(3), (0, 2)).shape
        (1, 3, 1)
    """
    x = promotion.array_operand(array, "expand_dims")
    ndim = x.ndim + len(dimensions)
    new = promotion.many_axes(tuple(dimensions), ndim, "expand_dims")
    sizes = iter(x.shape)
    return layout.reshape(x, shape=tuple(1 if d in new else next(sizes) for d in range(ndim)))


def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """The array without the axes `dimensions`, which must have size 1.

    Example:
        >>> import numpy as np
        >>> squeeze(np.zeros((1, 3, 1)), (0,)).shape
        (3, 1)
    """
    x = promotion.array_operand(array, "squeeze")
    axes = promotion.many_axes(tuple(dimensions), x.ndim, "squeeze")
    if any(x.shape[d] != 1 for d in axes):
        raise ValueError(f"squeeze: axes {axes} of {rec.abstract(x)} do not all have size 1.")
    return layout.reshape(x, shape=tuple(n for d, n in enumerate(x.shape) if d not in axes))


def concatenate(operands: Sequence[Any], dimension: int) -> Any:
    """Arrays of equal dtype joined along an existing axis.

    Example:
        >>> import numpy as np
        >>> concatenate([np.array([1, 2]), np.array([3])], 0)
        array([1, 2, 3])
    """
    arrays = [promotion.array_operand(x, "concatenate") for x in operands]
    return layout.concatenate(*arrays, axis=promotion.one_axis(dimension, arrays[0].ndim, "concatenate"))


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    """Put `padding_value` around and between elements; a negative edge takes elements away.

    Args:
        padding_config: for each axis `(low, high, interior)`: how much before, after, and between neighbours.

    Example:
        >>> import numpy as np
        >>> pad(np.array([1.0, 2.0]), 0.0, [(1, 0, 1)])
        array([0., 1., 0., 2.])
        >>> pad(np.array([1.0, 2.0, 3.0]), 0.0, [(-1, 1, 0)])
        array([2., 3., 0.])
    """
    x = promotion.array_operand(operand, "pad")
    value = promotion.convert(padding_value, x.dtype)
    low, high, interior = (tuple(c[k] for c in padding_config) for k in range(3))
    return padded(x, value, low, high, interior)


def _along_axis(prim: Any, operand: Any, axis: int, reverse: bool) -> Any:
    x = promotion.array_operand(operand, prim.name)
    return prim(x, axis=promotion.one_axis(axis, x.ndim, prim.name), reverse=bool(reverse))


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running sums along an axis, from its end when `reverse`.

    Example:
        >>> import numpy as np
        >>> cumsum(np.array([1, 2, 3]), reverse=True)
        array([6, 5, 3])
    """
    return _along_axis(cumulative.cumsum, operand, axis, reverse)


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running products along an axis, from its end when `reverse`; the derivative divides by nothing.

    Example:
        >>> import numpy as np
        >>> cumprod(np.array([1, 2, 3]))
        array([1, 2, 6])
    """
    return _along_axis(cumulative.cumprod, operand, axis, reverse)


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running maxima along an axis, from its end when `reverse`. The derivative goes to the last element that attained
    the maximum.

    Example:
        >>> import numpy as np
        >>> cummax(np.array([1, 3, 2]))
        array([1, 3, 3])
    """
    return _along_axis(cumulative.cummax, operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running minima along an axis, from its end when `reverse`; as `cummax`.

    Example:
        >>> import numpy as np
        >>> cummin(np.array([2, 3, 1]))
        array([2, 2, 1])
    """
    return _along_axis(cumulative.cummin, operand, axis, reverse)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Logarithms of the running sums of exponentials, log(exp(x_0) + ... + exp(x_k)), without overflow.

    Args:
        operand: an array of floating-point numbers.
        axis: along which.
        reverse: whether the sums begin at the end.

    Returns:
        An array like `operand`.

    Raises:
        TypeError: the operand has no floating dtype.

    Example:
        >>> import numpy as np
        >>> np.allclose(cumlogsumexp(np.log(np.array([1.0, 2.0, 4.0]))), np.log([1.0, 3.0, 7.0]))
        True

    Reference: numpy.logaddexp.accumulate
    """
    return _along_axis(cumulative.cumlogsumexp, _floating("cumlogsumexp", operand), axis, reverse)


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None, preferred_element_type: Any = None
) -> Any:
    """Sums of products over any axes.

    Args:
        dimension_numbers: `((lhs_contract, rhs_contract), (lhs_batch, rhs_batch))`, tuples of axes.
        precision: accepted for compatibility with JAX; products are always computed in the operands' precision.
        preferred_element_type: dtype of the result.

    Returns:
        An array with the batch axes, then the free axes of lhs, then those of rhs.

    Example:
        >>> import numpy as np
        >>> dot_general(np.ones((2, 3)), np.ones((4, 3)), (((1,), (1,)), ((), ()))).shape
        (2, 4)

    Reference: https://docs.jax.dev/en/latest/_autosummary/jax.lax.dot_general.html, whose interface this follows.
    """
    del precision
    x, y = (promotion.array_operand(v, "dot_general") for v in (lhs, rhs))
    contract, batch = (tuple(tuple(int(d) for d in side) for side in pair) for pair in dimension_numbers)
    contraction.dot_general.aval(rec.abstract(x), rec.abstract(y), contract=contract, batch=batch)
    out = contraction.dot_general(x, y, contract=contract, batch=batch)
    return out if preferred_element_type is None else promotion.convert(out, np.dtype(preferred_element_type))


# --- windows at positions that are data -------------------------------------------------------------------------------


def _start(index: Any, size: int) -> Any:
    """A start position as an integer scalar; a negative one counts from the end."""
    if isinstance(index, (int, np.integer)):
        return np.int64(index + size if index < 0 else index)
    i = promotion.convert(promotion.array_operand(index, "a start index"), INDEX)
    return elementwise.select(elementwise.lt(i, np.int64(0)), elementwise.add(i, np.int64(size)), i)


def dynamic_slice(operand: Any, start_indices: Sequence[Any], slice_sizes: Sequence[int]) -> Any:
    """A window of fixed size at a position that is data; the position is moved so that the window lies inside.

    Example:
        >>> import numpy as np
        >>> dynamic_slice(np.arange(5), (3,), (3,))
        array([2, 3, 4])
    """
    x = promotion.array_operand(operand, "dynamic_slice")
    starts = [_start(i, n) for i, n in zip(_positions(start_indices), x.shape, strict=True)]
    sizes = promotion.static_ints(slice_sizes, "dynamic_slice")
    layout.dynamic_slice.aval(rec.abstract(x), *[rec.abstract(s) for s in starts], sizes=sizes)
    return layout.dynamic_slice(x, *starts, sizes=sizes)


def dynamic_update_slice(operand: Any, update: Any, start_indices: Sequence[Any]) -> Any:
    """A copy of `operand` in which `update` replaces the window at a position that is data.

    Example:
        >>> import numpy as np
        >>> dynamic_update_slice(np.zeros(4), np.ones(2), (1,))
        array([0., 1., 1., 0.])
    """
    x = promotion.array_operand(operand, "dynamic_update_slice")
    new = promotion.array_operand(update, "dynamic_update_slice")
    starts = [_start(i, n) for i, n in zip(_positions(start_indices), x.shape, strict=True)]
    layout.dynamic_update_slice.aval(rec.abstract(x), rec.abstract(new), *[rec.abstract(s) for s in starts])
    return layout.dynamic_update_slice(x, new, *starts)


def _positions(indices: Any) -> Sequence[Any]:
    """Start indices as a sequence; one integer vector is taken apart."""
    return [indices[k] for k in range(indices.shape[0])] if type(indices) is Tracer else list(indices)


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0) -> Any:
    """`dynamic_slice` along one axis, the others whole.

    Example:
        >>> import numpy as np
        >>> dynamic_slice_in_dim(np.arange(6).reshape(3, 2), 1, 2)
        array([[2, 3],
               [4, 5]])
    """
    x = promotion.array_operand(operand, "dynamic_slice_in_dim")
    axis = promotion.one_axis(axis, x.ndim, "dynamic_slice_in_dim")
    starts = [start_index if d == axis else 0 for d in range(x.ndim)]
    return dynamic_slice(x, starts, [slice_size if d == axis else n for d, n in enumerate(x.shape)])


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int = 0) -> Any:
    """`dynamic_update_slice` along one axis.

    Example:
        >>> import numpy as np
        >>> dynamic_update_slice_in_dim(np.zeros(4), np.ones(2), 1)
        array([0., 1., 1., 0.])
    """
    x = promotion.array_operand(operand, "dynamic_update_slice_in_dim")
    axis = promotion.one_axis(axis, x.ndim, "dynamic_update_slice_in_dim")
    return dynamic_update_slice(x, update, [start_index if d == axis else 0 for d in range(x.ndim)])


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Any:
    """One slice of an axis at a position that is data, with the axis kept at size 1 unless `keepdims` is False.

    Example:
        >>> import numpy as np
        >>> dynamic_index_in_dim(np.arange(5), 3, keepdims=False)
        np.int64(3)
    """
    window = dynamic_slice_in_dim(operand, index, 1, axis)
    axis = promotion.one_axis(axis, len(window.shape), "dynamic_index_in_dim")
    return window if keepdims else squeeze(window, (axis,))[()]


__all__ = [
    *_arrays,
    *_shapes,
    "ConvDimensionNumbers",
    "add",
    "all_gather",
    "associative_scan",
    "axis_index",
    "axis_size",
    "broadcast_shapes",
    "clamp",
    "complex",
    "concatenate",
    "cond",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_transpose",
    "conv_with_general_padding",
    "convert_element_type",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "custom_linear_solve",
    "custom_root",
    "dot_general",
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
    "erf",
    "expand_dims",
    "fixed_point",
    "fori_loop",
    "iota",
    "linalg",
    "map",
    "max",
    "min",
    "pad",
    "padtype_to_pads",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "psum",
    "reduce_window",
    "rsqrt",
    "scan",
    "select",
    "select_n",
    "squeeze",
    "stop_gradient",
    "switch",
    "while_loop",
]
