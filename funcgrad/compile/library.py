"""BLAS for compiled programs: what one can do with this module is get LLVM text that multiplies matrices with the BLAS
NumPy uses.

    text = blas_prelude("gemm", np.float64) + "define void @entry(ptr %table) { ... call void @gemm_f64(...) ... }"

The text defines one internal function per routine and dtype, row-major, with 64-bit integers, whatever the library
beneath:

    @gemm_f64(i64 ta, i64 tb, i64 m, i64 n, i64 k, double alpha,
              ptr a, i64 lda, ptr b, i64 ldb, double beta, ptr c, i64 ldc)
        c[m, n] = alpha * op(a)[m, k] @ op(b)[k, n] + beta * c[m, n]
    @gemv_f64(i64 ta, i64 m, i64 n, double alpha, ptr a, i64 lda, ptr x, i64 incx, double beta, ptr y, i64 incy)
        y = alpha * op(a[m, n]) @ x + beta * y

op(x) is x.T where the flag is 1 and x where it is 0; lda, ldb, ldc count the elements from one row to the next.

Interfaces, in order of preference. `cblas64` and `cblas32` are the C interface of the library that NumPy itself is
linked to: compiled programs then give the bits of `np.dot`, share its threads, and need no further import. `fortran32`
is SciPy's `cython_blas`, which exists on every platform. The interface is part of the symbol names, so that object code
compiled for one interface does not link where another is in force.

Reference: C. L. Lawson et al., Basic Linear Algebra Subprograms for Fortran Usage (1979); the BLAS Technical Forum
standard (2001).
"""

from __future__ import annotations

import ctypes
import importlib
import re
from functools import cache
from typing import Any, Literal

import numpy as np

from funcgrad.compile import native

__all__ = ["blas_address", "blas_interface", "blas_interfaces", "blas_prelude", "define_blas_symbols", "numpy_address"]

Interface = Literal["cblas64", "cblas32", "fortran32"]
Routine = Literal["gemm", "gemv"]

ROUTINES: tuple[Routine, ...] = ("gemm", "gemv")
# dtype -> (letter in BLAS names, suffix of our names, LLVM type)
SCALARS = {"float32": ("s", "f32", "float"), "float64": ("d", "f64", "double")}
# How builds of NumPy decorate the names of the C interface, with the width of their integers.
DECORATIONS: tuple[tuple[str, Interface], ...] = (
    ("scipy_cblas_{}64_", "cblas64"),
    ("cblas_{}64_", "cblas64"),
    ("cblas_{}$NEWLAPACK$ILP64", "cblas64"),
    ("scipy_cblas_{}", "cblas32"),
    ("cblas_{}$NEWLAPACK", "cblas32"),
    ("cblas_{}", "cblas32"),
)

_CBLAS_GEMM = """\
declare void @{symbol}(i32, i32, i32, {int}, {int}, {int}, {real}, ptr, {int}, ptr, {int}, {real}, ptr, {int}) nounwind
define internal void @gemm_{suffix}(i64 %ta, i64 %tb, i64 %m, i64 %n, i64 %k, {real} %alpha, ptr %a, i64 %lda, ptr %b, i64 %ldb, {real} %beta, ptr %c, i64 %ldc) noinline nounwind {{
  %ta.int = trunc i64 %ta to i32
  %tb.int = trunc i64 %tb to i32
  %ta.enum = add i32 %ta.int, 111
  %tb.enum = add i32 %tb.int, 111
{casts}  call void @{symbol}(i32 101, i32 %ta.enum, i32 %tb.enum, {int} %m.int, {int} %n.int, {int} %k.int, {real} %alpha, ptr %a, {int} %lda.int, ptr %b, {int} %ldb.int, {real} %beta, ptr %c, {int} %ldc.int)
  ret void
}}
"""  # noqa: E501

_CBLAS_GEMV = """\
declare void @{symbol}(i32, i32, {int}, {int}, {real}, ptr, {int}, ptr, {int}, {real}, ptr, {int}) nounwind
define internal void @gemv_{suffix}(i64 %ta, i64 %m, i64 %n, {real} %alpha, ptr %a, i64 %lda, ptr %x, i64 %incx, {real} %beta, ptr %y, i64 %incy) noinline nounwind {{
  %ta.int = trunc i64 %ta to i32
  %ta.enum = add i32 %ta.int, 111
{casts}  call void @{symbol}(i32 101, i32 %ta.enum, {int} %m.int, {int} %n.int, {real} %alpha, ptr %a, {int} %lda.int, ptr %x, {int} %incx.int, {real} %beta, ptr %y, {int} %incy.int)
  ret void
}}
"""  # noqa: E501

# Fortran is column-major: it sees the transposes, and c.T = op(b).T @ op(a).T. 78 and 84 are the letters N and T.
_FORTRAN_GEMM = """\
declare void @{symbol}(ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr) nounwind
define internal void @gemm_{suffix}(i64 %ta, i64 %tb, i64 %m, i64 %n, i64 %k, {real} %alpha, ptr %a, i64 %lda, ptr %b, i64 %ldb, {real} %beta, ptr %c, i64 %ldc) noinline nounwind {{
  %ta.true = icmp ne i64 %ta, 0
  %tb.true = icmp ne i64 %tb, 0
  %ta.letter = select i1 %ta.true, i8 84, i8 78
  %tb.letter = select i1 %tb.true, i8 84, i8 78
{casts}{slots}  call void @{symbol}(ptr %tb.slot, ptr %ta.slot, ptr %n.slot, ptr %m.slot, ptr %k.slot, ptr %alpha.slot, ptr %b, ptr %ldb.slot, ptr %a, ptr %lda.slot, ptr %beta.slot, ptr %c, ptr %ldc.slot)
  ret void
}}
"""  # noqa: E501

_FORTRAN_GEMV = """\
declare void @{symbol}(ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr) nounwind
define internal void @gemv_{suffix}(i64 %ta, i64 %m, i64 %n, {real} %alpha, ptr %a, i64 %lda, ptr %x, i64 %incx, {real} %beta, ptr %y, i64 %incy) noinline nounwind {{
  %ta.true = icmp ne i64 %ta, 0
  %ta.letter = select i1 %ta.true, i8 78, i8 84
{casts}{slots}  call void @{symbol}(ptr %ta.slot, ptr %n.slot, ptr %m.slot, ptr %alpha.slot, ptr %a, ptr %lda.slot, ptr %x, ptr %incx.slot, ptr %beta.slot, ptr %y, ptr %incy.slot)
  ret void
}}
"""  # noqa: E501

_TEMPLATES = {
    ("cblas", "gemm"): _CBLAS_GEMM,
    ("cblas", "gemv"): _CBLAS_GEMV,
    ("fortran", "gemm"): _FORTRAN_GEMM,
    ("fortran", "gemv"): _FORTRAN_GEMV,
}
_INTEGERS = {"gemm": ("m", "n", "k", "lda", "ldb", "ldc"), "gemv": ("m", "n", "lda", "incx", "incy")}
_FLAGS = {"gemm": ("ta", "tb"), "gemv": ("ta",)}


def blas_prelude(routine: Routine, dtype: Any, interface: Interface | None = None) -> str:
    """LLVM text that defines a row-major matrix product, see the head of this module for its arguments.

    Args:
        routine: "gemm" or "gemv".
        dtype: float32 or float64.
        interface: which library to call; by default the preferred one.

    Returns:
        A declaration and an internal function, to be put before the text that calls it. The symbol is defined already.

    Raises:
        ValueError: there is no such routine, dtype or interface.

    Example:
        >>> text = blas_prelude("gemv", np.float32)
        >>> "define internal void @gemv_f32(i64 %ta, i64 %m, i64 %n, float %alpha, ptr %a" in text
        True
    """
    interface = interface or blas_interface()
    if routine not in ROUTINES or np.dtype(dtype).name not in SCALARS:
        raise ValueError(f"no BLAS routine {routine} for {np.dtype(dtype)}; there are {ROUTINES} for {tuple(SCALARS)}")
    define_blas_symbols(interface)
    letter, suffix, real = SCALARS[np.dtype(dtype).name]
    width = "i" + interface[-2:]
    return _TEMPLATES[interface[:-2], routine].format(
        symbol=_symbol(interface, letter + routine),
        int=width,
        real=real,
        suffix=suffix,
        casts="".join(_cast(name, width) for name in _INTEGERS[routine]),
        slots=_slots(routine, real, width),
    )


def define_blas_symbols(interface: Interface | None = None) -> None:
    """Make the BLAS symbols known to the linker; needed before object code that was compiled earlier is loaded.

    Args:
        interface: which library; by default the preferred one.

    Raises:
        ValueError: the interface is not available here.

    Example:
        >>> define_blas_symbols()
    """
    interface = interface or blas_interface()
    if interface not in blas_interfaces():
        raise ValueError(f"no BLAS interface {interface!r} here; there are {blas_interfaces()}")
    native.define_symbols({_symbol(interface, name): blas_address(name, interface) for name in _names()})


def blas_interface() -> Interface:
    """The preferred interface of this process: NumPy's own C interface where its symbols can be found, else SciPy's.

    Returns:
        "cblas64", "cblas32" or "fortran32".

    Example:
        >>> blas_interface() in blas_interfaces()
        True
    """
    return "fortran32" if _numpy_decoration() is None else _numpy_decoration()[1]


def blas_interfaces() -> tuple[Interface, ...]:
    """All interfaces of this process, the preferred one first.

    Returns:
        One or two names.

    Example:
        >>> blas_interfaces()[-1]
        'fortran32'
    """
    preferred = blas_interface()
    return (preferred,) if preferred == "fortran32" else (preferred, "fortran32")


def blas_address(name: str, interface: Interface | None = None) -> int:
    """The address of a BLAS routine.

    Args:
        name: such as "dgemm".
        interface: one of `blas_interfaces()`; by default the preferred one.

    Returns:
        A nonzero integer.

    Raises:
        KeyError: the library has no such routine.

    Example:
        >>> blas_address("dgemm") != 0
        True
    """
    if (interface or blas_interface()) == "fortran32":
        return _scipy_address(name)
    decoration = _numpy_decoration()
    address = None if decoration is None else numpy_address(decoration[0].format(name))
    if address is None:
        raise KeyError(name)
    return address


def _names() -> list[str]:
    return [letter + routine for letter, _, _ in SCALARS.values() for routine in ROUTINES]


def _symbol(interface: Interface, name: str) -> str:
    return f"funcgrad_{interface}_{name}"


def _cast(name: str, width: str) -> str:
    operation = "trunc i64" if width == "i32" else "add i64 0,"
    return f"  %{name}.int = {operation} %{name}{' to i32' if width == 'i32' else ''}\n"


def _slots(routine: Routine, real: str, width: str) -> str:
    typed = [(f, "i8", f"{f}.letter") for f in _FLAGS[routine]]
    typed += [(i, width, f"{i}.int") for i in _INTEGERS[routine]]
    typed += [(r, real, r) for r in ("alpha", "beta")]
    allocations = "".join(f"  %{name}.slot = alloca {kind}\n" for name, kind, _ in typed)
    return allocations + "".join(f"  store {kind} %{value}, ptr %{name}.slot\n" for name, kind, value in typed)


@cache
def _numpy_library() -> ctypes.CDLL:
    # Looking a symbol up in an extension module searches the libraries it is linked to as well (not on Windows).
    return ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)


def numpy_address(symbol: str) -> int | None:
    """The address of a symbol of the BLAS that NumPy is linked to, or None."""
    try:
        return ctypes.cast(getattr(_numpy_library(), symbol), ctypes.c_void_p).value
    except AttributeError:
        return None


@cache
def _numpy_decoration() -> tuple[str, Interface] | None:
    for pattern, interface in DECORATIONS:
        if all(numpy_address(pattern.format(name)) for name in _names()):
            return pattern, interface
    return None


def _scipy_address(name: str) -> int:
    return scipy_address("scipy.linalg.cython_blas", name)


def scipy_address(module: str, name: str) -> int:
    """The address of a routine that a Cython module of SciPy exports."""
    capsule = importlib.import_module(module).__pyx_capi__[name]
    api = ctypes.pythonapi
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))(capsule)
    # The name of the capsule is the C signature of the routine; matrix routines begin with flags, then sizes. One that
    # sorts takes a function in between.
    if not re.match(rb"void \((char \*, )*(\w+select2 \*, )?int \*, ", signature):
        raise KeyError(f"{name}: SciPy's {module} has the unknown signature {signature.decode()}")
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    return get_pointer(capsule, signature)
