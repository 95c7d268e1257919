"""The native launcher: what one can do with this module is call a compiled program through a builtin written in machine
code.

A launcher is a builtin function object whose `self` is a table of 64-bit words (`launcher_text` gives its layout) and
whose code, the same for all launchers, is compiled once per process. It reads fields of NumPy arrays, tuples and
numbers at fixed offsets. NumPy's C API documents the order of the fields; the size of the object head is
`object.__basicsize__`.

Trust is earned per process: `native_refusal` compares each field of real objects, read from memory, with what Python
reports, checks the C API table, and then calls a test program through the launcher with right and wrong leaves.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from funcgrad.compile import launcher_text as text
from funcgrad.compile import native
from funcgrad.compile.launcher_spec import PYTHON_TYPES, InputSpec, Launcher, OutputSpec, check_specs
from funcgrad.compile.sources import source_stamp

__all__ = [
    "direct_call", "launcher_key", "launcher_object", "make_native_launcher", "native_refusal", "preload_launcher",
]  # fmt: skip

# Flags of NumPy's array structure.
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x0001, 0x0100, 0x0400
# Entries of NumPy's C API table, and the version of the binary interface they belong to.
API_VERSION, API_ARRAY_TYPE, API_DTYPE_TYPE, API_SCALAR, API_NEW = 0, 2, 3, 60, 94
BINARY_INTERFACE = 0x02000000
METH_KEYWORDS, METH_FASTCALL = 0x0002, 0x0080
PYTHON_API = (
    "PyTuple_New", "Py_IncRef", "Py_DecRef", "PyLong_AsLongLongAndOverflow", "PyErr_NoMemory", "PyMem_RawMalloc",
    "PyMem_RawFree", "PyEval_SaveThread", "PyEval_RestoreThread", "PyObject_GetAttr", "PyObject_Vectorcall",
)  # fmt: skip


class _MethodDefinition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


class _Table(np.ndarray):
    """The words of one program, and whatever must live as long as its launcher."""

    keep: tuple[Any, ...]


class _Workspace:
    """Frees the memory in the slot of a table, when the launcher, and so every call of it, is gone."""

    def __init__(self, words: np.ndarray) -> None:
        # Bound here: the globals of modules may be gone by the time the interpreter frees its last objects.
        self._slot = words[text.HEADER_WORD["slot"] :][:1]
        self._free = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("PyMem_RawFree", ctypes.pythonapi))

    def __del__(self) -> None:
        self._free(self._slot.item())  # freeing null does nothing


def make_native_launcher(
    entry_address: int,
    inputs: Sequence[InputSpec],
    outputs: Sequence[OutputSpec],
    constants: Sequence[np.ndarray],
    workspace_bytes: int,
    release_gil: bool,
    keep_alive: Any = None,
) -> Launcher:
    """The same as `make_launcher`, in machine code. To be called only where `native_refusal()` is None.

    Args:
        entry_address, inputs, outputs, constants, workspace_bytes, release_gil, keep_alive: as for `make_launcher`.

    Returns:
        A builtin function.

    Raises:
        ValueError: the specifications contradict each other.

    Example:
        >>> library = native.compile_text("define void @entry(ptr %p) { ret void }")
        >>> if native_refusal() is None:
        ...     assert make_native_launcher(library.address("entry"), [], [], [], 0, False, library)() == ()
    """
    check_specs(inputs, outputs, constants, workspace_bytes)
    return _build(entry_address, inputs, outputs, constants, workspace_bytes, release_gil, keep_alive)


def direct_call(
    launcher: Launcher, holder: Any, attribute: str, otherwise: Callable[..., Any], single: bool
) -> Launcher:
    """A builtin that users may call at once: what the launcher gives, or else what `otherwise` gives.

    Args:
        launcher: from `make_native_launcher`.
        holder, attribute: an object and the name of one of its attributes; while that is not None, `otherwise` is
            called.
        otherwise: called with the same arguments where there are keywords or the launcher refuses.
        single: the launcher has one output, which is to be given instead of a tuple.

    Returns:
        A builtin function. It keeps the launcher alive, during its calls, too.

    Example:
        >>> from types import SimpleNamespace
        >>> library = native.compile_text("define void @entry(ptr %p) { ret void }")
        >>> if native_refusal() is None:
        ...     launch = make_native_launcher(library.address("entry"), [], [], [], 0, False, library)
        ...     call = direct_call(launch, SimpleNamespace(trace=None), "trace", lambda *args: args, False)
        ...     assert call() == () and call(1, 2) == (1, 2)
    """
    table = launcher.__self__  # type: ignore[attr-defined]
    words = dict(table=id(table), holder=id(holder), attribute=id(attribute), otherwise=id(otherwise), none=id(None))
    words["single"] = int(single)
    keep = (table, holder, attribute, otherwise)
    return _builtin([words[name] for name in text.DIRECT], keep, _direct_method())


@cache
def native_refusal() -> str | None:
    """Why the native launcher cannot be used in this process, or None if it can.

    Returns:
        None, or a sentence.

    Example:
        >>> native_refusal() is None or isinstance(native_refusal(), str)
        True
    """
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} does not lay out its objects as CPython does"
    if _is_free_threaded():
        return "free-threaded builds have another object head and need locks"
    if struct.calcsize("P") != 8:
        return "pointers are not 64 bits wide"
    return _layout_refusal(_layout()) or _call_refusal()


def _is_free_threaded() -> bool:
    # Asking takes 4 ms, so builds that are too old to be are not asked.
    if sys.version_info < (3, 13):
        return False
    import sysconfig

    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


# ------------------------------------------------------------------------------------------------------- the table


def _build(
    entry_address: int,
    inputs: Sequence[InputSpec],
    outputs: Sequence[OutputSpec],
    constants: Sequence[np.ndarray],
    workspace_bytes: int,
    release_gil: bool,
    keep_alive: Any,
) -> Launcher:
    donated = [o.donated_from for o in outputs if o.donated_from is not None]
    input_words = [word for i, spec in enumerate(inputs) for word in _input_record(spec, i in donated)]
    output_words = [word for spec in outputs for word in _output_record(spec)]
    constant_words = [word for c in constants for word in (c.__array_interface__["data"][0], c.nbytes)]
    first_output = len(text.HEADER) + len(input_words)
    first_constant = first_output + len(output_words)
    bounded = len(inputs) + len(constants)
    header = dict(
        entry=entry_address,
        inputs=len(inputs),
        outputs=len(outputs),
        constants=len(constants),
        releases=int(release_gil),
        workspace=workspace_bytes,
        slot=0,
        donated=len(donated),
        none=id(None),
        true=id(True),
        false=id(False),
        ndarray=id(np.ndarray),
        pointers=len(inputs) + len(outputs) + len(constants) + 1,
        scratch=sum(i.kind == "pyint" for i in inputs) + sum(_is_scalar(o) for o in outputs),
        bounds=-(-bounded // 4) * 4 if donated else 0,  # the native code compares four at a time
        output_word=first_output,
        constant_word=first_constant,
        donated_word=first_constant + len(constant_words),
    )
    words = [header[name] for name in text.HEADER] + input_words + output_words + constant_words + donated
    data = np.array(words, np.int64)
    keep = (tuple(inputs), tuple(outputs), tuple(constants), keep_alive, _Workspace(data))
    return _builtin(data, keep, _method())


def _builtin(words: Sequence[int] | np.ndarray, keep: tuple[Any, ...], method: _MethodDefinition) -> Launcher:
    table = np.asarray(words, np.int64).view(_Table)
    table.keep = (*keep, method)  # of two threads that make the first one at once, each has its own
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return make(("PyCFunction_NewEx", ctypes.pythonapi))(ctypes.addressof(method), table, None)


def _input_record(spec: InputSpec, donated: bool) -> list[int]:
    kind, exact, other = text.STORED, 0, 0
    if spec.kind == "array":
        exact = id(np.ndarray)
        other = id(spec.dtype.type) if spec.shape == () and not donated else 0
    elif spec.kind == "npscalar":
        other = id(spec.dtype.type)
    elif spec.kind == "pyint":
        kind, exact = text.INTEGER, id(int)
    elif spec.kind == "pybool":
        kind = text.BOOLEAN
    else:
        other = id(PYTHON_TYPES[spec.kind][0])
    flags = C_CONTIGUOUS | ALIGNED | (WRITEABLE if donated else 0)
    return [kind, exact, other, id(spec.dtype), len(spec.shape), flags, spec.nbytes, *spec.shape]


def _output_record(spec: OutputSpec) -> list[int]:
    if spec.donated_from is not None:
        kind = text.DONATED
    else:
        kind = text.SCALAR if _is_scalar(spec) else text.FRESH
    return [kind, id(spec.dtype), len(spec.shape), spec.donated_from or 0, *spec.shape]


def _is_scalar(spec: OutputSpec) -> bool:
    return spec.shape == () and spec.donated_from is None


def launcher_object() -> bytes:
    """The object code of the native launcher, for a persistent cache: compiling it takes 30 ms, loading it 1 ms.

    Returns:
        Bytes for `preload_launcher` in another process with an equal `launcher_key()`.

    Example:
        >>> len(launcher_object()) > 1000
        True
    """
    return native.compile_object(text.launch_text(_layout()), "light")


@cache
def launcher_key() -> str:
    """What `launcher_object()` depends on: the layout of objects, the target, and its sources, or its text where one
    cannot tell which sources were imported.

    Returns:
        Text; equal keys mean exchangeable object code.

    Example:
        >>> native.target_key() in launcher_key()
        True
    """
    return f"{native.target_key()}\n{_layout()}\n{source_stamp() or text.launch_text(_layout())}"


def preload_launcher(data: bytes) -> None:
    """Take the native launcher from object code instead of compiling it. Without effect once a launcher has been made.

    Args:
        data: from `launcher_object()`, under an equal `launcher_key()`.

    Raises:
        RuntimeError: the data is not such object code.

    Example:
        >>> preload_launcher(launcher_object())
    """
    if not _libraries:
        _define_interface()
        _libraries.append(native.load_object(data, ["funcgrad_launch", "funcgrad_direct", "funcgrad_identity"]))


_libraries: list[native.Library] = []  # the launcher's code; never freed, since builtins refer to it by address


def _library() -> native.Library:
    if not _libraries:
        _define_interface()
        _libraries.append(native.compile_text(text.launch_text(_layout()), "light"))
    return _libraries[0]


def _define_interface() -> None:
    addresses = {name: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in PYTHON_API}
    table = _array_api()
    addresses |= {"PyArray_NewFromDescr": table[API_NEW] or 0, "PyArray_Scalar": table[API_SCALAR] or 0}
    native.define_symbols({f"funcgrad_{name}": address for name, address in addresses.items()})


def _array_api() -> Any:
    from numpy._core import _multiarray_umath  # where NumPy 2 keeps the capsule that C extensions import

    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    pointer = prototype(("PyCapsule_GetPointer", ctypes.pythonapi))(_multiarray_umath._ARRAY_API, None)
    return ctypes.cast(pointer, ctypes.POINTER(ctypes.c_void_p))


@cache
def _method() -> _MethodDefinition:
    # One definition for all launchers, never freed: builtins refer to it by address.
    return _MethodDefinition(b"launch", _library().address("funcgrad_launch"), METH_FASTCALL, b"A compiled program.")


@cache
def _direct_method() -> _MethodDefinition:
    flags = METH_FASTCALL | METH_KEYWORDS
    return _MethodDefinition(b"call", _library().address("funcgrad_direct"), flags, b"A compiled function.")


# ---------------------------------------------------------------------------------------------------- the self-test


def _layout() -> text.Layout:
    head, word = object.__basicsize__, 8
    return text.Layout(
        type=head - word,
        payload=head,
        items=tuple.__basicsize__,
        data=head,
        ndim=head + word,
        dimensions=head + 2 * word,
        dtype=head + 5 * word,
        flags=head + 6 * word,
    )


def _read(thing: Any, offset: int, kind: Any = ctypes.c_uint64) -> Any:
    return kind.from_address(id(thing) + offset).value


def _layout_refusal(layout: text.Layout) -> str | None:
    array = np.zeros((3, 5), np.float32)
    if np.ndarray.__basicsize__ < layout.flags + 4:
        return "arrays are smaller than expected"
    dimensions = _read(array, layout.dimensions)
    found = {
        "type": _read(array, layout.type) == id(np.ndarray),
        "data": _read(array, layout.data) == array.__array_interface__["data"][0],
        "ndim": _read(array, layout.ndim, ctypes.c_int32) == 2,
        "dtype": _read(array, layout.dtype) == id(array.dtype) == id(np.dtype(np.float32)),
        "flags": _read(array, layout.flags, ctypes.c_int32) == array.flags.num,
        # The strides follow the dimensions in one block, so the two words are safe to read where the pointer is next to
        # them.
        "dimensions": dimensions + 16 == _read(array, layout.dimensions + 8)
        and list((ctypes.c_int64 * 2).from_address(dimensions)) == [3, 5],
        "float": _read(1.25, layout.payload, ctypes.c_double) == 1.25,
        "complex": _read(2j + 0.5, layout.payload + 8, ctypes.c_double) == 2.0,
        "float32": _read(np.float32(0.75), layout.payload, ctypes.c_float) == 0.75,
        "int64": _read(np.int64(-7), layout.payload, ctypes.c_int64) == -7,
        "tuple": _read((array,), layout.items) == id(array),
    }
    wrong = [name for name, right in found.items() if not right]
    return f"objects have an unknown layout: {', '.join(wrong)}" if wrong else _api_refusal()


def _api_refusal() -> str | None:
    table = _array_api()
    if (table[API_ARRAY_TYPE], table[API_DTYPE_TYPE]) != (id(np.ndarray), id(np.dtype)):
        return "NumPy's C API table has an unknown layout"
    version = ctypes.CFUNCTYPE(ctypes.c_uint)(table[API_VERSION] or 0)()
    return None if version == BINARY_INTERFACE else f"NumPy has the unknown binary interface {version:#x}"


def _call_refusal() -> str | None:
    matrix, number = InputSpec((2, 2), np.float64), InputSpec((), np.float64, "pyfloat")
    count, result = InputSpec((), np.int64, "pyint"), OutputSpec((2, 2), np.float64)
    entry = _library().address("funcgrad_identity")
    copy = _build(entry, [matrix, number, count], [result], [], 64, False, None)
    value = np.array([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(3):
        answer = copy(value, 1.0, 1)
        if type(answer) is not tuple or len(answer) != 1 or type(answer[0]) is not np.ndarray:
            return "the test program does not return an array"
        if answer[0].dtype is not result.dtype or answer[0].tolist() != value.tolist() or not answer[0].flags.owndata:
            return "the test program returns a wrong array"
    wrong = [
        (value.T, 1.0, 1),
        (value[0], 1.0, 1),
        (value.astype(np.float32), 1.0, 1),
        (value, 1, 1),
        (value, 1.0, 2**63),
    ]
    if any(copy(*leaves) is not None for leaves in wrong) or copy() is not None:
        return "the guard lets wrong arguments pass"
    return None
