"""Functions of scipy.special for compiled programs: with this module one can let the linker know their addresses.

`scipy.special.cython_special` exports C functions for one number each, several for a name that takes several types; the
one for doubles is taken, by its C signature. A function that is not there (`zeta`, and what older versions lack) is
reached through Python, one number at a time.

Reference: https://docs.scipy.org/doc/scipy/reference/special.cython_special.html
"""

from __future__ import annotations

import ctypes
import importlib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..ops.scipy_kernels import PREFIX, of_symbol
from . import native

_kept: list[Any] = []  # C functions made here, for the life of the process


def define_scipy_symbols(symbols: Iterable[str]) -> None:
    """Make those symbols known that are functions of scipy.special; others are none of its business.

    Args:
        symbols: names as `ops.scipy_kernels.symbol_of` makes them, among others.

    Example:
        >>> define_scipy_symbols(["funcgrad_scipy2_gammainc", "funcgrad_other"])
        >>> native.undefined(["funcgrad_scipy2_gammainc", "funcgrad_other"])
        ['funcgrad_other']
    """
    wanted = [s for s in symbols if s.startswith(PREFIX)]
    native.define_symbols({s: _address(*of_symbol(s)) for s in native.undefined(wanted)})


def _address(name: str, count: int) -> int:
    found = _exported(name, count)
    return found if found is not None else _through_python(name, count)


def _exported(name: str, count: int) -> int | None:
    """The address of the C function of `count` doubles, or None."""
    table = importlib.import_module("scipy.special.cython_special").__pyx_capi__
    signature = f"double ({'double, ' * count}int __pyx_skip_dispatch)".encode()
    api = ctypes.pythonapi
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    for key, capsule in table.items():
        if re.sub(r"^__pyx_fuse(_\d+)*", "", key) == name and name_of(capsule) == signature:
            return pointer_of(capsule, signature)
    return None


def _through_python(name: str, count: int) -> int:
    """The address of a C function that calls SciPy's ufunc."""
    ufunc = getattr(importlib.import_module("scipy.special"), name)

    def compute(*args: float) -> float:
        with np.errstate(all="ignore"):
            return float(ufunc(*args[:count]))

    signature = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * count, ctypes.c_int)
    _kept.append(signature(compute))
    return ctypes.cast(_kept[-1], ctypes.c_void_p).value  # type: ignore[return-value]


__all__ = ["define_scipy_symbols"]
