"""Calls of the C math library from LLVM text: declare one, or define a rare path through one for vector loops.

The loop vectorizer gives up a loop with a call, unless the call says which functions do the same for vectors. So a
math function that is exact almost everywhere passes (argument, result) through a function `beyond`, which has a scalar
and three vector forms; each returns the result at once, or calls the C library for the arguments past a limit.

Reference: LLVM Language Reference, "vector-function-abi-variant".
"""

from __future__ import annotations

import numpy as np

from .llvm_text import llvm_constant, llvm_type


def declare_libm(declarations: dict[str, str], name: str, dtype: np.dtype, count: int) -> str:
    """The symbol of a C library function, declared pure: errno and signgam are of no interest here."""
    kind, symbol = llvm_type(dtype), f"@{name}{'f' if dtype.itemsize == 4 else ''}"
    declarations[symbol] = f"declare {kind} {symbol}({', '.join([kind] * count)}) nounwind willreturn memory(none)"
    return symbol


def declare_beyond(declarations: dict[str, str], name: str, limit: float, dtype: np.dtype) -> tuple[str, str]:
    """Define the rare path for one lane and for vectors, and tell the loop vectorizer which is which."""
    kind, bits = llvm_type(dtype), 8 * dtype.itemsize
    libm = declare_libm(declarations, name, dtype, 1)
    symbol = f"@beyond.{libm[1:]}"
    lanes = [128 // bits, 256 // bits, 512 // bits]
    fabs = f"@llvm.fabs.f{bits}"
    declarations[fabs] = f"declare {kind} {fabs}({kind})"
    declarations[symbol] = _rare_scalar(symbol, libm, limit, dtype)
    for n in lanes:
        fabs, any_lane = f"@llvm.fabs.v{n}f{bits}", f"@llvm.vector.reduce.or.v{n}i1"
        declarations[fabs] = f"declare <{n} x {kind}> {fabs}(<{n} x {kind}>)"
        declarations[any_lane] = f"declare i1 {any_lane}(<{n} x i1>)"
        declarations[f"{symbol}.v{n}"] = _rare_vector(symbol, limit, dtype, n)
    variants = ",".join(f"_ZGV_LLVM_N{n}vv_{symbol[1:]}({symbol[1:]}.v{n})" for n in lanes)
    return symbol, f'nounwind willreturn memory(none) "vector-function-abi-variant"="{variants}"'


def _rare_scalar(symbol: str, libm: str, limit: float, dtype: np.dtype) -> str:
    """The function (x, y) -> libm(x) where |x| > limit else y, and the loop that applies it to lanes in memory."""
    kind, bound = llvm_type(dtype), llvm_constant(limit, dtype)
    return f"""define weak_odr hidden {kind} {symbol}({kind} %x, {kind} %y) noinline nounwind willreturn memory(none) {{
  %size = call {kind} @llvm.fabs.f{8 * dtype.itemsize}({kind} %x)
  %rare = fcmp ogt {kind} %size, {bound}
  br i1 %rare, label %slow, label %fast
fast:
  ret {kind} %y
slow:
  %exact = call {kind} {libm}({kind} %x)
  ret {kind} %exact
}}
define internal void {symbol}.lanes(ptr %xs, ptr %ys, i64 %n) noinline cold optsize nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %px = getelementptr {kind}, ptr %xs, i64 %i
  %py = getelementptr {kind}, ptr %ys, i64 %i
  %x = load {kind}, ptr %px
  %y = load {kind}, ptr %py
  %result = call {kind} {symbol}({kind} %x, {kind} %y)
  store {kind} %result, ptr %py
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}}"""


def _rare_vector(symbol: str, limit: float, dtype: np.dtype, lanes: int) -> str:
    """The same on vectors: one test for all lanes, and a loop over them where it fails."""
    kind = f"<{lanes} x {llvm_type(dtype)}>"
    bound = f"splat ({llvm_type(dtype)} {llvm_constant(limit, dtype)})"
    attributes = "noinline nounwind willreturn memory(none)"
    return f"""define weak_odr hidden {kind} {symbol}.v{lanes}({kind} %x, {kind} %y) {attributes} {{
  %size = call {kind} @llvm.fabs.v{lanes}f{8 * dtype.itemsize}({kind} %x)
  %rare = fcmp ogt {kind} %size, {bound}
  %any = call i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1> %rare)
  br i1 %any, label %slow, label %fast
fast:
  ret {kind} %y
slow:
  %xs = alloca {kind}
  %ys = alloca {kind}
  store {kind} %x, ptr %xs
  store {kind} %y, ptr %ys
  call void {symbol}.lanes(ptr %xs, ptr %ys, i64 {lanes})
  %result = load {kind}, ptr %ys
  ret {kind} %result
}}"""
