"""From NumPy's habits to strict operations: operands, dtypes, broadcasting.

The ops floor wants equal shapes and dtypes. With this module a function of the NumPy floor can accept what NumPy
accepts (arrays, numbers, Tracers, nested lists), promote by NumPy 2's rules and broadcast by explicit equations:

    x:float32[3] + y:float64[2,1]   -->   convert x, broadcast x, reshape y, broadcast y, add
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..core.avals import PYTHON_SCALARS, is_supported, is_weak, shaped
from ..core.tracing import Tracer, current_trace, plain_array, retrace
from ..ops import elementwise, layout

Shape = tuple[int, ...]
Loop = tuple[tuple[np.dtype, ...], np.dtype]

WEAK_KIND = {"b": bool, "i": int, "u": int, "f": float, "c": complex}
_loops: dict[tuple, Loop] = {}


# --- operands ---------------------------------------------------------------------------------------------------------


def has_tracer(value: Any) -> bool:
    """Whether a value is a Tracer or a nest of lists and tuples that holds one."""
    kind = type(value)
    if kind is Tracer:
        return True
    if kind is not list and kind is not tuple:
        return False
    kinds = set(map(type, value))
    if Tracer in kinds:
        return True
    return (list in kinds or tuple in kinds) and any(has_tracer(v) for v in value)


def operand(value: Any, where: str = "an operand") -> Any:
    """A Tracer, an array or a number as it is; nested lists as an array (a stack, when they hold Tracers)."""
    if type(value) is Tracer:
        return value
    if isinstance(value, (np.ndarray, np.generic)) and is_supported(value.dtype):
        return value if type(value) is np.ndarray else plain_array(value, where)
    if isinstance(value, PYTHON_SCALARS):
        return value
    if isinstance(value, (list, tuple)):
        return stack_nested(value, where) if has_tracer(value) else operand(np.array(value), where)
    if hasattr(value, "__array__") and not isinstance(value, (np.ndarray, np.generic)):
        return operand(np.asarray(value), where)
    kind = (
        f"an array of dtype {value.dtype}" if hasattr(value, "dtype") else f"{value!r} of type {type(value).__name__}"
    )
    raise TypeError(errors.not_an_array(where, kind))


def array_operand(value: Any, where: str = "an operand") -> Any:
    """Like `operand`, and Python numbers become NumPy scalars: the result has `shape` and `dtype`."""
    value = operand(value, where)
    return value if hasattr(value, "dtype") else np.asarray(value)[()]


def stack_nested(value: Sequence[Any], where: str) -> Any:
    """Nested lists that hold Tracers, as one array with a new leading axis per level."""
    parts = [array_operand(v, where) for v in value]
    shapes = {tuple(p.shape) for p in parts}
    if len(shapes) > 1:
        raise ValueError(f"{where}: a list of arrays of different shapes {sorted(shapes)} does not make an array")
    dtype = np.result_type(*[p.dtype for p in parts])
    rows = [layout.reshape(convert(p, dtype), shape=(1, *p.shape)) for p in parts]
    return layout.concatenate(*rows, axis=0)


def dtype_key(value: Any) -> Any:
    """What decides promotion: the dtype, or a Python type for numbers and weak Tracers."""
    if type(value) is Tracer:
        dtype = value._var.aval.dtype
        return WEAK_KIND[dtype.kind] if value.weak else dtype
    return type(value) if is_weak(value) else (value.dtype if hasattr(value, "dtype") else np.dtype(np.bool_))


def is_weak_value(value: Any) -> bool:
    """Whether a value is a Python number or a Tracer that stands for one."""
    return value.weak if type(value) is Tracer else is_weak(value)


# --- dtypes -----------------------------------------------------------------------------------------------------------


def result_dtype(*values: Any) -> np.dtype:
    """The dtype NumPy 2 gives when these operands meet."""
    keys = [dtype_key(v) for v in values]
    return np.result_type(*[k(1) if isinstance(k, type) else k for k in keys])


def loop_for(ufunc: np.ufunc, apply: Callable, values: Sequence[Any]) -> Loop:
    """The dtypes in which NumPy computes a ufunc on these operands: (of each operand, of the result).

    The first time a combination is met, `apply` is recorded on such types, which refuses unknown dtypes.
    """
    key = (ufunc, *[dtype_key(v) for v in values])
    found = _loops.get(key)
    if found is None:
        dtypes = resolve(ufunc, key[1:])
        found = dtypes[: len(values)], dtypes[len(values)]
        try:
            retrace(lambda *args: _as_list(apply(*args)), [shaped((), d) for d in found[0]])
        except TypeError as error:
            names = ", ".join(str(d) for d in found[0])
            raise TypeError(f"{ufunc.__name__} is not supported for traced values of dtype {names}: {error}") from None
        _loops[key] = found
    return found


def _as_list(results: Any) -> list[Any]:
    return list(results) if isinstance(results, tuple) else [results]


def resolve(ufunc: np.ufunc, keys: Sequence[Any]) -> tuple[np.dtype, ...]:
    """NumPy's own type resolution, also for operands that are all Python numbers."""
    if all(isinstance(k, type) for k in keys):
        keys = [np.dtype(k) for k in keys]
    return ufunc.resolve_dtypes((*keys, *[None] * ufunc.nout))


def convert(value: Any, dtype: Any) -> Any:
    """The value with another dtype; Python numbers become NumPy scalars (OverflowError where NumPy raises it)."""
    if not isinstance(value, (Tracer, np.ndarray, np.generic)):
        return np.asarray(value, dtype)[()]
    if value.dtype == dtype:
        return value
    if value.dtype.kind == "c":
        _keep_imaginary_part(value, np.dtype(dtype))
    return elementwise.convert(value, dtype=np.dtype(dtype)) if type(value) is Tracer else value.astype(dtype)


def _keep_imaginary_part(value: Any, dtype: np.dtype) -> None:
    """Refuse to turn complex numbers into real ones in passing; `astype` does it when it is asked for."""
    if dtype.kind in "iuf":
        raise TypeError(
            f"complex numbers of dtype {value.dtype} do not become {dtype} of themselves, which would drop the "
            "imaginary part.\nFix: take x.real, x.imag or abs(x) first."
        )


# --- shapes -----------------------------------------------------------------------------------------------------------


def shape_of(value: Any) -> Shape:
    """Shape of an operand; numbers have shape ()."""
    return value.shape if hasattr(value, "shape") else ()


def common_shape(shapes: Sequence[Shape], where: str) -> Shape:
    """The broadcast shape, or NumPy's complaint with the name of the function."""
    first = shapes[0]
    for other in shapes:
        if other != first:
            break
    else:
        return first
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"{where}: operands of shapes {', '.join(map(str, shapes))} cannot be broadcast together"
        ) from None


def broadcast(value: Any, shape: Shape) -> Any:
    """Broadcast by explicit equations: a reshape drops axes of size 1 that grow, a broadcast adds axes."""
    old = value.shape
    if old == shape:
        return value
    if type(value) is not Tracer and not staging():
        return expanded(value, shape)
    offset = len(shape) - len(old)
    kept = [d for d, n in enumerate(old) if n == shape[d + offset]]
    if len(kept) < len(old):
        value = layout.reshape(value, shape=tuple(old[d] for d in kept))
    return layout.broadcast(value, shape=shape, dims=tuple(d + offset for d in kept))


def expanded(value: Any, shape: Shape) -> Any:
    """A constant broadcast without a copy; a number by a view with strides 0, which is faster than np.broadcast_to."""
    if value.ndim == 0:
        view = np.ndarray(shape, value.dtype, np.asarray(value), 0, (0,) * len(shape))
        view.flags.writeable = False  # recording copies what may be written to, which would be the whole shape
        return view
    return np.broadcast_to(value, shape)


def constant(value: Any, aval: Any) -> Any:
    """A Python number as an operand of a floating type."""
    number = aval.dtype.type(value)
    return broadcast(number, aval.shape) if aval.shape else number


def staging() -> bool:
    """Whether the innermost open Trace records without computing, so that large constants should be equations."""
    trace = current_trace()
    return trace is not None and not trace.eager


def promote(values: Sequence[Any], where: str, dtype: Any = None) -> list[Any]:
    """Operands of one shape and one dtype (the promoted one, unless given)."""
    values = [operand(v, where) for v in values]
    dtype = result_dtype(*values) if dtype is None else dtype
    return same_shape([convert(v, dtype) for v in values], where)


def promote_dtype(values: Sequence[Any]) -> list[Any]:
    """Operands of one dtype; their shapes stay."""
    dtype = result_dtype(*values)
    return [convert(v, dtype) for v in values]


def same_shape(values: Sequence[Any], where: str) -> list[Any]:
    """Operands broadcast together; their dtypes stay."""
    shape = common_shape([tuple(v.shape) for v in values], where)
    return [broadcast(v, shape) for v in values]


# --- axes -------------------------------------------------------------------------------------------------------------


def one_axis(axis: Any, ndim: int, where: str) -> int:
    """A possibly negative axis as a non-negative int."""
    try:
        index = axis.__index__()
    except AttributeError:
        raise TypeError(f"{where}: axis must be an integer, got {axis!r}") from None
    if not -ndim <= index < ndim:
        raise np.exceptions.AxisError(index, ndim, where)
    return index + ndim if index < 0 else index


def many_axes(axis: Any, ndim: int, where: str) -> tuple[int, ...]:
    """None (all), an axis, or a sequence of axes, as a sorted tuple."""
    if axis is None:
        return tuple(range(ndim))
    listed = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(one_axis(a, ndim, where) for a in listed))
    if len(set(axes)) < len(axes):
        raise ValueError(f"{where}: duplicate value in axis {axis}")
    return axes


def static_ints(value: Any, where: str) -> tuple[int, ...]:
    """A shape or other tuple of integers; a single integer counts as one entry."""
    if isinstance(value, (tuple, list, range)) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return tuple(static_int(n, where) for n in value)
    return (static_int(value, where),)


def static_int(value: Any, where: str) -> int:
    """One integer that shapes depend on."""
    if type(value) is Tracer:
        return int(value.concrete(f"a shape or size in {where}"))
    try:
        return value.__index__()
    except AttributeError:
        raise TypeError(f"{where}: expected an integer, got {value!r}") from None


def static_number(value: Any, where: str) -> Any:
    """A number, or None, that shapes depend on; a traced one must be concrete."""
    return value.concrete(where) if type(value) is Tracer else value
