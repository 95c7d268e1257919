"""Covariance, convolution, and further functions that are short compositions of the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import elementwise as ew
from ..ops import indexing, layout
from . import choice, differences, joining, linear, manipulation, promotion, rearrange, reductions, ufuncs
from .promotion import array_operand, one_axis
from .registry import numpy_function, register
from .ufunc_builders import checked_dtype

# --- covariance -------------------------------------------------------------------------------------------------------


@numpy_function
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The covariance matrix of variables in rows (in columns when not rowvar).

    Math:
        C = (X - mean) diag(w) (X - mean)^T / (sum w - ddof sum(w a) / sum w)

    Reference: numpy.cov
    """
    x = _variables(m, rowvar, dtype)
    x = x if y is None else joining.join([x, _variables(y, rowvar, dtype)], 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights: Any = None
    for w in (fweights, aweights):
        if w is not None:
            w = promotion.convert(array_operand(w, "cov weights"), x.dtype)
            weights = w if weights is None else ufuncs.multiply(weights, w)
    if weights is None:
        centred = ufuncs.subtract(x, reductions.mean(x, axis=1, keepdims=True))
        total, scaled = max(x.shape[1] - ddof, 0), centred
    else:
        mean, norm = reductions.average(x, axis=1, weights=weights, returned=True)
        norm = norm[0] if hasattr(norm, "shape") and norm.shape else norm
        centred = ufuncs.subtract(x, manipulation.expand_dims(mean, 1))
        correction = ddof if aweights is None else ddof * reductions.sum(ufuncs.multiply(weights, aweights)) / norm
        total, scaled = ufuncs.maximum(norm - correction, 0), ufuncs.multiply(centred, weights)
    product = linear.contract(scaled, ufuncs.conjugate(centred), ((1,), (1,)))
    return manipulation.squeeze(ufuncs.divide(product, total))


def _variables(m: Any, rowvar: bool, dtype: Any) -> Any:
    x = array_operand(m, "cov")
    x = promotion.convert(x, np.dtype(dtype) if dtype is not None else np.result_type(x.dtype, np.float64))
    x = manipulation.atleast_2d(x)
    return x if rowvar or x.shape[0] == 1 else manipulation.reverse_axes(x)


@numpy_function
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The matrix of correlation coefficients.

    Reference: numpy.corrcoef
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return ufuncs.divide(c, c)
    deviation = ufuncs.sqrt(linear.diagonal(c))
    c = c / manipulation.expand_dims(deviation, 1) / deviation
    if c.dtype.kind == "c":  # the parts one by one, as in NumPy
        return ew.complex_(choice.clip(ew.real(c), -1, 1), choice.clip(ew.imag(c), -1, 1))
    return choice.clip(c, -1, 1)


# --- convolution ------------------------------------------------------------------------------------------------------


@numpy_function
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The discrete convolution of two vectors.

    Math:
        y_n = sum_m a_m v_{n-m}

    Reference: numpy.convolve
    """
    return _sliding(a, v, mode, "convolve", reverse=True)


@numpy_function
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The cross-correlation of two vectors, the second one conjugated.

    Reference: numpy.correlate
    """
    return _sliding(a, v, mode, "correlate", reverse=False)


def _sliding(a: Any, v: Any, mode: str, name: str, reverse: bool) -> Any:
    """Products of shifted windows with a kernel: windows as one gather, products as one contraction."""
    a, v = promotion.promote_dtype([array_operand(a, name), array_operand(v, name)])
    if a.ndim != 1 or v.ndim != 1 or not a.size or not v.size:
        raise ValueError(f"{name}: both operands must be one-dimensional and not empty")
    v = v if reverse else ufuncs.conjugated(v)
    flipped = v.size > a.size
    if flipped:
        a, v = v, a
    kernel = layout.flip(v, axes=(0,)) if reverse else v
    n, k = a.size, v.size
    before = {"full": k - 1, "same": k // 2 if not reverse else (k - 1) - (k - 1) // 2, "valid": 0}.get(mode)
    count = {"full": n + k - 1, "same": n, "valid": n - k + 1}.get(mode)
    if before is None or count is None:
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    padded = layout.pad(a, np.zeros((), a.dtype)[()], low=(k - 1,), high=(k - 1,), interior=(0,))
    start = k - 1 - before
    windows = indexing.gather(padded, np.arange(count)[:, None] + np.arange(k) + start, axes=(0,))
    out = linear.contract(windows, kernel, ((1,), (0,)))
    return layout.flip(out, axes=(0,)) if flipped and not reverse else out


# --- further compositions ---------------------------------------------------------------------------------------------


def _inclusive(name: str, running: Callable, neutral: float) -> Callable:
    def function(
        x: Any, /, *, axis: int | None = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Any:
        x = manipulation.atleast_1d(array_operand(x, name))
        if axis is None and x.ndim != 1:
            raise ValueError(f"{name}: axis is required for arrays with more than one axis")
        axis = one_axis(0 if axis is None else axis, x.ndim, name)
        result = running(x, axis=axis, dtype=dtype)
        if not include_initial:
            return result
        first = layout.fill(neutral, tuple(1 if d == axis else n for d, n in enumerate(result.shape)), result.dtype)
        return layout.concatenate(first, result, axis=axis)

    function.__name__ = name
    function.__doc__ = f"numpy.{name} along an axis.\n\nReference: numpy.{name}"
    return numpy_function(function)


cumulative_sum = _inclusive("cumulative_sum", reductions.cumsum, 0)
cumulative_prod = _inclusive("cumulative_prod", reductions.cumprod, 1)


def matvec(x1: Any, x2: Any, /, **options: Any) -> Any:
    """Matrices times vectors over the last axes.

    Reference: numpy.matvec
    """
    if not promotion.has_tracer(x1) and not promotion.has_tracer(x2):
        return np.matvec(x1, x2, **options)
    checked_dtype("matvec", options)
    return manipulation.squeeze(linear.matmul(x1, manipulation.expand_dims(x2, -1)), -1)


def vecmat(x1: Any, x2: Any, /, **options: Any) -> Any:
    """Vectors times matrices over the last axes.

    Reference: numpy.vecmat
    """
    if not promotion.has_tracer(x1) and not promotion.has_tracer(x2):
        return np.vecmat(x1, x2, **options)
    checked_dtype("vecmat", options)
    row = manipulation.expand_dims(ufuncs.conjugated(array_operand(x1, "vecmat")), -2)
    return manipulation.squeeze(linear.matmul(row, x2), -2)


for _function in (matvec, vecmat):
    if hasattr(np, _function.__name__):
        register(getattr(np, _function.__name__), _function)


def _nan_position(name: str, plain: Callable, neutral: float) -> Callable:
    def function(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = np._NoValue) -> Any:
        x = array_operand(a, name)
        filled = choice.where(ufuncs.isnan(x), promotion.convert(neutral, x.dtype), x) if x.dtype.kind == "f" else x
        return plain(filled, axis=axis, keepdims=keepdims)

    function.__name__ = name
    function.__doc__ = f"numpy.{name}: the position of the extreme element that is not NaN.\n\nReference: numpy.{name}"
    return numpy_function(function)


nanargmax = _nan_position("nanargmax", reductions.argmax, -math.inf)
nanargmin = _nan_position("nanargmin", reductions.argmin, math.inf)


@numpy_function
def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    """Add multiples of the period so that neighbours differ by less than half of it.

    Reference: numpy.unwrap
    """
    p = array_operand(p, "unwrap")
    p = p if p.dtype.kind == "f" else promotion.convert(p, np.dtype(np.float64))
    axis = one_axis(axis, p.ndim, "unwrap")
    if p.size == 0:
        return p
    step = differences.diff(p, axis=axis)
    half = period / 2
    wrapped = ufuncs.remainder(step + half, period) - half
    wrapped = choice.where(ufuncs.logical_and(ufuncs.equal(wrapped, -half), ufuncs.greater(step, 0)), half, wrapped)
    correction = choice.where(ufuncs.less(ufuncs.absolute(step), max(half, discont or half)), 0.0, wrapped - step)
    first = layout.slice_axis(p, axis, 0, 1)
    rest = layout.slice_axis(p, axis, 1, p.shape[axis]) + reductions.cumsum(correction, axis=axis)
    return layout.concatenate(first, rest, axis=axis)


@numpy_function
def resize(a: Any, new_shape: Any) -> Any:
    """The elements repeated to fill another shape.

    Reference: numpy.resize
    """
    x = manipulation.ravel(array_operand(a, "resize"))
    shape = promotion.static_ints(new_shape, "resize")
    return layout.reshape(rearrange.pick(x, np.arange(math.prod(shape)) % max(x.size, 1), 0), shape=shape)


@numpy_function
def apply_along_axis(func1d: Callable, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of vectors applied to every line along an axis, one call per line.

    Reference: numpy.apply_along_axis
    """
    x = array_operand(arr, "apply_along_axis")
    axis = one_axis(axis, x.ndim, "apply_along_axis")
    lead = tuple(n for d, n in enumerate(x.shape) if d != axis)
    rows = layout.reshape(layout.move_axis(x, axis, x.ndim - 1), shape=(math.prod(lead), x.shape[axis]))
    results = [array_operand(func1d(rows[i], *args, **kwargs)) for i in range(rows.shape[0])]
    stacked = joining.stack(results)
    stacked = layout.reshape(stacked, shape=(*lead, *stacked.shape[1:]))
    extra = stacked.ndim - len(lead)
    return (
        manipulation.moveaxis(stacked, tuple(range(len(lead), stacked.ndim)), tuple(range(axis, axis + extra)))
        if extra
        else stacked
    )


@numpy_function
def apply_over_axes(func: Callable, a: Any, axes: Any) -> Any:
    """A function of an array and an axis applied for one axis after the other; the number of axes is kept.

    Reference: numpy.apply_over_axes
    """
    x = array_operand(a, "apply_over_axes")
    for axis in [one_axis(d, x.ndim, "apply_over_axes") for d in promotion.static_ints(axes, "apply_over_axes")]:
        result = array_operand(func(x, axis), "apply_over_axes")
        x = result if result.ndim == x.ndim else manipulation.expand_dims(result, axis)
        if x.ndim != result.ndim and x.ndim != result.ndim + 1:
            raise ValueError("apply_over_axes: the function is not returning an array of the correct shape")
    return x


def _from_shape(name: str) -> Callable:
    real = getattr(np, name)

    def function(arr: Any, *args: Any) -> Any:
        return real(np.broadcast_to(np.int8(0), tuple(array_operand(arr, name).shape)), *args)

    function.__name__ = name
    function.__doc__ = f"numpy.{name}: depends on the shape only.\n\nReference: numpy.{name}"
    return numpy_function(function)


diag_indices_from, tril_indices_from, triu_indices_from = map(
    _from_shape, ("diag_indices_from", "tril_indices_from", "triu_indices_from")
)


@numpy_function
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """Positions along each axis from positions in the flattened array.

    Reference: numpy.unravel_index
    """
    if order != "C":
        raise ValueError("unravel_index: order must be 'C' on traced values")
    rest, places = array_operand(indices, "unravel_index"), []
    for n in reversed(promotion.static_ints(shape, "unravel_index")):
        places.append(ufuncs.remainder(rest, n))
        rest = ufuncs.floor_divide(rest, n)
    return tuple(reversed(places))


@numpy_function
def ravel_multi_index(multi_index: Any, dims: Any, mode: str = "raise", order: str = "C") -> Any:
    """Positions in the flattened array from positions along each axis.

    Reference: numpy.ravel_multi_index
    """
    if order != "C" or mode not in ("raise", "wrap", "clip"):
        raise ValueError("ravel_multi_index: on traced values order must be 'C' and mode 'raise', 'wrap' or 'clip'")
    flat: Any = 0
    for i, n in zip(multi_index, promotion.static_ints(dims, "ravel_multi_index")):
        i = ufuncs.remainder(i, n) if mode == "wrap" else choice.clip(i, 0, n - 1) if mode == "clip" else i
        flat = ufuncs.add(ufuncs.multiply(flat, n), i)
    return flat


__all__ = [
    "apply_along_axis",
    "apply_over_axes",
    "convolve",
    "corrcoef",
    "correlate",
    "cov",
    "cumulative_prod",
    "cumulative_sum",
    "diag_indices_from",
    "matvec",
    "nanargmax",
    "nanargmin",
    "ravel_multi_index",
    "resize",
    "tril_indices_from",
    "triu_indices_from",
    "unravel_index",
    "unwrap",
    "vecmat",
]  # fmt: skip
