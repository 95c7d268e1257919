"""Abstract values: the shape and dtype that stand in for an array while a program is traced.

With this module one can describe any value (`aval_of`), and promote dtypes by NumPy 2's rules with weak Python scalars
(`promote_dtypes`). Abstract values are interned: equal ones are the same object, so `is` decides equality.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PYTHON_SCALARS = (bool, int, float, complex)
_WEAK_DTYPE = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}
_interned: dict[tuple, ShapedArray] = {}


class ShapedArray:
    """The type of an array: its shape and dtype. Printed `float64[3,4]`.

    Example:
        >>> shaped((3, 4), "float32")
        float32[3,4]
    """

    __slots__ = ("dtype", "ndim", "shape", "size")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype, self.ndim = shape, dtype, len(shape)
        size = 1
        for n in shape:
            size *= n
        self.size = size

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"

    def __reduce__(self) -> tuple:
        return shaped, (self.shape, self.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of a contiguous array of this type."""
        return self.size * self.dtype.itemsize

    def update(self, shape: tuple[int, ...] | None = None, dtype: Any = None) -> ShapedArray:
        """The same type with another shape or dtype."""
        return shaped(self.shape if shape is None else shape, self.dtype if dtype is None else dtype)


def shaped(shape: tuple[int, ...], dtype: Any) -> ShapedArray:
    """The interned abstract value of this shape and dtype."""
    try:
        return _interned[shape, dtype]
    except (KeyError, TypeError):
        shape, dtype = tuple(int(n) for n in shape), native_dtype(np.dtype(dtype))
        return _interned.setdefault((shape, dtype), ShapedArray(shape, dtype))


def native_dtype(dtype: np.dtype) -> np.dtype:
    """The one dtype object of this kind and size in native byte order, the one that NumPy's own arrays carry."""
    return np.dtype(dtype.str[1:]) if dtype.kind in "biufc" else dtype.newbyteorder("=")


def is_supported(dtype: np.dtype) -> bool:
    """Whether arrays of this dtype can be traced: bool, integers, floats and complex numbers."""
    return dtype.kind in "biufc" and dtype.itemsize <= 16 and dtype.char not in "gG"


def aval_of(value: Any) -> ShapedArray:
    """The abstract value of a NumPy array, NumPy scalar or Python scalar."""
    if isinstance(value, PYTHON_SCALARS):
        return shaped((), _WEAK_DTYPE.get(type(value)) or np.asarray(value).dtype)
    return shaped(value.shape, value.dtype)


def is_weak(value: Any) -> bool:
    """Whether a value is a Python number, whose dtype yields to any array it meets."""
    return type(value) in _WEAK_DTYPE and type(value) is not bool


def is_inexact(aval: Any) -> bool:
    """Whether a type is made of floating or complex numbers, that is, has a derivative."""
    return aval.dtype.kind in "fc"


def promote_dtypes(dtypes: list[np.dtype], weak: list[type]) -> np.dtype:
    """The dtype NumPy 2 gives when arrays of `dtypes` meet Python scalars of the types `weak`.

    Example:
        >>> promote_dtypes([np.dtype("float32")], [float])
        dtype('float32')
        >>> promote_dtypes([np.dtype("int32")], [float])
        dtype('float64')
    """
    strong = [np.zeros(0, dtype) for dtype in dtypes]
    return np.result_type(*strong, *(kind(1) for kind in weak))
