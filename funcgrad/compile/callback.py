"""Callbacks: equations without a compiled form, evaluated by their NumPy implementation from inside compiled code.

With this module one can turn an equation into a C function of an array of pointers; `raise_pending` passes on, after
the compiled program has returned, what the implementation raised. Once one has raised, the others of that call are
skipped.

The symbol of a callback is its position in its program, so that equal programs have equal text and share machine code
on disk, whatever was compiled before them; which function a symbol means is said when the code is linked.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.program import Eqn
from . import native

SYMBOL = "funcgrad_callback_"
NUMBA_SYMBOL = "funcgrad_njit_"  # functions that Numba compiled in this process
_SIGNATURE = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_void_p))
_pending = threading.local()


class Callback:
    """A C function `void f(void **pointers)` for one equation: pointers of its operands, then of its results.

    The object must live as long as the code that calls it. ctypes takes the GIL around the call.
    """

    def __init__(self, eqn: Eqn, number: int) -> None:
        self.eqn = eqn
        self.symbol = f"{SYMBOL}{number}"
        avals = [a.aval for a in (*eqn.inputs, *eqn.outs)]
        count = len(eqn.inputs)

        def run(pointers: Any) -> None:
            arrays = [array_at(pointers[k], a) for k, a in enumerate(avals)]
            try:
                if getattr(_pending, "error", None) is None:
                    _evaluate(eqn, arrays[:count], arrays[count:])
                    return
            except BaseException as e:  # nothing may unwind through compiled code
                _pending.error = e
            for target in arrays[count:]:
                target[...] = 0  # a loop that waits for a true condition must end

        self.function = _SIGNATURE(run)
        self.address = ctypes.cast(self.function, ctypes.c_void_p).value


def _evaluate(eqn: Eqn, operands: list[np.ndarray], targets: list[np.ndarray]) -> None:
    """Put the results of an equation's NumPy implementation where they belong."""
    results = eqn.prim.impl(*[x[()] if x.ndim == 0 else x for x in operands], **eqn.params)
    for target, value in zip(targets, results if eqn.prim.multiple_results else [results]):
        target[...] = value


def array_at(pointer: int, aval: Any) -> np.ndarray:
    """The array at an address, not owned."""
    if aval.size == 0:
        return np.zeros(aval.shape, aval.dtype)
    memory = (ctypes.c_char * aval.nbytes).from_address(pointer)
    return np.frombuffer(memory, aval.dtype).reshape(aval.shape)


def report(function: Callable[..., Any], *args: Any) -> None:
    """Call a function that is expected to fail, and keep its exception for `raise_pending`; the first one counts."""
    if getattr(_pending, "error", None) is None:
        try:
            function(*args)
            name = getattr(function, "__name__", "a function")
            raise RuntimeError(f"{name} raised an exception in compiled code, but not when it was called again")
        except BaseException as e:  # nothing may unwind through compiled code
            _pending.error = e


def raise_pending() -> None:
    """Raise what a callback of this thread raised since the last call."""
    error = getattr(_pending, "error", None)
    if error is not None:
        _pending.error = None
        raise error


def pending_error(error: BaseException) -> None:
    """Keep an exception for `raise_pending`; the first one counts."""
    _pending.error = getattr(_pending, "error", None) or error


@ctypes.CFUNCTYPE(None)
def _out_of_memory() -> None:
    text = "reverse mode through a while_loop: no memory for the states of its iterations; see max_steps and checkpoint"
    pending_error(MemoryError(text))


def define_out_of_memory() -> None:
    """Make known to compiled code the function it calls when a tape cannot grow."""
    native.define_symbols({"funcgrad_out_of_memory": ctypes.cast(_out_of_memory, ctypes.c_void_p).value or 0})
