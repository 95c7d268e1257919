"""Callbacks: equations without a compiled form, evaluated by their NumPy implementation from inside compiled code.

With this module one can turn an equation into a C function of an array of pointers; `raise_pending` passes on, after
the compiled program has returned, what the implementation raised.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from typing import Any

import numpy as np

from ..core.program import Eqn

_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_void_p))
_number = itertools.count()
_pending = threading.local()


class Callback:
    """A C function `void f(void **pointers)` for one equation: pointers of its operands, then of its results.

    The object must live as long as the code that calls it. ctypes takes the GIL around the call.
    """

    def __init__(self, eqn: Eqn) -> None:
        self.eqn = eqn
        self.symbol = f"funcgrad_callback_{next(_number)}"
        avals = [a.aval for a in (*eqn.inputs, *eqn.outs)]
        count = len(eqn.inputs)

        def run(pointers: Any) -> None:
            try:
                arrays = [_view(pointers[k], a) for k, a in enumerate(avals)]
                results = eqn.prim.impl(*[x[()] if x.ndim == 0 else x for x in arrays[:count]], **eqn.params)
                for target, value in zip(arrays[count:], results if eqn.prim.multiple_results else [results]):
                    target[...] = value
            except BaseException as e:  # nothing may unwind through compiled code
                _pending.error = getattr(_pending, "error", None) or e

        self.function = _SIGNATURE(run)
        self.address = ctypes.cast(self.function, ctypes.c_void_p).value


def _view(pointer: int, aval: Any) -> np.ndarray:
    """The array at an address, not owned."""
    if aval.size == 0:
        return np.zeros(aval.shape, aval.dtype)
    memory = (ctypes.c_char * aval.nbytes).from_address(pointer)
    return np.frombuffer(memory, aval.dtype).reshape(aval.shape)


def raise_pending() -> None:
    """Raise what a callback of this thread raised since the last call."""
    error = getattr(_pending, "error", None)
    if error is not None:
        _pending.error = None
        raise error
