"""How LLVM text spells NumPy's scalar types and constants: look up a type, an intrinsic's suffix, a literal."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_TYPES = {"b": "i1", "f4": "float", "f8": "double"}


def llvm_type(dtype: Any) -> str:
    """The LLVM type of a scalar of a NumPy dtype, as it lives in a register: bool is `i1`.

    >>> llvm_type(np.float32), llvm_type(np.uint16), llvm_type(np.bool_)
    ('float', 'i16', 'i1')
    """
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return f"i{8 * dtype.itemsize}"
    text = _TYPES.get("b" if dtype.kind == "b" else f"{dtype.kind}{dtype.itemsize}")
    if text is None:
        raise TypeError(f"no machine type for dtype {dtype}: use bool, intN, uintN, float32 or float64")
    return text


def llvm_constant(value: Any, dtype: Any) -> str:
    """The exact LLVM literal of a NumPy scalar; LLVM writes a float32 as the hexadecimal of the equal double.

    >>> llvm_constant(1.5, np.float32), llvm_constant(-1, np.int8), llvm_constant(True, np.bool_)
    ('0x3FF8000000000000', '-1', 'true')
    """
    dtype = np.dtype(dtype)
    value = dtype.type(value)
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind == "f":
        return f"0x{struct.unpack('>Q', struct.pack('>d', float(value)))[0]:016X}"
    return str(int(value))


def intrinsic_suffix(dtype: Any) -> str:
    """The type as intrinsic names spell it."""
    dtype = np.dtype(dtype)
    return f"f{8 * dtype.itemsize}" if dtype.kind == "f" else llvm_type(dtype)
