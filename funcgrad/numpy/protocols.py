"""NumPy's own functions on traced values: `np.sin(x)`, `np.sum(x)`, `np.add.outer(x, y)`, `scipy.special.expit(x)`.

NumPy hands such calls to the Tracer, which looks the function up in `registry.SUPPORTED`. What is not there raises
and names the nearest function that is; nothing is computed on the bare numbers, since that would make the result a
silent constant.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from ..ops import cumulative, layout
from . import linear, promotion, reductions
from .registry import SUPPORTED, out_refused, register, unsupported

# --- ufuncs -----------------------------------------------------------------------------------------------------------

_REDUCE = {np.add: reductions.sum, np.multiply: reductions.prod, np.maximum: reductions.max, np.minimum: reductions.min,
           np.logical_and: reductions.all, np.logical_or: reductions.any}  # fmt: skip
_ACCUMULATE = {np.add: reductions.cumsum, np.multiply: reductions.cumprod}
_RUNNING = {np.maximum: cumulative.cummax, np.minimum: cumulative.cummin, np.logaddexp: cumulative.cumlogsumexp}


def array_ufunc(self: Tracer, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """NumPy's hook for ufuncs and their methods."""
    out = options.get("out")
    if out is not None and any(o is not None for o in out):
        raise TypeError(
            _in_place(ufunc.__name__) if any(isinstance(o, np.ndarray) for o in out) else out_refused(ufunc.__name__)
        )
    function = SUPPORTED.get(ufunc) or _of_scipy(ufunc)
    if function is None:
        raise TypeError(_unsupported_ufunc(ufunc))
    if method == "__call__":
        return function(*inputs, **options)
    if method not in _UFUNC_METHODS:
        raise TypeError(f"numpy.{ufunc.__name__}.{method} is not supported on traced values.\n{_METHOD_FIX}")
    return _UFUNC_METHODS[method](ufunc, function, *inputs, **options)


def _of_scipy(ufunc: np.ufunc) -> Callable | None:
    """The counterpart of a ufunc of scipy.special; its table loads here, so that nobody else waits for SciPy."""
    if "scipy.special" in sys.modules:
        importlib.import_module(f"{__package__}.special")
    return SUPPORTED.get(ufunc)


def _unsupported_ufunc(ufunc: np.ufunc) -> str:
    if "scipy.special" in sys.modules:
        text = importlib.import_module(f"{__package__}.special").without_derivative(ufunc)
        if text:
            return text
    return unsupported(ufunc.__name__)


_METHOD_FIX = (
    "Fix: use reduce of add, multiply, maximum, minimum, logical_and, logical_or, logaddexp; accumulate of add,\n"
    "multiply, maximum, minimum, logaddexp; outer of any function of two operands; or x.at[index].add(value) for\n"
    "ufunc.at."
)


def _in_place(name: str) -> str:
    return (
        f"{name}: the result of a computation with traced values cannot be written into an existing NumPy array.\n"
        "Reason: `array += traced`, `np.add(x, y, out=array)` would store numbers without their derivative.\n"
        "Fix: write array = array + traced, or buffer = funcgrad.numpy.at(buffer)[index].add(traced)."
    )


def _reduce(
    ufunc: np.ufunc, function: Callable, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **options: Any
) -> Any:
    reduction = _REDUCE.get(ufunc)
    if ufunc is np.logaddexp and not any(v is not None and v is not np._NoValue for v in options.values()):
        x = promotion.array_operand(a, "logaddexp.reduce")
        axis = promotion.one_axis(axis, x.ndim, "logaddexp.reduce")
        return _last(_accumulate(ufunc, function, x, axis, dtype), axis)
    if reduction is None:
        raise TypeError(f"numpy.{ufunc.__name__}.reduce is not supported on traced values.\n{_METHOD_FIX}")
    extra = {} if dtype is None else {"dtype": dtype}
    return reduction(a, axis=axis, **extra, **{k: v for k, v in options.items() if v is not np._NoValue})


def _last(running: Any, axis: int) -> Any:
    """The last element along an axis: of a running result, the whole one."""
    n = running.shape[axis]
    if not n:
        raise ValueError("zero-size array to a reduction operation without identity")
    kept = tuple(m for d, m in enumerate(running.shape) if d != axis)
    return layout.reshape(layout.slice_axis(running, axis, n - 1, n), shape=kept)


def _accumulate(ufunc: np.ufunc, function: Callable, a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    x = promotion.array_operand(a, ufunc.__name__)
    if ufunc is np.logaddexp:
        x = x if x.dtype.kind == "f" else promotion.convert(x, np.dtype(np.float64))
    if ufunc in _RUNNING:
        return _RUNNING[ufunc](x, axis=promotion.one_axis(axis, x.ndim, ufunc.__name__), reverse=False)
    if ufunc not in _ACCUMULATE:
        raise TypeError(f"numpy.{ufunc.__name__}.accumulate is not supported on traced values.\n{_METHOD_FIX}")
    return _ACCUMULATE[ufunc](x, axis=axis, dtype=dtype)


def _outer(ufunc: np.ufunc, function: Callable, a: Any, b: Any, **options: Any) -> Any:
    return linear.outer_ufunc(lambda x, y: function(x, y, **options), a, b)


def _at(ufunc: np.ufunc, function: Callable, *inputs: Any) -> Any:
    raise TypeError(
        f"numpy.{ufunc.__name__}.at changes its first operand in place, which traced values do not allow.\n"
        "Fix: x = funcgrad.numpy.at(x)[index].add(value); so do subtract, multiply, divide, power, min and max."
    )


_UFUNC_METHODS = {"reduce": _reduce, "accumulate": _accumulate, "outer": _outer, "at": _at}

# --- functions --------------------------------------------------------------------------------------------------------


def array_function(self: Tracer, function: Any, types: Any, args: tuple, options: dict) -> Any:
    """NumPy's hook for everything that is not a ufunc."""
    ours = SUPPORTED.get(function)
    if ours is None:
        name = getattr(function, "__name__", str(function))
        module = getattr(function, "__module__", "numpy") or "numpy"
        raise TypeError(
            _HINTS.get(name) or unsupported(f"{module.removeprefix('numpy').lstrip('.')}.{name}".lstrip("."))
        )
    return ours(*args, **options)


_HINTS = {
    name: f"numpy.{name} needs concrete arrays.\nFix: return the value from the function and save it outside."
    for name in ("savez_compressed", "savetxt")
}


# --- looking only at the type -----------------------------------------------------------------------------------------


def shape(a: Any) -> tuple[int, ...]:
    """Shape of an array, number or nested list.

    Reference: numpy.shape
    """
    return tuple(promotion.array_operand(a, "shape").shape) if promotion.has_tracer(a) else np.shape(a)


def ndim(a: Any) -> int:
    """Number of axes.

    Reference: numpy.ndim
    """
    return len(shape(a))


def size(a: Any, axis: Any = None) -> int:
    """Number of elements, in all or along axes.

    Reference: numpy.size
    """
    lengths = shape(a)
    return math.prod(lengths if axis is None else [lengths[d] for d in promotion.static_ints(axis, "size")])


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The promoted dtype; traced values count with their dtypes.

    Reference: numpy.result_type
    """
    keys = [promotion.dtype_key(v) if type(v) is Tracer else v for v in arrays_and_dtypes]
    return np.result_type(*[k(1) if isinstance(k, type) and k in (int, float, complex) else k for k in keys])


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether a dtype may become another.

    Reference: numpy.can_cast
    """
    return np.can_cast(from_.dtype if type(from_) is Tracer else from_, to, casting)


for _function in (shape, ndim, size, result_type, can_cast):
    register(getattr(np, _function.__name__), _function)
for _name in ("may_share_memory", "shares_memory"):
    register(getattr(np, _name), lambda a, b, *_: a is b)


def attach() -> None:
    """Make NumPy ask the Tracer."""
    Tracer.__array_ufunc__ = array_ufunc
    Tracer.__array_function__ = array_function


attach()

__all__ = [
    "can_cast", "ndim", "result_type", "shape", "size",
]  # fmt: skip
