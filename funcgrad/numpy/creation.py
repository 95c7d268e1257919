"""Making arrays: from values, filled, counting, and of special shapes.

Without an open Trace these are NumPy's own functions. Under a staged Trace (jit), large regular constants become
equations (iota, broadcast), so that no array of zeros is stored in a compiled program.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import elementwise as ew
from ..ops import layout
from . import promotion, ufuncs
from .promotion import staging, static_ints
from .registry import numpy_function, register


def array(object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", ndmin: int = 0, **options: Any) -> Any:
    """An array of values; nested lists may hold Tracers.

    Example:
        >>> array([1.0, 2.0])
        array([1., 2.])

    Reference: numpy.array
    """
    if not promotion.has_tracer(object):
        return np.array(object, dtype, copy=copy, order=order, ndmin=ndmin, **options)
    x = promotion.array_operand(object, "array")
    x = x if dtype is None else promotion.convert(x, np.dtype(dtype))
    if x.ndim < ndmin:
        return layout.reshape(x, shape=(1,) * (ndmin - x.ndim) + x.shape)
    return strong(x)


def strong(x: Any) -> Any:
    """The same Tracer, no longer standing for a Python number."""
    if type(x) is Tracer and x.weak:
        return Tracer(x._trace, x._var, x.value)
    return x


def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, **options: Any) -> Any:
    """Convert to an array; arrays and Tracers pass through.

    Reference: numpy.asarray
    """
    if not promotion.has_tracer(a):
        return np.asarray(a, dtype, order, copy=copy, **options)
    return array(a, dtype)


def asanyarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """Like `asarray`.

    Reference: numpy.asanyarray
    """
    return asarray(a, dtype, order, **options)


def _same_layout(name: str) -> Callable:
    real = getattr(np, name)

    def function(a: Any, dtype: Any = None) -> Any:
        return array(a, dtype) if promotion.has_tracer(a) else real(a, dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"Like `asarray`: the memory layout of a traced value is the compiler's affair.\n\nReference: numpy.{name}"
    )
    return function


ascontiguousarray, asfortranarray = _same_layout("ascontiguousarray"), _same_layout("asfortranarray")
for _function in (array, asarray, asanyarray, ascontiguousarray, asfortranarray):
    register(getattr(np, _function.__name__), _function)


@numpy_function
def copy(a: Any, order: Any = "K", subok: bool = False) -> Any:
    """A copy; Tracers are immutable, so they stand for themselves.

    Reference: numpy.copy
    """
    return array(a)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, **options: Any) -> Any:
    """The array in another dtype; the derivative passes through between floating and complex dtypes.

    Complex numbers become their real parts, with NumPy's warning.

    Reference: numpy.astype
    """
    if type(x) is Tracer:
        dtype = np.dtype(dtype)
        if x.dtype.kind == "c" and dtype.kind in "iuf":
            text = "Casting complex values to real discards the imaginary part"
            warnings.warn(text, np.exceptions.ComplexWarning, stacklevel=3)
            x = ew.real(x)
        return strong(promotion.convert(x, dtype))
    return np.asarray(x).astype(dtype, copy=copy)


register(np.astype, astype)


# --- filled -----------------------------------------------------------------------------------------------------------


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Any:
    """An array of one repeated value, which may be traced.

    Reference: numpy.full
    """
    shape = static_ints(shape, "full")
    if not promotion.has_tracer(fill_value) and not staging():
        return np.full(shape, fill_value, dtype, order, **options)
    value = promotion.array_operand(fill_value, "full")
    value = strong(value if dtype is None else promotion.convert(value, np.dtype(dtype)))
    if promotion.common_shape([tuple(value.shape), shape], "full") != shape:
        raise ValueError(f"full: a value of shape {value.shape} does not fit shape {shape}")
    return promotion.broadcast(value, shape)


def _filled(name: str, value: float) -> Callable:
    real = getattr(np, name)

    def function(shape: Any, dtype: Any = float, order: Any = "C", **options: Any) -> Any:
        shape = static_ints(shape, name)
        dtype = float if dtype is None else dtype
        return layout.fill(value, shape, np.dtype(dtype)) if staging() else real(shape, dtype, order, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"numpy.{name}: an array of {value}, float64 unless told otherwise.\n\nReference: numpy.{name}"
    return register(real, function)


zeros, ones, empty = _filled("zeros", 0), _filled("ones", 1), _filled("empty", 0)


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, **options: Any
) -> Any:
    """An array of one repeated value with the shape and dtype of `a`.

    Reference: numpy.full_like
    """
    like = promotion.array_operand(a, "full_like")
    return full(tuple(like.shape) if shape is None else shape, fill_value, like.dtype if dtype is None else dtype)


def _filled_like(name: str, value: float) -> Callable:
    def function(
        a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, **options: Any
    ) -> Any:
        return full_like(a, value, dtype, shape=shape)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"numpy.{name}: an array of {value} with the shape and dtype of `a`.\n\nReference: numpy.{name}"
    return register(getattr(np, name), function)


zeros_like, ones_like, empty_like = (
    _filled_like("zeros_like", 0),
    _filled_like("ones_like", 1),
    _filled_like("empty_like", 0),
)
for _function in (full, full_like):
    register(getattr(np, _function.__name__), _function)


# --- counting ---------------------------------------------------------------------------------------------------------


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None, **options: Any) -> Any:
    """Evenly spaced numbers with a given step; the length must be known while tracing.

    Reference: numpy.arange
    """
    start, stop, step = (_known(v, "the length of arange") for v in (start, stop, step))
    if staging() and all(v is None or isinstance(v, int) for v in (start, stop, step)):
        begin, end = (0, start) if stop is None else (start, stop)
        count = max(0, -(-(end - begin) // (step or 1)))
        line = layout.iota(shape=(count,), axis=0, dtype=np.dtype(np.int64))
        line = line if step in (None, 1) else ew.mul(line, ew.like(line, step))
        line = line if begin == 0 else ew.add(line, ew.like(line, begin))
        return line if dtype is None else promotion.convert(line, np.dtype(dtype))
    return (
        np.arange(start, stop, step, dtype, **options)
        if stop is not None
        else np.arange(0, start, step, dtype, **options)
    )


def _known(value: Any, wanted: str) -> Any:
    """A number that shapes depend on; a concrete traced integer counts as its value."""
    return value.concrete(wanted) if type(value) is Tracer else value


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """`num` numbers from start to stop; both ends may be traced.

    Math:
        y_k = start + k (stop - start) / (num - 1)

    Reference: numpy.linspace
    """
    if not promotion.has_tracer(start) and not promotion.has_tracer(stop):
        return np.linspace(start, stop, num, endpoint, retstep, dtype, axis)
    kind = promotion.result_dtype(promotion.operand(start, "linspace"), promotion.operand(stop, "linspace"))
    kind = np.dtype(np.float64) if kind.kind in "biu" else kind
    start, stop = (promotion.array_operand(v, "linspace") for v in (start, stop))
    start, stop = promotion.same_shape([promotion.convert(v, kind) for v in (start, stop)], "linspace")
    intervals = num - 1 if endpoint else num
    step = ufuncs.divide(ew.sub(stop, start), np.asarray(max(intervals, 1), kind))
    shape = (num, *start.shape)
    k = promotion.broadcast(layout.reshape(np.arange(num, dtype=kind), shape=(num,) + (1,) * start.ndim), shape)
    values = ew.add(promotion.broadcast(start, shape), ew.mul(k, promotion.broadcast(step, shape)))
    if endpoint and num > 1:
        last = promotion.broadcast(np.arange(num).reshape((num,) + (1,) * start.ndim) == num - 1, shape)
        values = ew.select(last, promotion.broadcast(stop, shape), values)
    values = values if axis == 0 else layout.move_axis(values, 0, promotion.one_axis(axis, len(shape), "linspace"))
    if dtype is not None:
        dtype = np.dtype(dtype)
        values = promotion.convert(ufuncs.floor(values) if dtype.kind in "iu" else values, dtype)
    return (values, step) if retstep else values


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers base**start ... base**stop, evenly spaced in the exponent.

    Reference: numpy.logspace
    """
    if not any(promotion.has_tracer(v) for v in (start, stop, base)):
        return np.logspace(start, stop, num, endpoint, base, dtype, axis)
    values = ufuncs.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return values if dtype is None else promotion.convert(values, np.dtype(dtype))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers from start to stop with a constant ratio; real ones of one sign, complex ones on a spiral.

    Reference: numpy.geomspace
    """
    if not promotion.has_tracer(start) and not promotion.has_tracer(stop):
        return np.geomspace(start, stop, num, endpoint, dtype, axis)
    start, stop = (promotion.array_operand(v, "geomspace") for v in (start, stop))
    kind = np.result_type(start.dtype, stop.dtype, np.float64)  # as in NumPy, also of single precision
    start, stop = promotion.same_shape([promotion.convert(v, kind) for v in (start, stop)], "geomspace")
    sign = ufuncs.sign(start)
    ends = [ufuncs.log(ufuncs.multiply(v, ufuncs.conjugated(sign))) for v in (start, stop)]
    values = ufuncs.multiply(ufuncs.exp(linspace(*ends, num, endpoint)), sign)
    for place, value in ((0, start), *([(num - 1, stop)] if endpoint else [])):  # the ends are met exactly
        if num > place >= 0:
            here = layout.reshape(np.arange(num) == place, shape=(num,) + (1,) * start.ndim)
            values = ew.select(
                promotion.broadcast(here, values.shape), promotion.broadcast(value, values.shape), values
            )
    values = values if axis == 0 else layout.move_axis(values, 0, promotion.one_axis(axis, values.ndim, "geomspace"))
    return values if dtype is None else promotion.convert(values, np.dtype(dtype))


for _function in (linspace, logspace, geomspace):
    register(getattr(np, _function.__name__), _function)


# --- special shapes ---------------------------------------------------------------------------------------------------


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, order: str = "C", **options: Any) -> Any:
    """Ones on the k-th diagonal.

    Reference: numpy.eye
    """
    if not staging():
        return np.eye(N, M, k, dtype, order, **options)
    return promotion.convert(diagonal_mask(N, N if M is None else M, k, operator.eq), np.dtype(dtype or float))


def identity(n: int, dtype: Any = None, **options: Any) -> Any:
    """The identity matrix.

    Reference: numpy.identity
    """
    return eye(n, dtype=float if dtype is None else dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = float, **options: Any) -> Any:
    """Ones on and below the k-th diagonal.

    Reference: numpy.tri
    """
    if not staging():
        return np.tri(N, M, k, dtype, **options)
    return promotion.convert(diagonal_mask(N, N if M is None else M, k, operator.le), np.dtype(dtype or float))


_STRICT = {operator.eq: ew.eq, operator.le: ew.le, operator.ge: ew.ge}


def diagonal_mask(rows: int, columns: int, k: int, compare: Callable) -> Any:
    """Where `compare(column, row + k)` holds: a bool matrix, as equations when staging."""
    if not staging():
        return compare(np.arange(columns)[None, :], np.arange(rows)[:, None] + k)
    row, column = (layout.iota(shape=(rows, columns), axis=d, dtype=layout.INDEX) for d in (0, 1))
    return _STRICT[compare](column, ew.add(row, ew.like(row, k)))


@numpy_function
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinate arrays from coordinate vectors.

    Reference: numpy.meshgrid
    """
    xs = [promotion.array_operand(x, "meshgrid") for x in xi]
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]
    elif indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    grids = [
        layout.reshape(x, shape=tuple(x.size if order[d] == i else 1 for d in range(len(xs)))) for i, x in enumerate(xs)
    ]
    shape = tuple(xs[order[d]].size for d in range(len(xs)))
    return tuple(grids) if sparse else tuple(promotion.broadcast(g, shape) for g in grids)


def fromfunction(function: Callable, shape: Sequence[int], *, dtype: Any = float, **options: Any) -> Any:
    """The function called once on whole coordinate arrays.

    Reference: numpy.fromfunction
    """
    return function(*indices(shape, dtype=dtype), **options)


def indices(dimensions: Sequence[int], dtype: Any = int, sparse: bool = False) -> Any:
    """Arrays that hold the position of each element along each axis.

    Reference: numpy.indices
    """
    return np.indices(dimensions, dtype, sparse)


diag_indices, tril_indices, triu_indices = np.diag_indices, np.tril_indices, np.triu_indices
mask_indices = np.mask_indices

bartlett, blackman, hamming, hanning, kaiser = np.bartlett, np.blackman, np.hamming, np.hanning, np.kaiser

__all__ = [
    "arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "astype", "bartlett",
    "blackman", "copy", "diag_indices", "empty", "empty_like", "eye", "fromfunction", "full", "full_like",
    "geomspace", "hamming", "hanning", "identity", "indices", "kaiser", "linspace", "logspace", "mask_indices",
    "meshgrid", "ones", "ones_like", "tri", "tril_indices", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip
