"""Dtypes, constants and questions about dtypes, passed on from NumPy unchanged; and the type `ndarray`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import (
    bool_,
    broadcast_shapes,
    cdouble,
    character,
    complex64,
    complex128,
    complexfloating,
    csingle,
    double,
    dtype,
    e,
    euler_gamma,
    finfo,
    flexible,
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
    int_,
    integer,
    isdtype,
    issubdtype,
    nan,
    newaxis,
    number,
    object_,
    pi,
    promote_types,
    signedinteger,
    single,
    ufunc,
    uint,
    uint8,
    uint16,
    uint32,
    uint64,
    unsignedinteger,
)  # fmt: skip

from ..core.tracing import Tracer

bool = np.bool_
float_, complex_ = np.float64, np.complex128  # names that NumPy 2 dropped and JAX keeps
ComplexWarning = np.exceptions.ComplexWarning


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
    "ComplexWarning", "bool", "bool_", "broadcast_shapes", "cdouble", "character", "complex64", "complex128",
    "complex_", "complexfloating", "csingle", "double", "dtype", "e", "euler_gamma", "finfo", "flexible", "float16",
    "float32", "float64", "float_", "floating", "generic", "iinfo", "inexact", "inf", "int8", "int16", "int32",
    "int64", "int_", "integer", "isdtype", "issubdtype", "nan", "ndarray", "newaxis", "number", "object_", "pi",
    "promote_types", "signedinteger", "single", "ufunc", "uint", "uint8", "uint16", "uint32", "uint64",
    "unsignedinteger",
]  # fmt: skip
