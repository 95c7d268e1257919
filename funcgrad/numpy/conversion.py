"""From traced values to Python numbers and NumPy arrays: allowed where nothing is lost, refused with the fix elsewhere.

An eager Tracer knows its value, so `bool(x)`, `int(x)`, `x.item()` and an explicit `float(x)` work. Code that takes the
number without saying so (`math.sin(x)`, `array[0] = x`, `np.asarray(x)`) would silently drop the derivative; it raises.
"""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..core.tracing import Tracer, scipy_call, user_source

_FORMATTING = {"BINARY_OP", "BINARY_MODULO", "FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC"}
_CALLS = {"CALL", "PRECALL", "CALL_FUNCTION"}


def to_bool(self: Tracer) -> bool:
    """Truth value; needs a concrete value."""
    return bool(self.concrete("bool"))


def to_int(self: Tracer) -> int:
    """Integer part, whose derivative is zero anyway; needs a concrete value."""
    return int(self.concrete("int(...)"))


def to_index(self: Tracer) -> int:
    """An index or a size; needs a concrete value of integer dtype."""
    if self.dtype.kind not in "iu" or self.shape:
        raise TypeError(f"only integer scalars can be used as an index, got a traced value of type {self.aval}")
    return int(self.concrete("an index"))


def to_float(self: Tracer) -> float:
    """An explicit `float(x)`; anything else that asks for a float would lose the derivative without saying so."""
    value = self.concrete("float(...)")
    if self.dtype.kind in "fc" and not _is_explicit(sys._getframe(1), float):
        raise _lost_derivative(self, "a Python float")
    return float(value)


def to_complex(self: Tracer) -> complex:
    """An explicit `complex(x)`."""
    value = self.concrete("complex(...)")
    if self.dtype.kind in "fc" and not _is_explicit(sys._getframe(1), complex):
        raise _lost_derivative(self, "a Python complex number")
    return complex(value)


def to_array(self: Tracer, dtype: Any = None, copy: Any = None) -> Any:
    """A NumPy array: only for concrete integers and booleans, which have no derivative to lose."""
    called = scipy_call()
    if called is not None and (self.dtype.kind in "fc" or not self._trace.eager):
        raise errors.TracerArrayConversionError(
            errors.refused_by_scipy(self._trace.purpose, self.aval, user_source(), called)
        )
    value = self.concrete("array")
    if self.dtype.kind in "fc":
        raise _lost_derivative(self, "a NumPy array", errors.TracerArrayConversionError)
    return np.array(value, dtype)


def item(self: Tracer, *index: Any) -> Any:
    """The element as a Python number."""
    return np.asarray(self.concrete("item()")).item(*index)


def to_list(self: Tracer) -> Any:
    """Nested lists of Python numbers."""
    return np.asarray(self.concrete("tolist()")).tolist()


def to_text(self: Tracer, specification: str) -> str:
    """Formatted concrete value; without a specification, the usual representation."""
    return format(np.asarray(self.concrete("formatting"))[()], specification) if specification else str(self)


def no_pickle(self: Tracer) -> NoReturn:
    """Traced values are part of a running recording."""
    raise TypeError(
        f"a traced value of type {self.aval} cannot be pickled.\nFix: return it from the transformed function first."
    )


def _lost_derivative(tracer: Tracer, target: str, cls: type = errors.ConcretizationError) -> Exception:
    return cls(
        f"{tracer._trace.purpose}: a traced value of type {tracer.aval} was turned into {target}, "
        "which would drop its derivative.\n"
        f"{errors.source_line(user_source())}\n"
        "Reason: functions of `math`, assignment into a NumPy array, np.array([x, y]) and C code see only the number.\n"
        "Fix: use the function of the same name in funcgrad.numpy (fnp.sin for math.sin, fnp.stack([x, y]) for\n"
        "np.array([x, y]), y = fnp.at(y)[i].set(x) for y[i] = x), or write float(x) where a constant is meant."
    )


def _is_explicit(frame: FrameType, wanted: type) -> bool:
    """Whether the running instruction of the frame calls `float` by that object, or formats a string.

    Walks the bytecode back from the call over the instructions that push its arguments; before them is the function.
    """
    code = [i for i in dis.get_instructions(frame.f_code) if i.opname != "CACHE"]
    here = next((k for k, i in enumerate(code) if i.offset == frame.f_lasti), None)
    if here is None or code[here].opname in _FORMATTING:
        return here is not None
    if code[here].opname not in _CALLS:
        return False
    missing, k = code[here].arg or 0, here
    if k and code[k - 1].opname == "PRECALL":
        k -= 1
    while missing > 0 and k > 0:
        k -= 1
        missing -= dis.stack_effect(code[k].opcode, code[k].arg if code[k].opcode >= dis.HAVE_ARGUMENT else None)
    if k and code[k - 1].opname == "PUSH_NULL":  # Python 3.13 pushes it after the function, earlier ones before
        k -= 1
    if (
        missing != 0
        or k == 0
        or not code[k - 1].opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF"))
    ):
        return False
    return isinstance(code[k - 1].argval, str) and _value(frame, code[k - 1].argval) is wanted


def _value(frame: FrameType, name: str) -> Any:
    for scope in (frame.f_locals, frame.f_globals, frame.f_builtins):
        if name in scope:
            return scope[name]
    return None
