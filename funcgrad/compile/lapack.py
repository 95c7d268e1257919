"""LAPACK for compiled programs: LLVM text that calls its routines by address, without returning to Python.

    text = lapack_prelude("potrf", np.float64)
    "%info = call i64 @lapack_potrf_f64(i8 85, i64 %n, ptr %a, i64 %n)"        85 is the letter U

One internal function for each routine and dtype takes flags as letters, 64-bit integers and factors by value, and
returns `info` (0 for routines without it). Matrices are column-major, as LAPACK sees them: a row-major matrix is its
transpose there. Routines of BLAS on triangles are here, too, and those of `lapack_own.py`.

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

from . import lapack_own, native
from .callback import pending_error
from .library import SCALARS, numpy_address, scipy_address

# Arguments of each routine: f a flag, n an integer, r a factor, p a pointer; i, at the end, the result `info`.
ROUTINES = {
    "potrf": "fnpni", "getrf": "nnpnpi", "getri": "npnppni", "syevd": "ffnpnppnpni", "gesdd": "fnnpnppnpnpnpi",
    "geqrf": "nnpnppni", "orgqr": "nnnpnppni", "gbsv": "nnnnpnppni", "pbsv": "fnnnpnpni",
    "gees": "ffpnpnppppnpnpi", "trsyl": "ffnnnpnpnpnpi",
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
  %failed = icmp ne i64 %info, 0
  br i1 %failed, label %report, label %done
report:
  call void @funcgrad_linalg_error(i64 %error, i64 %info)
  br label %done
done:
  ret void
}
"""


@ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)
def _report(error: int, info: int) -> None:
    pending_error(np.linalg.LinAlgError(ERRORS[error].format(info - 1)))


def check_prelude() -> str:
    """The text that defines `@linalg_check(info, error)`: an info but 0 is an exception when the program returns."""
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
    if routine in lapack_own.TEMPLATES:
        return lapack_own.TEMPLATES[routine].format(suffix=suffix, real=real)
    width = f"i{integer_width()}"
    symbol = _symbol(letter + routine)
    native.define_symbols({symbol: _address(letter + routine)})
    return _wrapper(routine, symbol, suffix, real, width)


def _wrapper(routine: str, symbol: str, suffix: str, real: str, width: str) -> str:
    """The function that puts what it is given by value into memory, since Fortran takes pointers."""
    kinds = ROUTINES[routine]
    values = kinds.removesuffix("i")
    by_value = {"f": "i8", "n": "i64", "r": real, "p": "ptr"}
    given = ", ".join(f"{by_value[kind]} %a{k}" for k, kind in enumerate(values))
    lines = [line for k, kind in enumerate(values) for line in _stored(k, kind, real, width)]
    passed = [f"%a{k}" if kind == "p" else f"%slot{k}" for k, kind in enumerate(values)]
    if kinds.endswith("i"):
        lines.append(f"%info = alloca {width}")
        passed.append("%info")
    lines.append(f"call void @{symbol}({', '.join('ptr ' + p for p in passed)})")
    body = "\n".join("  " + line for line in [*lines, *_returned(kinds, width)])
    return (
        f"declare void @{symbol}({', '.join('ptr' for _ in passed)}) nounwind\n"
        f"define internal i64 @lapack_{routine}_{suffix}({given}) noinline nounwind {{\n{body}\n}}\n"
    )


def _stored(k: int, kind: str, real: str, width: str) -> list[str]:
    """Argument k in a slot of its own; pointers go as they are."""
    if kind == "p":
        return []
    lines, source = [], f"%a{k}"
    if kind == "n" and width != "i64":
        lines, source = [f"%short{k} = trunc i64 %a{k} to {width}"], f"%short{k}"
    stored = {"f": "i8", "r": real, "n": width}[kind]
    return [*lines, f"%slot{k} = alloca {stored}", f"store {stored} {source}, ptr %slot{k}"]


def _returned(kinds: str, width: str) -> list[str]:
    """`info` as a 64-bit integer, or 0."""
    if not kinds.endswith("i"):
        return ["ret i64 0"]
    read = f"%result = load {width}, ptr %info"
    if width == "i64":
        return [read, "ret i64 %result"]
    return [read, f"%wide = sext {width} %result to i64", "ret i64 %wide"]


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
