"""Dtypes, constants and questions about dtypes, passed on from NumPy unchanged; and the type `ndarray`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import (
    bool_,
    broadcast_shapes,
    complex64,
    complex128,
    complexfloating,
    dtype,
    e,
    euler_gamma,
    finfo,
    float16,
    float32,
    float64,
    floating,
    generic,
    iinfo,
    inexact,
    inf,
    int8,
    int16,
    int32,
    int64,
    integer,
    isdtype,
    issubdtype,
    nan,
    newaxis,
    number,
    pi,
    promote_types,
    signedinteger,
    uint8,
    uint16,
    uint32,
    uint64,
    unsignedinteger,
)  # fmt: skip

from ..core.tracing import Tracer

bool = np.bool_


class _ArrayType(type):
    """Makes `isinstance(value, ndarray)` true for NumPy arrays and for traced values."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type(instance) is Tracer or isinstance(instance, np.ndarray)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or subclass is Tracer or issubclass(subclass, np.ndarray)


class ndarray(metaclass=_ArrayType):
    """The type of arrays, for annotations and isinstance: NumPy arrays and traced values are instances.

    Example:
        >>> isinstance(np.zeros(3), ndarray)
        True
    """

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """A NumPy array of undefined content, as `numpy.ndarray(...)` makes it."""
        return np.ndarray(*args, **options)


__all__ = [
    "bool", "bool_", "broadcast_shapes", "complex64", "complex128", "complexfloating", "dtype", "e", "euler_gamma",
    "finfo", "float16", "float32", "float64", "floating", "generic", "iinfo", "inexact", "inf", "int8", "int16",
    "int32", "int64", "integer", "isdtype", "issubdtype", "nan", "ndarray", "newaxis", "number", "pi",
    "promote_types", "signedinteger", "uint8", "uint16", "uint32", "uint64", "unsignedinteger",
]  # fmt: skip
