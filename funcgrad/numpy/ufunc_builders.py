"""From a NumPy ufunc and a strict operation to a function: promotion, broadcasting, refusal of `out=` and `where=`.

`unary(np.sin, elementwise.sin)` is `sin` for numbers, arrays, lists and traced values; `binary` takes two operands,
`several` any number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tracing import Tracer
from . import promotion
from .registry import out_refused, register

_DEFAULTS = {"out": (None,), "where": (True,), "casting": ("same_kind",), "order": ("K", "C"), "subok": (True,)}


def apply_ufunc(ufunc: np.ufunc, apply: Callable, values: Any, dtype: Any = None) -> Any:
    """Promote as the ufunc does, broadcast, and compute."""
    name = ufunc.__name__
    values = [promotion.operand(v, name) for v in values]
    if dtype is not None:
        values = [promotion.convert(v, dtype) for v in values]
    dtypes = promotion.loop_for(ufunc, apply, values)[0]
    values = [promotion.convert(v, d) for v, d in zip(values, dtypes)]
    return apply(*promotion.same_shape(values, name))


def checked_dtype(name: str, options: dict) -> Any:
    """The option `dtype`; every other option must have its default value."""
    for key, value in options.items():
        if key == "dtype" or any(value is default for default in _DEFAULTS.get(key, ())):
            continue
        if key == "out" and not (isinstance(value, tuple) and all(v is None for v in value)):
            raise TypeError(out_refused(name))
        if key != "out" and not (isinstance(value, str) and value in _DEFAULTS.get(key, ())):
            fix = "choose with funcgrad.numpy.where(condition, a, b) instead" if key == "where" else "leave it out"
            raise TypeError(f"{name}: {key}= is not supported on traced values; {fix}")
    return options.get("dtype")


def unary(ufunc: np.ufunc, apply: Callable, fast: str = "f", name: str | None = None) -> Callable:
    """A function of one operand; `fast` lists the kinds of dtype for which `apply` needs no conversion."""
    name = name or ufunc.__name__

    def function(x: Any, /, **options: Any) -> Any:
        if type(x) is Tracer:
            if not options and x._var.aval.dtype.kind in fast:
                return apply(x)
        elif not promotion.has_tracer(x):
            return ufunc(x, **options)
        return apply_ufunc(ufunc, apply, (x,), checked_dtype(name, options))

    return named(function, name, ufunc)


def binary(ufunc: np.ufunc, apply: Callable, fast: str = "f", name: str | None = None) -> Callable:
    """A function of two operands."""
    name = name or ufunc.__name__

    def function(x: Any, y: Any, /, **options: Any) -> Any:
        if type(x) is Tracer:
            aval = x._var.aval
            if not options and aval.dtype.kind in fast:
                if type(y) is Tracer:
                    if y._var.aval is aval:
                        return apply(x, y)
                elif (type(y) is float or type(y) is int) and aval.dtype.kind == "f" and not x.weak:
                    return apply(x, promotion.constant(y, aval))
        elif type(y) is not Tracer and not promotion.has_tracer(x) and not promotion.has_tracer(y):
            return ufunc(x, y, **options)
        return apply_ufunc(ufunc, apply, (x, y), checked_dtype(name, options))

    return named(function, name, ufunc)


def several(ufunc: np.ufunc, apply: Callable, name: str | None = None) -> Callable:
    """A function of three operands or more; `apply` may give a tuple of results."""
    name = name or ufunc.__name__

    def function(*values: Any, **options: Any) -> Any:
        if len(values) != ufunc.nin:
            raise TypeError(f"{name}: takes {ufunc.nin} operands, got {len(values)}")
        if not any(map(promotion.has_tracer, values)):
            return ufunc(*values, **options)
        return apply_ufunc(ufunc, apply, values, checked_dtype(name, options))

    return named(function, name, ufunc)


def named(function: Callable, name: str, ufunc: np.ufunc) -> Callable:
    """Give a function the name and the page of a ufunc, and enter it for the protocols."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"numpy.{name} on arrays and traced values; see the NumPy documentation.\n\nReference: numpy.{ufunc.__name__}"
    )
    return register(ufunc, function)
