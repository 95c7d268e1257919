"""Operators, methods and attributes of traced values, attached to `core.tracing.Tracer` when this module is imported.

Operators between two Tracers of one type take a path without promotion. Conversions to Python numbers work where a
concrete value is known and raise the error that shows the fix where it is not.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..core.avals import PYTHON_SCALARS
from ..core.tracing import Tracer, bind, user_source
from ..ops import elementwise as ew
from ..ops import layout
from . import (
    at_updates,
    choice,
    conversion,
    creation,
    indexing,
    linear,
    manipulation,
    promotion,
    rearrange,
    reductions,
    selection,
    truth,
    ufuncs,
)

_OPERANDS = (Tracer, np.ndarray, np.generic, list, tuple, *PYTHON_SCALARS)


# --- operators --------------------------------------------------------------------------------------------------------


def _binary(prim: Any, function: Callable, fast: str, keeps_weak: bool = True) -> tuple[Callable, Callable]:
    """An operator and its reflection. `fast`: kinds of dtype that need no conversion for two operands of one type."""

    def forward(self: Tracer, other: Any) -> Any:
        aval = self._var.aval
        kind = type(other)
        if not self.weak and aval.dtype.kind in fast:
            if kind is Tracer:
                if other._var.aval is aval and not other.weak:
                    return bind(prim, (self, other), {})
            elif kind is np.ndarray:
                if other.dtype is aval.dtype and other.shape == aval.shape:
                    return bind(prim, (self, other), {})
            elif kind is float or kind is int:
                if aval.dtype.kind == "f":
                    return bind(prim, (self, promotion.constant(other, aval)), {})
        if kind is not Tracer and not isinstance(other, _OPERANDS):
            return NotImplemented
        out = function(self, other)
        if keeps_weak and self.weak and promotion.is_weak_value(other):
            out.weak = True
        return out

    def reflected(self: Tracer, other: Any) -> Any:
        aval = self._var.aval
        kind = type(other)
        if not self.weak and (kind is float or kind is int) and aval.dtype.kind == "f" and "f" in fast:
            return bind(prim, (promotion.constant(other, aval), self), {})
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        out = function(other, self)
        if keeps_weak and self.weak and promotion.is_weak_value(other):
            out.weak = True
        return out

    return forward, reflected


def _attach_operators() -> None:
    for name, prim, function, fast in (
        ("add", ew.add, ufuncs.add, "iufc"), ("sub", ew.sub, ufuncs.subtract, "iufc"),
        ("mul", ew.mul, ufuncs.multiply, "iufc"),
        ("truediv", ew.div, ufuncs.divide, "fc"), ("floordiv", ew.floor_divide, ufuncs.floor_divide, "iuf"),
        ("mod", ew.mod, ufuncs.remainder, "iuf"), ("and", ew.and_, ufuncs.bitwise_and, "biu"),
        ("or", ew.or_, ufuncs.bitwise_or, "biu"),
        ("xor", ew.xor, ufuncs.bitwise_xor, "biu"), ("lshift", ew.shift_left, ufuncs.left_shift, "iu"),
        ("rshift", ew.shift_right, ufuncs.right_shift, "iu"), ("pow", ew.power, ufuncs.power, ""),
        ("matmul", None, linear.matmul, ""),
    ):  # fmt: skip
        forward, reflected = _binary(prim, function, fast)
        setattr(Tracer, f"__{name}__", forward)
        setattr(Tracer, f"__r{name}__", reflected)
    for name, prim, function in (
        ("lt", ew.lt, ufuncs.less), ("le", ew.le, ufuncs.less_equal), ("gt", ew.gt, ufuncs.greater),
        ("ge", ew.ge, ufuncs.greater_equal), ("eq", ew.eq, ufuncs.equal), ("ne", ew.ne, ufuncs.not_equal),
    ):  # fmt: skip
        setattr(Tracer, f"__{name}__", _binary(prim, function, "biuf", keeps_weak=False)[0])
    for name, function in (
        ("neg", ufuncs.negative),
        ("pos", ufuncs.positive),
        ("abs", ufuncs.absolute),
        ("invert", ufuncs.invert),
    ):
        setattr(Tracer, f"__{name}__", _unary(function))


def _unary(function: Callable) -> Callable:
    def method(self: Tracer) -> Any:
        out = function(self)
        if self.weak and out is not self:
            out.weak = True
        return out

    return method


def _divmod(self: Tracer, other: Any) -> Any:
    return self // other, self % other


def _reflected_divmod(self: Tracer, other: Any) -> Any:
    return other // self, other % self


# --- containers -------------------------------------------------------------------------------------------------------


def _len(self: Tracer) -> int:
    if not self.shape:
        raise TypeError("len() of a traced value without axes")
    return self.shape[0]


def _iter(self: Tracer) -> Iterator[Any]:
    if not self.shape:
        raise TypeError("iteration over a traced value without axes")
    return iter([indexing.getitem(self, i) for i in range(self.shape[0])])


def _contains(self: Tracer, item: Any) -> bool:
    return bool(reductions.any(ufuncs.equal(self, item)))


def _setitem(self: Tracer, index: Any, value: Any) -> NoReturn:
    source = errors.source_line(user_source())
    raise TypeError(
        f"a traced value of type {self.aval} cannot be changed in place.\n{source}\n"
        "Reason: traced values are immutable, so that transformations see what depends on what.\n"
        "Fix: instead of x[index] = value write x = x.at[index].set(value); instead of x[index] += value write\n"
        "x = x.at[index].add(value)."
    )


def _copied(self: Tracer, *_: Any) -> Tracer:
    return self


# --- methods ----------------------------------------------------------------------------------------------------------


def _reshape(self: Tracer, *shape: Any, order: str = "C", **options: Any) -> Any:
    return manipulation.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)


def _transpose(self: Tracer, *axes: Any) -> Any:
    return manipulation.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)


def _astype(self: Tracer, dtype: Any, *_: Any, **__: Any) -> Any:
    return creation.astype(self, dtype)


def _sort(self: Tracer, axis: int = -1, *_: Any, **__: Any) -> NoReturn:
    raise TypeError(
        "a traced value cannot be sorted in place.\nFix: y = funcgrad.numpy.sort(x), which returns a sorted copy."
    )


def _fill(self: Tracer, value: Any) -> NoReturn:
    raise TypeError("a traced value cannot be filled in place.\nFix: x = funcgrad.numpy.full_like(x, value).")


def _namespace(self: Tracer, *, api_version: str | None = None) -> Any:
    """The module whose functions take this value, by the array API standard."""
    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(f"version {api_version!r} of the array API standard is not supported; 2024.12 is")
    return importlib.import_module(__package__)


def _to_device(self: Tracer, device: Any, /, *, stream: Any = None) -> Tracer:
    if device != "cpu" or stream is not None:
        raise ValueError(f"the only device is 'cpu', got {device!r}")
    return self


def _as_method(function: Callable) -> Callable:
    def method(self: Tracer, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    method.__name__, method.__doc__ = function.__name__, function.__doc__
    return method


def _conjugate(self: Any) -> Any:
    """Truth values stay truth values, which they do not in the function of the same name."""
    return ufuncs.conjugated(self)


_METHODS = {
    "sum": reductions.sum,
    "prod": reductions.prod,
    "mean": reductions.mean,
    "std": reductions.std,
    "var": reductions.var,
    "max": reductions.max,
    "min": reductions.min,
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "cumsum": reductions.cumsum,
    "cumprod": reductions.cumprod,
    "dot": linear.dot,
    "trace": linear.trace,
    "diagonal": linear.diagonal,
    "ravel": manipulation.ravel,
    "flatten": manipulation.ravel,
    "squeeze": manipulation.squeeze,
    "swapaxes": manipulation.swapaxes,
    "repeat": rearrange.repeat,
    "take": selection.take,
    "clip": choice.clip,
    "round": choice.round,
    "conj": _conjugate,
    "conjugate": _conjugate,
    "nonzero": truth.nonzero,
    "searchsorted": selection.searchsorted,
    "compress": lambda self, condition, axis=None: truth.compress(condition, self, axis),
    "argsort": selection.argsort,
    "argpartition": selection.argpartition,
    "ptp": reductions.ptp,
}

_SPECIAL = {
    "__divmod__": _divmod,
    "__rdivmod__": _reflected_divmod,
    "__len__": _len,
    "__iter__": _iter,
    "__contains__": _contains,
    "__getitem__": indexing.getitem,
    "__setitem__": _setitem,
    "__copy__": _copied,
    "__deepcopy__": _copied,
    "__hash__": lambda self: id(self),
    "__bool__": conversion.to_bool,
    "__float__": conversion.to_float,
    "__int__": conversion.to_int,
    "__index__": conversion.to_index,
    "__complex__": conversion.to_complex,
    "__array__": conversion.to_array,
    "__format__": conversion.to_text,
    "__round__": lambda self, ndigits=0: choice.round(self, ndigits or 0),
    "__reduce__": conversion.no_pickle,
    "__array_namespace__": _namespace,
    "to_device": _to_device,
    "item": conversion.item,
    "tolist": conversion.to_list,
    "reshape": _reshape,
    "transpose": _transpose,
    "astype": _astype,
    "copy": _copied,
    "sort": _sort,
    "fill": _fill,
}

_PROPERTIES = {
    "T": lambda self: manipulation.reverse_axes(self),
    "mT": lambda self: manipulation.matrix_transpose(self),
    "real": lambda self: choice.real(self),
    "imag": lambda self: choice.imag(self),
    "nbytes": lambda self: self.aval.nbytes,
    "itemsize": lambda self: self.dtype.itemsize,
    "device": lambda self: "cpu",
    "at": lambda self: at_updates.At(self),
    "flat": lambda self: iter(layout.reshape(self, shape=(self.size,))),
}


def attach() -> None:
    """Give Tracer its arithmetic, methods and attributes."""
    _attach_operators()
    for name, function in _METHODS.items():
        setattr(Tracer, name, _as_method(function))
    for name, function in _SPECIAL.items():
        setattr(Tracer, name, function)
    for name, function in _PROPERTIES.items():
        setattr(Tracer, name, property(function))


attach()
