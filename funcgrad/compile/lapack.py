"""LAPACK for compiled programs: LLVM text that calls its routines by address, without returning to Python.

    text = lapack_prelude("potrf", np.float64)
    "%info = call i64 @lapack_potrf_f64(i8 85, i64 %n, ptr %a, i64 %n)"        85 is the letter U

One internal function for each routine and dtype takes flags as letters, 64-bit integers and factors by value, and
returns `info` (0 for routines without it). Matrices are column-major, as LAPACK sees them: a row-major matrix is its
transpose there. Triangular solves of BLAS and a check of diagonals are here, too.

Interfaces, in order of preference: the Fortran symbols of the library that NumPy itself is linked to, with 64- or
32-bit integers, which give the bits of `numpy.linalg`, share its threads and need no import; SciPy's `cython_lapack`
and `cython_blas`, which exist on every platform, with 32-bit integers. Importing `scipy.linalg` takes longer than
compiling, so it happens for programs that need it only.

Reference: E. Anderson et al., LAPACK Users' Guide, SIAM 1999.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from . import native
from .callback import pending_error
from .library import SCALARS, numpy_address, scipy_address

# Arguments of each routine: f a flag, n an integer, r a factor, p a pointer; i, at the end, the result `info`.
ROUTINES = {
    "potrf": "fnpni", "getrf": "nnpnpi", "getri": "npnppni", "syevd": "ffnpnppnpni", "gesdd": "fnnpnppnpnpnpi",
    "geqrf": "nnpnppni", "orgqr": "nnnpnppni", "gbsv": "nnnnpnppni", "pbsv": "fnnnpnpni",
    "trsm": "ffffnnrpnpn", "symm": "ffnnrpnpnrpn", "trsv": "fffnpnpn", "gemm": "ffnnnrpnpnrpn",
}  # fmt: skip
BLAS = ("trsm", "symm", "trsv", "gemm")
# How builds of NumPy decorate Fortran names, with the width of their integers.
DECORATIONS = (
    ("scipy_{}_64_", 64), ("{}_64_", 64), ("{}64_", 64), ("{}$NEWLAPACK$ILP64", 64), ("scipy_{}_", 32),
    ("{}$NEWLAPACK", 32), ("{}_", 32),
)  # fmt: skip
ERRORS = {
    1: "Matrix is not positive definite", 2: "Singular matrix", 3: "Eigenvalues did not converge",
    4: "SVD did not converge", 5: "singular matrix: resolution failed at diagonal {}",
}  # fmt: skip

_CHECK = """\
declare void @funcgrad_linalg_error(i64, i64)
define internal void @linalg_check(i64 %info, i64 %error) noinline nounwind {
entry:
  %failed = icmp sgt i64 %info, 0
  br i1 %failed, label %report, label %done
report:
  call void @funcgrad_linalg_error(i64 %error, i64 %info)
  br label %done
done:
  ret void
}
"""
# The number, from 1, of the first zero on the diagonal of a matrix, or 0.
_DIAGONAL = """\
define internal i64 @lapack_diagonal_{suffix}(i64 %n, ptr %a) noinline nounwind {{
entry:
  %stride = add i64 %n, 1
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %next, %more ]
  %at = mul i64 %k, %stride
  %place = getelementptr {real}, ptr %a, i64 %at
  %value = load {real}, ptr %place
  %zero = fcmp oeq {real} %value, 0.0
  %next = add i64 %k, 1
  br i1 %zero, label %found, label %more
more:
  %again = icmp ult i64 %next, %n
  br i1 %again, label %head, label %none
found:
  ret i64 %next
none:
  ret i64 0
}}
"""


# The cotangent of a from that of its Cholesky factor, in place, lower triangles of row-major matrices. With
# l = [l1 0; b l2]:  c2 = cotangent(l2, c2);  c_b = (c_b - (c2 + c2^T) b) l1^-1;  c1 = cotangent(l1, c1 - c_b^T b).
# Five twelfths of n^3 multiplications, where the formula with triangular solves takes two n^3.
# Reference: I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527, 2016, section 4.
_CHOLESKY = """\
define internal void @double_diagonal_{suffix}(i64 %n, i64 %ld, ptr %c, {real} %factor) noinline nounwind {{
entry:
  %stride = add i64 %ld, 1
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %next, %head ]
  %at = mul i64 %k, %stride
  %place = getelementptr {real}, ptr %c, i64 %at
  %value = load {real}, ptr %place
  %scaled = fmul {real} %value, %factor
  store {real} %scaled, ptr %place
  %next = add i64 %k, 1
  %again = icmp ult i64 %next, %n
  br i1 %again, label %head, label %done
done:
  ret void
}}
define internal i64 @lapack_cholesky_{suffix}(i64 %n, i64 %ld, ptr %l, ptr %c) noinline nounwind {{
entry:
  %single = icmp ule i64 %n, 1
  br i1 %single, label %one, label %split
one:
  %d = load {real}, ptr %l
  %cd = load {real}, ptr %c
  %twice = fadd {real} %d, %d
  %half = fdiv {real} %cd, %twice
  store {real} %half, ptr %c
  ret i64 0
split:
  %n1 = lshr i64 %n, 1
  %n2 = sub i64 %n, %n1
  %below = mul i64 %n1, %ld
  %beside = add i64 %below, %n1
  %b = getelementptr {real}, ptr %l, i64 %below
  %l2 = getelementptr {real}, ptr %l, i64 %beside
  %cb = getelementptr {real}, ptr %c, i64 %below
  %c2 = getelementptr {real}, ptr %c, i64 %beside
  %r2 = call i64 @lapack_cholesky_{suffix}(i64 %n2, i64 %ld, ptr %l2, ptr %c2)
  call void @double_diagonal_{suffix}(i64 %n2, i64 %ld, ptr %c2, {real} 2.0)
  %s = call i64 @lapack_symm_{suffix}(i8 82, i8 85, i64 %n1, i64 %n2, {real} -1.0, ptr %c2, i64 %ld, ptr %b, i64 %ld, {real} 1.0, ptr %cb, i64 %ld)
  call void @double_diagonal_{suffix}(i64 %n2, i64 %ld, ptr %c2, {real} 0.5)
  %t = call i64 @lapack_trsm_{suffix}(i8 76, i8 85, i8 78, i8 78, i64 %n1, i64 %n2, {real} 1.0, ptr %l, i64 %ld, ptr %cb, i64 %ld)
  %g = call i64 @lapack_gemm_{suffix}(i8 78, i8 84, i64 %n1, i64 %n1, i64 %n2, {real} -1.0, ptr %b, i64 %ld, ptr %cb, i64 %ld, {real} 1.0, ptr %c, i64 %ld)
  %r1 = call i64 @lapack_cholesky_{suffix}(i64 %n1, i64 %ld, ptr %l, ptr %c)
  ret i64 0
}}
"""  # noqa: E501
CALLS = {"cholesky": ("symm", "trsm", "gemm")}  # by our own routines
_OWN = {"diagonal": _DIAGONAL, "cholesky": _CHOLESKY}


@ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
def _report(error: int, info: int) -> None:
    pending_error(np.linalg.LinAlgError(ERRORS[error].format(info - 1)))


def check_prelude() -> str:
    """The text that defines `@linalg_check(info, error)`: a positive info is an exception when the program returns."""
    _define_report()
    return _CHECK


def _define_report() -> None:
    native.define_symbols({"funcgrad_linalg_error": ctypes.cast(_report, ctypes.c_void_p).value or 0})


def define_lapack_symbols() -> None:
    """Make all routines known to the linker, for object code that was compiled by another process.

    Example:
        >>> define_lapack_symbols()
    """
    _define_report()
    names = [letter + routine for letter, _, _ in SCALARS.values() for routine in ROUTINES]
    native.define_symbols({_symbol(name): _address(name) for name in names})


def _symbol(name: str) -> str:
    return f"funcgrad_fortran{integer_width()}_{name}"


def lapack_prelude(routine: str, dtype: Any) -> str:
    """LLVM text that declares and wraps a routine; its symbol is defined already.

    Args:
        routine: a name of `ROUTINES`, without the letter of the dtype; "diagonal" or "cholesky" (the cotangent).
        dtype: float32 or float64.

    Returns:
        The text of `@lapack_{routine}_{f32 or f64}`.

    Raises:
        KeyError: there is no such routine or dtype.

    Example:
        >>> "define internal i64 @lapack_potrf_f64(i8 %a0, i64 %a1, ptr %a2, i64 %a3)" in lapack_prelude("potrf", "f8")
        True
    """
    letter, suffix, real = SCALARS[np.dtype(dtype).name]
    if routine in _OWN:
        return _OWN[routine].format(suffix=suffix, real=real)
    width = f"i{integer_width()}"
    symbol = _symbol(letter + routine)
    native.define_symbols({symbol: _address(letter + routine)})
    return _wrapper(routine, symbol, suffix, real, width)


def _wrapper(routine: str, symbol: str, suffix: str, real: str, width: str) -> str:
    kinds = ROUTINES[routine]
    by_value = {"f": "i8", "n": "i64", "r": real, "p": "ptr"}
    given, slots, passed = [], [], []
    for k, kind in enumerate(kinds.removesuffix("i")):
        given.append(f"{by_value[kind]} %a{k}")
        passed.append("%a" + str(k) if kind == "p" else f"%slot{k}")
        if kind == "n" and width != "i64":
            slots.append(f"%short{k} = trunc i64 %a{k} to {width}")
        stored = {"f": f"i8 %a{k}", "r": f"{real} %a{k}", "n": f"{width} %{'a' if width == 'i64' else 'short'}{k}"}
        if kind != "p":
            slots += [f"%slot{k} = alloca {stored[kind].split()[0]}", f"store {stored[kind]}, ptr %slot{k}"]
    end = ["ret i64 0"]
    if kinds.endswith("i"):
        slots.append(f"%info = alloca {width}")
        passed.append("%info")
        end = [f"%result = load {width}, ptr %info", "ret i64 %result"]
        end = end if width == "i64" else [end[0], f"%wide = sext {width} %result to i64", "ret i64 %wide"]
    call = f"call void @{symbol}({', '.join('ptr ' + p for p in passed)})"
    body = "\n".join("  " + line for line in [*slots, call, *end])
    return (
        f"declare void @{symbol}({', '.join('ptr' for _ in passed)}) nounwind\n"
        f"define internal i64 @lapack_{routine}_{suffix}({', '.join(given)}) noinline nounwind {{\n{body}\n}}\n"
    )


def integer_width() -> int:
    """Bits of the integers of the library in use: 64 or 32."""
    return 32 if _decoration() is None else _decoration()[1]


@cache
def _decoration() -> tuple[str, int] | None:
    names = [letter + routine for letter in "sd" for routine in ROUTINES]
    for pattern, width in DECORATIONS:
        if all(numpy_address(pattern.format(name)) for name in names):
            return pattern, width
    return None


def _address(name: str) -> int:
    decoration = _decoration()
    if decoration is not None:
        return numpy_address(decoration[0].format(name)) or 0
    return scipy_address("scipy.linalg.cython_blas" if name[1:] in BLAS else "scipy.linalg.cython_lapack", name)
