"""Numba functions as machine code: what their results are, and symbols by which compiled programs call them.

A symbol is named after a hash of the function's code and of the types it is compiled for. Within a process one symbol
means one function; a program on disk holds the symbol only, which the process that loads it has just defined, when it
made the text of that program.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..compile import native
from ..compile.callback import NUMBA_SYMBOL, array_at, report
from ..core.avals import ShapedArray
from ..core.scalar import FOREIGN

_owner: dict[str, Any] = {}  # symbol -> the function it stands for
_kept: list[Any] = []  # machine code that programs may call as long as the process lives


def is_dispatcher(fn: Any) -> bool:
    """Whether a function is decorated with `numba.njit`."""
    return hasattr(fn, "py_func") and hasattr(fn, "overloads") and hasattr(fn, "compile")


def symbol_of(fn: Any, key: Any) -> str:
    """The symbol of a function compiled for some types."""
    code = fn.py_func.__code__
    text = repr((code.co_code, code.co_consts, code.co_names, code.co_varnames, key))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    name = base = f"{NUMBA_SYMBOL}{re.sub('[^A-Za-z0-9_]', '_', code.co_name)}_{digest}"
    number = 0
    while _owner.setdefault(name, (fn, key)) != (fn, key):  # equal code, but other globals or another closure
        number += 1
        name = f"{base}_{number}"
    return name


def _define(symbol: str, function: Any) -> None:
    """Let the linker know the machine code of a `cfunc`."""
    _kept.append(function)
    native.define_symbols({symbol: function.address})


def _numba_type(dtype: np.dtype) -> Any:
    from numba.np.numpy_support import from_dtype

    return from_dtype(dtype)


def _make(name: str, source: str, scope: dict[str, Any]) -> Callable:
    exec(compile(source, "<funcgrad kernel>", "exec"), scope)
    return scope[name]


def _guarded(names: list[str], body: list[str], otherwise: str) -> str:
    """The text of a kernel that reports exceptions. Where there can be none, the guard costs nothing."""
    lines = [f"def kernel({', '.join(names)}):", "    try:", *(f"        {line}" for line in body)]
    lines += ["    except Exception:", f"        failed({', '.join(names)})", f"    {otherwise}"]
    return "\n".join(lines) + "\n"


def _failure(types: Sequence[Any], again: Callable) -> Any:
    """A C function that is told the operands for which the machine code failed: Numba does not say how, Python does."""
    _kept.append(ctypes.CFUNCTYPE(None, *types)(lambda *values: report(again, *values)))
    return _kept[-1]


# --- functions of numbers -------------------------------------------------------------------------------------------


@cache
def result_dtype(fn: Any, dtypes: tuple[np.dtype, ...]) -> np.dtype:
    """The dtype of a function of numbers; floating results have that of the floating operands.

    Raises:
        TypeError: when Numba cannot compile it for these types, or its result is no number.
    """
    import numba
    from numba.np.numpy_support import as_dtype

    signature = tuple([_numba_type(d) for d in dtypes])
    names = ", ".join(map(str, dtypes))
    try:
        fn.compile(signature)
        found = as_dtype(fn.overloads[signature].signature.return_type)
    except (numba.core.errors.NumbaError, NotImplementedError, KeyError) as e:
        raise TypeError(f"njit_op: Numba cannot compile {fn.__name__} for numbers of type {names}:\n{e}") from e
    floats = [d for d in dtypes if d.kind == "f"]
    if found.kind not in "biuf" or found.itemsize > 8:
        raise TypeError(f"njit_op: {fn.__name__} returns {found} for numbers of type {names}, which is no real number.")
    return floats[0] if floats and found.kind == "f" else np.dtype(found)


def passed_as(dtype: np.dtype) -> np.dtype:
    """The dtype by which a number crosses the border: those narrower than 32 bits are widened, as C does."""
    if dtype.kind in "iu" and dtype.itemsize < 4:
        return np.dtype(np.int32 if dtype.kind == "i" else np.uint32)
    return np.dtype(np.uint32) if dtype.kind == "b" else dtype


@cache
def scalar_symbol(fn: Any, dtypes: tuple[np.dtype, ...]) -> str:
    """The symbol of a C function of numbers, each passed as `passed_as` says."""
    import numba

    result = result_dtype(fn, dtypes)
    names = [f"x{k}" for k in range(len(dtypes))]
    given = ", ".join(f"{x} != 0" if d.kind == "b" else f"np.{d.name}({x})" for x, d in zip(names, dtypes))
    value = f"fn({given})" if result.kind == "b" else f"np.{result.name}(fn({given}))"
    crossing = passed_as(result).name
    text = _guarded(names, [f"return np.{crossing}({value})"], f"return np.{crossing}(0)")
    signature = _numba_type(passed_as(result))(*[_numba_type(passed_as(d)) for d in dtypes])
    symbol = symbol_of(fn, ("scalar", *map(str, dtypes)))
    again = lambda *xs: fn(*[d.type(x) for x, d in zip(xs, dtypes)])  # noqa: E731
    failed = _failure([np.ctypeslib.as_ctypes_type(passed_as(d)) for d in dtypes], again)
    _define(symbol, numba.cfunc(signature)(_make("kernel", text, {"np": np, "fn": fn, "failed": failed})))
    loop = elementwise_loop(fn, len(dtypes))
    FOREIGN[symbol] = lambda *xs: loop(result, [np.asarray(x, d) for x, d in zip(xs, dtypes)])
    return symbol


@cache
def elementwise_loop(fn: Any, count: int) -> Callable[[np.dtype, Sequence[Any]], Any]:
    """`(dtype, arrays of one shape) -> array`: the function of `count` numbers at each element, in a Numba loop."""
    import numba

    names = [f"x{k}" for k in range(count)]
    given = ", ".join(f"{x}[i]" for x in names)
    text = f"def loop(out, {', '.join(names)}):\n    for i in range(out.size):\n        out[i] = fn({given})\n"
    loop = numba.njit(_make("loop", text, {"fn": fn}))

    def apply(dtype: np.dtype, arrays: Sequence[Any]) -> Any:
        if np.ndim(arrays[0]) == 0:
            return dtype.type(fn(*[x[()] for x in arrays]))
        out = np.empty(arrays[0].shape, dtype)
        loop(out.reshape(-1), *[np.ascontiguousarray(x).reshape(-1) for x in arrays])
        return out

    return apply


# --- functions of arrays --------------------------------------------------------------------------------------------


def array_symbol(
    fn: Any, again: Callable, inputs: Sequence[ShapedArray], outputs: Sequence[ShapedArray], single: bool, params: dict
) -> str:
    """The symbol of a C function of pointers: of the operands, then of the results. `again` is the function as it is
    called eagerly.
    """
    return _array_symbol(fn, again, tuple(inputs), tuple(outputs), single, tuple(sorted(params.items())))


@cache
def _array_symbol(fn: Any, again: Callable, inputs: tuple, outputs: tuple, single: bool, params: tuple) -> str:
    import numba
    from numba import types

    _check_results(fn, inputs, outputs, single, params)
    pointers = [f"p{k}" for k in range(len(inputs) + len(outputs))]
    lines = [f"x{k} = {_array(pointers[k], a)}" + ("[0]" if a.shape == () else "") for k, a in enumerate(inputs)]
    given = [f"x{k}" for k in range(len(inputs))] + [f"{name}={name}" for name, _ in params]
    lines.append(f"result = fn({', '.join(given)})")
    for k, a in enumerate(outputs):
        value = "result" if single else f"result[{k}]"
        lines += [f"y{k} = {_array(pointers[len(inputs) + k], a, flat=True)}", *_copied(value, k, a)]
    failed = _failure([ctypes.c_void_p] * len(pointers), lambda *ps: again(*map(array_at, ps, inputs), **dict(params)))
    scope = {"np": np, "fn": fn, "carray": numba.carray, "failed": failed, **dict(params)}
    symbol = symbol_of(fn, ("arrays", repr(inputs), repr(outputs), single, repr(params)))
    signature = types.void(*[types.voidptr] * len(pointers))
    _define(symbol, numba.cfunc(signature)(_make("kernel", _guarded(pointers, lines, "return"), scope)))
    return symbol


def _copied(value: str, k: int, a: ShapedArray) -> list[str]:
    """Lines that copy a result to its place. Numba takes seconds to compile an assignment of whole arrays."""
    if a.shape == ():
        return [f"y{k}[0] = {value}"]
    check = [f"if {value}.shape != {a.shape}:", "    raise ValueError"]  # the eager function says what is wrong
    return [*check, "i = 0", f"for v in {value}.flat:", f"    y{k}[i] = v", "    i += 1"]


def _array(pointer: str, a: ShapedArray, flat: bool = False) -> str:
    shape = (math.prod(a.shape),) if flat or a.shape == () else a.shape
    return f"carray({pointer}, {shape}, np.{'bool_' if a.dtype.kind == 'b' else a.dtype.name})"


def _check_results(fn: Any, inputs: tuple, outputs: tuple, single: bool, params: tuple) -> None:
    """Compare what Numba infers with what the user announced: ranks and dtypes; shapes are known only when it runs."""
    from numba import typeof, types
    from numba.core.registry import cpu_target

    operands = [types.Array(_numba_type(a.dtype), a.ndim, "C") if a.ndim else _numba_type(a.dtype) for a in inputs]
    options = {name: typeof(value) for name, value in params}
    cpu_target.typing_context.refresh()
    found = types.Dispatcher(fn).get_call_type(cpu_target.typing_context, tuple(operands), options).return_type
    parts = [found] if single else list(found) if isinstance(found, types.BaseTuple) else []
    expected = [typeof(np.zeros(a.shape, a.dtype)[()]) for a in outputs]
    fits = len(parts) == len(expected) and all(map(_fits, parts, outputs))
    if not fits:
        raise TypeError(
            f"njit_op: {fn.__name__} returns {found}, but `out` says {', '.join(map(str, outputs))}, "
            f"that is {', '.join(map(str, expected))}."
        )


def _fits(found: Any, a: ShapedArray) -> bool:
    from numba import types

    if isinstance(found, types.Array):
        return found.ndim == a.ndim and found.dtype == _numba_type(a.dtype)
    return a.ndim == 0 and math.prod(a.shape) == 1 and found == _numba_type(a.dtype)


__all__ = ["array_symbol", "elementwise_loop", "is_dispatcher", "passed_as", "result_dtype", "scalar_symbol"]
